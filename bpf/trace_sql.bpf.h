/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: calls of database/sql that run a text: Query, QueryRow and Exec of DB, Tx, Conn and Stmt.
 *
 * A span is one call, from when it has a connection until it has the rows, or the result, or an error. A call that
 * database/sql tries again, since its connection was a bad one, is still one call, as the semantic conventions want it
 * (docs/db/database-spans.md: "with all retries"), and its error is that of the last attempt. Nothing is called between
 * the last attempt and the return, so a span whose attempt has failed for a bad connection waits with its end noted: for
 * the next attempt, or else for the next call, the request's or the goroutine's end, which tell it as it is. Where the
 * next call begins is seen, for it may be of the same text.
 *
 * Signatures and the order of calls: go-rpc.md 6, database/sql/sql.go, the same in Go 1.17 to 1.27. The release functions
 * are called as method values, so they are those called *-fm, whose only argument is the error.
 */
#ifndef OTB_TRACE_SQL_BPF_H
#define OTB_TRACE_SQL_BPF_H

#include "bpf/trace_goroutine.bpf.h"

enum {
	DRIVER_CONN_CI = 40, /* database/sql.driverConn.ci, a driver.Conn */
	STMT_QUERY = 8,      /* database/sql.Stmt.query */
	SQL_ATTEMPTS = 3,    /* maxBadConnRetries, and one more */
};

/* Prepared statements that are being run, by the goroutine that does: what runs them does not know their text. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct trace_span_key);
	__type(value, __u64); /* *database/sql.Stmt */
} statements SEC(".maps");

/* Adds a text in as many parts as there is room for. */
static __always_inline void text_add_parts(struct trace_span *span, __u32 text, struct go_string string)
{
	enum { PART = TRACE_TEXT_MAX - sizeof(struct trace_text_head) };

	text_add(span, text, &string);
	if (string.length <= PART)
		return;
	string.data += PART;
	string.length -= PART;
	text_add(span, text, &string);
}

/* ---- beginning ---- */

/* Whether the span under way is of the same call, which is tried again; it goes on then. */
static __always_inline bool sql_is_retried(const struct place *place, __u64 g, __u64 object)
{
	struct trace_span_key key = span_key(place, g, SLOT_SQL);
	struct open_span *open = bpf_map_lookup_elem(&spans, &key);

	if (!open || !open->attempts || open->object != object)
		return false;
	open->span.end_ns = 0;
	open->span.error = 0;
	open->span.flags &= ~(SPAN_ERROR | SPAN_ERROR_POINTER);
	return true;
}

/* `object` is the same for every attempt of a call; `itab` is that of the driver's connection. */
static __always_inline void sql_begin(const struct place *place, __u64 g, __u64 object, const struct go_string *text,
				      __u64 itab)
{
	struct scratch *scratch;
	struct trace_span *span;

	if (sql_is_retried(place, g, object))
		return;
	span_abandon(place, g, SLOT_SQL);
	scratch = scratch_get();
	if (!scratch)
		return;
	span = &scratch->open.span;
	span_begin(&scratch->open, SPAN_KIND_CLIENT, TRACE_SQL);
	if (options.wants_no_span)
		return;
	scratch->open.is_sampled = client_set_parent(place, scratch, g, SLOT_SQL);
	if (scratch->open.is_sampled) {
		span->goroutine_id = field_read(g, place->binary->head.g_goid);
		span->callee = method_read(place, itab, CONN_CLOSE);
		text_add_parts(span, TEXT_DB_QUERY, *text);
	} else if (!span_is_root(span)) {
		return;
	}
	scratch->open.object = object;
	scratch->open.attempts = 0;
	span_open(place, g, SLOT_SQL, &scratch->open);
}

/* A text that is run as it is: what comes of it is not of a statement. */
static __always_inline void sql_text_begin(GO_CONTEXT *ctx, enum trace_probe probe, const struct go_string *text,
					   __u64 conn)
{
	struct trace_span_key key;
	struct place place;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return;
	place_set_bias(ctx, &place, place.binary->sites[probe]);
	key = span_key(&place, GO_G(ctx), SLOT_SQL);
	if (bpf_map_lookup_elem(&statements, &key))
		bpf_map_delete_elem(&statements, &key);
	sql_begin(&place, GO_G(ctx), text->data, text, go_read_u64(conn + DRIVER_CONN_CI));
}

/* (*DB).QueryContext and ExecContext, which are what tries a text again: the call before this one has got no other
 * connection. */
SEC("uprobe")
int sql_call(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		span_abandon(&place, GO_G(ctx), SLOT_SQL);
	return 0;
}

/* queryDC(db, ctx, txctx, dc, releaseConn, query, args) */
SEC("uprobe")
int sql_query(GO_CONTEXT *ctx)
{
	struct go_string text = { GO_ARG7(ctx), GO_ARG8(ctx) };

	sql_text_begin(ctx, PROBE_SQL_QUERY, &text, GO_ARG5(ctx));
	return 0;
}

/* execDC(db, ctx, dc, release, query, args) */
SEC("uprobe")
int sql_exec(GO_CONTEXT *ctx)
{
	struct go_string text = { GO_ARG5(ctx), GO_ARG6(ctx) };

	sql_text_begin(ctx, PROBE_SQL_EXEC, &text, GO_ARG3(ctx));
	return 0;
}

/* (*Stmt).QueryContext and ExecContext, which have no connection yet. */
SEC("uprobe")
int sql_prepared(GO_CONTEXT *ctx)
{
	__u64 statement = GO_ARG0(ctx);
	struct trace_span_key key;
	struct place place;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	span_abandon(&place, GO_G(ctx), SLOT_SQL);
	key = span_key(&place, GO_G(ctx), SLOT_SQL);
	if (bpf_map_update_elem(&statements, &key, &statement, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
	return 0;
}

/* rowsiFromStatement(ctx, ci, ds, args) and resultFromStatement, which has the same arguments. Drivers that run no text
 * as it is are called by queryDC and execDC in this way, too: these have begun a span. */
static __always_inline void sql_prepared_begin(GO_CONTEXT *ctx, enum trace_probe probe)
{
	struct trace_span_key key;
	struct go_string text;
	struct place place;
	__u64 *statement;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return;
	key = span_key(&place, GO_G(ctx), SLOT_SQL);
	statement = bpf_map_lookup_elem(&statements, &key);
	if (!statement)
		return;
	place_set_bias(ctx, &place, place.binary->sites[probe]);
	text = string_read(*statement + STMT_QUERY);
	sql_begin(&place, GO_G(ctx), *statement, &text, GO_ARG2(ctx));
}

SEC("uprobe")
int sql_prepared_query(GO_CONTEXT *ctx)
{
	sql_prepared_begin(ctx, PROBE_SQL_PREPARED_QUERY);
	return 0;
}

SEC("uprobe")
int sql_prepared_exec(GO_CONTEXT *ctx)
{
	sql_prepared_begin(ctx, PROBE_SQL_PREPARED_EXEC);
	return 0;
}

/* ---- ends ---- */

/* Whether an error's value is driver.ErrBadConn, an errors.errorString, which is a string. */
static __always_inline bool error_is_bad_connection(__u64 error)
{
	enum { LENGTH = sizeof("driver: bad connection") - 1 };
	union {
		char bytes[24];
		__u64 words[3];
	} text = { "" }, bad = { "driver: bad connection" };
	struct go_string string;

	if (bpf_probe_read_user(&string, sizeof(string), (const void *)error) || string.length != LENGTH ||
	    bpf_probe_read_user(text.bytes, LENGTH, (const void *)string.data))
		return false;
	return text.words[0] == bad.words[0] && text.words[1] == bad.words[1] && text.words[2] == bad.words[2];
}

/* Whether this attempt may be followed by another. A statement is tried again on a connection that a Tx or a Conn holds,
 * too. */
static __always_inline bool sql_may_retry(const struct place *place, struct open_span *open, __u64 g, __u64 error,
					  bool is_held)
{
	struct trace_span_key key = span_key(place, g, SLOT_SQL);

	if (open->attempts >= SQL_ATTEMPTS - 1 || !error_is_bad_connection(error))
		return false;
	return !is_held || bpf_map_lookup_elem(&statements, &key);
}

/* `error` is nil, or the itab and the value of what the call returns. Whether the stack is going to grow does not matter:
 * the first hit counts, and finds no span at the second. The second would be late: registers of arguments that a function
 * does not use, as that of Tx the error, are not kept while the stack grows. */
static __always_inline void sql_end(GO_CONTEXT *ctx, __u64 error_itab, __u64 error, bool is_held)
{
	struct trace_span_key key;
	struct open_span *open;
	struct place place;
	__u64 g = GO_G(ctx);

	if (!place_find(ctx, &place))
		return;
	key = span_key(&place, g, SLOT_SQL);
	open = bpf_map_lookup_elem(&spans, &key);
	/* What has ended waits for the next attempt. */
	if (!open || open->span.end_ns)
		return;
	if (error_itab) {
		span_set_error(&place, &open->span, error_itab);
		if (sql_may_retry(&place, open, g, error, is_held)) {
			open->attempts++;
			open->span.end_ns = bpf_ktime_get_ns();
			return;
		}
	}
	span_close(&place, &key, open);
}

SEC("uprobe")
int sql_rows(GO_CONTEXT *ctx)
{
	sql_end(ctx, 0, 0, false);
	return 0;
}

SEC("uprobe")
int sql_release_pool(GO_CONTEXT *ctx)
{
	sql_end(ctx, GO_ARG0(ctx), GO_ARG1(ctx), false);
	return 0;
}

SEC("uprobe")
int sql_release_held(GO_CONTEXT *ctx)
{
	sql_end(ctx, GO_ARG0(ctx), GO_ARG1(ctx), true);
	return 0;
}

#endif
