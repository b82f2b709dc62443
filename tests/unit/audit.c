/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a network namespace: a SYN that is sent again, which the kernel counts, with and without a kernel side that
 * tells of it. */
#include "cmd/otb-tcpretrans/audit.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/host/process.h"
#include "tests/unit/tap.h"

static uint64_t read_counter(void)
{
	uint64_t value = UINT64_MAX;

	return process_tcp_counter(getpid(), "RetransSegs", &value) ? value : UINT64_MAX;
}

static bool enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;
	bool is_up;

	if (unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	is_up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return is_up;
}

/* A listener that nothing reaches, and a client whose first SYN is on the way to it. Returns its socket, or -1. */
static int start_connect(void)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = { 1, &refuse };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
	    setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    getsockname(listener, (struct sockaddr *)&address, &size) ||
	    !connect(client, (struct sockaddr *)&address, size) || errno != EINPROGRESS)
		return -1;
	return client;
}

/* What is missing once the kernel side has told of so many. */
static void check_missing(const struct audit *audit, const struct tcpretrans_file *file, uint64_t told, uint64_t wanted)
{
	uint64_t segments = 0, n;

	bpf_map_update_elem(audit->accounted_fd, &file->socket.netns, &told, BPF_ANY);
	n = audit_finish(audit, &segments);
	check(n == (wanted > 0) && segments == wanted, "%" PRIu64 " told of, %" PRIu64 " missing: %" PRIu64, told,
	      wanted, segments);
}

static void check_audit(int map)
{
	struct tcpretrans_file file = { .socket.pid = (uint32_t)getpid() }, elsewhere;
	struct audit audit;
	uint64_t netns = 0, risen;
	int client;

	check(process_netns(getpid(), &netns) && netns, "this process is in a network namespace");
	file.socket.netns = (uint32_t)netns;
	elsewhere = file;
	elsewhere.socket.netns++;
	audit_open(&audit, map, elsewhere.socket.netns);
	audit_begin(&audit, &file);
	check(audit.n_namespaces == 0, "where one namespace is asked for, no other is audited");
	audit_close(&audit);
	audit_open(&audit, map, 0);
	audit_begin(&audit, &elsewhere);
	audit_begin(&audit, &file);
	audit_begin(&audit, &file);
	check(audit.n_namespaces == 1, "a holder of a socket speaks for no other namespace than its own");
	client = start_connect();
	for (int i = 0; client >= 0 && i < 1000 && !read_counter(); i++)
		usleep(10000);
	close(client); /* no SYN follows */
	risen = read_counter();
	check(risen && risen != UINT64_MAX, "a SYN was sent again: %" PRIu64, risen);
	audit_read(&audit, &elsewhere);
	check_missing(&audit, &file, 0, 0); /* the counter is not read yet */
	audit_read(&audit, &file);
	check_missing(&audit, &file, 0, risen);
	check_missing(&audit, &file, risen, 0);
	check_missing(&audit, &file, risen + 1, 0);
	audit_close(&audit);
}

static void check_counters(void)
{
	uint64_t value;

	check(!process_tcp_counter(getpid(), "RetransSeg", &value), "a counter is known by its whole name");
	check(!process_tcp_counter(getpid(), "Tcp:", &value), "a line's name is no counter");
	check(process_tcp_counter(getpid(), "RtoMin", &value) && value == 200, "the first that is known to all is 200");
	check(!process_tcp_counter(0, "RetransSegs", &value), "a process that is none has no counters");
	check(!process_netns(0, &value), "and no namespace");
}

int main(void)
{
	int map;

	check_counters();
	if (!enter_namespace()) {
		skip("the audit of a network namespace", "none can be made here");
		return finish_tests();
	}
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "accounted", sizeof(uint32_t), sizeof(uint64_t), 16, NULL);
	if (map < 0)
		skip("the audit of a network namespace", "no BPF map can be made here");
	else
		check_audit(map);
	return finish_tests();
}
