/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over objects and arrays: documents and random ones against jansson's trees, keys, texts and numbers. */
#include "common/record/json_walk.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/json_random.h"
#include "tests/unit/json_tree.h"
#include "tests/unit/tap.h"

/* ---- helpers ---- */

/* A copy with no more than the padding that the contract asks for, so that ASan sees a read behind it; to be freed. *root
 * becomes the whole object. NULL: the scanner refuses it. */
static char *scan_copy(const char *text, size_t length, struct json_value *root)
{
	static struct json_names none;
	struct json_value values[JSON_NAMES_MAX];
	char *copy = malloc(length + JSON_PADDING);
	size_t end;

	json_names_init(&none);
	memcpy(copy, text, length);
	memset(copy + length, '"', JSON_PADDING);
	copy[length] = '\0';
	if (json_scan(&none, copy, length, values, &end) != JSON_OK) {
		free(copy);
		return NULL;
	}
	size_t start = strspn(copy, " \t\r\n");
	*root = (struct json_value){ .type = VALUE_OBJECT, .start = start, .length = end + 1 - start };
	return copy;
}

/* 1: the same as jansson's, 0: refused, or a known difference, -1: they differ. */
static int compare(const char *text, size_t length)
{
	struct json_value root;
	char *copy = scan_copy(text, length, &root);
	json_error_t error;

	if (!copy)
		return 0;
	json_t *other = json_loadb(text, length, JSON_ALLOW_NUL, &error), *tree = tree_of(copy, &root);
	int result = !tree ? -1 : other ? (json_equal(tree, other) ? 1 : -1) : tree_is_known_difference(&error) - 1;
	json_decref(other);
	json_decref(tree);
	free(copy);
	return result;
}

/* ---- documents ---- */

/* clang-format off */
static const char *const documents[] = {
	"{}", " { } ", "{\"a\":1}", "{\"a\":[]}", "{\"a\":{}}", "{\"a\":[{}]}", "{ \"a\" : [ { } , [ ] , 1 , \"\" ] }\r\n",
	"{\"a\":null,\"b\":true,\"c\":false,\"d\":-0,\"e\":1.5e-3,\"f\":\"\"}",
	"\t{\n\"a\"\r:\t[\n1\r,\t2 , 3\n]\r,\t\"b\" : { \"c\" :\n\"d\" } }\n",
	"{\"a\":1,\"a\":2,\"a\":[3]}",
	"{\"a\":\"]\",\"b\":[\"]\",\"[\",\"}\",\"{\",\"\\\"]\"],\"c\":{\"}\":\"{\"}}",
	"{\"a\":\"\\\\\",\"b\":[\"\\\\\",\"\\\\\\\"\",\"\\\\\\\\\"],\"c\":1}",
	"{\"a\":[\"0123456789abcde\\\\\",\"0123456789abcdef\",\"0123456789abcd\\\"]\"],\"b\":[\"0123456789abcdef0123456789abcde\\\\\"]}",
	"{\"\\u0061\":\"\\u00e9\\ud83d\\ude00\\n\",\"\\\"\":\"\\/\"}",
	"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]},"
	"\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"kind\":2,"
	"\"startTimeUnixNano\":\"1767225600000000000\",\"attributes\":[{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/[{\\\"\"}},"
	"{\"key\":\"n\",\"value\":{\"intValue\":\"503\"}}],\"status\":{}}]}]}]}",
};
/* clang-format on */

static void test_documents(void)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		check(compare(documents[i], strlen(documents[i])) == 1, "rebuilds %s", documents[i]);
}

/* A container's end anywhere in a block, behind strings with any number of backslashes. */
static void test_alignments(void)
{
	unsigned int n_wrong = 0, n = 0;
	char text[512], filler[100], slashes[100];

	for (int before = 0; before < 70; before++) {
		for (int pairs = 0; pairs < 40; pairs++) {
			memset(filler, ' ', sizeof(filler));
			filler[before] = '\0';
			memset(slashes, '\\', sizeof(slashes));
			slashes[2 * pairs] = '\0';
			int length =
				snprintf(text, sizeof(text), "{%s\"a\":[\"%s\",\"%s\\\"]}\",{\"%s\":\"]\"}],\"b\":[1]}",
					 filler, slashes, slashes, slashes);
			n++;
			n_wrong += compare(text, (size_t)length) != 1;
		}
	}
	check(!n_wrong, "%u places of strings and brackets, wrong at %u", n, n_wrong);
}

static void test_long_string(void)
{
	enum { LENGTH = 1 << 20 };
	static const char *const pieces[] = { "]}[{", "\\\"]", "\\\\" };
	char *text = malloc(LENGTH + 64);
	size_t length = (size_t)sprintf(text, "{\"a\":[\"");

	for (unsigned int i = 0; length < LENGTH; i++)
		length += (size_t)sprintf(text + length, "%s", pieces[i % 7 % 3]);
	length += (size_t)sprintf(text + length, "\"],\"b\":{\"c\":2}}");
	check(compare(text, length) == 1, "a string of a million brackets and quotes");
	free(text);
}

/* ---- random documents ---- */

static void test_random_documents(void)
{
	enum { ROUNDS = 30000 };
	static struct random_text text;
	unsigned int n_same = 0, n_wrong = 0;
	uint64_t state = 1;

	for (int i = 0; i < ROUNDS; i++) {
		text.length = 0;
		random_add_value(&text, 1, &state);
		int result = compare(text.bytes, text.length);
		n_same += result > 0;
		n_wrong += result < 0;
		if (result < 0 && n_wrong < 4)
			printf("# differs: %.*s\n", (int)text.length, text.bytes);
	}
	check(!n_wrong && n_same > ROUNDS * 9 / 10, "rebuilds %u of %d random documents, %u wrongly", n_same, ROUNDS,
	      n_wrong);
}

/* ---- members ---- */

static void test_wrong_types(void)
{
	struct json_value root, value, key, values[1];
	const char *const names[] = { "a" };
	static const char *const texts[] = { "{\"a\":null}", "{\"a\":\"{\"}", "{\"a\":1}", "{}" };
	char *text;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json_walk walk;

		text = scan_copy(texts[i], strlen(texts[i]), &root);
		json_find(text, &root, names, 1, values);
		json_walk_open(&walk, text, &values[0]);
		bool none = !json_walk_member(&walk, &key, &value) && !json_walk_element(&walk, &value);
		json_walk_open(&walk, text, &root);
		check(none && !json_walk_element(&walk, &value), "no elements, and no members within, in %s", texts[i]);
		free(text);
	}
	text = scan_copy("{\"a\":[{\"b\":1}]}", 15, &root);
	struct json_walk walk;
	json_find(text, &root, names, 1, values);
	json_walk_open(&walk, text, &values[0]);
	check(!json_walk_member(&walk, &key, &value) && json_walk_element(&walk, &value) &&
		      value.type == VALUE_OBJECT && value.start == 6 && value.length == 7 &&
		      !json_walk_element(&walk, &value) && !json_walk_element(&walk, &value),
	      "an array has no members, and stays at its end");
	free(text);
}

static void test_find(void)
{
	static const char line[] =
		"{\"a\":1,\"aa\":2,\"\":3,\"b\":{\"c\":4,\"x\":5},\"x\":6,\"\\u0061\":7,\"b\\u0000\":8,\"d\":null}";
	static const char *const names[] = { "a", "aa", "", "b", "c", "d", "e" };
	static const enum value_type types[] = { VALUE_NUMBER, VALUE_NUMBER, VALUE_NUMBER, VALUE_OBJECT,
						 VALUE_ABSENT, VALUE_NULL,   VALUE_ABSENT };
	static const char *const wanted[] = { "7", "2", "3", "{\"c\":4,\"x\":5}", "", "null", "" };
	struct json_value root, values[7];
	char *text = scan_copy(line, strlen(line), &root);

	json_find(text, &root, names, 7, values);
	for (size_t i = 0; i < 7; i++)
		check(values[i].type == types[i] && (types[i] == VALUE_ABSENT ||
						     (values[i].length == strlen(wanted[i]) &&
						      !memcmp(text + values[i].start, wanted[i], values[i].length))),
		      "\"%s\" is found: %s", names[i], wanted[i]);
	free(text);
}

static bool key_is(const char *key, const char *name)
{
	char line[2048];
	struct json_value root, first, value;
	struct json_walk walk;
	char *text = scan_copy(line, (size_t)snprintf(line, sizeof(line), "{\"%s\":0}", key), &root);

	json_walk_open(&walk, text, &root);
	bool equal = json_walk_member(&walk, &first, &value) && json_key_equals(text, &first, name);
	free(text);
	return equal;
}

static void test_keys(void)
{
	char longest[JSON_NAME_LENGTH_MAX + 1], key[JSON_NAME_LENGTH_MAX + 10];

	check(key_is("", "") && key_is("abc", "abc") && !key_is("abc", "ab") && !key_is("ab", "abc") &&
		      !key_is("", "a") && !key_is("a", "") && !key_is("abd", "abc"),
	      "keys are compared whole");
	check(key_is("\\u0061\\/\\n\\\"\\\\", "a/\n\"\\") && key_is("\\u20ac", "\xe2\x82\xac") &&
		      !key_is("\\u0061b", "a") && !key_is("\\u0061", "ab") && !key_is("a\\u0000", "a") &&
		      !key_is("\\u0000", "") && !key_is("a\\u0000b", "a"),
	      "escaped keys are compared decoded");
	memset(longest, 'x', sizeof(longest));
	longest[JSON_NAME_LENGTH_MAX] = '\0';
	snprintf(key, sizeof(key), "\\u0078%s", longest + 1);
	check(key_is(longest, longest) && key_is(key, longest), "the longest name is compared whole");
	snprintf(key, sizeof(key), "\\u0078%s", longest);
	check(!key_is(key, longest), "a longer key is not cut to it");
}

/* ---- values ---- */

/* The value of {"a":VALUE}; the text is to be freed. */
static char *scan_value(const char *literal, struct json_value *value)
{
	static const char *const names[] = { "a" };
	char line[2048];
	struct json_value root;
	char *text = scan_copy(line, (size_t)snprintf(line, sizeof(line), "{\"a\":%s}", literal), &root);

	json_find(text, &root, names, 1, value);
	return text;
}

static void test_texts(void)
{
	struct json_value value;
	char space[8];
	const char *string;
	char *text = scan_value("\"0123456789\"", &value);

	check(json_text_of(text, &value, space, sizeof(space), &string) == 10 && string == text + value.start,
	      "a text without escapes is not copied");
	free(text);
	text = scan_value("\"\\u0061\\n\"", &value);
	check(json_text_of(text, &value, space, sizeof(space), &string) == 2 && string == space &&
		      !memcmp(space, "a\n", 2),
	      "a text with escapes is decoded");
	free(text);
	text = scan_value("\"012345\\u20ac\"", &value);
	check(json_text_of(text, &value, space, sizeof(space), &string) == 6, "and cut at a character");
	free(text);
	text = scan_value("123", &value);
	check(json_text_of(text, &value, space, sizeof(space), &string) == 0, "a number is no text");
	free(text);
}

static void test_integers(void)
{
	static const struct {
		const char *literal;
		bool is_uint64, is_int64;
		uint64_t number; /* as two's complement */
	} cases[] = {
		{ "0", true, true, 0 },
		{ "\"0\"", true, true, 0 },
		{ "503", true, true, 503 },
		{ "\"503\"", true, true, 503 },
		{ "\"\\u0035\\u00303\"", true, true, 503 },
		{ "-5", false, true, (uint64_t)-5 },
		{ "\"-5\"", false, true, (uint64_t)-5 },
		{ "9223372036854775807", true, true, INT64_MAX },
		{ "\"9223372036854775808\"", true, false, (uint64_t)1 << 63 },
		{ "\"-9223372036854775808\"", false, true, (uint64_t)1 << 63 },
		{ "\"-9223372036854775809\"", false, false, 0 },
		{ "18446744073709551615", true, false, UINT64_MAX },
		{ "\"18446744073709551615\"", true, false, UINT64_MAX },
		{ "\"18446744073709551616\"", false, false, 0 },
		{ "\"\"", false, false, 0 },
		{ "\"-\"", false, false, 0 },
		{ "\"--1\"", false, false, 0 },
		{ "\"+1\"", false, false, 0 },
		{ "\" 1\"", false, false, 0 },
		{ "\"1 \"", false, false, 0 },
		{ "\"1.0\"", false, false, 0 },
		{ "1.5", false, false, 0 },
		{ "1e3", false, false, 0 },
		{ "\"0x10\"", false, false, 0 },
		{ "\"1\\u0000\"", false, false, 0 },
		{ "null", false, false, 0 },
		{ "true", false, false, 0 },
		{ "[1]", false, false, 0 },
		{ "{}", false, false, 0 },
		/* 63 bytes, all that is looked at, and one more */
		{ "\"\\u003000000000000000000000000000000000000000000000000000000000000012\"", false, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_value value;
		char *text = scan_value(cases[i].literal, &value);
		uint64_t whole = 0;
		int64_t integer = 0;
		bool is_uint64 = json_walk_uint64(text, &value, &whole);
		bool is_int64 = json_walk_int64(text, &value, &integer);

		check(is_uint64 == cases[i].is_uint64 && is_int64 == cases[i].is_int64 &&
			      (!is_uint64 || whole == cases[i].number) &&
			      (!is_int64 || (uint64_t)integer == cases[i].number),
		      "%s is read as an integer, or is none", cases[i].literal);
		free(text);
	}
}

static void test_doubles(void)
{
	static const struct {
		const char *literal;
		bool good;
		double number;
	} cases[] = {
		{ "0", true, 0 },
		{ "1.5", true, 1.5 },
		{ "-2.5e-3", true, -2.5e-3 },
		{ "\"NaN\"", true, NAN },
		{ "\"Infinity\"", true, INFINITY },
		{ "\"-Infinity\"", true, -INFINITY },
		{ "\"\\u004eaN\"", true, NAN },
		{ "\"1.5\"", true, 1.5 },
		{ "\"-1e3\"", true, -1000 },
		{ "\"\\u0031e3\"", true, 1000 },
		{ "\"nan\"", false, 0 },
		{ "\"inf\"", false, 0 },
		{ "\"infinity\"", false, 0 },
		{ "\"+Infinity\"", false, 0 },
		{ "\"NaN \"", false, 0 },
		{ "\"0x10\"", false, 0 },
		{ "\" 1\"", false, 0 },
		{ "\"1,5\"", false, 0 },
		{ "\"1e\"", false, 0 },
		{ "\"e1\"", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"-\"", false, 0 },
		{ "\"1-1\"", false, 0 },
		{ "\"1e999\"", false, 0 },
		{ "1e999", false, 0 },
		{ "null", false, 0 },
		{ "true", false, 0 },
		{ "[]", false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_value value;
		char *text = scan_value(cases[i].literal, &value);
		double number = 0;
		bool good = json_walk_double(text, &value, &number);

		check(good == cases[i].good && (isnan(cases[i].number) ? isnan(number) : number == cases[i].number),
		      "%s is read as a double, or is none", cases[i].literal);
		free(text);
	}
}

int main(void)
{
	test_documents();
	test_alignments();
	test_long_string();
	test_random_documents();
	test_wrong_types();
	test_find();
	test_keys();
	test_texts();
	test_integers();
	test_doubles();
	return finish_tests();
}
