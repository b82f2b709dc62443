/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/tracestate.h"

#include <string.h>

#include "common/record/threshold.h"

enum { MEMBERS_MAX = 32, KEY_MAX = 256, VALUE_MAX = 256 };

/* The next part of a list, without blanks around it; false: there is none. */
static bool take_part(const char **at, const char *end, char separator, const char **part, size_t *length)
{
	const char *stop;

	if (*at >= end)
		return false;
	stop = memchr(*at, separator, (size_t)(end - *at));
	stop = stop ? stop : end;
	*part = *at;
	*at = stop + 1;
	while (*part < stop && (**part == ' ' || **part == '\t'))
		(*part)++;
	while (stop > *part && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*length = (size_t)(stop - *part);
	return true;
}

/* The first part of a list that begins with `key` and what separates it from its value, which is what is found. */
static bool find_value(const char *list, size_t size, char separator, const char *key, const char **value,
		       size_t *length)
{
	const char *at = list, *end = list + size;
	size_t key_length = strlen(key);

	while (take_part(&at, end, separator, value, length)) {
		if (*length < key_length || memcmp(*value, key, key_length) != 0)
			continue;
		*value += key_length;
		*length -= key_length;
		return true;
	}
	return false;
}

static bool find_in_ot(const char *text, size_t size, const char *key, const char **value, size_t *length)
{
	const char *ot;
	size_t ot_length;

	return find_value(text, size, ',', "ot=", &ot, &ot_length) &&
	       find_value(ot, ot_length, ';', key, value, length);
}

bool tracestate_threshold(const char *text, size_t length, uint64_t *threshold)
{
	const char *value;
	size_t size;

	return find_in_ot(text, length, "th:", &value, &size) && threshold_parse(value, size, threshold);
}

bool tracestate_randomness(const char *text, size_t length, uint64_t *r)
{
	const char *value;
	size_t size;

	/* Written with all its digits a threshold looks as R does. */
	return find_in_ot(text, length, "rv:", &value, &size) && size == THRESHOLD_DIGITS &&
	       threshold_parse(value, size, r);
}

static bool is_key(const char *key, size_t length)
{
	if (!length || length > KEY_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool may_begin = (key[i] >= 'a' && key[i] <= 'z') || (key[i] >= '0' && key[i] <= '9');

		if (!may_begin && (!i || !key[i] || !strchr("_-*/@", key[i])))
			return false;
	}
	return true;
}

static bool is_value(const char *value, size_t length)
{
	if (!length || length > VALUE_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (value[i] < ' ' || value[i] > '~' || value[i] == ',' || value[i] == '=')
			return false;
	return true;
}

bool tracestate_is_valid(const char *text, size_t length)
{
	const char *at = text, *end = text + length, *member;
	size_t size, members = 0;

	while (take_part(&at, end, ',', &member, &size)) {
		const char *equals;

		if (!size)
			continue;
		equals = memchr(member, '=', size);
		if (++members > MEMBERS_MAX || !equals || !is_key(member, (size_t)(equals - member)) ||
		    !is_value(equals + 1, (size_t)(member + size - equals - 1)))
			return false;
	}
	return true;
}
