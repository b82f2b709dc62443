/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every tracer of Go programs and its BPF side tell each other: which process an event is of, and which binary
 * that runs. Times are CLOCK_MONOTONIC in ns, which is also the Go runtime's nanotime().
 */
#ifndef OTB_BPF_GO_H
#define OTB_BPF_GO_H

#include <linux/types.h>

enum { GO_COMM_SIZE = 16, GO_BINARIES_MAX = 256 };

/* What every struct begins with that says what has to be known of a binary. */
struct go_binary_head {
	__u32 generation; /* of the target: never the same for two, and 0 for none */
	__u32 reserved;
};

/* The kind of an event that all have: an execve(). The tool's own are counted from 1. */
enum { GO_EVENT_EXEC };

struct go_event {
	__u32 kind;
	__u32 pid;
	__u32 binary; /* index into the map `binaries`; GO_BINARIES_MAX: not known */
	__u32 reserved;
	__u8 comm[GO_COMM_SIZE]; /* of the thread-group leader */
};

_Static_assert(sizeof(struct go_binary_head) == 8, "wire struct");
_Static_assert(sizeof(struct go_event) == 32, "wire struct");

#endif
