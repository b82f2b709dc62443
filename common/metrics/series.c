/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAMPLE_SIZE = METRIC_NAME_MAX + 16,
	TABLE_SIZE_FIRST = 64,
	BUCKETS_OF_OTLP = 160,
	SCALE_OF_OTLP = 20,
	BUCKETS_OF_QUANTILES = 2048
};

/* What a double holds exactly, and every format shows. */
static const uint64_t COUNT_MAX = UINT64_C(1) << 53;

/* 2^(1/2^7): quantiles within 0.3 %, until the values are spread over more than sixteen powers of two. */
enum { SCALE_OF_QUANTILES = 7 };

/* ---- shapes ---- */

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[METRIC_TYPES] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_SUMMARY] = "summary",
	};

	return names[type];
}

static bool lists_equal(const double *a, unsigned int n_a, const double *b, unsigned int n_b)
{
	return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof(*a)));
}

bool shape_equals(const struct metric_shape *a, const struct metric_shape *b)
{
	bool equal = !strcmp(a->name, b->name) && a->type == b->type && a->exponential == b->exponential &&
		     lists_equal(a->bounds, a->n_bounds, b->bounds, b->n_bounds);

	for (unsigned int i = 0; equal && i < METRIC_LABELS_MAX && (a->labels[i] || b->labels[i]); i++)
		equal = a->labels[i] && b->labels[i] && !strcmp(a->labels[i], b->labels[i]);
	return equal;
}

/* What `length` bytes of a name and a suffix make. */
static void make_sample(char sample[SAMPLE_SIZE], const char *name, size_t length, const char *suffix)
{
	snprintf(sample, SAMPLE_SIZE, "%.*s%s", (int)length, name, suffix);
}

/* The suffixes of a family's samples, and "" for the family itself, on what *length becomes of the name. */
static const char *const *suffixes_of(const struct metric_shape *shape, size_t *length)
{
	static const char *const counter[] = { "", COUNTER_SUFFIX, "_created", NULL };
	static const char *const gauge[] = { "", NULL };
	static const char *const info[] = { "", "_info", NULL };
	static const char *const histogram[] = { "", "_bucket", "_sum", "_count", "_created", NULL };
	static const char *const summary[] = { "", "_sum", "_count", "_created", NULL };
	size_t suffix = strlen(COUNTER_SUFFIX);

	*length = strlen(shape->name);
	if (shape->type == METRIC_COUNTER && *length > suffix &&
	    !strcmp(shape->name + *length - suffix, COUNTER_SUFFIX))
		*length -= suffix;
	if (shape->is_info)
		*length -= strlen("_info");
	switch (shape->type) {
	case METRIC_COUNTER:
		return counter;
	case METRIC_HISTOGRAM:
		return histogram;
	case METRIC_SUMMARY:
		return summary;
	default:
		return shape->is_info ? info : gauge;
	}
}

bool shapes_clash(const struct metric_shape *a, const struct metric_shape *b)
{
	char left[SAMPLE_SIZE], right[SAMPLE_SIZE];
	size_t a_length, b_length;
	const char *const *a_suffix = suffixes_of(a, &a_length), *const *b_suffixes = suffixes_of(b, &b_length);

	/* Nearly all differ in what they begin with. */
	if (strncmp(a->name, b->name, a_length < b_length ? a_length : b_length) != 0)
		return false;
	for (; *a_suffix; a_suffix++) {
		make_sample(left, a->name, a_length, *a_suffix);
		for (const char *const *b_suffix = b_suffixes; *b_suffix; b_suffix++) {
			make_sample(right, b->name, b_length, *b_suffix);
			if (!strcmp(left, right))
				return true;
		}
	}
	return false;
}

static unsigned int count_buckets(const struct metric_shape *shape)
{
	return shape->type == METRIC_HISTOGRAM ? shape->n_bounds + 1 : 1;
}

unsigned int metric_bucket(const struct metric_shape *shape, double value)
{
	unsigned int bucket = 0;

	if (shape->type != METRIC_HISTOGRAM)
		return 0;
	/* Bounds are few, and most values lie low. */
	while (bucket < shape->n_bounds && value > shape->bounds[bucket])
		bucket++;
	return bucket;
}

static void widen(const struct series *series, struct shown_bounds *shown)
{
	for (unsigned int i = 1; i <= shown->n; i++) {
		if (!series->counts[i])
			continue;
		shown->first = i < shown->first ? i : shown->first;
		shown->end = i >= shown->end ? i + 1 : shown->end;
	}
}

struct shown_bounds metric_shown_bounds(const struct metric *metric)
{
	struct shown_bounds shown = { .first = 0, .end = metric->shape->n_bounds, .n = metric->shape->n_bounds };

	if (!metric->shape->sparse)
		return shown;
	shown.first = shown.n;
	shown.end = 0;
	for (unsigned int i = 0; i < metric->table_size; i++)
		if (metric->table[i])
			widen(metric->table[i], &shown);
	widen(metric->overflow, &shown);
	/* A bucket whose lower bound is not there would seem to begin at the first. */
	shown.first -= shown.first > 0;
	return shown;
}

/* ---- keys ---- */

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* Over the values and their lengths, so that ("a", "bc") and ("ab", "c") differ. */
static uint64_t hash_labels(const struct label_text *values, unsigned int n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned int i = 0; i < n; i++) {
		const char *at = values[i].bytes;
		size_t left = values[i].length;
		uint64_t word;

		hash = mix(hash, left);
		for (; left >= sizeof(word); at += sizeof(word), left -= sizeof(word)) {
			memcpy(&word, at, sizeof(word));
			hash = mix(hash, word);
		}
		for (word = 0; left; left--)
			word = word << 8 | (unsigned char)at[left - 1];
		hash = mix(hash, word);
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

/* ---- a series ---- */

static void series_free(struct series *series)
{
	if (!series)
		return;
	if (series->exponential)
		exponential_clear(series->exponential);
	if (series->window) {
		exponential_clear(&series->window->now);
		exponential_clear(&series->window->before);
	}
	free(series->exponential);
	free(series->window);
	free(series->quantiles);
	free(series->exemplars);
	free(series);
}

static bool series_add_sketches(struct series *series, const struct metric_shape *shape)
{
	if (shape->type == METRIC_HISTOGRAM && shape->exponential) {
		series->exponential = malloc(sizeof(*series->exponential));
		if (!series->exponential)
			return false;
		exponential_init(series->exponential, BUCKETS_OF_OTLP, SCALE_OF_OTLP);
	}
	if (shape->type == METRIC_SUMMARY && !shape->rendered) {
		series->window = malloc(sizeof(*series->window));
		if (!series->window)
			return false;
		exponential_init(&series->window->now, BUCKETS_OF_QUANTILES, SCALE_OF_QUANTILES);
		exponential_init(&series->window->before, BUCKETS_OF_QUANTILES, SCALE_OF_QUANTILES);
	}
	return true;
}

/* One piece of memory: the series, its labels, its buckets, the bytes of its labels. */
static struct series *series_new(const struct metric *metric, const struct label_text *values, unsigned int n_labels)
{
	size_t head = sizeof(struct series) + n_labels * sizeof(struct label_text);
	size_t buckets = count_buckets(metric->shape) * sizeof(uint64_t), bytes = 0;
	struct series *series;
	char *at;

	for (unsigned int i = 0; i < n_labels; i++)
		bytes += values[i].length;
	series = calloc(1, head + buckets + bytes);
	if (!series)
		return NULL;
	series->counts = (uint64_t *)((char *)series + head);
	series->created_wall_ns = metric->now_wall_ns;
	series->seen_ns = metric->now_ns;
	at = (char *)series + head + buckets;
	for (unsigned int i = 0; i < n_labels; i++) {
		series->labels[i] = (struct label_text){ at, values[i].length };
		memcpy(at, values[i].bytes, values[i].length);
		at += values[i].length;
	}
	if (!series_add_sketches(series, metric->shape)) {
		series_free(series);
		return NULL;
	}
	return series;
}

/* ---- the table ---- */

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
		series_free(metric->table[i]);
	free(metric->table);
	series_free(metric->overflow);
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

/* Enters all series anew into a table of another size. */
static bool table_rebuild(struct metric *metric, unsigned int size)
{
	struct series **old = metric->table;
	unsigned int old_size = metric->table_size;
	struct series **table = calloc(size, sizeof(struct series *));

	if (!table)
		return false;
	metric->table = table;
	metric->table_size = size;
	for (unsigned int i = 0; i < old_size; i++)
		if (old[i])
			*find_slot(metric, old[i]->hash, old[i]->labels) = old[i];
	free(old);
	return true;
}

static struct series *add_series(struct metric *metric, uint64_t hash, const struct label_text *values)
{
	if (metric->n_series >= metric->series_max ||
	    (metric->n_series >= metric->table_size / 2 && !table_rebuild(metric, 2 * metric->table_size)))
		return NULL;
	struct series *series = series_new(metric, values, metric->n_labels);
	if (!series)
		return NULL;
	series->hash = hash;
	*find_slot(metric, hash, values) = series;
	metric->n_series++;
	return series;
}

struct series *metric_lookup(const struct metric *metric, const struct label_text *values)
{
	return *find_slot(metric, hash_labels(values, metric->n_labels), values);
}

struct series *metric_overflow(struct metric *metric)
{
	if (!metric->overflowed)
		metric->overflow->seen_ns = metric->now_ns;
	metric->overflowed = true;
	return metric->overflow;
}

struct series *metric_find(struct metric *metric, const struct label_text *values)
{
	uint64_t hash = hash_labels(values, metric->n_labels);
	struct series *series = *find_slot(metric, hash, values);

	if (!series)
		series = add_series(metric, hash, values);
	return series ? series : metric_overflow(metric);
}

struct series *metric_get(struct metric *metric, const struct label_text *values)
{
	struct series *series = metric_find(metric, values);

	series->seen_ns = metric->now_ns;
	metric->overflow_count += series == metric->overflow;
	return series;
}

static bool is_expired(const struct metric *metric, const struct series *series, uint64_t now_ns)
{
	return now_ns - series->seen_ns >= metric->shape->ttl_ns;
}

/* Those that stay may have stood behind one that goes, and so are entered anew. Returns how many went. */
static unsigned int expire_table(struct metric *metric, uint64_t now_ns)
{
	struct series **old = metric->table;
	unsigned int before = metric->n_series;

	if (!before)
		return 0;
	metric->table = calloc(metric->table_size, sizeof(struct series *));
	if (!metric->table) {
		metric->table = old;
		return 0;
	}
	for (unsigned int i = 0; i < metric->table_size; i++) {
		if (!old[i])
			continue;
		if (!is_expired(metric, old[i], now_ns)) {
			*find_slot(metric, old[i]->hash, old[i]->labels) = old[i];
			continue;
		}
		series_free(old[i]);
		metric->n_series--;
	}
	free(old);
	return before - metric->n_series;
}

/* There always is one, so that it need not be made when there is no memory. */
static unsigned int expire_overflow(struct metric *metric, uint64_t now_ns)
{
	struct series *fresh = NULL;

	if (metric->overflowed && is_expired(metric, metric->overflow, now_ns))
		fresh = series_new(metric, NULL, 0);
	if (!fresh)
		return 0;
	series_free(metric->overflow);
	metric->overflow = fresh;
	metric->overflowed = false;
	return 1;
}

unsigned int metric_expire(struct metric *metric, uint64_t now_ns)
{
	if (!metric->shape->ttl_ns)
		return 0;
	return expire_table(metric, now_ns) + expire_overflow(metric, now_ns);
}

void metric_take_over(struct metric *metric, struct metric *from)
{
	struct metric old = *metric;

	metric->table = from->table;
	metric->table_size = from->table_size;
	metric->n_series = from->n_series;
	metric->overflow = from->overflow;
	metric->overflowed = from->overflowed;
	metric->overflow_count = from->overflow_count;
	from->table = old.table;
	from->table_size = old.table_size;
	from->n_series = old.n_series;
	from->overflow = old.overflow;
	from->overflowed = false;
}

/* ---- order ---- */

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

/* ---- measurements ---- */

static void add_count(uint64_t *count, uint64_t n, uint64_t weight)
{
	bool fits = !__builtin_mul_overflow(n, weight, &n) && n <= COUNT_MAX - *count;

	*count = fits ? *count + n : COUNT_MAX;
}

void metric_add_counts(const struct metric *metric, struct series *series, const uint64_t *counts, double sum,
		       uint64_t weight)
{
	for (unsigned int i = 0; i <= metric->shape->n_bounds; i++)
		add_count(&series->counts[i], counts[i], weight);
	series->value += sum * (double)weight;
}

/* Its buckets add up to its count, and so it ends there as a whole. Without memory it misses a value that the series
 * has. */
static void add_to_exponential(struct exponential *exponential, double value, uint64_t weight)
{
	uint64_t room = COUNT_MAX - exponential->count;

	exponential_add(exponential, value, weight < room ? weight : room);
}

void metric_add(const struct metric *metric, struct series *series, double value, uint64_t weight)
{
	add_count(&series->counts[metric_bucket(metric->shape, value)], 1, weight);
	switch (metric->shape->type) {
	case METRIC_COUNTER:
		series->value += value;
		break;
	case METRIC_GAUGE:
		series->value = value;
		break;
	case METRIC_HISTOGRAM:
		series->value += value * (double)weight;
		if (series->exponential)
			add_to_exponential(series->exponential, value, weight);
		break;
	case METRIC_SUMMARY:
		series->value += value * (double)weight;
		add_to_exponential(&series->window->now, value, weight);
		break;
	default:
		break;
	}
}

struct exemplar *metric_exemplar(const struct metric *metric, struct series *series, double value)
{
	const struct metric_shape *shape = metric->shape;

	if (!shape->has_exemplars || (shape->type != METRIC_COUNTER && shape->type != METRIC_HISTOGRAM))
		return NULL;
	if (!series->exemplars)
		series->exemplars = calloc(count_buckets(shape), sizeof(*series->exemplars));
	return series->exemplars ? &series->exemplars[metric_bucket(shape, value)] : NULL;
}

bool series_quantiles(const struct series *series, struct exponential *both)
{
	exponential_init(both, BUCKETS_OF_QUANTILES, SCALE_OF_QUANTILES);
	return exponential_merge(both, &series->window->before) && exponential_merge(both, &series->window->now);
}

bool exemplar_is_whole(const struct exemplar *exemplar)
{
	static const char digits[] = "0123456789abcdef";

	return exemplar->trace_id[0] && !exemplar->trace_id[strspn(exemplar->trace_id, digits)] &&
	       !exemplar->span_id[strspn(exemplar->span_id, digits)];
}

static void window_turn(struct quantile_window *window)
{
	exponential_clear(&window->before);
	window->before = window->now;
	exponential_init(&window->now, BUCKETS_OF_QUANTILES, SCALE_OF_QUANTILES);
}

void metric_turn_window(struct metric *metric)
{
	if (metric->shape->type != METRIC_SUMMARY || metric->shape->rendered)
		return;
	for (unsigned int i = 0; i < metric->table_size; i++)
		if (metric->table[i])
			window_turn(metric->table[i]->window);
	window_turn(metric->overflow->window);
}

static void series_clear_value(struct series *series, const struct metric_shape *shape)
{
	if (shape->type != METRIC_GAUGE)
		series->value = 0;
	memset(series->counts, 0, count_buckets(shape) * sizeof(*series->counts));
}

void metric_clear_values(struct metric *metric)
{
	for (unsigned int i = 0; i < metric->table_size; i++)
		if (metric->table[i])
			series_clear_value(metric->table[i], metric->shape);
	series_clear_value(metric->overflow, metric->shape);
}
