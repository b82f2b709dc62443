/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay NAME ADDRESS PORT
 *
 * A process called NAME whose connection to an IPv4 server a thread of the kernel works on: what it writes into another
 * one, of its own over the loopback, the kernel takes there and sends to the server (sockmap). It prints "ready", and
 * answers "send N" with "sent N" once N bytes are written; it ends at the end of stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/target/relay.skel.h"

static void die(const char *what)
{
	fprintf(stderr, "relay: cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connection_open(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	return fd;
}

/* Both ends of a connection over the loopback. */
static void pair_open(int pair[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		die("listen");
	pair[0] = connection_open(&address);
	pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (pair[1] < 0)
		die("accept");
	close(listener);
}

static void redirect(const struct relay_bpf *bpf, int from, int to)
{
	int map = bpf_map__fd(bpf->maps.sockets);
	__u64 sockets[] = { (__u64)from, (__u64)to };

	if (bpf_prog_attach(bpf_program__fd(bpf->progs.relay), map, BPF_SK_SKB_STREAM_VERDICT, 0))
		die("attach");
	for (__u32 i = 2; i-- > 0;)
		if (bpf_map_update_elem(map, &i, &sockets[i], BPF_ANY))
			die("put a socket into the map");
}

static void bytes_send(int fd, unsigned long n)
{
	static const char chunk[65536];

	while (n) {
		ssize_t written = write(fd, chunk, n < sizeof(chunk) ? n : sizeof(chunk));

		if (written < 0)
			die("write");
		n -= (unsigned long)written;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct relay_bpf *bpf = relay_bpf__open_and_load();
	char line[64];
	int pair[2];

	if (argc != 4 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
		return 2;
	address.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	if (!bpf || prctl(PR_SET_NAME, argv[1]))
		die("begin");
	pair_open(pair);
	redirect(bpf, pair[1], connection_open(&address));
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long n = strncmp(line, "send ", 5) ? 0 : strtoul(line + 5, NULL, 10);

		bytes_send(pair[0], n);
		printf("sent %lu\n", n);
	}
	relay_bpf__destroy(bpf);
	return 0;
}
