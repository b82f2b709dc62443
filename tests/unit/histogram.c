/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram's percentiles against the exact value of that rank. */
#include "common/metrics/histogram.h"

#include <inttypes.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

enum { VALUES_MAX = 20000 };

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void add_all(struct histogram *histogram, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!histogram_add(histogram, values[i]))
			abort();
}

/* By the contract: exact below 64, else within 1/128. */
static bool is_near(uint64_t value, uint64_t exact)
{
	uint64_t error = value > exact ? value - exact : exact - value;

	return exact < HISTOGRAM_SUB_BUCKETS ? !error : error <= exact / 128;
}

/* Sorts the values, and looks at all percentiles. */
static void check_values(const char *what, uint64_t *values, size_t n)
{
	struct histogram histogram = { 0 };
	unsigned int n_wrong = 0;
	uint64_t sum = 0, previous = 0;

	add_all(&histogram, values, n);
	qsort(values, n, sizeof(*values), compare);
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	for (unsigned int percent = 1; percent <= 100; percent++) {
		uint64_t exact = values[(n * percent + 99) / 100 - 1];
		uint64_t value = histogram_percentile(&histogram, percent);

		if ((!is_near(value, exact) || value < previous || value > values[n - 1]) && !n_wrong++)
			printf("# p%u of %s is %" PRIu64 ", not %" PRIu64 "\n", percent, what, value, exact);
		previous = value;
	}
	check(!n_wrong && histogram.count == n && histogram.sum == sum && histogram.max == values[n - 1],
	      "%zu values, %s", n, what);
	histogram_clear(&histogram);
}

/* ---- distributions ---- */

static uint64_t any(uint64_t *state)
{
	return random_next(state);
}

static uint64_t below_100(uint64_t *state)
{
	return random_below(state, 100);
}

static uint64_t of_any_size(uint64_t *state)
{
	return random_next(state) >> random_below(state, 64);
}

static uint64_t long_tail(uint64_t *state)
{
	uint64_t value = 50000;

	while (random_below(state, 4) == 0)
		value *= 3;
	return value + random_below(state, value);
}

static uint64_t two_peaks(uint64_t *state)
{
	return (random_below(state, 100) < 99 ? 1000 : UINT64_C(2000000000)) + random_below(state, 50);
}

static uint64_t beside_powers(uint64_t *state)
{
	return (UINT64_C(1) << random_below(state, 64)) - 1 + random_below(state, 3);
}

static uint64_t constant(uint64_t *state)
{
	(void)state;
	return 123456789;
}

static void check_distributions(void)
{
	static const struct {
		const char *name;
		uint64_t (*draw)(uint64_t *state);
	} distributions[] = {
		{ "all 64 bits", any },       { "below 100", below_100 }, { "of any size", of_any_size },
		{ "a long tail", long_tail }, { "two peaks", two_peaks }, { "beside powers of two", beside_powers },
		{ "all the same", constant },
	};
	static const size_t counts[] = { 1, 2, 3, 99, 100, 101, 1000, VALUES_MAX };
	static uint64_t values[VALUES_MAX];
	uint64_t state = 3;

	for (size_t i = 0; i < sizeof(distributions) / sizeof(distributions[0]); i++) {
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
			for (size_t k = 0; k < counts[j]; k++)
				values[k] = distributions[i].draw(&state);
			check_values(distributions[i].name, values, counts[j]);
		}
	}
}

/* ---- edges ---- */

static void check_edges(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  62,
					  63,
					  64,
					  65,
					  127,
					  128,
					  129,
					  UINT64_C(1) << 32,
					  UINT64_C(1) << 63,
					  (UINT64_C(1) << 63) - 1,
					  UINT64_MAX - 1,
					  UINT64_MAX };
	unsigned int n_wrong = 0;

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		uint64_t twice[2] = { edges[i], edges[i] };
		char what[64];

		snprintf(what, sizeof(what), "%" PRIu64 " twice", edges[i]);
		check_values(what, twice, 2);
	}
	for (uint64_t value = 0; value < 1 << 16; value++) {
		struct histogram histogram = { 0 };

		histogram_add(&histogram, value);
		histogram_add(&histogram, UINT64_MAX); /* so that the largest value hides nothing */
		n_wrong += !is_near(histogram_percentile(&histogram, 50), value);
		histogram_clear(&histogram);
	}
	check(!n_wrong, "each value below 65536 lies in a bucket that is near it: %u do not", n_wrong);
}

static void check_empty(void)
{
	struct histogram histogram = { 0 };

	check(histogram_percentile(&histogram, 50) == 0 && histogram_percentile(&histogram, 100) == 0,
	      "an empty histogram has percentiles of 0");
	histogram_add(&histogram, 1000);
	histogram_clear(&histogram);
	check(!histogram.count && !histogram.sum && !histogram.max && histogram_percentile(&histogram, 99) == 0,
	      "a cleared histogram is empty");
	histogram_add(&histogram, 7);
	check(histogram_percentile(&histogram, 99) == 7, "a cleared histogram can be used again");
	histogram_clear(&histogram);
	histogram_clear(&histogram);
}

static void check_octaves(void)
{
	struct histogram histogram = { 0 };
	uint64_t sum = 0;

	for (uint64_t value = 0; value < 1 << 12; value++)
		histogram_add(&histogram, value);
	check(histogram_octave(&histogram, 0) == 64 && histogram_octave(&histogram, 1) == 64 &&
		      histogram_octave(&histogram, 2) == 128 && histogram_octave(&histogram, 6) == 2048,
	      "an octave has as many values as lie between two powers of two");
	check(!histogram_octave(&histogram, 7), "and none where there are none");
	for (unsigned int octave = 0; octave < HISTOGRAM_BLOCKS; octave++)
		sum += histogram_octave(&histogram, octave);
	check(sum == histogram.count, "together they have all");
	histogram_clear(&histogram);
}

int main(void)
{
	check_distributions();
	check_edges();
	check_empty();
	check_octaves();
	return finish_tests();
}
