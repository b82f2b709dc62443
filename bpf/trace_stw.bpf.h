/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: stops of the world by the GC, as time that was not a request's own. They are told one by one;
 * the user side knows which spans they fall into.
 */
#ifndef OTB_TRACE_STW_BPF_H
#define OTB_TRACE_STW_BPF_H

#include "bpf/go_stw.bpf.h"
#include "bpf/trace_span.bpf.h"

/* To 1.21. */
SEC("uprobe")
int stop_the_world(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		world_stop_begin(ctx, &place, &place.process->stop);
	return 0;
}

/* No goroutine goes on before this, so that the stop is told before the spans that it fell into. */
SEC("uprobe")
int start_the_world(GO_CONTEXT *ctx)
{
	struct place place;
	struct world_stop *stop;
	struct trace_stop *event;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	stop = &place.process->stop;
	if (!world_stop_end(ctx, &place, stop))
		return 0;
	stop->is_open = false;
	if (!reason_is_gc(stop->reason))
		return 0;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&stops_missed, 1);
		return 0;
	}
	go_event_set(&event->head, TRACE_STOP, place.pid, place.index);
	event->start_ns = stop->start_ns;
	event->end_ns = bpf_ktime_get_ns();
	ring_submit(event);
	return 0;
}

#endif
