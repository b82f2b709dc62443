/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uprobes of otb-trace: from a Go program's file to what the kernel side has to know of it.
 */
#ifndef OTB_TRACE_PROBES_H
#define OTB_TRACE_PROBES_H

#include "bpf/trace.h"
#include "common/go/probes.h"

struct trace_bpf;

/* Sets up what is open and not yet loaded. */
void probes_configure(struct go_probes *probes, struct trace_bpf *bpf);

/* Where the probes of a target go, and what the kernel side has to know of it. */
struct probes_plan {
	struct trace_binary binary;
	struct go_places places;
};

/* Looks a target's file through. `wants_sched`: with the probe that tells when goroutines are ready, and when they run. A
 * probe that does not fit is left out by itself. */
void probes_plan(struct probes_plan *plan, const struct go_binary *binary, bool wants_sched);

/* Tells the kernel side of a target, and attaches (go_probes_attach()). False where there is nothing that could become a
 * span; what is wrong has been said, as an error if `loudly`. */
bool probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary,
		   struct probes_plan *plan, const char *path, pid_t pid, bool loudly);

#endif
