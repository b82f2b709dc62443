/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_SIZE_FIRST = 64 };

/* FNV-1a over the values and their lengths, so that ("a", "bc") and ("ab", "c") differ. */
static uint64_t hash_labels(const struct label_text *values, unsigned int n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned int i = 0; i < n; i++) {
		for (size_t j = 0; j < values[i].length; j++)
			hash = (hash ^ (unsigned char)values[i].bytes[j]) * UINT64_C(0x100000001b3);
		hash = (hash ^ values[i].length ^ 0x100) * UINT64_C(0x100000001b3);
	}
	return hash ^ hash >> 32;
}

static bool labels_equal(const struct series *series, const struct label_text *values, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (series->labels[i].length != values[i].length ||
		    memcmp(series->labels[i].bytes, values[i].bytes, values[i].length))
			return false;
	return true;
}

static unsigned int count_buckets(const struct metric_shape *shape)
{
	return shape->type == METRIC_HISTOGRAM ? shape->n_bounds + 1 : 0;
}

/* One piece of memory: the series, its labels, its buckets, the bytes of its labels. */
static struct series *series_new(const struct metric *metric, const struct label_text *values, unsigned int n_labels)
{
	size_t head = sizeof(struct series) + n_labels * sizeof(struct label_text);
	size_t buckets = count_buckets(metric->shape) * sizeof(uint64_t), bytes = 0;

	for (unsigned int i = 0; i < n_labels; i++)
		bytes += values[i].length;
	struct series *series = calloc(1, head + buckets + bytes);
	if (!series)
		return NULL;
	series->counts = (uint64_t *)((char *)series + head);
	char *at = (char *)series + head + buckets;
	for (unsigned int i = 0; i < n_labels; i++) {
		series->labels[i] = (struct label_text){ at, values[i].length };
		memcpy(at, values[i].bytes, values[i].length);
		at += values[i].length;
	}
	return series;
}

int metric_open(struct metric *metric, const struct metric_shape *shape, unsigned int series_max)
{
	*metric = (struct metric){ .shape = shape, .series_max = series_max, .table_size = TABLE_SIZE_FIRST };
	while (metric->n_labels < METRIC_LABELS_MAX && shape->labels[metric->n_labels])
		metric->n_labels++;
	metric->table = calloc(metric->table_size, sizeof(struct series *));
	/* Made before it is needed: the last resort must not depend on memory. */
	metric->overflow = series_new(metric, NULL, 0);
	return metric->table && metric->overflow ? 0 : -ENOMEM;
}

void metric_close(struct metric *metric)
{
	for (unsigned int i = 0; metric->table && i < metric->table_size; i++)
		free(metric->table[i]);
	free(metric->table);
	free(metric->overflow);
	metric->table = NULL;
	metric->overflow = NULL;
}

/* Where the series of these labels is, or belongs. */
static struct series **find_slot(const struct metric *metric, uint64_t hash, const struct label_text *values)
{
	for (uint64_t i = hash;; i++) {
		struct series **slot = &metric->table[i & (metric->table_size - 1)];

		if (!*slot || ((*slot)->hash == hash && labels_equal(*slot, values, metric->n_labels)))
			return slot;
	}
}

static bool grow_table(struct metric *metric)
{
	struct series **old = metric->table;
	unsigned int old_size = metric->table_size;
	struct series **larger = calloc(2 * (size_t)old_size, sizeof(struct series *));

	if (!larger)
		return false;
	metric->table = larger;
	metric->table_size = 2 * old_size;
	for (unsigned int i = 0; i < old_size; i++)
		if (old[i])
			*find_slot(metric, old[i]->hash, old[i]->labels) = old[i];
	free(old);
	return true;
}

static struct series *add_series(struct metric *metric, uint64_t hash, const struct label_text *values)
{
	if (metric->n_series == metric->series_max ||
	    (metric->n_series >= metric->table_size / 2 && !grow_table(metric)))
		return NULL;
	struct series *series = series_new(metric, values, metric->n_labels);
	if (!series)
		return NULL;
	series->hash = hash;
	*find_slot(metric, hash, values) = series;
	metric->n_series++;
	return series;
}

struct series *metric_get(struct metric *metric, const struct label_text *values)
{
	uint64_t hash = hash_labels(values, metric->n_labels);
	struct series *series = *find_slot(metric, hash, values);

	if (!series)
		series = add_series(metric, hash, values);
	if (series)
		return series;
	metric->overflowed = true;
	return metric->overflow;
}

/* A series does not hold the number of its labels: it comes along. */
static int compare_series(const void *a, const void *b, void *n_labels)
{
	const struct series *left = *(const struct series *const *)a, *right = *(const struct series *const *)b;

	for (unsigned int i = 0; i < *(const unsigned int *)n_labels; i++) {
		const struct label_text *x = &left->labels[i], *y = &right->labels[i];
		int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);

		if (order)
			return order;
		if (x->length != y->length)
			return x->length < y->length ? -1 : 1;
	}
	return 0;
}

const struct series **metric_sort(const struct metric *metric, unsigned int *n)
{
	const struct series **sorted = calloc((size_t)metric->n_series + 1, sizeof(struct series *));
	unsigned int n_labels = metric->n_labels;

	*n = 0;
	if (!sorted)
		return NULL;
	for (unsigned int i = 0; i < metric->table_size; i++)
		if (metric->table[i])
			sorted[(*n)++] = metric->table[i];
	qsort_r(sorted, *n, sizeof(struct series *), compare_series, &n_labels);
	if (metric->overflowed)
		sorted[(*n)++] = metric->overflow;
	return sorted;
}

void series_add(struct series *series, double amount)
{
	series->value += amount;
}

void series_set(struct series *series, double value)
{
	series->value = value;
}

void metric_observe(const struct metric *metric, struct series *series, double value, uint64_t weight)
{
	const struct metric_shape *shape = metric->shape;
	unsigned int bucket = 0;

	/* Bounds are few, and most values lie low. */
	while (bucket < shape->n_bounds && value > shape->bounds[bucket])
		bucket++;
	series->counts[bucket] += weight;
	series->value += value * (double)weight;
}
