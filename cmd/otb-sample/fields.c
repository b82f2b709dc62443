/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/fields.h"

#include <string.h>

const char *const fixed_field_names[FIXED_FIELDS] = {
	[FIELD_TIME] = "time",
	[FIELD_EVENT] = "event",
	[FIELD_TOOL] = "tool",
	[FIELD_DURATION_NS] = "duration_ns",
	[FIELD_TRACE_ID] = "trace_id",
	[FIELD_SPAN_ID] = "span_id",
	[FIELD_PARENT_SPAN_ID] = "parent_span_id",
	[FIELD_PARENT_SOURCE] = "parent_source",
	[FIELD_TRACESTATE] = "tracestate",
	[FIELD_THRESHOLD] = "sampling_threshold",
	[FIELD_RULE] = "sampling_rule",
	[FIELD_TRIGGER] = "sampling_trigger",
	[FIELD_VERDICT] = "sampling_verdict",
};

void fields_open(struct json_names *names)
{
	json_names_init(names);
	for (unsigned int i = 0; i < FIXED_FIELDS; i++)
		json_names_add(names, fixed_field_names[i]);
}

bool fields_are_marked(const struct record_view *record)
{
	return record->values[FIELD_THRESHOLD].type != VALUE_ABSENT ||
	       record->values[FIELD_RULE].type != VALUE_ABSENT || record->values[FIELD_TRIGGER].type != VALUE_ABSENT ||
	       record->values[FIELD_VERDICT].type != VALUE_ABSENT;
}

size_t fields_read_string(const struct record_view *record, enum fixed_field field, char *space, size_t capacity,
			  const char **text)
{
	const struct json_value *value = &record->values[field];

	return value->type == VALUE_STRING ? field_read_text(value, record, space, capacity, text) : 0;
}

bool fields_equal(const struct record_view *record, enum fixed_field field, const char *text)
{
	char space[64];
	const char *found = "";
	size_t length = fields_read_string(record, field, space, sizeof(space), &found);

	return length == strlen(text) && !memcmp(found, text, length);
}
