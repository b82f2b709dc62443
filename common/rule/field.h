/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A field of a record as rules name it: with dots or with underscores. "http.response.status_code" is the member of that
 * very name where the record has it, else http_response_status_code. A member that is null is as one that is missing.
 */
#ifndef OTB_FIELD_H
#define OTB_FIELD_H

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

/* NULL: the record has none. */
static inline const struct json_value *field_value(const struct field *field, const struct record_view *record)
{
	const struct json_value *value = &record->values[field->number];

	if (value->type != VALUE_ABSENT && value->type != VALUE_NULL)
		return value;
	value = &record->values[field->alias_number];
	return value->type != VALUE_ABSENT && value->type != VALUE_NULL ? value : NULL;
}

/* The number that a value is, or that a string is the text of ("0.25": many logs quote all there is), as JSON writes
 * numbers. False: none, or too large for a double (1e999), or in a string with escapes and longer than
 * FIELD_ESCAPED_NUMBER_MAX without them. */
bool field_read_number(const struct json_value *value, const struct record_view *record, double *number);

/* The text that a value is: of a string what it stands for, of anything else how it is written. Cut at a character where
 * it is longer than `capacity`. Points into the record, or into `space` where escapes had to be decoded. Not
 * NUL-terminated. Returns its length. */
size_t field_read_text(const struct json_value *value, const struct record_view *record, char *space, size_t capacity,
		       const char **text);

#endif
