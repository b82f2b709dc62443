/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner against jansson, on any bytes: both accept or both refuse, and read the same values.
 *
 * Known differences to jansson (2.14), which ends a comparison: it refuses \u0000 in keys, lone surrogates, numbers that
 * a double or an int64 cannot hold; it takes any array or object at the top, deeper nesting, and a raw NUL behind a
 * number, which its look-ahead loses.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const wanted[] = { "a", "b", "", "time", "event", "http_response_status_code" };

enum { N_WANTED = sizeof(wanted) / sizeof(wanted[0]) };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void compare_string(const char *text, const struct json_value *value, const json_t *other)
{
	char *decoded = malloc(value->length + 1);
	size_t length = json_decode(text + value->start, value->length, decoded, value->length);

	require(value->type == VALUE_STRING && length == json_string_length(other) &&
		!memcmp(decoded, json_string_value(other), length));
	/* Cut short it is a beginning of the whole, and writes no byte more. */
	char *cut = malloc(length / 2 + 1);
	size_t cut_length = json_decode(text + value->start, value->length, cut, length / 2);
	require(cut_length <= length / 2 && cut_length + 4 > length / 2 && !memcmp(cut, decoded, cut_length));
	free(cut);
	free(decoded);
}

static void compare_value(const char *text, const struct json_value *value, const json_t *other)
{
	static const enum value_type types[] = {
		[JSON_OBJECT] = VALUE_OBJECT,  [JSON_ARRAY] = VALUE_ARRAY, [JSON_STRING] = VALUE_STRING,
		[JSON_INTEGER] = VALUE_NUMBER, [JSON_REAL] = VALUE_NUMBER, [JSON_TRUE] = VALUE_TRUE,
		[JSON_FALSE] = VALUE_FALSE,    [JSON_NULL] = VALUE_NULL,
	};
	int64_t integer;
	double real;

	require(value->type == (other ? types[json_typeof(other)] : VALUE_ABSENT));
	if (json_is_string(other))
		compare_string(text, value, other);
	if (json_is_integer(other))
		require(json_read_int64(text, value, &integer) && integer == json_integer_value(other));
	if (json_is_real(other))
		require(json_read_double(text, value, &real) && real == json_real_value(other));
}

static bool is_known_difference(const json_error_t *error)
{
	return json_error_code(error) == json_error_null_byte_in_key ||
	       json_error_code(error) == json_error_numeric_overflow || strstr(error->text, "invalid Unicode '\\u");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	char *text = malloc(size + JSON_PADDING);
	size_t offset;
	json_error_t error;

	/* The names learnt from one input stay for the next. */
	if (!names.wanted) {
		json_names_init(&names);
		for (size_t i = 0; i < N_WANTED; i++)
			json_names_add(&names, wanted[i]);
	}
	memcpy(text, data, size);
	memset(text + size, 0xff, JSON_PADDING);
	text[size] = '\0';
	enum json_status status = json_scan(&names, text, size, values, &offset);
	json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, &error);

	require(offset <= size);
	if (status == JSON_OK)
		require(text[offset] == '}' && (root || is_known_difference(&error)));
	else
		require(!root || status == JSON_DEEP || status == JSON_NO_OBJECT || memchr(text, '\0', size));
	for (size_t i = 0; status == JSON_OK && root && i < N_WANTED; i++)
		compare_value(text, &values[i], json_object_get(root, wanted[i]));
	json_decref(root);
	free(text);
	return 0;
}
