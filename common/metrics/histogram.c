/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/histogram.h"

#include <stdlib.h>
#include <string.h>

enum { SUB_BITS = 6 };

/* Block 0 holds 0-63 one by one; block b > 0 holds [64 << (b - 1), 64 << b) in steps of 1 << (b - 1). */
static unsigned int block_of(uint64_t value)
{
	if (value < HISTOGRAM_SUB_BUCKETS)
		return 0;
	return 64 - SUB_BITS - (unsigned int)__builtin_clzll(value);
}

static unsigned int bucket_of(uint64_t value, unsigned int block)
{
	unsigned int shift = block ? block - 1 : 0;

	return (unsigned int)(value >> shift) % HISTOGRAM_SUB_BUCKETS;
}

static uint64_t middle_of(unsigned int block, unsigned int bucket)
{
	if (!block)
		return bucket;
	return ((uint64_t)(HISTOGRAM_SUB_BUCKETS + bucket) << (block - 1)) + ((UINT64_C(1) << (block - 1)) >> 1);
}

bool histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t n)
{
	unsigned int block = block_of(value);

	if (!histogram->blocks[block])
		histogram->blocks[block] = calloc(HISTOGRAM_SUB_BUCKETS, sizeof(uint64_t));
	if (!histogram->blocks[block])
		return false;
	histogram->blocks[block][bucket_of(value, block)] += n;
	histogram->count += n;
	histogram->sum += value * n;
	if (value > histogram->max)
		histogram->max = value;
	return true;
}

bool histogram_add(struct histogram *histogram, uint64_t value)
{
	return histogram_add_many(histogram, value, 1);
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned int percent)
{
	uint64_t rank = histogram->count / 100 * percent + (histogram->count % 100 * percent + 99) / 100;

	for (unsigned int block = 0; block < HISTOGRAM_BLOCKS; block++) {
		for (unsigned int i = 0; histogram->blocks[block] && i < HISTOGRAM_SUB_BUCKETS; i++) {
			uint64_t middle = middle_of(block, i);

			if (rank > histogram->blocks[block][i])
				rank -= histogram->blocks[block][i];
			else
				return middle < histogram->max ? middle : histogram->max;
		}
	}
	return histogram->max;
}

uint64_t histogram_octave(const struct histogram *histogram, unsigned int octave)
{
	uint64_t count = 0;

	for (unsigned int i = 0; histogram->blocks[octave] && i < HISTOGRAM_SUB_BUCKETS; i++)
		count += histogram->blocks[octave][i];
	return count;
}

void histogram_clear(struct histogram *histogram)
{
	for (unsigned int block = 0; block < HISTOGRAM_BLOCKS; block++)
		free(histogram->blocks[block]);
	memset(histogram, 0, sizeof(*histogram));
}
