/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/metrics.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-trace/event.h"
#include "cmd/otb-trace/span_name.h"
#include "common/host/process.h"

/* OpenTelemetry's buckets of http.server.request.duration (semantic conventions, HTTP metrics). */
static const struct {
	uint64_t ns;
	const char *field;
} bounds[TRACE_BOUNDS] = {
	{ 5000000, "le_5ms" },     { 10000000, "le_10ms" },   { 25000000, "le_25ms" },   { 50000000, "le_50ms" },
	{ 75000000, "le_75ms" },   { 100000000, "le_100ms" }, { 250000000, "le_250ms" }, { 500000000, "le_500ms" },
	{ 750000000, "le_750ms" }, { 1000000000, "le_1s" },   { 2500000000, "le_2_5s" }, { 5000000000, "le_5s" },
	{ 7500000000, "le_7_5s" }, { 10000000000, "le_10s" },
};

void metrics_name(__u64 methods[TRACE_METHODS_MAX], __u64 bounds_ns[TRACE_BOUNDS])
{
	_Static_assert((int)HTTP_METHODS <= (int)TRACE_METHODS_MAX, "room for the methods");

	for (size_t i = 0; i < HTTP_METHODS; i++)
		memcpy(&methods[i], http_methods[i], strlen(http_methods[i]));
	for (size_t i = 0; i < TRACE_BOUNDS; i++)
		bounds_ns[i] = bounds[i].ns;
}

int metrics_open(struct metrics *metrics, int map, const struct trace_metric *overflows)
{
	*metrics = (struct metrics){ .map = map, .overflows = overflows, .started_ns = clock_monotonic_ns() };
	metrics->now = calloc(TRACE_METRICS_MAX, sizeof(*metrics->now));
	metrics->before = calloc(TRACE_METRICS_MAX, sizeof(*metrics->before));
	return metrics->now && metrics->before ? 0 : -ENOMEM;
}

void metrics_close(struct metrics *metrics)
{
	free(metrics->now);
	free(metrics->before);
}

/* ---- values ---- */

static uint64_t count_all(const struct trace_metric *value)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= TRACE_BOUNDS; i++)
		count += value->counts[i];
	return count;
}

uint64_t metric_subtract(struct trace_metric *value, const struct trace_metric *before)
{
	value->total_ns -= before->total_ns;
	for (size_t i = 0; i <= TRACE_BOUNDS; i++)
		value->counts[i] -= before->counts[i];
	return count_all(value);
}

uint64_t metric_percentile_bound(const struct trace_metric *value, unsigned int percent)
{
	uint64_t rank = (count_all(value) * percent + 99) / 100, count = 0;

	for (size_t i = 0; i < TRACE_BOUNDS; i++) {
		count += value->counts[i];
		if (count >= rank)
			return bounds[i].ns;
	}
	return UINT64_MAX;
}

/* ---- records ---- */

static bool is_overflow(const struct trace_metric_key *key)
{
	return !key->pid;
}

static struct span_text text_of(const struct trace_metric_key *key)
{
	bool is_cut = key->text_length > sizeof(key->text);

	return (struct span_text){ (const char *)key->text, is_cut ? sizeof(key->text) : key->text_length, is_cut };
}

/* `joined` is where a route that is in parts is put together. */
static struct span_text route_of(const struct trace_metric_key *key, char joined[ROUTE_SIZE])
{
	struct span_text text = text_of(key), route = { .cut = text.cut };
	struct route_part part = { text.data, text.length };

	if (key->flags & SPAN_ROUTE_PARTS) {
		route.data = joined;
		route.length = route_join(&part, 1, joined);
	} else if (text.length) {
		route.data = route_of_pattern(text.data, text.length, &route.length);
	}
	return route;
}

static const char *method_of(const struct trace_metric_key *key)
{
	const char *method = (const char *)key->method;

	return method[0] ? http_method(method, strnlen(method, sizeof(key->method))) : http_method("?", 1);
}

static void add_route(struct record *record, const struct trace_metric_key *key)
{
	char joined[ROUTE_SIZE];
	struct span_text route = route_of(key, joined);

	if (!route.length)
		return;
	record_add_bytes(record, "http_route", route.data, route.length);
	if (route.cut)
		record_mark_cut(record);
}

static void add_http(struct record *record, const struct trace_metric_key *key, const struct span *span)
{
	const char *scheme = key->flags & SPAN_TLS ? "https" : "http";

	record_add_text(record, "http_request_method", method_of(key));
	if (key->kind == SPAN_KIND_CLIENT)
		span_add_server_address(record, span, scheme, strlen(scheme));
	else
		add_route(record, key);
	if (key->flags & SPAN_HAS_STATUS)
		record_add_uint(record, "http_response_status_code", key->status);
}

/* What all spans of a kind have is said as it is of one. */
static void add_request(struct record *record, const struct trace_metric_key *key)
{
	struct trace_span event = {
		.kind = key->kind,
		.protocol = key->protocol,
		.flags = key->flags,
		.status = key->status,
	};
	struct span span = { .event = &event, .error_method = "" };

	span.texts[key->protocol == TRACE_GRPC ? TEXT_RPC_METHOD : TEXT_HOST] = text_of(key);
	if (key->protocol == TRACE_GRPC)
		span_add_rpc(record, &span);
	else
		add_http(record, key, &span);
	span_add_error_type(record, &span);
}

static void add_times(struct record *record, const struct trace_metric *value)
{
	uint64_t count = 0;

	record_add_uint(record, "count", count_all(value));
	record_add_uint(record, "total_ns", value->total_ns);
	for (size_t i = 0; i < TRACE_BOUNDS; i++) {
		count += value->counts[i];
		record_add_uint(record, bounds[i].field, count);
	}
}

void metric_add_fields(struct record *record, const struct metric *metric, const char *service)
{
	const struct trace_metric_key *key = &metric->key;
	char comm[GO_COMM_SIZE + 1];

	record_add_text(record, "span_kind", span_kind_name(key->kind));
	if (!is_overflow(key)) {
		snprintf(comm, sizeof(comm), "%.*s", GO_COMM_SIZE, (const char *)metric->value.comm);
		record_add_text(record, "service_name", service ? service : comm);
		record_add_uint(record, "pid", key->pid);
		record_add_text(record, "comm", comm);
	}
	if (key->protocol == TRACE_HTTP1)
		record_add_text(record, "network_protocol_name", "http");
	else if (is_overflow(key))
		record_add_text(record, "rpc_system", "grpc");
	if (!is_overflow(key))
		add_request(record, key);
	add_times(record, &metric->value);
	if (is_overflow(key))
		record_add_bool(record, "overflow", true);
}

/* ---- a table ---- */

enum column { COUNT, RATE, MEAN, P50, P99, STATUS, KIND, REQUEST };

enum { COLUMNS = REQUEST + 1 };

static const struct table_column columns[COLUMNS] = {
	[COUNT] = { "COUNT", 7, 0, true }, [RATE] = { "PER_S", 7, 1, true },
	[MEAN] = { "MEAN", 6, 0, true },   [P50] = { "P50", 8, 1, true },
	[P99] = { "P99", 8, 0, true },     [STATUS] = { "STATUS", 6, 0, true },
	[KIND] = { "KIND", 6, 1, false },  [REQUEST] = { "REQUEST, PROCESS", 30, 0, false },
};

static void set_bound(struct table *table, enum column column, uint64_t bound_ns)
{
	if (bound_ns == UINT64_MAX)
		table_set(table, column, ">%gs", (double)bounds[TRACE_BOUNDS - 1].ns / 1e9);
	else if (bound_ns < 1000000000)
		table_set(table, column, "<=%gms", (double)bound_ns / 1e6);
	else
		table_set(table, column, "<=%gs", (double)bound_ns / 1e9);
}

static void put_row(struct session *session, struct table *table, const struct metric *metric, uint64_t interval_ns)
{
	const struct trace_metric_key *key = &metric->key;
	const struct trace_metric *value = &metric->value;
	char joined[ROUTE_SIZE];
	struct span_text text =
		key->kind == SPAN_KIND_SERVER && key->protocol == TRACE_HTTP1 ? route_of(key, joined) : text_of(key);
	uint64_t count = count_all(value);

	table_set(table, COUNT, "%llu", (unsigned long long)count);
	table_set(table, RATE, "%.1f", (double)count * 1e9 / (double)interval_ns);
	table_set_duration(table, MEAN, value->total_ns / count);
	set_bound(table, P50, metric_percentile_bound(value, 50));
	set_bound(table, P99, metric_percentile_bound(value, 99));
	if (key->flags & SPAN_HAS_STATUS)
		table_set(table, STATUS, "%u", key->status);
	table_set(table, KIND, "%s", span_kind_name(key->kind));
	if (is_overflow(key))
		table_set(table, REQUEST, "(all others)");
	else
		table_set(table, REQUEST, "%s %.*s %.*s (%u)", key->protocol == TRACE_GRPC ? "RPC" : method_of(key),
			  (int)text.length, text.data ? text.data : "", GO_COMM_SIZE, (const char *)value->comm,
			  key->pid);
	session_put_row(session, table, false);
}

/* ---- reading ---- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct trace_metric_key));
}

static unsigned int read_keys(const struct metrics *metrics)
{
	struct trace_metric_key *key = NULL;
	unsigned int n = 0;

	while (n < TRACE_METRICS_MAX && !bpf_map_get_next_key(metrics->map, key, &metrics->now[n].key))
		key = &metrics->now[n++].key;
	qsort(metrics->now, n, sizeof(*metrics->now), compare_keys);
	return n;
}

/* Reads what is counted by the keys that are there. A process that was gone before adds nothing any more: its are
 * forgotten. Returns how many there are. */
static unsigned int read_values(struct metrics *metrics)
{
	unsigned int n_keys = read_keys(metrics), n = 0;
	bool is_there = false;
	uint32_t pid = 0;

	for (unsigned int i = 0; i < n_keys; i++) {
		struct metric *metric = &metrics->now[n];

		metric->key = metrics->now[i].key;
		if (metric->key.pid != pid) {
			pid = metric->key.pid;
			is_there = process_exists((pid_t)pid);
		}
		if (bpf_map_lookup_elem(metrics->map, &metric->key, &metric->value))
			continue;
		if (!is_there)
			bpf_map_delete_elem(metrics->map, &metric->key);
		n++;
	}
	return n;
}

/* ---- writing ---- */

struct writing {
	struct session *session;
	struct services *services;
	struct table table;
	uint64_t started_ns, interval_ns;
};

static void write_metric(struct writing *writing, const struct metric *metric)
{
	struct session *session = writing->session;
	const struct trace_metric_key *key = &metric->key;
	const char *service = NULL;
	struct record *record;

	if (session->cli->form == CLI_FORM_TABLE) {
		put_row(session, &writing->table, metric, writing->interval_ns);
		return;
	}
	if (!is_overflow(key))
		service = service_name(writing->services, (pid_t)key->pid, metric->value.process_start_ns);
	record = session_begin(session, "span_summary", writing->started_ns);
	record_add_uint(record, "interval_ns", writing->interval_ns);
	metric_add_fields(record, metric, service);
	session_put_aside(session);
}

static void write_difference(struct writing *writing, const struct metric *now, const struct trace_metric *before)
{
	static const struct trace_metric none;
	struct metric difference = *now;

	if (metric_subtract(&difference.value, before ? before : &none))
		write_metric(writing, &difference);
}

/* Both are in order. What is not there any more was written the last time. */
static void write_differences(struct writing *writing, const struct metrics *metrics, unsigned int n)
{
	unsigned int j = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct metric *now = &metrics->now[i];
		bool is_known;

		while (j < metrics->n_before && compare_keys(&metrics->before[j], now) < 0)
			j++;
		is_known = j < metrics->n_before && !compare_keys(&metrics->before[j], now);
		write_difference(writing, now, is_known ? &metrics->before[j].value : NULL);
	}
}

static void write_overflows(struct writing *writing, struct metrics *metrics)
{
	for (unsigned int i = 0; i < TRACE_OVERFLOWS; i++) {
		struct metric now = { .value = metrics->overflows[i] };

		trace_overflow_of(i, &now.key.kind, &now.key.protocol);
		write_difference(writing, &now, &metrics->overflows_before[i]);
		metrics->overflows_before[i] = now.value;
	}
}

void metrics_write(struct metrics *metrics, struct session *session, struct services *services)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct writing writing = {
		.session = session,
		.services = services,
		.started_ns = metrics->started_ns,
		.interval_ns = now_ns - metrics->started_ns,
	};
	unsigned int n = read_values(metrics);
	struct metric *now = metrics->now;

	if (session->cli->form == CLI_FORM_TABLE) {
		table_init(&writing.table, columns, COLUMNS, 0);
		session_put_titles(session, &writing.table);
	}
	write_differences(&writing, metrics, n);
	write_overflows(&writing, metrics);
	metrics->now = metrics->before;
	metrics->before = now;
	metrics->n_before = n;
	metrics->started_ns = now_ns;
}
