/* SPDX-License-Identifier: Apache-2.0 */
/* Series and the page: keys, the limit and its overflow series, expiry, order, escapes, numbers, histograms, summaries,
 * and what OpenMetrics has besides. */
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
static void check_page_of(enum page_format format, const char *what, struct metric *metric,
			  const struct constant_label *constants, unsigned int n_constants, const char *expected)
{
	struct page page = { .format = format, .created = true };

	page_add_metric(&page, metric, constants, n_constants);
	page_end(&page);
	bool same = !page.failed && page.length == strlen(expected) &&
		    (!page.length || !memcmp(page.bytes, expected, page.length));
	check(same, "%s", what);
	if (!same)
		printf("# got:\n%.*s\n", (int)page.length, page.bytes ? page.bytes : "");
	page_clear(&page);
	metric_close(metric);
}

static void check_page(const char *what, struct metric *metric, const struct constant_label *constants,
		       unsigned int n_constants, const char *expected)
{
	check_page_of(PAGE_TEXT, what, metric, constants, n_constants, expected);
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
			metric_add(&metric, get(&metric, text, ""), i, 1);
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
	metric_add(&metric, get(&metric, "b", ""), 2, 1);
	metric_add(&metric, get(&metric, "a\"\\\n\t\xc3\xa9", "z"), 1, 1);
	metric_add(&metric, get(&metric, "c", ""), 3, 1);
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
	metric_add(&metric, get(&metric, "ab", "1"), 5, 1);
	metric_add(&metric, get(&metric, "\xc3\xa9", "1"), 6, 1);
	metric_add(&metric, get(&metric, "a", "2"), 3, 1);
	metric_add(&metric, get(&metric, "aa", "1"), 4, 1);
	metric_add(&metric, get(&metric, "a", "1"), 2, 1);
	metric_add(&metric, get(&metric, "", "9"), 1, 1);
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
	metric_add(&metric, metric_get(&metric, NULL), -1, 1);
	metric_add(&metric, metric_get(&metric, NULL), number, 1);
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
		metric_add(&metric, series, values[i], 1);
	metric_add(&metric, series, 0.5, 10);
	check_page("buckets are cumulative, and bounds belong to them", &metric, NULL, 0,
		   "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
		   "h_seconds_bucket{a=\"x\",le=\"0.005\"} 2\nh_seconds_bucket{a=\"x\",le=\"1\"} 14\n"
		   "h_seconds_bucket{a=\"x\",le=\"2.5\"} 15\nh_seconds_bucket{a=\"x\",le=\"+Inf\"} 17\n"
		   "h_seconds_sum{a=\"x\"} 110.111\nh_seconds_count{a=\"x\"} 17\n");
}

/* 300 times 2^56 are more than 64 bits hold. */
static void test_count_max(void)
{
	static const double bounds[] = { 1 }, quantiles[] = { 0.5 };
	static const uint64_t count_max = UINT64_C(1) << 53;
	static const struct metric_shape shapes[] = {
		{ .name = "h",
		  .type = METRIC_HISTOGRAM,
		  .help = "H.",
		  .bounds = bounds,
		  .n_bounds = 1,
		  .exponential = true },
		{ .name = "s", .type = METRIC_SUMMARY, .help = "S.", .quantiles = quantiles, .n_quantiles = 1 },
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct metric metric;
		uint64_t sum = 0;

		metric_open(&metric, &shapes[i], 10);
		struct series *series = metric_get(&metric, NULL);
		for (int n = 0; n < 300; n++)
			metric_add(&metric, series, n % 2 ? 0.5 : 0.25, n ? UINT64_C(1) << 56 : 1);
		const struct exponential *exponential = series->window ? &series->window->now : series->exponential;
		for (uint32_t bucket = 0; bucket < exponential->positive.n; bucket++)
			sum += exponential->positive.counts[bucket];
		check(exponential->count == count_max && sum == count_max, "%s: all buckets end at 2^53",
		      shapes[i].name);
		metric_close(&metric);
	}
}

/* ---- time ---- */

static void test_expiry(void)
{
	enum { SERIES = 1500 };
	struct metric_shape shape = counter;
	struct metric metric;
	char text[16];
	bool right = true;

	shape.ttl_ns = 100;
	metric_open(&metric, &shape, SERIES);
	for (int i = 0; i < SERIES; i++) {
		snprintf(text, sizeof(text), "%d", i);
		metric.now_ns = i % 3 ? 1000 : 1050;
		metric_add(&metric, get(&metric, text, "x"), i, 1);
	}
	check(!metric_expire(&metric, 1099), "nothing is old enough");
	check(get(&metric, "more", "x") == metric.overflow, "and there is no place");
	check(metric_expire(&metric, 1100) == SERIES / 3 * 2 + 1 && metric.n_series == SERIES / 3,
	      "two of three expire, and the overflow series");
	for (int i = 0; i < SERIES; i += 3) {
		snprintf(text, sizeof(text), "%d", i);
		right &= get(&metric, text, "x")->value == i;
	}
	check(right && metric.n_series == SERIES / 3, "the others are found where they are now");
	check(get(&metric, "more", "x") != metric.overflow, "what went has left its place");
	check(get(&metric, "1", "x")->value == 0, "what comes back begins anew");
	metric_close(&metric);
}

static void test_expiry_of_overflow(void)
{
	struct metric_shape shape = counter;
	struct metric metric;

	shape.ttl_ns = 100;
	metric_open(&metric, &shape, 1);
	metric.now_ns = 1000;
	metric_add(&metric, get(&metric, "a", "x"), 1, 1);
	metric_add(&metric, get(&metric, "b", "x"), 2, 1);
	metric.now_ns = 1099;
	metric_add(&metric, get(&metric, "c", "x"), 3, 1);
	check(metric_expire(&metric, 1198) == 1 && metric.overflowed, "the overflow series has been seen since");
	check(metric_expire(&metric, 1199) == 1 && !metric.overflowed, "it expires too");
	check(metric_expire(&metric, 9999) == 0, "once");
	metric.now_ns = 10000;
	metric_add(&metric, get(&metric, "a", "x"), 4, 1);
	metric_add(&metric, get(&metric, "b", "x"), 5, 1);
	check(metric.overflowed && metric.overflow->value == 5, "and begins anew");
	metric.now_ns = 10050;
	check(metric_overflow(&metric)->seen_ns == 10000, "reading it back is not seeing it");
	metric_expire(&metric, 10100);
	check(!metric.overflowed && metric_overflow(&metric)->seen_ns == 10050 && metric.overflowed,
	      "but where there was none");
	metric_close(&metric);
}

static void test_take_over(void)
{
	struct metric_shape same = counter, other = counter;
	struct metric metric, next;

	other.labels[1] = "c";
	check(shape_equals(&counter, &same) && !shape_equals(&counter, &other), "shapes differ by their labels");
	metric_open(&metric, &counter, 10);
	metric_open(&next, &same, 10);
	metric_add(&metric, get(&metric, "x", "y"), 17, 1);
	metric_take_over(&next, &metric);
	check(get(&next, "x", "y")->value == 17 && !metric.n_series, "series go over");
	metric_close(&metric);
	metric_close(&next);
}

/* ---- summaries, and OpenMetrics ---- */

static void test_summary(void)
{
	static const double quantiles[] = { 0.5, 0.99, 1 };
	static const struct metric_shape summary = {
		.name = "s_bytes",
		.type = METRIC_SUMMARY,
		.help = "S.",
		.quantiles = quantiles,
		.n_quantiles = 3,
	};
	struct metric metric;

	metric_open(&metric, &summary, METRIC_SERIES_MAX);
	struct series *series = metric_get(&metric, NULL);
	metric_add(&metric, series, 4096, 3);
	check_page(
		"quantiles, sum and count", &metric, NULL, 0,
		"# HELP s_bytes S.\n# TYPE s_bytes summary\ns_bytes{quantile=\"0.5\"} 4096\n"
		"s_bytes{quantile=\"0.99\"} 4096\ns_bytes{quantile=\"1\"} 4096\ns_bytes_sum 12288\ns_bytes_count 3\n");

	metric_open(&metric, &summary, METRIC_SERIES_MAX);
	metric_add(&metric, metric_get(&metric, NULL), 4096, 1);
	metric_turn_window(&metric);
	metric_turn_window(&metric);
	check_page_of(
		PAGE_OPENMETRICS, "what is too long ago is in no quantile", &metric, NULL, 0,
		"# TYPE s_bytes summary\n# UNIT s_bytes bytes\n# HELP s_bytes S.\ns_bytes_sum 4096\ns_bytes_count 1\n"
		"# EOF\n");
}

static void test_openmetrics(void)
{
	static const double bounds[] = { 0.00001, 0.5, 1, 10, 2000000 };
	static const struct metric_shape histogram = {
		.name = "h_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "\"H\".",
		.bounds = bounds,
		.n_bounds = 5,
		.has_exemplars = true,
	};
	struct metric metric;

	metric_open(&metric, &histogram, METRIC_SERIES_MAX);
	metric.now_wall_ns = 1700000000123456789;
	struct series *series = metric_get(&metric, NULL);
	metric_add(&metric, series, 0.7, 2);
	*metric_exemplar(&metric, series, 0.7) = (struct exemplar){ 0.7, 1700000001000000005, "0af7", "b7" };
	check_page_of(
		PAGE_OPENMETRICS, "canonical bounds, unit, exemplars, created, the end", &metric, NULL, 0,
		"# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n# HELP h_seconds \\\"H\\\".\n"
		"h_seconds_bucket{le=\"1e-05\"} 0\nh_seconds_bucket{le=\"0.5\"} 0\n"
		"h_seconds_bucket{le=\"1.0\"} 2 # {trace_id=\"0af7\",span_id=\"b7\"} 0.7 1700000001.000000005\n"
		"h_seconds_bucket{le=\"10.0\"} 2\nh_seconds_bucket{le=\"2e+06\"} 2\nh_seconds_bucket{le=\"+Inf\"} 2\n"
		"h_seconds_sum 1.4\nh_seconds_count 2\nh_seconds_created 1700000000.123\n# EOF\n");

	metric_open(&metric, &counter, METRIC_SERIES_MAX);
	metric.now_wall_ns = 1700000000123456789;
	metric_add(&metric, get(&metric, "x", "y"), 1, 1);
	check_page_of(PAGE_OPENMETRICS, "a counter's family is called without _total", &metric, NULL, 0,
		      "# TYPE c counter\n# HELP c Help.\nc_total{a=\"x\",b=\"y\"} 1\n"
		      "c_created{a=\"x\",b=\"y\"} 1700000000.123\n# EOF\n");
}

/* Its parsers refuse a page with one of them. */
static void test_negative_sums(void)
{
	static const double bounds[] = { 1 }, quantiles[] = { 0, 1 };
	static const struct metric_shape histogram = {
		.name = "h", .type = METRIC_HISTOGRAM, .help = "H.", .bounds = bounds, .n_bounds = 1
	};
	static const struct metric_shape summary = {
		.name = "s", .type = METRIC_SUMMARY, .help = "S.", .quantiles = quantiles, .n_quantiles = 2
	};
	struct metric metric;

	metric_open(&metric, &histogram, 10);
	metric_add(&metric, metric_get(&metric, NULL), -2, 1);
	check_page_of(PAGE_OPENMETRICS, "a histogram's negative sum is no OpenMetrics", &metric, NULL, 0,
		      "# TYPE h histogram\n# HELP h H.\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n# EOF\n");
	metric_open(&metric, &summary, 10);
	metric_add(&metric, metric_get(&metric, NULL), -2, 1);
	check_page_of(PAGE_OPENMETRICS, "nor is a summary's, or a negative quantile", &metric, NULL, 0,
		      "# TYPE s summary\n# HELP s S.\ns_count 1\n# EOF\n");
	metric_open(&metric, &summary, 10);
	metric_add(&metric, metric_get(&metric, NULL), -2, 1);
	check_page("Prometheus' own text has all of it", &metric, NULL, 0,
		   "# HELP s S.\n# TYPE s summary\ns{quantile=\"0\"} -2\ns{quantile=\"1\"} -2\ns_sum -2\ns_count 1\n");
}

int main(void)
{
	test_keys();
	test_limit();
	test_expiry();
	test_expiry_of_overflow();
	test_take_over();
	test_summary();
	test_openmetrics();
	test_negative_sums();
	test_page();
	test_order();
	test_numbers();
	test_histogram();
	test_count_max();
	return finish_tests();
}
