/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/event.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/record/threshold.h"

const char *const event_field_names[] = {
	"trace_id",
	"span_id",
	"parent_span_id",
	"parent_source",
	"span_kind",
	"name",
	"service_name",
	"pid",
	"comm",
	"goroutine_id",
	"duration_ns",
	"http_request_method",
	"url_path",
	"url_query",
	"url_scheme",
	"server_address",
	"server_port",
	"http_response_status_code",
	"http_route",
	"network_peer_address",
	"network_peer_port",
	"network_local_address",
	"network_local_port",
	"network_protocol_version",
	"user_agent_original",
	"error_type",
	"gc_stw_ns",
	"tracestate",
	"sampling_threshold",
	"count",
	"where",
	"seen",
	"written",
	"filtered",
	"suppressed",
	"lost",
	"probe_runs",
	"probe_time_ns",
	NULL,
};

static const char *const kind_names[] = { [SPAN_KIND_SERVER] = "server", [SPAN_KIND_CLIENT] = "client" };
static const char *const source_names[] = {
	[SOURCE_NEW] = "new",          [SOURCE_TRACEPARENT] = "traceparent", [SOURCE_B3] = "b3",
	[SOURCE_B3_MULTI] = "b3multi", [SOURCE_GOROUTINE] = "goroutine",
};

/* ---- records ---- */

static void add_id(struct record *record, const char *name, const uint8_t *id, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * 16 + 1];

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[2 * size] = '\0';
	record_add_text(record, name, text);
}

static void add_span_text(struct record *record, const char *name, const struct span *span, enum trace_text text)
{
	if (span->texts[text].data)
		record_add_bytes(record, name, span->texts[text].data, span->texts[text].length);
}

static void add_ids(struct record *record, const struct trace_span *event)
{
	add_id(record, "trace_id", event->trace_id, sizeof(event->trace_id));
	add_id(record, "span_id", event->span_id, sizeof(event->span_id));
	if (event->parent_source != SOURCE_NEW)
		add_id(record, "parent_span_id", event->parent_span_id, sizeof(event->parent_span_id));
	record_add_text(record, "parent_source", source_names[event->parent_source]);
	record_add_text(record, "span_kind", kind_names[event->kind]);
}

static void add_process(struct record *record, const struct trace_span *event)
{
	char comm[GO_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", GO_COMM_SIZE, (const char *)event->head.comm);
	record_add_uint(record, "pid", event->head.pid);
	record_add_text(record, "comm", comm);
	if (event->goroutine_id)
		record_add_uint(record, "goroutine_id", event->goroutine_id);
}

static void add_http(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;

	add_span_text(record, "http_request_method", span, TEXT_METHOD);
	add_span_text(record, "url_path", span, TEXT_PATH);
	add_span_text(record, "url_query", span, TEXT_QUERY);
	if (event->flags & SPAN_HAS_STATUS)
		record_add_uint(record, "http_response_status_code", event->status);
	add_span_text(record, "http_route", span, TEXT_ROUTE);
}

void span_add_fields(struct record *record, const struct span *span, const struct options *options)
{
	const struct trace_span *event = span->event;
	char threshold[THRESHOLD_SIZE];

	add_ids(record, event);
	add_process(record, event);
	record_add_uint(record, "duration_ns", event->end_ns - event->start_ns);
	add_http(record, span);
	add_span_text(record, "user_agent_original", span, TEXT_USER_AGENT);
	for (unsigned int i = 0; i < options->n_headers; i++)
		add_span_text(record, options->header_fields[i], span, (enum trace_text)(TEXT_HEADER + i));
	if (span->has_gc_stw)
		record_add_uint(record, "gc_stw_ns", span->gc_stw_ns);
	add_span_text(record, "tracestate", span, TEXT_TRACESTATE);
	if (event->threshold < THRESHOLD_NEVER) {
		threshold_format(event->threshold, threshold);
		record_add_text(record, "sampling_threshold", threshold);
	}
}

/* ---- rows ---- */

enum column { AT, PID, COMM, KIND, DURATION, STATUS, NAME, PEER };

void event_set_columns(struct table_column columns[EVENT_COLUMNS], bool several)
{
	static const struct table_column all[EVENT_COLUMNS] = {
		[AT] = { "TIME", 8, 0, false },          [PID] = { "PID", 7, 0, true },
		[COMM] = { "COMM", 11, 0, false },       [KIND] = { "KIND", 6, 0, false },
		[DURATION] = { "DURATION", 8, 0, true }, [STATUS] = { "STATUS", 6, 0, true },
		[NAME] = { "NAME", 24, 0, false },       [PEER] = { "PEER", 21, 1, false },
	};

	memcpy(columns, all, sizeof(all));
	columns[PID].rank = columns[COMM].rank = several ? 0 : 2;
}

void span_set_row(struct table *table, const struct span *span, uint64_t wall_ns)
{
	const struct trace_span *event = span->event;
	const struct span_text *method = &span->texts[TEXT_METHOD], *path = &span->texts[TEXT_PATH];

	table_set_time(table, AT, wall_ns);
	table_set(table, PID, "%u", event->head.pid);
	table_set(table, COMM, "%.*s", GO_COMM_SIZE, (const char *)event->head.comm);
	table_set(table, KIND, "%s", kind_names[event->kind]);
	table_set_duration(table, DURATION, event->end_ns - event->start_ns);
	if (event->flags & SPAN_HAS_STATUS)
		table_set(table, STATUS, "%u", event->status);
	table_set(table, NAME, "%.*s %.*s", (int)method->length, method->data ? method->data : "", (int)path->length,
		  path->data ? path->data : "");
	if (span->texts[TEXT_PEER].data)
		table_set(table, PEER, "%.*s", (int)span->texts[TEXT_PEER].length, span->texts[TEXT_PEER].data);
}
