/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_any.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/record/utf8.h"

enum kind { STRING, INT, DOUBLE, BOOL, ARRAY, MAP, BYTES, KINDS };

static const char *const members[KINDS] = {
	[STRING] = "stringValue", [INT] = "intValue",    [DOUBLE] = "doubleValue", [BOOL] = "boolValue",
	[ARRAY] = "arrayValue",   [MAP] = "kvlistValue", [BYTES] = "bytesValue",
};

bool otlp_take_attribute(const char *text, const struct json_value *element, struct json_value *key,
			 struct json_value *any)
{
	static const char *const names[] = { "key", "value" };
	struct json_value values[2];

	json_find(text, element, names, 2, values);
	*key = values[0];
	*any = values[1];
	return key->type == VALUE_STRING && key->length;
}

/* ---- what it is ---- */

/* Whether a member is of the type that its name says. */
static bool is_sound(const char *text, const struct json_value *value, enum kind kind)
{
	int64_t integer;
	double number;

	switch (kind) {
	case INT:
		return json_walk_int64(text, value, &integer);
	case DOUBLE:
		return json_walk_double(text, value, &number);
	case BOOL:
		return value->type == VALUE_TRUE || value->type == VALUE_FALSE;
	case ARRAY:
	case MAP:
		return value->type == VALUE_OBJECT;
	default:
		return value->type == VALUE_STRING;
	}
}

/* KINDS: it is none. */
static enum kind take_any(const char *text, const struct json_value *any, struct json_value *value)
{
	struct json_value values[KINDS];

	json_find(text, any, members, KINDS, values);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		if (values[kind].type == VALUE_ABSENT || !is_sound(text, &values[kind], kind))
			continue;
		*value = values[kind];
		return kind;
	}
	return KINDS;
}

/* ---- JSON ---- */

static void add_raw(struct page *out, const char *text, const struct json_value *value)
{
	bool quoted = value->type == VALUE_STRING;

	page_add_bytes(out, text + value->start - quoted, value->length + 2 * quoted);
}

static void add_int(struct page *out, const char *text, const struct json_value *value)
{
	char digits[32];
	int64_t integer = 0;

	json_walk_int64(text, value, &integer);
	snprintf(digits, sizeof(digits), "%" PRId64, integer);
	page_add_text(out, digits);
}

static void add_value(struct page *out, const char *text, const struct json_value *any);

/* [1,"a"] of {"values":[...]}, {"k":"v"} of {"values":[{"key":...},...]}. */
static void add_container(struct page *out, const char *text, const struct json_value *value, bool is_map)
{
	static const char *const names[] = { "values" };
	struct json_value list, element, key, any;
	struct json_walk walk;
	bool more = false;

	json_find(text, value, names, 1, &list);
	json_walk_open(&walk, text, &list);
	page_add_text(out, is_map ? "{" : "[");
	while (json_walk_element(&walk, &element)) {
		if (is_map && !otlp_take_attribute(text, &element, &key, &any))
			continue;
		page_add_text(out, more ? "," : "");
		more = true;
		if (is_map) {
			add_raw(out, text, &key);
			page_add_text(out, ":");
		}
		add_value(out, text, is_map ? &any : &element);
	}
	page_add_text(out, is_map ? "}" : "]");
}

/* The recursion is as deep as a quarter of JSON_DEPTH_MAX at most. */
static void add_value(struct page *out, const char *text, const struct json_value *any)
{
	struct json_value value;
	enum kind kind = take_any(text, any, &value);

	if (kind == KINDS)
		page_add_text(out, "null");
	else if (kind == ARRAY || kind == MAP)
		add_container(out, text, &value, kind == MAP);
	else if (kind == INT)
		add_int(out, text, &value);
	else
		add_raw(out, text, &value);
}

/* ---- text ---- */

static void add_string(struct page *out, const char *text, const struct json_value *value)
{
	char space[OTLP_VALUE_MAX];
	const char *string;
	size_t length = json_text_of(text, value, space, sizeof(space), &string), start = out->length;

	page_add_bytes(out, string, length > OTLP_VALUE_MAX ? utf8_cut(string, OTLP_VALUE_MAX) : length);
	if (out->failed)
		return;
	for (char *nul; (nul = memchr(out->bytes + start, '\0', out->length - start)) != NULL;)
		*nul = '?';
}

bool otlp_add_text(struct page *out, const char *text, const struct json_value *any)
{
	struct json_value value;
	enum kind kind = take_any(text, any, &value);
	size_t start = out->length;

	if (kind == KINDS)
		return false;
	if (value.type == VALUE_STRING && kind != INT)
		add_string(out, text, &value);
	else
		add_value(out, text, any);
	if (!out->failed && out->length - start > OTLP_VALUE_MAX)
		out->length = start + utf8_cut(out->bytes + start, OTLP_VALUE_MAX);
	return true;
}

/* JSON in a string: a control character is in neither. */
static void add_quoted(struct page *out, const char *bytes, size_t length)
{
	page_add_text(out, "\"");
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '"' || bytes[i] == '\\')
			page_add_text(out, "\\");
		page_add_bytes(out, &bytes[i], 1);
	}
	page_add_text(out, "\"");
}

bool otlp_add_json(struct page *out, const char *text, const struct json_value *any)
{
	struct json_value value;
	struct page nested = { .bytes = NULL };
	enum kind kind = take_any(text, any, &value);

	if (kind == KINDS)
		return false;
	if (kind != ARRAY && kind != MAP) {
		add_value(out, text, any);
		return true;
	}
	otlp_add_text(&nested, text, any);
	add_quoted(out, nested.bytes, nested.failed ? 0 : nested.length);
	out->failed |= nested.failed;
	page_clear(&nested);
	return true;
}
