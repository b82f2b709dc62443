/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of otb-expose in force: what records count for, which rules go together, and what new ones take over. */
#include "cmd/otb-expose/rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { TEXTS_MAX = 4, RECORDS_MAX = 8 };

/* ---- helpers ---- */

static enum exit_code open_texts(struct rules *rules, const char *const *texts, unsigned int n)
{
	const struct rules_source source = { .texts = texts, .n_texts = n, .series_max = 3, .ttl_ns = 1000 };

	return rules_open(rules, &source, 1);
}

/* Scanned in a copy of exactly the size that the scanner needs. */
static void apply(struct rules *rules, const char *line)
{
	static struct json_value values[JSON_NAMES_MAX];
	size_t length = strlen(line);
	struct record_view record = { .length = length, .values = values };
	char *copy = malloc(length + JSON_PADDING);

	memcpy(copy, line, length);
	memset(copy + length, 0xff, JSON_PADDING);
	copy[length] = '\0';
	record.line = copy;
	if (json_scan(&rules->fields, copy, length, values, &record.brace) == JSON_OK)
		rules_apply(rules, &record);
	else
		check(false, "a record: %s", line);
	free(copy);
}

/* The samples of all metrics, one a line. */
static char *samples_of(const struct rules *rules)
{
	struct page page = { .bytes = NULL };
	char *samples, *end;

	for (unsigned int i = 0; i < rules->n_metrics; i++)
		page_add_metric(&page, &rules->metrics[i], NULL, 0);
	page_add_bytes(&page, "", 1);
	samples = end = strdup("");
	for (char *line = strtok(page.bytes, "\n"); line; line = strtok(NULL, "\n")) {
		size_t length = strlen(samples);

		if (*line == '#')
			continue;
		samples = realloc(samples, length + strlen(line) + 2);
		end = samples + length;
		end += snprintf(end, strlen(line) + 2, "%s\n", line);
	}
	page_clear(&page);
	return samples;
}

static void check_samples(const struct rules *rules, const char *what, const char *expected)
{
	char *samples = samples_of(rules);
	bool same = !strcmp(samples, expected);

	check(same, "%s", what);
	if (!same)
		printf("# got:\n%s", samples);
	free(samples);
}

/* ---- what records count for ---- */

static const struct {
	const char *what, *rules[TEXTS_MAX], *records[RECORDS_MAX], *samples;
	unsigned int ignored, bad_values;
} cases[] = {
	{ "records of an event, of any, and of none",
	  { "counter a_total from x, y", "counter b_total from y", "counter c_total" },
	  { "{\"event\":\"x\"}", "{\"event\":\"y\"}", "{\"event\":\"z\"}", "{}", "{\"event\":7}",
	    "{\"\\u0065vent\":\"\\u0078\"}" },
	  "a_total 3\nb_total 1\nc_total 6\n",
	  0,
	  0 },
	{ "records that no rule is for",
	  { "counter a_total from x" },
	  { "{\"event\":\"x\"}", "{\"event\":\"xx\"}", "{}", "{\"event\":null}", "{\"event\":\"\"}" },
	  "a_total 1\n",
	  4,
	  0 },
	{ "records that are histograms themselves, beside others",
	  { "histogram h{r} value v buckets 1, 2", "histogram h{r} from s value sum / 10 counts a, b, n buckets 1, 2" },
	  { "{\"v\":2,\"r\":\"x\"}", "{\"event\":\"s\",\"sum\":70,\"a\":3,\"b\":3,\"n\":5,\"r\":\"x\"}",
	    "{\"event\":\"s\",\"sum\":\"5\",\"a\":\"0\",\"b\":1,\"n\":1,\"r\":\"x\"}",
	    "{\"event\":\"s\",\"sum\":5,\"a\":1,\"b\":1,\"r\":\"y\"}" },
	  "h_bucket{r=\"x\",le=\"1\"} 3\nh_bucket{r=\"x\",le=\"2\"} 5\nh_bucket{r=\"x\",le=\"+Inf\"} 7\n"
	  "h_sum{r=\"x\"} 9.5\nh_count{r=\"x\"} 7\n",
	  0,
	  0 },
	{ "counts that are none",
	  { "histogram h value v counts a, n buckets 1" },
	  { "{\"v\":1,\"a\":2,\"n\":1}", "{\"v\":1,\"a\":-1,\"n\":1}", "{\"v\":1,\"a\":0.5,\"n\":1}",
	    "{\"v\":1,\"a\":1,\"n\":9007199254740992}", "{\"v\":1,\"a\":\"x\",\"n\":1}",
	    "{\"v\":1,\"a\":1,\"n\":1e300}", "{\"v\":1,\"a\":true,\"n\":1}",
	    "{\"v\":1,\"a\":1,\"n\":9007199254740991}" },
	  "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 9007199254740991\nh_sum 1\nh_count 9007199254740991\n",
	  0,
	  7 },
	{ "a histogram of a sampled record counts as often as that stands for",
	  { "histogram h value v counts a, n buckets 1" },
	  { "{\"v\":1.5,\"a\":2,\"n\":3,\"sampling_threshold\":\"8\"}" },
	  "h_bucket{le=\"1\"} 4\nh_bucket{le=\"+Inf\"} 6\nh_sum 3\nh_count 6\n",
	  0,
	  0 },
	{ "records that only give exemplars make no series",
	  { "counter a_total{k} from x", "counter a_total{k} from y exemplars" },
	  { "{\"event\":\"x\",\"k\":1}", "{\"event\":\"y\",\"k\":1}", "{\"event\":\"y\",\"k\":2}" },
	  "a_total{k=\"1\"} 1\n",
	  0,
	  0 },
	{ "labels of every type",
	  { "counter a_total{k} limit 20" },
	  { "{\"k\":\"t\\\"\\\\\\n\\u00e9\"}", "{\"k\":5.0}", "{\"k\":true}", "{\"k\":null}", "{}", "{\"k\":[1, 2]}",
	    "{\"k\":\"\"}", "{\"k\":\"a\\u0000b\"}" },
	  "a_total{k=\"\"} 3\na_total{k=\"5.0\"} 1\na_total{k=\"[1, 2]\"} 1\na_total{k=\"a?b\"} 1\n"
	  "a_total{k=\"t\\\"\\\\\\n\xc3\xa9\"} 1\na_total{k=\"true\"} 1\n",
	  0,
	  0 },
	{ "labels from fields and constants; a field with a dot or an underscore",
	  { "counter a_total{x=\"c\", y = http.route, z}" },
	  { "{\"http.route\":\"/a\",\"z\":1}", "{\"http_route\":\"/a\",\"z\":1}",
	    "{\"http.route\":\"/a\",\"http_route\":\"/b\",\"z\":1}" },
	  "a_total{x=\"c\",y=\"/a\",z=\"1\"} 3\n",
	  0,
	  0 },
	{ "labels that are rewritten, or not",
	  { "counter a_total{p =~ \"^(.*)-([0-9a-f]+)(x)?$\" -> '\\\\2=\\2 \\1\\3\\9[\\0]'} limit 20" },
	  { "{\"p\":\"web-12\"}", "{\"p\":\"web-1x\"}", "{\"p\":\"web\"}", "{\"p\":5}", "{}",
	    "{\"p\":\"a\\u0000-1\"}" },
	  "a_total{p=\"\"} 1\na_total{p=\"5\"} 1\na_total{p=\"\\\\2=1 a?[a?-1]\"} 1\n"
	  "a_total{p=\"\\\\2=1 webx[web-1x]\"} 1\na_total{p=\"\\\\2=12 web[web-12]\"} 1\na_total{p=\"web\"} 1\n",
	  0,
	  0 },
	{ "a rewrite that makes two series one",
	  { "counter a_total{p =~ \"^/users/.*\" -> \"/users\"} value v" },
	  { "{\"p\":\"/users/1\",\"v\":1}", "{\"p\":\"/users/2\",\"v\":2}", "{\"p\":\"/\",\"v\":4}" },
	  "a_total{p=\"/\"} 4\na_total{p=\"/users\"} 3\n",
	  0,
	  0 },
	{ "amounts: numbers, texts that hold one, and what is none",
	  { "counter a_total value v / 1e3", "gauge g value v * -2" },
	  { "{\"v\":1500}", "{\"v\":\"2500\"}", "{\"v\":\"x\"}", "{\"v\":true}", "{\"v\":null}", "{}", "{\"v\":1e999}",
	    "{\"v\":-1}" },
	  "a_total 4\ng 2\n",
	  0,
	  7 },
	{ "a counter's zeros make no series, a gauge's and a histogram's do",
	  { "counter a_total value v", "gauge g value v", "histogram h value v buckets 1" },
	  { "{\"v\":0}" },
	  "g 0\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 0\nh_count 1\n",
	  0,
	  0 },
	{ "bounds belong to their buckets",
	  { "histogram h value v / 8 buckets 0.125, 250ms, 1s" },
	  { "{\"v\":1}", "{\"v\":2}", "{\"v\":2.5}", "{\"v\":11}", "{\"v\":-5}" },
	  "h_bucket{le=\"0.125\"} 2\nh_bucket{le=\"0.25\"} 3\nh_bucket{le=\"1\"} 4\nh_bucket{le=\"+Inf\"} 5\nh_sum 1.4375\nh_count 5\n",
	  0,
	  0 },
	{ "conditions",
	  { "counter a_total{m} from x where s >= 500 and not m == 'GET'" },
	  { "{\"event\":\"x\",\"s\":500,\"m\":\"PUT\"}", "{\"event\":\"x\",\"s\":499,\"m\":\"PUT\"}",
	    "{\"event\":\"x\",\"s\":503,\"m\":\"GET\"}", "{\"event\":\"x\",\"s\":\"503\"}",
	    "{\"event\":\"y\",\"s\":503}" },
	  "a_total{m=\"\"} 1\na_total{m=\"PUT\"} 1\n",
	  1,
	  0 },
	{ "several rules of one metric, one record in two of them",
	  { "counter a_total{k=\"one\"} value a", "counter a_total{k} value b", "counter a_total{k=\"one\"} value b" },
	  { "{\"a\":1,\"b\":10,\"k\":\"two\"}", "{\"a\":2}" },
	  "a_total{k=\"one\"} 13\na_total{k=\"two\"} 10\n",
	  0,
	  0 },
	{ "a limit of its own, and the program's",
	  { "counter a_total{k}", "counter b_total{k} limit 1" },
	  { "{\"k\":1}", "{\"k\":2}", "{\"k\":3}", "{\"k\":4}", "{\"k\":1}", "{\"k\":5}" },
	  "a_total{k=\"1\"} 2\na_total{k=\"2\"} 1\na_total{k=\"3\"} 1\na_total{otel_metric_overflow=\"true\"} 2\n"
	  "b_total{k=\"1\"} 2\nb_total{otel_metric_overflow=\"true\"} 4\n",
	  0,
	  0 },
	{ "records of a sample count for what they stand for, and gauges do not",
	  { "counter a_total value v", "histogram h value v buckets 1", "gauge g value v" },
	  { "{\"v\":1,\"sampling_threshold\":\"8\"}", "{\"v\":2,\"sampling_threshold\":\"c\"}",
	    "{\"v\":3,\"sampling_threshold\":\"0\"}", "{\"v\":5,\"sampling_threshold\":null}",
	    "{\"v\":7,\"sampling_threshold\":\"\"}", "{\"v\":9,\"sampling_threshold\":8}" },
	  "a_total 34\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 10\nh_sum 34\nh_count 10\ng 9\n",
	  0,
	  2 },
	{ "of a repeated key the last one counts, and members within members do not",
	  { "counter a_total{k}" },
	  { "{\"k\":\"a\",\"k\":\"b\"}", "{\"x\":{\"k\":\"c\"}}" },
	  "a_total{k=\"\"} 1\na_total{k=\"b\"} 1\n",
	  0,
	  0 },
	{ "rules that contradict one before are left out",
	  { "counter a_total{k}", "counter a_total{l}", "gauge a value v", "histogram a value v" },
	  { "{\"k\":1,\"l\":2,\"v\":3}" },
	  "a_total{k=\"1\"} 1\n",
	  0,
	  0 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		unsigned int n = 0;
		struct rules rules;

		while (n < TEXTS_MAX && cases[i].rules[n])
			n++;
		check(open_texts(&rules, cases[i].rules, n) == EXIT_DONE, "rules: %s", cases[i].what);
		for (n = 0; n < RECORDS_MAX && cases[i].records[n]; n++)
			apply(&rules, cases[i].records[n]);
		check_samples(&rules, cases[i].what, cases[i].samples);
		check(rules.ignored == cases[i].ignored && rules.bad_values == cases[i].bad_values,
		      "%s: ignored and bad", cases[i].what);
		rules_close(&rules);
	}
}

/* A label is cut at a character, before it is rewritten and after. */
static void test_long_labels(void)
{
	static const char *const texts[] = { "counter a_total{k}", "counter b_total{k =~ \"(.*)\" -> 'x\\1'}",
					     "counter c_total{k =~ \"(.*)\" -> '\\1'}" };
	char line[2 * RULE_LABEL_MAX + 64], expected[4 * RULE_LABEL_MAX], two[RULE_LABEL_MAX + 1] = "";
	struct rules rules;

	for (int i = 0; i < RULE_LABEL_MAX / 2; i++)
		memcpy(two + 2 * i, "\xc3\xa9", 3);
	check(open_texts(&rules, texts, 3) == EXIT_DONE, "three rules");
	snprintf(line, sizeof(line), "{\"k\":\"%s%s\"}", two, two);
	apply(&rules, line);
	snprintf(expected, sizeof(expected), "a_total{k=\"%s\"} 1\nb_total{k=\"x%.*s\"} 1\nc_total{k=\"%s\"} 1\n", two,
		 RULE_LABEL_MAX - 2, two, two);
	check_samples(&rules, "labels have at most 1024 bytes", expected);
	rules_close(&rules);
}

/* ---- rules together ---- */

static void test_builtin(void)
{
	const struct rules_source source = { .builtin = true, .series_max = 10 };
	unsigned int without_help = 0;
	struct rules rules;

	check(rules_open(&rules, &source, 1) == EXIT_DONE, "the program's own rules");
	check(rules.n_list == n_builtin_rules && !rules.n_left_out, "none of them is left out");
	for (unsigned int i = 0; i < rules.n_metrics; i++)
		without_help += !strncmp(rules.metrics[i].shape->help, "counter ", 8) ||
				strchr(rules.metrics[i].shape->help, '{');
	check(!without_help, "each of their metrics has a help of its own");
	rules_close(&rules);
}

/* Which of the second rules are left out, as their samples would be called as one of the first's. */
static void test_left_out(void)
{
	static const struct {
		const char *texts[2];
		unsigned int n_left_out;
	} pairs[] = {
		{ { "counter a_total", "counter a_total from x" }, 0 },
		{ { "counter a_total", "counter b_total" }, 0 },
		{ { "counter a_total{x}", "counter a_total{y}" }, 1 },
		{ { "counter a_total{x,y}", "counter a_total{y,x}" }, 1 },
		{ { "counter a_total{x}", "counter a_total{x=other}" }, 0 },
		{ { "counter a_total", "gauge a value v" }, 1 },
		{ { "gauge a value v", "gauge a value w" }, 0 },
		{ { "gauge a value v", "summary a value v" }, 1 },
		{ { "histogram a value v", "gauge a_count value v" }, 1 },
		{ { "gauge a_count value v", "histogram a value v" }, 1 },
		{ { "histogram a value v", "gauge a_counts value v" }, 0 },
		{ { "summary a value v", "gauge a_sum value v" }, 1 },
		{ { "histogram a value v", "histogram a value w" }, 0 },
		{ { "histogram a value v", "histogram a value v buckets 1" }, 1 },
		{ { "histogram a value v", "histogram a value v exponential" }, 1 },
		{ { "histogram a value v buckets 1, 2", "histogram a value v buckets 1000ms, 2" }, 0 },
	};

	for (size_t i = 0; i < LENGTH(pairs); i++) {
		struct rules rules;
		bool opened = open_texts(&rules, pairs[i].texts, 2) == EXIT_DONE;

		check(opened && rules.n_left_out == pairs[i].n_left_out && rules.n_list == 2 - pairs[i].n_left_out,
		      "'%s', '%s': %s", pairs[i].texts[0], pairs[i].texts[1],
		      pairs[i].n_left_out ? "left out" : "together");
		rules_close(&rules);
	}
}

static void test_reserved(void)
{
	static const struct metric_shape own = { .name = "own_total", .type = METRIC_COUNTER, .labels = { "reason" } };
	static const struct metric_shape *const reserved[] = { &own };
	static const char *const texts[] = { "counter own_total", "gauge own value v", "counter a_total{x}" };
	static const struct {
		const char *label;
		enum exit_code code;
	} labels[] = { { "y", EXIT_DONE },
		       { "x", EXIT_USAGE },
		       { "reason", EXIT_USAGE },
		       { "quantile", EXIT_USAGE },
		       { "le", EXIT_USAGE } };
	struct rules rules;

	for (size_t i = 0; i < LENGTH(labels); i++) {
		const struct constant_label constant = { labels[i].label, "" };
		const struct rules_source source = { .texts = texts,
						     .n_texts = 3,
						     .reserved = reserved,
						     .n_reserved = 1,
						     .constants = &constant,
						     .n_constants = 1 };

		check(rules_open(&rules, &source, 1) == labels[i].code, "a constant label '%s'", labels[i].label);
		if (labels[i].code == EXIT_DONE)
			check(rules.n_list == 1 && rules.n_left_out == 2, "names that are not for rules");
		rules_close(&rules);
	}
}

/* What one rule says of its metric reaches the metric, whichever it is; else the program's defaults do. */
static void test_metric(void)
{
	static const char *const texts[] = { "counter a_total", "counter a_total from x limit 7 ttl 2s",
					     "counter b_total", "counter a_total limit 8" };
	struct rules rules;

	check(open_texts(&rules, texts, 3) == EXIT_DONE && rules.n_metrics == 2, "three rules, two metrics");
	check(rules.metrics[0].series_max == 7 && rules.metrics[0].shape->ttl_ns == UINT64_C(2000000000),
	      "a limit and a ttl in the second rule");
	check(rules.metrics[1].series_max == 3 && rules.metrics[1].shape->ttl_ns == 1000, "the program's");
	rules_close(&rules);
	check(open_texts(&rules, texts, 4) == EXIT_USAGE, "another limit in a third one");
	rules_close(&rules);
}

static void test_take_over(void)
{
	static const char *const before[] = { "counter a_total{k}", "counter b_total{k}", "gauge c value v" };
	static const char *const after[] = { "gauge c value w", "counter b_total{l}",
					     "counter a_total{k} from x limit 1" };
	struct rules old, rules;

	open_texts(&old, before, 3);
	apply(&old, "{\"k\":\"x\",\"v\":5}");
	apply(&old, "{\"k\":\"y\",\"v\":\"bad\"}");
	open_texts(&rules, after, 3);
	rules_take_over(&rules, &old);
	rules_close(&old);
	check_samples(&rules, "what has the same labels goes on", "c 5\na_total{k=\"x\"} 1\na_total{k=\"y\"} 1\n");
	apply(&rules, "{\"event\":\"x\",\"k\":\"x\",\"l\":\"l\",\"w\":6}");
	apply(&rules, "{\"event\":\"x\",\"k\":\"z\",\"l\":\"l\"}");
	check_samples(&rules, "and counts by the new rules",
		      "c 6\nb_total{l=\"l\"} 2\na_total{k=\"x\"} 2\na_total{k=\"y\"} 1\n"
		      "a_total{otel_metric_overflow=\"true\"} 1\n");
	check(rules.bad_values == 1, "bad values are not forgotten");
	rules_close(&rules);
}

static void test_expiry(void)
{
	static const char *const texts[] = { "counter a_total{k}", "counter b_total{k} ttl 5us" };
	struct rules rules;

	open_texts(&rules, texts, 2);
	rules_set_time(&rules, 10000, 0);
	apply(&rules, "{\"k\":\"x\"}");
	rules_set_time(&rules, 10500, 0);
	apply(&rules, "{\"k\":\"y\"}");
	rules_expire(&rules, 11000);
	check_samples(&rules, "a series ends after its time",
		      "a_total{k=\"y\"} 1\nb_total{k=\"x\"} 1\nb_total{k=\"y\"} 1\n");
	rules_expire(&rules, 15000);
	check_samples(&rules, "a rule's own time is another", "b_total{k=\"y\"} 1\n");
	check(rules.expired == 3, "they are counted");
	rules_close(&rules);
}

/* ---- files ---- */

static void test_file(void)
{
	static const struct {
		const char *text;
		enum exit_code code;
		unsigned int n_list;
	} files[] = {
		{ "{}", EXIT_DONE, 1 },
		{ "{\"builtin\":false,\"rules\":[]}", EXIT_DONE, 1 },
		{ "{\"rules\":[\"counter b_total\",\"counter a_total from x\"]}", EXIT_DONE, 3 },
		{ "{\"rules\":[\"counter b\"]}", EXIT_USAGE, 0 },
		{ "{\"rules\":[\"counter b_total limit 1\",\"counter b_total limit 2\"]}", EXIT_USAGE, 0 },
		{ "{\"rules\":\"counter b_total\"}", EXIT_USAGE, 0 },
		{ "{\"rule\":[]}", EXIT_USAGE, 0 },
		{ "", EXIT_USAGE, 0 },
	};
	static const char *const texts[] = { "counter a_total" };
	char path[] = "/tmp/expose_rules.XXXXXX";
	const struct rules_source source = { .texts = texts, .n_texts = 1, .series_max = 3, .path = path };
	int fd = mkstemp(path);
	struct rules rules;

	for (size_t i = 0; i < LENGTH(files) && fd >= 0; i++) {
		size_t length = strlen(files[i].text);
		bool written = !ftruncate(fd, 0) && pwrite(fd, files[i].text, length, 0) == (ssize_t)length;

		check(written && rules_open(&rules, &source, 1) == files[i].code &&
			      (files[i].code || rules.n_list == files[i].n_list),
		      "a file '%s'", files[i].text);
		rules_close(&rules);
	}
	unlink(path);
	check(rules_open(&rules, &source, 1) == EXIT_USAGE, "a file that is not there");
	rules_close(&rules);
	close(fd);
}

int main(void)
{
	diag_init("expose_rules", -1);
	test_cases();
	test_long_labels();
	test_builtin();
	test_left_out();
	test_reserved();
	test_metric();
	test_take_over();
	test_expiry();
	test_file();
	return finish_tests();
}
