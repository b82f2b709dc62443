/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retransmissions added up by flow, peer, process, cgroup or reason. At most SUMMARY_GROUPS_MAX groups are kept apart;
 * what comes after that is added up in one more, which says `overflow`.
 */
#ifndef OTB_TCPRETRANS_SUMMARY_H
#define OTB_TCPRETRANS_SUMMARY_H

#include "cmd/otb-tcpretrans/options.h"
#include "cmd/otb-tcpretrans/owner.h"
#include "common/run/session.h"

enum { SUMMARY_GROUPS_MAX = 4096, SUMMARY_BUCKETS = 4096 };

struct summary_group;

struct summary {
	enum summary_key by;
	struct summary_group *buckets[SUMMARY_BUCKETS];
	struct summary_group *overflow;
	unsigned int n_groups;
	uint64_t started_ns; /* CLOCK_MONOTONIC: of this interval */
};

void summary_open(struct summary *summary, enum summary_key by);
void summary_close(struct summary *summary);

/* Returns false, and counts nothing, without memory. */
bool summary_add(struct summary *summary, const struct tcpretrans_event *event, const struct owner *owner);

/* Writes every group, the one with most segments first, and begins the next interval with none. */
void summary_write(struct summary *summary, struct session *session);

#endif
