/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A field of a record as rules name it: with dots or with underscores. "http.response.status_code" is the member of that
 * very name where the record has it, else http_response_status_code. A member that is null is as one that is missing.
 */
#ifndef OTB_FIELD_H
#define OTB_FIELD_H

#include <endian.h>
#include <string.h>

#include "common/record/json.h"
#include "common/record/reader.h"

enum { FIELD_ESCAPED_NUMBER_MAX = 64 };

struct field {
	char *name;       /* as it was written */
	char *alias;      /* with underscores for dots; NULL: the same */
	int number;       /* of the name in the json_names */
	int alias_number; /* the same where there is no alias */
};

/* Adds a field's names to those that the reader hands out, which hold on to them: the field must outlive the set. `name`
 * becomes the field's own. Returns 0, -ENOMEM, -ENAMETOOLONG (above JSON_NAME_LENGTH_MAX), or -E2BIG: no more names fit.
 * field_clear() is due in any case. */
int field_bind(struct field *field, char *name, struct json_names *names);
void field_clear(struct field *field);

/* The unit that a name ends in (_ns, _us, _ms, _s, _seconds, or with a dot): 10^power seconds. False: it has none. */
bool field_unit(const char *name, int *power);

static inline bool value_is_missing(const struct json_value *value)
{
	return value->type == VALUE_ABSENT || value->type == VALUE_NULL;
}

/* NULL: the record has none. */
static inline const struct json_value *field_value(const struct field *field, const struct record_view *record)
{
	const struct json_value *value = &record->values[field->number];

	if (value_is_missing(value))
		value = &record->values[field->alias_number];
	return value_is_missing(value) ? NULL : value;
}

/* Any value's number, where it is not one of few digits. */
double field_number_slowly(const struct json_value *value, const struct record_view *record);

/* One to eight digits at once: in a word whose lowest byte is the first, so that neighbours can be joined by multiplying.
 * Eight bytes must be readable. */
static inline bool field_read_digits(const char *text, size_t length, uint64_t *number)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	word = (le64toh(word) ^ 0x3030303030303030) << (64 - 8 * length);
	if (((word + 0x7676767676767676) | word) & 0x8080808080808080)
		return false;
	word = word * 10 + (word >> 8);
	*number = ((word & 0x000000ff000000ff) * (100 + (1000000ULL << 32)) +
		   (word >> 16 & 0x000000ff000000ff) * (1 + (10000ULL << 32))) >>
		  32;
	return true;
}

/* The number that a value is, or that a string is the text of ("0.25": many logs quote all there is), as JSON writes
 * numbers. NAN: none, or too large for a double (1e999), or in a string with escapes and longer than
 * FIELD_ESCAPED_NUMBER_MAX without them. */
static inline double field_number(const struct json_value *value, const struct record_view *record)
{
	const char *text = record->line + value->start;
	bool is_written = value->type == VALUE_NUMBER || value->type == VALUE_STRING;
	uint64_t high = 0, low;
	size_t length = value->length;

	if (!is_written || length - 1 >= 16 || (*text == '0' && length > 1))
		return field_number_slowly(value, record);
	if (length > 8) {
		if (!field_read_digits(text, length - 8, &high))
			return field_number_slowly(value, record);
		text += length - 8;
		length = 8;
	}
	if (!field_read_digits(text, length, &low))
		return field_number_slowly(value, record);
	return (double)(int64_t)(high * 100000000 + low);
}

/* The text that a value is: of a string what it stands for, of anything else how it is written. Cut at a character where
 * it is longer than `capacity`. Points into the record, or into `space` where escapes had to be decoded. Not
 * NUL-terminated. Returns its length. */
size_t field_read_text(const struct json_value *value, const struct record_view *record, char *space, size_t capacity,
		       const char **text);

#endif
