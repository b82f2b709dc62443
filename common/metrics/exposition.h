/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' text format 0.0.4 (docs/instrumenting/exposition_formats.md), as Prometheus, promtool and node_exporter's
 * textfile collector read it: no timestamps, no exemplars.
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

struct page {
	char *bytes;
	size_t length, capacity;
	bool failed; /* no memory: the page is not whole, and not to be used */
};

struct constant_label {
	const char *name, *value;
};

/* A zeroed page is an empty one. Appends a metric; the constant labels come last in each series. */
void page_add_metric(struct page *page, const struct metric *metric, const struct constant_label *constants,
		     unsigned int n_constants);

/* Frees the memory; the page is empty then. */
void page_clear(struct page *page);

#endif
