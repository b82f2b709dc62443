/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/verdict.h"

#include "common/record/threshold.h"

struct verdict verdict_share(double ratio, struct tally *tally)
{
	return (struct verdict){ .type = VERDICT_SHARE,
				 .ratio = ratio,
				 .threshold = threshold_of_ratio(ratio, THRESHOLD_PRECISION),
				 .tally = tally };
}

struct verdict verdict_floor(uint64_t threshold, struct tally *tally)
{
	return (struct verdict){ .type = VERDICT_FLOOR, .threshold = threshold, .tally = tally };
}

struct verdict verdict_of(enum verdict_type type, struct tally *tally)
{
	return (struct verdict){ .type = type, .tally = tally };
}

static uint64_t combine(const struct verdict *verdict, enum mode mode, uint64_t before)
{
	uint64_t threshold = verdict->threshold;

	if (before && threshold && verdict->type == VERDICT_SHARE && mode == MODE_PROPORTIONAL)
		threshold = threshold_of_ratio(threshold_ratio(before) * verdict->ratio, THRESHOLD_PRECISION);
	return threshold > before ? threshold : before;
}

struct outcome verdict_apply(const struct verdict *verdict, enum mode mode, const struct arrival *arrival,
			     uint64_t randomness)
{
	struct outcome outcome = { .is_known = !arrival->is_unknown };

	switch (verdict->type) {
	case VERDICT_SHARE:
	case VERDICT_FLOOR:
		outcome.threshold = combine(verdict, mode, arrival->threshold);
		outcome.is_kept = randomness >= outcome.threshold;
		return outcome;
	case VERDICT_UNWEIGHTED:
		return (struct outcome){ .is_kept = true };
	case VERDICT_DROP:
	default:
		return (struct outcome){ .is_kept = false };
	}
}

void verdict_count(const struct verdict *verdict, const struct outcome *outcome, const struct arrival *arrival)
{
	struct tally *tally = verdict->tally;

	tally->records++;
	tally->adjusted += arrival_weight(arrival);
	if (!outcome->is_kept)
		return;
	tally->kept++;
	tally->unweighted += !outcome->is_known;
	tally->adjusted_kept += outcome->is_known ? threshold_adjusted_count(outcome->threshold) : 1;
}
