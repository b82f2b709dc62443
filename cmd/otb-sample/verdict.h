/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule or a sampler says of a record or a trace, and what follows for a record that came with a threshold of its
 * own. A threshold is never lowered; those of a trace's records may differ, and are nested then.
 *
 * Two ways to keep a share of what was sampled before: proportional keeps that share of what arrives (the threshold of the
 * product of both probabilities), equalizing brings all to that share of what once was, and keeps what is below it already.
 */
#ifndef OTB_SAMPLE_VERDICT_H
#define OTB_SAMPLE_VERDICT_H

#include "cmd/otb-sample/arrival.h"
#include "cmd/otb-sample/tally.h"

enum mode { MODE_PROPORTIONAL, MODE_EQUALIZING };

enum verdict_type {
	VERDICT_SHARE,      /* keep a share, as the mode says */
	VERDICT_FLOOR,      /* keep what is not below the threshold, in either mode */
	VERDICT_UNWEIGHTED, /* keep; nobody can say how many others it stands for */
	VERDICT_DROP,
};

struct verdict {
	enum verdict_type type;
	double ratio;       /* of a share */
	uint64_t threshold; /* of a share (its ratio's) or a floor, up to THRESHOLD_NEVER */
	struct tally *tally;
};

struct outcome {
	bool is_kept;
	bool is_known;      /* what it stands for is: it bears the threshold */
	uint64_t threshold; /* below THRESHOLD_NEVER where it is kept and known */
};

struct verdict verdict_share(double ratio, struct tally *tally);
struct verdict verdict_floor(uint64_t threshold, struct tally *tally);
struct verdict verdict_of(enum verdict_type type, struct tally *tally);

/* Whether R does not matter to a record that came without a threshold. */
static inline bool verdict_is_certain(const struct verdict *verdict)
{
	bool is_by_chance = verdict->type == VERDICT_SHARE || verdict->type == VERDICT_FLOOR;

	return !is_by_chance || verdict->threshold == 0 || verdict->threshold == THRESHOLD_NEVER;
}

/* What becomes of a record by a verdict; `randomness` is its own, or its trace's. */
struct outcome verdict_apply(const struct verdict *verdict, enum mode mode, const struct arrival *arrival,
			     uint64_t randomness);

/* Counts the record in the verdict's tally. */
void verdict_count(const struct verdict *verdict, const struct outcome *outcome, const struct arrival *arrival);

#endif
