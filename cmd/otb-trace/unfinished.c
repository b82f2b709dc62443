/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/unfinished.h"

#include <bpf/bpf.h>
#include <string.h>

#include "bpf/trace.h"
#include "common/cli/diag.h"
#include "common/host/process.h"

enum { STEPS_MAX = TRACE_SPANS_MAX, PROCESS_SIZE_MAX = 1024 };

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

/* A process, as it was last looked at. */
struct look {
	uint32_t pid;
	uint32_t incarnation;
	bool is_there;
};

static void look_at(struct look *look, int processes, uint32_t pid)
{
	uint8_t state[PROCESS_SIZE_MAX];

	look->pid = pid;
	/* An execve() takes the old one out of the map. */
	look->is_there = process_exists((pid_t)pid) && !bpf_map_lookup_elem(processes, &pid, state);
	if (look->is_there)
		memcpy(&look->incarnation, state + TRACE_INCARNATION_AT, sizeof(look->incarnation));
}

static bool is_of(const struct look *look, const struct trace_span_key *key)
{
	return look->is_there && key->pid == look->pid &&
	       key->incarnation_slot >> 2 == (look->incarnation & TRACE_INCARNATION_MASK);
}

/* What does not fit may be of a program that has just begun there. */
static bool is_under_way(struct look *look, int processes, const struct trace_span_key *key)
{
	if (is_of(look, key))
		return true;
	look_at(look, processes, key->pid);
	return is_of(look, key);
}

/* Some are only there for those in them. */
static bool is_request(int spans, const struct trace_span_key *key)
{
	uint8_t open[TRACE_OPEN_SIZE_MAX];
	uint64_t is_own;

	if (bpf_map_lookup_elem(spans, key, open))
		return false;
	memcpy(&is_own, open + TRACE_OPEN_OWN_AT, sizeof(is_own));
	return is_own;
}

/* Goes through the map's keys; forgets those of processes that are no more, or all if `processes` is -1. Returns how many
 * requests it has forgotten. A key that goes meanwhile leads back to the first one, so that there is a bound. */
static uint64_t forget(int spans, int processes)
{
	struct trace_span_key key, next;
	struct look look = { 0 };
	bool counts;
	uint64_t count = 0;
	bool has_next = !bpf_map_get_next_key(spans, NULL, &next);

	for (unsigned int i = 0; has_next && i < STEPS_MAX; i++) {
		key = next;
		has_next = !bpf_map_get_next_key(spans, &key, &next);
		if (processes >= 0 && is_under_way(&look, processes, &key))
			continue;
		counts = is_request(spans, &key);
		if (!bpf_map_delete_elem(spans, &key) && counts)
			count++;
	}
	return count;
}

void unfinished_sweep(struct session *session, int spans, int processes)
{
	write_record(session, forget(spans, processes), "process");
}

void unfinished_report(struct session *session, int spans)
{
	write_record(session, forget(spans, -1), "tracer");
}
