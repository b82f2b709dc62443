/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: what they are called and say, in which order, from where; what is wrong with others, and where; the root. */
#include "cmd/otb-sample/rules.h"

#include "common/record/threshold.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/otb-rules-XXXXXX";

struct bench {
	struct tallies tallies;
	struct json_names names;
	struct rules rules;
	struct sample sample;
	enum exit_code code;
};

static struct bench bench;

/* ---- helpers ---- */

static enum exit_code open_rules(const struct rule_text *texts, unsigned int n, const char *file)
{
	struct rules_source source = {
		.texts = texts, .n_texts = n, .path = file, .names = &bench.names, .tallies = &bench.tallies
	};

	tallies_open(&bench.tallies);
	fields_open(&bench.names);
	bench.code = rules_open(&bench.rules, &source);
	return bench.code;
}

static enum exit_code open_rule(enum rule_form form, const char *text)
{
	const struct rule_text rule = { form, text };

	return open_rules(&rule, 1, NULL);
}

static void close_rules(void)
{
	rules_close(&bench.rules);
	tallies_close(&bench.tallies);
	sample_close(&bench.sample);
}

static unsigned int match(const char *line, unsigned int limit)
{
	return rules_match(&bench.rules, sample_scan_by(&bench.sample, &bench.rules.names, line), limit);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

/* ---- verdicts ---- */

static void test_verdicts(void)
{
	static const struct {
		const char *verdict;
		double ratio;
	} verdicts[] = { { "keep", 1 }, { "drop", 0 },   { "1", 1 },        { "1.0", 1 },
			 { "0", 0 },    { "0.0", 0 },    { "0.25", 0.25 },  { "1e-3", 0.001 },
			 { "1/1", 1 },  { "1/4", 0.25 }, { "1 / 4", 0.25 }, { "1/1000000", 1e-6 } };
	char text[64];

	for (size_t i = 0; i < COUNT(verdicts); i++) {
		snprintf(text, sizeof(text), "a_name: * -> %s", verdicts[i].verdict);
		bool passed = open_rule(RULE_WHOLE, text) == EXIT_DONE && bench.rules.n == 1;
		const struct verdict *verdict = &bench.rules.list[0].verdict;

		check(passed && verdict->type == VERDICT_SHARE && verdict->ratio == verdicts[i].ratio &&
			      verdict->threshold == threshold_of_ratio(verdicts[i].ratio, 4) &&
			      !strcmp(verdict->tally->name, "a_name") && bench.rules.keeps == (verdict->ratio == 1),
		      "'%s' is %g", verdicts[i].verdict, verdicts[i].ratio);
		close_rules();
	}
}

static void test_names(void)
{
	static const struct rule_text texts[] = {
		{ RULE_KEEP, "a == 1" },
		{ RULE_DROP, "b == 1" },
		{ RULE_WHOLE, "name.of_3: c == 1 -> 0.5" },
		{ RULE_WHOLE, "_: d == 1 -> 0" },
		{ RULE_KEEP, "*" },
		{ RULE_WHOLE, "keep: e exists -> keep" },
		{ RULE_WHOLE, "name.of_3: f == 1 -> 0.25" },
	};
	static const char *const names[] = { "keep_1", "drop_2", "name.of_3", "_", "keep_5", "keep", "name.of_3" };
	bool passed = open_rules(texts, COUNT(texts), NULL) == EXIT_DONE && bench.rules.n == COUNT(texts);

	for (unsigned int i = 0; passed && i < COUNT(names); i++)
		check(!strcmp(bench.rules.list[i].verdict.tally->name, names[i]), "rule %u is called %s", i + 1,
		      names[i]);
	check(passed && bench.rules.list[2].verdict.tally == bench.rules.list[6].verdict.tally,
	      "those of one name are counted as one");
	check(passed && bench.rules.list[0].verdict.ratio == 1 && bench.rules.list[1].verdict.ratio == 0,
	      "keep is 1, drop is 0");
	close_rules();
}

static void test_long_names(void)
{
	char text[RULE_NAME_MAX + 64], name[RULE_NAME_MAX + 2];

	for (size_t length = RULE_NAME_MAX; length <= RULE_NAME_MAX + 1; length++) {
		memset(name, 'n', length);
		name[length] = '\0';
		snprintf(text, sizeof(text), "  %s: * -> 1", name);
		bool is_read = open_rule(RULE_WHOLE, text) == EXIT_DONE;
		check(is_read == (length == RULE_NAME_MAX), "a name of %zu", length);
		check(is_read || strstr(said_take(), "column 3: the rule's name is too long"), "is %s",
		      is_read ? "one" : "too long");
		close_rules();
	}
}

/* ---- matching ---- */

static void test_order(void)
{
	static const struct rule_text texts[] = { { RULE_KEEP, "a == 1" },
						  { RULE_DROP, "b == 1 or a == 2" },
						  { RULE_WHOLE, "x: a exists -> 0.5" },
						  { RULE_WHOLE, "all: * -> 0.25" } };

	open_rules(texts, COUNT(texts), NULL);
	check(match("{\"a\":1,\"b\":1}", 4) == 0, "the first that matches decides");
	check(match("{\"b\":1,\"a\":7}", 4) == 1 && match("{\"a\":2}", 4) == 1, "else the second");
	check(match("{\"a\":null,\"b\":2}", 4) == 3 && match("{\"a\":3}", 4) == 2, "and so on");
	check(match("{}", 4) == 3, "* is all there is");
	check(match("{}", 3) == 3 && match("{\"a\":3}", 2) == 2 && match("{\"a\":1}", 1) == 0 && match("{}", 0) == 0,
	      "up to a limit");
	close_rules();
	open_rules(texts, 2, NULL);
	check(match("{\"a\":3}", 2) == 2, "none matches");
	close_rules();
	open_rules(NULL, 0, NULL);
	check(bench.code == EXIT_DONE && match("{\"a\":3}", 0) == 0 && !bench.rules.keeps, "no rules");
	close_rules();
}

static void test_keeps(void)
{
	static const struct {
		enum rule_form form;
		const char *text;
		bool keeps;
	} rules[] = { { RULE_KEEP, "a == 1", true },
		      { RULE_DROP, "a == 1", false },
		      { RULE_WHOLE, "x: a == 1 -> keep", true },
		      { RULE_WHOLE, "x: a == 1 -> 1.0", true },
		      { RULE_WHOLE, "x: a == 1 -> 1/1", true },
		      { RULE_WHOLE, "x: a == 1 -> 0.999", false },
		      { RULE_WHOLE, "x: * -> drop", false } };

	for (size_t i = 0; i < COUNT(rules); i++) {
		open_rule(rules[i].form, rules[i].text);
		check(bench.code == EXIT_DONE && bench.rules.keeps == rules[i].keeps, "'%s': the rest is %s",
		      rules[i].text, rules[i].keeps ? "dropped" : "kept");
		close_rules();
	}
}

/* ---- what is wrong ---- */

static void check_wrong(enum rule_form form, const char *text, const char *what)
{
	static const char *const options[] = { [RULE_KEEP] = "keep", [RULE_DROP] = "drop", [RULE_WHOLE] = "rule" };
	char expected[1024];

	snprintf(expected, sizeof(expected), "test: --%s '%s': column %s\n", options[form], text, what);
	enum exit_code code = open_rule(form, text);
	const char *said = said_take();
	check(code == EXIT_USAGE && !strcmp(said, expected), "--%s '%s' is wrong in column %s", options[form], text,
	      what);
	if (strcmp(said, expected) != 0)
		printf("# %s", said);
	close_rules();
}

static void test_wrong(void)
{
	static const struct {
		const char *text, *what;
	} rules[] = {
		{ "", "1: expected the rule's name" },
		{ "  ", "3: expected the rule's name" },
		{ "1: * -> 1", "1: expected the rule's name" },
		{ "\"a\": * -> 1", "1: expected the rule's name" },
		{ "a b: * -> 1", "3: expected ':'" },
		{ "a-b: * -> 1", "2: unexpected character '-'" },
		{ "a", "2: expected ':'" },
		{ "a * -> 1", "3: expected ':'" },
		{ "a: * 1", "6: expected '->'" },
		{ "a: *", "5: expected '->'" },
		{ "a: b == 1", "10: expected '->'" },
		{ "a: b == 1 -> ", "14: expected keep, drop, a share from 0 to 1, or 1/N" },
		{ "a: b == 1 -> Keep", "14: expected keep, drop, a share from 0 to 1, or 1/N" },
		{ "a: b == 1 -> 'keep'", "14: expected keep, drop, a share from 0 to 1, or 1/N" },
		{ "a: b == 1 -> 1.1", "14: expected a share from 0 to 1" },
		{ "a: b == 1 -> 2", "14: expected a share from 0 to 1" },
		{ "a: b == 1 -> -0.1", "14: expected a share from 0 to 1" },
		{ "a: b == 1 -> .5", "14: unexpected character '.'" },
		{ "a: b == 1 -> 0.5m", "17: a share has no unit" },
		{ "a: b == 1 -> 50%", "16: unexpected character '%'" },
		{ "a: b == 1 -> 1K", "15: a share has no unit" },
		{ "a: b == 1 -> 1/", "16: expected a number" },
		{ "a: b == 1 -> 1/x", "16: expected a number" },
		{ "a: b == 1 -> 1/0", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 1/0.5", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 1/-4", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 1/10s", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 3/2", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 3/4", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 0/4", "14: expected 1/N, where N is at least 1" },
		{ "a: b == 1 -> 1/2/2", "17: expected the end" },
		{ "a: b == 1 -> keep drop", "19: expected the end" },
		{ "a: b == 1 -> keep -> drop", "19: expected the end" },
		{ "a: b == 1 -> 0.5 and", "18: expected the end" },
		{ "a: * and b == 1 -> keep", "6: expected '->'" },
		{ "a: b == -> keep", "9: expected a number, a string in quotes, true or false" },
		{ "a: -> keep", "4: expected a field, a '(' or 'not'" },
		{ "a:", "3: expected a field, a '(' or 'not'" },
		{ "a: b == 1ms -> keep", "9: 'b' has no unit in its name: write a plain number" },
	};

	for (size_t i = 0; i < COUNT(rules); i++)
		check_wrong(RULE_WHOLE, rules[i].text, rules[i].what);
	check_wrong(RULE_KEEP, "", "1: expected a field, a '(' or 'not'");
	check_wrong(RULE_KEEP, "a == 1 -> keep", "8: expected the end, 'and' or 'or'");
	check_wrong(RULE_DROP, "a == 1 b", "8: expected the end, 'and' or 'or'");
	check_wrong(RULE_DROP, "* b", "3: expected the end");
	check_wrong(RULE_KEEP, "x: a == 1 -> keep", "2: expected ==, !=, <, <=, >, >=, =~, in or exists");
}

/* A rule behind good ones is wrong, and all that was read goes. */
static void test_wrong_behind(void)
{
	static const struct rule_text texts[] = { { RULE_KEEP, "a =~ '^x+$'" },
						  { RULE_WHOLE, "n: b in (1, 2) -> 0.5" },
						  { RULE_WHOLE, "n: c == 1 -> 2" } };

	check(open_rules(texts, 3, NULL) == EXIT_USAGE && strstr(said_take(), "--rule 'n: c == 1 -> 2': column 14: "),
	      "the rule that is wrong is said");
	close_rules();
}

/* ---- files ---- */

static void test_file(void)
{
	static const struct rule_text texts[] = { { RULE_KEEP, "a == 1" } };

	write_file("{\"rules\": [\"x: a == 2 -> 0.5\", \"y: \\u0061 =~ \\\"^z\\\" -> 1/4\"]}");
	check(open_rules(texts, 1, path) == EXIT_DONE && bench.rules.n == 3 && !*said_take(), "rules from a file");
	write_file("");
	check(match("{\"a\":1}", 3) == 0 && match("{\"a\":2}", 3) == 1 && match("{\"a\":\"zz\"}", 3) == 2 &&
		      !strcmp(bench.rules.list[1].verdict.tally->name, "x") &&
		      bench.rules.list[2].verdict.ratio == 0.25,
	      "come behind those of the command line, and outlive the file");
	close_rules();
}

static void check_wrong_file(const char *text, const char *where)
{
	char expected[256];

	write_file(text);
	snprintf(expected, sizeof(expected), "%s:%s\n", path, where);
	enum exit_code code = open_rules(NULL, 0, path);
	const char *said = said_take();
	check(code == EXIT_USAGE && strstr(said, expected), "%s is wrong at %s", text, where);
	if (!strstr(said, expected))
		printf("# %s", said);
	close_rules();
}

static void test_wrong_files(void)
{
	check_wrong_file("{\"rules\": [\"x: a == 1 -> 2\"]}", "1:26: expected a share from 0 to 1");
	check_wrong_file("{\"rules\": [\"x: a == 1 -> 1\",\n  \"y: a -> 1\"]}",
			 "2:9: expected ==, !=, <, <=, >, >=, =~, in or exists");
	check_wrong_file("{\"rules\": [\"\\u0078: a == 1 ->\"]}",
			 "1:30: expected keep, drop, a share from 0 to 1, or 1/N");
	check_wrong_file("{\"rules\": [\"x: a == 1 -> 1\", \"\"]}", "1:31: expected the rule's name");
	check_wrong_file("{\"builtin\": false}", "1:3: there is no such member: expected 'rules'");
	check(open_rules(NULL, 0, "/tmp/otb-none/none") == EXIT_USAGE && strstr(said_take(), "No such file"),
	      "a file that is not there");
	close_rules();
}

/* ---- traces ---- */

static const char *find_root_field(const char *name)
{
	for (unsigned int i = 0; i < bench.rules.n_root_fields; i++)
		if (!strcmp(bench.rules.root_fields[i].name, name))
			return bench.rules.names.keys[bench.rules.root_fields[i].number].name;
	return NULL;
}

static void check_root_field(const char *condition, const char *name, const char *in_root)
{
	open_rule(RULE_KEEP, condition);
	const char *found = find_root_field(name);
	check(bench.code == EXIT_DONE && rules_see_trace(&bench.rules) && found && !strcmp(found, in_root),
	      "'%s' looks at the root's %s", condition, in_root);
	close_rules();
}

static void test_root_fields(void)
{
	static const struct {
		const char *condition;
		bool sees;
	} conditions[] = { { "trace_duration_ns > 5s", true },
			   { "trace_spans >= 3", true },
			   { "trace.spans >= 3", true },
			   { "root == 1", false },
			   { "root_ == 1", false },
			   { "rooted == 1", false },
			   { "trace_id == 1", false },
			   { "uproot_name == 1", false },
			   { "a == 1 or root_a == 1", true } };

	for (size_t i = 0; i < COUNT(conditions); i++) {
		open_rule(RULE_KEEP, conditions[i].condition);
		check(bench.code == EXIT_DONE && rules_see_trace(&bench.rules) == conditions[i].sees,
		      "'%s' looks at %s", conditions[i].condition, conditions[i].sees ? "the trace" : "records");
		close_rules();
	}
	check_root_field("root_name == 'x'", "root_name", "name");
	check_root_field("root.name == 'x'", "root.name", "name");
	check_root_field("root.name == 'x'", "root_name", "name");
	check_root_field("root_http_route == 'x'", "root_http_route", "http_route");
	check_root_field("root.http.route == 'x'", "root.http.route", "http.route");
	check_root_field("root.http.route == 'x'", "root_http_route", "http_route");
	check_root_field("root_duration_ns > 1s", "root_duration_ns", "duration_ns");
	check_root_field("root_trace_id == 'x'", "root_trace_id", "trace_id");
	check_root_field("root_root_a == 'x'", "root_root_a", "root_a");
}

/* Another option, as --key, has named the field before. */
static void test_named_before(void)
{
	const struct rule_text text = { RULE_KEEP, "root_name == 'x' or trace_spans > 3" };
	struct rules_source source = { .texts = &text, .n_texts = 1, .names = &bench.names, .tallies = &bench.tallies };

	tallies_open(&bench.tallies);
	fields_open(&bench.names);
	json_names_add(&bench.names, "root_name");
	json_names_add(&bench.names, "trace_spans");
	bench.code = rules_open(&bench.rules, &source);
	const char *found = find_root_field("root_name");
	check(bench.code == EXIT_DONE && rules_see_trace(&bench.rules) && found && !strcmp(found, "name"),
	      "a field that something else has named is the root's all the same");
	close_rules();
}

static void test_too_many(void)
{
	char text[8192], *end = text;

	for (int i = 0; i < 70; i++)
		end += sprintf(end, "%sroot_%d == 1", i ? " or " : "", i);
	check(open_rule(RULE_KEEP, text) == EXIT_USAGE && strstr(said_take(), "too many fields"),
	      "there is an end to the names of fields");
	close_rules();
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	said_open();
	test_verdicts();
	test_names();
	test_long_names();
	test_order();
	test_keeps();
	test_wrong();
	test_wrong_behind();
	test_file();
	test_wrong_files();
	test_root_fields();
	test_named_before();
	test_too_many();
	unlink(path);
	return finish_tests();
}
