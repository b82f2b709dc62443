/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: --metrics. Every request of HTTP and every call of gRPC is counted where it ends, sampled or
 * not: one that is not is kept in `spans` as others are, without its texts, and goes nowhere else from there.
 *
 * Counted is what ends: with its status; where its goroutine ended before it (a panic that net/http recovered, a connection
 * that was hijacked), without one. What has not ended is not counted, and told as unfinished.
 */
#ifndef OTB_TRACE_METRICS_BPF_H
#define OTB_TRACE_METRICS_BPF_H

#include "bpf/trace_span.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACE_METRICS_MAX); /* 1 without --metrics */
	__type(key, struct trace_metric_key);
	__type(value, struct trace_metric);
} metrics SEC(".maps");

struct trace_metric metric_overflows[TRACE_OVERFLOWS];

const volatile __u64 metric_bounds[TRACE_BOUNDS];       /* ns, rising */
const volatile __u64 metric_methods[TRACE_METHODS_MAX]; /* that are known: their letters, and zeros */

static const struct trace_metric no_metric;

/* ---- what a request is counted by ---- */

/* A program by itself: verified once. */
__attribute__((noinline)) int method_is_known(__u64 method)
{
	for (__u32 i = 0; i < TRACE_METHODS_MAX; i++)
		if (metric_methods[i] == method)
			return 1;
	return 0;
}

/* A client's empty method means GET, which is the first that is known. */
static __always_inline void metric_set_method(struct open_span *open, const struct go_string *string)
{
	__u64 method = metric_methods[0], size;

	if (!options.measures || string->length >= sizeof(method))
		return;
	/* Kernels before 5.11 forget the bounds of what was on the stack meanwhile. */
	size = number_hide(string->length) & (sizeof(method) - 1);
	if (size)
		method = 0;
	if (size && bpf_probe_read_user(&method, size, (const void *)string->data))
		counter_add(COUNTER_LOST_FAULT, 1);
	if (method_is_known(method))
		__builtin_memcpy(open->metric.method, &method, sizeof(method));
}

/* Behind what there is already. */
static __always_inline void metric_add_text(struct open_span *open, const struct go_string *string)
{
	struct trace_metric_key *key = &open->metric;
	__u64 at = key->text_length, size = string->length, length = at + size;

	if (!options.measures || !size)
		return;
	if (at < sizeof(key->text)) {
		if (size > sizeof(key->text) - at)
			size = sizeof(key->text) - at;
		/* For the verifier; what lies behind the text is in `open` as well. */
		if (bpf_probe_read_user(&key->text[at], size & 127, (const void *)string->data)) {
			counter_add(COUNTER_LOST_FAULT, 1);
			return;
		}
	}
	key->text_length = length > 0xffff ? 0xffff : (__u16)length;
}

/* The host of a client's URL, and whether it is https, which says what port is meant without one. */
static __always_inline void metric_set_server(const struct place *place, struct open_span *open, __u64 request,
					      __s32 offset)
{
	struct go_string host;
	__u64 url;

	if (!options.measures)
		return;
	url = field_read(request, offset);
	host = field_read_string(url, place->binary->url_host);
	metric_add_text(open, &host);
	/* Of "http" and "https", which are all that net/http knows. */
	if (field_read_string(url, place->binary->url_scheme).length == sizeof("https") - 1)
		open->metric.flags = SPAN_TLS;
}

static __always_inline void metric_forget_text(struct open_span *open)
{
	__builtin_memset(open->metric.text, 0, sizeof(open->metric.text));
	open->metric.text_length = 0;
}

/* ---- counting ---- */

/* NULL: there is no room. */
static __always_inline struct trace_metric *metric_make(const struct place *place, const struct trace_metric_key *key)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct trace_metric *metric;

	/* Another one may be quicker. */
	bpf_map_update_elem(&metrics, key, &no_metric, BPF_NOEXIST);
	metric = bpf_map_lookup_elem(&metrics, key);
	if (!metric)
		return NULL;
	metric->process_start_ns = place->process->start_ns;
	BPF_CORE_READ_INTO(&metric->comm, task, group_leader, comm);
	return metric;
}

static __always_inline void metric_add(struct trace_metric *metric, __u64 duration_ns)
{
	__u32 i = 0;

	while (i < TRACE_BOUNDS && duration_ns > metric_bounds[i])
		i++;
	__sync_fetch_and_add(&metric->counts[i], 1);
	__sync_fetch_and_add(&metric->total_ns, duration_ns);
}

static __always_inline void metric_count(const struct place *place, struct open_span *open)
{
	enum { FLAGS = SPAN_HAS_STATUS | SPAN_PANICKED | SPAN_ERROR | SPAN_ROUTE_PARTS };
	const struct trace_span *span = &open->span;
	struct trace_metric_key *key = &open->metric;
	__u64 duration_ns = span->end_ns - span->start_ns;
	struct trace_metric *metric;

	if (span->protocol == TRACE_SQL)
		return;
	key->pid = place->pid;
	key->incarnation = process_incarnation(place);
	key->kind = span->kind;
	key->protocol = span->protocol == TRACE_HTTP2 ? TRACE_HTTP1 : span->protocol;
	key->flags |= span->flags & FLAGS;
	key->status = span->status;
	metric = bpf_map_lookup_elem(&metrics, key);
	if (!metric)
		metric = metric_make(place, key);
	if (metric)
		metric_add(metric, duration_ns);
	else
		metric_add(&metric_overflows[trace_overflow_index(key->kind, key->protocol) % TRACE_OVERFLOWS],
			   duration_ns);
}

#endif
