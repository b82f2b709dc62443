/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metric families and their series, keyed by label values.
 *
 * A metric has one name, type and list of label names. A series is made when its label values come first, and lives until
 * it expires. At most `series_max` are kept apart; what comes after that goes into one more, which stands for all others
 * and bears the label otel_metric_overflow="true" alone (OpenTelemetry's metrics SDK, cardinality limits). No measurement
 * is ever dropped, or counted twice.
 *
 *	struct series *series = metric_get(&metric, values);
 *	metric_add(&metric, series, 3);
 */
#ifndef OTB_SERIES_H
#define OTB_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/metrics/exponential.h"

enum {
	METRIC_LABELS_MAX = 16,
	METRIC_SERIES_MAX = 2000,
	METRIC_NAME_MAX = 255,
	TRACE_ID_SIZE = 32 + 1,
	SPAN_ID_SIZE = 16 + 1
};

/* What a metric's name ends in. */
#define COUNTER_SUFFIX "_total"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_SUMMARY, METRIC_TYPES };

/* "counter", as pages and rules have it. */
const char *metric_type_name(enum metric_type type);

/* What a metric is. All of it must outlive the metric. */
struct metric_shape {
	const char *name;
	enum metric_type type;
	const char *help;
	const char *labels[METRIC_LABELS_MAX]; /* up to the first NULL */
	const double *bounds;                  /* a histogram's upper bounds, rising, without +Inf */
	unsigned int n_bounds;
	const double *quantiles; /* a summary's, 0 to 1, rising */
	unsigned int n_quantiles;
	bool exponential;      /* a histogram: exponential buckets too, for OTLP */
	bool sparse;           /* a histogram: pages have only the bounds between which there are values */
	bool rendered;         /* the one label is no label, but the text of all, as it stands between the braces */
	bool is_info;          /* a gauge that is always 1 and called NAME_info: OpenMetrics has a type for it */
	bool has_exemplars;    /* room is made for them once there is one */
	const char *otlp_name; /* NULL: made of the name */
	const char *otlp_unit; /* UCUM; NULL: made of the name */
	uint64_t ttl_ns;       /* series not seen for that long expire; 0: never */
};

struct label_text { /* UTF-8, without NUL bytes */
	const char *bytes;
	size_t length;
};

struct exemplar { /* trace_id "": none */
	double value;
	uint64_t wall_ns;
	char trace_id[TRACE_ID_SIZE], span_id[SPAN_ID_SIZE];
};

/* Quantiles are those of the last METRIC_WINDOW_NS to twice that. */
struct quantile_window {
	struct exponential now, before;
};

#define METRIC_WINDOW_NS (UINT64_C(300) * 1000000000)

struct quantile_value {
	double quantile, value;
};

struct series {
	uint64_t hash;
	uint64_t created_wall_ns; /* 0: a value that goes on from before */
	uint64_t seen_ns;         /* CLOCK_MONOTONIC: of the last measurement */
	double value;             /* of a counter or a gauge; the sum of a histogram or a summary */
	uint64_t *counts;         /* a histogram's measurements by bucket, not cumulative, n_bounds + 1 of them; of a
				   * summary counts[0], all */
	struct exponential *exponential;
	struct quantile_window *window;   /* a summary's, where its values are counted here: not of a rendered metric */
	struct quantile_value *quantiles; /* a rendered summary's, as they came, rising; allocated */
	unsigned int n_quantiles;
	struct exemplar *exemplars; /* by bucket; NULL: none yet */
	struct label_text labels[]; /* one for each label name, the bytes behind them */
};

struct metric {
	const struct metric_shape *shape;
	unsigned int n_labels;
	unsigned int series_max, n_series;
	struct series **table; /* open addressing, a power of two */
	unsigned int table_size;
	struct series *overflow;
	bool overflowed;              /* whether the overflow series has been used */
	uint64_t overflow_count;      /* how often */
	uint64_t now_ns, now_wall_ns; /* what a series that is touched takes for now; set from time to time */
};

/* Returns 0 or -ENOMEM; metric_close() is due all the same. */
int metric_open(struct metric *metric, const struct metric_shape *shape, unsigned int series_max);
void metric_close(struct metric *metric);

/* The series of these label values, in the order of the shape's names; never NULL. Without memory for a new one it is the
 * overflow series. */
struct series *metric_get(struct metric *metric, const struct label_text *values);
/* The same, but it does not count as seen by that, unless it is new. */
struct series *metric_find(struct metric *metric, const struct label_text *values);
struct series *metric_overflow(struct metric *metric);

/* The same, but NULL where there is none: nothing is made. */
struct series *metric_lookup(const struct metric *metric, const struct label_text *values);

/* All series in the order of their label values (bytes), the overflow series last if it was used. Returns an array, to be
 * freed, and their number; NULL without memory. */
const struct series **metric_sort(const struct metric *metric, unsigned int *n);

/* Measurements. Of counters `value` is the increase, which is not negative; of gauges the new value. Histograms and
 * summaries take `weight` measurements of `value`, which is finite; the others leave `weight` alone. What cannot be counted
 * exactly any more (2^53) is counted no further. */
void metric_add(const struct metric *metric, struct series *series, double value, uint64_t weight);

/* The same for a histogram that is measured elsewhere: for each bucket how many there are of it, n_bounds + 1 of them, each
 * `weight` times, and the sum of all. Exponential buckets cannot be made of these. */
void metric_add_counts(const struct metric *metric, struct series *series, const uint64_t *counts, double sum,
		       uint64_t weight);

/* Which of the exemplars a value belongs to; NULL: there is no memory, or the metric has none. */
struct exemplar *metric_exemplar(const struct metric *metric, struct series *series, double value);

/* Whether there is one, with a trace id, and a span id or none, in lower-case hex. */
bool exemplar_is_whole(const struct exemplar *exemplar);

unsigned int metric_bucket(const struct metric_shape *shape, double value);

/* Which bounds, and so which buckets, pages have: of a sparse histogram the first, and those from the one below its lowest
 * value above that, in any series, to the one above its highest; buckets that are left out are empty. Of all others all. */
struct shown_bounds {
	unsigned int first, end, n;
};

struct shown_bounds metric_shown_bounds(const struct metric *metric);

static inline bool bound_is_shown(const struct shown_bounds *shown, unsigned int i)
{
	return !i || i >= shown->n || (i >= shown->first && i < shown->end);
}

/* Removes the series that were not seen for the metric's TTL, which frees their place, and sets the overflow series back
 * to none if it was not; returns how many. */
unsigned int metric_expire(struct metric *metric, uint64_t now_ns);

/* Sets `both` up with all values of a summary's window; exponential_clear() is due. False: no memory. */
bool series_quantiles(const struct series *series, struct exponential *both);

/* Begins the next window of quantiles. */
void metric_turn_window(struct metric *metric);

/* Sets every series back to nothing, but keeps it, and when it was seen. A gauge keeps its value. */
void metric_clear_values(struct metric *metric);

/* Lets a metric take over the series of another one of an equal shape, which has none then. */
void metric_take_over(struct metric *metric, struct metric *from);
/* Whether values of one are values of the other: name, type, labels, bounds. */
bool shape_equals(const struct metric_shape *a, const struct metric_shape *b);

/* Whether samples of two metrics would bear one name, in either format: "h_count" of a histogram and of a gauge. Names
 * have at most METRIC_NAME_MAX bytes. */
bool shapes_clash(const struct metric_shape *a, const struct metric_shape *b);

#endif
