/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcpload serve [OPTION]...		a server
 * tcpload connect [OPTION]... HOST PORT	a client with one connection at a time
 *
 * A TCP workload that does nothing by itself: it takes lines on stdin and answers each with one line, so that a test
 * says when a packet leaves and needs no sleep. It ends at the end of stdin. Each message is one write(2), with
 * TCP_NODELAY: up to the MSS it is one packet.
 *
 *   --name NAME		comm of the process
 *   --congestion NAME	TCP_CONGESTION
 *   --user-timeout MS	TCP_USER_TIMEOUT
 *   --mptcp		sockets of MPTCP, which go on as TCP where the peer does not know it
 *   --fastopen		TCP Fast Open: the first message is in the SYN, and the server has the connection from then on
 *   --bind ADDRESS	serve: the address to listen on (default ::, which takes IPv4 too)
 *   --port PORT	the local port; 0, the default, is any
 *   --sink		serve: do not send back what arrives
 *   --fork		serve: a child takes each connection, the parent closes it
 *   --pass		serve: a process forked before takes each connection by SCM_RIGHTS, the parent closes it
 *   --worker NAME	serve: comm of that child or process
 *
 * A server prints "listening PORT" first. Lines:
 *   await accepted|bytes|closed N	"accepted TOTAL" and so on, once the total is N; it counts no worker's bytes
 *   send M B		sends M messages of B bytes on the connection accepted last; "sent M"
 *   worker		"worker PID" of the worker that was started last
 *
 * A client prints "ready" first. Lines:
 *   connect		"connected LOCAL-PORT", or "failed: REASON"
 *   syn		starts to connect and does not wait; "started LOCAL-PORT"
 *   send M B		"sent M" once the last is written
 *   ask M B		M times: sends B bytes and reads B bytes; "answered M"
 *   leave M B		sends M messages and closes at once; "left M"
 *   stow		leaves the connection in a message that nobody takes, so that no process has it open; "stowed"
 *   shutdown		sends a FIN; "shut"
 *   close, reset	closes with a FIN, or with a RST; "closed"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define CHUNK_SIZE 65536

struct options {
	const char *name, *worker, *congestion, *bind, *port;
	unsigned int user_timeout;
	int sink, fork, pass, mptcp, fastopen; /* 1 if given; getopt sets them */
};

struct server {
	const struct options *options;
	struct pollfd fds[2 + CONNECTIONS_MAX]; /* stdin, the listener, the connections */
	nfds_t count;
	int last;    /* the connection accepted last, or -1 */
	int passage; /* the socket to the process that takes connections, or -1 */
	pid_t worker;
	unsigned long accepted, bytes, closed;
	const unsigned long *awaited; /* one of the three above; NULL: nobody waits */
	const char *awaited_name;     /* with a space behind it */
	unsigned long awaited_total;
};

struct client {
	const struct options *options;
	struct addrinfo *peer;
	int fd; /* -1: not connected */
};

static void die(const char *what)
{
	fprintf(stderr, "tcpload: cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static void process_rename(const char *name)
{
	if (name && prctl(PR_SET_NAME, name))
		die("set the name");
}

static struct addrinfo *address_find(const char *host, const char *port, int flags)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | flags,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *address;
	int error = getaddrinfo(host, port, &hints, &address);

	if (!error)
		return address;
	fprintf(stderr, "tcpload: '%s' and '%s' are no address and port: %s\n", host, port, gai_strerror(error));
	exit(2);
}

/* The port lies at the same place in an IPv4 and an IPv6 address. */
static unsigned int socket_local_port(int fd)
{
	struct sockaddr_in6 address = { 0 };
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die("read the local port");
	return ntohs(address.sin6_port);
}

/* Accepted sockets inherit all of this from the listener. */
static int socket_open(const struct options *options, const struct addrinfo *address, int flags)
{
	const int on = 1, off = 0;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, options->mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		die("open a socket");
	if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		die("let a socket take both IPv4 and IPv6");
	if (options->congestion &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options->congestion, (socklen_t)strlen(options->congestion)))
		die("set the congestion control");
	if (options->user_timeout &&
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &options->user_timeout, sizeof(options->user_timeout)))
		die("set the user timeout");
	if (options->fastopen && (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &on, sizeof(on)) ||
				  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on))))
		die("open fast");
	return fd;
}

static bool bytes_write(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t written = write(fd, data, size);

		if (written < 0)
			return false;
		data += written;
		size -= (size_t)written;
	}
	return true;
}

static bool bytes_read(int fd, size_t size)
{
	static char chunk[CHUNK_SIZE];

	while (size) {
		ssize_t got = read(fd, chunk, size < sizeof(chunk) ? size : sizeof(chunk));

		if (got <= 0)
			return false;
		size -= (size_t)got;
	}
	return true;
}

/* Sends messages, and after each, if `answers`, reads as many bytes. Returns how many went well. */
static unsigned long messages_exchange(int fd, unsigned long messages, size_t size, bool answers)
{
	char *message = malloc(size);
	unsigned long done = 0;

	if (!message)
		die("allocate a message");
	memset(message, 'o', size);
	while (done < messages && bytes_write(fd, message, size) && (!answers || bytes_read(fd, size)))
		done++;
	free(message);
	return done;
}

/* Reads the number behind the next space, and moves on behind it. */
static bool number_take(const char **text, unsigned long *number)
{
	char *end;

	*text = strchr(*text, ' ');
	if (!*text)
		return false;
	*number = strtoul(*text + 1, &end, 10);
	if (end == *text + 1 || (*end && *end != ' '))
		return false;
	*text = end;
	return true;
}

/* Reads "M B" behind a command. */
static bool amounts_parse(const char *text, unsigned long *messages, size_t *size)
{
	return number_take(&text, messages) && number_take(&text, size) && !*text && *size > 0 && *size < 1ul << 30;
}

/* ---- Server ------------------------------------------------------------------------------------------------------ */

/* Serves a connection to its end, in a worker. */
static void connection_serve(int fd, bool sink)
{
	static char chunk[CHUNK_SIZE];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		if (!sink && !bytes_write(fd, chunk, (size_t)got))
			break;
	close(fd);
}

static void connection_pass(int passage, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(passage, &message, 0) != 1)
		die("pass a connection");
}

/* The descriptor that was passed, or -1 at the end. */
static int connection_receive(int passage)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	int fd;

	if (recvmsg(passage, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* In the child: what every worker is, so that none outlives the server. */
static void worker_begin(const struct options *options)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	process_rename(options->worker);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
}

static void worker_fork(struct server *server, int fd)
{
	server->worker = fork();
	if (server->worker < 0)
		die("fork");
	if (server->worker)
		return;
	worker_begin(server->options);
	close(server->fds[1].fd);
	connection_serve(fd, server->options->sink);
	_exit(0);
}

static void worker_start(struct server *server)
{
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("open a socket pair");
	server->worker = fork();
	if (server->worker < 0)
		die("fork");
	if (server->worker) {
		close(pair[1]);
		server->passage = pair[0];
		return;
	}
	worker_begin(server->options);
	close(pair[0]);
	while ((fd = connection_receive(pair[1])) >= 0)
		connection_serve(fd, server->options->sink);
	_exit(0);
}

/* Hands the connection to whom it belongs: a worker, or the poll loop. */
static void server_accept(struct server *server)
{
	int fd = accept4(server->fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	server->accepted++;
	if (server->options->fork)
		worker_fork(server, fd);
	else if (server->options->pass)
		connection_pass(server->passage, fd);
	if (server->options->fork || server->options->pass || server->count == 2 + CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	server->last = fd;
	server->fds[server->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

/* Reads what there is; false when the connection has ended and is closed. */
static bool server_read(struct server *server, int fd)
{
	static char chunk[CHUNK_SIZE];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	if (got > 0) {
		server->bytes += (unsigned long)got;
		if (server->options->sink || bytes_write(fd, chunk, (size_t)got))
			return true;
	}
	close(fd);
	server->closed++;
	if (server->last == fd)
		server->last = -1;
	return false;
}

static void server_answer(struct server *server)
{
	if (!server->awaited || *server->awaited < server->awaited_total)
		return;
	printf("%s%lu\n", server->awaited_name, *server->awaited);
	server->awaited = NULL;
}

static bool server_await(struct server *server, const char *line)
{
	const char *const commands[] = { "await accepted ", "await bytes ", "await closed " };
	const unsigned long *const totals[] = { &server->accepted, &server->bytes, &server->closed };

	server->awaited = NULL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const char *number = line + strlen(commands[i]) - 1;

		if (strncmp(line, commands[i], strlen(commands[i])) != 0)
			continue;
		server->awaited = number_take(&number, &server->awaited_total) ? totals[i] : NULL;
		server->awaited_name = commands[i] + strlen("await ");
	}
	return server->awaited;
}

static void server_obey(struct server *server, const char *line)
{
	unsigned long messages;
	size_t size;

	if (!strncmp(line, "send ", 5) && server->last >= 0 && amounts_parse(line, &messages, &size))
		printf("sent %lu\n", messages_exchange(server->last, messages, size, false));
	else if (!strcmp(line, "worker"))
		printf("worker %d\n", server->worker);
	else if (!server_await(server, line))
		printf("error: cannot '%s'\n", line);
}

/* Reads one line into `line`, without its end; false at the end of stdin. */
static bool line_read(char *line, int size)
{
	if (!fgets(line, size, stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static void server_loop(struct server *server)
{
	char line[256];

	while (poll(server->fds, server->count, -1) >= 0) {
		for (nfds_t i = server->count; i-- > 2;)
			if (server->fds[i].revents && !server_read(server, server->fds[i].fd))
				server->fds[i] = server->fds[--server->count];
		if (server->fds[1].revents)
			server_accept(server);
		if (server->fds[0].revents) {
			if (!line_read(line, sizeof(line)))
				return;
			server_obey(server, line);
		}
		server_answer(server);
	}
}

static int server_run(const struct options *options)
{
	struct addrinfo *address = address_find(options->bind, options->port, AI_PASSIVE);
	struct server server = { .options = options, .count = 2, .last = -1, .passage = -1 };
	int listener;

	/* The worker is forked first, so that it inherits no socket. */
	if (options->pass)
		worker_start(&server);
	listener = socket_open(options, address, 0);
	if (bind(listener, address->ai_addr, address->ai_addrlen) || listen(listener, 128))
		die("listen");
	freeaddrinfo(address);
	server.fds[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	server.fds[1] = (struct pollfd){ .fd = listener, .events = POLLIN };
	printf("listening %u\n", socket_local_port(listener));
	server_loop(&server);
	return 0;
}

/* ---- Client ------------------------------------------------------------------------------------------------------ */

/* Binds to the local port that was asked for, if one was. */
static void client_bind(const struct client *client)
{
	struct sockaddr_in6 any = { .sin6_family = (sa_family_t)client->peer->ai_family };

	any.sin6_port = htons((uint16_t)strtoul(client->options->port, NULL, 10));
	if (any.sin6_port && bind(client->fd, (struct sockaddr *)&any, client->peer->ai_addrlen))
		die("bind");
}

static void client_connect(struct client *client, bool wait)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = socket_open(client->options, client->peer, wait ? 0 : SOCK_NONBLOCK);
	client_bind(client);
	if (!connect(client->fd, client->peer->ai_addr, client->peer->ai_addrlen) || (!wait && errno == EINPROGRESS))
		printf("%s %u\n", wait ? "connected" : "started", socket_local_port(client->fd));
	else
		printf("failed: %s\n", strerror(errno));
}

static void client_close(struct client *client, bool reset)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (reset && setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)))
		die("set the linger time");
	close(client->fd);
	client->fd = -1;
}

/* The pair stays open as long as the process. */
static void client_stow(struct client *client)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("open a socket pair");
	connection_pass(pair[0], client->fd);
	close(client->fd);
	client->fd = -1;
	printf("stowed\n");
}

/* The commands that need a connection. False if the line is none of them. */
static bool client_use(struct client *client, const char *line)
{
	unsigned long messages;
	size_t size;

	if (!strcmp(line, "close") || !strcmp(line, "reset")) {
		client_close(client, *line == 'r');
		printf("closed\n");
		return true;
	}
	if (!strcmp(line, "stow")) {
		client_stow(client);
		return true;
	}
	if (!strcmp(line, "shutdown"))
		return !shutdown(client->fd, SHUT_WR) && printf("shut\n") > 0;
	if (!amounts_parse(line, &messages, &size))
		return false;
	if (!strncmp(line, "ask ", 4))
		return printf("answered %lu\n", messages_exchange(client->fd, messages, size, true)) > 0;
	if (!strncmp(line, "send ", 5))
		return printf("sent %lu\n", messages_exchange(client->fd, messages, size, false)) > 0;
	if (strncmp(line, "leave ", 6) != 0)
		return false;
	messages = messages_exchange(client->fd, messages, size, false);
	client_close(client, false);
	printf("left %lu\n", messages);
	return true;
}

static int client_run(const struct options *options, const char *host, const char *port)
{
	struct client client = { .options = options, .peer = address_find(host, port, 0), .fd = -1 };
	char line[256];

	printf("ready\n");
	while (line_read(line, sizeof(line))) {
		if (!strcmp(line, "connect") || !strcmp(line, "syn"))
			client_connect(&client, *line == 'c');
		else if (client.fd < 0 || !client_use(&client, line))
			printf("error: cannot '%s'\n", line);
	}
	freeaddrinfo(client.peer);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static bool options_parse(struct options *options, int argc, char **argv)
{
	const struct option known[] = {
		{ "name", required_argument, NULL, 'n' },           { "worker", required_argument, NULL, 'w' },
		{ "congestion", required_argument, NULL, 'c' },     { "user-timeout", required_argument, NULL, 'u' },
		{ "bind", required_argument, NULL, 'b' },           { "port", required_argument, NULL, 'p' },
		{ "sink", no_argument, &options->sink, 1 },         { "fork", no_argument, &options->fork, 1 },
		{ "pass", no_argument, &options->pass, 1 },         { "mptcp", no_argument, &options->mptcp, 1 },
		{ "fastopen", no_argument, &options->fastopen, 1 }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'n')
			options->name = optarg;
		else if (option == 'w')
			options->worker = optarg;
		else if (option == 'c')
			options->congestion = optarg;
		else if (option == 'u')
			options->user_timeout = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			options->bind = optarg;
		else if (option == 'p')
			options->port = optarg;
		else if (option)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options options = { .bind = "::", .port = "0" };
	bool usable = options_parse(&options, argc, argv);
	int rest = argc - optind;

	/* A peer that is gone shows in the answer, and workers that ended need not be waited for. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Unbuffered, so that no second line hides from poll behind the first. */
	setvbuf(stdin, NULL, _IONBF, 0);
	process_rename(options.name);
	if (usable && rest == 1 && !strcmp(argv[optind], "serve"))
		return server_run(&options);
	if (usable && rest == 3 && !strcmp(argv[optind], "connect"))
		return client_run(&options, argv[optind + 1], argv[optind + 2]);
	fprintf(stderr, "usage: tcpload serve|connect [OPTION]... [HOST PORT]\n");
	return 2;
}
