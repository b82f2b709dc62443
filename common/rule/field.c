/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule/field.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/utf8.h"

/* ---- names ---- */

static int bind_name(struct json_names *names, const char *name, int *number)
{
	*number = json_names_add(names, name);
	return *number < 0 ? -E2BIG : 0;
}

int field_bind(struct field *field, char *name, struct json_names *names)
{
	*field = (struct field){ .name = name };
	if (strlen(name) > JSON_NAME_LENGTH_MAX)
		return -ENAMETOOLONG;
	int error = bind_name(names, name, &field->number);
	field->alias_number = field->number;
	if (error || !strchr(name, '.'))
		return error;
	field->alias = strdup(name);
	if (!field->alias)
		return -ENOMEM;
	for (char *dot = field->alias; (dot = strchr(dot, '.')) != NULL;)
		*dot = '_';
	return bind_name(names, field->alias, &field->alias_number);
}

void field_clear(struct field *field)
{
	free(field->name);
	free(field->alias);
	*field = (struct field){ .name = NULL };
}

bool field_unit(const char *name, int *power)
{
	static const struct {
		const char *ending;
		int power;
	} units[] = { { "ns", -9 }, { "us", -6 }, { "ms", -3 }, { "s", 0 }, { "seconds", 0 } };
	const char *last = NULL;

	for (const char *p = name; *p; p++)
		if (*p == '_' || *p == '.')
			last = p + 1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (last && !strcmp(last, units[i].ending)) {
			*power = units[i].power;
			return true;
		}
	}
	return false;
}

/* ---- values ---- */

/* A double holds these exactly, and integers up to 2^53: one divided by the other is rounded once, so correctly. */
static const double powers_of_ten[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
					1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19 };

enum { DIGITS_MAX = 19 }; /* any number of so many fits 64 bits */

_Static_assert(sizeof(powers_of_ten) / sizeof(powers_of_ten[0]) == DIGITS_MAX + 1, "one for each length");

static inline const char *take_digits(const char *p, uint64_t *sum)
{
	for (unsigned int digit; (digit = (unsigned char)(*p - '0')) <= 9; p++)
		*sum = *sum * 10 + digit;
	return p;
}

static bool read_slowly(const char *text, double *number)
{
	double parsed = strtod(text, NULL);

	if (!isfinite(parsed))
		return false;
	*number = parsed;
	return true;
}

/* A number of JSON's grammar that is all of the text, behind which a byte stands that cannot belong to it. Nearly all
 * are short enough to do without strtod(). */
static bool read_number(const char *text, size_t length, double *number)
{
	const char *first = text + (*text == '-');
	uint64_t sum = 0;
	const char *p = take_digits(first, &sum);
	size_t digits = (size_t)(p - first), decimals = 0;

	if (!digits || (*first == '0' && digits > 1))
		return false;
	if (*p == '.') {
		const char *behind = take_digits(p + 1, &sum);

		decimals = (size_t)(behind - p - 1);
		if (!decimals)
			return false;
		p = behind;
	}
	if (*p == 'e' || *p == 'E') {
		const char *exponent = p + 1 + (p[1] == '+' || p[1] == '-');

		p = take_digits(exponent, &sum);
		return p > exponent && p == text + length && read_slowly(text, number);
	}
	if (p != text + length)
		return false;
	if (digits + decimals > DIGITS_MAX || (decimals && sum > 1ULL << 53))
		return read_slowly(text, number);
	*number = (double)sum;
	if (decimals)
		*number /= powers_of_ten[decimals];
	if (*text == '-')
		*number = -*number;
	return true;
}

/* Some writers escape even the sign of an exponent. */
static bool read_escaped_number(const char *text, size_t length, double *number)
{
	enum { CHARACTER_MAX = 4 };
	char space[FIELD_ESCAPED_NUMBER_MAX + CHARACTER_MAX + 1];

	length = json_decode(text, length, space, sizeof(space) - 1);
	space[length] = '\0';
	return length <= FIELD_ESCAPED_NUMBER_MAX && read_number(space, length, number);
}

double field_number_slowly(const struct json_value *value, const struct record_view *record)
{
	const char *text = record->line + value->start;
	double number;

	if (value->type != VALUE_NUMBER && value->type != VALUE_STRING)
		return NAN;
	bool is_number = value->escaped ? read_escaped_number(text, value->length, &number)
					: read_number(text, value->length, &number);
	return is_number ? number : NAN;
}

size_t field_read_text(const struct json_value *value, const struct record_view *record, char *space, size_t capacity,
		       const char **text)
{
	*text = record->line + value->start;
	if (!value->escaped)
		return value->length <= capacity ? value->length : utf8_cut(*text, capacity);
	size_t length = json_decode(*text, value->length, space, capacity);
	*text = space;
	return length;
}
