/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/trace.bpf.c and otb-trace tell each other (bpf/go.h).
 *
 * A span is one event, written when it has ended: a struct trace_span and behind it its texts, as many bytes as they
 * take (trace_text_head, then the text; the next begins at once).
 */
#ifndef OTB_BPF_TRACE_H
#define OTB_BPF_TRACE_H

#include "bpf/go.h"

/* The probes of one binary; in trace_binary.sites by these numbers, and attached from the last to the first. What ends a
 * span comes behind what begins it, and what may happen in it, of which nothing is to be missed, behind both. */
enum trace_probe {
	PROBE_HTTP_SERVER,        /* net/http.serverHandler.ServeHTTP */
	PROBE_HTTP2_SERVER,       /* (*serverConn).runHandler with a *Request */
	PROBE_HTTP2_SERVER_27,    /* the same with a *ServerRequest, from 1.27 on */
	PROBE_HTTP2_WRITE_HEADER, /* (*responseWriterState).writeHeader, from 1.27 on */
	PROBE_MUX_REQUEST,        /* (*ServeMux).ServeHTTP, where the Request is seen nowhere before */
	PROBE_MUX_ROUTE,          /* (*ServeMux).handler, from 1.22 on (*serveMux121).handler */
	PROBE_GIN_ROUTE,          /* gin.(*Engine).ServeHTTP: the call of sync.(*Pool).Put */
	PROBE_CHI_ROUTE,          /* chi.(*Mux).ServeHTTP: the same */
	PROBE_GORILLA_ROUTE,      /* mux.requestWithRoute */
	PROBE_ECHO_ROUTE,         /* echo.(*Echo).ServeHTTP: the same */
	PROBE_RECOVER,            /* the deferred functions in which net/http recovers */
	PROBE_HIJACK,             /* (*conn).hijackLocked */
	PROBE_HTTP_CLIENT,        /* net/http.(*Transport).roundTrip */
	PROBE_GRPC_HEADERS,       /* google.golang.org/grpc: (*http2Server).operateHeaders */
	PROBE_GRPC_SERVER,        /* (*Server).handleStream */
	PROBE_GRPC_BELOW,         /* (*serverHandlerTransport).HandleStreams: below net/http */
	PROBE_GRPC_INVOKE,        /* (*ClientConn).Invoke */
	PROBE_GRPC_STREAM,        /* (*ClientConn).NewStream */
	PROBE_GRPC_ATTEMPT,       /* (*clientStream).newAttemptLocked */
	PROBE_GRPC_CLIENT,        /* (*http2Client).NewStream */
	PROBE_SQL_CALL,           /* database/sql.(*DB).QueryContext and ExecContext */
	PROBE_SQL_QUERY,          /* (*DB).queryDC */
	PROBE_SQL_EXEC,           /* (*DB).execDC */
	PROBE_SQL_PREPARED,       /* (*Stmt).QueryContext and ExecContext */
	PROBE_SQL_PREPARED_QUERY, /* rowsiFromStatement */
	PROBE_SQL_PREPARED_EXEC,  /* resultFromStatement */
	PROBE_HTTP_SERVER_END,    /* (*response).finishRequest */
	PROBE_HTTP2_SERVER_END,   /* (*responseWriter).handlerDone */
	PROBE_XNET_SERVER_END,    /* the same in golang.org/x/net/http2 */
	PROBE_HTTP_CLIENT_END,    /* its rets */
	PROBE_GRPC_RESPONSE,      /* (*Server).sendResponse */
	PROBE_GRPC_SERVER_END,    /* (*http2Server).WriteStatus */
	PROBE_GRPC_BELOW_END,     /* (*serverHandlerTransport).WriteStatus */
	PROBE_GRPC_FINISH,        /* (*clientStream).finish */
	PROBE_GRPC_INVOKE_END,    /* the rets of (*ClientConn).Invoke */
	PROBE_GRPC_STREAM_END,    /* the rets of (*ClientConn).NewStream */
	PROBE_SQL_ROWS,           /* (*Rows).initContextClose: a query has its rows */
	PROBE_SQL_RELEASE_POOL,   /* (*driverConn).releaseConn: the pool has its connection back */
	PROBE_SQL_RELEASE_HELD,   /* the same of a connection that a Tx or a Conn goes on to hold */
	PROBE_PANIC,              /* runtime.gopanic */
	PROBE_GOEXIT,             /* runtime.goexit0 or, where there is one, gdestroy */
	PROBE_NEW_GOROUTINE,      /* runtime.newproc1, where it has made one */
	PROBE_STATUS,             /* runtime.casgstatus: --sched */
	PROBE_STOP_THE_WORLD,     /* runtime.stopTheWorldWithSema: to 1.21 */
	PROBE_START_THE_WORLD,    /* runtime.startTheWorldWithSema */
	TRACE_PROBES_MAX,
};

_Static_assert((int)PROBE_PANIC == (int)PROBE_SQL_RELEASE_HELD + 1 &&
		       (int)PROBE_START_THE_WORLD == (int)TRACE_PROBES_MAX - 1,
	       "what may happen in a span is seen before one begins");

/* *net/http.Request, and what HTTP/2 has in its place from Go 1.27 on: *net/http/internal/http2.ServerRequest. */
enum trace_request_kind { TRACE_REQUEST, TRACE_SERVER_REQUEST, TRACE_REQUEST_KINDS };

/* Where in a request of one kind its fields are; GO_NO_OFFSET: not known. */
struct trace_request_layout {
	__s32 method, url, header, host, remote_addr, tls;
};

/* What has to be known of a binary. Addresses are those of the file, 0 where they are not known. */
struct trace_binary {
	struct go_binary_head head;
	__u64 sites[TRACE_PROBES_MAX]; /* 0: no such probe */
	struct trace_request_layout requests[TRACE_REQUEST_KINDS];
	__s32 request_proto_major, request_pattern, request_pat, pattern_str;
	__s32 url_scheme, url_host, url_path, url_raw_path, url_raw_query;
	__s32 response_conn, response_req, response_status;
	__s32 client_response_status, client_response_proto_major;
	__s32 conn_rwc, conn_tls_state;
	__s32 net_conn_fd, netfd_laddr, netfd_raddr, tcpaddr_ip, tcpaddr_port, tls_conn_conn;
	__s32 h2_writer_rws, h2_rws_status, h2_rws_req;
	__s32 mux_pattern;    /* PROBE_MUX_ROUTE: the pattern's address, from the stack pointer */
	__u32 has_swiss_maps; /* Go 1.24 and later, but for GOEXPERIMENT=noswissmap */
	__u32 calls;          /* there are functions that make client spans */
	__u32 follows;        /* goroutines are followed: client spans have server spans to be in */
};

enum trace_event { TRACE_SPAN = GO_EVENT_EXEC + 1, TRACE_STOP };

enum trace_span_kind { SPAN_KIND_SERVER = 2, SPAN_KIND_CLIENT = 3 }; /* opentelemetry-proto's numbers */

enum trace_protocol { TRACE_HTTP1, TRACE_HTTP2, TRACE_GRPC, TRACE_SQL };

enum trace_parent_source {
	SOURCE_NEW,
	SOURCE_TRACEPARENT,
	SOURCE_B3,
	SOURCE_B3_MULTI,
	SOURCE_GOROUTINE,
};

enum trace_span_flags {
	SPAN_TLS = 1 << 0,
	SPAN_PANICKED = 1 << 1,
	SPAN_HIJACKED = 1 << 2,
	SPAN_HAS_STATUS = 1 << 3,
	SPAN_ERROR = 1 << 4, /* the call returned an error */
	SPAN_RPC = 1 << 6,   /* net/http's, and gRPC is served by its handler */
	SPAN_HAS_RPC_STATUS = 1 << 7,
	SPAN_ERROR_POINTER = 1 << 8, /* the error is of a pointer's type */
	SPAN_ROUTE_PARTS = 1 << 9,   /* the route is in parts: TEXT_ROUTE_PART */
};

#define TRACE_NO_THRESHOLD (~0ULL)
#define TRACE_NO_TIME (~0ULL)

enum {
	TRACE_TEXT_SIZE = 1024,
	TRACE_TEXT_MAX = 512,
	TRACE_HEADERS_MAX = 8,
	TRACE_HEADER_NAME_SIZE = 64,
	TRACE_ROUTE_PARTS_MAX = 8
};

/* What a text is. One that is longer than TRACE_TEXT_MAX is in several parts, which follow each other. */
enum trace_text {
	TEXT_METHOD,
	TEXT_PATH,
	TEXT_QUERY,
	TEXT_SCHEME,
	TEXT_HOST,
	TEXT_PEER,          /* as Go writes it: "192.0.2.1:80", "[2001:db8::1%eth0]:80" */
	TEXT_PATTERN,       /* of net/http's ServeMux: "GET example.com/items/{id}" */
	TEXT_INNER_PATTERN, /* of another one, which was its handler */
	TEXT_ROUTE,         /* of another router, complete */
	TEXT_ROUTE_PART,    /* of chi: one for each of its routers, from the outermost to the innermost */
	TEXT_USER_AGENT,
	TEXT_TRACESTATE,
	TEXT_RPC_METHOD, /* "/package.Service/Method" */
	TEXT_DB_QUERY,
	TEXT_RAW_PATH, /* of a client's URL: the path as it was written, if nobody has set another one since */
	TEXT_HEADER,   /* and the ones behind it: those of --header, in their order */
	TEXT_MAX = TEXT_HEADER + TRACE_HEADERS_MAX,
};

struct trace_text_head {
	__u8 text; /* enum trace_text */
	__u8 cut;  /* it goes on, but is not here */
	__u16 size;
};

struct trace_address {
	__u8 ip[16];
	__u16 port;
	__u16 ip_length; /* 4 or 16; 0: not known */
};

struct trace_span {
	struct go_event head;
	__u64 start_ns, end_ns;
	__u64 goroutine_id; /* 0: not known */
	__u8 trace_id[16];
	__u8 span_id[8];
	__u8 parent_span_id[8];
	__u64 threshold; /* with which it was sampled; TRACE_NO_THRESHOLD: not, or not known */
	__u64 callee;    /* SQL: an address in the file, inside of a method of the driver; 0: not known */
	__u64 error;     /* the same, of a method of the error that the call returned */
	struct trace_address local, peer; /* as the socket has them */
	__u64 process_start_ns;           /* of the process, since boot; 0: not known */
	__u64 runnable_ns;                /* its goroutine was ready to run, and did not; TRACE_NO_TIME: not known */
	__u8 kind, protocol, parent_source, reserved;
	__u16 flags;
	__u16 status; /* with SPAN_HAS_STATUS: HTTP's or gRPC's */
	__u16 text_size;
	__u16 rpc_status; /* with SPAN_HAS_RPC_STATUS: gRPC's, beside HTTP's */
	__u16 reserved2[2];
	__u8 text[TRACE_TEXT_SIZE +
		  TRACE_TEXT_MAX]; /* the second part is room for the last one, and for what is missing */
};

/* The GC had stopped the world. */
struct trace_stop {
	struct go_event head;
	__u64 start_ns, end_ns;
};

/*
 * Requests are counted by this, sampled or not. A text that is longer than there is room for is cut; its length is not.
 */
enum { TRACE_METRICS_MAX = 4096, TRACE_METRIC_TEXT_SIZE = 104, TRACE_METHOD_SIZE = 8, TRACE_METHODS_MAX = 16 };

struct trace_metric_key {
	__u32 pid, incarnation;
	__u8 kind, protocol; /* HTTP/2 is TRACE_HTTP1, too */
	__u16 flags;         /* SPAN_HAS_STATUS, SPAN_PANICKED, SPAN_ERROR, SPAN_ROUTE_PARTS; of a client SPAN_TLS */
	__u16 status, text_length;
	__u8 method[TRACE_METHOD_SIZE]; /* HTTP's, if it is one of those that are known, else zeros */
	/* HTTP's server: the pattern, the route, or its parts in one; HTTP's client: the URL's host; gRPC's: ":path" */
	__u8 text[TRACE_METRIC_TEXT_SIZE];
};

/* How many there are of up to each of the bounds, but not up to the one before it, and beyond. */
enum { TRACE_BOUNDS = 14 };

struct trace_metric {
	__u64 process_start_ns;
	__u8 comm[GO_COMM_SIZE];
	__u64 total_ns;
	__u64 counts[TRACE_BOUNDS + 1];
};

/* Those for which there was no room, by kind and protocol. */
enum { TRACE_OVERFLOWS = 8 };

static inline __u32 trace_overflow_index(__u32 kind, __u32 protocol)
{
	return (kind - SPAN_KIND_SERVER) << 2 | protocol;
}

static inline void trace_overflow_of(__u32 index, __u8 *kind, __u8 *protocol)
{
	*kind = (__u8)(SPAN_KIND_SERVER + (index >> 2));
	*protocol = (__u8)(index & 3);
}

/* The key of a span under way: a goroutine can be in one of each slot. */
enum span_slot { SLOT_SERVER, SLOT_CLIENT, SLOT_RPC_CLIENT, SLOT_SQL };

struct trace_span_key {
	__u64 g;
	__u32 pid;
	__u32 incarnation_slot; /* which process had this pid << 2 | enum span_slot */
};

/* How many spans can be under way: where a map takes its memory when it is made, and where it does so span by span. */
enum { TRACE_SPANS_RESERVED = 8192, TRACE_SPANS_MAX = 65536 };

/* Where in a value of the map `spans` a __u64 says whether that is a request that is told or counted, and
 * not only there for those in it. */
enum { TRACE_OPEN_OWN_AT = 104, TRACE_OPEN_SIZE_MAX = 4096 };

/* Where in a value of the map `processes` a __u32 says which process that is, as the keys of its spans do. */
enum { TRACE_INCARNATION_AT = 16, TRACE_INCARNATION_MASK = 0x3fffffff };

/* What is wanted: set before the load. */
struct trace_options {
	__u32 samples; /* else every request is a span */
	__u32 wants_query;
	__u32 wants_sched;
	__u32 measures;      /* every request is counted */
	__u32 wants_no_span; /* but for what is counted */
};

/* The headers that are looked for; trace_header_name by these numbers. */
enum found_header {
	FOUND_TRACEPARENT,
	FOUND_TRACESTATE,
	FOUND_B3,
	FOUND_B3_TRACE_ID,
	FOUND_B3_SPAN_ID,
	FOUND_B3_SAMPLED,
	FOUND_B3_FLAGS,
	FOUND_USER_AGENT,
	FOUND_PATH, /* gRPC's: the method */
	FOUND_AUTHORITY,
	FOUND_WANTED, /* and those of --header, in their order */
	FOUND_MAX = FOUND_WANTED + TRACE_HEADERS_MAX,
};

/* A header's name: every byte with bit 5 set, which makes letters small. */
struct trace_header_name {
	__u64 words[TRACE_HEADER_NAME_SIZE / 8];
	__u32 length;
	__u32 reserved;
};

_Static_assert(sizeof(struct trace_stop) == 48, "wire struct");
_Static_assert(sizeof(struct trace_metric_key) == 128, "wire struct");
_Static_assert(sizeof(struct trace_metric) == 152, "wire struct");
_Static_assert(sizeof(struct trace_text_head) == 4, "wire struct");
_Static_assert(sizeof(struct trace_address) == 20, "wire struct");
_Static_assert(__builtin_offsetof(struct trace_span, text) == 184, "wire struct");

#endif
