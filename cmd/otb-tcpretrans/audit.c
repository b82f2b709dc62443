/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-tcpretrans/audit.h"

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/host/process.h"

#define IN_FLIGHT_NS (20 * 1000000L)

struct audit_namespace {
	uint32_t netns;
	bool is_read;           /* at the end */
	uint64_t before, after; /* the kernel's counter */
};

void audit_open(struct audit *audit, int accounted_fd, uint32_t netns)
{
	*audit = (struct audit){ .accounted_fd = accounted_fd, .netns = netns };
}

void audit_close(struct audit *audit)
{
	free(audit->namespaces);
}

/* From the last one on: descriptors of one process come one after the other. */
static struct audit_namespace *namespace_find(const struct audit *audit, uint32_t netns)
{
	for (size_t i = audit->n_namespaces; i-- > 0;)
		if (audit->namespaces[i].netns == netns)
			return &audit->namespaces[i];
	return NULL;
}

static struct audit_namespace *namespace_add(struct audit *audit, uint32_t netns)
{
	struct audit_namespace *namespace;

	if (audit->n_namespaces == audit->room) {
		size_t room = audit->room ? 2 * audit->room : 16;
		void *bigger = reallocarray(audit->namespaces, room, sizeof(*namespace));

		if (!bigger)
			return NULL;
		audit->namespaces = bigger;
		audit->room = room;
	}
	namespace = &audit->namespaces[audit->n_namespaces++];
	*namespace = (struct audit_namespace){ .netns = netns };
	return namespace;
}

/* The holder of a socket need not be in the socket's namespace. */
static bool counter_read(const struct tcpretrans_file *file, uint64_t *segments)
{
	uint64_t netns;

	return process_netns((pid_t)file->socket.pid, &netns) && netns == file->socket.netns &&
	       process_tcp_counter((pid_t)file->socket.pid, "RetransSegs", segments);
}

void audit_begin(void *context, const struct tcpretrans_file *file)
{
	struct audit *audit = context;
	uint32_t netns = file->socket.netns;
	uint64_t before, none = 0;
	struct audit_namespace *namespace;

	if ((audit->netns && audit->netns != netns) || namespace_find(audit, netns))
		return;
	/* The events are counted from here on, and the counter is read after that: what comes in between is in both. */
	if (bpf_map_update_elem(audit->accounted_fd, &netns, &none, BPF_ANY) || !counter_read(file, &before))
		return;
	namespace = namespace_add(audit, netns);
	if (namespace)
	namespace->before = before;
}

void audit_read(void *context, const struct tcpretrans_file *file)
{
	struct audit_namespace *namespace = namespace_find(context, file->socket.netns);

	if (namespace && !namespace->is_read)
	namespace->is_read = counter_read(file, &namespace->after);
}

static uint64_t namespace_missing(const struct audit *audit, const struct audit_namespace *namespace)
{
	uint64_t told;

	if (!namespace->is_read || bpf_map_lookup_elem(audit->accounted_fd, &namespace->netns, &told))
		return 0;
	/* Below where it was: another namespace, which was given the number of one that is gone. */
	if (namespace->after < namespace->before || namespace->after - namespace->before <= told)
		return 0;
	return namespace->after - namespace->before - told;
}

static uint64_t sum_missing(const struct audit *audit, uint64_t *segments)
{
	uint64_t n = 0;

	*segments = 0;
	for (size_t i = 0; i < audit->n_namespaces; i++) {
		uint64_t missing = namespace_missing(audit, &audit->namespaces[i]);

		n += missing > 0;
		*segments += missing;
	}
	return n;
}

uint64_t audit_finish(const struct audit *audit, uint64_t *segments)
{
	const struct timespec in_flight = { .tv_nsec = IN_FLIGHT_NS };
	uint64_t missing, n = sum_missing(audit, &missing);

	/* The kernel counts a segment, sends it, and then tells of it: one that is under way gets the time to come. */
	if (n) {
		nanosleep(&in_flight, NULL);
		n = sum_missing(audit, &missing);
	}
	*segments += missing;
	return n;
}
