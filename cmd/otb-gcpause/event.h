/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the kernel side says to records and rows.
 */
#ifndef OTB_GCPAUSE_EVENT_H
#define OTB_GCPAUSE_EVENT_H

#include "bpf/gcpause.h"
#include "common/go/binary.h"
#include "common/host/process.h"
#include "common/record/record.h"
#include "common/record/table.h"

/* What is known of a process beside its events. */
struct process_facts {
	const char *go_version;   /* NULL: not known */
	const char *container_id; /* "": none */
};

/* Every field of every record of this tool, ended by NULL. */
extern const char *const event_field_names[];

/* Adds the fields behind `time` and `event`. `function` is the name of the function that the goroutine began with; "":
 * not known. */
void pause_add_fields(struct record *record, const struct gcpause_pause *event, const struct process_facts *facts,
		      const char *reason, const char *function);
void cycle_add_fields(struct record *record, const struct gcpause_cycle *event, const struct process_facts *facts);
void assist_add_fields(struct record *record, const struct gcpause_assist *event, const struct process_facts *facts,
		       const char *function);

enum { EVENT_COLUMNS = 8 };

/* The table's columns; those that name the process only if there may be several. */
void event_set_columns(struct table_column columns[EVENT_COLUMNS], bool several);

void pause_set_row(struct table *table, const struct gcpause_pause *event, const char *reason, const char *function,
		   uint64_t wall_ns);
void cycle_set_row(struct table *table, const struct gcpause_cycle *event, uint64_t wall_ns);
void assist_set_row(struct table *table, const struct gcpause_assist *event, const char *function, uint64_t wall_ns);

#endif
