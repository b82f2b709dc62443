/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: requests that net/http makes, one span for each hop: from (*Transport).roundTrip to its rets,
 * which is where the response's header has come; its body may follow. Not from RoundTrip, which does nothing but call it
 * and would have one ret: where a program's own transport calls that of a *Transport, the compiler has taken it in.
 *
 * A Transport may hand a request to another one (RegisterProtocol). That is the same request, so that the inner of the two
 * is not told.
 */
#ifndef OTB_TRACE_CLIENT_BPF_H
#define OTB_TRACE_CLIENT_BPF_H

#include "bpf/trace_goroutine.bpf.h"

/* The parts of the URL. What user information it has is never read. */
static __always_inline void url_want(const struct place *place, struct scratch *scratch, __u64 url)
{
	const struct trace_binary *binary = place->binary;

	text_want_field(scratch, TEXT_SCHEME, url, binary->url_scheme);
	text_want_field(scratch, TEXT_HOST, url, binary->url_host);
	text_want_field(scratch, TEXT_PATH, url, binary->url_path);
	text_want_field(scratch, TEXT_RAW_PATH, url, binary->url_raw_path);
	if (options.wants_query)
		text_want_field(scratch, TEXT_QUERY, url, binary->url_raw_query);
}

static __always_inline void client_describe(const struct place *place, struct scratch *scratch, __u64 g, __u64 request,
					    const struct trace_request_layout *layout)
{
	scratch->open.span.goroutine_id = field_read(g, place->binary->head.g_goid);
	text_want_field(scratch, TEXT_METHOD, request, layout->method);
	url_want(place, scratch, field_read(request, layout->url));
	headers_find(place, field_read(request, layout->header));
	headers_want(scratch);
	texts_read();
}

/* Whether a request that begins is inside of another one. If it is not, the other one is over. */
static __always_inline bool client_is_inner(const GO_CONTEXT *ctx, const struct place *place, __u64 g, __u64 depth)
{
	struct trace_span_key key = span_key(place, g, SLOT_CLIENT);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open)
		return false;
	if (call_is_inside(ctx, depth, open->object))
		return true;
	span_close(place, &key, open);
	return false;
}

/* roundTrip(t, req) */
SEC("uprobe")
int http_client(GO_CONTEXT *ctx)
{
	__u64 g = GO_G(ctx), request = GO_ARG1(ctx), depth;
	const struct trace_request_layout *layout;
	struct go_string method;
	struct scratch *scratch;
	struct place place;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	depth = stack_depth(ctx);
	if (client_is_inner(ctx, &place, g, depth))
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	place_set_bias(ctx, &place, place.binary->sites[PROBE_HTTP_CLIENT]);
	span_begin(&scratch->open, SPAN_KIND_CLIENT, TRACE_HTTP1);
	layout = &place.binary->requests[TRACE_REQUEST];
	method = field_read_string(request, layout->method);
	metric_set_method(&scratch->open, &method);
	metric_set_server(&place, &scratch->open, request, layout->url);
	scratch->open.is_sampled = !options.wants_no_span && client_set_parent(&place, scratch, g, SLOT_CLIENT);
	if (scratch->open.is_sampled)
		client_describe(&place, scratch, g, request, layout);
	else if (!options.measures && !span_is_root(&scratch->open.span))
		return 0;
	scratch->open.object = depth;
	span_open(&place, g, SLOT_CLIENT, &scratch->open);
	return 0;
}

static __always_inline void span_set_response(const struct place *place, struct trace_span *span, __u64 response)
{
	const struct trace_binary *binary = place->binary;

	if (!response || binary->client_response_status == GO_NO_OFFSET)
		return;
	span->status = (__u16)field_read(response, binary->client_response_status);
	span->flags |= SPAN_HAS_STATUS;
	if (field_read(response, binary->client_response_proto_major) == 2)
		span->protocol = TRACE_HTTP2;
}

/* Returns a *Response and an error. */
SEC("uprobe")
int http_client_end(GO_CONTEXT *ctx)
{
	struct trace_span_key key;
	struct open_span *open;
	struct place place;

	if (!place_find(ctx, &place))
		return 0;
	key = span_key(&place, GO_G(ctx), SLOT_CLIENT);
	open = bpf_map_lookup_elem(&spans, &key);
	if (!open || open->object != stack_depth(ctx))
		return 0;
	if (GO_ARG1(ctx))
		span_set_error(&place, &open->span, GO_ARG1(ctx));
	else
		span_set_response(&place, &open->span, GO_ARG0(ctx));
	span_close(&place, &key, open);
	return 0;
}

#endif
