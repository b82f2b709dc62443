/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: the end of spans.
 */
#ifndef OTB_TRACE_END_BPF_H
#define OTB_TRACE_END_BPF_H

#include "bpf/trace_metrics.bpf.h"

static __always_inline void span_emit(const struct place *place, struct trace_span *span)
{
	__u64 size = __builtin_offsetof(struct trace_span, text) + (span->text_size & (2 * TRACE_TEXT_SIZE - 1));

	counter_add(COUNTER_SEEN, 1);
	if (!span->end_ns)
		span->end_ns = bpf_ktime_get_ns();
	span->process_start_ns = place->process->start_ns;
	go_event_set(&span->head, TRACE_SPAN, place->pid, place->index);
	if (size > sizeof(*span))
		return;
	if (bpf_ringbuf_output(&ring, span, size, ring_flags()))
		counter_add(COUNTER_LOST_RINGBUF, 1);
}

/* Notes when a goroutine's span has ended, and how long the goroutine was ready and did not run. */
static __always_inline void span_end(const struct trace_span_key *key, struct open_span *open)
{
	if (options.wants_sched)
		sched_end(key->pid, key->g, open);
	/* It has ended before, and nobody looked then. */
	if (open->span.end_ns)
		open->span.runnable_ns = TRACE_NO_TIME;
	else
		open->span.end_ns = bpf_ktime_get_ns();
}

/* Where every open span ends: it is counted, told if it is sampled, and forgotten. */
static __always_inline void span_close(const struct place *place, const struct trace_span_key *key,
				       struct open_span *open)
{
	span_end(key, open);
	if (options.measures)
		metric_count(place, open);
	if (open->is_sampled)
		span_emit(place, &open->span);
	bpf_map_delete_elem(&spans, key);
}

/* Ends a goroutine's span whose own end was not seen, if there is one. */
static __always_inline void span_abandon(const struct place *place, __u64 g, enum span_slot slot)
{
	struct trace_span_key key = span_key(place, g, slot);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open)
		return;
	span_close(place, &key, open);
}

#endif
