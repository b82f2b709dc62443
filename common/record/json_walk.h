/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over the members of an object or the elements of an array that json_scan() has accepted as part of a line: for
 * records with records within, as OTLP/JSON has them (opentelemetry-proto, docs/specification.md, JSON Protobuf Encoding).
 *
 *	struct json_walk spans;
 *	struct json_value span, key, value;
 *	json_walk_open(&spans, text, &values[SPANS]);
 *	while (json_walk_element(&spans, &span)) {
 *		struct json_walk members;
 *		json_walk_open(&members, text, &span);
 *		while (json_walk_member(&members, &key, &value))
 *			if (json_key_equals(text, &key, "name"))
 *				...
 *	}
 *
 * The text is the one that was scanned, with its JSON_PADDING; all offsets count from its start. Nothing is allocated,
 * and nothing is checked again: a text that was not accepted must not get here. An object or array that is handed out
 * has been skipped to find its end, so each level that is walked goes over the bytes once more, which is fast.
 */
#ifndef OTB_JSON_WALK_H
#define OTB_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record/json.h"

struct json_walk {
	const char *text;
	const char *next; /* the next member or element, or the closing bracket */
	uint8_t type;     /* VALUE_OBJECT, VALUE_ARRAY; any other: there is nothing to walk over */
};

/* A value that is neither object nor array, as where there is a null or nothing at all, has no members and no elements. */
void json_walk_open(struct json_walk *walk, const char *text, const struct json_value *value);

/* The members of the text itself: of the object that json_scan() has accepted. */
void json_walk_open_text(struct json_walk *walk, const char *text);

/* The next member of an object, in the order of the text, repeated keys and all. *key becomes a VALUE_STRING. False: there
 * is none; an array has none. */
bool json_walk_member(struct json_walk *walk, struct json_value *key, struct json_value *value);

/* The next element of an array. False: there is none; an object has none. value->key says nothing. */
bool json_walk_element(struct json_walk *walk, struct json_value *value);

/* Whether a key stands for `name`, which has at most JSON_NAME_LENGTH_MAX bytes. Escapes are decoded. */
bool json_key_equals(const char *text, const struct json_value *key, const char *name);

/* Finds the members of an object by `n` names, which differ, in one pass. Of a member that occurs more than once the last
 * one counts; what is not there becomes VALUE_ABSENT. */
void json_find(const char *text, const struct json_value *object, const char *const *names, size_t n,
	       struct json_value *values);

/* What a VALUE_STRING stands for: *string becomes a place in the text or, where escapes had to be decoded, `space`, where
 * it is cut at a character if `capacity` is short. Not NUL-terminated. Returns its length; 0 of any other type. */
size_t json_text_of(const char *text, const struct json_value *value, char *space, size_t capacity,
		    const char **string);

/* The numbers of protobuf's JSON mapping: a number, or a string that holds one. Integers are digits, with '-' before them;
 * false for anything else, and for what does not fit. */
bool json_walk_uint64(const char *text, const struct json_value *value, uint64_t *number);
bool json_walk_int64(const char *text, const struct json_value *value, int64_t *number);

/* "NaN", "Infinity" and "-Infinity" too. False for what is no number, and for what is too large for a double (1e999). The
 * locale must be C's. */
bool json_walk_double(const char *text, const struct json_value *value, double *number);

#endif
