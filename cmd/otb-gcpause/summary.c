/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-gcpause/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics/histogram.h"

enum { VERSION_SIZE = GO_VERSION_SIZE, BAR_WIDTH = 40 };

struct summary_group {
	struct summary_group *next;
	uint32_t pid;
	char reason[REASON_NAME_SIZE];
	char comm[COMM_SIZE + 1], container_id[CONTAINER_ID_SIZE], go_version[VERSION_SIZE];
	struct histogram durations_ns; /* whose sum is exact */
	uint64_t count_before, total_before_ns;
};

/* ---- adding ---- */

void summary_open(struct summary *summary, bool histogram)
{
	memset(summary, 0, sizeof(*summary));
	summary->histogram = histogram;
	summary->started_ns = clock_monotonic_ns();
}

static unsigned int bucket_of(uint32_t pid, const char *reason)
{
	uint32_t hash = pid * 2654435761U;

	for (; *reason; reason++)
		hash = (hash ^ (unsigned char)*reason) * 16777619U;
	return (hash >> 8) % SUMMARY_BUCKETS;
}

static void group_describe(struct summary_group *group, const struct gcpause_pause *event,
			   const struct process_facts *facts)
{
	snprintf(group->comm, sizeof(group->comm), "%.*s", GO_COMM_SIZE, (const char *)event->head.comm);
	snprintf(group->container_id, sizeof(group->container_id), "%s", facts->container_id);
	snprintf(group->go_version, sizeof(group->go_version), "%s", facts->go_version ? facts->go_version : "");
}

/* A process that calls execve() is another program from then on, with the same pid. A container is not compared: it is not
 * known of a process that has ended. */
static bool group_is(const struct summary_group *group, const struct gcpause_pause *event,
		     const struct process_facts *facts, const char *reason)
{
	return group->pid == event->head.pid && !strcmp(group->reason, reason) &&
	       !strncmp(group->comm, (const char *)event->head.comm, GO_COMM_SIZE) &&
	       !strcmp(group->go_version, facts->go_version ? facts->go_version : "");
}

static struct summary_group *overflow_get(struct summary *summary)
{
	if (!summary->overflow)
		summary->overflow = calloc(1, sizeof(*summary->overflow));
	return summary->overflow;
}

static struct summary_group *group_get(struct summary *summary, const struct gcpause_pause *event,
				       const struct process_facts *facts, const char *reason)
{
	struct summary_group **bucket = &summary->buckets[bucket_of(event->head.pid, reason)];
	struct summary_group *group;

	for (group = *bucket; group; group = group->next)
		if (group_is(group, event, facts, reason))
			return group;
	if (summary->n_groups == SUMMARY_GROUPS_MAX)
		return overflow_get(summary);
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->pid = event->head.pid;
	snprintf(group->reason, sizeof(group->reason), "%s", reason);
	group_describe(group, event, facts);
	group->next = *bucket;
	*bucket = group;
	summary->n_groups++;
	return group;
}

bool summary_add(struct summary *summary, const struct gcpause_pause *event, const struct process_facts *facts,
		 const char *reason)
{
	struct summary_group *group = group_get(summary, event, facts, reason);

	return group && histogram_add(&group->durations_ns, event->end_ns - event->start_ns);
}

/* ---- records ---- */

static void add_percentiles(struct record *record, const struct histogram *histogram)
{
	if (!histogram->count)
		return;
	record_add_uint(record, "p50_ns", histogram_percentile(histogram, 50));
	record_add_uint(record, "p95_ns", histogram_percentile(histogram, 95));
	record_add_uint(record, "p99_ns", histogram_percentile(histogram, 99));
	record_add_uint(record, "max_ns", histogram->max);
}

static void add_key(struct record *record, const struct summary *summary, const struct summary_group *group)
{
	if (group == summary->overflow) {
		record_add_bool(record, "overflow", true);
		return;
	}
	record_add_uint(record, "pid", group->pid);
	record_add_text(record, "comm", group->comm);
	if (group->container_id[0])
		record_add_text(record, "container_id", group->container_id);
	if (group->go_version[0])
		record_add_text(record, "go_version", group->go_version);
	record_add_text(record, "reason", group->reason);
}

static void write_record(const struct summary *summary, struct session *session, const struct summary_group *group,
			 uint64_t interval_ns)
{
	const struct histogram *durations = &group->durations_ns;
	struct record *record = session_begin(session, "gc_pause_summary", summary->started_ns);

	record_add_uint(record, "interval_ns", interval_ns);
	add_key(record, summary, group);
	record_add_uint(record, "count", durations->count);
	record_add_uint(record, "total_ns", durations->sum);
	add_percentiles(record, durations);
	record_add_double(record, "share", (double)durations->sum / (double)interval_ns);
	if (summary->has_before && group != summary->overflow) {
		record_add_int(record, "count_delta", (int64_t)(durations->count - group->count_before));
		record_add_int(record, "total_delta_ns", (int64_t)(durations->sum - group->total_before_ns));
	}
	session_put_aside(session);
}

/* ---- a table ---- */

enum column { COUNT, TOTAL, P50, P95, P99, MAX, SHARE, DELTA, GROUP };

static const struct table_column columns[] = {
	[COUNT] = { "COUNT", 6, 0, true },
	[TOTAL] = { "TOTAL", 6, 0, true },
	[P50] = { "P50", 6, 0, true },
	[P95] = { "P95", 6, 1, true },
	[P99] = { "P99", 6, 0, true },
	[MAX] = { "MAX", 6, 0, true },
	[SHARE] = { "SHARE", 6, 0, true },
	[DELTA] = { "DELTA", 7, 1, true },
	[GROUP] = { "REASON, PROCESS", 37, 0, false },
};

static void set_row(struct table *table, const struct summary *summary, const struct summary_group *group,
		    uint64_t interval_ns)
{
	const struct histogram *durations = &group->durations_ns;

	if (group == summary->overflow)
		table_set(table, GROUP, "(all others)");
	else
		table_set(table, GROUP, "%s %s (%u)", group->reason, group->comm, group->pid);
	table_set(table, COUNT, "%llu", (unsigned long long)durations->count);
	table_set_duration(table, TOTAL, durations->sum);
	table_set(table, SHARE, "%.2f%%", 100.0 * (double)durations->sum / (double)interval_ns);
	if (summary->has_before)
		table_set(table, DELTA, "%+lld", (long long)(durations->count - group->count_before));
	table_set_duration(table, P50, histogram_percentile(durations, 50));
	table_set_duration(table, P95, histogram_percentile(durations, 95));
	table_set_duration(table, P99, histogram_percentile(durations, 99));
	table_set_duration(table, MAX, durations->max);
}

/* ---- a histogram: a bar for each power of two ---- */

enum histogram_column { FROM, TO, VALUES, BAR };

static const struct table_column histogram_columns[] = {
	[FROM] = { "FROM", 12, 0, true },
	[TO] = { "TO", 7, 0, true },
	[VALUES] = { "COUNT", 7, 0, true },
	[BAR] = { "", BAR_WIDTH, 0, false },
};

static uint64_t octave_begin(unsigned int octave)
{
	return octave ? UINT64_C(64) << (octave - 1) : 0;
}

static void draw_histogram(struct session *session, const struct histogram *histogram)
{
	static const char bar[BAR_WIDTH + 1] = "########################################";
	unsigned int first = HISTOGRAM_BLOCKS, last = 0;
	struct table table;
	uint64_t most = 1;

	for (unsigned int octave = 0; octave < HISTOGRAM_BLOCKS; octave++) {
		uint64_t count = histogram_octave(histogram, octave);

		if (count && first == HISTOGRAM_BLOCKS)
			first = octave;
		if (count)
			last = octave;
		if (count > most)
			most = count;
	}
	table_init(&table, histogram_columns, sizeof(histogram_columns) / sizeof(histogram_columns[0]), 0);
	for (unsigned int octave = first; octave <= last; octave++) {
		uint64_t count = histogram_octave(histogram, octave);

		table_set_duration(&table, FROM, octave_begin(octave));
		table_set_duration(&table, TO, octave_begin(octave + 1));
		table_set(&table, VALUES, "%llu", (unsigned long long)count);
		/* A bar for whatever is there at all. */
		table_set(&table, BAR, "%.*s|", (int)((count * BAR_WIDTH + most - 1) / most), bar);
		session_put_row(session, &table, false);
	}
}

/* ---- writing ---- */

static int compare_total(const void *a, const void *b)
{
	const struct summary_group *const *left = a, *const *right = b;

	if ((*left)->durations_ns.sum != (*right)->durations_ns.sum)
		return (*left)->durations_ns.sum < (*right)->durations_ns.sum ? 1 : -1;
	if ((*left)->pid != (*right)->pid)
		return (*left)->pid < (*right)->pid ? -1 : 1;
	return strcmp((*left)->reason, (*right)->reason);
}

static unsigned int collect_groups(const struct summary *summary, struct summary_group **groups)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SUMMARY_BUCKETS; i++)
		for (struct summary_group *group = summary->buckets[i]; group; group = group->next)
			groups[n++] = group;
	qsort(groups, n, sizeof(*groups), compare_total);
	if (summary->overflow)
		groups[n++] = summary->overflow;
	return n;
}

static void write_table(const struct summary *summary, struct session *session, struct summary_group **groups,
			unsigned int n, uint64_t interval_ns)
{
	struct table table;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]), 0);
	session_put_titles(session, &table);
	for (unsigned int i = 0; i < n; i++) {
		if (!groups[i]->durations_ns.count)
			continue;
		set_row(&table, summary, groups[i], interval_ns);
		session_put_row(session, &table, false);
		if (summary->histogram)
			draw_histogram(session, &groups[i]->durations_ns);
	}
}

/* Forgets the groups that had nothing in this interval, and begins the next one of all others. */
static void groups_turn(struct summary *summary)
{
	if (summary->overflow)
		histogram_clear(&summary->overflow->durations_ns);
	free(summary->overflow);
	summary->overflow = NULL;
	for (unsigned int i = 0; i < SUMMARY_BUCKETS; i++) {
		struct summary_group **at = &summary->buckets[i];

		while (*at) {
			struct summary_group *group = *at;

			group->count_before = group->durations_ns.count;
			group->total_before_ns = group->durations_ns.sum;
			histogram_clear(&group->durations_ns);
			if (group->count_before) {
				at = &group->next;
				continue;
			}
			*at = group->next;
			free(group);
			summary->n_groups--;
		}
	}
}

void summary_write(struct summary *summary, struct session *session)
{
	static struct summary_group *groups[SUMMARY_GROUPS_MAX + 1];
	unsigned int n = collect_groups(summary, groups);
	uint64_t now = clock_monotonic_ns(), interval_ns = now - summary->started_ns;

	if (session->cli->form == CLI_FORM_TABLE)
		write_table(summary, session, groups, n, interval_ns);
	else
		for (unsigned int i = 0; i < n; i++)
			write_record(summary, session, groups[i], interval_ns);
	groups_turn(summary);
	summary->started_ns = now;
	summary->has_before = true;
}

void summary_close(struct summary *summary)
{
	groups_turn(summary);
	groups_turn(summary);
}
