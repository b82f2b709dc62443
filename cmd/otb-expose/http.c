/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zlib.h>

#include "cmd/otb-expose/access.h"
#include "cmd/otb-expose/negotiate.h"
#include "common/cli/diag.h"
#include "common/host/clock.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
	FORMATS = 2,
	ENCODINGS = 2,         /* as it is, gzip */
	DESCRIPTORS_REST = 64, /* what the program has open beside connections */
	PEM_MAX = 1 << 20,
	HOST_MAX = 64,
};

enum client_state { CLIENT_ASKS, CLIENT_IS_ANSWERED, CLIENT_ENDED };

/* A connection, in a ring in the order in which they came into their states. */
struct client {
	struct client *next, *previous;
	enum client_state state;
	uint64_t deadline_ns;
	uint64_t page; /* the number of the one it takes; 0: none */
	int fd;
};

struct shared_page {
	struct MHD_Response *response; /* NULL: none yet */
	uint64_t made_ns, number;
};

/* The memory of a page, which goes with the last connection that sends it. */
struct held_page {
	struct http_server *server;
	char *bytes;
	size_t size;
};

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	int epoll_fd, timer_fd;
	http_page_callback *make_page;
	void *context;
	struct access access;
	char *certificate, *key; /* PEM */
	struct shared_page pages[FORMATS][ENCODINGS];
	uint64_t n_pages;      /* made so far */
	size_t held_bytes;     /* of all that are still there */
	struct client clients; /* the ring's head */
	unsigned int n_clients, clients_max;
	uint64_t swept_ns, complained_ns;
	char complaint[256]; /* the first of the library's, while it starts */
	struct http_counts counts;
};

/* ---- connections and their deadlines ---- */

static void client_unlink(struct client *client)
{
	client->next->previous = client->previous;
	client->previous->next = client->next;
}

static void client_link(struct http_server *server, struct client *client)
{
	client->next = &server->clients;
	client->previous = server->clients.previous;
	client->previous->next = client;
	server->clients.previous = client;
}

static void client_enter(struct client *client, enum client_state state)
{
	int seconds = state == CLIENT_ASKS ? HTTP_REQUEST_SECONDS : HTTP_ANSWER_SECONDS;

	client->state = state;
	client->page = 0;
	client->deadline_ns = clock_monotonic_ns() + (uint64_t)seconds * SECOND_NS;
}

/* The library sees that the connection is shut and closes it, which, so lingering, drops what was not sent yet. */
static void client_end(struct http_server *server, struct client *client)
{
	static const struct linger dropped = { .l_onoff = 1, .l_linger = 0 };

	client_unlink(client);
	server->n_clients--;
	client->state = CLIENT_ENDED;
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &dropped, sizeof(dropped));
	shutdown(client->fd, SHUT_RDWR);
}

/* A crowd that asks nothing must not keep those out that do. The library accepts a dozen at a time and goes deaf for a
 * while at its limit: hence the distance. */
static void clients_make_room(struct http_server *server)
{
	struct client *client = server->clients.next;

	if (server->n_clients <= server->clients_max - server->clients_max / 16)
		return;
	while (client != &server->clients && client->state != CLIENT_ASKS)
		client = client->next;
	if (client != &server->clients)
		client_end(server, client);
}

/* Each of those that take a page slowly may hold another one. Where that is too much, only the last pages go on. */
static void clients_make_memory(struct http_server *server)
{
	struct client *client = server->clients.next;

	if (server->held_bytes <= HTTP_HELD_MAX)
		return;
	while (client != &server->clients) {
		struct client *next = client->next;

		if (client->page && server->n_pages - client->page >= HTTP_HELD_PAGES)
			client_end(server, client);
		client = next;
	}
}

static void clients_sweep(struct http_server *server)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct client *client = server->clients.next;

	if (now_ns - server->swept_ns < SECOND_NS)
		return;
	server->swept_ns = now_ns;
	while (client != &server->clients) {
		struct client *next = client->next;

		if (now_ns >= client->deadline_ns)
			client_end(server, client);
		client = next;
	}
}

static struct client *client_open(struct http_server *server, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		/* A connection without a deadline is none that we can have. */
		shutdown(info->connect_fd, SHUT_RDWR);
		return NULL;
	}
	client->fd = info->connect_fd;
	client_enter(client, CLIENT_ASKS);
	clients_make_room(server);
	client_link(server, client);
	server->n_clients++;
	return client;
}

static void client_close(struct http_server *server, struct client *client)
{
	if (client && client->state != CLIENT_ENDED) {
		client_unlink(client);
		server->n_clients--;
	}
	free(client);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = client_open(context, connection);
	else
		client_close(context, *socket_context);
}

/* NULL: the connection has been ended. */
static struct client *client_find(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *client = info ? info->socket_context : NULL;

	return client && client->state != CLIENT_ENDED ? client : NULL;
}

static void client_turn(struct http_server *server, struct client *client, enum client_state state)
{
	client_unlink(client);
	client_enter(client, state);
	client_link(server, client);
}

/* What a client that takes nothing has not taken would stay in the kernel long after the connection. */
static void on_answered(void *context, struct MHD_Connection *connection, void **request,
			enum MHD_RequestTerminationCode code)
{
	struct client *client = client_find(connection);

	(void)request;
	if (client && code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
		client_end(context, client);
	else if (client)
		client_turn(context, client, CLIENT_ASKS);
}

/* ---- the page ---- */

/* Replaces the bytes by what gzip makes of them. False: no memory. */
static bool page_compress(struct page *page)
{
	enum { WINDOW_BITS = 15, GZIP_FORMAT = 16, MEMORY_LEVEL = 8 }; /* zlib's defaults, but for the format */
	z_stream stream = { .next_in = (Bytef *)page->bytes, .avail_in = (uInt)page->length };
	struct page packed = { .format = page->format };
	bool done;

	if (page->length > UINT32_MAX / 2)
		return false;
	/* A page is asked for every few seconds, and input waits meanwhile: speed counts more than size. */
	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS + GZIP_FORMAT, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	packed.capacity = deflateBound(&stream, page->length);
	packed.bytes = malloc(packed.capacity);
	stream.next_out = (Bytef *)packed.bytes;
	stream.avail_out = (uInt)packed.capacity;
	done = packed.bytes && deflate(&stream, Z_FINISH) == Z_STREAM_END;
	packed.length = stream.total_out;
	deflateEnd(&stream);
	page_clear(done ? page : &packed);
	if (done)
		*page = packed;
	return done;
}

static void page_release(void *context)
{
	struct held_page *held = context;

	held->server->held_bytes -= held->size;
	free(held->bytes);
	free(held);
}

/* The response takes the page's memory over. NULL: no memory. */
static struct MHD_Response *page_wrap(struct http_server *server, struct page *page, bool gzip)
{
	struct held_page *held = malloc(sizeof(*held));
	struct MHD_Response *response = held ? MHD_create_response_from_buffer_with_free_callback_cls(
						       page->length, page->bytes, page_release, held)
					     : NULL;

	if (!response) {
		free(held);
		page_clear(page);
		return NULL;
	}
	*held = (struct held_page){ server, page->bytes, page->capacity };
	server->held_bytes += held->size;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page_media_type(page->format));
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	if (gzip)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return response;
}

static struct MHD_Response *page_make(struct http_server *server, enum page_format format, bool gzip)
{
	struct page page = { .format = format };
	uint64_t began_ns = clock_monotonic_ns();

	if (!server->make_page(server->context, &page) || (gzip && !page_compress(&page))) {
		page_clear(&page);
		return NULL;
	}
	server->counts.last_seconds = (double)(clock_monotonic_ns() - began_ns) / (double)SECOND_NS;
	return page_wrap(server, &page, gzip);
}

/* The one that is shared at the moment, or a new one. Connections that still send the old one keep it. */
static const struct shared_page *page_get(struct http_server *server, enum page_format format, bool gzip)
{
	struct shared_page *page = &server->pages[format][gzip];
	uint64_t shared_ns = PAGE_SHARED_MS * (SECOND_NS / 1000);

	if (page->response && clock_monotonic_ns() - page->made_ns < shared_ns)
		return page;
	if (page->response)
		MHD_destroy_response(page->response);
	page->response = page_make(server, format, gzip);
	page->made_ns = clock_monotonic_ns();
	page->number = ++server->n_pages;
	clients_make_memory(server);
	return page;
}

static void pages_clear(struct http_server *server)
{
	for (unsigned int format = 0; format < FORMATS; format++)
		for (unsigned int encoding = 0; encoding < ENCODINGS; encoding++)
			if (server->pages[format][encoding].response)
				MHD_destroy_response(server->pages[format][encoding].response);
}

/* ---- answers ---- */

static const char front_page[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head><meta charset=\"utf-8\"><title>otb-expose</title></head>\n"
	"<body>\n"
	"<h1>otb-expose</h1>\n"
	"<p>Metrics that are made of records as they come in, for Prometheus and others to fetch.</p>\n"
	"<ul>\n"
	"<li><a href=\"metrics\">metrics</a>: Prometheus' text format, or OpenMetrics where it is asked for</li>\n"
	"<li><a href=\"healthz\">healthz</a>: whether the server answers</li>\n"
	"</ul>\n"
	"</body>\n"
	"</html>\n";

static const char type_text[] = "text/plain; charset=utf-8";
static const char type_html[] = "text/html; charset=utf-8";

static struct MHD_Response *text_wrap(const char *text, const char *type)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return response;
}

/* Without a response (no memory) the connection ends. */
static enum MHD_Result send_once(struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response)
{
	enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;

	if (response)
		MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status, const char *type,
				 const char *text)
{
	return send_once(connection, status, text_wrap(text, type));
}

static enum MHD_Result send_unauthorized(struct http_server *server, struct MHD_Connection *connection)
{
	struct MHD_Response *response = text_wrap("not without authorization\n", type_text);

	if (response && server->access.basic)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					"Basic realm=\"otb-expose\", charset=\"UTF-8\"");
	if (response && server->access.bearer)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"otb-expose\"");
	return send_once(connection, MHD_HTTP_UNAUTHORIZED, response);
}

static enum MHD_Result send_not_allowed(struct MHD_Connection *connection)
{
	struct MHD_Response *response = text_wrap("only GET and HEAD\n", type_text);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return send_once(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

static const char *find_header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_page(struct http_server *server, struct MHD_Connection *connection, struct client *client)
{
	enum page_format format = negotiate_format(find_header(connection, MHD_HTTP_HEADER_ACCEPT));
	bool gzip = negotiate_gzip(find_header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
	const struct shared_page *page = page_get(server, format, gzip);

	if (!page->response)
		return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, type_text, "no memory for the page\n");
	server->counts.scrapes++;
	client->page = page->number;
	return MHD_queue_response(connection, MHD_HTTP_OK, page->response);
}

static bool is_read(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

/* The path of a request's target, which may be in absolute form (RFC 9112, 3.2.2): http://HOST[:PORT]/PATH. */
static const char *path_of(const char *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i]);

		if (strncasecmp(target, schemes[i], length) != 0 || !target[length] || target[length] == '/')
			continue;
		target += length + strcspn(target + length, "/");
		return *target ? target : "/";
	}
	return target;
}

static enum MHD_Result count_host(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	unsigned int *n = context;

	(void)kind;
	(void)value;
	*n += !strcasecmp(name, MHD_HTTP_HEADER_HOST);
	return MHD_YES;
}

/* Whether the request names one host; HTTP/1.0 may do without (RFC 9112, 3.2). The library asks for a host from its 1.0
 * on, and never minds a second one. */
static bool names_host(struct MHD_Connection *connection, const char *version)
{
	unsigned int n = 0;

	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_host, &n);
	return n == 1 || (!n && !strcmp(version, MHD_HTTP_VERSION_1_0));
}

static enum MHD_Result answer(struct http_server *server, struct MHD_Connection *connection, struct client *client,
			      const char *target, const char *method)
{
	const char *path = path_of(target);
	bool is_page = !strcmp(path, "/metrics"), is_health = !strcmp(path, "/healthz"), is_front = !strcmp(path, "/");

	/* Whoever looks after the program, such as an orchestrator, need not know the secret. */
	if (!is_health && !access_allows(&server->access, find_header(connection, MHD_HTTP_HEADER_AUTHORIZATION)))
		return send_unauthorized(server, connection);
	if (!is_page && !is_health && !is_front)
		return send_text(connection, MHD_HTTP_NOT_FOUND, type_text, "nothing here; see /metrics\n");
	if (!is_read(method))
		return send_not_allowed(connection);
	if (is_page)
		return send_page(server, connection, client);
	return is_health ? send_text(connection, MHD_HTTP_OK, type_text, "ok\n")
			 : send_text(connection, MHD_HTTP_OK, type_html, front_page);
}

/* Called with a request's headers, then with each piece of its body, then without one. Only an answer at the end leaves the
 * connection open for another request; one before it ends the connection with bytes unread, and the reset that follows
 * may take the answer from a client that still sends (RFC 9112, 9.6). */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *target,
				  const char *method, const char *version, const char *body, size_t *body_size,
				  void **request)
{
	struct client *client = client_find(connection);
	bool is_first = !*request;

	(void)body;
	*request = context;
	if (!client)
		return MHD_NO;
	if (is_first || *body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	client_turn(context, client, CLIENT_IS_ANSWERED);
	if (!names_host(connection, version))
		return send_text(connection, MHD_HTTP_BAD_REQUEST, type_text, "not without a Host, or with two\n");
	return answer(context, connection, client, target, method);
}

/* ---- the library in our loop ---- */

/* What it has to do in any case: at once what it has taken and not worked off, and look at its deadlines while there is
 * a connection. */
static void set_timer(struct http_server *server)
{
	struct itimerspec timer = { .it_value = { 0, 0 } };
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES && !ms)
		timer.it_value.tv_nsec = 1;
	else if (server->n_clients)
		timer.it_value.tv_sec = 1;
	timerfd_settime(server->timer_fd, 0, &timer, NULL);
}

/* One round, and back to the loop, where input waits too. */
static void serve(void *context)
{
	struct http_server *server = context;

	clients_sweep(server);
	MHD_run(server->daemon);
	set_timer(server);
}

static void on_timer(void *context)
{
	struct http_server *server = context;
	uint64_t expirations;

	if (read(server->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		serve(server);
}

/* What the library says is mostly about what clients do, so a few words are enough. */
static __attribute__((format(printf, 2, 0))) void on_complaint(void *context, const char *format, va_list arguments)
{
	struct http_server *server = context;
	char text[sizeof(server->complaint)];
	uint64_t now_ns = clock_monotonic_ns();

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	if (*text && text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = '\0';
	if (!*server->complaint)
		memcpy(server->complaint, text, sizeof(text));
	if (server->complained_ns && now_ns - server->complained_ns < SECOND_NS)
		return;
	server->complained_ns = now_ns;
	diag_print(DIAG_INFO, "libmicrohttpd: %s", text);
}

/* ---- the start ---- */

/* Sees to it that there are descriptors for all connections, or fewer connections. */
static void set_limits(struct http_server *server)
{
	struct rlimit limit;
	rlim_t wanted = HTTP_CONNECTIONS_MAX + DESCRIPTORS_REST;

	server->clients_max = HTTP_CONNECTIONS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return;
	server->clients_max =
		limit.rlim_cur > 2 * DESCRIPTORS_REST ? limit.rlim_cur - DESCRIPTORS_REST : limit.rlim_cur / 2 + 1;
	diag_print(DIAG_WARN, "room for %u connections only: the limit on open files is %llu", server->clients_max,
		   (unsigned long long)limit.rlim_cur);
}

static bool read_tls_files(struct http_server *server, const struct http_options *options)
{
	if (!options->certificate)
		return true;
	server->certificate = file_read(options->certificate, "certificate", PEM_MAX);
	if (server->certificate)
		server->key = file_read(options->key, "key", PEM_MAX);
	return server->key;
}

/* "127.0.0.1:9464", "[::1]:9464" */
static void address_print(char *text, size_t size, const struct sockaddr_storage *address, socklen_t address_size)
{
	char host[HOST_MAX] = "", port[NI_MAXSERV] = "";

	getnameinfo((const struct sockaddr *)address, address_size, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* Returns the socket or a negative errno. */
static int socket_listen(const struct http_options *options)
{
	int fd = socket(options->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, error;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !bind(fd, (const struct sockaddr *)&options->address, options->address_size) && !listen(fd, SOMAXCONN))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static void announce(int fd, const struct http_options *options, const char *scheme)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	char where[HOST_MAX + NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&bound, &size))
		return;
	address_print(where, sizeof(where), &bound, size);
	diag_print(options->any_port ? DIAG_WARN : DIAG_INFO, "listening on %s%s", where, scheme);
}

/* Returns the socket or -1. */
static int open_socket(const struct http_options *options)
{
	int fd = socket_listen(options);
	char where[HOST_MAX + NI_MAXSERV];

	if (fd >= 0)
		return fd;
	address_print(where, sizeof(where), &options->address, options->address_size);
	diag_print_errno(DIAG_ERROR, fd, "cannot listen on %s", where);
	return -1;
}

/* The library owns the socket from here on, whatever becomes of it. */
static bool start_daemon(struct http_server *server, const struct http_options *options, int fd)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (server->key ? MHD_USE_TLS : 0);

	/* Without TLS the list ends before its options. */
	server->daemon =
		MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_complaint,
				 server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, server->clients_max,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_REQUEST_MAX,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)HTTP_TIMEOUT_SECONDS,
				 MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
				 on_answered, server, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
				 server->key ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, server->key,
				 MHD_OPTION_HTTPS_MEM_CERT, server->certificate, MHD_OPTION_HTTPS_PRIORITIES,
				 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_END);
	if (server->daemon)
		return true;
	if (server->key)
		diag_print(DIAG_ERROR, "cannot serve TLS with the certificate '%s' and the key '%s': %s",
			   options->certificate, options->key, server->complaint);
	else
		diag_print(DIAG_ERROR, "cannot start the HTTP server: %s", server->complaint);
	return false;
}

static bool join_loop(struct http_server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int error;

	server->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	error = server->timer_fd < 0 ? -errno : loop_watch(server->loop, server->timer_fd, EPOLLIN, on_timer, server);
	if (!error) {
		server->epoll_fd = info->epoll_fd;
		error = loop_watch(server->loop, server->epoll_fd, EPOLLIN, serve, server);
	}
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot start the HTTP server");
	return !error;
}

static bool server_start(struct http_server *server, const struct http_options *options)
{
	int fd;

	set_limits(server);
	if (!access_open(&server->access, options->basic_file, options->bearer_file) ||
	    !read_tls_files(server, options))
		return false;
	fd = open_socket(options);
	if (fd < 0 || !start_daemon(server, options, fd) || !join_loop(server))
		return false;
	announce(fd, options, server->key ? " with TLS" : "");
	return true;
}

struct http_server *http_open(const struct http_options *options, struct loop *loop, http_page_callback *make_page,
			      void *context)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server) {
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot start the HTTP server");
		return NULL;
	}
	server->loop = loop;
	server->epoll_fd = server->timer_fd = -1;
	server->make_page = make_page;
	server->context = context;
	server->clients.next = server->clients.previous = &server->clients;
	if (server_start(server, options))
		return server;
	http_close(server);
	return NULL;
}

void http_close(struct http_server *server)
{
	if (!server)
		return;
	if (server->epoll_fd >= 0)
		loop_unwatch(server->loop, server->epoll_fd);
	if (server->timer_fd >= 0) {
		loop_unwatch(server->loop, server->timer_fd);
		close(server->timer_fd);
	}
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	pages_clear(server);
	access_close(&server->access);
	free(server->certificate);
	free(server->key);
	free(server);
}

struct http_counts http_counts(const struct http_server *server)
{
	return server->counts;
}
