/* SPDX-License-Identifier: Apache-2.0 */
/* Series and the page: keys, the limit and its overflow series, order, escapes, numbers, histograms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics/exposition.h"
#include "common/metrics/series.h"
#include "tests/unit/tap.h"

/* ---- helpers ---- */

static struct label_text text_of(const char *text)
{
	return (struct label_text){ text, strlen(text) };
}

static struct series *get(struct metric *metric, const char *a, const char *b)
{
	struct label_text labels[] = { text_of(a), text_of(b) };

	return metric_get(metric, labels);
}

/* Makes a page of one metric, closes the metric and compares. */
static void check_page(const char *what, struct metric *metric, const struct constant_label *constants,
		       unsigned int n_constants, const char *expected)
{
	struct page page = { .bytes = NULL };

	page_add_metric(&page, metric, constants, n_constants);
	bool same = !page.failed && page.length == strlen(expected) &&
		    (!page.length || !memcmp(page.bytes, expected, page.length));
	check(same, "%s", what);
	if (!same)
		printf("# got:\n%.*s\n", (int)page.length, page.bytes ? page.bytes : "");
	page_clear(&page);
	metric_close(metric);
}

static const struct metric_shape counter = {
	.name = "c_total",
	.type = METRIC_COUNTER,
	.help = "Help.",
	.labels = { "a", "b" },
};

/* ---- tests ---- */

static void test_keys(void)
{
	struct metric metric;

	check(!metric_open(&metric, &counter, METRIC_SERIES_MAX), "a metric opens");
	struct series *first = get(&metric, "x", "yz");
	check(first == get(&metric, "x", "yz"), "the same labels, the same series");
	check(first != get(&metric, "xy", "z"), "values are told apart where they meet");
	check(get(&metric, "", "x") != get(&metric, "x", ""), "empty values too");
	check(metric.n_series == 4 && !metric.overflowed, "four series");
	metric_close(&metric);
}

static void test_limit(void)
{
	enum { LIMIT = 2000, DISTINCT = 5000 };
	struct metric metric;
	unsigned int n;
	double total = 0;
	char text[16];

	metric_open(&metric, &counter, LIMIT);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < DISTINCT; i++) {
			snprintf(text, sizeof(text), "%d", i);
			series_add(get(&metric, text, ""), i);
			if (!round && i == LIMIT - 1)
				check(metric.n_series == LIMIT && !metric.overflowed,
				      "as many as the limit do not overflow");
		}
	}
	const struct series **sorted = metric_sort(&metric, &n);
	for (unsigned int i = 0; i < n; i++)
		total += sorted[i]->value;
	check(n == LIMIT + 1 && metric.n_series == LIMIT, "the limit holds, and one more stands for all others");
	check(total == (double)DISTINCT * (DISTINCT - 1), "nothing is lost, or counted twice");
	check(sorted[n - 1] == metric.overflow && sorted[n - 1]->value == 2.0 * (2000 + 4999) * 3000 / 2,
	      "the overflow series is the last, and holds all that came too late");
	check(get(&metric, "1999", "")->value == 2 * 1999, "series that were there go on");
	free(sorted);
	metric_close(&metric);
}

static void test_page(void)
{
	static const struct constant_label constants[] = { { "tenant", "q\"" } };
	struct metric metric;

	metric_open(&metric, &counter, METRIC_SERIES_MAX);
	check_page("a metric without series leaves no trace", &metric, NULL, 0, "");

	metric_open(&metric, &counter, 2);
	series_add(get(&metric, "b", ""), 2);
	series_add(get(&metric, "a\"\\\n\t\xc3\xa9", "z"), 1);
	series_add(get(&metric, "c", ""), 3);
	check_page("order, escapes, overflow, constant labels", &metric, constants, 1,
		   "# HELP c_total Help.\n# TYPE c_total counter\n"
		   "c_total{a=\"a\\\"\\\\\\n\t\xc3\xa9\",b=\"z\",tenant=\"q\\\"\"} 1\n"
		   "c_total{a=\"b\",b=\"\",tenant=\"q\\\"\"} 2\n"
		   "c_total{otel_metric_overflow=\"true\",tenant=\"q\\\"\"} 3\n");
}

static void test_order(void)
{
	struct metric metric;

	metric_open(&metric, &counter, METRIC_SERIES_MAX);
	series_add(get(&metric, "ab", "1"), 5);
	series_add(get(&metric, "\xc3\xa9", "1"), 6);
	series_add(get(&metric, "a", "2"), 3);
	series_add(get(&metric, "aa", "1"), 4);
	series_add(get(&metric, "a", "1"), 2);
	series_add(get(&metric, "", "9"), 1);
	check_page("series stand in the order of their bytes", &metric, NULL, 0,
		   "# HELP c_total Help.\n# TYPE c_total counter\n"
		   "c_total{a=\"\",b=\"9\"} 1\nc_total{a=\"a\",b=\"1\"} 2\nc_total{a=\"a\",b=\"2\"} 3\n"
		   "c_total{a=\"aa\",b=\"1\"} 4\nc_total{a=\"ab\",b=\"1\"} 5\nc_total{a=\"\xc3\xa9\",b=\"1\"} 6\n");
}

static void check_number(double number, const char *expected)
{
	static const struct metric_shape gauge = { .name = "g", .type = METRIC_GAUGE, .help = "A\\b\nc\"d" };
	char page[128];
	struct metric metric;

	metric_open(&metric, &gauge, METRIC_SERIES_MAX);
	series_set(metric_get(&metric, NULL), -1);
	series_set(metric_get(&metric, NULL), number);
	snprintf(page, sizeof(page), "# HELP g A\\\\b\\nc\"d\n# TYPE g gauge\ng %s\n", expected);
	check_page(expected, &metric, NULL, 0, page);
}

static void test_numbers(void)
{
	check_number(0, "0");
	check_number(-17, "-17");
	check_number(9007199254740991, "9007199254740991");
	check_number(9007199254740992, "9007199254740992");
	check_number(0.1, "0.1");
	check_number(1.0 / 3, "0.3333333333333333");
	check_number(1e300, "1e+300");
	check_number(5e-324, "4.94065645841247e-324");
	check_number(INFINITY, "+Inf");
	check_number(-INFINITY, "-Inf");
	check_number(NAN, "NaN");
}

static void test_histogram(void)
{
	static const double bounds[] = { 0.005, 1, 2.5 };
	static const struct metric_shape histogram = {
		.name = "h_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "H.",
		.labels = { "a" },
		.bounds = bounds,
		.n_bounds = 3,
	};
	static const double values[] = { -1, 0.005, 0.006, 1, 2.5, 2.6, 100 };
	struct label_text label = text_of("x");
	struct metric metric;

	metric_open(&metric, &histogram, METRIC_SERIES_MAX);
	struct series *series = metric_get(&metric, &label);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		metric_observe(&metric, series, values[i], 1);
	metric_observe(&metric, series, 0.5, 10);
	check_page("buckets are cumulative, and bounds belong to them", &metric, NULL, 0,
		   "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
		   "h_seconds_bucket{a=\"x\",le=\"0.005\"} 2\nh_seconds_bucket{a=\"x\",le=\"1\"} 14\n"
		   "h_seconds_bucket{a=\"x\",le=\"2.5\"} 15\nh_seconds_bucket{a=\"x\",le=\"+Inf\"} 17\n"
		   "h_seconds_sum{a=\"x\"} 110.111\nh_seconds_count{a=\"x\"} 17\n");
}

int main(void)
{
	test_keys();
	test_limit();
	test_page();
	test_order();
	test_numbers();
	test_histogram();
	return finish_tests();
}
