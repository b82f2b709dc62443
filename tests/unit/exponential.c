/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exponential histogram: every boundary of the finest scale, against boundaries computed with 128 bits; values of any
 * size against long double; and whole histograms against one that counts the values it has kept one by one.
 */
#include "common/metrics/exponential.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

typedef unsigned __int128 wide;

enum { VALUES_MAX = 5000 };

/* ---- buckets of values ---- */

/* a * b of numbers with 126 bits behind the point. */
static wide wide_multiply(wide a, wide b)
{
	wide middle = (wide)(uint64_t)(a >> 64) * (uint64_t)b, other = (wide)(uint64_t)a * (uint64_t)(b >> 64);
	wide low = (wide)(uint64_t)a * (uint64_t)b >> 64;
	wide high = (wide)(uint64_t)(a >> 64) * (uint64_t)(b >> 64);

	low += (wide)(uint64_t)middle + (uint64_t)other;
	high += (middle >> 64) + (other >> 64) + (low >> 64);
	return high << 2 | (uint64_t)low >> 62;
}

static wide wide_root(wide square)
{
	wide root = 0;

	for (wide bit = (wide)1 << 126; bit; bit >>= 1)
		if (wide_multiply(root | bit, root | bit) <= square)
			root |= bit;
	return root;
}

static wide roots[EXPONENTIAL_SCALE_MAX]; /* 2^(1/2), 2^(1/4), ... */
static unsigned int n_boundaries, n_wrong_boundaries;

/* The doubles below and above 2^(k / 2^20) for all k whose first `level` bits those of `k` are. */
static void check_boundaries(unsigned int level, wide boundary, uint32_t k)
{
	if (level < EXPONENTIAL_SCALE_MAX) {
		check_boundaries(level + 1, boundary, k << 1);
		check_boundaries(level + 1, wide_multiply(boundary, roots[level]), k << 1 | 1);
		return;
	}
	double below = ldexp((double)(uint64_t)(boundary >> 74), -52);
	double above = k ? below + DBL_EPSILON : below;

	n_boundaries++;
	if (k == 0)
		n_wrong_boundaries += exponential_index(below, EXPONENTIAL_SCALE_MAX) != -1;
	else
		n_wrong_boundaries += exponential_index(below, EXPONENTIAL_SCALE_MAX) != (int32_t)k - 1 ||
				      exponential_index(above, EXPONENTIAL_SCALE_MAX) != (int32_t)k;
	double computed = exponential_boundary((int32_t)k, EXPONENTIAL_SCALE_MAX);
	n_wrong_boundaries += fabs(computed - below) > 2 * DBL_EPSILON;
}

static void test_boundaries(void)
{
	wide root = (wide)2 << 126;

	for (int i = 0; i < EXPONENTIAL_SCALE_MAX; i++) {
		/* wide_root() would need one bit more for 2. */
		root = i ? wide_root(root) : wide_root((wide)1 << 125) << 1;
		roots[i] = root;
	}
	check_boundaries(0, (wide)1 << 126, 0);
	check(n_boundaries == 1 << EXPONENTIAL_SCALE_MAX && !n_wrong_boundaries,
	      "the doubles on both sides of %u boundaries of scale 20 lie in their buckets, %u do not", n_boundaries,
	      n_wrong_boundaries);
}

/* Powers of two close their buckets, at every scale, and the doubles above them open the next ones. */
static void test_powers(void)
{
	for (int scale = EXPONENTIAL_SCALE_MIN; scale <= EXPONENTIAL_SCALE_MAX; scale++) {
		unsigned int n_wrong = 0;

		for (int k = -1074; k < 1024; k++) {
			int64_t unit = scale > 0 ? INT64_C(1) << scale : 1;
			int64_t at = scale > 0 ? k * unit - 1 : (k - 1) >> -scale;
			int64_t above = scale > 0 ? k * unit : k >> -scale;

			n_wrong += exponential_index(ldexp(1, k), scale) != at;
			n_wrong += k >= -1022 && exponential_index(nextafter(ldexp(1, k), INFINITY), scale) != above;
			n_wrong += k > -1022 && exponential_index(nextafter(ldexp(1, k), 0), scale) != at;
			n_wrong += scale > 0 && exponential_boundary((int32_t)(k * unit), scale) != ldexp(1, k);
		}
		check(!n_wrong, "all powers of two are exact at scale %d, %u are not", scale, n_wrong);
	}
}

static double any_value(uint64_t *state)
{
	double value;

	do {
		uint64_t bits = random_next(state) >> 1;

		if (random_below(state, 10) == 0)
			bits >>= 11 + random_below(state, 52); /* subnormal */
		memcpy(&value, &bits, sizeof(value));
	} while (!isfinite(value) || value == 0);
	return value;
}

static void test_any_values(void)
{
	unsigned int n_wrong = 0, n_doubtful = 0, n_unlike = 0;
	enum { ROUNDS = 300000 };
	uint64_t state = 1;

	for (int i = 0; i < ROUNDS; i++) {
		int scale = EXPONENTIAL_SCALE_MIN + (int)random_below(&state, 31);
		double value = any_value(&state);
		long double logarithm = ldexpl(log2l(value), scale);
		int32_t index = exponential_index(value, scale);

		if (fabsl(logarithm - roundl(logarithm)) < ldexpl(1, scale - 52))
			n_doubtful++;
		else
			n_wrong += index != (int32_t)ceill(logarithm) - 1;
		n_unlike += scale > EXPONENTIAL_SCALE_MIN && exponential_index(value, scale - 1) != index >> 1;
	}
	check(!n_wrong && n_doubtful < ROUNDS / 10, "%d values agree with long double, %u do not, %u too near to say",
	      ROUNDS, n_wrong, n_doubtful);
	check(!n_unlike, "one scale less halves the index, but for %u", n_unlike);
}

static void test_ends(void)
{
	check(exponential_boundary(1 << 30, 20) == INFINITY && exponential_boundary(-1075 * (1 << 20), 20) == 0 &&
		      exponential_boundary(1, -10) == INFINITY && exponential_boundary(-2, -10) == 0 &&
		      exponential_boundary(-1074 * (1 << 20), 20) == DBL_TRUE_MIN,
	      "a boundary that no double is is infinity or 0");
	check(exponential_index(DBL_TRUE_MIN, -10) == -2 && exponential_index(DBL_MAX, -10) == 0 &&
		      exponential_index(DBL_TRUE_MIN, 20) == -1074 * (1 << 20) - 1 &&
		      exponential_index(DBL_MAX, 20) == (1 << 30) - 1,
	      "the smallest and the largest double have buckets at all scales");
}

/* ---- histograms ---- */

struct measurement {
	double value;
	uint64_t weight;
};

/* What the buckets of a sign are at a scale; the number of buckets, and of wrong ones where `range` is to be checked. */
static unsigned int count_buckets(const struct measurement *measurements, size_t n, double sign, int scale,
				  const struct exponential_range *range, unsigned int *n_wrong)
{
	int64_t first = INT64_MAX, last = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		if (measurements[i].value * sign <= 0 || !measurements[i].weight)
			continue;
		int64_t index = exponential_index(fabs(measurements[i].value), scale);
		first = index < first ? index : first;
		last = index > last ? index : last;
	}
	uint64_t size = first > last ? 0 : (uint64_t)(last - first + 1);
	if (range && (range->n != size || (size && range->offset != first))) {
		++*n_wrong;
	} else if (range && size) {
		uint64_t *counts = calloc(size, sizeof(*counts));

		for (size_t i = 0; i < n; i++)
			if (measurements[i].value * sign > 0)
				counts[exponential_index(fabs(measurements[i].value), scale) - first] +=
					measurements[i].weight;
		*n_wrong += memcmp(counts, range->counts, size * sizeof(*counts)) != 0;
		free(counts);
	}
	return size > UINT_MAX ? UINT_MAX : (unsigned int)size;
}

/* Whether a histogram is what these measurements make, at the best scale that there is. */
static bool is_right(const struct exponential *histogram, const struct measurement *measurements, size_t n)
{
	uint64_t count = 0, zeros = 0;
	double min = INFINITY, max = -INFINITY;
	long double sum = 0, magnitude = 0;
	unsigned int n_wrong = 0;
	int scale = histogram->max_scale;

	for (size_t i = 0; i < n; i++) {
		if (!measurements[i].weight)
			continue;
		count += measurements[i].weight;
		zeros += measurements[i].value == 0 ? measurements[i].weight : 0;
		min = fmin(min, measurements[i].value);
		max = fmax(max, measurements[i].value);
		sum += (long double)measurements[i].value * measurements[i].weight;
		magnitude += fabsl((long double)measurements[i].value * measurements[i].weight);
	}
	while (count_buckets(measurements, n, 1, scale, NULL, NULL) > histogram->max_size ||
	       count_buckets(measurements, n, -1, scale, NULL, NULL) > histogram->max_size)
		scale--;
	count_buckets(measurements, n, 1, scale, &histogram->positive, &n_wrong);
	count_buckets(measurements, n, -1, scale, &histogram->negative, &n_wrong);
	if (!count)
		min = max = 0;
	bool sum_fits = !isfinite((double)magnitude) || fabsl(histogram->sum - sum) <= 1e-12L * magnitude;
	return !n_wrong && histogram->scale == scale && histogram->count == count && histogram->zero_count == zeros &&
	       histogram->min == min && histogram->max == max && sum_fits;
}

/* ---- distributions ---- */

static double latency(uint64_t *state)
{
	return 0.005 * pow(10, (double)random_below(state, 3000) / 1000);
}

static double of_any_size(uint64_t *state)
{
	return any_value(state) * (random_below(state, 2) ? 1 : -1);
}

static double small_integer(uint64_t *state)
{
	return (double)random_below(state, 21) - 10;
}

static double narrow(uint64_t *state)
{
	return 1 + (double)random_below(state, 1000) * DBL_EPSILON;
}

static double same(uint64_t *state)
{
	(void)state;
	return 0.25;
}

static double only_zero(uint64_t *state)
{
	return random_below(state, 2) ? 0.0 : -0.0;
}

static double negative(uint64_t *state)
{
	return -exp2(-(double)random_below(state, 30));
}

static const struct {
	const char *name;
	double (*draw)(uint64_t *state);
} distributions[] = {
	{ "latencies", latency },
	{ "values of any size", of_any_size },
	{ "small integers", small_integer },
	{ "a narrow range", narrow },
	{ "all the same", same },
	{ "zeros", only_zero },
	{ "negative powers", negative },
};

enum { N_DISTRIBUTIONS = sizeof(distributions) / sizeof(distributions[0]) };

static const struct {
	unsigned int size;
	int scale;
} shapes[] = { { 160, 20 }, { 2048, 7 }, { 3, 20 }, { 4, 0 }, { 10, -10 }, { 3, -10 }, { 160, 3 } };

enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static void draw(unsigned int distribution, struct measurement *measurements, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++)
		measurements[i] = (struct measurement){ distributions[distribution].draw(state),
							random_below(state, 8) ? 1 : random_below(state, 1000) };
}

static void add_all(struct exponential *histogram, const struct measurement *measurements, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!exponential_add(histogram, measurements[i].value, measurements[i].weight))
			abort();
}

static void test_adding(void)
{
	static const size_t counts[] = { 0, 1, 2, 3, 10, 100, VALUES_MAX };
	static struct measurement measurements[VALUES_MAX];
	uint64_t state = 2;

	for (unsigned int i = 0; i < N_DISTRIBUTIONS; i++) {
		unsigned int n_wrong = 0;

		for (unsigned int j = 0; j < N_SHAPES; j++) {
			for (unsigned int k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
				struct exponential histogram;

				exponential_init(&histogram, shapes[j].size, shapes[j].scale);
				draw(i, measurements, counts[k], &state);
				add_all(&histogram, measurements, counts[k]);
				n_wrong += !is_right(&histogram, measurements, counts[k]);
				n_wrong += histogram.positive.capacity > shapes[j].size;
				exponential_clear(&histogram);
				n_wrong += !is_right(&histogram, measurements, 0);
			}
		}
		check(!n_wrong, "%s are counted as one by one, but for %u", distributions[i].name, n_wrong);
	}
}

/* After every single value, while the scale falls. */
static void test_every_step(void)
{
	enum { STEPS = 300 };
	static struct measurement measurements[STEPS];
	unsigned int n_wrong = 0;
	uint64_t state = 3;

	for (unsigned int i = 0; i < N_DISTRIBUTIONS; i++) {
		struct exponential histogram;

		exponential_init(&histogram, 20, 20);
		draw(i, measurements, STEPS, &state);
		for (size_t n = 0; n < STEPS; n++) {
			add_all(&histogram, measurements + n, 1);
			n_wrong += !is_right(&histogram, measurements, n + 1);
		}
		exponential_clear(&histogram);
	}
	check(!n_wrong, "the scale is the best one after every value, but for %u", n_wrong);
}

static bool have_same(const struct exponential *a, const struct exponential *b)
{
	const struct exponential_range *left[] = { &a->positive, &a->negative };
	const struct exponential_range *right[] = { &b->positive, &b->negative };

	for (int i = 0; i < 2; i++)
		if (left[i]->n != right[i]->n ||
		    (left[i]->n && (left[i]->offset != right[i]->offset ||
				    memcmp(left[i]->counts, right[i]->counts, left[i]->n * sizeof(uint64_t)) != 0)))
			return false;
	return (a->scale == b->scale || a->zero_count == a->count) && a->count == b->count &&
	       a->zero_count == b->zero_count && a->min == b->min && a->max == b->max;
}

/* ---- merging ---- */

static void test_merging(void)
{
	static struct measurement measurements[VALUES_MAX];
	unsigned int n_wrong = 0, n_merged = 0;
	uint64_t state = 4;

	for (unsigned int round = 0; round < 600; round++) {
		unsigned int shape = round % N_SHAPES;
		size_t n = 0;
		struct exponential whole;

		exponential_init(&whole, shapes[shape].size, shapes[shape].scale);
		for (uint64_t parts = random_below(&state, 5); parts; parts--) {
			struct exponential part;
			size_t size = random_below(&state, random_below(&state, 2) ? 5 : 300);

			exponential_init(&part, shapes[shape].size, shapes[shape].scale);
			draw((unsigned int)random_below(&state, N_DISTRIBUTIONS), measurements + n, size, &state);
			add_all(&part, measurements + n, size);
			n += size;
			if (!exponential_merge(&whole, &part))
				abort();
			exponential_clear(&part);
			n_merged++;
		}
		n_wrong += !is_right(&whole, measurements, n);
		exponential_clear(&whole);
	}
	check(!n_wrong, "%u merged histograms are as if each value had been added, but for %u", n_merged, n_wrong);
}

/* Of different sizes and scales: into a coarse histogram a fine one goes as its values would; into a fine one a coarse one
 * goes as it is. */
static void test_merging_unlike(void)
{
	static struct measurement measurements[VALUES_MAX];
	struct exponential fine, coarse, into;
	unsigned int n_wrong = 0;
	uint64_t state = 5;

	for (unsigned int round = 0; round < 200; round++) {
		unsigned int kind = round % N_DISTRIBUTIONS;

		exponential_init(&fine, 2048, 20);
		exponential_init(&coarse, 20, 3);
		exponential_init(&into, 160, 20);
		draw(kind, measurements, 200, &state);
		add_all(&fine, measurements, 100);
		add_all(&coarse, measurements + 100, 100);
		exponential_merge(&into, &coarse);
		n_wrong += !have_same(&into, &coarse);
		exponential_merge(&into, &fine);
		n_wrong += into.count != fine.count + coarse.count ||
			   (into.scale > coarse.scale && into.zero_count < into.count);
		exponential_merge(&coarse, &fine);
		n_wrong += !is_right(&coarse, measurements, 200);
		exponential_clear(&fine);
		exponential_clear(&coarse);
		exponential_clear(&into);
	}
	check(!n_wrong, "histograms of different sizes and scales are merged, but for %u", n_wrong);
}

static void test_merging_foreign(void)
{
	uint64_t counts[] = { 0, 0, 5, 0, 7, 0 }, none[] = { 0, 0 };
	struct exponential into, from = { .scale = 0, .count = 12, .sum = 30, .min = 1.5, .max = 8 };

	from.positive = (struct exponential_range){ .offset = -2, .n = 6, .counts = counts };
	from.negative = (struct exponential_range){ .offset = 1000, .n = 2, .counts = none };
	exponential_init(&into, 3, 20);
	check(exponential_merge(&into, &from) && into.scale == 0 && into.positive.n == 3 && into.positive.offset == 0 &&
		      into.positive.counts[0] == 5 && into.positive.counts[1] == 0 && into.positive.counts[2] == 7 &&
		      into.negative.n == 0 && into.count == 12 && into.sum == 30 && into.min == 1.5 && into.max == 8,
	      "empty buckets at the ends take no room");
	exponential_clear(&into);
	exponential_add(&into, 1, 1);
	from = (struct exponential){ .scale = -10, .zero_count = 3, .count = 3 };
	check(exponential_merge(&into, &from) && into.scale == 20 && into.count == 4 && into.zero_count == 3 &&
		      into.min == 0,
	      "zeros alone do not lower the scale");
	exponential_clear(&into);
}

/* ---- quantiles ---- */

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* By the contract: off by a factor of 2^(2^-(scale + 1)) at most, and by the rounding of what is subnormal. */
static bool is_near(double value, double exact, int scale)
{
	double factor = exp2(exp2(-(scale + 1))) * (1 + 1e-12), magnitude = fabs(exact);

	if (exact == 0 || (value < 0) != (exact < 0))
		return value == exact;
	return fabs(value) <= magnitude * factor + DBL_TRUE_MIN && fabs(value) >= magnitude / factor - DBL_TRUE_MIN;
}

static void check_quantiles(unsigned int distribution, unsigned int shape, size_t n, uint64_t *state,
			    unsigned int *n_wrong)
{
	static double values[VALUES_MAX];
	double previous = -INFINITY;
	struct exponential histogram;

	exponential_init(&histogram, shapes[shape].size, shapes[shape].scale);
	for (size_t i = 0; i < n; i++) {
		values[i] = distributions[distribution].draw(state);
		exponential_add(&histogram, values[i], 1);
	}
	qsort(values, n, sizeof(*values), compare);
	for (unsigned int part = 0; part <= 1000; part++) {
		size_t rank = (n * part + 999) / 1000;
		double exact = values[rank ? rank - 1 : 0];
		double value = exponential_quantile(&histogram, part / 1000.0);

		*n_wrong += !is_near(value, exact, histogram.scale) || value < previous;
		previous = value;
	}
	exponential_clear(&histogram);
}

static void test_quantiles(void)
{
	static const size_t counts[] = { 1, 2, 3, 10, 100, 1000, VALUES_MAX };
	uint64_t state = 6;

	for (unsigned int i = 0; i < N_DISTRIBUTIONS; i++) {
		unsigned int n_wrong = 0;

		for (unsigned int j = 0; j < N_SHAPES; j++)
			for (unsigned int k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
				check_quantiles(i, j, counts[k], &state, &n_wrong);
		check(!n_wrong, "quantiles of %s are as near as the scale promises, but for %u", distributions[i].name,
		      n_wrong);
	}
}

static void test_quantile_edges(void)
{
	struct exponential histogram;

	exponential_init(&histogram, 160, 20);
	check(exponential_quantile(&histogram, 0.5) == 0, "an empty histogram has quantiles of 0");
	exponential_add(&histogram, 3, 0);
	check(!histogram.count && !histogram.positive.n && histogram.min == 0, "a weight of 0 counts nothing");
	exponential_add(&histogram, 3, UINT64_MAX - 1);
	exponential_add(&histogram, -3, 1);
	check(is_near(exponential_quantile(&histogram, 0), -3, 20) &&
		      is_near(exponential_quantile(&histogram, 0.5), 3, 20) &&
		      is_near(exponential_quantile(&histogram, 1), 3, 20) && histogram.count == UINT64_MAX,
	      "counts may fill 64 bits");
	exponential_clear(&histogram);
	exponential_add(&histogram, DBL_MAX, 2);
	exponential_add(&histogram, DBL_TRUE_MIN, 2);
	check(is_near(exponential_quantile(&histogram, 0.5), DBL_TRUE_MIN, histogram.scale) &&
		      is_near(exponential_quantile(&histogram, 0.6), DBL_MAX, histogram.scale) &&
		      isinf(histogram.sum) && histogram.positive.n <= 160,
	      "the largest and the smallest double lie in one histogram");
	exponential_clear(&histogram);
}

/* ---- without memory ---- */

/* Volatile, as a compiler takes it that realloc() does not look at it. */
static volatile bool without_memory;

/* The sanitizers and valgrind have allocators of their own; what clang's say of themselves gcc does not understand. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define MEMORY_RUNS_OUT 1

void *__libc_realloc(void *old, size_t size);

/* Stands in for the C library's. */
void *realloc(void *old, size_t size)
{
	return without_memory ? NULL : __libc_realloc(old, size);
}
#else
#define MEMORY_RUNS_OUT 0
#endif

static bool memory_can_run_out(void)
{
	void *volatile nothing = NULL; /* realloc(NULL, ...) would be made malloc() */

	without_memory = true;
	void *block = realloc(nothing, 1);
	without_memory = false;
	free(block);
	return !block;
}

static void test_without_memory(void)
{
	struct measurement measurements[] = { { 1, 1 }, { -5, 2 }, { 0, 1 } };
	struct exponential histogram, other;

	if (!MEMORY_RUNS_OUT)
		return; /* the plain build looks at it */
	if (!memory_can_run_out()) {
		skip("what finds no memory is not counted", "memory cannot be made to run out under valgrind");
		return;
	}
	exponential_init(&histogram, 160, 20);
	exponential_init(&other, 160, 4);
	add_all(&histogram, measurements, 3);
	exponential_add(&other, 1, 1);
	exponential_add(&other, 1000, 1);
	without_memory = true;
	bool added = exponential_add(&histogram, 1e300, 1), merged = exponential_merge(&histogram, &other);
	bool known = exponential_add(&histogram, 1, 1);
	without_memory = false;
	measurements[0].weight++;
	check(!added && !merged && known && is_right(&histogram, measurements, 3),
	      "what finds no memory is not counted, and changes nothing");
	exponential_clear(&histogram);
	exponential_clear(&other);
}

int main(void)
{
	test_boundaries();
	test_powers();
	test_any_values();
	test_ends();
	test_adding();
	test_every_step();
	test_merging();
	test_merging_unlike();
	test_merging_foreign();
	test_quantiles();
	test_quantile_edges();
	test_without_memory();
	return finish_tests();
}
