/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uprobes of a tracer of Go programs: where in a file each goes, and the links of every target. Its BPF side includes
 * bpf/go_process.bpf.h.
 *
 * A tracer numbers its probes so that what ends a thing has a higher number than what begins it: they are attached from
 * the last to the first, so that nothing is seen to begin whose end is not.
 */
#ifndef OTB_GO_PROBES_H
#define OTB_GO_PROBES_H

#include "bpf/go.h"
#include "common/bpf/uprobe.h"
#include "common/go/layout.h"
#include "common/go/site.h"
#include "common/go/targets.h"

enum { GO_PROBES_MAX = 64, GO_PLACES_MAX = SITE_RETURNS_MAX };

struct bpf_object;

struct go_probe_places {
	uint64_t offsets[GO_PLACES_MAX];
	unsigned int n;
};

/* Where the probes of one binary go, as offsets in its file; zeroed: nowhere. */
struct go_places {
	struct go_probe_places of[GO_PROBES_MAX];
};

/* Each adds places to a probe, and returns the address of the first, or 0 where there is none: no such function, or its
 * code is not understood. */

/* Behind a function's stack check. The programs test the check's flags, so a function without one does not fit. */
uint64_t go_place_entry(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			const struct go_function *function);
/* At a function's stack check (site_of_branch()). */
uint64_t go_place_branch(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			 const struct go_function *function);
/* The first instruction of a function that has no stack check, or behind the check of one that has. */
uint64_t go_place_any_entry(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			    const struct go_function *function);
/* All of its rets. */
uint64_t go_place_returns(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			  const struct go_function *function);
uint64_t go_place_site(struct go_places *places, unsigned int probe, const struct go_binary *binary,
		       const struct site *site);

struct go_probes {
	struct bpf_object *object;
	struct bpf_program *programs[GO_PROBES_MAX];
	unsigned int n;
	struct uprobe_links links[GO_TARGETS_MAX];
	uint32_t generation; /* of the last target that was told of */
	bool has_cookies;    /* bpf_get_attach_cookie(), since 5.15 */
	bool has_multi;      /* multi-uprobe links, since 6.6 */
};

/* Sets up `n` programs of an object that is open and not yet loaded, by what this kernel has. The tool tells its BPF side
 * has_cookies. */
void go_probes_configure(struct go_probes *probes, struct bpf_object *object, struct bpf_program *const *programs,
			 unsigned int n);

/* Before the load, where all targets are known: only what has a place in one of them is loaded. */
void go_probes_load_only(struct go_probes *probes, const bool wanted[GO_PROBES_MAX]);

/* A field's offset as the BPF side has it: GO_NO_OFFSET where it is not known. */
int32_t go_offset_of(const struct go_layout *layout, enum go_field field);

/* Fills in what every tracer says of a binary. */
void go_binary_describe(struct go_binary_head *head, const struct go_binary *binary, const struct go_layout *layout);

/* Tells the BPF side of a target's binary: the tool's struct, which begins with `head`. */
bool go_probes_tell(struct go_probes *probes, unsigned int target, struct go_binary_head *head);

/* Attaches a target that has been told of to the file that its binary has open, in one process or in all where `pid` is -1.
 * What is wrong has been said of `path`, as an error if `loudly`. */
bool go_probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary,
		      const struct go_places *places, const char *path, pid_t pid, bool loudly);

void go_probes_detach(struct go_probes *probes, const bool gone[GO_TARGETS_MAX]);
void go_probes_detach_all(struct go_probes *probes);

/* A process runs a target: the BPF side has to know where there are no attach cookies, and whose execs count. */
void go_probes_note_process(struct go_probes *probes, unsigned int target, pid_t pid);

#endif
