/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/otlp.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/record/json_walk.h"
#include "common/record/semconv.h"

enum { NAME_SIZE = 256, STATUS_ERROR = 2, KIND_SERVER = 2, KIND_CLIENT = 3 };

/* SpanFlags (trace/v1/trace.proto): the W3C flags, whether it is known that the parent is in another process, and that. */
enum { FLAG_SAMPLED = 1, FLAG_HAS_IS_REMOTE = 0x100, FLAG_IS_REMOTE = 0x200 };

/* What is not an attribute of the span. */
enum known {
	TIME,
	EVENT,
	TRACE_ID,
	SPAN_ID,
	PARENT_SPAN_ID,
	PARENT_SOURCE,
	SPAN_KIND,
	NAME,
	DURATION,
	SERVICE_NAME,
	PID,
	COMM,
	TRACESTATE,
	THRESHOLD,
	ERROR_TYPE,
	KNOWN,
};

static const char *const known_names[KNOWN] = {
	[TIME] = "time",
	[EVENT] = "event",
	[TRACE_ID] = "trace_id",
	[SPAN_ID] = "span_id",
	[PARENT_SPAN_ID] = "parent_span_id",
	[PARENT_SOURCE] = "parent_source",
	[SPAN_KIND] = "span_kind",
	[NAME] = "name",
	[DURATION] = "duration_ns",
	[SERVICE_NAME] = "service_name",
	[PID] = "pid",
	[COMM] = "comm",
	[TRACESTATE] = "tracestate",
	[THRESHOLD] = "sampling_threshold",
	[ERROR_TYPE] = "error_type",
};

struct member {
	struct json_value key, value;
};

enum { MEMBERS_MAX = 128 };

struct view { /* of a record */
	const char *text;
	struct member members[MEMBERS_MAX];
	unsigned int n;
	struct json_value known[KNOWN];
};

/* ---- reading the record ---- */

static bool key_is(const char *text, const struct json_value *key, const char *name)
{
	return key->length == strlen(name) && !memcmp(text + key->start, name, key->length);
}

static enum known known_of(const char *text, const struct json_value *key)
{
	for (unsigned int i = 0; i < KNOWN; i++)
		if (key_is(text, key, known_names[i]))
			return (enum known)i;
	return KNOWN;
}

static void view_read(struct view *view, const char *text)
{
	struct json_walk walk;
	struct member member;

	memset(view->known, 0, sizeof(view->known));
	view->text = text;
	view->n = 0;
	json_walk_open_text(&walk, text);
	while (view->n < MEMBERS_MAX && json_walk_member(&walk, &member.key, &member.value)) {
		enum known known = known_of(text, &member.key);

		if (known < KNOWN)
			view->known[known] = member.value;
		if (known == KNOWN || known == PARENT_SOURCE || known == ERROR_TYPE)
			view->members[view->n++] = member;
	}
}

static bool value_is(const struct view *view, enum known known, const char *text)
{
	const struct json_value *value = &view->known[known];

	return value->type == VALUE_STRING && key_is(view->text, value, text);
}

/* ---- writing ---- */

/* A string as the record has it, escapes and all. */
static void add_string(struct buffer *line, const char *name, const struct view *view, enum known known)
{
	const struct json_value *value = &view->known[known];

	if (value->type != VALUE_STRING)
		return;
	buffer_add_text(line, "\"");
	buffer_add_text(line, name);
	buffer_add_text(line, "\":\"");
	buffer_add(line, view->text + value->start, value->length);
	buffer_add_text(line, "\",");
}

/* 64-bit integers are strings (protobuf's JSON mapping). */
static void add_uint(struct buffer *line, const char *name, uint64_t value)
{
	char text[96];

	snprintf(text, sizeof(text), "\"%s\":\"%" PRIu64 "\",", name, value);
	buffer_add_text(line, text);
}

static void add_attribute(struct buffer *line, const char *name, const char *text, const struct json_value *value,
			  bool *is_first)
{
	static const char *const types[] = {
		[VALUE_STRING] = "stringValue",
		[VALUE_NUMBER] = "intValue",
		[VALUE_TRUE] = "boolValue",
		[VALUE_FALSE] = "boolValue",
	};
	const char *quote = value->type == VALUE_STRING || value->type == VALUE_NUMBER ? "\"" : "";

	if (value->type != VALUE_STRING && value->type != VALUE_NUMBER && value->type != VALUE_TRUE &&
	    value->type != VALUE_FALSE)
		return;
	buffer_add_text(line, *is_first ? "{\"key\":\"" : ",{\"key\":\"");
	buffer_add_text(line, name);
	buffer_add_text(line, "\",\"value\":{\"");
	buffer_add_text(line, types[value->type]);
	buffer_add_text(line, "\":");
	buffer_add_text(line, quote);
	buffer_add(line, text + value->start, value->length);
	buffer_add_text(line, quote);
	buffer_add_text(line, "}}");
	*is_first = false;
}

/* The name of a header by its field, which has underscores for all that is no letter or digit; NULL: it is none. */
static const char *header_of(const struct options *options, const char *field)
{
	for (unsigned int i = 0; i < options->n_headers; i++)
		if (!strcmp(options->header_fields[i], field))
			return options->headers[i];
	return NULL;
}

/* http.request.header.<key>, lower case, whose values are lists. */
static void add_header(struct buffer *line, const char *name, const char *text, const struct json_value *value,
		       bool *is_first)
{
	char key[TRACE_HEADER_NAME_SIZE];
	size_t i;

	for (i = 0; i < sizeof(key) - 1 && name[i]; i++)
		key[i] = (char)tolower((unsigned char)name[i]);
	key[i] = '\0';
	buffer_add_text(line, *is_first ? "{\"key\":\"http.request.header." : ",{\"key\":\"http.request.header.");
	buffer_add_text(line, key);
	buffer_add_text(line, "\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"");
	buffer_add(line, text + value->start, value->length);
	buffer_add_text(line, "\"}]}}}");
	*is_first = false;
}

/* The attributes that are, or are not, of --label. */
static void add_attributes(struct buffer *line, const struct view *view, const struct options *options, bool labels,
			   bool *is_first)
{
	char name[NAME_SIZE];

	for (unsigned int i = 0; i < view->n; i++) {
		const struct member *member = &view->members[i];
		const char *header;

		snprintf(name, sizeof(name), "%.*s", (int)member->key.length, view->text + member->key.start);
		if (cli_has_label(&options->cli, name) != labels)
			continue;
		header = header_of(options, name);
		if (header)
			add_header(line, header, view->text, &member->value, is_first);
		else
			add_attribute(line, semconv_attribute(name), view->text, &member->value, is_first);
	}
}

static void add_resource(struct buffer *line, const struct view *view, const struct options *options)
{
	bool is_first = true;

	buffer_add_text(line, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
	add_attribute(line, "service.name", view->text, &view->known[SERVICE_NAME], &is_first);
	add_attribute(line, "process.pid", view->text, &view->known[PID], &is_first);
	add_attribute(line, "process.executable.name", view->text, &view->known[COMM], &is_first);
	add_attributes(line, view, options, true, &is_first);
	buffer_add_text(line, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"otb-trace\",\"version\":\"" OTB_VERSION
			      "\"},\"spans\":[{");
}

static void add_tracestate(struct buffer *line, const struct view *view)
{
	const struct json_value *state = &view->known[TRACESTATE], *threshold = &view->known[THRESHOLD];
	char digits[32] = "", text[OTLP_TRACESTATE_SIZE];
	size_t length;

	if (threshold->type == VALUE_STRING)
		snprintf(digits, sizeof(digits), "%.*s", (int)threshold->length, view->text + threshold->start);
	/* One with a backslash, which is none by W3C's rules. */
	length = otlp_tracestate(view->text + state->start,
				 state->type == VALUE_STRING && !state->escaped ? state->length : 0, digits, text);
	if (!length)
		return;
	buffer_add_text(line, "\"traceState\":\"");
	buffer_add(line, text, length);
	buffer_add_text(line, "\",");
}

static void add_flags(struct buffer *line, const struct view *view)
{
	unsigned int flags = FLAG_SAMPLED | FLAG_HAS_IS_REMOTE;
	char text[32];

	if (!value_is(view, PARENT_SOURCE, "new") && !value_is(view, PARENT_SOURCE, "goroutine"))
		flags |= FLAG_IS_REMOTE;
	snprintf(text, sizeof(text), "\"flags\":%u,", flags);
	buffer_add_text(line, text);
}

static void add_span(struct buffer *line, const struct view *view, uint64_t start_ns, const struct options *options)
{
	uint64_t duration_ns = 0;
	bool is_first = true;
	char text[64];

	add_string(line, "traceId", view, TRACE_ID);
	add_string(line, "spanId", view, SPAN_ID);
	add_string(line, "parentSpanId", view, PARENT_SPAN_ID);
	add_tracestate(line, view);
	add_flags(line, view);
	add_string(line, "name", view, NAME);
	snprintf(text, sizeof(text), "\"kind\":%d,", value_is(view, SPAN_KIND, "server") ? KIND_SERVER : KIND_CLIENT);
	buffer_add_text(line, text);
	json_walk_uint64(view->text, &view->known[DURATION], &duration_ns);
	add_uint(line, "startTimeUnixNano", start_ns);
	add_uint(line, "endTimeUnixNano", start_ns + duration_ns);
	buffer_add_text(line, "\"attributes\":[");
	add_attributes(line, view, options, false, &is_first);
	buffer_add_text(line, "],\"status\":{");
	if (view->known[ERROR_TYPE].type == VALUE_STRING) {
		snprintf(text, sizeof(text), "\"code\":%d", STATUS_ERROR);
		buffer_add_text(line, text);
	}
	buffer_add_text(line, "}}]}]}]}\n");
}

void otlp_put_span(struct buffer *line, const struct record *record, uint64_t start_ns, const struct options *options)
{
	static struct view view;

	view_read(&view, record->line);
	add_resource(line, &view, options);
	add_span(line, &view, start_ns, options);
}

/* ---- tracestate ---- */

struct part {
	const char *text;
	size_t length;
};

/* Takes the next part of a list. False: there is none. */
static bool part_next(const char **at, const char *end, char separator, struct part *part)
{
	const char *stop;

	if (*at >= end)
		return false;
	stop = memchr(*at, separator, (size_t)(end - *at));
	if (!stop)
		stop = end;
	*part = (struct part){ *at, (size_t)(stop - *at) };
	*at = stop + 1;
	while (part->length && (*part->text == ' ' || *part->text == '\t')) {
		part->text++;
		part->length--;
	}
	while (part->length && (part->text[part->length - 1] == ' ' || part->text[part->length - 1] == '\t'))
		part->length--;
	return true;
}

static bool part_begins(const struct part *part, const char *prefix)
{
	return part->length >= strlen(prefix) && !memcmp(part->text, prefix, strlen(prefix));
}

static void add_part(char *to, size_t *length, const char *separator, const struct part *part)
{
	if (*length + part->length + 2 > OTLP_TRACESTATE_SIZE)
		return;
	if (*length) {
		to[*length] = *separator;
		++*length;
	}
	memcpy(to + *length, part->text, part->length);
	*length += part->length;
}

/* The member ot with what it had, but for th. */
static size_t make_ot(const struct part *old, const char *threshold, char to[OTLP_TRACESTATE_SIZE])
{
	const char *at = old->text, *end = old->text + old->length;
	char th[32];
	size_t length = 0;
	struct part part;

	if (threshold[0]) {
		snprintf(th, sizeof(th), "th:%s", threshold);
		add_part(to, &length, ";", &(struct part){ th, strlen(th) });
	}
	while (part_next(&at, end, ';', &part))
		if (part.length && !part_begins(&part, "th:"))
			add_part(to, &length, ";", &part);
	return length;
}

size_t otlp_tracestate(const char *text, size_t length, const char *threshold, char to[OTLP_TRACESTATE_SIZE])
{
	char ot[OTLP_TRACESTATE_SIZE] = "ot=";
	const char *at = text, *end = text + length;
	struct part part, old = { "", 0 };
	size_t ot_length, to_length = 0;

	while (part_next(&at, end, ',', &part))
		if (part_begins(&part, "ot=") && !old.length)
			old = (struct part){ part.text + strlen("ot="), part.length - strlen("ot=") };
	ot_length = make_ot(&old, threshold, to);
	if (ot_length && ot_length < sizeof(ot) - strlen("ot=")) {
		memcpy(ot + strlen("ot="), to, ot_length);
		add_part(to, &to_length, ",", &(struct part){ ot, strlen("ot=") + ot_length });
	}
	at = text;
	while (part_next(&at, end, ',', &part))
		if (part.length && !part_begins(&part, "ot="))
			add_part(to, &to_length, ",", &part);
	return to_length;
}
