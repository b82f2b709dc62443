/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling thresholds: the specification's table, texts good and bad, and what rounding by chance adds up to. */
#include "common/record/threshold.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

/* ---- ratios ---- */

/* The table of tracestate-probability-sampling.md, "Converting floating-point probability to threshold value". */
static const struct {
	unsigned int one_in;
	const char *texts[3]; /* with 3, 4 and 5 digits */
	double counts[3];
} table[] = {
	{ 1, { "0", "0", "0" }, { 1, 1, 1 } },
	{ 2, { "8", "8", "8" }, { 2, 2, 2 } },
	{ 3, { "aab", "aaab", "aaaab" }, { 3.0007326007326007, 3.00004577706569, 3.0000028610256777 } },
	{ 4, { "c", "c", "c" }, { 4, 4, 4 } },
	{ 5, { "ccd", "cccd", "ccccd" }, { 5.001221001221001, 5.0000762951094835, 5.0000047683761295 } },
	{ 8, { "e", "e", "e" }, { 8, 8, 8 } },
	{ 10, { "e66", "e666", "e6666" }, { 9.990243902439024, 9.99938968568813, 9.999961853172863 } },
	{ 16, { "f", "f", "f" }, { 16, 16, 16 } },
	{ 100, { "fd71", "fd70a", "fd70a4" }, { 100.05496183206107, 99.99771123402633, 100.00009536752259 } },
	{ 1000, { "ffbe7", "ffbe77", "ffbe76d" }, { 999.5958055290753, 1000.012874769029, 1000.0016987352618 } },
	{ 10000, { "fff972", "fff9724", "fff97247" }, { 9998.340882002383, 9999.830725674266, 9999.99370426336 } },
	{ 100000, { "ffff584", "ffff583a", "ffff583a5" }, { 100013.21013412817, 99999.238556461, 99999.96614643588 } },
	{ 1000000,
	  { "ffffef4", "ffffef39", "ffffef391" },
	  { 1.0016248358208955e+06, 999992.38556461, 1.0000069374699865e+06 } },
};

static void test_table(void)
{
	char text[THRESHOLD_SIZE];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned int j = 0; j < 3; j++) {
			uint64_t threshold = threshold_of_ratio(1.0 / table[i].one_in, j + 3);
			double count = threshold_adjusted_count(threshold);

			threshold_format(threshold, text);
			check(!strcmp(text, table[i].texts[j]) && fabs(count / table[i].counts[j] - 1) < 1e-14,
			      "1 in %u with %u digits is %s, which counts as %.17g", table[i].one_in, j + 3, text,
			      count);
		}
	}
}

static void test_limits(void)
{
	check(threshold_of_ratio(0, 4) == THRESHOLD_NEVER && threshold_of_ratio(-1, 4) == THRESHOLD_NEVER &&
		      threshold_of_ratio(NAN, 4) == THRESHOLD_NEVER &&
		      threshold_of_ratio(nextafter(0x1p-56, 0), 14) == THRESHOLD_NEVER,
	      "what is no probability keeps nothing");
	check(threshold_of_ratio(1, 4) == 0 && threshold_of_ratio(2, 4) == 0 && threshold_of_ratio(INFINITY, 4) == 0 &&
		      threshold_of_ratio(nextafter(1, 0), 4) == 0 && threshold_of_ratio(nextafter(1, 0), 14) == 8,
	      "1 and above keep all");
	check(threshold_of_ratio(0x1p-56, 4) == THRESHOLD_NEVER - 1 &&
		      threshold_adjusted_count(THRESHOLD_NEVER - 1) == 0x1p56,
	      "the smallest probability is exact");
	unsigned int n_wrong = 0;
	for (int i = 0; i <= 56; i++)
		for (unsigned int precision = 1; precision <= THRESHOLD_DIGITS; precision++)
			n_wrong +=
				threshold_of_ratio(ldexp(1, -i), precision) != THRESHOLD_NEVER - (THRESHOLD_NEVER >> i);
	check(!n_wrong, "each power of two is exact with any precision, %u are not", n_wrong);
}

/* A threshold of so many digits is off by half of the last at most, and that is a part of the ratio. */
static void test_precision(void)
{
	struct random random;
	unsigned int n_wrong = 0;

	random_seed(&random, 1);
	for (int i = 0; i < 200000; i++) {
		double ratio = ldexp(random_fraction(&random), -(int)(random_bits(&random) % 40));
		unsigned int precision = 1 + random_bits(&random) % THRESHOLD_DIGITS;
		uint64_t threshold = threshold_of_ratio(ratio, precision);
		double error = fabs(threshold_ratio(threshold) - ratio);

		n_wrong +=
			ratio >= 0x1p-40 && (threshold >= THRESHOLD_NEVER || error > ldexp(8.5, -4 * (int)precision) ||
					     error > ratio * ldexp(8.5, -4 * (int)precision) + 0x1p-57);
	}
	check(!n_wrong, "200000 ratios are as near as the precision says, %u are not", n_wrong);
}

/* ---- texts ---- */

static void test_texts(void)
{
	static const char *const bad[] = { "",
					   "g",
					   "E666",
					   "0x8",
					   " 8",
					   "8 ",
					   "-8",
					   "+8",
					   "8\n",
					   "e666.",
					   "fd70a;",
					   "/",
					   ":",
					   "`",
					   "123456789abcdef",
					   "000000000000000",
					   "\xc3\xa9",
					   "1\xff" };
	static const struct {
		const char *text;
		uint64_t threshold;
	} good[] = {
		{ "0", 0 },
		{ "00000000000000", 0 },
		{ "8", UINT64_C(1) << 55 },
		{ "80", UINT64_C(1) << 55 },
		{ "e666", UINT64_C(0xe6660000000000) },
		{ "0123456789abcd", UINT64_C(0x0123456789abcd) },
		{ "ffffffffffffff", UINT64_C(0xffffffffffffff) },
		{ "00000000000001", 1 },
		{ "fd70a4", UINT64_C(0xfd70a400000000) },
	};
	uint64_t threshold = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(threshold_parse(good[i].text, strlen(good[i].text), &threshold) && threshold == good[i].threshold,
		      "%s is read", good[i].text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(!threshold_parse(bad[i], strlen(bad[i]), &threshold), "\"%s\" is refused", bad[i]);
	check(!threshold_parse("8\0", 2, &threshold) && !threshold_parse("\0", 1, &threshold), "a NUL is refused");
	check(threshold_parse("e666 and more", 4, &threshold) && threshold == UINT64_C(0xe6660000000000),
	      "what is behind the text is not looked at");
}

static void test_round_trip(void)
{
	struct random random;
	unsigned int n_wrong = 0;
	char text[THRESHOLD_SIZE];

	random_seed(&random, 2);
	for (int i = 0; i < 200000; i++) {
		uint64_t threshold = random_bits(&random) >> 8 & ~UINT64_C(0) << random_bits(&random) % 57, read = 1;
		size_t length = threshold_format(threshold, text);

		n_wrong += length != strlen(text) || (length > 1 && text[length - 1] == '0') ||
			   !threshold_parse(text, length, &read) || read != threshold;
	}
	check(!n_wrong, "200000 thresholds are written and read back, %u are not", n_wrong);
	check(threshold_format(0, text) == 1 && !strcmp(text, "0"), "0 is 0");
}

/* ---- chance ---- */

static void test_random(void)
{
	/* The first numbers of seed 1234567, as other implementations of the algorithm give them. */
	static const uint64_t expected[] = { UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
					     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
					     UINT64_C(16408922859458223821) };
	struct random random;
	unsigned int n_wrong = 0;
	double sum = 0, least = 1, most = 0;

	random_seed(&random, 1234567);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		n_wrong += random_bits(&random) != expected[i];
	check(!n_wrong, "the numbers of a seed are the known ones");
	for (int i = 0; i < 1000000; i++) {
		double fraction = random_fraction(&random);

		sum += fraction;
		least = fmin(least, fraction);
		most = fmax(most, fraction);
	}
	check(least >= 0 && least < 1e-4 && most < 1 && most > 1 - 1e-4 &&
		      fabs(sum / 1e6 - 0.5) < 4 * sqrt(1 / 12.0 / 1e6),
	      "fractions lie between 0 and 1, and their mean at a half: %g", sum / 1e6);
}

static void test_new_seeds(void)
{
	uint64_t first = random_new_seed(), differing = 0;

	for (int i = 0; i < 1000; i++)
		differing |= random_new_seed() ^ first;
	check(differing == UINT64_MAX, "every bit of a new seed is chance");
}

static void test_mean(double weight)
{
	enum { ROUNDS = 1000000 };
	struct random random;
	double fraction = weight - floor(weight), sum = 0;
	unsigned int n_wrong = 0;

	random_seed(&random, 3);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t rounded = threshold_round(weight, &random);

		n_wrong += rounded != (uint64_t)floor(weight) && rounded != (uint64_t)ceil(weight);
		sum += (double)(rounded - (uint64_t)floor(weight));
	}
	double sigma = sqrt(fraction * (1 - fraction) * ROUNDS);
	check(!n_wrong && fabs(sum - fraction * ROUNDS) <= 4 * sigma,
	      "%.17g is rounded to its neighbours, and %g of a million times up", weight, sum);
}

static void test_rounding(void)
{
	static const double weights[] = { 0,
					  0.001,
					  0.25,
					  0.5,
					  1,
					  1.5,
					  2,
					  99.99771123402633,
					  100.05496183206107,
					  3.00004577706569,
					  4503599627370497.5,
					  0x1p53,
					  0x1p56,
					  0x1p63,
					  1e-300 };

	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		test_mean(weights[i]);
	struct random one, other;
	random_seed(&one, 4);
	random_seed(&other, 4);
	threshold_round(7, &one);
	check(random_bits(&one) == random_bits(&other), "a whole number takes no random number");
}

/* Sampling at a threshold, and adding up what was kept, gives what there was. */
static void test_estimate(void)
{
	enum { RECORDS = 1000000 };
	uint64_t threshold = threshold_of_ratio(1.0 / 30, THRESHOLD_PRECISION), total = 0;
	struct random random;
	double ratio = threshold_ratio(threshold), count = threshold_adjusted_count(threshold);

	random_seed(&random, 5);
	for (int i = 0; i < RECORDS; i++)
		if (random_bits(&random) >> 8 >= threshold)
			total += threshold_round(count, &random);
	double fraction = count - floor(count);
	double sigma = sqrt(RECORDS * (ratio * (1 - ratio) * count * count + ratio * fraction * (1 - fraction)));
	check(fabs((double)total - RECORDS) < 4 * sigma, "of %d records those kept count %" PRIu64, RECORDS, total);
}

int main(void)
{
	test_table();
	test_limits();
	test_precision();
	test_texts();
	test_round_trip();
	test_random();
	test_new_seeds();
	test_rounding();
	test_estimate();
	return finish_tests();
}
