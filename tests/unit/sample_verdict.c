/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts on records that were sampled before: the specification's combinations, what must never be, and sums. */
#include "cmd/otb-sample/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/record/threshold.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint64_t R_MAX = (UINT64_C(1) << 56) - 1;

/* ---- combinations ---- */

/* Worked out in fractions, by the specification's words: 4 digits of p times the probability that it came with, and the
 * larger of both thresholds. "-": below 2^-56, which is no probability. */
static const struct {
	const char *before;
	double ratio;
	const char *proportional, *equalizing;
} combinations[] = {
	{ "0", 1, "0", "0" },
	{ "0", 0.5, "8", "8" },
	{ "0", 1.0 / 3, "aaab", "aaab" },
	{ "0", 0.1, "e666", "e666" },
	{ "0", 0.01, "fd70a", "fd70a" },
	{ "0", 0.99999, "0001", "0001" },
	{ "0", 0, "-", "-" },
	{ "8", 1, "8", "8" },
	{ "8", 0.5, "c", "8" },
	{ "8", 1.0 / 3, "d555", "aaab" },
	{ "8", 0.1, "f3333", "e666" },
	{ "8", 0.99999, "8", "8" },
	{ "8", 0, "-", "-" },
	{ "c", 0.5, "e", "c" },
	{ "c", 1.0 / 3, "eaab", "c" },
	{ "c", 0.1, "f999a", "e666" },
	{ "e666", 1, "e666", "e666" },
	{ "e666", 0.5, "f333", "e666" },
	{ "e666", 0.1, "fd70a", "e666" },
	{ "e666", 0.01, "ffbe76", "fd70a" },
	{ "fd70a", 0.5, "feb85", "fd70a" },
	{ "fd70a", 0.1, "ffbe76", "fd70a" },
	{ "fd70a", 0.01, "fff9724", "fd70a" },
	{ "ffbe77", 1.0 / 3, "ffea28", "ffbe77" },
	{ "ffbe77", 0.01, "ffff583b", "ffbe77" },
	{ "ffbe77", 0.99999, "ffbe77", "ffbe77" },
	{ "00000000000001", 0.5, "8", "8" },
	{ "123456789abcde", 1, "123456789abcde", "123456789abcde" },
	{ "123456789abcde", 0.5, "891a", "8" },
	{ "123456789abcde", 0.99999, "1235", "123456789abcde" },
	{ "ffffffffffffff", 1, "ffffffffffffff", "ffffffffffffff" },
	{ "ffffffffffffff", 0.5, "-", "ffffffffffffff" },
	{ "ffffffffffffff", 0.99999, "-", "ffffffffffffff" },
};

static uint64_t read_threshold(const char *text)
{
	uint64_t threshold = THRESHOLD_NEVER;

	if (strcmp(text, "-") != 0 && !threshold_parse(text, strlen(text), &threshold))
		check(false, "%s is a threshold", text);
	return threshold;
}

/* At the threshold a record is kept, and bears it; right below it is not. */
static bool becomes(const struct verdict *verdict, enum mode mode, const struct arrival *arrival, uint64_t threshold)
{
	uint64_t at = threshold > R_MAX ? R_MAX : threshold;
	struct outcome outcome = verdict_apply(verdict, mode, arrival, at);
	bool passed = outcome.is_kept == (threshold <= R_MAX);

	if (outcome.is_kept)
		passed &= outcome.is_known == !arrival->is_unknown && outcome.threshold == threshold;
	return passed && (!at || threshold > R_MAX || !verdict_apply(verdict, mode, arrival, at - 1).is_kept);
}

static void test_combinations(void)
{
	for (size_t i = 0; i < COUNT(combinations); i++) {
		struct arrival arrival = { .threshold = read_threshold(combinations[i].before) };
		struct verdict verdict = verdict_share(combinations[i].ratio, NULL);

		check(becomes(&verdict, MODE_PROPORTIONAL, &arrival, read_threshold(combinations[i].proportional)) &&
			      becomes(&verdict, MODE_EQUALIZING, &arrival, read_threshold(combinations[i].equalizing)),
		      "%s and %g are %s, or %s", combinations[i].before, combinations[i].ratio,
		      combinations[i].proportional, combinations[i].equalizing);
	}
}

/* A floor is the same in both modes. */
static void test_floors(void)
{
	static const char *const thresholds[] = { "0", "8", "e666", "fd70a4", "ffffffffffffff", "-" };

	for (size_t i = 0; i < COUNT(thresholds); i++) {
		for (size_t j = 0; j + 1 < COUNT(thresholds); j++) {
			struct arrival arrival = { .threshold = read_threshold(thresholds[j]) };
			struct verdict verdict = verdict_floor(read_threshold(thresholds[i]), NULL);
			uint64_t larger = read_threshold(thresholds[i > j ? i : j]);

			check(becomes(&verdict, MODE_PROPORTIONAL, &arrival, larger) &&
				      becomes(&verdict, MODE_EQUALIZING, &arrival, larger),
			      "%s and a floor of %s are %s", thresholds[j], thresholds[i], thresholds[i > j ? i : j]);
		}
	}
}

/* What is unknown stays so, and is sampled all the same. */
static void test_unknown(void)
{
	struct arrival unknown = { .is_unknown = true }, known = { .threshold = UINT64_C(0x80000000000000) };
	struct verdict half = verdict_share(0.5, NULL), floor = verdict_floor(UINT64_C(0xc0000000000000), NULL);
	struct verdict unweighted = verdict_of(VERDICT_UNWEIGHTED, NULL), drop = verdict_of(VERDICT_DROP, NULL);

	check(becomes(&half, MODE_PROPORTIONAL, &unknown, UINT64_C(0x80000000000000)) &&
		      becomes(&half, MODE_EQUALIZING, &unknown, UINT64_C(0x80000000000000)) &&
		      becomes(&floor, MODE_PROPORTIONAL, &unknown, UINT64_C(0xc0000000000000)),
	      "what is of unknown weight is sampled, and stays unknown");
	struct outcome outcome = verdict_apply(&unweighted, MODE_PROPORTIONAL, &known, R_MAX);
	check(outcome.is_kept && !outcome.is_known, "the weight of what is kept without one is unknown");
	check(verdict_apply(&unweighted, MODE_EQUALIZING, &known, 0).is_kept, "whatever its R is");
	check(!verdict_apply(&drop, MODE_PROPORTIONAL, &known, R_MAX).is_kept &&
		      !verdict_apply(&drop, MODE_EQUALIZING, &unknown, R_MAX).is_kept,
	      "what is dropped is dropped");
}

/* ---- what must never be ---- */

static uint64_t choose_threshold(struct random *random)
{
	uint64_t bits = random_bits(random);

	return bits % 4 == 0 ? 0 : threshold_of_ratio(ldexp(1 - random_fraction(random), -(int)(bits / 4 % 20)), 4);
}

static void test_invariants(void)
{
	unsigned int n_lowered = 0, n_wrong = 0, n_nested = 0;
	struct random random;

	random_seed(&random, 1);
	for (int i = 0; i < 300000; i++) {
		struct arrival arrival = { .threshold = choose_threshold(&random) };
		uint64_t r = arrival.threshold + random_bits(&random) % (THRESHOLD_NEVER - arrival.threshold);
		double ratio = ldexp(random_fraction(&random), -(int)(random_bits(&random) % 12));
		enum mode mode = i % 2 ? MODE_PROPORTIONAL : MODE_EQUALIZING;
		struct verdict loose = verdict_share(ratio, NULL), strict = verdict_share(ratio / 2, NULL);
		struct outcome outcome = verdict_apply(&loose, mode, &arrival, r);

		n_lowered += outcome.threshold < arrival.threshold;
		n_wrong += outcome.is_kept != (r >= outcome.threshold);
		n_nested += verdict_apply(&strict, mode, &arrival, r).is_kept && !outcome.is_kept;
	}
	check(!n_lowered, "no threshold is lowered, %u are", n_lowered);
	check(!n_wrong, "kept is what has an R of at least the threshold, %u are not", n_wrong);
	check(!n_nested, "what a stricter sampler keeps the other keeps too, %u are not", n_nested);
}

/* ---- sums ---- */

static void check_sums(enum mode mode, double ratio)
{
	enum { RECORDS = 400000 };
	struct tallies tallies;
	struct random random;
	double variance = 0, expected = 0, deviation = 0;

	tallies_open(&tallies);
	random_seed(&random, 2);
	struct verdict verdict = verdict_share(ratio, tallies_get(&tallies, "test"));
	for (int i = 0; i < RECORDS; i++) {
		struct arrival arrival = { .threshold = choose_threshold(&random) };
		uint64_t r = arrival.threshold + random_bits(&random) % (THRESHOLD_NEVER - arrival.threshold);
		struct outcome outcome = verdict_apply(&verdict, mode, &arrival, r);
		double weight = threshold_adjusted_count(arrival.threshold);
		double share = threshold_ratio(outcome.threshold) * weight;

		verdict_count(&verdict, &outcome, &arrival);
		variance += weight * (threshold_adjusted_count(outcome.threshold) - weight);
		expected += share;
		deviation += share * (1 - share);
	}
	const struct tally *tally = verdict.tally;
	check(fabs(tally->adjusted_kept - tally->adjusted) <= 4 * sqrt(variance),
	      "%s, %g: the kept stand for %.0f of %.0f", mode == MODE_EQUALIZING ? "equalizing" : "proportional", ratio,
	      tally->adjusted_kept, tally->adjusted);
	check(tally->records == RECORDS && !tally->unweighted &&
		      fabs((double)tally->kept - expected) <= 4 * sqrt(deviation) &&
		      (mode == MODE_EQUALIZING || fabs(expected - ratio * RECORDS) < 1e-3 * RECORDS),
	      "and are %" PRIu64 " of %d", tally->kept, RECORDS);
	tallies_close(&tallies);
}

static void test_sums(void)
{
	static const double ratios[] = { 1, 0.5, 0.1, 0.001 };

	for (size_t i = 0; i < COUNT(ratios); i++) {
		check_sums(MODE_PROPORTIONAL, ratios[i]);
		check_sums(MODE_EQUALIZING, ratios[i]);
	}
}

static void test_count(void)
{
	struct arrival known = { .threshold = UINT64_C(0xe0000000000000) }, unknown = { .is_unknown = true };
	struct outcome kept = { .is_kept = true, .is_known = true, .threshold = UINT64_C(0xf0000000000000) };
	struct outcome unweighted = { .is_kept = true }, dropped = { .is_known = true, .threshold = THRESHOLD_NEVER };
	struct tallies tallies;

	tallies_open(&tallies);
	struct tally *one = tallies_get(&tallies, "one"), *other = tallies_get(&tallies, "other");
	check(one && other && one != other && tallies_get(&tallies, "one") == one && tallies.first == one &&
		      one->next == other,
	      "tallies are told apart by name");
	struct verdict verdict = verdict_share(0.5, one);
	verdict_count(&verdict, &kept, &known);
	verdict_count(&verdict, &unweighted, &known);
	verdict_count(&verdict, &dropped, &known);
	verdict_count(&verdict, &unweighted, &unknown);
	check(one->records == 4 && one->kept == 3 && one->unweighted == 2 && one->adjusted == 25 &&
		      one->adjusted_kept == 18 && !other->records,
	      "4 records that stand for 25, 3 kept for 18");
	tallies_close(&tallies);
	check(!tallies.first, "tallies close");
}

int main(void)
{
	test_combinations();
	test_floors();
	test_unknown();
	test_invariants();
	test_sums();
	test_count();
	return finish_tests();
}
