/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/exponential.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 8, MANTISSA_BITS = 53 };

/* ---- from values to buckets, and back ---- */

/* floor(log2(mantissa) * 2^scale) of a mantissa in (1, 2), bit by bit: a square has twice the logarithm. Keeping 128 bits of
 * each square puts the logarithm off by less than 2^-120. That is enough: the boundaries of scale 20 have been tried, and
 * those of smaller scales are among them, and no double's logarithm is nearer to one of them than 2^-78. */
static uint32_t exact_log2(double mantissa, int scale)
{
	unsigned __int128 x = (unsigned __int128)(uint64_t)ldexp(mantissa, MANTISSA_BITS - 1) << (128 - MANTISSA_BITS);
	uint32_t bits = 0;

	for (int i = 0; i < scale; i++) {
		uint64_t high = (uint64_t)(x >> 64), low = (uint64_t)x;
		unsigned __int128 cross = (unsigned __int128)high * low;

		x = (unsigned __int128)high * high + (cross >> 63);
		bits = bits << 1 | (uint32_t)(x >> 127);
		if (!(x >> 127))
			x <<= 1;
	}
	return bits;
}

/* The same. log2() is good for all but the few values so near to a boundary that its last bits matter. */
static uint32_t fast_log2(double mantissa, int scale)
{
	double unit = 1 << scale, logarithm = log2(mantissa) * unit;
	double whole = floor(logarithm), doubt = unit * 0x1p-48;

	if (logarithm - whole > doubt && whole + 1 - logarithm > doubt)
		return (uint32_t)whole;
	return exact_log2(mantissa, scale);
}

int32_t exponential_index(double value, int scale)
{
	int exponent;
	double mantissa = 2 * frexp(value, &exponent);

	exponent--;
	if (scale <= 0)
		return (exponent - (mantissa == 1)) >> -scale;
	if (mantissa == 1)
		return exponent * (1 << scale) - 1;
	return exponent * (1 << scale) + (int32_t)fast_log2(mantissa, scale);
}

double exponential_boundary(int32_t index, int scale)
{
	return exp2(ldexp(index, -scale));
}

/* The middle of the bucket that holds the smallest doubles may be none itself. */
static double bucket_middle(int32_t index, int scale)
{
	return fmax(exp2(ldexp(index + 0.5, -scale)), DBL_TRUE_MIN);
}

/* ---- ranges of buckets ---- */

/* A first and a last bucket; none if the first is behind the last. */
struct extent {
	int64_t first, last;
};

static const struct extent nothing = { .first = 0, .last = -1 };

static bool is_empty(struct extent extent)
{
	return extent.first > extent.last;
}

static struct extent extent_shift(struct extent extent, int shift)
{
	return is_empty(extent) ? nothing : (struct extent){ extent.first >> shift, extent.last >> shift };
}

static struct extent extent_join(struct extent a, struct extent b)
{
	if (is_empty(a) || is_empty(b))
		return is_empty(a) ? b : a;
	return (struct extent){ a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last };
}

/* By how much the scale must fall for an extent to be of `size` buckets at most. */
static int extent_excess(struct extent extent, unsigned int size)
{
	int shift = 0;

	while ((extent.last >> shift) - (extent.first >> shift) >= size)
		shift++;
	return shift;
}

/* From the first bucket that is not empty to the last. */
static struct extent range_extent(const struct exponential_range *range)
{
	uint32_t first = 0, n = range->n;

	while (n && !range->counts[n - 1])
		n--;
	while (first < n && !range->counts[first])
		first++;
	return first < n ? (struct extent){ (int64_t)range->offset + first, (int64_t)range->offset + n - 1 } : nothing;
}

/* Makes room for an extent, which `max_size` buckets hold. */
static bool range_reserve(struct exponential_range *range, struct extent extent, unsigned int max_size)
{
	uint64_t wanted = (uint64_t)(extent.last - extent.first + 1);
	uint64_t capacity = range->capacity ? range->capacity : CAPACITY_MIN;

	if (wanted <= range->capacity)
		return true;
	while (capacity < wanted)
		capacity *= 2;
	if (capacity > max_size)
		capacity = max_size;
	uint64_t *counts = realloc(range->counts, capacity * sizeof(*counts));
	if (!counts)
		return false;
	range->counts = counts;
	range->capacity = (uint32_t)capacity;
	return true;
}

/* Merges 2^shift buckets into one. */
static void range_shift(struct exponential_range *range, int shift)
{
	int32_t offset = range->offset >> shift;
	uint32_t n = 0;

	for (uint32_t i = 0; i < range->n; i++) {
		uint32_t to = (uint32_t)(((range->offset + (int32_t)i) >> shift) - offset);
		uint64_t count = range->counts[i];

		if (to == n)
			range->counts[n++] = 0;
		range->counts[to] += count;
	}
	range->offset = offset;
	range->n = n;
}

/* Adds empty buckets to reach to both ends of an extent, for which there is room. */
static void range_extend(struct exponential_range *range, struct extent extent)
{
	struct extent now = { range->offset, (int64_t)range->offset + range->n - 1 };

	if (!range->n)
		now = nothing;
	struct extent then = extent_join(now, extent);
	uint32_t n = (uint32_t)(then.last - then.first + 1);
	uint32_t before = range->n ? (uint32_t)(now.first - then.first) : 0;
	if (is_empty(then) || n == range->n)
		return;
	memmove(range->counts + before, range->counts, range->n * sizeof(*range->counts));
	memset(range->counts, 0, before * sizeof(*range->counts));
	memset(range->counts + before + range->n, 0, (n - before - range->n) * sizeof(*range->counts));
	range->offset = (int32_t)then.first;
	range->n = n;
}

/* Adds the counts of a range whose scale is larger by `shift`, and for which there is room. */
static void range_add(struct exponential_range *into, const struct exponential_range *from, int shift)
{
	struct extent extent = range_extent(from);

	range_extend(into, extent_shift(extent, shift));
	for (int64_t index = extent.first; index <= extent.last; index++)
		into->counts[(index >> shift) - into->offset] += from->counts[index - from->offset];
}

/* ---- the histogram ---- */

/* Lowers the scale to `scale`, if it is larger, and then so far that the extents, which are of that scale, have room too;
 * and makes that room. Or changes nothing, and returns false. */
static bool make_room(struct exponential *histogram, struct extent positive, struct extent negative, int scale)
{
	int lower = histogram->scale > scale ? histogram->scale - scale : 0;

	positive = extent_join(positive, extent_shift(range_extent(&histogram->positive), lower));
	negative = extent_join(negative, extent_shift(range_extent(&histogram->negative), lower));
	int by_positive = extent_excess(positive, histogram->max_size);
	int by_negative = extent_excess(negative, histogram->max_size);
	int excess = by_positive > by_negative ? by_positive : by_negative;
	if (!range_reserve(&histogram->positive, extent_shift(positive, excess), histogram->max_size) ||
	    !range_reserve(&histogram->negative, extent_shift(negative, excess), histogram->max_size))
		return false;
	if (lower + excess) {
		range_shift(&histogram->positive, lower + excess);
		range_shift(&histogram->negative, lower + excess);
		histogram->scale -= lower + excess;
	}
	return true;
}

static bool add_to_bucket(struct exponential *histogram, double value, uint64_t weight)
{
	struct exponential_range *range = value > 0 ? &histogram->positive : &histogram->negative;
	int scale = histogram->scale;
	int64_t index = exponential_index(fabs(value), scale);
	struct extent extent = { index, index };

	/* Nearly always the bucket is there. */
	if (index < range->offset || index >= (int64_t)range->offset + range->n) {
		if (!make_room(histogram, value > 0 ? extent : nothing, value > 0 ? nothing : extent, scale))
			return false;
		index >>= scale - histogram->scale;
		range_extend(range, (struct extent){ index, index });
	}
	range->counts[index - range->offset] += weight;
	return true;
}

static void add_totals(struct exponential *histogram, double min, double max, double sum, uint64_t count)
{
	if (!histogram->count || min < histogram->min)
		histogram->min = min;
	if (!histogram->count || max > histogram->max)
		histogram->max = max;
	histogram->sum += sum;
	histogram->count += count;
}

void exponential_init(struct exponential *histogram, unsigned int max_size, int max_scale)
{
	*histogram = (struct exponential){ .scale = max_scale, .max_scale = max_scale, .max_size = max_size };
}

bool exponential_add(struct exponential *histogram, double value, uint64_t weight)
{
	if (!weight)
		return true;
	if (value == 0)
		histogram->zero_count += weight;
	else if (!add_to_bucket(histogram, value, weight))
		return false;
	add_totals(histogram, value, value, value * (double)weight, weight);
	return true;
}

bool exponential_merge(struct exponential *into, const struct exponential *from)
{
	struct extent positive = range_extent(&from->positive), negative = range_extent(&from->negative);

	if (!is_empty(positive) || !is_empty(negative)) {
		int finer = from->scale > into->scale ? from->scale - into->scale : 0;

		if (!make_room(into, extent_shift(positive, finer), extent_shift(negative, finer), from->scale - finer))
			return false;
		range_add(&into->positive, &from->positive, from->scale - into->scale);
		range_add(&into->negative, &from->negative, from->scale - into->scale);
	}
	if (from->count)
		add_totals(into, from->min, from->max, from->sum, from->count);
	into->zero_count += from->zero_count;
	return true;
}

static uint64_t rank_of(double q, uint64_t count)
{
	/* 0.07 * 100 is a little more than 7, as doubles go. */
	double rank = ceil(q * (double)count * (1 - 4 * DBL_EPSILON));

	if (rank >= (double)count)
		return count;
	return rank > 1 ? (uint64_t)rank : 1;
}

double exponential_quantile(const struct exponential *histogram, double q)
{
	const struct exponential_range *positive = &histogram->positive, *negative = &histogram->negative;
	uint64_t rank = rank_of(q, histogram->count);
	double value = histogram->max;

	for (uint32_t i = negative->n; i-- > 0;) {
		if (rank <= negative->counts[i]) {
			value = -bucket_middle(negative->offset + (int32_t)i, histogram->scale);
			return fmin(fmax(value, histogram->min), histogram->max);
		}
		rank -= negative->counts[i];
	}
	if (rank <= histogram->zero_count)
		return 0;
	rank -= histogram->zero_count;
	for (uint32_t i = 0; i < positive->n; i++) {
		if (rank <= positive->counts[i]) {
			value = bucket_middle(positive->offset + (int32_t)i, histogram->scale);
			break;
		}
		rank -= positive->counts[i];
	}
	return fmin(fmax(value, histogram->min), histogram->max);
}

void exponential_clear(struct exponential *histogram)
{
	free(histogram->positive.counts);
	free(histogram->negative.counts);
	exponential_init(histogram, histogram->max_size, histogram->max_scale);
}
