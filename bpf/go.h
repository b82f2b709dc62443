/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every tracer of Go programs and its BPF side tell each other: which process an event is of, and which binary
 * that runs. Times are CLOCK_MONOTONIC in ns, which is also the Go runtime's nanotime().
 */
#ifndef OTB_BPF_GO_H
#define OTB_BPF_GO_H

#include <linux/types.h>

enum { GO_COMM_SIZE = 16, GO_BINARIES_MAX = 256, STW_TEXT_SIZE = 32 };

#define GO_NO_OFFSET (-0x80000000LL) /* of a field that is not known; offsets may be negative */

/* How a release says why and since when the world is stopped (go-versions.md 6; runtime/proc.go of each). */
enum go_convention {
	CONVENTION_TEXT,   /* to 1.20: m.preemptoff holds a text: "" sweep termination, "gcing" mark termination */
	CONVENTION_REASON, /* 1.21: the reason is the argument of stopTheWorldWithSema */
	CONVENTION_START,  /* 1.22: startTheWorldWithSema(now, worldStop{reason, start}) */
	CONVENTION_SPLIT,  /* from 1.23: worldStop{reason, startedStopping, finishedStopping, stoppingCPUTime} */
};

/* runtime.stwReason (from 1.21; runtime/proc.go) */
enum go_stw_reason { REASON_UNKNOWN, REASON_MARK_TERMINATION, REASON_SWEEP_TERMINATION, REASON_TEXT = 255 };

/* What every struct begins with that says what has to be known of a binary: offsets in the runtime's structs. */
struct go_binary_head {
	__u32 generation; /* of the target: never the same for two, and 0 for none */
	__u32 convention; /* enum go_convention */
	__s32 g_m, g_goid, g_startpc, m_curg, m_preemptoff;
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

_Static_assert(sizeof(struct go_binary_head) == 32, "wire struct");
_Static_assert(sizeof(struct go_event) == 32, "wire struct");

#endif
