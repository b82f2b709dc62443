/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uprobes of otb-gcpause: from a Go program's file to what the kernel side has to know of it, and to links.
 */
#ifndef OTB_GCPAUSE_PROBES_H
#define OTB_GCPAUSE_PROBES_H

#include "bpf/gcpause.h"
#include "common/bpf/uprobe.h"
#include "common/go/targets.h"

enum { PROBE_PLACES_MAX = 4 };

struct gcpause_bpf;

struct probe_places { /* where in the file */
	uint64_t offsets[PROBE_PLACES_MAX];
	unsigned int n;
};

struct probed_target {
	struct probe_places places[PROBE_MAX];
};

struct probes {
	struct gcpause_bpf *bpf;
	struct probed_target targets[GO_TARGETS_MAX];
	struct uprobe_links links[GO_TARGETS_MAX];
	uint32_t generation; /* of the last target that was prepared */
	bool has_cookies;    /* bpf_get_attach_cookie(), since 5.15 */
	bool has_multi;      /* multi-uprobe links, since 6.6 */
};

/* Sets up what is open and not yet loaded, by what this kernel has. */
void probes_configure(struct probes *probes, struct gcpause_bpf *bpf);

/* Looks a target's file through and tells the kernel side. False where not even a pause could be seen; what is wrong
 * has been said, as an error if `loudly`. A probe that does not fit is left out by itself. */
bool probes_prepare(struct probes *probes, unsigned int target, const struct go_binary *binary, const char *path,
		    bool loudly);

/* Attaches a prepared target in one process, or in all where `pid` is -1. */
bool probes_attach(struct probes *probes, unsigned int target, const char *path, pid_t pid, bool loudly);

void probes_detach(struct probes *probes, const bool gone[GO_TARGETS_MAX]);
void probes_detach_all(struct probes *probes);

/* A process runs a target: the kernel side has to know where there are no attach cookies, and whose execs count. */
void probes_note_process(struct probes *probes, unsigned int target, pid_t pid);

#endif
