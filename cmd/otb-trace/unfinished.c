/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/unfinished.h"

#include <bpf/bpf.h>
#include <string.h>

#include "bpf/trace.h"
#include "common/cli/diag.h"
#include "common/host/process.h"

static void write_record(struct session *session, uint64_t count, const char *where)
{
	struct record *record;

	if (!count)
		return;
	if (session->cli->form != CLI_FORM_JSON) {
		diag_print(DIAG_WARN, "%llu requests were under way when the %s ended", (unsigned long long)count,
			   where);
		return;
	}
	record = session_begin_aside(session, "unfinished");
	record_add_uint(record, "count", count);
	record_add_text(record, "where", where);
	session_put_aside(session);
}

/* Goes through the map's keys; forgets those of processes that have ended, or all. Returns how many it has forgotten. */
static uint64_t forget(int spans, bool all)
{
	struct trace_span_key key, next;
	uint64_t count = 0;
	bool has_next = !bpf_map_get_next_key(spans, NULL, &next);
	uint32_t pid = 0;
	bool is_there = false;

	while (has_next) {
		key = next;
		has_next = !bpf_map_get_next_key(spans, &key, &next);
		if (key.pid != pid) {
			pid = key.pid;
			is_there = process_exists((pid_t)pid);
		}
		if ((all || !is_there) && !bpf_map_delete_elem(spans, &key))
			count++;
	}
	return count;
}

void unfinished_sweep(struct session *session, int spans)
{
	write_record(session, forget(spans, false), "process");
}

void unfinished_report(struct session *session, int spans)
{
	write_record(session, forget(spans, true), "tracer");
}
