/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/event.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cmd/otb-trace/driver.h"
#include "cmd/otb-trace/error_type.h"
#include "cmd/otb-trace/rpc.h"
#include "cmd/otb-trace/span_name.h"
#include "cmd/otb-trace/url.h"
#include "common/record/threshold.h"
#include "common/record/tracestate.h"

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
	"gc_stw_ns",
	"runnable_ns",
	"http_request_method",
	"http_request_method_original",
	"url_path",
	"url_query",
	"url_full",
	"server_address",
	"server_port",
	"http_response_status_code",
	"http_route",
	"url_scheme",
	"network_peer_address",
	"network_peer_port",
	"network_local_address",
	"network_local_port",
	"network_protocol_version",
	"user_agent_original",
	"rpc_system",
	"rpc_method",
	"rpc_response_status_code",
	"db_system_name",
	"db_query_text",
	"error_type",
	"tracestate",
	"sampling_threshold",
	"measured",
	"interval_ns",
	"network_protocol_name",
	"count",
	"total_ns",
	"le_5ms",
	"le_10ms",
	"le_25ms",
	"le_50ms",
	"le_75ms",
	"le_100ms",
	"le_250ms",
	"le_500ms",
	"le_750ms",
	"le_1s",
	"le_2_5s",
	"le_5s",
	"le_7_5s",
	"le_10s",
	"overflow",
	NULL,
};

const char *span_kind_name(unsigned int kind)
{
	return kind == SPAN_KIND_CLIENT ? "client" : "server";
}

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

static void add_part(struct record *record, const char *name, const char *text, size_t length, bool is_cut)
{
	if (!length && !is_cut)
		return;
	record_add_bytes(record, name, text, length);
	if (is_cut)
		record_mark_cut(record);
}

static void add_span_text(struct record *record, const char *name, const struct span *span, enum trace_text text)
{
	add_part(record, name, span->texts[text].data, span->texts[text].length, span->texts[text].cut);
}

static void add_known(struct record *record, const char *name, uint64_t value)
{
	if (value)
		record_add_uint(record, name, value);
}

static void add_ids(struct record *record, const struct trace_span *event)
{
	add_id(record, "trace_id", event->trace_id, sizeof(event->trace_id));
	add_id(record, "span_id", event->span_id, sizeof(event->span_id));
	if (event->parent_source != SOURCE_NEW)
		add_id(record, "parent_span_id", event->parent_span_id, sizeof(event->parent_span_id));
	record_add_text(record, "parent_source", source_names[event->parent_source]);
	record_add_text(record, "span_kind", span_kind_name(event->kind));
}

static void add_process(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;
	char comm[GO_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", GO_COMM_SIZE, (const char *)event->head.comm);
	record_add_text(record, "service_name", span->service_name ? span->service_name : comm);
	record_add_uint(record, "pid", event->head.pid);
	record_add_text(record, "comm", comm);
	add_known(record, "goroutine_id", event->goroutine_id);
}

static void add_times(struct record *record, const struct span *span)
{
	record_add_uint(record, "duration_ns", span->event->end_ns - span->event->start_ns);
	if (span->has_gc_stw)
		record_add_uint(record, "gc_stw_ns", span->gc_stw_ns);
	if (span->event->runnable_ns != TRACE_NO_TIME)
		record_add_uint(record, "runnable_ns", span->event->runnable_ns);
}

/* NULL: not known. Of a request that is served it is never empty; of one that is made that stands for GET. */
static const char *method_of(const struct span *span)
{
	if (span->event->kind == SPAN_KIND_SERVER && !span->texts[TEXT_METHOD].length)
		return NULL;
	return http_method(span->texts[TEXT_METHOD].data, span->texts[TEXT_METHOD].length);
}

/* As names have it. */
static const char *method_word(const struct span *span)
{
	const char *method = method_of(span);

	return method ? method : "HTTP";
}

/* A query without its literals. */
struct redacted {
	char text[TRACE_TEXT_SIZE];
	size_t length;
};

static void redact(struct redacted *redacted, const struct span *span)
{
	const struct span_text *query = &span->texts[TEXT_DB_QUERY];
	const char *system = strcmp(span->db_system, DRIVER_OTHER) ? span->db_system : NULL;

	redacted->length = query_redact(system, query->data, query->length, redacted->text);
}

/* By the redacted text in any case: names are counted. */
static size_t query_name_of(const struct span *span, char name[SPAN_NAME_SIZE])
{
	struct query_operation operation;
	struct redacted redacted;

	redact(&redacted, span);
	operation = query_operation(redacted.text, redacted.length);
	return span_name_query(span->db_system, &operation, name);
}

/* By the semantic conventions: method and route, never the path; of an RPC its method. */
static size_t name_of(const struct span *span, char name[SPAN_NAME_SIZE])
{
	char joined[ROUTE_SIZE];
	struct span_text route = span_route(span, joined), method = { 0 };

	if (span->event->protocol == TRACE_SQL)
		return query_name_of(span, name);
	if (!rpc_is(span))
		return span_name_http(method_word(span), route.data, route.length, name);
	method.data = rpc_method_of(span, &method.length);
	return span_name_rpc("grpc", method.data, method.length, name);
}

static void add_name(struct record *record, const struct span *span)
{
	char name[SPAN_NAME_SIZE];
	size_t length = name_of(span, name);

	record_add_bytes(record, "name", name, length);
}

static void add_method(struct record *record, const struct span *span)
{
	const char *method = method_of(span);

	if (!method)
		return;
	record_add_text(record, "http_request_method", method);
	if (!strcmp(method, "_OTHER"))
		add_span_text(record, "http_request_method_original", span, TEXT_METHOD);
}

void span_add_server_address(struct record *record, const struct span *span, const char *scheme, size_t scheme_length)
{
	const struct span_text *host = &span->texts[TEXT_HOST];
	struct address address = address_of_authority(host->data, host->length, scheme, scheme_length);

	add_part(record, "server_address", address.text, address.length, host->cut);
	add_known(record, "server_port", address.port);
}

static void add_socket_address(struct record *record, const struct trace_address *address, const char *name,
			       const char *port_name)
{
	static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	bool is_v4 = address->ip_length == 4 || !memcmp(address->ip, v4_mapped, sizeof(v4_mapped));
	const uint8_t *ip = address->ip_length == 16 && is_v4 ? address->ip + sizeof(v4_mapped) : address->ip;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(is_v4 ? AF_INET : AF_INET6, ip, text, sizeof(text));
	record_add_text(record, name, text);
	record_add_uint(record, port_name, address->port);
}

/* The peer as the program has it. The socket's own ends were read on a guess of what the connection is: they count where
 * the peers agree. */
static void add_network(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;
	const struct span_text *text = &span->texts[TEXT_PEER];
	struct address peer = address_of_peer(text->data, text->length);

	add_part(record, "network_peer_address", peer.text, peer.length, text->cut);
	add_known(record, "network_peer_port", peer.port);
	if (event->local.ip_length && peer.port && event->peer.port == peer.port)
		add_socket_address(record, &event->local, "network_local_address", "network_local_port");
	record_add_text(record, "network_protocol_version", event->protocol == TRACE_HTTP2 ? "2" : "1.1");
}

static void add_server(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;
	const char *scheme = event->flags & SPAN_TLS ? "https" : "http";
	char joined[ROUTE_SIZE];
	struct span_text route = span_route(span, joined);

	add_method(record, span);
	add_span_text(record, "url_path", span, TEXT_PATH);
	add_span_text(record, "url_query", span, TEXT_QUERY);
	span_add_server_address(record, span, scheme, strlen(scheme));
	if (event->flags & SPAN_HAS_STATUS)
		record_add_uint(record, "http_response_status_code", event->status);
	add_part(record, "http_route", route.data, route.length, route.cut);
	record_add_text(record, "url_scheme", scheme);
	add_network(record, span);
}

/* A request that net/http makes. */
static void add_client(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;
	const struct span_text *scheme = &span->texts[TEXT_SCHEME], *host = &span->texts[TEXT_HOST],
			       *path = &span->texts[TEXT_PATH], *raw = &span->texts[TEXT_RAW_PATH];
	bool is_raw = url_is_raw_path(raw->data, raw->length, raw->cut, path->data, path->length);
	const struct span_text *written = is_raw ? raw : path;
	char url[URL_SIZE];
	size_t length = url_full(scheme->data, scheme->length, host->data, host->length, written->data, written->length,
				 is_raw, url);

	add_method(record, span);
	add_span_text(record, "url_query", span, TEXT_QUERY);
	add_part(record, "url_full", url, length, length && (host->cut || path->cut || raw->cut));
	span_add_server_address(record, span, scheme->data, scheme->length);
	if (!(event->flags & SPAN_HAS_STATUS))
		return;
	record_add_uint(record, "http_response_status_code", event->status);
	record_add_text(record, "network_protocol_version", event->protocol == TRACE_HTTP2 ? "2" : "1.1");
}

/* Where gRPC speaks HTTP/2 itself. */
static void add_rpc_network(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;

	span_add_server_address(record, span, "", 0);
	if (event->peer.ip_length)
		add_socket_address(record, &event->peer, "network_peer_address", "network_peer_port");
	if (event->local.ip_length)
		add_socket_address(record, &event->local, "network_local_address", "network_local_port");
	record_add_text(record, "network_protocol_version", "2");
}

void span_add_rpc(struct record *record, const struct span *span)
{
	char text[RPC_STATUS_SIZE];
	const char *status = rpc_status(span, text);
	size_t length = 0;
	const char *method = rpc_method_of(span, &length);

	record_add_text(record, "rpc_system", "grpc");
	add_part(record, "rpc_method", method, length, rpc_path(span)->cut);
	if (status)
		record_add_text(record, "rpc_response_status_code", status);
}

static void add_sql(struct record *record, const struct span *span, bool wants_text)
{
	const struct span_text *query = &span->texts[TEXT_DB_QUERY];
	struct redacted redacted;

	record_add_text(record, "db_system_name", span->db_system);
	if (wants_text) {
		add_span_text(record, "db_query_text", span, TEXT_DB_QUERY);
		return;
	}
	redact(&redacted, span);
	add_part(record, "db_query_text", redacted.text, redacted.length, query->cut);
}

/* By the number of the status: HTTP's. */
static void add_status_error(struct record *record, const struct trace_span *event)
{
	unsigned int failed = event->kind == SPAN_KIND_CLIENT ? 400 : 500;
	char text[8];

	if (!(event->flags & SPAN_HAS_STATUS) || event->status < failed)
		return;
	snprintf(text, sizeof(text), "%u", event->status);
	record_add_text(record, "error_type", text);
}

void span_add_error_type(struct record *record, const struct span *span)
{
	const struct trace_span *event = span->event;
	char type[ERROR_TYPE_SIZE], status[RPC_STATUS_SIZE];
	const char *error;

	if (event->flags & SPAN_PANICKED) {
		record_add_text(record, "error_type", "panic");
	} else if (rpc_is(span)) {
		error = rpc_error(span, status);
		if (error)
			record_add_text(record, "error_type", error);
	} else if (event->flags & SPAN_ERROR) {
		error_type_of_method(span->error_method, event->flags & SPAN_ERROR_POINTER, type);
		record_add_text(record, "error_type", type);
	} else {
		add_status_error(record, event);
	}
}

static void add_sampling(struct record *record, const struct span *span)
{
	const struct span_text *state = &span->texts[TEXT_TRACESTATE];
	char threshold[THRESHOLD_SIZE];

	if (state->length && !state->cut && tracestate_is_valid(state->data, state->length))
		add_span_text(record, "tracestate", span, TEXT_TRACESTATE);
	if (span->event->threshold >= THRESHOLD_NEVER)
		return;
	threshold_format(span->event->threshold, threshold);
	record_add_text(record, "sampling_threshold", threshold);
}

static void add_protocol_fields(struct record *record, const struct span *span, const struct options *options)
{
	if (span->event->protocol == TRACE_GRPC)
		add_rpc_network(record, span);
	else if (span->event->protocol == TRACE_SQL)
		add_sql(record, span, options->wants_db_text);
	else if (span->event->kind == SPAN_KIND_CLIENT)
		add_client(record, span);
	else
		add_server(record, span);
}

void span_add_fields(struct record *record, const struct span *span, const struct options *options)
{
	add_ids(record, span->event);
	add_name(record, span);
	add_process(record, span);
	add_times(record, span);
	add_protocol_fields(record, span, options);
	add_span_text(record, "user_agent_original", span, TEXT_USER_AGENT);
	if (rpc_is(span))
		span_add_rpc(record, span);
	span_add_error_type(record, span);
	for (unsigned int i = 0; i < options->n_headers; i++)
		add_span_text(record, options->header_fields[i], span, (enum trace_text)(TEXT_HEADER + i));
	add_sampling(record, span);
	if (options->wants_metrics && span->event->protocol != TRACE_SQL)
		record_add_bool(record, "measured", true);
}

/* ---- rows ---- */

enum column { AT, PID, COMM, KIND, DURATION, STATUS, PEER, NAME };

void event_set_columns(struct table_column columns[EVENT_COLUMNS], bool several)
{
	static const struct table_column all[EVENT_COLUMNS] = {
		[AT] = { "TIME", 8, 0, false },          [PID] = { "PID", 7, 0, true },
		[COMM] = { "COMM", 11, 0, false },       [KIND] = { "KIND", 6, 0, false },
		[DURATION] = { "DURATION", 8, 0, true }, [STATUS] = { "STATUS", 6, 0, true },
		[PEER] = { "PEER", 21, 1, false },       [NAME] = { "NAME", 40, 0, false },
	};

	memcpy(columns, all, sizeof(all));
	columns[PID].rank = columns[COMM].rank = several ? 0 : 2;
}

static void set_query(struct table *table, const struct span *span)
{
	struct redacted redacted;

	redact(&redacted, span);
	table_set(table, NAME, "%.*s", (int)redacted.length, redacted.text);
}

/* What is asked of others says whom. */
static void set_request(struct table *table, const struct span *span)
{
	const struct span_text *path = rpc_path(span), *host = &span->texts[TEXT_HOST];
	bool is_rpc = span->event->protocol == TRACE_GRPC;
	bool is_asked = span->event->kind == SPAN_KIND_CLIENT && !is_rpc;

	table_set(table, NAME, "%s %.*s%.*s", is_rpc ? "RPC" : method_word(span), is_asked ? (int)host->length : 0,
		  host->data ? host->data : "", (int)path->length, path->data ? path->data : "");
}

void span_set_row(struct table *table, const struct span *span, uint64_t wall_ns)
{
	const struct trace_span *event = span->event;

	table_set_time(table, AT, wall_ns);
	table_set(table, PID, "%u", event->head.pid);
	table_set(table, COMM, "%.*s", GO_COMM_SIZE, (const char *)event->head.comm);
	table_set(table, KIND, "%s", span_kind_name(event->kind));
	table_set_duration(table, DURATION, event->end_ns - event->start_ns);
	if (event->flags & SPAN_HAS_STATUS)
		table_set(table, STATUS, "%u", event->status);
	if (event->protocol == TRACE_SQL)
		set_query(table, span);
	else
		set_request(table, span);
	if (span->texts[TEXT_PEER].data)
		table_set(table, PEER, "%.*s", (int)span->texts[TEXT_PEER].length, span->texts[TEXT_PEER].data);
}
