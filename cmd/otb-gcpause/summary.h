/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pauses added up by process and reason. At most SUMMARY_GROUPS_MAX groups are kept apart; what comes after that is
 * added up in one more, which says `overflow`. A group that had pauses in the interval before is told of with a count
 * of 0 once more, so that its end is seen; not in a table.
 */
#ifndef OTB_GCPAUSE_SUMMARY_H
#define OTB_GCPAUSE_SUMMARY_H

#include "bpf/gcpause.h"
#include "cmd/otb-gcpause/event.h"
#include "cmd/otb-gcpause/reason.h"
#include "common/run/session.h"

enum { SUMMARY_GROUPS_MAX = 4096, SUMMARY_BUCKETS = 1024 };

struct summary_group;

struct summary {
	struct summary_group *buckets[SUMMARY_BUCKETS];
	struct summary_group *overflow; /* in none of them */
	unsigned int n_groups;
	uint64_t started_ns; /* CLOCK_MONOTONIC: of this interval */
	bool has_before;     /* there was an interval before */
	bool histogram;      /* draw one of each group */
};

void summary_open(struct summary *summary, bool histogram);
void summary_close(struct summary *summary);

/* Returns false, and counts nothing, without memory. */
bool summary_add(struct summary *summary, const struct gcpause_pause *event, const struct process_facts *facts,
		 const char *reason);

/* Writes every group, the one that was stopped longest first, and begins the next interval. */
void summary_write(struct summary *summary, struct session *session);

#endif
