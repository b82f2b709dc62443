/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summaries of more groups than are kept apart: whatever the limit, counts and sums add up to what was put in, and the
 * place of groups that ended is free in the interval after the next one. And of a process that becomes another program.
 */
#include "cmd/otb-gcpause/summary.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tap.h"

enum { TOO_MANY = 1009, PIDS = SUMMARY_GROUPS_MAX + TOO_MANY };

struct seen { /* what the lines of one interval say */
	unsigned int groups, overflows, pids_below_limit, empty;
	json_int_t count, total_ns, overflow_count, deltas;
};

static char path[] = "/tmp/otb-gcpause-summary.XXXXXX";
static long read_until; /* where the next interval's lines begin */

static json_int_t integer(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

static void see(struct seen *seen, const json_t *record)
{
	seen->count += integer(record, "count");
	seen->total_ns += integer(record, "total_ns");
	seen->deltas += integer(record, "count_delta");
	if (json_is_true(json_object_get(record, "overflow"))) {
		seen->overflows++;
		seen->overflow_count += integer(record, "count");
		return;
	}
	seen->groups++;
	seen->pids_below_limit += integer(record, "pid") <= SUMMARY_GROUPS_MAX;
	seen->empty += !integer(record, "count");
}

static struct seen next_interval(struct summary *summary, struct session *session)
{
	struct seen seen = { 0 };
	char line[4096];
	FILE *file;

	summary_write(summary, session);
	output_flush(&session->output);
	file = fopen(path, "r");
	fseek(file, read_until, SEEK_SET);
	while (fgets(line, sizeof(line), file)) {
		json_t *record = json_loads(line, 0, NULL);

		see(&seen, record);
		json_decref(record);
	}
	read_until = ftell(file);
	fclose(file);
	return seen;
}

/* A pause of `pid` nanoseconds for each pid. */
static void add_pauses(struct summary *summary, unsigned int first, unsigned int last)
{
	static const struct process_facts facts = { .go_version = "go1.27.4", .container_id = "" };
	bool added = true;

	for (unsigned int pid = first; pid <= last; pid++) {
		struct gcpause_pause pause = { .head.pid = pid, .start_ns = 1000, .end_ns = 1000 + pid };

		added &= summary_add(summary, &pause, &facts, "read_mem_stats");
	}
	check(added, "pauses of the processes %u to %u are added", first, last);
}

static void test_overflow(struct session *session)
{
	struct summary summary;
	struct seen seen;

	summary_open(&summary, false);
	add_pauses(&summary, 1, PIDS);
	add_pauses(&summary, 1, PIDS);
	seen = next_interval(&summary, session);
	check(seen.groups == SUMMARY_GROUPS_MAX && seen.pids_below_limit == SUMMARY_GROUPS_MAX,
	      "as many groups as there is place for, of those that came first: %u", seen.groups);
	check(seen.overflows == 1 && seen.overflow_count == 2 * TOO_MANY, "one more for all others: %u, %lld pauses",
	      seen.overflows, (long long)seen.overflow_count);
	check(seen.count == 2 * PIDS && seen.total_ns == (json_int_t)PIDS * (PIDS + 1),
	      "nothing is lost: %lld, %lld ns", (long long)seen.count, (long long)seen.total_ns);

	add_pauses(&summary, PIDS, PIDS);
	seen = next_interval(&summary, session);
	check(seen.empty == SUMMARY_GROUPS_MAX && seen.overflow_count == 1 && seen.deltas == -2 * SUMMARY_GROUPS_MAX,
	      "groups that ended are told of once more, and hold their place so long");

	add_pauses(&summary, PIDS, PIDS);
	seen = next_interval(&summary, session);
	check(seen.groups == 1 && !seen.overflows && !seen.empty && seen.count == 1, "then it is free");
	summary_close(&summary);
}

static void add_pause_of(struct summary *summary, const char *comm, const char *go_version)
{
	const struct process_facts facts = { .go_version = go_version, .container_id = "" };
	struct gcpause_pause pause = { .head.pid = 4711, .start_ns = 1000, .end_ns = 2000 };

	memcpy(pause.head.comm, comm, strlen(comm));
	check(summary_add(summary, &pause, &facts, "gc_mark_termination"), "a pause of '%s', %s", comm,
	      go_version ? go_version : "of an unknown release");
}

static void test_exec(struct session *session)
{
	struct summary summary;
	struct seen seen;

	summary_open(&summary, false);
	add_pause_of(&summary, "launcher", "go1.22.12");
	add_pause_of(&summary, "launcher", "go1.22.12");
	add_pause_of(&summary, "server", "go1.22.12");
	add_pause_of(&summary, "server", "go1.27.4");
	add_pause_of(&summary, "server", NULL);
	add_pause_of(&summary, "fifteen-letters", NULL);
	add_pause_of(&summary, "fifteen-letters", NULL);
	seen = next_interval(&summary, session);
	check(seen.groups == 5 && seen.count == 7, "each program of one process by itself: %u, %lld pauses",
	      seen.groups, (long long)seen.count);
	summary_close(&summary);
}

int main(void)
{
	static struct session session;
	struct cli cli = { .program = "otb-gcpause", .form = CLI_FORM_JSON, .output_path = path, .ready_fd = -1 };
	int fd = mkstemp(path);

	check(fd >= 0 && !session_open(&session, &cli), "a session that writes to a file");
	close(fd);
	test_overflow(&session);
	test_exec(&session);
	session_close(&session);
	unlink(path);
	return finish_tests();
}
