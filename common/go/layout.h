/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fields of structs of Go's runtime and library are: offsets in bytes.
 *
 * From the table where it has the release: scripts/go-layout makes it from real toolchains (layout.inc). Offsets move
 * inside a minor release too, so it goes by release, and holds the one from which on a value is right. A release that
 * is newer, a development version or a vendor's own is looked up in the file's DWARF, and only where there is none, the
 * nearest older release is taken for it. The table comes first because it is as right, and free: DWARF takes 1.4 ms for
 * each MB of the file, and for as long 0.45 MB of memory (measured: 157 MB, 215 ms, 66 MB).
 *
 * The table is amd64's. On arm64 all is the same but runtime.work, which is padded for other cache lines: from Go 1.20
 * on its fields are 64 to 256 bytes further on there, all by the same, so that the distance of two fields is right
 * (measured on 1.17.13 to 1.27.4). DWARF is right in any case.
 */
#ifndef OTB_GO_LAYOUT_H
#define OTB_GO_LAYOUT_H

#include "common/go/binary.h"

/* Named STRUCT_FIELD; the struct types' Go names stand in layout.c. */
enum go_field {
	GO_G_M,
	GO_G_GOID,
	GO_G_STARTPC,
	GO_G_PARENTGOID, /* from 1.21 on: who made it */
	GO_G_ATOMICSTATUS,
	GO_M_CURG,
	GO_M_PREEMPTOFF, /* a string: why this m stopped the world (to 1.20 the only place) */
	GO_WORK_CYCLES,  /* runtime.work; its type has no name to 1.19 */
	GO_WORK_USER_FORCED,
	GO_WORK_PAUSE_START, /* to 1.21 */
	GO_WORK_T_SWEEP_TERM,
	GO_WORK_T_END,
	GO_WORK_HEAP0,
	GO_WORK_HEAP1,
	GO_WORK_HEAP2,
	GO_CONTROLLER_LAST_HEAP_GOAL, /* runtime.gcControllerState */
	GO_SCHED_NGSYS,               /* runtime.schedt */
	GO_SCHED_GFREE_N,             /* free goroutines: gFree.n; from 1.25 in two lists: gFree.stack.size */
	GO_SCHED_GFREE_NO_STACK,      /* gFree.noStack.size, where there are two lists */
	GO_P_GFREE_N,                 /* gFree.n, or gFree.size */
	GO_REQUEST_METHOD,            /* net/http.Request */
	GO_REQUEST_URL,
	GO_REQUEST_PROTO_MAJOR,
	GO_REQUEST_HEADER,
	GO_REQUEST_HOST,
	GO_REQUEST_REMOTE_ADDR,
	GO_REQUEST_REQUEST_URI,
	GO_REQUEST_TLS,
	GO_REQUEST_PATTERN, /* a string, from 1.23 on */
	GO_REQUEST_PAT,     /* a pointer to net/http.pattern, from 1.22 on */
	GO_PATTERN_STR,
	GO_URL_SCHEME, /* net/url.URL */
	GO_URL_HOST,
	GO_URL_PATH,
	GO_URL_RAW_QUERY,
	GO_URL_RAW_PATH,
	GO_RESPONSE_CONN, /* net/http.response, the server's */
	GO_RESPONSE_REQ,
	GO_RESPONSE_STATUS,
	GO_CONN_RWC, /* net/http.conn */
	GO_CONN_TLS_STATE,
	GO_CONN_REMOTE_ADDR,
	GO_CLIENT_RESPONSE_STATUS_CODE, /* net/http.Response, the client's */
	GO_CLIENT_RESPONSE_PROTO_MAJOR,
	GO_NET_CONN_FD, /* net.conn, with which net.TCPConn begins */
	GO_NETFD_LADDR,
	GO_NETFD_RADDR,
	GO_TCPADDR_IP,
	GO_TCPADDR_PORT,
	GO_TLS_CONN_CONN,
	/* The HTTP/2 server that is in net/http, from 1.27 on in net/http/internal/http2. */
	GO_H2_RESPONSE_WRITER_RWS, /* a pointer to the responseWriterState */
	GO_H2_RWS_STREAM,
	GO_H2_RWS_REQ, /* a pointer to a Request; from 1.27 on a ServerRequest itself */
	GO_H2_RWS_STATUS,
	GO_H2_STREAM_ID,
	GO_H2_SERVER_CONN_CONN,
	GO_SERVER_REQUEST_METHOD, /* http2.ServerRequest, from 1.27 on */
	GO_SERVER_REQUEST_URL,
	GO_SERVER_REQUEST_HEADER,
	GO_SERVER_REQUEST_HOST,
	GO_SERVER_REQUEST_REMOTE_ADDR,
	GO_SERVER_REQUEST_TLS,
	GO_STMT_QUERY, /* database/sql.Stmt */
	GO_DRIVER_CONN_CI,
	GO_FIELD_MAX,
};

#define GO_OFFSET_NONE (-1)

enum go_layout_source {
	GO_LAYOUT_TABLE, /* the release is no newer than the newest of its minor in the table */
	GO_LAYOUT_DWARF,
	GO_LAYOUT_GUESS, /* neither: the nearest older release of the table */
};

struct go_layout {
	int32_t offsets[GO_FIELD_MAX]; /* GO_OFFSET_NONE: there is no such field, or it is not known where */
	enum go_layout_source source;
};

void go_layout_get(struct go_layout *layout, const struct go_binary *binary);

/* Each way by itself. False, and the layout as it was, where there is no DWARF with the runtime's types; the library's
 * fields are GO_OFFSET_NONE where the program does not use their structs. libdw is shown no more than 256 MB,
 * and no more than twice the file's size, as it is and decompressed: what has more has none. */
bool go_layout_from_dwarf(struct go_layout *layout, const struct go_binary *binary);
void go_layout_from_table(struct go_layout *layout, const struct go_version *version);

#endif
