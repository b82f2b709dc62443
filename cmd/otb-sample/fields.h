/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that otb-sample itself reads of a record, whatever the rules are: their numbers among the reader's names.
 * They are the first of every set of names, in this order.
 */
#ifndef OTB_SAMPLE_FIELDS_H
#define OTB_SAMPLE_FIELDS_H

#include "common/rule/field.h"

enum fixed_field {
	FIELD_TIME,
	FIELD_EVENT,
	FIELD_TOOL,
	FIELD_DURATION_NS,
	FIELD_TRACE_ID,
	FIELD_SPAN_ID,
	FIELD_PARENT_SPAN_ID,
	FIELD_PARENT_SOURCE,
	FIELD_TRACESTATE,
	/* What otb-sample writes, and so may find: the marks. */
	FIELD_THRESHOLD,
	FIELD_RULE,
	FIELD_TRIGGER,
	FIELD_VERDICT,
	FIXED_FIELDS,
};

extern const char *const fixed_field_names[FIXED_FIELDS];

/* Fills an empty set of names with them. */
void fields_open(struct json_names *names);

/* Whether the record bears one of the marks. */
bool fields_are_marked(const struct record_view *record);

/* The text of a string, as field_read_text() gives it; 0 of any other value. */
size_t fields_read_string(const struct record_view *record, enum fixed_field field, char *space, size_t capacity,
			  const char **text);

/* Whether the field is a string that stands for `text`. */
bool fields_equal(const struct record_view *record, enum fixed_field field, const char *text);

#endif
