/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counted in a whole network namespace (RetransSegs of /proc/PID/net/snmp), against what its events told
 * of. Where the kernel ran no program, a SYN-ACK shows nowhere else, since a request is gone without a trace, nor does
 * a segment of an orphan, which no process has open.
 *
 * A namespace is audited if a process with a TCP socket of it is in it both at the start and at the end; at most
 * AUDIT_NAMESPACES_MAX are. What cannot be told apart is taken for told: nothing is called missing that was not.
 */
#ifndef OTB_TCPRETRANS_AUDIT_H
#define OTB_TCPRETRANS_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/tcpretrans.h"

struct audit_namespace;

struct audit {
	int accounted_fd; /* the map; not its own */
	uint32_t netns;   /* the only one that is audited; 0: all */
	struct audit_namespace *namespaces;
	size_t n_namespaces, room;
};

void audit_open(struct audit *audit, int accounted_fd, uint32_t netns);
void audit_close(struct audit *audit);

/* For every descriptor of a TCP socket at the start, and again for every one at the end (owners_file_callback); the
 * context is the audit. */
void audit_begin(void *context, const struct tcpretrans_file *file);
void audit_read(void *context, const struct tcpretrans_file *file);

/* Then: returns in how many namespaces segments are missing, and adds how many. */
uint64_t audit_finish(const struct audit *audit, uint64_t *segments);

#endif
