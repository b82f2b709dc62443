/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that are read again, and taken back. Of any bytes: nothing bad happens, and what became of them is a page that, read
 * again into metrics that hold nothing, makes the same page.
 */
#include "cmd/otb-expose/restore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { METRICS = 4, SERIES_MAX = 5 };

static const double bounds[] = { 0.5, 1, 10 };
static const double quantiles[] = { 0.5, 0.9 };
static const struct metric_shape shapes[METRICS] = {
	{ .name = "c_total", .type = METRIC_COUNTER, .help = "C.", .labels = { "a", "b" } },
	{ .name = "g", .type = METRIC_GAUGE, .help = "G.", .labels = { "a" } },
	{ .name = "h", .type = METRIC_HISTOGRAM, .help = "H.", .labels = { "a" }, .bounds = bounds, .n_bounds = 3 },
	{ .name = "s", .type = METRIC_SUMMARY, .help = "S.", .quantiles = quantiles, .n_quantiles = 2 },
};
static const struct constant_label constant = { "k", "v" };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void make(const char *bytes, size_t length, struct page *page)
{
	struct metric metrics[METRICS], *list[METRICS];
	struct restore restore = { "fuzz", list, METRICS, &constant, 1, RESTORE_ADD };

	for (unsigned int i = 0; i < METRICS; i++) {
		require(!metric_open(&metrics[i], &shapes[i], SERIES_MAX));
		list[i] = &metrics[i];
	}
	restore_page(&restore, bytes, length);
	for (unsigned int i = 0; i < METRICS; i++) {
		page_add_metric(page, &metrics[i], &constant, 1);
		metric_clear_values(&metrics[i]);
	}
	restore.mode = RESTORE_TAKE_BACK;
	restore_page(&restore, bytes, length);
	for (unsigned int i = 0; i < METRICS; i++)
		metric_close(&metrics[i]);
	require(!page->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page first = { .bytes = NULL }, second = { .bytes = NULL };

	diag_init("fuzz", -2);
	make((const char *)data, size, &first);
	if (first.length) {
		make(first.bytes, first.length, &second);
		require(first.length == second.length && !memcmp(first.bytes, second.bytes, first.length));
	}
	page_clear(&first);
	page_clear(&second);
	return 0;
}
