/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over what the scanner has accepted: all of it is rebuilt as a tree, which must be the one that jansson makes of
 * the text. Where jansson refuses it for a known difference (tests/fuzz/json.c), the walk must still end where it should.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/json_walk.h"
#include "tests/unit/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "a", "b", "", "key", "value", "resourceSpans", "spans", "startTimeUnixNano" };

enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* What the number readers say of a value must fit together. */
static void read_numbers(const char *text, const struct json_value *value)
{
	uint64_t whole;
	int64_t integer;
	double real;
	bool is_whole = json_walk_uint64(text, value, &whole), is_integer = json_walk_int64(text, value, &integer);

	if (is_whole || is_integer)
		require(json_walk_double(text, value, &real) && real == (is_whole ? (double)whole : (double)integer));
	if (is_whole && is_integer)
		require(integer >= 0 && (uint64_t)integer == whole);
}

static void read_members(const char *text, const struct json_value *object)
{
	struct json_walk walk;
	struct json_value key, value;

	json_walk_open(&walk, text, object);
	while (json_walk_member(&walk, &key, &value)) {
		read_numbers(text, &key);
		read_numbers(text, &value);
	}
}

static void compare(const char *text, size_t size, const struct json_value *root)
{
	json_error_t error;
	json_t *other = json_loadb(text, size, JSON_ALLOW_NUL, &error), *tree = tree_of(text, root);

	require(tree);
	require(other ? json_equal(tree, other) : tree_is_known_difference(&error));
	require(!other || tree_finds(text, root, other, names, N_NAMES));
	json_decref(other);
	json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_names none;
	struct json_value values[JSON_NAMES_MAX];
	char *text = malloc(size + JSON_PADDING);
	size_t end;

	json_names_init(&none);
	memcpy(text, data, size);
	memset(text + size, 0xff, JSON_PADDING);
	text[size] = '\0';
	if (json_scan(&none, text, size, values, &end) == JSON_OK) {
		size_t start = strspn(text, " \t\r\n");
		struct json_value root = { .type = VALUE_OBJECT, .start = start, .length = end + 1 - start };

		compare(text, size, &root);
		read_members(text, &root);
	}
	free(text);
	return 0;
}
