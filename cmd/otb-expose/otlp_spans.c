/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_spans.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/otb-expose/otlp_any.h"
#include "common/cli/diag.h"
#include "common/host/clock.h"
#include "common/record/semconv.h"
#include "common/record/threshold.h"
#include "common/record/tracestate.h"

enum { TRACE_ID_DIGITS = TRACE_ID_SIZE - 1, SPAN_ID_DIGITS = SPAN_ID_SIZE - 1, TRACE_STATE_MAX = 512 };

enum member { TRACE_ID, SPAN_ID, PARENT_SPAN_ID, TRACE_STATE, NAME, KIND, START, END, STATUS, ATTRIBUTES, MEMBERS };

static const char *const members[MEMBERS] = {
	[TRACE_ID] = "traceId",        [SPAN_ID] = "spanId",      [PARENT_SPAN_ID] = "parentSpanId",
	[TRACE_STATE] = "traceState",  [NAME] = "name",           [KIND] = "kind",
	[START] = "startTimeUnixNano", [END] = "endTimeUnixNano", [STATUS] = "status",
	[ATTRIBUTES] = "attributes",
};

/* No attribute may stand in for one of these. */
static const char *const fixed_fields[] = { "time",      "event", "trace_id",    "span_id", "parent_span_id",
					    "span_kind", "name",  "duration_ns", "status",  "sampling_threshold" };

/* ---- fields ---- */

static void add_name(struct page *line, const char *name)
{
	page_add_text(line, ",\"");
	page_add_text(line, name);
	page_add_text(line, "\":");
}

/* A text that needs no escapes. */
static void add_text(struct page *line, const char *name, const char *text)
{
	add_name(line, name);
	page_add_text(line, "\"");
	page_add_text(line, text);
	page_add_text(line, "\"");
}

/* Left out: what is not hex of the right length, or all zeros. */
static void add_id(struct page *line, const char *name, const char *text, const struct json_value *value, size_t digits)
{
	char id[TRACE_ID_SIZE];
	bool any = false;

	if (value->type != VALUE_STRING || value->length != digits)
		return;
	for (size_t i = 0; i < digits; i++) {
		char c = text[value->start + i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return;
		id[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
		any |= c != '0';
	}
	id[digits] = '\0';
	if (any)
		add_text(line, name, id);
}

static void add_kind(struct page *line, const char *text, const struct json_value *value)
{
	static const char *const kinds[] = { NULL, "internal", "server", "client", "producer", "consumer" };
	uint64_t kind;

	if (json_walk_uint64(text, value, &kind) && kind && kind < sizeof(kinds) / sizeof(kinds[0]))
		add_text(line, "span_kind", kinds[kind]);
}

static void add_status(struct page *line, const char *text, const struct json_value *status)
{
	static const char *const names[] = { "code" };
	struct json_value value;
	uint64_t code;

	json_find(text, status, names, 1, &value);
	if (json_walk_uint64(text, &value, &code) && (code == 1 || code == 2))
		add_text(line, "status", code == 1 ? "ok" : "error");
}

static void add_times(struct page *line, const char *text, const struct json_value values[MEMBERS])
{
	char time[CLOCK_TEXT_SIZE], duration[32];
	uint64_t start, end;

	if (!json_walk_uint64(text, &values[START], &start) || !start)
		return;
	clock_format(start, time);
	add_text(line, "time", time);
	if (!json_walk_uint64(text, &values[END], &end) || end < start)
		return;
	snprintf(duration, sizeof(duration), "%" PRIu64, end - start);
	add_name(line, "duration_ns");
	page_add_text(line, duration);
}

static void add_threshold(struct page *line, const char *text, const struct json_value *value)
{
	char space[TRACE_STATE_MAX], digits[THRESHOLD_SIZE];
	const char *state;
	size_t length = json_text_of(text, value, space, sizeof(space), &state);
	uint64_t threshold;

	if (!tracestate_threshold(state, length, &threshold))
		return;
	threshold_format(threshold, digits);
	add_text(line, "sampling_threshold", digits);
}

/* ---- attributes ---- */

static bool is_fixed(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(fixed_fields) / sizeof(fixed_fields[0]); i++)
		if (strlen(fixed_fields[i]) == length && !memcmp(fixed_fields[i], name, length))
			return true;
	return false;
}

/* `name` is followed by eight bytes that may be read. */
static void add_if_wanted(struct page *line, const struct rules *rules, const char *text, const char *name,
			  size_t length, const struct json_value *any)
{
	size_t before = line->length;

	if (json_names_find(&rules->fields, name, length) < 0 || is_fixed(name, length))
		return;
	page_add_text(line, ",\"");
	page_add_bytes(line, name, length);
	page_add_text(line, "\":");
	if (!otlp_add_json(line, text, any))
		line->length = before;
}

/* A name that needs escapes is none that a rule can have. */
static void add_attributes(struct page *line, const struct rules *rules, const char *text,
			   const struct json_value *attributes)
{
	struct json_walk walk;
	struct json_value element, key, any;
	char field[SEMCONV_NAME_MAX + 8] = { 0 };

	json_walk_open(&walk, text, attributes);
	while (json_walk_element(&walk, &element)) {
		if (!otlp_take_attribute(text, &element, &key, &any) || key.escaped)
			continue;
		add_if_wanted(line, rules, text, text + key.start, key.length, &any);
		if (memchr(text + key.start, '.', key.length) && semconv_field(text + key.start, key.length, field))
			add_if_wanted(line, rules, text, field, key.length, &any);
	}
}

/* ---- spans ---- */

static void add_fields(struct page *line, const char *text, const struct json_value values[MEMBERS])
{
	add_text(line, "event", "span");
	add_times(line, text, values);
	add_id(line, "trace_id", text, &values[TRACE_ID], TRACE_ID_DIGITS);
	add_id(line, "span_id", text, &values[SPAN_ID], SPAN_ID_DIGITS);
	add_id(line, "parent_span_id", text, &values[PARENT_SPAN_ID], SPAN_ID_DIGITS);
	add_kind(line, text, &values[KIND]);
	if (values[NAME].type == VALUE_STRING) {
		add_name(line, "name");
		page_add_bytes(line, text + values[NAME].start - 1, values[NAME].length + 2);
	}
	add_status(line, text, &values[STATUS]);
	add_threshold(line, text, &values[TRACE_STATE]);
}

static void apply_line(struct page *line, struct rules *rules, uint64_t number)
{
	static const char padding[JSON_PADDING] = { 0 };
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record = { .number = number, .values = values };

	page_add_text(line, "}");
	record.length = line->length;
	page_add_bytes(line, padding, sizeof(padding));
	if (line->failed) {
		diag_print_errno(DIAG_WARN, ENOMEM, "a span does not count");
		rules->bad_values++;
		return;
	}
	record.line = line->bytes;
	if (json_scan(&rules->fields, record.line, record.length, values, &record.brace) == JSON_OK)
		rules_apply(rules, &record);
	else
		rules->bad_values++;
}

static void apply_span(struct page *line, struct rules *rules, const struct record_view *record,
		       const struct json_value *span)
{
	struct json_value values[MEMBERS];
	size_t of_resource = line->length;

	if (span->type != VALUE_OBJECT) {
		rules->bad_values++;
		return;
	}
	json_find(record->line, span, members, MEMBERS, values);
	/* Of a repeated member the last one counts. */
	add_attributes(line, rules, record->line, &values[ATTRIBUTES]);
	add_fields(line, record->line, values);
	apply_line(line, rules, record->number);
	if (line->failed)
		page_clear(line);
	line->length = of_resource < line->length ? of_resource : line->length;
}

/* The attributes of the resource are the beginning of the lines of all its spans. */
static void begin_resource(struct page *line, const struct rules *rules, const char *text,
			   const struct json_value *resource)
{
	static const char *const names[] = { "attributes" };
	struct json_value attributes;

	json_find(text, resource, names, 1, &attributes);
	line->length = 0;
	page_add_text(line, "{\"\":0");
	add_attributes(line, rules, text, &attributes);
}

static void apply_resource(struct page *line, struct rules *rules, const struct record_view *record,
			   const struct json_value *of_resource)
{
	static const char *const names[] = { "resource", "scopeSpans" }, *const of_scope[] = { "spans" };
	struct json_value values[2], scope, list, span;
	struct json_walk scopes, spans;

	json_find(record->line, of_resource, names, 2, values);
	begin_resource(line, rules, record->line, &values[0]);
	json_walk_open(&scopes, record->line, &values[1]);
	while (json_walk_element(&scopes, &scope)) {
		json_find(record->line, &scope, of_scope, 1, &list);
		json_walk_open(&spans, record->line, &list);
		while (json_walk_element(&spans, &span))
			apply_span(line, rules, record, &span);
	}
}

void otlp_spans_apply(struct otlp_spans *spans, struct rules *rules, const struct record_view *record,
		      const struct json_value *resource_spans)
{
	struct json_walk walk;
	struct json_value element;

	json_walk_open(&walk, record->line, resource_spans);
	while (json_walk_element(&walk, &element))
		apply_resource(&spans->line, rules, record, &element);
}

void otlp_spans_close(struct otlp_spans *spans)
{
	page_clear(&spans->line);
}
