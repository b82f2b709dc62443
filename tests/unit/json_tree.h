/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What json_walk is checked against: all of an object walked over and rebuilt as jansson's tree, to be compared with the
 * one that jansson makes of the same text.
 */
#ifndef OTB_JSON_TREE_H
#define OTB_JSON_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/json_walk.h"

/* The text of a string, with a NUL, to be freed. */
static inline char *tree_text(const char *text, const struct json_value *value, size_t *length)
{
	char *space = malloc(value->length + 1), *copy = malloc(value->length + 1);
	const char *string;

	*length = json_text_of(text, value, space, value->length, &string);
	memcpy(copy, string, *length);
	copy[*length] = '\0';
	free(space);
	return copy;
}

static inline json_t *tree_of_scalar(const char *text, const struct json_value *value)
{
	int64_t integer;
	double real;
	size_t length;

	if (value->type == VALUE_STRING) {
		char *string = tree_text(text, value, &length);
		json_t *tree = json_stringn_nocheck(string, length);

		free(string);
		return tree;
	}
	if (value->type == VALUE_NUMBER && json_read_int64(text, value, &integer))
		return json_integer(integer);
	if (value->type == VALUE_NUMBER)
		return json_read_double(text, value, &real) ? json_real(real) : json_null();
	if (value->type == VALUE_TRUE || value->type == VALUE_FALSE)
		return json_boolean(value->type == VALUE_TRUE);
	return value->type == VALUE_NULL ? json_null() : NULL;
}

/* The tree of a value, or NULL: it does not end where it should. */
static inline json_t *tree_of(const char *text, const struct json_value *value)
{
	bool is_object = value->type == VALUE_OBJECT, good = true;
	struct json_value key, member;
	struct json_walk walk;

	if (!is_object && value->type != VALUE_ARRAY)
		return tree_of_scalar(text, value);
	json_t *tree = is_object ? json_object() : json_array();
	json_walk_open(&walk, text, value);
	while (good && (is_object ? json_walk_member(&walk, &key, &member) : json_walk_element(&walk, &member))) {
		json_t *child = tree_of(text, &member);
		size_t length;

		good = child;
		if (child && is_object) {
			char *name = tree_text(text, &key, &length);

			good = key.type == VALUE_STRING && member.key == key.start - 1 && text[member.key] == '"';
			json_object_set_new_nocheck(tree, name, child);
			free(name);
		} else if (child) {
			json_array_append_new(tree, child);
		}
	}
	/* What comes behind the last part is the bracket with which the value ends. */
	if (good && walk.next == text + value->start + value->length - 1 && *walk.next == (is_object ? '}' : ']'))
		return tree;
	json_decref(tree);
	return NULL;
}

/* Whether json_find() finds in an object what its tree has under these names. */
static inline bool tree_finds(const char *text, const struct json_value *object, const json_t *tree,
			      const char *const *names, size_t n)
{
	struct json_value values[16];
	bool same = true;

	json_find(text, object, names, n, values);
	for (size_t i = 0; i < n; i++) {
		json_t *wanted = json_object_get(tree, names[i]);
		json_t *found = values[i].type == VALUE_ABSENT ? NULL : tree_of(text, &values[i]);

		same = same && (wanted ? found && json_equal(wanted, found) : values[i].type == VALUE_ABSENT);
		json_decref(found);
	}
	return same;
}

/* Whether jansson refused a text that json_scan() takes for one of the known differences: \u0000 in a key, a number that
 * a double or an int64 cannot hold, a lone surrogate. */
static inline bool tree_is_known_difference(const json_error_t *error)
{
	return json_error_code(error) == json_error_null_byte_in_key ||
	       json_error_code(error) == json_error_numeric_overflow || strstr(error->text, "invalid Unicode '\\u");
}

#endif
