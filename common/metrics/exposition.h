/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of metrics, in Prometheus' text format 0.0.4 (docs/instrumenting/exposition_formats.md), as Prometheus, promtool
 * and node_exporter's textfile collector read it, and in OpenMetrics 1.0 (specification/OpenMetrics.md). No timestamps.
 *
 * OpenMetrics has, besides: UNIT, exemplars on buckets and counters, and _created where the page wants it. It has no sums
 * and no quantiles that are negative: those are left out there.
 *
 * Series stand in the order of their labels, so that equal metrics make equal pages. Integers below 2^53 are written
 * exactly, other numbers with as many digits as it takes to read the same double back. A metric without series leaves
 * no trace.
 */
#ifndef OTB_EXPOSITION_H
#define OTB_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/metrics/series.h"

enum page_format { PAGE_TEXT, PAGE_OPENMETRICS };

struct page {
	enum page_format format;
	bool created; /* _created, in OpenMetrics: a series more for each */
	char *bytes;
	size_t length, capacity;
	bool failed; /* no memory: the page is not whole, and not to be used */
};

struct constant_label {
	const char *name, *value;
};

/* The media type of a format, with its version, for Content-Type. */
const char *page_media_type(enum page_format format);

/* A zeroed page is an empty one, of text. Appends a metric; the constant labels come last in each series. */
void page_add_metric(struct page *page, const struct metric *metric, const struct constant_label *constants,
		     unsigned int n_constants);

/* The same for several metrics of one name and type, which stand under one head; the first says what it is. */
void page_add_family(struct page *page, const struct metric *const *metrics, unsigned int n_metrics,
		     const struct constant_label *constants, unsigned int n_constants);

/* Appends a text as it is. */
void page_add_text(struct page *page, const char *text);
void page_add_bytes(struct page *page, const char *bytes, size_t length);

/* Appends a label's value as it stands between quotes in either format. */
void page_add_label_value(struct page *page, const char *bytes, size_t length);

/* Appends what a format has at its end. */
void page_end(struct page *page);

/* Frees the memory; the page is empty then. */
void page_clear(struct page *page);

#endif
