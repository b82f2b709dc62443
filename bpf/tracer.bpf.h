/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF side of common/bpf/tracer.c: one ring buffer, and counters for everything that does not get through it.
 */
#ifndef OTB_TRACER_BPF_H
#define OTB_TRACER_BPF_H

#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

#include "bpf/counters.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024); /* --buffer sets it before the load */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void counter_add(__u32 counter, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		/* Atomic although per CPU: a program that runs in process context can be interrupted by one that
		 * runs in softirq on the same CPU. */
		__sync_fetch_and_add(value, n);
}

/* One wake-up when a quarter of the buffer waits, by whoever comes first behind it: the reader also looks by a timer, and
 * one wake-up per event would cost more than the events, also for a reader that is behind. */
static __always_inline __u64 ring_flags(void)
{
	enum { EVENT_SIZE_MAX = 4096 };
	__u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 quarter = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4;

	return waiting >= quarter && waiting < quarter + EVENT_SIZE_MAX ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void ring_submit(void *event)
{
	bpf_ringbuf_submit(event, ring_flags());
}

#endif
