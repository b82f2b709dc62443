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

/* Looks a target's file through, tells the kernel side, and attaches (go_probes_attach()). False where there is nothing
 * that could become a span; what is wrong has been said, as an error if `loudly`. `wants_sched`: with the probe that tells when
 * goroutines are ready, and when they run. A probe that does not fit is left out by
 * itself. */
bool probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary, const char *path,
		   pid_t pid, bool wants_sched, bool loudly);

#endif
