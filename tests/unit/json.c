/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON scanner: what RFC 8259 allows and forbids, by a corpus and against jansson on random texts.
 *
 * Known differences to jansson (2.14): it refuses \u0000 in keys, lone surrogates, numbers that a double or an int64
 * cannot hold; it takes any array or object at the top, deeper nesting, and a raw NUL behind a number, which its
 * look-ahead loses. Of a repeated key the last one counts for both.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/json.h"
#include "tests/unit/tap.h"

/* ---- helpers ---- */

struct text {
	char bytes[8192];
	size_t length;
};

static void add_text(struct text *text, const char *bytes)
{
	size_t length = strlen(bytes);

	if (text->length + length < sizeof(text->bytes)) {
		memcpy(text->bytes + text->length, bytes, length);
		text->length += length;
	}
}

/* Scans a copy that has exactly the padding the contract asks for, so that ASan sees a read behind it. The copy is left
 * in *copy, to be freed by the caller. */
static enum json_status scan_copy(struct json_names *names, const char *text, size_t length, struct json_value *values,
				  size_t *offset, char **copy)
{
	*copy = malloc(length + JSON_PADDING);
	memcpy(*copy, text, length);
	memset(*copy + length, 0xff, JSON_PADDING);
	(*copy)[length] = '\0';
	return json_scan(names, *copy, length, values, offset);
}

static enum json_status scan_status(const char *text, size_t length, size_t *offset)
{
	struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	char *copy;

	json_names_init(&names);
	json_names_add(&names, "a");
	enum json_status status = scan_copy(&names, text, length, values, offset, &copy);
	free(copy);
	return status;
}

/* ---- the corpus ---- */

/* clang-format off */
static const char *const good_values[] = {
	/* RFC 8259 section 3: literals */
	"null", "true", "false",
	/* section 4: objects */
	"{}", "{ }", "{\"\":0}", "{\"a\":{\"b\":{}}}", "{\"a\":1,\"a\":2}", "{ \"a\" : 1 , \"b\" : [ ] }",
	/* section 5: arrays */
	"[]", "[ ]", "[1]", "[1,\"2\",null,true,{},[]]", "[[[[]]]]", "[\t1\n,\r2 ]", "[{},{},[]]",
	/* section 6: numbers */
	"0", "-0", "1", "-1", "10", "1234567890", "0.0", "-0.0", "0.5", "1.25e3", "1E3", "1e+3", "1e-3", "0e0", "0E-00",
	"1e999", "-1e999", "1e-999", "123456789012345678901234567890", "0.12345678901234567890123456789012345678901",
	"1111111111111111", "11111111111111111", "11111111111111111111111111111111.5",
	/* section 7: strings */
	"\"\"", "\"a\"", "\" \"", "\"/\"", "\"\x7f\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\u00e9\"",
	"\"\\uD83D\\uDE00\"", "\"\\uabCD\\uEF01\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"",
	"\"0123456789abcde\"", "\"0123456789abcdef\"", "\"0123456789abcdef0\"", "\"{}[],:\"",
	"\"0123456789abcd\\n\"", "\"0123456789abcde\\n\"", "\"0123456789abcdef\\n0123456789abcdef\"",
	/* section 8.1: UTF-8, the first and last of each length, and around the surrogates */
	"\"\xc2\x80\"", "\"\xdf\xbf\"", "\"\xe0\xa0\x80\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"", "\"\xef\xbf\xbf\"",
	"\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xef\xbb\xbf\"", "\"0123456789abcd\xc3\xa9z\"",
	"\"0123456789abcde\xc3\xa9\xc3\xa9\xe2\x82\xac\"",
};
/* clang-format on */

static void test_good_values(void)
{
	char text[512];

	for (size_t i = 0; i < sizeof(good_values) / sizeof(good_values[0]); i++) {
		size_t offset, length = (size_t)snprintf(text, sizeof(text), " {\"a\" : %s\r} \t\n", good_values[i]);
		enum json_status status = scan_status(text, length, &offset);
		size_t nested = (size_t)snprintf(text, sizeof(text), "{\"z\":[0,{\"y\":%s}]}", good_values[i]);

		check(status == JSON_OK && offset == length - 4 && scan_status(text, nested, &offset) == JSON_OK,
		      "accepts %s", good_values[i]);
	}
}

/* `offset` is that of the first wrong byte. */
struct bad_text {
	const char *text;
	enum json_status status;
	size_t offset;
};

/* clang-format off */
static const struct bad_text bad_texts[] = {
	{ "", JSON_ENDED, 0 }, { "  ", JSON_ENDED, 2 }, { "{", JSON_ENDED, 1 }, { "{\"a", JSON_ENDED, 3 },
	{ "{\"a\"", JSON_ENDED, 4 }, { "{\"a\":", JSON_ENDED, 5 }, { "{\"a\":1", JSON_ENDED, 6 },
	{ "{\"a\":1,", JSON_ENDED, 7 }, { "{\"a\":\"", JSON_ENDED, 6 }, { "{\"a\":\"x\\", JSON_ENDED, 8 },
	{ "{\"a\":\"\\u12", JSON_ENDED, 10 }, { "{\"a\":tru", JSON_ENDED, 8 }, { "{\"a\":-", JSON_ENDED, 6 },
	{ "{\"a\":1.", JSON_ENDED, 7 }, { "{\"a\":1e", JSON_ENDED, 7 }, { "{\"a\":1e+", JSON_ENDED, 8 },
	{ "{\"a\":[", JSON_ENDED, 6 }, { "{\"a\":[1,", JSON_ENDED, 8 }, { "{\"a\":{\"b\":", JSON_ENDED, 10 },
	{ "null", JSON_NO_OBJECT, 0 }, { "[{}]", JSON_NO_OBJECT, 0 }, { "\"a\"", JSON_NO_OBJECT, 0 }, { "1", JSON_NO_OBJECT, 0 },
	{ "\xef\xbb\xbf{}", JSON_NO_OBJECT, 0 }, { "}", JSON_NO_OBJECT, 0 }, { "\v{}", JSON_NO_OBJECT, 0 },
	{ "{}x", JSON_TRAILING, 2 }, { "{} {}", JSON_TRAILING, 3 }, { "{}}", JSON_TRAILING, 2 }, { "{},", JSON_TRAILING, 2 },
	{ "{]", JSON_SYNTAX, 1 }, { "{,}", JSON_SYNTAX, 1 }, { "{a:1}", JSON_SYNTAX, 1 }, { "{'a':1}", JSON_SYNTAX, 1 },
	{ "{1:1}", JSON_SYNTAX, 1 }, { "{\"a\"}", JSON_SYNTAX, 4 }, { "{\"a\" 1}", JSON_SYNTAX, 5 },
	{ "{\"a\"::1}", JSON_SYNTAX, 5 }, { "{\"a\":}", JSON_SYNTAX, 5 }, { "{\"a\":1,}", JSON_SYNTAX, 7 },
	{ "{\"a\":1,,\"b\":2}", JSON_SYNTAX, 7 }, { "{\"a\":1 \"b\":2}", JSON_SYNTAX, 7 }, { "{\"a\":1]", JSON_SYNTAX, 6 },
	{ "{\"a\":[1}", JSON_SYNTAX, 7 }, { "{\"a\":[1,]}", JSON_SYNTAX, 8 }, { "{\"a\":[,1]}", JSON_SYNTAX, 6 },
	{ "{\"a\":[1 2]}", JSON_SYNTAX, 8 }, { "{\"a\":{]}", JSON_SYNTAX, 6 }, { "{\"a\":[}}", JSON_SYNTAX, 6 },
	{ "{\"a\":{\"b\":1]}", JSON_SYNTAX, 11 }, { "{\"a\":{1}}", JSON_SYNTAX, 6 }, { "{\"a\":[\"b\":1]}", JSON_SYNTAX, 9 },
	{ "{\"a\":{\"b\"}}", JSON_SYNTAX, 9 }, { "{\"a\":True}", JSON_SYNTAX, 5 }, { "{\"a\":nul}", JSON_SYNTAX, 8 },
	{ "{\"a\":truex}", JSON_SYNTAX, 9 }, { "{\"a\":NaN}", JSON_SYNTAX, 5 }, { "{\"a\":Infinity}", JSON_SYNTAX, 5 },
	{ "{\"a\":-Infinity}", JSON_NUMBER, 6 }, { "{\"a\":undefined}", JSON_SYNTAX, 5 }, { "{\"a\":'x'}", JSON_SYNTAX, 5 },
	{ "{\"a\":1/**/}", JSON_SYNTAX, 6 }, { "{\"a\":1//\n}", JSON_SYNTAX, 6 }, { "{\"a\":\f1}", JSON_SYNTAX, 5 },
	{ "{\"a\":1\xc2\xa0}", JSON_SYNTAX, 6 }, { "{\"a\":\"x\"\"y\"}", JSON_SYNTAX, 8 },
	{ "{\"a\":01}", JSON_NUMBER, 6 }, { "{\"a\":-01}", JSON_NUMBER, 7 }, { "{\"a\":00}", JSON_NUMBER, 6 },
	{ "{\"a\":+1}", JSON_NUMBER, 5 }, { "{\"a\":.5}", JSON_NUMBER, 5 }, { "{\"a\":1.}", JSON_NUMBER, 7 },
	{ "{\"a\":1.e3}", JSON_NUMBER, 7 }, { "{\"a\":-}", JSON_NUMBER, 6 }, { "{\"a\":--1}", JSON_NUMBER, 6 },
	{ "{\"a\":1e}", JSON_NUMBER, 7 }, { "{\"a\":1e+}", JSON_NUMBER, 8 }, { "{\"a\":1e1.5}", JSON_SYNTAX, 8 },
	{ "{\"a\":1.2.3}", JSON_SYNTAX, 8 }, { "{\"a\":0x10}", JSON_SYNTAX, 6 }, { "{\"a\":1_000}", JSON_SYNTAX, 6 },
	{ "{\"a\":1 000}", JSON_SYNTAX, 7 }, { "{\"a\":1-2}", JSON_SYNTAX, 6 }, { "{\"a\":1a}", JSON_SYNTAX, 6 },
	{ "{\"a\":\"\n\"}", JSON_CONTROL, 6 }, { "{\"a\":\"\x1f\"}", JSON_CONTROL, 6 }, { "{\"\t\":1}", JSON_CONTROL, 2 },
	{ "{\"a\":\"0123456789abcdef\x01\"}", JSON_CONTROL, 22 }, { "{\"a\":[\"\r\"]}", JSON_CONTROL, 7 },
	{ "{\"a\":\"\\x41\"}", JSON_ESCAPE, 7 }, { "{\"a\":\"\\'\"}", JSON_ESCAPE, 7 }, { "{\"a\":\"\\0\"}", JSON_ESCAPE, 7 },
	{ "{\"a\":\"\\U0041\"}", JSON_ESCAPE, 7 }, { "{\"a\":\"\\u004\"}", JSON_ESCAPE, 11 },
	{ "{\"a\":\"\\u00g0\"}", JSON_ESCAPE, 10 }, { "{\"a\":\"\\u 041\"}", JSON_ESCAPE, 8 }, { "{\"\\a\":1}", JSON_ESCAPE, 3 },
	{ "{\"a\":\"\x80\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xc0\x80\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xc1\xbf\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xc3\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xc3\x28\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xe0\x9f\xbf\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xe2\x82\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xed\xa0\x80\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xed\xbf\xbf\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xf0\x8f\xbf\xbf\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xf0\x9f\x98\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xf4\x90\x80\x80\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xf5\x80\x80\x80\"}", JSON_UTF8, 6 }, { "{\"a\":\"\xf8\x88\x80\x80\x80\"}", JSON_UTF8, 6 },
	{ "{\"a\":\"\xff\"}", JSON_UTF8, 6 }, { "{\"a\":\"x\xc3\xa9\xbf\"}", JSON_UTF8, 9 }, { "{\"\xff\":1}", JSON_UTF8, 2 },
};
/* clang-format on */

static void test_bad_texts(void)
{
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		const struct bad_text *bad = &bad_texts[i];
		size_t offset;
		enum json_status status = scan_status(bad->text, strlen(bad->text), &offset);

		check(status == bad->status && offset == bad->offset, "refuses bad text %zu: %s at %zu (got %s at %zu)",
		      i, json_status_text(bad->status), bad->offset, json_status_text(status), offset);
	}
}

/* A raw NUL is wrong wherever it stands, and never taken for the end. */
static void test_nul_anywhere(void)
{
	static const char text[] = "{\"abc\" : [ 1.5e+3 , true, \"x\\u00e9\\n\xe2\x82\xac\" , { } ] } ";
	bool passed = true;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char copy[sizeof(text)];
		size_t offset;

		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		enum json_status status = scan_status(copy, sizeof(text) - 1, &offset);
		passed &= status != JSON_OK && status != JSON_ENDED && offset <= i;
	}
	check(passed, "refuses a NUL at any place");
}

static void test_every_cut(void)
{
	static const char text[] =
		"{\"abc\" : [ 1.5e+3 , true, \"x\\u00e9\\n\xe2\x82\xac\" , { } ], \"d\":null, \"e\":{\"f\":-0} }";
	bool passed = true;
	size_t offset;

	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		enum json_status status = scan_status(text, length, &offset);

		passed &= status == JSON_ENDED ? offset == length : status == JSON_UTF8;
	}
	check(passed, "a text cut anywhere is torn");
	check(scan_status(text, sizeof(text) - 1, &offset) == JSON_OK, "and whole it is good");
}

static void test_depth(void)
{
	static const char *const opening[] = { "[", "{\"a\":" }, *const closing[] = { "]", "}" };

	for (int kind = 0; kind < 2; kind++) {
		for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
			struct text text = { .length = 0 };
			size_t offset;

			add_text(&text, "{\"z\":");
			for (int i = 1; i < depth; i++)
				add_text(&text, opening[kind]);
			add_text(&text, kind ? "1" : "");
			for (int i = 1; i < depth; i++)
				add_text(&text, closing[kind]);
			add_text(&text, "}");
			enum json_status status = scan_status(text.bytes, text.length, &offset);
			check(status == (depth > JSON_DEPTH_MAX ? JSON_DEEP : JSON_OK), "%d levels of %s: %s", depth,
			      kind ? "objects" : "arrays", json_status_text(status));
		}
	}
}

/* ---- what is handed out ---- */

static void check_member(struct json_names *names, const char *text, const char *name, enum value_type type,
			 const char *raw)
{
	struct json_value values[JSON_NAMES_MAX];
	size_t offset;
	char *copy;
	int number = json_names_add(names, name);
	enum json_status status = scan_copy(names, text, strlen(text), values, &offset, &copy);
	const struct json_value *value = &values[number];

	check(status == JSON_OK && value->type == type &&
		      (type == VALUE_ABSENT ||
		       (value->length == strlen(raw) && !memcmp(copy + value->start, raw, value->length) &&
			copy[value->key] == '"')),
	      "%s in %s is %s", name, text, raw);
	free(copy);
}

static void test_members(void)
{
	struct json_names names;

	json_names_init(&names);
	for (int again = 0; again < 2; again++) { /* with keys unknown, and known */
		check_member(&names, "{\"a\":1,\"b\":\"x\"}", "b", VALUE_STRING, "x");
		check_member(&names, "{\"a\":1,\"b\":\"x\"}", "a", VALUE_NUMBER, "1");
		check_member(&names, "{ \"a\" : -1.5e3 , \"b\":\"x\"}", "a", VALUE_NUMBER, "-1.5e3");
		check_member(&names, "{\"a\":[1, {\"b\":2}] }", "a", VALUE_ARRAY, "[1, {\"b\":2}]");
		check_member(&names, "{\"a\":[1, {\"b\":2}] }", "b", VALUE_ABSENT, "");
		check_member(&names, "{\"a\":{\"b\": {}}\t}", "a", VALUE_OBJECT, "{\"b\": {}}");
		check_member(&names, "{\"a\":true,\"c\":false}", "a", VALUE_TRUE, "true");
		check_member(&names, "{\"a\":true,\"c\":false}", "c", VALUE_FALSE, "false");
		check_member(&names, "{\"a\":null}", "a", VALUE_NULL, "null");
		check_member(&names, "{\"a\":\"\"}", "a", VALUE_STRING, "");
		check_member(&names, "{\"\":7,\"a\":8}", "", VALUE_NUMBER, "7");
		check_member(&names, "{\"a\":\"q\\\"\\\\\"}", "a", VALUE_STRING, "q\\\"\\\\");
		check_member(&names, "{\"a\":1,\"a\":\"last\"}", "a", VALUE_STRING, "last");
		check_member(&names, "{\"a\":1,\"\\u0061\":2}", "a", VALUE_NUMBER, "2");
		check_member(&names, "{\"\\u0061\":1,\"a\":2}", "a", VALUE_NUMBER, "2");
		check_member(&names, "{\"a\\u0000\":1}", "a", VALUE_ABSENT, "");
		check_member(&names, "{\"A\":1}", "a", VALUE_ABSENT, "");
		check_member(&names, "{\"caf\\u00e9\":1}", "caf\xc3\xa9", VALUE_NUMBER, "1");
		check_member(&names, "{\"caf\xc3\xa9\":2}", "caf\xc3\xa9", VALUE_NUMBER, "2");
		check_member(&names, "{\"\\ud83d\\ude00\":3}", "\xf0\x9f\x98\x80", VALUE_NUMBER, "3");
		check_member(&names, "{\"abcdefgh\":1,\"abcdefgX\":2}", "abcdefgX", VALUE_NUMBER, "2");
		check_member(&names, "{\"abcdefgh0abcdefgh\":1,\"abcdefgh1abcdefgh\":2}", "abcdefgh0abcdefgh",
			     VALUE_NUMBER, "1");
		check_member(&names, "{\"abcdefghabcdefgh\":1,\"abcdefghabcdefghabcdefgh\":2}", "abcdefghabcdefgh",
			     VALUE_NUMBER, "1");
		check_member(&names, "{\"http_response_status_code_class\":5}", "http_response_status_code_class",
			     VALUE_NUMBER, "5");
		check_member(&names, "{\"http_response_status_code_class \":5}", "http_response_status_code_class",
			     VALUE_ABSENT, "");
	}
}

/* A name that the scanner has learnt as one nobody wants, and more keys than it can learn. */
static void test_learning(void)
{
	static char text[600 * 16];
	struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	size_t offset, length = 0;
	bool passed = true;
	char *copy;

	json_names_init(&names);
	for (int round = 0; round < 3; round++) {
		length = (size_t)sprintf(text, "{\"first\":0");
		for (int i = 0; i < 600; i++)
			length += (size_t)sprintf(text + length, ",\"k%d\":%d", i, i);
		length += (size_t)sprintf(text + length, "}");
		if (round == 1)
			json_names_add(&names, "k17");
		passed &= scan_copy(&names, text, length, values, &offset, &copy) == JSON_OK;
		if (round)
			passed &= values[0].type == VALUE_NUMBER && values[0].length == 2 &&
				  !memcmp(copy + values[0].start, "17", 2);
		free(copy);
	}
	check(passed, "more keys than can be learnt, and one learnt before it was wanted");
}

/* As many bytes before the value as make it begin anywhere around the places where the scanner has to look anew: spaces,
 * an array, a string, a number. Behind it a string that such a place may lie in. */
static void test_long_texts(void)
{
	static const char *const befores[] = { "{%*s\"a\":", "{\"b\":[%*s], \"a\":", "{\"b\":\"%*s\", \"a\":",
					       "{\"b\":1%*s, \"a\":" };
	unsigned int wrong = 0, wrong_bad = 0;
	struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	char text[3 * 4096 + 1024], *copy;
	size_t offset;

	json_names_init(&names);
	int a = json_names_add(&names, "a");
	for (int size = 1; size < 2 * 4096 + 200; size += size % 4096 < 3900 && size > 200 ? 97 : 1) {
		for (size_t i = 0; i < sizeof(befores) / sizeof(befores[0]); i++) {
			int length = snprintf(text, sizeof(text), befores[i], size, "");
			int start = length + 1;
			length += snprintf(text + length, sizeof(text) - (size_t)length,
					   "\"x%090d\xc3\xa9\\n\", \"c\":\"%0100d\"}", size, 7);
			enum json_status status = scan_copy(&names, text, (size_t)length, values, &offset, &copy);
			wrong += status != JSON_OK || offset != (size_t)length - 1 ||
				 values[a].start != (uint32_t)start || values[a].length != 95 || !values[a].escaped;
			free(copy);
			text[length - 30] = '\t';
			status = scan_copy(&names, text, (size_t)length, values, &offset, &copy);
			wrong_bad += status != JSON_CONTROL || offset != (size_t)length - 30;
			free(copy);
		}
	}
	check(!wrong, "a string is found wherever it begins in a long text");
	check(!wrong_bad, "and so is a control character in one");
}

static void test_names(void)
{
	struct json_names names;
	static char many[JSON_NAMES_MAX + 1][8];
	char longest[JSON_NAME_LENGTH_MAX + 2];
	bool passed = true;

	json_names_init(&names);
	for (int i = 0; i < JSON_NAMES_MAX; i++) {
		sprintf(many[i], "n%d", i);
		passed &= json_names_add(&names, many[i]) == i;
	}
	check(passed && json_names_add(&names, "n5") == 5, "names get numbers in order, a known one its old");
	check(json_names_add(&names, "one too many") == -1, "a full set takes no more");
	check(json_names_find(&names, "n127xxxx", 4) == 127 && json_names_find(&names, "n128xxxx", 4) == -1,
	      "names are found");
	json_names_init(&names);
	memset(longest, 'x', sizeof(longest));
	longest[JSON_NAME_LENGTH_MAX + 1] = '\0';
	check(json_names_add(&names, longest) == -1, "too long a name is refused");
	longest[JSON_NAME_LENGTH_MAX] = '\0';
	check(json_names_add(&names, longest) == 0, "the longest is not");
}

/* ---- values ---- */

static void check_decode(const char *string, size_t capacity, const char *expected, size_t expected_length)
{
	char out[256];
	size_t length = json_decode(string, strlen(string), out, capacity);

	check(length == expected_length && !memcmp(out, expected, length), "decodes %s within %zu", string, capacity);
}

static void test_decode(void)
{
	check_decode("", 10, "", 0);
	check_decode("plain", 10, "plain", 5);
	check_decode("\\\"\\\\\\/\\b\\f\\n\\r\\t", 32, "\"\\/\b\f\n\r\t", 8);
	check_decode("x\\u0041y\\u00e9\\u20AC", 32, "xAy\xc3\xa9\xe2\x82\xac", 8);
	check_decode("\\u0000", 32, "", 1);
	check_decode("\\ud83d\\ude00", 32, "\xf0\x9f\x98\x80", 4);
	check_decode("\\uDBFF\\uDFFF", 32, "\xf4\x8f\xbf\xbf", 4);
	check_decode("\\ud83d", 32, "\xef\xbf\xbd", 3);
	check_decode("\\ude00", 32, "\xef\xbf\xbd", 3);
	check_decode("\\ud83dx", 32, "\xef\xbf\xbdx", 4);
	check_decode("\\ud83d\\u0041", 32, "\xef\xbf\xbd\x41", 4);
	check_decode("\\ud83d\\ud83d\\ude00", 32, "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
	check_decode("caf\xc3\xa9", 5, "caf\xc3\xa9", 5);
	check_decode("caf\xc3\xa9", 4, "caf", 3);
	check_decode("caf\\u00e9", 4, "caf", 3);
	check_decode("\\u00e9", 0, "", 0);
}

static struct json_value value_of(const char *text, enum value_type type)
{
	return (struct json_value){ .length = strlen(text), .type = type };
}

static void check_uint64(const char *text, bool good, uint64_t expected)
{
	struct json_value value = value_of(text, VALUE_NUMBER);
	uint64_t number = 0;

	check(json_read_uint64(text, &value, &number) == good && number == expected, "uint64 of %s", text);
}

static void check_int64(const char *text, bool good, int64_t expected)
{
	struct json_value value = value_of(text, VALUE_NUMBER);
	int64_t number = 0;

	check(json_read_int64(text, &value, &number) == good && number == expected, "int64 of %s", text);
}

static void check_double(const char *text, bool good, double expected)
{
	struct json_value value = value_of(text, VALUE_NUMBER);
	double number = 0;

	check(json_read_double(text, &value, &number) == good && number == expected, "double of %s", text);
}

static void test_numbers(void)
{
	struct json_value string = value_of("1", VALUE_STRING);
	double number;

	check_uint64("0", true, 0);
	check_uint64("18446744073709551615", true, UINT64_MAX);
	check_uint64("18446744073709551616", false, 0);
	check_uint64("99999999999999999999", false, 0);
	check_uint64("-1", false, 0);
	check_uint64("1.0", false, 0);
	check_uint64("1e3", false, 0);
	check_int64("-0", true, 0);
	check_int64("9223372036854775807", true, INT64_MAX);
	check_int64("9223372036854775808", false, 0);
	check_int64("-9223372036854775808", true, INT64_MIN);
	check_int64("-9223372036854775809", false, 0);
	check_int64("-1.5", false, 0);
	check_double("9007199254740993", true, 9007199254740992.0);
	check_double("123456789012345678901234567890", true, 123456789012345678901234567890.0);
	check_double("-1.5e3", true, -1500);
	check_double("0.1", true, 0.1);
	check_double("1e999", false, 0);
	check_double("-1e999", false, 0);
	check_double("1e-999", true, 0);
	check(!json_read_double("1", &string, &number), "a string is no number");
}

/* ---- against jansson ---- */

static uint64_t random_state = 0x0123456789abcdef;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

static const char *random_of(const char *const *from, size_t n)
{
	return from[random_below((uint32_t)n)];
}

#define RANDOM_OF(array) random_of(array, sizeof(array) / sizeof((array)[0]))

static void add_space(struct text *text)
{
	static const char *const spaces[] = { "", "", "", "", "", " ", "\t", "\r", "\n", "  " };

	add_text(text, RANDOM_OF(spaces));
}

static void add_string(struct text *text)
{
	/* clang-format off */
	static const char *const pieces[] = { "a", "b", "c", "time", "0123456789abcdef", "\\n", "\\\"", "\\\\", "\\/", "\\u0061",
					      "\\u00e9", "\\ud83d\\ude00", "\\u0000", "\xc3\xa9", "\xe2\x82\xac",
					      "\xf0\x9f\x98\x80", " ", "\x7f", "{", "]", ":", "," };
	/* clang-format on */

	add_text(text, "\"");
	for (uint32_t n = random_below(4); n; n--)
		add_text(text, RANDOM_OF(pieces));
	add_text(text, "\"");
}

static void add_scalar(struct text *text)
{
	/* clang-format off */
	static const char *const scalars[] = { "null", "true", "false", "0", "-0", "-1", "1.5", "1e3", "0.25E-2", "-17",
					       "12345678901234567", "9223372036854775807", "9223372036854775808",
					       "1e999", "1e-400", "3.141592653589793238462643383", "100000000000000000000.5" };
	/* clang-format on */

	if (random_below(2))
		add_string(text);
	else
		add_text(text, RANDOM_OF(scalars));
}

static void add_value(struct text *text, int depth)
{
	uint32_t kind = depth < 6 ? random_below(5) : 4;

	add_space(text);
	if (kind > 1) {
		add_scalar(text);
	} else {
		uint32_t n = random_below(4);

		add_text(text, kind ? "{" : "[");
		add_space(text);
		for (uint32_t i = 0; i < n; i++) {
			add_text(text, i ? "," : "");
			add_space(text);
			if (kind) {
				add_string(text);
				add_space(text);
				add_text(text, ":");
			}
			add_value(text, depth + 1);
		}
		add_text(text, kind ? "}" : "]");
	}
	add_space(text);
}

static void add_record(struct text *text)
{
	static const char *const keys[] = {
		"\"a\"", "\"b\"", "\"c\"", "\"time\"", "\"\\u0061\"", "\"\"", "\"http_request_method\"",
		"\"x\"", "\"y\""
	};
	uint32_t n = random_below(7);

	text->length = 0;
	add_text(text, "{");
	for (uint32_t i = 0; i < n; i++) {
		add_text(text, i ? "," : "");
		add_space(text);
		add_text(text, RANDOM_OF(keys));
		add_space(text);
		add_text(text, ":");
		add_value(text, 1);
	}
	add_text(text, "}");
}

/* Breaks a text in one place or a few: changes, drops, doubles or cuts. */
static void break_text(struct text *text)
{
	static const char bytes[] = "\"\\{}[]:,0e.-+ \x01\x1f\x80\xc3\xe2\xed\xa0\xff"
				    "atn\n";

	for (uint32_t n = 1 + random_below(3); n && text->length; n--) {
		uint32_t at = random_below((uint32_t)text->length);

		switch (random_below(5)) {
		case 0:
			text->bytes[at] = (char)random_below(256);
			break;
		case 1:
			memmove(text->bytes + at, text->bytes + at + 1, text->length - at - 1);
			text->length--;
			break;
		case 2:
			if (text->length + 1 < sizeof(text->bytes)) {
				memmove(text->bytes + at + 1, text->bytes + at, text->length - at);
				text->length++;
			}
			break;
		case 3:
			text->length = random_below(8) ? text->length : at;
			break;
		default:
			text->bytes[at] = bytes[random_below(sizeof(bytes) - 1)];
		}
	}
}

/* Whether jansson refused a text for one of the known differences. */
static bool is_known_difference(const json_error_t *error)
{
	return json_error_code(error) == json_error_null_byte_in_key ||
	       json_error_code(error) == json_error_numeric_overflow || strstr(error->text, "invalid Unicode '\\u");
}

static bool same_value(const char *text, const struct json_value *value, const json_t *other)
{
	static char decoded[8192];
	int64_t integer;
	double real;

	if (!other)
		return value->type == VALUE_ABSENT;
	switch (json_typeof(other)) {
	case JSON_STRING:
		if (value->type != VALUE_STRING)
			return false;
		size_t length = json_decode(text + value->start, value->length, decoded, sizeof(decoded));
		return length == json_string_length(other) && !memcmp(decoded, json_string_value(other), length);
	case JSON_INTEGER:
		return json_read_int64(text, value, &integer) && integer == json_integer_value(other);
	case JSON_REAL:
		return json_read_double(text, value, &real) && real == json_real_value(other);
	case JSON_OBJECT:
		return value->type == VALUE_OBJECT;
	case JSON_ARRAY:
		return value->type == VALUE_ARRAY;
	case JSON_TRUE:
		return value->type == VALUE_TRUE;
	case JSON_FALSE:
		return value->type == VALUE_FALSE;
	default:
		return value->type == VALUE_NULL;
	}
}

static const char *const wanted[] = { "a", "b", "c", "time", "", "http_request_method" };

/* 1: both accept, 0: both refuse (or a known difference), -1: they differ. */
static int compare_with_jansson(struct json_names *names, const struct text *text)
{
	struct json_value values[JSON_NAMES_MAX];
	json_error_t error;
	size_t offset;
	char *copy;
	enum json_status status = scan_copy(names, text->bytes, text->length, values, &offset, &copy);
	json_t *root = json_loadb(text->bytes, text->length, JSON_ALLOW_NUL, &error);
	int result = status == JSON_OK && root;

	if (!root && status == JSON_OK && !is_known_difference(&error))
		result = -1;
	if (root && status != JSON_OK && status != JSON_NO_OBJECT && !memchr(text->bytes, '\0', text->length))
		result = -1;
	for (size_t i = 0; result == 1 && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!same_value(copy, &values[i], json_object_get(root, wanted[i])))
			result = -1;
	if (result < 0)
		printf("# differs: %.*s\n", (int)text->length, text->bytes);
	json_decref(root);
	free(copy);
	return result;
}

static void test_against_jansson(void)
{
	enum { ROUNDS = 100000 };
	static struct text text;
	struct json_names names;
	unsigned int accepted = 0, differing = 0;

	json_names_init(&names);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		json_names_add(&names, wanted[i]);
	for (int i = 0; i < ROUNDS; i++) {
		add_record(&text);
		if (i % 2)
			break_text(&text);
		int result = compare_with_jansson(&names, &text);
		accepted += result > 0;
		differing += result < 0;
	}
	check(!differing && accepted > ROUNDS / 4 && accepted < ROUNDS,
	      "agrees with jansson on %d random texts, %u of them good", ROUNDS, accepted);
}

int main(void)
{
	test_good_values();
	test_bad_texts();
	test_nul_anywhere();
	test_every_cut();
	test_depth();
	test_members();
	test_learning();
	test_long_texts();
	test_names();
	test_decode();
	test_numbers();
	test_against_jansson();
	return finish_tests();
}
