/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of 64-bit values, for percentiles: 64 buckets to each power of two, so that a percentile is
 * within 1/128 (0.8 %) of the value of that rank; values below 64 are exact. A power of two takes memory (512 bytes)
 * only once it holds a value.
 */
#ifndef OTB_HISTOGRAM_H
#define OTB_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTOGRAM_SUB_BUCKETS = 64, HISTOGRAM_BLOCKS = 59 };

struct histogram {
	uint64_t *blocks[HISTOGRAM_BLOCKS];
	uint64_t count, sum, max;
};

/* A zeroed histogram is an empty one. Returns false, and counts nothing, without memory. */
bool histogram_add(struct histogram *histogram, uint64_t value);

/* The same `n` times. */
bool histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t n);

/* The value of rank ceil(count * percent / 100) (nearest rank); 0 of an empty one. `percent` is 1 to 100. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned int percent);

/* How many values lie in one octave: 0 is [0, 64), n > 0 is [64 << (n - 1), 64 << n). */
uint64_t histogram_octave(const struct histogram *histogram, unsigned int octave);

/* Frees the memory; the histogram is empty then. */
void histogram_clear(struct histogram *histogram);

#endif
