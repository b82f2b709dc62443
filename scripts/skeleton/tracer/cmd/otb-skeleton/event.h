/* SPDX-License-Identifier: Apache-2.0 */
/* From an event of the BPF side to a record or a row of a table. */
#ifndef OTB_SKELETON_EVENT_H
#define OTB_SKELETON_EVENT_H

#include "bpf/skeleton.h"
#include "common/record/record.h"
#include "common/record/table.h"

extern const char *const event_field_names[]; /* of every record of this tool, ended by NULL */
extern const struct table_column event_columns[];
extern const unsigned int n_event_columns;

/* Adds all fields behind `time` and `event`. */
void event_add_fields(struct record *record, const struct skeleton_event *event);

/* Fills the next row of a table of event_columns. `wall_ns` as for record_begin(). */
void event_set_row(struct table *table, const struct skeleton_event *event, uint64_t wall_ns);

#endif
