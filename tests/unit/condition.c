/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: what they say of records, where they are wrong, and the fields that they read. */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/rule/condition.h"
#include "tests/unit/tap.h"

/* ---- helpers ---- */

/* One condition and one record, scanned in a copy of exactly the size that the scanner needs. */
struct bench {
	struct json_names names;
	struct lexer lexer;
	struct condition *condition;
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record;
	char *line;
};

static struct bench *bench_open(const char *rule)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	json_names_init(&bench->names);
	lexer_open(&bench->lexer, rule);
	bench->condition = condition_parse(&bench->lexer, &bench->names);
	return bench;
}

static bool bench_scan(struct bench *bench, const char *line)
{
	size_t length = strlen(line);

	free(bench->line);
	bench->line = malloc(length + JSON_PADDING);
	memcpy(bench->line, line, length);
	memset(bench->line + length, 0xff, JSON_PADDING);
	bench->line[length] = '\0';
	bench->record = (struct record_view){ .line = bench->line, .length = length, .values = bench->values };
	return json_scan(&bench->names, bench->line, length, bench->values, &bench->record.brace) == JSON_OK;
}

static void bench_close(struct bench *bench)
{
	condition_free(bench->condition);
	free(bench->line);
	free(bench);
}

/* -1: the rule or the record is bad. */
static int evaluate(const char *rule, const char *line)
{
	struct bench *bench = bench_open(rule);
	int holds = -1;

	if (!bench->condition)
		printf("# column %zu: %s\n", bench->lexer.column, bench->lexer.error);
	else if (bench->lexer.type == TOKEN_END && bench_scan(bench, line))
		holds = condition_holds(bench->condition, &bench->record);
	bench_close(bench);
	return holds;
}

struct example {
	const char *rule;
	int holds;
};

static void check_examples(const char *line, const struct example *examples, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(evaluate(examples[i].rule, line) == examples[i].holds, "%s: %s", examples[i].rule,
		      examples[i].holds ? "holds" : "does not hold");
}

#define CHECK_EXAMPLES(line, examples) check_examples(line, examples, sizeof(examples) / sizeof((examples)[0]))

/* ---- what conditions say ---- */

static void test_numbers(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "i == 500", 1 }, { "i == 500.0", 1 }, { "i == 5e2", 1 }, { "i != 500", 0 }, { "i == 501", 0 },
		{ "i != 501", 1 }, { "i < 500", 0 }, { "i < 501", 1 }, { "i <= 500", 1 }, { "i <= 499", 0 },
		{ "i > 499", 1 }, { "i > 500", 0 }, { "i >= 500", 1 }, { "i >= 501", 0 },
		{ "n == -3", 1 }, { "n < -2", 1 }, { "n > -2.5", 0 }, { "z == 0", 1 }, { "z == -0", 1 },
		{ "f == 0.1", 1 }, { "f > 0.1", 0 }, { "f < 0.10000000000000002", 1 }, { "e == 1500", 1 },
		{ "big == 1740000000123456789", 1 }, { "big > 1740000000123456000", 1 },
		{ "max == 18446744073709551615", 1 }, { "long == 0.12345678901234567890123", 1 },
		{ "text == 0.25", 1 }, { "text < 0.3", 1 }, { "text > 0.3", 0 }, { "text != 0.25", 0 },
		{ "exponent == 1e+5", 1 }, { "escaped == 100000", 1 }, { "escaped_long > 0", 0 },
		{ "huge > 0", 0 }, { "huge != 0", 1 }, { "huge_text > 0", 0 },
		{ "word == 5", 0 }, { "word != 5", 1 }, { "word < 5", 0 }, { "word >= 5", 0 },
		{ "empty == 0", 0 }, { "empty != 0", 1 }, { "t == 1", 0 }, { "list == 1", 0 }, { "list != 1", 1 },
		{ "missing == 1", 0 }, { "missing != 1", 1 }, { "missing < 1", 0 }, { "missing >= 1", 0 },
		{ "null == 0", 0 }, { "null != 0", 1 }, { "null <= 0", 0 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"i\":500,\"n\":-3,\"z\":-0.0,\"f\":0.1,\"e\":1.5e3,\"big\":1740000000123456789,"
		       "\"max\":18446744073709551615,\"long\":0.12345678901234567890123,\"text\":\"0.25\","
		       "\"exponent\":\"1e+5\",\"escaped\":\"1e\\u002b5\",\"huge\":1e999,\"huge_text\":\"1e999\","
		       "\"escaped_long\":\"\\u0031000000000000000000000000000000000000000000000000000000000000000000\","
		       "\"word\":\"5x\",\"empty\":\"\",\"t\":true,\"list\":[1],\"null\":null}",
		       examples);
}

/* Ids of 64 bits: neighbours are one double. */
static void test_large_integers(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "id == 1234567890123456789", 1 }, { "id == 1234567890123456788", 0 }, { "id != 1234567890123456788", 1 },
		{ "id != 1234567890123456789", 0 }, { "id > 1234567890123456788", 1 }, { "id >= 1234567890123456790", 0 },
		{ "id < 1234567890123456790", 1 }, { "id <= 1234567890123456788", 0 }, { "id <= 1234567890123456789", 1 },
		{ "id in (1234567890123456788, 1234567890123456790)", 0 }, { "id in (1, 1234567890123456789)", 1 },
		{ "text == 1234567890123456789", 1 }, { "text == 1234567890123456790", 0 },
		{ "minus == -9007199254740993", 1 }, { "minus == -9007199254740992", 0 }, { "minus < -9007199254740992", 1 },
		{ "minus > -9007199254740994", 1 }, { "minus == 9007199254740993", 0 },
		{ "first == 9007199254740993", 0 }, { "first == 9007199254740992", 1 }, { "first < 9007199254740993", 1 },
		{ "max == 18446744073709551614", 0 }, { "max > 18446744073709551614", 1 }, { "max == 18446744073709551615", 1 },
		/* What is no integer, or longer, is what its double is. */
		{ "point == 9007199254740993", 1 }, { "power == 9007199254740993", 1 }, { "first == 9007199254740992.0", 1 },
		{ "long == 123456789012345678901234", 1 }, { "long == 123456789012345678901233", 1 },
		{ "max < 18446744073709551616", 0 }, { "max == 18446744073709551616", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"id\":1234567890123456789,\"text\":\"1234567890123456789\",\"minus\":-9007199254740993,"
		       "\"first\":9007199254740992,\"max\":18446744073709551615,\"point\":9007199254740992.0,"
		       "\"power\":9007199254740992e0,\"long\":123456789012345678901234}",
		       examples);
}

/* What a quoted value must be to be a number. */
static void test_number_texts(void)
{
	static const char *const good[] = { "0", "-0", "7", "-7.5", "0.5", "1e3", "1E-3", "12345678901234567890123" };
	static const char *const bad[] = { "",    "-",    "+7",  "07",  "7.",  ".7", "7 ",  " 7", "7e",
					   "7e+", "0x10", "inf", "nan", "1_0", "7,", "7;7", "--7" };
	char line[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "{\"a\":\"%s\"}", good[i]);
		check(evaluate("a > -1e300", line) == 1, "\"%s\" is the text of a number", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "{\"a\":\"%s\"}", bad[i]);
		check(evaluate("a > -1e300 or a < 1", line) == 0, "\"%s\" is not", bad[i]);
	}
}

/* The reader that does without strtod() rounds as strtod() does. */
static void test_rounding(void)
{
	struct json_value value = { .type = VALUE_NUMBER };
	unsigned int seed = 5, wrong = 0;
	char text[64];

	for (int i = 0; i < 200000; i++) {
		uint64_t digits = (uint64_t)rand_r(&seed) << 31 ^ (uint64_t)rand_r(&seed);
		int decimals = rand_r(&seed) % 19;

		digits >>= rand_r(&seed) % 62;
		value.length = (uint32_t)snprintf(text, sizeof(text), "%s%llu.%0*llu,", i % 2 ? "-" : "",
						  (unsigned long long)digits, decimals + 1,
						  (unsigned long long)digits % 1000000000) -
			       1;
		struct record_view record = { .line = text };
		wrong += field_number(&value, &record) != strtod(text, NULL);
	}
	check(!wrong, "200000 decimal numbers are read as strtod() reads them");
}

static void test_strings(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "s == \"abc\"", 1 }, { "s == 'abc'", 1 }, { "s != \"abc\"", 0 }, { "s == \"ab\"", 0 },
		{ "s == \"abcd\"", 0 }, { "s == \"ABC\"", 0 }, { "s < \"abd\"", 1 }, { "s < \"abc\"", 0 },
		{ "s <= \"abc\"", 1 }, { "s > \"ab\"", 1 }, { "s >= \"abcd\"", 0 }, { "s < \"abcd\"", 1 }, { "s > \"\"", 1 },
		{ "s > \"abb~\"", 1 }, { "high > \"z\"", 1 }, { "high == \"\xc3\xa9\"", 1 },
		{ "e == \"\"", 1 }, { "e < \"a\"", 1 }, { "e != \"\"", 0 },
		{ "q == 'a\"b\\c'", 1 }, { "q == \"a\\\"b\\\\c\"", 1 }, { "q == 'a\\\"b\\\\c'", 0 }, { "q != 'a\"b\\c'", 0 },
		{ "u == \"\xc3\xa9/x\"", 1 }, { "u < \"\xc3\xa9/y\"", 1 }, { "u > \"\xc3\xa9/\"", 1 }, { "u < \"\xc3\xa9/\"", 0 },
		{ "u == \"\xc3\xa9/\"", 0 }, { "u == \"\xc3\xa9/xy\"", 0 }, { "u < \"\xc3\xa9/xy\"", 1 }, { "u == \"\xc3\"", 0 },
		{ "nul == \"a\"", 0 }, { "nul > \"a\"", 1 }, { "nul < \"b\"", 1 },
		{ "i == \"500\"", 1 }, { "i == \"500.0\"", 0 }, { "f == \"1.50\"", 1 }, { "f == 1.5", 1 },
		{ "t == \"true\"", 1 }, { "l == \"[1, 2]\"", 1 }, { "o == '{\"a\":\"b\"}'", 1 },
		{ "null == \"null\"", 0 }, { "null != \"null\"", 1 }, { "missing == \"\"", 0 }, { "missing != \"\"", 1 },
		{ "missing < \"a\"", 0 }, { "missing > \"\"", 0 },
		{ "time >= \"2026-03-01T12:00\" and time < \"2026-03-01T13\"", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"s\":\"abc\",\"e\":\"\",\"q\":\"a\\\"b\\\\c\",\"u\":\"\\u00e9\\/x\",\"high\":\"\xc3\xa9\","
		       "\"nul\":\"a\\u0000\",\"i\":500,\"f\":1.50,\"t\":true,\"l\":[1, 2],\"o\":{\"a\":\"b\"},"
		       "\"null\":null,\"time\":\"2026-03-01T12:34:56.789Z\"}",
		       examples);
}

static void test_other_tests(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "t == true", 1 }, { "t == false", 0 }, { "t != true", 0 }, { "t != false", 1 }, { "f == false", 1 },
		{ "word == true", 0 }, { "word != true", 1 }, { "i == true", 0 }, { "missing == false", 0 },
		{ "missing != false", 1 }, { "null == false", 0 },
		{ "t exists", 1 }, { "f exists", 1 }, { "e exists", 1 }, { "l exists", 1 }, { "z exists", 1 },
		{ "null exists", 0 }, { "missing exists", 0 }, { "not missing exists", 1 },
		{ "i in (1, 2, 200)", 1 }, { "i in (1, 2, 3)", 0 }, { "i in (200)", 1 }, { "i in (\"200\")", 1 },
		{ "word in (\"GET\", \"true\", \"HEAD\")", 1 }, { "word in (\"GET\", 5, true)", 0 },
		{ "t in (5, 'x', true)", 1 }, { "t in (false, 5)", 0 }, { "i in ('x', 200, 'y')", 1 },
		{ "missing in (1, \"\", true, false)", 0 }, { "not missing in (1)", 1 }, { "not i in (5, 200)", 0 },
		{ "i in (1, 200) and t == true", 1 }, { "i in (1, 2) or t == true", 1 }, { "f == true or i in (1, 200)", 1 },
		{ "f == true and i in (1, 200)", 0 }, { "duration_ms in (1s, 2s)", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"t\":true,\"f\":false,\"word\":\"true\",\"i\":200,\"e\":\"\",\"l\":[],\"z\":0,\"null\":null,"
		       "\"duration_ms\":2000}",
		       examples);
}

/* `a` and `b` are 1, `c` and `d` 0: every mixture of operators against what C says of it. */
static void test_logic(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "a == 1 or c == 1 and d == 1", 1 }, { "(a == 1 or c == 1) and d == 1", 0 },
		{ "c == 1 and d == 1 or a == 1", 1 }, { "c == 1 and (d == 1 or a == 1)", 0 },
		{ "not c == 1 and a == 1", 1 }, { "not (c == 1 and a == 1)", 1 }, { "not a == 1 or b == 1", 1 },
		{ "not (a == 1 or b == 1)", 0 }, { "not not a == 1", 1 }, { "not not not a == 1", 0 },
		{ "not (not (a == 1) or c == 1)", 1 }, { "((a == 1))", 1 }, { "not ((c == 1))", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"a\":1,\"b\":1,\"c\":0,\"d\":0}", examples);
}

struct formula {
	char text[2048];
	size_t length;
	unsigned int seed;
};

static void add(struct formula *formula, const char *text)
{
	formula->length +=
		(size_t)snprintf(formula->text + formula->length, sizeof(formula->text) - formula->length, "%s", text);
}

/* Appends a random formula, and returns what is true of it. */
static bool add_formula(struct formula *formula, int depth)
{
	static const char *const tests[] = { "c == 1",   "a == 1",   "c > 0.5",     "s == \"y\"",
					     "x exists", "b exists", "c in (2, 3)", "a in (2, 1)" };
	unsigned int choice = (unsigned int)rand_r(&formula->seed) % 16;

	if (depth == 0 || choice < 3) {
		add(formula, tests[choice % 8]);
		return choice % 2;
	}
	if (choice < 6) {
		add(formula, "not (");
		bool holds = !add_formula(formula, depth - 1);
		add(formula, ")");
		return holds;
	}
	add(formula, "(");
	bool left = add_formula(formula, depth - 1);
	add(formula, choice % 2 ? ") or (" : ") and (");
	bool right = add_formula(formula, depth - 1);
	add(formula, ")");
	return choice % 2 ? left || right : left && right;
}

static void test_formulas(void)
{
	unsigned int wrong = 0, held = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		struct formula formula = { .seed = i };
		bool expected = add_formula(&formula, 5);

		held += expected;
		wrong += evaluate(formula.text, "{\"a\":1,\"b\":1,\"c\":0,\"s\":\"y\"}") != expected;
	}
	check(!wrong, "3000 random formulas hold as they should");
	check(held > 500 && held < 2500, "some of them hold, some do not");
}

/* Without parentheses: a chain of terms that are joined by and, which chains are joined by or. */
static void test_chains(void)
{
	unsigned int seed = 1, wrong = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		struct formula formula = { .length = 0 };
		bool expected = false, chain = true;

		for (int terms = 1 + rand_r(&seed) % 12; terms > 0; terms--) {
			bool term = rand_r(&seed) % 2, negated = rand_r(&seed) % 3 == 0, ends = rand_r(&seed) % 3 == 0;

			add(&formula, negated ? "not " : "");
			add(&formula, term != negated ? "a == 1" : "a == 0");
			chain = chain && term;
			expected = expected || ((ends || terms == 1) && chain);
			chain = chain || ends;
			add(&formula, terms == 1 ? "" : ends ? " or " : " and ");
		}
		wrong += evaluate(formula.text, "{\"a\":1}") != expected;
	}
	check(!wrong, "3000 random chains of and, or and not hold as they should");
}

/* ---- units ---- */

static void test_suffixes(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "a_ns == 500ms", 1 }, { "a_ns == 0.5s", 1 }, { "a_ns == 500000us", 1 }, { "a_ns == 500000000ns", 1 },
		{ "a_us == 500ms", 1 }, { "a_ms == 500ms", 1 }, { "a_s == 500ms", 1 }, { "a_seconds == 500ms", 1 },
		{ "a.ns == 0.5s", 1 }, { "b.seconds == 500ms", 1 }, { "b.c_us == 5e2ms", 1 },
		{ "day_ns == 1d", 1 }, { "day_ns == 24h", 1 }, { "day_ns == 1440m", 1 }, { "day_s == 1d", 1 },
		{ "day_ms == 0.5d", 0 }, { "tenth_s == 100ms", 1 }, { "tenth_ns == 0.1s", 1 }, { "tenth_s == 0.1s", 1 },
		{ "odd_s == 123ms", 1 }, { "odd_s == 123000us", 1 }, { "odd_s == 0.00205m", 1 }, { "odd_ns == 0.29s", 1 },
		{ "minus_ms == -1.5s", 1 }, { "tiny_s == 1ns", 1 }, { "a_ns > 499ms and a_ns < 501ms", 1 },
		{ "bytes == 64K", 1 }, { "bytes < 1M", 1 }, { "bytes == 0.0625M", 1 }, { "giga == 2G", 1 }, { "a_ns > 4K", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES(
		"{\"a_ns\":500000000,\"a_us\":500000,\"a_ms\":500,\"a_s\":0.5,\"a_seconds\":0.5,\"b\":1,"
		"\"b.seconds\":0.5,\"b.c_us\":500000,\"day_ns\":86400000000000,\"day_s\":86400,\"day_ms\":86400000,"
		"\"tenth_s\":0.1,\"tenth_ns\":100000000,\"odd_s\":0.123,\"odd_ns\":290000000,\"minus_ms\":-1500,"
		"\"tiny_s\":1e-9,\"bytes\":65536,\"giga\":2147483648}",
		examples);
}

/* A duration in a rule is the very double that a field in another unit holds. */
static void test_exactness(void)
{
	unsigned int wrong = 0;
	char rule[96], line[96];

	for (unsigned int i = 1; i <= 20000; i++) {
		snprintf(rule, sizeof(rule), "a_s == %ums and b_ns == %u.%03us and c_ms == %u.%03ums", i, i / 1000,
			 i % 1000, i / 1000, i % 1000);
		snprintf(line, sizeof(line), "{\"a_s\":%u.%03u,\"b_ns\":%u000000,\"c_ms\":%u.%03u}", i / 1000, i % 1000,
			 i, i / 1000, i % 1000);
		wrong += evaluate(rule, line) != 1;
	}
	check(!wrong, "20000 durations are exact in any unit");
}

/* ---- fields ---- */

static void test_names(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "http.status == 1", 1 }, { "http_status == 2", 1 }, { "only.dots == 3", 1 }, { "only_dots exists", 0 },
		{ "only.under == 4", 1 }, { "only_under == 4", 1 }, { "null.both == 5", 1 }, { "null_both == 5", 1 },
		{ "null.dots exists", 0 }, { "a.b_c == 6", 1 }, { "a_b.c exists", 0 }, { "a.b.c exists", 0 },
		{ "where == 7 and counter == 8 and from exists", 1 }, { "repeated == 2", 1 }, { "escaped.key == 9", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES(
		"{\"http.status\":1,\"http_status\":2,\"only.dots\":3,\"only_under\":4,\"null.both\":null,"
		"\"null_both\":5,\"null.dots\":null,\"a.b_c\":6,\"where\":7,\"counter\":8,\"from\":0,\"repeated\":1,"
		"\"repeated\":2,\"escaped\\u002ekey\":9}",
		examples);
}

static void test_field_text(void)
{
	static const char line[] = "{\"a\":\"\\u00e9t\\u00e9\",\"b\":\"\xc3\xa9t\xc3\xa9\",\"c\":12345,\"d\":[1]}";
	struct bench *bench = bench_open("a exists and b exists and c exists and d exists");
	char space[16] = "untouched";
	const char *text;

	check(bench->condition && bench_scan(bench, line), "the record is good");
	check(field_read_text(&bench->values[0], &bench->record, space, sizeof(space), &text) == 5 && text == space &&
		      !memcmp(text, "\xc3\xa9t\xc3\xa9", 5),
	      "escapes are decoded");
	check(field_read_text(&bench->values[0], &bench->record, space, 4, &text) == 3, "and cut at a character");
	check(field_read_text(&bench->values[1], &bench->record, space, sizeof(space), &text) == 5 && text != space &&
		      field_read_text(&bench->values[1], &bench->record, space, 4, &text) == 3,
	      "without them the text stays where it is");
	check(field_read_text(&bench->values[2], &bench->record, space, sizeof(space), &text) == 5 &&
		      !memcmp(text, "12345", 5) &&
		      field_read_text(&bench->values[2], &bench->record, space, 2, &text) == 2 &&
		      field_read_text(&bench->values[3], &bench->record, space, sizeof(space), &text) == 3 &&
		      !memcmp(text, "[1]", 3),
	      "what is no string is text as it is written");
	bench_close(bench);
}

/* Strings of which only the end differs, of every length around that of a buffer, escaped and not. */
static void test_long_values(void)
{
	static const int lengths[] = { 1, 100, 4080, 4091, 4092, 4093, 4096, 4097, 5000, 100000 };
	static char rule[400000], line[200000];
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int escaped = 0; escaped < 2; escaped++) {
			const char *first = escaped ? "\\u0061" : "a";
			int n = lengths[i];

			snprintf(line, sizeof(line), "{\"s\":\"%s%0*dz\"}", first, n, 0);
			snprintf(rule, sizeof(rule), "s == \"a%0*dz\" and not s != \"a%0*dz\"", n, 0, n, 0);
			wrong += evaluate(rule, line) != 1;
			snprintf(rule, sizeof(rule), "s == \"a%0*dy\" or s < \"a%0*dy\" or s == \"a%0*d\"", n, 0, n, 0,
				 n, 0);
			wrong += evaluate(rule, line) != 0;
			snprintf(rule, sizeof(rule), "s == \"a%0*dzz\" or s > \"a%0*dzz\"", n, 0, n, 0);
			wrong += evaluate(rule, line) != 0;
			wrong += evaluate("s =~ \"^a0+z$\" and s =~ \"0z$\" and s > \"a\" and s < \"b\"", line) != 1;
		}
	}
	check(!wrong, "no value is compared short, however long it is");
}

/* ---- regular expressions ---- */

static void test_patterns(void)
{
	/* clang-format off */
	static const struct example examples[] = {
		{ "p =~ \"^/api/v[0-9]+/\"", 1 }, { "p =~ \"^/app\"", 0 }, { "p =~ \"/v[0-9]/\"", 0 }, { "p =~ \"v12\"", 1 },
		{ "p =~ \"cart$\"", 1 }, { "p =~ \"car$\"", 0 }, { "p =~ \"^cart\"", 0 }, { "p =~ \"^/api/v12/cart$\"", 1 },
		{ "p =~ \"\"", 1 }, { "p =~ \"^\"", 1 }, { "p =~ \"$\"", 1 }, { "p =~ \"^$\"", 0 }, { "e =~ \"^$\"", 1 },
		{ "p =~ \"cart|horse\"", 1 }, { "p =~ \"^x|cart\"", 1 }, { "p =~ \"/apix?/\"", 1 }, { "p =~ \"/apix*/v12\"", 1 },
		{ "d =~ \"a\\.b\"", 1 }, { "d =~ 'a\\.b'", 1 }, { "d =~ \"axb\"", 0 }, { "p =~ \"a\\.b\"", 0 },
		{ "d =~ 'b\\\\c'", 1 }, { "d =~ '\"'", 1 }, { "i =~ \"^5..$\"", 1 }, { "i =~ \"^50\"", 1 },
		{ "missing =~ \"\"", 0 }, { "null =~ \"\"", 0 }, { "not missing =~ \"x\"", 1 },
		{ "nul =~ \"b$\"", 1 }, { "nul =~ \"^a$\"", 0 }, { "nul =~ \"^a.b$\"", 0 }, { "nul =~ \"^a[^x]b$\"", 1 }, { "nul =~ \"^a\"", 1 },
		{ "u =~ \"^\xc3\xa9$\"", 1 }, { "u =~ \"^.$\"", 0 }, { "u =~ \"^..$\"", 1 }, { "lines =~ \"a$\"", 0 },
		{ "lines =~ \"^b\"", 0 }, { "lines =~ \"a.b\"", 1 }, { "l =~ \"^.1\"", 1 },
	};
	/* clang-format on */

	CHECK_EXAMPLES("{\"p\":\"/api/v12/cart\",\"e\":\"\",\"d\":\"a.b\\\\c\\\"\",\"i\":500,\"null\":null,"
		       "\"nul\":\"a\\u0000b\",\"u\":\"\\u00e9\",\"lines\":\"a\\nb\",\"l\":[1]}",
		       examples);
}

/* A literal that is looked for without regexec() must not change what matches: parentheses switch that off. */
static void test_literals(void)
{
	static const char *const pieces[] = { "a", "b", "ab", "\\.", ".", "*", "?", "+", "[ab]", "^", "$", "{2}", "|" };
	static const char texts[] = "abab.ba.b";
	unsigned int seed = 3, compared = 0, wrong = 0;
	char pattern[64], rule[160], line[64];

	for (int i = 0; i < 20000; i++) {
		size_t length = 0;
		regex_t regex;

		pattern[0] = '\0';
		for (int n = rand_r(&seed) % 6; n > 0; n--)
			length += (size_t)snprintf(pattern + length, sizeof(pattern) - length, "%s",
						   pieces[(unsigned int)rand_r(&seed) % 13]);
		snprintf(line, sizeof(line), "{\"s\":\"%.*s\"}", rand_r(&seed) % 6, &texts[rand_r(&seed) % 5]);
		if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
			continue;
		regfree(&regex);
		snprintf(rule, sizeof(rule), "s =~ '%s' and not s =~ '(%s)' or not s =~ '%s' and s =~ '(%s)'", pattern,
			 pattern, pattern, pattern);
		int differs = evaluate(rule, line);
		compared += differs >= 0;
		wrong += differs == 1;
		if (differs == 1)
			printf("# %s of %s\n", pattern, line);
	}
	check(!wrong && compared > 5000, "a literal is found where the expression matches, and only there");
}

/* ---- what is wrong ---- */

struct mistake {
	const char *rule;
	size_t column;
	const char *error;
};

/* clang-format off */
static const struct mistake mistakes[] = {
	{ "", 1, "expected a field, a '(' or 'not'" },
	{ "  ", 3, "expected a field, a '(' or 'not'" },
	{ "5 == a", 1, "expected a field, a '(' or 'not'" },
	{ "a == 1 and", 11, "expected a field, a '(' or 'not'" },
	{ "a == 1 or )", 11, "expected a field, a '(' or 'not'" },
	{ "not", 4, "expected a field, a '(' or 'not'" },
	{ "()", 2, "expected a field, a '(' or 'not'" },
	{ "a == 1 and or b == 2", 12, "expected a field, a '(' or 'not'; 'or' cannot be the name of a field" },
	{ "exists == 1", 1, "expected a field, a '(' or 'not'; 'exists' cannot be the name of a field" },
	{ "true", 1, "expected a field, a '(' or 'not'; 'true' cannot be the name of a field" },
	{ "a", 2, "expected ==, !=, <, <=, >, >=, =~, in or exists" },
	{ "a = 1", 3, "expected ==, !=, <, <=, >, >=, =~, in or exists" },
	{ "a b", 3, "expected ==, !=, <, <=, >, >=, =~, in or exists" },
	{ "a not exists", 3, "expected ==, !=, <, <=, >, >=, =~, in or exists" },
	{ "a ==", 5, "expected a number, a string in quotes, true or false" },
	{ "a == b", 6, "expected a number, a string in quotes, true or false" },
	{ "a < true", 5, "expected a number or a string in quotes" },
	{ "a >= false", 6, "expected a number or a string in quotes" },
	{ "a =~ 5", 6, "expected a regular expression in quotes" },
	{ "a in 5", 6, "expected '('" },
	{ "a in ()", 7, "expected a number, a string in quotes, true or false" },
	{ "a in (1 2)", 9, "expected ',' or ')'" },
	{ "a in (1,)", 9, "expected a number, a string in quotes, true or false" },
	{ "a in (1", 8, "expected ',' or ')'" },
	{ "(a == 1", 8, "expected 'and', 'or' or ')'" },
	{ "(a == 1 b", 9, "expected 'and', 'or' or ')'" },
	{ "a == \"x", 6, "a string is not closed" },
	{ "a == 1 and b == \"x", 17, "a string is not closed" },
	{ "a exists 'x", 10, "a string is not closed" },
	{ "a == 1 && b == 1", 8, "unexpected character '&'" },
	{ "k\xc3\xa9y exists", 2, "unexpected character '\xc3\xa9'" },
	{ "a == 01", 6, "malformed number" },
	{ "a == 1e999", 6, "the number is too large" },
	{ "a == 1e308G", 6, "the number is too large" },
	{ "latency > 5ms", 11, "'latency' has no unit in its name: write a plain number" },
	{ "ns > 5ms", 6, "'ns' has no unit in its name: write a plain number" },
	{ "a_bytes in (1K, 5s)", 17, "'a_bytes' has no unit in its name: write a plain number" },
	{ "a_ns > 5min", 9, "unknown suffix: there are ns, us, ms, s, m, h, d, and K, M, G" },
	{ "a > 5k", 6, "unknown suffix: there are ns, us, ms, s, m, h, d, and K, M, G" },
	{ "a > 5KB", 6, "unknown suffix: there are ns, us, ms, s, m, h, d, and K, M, G" },
	{ "a_ns > 123456789012345678901s", 8, "the number has too many digits" },
	{ "a_ns > 1e-99999s", 8, "the number has too many digits" },
};
/* clang-format on */

static void test_mistakes(void)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct mistake *mistake = &mistakes[i];
		struct bench *bench = bench_open(mistake->rule);
		bool right = !bench->condition && bench->lexer.column == mistake->column &&
			     !strcmp(bench->lexer.error, mistake->error);

		check(right, "%s: column %zu: %s", mistake->rule, mistake->column, mistake->error);
		if (!right)
			printf("# got %zu: %s\n", bench->lexer.column, bench->lexer.error);
		bench_close(bench);
	}
}

/* What follows the colon are the C library's words. */
static void test_bad_pattern(void)
{
	static const char expected[] = "bad regular expression: ";
	struct bench *bench = bench_open("a exists or b =~ '(x' and c exists");

	check(!bench->condition && bench->lexer.column == 18 &&
		      !strncmp(bench->lexer.error, expected, strlen(expected)) &&
		      strlen(bench->lexer.error) > strlen(expected),
	      "a bad regular expression is an error where its string begins");
	bench_close(bench);
}

static void test_rest(void)
{
	struct bench *bench = bench_open("a exists or b == 1 -> 0.5");

	check(bench->condition && lexer_is(&bench->lexer, "->"), "a condition ends where something else begins");
	bench_close(bench);
	bench = bench_open("a exists b exists");
	check(bench->condition && bench->lexer.token == bench->lexer.text + 9, "a second one is not its own");
	bench_close(bench);
}

static bool nests(const char *open, const char *close, int levels)
{
	struct formula formula = { .length = 0 };

	for (int i = 0; i < levels; i++)
		add(&formula, open);
	add(&formula, "a == 1");
	for (int i = 0; i < levels; i++)
		add(&formula, close);
	struct bench *bench = bench_open(formula.text);
	bool good = bench->condition && bench->lexer.type == TOKEN_END;
	if (!good)
		good = strcmp(bench->lexer.error, "nested too deeply") != 0 ||
		       bench->lexer.column != strlen(open) * CONDITION_DEPTH_MAX + 1;
	bench_close(bench);
	return good;
}

static void test_depth(void)
{
	check(nests("(", ")", CONDITION_DEPTH_MAX) && !nests("(", ")", CONDITION_DEPTH_MAX + 1), "64 groups nest");
	check(nests("not ", "", CONDITION_DEPTH_MAX) && !nests("not ", "", CONDITION_DEPTH_MAX + 1), "so do 64 nots");
	check(nests("not (", ")", CONDITION_DEPTH_MAX / 2), "and 32 of both");
	struct formula formula = { .length = 0 };
	for (int i = 0; i < 100; i++)
		add(&formula, "not (a == 0) and ");
	add(&formula, "a == 1");
	check(evaluate(formula.text, "{\"a\":1}") == 1, "side by side there may be more");
}

static void test_limits(void)
{
	static char text[JSON_NAMES_MAX * 16 + 1024];
	size_t length = 0;

	for (int i = 0; i < JSON_NAMES_MAX; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%sf%d == 1", i ? " or " : "", i);
	struct bench *bench = bench_open(text);
	check(bench->condition && bench->lexer.type == TOKEN_END, "there may be as many fields as names");
	check(bench_scan(bench, "{\"f127\":1}") && condition_holds(bench->condition, &bench->record),
	      "the last counts");
	check(bench_scan(bench, "{\"f128\":1}") && !condition_holds(bench->condition, &bench->record), "no other");
	bench_close(bench);
	snprintf(text + length, sizeof(text) - length, " or f5 == 2 or g == 1");
	bench = bench_open(text);
	check(!bench->condition && bench->lexer.column == length + 16 && !strcmp(bench->lexer.error, "too many fields"),
	      "one more is too many");
	bench_close(bench);
}

static void test_long_names(void)
{
	char rule[512], line[512];

	memset(rule, 'n', JSON_NAME_LENGTH_MAX + 1);
	snprintf(rule + JSON_NAME_LENGTH_MAX, 64, " exists");
	snprintf(line, sizeof(line), "{\"%.*s\":1}", JSON_NAME_LENGTH_MAX, rule);
	check(evaluate(rule, line) == 1, "a name may be as long as the scanner allows");
	memset(rule, 'n', JSON_NAME_LENGTH_MAX + 1);
	snprintf(rule + JSON_NAME_LENGTH_MAX + 1, 64, " exists");
	struct bench *bench = bench_open(rule);
	check(!bench->condition && bench->lexer.column == 1 && !strcmp(bench->lexer.error, "the name is too long"),
	      "and no longer");
	bench_close(bench);
}

int main(void)
{
	test_numbers();
	test_large_integers();
	test_number_texts();
	test_rounding();
	test_strings();
	test_other_tests();
	test_logic();
	test_formulas();
	test_chains();
	test_suffixes();
	test_exactness();
	test_names();
	test_field_text();
	test_long_values();
	test_patterns();
	test_literals();
	test_mistakes();
	test_bad_pattern();
	test_rest();
	test_depth();
	test_limits();
	test_long_names();
	return finish_tests();
}
