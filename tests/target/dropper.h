/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What dropper.bpf.c and dropper.c share: the rules, which user space writes, and what has become of them, which the
 * packets write. One array element holds both under one lock, so that "drop three" means three on any number of CPUs.
 */
#ifndef TESTS_TARGET_DROPPER_H
#define TESTS_TARGET_DROPPER_H

#include <linux/bpf.h>
#include <linux/types.h>

#define DROPPER_RULES 8

/* What a TCP packet can be. Exactly one bit is set, but for a FIN that carries data: that is both. */
#define PACKET_SYN 1u
#define PACKET_SYNACK 2u
#define PACKET_DATA 4u
#define PACKET_FIN 8u
#define PACKET_ACK 16u /* a pure one: no payload, no other flag that matters */
#define PACKET_RST 32u
#define PACKET_ANY 63u

struct dropper_rule {
	struct bpf_spin_lock lock;
	__u32 kinds;    /* PACKET_*; 0: no rule here */
	__u16 port;     /* host order, local or peer; 0: any */
	__u8 version;   /* of IP: 4 or 6; 0: both */
	__u8 first;     /* 1: only packets whose sequence numbers were not seen before, so no retransmission */
	__u32 skip;     /* matching packets let through before anything is dropped */
	__u32 every;    /* of those after that, one in this many is dropped; 1: each */
	__u32 count;    /* packets to drop at most; 0: no limit */
	__u64 matched;  /* packets this rule applied to */
	__u64 dropped;  /* packets this rule dropped: skbs, of which one may hold many segments */
	__u64 segments; /* TCP segments in them */
};

_Static_assert(sizeof(struct dropper_rule) == 48, "dropper_rule is the same on both sides");

#endif
