/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-skeleton/event.h"

/* TODO: the fields, in the order of the record; each is in otb-records(7). */
const char *const event_field_names[] = {
	"pid",
	"comm",
	"network_peer_port",
	NULL,
};

enum column { TIME, PID, COMM, PORT };

const struct table_column event_columns[] = {
	[TIME] = { "TIME", 8, 0, false },
	[PID] = { "PID", 7, 0, true },
	[COMM] = { "COMM", SKELETON_COMM_SIZE - 1, 0, false },
	[PORT] = { "PORT", 5, 0, true },
};

const unsigned int n_event_columns = sizeof(event_columns) / sizeof(event_columns[0]);

void event_add_fields(struct record *record, const struct skeleton_event *event)
{
	record_add_uint(record, "pid", event->pid);
	record_add_text(record, "comm", (const char *)event->comm);
	if (event->peer_port)
		record_add_uint(record, "network_peer_port", event->peer_port);
}

void event_set_row(struct table *table, const struct skeleton_event *event, uint64_t wall_ns)
{
	table_set_time(table, TIME, wall_ns);
	table_set(table, PID, "%u", event->pid);
	table_set(table, COMM, "%s", (const char *)event->comm);
	if (event->peer_port)
		table_set(table, PORT, "%u", event->peer_port);
}
