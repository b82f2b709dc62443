/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: requests that net/http serves, by HTTP/1 and by HTTP/2.
 */
#ifndef OTB_TRACE_HTTP_BPF_H
#define OTB_TRACE_HTTP_BPF_H

#include "bpf/trace_grpc.bpf.h"
#include "bpf/trace_route.bpf.h"

/* The data word of a Go interface. */
static __always_inline __u64 interface_guess(__u64 object, __s32 offset)
{
	return offset == GO_NO_OFFSET ? 0 : field_guess(object, offset + 8);
}

/* Reads a request's fields at once, which is much cheaper than one by one. */
static __always_inline void request_copy(struct scratch *scratch)
{
	if (!bpf_probe_read_user(scratch->request, REQUEST_COPIED, (const void *)scratch->start.request))
		return;
	counter_add(COUNTER_LOST_FAULT, 1);
	__builtin_memset(scratch->request, 0, sizeof(scratch->request));
}

/* One of them. Where a release to come has it further behind, it is read by itself. */
static __always_inline __u64 request_field(const struct scratch *scratch, __s32 offset)
{
	if (offset < 0)
		return 0;
	if (offset > REQUEST_COPIED - 8)
		return go_read_u64(scratch->start.request + offset);
	/* As in text_add(). */
	return scratch->request[number_hide((__u32)offset / 8) & (REQUEST_WORDS - 1)];
}

static __always_inline struct go_string request_string(const struct scratch *scratch, __s32 offset)
{
	struct go_string string = { request_field(scratch, offset), 0 };

	if (offset >= 0)
		string.length = request_field(scratch, offset + 8);
	return string;
}

static __always_inline void request_want(struct scratch *scratch, __u32 text, __s32 offset)
{
	struct go_string string = request_string(scratch, offset);

	text_want(scratch, text, &string);
}

/* A *net.TCPAddr; what does not look like one leaves nothing. */
static __always_inline void address_read(const struct place *place, __u64 tcpaddr, struct trace_address *address)
{
	__u64 port = field_guess(tcpaddr, place->binary->tcpaddr_port);
	struct go_string ip = { 0 };

	if (tcpaddr && place->binary->tcpaddr_ip != GO_NO_OFFSET)
		bpf_probe_read_user(&ip, sizeof(ip), (const void *)(tcpaddr + place->binary->tcpaddr_ip));
	if (port > 0xffff || (ip.length != 4 && ip.length != 16))
		return;
	if (bpf_probe_read_user(address->ip, ip.length & 31, (const void *)ip.data))
		return;
	address->port = (__u16)port;
	address->ip_length = (__u16)ip.length;
}

/* The local end of a net.Conn that is a *net.TCPConn, or a *tls.Conn around one, and the peer's port. Which it is cannot be
 * told from the data word of an interface alone, and a listener of the program's own may give anything: the user side
 * believes the one only where the other is the request's. */
static __always_inline void addresses_read(const struct place *place, struct trace_span *span, __u64 net_conn)
{
	__u64 netfd, port;

	if (span->flags & SPAN_TLS)
		net_conn = interface_guess(net_conn, place->binary->tls_conn_conn);
	netfd = field_guess(net_conn, place->binary->net_conn_fd);
	if (!netfd)
		return;
	address_read(place, interface_guess(netfd, place->binary->netfd_laddr), &span->local);
	port = field_guess(interface_guess(netfd, place->binary->netfd_raddr), place->binary->tcpaddr_port);
	span->peer.port = port > 0xffff ? 0 : (__u16)port;
}

/* Fills in a server's span from a request; false where it is not sampled. */
static __always_inline bool server_span_fill(const struct place *place, struct scratch *scratch)
{
	const struct trace_binary *binary = place->binary;
	const struct server_start *start = &scratch->start;
	/* For the verifier, one way and not two. */
	const struct trace_request_layout *layout = &binary->requests[number_hide(start->kind) & TRACE_SERVER_REQUEST];
	struct trace_span *span = &scratch->open.span;
	struct go_string method;
	__u64 url;

	span_begin(&scratch->open, SPAN_KIND_SERVER, start->protocol);
	method = request_string(scratch, layout->method);
	metric_set_method(&scratch->open, &method);
	if (options.wants_no_span)
		return false;
	headers_find(place, request_field(scratch, layout->header));
	if (!span_set_parent(scratch))
		return false;
	span->goroutine_id = field_read(start->g, binary->head.g_goid);
	if (request_field(scratch, layout->tls))
		span->flags |= SPAN_TLS;
	url = request_field(scratch, layout->url);
	text_want(scratch, TEXT_METHOD, &method);
	text_want_field(scratch, TEXT_PATH, url, binary->url_path);
	if (options.wants_query)
		text_want_field(scratch, TEXT_QUERY, url, binary->url_raw_query);
	request_want(scratch, TEXT_HOST, layout->host);
	request_want(scratch, TEXT_PEER, layout->remote_addr);
	headers_want(scratch);
	texts_read();
	return true;
}

/* HTTP/2 comes by ServeHTTP as well, after runHandler, with a *Request that will have the pattern. So does h2c's preface,
 * which is no request and never ends: its method is PRI, its protocol HTTP/2.0. */
static __always_inline bool is_http2(const struct place *place, const struct scratch *scratch)
{
	const struct server_start *start = &scratch->start;
	struct trace_span_key key;
	struct open_span *open;

	if (start->protocol != TRACE_HTTP1 || request_field(scratch, place->binary->request_proto_major) == 1)
		return false;
	key = span_key(place, start->g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (open)
		open->request = start->request;
	return true;
}

/* Begins a server's span of what is in scratch->start. A program by itself: what it does to headers takes the verifier
 * long, and several probes lead here. */
SEC("uprobe")
int server_begin(GO_CONTEXT *ctx)
{
	struct scratch *scratch = scratch_get();
	const struct server_start *start;
	struct place place;
	__u64 conn;

	if (!scratch || !place_find(ctx, &place))
		return 0;
	start = &scratch->start;
	request_copy(scratch);
	if (is_http2(&place, scratch))
		return 0;
	scratch->open.is_sampled = server_span_fill(&place, scratch);
	context_set(&place, start->g, &scratch->open.span, scratch->open.is_sampled);
	if (!scratch->open.is_sampled && !options.measures)
		return 0;
	if (scratch->open.is_sampled && start->protocol == TRACE_HTTP1) {
		conn = field_read(start->object, place.binary->response_conn);
		addresses_read(&place, &scratch->open.span, interface_guess(conn, place.binary->conn_rwc));
	}
	scratch->open.object = start->object;
	scratch->open.request = start->kind == TRACE_REQUEST ? start->request : 0;
	scratch->open.url = start->kind == TRACE_REQUEST
				    ? 0
				    : request_field(scratch, place.binary->requests[TRACE_SERVER_REQUEST].url);
	span_open(&place, start->g, SLOT_SERVER, &scratch->open);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} begins SEC(".maps") = { .values = { [0] = (void *)&server_begin } };

static __always_inline void server_start(GO_CONTEXT *ctx, const struct server_start *start)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return;
	scratch->start = *start;
	bpf_tail_call(ctx, &begins, 0);
	counter_add(COUNTER_LOST_MAP, 1);
}

/* ServeHTTP(rw, req). */
SEC("uprobe")
int http_server(GO_CONTEXT *ctx)
{
	struct server_start start = { GO_G(ctx), GO_ARG3(ctx), GO_ARG2(ctx), TRACE_HTTP1, TRACE_REQUEST };

	if (!go_stack_grows(ctx))
		server_start(ctx, &start);
	return 0;
}

SEC("uprobe")
int http2_server(GO_CONTEXT *ctx)
{
	struct server_start start = { GO_G(ctx), GO_ARG2(ctx), GO_ARG1(ctx), TRACE_HTTP2, TRACE_REQUEST };

	if (!go_stack_grows(ctx))
		server_start(ctx, &start);
	return 0;
}

SEC("uprobe")
int http2_server_27(GO_CONTEXT *ctx)
{
	struct server_start start = { GO_G(ctx), GO_ARG2(ctx), GO_ARG1(ctx), TRACE_HTTP2, TRACE_SERVER_REQUEST };

	if (!go_stack_grows(ctx))
		server_start(ctx, &start);
	return 0;
}

/* ---- ends ---- */

static __always_inline void span_set_status(struct trace_span *span, __u64 status)
{
	/* What was not written is written behind the handler. */
	span->status = status ? (__u16)status : 200;
	span->flags |= SPAN_HAS_STATUS;
}

static __always_inline void server_end(const struct place *place, __u64 g, __u64 object, __u64 status_at,
				       __s32 status_offset)
{
	struct trace_span_key key = span_key(place, g, SLOT_SERVER);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	context_forget(place, g);
	if (!open || open->object != object)
		return;
	if (status_at && status_offset != GO_NO_OFFSET)
		span_set_status(&open->span, go_read_u64(status_at + status_offset));
	open->span.flags &= ~SPAN_PANICKED; /* it was recovered */
	route_add(place, open);
	span_close(place, &key, open);
	if (place->binary->sites[PROBE_SQL_RELEASE_POOL])
		span_abandon(place, g, SLOT_SQL);
}

/* From 1.27 on, (*responseWriterState).writeHeader: the earliest place at which a handler is known to have been found. */
SEC("uprobe")
int http2_write_header(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = go_stack_grows(ctx) ? NULL : server_span_find(ctx, &place);

	if (open)
		pattern_add(&place, open);
	return 0;
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

/* The same of golang.org/x/net/http2, whatever the release of Go: responseWriter.rws 0, responseWriterState.status 72
 * (x/net 0.7.0 to 0.62.0). */
SEC("uprobe")
int xnet_server_end(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		server_end(&place, GO_G(ctx), GO_ARG0(ctx), go_read_u64(GO_ARG0(ctx)), 72);
	return 0;
}

/* ---- what ends otherwise ---- */

static __always_inline void server_mark(GO_CONTEXT *ctx, __u32 flag)
{
	struct place place;
	struct open_span *open = go_stack_grows(ctx) ? NULL : server_span_find(ctx, &place);

	if (open)
		open->span.flags |= (__u16)flag;
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

/* A goroutine leaves what it was in, in whatever way it did. */
static __always_inline void goroutine_abandon(const struct place *place, __u64 g)
{
	context_forget(place, g);
	span_abandon(place, g, SLOT_SERVER);
	if (!place->binary->calls)
		return;
	span_abandon(place, g, SLOT_CLIENT);
	span_abandon(place, g, SLOT_SQL);
	call_forget(place, g);
}

/*
 * The function that net/http defers around a handler, which recovers: of a connection ((*conn).serve), where a span that is
 * open has not been finished, since the handler panicked, ended its goroutine or has the connection now; and of a request
 * of HTTP/2 (runHandler), where that is so only in a panic or runtime.Goexit: g._panic, the word behind the stack guards in
 * Go 1.17 to 1.27. This is hit once for a connection, or a request of HTTP/2, where the end of goroutines is that of
 * several for every request.
 */
SEC("uprobe")
int http_recover(GO_CONTEXT *ctx)
{
	enum { G_PANIC = 32 };
	__u64 g = GO_G(ctx);
	struct trace_span_key key;
	struct open_span *open;
	struct place place;
	bool is_panicking;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	is_panicking = go_read_u64(g + G_PANIC);
	/* A handler that has its connection now has recovered from what it was marked for. */
	if (open && !is_panicking)
		open->span.flags &= ~SPAN_PANICKED;
	if (is_panicking || (open && open->span.protocol == TRACE_HTTP1))
		goroutine_abandon(&place, g);
	return 0;
}

/* A goroutine ends, which is on the system stack. Only where http_recover() does not do. */
SEC("uprobe")
int goexit(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		goroutine_abandon(&place, GO_ARG0(ctx));
	return 0;
}

#endif
