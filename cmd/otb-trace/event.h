/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From spans to records and rows.
 */
#ifndef OTB_TRACE_EVENT_H
#define OTB_TRACE_EVENT_H

#include "cmd/otb-trace/options.h"
#include "cmd/otb-trace/span.h"
#include "common/go/binary.h"
#include "common/record/record.h"
#include "common/record/table.h"

/* Every field of every record of this tool but those of --header, ended by NULL. */
extern const char *const event_field_names[];

/* "server" or "client". */
const char *span_kind_name(unsigned int kind);

/* What a summary of spans has as well. `scheme` says what port is meant where none is named; error.type is what ended a
 * request, else the type of the error that a call returned, else a status that says that the server failed, or to a client
 * that its request has. */
void span_add_server_address(struct record *record, const struct span *span, const char *scheme, size_t scheme_length);
void span_add_rpc(struct record *record, const struct span *span);
void span_add_error_type(struct record *record, const struct span *span);

/* Adds the fields behind `time` and `event`. */
void span_add_fields(struct record *record, const struct span *span, const struct options *options);

enum { EVENT_COLUMNS = 8 };

/* The table's columns; those that name the process only if there may be several. */
void event_set_columns(struct table_column columns[EVENT_COLUMNS], bool several);
void span_set_row(struct table *table, const struct span *span, uint64_t wall_ns);

#endif
