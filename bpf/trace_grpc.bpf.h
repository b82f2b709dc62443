/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: RPCs that gRPC-Go (google.golang.org/grpc 1.40 to 1.83) serves and makes.
 *
 * Offsets into its structs, and into those of net and golang.org/x/net/http2, are the same in all of these releases but
 * where two are tried: what does not have the shape of the thing is not it. Measured on 1.40, 1.50, 1.60, 1.69, 1.74, 1.77
 * and 1.83; tests/trace_grpc.bats holds four of them to it.
 *
 * A server's span begins where a connection's reader has decoded the headers, of a stream that has no goroutine yet; it
 * is pending until the handler's begins, and then that one's. It ends where the status is written. Where gRPC is served
 * by a handler of net/http, the span is net/http's, and gets the status from here.
 *
 * A client's span is that of a call as its program sees it, with what interceptors do. A call by one goroutine inside of
 * another, of an interceptor, is not told: `inner` of the one outside of it is its depth in the stack.
 */
#ifndef OTB_TRACE_GRPC_BPF_H
#define OTB_TRACE_GRPC_BPF_H

#include "bpf/trace_goroutine.bpf.h"

/* Reads what may not be what it is taken for; a fault tells that it is not. */
static __always_inline bool peek(void *to, __u32 size, __u64 address)
{
	return !bpf_probe_read_user(to, size, (const void *)address);
}

/* ---- addresses ---- */

/* A net.Addr, whose data word is at `at`, if that is a *net.TCPAddr: IP (a slice), Port. In a *net.UnixAddr there is a
 * pointer in the place of the capacity. */
static __always_inline bool tcp_address_peek(__u64 at, struct trace_address *address)
{
	enum { CAPACITY_MAX = 64 };
	struct {
		__u64 ip, length, capacity, port;
	} tcp;
	__u64 pointer;

	if (!peek(&pointer, sizeof(pointer), at) || !peek(&tcp, sizeof(tcp), pointer) || tcp.port > 0xffff ||
	    (tcp.length != 4 && tcp.length != 16) || tcp.capacity < tcp.length || tcp.capacity > CAPACITY_MAX ||
	    !peek(address->ip, tcp.length & 31, tcp.ip))
		return false;
	address->port = (__u16)tcp.port;
	address->ip_length = (__u16)tcp.length;
	return true;
}

/* Both ends of a transport: the data words of two net.Addr behind each other, in later releases and in earlier ones. */
static __always_inline void transport_addresses(__u64 transport, __u64 later, __u64 earlier, struct trace_span *span)
{
	enum { LOCAL = 16 };

	if (tcp_address_peek(transport + later, &span->peer))
		tcp_address_peek(transport + later + LOCAL, &span->local);
	else if (tcp_address_peek(transport + earlier, &span->peer))
		tcp_address_peek(transport + earlier + LOCAL, &span->local);
}

/* ---- status ---- */

static __always_inline void span_set_code(struct trace_span *span, __u32 code)
{
	span->status = code > 0xffff ? 0xffff : (__u16)code;
	span->flags |= SPAN_HAS_STATUS;
}

/* The code of an *internal/status.Status, which begins with a pointer to google.rpc.Status: nil, as that, is OK. */
static __always_inline __u32 status_read(__u64 status)
{
	enum { CODE = 40 };
	__u64 message = status ? go_read_u64(status) : 0;

	return message ? go_read_u32(message + CODE) : 0;
}

/* The code that an error stands for: none is OK, and so is io.EOF, which ends a stream. -1: it is no *status.Error. */
__attribute__((noinline)) int error_code(__u64 type, __u64 error)
{
	enum { TEXT_LENGTH_MAX = 1 << 20, EOF_LENGTH = 3 };
	struct {
		__u64 state, size_cache, unknown, unknown_length, unknown_capacity;
		__u32 code, padding;
		__u64 text, text_length;
	} message;
	struct go_string text;
	__u64 status, at;
	__u32 word = 0;

	if (!type)
		return 0;
	if (peek(&text, sizeof(text), error) && text.length == EOF_LENGTH && peek(&word, EOF_LENGTH, text.data) &&
	    word == ('E' | 'O' << 8 | 'F' << 16))
		return 0;
	if (!peek(&status, sizeof(status), error) || !peek(&at, sizeof(at), status) ||
	    !peek(&message, sizeof(message), at) || !message.code || message.code > 0xffff || message.unknown_length ||
	    message.unknown_capacity || message.text_length > TEXT_LENGTH_MAX)
		return -1;
	return (int)message.code;
}

/* ---- server: headers ---- */

struct rpc_key {
	__u64 transport;
	__u32 pid, incarnation;
	__u32 stream;
	__u32 reserved;
};

/* Those whose handler has not begun. A stream that is refused has none, and its span grows old here. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct rpc_key);
	__type(value, struct open_span);
} pending SEC(".maps");

static __always_inline struct rpc_key rpc_key(const struct place *place, __u64 transport, __u32 stream)
{
	return (struct rpc_key){ transport, place->pid, process_incarnation(place), stream, 0 };
}

enum {
	FIELD_SIZE = 40, /* hpack.HeaderField: Name, Value, Sensitive */
	FIELD_VALUE = 16,
};

/* http2.MetaHeadersFrame, as far as it is read: *HeadersFrame, which begins with a FrameHeader, and Fields. */
struct frame {
	__u64 headers_frame, fields, n_fields;
};

/* The stream of a *http2.MetaHeadersFrame; 0: it is none. */
__attribute__((noinline)) int frame_stream(__u64 address)
{
	enum { FRAME_HEADERS = 1, FIELDS_MAX = 1024 };
	struct {
		__u8 valid, type, flags, reserved;
		__u32 length, stream;
	} header;
	struct frame frame;
	__u64 name;
	char first;

	if (!peek(&frame, sizeof(frame), address) || !peek(&header, sizeof(header), frame.headers_frame))
		return 0;
	if (header.type != FRAME_HEADERS || !(header.stream & 1) || header.stream >> 31 || !frame.n_fields ||
	    frame.n_fields > FIELDS_MAX)
		return 0;
	if (!peek(&name, sizeof(name), frame.fields) || !peek(&first, sizeof(first), name) || first != ':')
		return 0;
	return (int)header.stream;
}

__attribute__((noinline)) int fields_take(__u64 fields, __u64 n)
{
	struct go_string name;

	for (__u32 i = 0; i < HEADERS_MAX; i++) {
		__u64 field = fields + (__u64)i * FIELD_SIZE;

		if (i >= n)
			return 0;
		if (!peek(&name, sizeof(name), field)) {
			counter_add(COUNTER_LOST_FAULT, 1);
			return 0;
		}
		if (header_is_wanted(name.length))
			header_take(name.data, (__u32)name.length, field + FIELD_VALUE, 0);
	}
	return 0;
}

/* Finds what is wanted of a frame's fields. A parent may be behind those that are looked at. */
static __always_inline void fields_find(struct scratch *scratch, __u64 address)
{
	struct frame frame = { 0 };

	scratch->seen = 0;
	peek(&frame, sizeof(frame), address);
	fields_take(frame.fields, frame.n_fields);
	if (frame.n_fields <= HEADERS_MAX)
		return;
	counter_add(COUNTER_LOST_HEADERS, 1);
	scratch->seen &= ~PARENT_HEADERS;
}

static __always_inline void rpc_server_describe(struct scratch *scratch, __u64 transport)
{
	enum { PEER = 64, PEER_1_59 = 80 }; /* http2Server.peer.Addr, to 1.59 http2Server.remoteAddr */

	if (header_is_found(scratch, FOUND_PATH))
		text_want(scratch, TEXT_RPC_METHOD, &scratch->found[FOUND_PATH].text);
	if (header_is_found(scratch, FOUND_AUTHORITY))
		text_want(scratch, TEXT_HOST, &scratch->found[FOUND_AUTHORITY].text);
	headers_want(scratch);
	texts_read();
	transport_addresses(transport, PEER, PEER_1_59, &scratch->open.span);
}

static __always_inline void rpc_server_begin(const struct place *place, __u64 transport, __u32 stream, __u64 frame)
{
	struct scratch *scratch = scratch_get();
	struct rpc_key key = rpc_key(place, transport, stream);

	if (!scratch)
		return;
	span_begin(&scratch->open, SPAN_KIND_SERVER, TRACE_GRPC);
	fields_find(scratch, frame);
	if (header_is_found(scratch, FOUND_PATH))
		metric_add_text(&scratch->open, &scratch->found[FOUND_PATH].text);
	scratch->open.is_sampled = !options.wants_no_span && span_set_parent(scratch);
	if (scratch->open.is_sampled)
		rpc_server_describe(scratch, transport);
	else if (!place->binary->follows && !options.measures)
		return;
	if (bpf_map_update_elem(&pending, &key, &scratch->open, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
}

/* operateHeaders(t, frame, ...), from 1.60 on operateHeaders(t, ctx, frame, ...). */
SEC("uprobe")
int grpc_headers(GO_CONTEXT *ctx)
{
	__u64 frame = GO_ARG3(ctx);
	struct place place;
	int stream;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	stream = frame_stream(frame);
	if (!stream) {
		frame = GO_ARG1(ctx);
		stream = frame_stream(frame);
	}
	if (stream)
		rpc_server_begin(&place, GO_ARG0(ctx), (__u32)stream, frame);
	return 0;
}

/* ---- server: the handler's goroutine ---- */

/* The stream's id is its first field to 1.68, then in a struct that it points to, and from 1.77 on further behind. */
static __always_inline struct open_span *pending_find(__u64 stream, struct rpc_key *key)
{
	enum { ID_1_77 = 108 };
	struct open_span *open = NULL;
	__u64 pointer;

	for (__u32 way = 0; way < 3 && !open; way++) {
		__u64 at = way == 0 ? stream : stream + ID_1_77;

		if (way == 2 && peek(&pointer, sizeof(pointer), stream))
			at = pointer;
		if (peek(&key->stream, sizeof(key->stream), at) && key->stream & 1)
			open = bpf_map_lookup_elem(&pending, key);
	}
	return open;
}

/* A worker, which serves one stream after another, begins the next one: that before it is over. */
static __always_inline void rpc_server_forget(const struct place *place, __u64 g)
{
	struct trace_span_key key = span_key(place, g, SLOT_SERVER);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open || open->span.protocol != TRACE_GRPC)
		return;
	span_close(place, &key, open);
}

/* handleStream(s, t, stream), t an interface. */
SEC("uprobe")
int grpc_server(GO_CONTEXT *ctx)
{
	__u64 g = GO_G(ctx), stream = GO_ARG3(ctx);
	struct place place;
	struct rpc_key key;
	struct open_span *open;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	rpc_server_forget(&place, g);
	key = rpc_key(&place, GO_ARG2(ctx), 0);
	open = pending_find(stream, &key);
	if (!open)
		return 0;
	open->object = stream;
	open->span.goroutine_id = field_read(g, place.binary->head.g_goid);
	context_set(&place, g, &open->span, open->is_sampled);
	if (open->is_sampled || options.measures)
		span_open(&place, g, SLOT_SERVER, open);
	bpf_map_delete_elem(&pending, &key);
	return 0;
}

/* Of a stream that the client has given up no status is written: this is the last that is seen of it. A goroutine of its
 * own ends soon, a worker goes on with another one. */
SEC("uprobe")
int grpc_response(GO_CONTEXT *ctx)
{
	struct place place;
	struct trace_span_key key;
	struct open_span *open;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, GO_G(ctx), SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (open && open->span.protocol == TRACE_GRPC)
		open->span.end_ns = bpf_ktime_get_ns();
	return 0;
}

/* WriteStatus(t, stream, status) */
SEC("uprobe")
int grpc_server_end(GO_CONTEXT *ctx)
{
	__u64 g = GO_G(ctx);
	struct place place;
	struct trace_span_key key;
	struct open_span *open;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	context_forget(&place, g);
	if (!open || open->object != GO_ARG1(ctx))
		return 0;
	span_set_code(&open->span, status_read(GO_ARG2(ctx)));
	open->span.flags &= ~SPAN_PANICKED; /* it was recovered */
	open->span.end_ns = 0;
	span_close(&place, &key, open);
	return 0;
}

/* ---- server: below net/http ---- */

/* Where the span of a *serverHandlerTransport is: the goroutine of net/http's handler. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct trace_span_key);
	__type(value, __u64);
} handlers SEC(".maps");

/* HandleStreams(ht, ...), on that goroutine. */
SEC("uprobe")
int grpc_below(GO_CONTEXT *ctx)
{
	__u64 g = GO_G(ctx);
	struct place place;
	struct trace_span_key key;
	struct open_span *open;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (!open || open->span.protocol == TRACE_GRPC)
		return 0;
	open->span.flags |= SPAN_RPC;
	key = span_key(&place, GO_ARG0(ctx), SLOT_SERVER);
	if (bpf_map_update_elem(&handlers, &key, &g, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
	return 0;
}

/* WriteStatus(ht, stream, status), on the goroutine of gRPC's handler. */
SEC("uprobe")
int grpc_below_end(GO_CONTEXT *ctx)
{
	struct place place;
	struct trace_span_key key;
	struct open_span *open;
	__u64 *g;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, GO_ARG0(ctx), SLOT_SERVER);
	g = bpf_map_lookup_elem(&handlers, &key);
	if (!g)
		return 0;
	bpf_map_delete_elem(&handlers, &key);
	key = span_key(&place, *g, SLOT_SERVER);
	open = bpf_map_lookup_elem(&spans, &key);
	if (!open || !(open->span.flags & SPAN_RPC))
		return 0;
	open->span.rpc_status = (__u16)status_read(GO_ARG2(ctx));
	open->span.flags |= SPAN_HAS_RPC_STATUS;
	return 0;
}

/* ---- client ---- */

/* What open_span.request is of a call: a stream has its *clientStream there, as soon as there is one. */
enum { CALL_UNARY, CALL_STREAM };

/* A call is over without a return. A stream that there is by then goes on. */
static __always_inline void call_forget(const struct place *place, __u64 g)
{
	struct trace_span_key key = span_key(place, g, SLOT_RPC_CLIENT);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open)
		return;
	if (open->request <= CALL_STREAM) {
		span_close(place, &key, open);
		return;
	}
	span_end(&key, open);
	bpf_map_delete_elem(&spans, &key);
}

/* Whether a call that begins is inside of another one, which is noted there. If it is not, the other one is over. */
static __always_inline bool call_is_inner(const GO_CONTEXT *ctx, const struct place *place, __u64 g, __u64 depth)
{
	struct trace_span_key key = span_key(place, g, SLOT_RPC_CLIENT);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open)
		return false;
	if (call_is_inside(ctx, depth, open->object)) {
		if (!open->inner || depth < open->inner)
			open->inner = depth;
		return true;
	}
	call_forget(place, g);
	return false;
}

static __always_inline int call_begin(GO_CONTEXT *ctx, __u64 data, __u64 length, __u64 request)
{
	struct go_string method = { data, length };
	__u64 g = GO_G(ctx), depth;
	struct scratch *scratch;
	struct place place;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	depth = stack_depth(ctx);
	if (call_is_inner(ctx, &place, g, depth))
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	span_begin(&scratch->open, SPAN_KIND_CLIENT, TRACE_GRPC);
	metric_add_text(&scratch->open, &method);
	scratch->open.is_sampled = !options.wants_no_span && client_set_parent(&place, scratch, g, SLOT_RPC_CLIENT);
	if (scratch->open.is_sampled) {
		scratch->open.span.goroutine_id = field_read(g, place.binary->head.g_goid);
		text_add(&scratch->open.span, TEXT_RPC_METHOD, &method);
	} else if (!options.measures && !span_is_root(&scratch->open.span)) {
		return 0;
	}
	scratch->open.object = depth;
	scratch->open.request = request;
	scratch->open.inner = 0;
	span_open(&place, g, SLOT_RPC_CLIENT, &scratch->open);
	return 0;
}

/* Invoke(cc, ctx, method, ...) */
SEC("uprobe")
int grpc_invoke(GO_CONTEXT *ctx)
{
	return call_begin(ctx, GO_ARG3(ctx), GO_ARG4(ctx), CALL_UNARY);
}

/* NewStream(cc, ctx, desc, method, ...) */
SEC("uprobe")
int grpc_stream(GO_CONTEXT *ctx)
{
	return call_begin(ctx, GO_ARG4(ctx), GO_ARG5(ctx), CALL_STREAM);
}

/* The call that a goroutine is in the outermost function of. */
static __always_inline struct open_span *call_find(const struct place *place, __u64 g)
{
	struct trace_span_key key = span_key(place, g, SLOT_RPC_CLIENT);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	return open && !open->inner ? open : NULL;
}

/* newAttemptLocked(cs, ...): the first that is seen of a clientStream. From here on the span is the stream's, which may
 * end on any goroutine. */
SEC("uprobe")
int grpc_attempt(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open;
	struct trace_span_key key;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	open = call_find(&place, GO_G(ctx));
	if (!open || open->request != CALL_STREAM)
		return 0;
	open->request = GO_ARG0(ctx);
	key = span_key(&place, open->request, SLOT_RPC_CLIENT);
	if (bpf_map_update_elem(&spans, &key, open, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
	open->is_own = 0;
	return 0;
}

/* NewStream(t, ctx, callHdr, ...): an attempt has a connection. */
SEC("uprobe")
int grpc_client(GO_CONTEXT *ctx)
{
	enum { PEER = 160, PEER_1_59 = 96, HOST = 0 }; /* http2Client.remoteAddr's data word, CallHdr.Host */
	struct place place;
	struct open_span *open;
	struct trace_span_key key;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	open = call_find(&place, GO_G(ctx));
	if (open && open->request > CALL_STREAM) {
		key = span_key(&place, open->request, SLOT_RPC_CLIENT);
		open = bpf_map_lookup_elem(&spans, &key);
	}
	if (!open)
		return 0;
	text_add_field(&open->span, TEXT_HOST, GO_ARG3(ctx), HOST);
	transport_addresses(GO_ARG0(ctx), PEER, PEER_1_59, &open->span);
	return 0;
}

/* What a call ended with. An error that does not tell leaves what was known before. */
static __always_inline void call_set_code(struct trace_span *span, __u64 type, __u64 error)
{
	int code = error_code(type, error);

	if (code < 0) {
		span->flags |= SPAN_ERROR;
		return;
	}
	span->flags &= ~SPAN_ERROR;
	span_set_code(span, (__u32)code);
}

/* Ends a stream, which two goroutines may do at once: one that reads from it, and one that waits for its context, both
 * woken by the same cancel(). Who has taken it out of the map tells a copy. */
static __always_inline void stream_close(const struct place *place, const struct trace_span_key *key,
					 const struct open_span *open, __u64 type, __u64 error)
{
	struct scratch *scratch = scratch_get();

	if (!scratch || bpf_probe_read_kernel(&scratch->open, sizeof(scratch->open), open) ||
	    bpf_map_delete_elem(&spans, key))
		return;
	call_set_code(&scratch->open.span, type, error);
	span_close(place, key, &scratch->open);
}

/* finish(cs, err): the first one ends a stream. A unary call goes on in its interceptors. */
SEC("uprobe")
int grpc_finish(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open;
	struct trace_span_key key;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	key = span_key(&place, GO_ARG0(ctx), SLOT_RPC_CLIENT);
	open = bpf_map_lookup_elem(&spans, &key);
	if (open) {
		stream_close(&place, &key, open, GO_ARG1(ctx), GO_ARG2(ctx));
		return 0;
	}
	open = call_find(&place, GO_G(ctx));
	if (open && open->request == CALL_UNARY)
		call_set_code(&open->span, GO_ARG1(ctx), GO_ARG2(ctx));
	return 0;
}

/* The call that returns here, which is none that another one is around. */
static __always_inline struct open_span *call_return(GO_CONTEXT *ctx, struct place *place, struct trace_span_key *key)
{
	struct open_span *open;
	__u64 depth;

	if (!place_find(ctx, place))
		return NULL;
	*key = span_key(place, GO_G(ctx), SLOT_RPC_CLIENT);
	open = bpf_map_lookup_elem(&spans, key);
	if (!open)
		return NULL;
	depth = stack_depth(ctx);
	if (depth == open->inner)
		open->inner = 0;
	return depth == open->object ? open : NULL;
}

/* A ret of Invoke: err */
SEC("uprobe")
int grpc_invoke_end(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open;
	struct trace_span_key key;

	open = call_return(ctx, &place, &key);
	if (!open)
		return 0;
	call_set_code(&open->span, GO_ARG0(ctx), GO_ARG1(ctx));
	span_close(&place, &key, open);
	return 0;
}

/* A ret of NewStream: stream, err. With an error there is no stream, or nothing but that will come of it. */
SEC("uprobe")
int grpc_stream_end(GO_CONTEXT *ctx)
{
	__u64 type = GO_ARG2(ctx), error = GO_ARG3(ctx);
	struct trace_span_key key, stream_key;
	struct open_span *open, *ended;
	struct place place;

	open = call_return(ctx, &place, &key);
	if (!open)
		return 0;
	ended = open;
	stream_key = span_key(&place, open->request, SLOT_RPC_CLIENT);
	if (open->request > CALL_STREAM)
		ended = bpf_map_lookup_elem(&spans, &stream_key);
	if (type && ended) {
		call_set_code(&ended->span, type, error);
		span_close(&place, &stream_key, ended);
	}
	span_end(&key, open);
	bpf_map_delete_elem(&spans, &key);
	return 0;
}

#endif
