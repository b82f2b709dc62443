/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --metrics: how many requests there were in an interval and how long they took, whatever is sampled. The kernel side
 * counts (bpf/trace_metrics.bpf.h); here what came in an interval becomes a record `span_summary` for each kind of request
 * that there was:
 *
 *	time, interval_ns	of the interval: its begin and length
 *	span_kind, service_name, pid, comm
 *	network_protocol_name	"http", of HTTP
 *	http_request_method, http_route, http_response_status_code, error_type
 *				as in a span. Without a status: one that ended without it (a panic, a hijacked connection)
 *	server_address, server_port
 *				of a client's, instead of a route. Its error_type is "_OTHER" for any error that it got
 *				instead of a response: of what type that was, spans tell
 *	rpc_system, rpc_method, rpc_response_status_code, error_type
 *				the same of gRPC. What it serves below net/http counts as HTTP
 *	count, total_ns		how many requests, and the sum of their durations
 *	le_5ms, ... le_10s	how many of them took at most that long (buckets of the semantic conventions, HTTP metrics);
 *				what is in one of them is in those behind it, too
 *	overflow		true: all requests for whose kind there was no room, TRACE_METRICS_MAX kinds are kept apart as
 *				long as their processes run. Nothing else is known of them but span_kind and
 *				network_protocol_name or rpc_system
 *
 * Calls of database/sql are not counted.
 *
 * A route, a method or an address of more than TRACE_METRIC_TEXT_SIZE bytes is cut, and named in `truncated`; those that
 * begin alike and have different lengths are different ones.
 */
#ifndef OTB_TRACE_METRICS_H
#define OTB_TRACE_METRICS_H

#include "bpf/trace.h"
#include "cmd/otb-trace/service.h"
#include "common/run/session.h"

struct metric {
	struct trace_metric_key key; /* first: what they are ordered by */
	struct trace_metric value;
};

struct metrics {
	int map;
	const struct trace_metric *overflows; /* TRACE_OVERFLOWS, which the kernel side counts on in */
	struct trace_metric overflows_before[TRACE_OVERFLOWS];
	struct metric *now, *before; /* TRACE_METRICS_MAX each, in order */
	unsigned int n_before;
	uint64_t started_ns; /* the interval; CLOCK_MONOTONIC */
};

/* Sets what the kernel side has to know: methods as eight bytes, bounds in ns. */
void metrics_name(__u64 methods[TRACE_METHODS_MAX], __u64 bounds[TRACE_BOUNDS]);

/* Returns 0 or -ENOMEM; metrics_close() is due all the same, and may be without it of a zeroed one. */
int metrics_open(struct metrics *metrics, int map, const struct trace_metric *overflows);
void metrics_close(struct metrics *metrics);

/* Writes what has come since the last time, and begins the next interval. */
void metrics_write(struct metrics *metrics, struct session *session, struct services *services);

/* What has come since `before`: takes the count and the times of one from the other, which are those of the same key.
 * Returns how many requests that is. */
uint64_t metric_subtract(struct trace_metric *value, const struct trace_metric *before);

/* The least of the bounds, in ns, that `percent` of the requests are within; UINT64_MAX: they are above all. */
uint64_t metric_percentile_bound(const struct trace_metric *value, unsigned int percent);

/* Adds the fields behind `interval_ns`. `service` is NULL where it is not known. */
void metric_add_fields(struct record *record, const struct metric *metric, const char *service);

#endif
