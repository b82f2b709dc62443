/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stops of the world, as the Go runtime tells of them: since when and why. From Go 1.22 on that is in the registers of
 * startTheWorldWithSema. Before, stopTheWorldWithSema has to be probed as well, and the start is taken from the clock.
 */
#ifndef OTB_GO_STW_BPF_H
#define OTB_GO_STW_BPF_H

#include "bpf/go_process.bpf.h"

/* The m that runs a g0. */
static __always_inline __u64 m_read(const struct place *place, __u64 g0)
{
	return place->binary->head.g_m >= 0 ? go_read_u64(g0 + place->binary->head.g_m) : 0;
}

static __always_inline __u64 curg_read(const struct place *place, __u64 g0)
{
	__u64 m = m_read(place, g0);

	return m && place->binary->head.m_curg >= 0 ? go_read_u64(m + place->binary->head.m_curg) : 0;
}

/* There is no memcmp() in BPF. */
static __always_inline bool text_is_gcing(const __u8 text[STW_TEXT_SIZE])
{
	return text[0] == 'g' && text[1] == 'c' && text[2] == 'i' && text[3] == 'n' && text[4] == 'g' && !text[5];
}

/* To 1.20. The runtime keeps the reason where a preemption would look for it: in the m (gcStart leaves it empty). */
static __always_inline void read_text_reason(const struct place *place, struct world_stop *stop, __u64 g0)
{
	struct {
		__u64 data, length;
	} string = { 0 };
	__u64 m = m_read(place, g0);

	stop->reason = REASON_UNKNOWN;
	__builtin_memset(stop->text, 0, sizeof(stop->text));
	if (!m || place->binary->head.m_preemptoff < 0 ||
	    bpf_probe_read_user(&string, sizeof(string), (const void *)(m + place->binary->head.m_preemptoff)))
		return;
	stop->reason = string.length ? REASON_TEXT : REASON_SWEEP_TERMINATION;
	if (string.length > sizeof(stop->text) - 1)
		string.length = sizeof(stop->text) - 1;
	if (string.length &&
	    bpf_probe_read_user(stop->text, string.length & (STW_TEXT_SIZE - 1), (const void *)string.data))
		counter_add(COUNTER_LOST_FAULT, 1);
	if (text_is_gcing(stop->text))
		stop->reason = REASON_MARK_TERMINATION;
}

static __always_inline bool reason_is_gc(__u32 reason)
{
	return reason == REASON_MARK_TERMINATION || reason == REASON_SWEEP_TERMINATION;
}

/* At stopTheWorldWithSema, to 1.21. */
static __always_inline void world_stop_begin(GO_CONTEXT *ctx, const struct place *place, struct world_stop *stop)
{
	stop->start_ns = bpf_ktime_get_ns();
	stop->stopped_ns = 0;
	if (place->binary->head.convention == CONVENTION_TEXT)
		read_text_reason(place, stop, GO_G(ctx));
	else
		stop->reason = GO_ARG0(ctx) & 0xff;
	stop->is_open = true;
}

/* At startTheWorldWithSema: takes what is in its registers. False where a stop is not known of. */
static __always_inline bool world_stop_end(GO_CONTEXT *ctx, const struct place *place, struct world_stop *stop)
{
	if (place->binary->head.convention < CONVENTION_START)
		return stop->is_open;
	stop->reason = GO_ARG1(ctx) & 0xff;
	stop->start_ns = GO_ARG2(ctx);
	stop->stopped_ns = 0;
	if (place->binary->head.convention == CONVENTION_SPLIT) {
		stop->stopped_ns = GO_ARG3(ctx);
		stop->stopping_cpu_ns = GO_ARG4(ctx);
	}
	stop->is_open = true;
	return true;
}

#endif
