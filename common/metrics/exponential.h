/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry's base-2 exponential histogram (specification/metrics/data-model.md, ExponentialHistogram; metrics/sdk.md,
 * Base2 Exponential Bucket Histogram Aggregation), for `exponential` rules (160 buckets, scale 20) and for quantiles of
 * summaries (2048 buckets, scale 7).
 *
 * At scale s the base is 2^(2^-s), and bucket i counts the values in (base^i, base^(i + 1)]; the values below zero are
 * counted by their magnitude, in buckets of their own; zeros have a count, and a threshold of 0. The scale begins as the
 * largest, and falls only as far as it takes to have at most `max_size` buckets between the smallest and the largest
 * value of a sign. So it depends on what was counted, and not on the order.
 *
 * Every finite double is counted in its bucket exactly, subnormal ones too: a boundary that is a double, which a power of
 * two alone is, closes its bucket, and of the doubles beside any other boundary each is on its own side.
 */
#ifndef OTB_EXPONENTIAL_H
#define OTB_EXPONENTIAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EXPONENTIAL_SCALE_MIN = -10,
	EXPONENTIAL_SCALE_MAX = 20,
	EXPONENTIAL_SIZE_MIN = 3, /* which all doubles need at the smallest scale */
};

/* Buckets offset .. offset + n - 1; the first and the last are not empty. As OTLP has it. */
struct exponential_range {
	int32_t offset;
	uint32_t n, capacity;
	uint64_t *counts;
};

struct exponential {
	int scale, max_scale;
	unsigned int max_size;
	uint64_t count, zero_count; /* all, and the zeros among them */
	double sum, min, max;       /* 0 while there is nothing; a sum may grow to infinity */
	struct exponential_range positive, negative;
};

/* An empty histogram with at most `max_size` (from EXPONENTIAL_SIZE_MIN on) buckets for each sign, at scale `max_scale`.
 * It takes memory with the first value; exponential_clear() is due then. */
void exponential_init(struct exponential *histogram, unsigned int max_size, int max_scale);

/* Counts a finite value `weight` times. Returns false, and counts nothing, without memory. */
bool exponential_add(struct exponential *histogram, double value, uint64_t weight);

/* Counts in `into` all that `from` has, as if it had been added there one by one (but for the rounding of the sum, and
 * what `from` no longer tells apart). Their sizes and scales may differ. `from` may come from elsewhere: empty buckets at
 * its ends do no harm, but its scale must be in range and its buckets must be those of doubles, from
 * exponential_index(DBL_TRUE_MIN, scale) to exponential_index(DBL_MAX, scale). Returns false, and changes nothing, without
 * memory. */
bool exponential_merge(struct exponential *into, const struct exponential *from);

/* The value of rank ceil(count * q), at least 1 (nearest rank; a product that only rounding lifts above an integer is that
 * integer); 0 of an empty histogram. `q` is 0 to 1. It is the geometric middle of that value's bucket, no less than `min`
 * and no more than `max`, so it is off by a factor of 2^(2^-(scale + 1)) at most: 0.28 % at scale 7, 2.2 % at scale 4, 41 %
 * at scale 0 (and by the rounding of subnormal numbers). */
double exponential_quantile(const struct exponential *histogram, double q);

/* Frees the memory; the histogram is empty then, and as exponential_init() left it. */
void exponential_clear(struct exponential *histogram);

/* The bucket of a finite value above 0. One scale less halves it, rounded down: index >> 1. */
int32_t exponential_index(double value, int scale);

/* base^index, where bucket `index` begins and the one before it ends, rounded to a double: infinity, or 0, where it is
 * none. */
double exponential_boundary(int32_t index, int scale);

#endif
