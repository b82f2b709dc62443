/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/skeleton.bpf.c and cmd/otb-skeleton tell each other.
 */
#ifndef OTB_BPF_SKELETON_H
#define OTB_BPF_SKELETON_H

#include <linux/types.h>

enum { SKELETON_COMM_SIZE = 16, SKELETON_PIDS_MAX = 64 };

/* TODO: what one event tells. */
struct skeleton_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;     /* of the thread-group leader, in the initial pid namespace */
	__u16 peer_port;
	__u8 reserved[2];
	__u8 comm[SKELETON_COMM_SIZE];
};

_Static_assert(sizeof(struct skeleton_event) == 8 + 4 + 4 + 16, "wire format");

/* What the user wants to see. Of each list one must fit, unless it is empty. */
struct skeleton_filter {
	__u32 n_pids;
	__u32 pids[SKELETON_PIDS_MAX];
};

#endif
