/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a page of the text format that this program has written before, so that what is counted goes on from there.
 *
 * Counters, and the buckets, sums and counts of histograms and summaries, are added to what the metrics hold; gauges are
 * taken over where they have not been set since, and have no TTL. Metrics that there are no more are forgotten; one whose type, labels or
 * buckets have changed starts afresh, which is said.
 */
#ifndef OTB_EXPOSE_RESTORE_H
#define OTB_EXPOSE_RESTORE_H

#include "common/metrics/exposition.h"

enum restore_mode {
	RESTORE_ADD,
	RESTORE_HOLD_PLACES, /* the same, but what starts afresh is not said */
	RESTORE_TAKE_BACK,   /* what such a page added; without a word, and gauges stay */
};

struct restore {
	const char *path; /* for messages */
	struct metric **metrics;
	unsigned int n_metrics;
	const struct constant_label *constants; /* which every series of ours bears */
	unsigned int n_constants;
	enum restore_mode mode;
};

void restore_page(const struct restore *restore, const char *bytes, size_t length);

#endif
