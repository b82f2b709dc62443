/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of otb-expose: what they mean, where they are wrong, and what several of one metric say of it. */
#include "cmd/otb-expose/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what rules mean ---- */

static struct json_names fields;

static bool parse(struct rule *rule, const char *text)
{
	static struct lexer lexer;
	bool parsed;

	json_names_init(&fields);
	parsed = rule_parse(rule, &lexer, text, &fields);
	if (!parsed)
		printf("# %s: column %zu: %s\n", text, lexer.column, lexer.error);
	return parsed;
}

static bool is(const char *text, const char *other)
{
	return text && other ? !strcmp(text, other) : text == other;
}

static void test_smallest(void)
{
	static const struct {
		const char *text, *name;
		enum metric_type type;
		unsigned int n_bounds, n_quantiles;
	} rules[] = {
		{ "counter a_total", "a_total", METRIC_COUNTER, 0, 0 },
		{ "counter a_total{}", "a_total", METRIC_COUNTER, 0, 0 },
		{ "gauge _g value v", "_g", METRIC_GAUGE, 0, 0 },
		{ "histogram h_seconds value v", "h_seconds", METRIC_HISTOGRAM, 14, 0 },
		{ "summary S9 value v", "S9", METRIC_SUMMARY, 0, 3 },
	};

	for (size_t i = 0; i < LENGTH(rules); i++) {
		struct rule rule;
		bool parsed = parse(&rule, rules[i].text);

		check(parsed && is(rule.shape.name, rules[i].name) && rule.shape.type == rules[i].type, "%s",
		      rules[i].text);
		check(parsed && rule.shape.n_bounds == rules[i].n_bounds &&
			      rule.shape.n_quantiles == rules[i].n_quantiles,
		      "%s: its defaults", rules[i].text);
		check(parsed && is(rule.text, rules[i].text) && is(rule.shape.help, rules[i].text) &&
			      !rule.series_max && !rule.shape.ttl_ns && !rule.condition && !rule.n_events &&
			      rule.factor == 1 && rule.divisor == 1 && !rule.shape.otlp_name && !rule.shape.exponential,
		      "%s: nothing else is said", rules[i].text);
		rule_clear(&rule);
	}
}

static void test_whole(void)
{
	static const char text[] =
		"histogram h_seconds{http.route, method = m, tier=\"a \\\"b\\\"\", pod =~ '^(.*)-x$' -> '\\1'}"
		" from span, gc_pause value duration_ns/1e9 buckets 5ms, 0.1, 1m exponential ttl 1m30s"
		" limit 17 as app.h help 'It''s.' where a == 1 and b exists";
	static const char good[] =
		"histogram h_seconds{http.route, method = m, tier=\"a \\\"b\\\"\", pod =~ '^(.*)-x$' -> '\\1'}"
		" from span, gc_pause value duration_ns/1e9 buckets 5ms, 0.1, 1m exponential ttl 1m30s"
		" limit 17 as app.h help 'Its.' where a == 1 and b exists";
	struct rule rule;

	check(!parse(&rule, text), "quotes are not doubled");
	rule_clear(&rule);
	if (!parse(&rule, good)) {
		check(false, "all clauses");
		rule_clear(&rule);
		return;
	}
	check(rule.n_labels == 4 && is(rule.shape.labels[0], "http_route") &&
		      is(rule.labels[0].field.name, "http.route") && is(rule.labels[0].field.alias, "http_route"),
	      "a label of a field with a dot");
	check(is(rule.shape.labels[1], "method") && is(rule.labels[1].field.name, "m"), "a label of another field");
	check(is(rule.shape.labels[2], "tier") && is(rule.labels[2].constant, "a \"b\""), "a constant label");
	check(is(rule.shape.labels[3], "pod") && is(rule.labels[3].field.name, "pod") && rule.labels[3].pattern &&
		      is(rule.labels[3].replacement, "\\1"),
	      "a label that is rewritten");
	check(rule.n_events == 2 && is(rule.events[0], "span") && is(rule.events[1], "gc_pause"), "from");
	check(is(rule.value.name, "duration_ns") && rule.divisor == 1e9 && rule.factor == 1, "value");
	check(rule.shape.n_bounds == 3 && rule.shape.bounds[0] == 0.005 && rule.shape.bounds[1] == 0.1 &&
		      rule.shape.bounds[2] == 60,
	      "buckets");
	check(rule.shape.exponential && rule.shape.ttl_ns == UINT64_C(90000000000) && rule.series_max == 17,
	      "exponential, ttl, limit");
	check(is(rule.shape.otlp_name, "app.h") && is(rule.shape.help, "Its.") && rule.condition, "as, help, where");
	rule_clear(&rule);
}

static void test_bounds(void)
{
	static const struct {
		const char *text;
		double bound;
	} bounds[] = {
		{ "0.5", 0.5 },      { "-1.5", -1.5 }, { "1e3", 1000 }, { "7ns", 7e-9 }, { "250us", 0.00025 },
		{ "2.5ms", 0.0025 }, { "10s", 10 },    { "1.5m", 90 },  { "2h", 7200 },
	};
	char text[64];

	for (size_t i = 0; i < LENGTH(bounds); i++) {
		struct rule rule;

		snprintf(text, sizeof(text), "histogram h value v buckets %s", bounds[i].text);
		check(parse(&rule, text) && rule.shape.n_bounds == 1 &&
			      fabs(rule.shape.bounds[0] / bounds[i].bound - 1) < 1e-15,
		      "buckets %s", bounds[i].text);
		rule_clear(&rule);
	}
}

/* ---- where they are wrong ---- */

/* The column is that of the `, which is no part of the rule. */
static const struct {
	const char *rule, *words;
} wrong[] = {
	/* the head */
	{ "`", "expected counter, gauge, histogram or summary" },
	{ "  `meter x_total", "expected counter, gauge, histogram or summary" },
	{ "`'counter' x_total", "expected counter, gauge, histogram or summary" },
	{ "counter`", "expected the metric's name" },
	{ "counter `'x_total'", "expected the metric's name" },
	{ "counter `9_total", "malformed number" },
	{ "counter `errors", "a counter's name ends in '_total'" },
	{ "counter `_total", "a counter's name ends in '_total'" },
	{ "counter `a.b_total", "only letters, digits and '_'" },
	{ "gauge `x_total value a", "'_total' at the end" },
	{ "gauge `x_created value a", "'_created' at the end" },
	{ "histogram `x_bucket value a", "'_bucket' at the end" },
	{ "summary `x_info value a", "'_info' at the end" },
	{ "counter x_total `; more", "unexpected" },
	{ "counter x_total `\xff", "not UTF-8" },
	{ "counter x_total help '`\xed\xa0\x80'", "not UTF-8" },
	/* labels */
	{ "counter x_total{`", "expected a label" },
	{ "counter x_total{a`", "expected '}'" },
	{ "counter x_total{a `b}", "expected '}'" },
	{ "counter x_total{a,`}", "expected a label" },
	{ "counter x_total{`1a}", "expected a label" },
	{ "counter x_total{`__a}", "no '__'" },
	{ "counter x_total{`..a}", "unexpected" },
	{ "counter x_total{`le}", "'le' is not for labels of your own" },
	{ "counter x_total{a, `quantile=b}", "'quantile' is not for labels of your own" },
	{ "counter x_total{`otel_metric_overflow}", "is not for labels of your own" },
	{ "counter x_total{`otel.metric.overflow}", "is not for labels of your own" },
	{ "counter x_total{a,`a=b}", "a second label 'a'" },
	{ "counter x_total{a.b,`a_b}", "a second label 'a_b'" },
	{ "counter x_total{`le=\"5\"}", "'le' is not for labels of your own" },
	{ "counter x_total{`__name__=\"b\"}", "no '__'" },
	{ "counter x_total{a,`a=\"b\"}", "a second label 'a'" },
	{ "counter x_total{a=\"b\",`a=\"c\"}", "a second label 'a'" },
	{ "counter x_total{a=`}", "expected a field, or a text in quotes" },
	{ "counter x_total{a=`5}", "expected a field, or a text in quotes" },
	{ "counter x_total{a=`\"b}", "a string is not closed" },
	{ "counter x_total{a=\"b\" `=~ \"c\" -> \"\"}", "expected '}'" },
	{ "counter x_total{a =~ `b}", "expected a regular expression in quotes" },
	{ "counter x_total{a =~ `\"(\" -> \"\"}", "bad regular expression" },
	{ "counter x_total{a =~ `'(a)\\1' -> ''}", "no back-references" },
	{ "counter x_total{a =~ \"b\"`}", "expected '->'" },
	{ "counter x_total{a =~ \"b\" -> `c}", "what the label becomes, in quotes" },
	{ "counter x_total{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,`q}", "more than 16 labels" },
	/* clauses */
	{ "counter x_total `more", "expected from, value, buckets" },
	{ "counter x_total `5", "expected from, value, buckets" },
	{ "counter x_total from`", "expected an event" },
	{ "counter x_total from a, `'b'", "expected an event" },
	{ "counter x_total from a,b,c,d,e,f,g,h,`i", "more than 8 events" },
	{ "counter x_total from a, b, `a", "a second event 'a'" },
	{ "counter x_total from a `from b", "a second 'from'" },
	{ "gauge g value `5", "expected a field" },
	{ "gauge g value a / `b", "expected a number" },
	{ "gauge g value a / `0", "division by zero" },
	{ "gauge g value a * `5ms", "expected a number" },
	{ "gauge g value a * `1e999", "too large" },
	{ "gauge g value a `value b", "a second 'value'" },
	{ "histogram h value a buckets `x", "expected a bound" },
	{ "histogram h value a buckets 1, `1", "greater than the one before" },
	{ "histogram h value a buckets 1s, `999ms", "greater than the one before" },
	{ "histogram h value a buckets `5d", "expected a number, or a time as 5ms" },
	{ "histogram h value a buckets 1,`", "expected a bound" },
	{ "summary s value a quantiles 0.5, `1.1", "from 0 to 1" },
	{ "summary s value a quantiles `-0.5", "from 0 to 1" },
	{ "summary s value a quantiles 0.5, `0.5", "greater than the one before" },
	{ "summary s value a quantiles 50`%", "unexpected" },
	{ "counter x_total ttl `5q", "expected a time as 5m" },
	{ "counter x_total ttl `a", "expected a time as 5m" },
	{ "counter x_total ttl `0s", "expected a time as 5m" },
	{ "counter x_total ttl `30s1m", "expected a time as 5m" },
	{ "counter x_total ttl `1m30", "expected a time as 5m" },
	{ "counter x_total limit `0", "series from 1 to 1000000" },
	{ "counter x_total limit `1.5", "series from 1 to 1000000" },
	{ "counter x_total limit `1000001", "series from 1 to 1000000" },
	{ "counter x_total limit `1K", "expected a number of series" },
	{ "counter x_total as `'a'", "expected a name" },
	{ "counter x_total help `a", "expected a text in quotes" },
	{ "counter x_total help `'a", "a string is not closed" },
	{ "counter x_total where`", "expected a field" },
	{ "counter x_total where `> 5", "expected a field" },
	{ "counter x_total where a =~ `\"(\"", "bad regular expression" },
	{ "counter x_total where a exists `ttl 5m", "the condition ends here" },
	{ "counter x_total where a exists `where b exists", "the condition ends here" },
	/* the whole */
	{ "gauge g`", "only a counter can do without 'value FIELD'" },
	{ "histogram h buckets 1`", "only a counter can do without 'value FIELD'" },
	{ "gauge g value a buckets 1`", "only a histogram has buckets" },
	{ "counter x_total exponential`", "only a histogram has buckets" },
	{ "histogram h value a quantiles 0.5`", "only a summary has quantiles" },
	{ "histogram h value a counts `5", "expected a field" },
	{ "histogram h value a counts b,`", "expected a field" },
	{ "histogram h value a counts b `counts c", "a second 'counts'" },
	{ "histogram h value a `counts b", "expected 15 fields" },
	{ "histogram h value a `counts b, c buckets 1, 2", "expected 3 fields" },
	{ "histogram h value a buckets 1, 2 `counts b, c, d, e", "expected 3 fields" },
	{ "histogram h buckets 1 counts b, c`", "only a counter can do without 'value FIELD'" },
	{ "gauge g value a counts b`", "only a histogram has counts" },
	{ "counter x_total counts b`", "only a histogram has counts" },
	{ "histogram h value a exponential buckets 1 counts b, c`", "exponential buckets cannot be made of counts" },
	{ "histogram h value a buckets 1 counts b, c exemplars`", "a record with counts has no exemplar" },
	{ "gauge g value a exemplars`", "only a counter or a histogram has exemplars" },
};

static void check_wrong(const char *marked, const char *words)
{
	const char *mark = strchr(marked, '`');
	size_t column = (size_t)(mark - marked) + 1, size = strlen(marked);
	char *text = malloc(size);
	struct lexer lexer;
	struct rule rule;
	bool parsed;

	snprintf(text, size, "%.*s%s", (int)(column - 1), marked, mark + 1);
	json_names_init(&fields);
	parsed = rule_parse(&rule, &lexer, text, &fields);
	check(!parsed && lexer.column == column && strstr(lexer.error, words), "%s: %s", marked, words);
	if (!parsed && (lexer.column != column || !strstr(lexer.error, words)))
		printf("# column %zu: %s\n", lexer.column, lexer.error);
	rule_clear(&rule);
	free(text);
}

static void test_wrong(void)
{
	for (size_t i = 0; i < LENGTH(wrong); i++)
		check_wrong(wrong[i].rule, wrong[i].words);
}

/* `head`, a name of `length` letters, `tail`. */
static void check_long(const char *head, size_t length, const char *tail, const char *words)
{
	char text[1024];
	size_t size = strlen(head);

	snprintf(text, sizeof(text), "%s", head);
	memset(text + size, 'a', length);
	snprintf(text + size + length, sizeof(text) - size - length, "%s", tail);
	check_wrong(text, words);
}

/* A list of numbers, one more than there may be. */
static void check_many(const char *head, unsigned int n, const char *words)
{
	char text[4096];
	int size = snprintf(text, sizeof(text), "%s", head);

	for (unsigned int i = 0; i < n; i++)
		size += snprintf(text + size, sizeof(text) - (size_t)size, "%s0.%04u", i ? ", " : " ", i + 1);
	snprintf(text + size, sizeof(text) - (size_t)size, ", `0.9");
	check_wrong(text, words);
}

/* The same of fields, which may be one and the same. */
static void check_many_fields(void)
{
	char text[4096];
	int size = snprintf(text, sizeof(text), "histogram h value v counts a");

	for (unsigned int i = 0; i < RULE_BOUNDS_MAX; i++)
		size += snprintf(text + size, sizeof(text) - (size_t)size, ", a");
	snprintf(text + size, sizeof(text) - (size_t)size, ", `a");
	check_wrong(text, "more than 201 fields");
}

static void test_limits(void)
{
	char text[4096];
	int size = snprintf(text, sizeof(text), "counter x_total where a0 == 1");

	check_long("counter `", METRIC_NAME_MAX - 5, "_total", "at most 255 characters");
	check_long("counter x_total{`", JSON_NAME_LENGTH_MAX + 1, "}", "the name is too long");
	check_long("gauge g value `", JSON_NAME_LENGTH_MAX + 1, " / 5", "the name is too long");
	check_long("counter x_total{a=`", JSON_NAME_LENGTH_MAX + 1, ",b}", "the name is too long");
	check_many("histogram h value v buckets", RULE_BOUNDS_MAX, "more than 200 numbers");
	check_many("summary s value v quantiles", RULE_QUANTILES_MAX, "more than 20 numbers");
	check_many_fields();
	for (int i = 1; i < JSON_NAMES_MAX; i++)
		size += snprintf(text + size, sizeof(text) - (size_t)size, " and a%d == 1", i);
	struct rule rule;
	check(parse(&rule, text), "as many fields as there may be");
	rule_clear(&rule);
	snprintf(text + size, sizeof(text) - (size_t)size, " and `more == 1");
	check_wrong(text, "too many fields");
}

/* The fields of one rule count with those of the others. */
static void test_names_in_use(void)
{
	static char names[JSON_NAMES_MAX - 1][16];
	struct rule last, more;
	struct lexer lexer;

	json_names_init(&fields);
	for (int i = 0; i < JSON_NAMES_MAX - 1; i++) {
		snprintf(names[i], sizeof(names[i]), "of_others_%d", i);
		json_names_add(&fields, names[i]);
	}
	check(rule_parse(&last, &lexer, "counter x_total{of_others_5, new}", &fields),
	      "the last name there is room for");
	check(!rule_parse(&more, &lexer, "gauge g value one_more", &fields) && lexer.column == 15 &&
		      strstr(lexer.error, "more than 128 fields in all rules"),
	      "one more");
	rule_clear(&more);
	rule_clear(&last);
}

/* ---- several of one metric ---- */

/* What the second says is at the ` where it is wrong. */
static const struct {
	const char *first, *second, *words;
} joined[] = {
	{ "counter a_total", "counter a_total from x", NULL },
	{ "counter a_total", "counter a_total limit 5 ttl 5m as b.c help 'c'", NULL },
	{ "counter a_total limit 5 ttl 5m as b.c help 'c'", "counter a_total", NULL },
	{ "counter a_total limit 5 ttl 60s as b.c help 'c'", "counter a_total help \"c\" as b.c ttl 1m limit 5e0",
	  NULL },
	{ "summary a value v", "summary a value v quantiles 0.1", NULL },
	{ "summary a value v quantiles 0.1", "summary a value w", NULL },
	{ "counter a_total limit 5", "counter a_total `limit 6", "another 'limit'" },
	{ "counter a_total ttl 5m", "counter a_total limit 7 `ttl 6m from x", "another 'ttl'" },
	{ "counter a_total as b", "counter a_total `as c", "another 'as'" },
	{ "counter a_total help 'b'", "counter a_total `help 'c'", "another 'help'" },
	{ "summary a value v quantiles 0.5", "summary a value v `quantiles 0.1", "another 'quantiles'" },
	{ "summary a value v quantiles 0.5", "summary a value v `quantiles 0.5, 0.9", "another 'quantiles'" },
};

static void check_joined(const char *first_text, const char *marked, const char *words)
{
	const char *mark = strchr(marked, '`');
	size_t column = mark ? (size_t)(mark - marked) + 1 : 0;
	struct rule first, second;
	struct lexer lexer;
	char text[256];

	snprintf(text, sizeof(text), "%.*s%s", (int)(mark ? mark - marked : 0), marked, mark ? mark + 1 : marked);
	json_names_init(&fields);
	rule_parse(&first, &lexer, first_text, &fields);
	rule_parse(&second, &lexer, text, &fields);
	if (words)
		check(!rule_join(&first, &second, &lexer) && lexer.column == column && strstr(lexer.error, words),
		      "'%s' and '%s': %s", first_text, marked, words);
	else
		check(rule_join(&first, &second, &lexer) && !lexer_failed(&lexer), "'%s' and '%s'", first_text, marked);
	rule_clear(&second);
	rule_clear(&first);
}

static void test_joined(void)
{
	struct rule first, second;
	struct lexer lexer;

	for (size_t i = 0; i < LENGTH(joined); i++)
		check_joined(joined[i].first, joined[i].second, joined[i].words);

	json_names_init(&fields);
	rule_parse(&first, &lexer, "summary a value v", &fields);
	rule_parse(&second, &lexer, "summary a value v limit 5 ttl 5m as b.c help 'c' quantiles 0.1", &fields);
	check(rule_join(&first, &second, &lexer) && first.series_max == 5 && is(first.shape.otlp_name, "b.c") &&
		      is(first.shape.help, "c") && first.shape.ttl_ns == UINT64_C(300000000000) &&
		      first.shape.n_quantiles == 1 && first.shape.quantiles[0] == 0.1,
	      "what a further rule says is the first one's");
	rule_clear(&second);
	check(is(first.shape.help, "c") && first.shape.quantiles[0] == 0.1, "when the further one has gone, too");
	rule_parse(&second, &lexer, "summary a value v limit 6", &fields);
	check(!rule_join(&first, &second, &lexer), "and what a third one says must not differ from that");
	rule_clear(&second);
	rule_clear(&first);
}

int main(void)
{
	test_smallest();
	test_whole();
	test_bounds();
	test_wrong();
	test_limits();
	test_names_in_use();
	test_joined();
	return finish_tests();
}
