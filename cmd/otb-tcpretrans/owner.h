/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a socket.
 *
 * The kernel side names the owner only where it holds the socket's lock. For the rest the BPF iterator over all open
 * files tells who has the socket's inode open (in whatever container), all missing ones in one pass; of several holders
 * the youngest process is taken, since a server's worker and an activated service are younger than who handed the
 * socket to them, but one that was seen at work on the socket is preferred. What is found is cached by the socket's
 * cookie, or where it has none by network namespace and inode, and is verified at /proc/PID/fd/N unless that was done
 * after the event happened: so forks, passed descriptors, execs and reused pids do not deceive it.
 */
#ifndef OTB_TCPRETRANS_OWNER_H
#define OTB_TCPRETRANS_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/tcpretrans.h"
#include "common/host/process.h"

struct bpf_link;
struct bpf_program;
struct owner_entry;

struct owner {
	uint32_t pid; /* 0: not known, or none */
	char comm[COMM_SIZE];
	char container_id[CONTAINER_ID_SIZE]; /* "": in none */
};

enum { OWNER_BUCKETS = 4096 };

struct owners {
	struct bpf_link *files; /* the iterator */
	struct owner_entry *buckets[OWNER_BUCKETS];
	unsigned int n_entries;
	uint64_t scan_ns, next_scan_ns; /* CLOCK_MONOTONIC: when the last one began; not before */
	uint64_t next_sweep_ns;         /* not before */
};

/* Attaches the iterator. Returns 0 or a negative errno. */
int owners_open(struct owners *owners, struct bpf_program *files);
void owners_close(struct owners *owners);

/* One descriptor of a TCP socket. */
typedef void owners_file_callback(void *context, const struct tcpretrans_file *file);

/* Hands over every descriptor of a TCP socket there is, after what the iterator itself does with it. */
void owners_visit_files(struct owners *owners, owners_file_callback *on_file, void *context);

/* The owner that an event names itself (owner `current`): remembers it, and adds what the event does not know. */
void owner_take(struct owners *owners, const struct tcpretrans_socket *socket, struct owner *owner);

/* Looks the owner up. False if it takes a scan to know: the socket is then wanted, and owners_scan() is due. */
bool owner_find(struct owners *owners, const struct tcpretrans_socket *socket, uint64_t event_ns, struct owner *owner);

/* A process has closed the socket: it was its owner, unless a scan has found another. */
void owner_closed(struct owners *owners, const struct tcpretrans_socket *socket);

/* Whether enough time has passed since the last scan: scans take no more than a tenth of one CPU. */
bool owners_may_scan(const struct owners *owners);

/* Looks for the owners of all sockets that are wanted. */
void owners_scan(struct owners *owners);

/* After a scan: what it found, or failing that who closed the socket. owner->pid is 0 if nobody is known. */
void owner_settle(struct owners *owners, const struct tcpretrans_socket *socket, struct owner *owner);

/*
 * To be called when no event waits, with CLOCK_MONOTONIC: forgets the sockets that no event came of for 150 s, which is
 * longer than the kernel lets pass between two attempts, and everything once there is too much of it.
 */
void owners_limit(struct owners *owners, uint64_t now_ns);

#endif
