/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metric families and their series, keyed by label values.
 *
 * A metric has one name, type and list of label names. A series is made when its label values come first, and lives as
 * long as the metric. At most `series_max` are kept apart; what comes after that goes into one more, which stands for
 * all others and bears the label otel_metric_overflow="true" alone (OpenTelemetry's metrics SDK, cardinality limits).
 * No measurement is ever dropped, or counted twice.
 *
 *	struct series *series = metric_get(&metric, values);
 *	series_add(series, 3);
 */
#ifndef OTB_SERIES_H
#define OTB_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METRIC_LABELS_MAX = 8, METRIC_SERIES_MAX = 2000 };

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What a metric is. All of it must outlive the metric. */
struct metric_shape {
	const char *name;
	enum metric_type type;
	const char *help;
	const char *labels[METRIC_LABELS_MAX]; /* up to the first NULL */
	const double *bounds;                  /* a histogram's upper bounds, rising, without +Inf */
	unsigned int n_bounds;
};

struct label_text { /* UTF-8, without NUL bytes */
	const char *bytes;
	size_t length;
};

struct series {
	uint64_t hash;
	double value;               /* of a counter or a gauge; the sum of a histogram */
	uint64_t *counts;           /* a histogram's measurements by bucket, not cumulative, n_bounds + 1 of them */
	struct label_text labels[]; /* one for each label name, the bytes behind them */
};

struct metric {
	const struct metric_shape *shape;
	unsigned int n_labels;
	unsigned int series_max, n_series;
	struct series **table; /* open addressing, a power of two */
	unsigned int table_size;
	struct series *overflow;
	bool overflowed; /* whether the overflow series has been used */
};

/* Returns 0 or -ENOMEM; metric_close() is due all the same. */
int metric_open(struct metric *metric, const struct metric_shape *shape, unsigned int series_max);
void metric_close(struct metric *metric);

/* The series of these label values, in the order of the shape's names; never NULL. Without memory for a new one it is the
 * overflow series. */
struct series *metric_get(struct metric *metric, const struct label_text *values);

/* All series in the order of their label values (bytes), the overflow series last if it was used. Returns an array, to be
 * freed, and their number; NULL without memory. */
const struct series **metric_sort(const struct metric *metric, unsigned int *n);

/* Counters and gauges. */
void series_add(struct series *series, double amount);
void series_set(struct series *series, double value);

/* Histograms: `weight` measurements of `value`, which is finite. */
void metric_observe(const struct metric *metric, struct series *series, double value, uint64_t weight);

#endif
