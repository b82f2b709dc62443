/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-gcpause/event.h"

#include <stdio.h>
#include <string.h>

static const char *const trigger_names[] = {
	[TRIGGER_HEAP] = "heap",
	[TRIGGER_TIME] = "time",
	[TRIGGER_FORCED] = "forced",
};

const char *const event_field_names[] = {
	"pid",
	"comm",
	"container_id",
	"go_version",
	"reason",
	"duration_ns",
	"stopping_ns",
	"stopping_cpu_ns",
	"goroutine_id",
	"goroutine_function",
	"cycle",
	"trigger",
	"mark_ns",
	"pause_ns",
	"pauses",
	"assist_ns",
	"assists",
	"assist_max_ns",
	"heap_live_bytes",
	"heap_marked_bytes",
	"heap_goal_bytes",
	"gomaxprocs",
	"goroutines",
	"interval_ns",
	"count",
	"total_ns",
	"p50_ns",
	"p95_ns",
	"p99_ns",
	"max_ns",
	"share",
	"count_delta",
	"total_delta_ns",
	"overflow",
	NULL,
};

/* ---- records ---- */

static void add_process(struct record *record, const struct go_event *head, const struct process_facts *facts)
{
	char comm[GO_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", GO_COMM_SIZE, (const char *)head->comm);
	record_add_uint(record, "pid", head->pid);
	record_add_text(record, "comm", comm);
	if (facts->container_id[0])
		record_add_text(record, "container_id", facts->container_id);
	if (facts->go_version)
		record_add_text(record, "go_version", facts->go_version);
}

static void add_goroutine(struct record *record, const struct gcpause_goroutine *goroutine, const char *function)
{
	if (goroutine->id)
		record_add_uint(record, "goroutine_id", goroutine->id);
	if (function[0])
		record_add_text(record, "goroutine_function", function);
}

static void add_known(struct record *record, const char *name, uint64_t value)
{
	if (value)
		record_add_uint(record, name, value);
}

void pause_add_fields(struct record *record, const struct gcpause_pause *event, const struct process_facts *facts,
		      const char *reason, const char *function)
{
	add_process(record, &event->head, facts);
	record_add_text(record, "reason", reason);
	record_add_uint(record, "duration_ns", event->end_ns - event->start_ns);
	if (event->stopped_ns) {
		record_add_uint(record, "stopping_ns", event->stopped_ns - event->start_ns);
		record_add_uint(record, "stopping_cpu_ns", event->stopping_cpu_ns);
	}
	add_goroutine(record, &event->goroutine, function);
	add_known(record, "cycle", event->cycle);
}

void cycle_add_fields(struct record *record, const struct gcpause_cycle *event, const struct process_facts *facts)
{
	uint64_t duration_ns = event->end_ns - event->start_ns;

	add_process(record, &event->head, facts);
	add_known(record, "cycle", event->cycle);
	if (event->trigger < TRIGGER_UNKNOWN)
		record_add_text(record, "trigger", trigger_names[event->trigger]);
	record_add_uint(record, "duration_ns", duration_ns);
	record_add_uint(record, "mark_ns", duration_ns - event->pause_ns);
	record_add_uint(record, "pause_ns", event->pause_ns);
	record_add_uint(record, "pauses", event->pauses);
	record_add_uint(record, "assist_ns", event->assist_ns);
	record_add_uint(record, "assists", event->assists);
	record_add_uint(record, "assist_max_ns", event->assist_max_ns);
	add_known(record, "heap_live_bytes", event->heap_live);
	add_known(record, "heap_marked_bytes", event->heap_marked);
	add_known(record, "heap_goal_bytes", event->heap_goal);
	add_known(record, "gomaxprocs", event->gomaxprocs);
	add_known(record, "goroutines", event->goroutines);
}

void assist_add_fields(struct record *record, const struct gcpause_assist *event, const struct process_facts *facts,
		       const char *function)
{
	add_process(record, &event->head, facts);
	record_add_uint(record, "duration_ns", event->end_ns - event->start_ns);
	add_goroutine(record, &event->goroutine, function);
	add_known(record, "cycle", event->cycle);
}

/* ---- rows ---- */

enum column { AT, PID, COMM, WHAT, DURATION, STOPPING, CYCLE, DETAIL };

void event_set_columns(struct table_column columns[EVENT_COLUMNS], bool several)
{
	static const struct table_column all[EVENT_COLUMNS] = {
		[AT] = { "TIME", 8, 0, false },          [PID] = { "PID", 7, 0, true },
		[COMM] = { "COMM", 11, 0, false },       [WHAT] = { "WHAT", 20, 0, false },
		[DURATION] = { "DURATION", 8, 0, true }, [STOPPING] = { "STOPPING", 8, 1, true },
		[CYCLE] = { "CYCLE", 6, 1, true },       [DETAIL] = { "BY, OR HEAP", 21, 0, false },
	};

	memcpy(columns, all, sizeof(all));
	columns[PID].rank = columns[COMM].rank = several ? 0 : 2;
	columns[STOPPING].rank = columns[CYCLE].rank = several ? 1 : 0;
}

static void set_head(struct table *table, const struct go_event *head, uint64_t wall_ns)
{
	table_set_time(table, AT, wall_ns);
	table_set(table, PID, "%u", head->pid);
	table_set(table, COMM, "%.*s", GO_COMM_SIZE, (const char *)head->comm);
}

static void set_cycle_number(struct table *table, uint32_t cycle)
{
	if (cycle)
		table_set(table, CYCLE, "%u", cycle);
}

/* A function as it fits a column: without the path of its package, and what the compiler wraps a `go` statement in. */
static void set_function(struct table *table, const char *function)
{
	static const char runtime[] = "runtime.";
	const char *slash = strrchr(function, '/'), *name = slash ? slash + 1 : function;
	const char *wrap = strstr(name, ".gowrap");

	if (!strncmp(name, runtime, strlen(runtime)) && strcmp(name, "runtime.main") != 0)
		name += strlen(runtime);
	table_set(table, DETAIL, "%.*s", wrap ? (int)(wrap - name) : (int)strlen(name), name);
}

static void set_goroutine(struct table *table, const struct gcpause_goroutine *goroutine, const char *function)
{
	if (function[0])
		set_function(table, function);
	else if (goroutine->id)
		table_set(table, DETAIL, "goroutine %llu", (unsigned long long)goroutine->id);
}

void pause_set_row(struct table *table, const struct gcpause_pause *event, const char *reason, const char *function,
		   uint64_t wall_ns)
{
	set_head(table, &event->head, wall_ns);
	table_set(table, WHAT, "%s", reason);
	table_set_duration(table, DURATION, event->end_ns - event->start_ns);
	if (event->stopped_ns)
		table_set_duration(table, STOPPING, event->stopped_ns - event->start_ns);
	set_cycle_number(table, event->cycle);
	set_goroutine(table, &event->goroutine, function);
}

static void format_bytes(uint64_t bytes, char text[16])
{
	double megabytes = (double)bytes / (1024 * 1024);

	snprintf(text, 16, megabytes < 100 ? "%.1fM" : "%.0fM", megabytes);
}

/* What the cycle found and left, and how often it made others help. */
static void set_heap(struct table *table, const struct gcpause_cycle *event)
{
	char live[16], marked[16], assists[24] = "";

	format_bytes(event->heap_live, live);
	format_bytes(event->heap_marked, marked);
	if (event->assists)
		snprintf(assists, sizeof(assists), " %u assist%s", event->assists, event->assists == 1 ? "" : "s");
	if (event->heap_live && event->heap_marked)
		table_set(table, DETAIL, "%s>%s%s", live, marked, assists);
	else if (event->assists)
		table_set(table, DETAIL, "%s", assists + 1);
}

void cycle_set_row(struct table *table, const struct gcpause_cycle *event, uint64_t wall_ns)
{
	set_head(table, &event->head, wall_ns);
	if (event->trigger < TRIGGER_UNKNOWN)
		table_set(table, WHAT, "cycle (%s)", trigger_names[event->trigger]);
	else
		table_set(table, WHAT, "cycle");
	table_set_duration(table, DURATION, event->end_ns - event->start_ns);
	set_cycle_number(table, event->cycle);
	set_heap(table, event);
}

void assist_set_row(struct table *table, const struct gcpause_assist *event, const char *function, uint64_t wall_ns)
{
	set_head(table, &event->head, wall_ns);
	table_set(table, WHAT, "assist");
	table_set_duration(table, DURATION, event->end_ns - event->start_ns);
	set_cycle_number(table, event->cycle);
	set_goroutine(table, &event->goroutine, function);
}
