/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span as it is told by the kernel side, taken apart: its texts by what they are.
 */
#ifndef OTB_TRACE_SPAN_H
#define OTB_TRACE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/trace.h"
#include "cmd/otb-trace/span_name.h"

struct span_text {
	const char *data; /* in the event; not NUL-terminated; NULL: none */
	size_t length;
	bool cut;
};

struct span {
	const struct trace_span *event;
	struct span_text texts[TEXT_MAX];
	struct span_text route_parts[TRACE_ROUTE_PARTS_MAX]; /* those of TEXT_ROUTE_PART */
	unsigned int n_route_parts;
	const char *service_name;    /* NULL: not known */
	const char *db_system;       /* of SQL */
	const char *error_method;    /* the name of a method of the error; "": not known */
	uint64_t gc_stw_ns;          /* how long the GC had stopped the world */
	bool has_gc_stw;             /* whether that is known */
	char query[TRACE_TEXT_SIZE]; /* TEXT_DB_QUERY, put together */
};

/* Takes apart an event of `size` bytes, which has to outlive the span. False if it is none. */
bool span_read(struct span *span, const void *event, size_t size);

/* The http.route: a router's, else that of ServeMux; without data where there is none. `joined` is where one that is in
 * parts is put together. */
struct span_text span_route(const struct span *span, char joined[ROUTE_SIZE]);

#endif
