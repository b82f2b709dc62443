/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: how long goroutines that are in a span are ready and do not run (--sched).
 *
 * runtime.casgstatus(gp, old, new) is where a goroutine becomes ready, and where it is run (runtime/proc.go, the same in Go
 * 1.17 to 1.27). It has no stack check, and is called at every park and every wake-up of any goroutine: those that are in no
 * span cost one look into a map. So there is no look for the binary either; the key holds what tells processes apart well
 * enough for entries that live as long as a span. A hit that is told twice changes nothing.
 *
 * A request of a trivial net/http handler makes 8.5 of these calls in Go 1.27 and 14.5 in 1.20, where system calls make two
 * each. Its CPU time was 1.5 times that under otb-trace without --sched in both (25 to 39 us, 24 to 36 us), and 1.4 and 1.8
 * times where --ratio kept nothing.
 */
#ifndef OTB_TRACE_SCHED_BPF_H
#define OTB_TRACE_SCHED_BPF_H

#include "bpf/trace_span.bpf.h"

enum { GOROUTINE_RUNNABLE = 1 }; /* runtime._Grunnable */

SEC("uprobe")
int status(GO_CONTEXT *ctx)
{
	__u32 old = (__u32)GO_ARG1(ctx), new = (__u32)GO_ARG2(ctx);
	struct sched_key key = { GO_ARG0(ctx), bpf_get_current_pid_tgid() >> 32, 0 };
	struct sched *sched;

	if (old != GOROUTINE_RUNNABLE && new != GOROUTINE_RUNNABLE)
		return 0;
	sched = bpf_map_lookup_elem(&scheds, &key);
	if (!sched)
		return 0;
	if (new == GOROUTINE_RUNNABLE) {
		sched->since_ns = bpf_ktime_get_ns();
	} else if (sched->since_ns) {
		sched->runnable_ns += bpf_ktime_get_ns() - sched->since_ns;
		sched->since_ns = 0;
	}
	return 0;
}

#endif
