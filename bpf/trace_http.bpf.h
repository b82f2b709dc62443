/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: requests that net/http serves, by HTTP/1 and by HTTP/2.
 */
#ifndef OTB_TRACE_HTTP_BPF_H
#define OTB_TRACE_HTTP_BPF_H

#include "bpf/trace_headers.bpf.h"

/* The data word of a Go interface. */
static __always_inline __u64 interface_read(__u64 object, __s32 offset)
{
	return offset == TRACE_NO_OFFSET ? 0 : field_read(object, offset + 8);
}

/* A *net.TCPAddr; what does not look like one leaves nothing. */
static __always_inline void address_read(const struct place *place, __u64 tcpaddr, struct trace_address *address)
{
	struct go_string ip = field_read_string(tcpaddr, place->binary->tcpaddr_ip);
	__u64 port = field_read(tcpaddr, place->binary->tcpaddr_port);

	if (port > 0xffff || (ip.length != 4 && ip.length != 16))
		return;
	if (bpf_probe_read_user(address->ip, ip.length & 31, (const void *)ip.data))
		return;
	address->port = (__u16)port;
	address->ip_length = (__u16)ip.length;
}

/* Both ends of a net.Conn that is a *net.TCPConn, or a *tls.Conn around one. Which it is cannot be told from the data word
 * of an interface alone: the user side believes the local end only where the peer is that of the request. */
static __always_inline void addresses_read(const struct place *place, struct trace_span *span, __u64 net_conn)
{
	__u64 netfd;

	if (span->flags & SPAN_TLS)
		net_conn = interface_read(net_conn, place->binary->tls_conn_conn);
	netfd = field_read(net_conn, place->binary->net_conn_fd);
	if (!netfd)
		return;
	address_read(place, interface_read(netfd, place->binary->netfd_laddr), &span->local);
	address_read(place, interface_read(netfd, place->binary->netfd_raddr), &span->peer);
}

/* Begins a server's span. `object` is the response or responseWriter, that comes back at its end. */
static __always_inline void server_begin(const struct place *place, __u64 g, __u32 protocol, __u64 request,
					 const struct trace_request_layout *layout, __u64 object)
{
	const struct trace_binary *binary = place->binary;
	struct scratch *scratch = scratch_get();
	struct trace_span *span;
	__u64 url, net_conn;

	if (!scratch)
		return;
	span = &scratch->open.span;
	span_begin(span, SPAN_KIND_SERVER, protocol);
	headers_find(place, scratch, field_read(request, layout->header));
	if (!span_set_parent(scratch)) {
		context_set(place, g, span, false);
		return;
	}
	span->goroutine_id = field_read(g, binary->g_goid);
	if (field_read(request, layout->tls))
		span->flags |= SPAN_TLS;
	url = field_read(request, layout->url);
	text_add_field(span, TEXT_METHOD, request, layout->method);
	text_add_field(span, TEXT_PATH, url, binary->url_path);
	if (options.wants_query)
		text_add_field(span, TEXT_QUERY, url, binary->url_raw_query);
	text_add_field(span, TEXT_HOST, request, layout->host);
	text_add_field(span, TEXT_PEER, request, layout->remote_addr);
	headers_add(scratch);
	if (protocol == TRACE_HTTP1) {
		net_conn = interface_read(field_read(object, binary->response_conn), binary->conn_rwc);
		addresses_read(place, span, net_conn);
	}
	scratch->open.object = object;
	scratch->open.request = request;
	context_set(place, g, span, true);
	span_open(place, g, SLOT_SERVER, &scratch->open);
}

/* ServeHTTP(rw, req): HTTP/2 comes by here as well, after runHandler, with a *Request that has the pattern. */
SEC("uprobe")
int http_server(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open;
	struct span_key key;
	__u64 request = GO_ARG3(ctx);
	struct go_string method;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	if (field_read(request, place.binary->request_proto_major) == 1) {
		/* h2c's preface is not a request, and never ends. */
		method = field_read_string(request, place.binary->request.method);
		if (method.length != 3 || (go_read_u32(method.data) & 0xffffff) != ('P' | 'R' << 8 | 'I' << 16))
			server_begin(&place, GO_G(ctx), TRACE_HTTP1, request, &place.binary->request, GO_ARG2(ctx));
		return 0;
	}
	key = span_key(&place, GO_G(ctx), SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (open)
		open->request = request;
	return 0;
}

SEC("uprobe")
int http2_server(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		server_begin(&place, GO_G(ctx), TRACE_HTTP2, GO_ARG2(ctx), &place.binary->request, GO_ARG1(ctx));
	return 0;
}

SEC("uprobe")
int http2_server_27(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		server_begin(&place, GO_G(ctx), TRACE_HTTP2, GO_ARG2(ctx), &place.binary->server_request, GO_ARG1(ctx));
	return 0;
}

/* ---- ends ---- */

static __always_inline void span_set_status(struct trace_span *span, __u64 status)
{
	/* What was not written is written behind the handler. */
	span->status = status ? (__u16)status : 200;
	span->flags |= SPAN_HAS_STATUS;
}

/* The pattern that ServeMux matched, from 1.22 on. */
static __always_inline void route_add(const struct place *place, struct trace_span *span, __u64 request)
{
	const struct trace_binary *binary = place->binary;

	if (binary->request_pattern != TRACE_NO_OFFSET)
		text_add_field(span, TEXT_ROUTE, request, binary->request_pattern);
	else
		text_add_field(span, TEXT_ROUTE, field_read(request, binary->request_pat), binary->pattern_str);
}

static __always_inline void server_end(const struct place *place, __u64 g, __u64 object, __u64 status_at,
				       __s32 status_offset)
{
	struct span_key key = span_key(place, g, SLOT_SERVER);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	context_forget(place, g);
	if (!open || open->object != object)
		return;
	if (status_at && status_offset != TRACE_NO_OFFSET)
		span_set_status(&open->span, go_read_u64(status_at + status_offset));
	open->span.flags &= ~SPAN_PANICKED; /* it was recovered */
	route_add(place, &open->span, open->request);
	span_emit(place, &open->span);
	bpf_map_delete_elem(&spans, &key);
}

SEC("uprobe")
int http_server_end(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		server_end(&place, GO_G(ctx), GO_ARG0(ctx), GO_ARG0(ctx), place.binary->response_status);
	return 0;
}

SEC("uprobe")
int http2_server_end(GO_CONTEXT *ctx)
{
	struct place place;
	__u64 state;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	state = field_read(GO_ARG0(ctx), place.binary->h2_writer_rws);
	server_end(&place, GO_G(ctx), GO_ARG0(ctx), state, place.binary->h2_rws_status);
	return 0;
}

/* ---- what ends otherwise ---- */

static __always_inline void server_mark(GO_CONTEXT *ctx, __u32 flag)
{
	struct place place;
	struct span_key key;
	struct open_span *open;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return;
	key = span_key(&place, GO_G(ctx), SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (open)
		open->span.flags |= (__u8)flag;
}

SEC("uprobe")
int panic(GO_CONTEXT *ctx)
{
	server_mark(ctx, SPAN_PANICKED);
	return 0;
}

SEC("uprobe")
int hijack(GO_CONTEXT *ctx)
{
	server_mark(ctx, SPAN_HIJACKED);
	return 0;
}

/* A goroutine ends, which is on the system stack: what it was in ends with it. */
SEC("uprobe")
int goexit(GO_CONTEXT *ctx)
{
	struct place place;
	struct span_key key;
	struct open_span *open;
	__u64 g = GO_ARG0(ctx);

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	context_forget(&place, g);
	key = span_key(&place, g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (!open)
		return 0;
	span_emit(&place, &open->span);
	bpf_map_delete_elem(&spans, &key);
	return 0;
}

#endif
