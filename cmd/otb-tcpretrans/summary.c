/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-tcpretrans/summary.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/otb-tcpretrans/event.h"
#include "common/cli/diag.h"
#include "common/host/kernel_object.h"
#include "common/metrics/histogram.h"

/* What a group is told apart by: only the members that belong to the key in force are set, all others are 0. */
struct group_key {
	uint8_t local_address[16], peer_address[16];
	uint64_t cgroup_id;
	uint32_t netns, pid;
	char comm[COMM_SIZE];
	uint16_t local_port, peer_port;
	uint8_t reason;
	uint8_t reserved[3]; /* no padding: keys are compared as bytes */
};

_Static_assert(sizeof(struct group_key) == 2 * 16 + 8 + 2 * 4 + 16 + 2 * 2 + 4, "no padding");

struct summary_group {
	struct summary_group *next;
	struct group_key key;
	bool is_overflow;
	uint64_t retransmits, segments, bytes;
	uint64_t by_reason[REASON_MAX];
	struct histogram srtt_us;
};

/* ---- adding ---- */

void summary_open(struct summary *summary, enum summary_key by)
{
	memset(summary, 0, sizeof(*summary));
	summary->by = by;
	summary->started_ns = clock_monotonic_ns();
}

static struct group_key key_of(enum summary_key by, const struct tcpretrans_event *event, const struct owner *owner)
{
	struct group_key key;

	memset(&key, 0, sizeof(key));
	if (by == BY_FLOW) {
		memcpy(key.local_address, event->local_address, sizeof(key.local_address));
		key.local_port = event->local_port;
		key.peer_port = event->peer_port;
		key.netns = event->socket.netns;
	}
	if (by == BY_FLOW || by == BY_PEER)
		memcpy(key.peer_address, event->peer_address, sizeof(key.peer_address));
	if (by == BY_FLOW || by == BY_PROCESS) {
		key.pid = owner->pid;
		memcpy(key.comm, owner->comm, sizeof(key.comm));
	}
	if (by == BY_CGROUP)
		key.cgroup_id = event->cgroup_id;
	if (by == BY_REASON)
		key.reason = event->reason;
	return key;
}

/* FNV-1a */
static unsigned int hash_key(const struct group_key *key)
{
	const unsigned char *bytes = (const unsigned char *)key;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return (unsigned int)(hash >> 32) % SUMMARY_BUCKETS;
}

static struct summary_group *overflow_get(struct summary *summary)
{
	if (!summary->overflow)
		summary->overflow = calloc(1, sizeof(*summary->overflow));
	if (summary->overflow)
		summary->overflow->is_overflow = true;
	return summary->overflow;
}

static struct summary_group *group_get(struct summary *summary, const struct group_key *key)
{
	struct summary_group **bucket = &summary->buckets[hash_key(key)];
	struct summary_group *group;

	for (group = *bucket; group; group = group->next)
		if (!memcmp(&group->key, key, sizeof(*key)))
			return group;
	if (summary->n_groups == SUMMARY_GROUPS_MAX)
		return overflow_get(summary);
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = *key;
	group->next = *bucket;
	*bucket = group;
	summary->n_groups++;
	return group;
}

bool summary_add(struct summary *summary, const struct tcpretrans_event *event, const struct owner *owner)
{
	struct group_key key = key_of(summary->by, event, owner);
	struct summary_group *group = group_get(summary, &key);

	if (!group)
		return false;
	group->retransmits++;
	group->segments += event->segments;
	group->bytes += event->bytes;
	group->by_reason[event->reason % REASON_MAX]++;
	return !event->srtt_us || histogram_add(&group->srtt_us, event->srtt_us);
}

/* ---- writing ---- */

static void add_endpoint(struct record *record, const char *address_name, const uint8_t address[16],
			 const char *port_name, uint16_t port)
{
	char text[ENDPOINT_SIZE];

	address_format(address, text);
	record_add_text(record, address_name, text);
	if (port)
		record_add_uint(record, port_name, port);
}

static void add_process(struct record *record, const struct group_key *key)
{
	if (!key->pid)
		return;
	record_add_uint(record, "pid", key->pid);
	record_add_text(record, "comm", key->comm);
}

static void add_cgroup(struct record *record, const struct group_key *key)
{
	char path[1024];

	if (!key->cgroup_id)
		return;
	record_add_uint(record, "cgroup_id", key->cgroup_id);
	if (cgroup_path_from_id(key->cgroup_id, path, sizeof(path)))
		record_add_text(record, "cgroup_path", path);
}

static void add_key(struct record *record, enum summary_key by, const struct summary_group *group)
{
	const struct group_key *key = &group->key;

	record_add_text(record, "by", summary_key_names[by]);
	if (group->is_overflow) {
		record_add_bool(record, "overflow", true);
		return;
	}
	if (by == BY_FLOW || by == BY_PROCESS)
		add_process(record, key);
	if (by == BY_FLOW)
		add_endpoint(record, "network_local_address", key->local_address, "network_local_port",
			     key->local_port);
	if (by == BY_FLOW || by == BY_PEER)
		add_endpoint(record, "network_peer_address", key->peer_address, "network_peer_port", key->peer_port);
	if (by == BY_REASON)
		record_add_text(record, "reason", reason_names[key->reason]);
	if (by == BY_FLOW)
		record_add_uint(record, "netns", key->netns);
	if (by == BY_CGROUP)
		add_cgroup(record, key);
}

static void add_figures(struct record *record, const struct summary_group *group)
{
	char name[64] = "retransmits_";
	const size_t prefix = strlen(name);

	record_add_uint(record, "retransmits", group->retransmits);
	record_add_uint(record, "segments", group->segments);
	record_add_uint(record, "bytes", group->bytes);
	for (unsigned int reason = 0; reason < REASON_MAX; reason++) {
		memcpy(name + prefix, reason_names[reason], strlen(reason_names[reason]) + 1);
		record_add_uint(record, name, group->by_reason[reason]);
	}
	if (!group->srtt_us.count)
		return;
	record_add_uint(record, "srtt_p50_us", histogram_percentile(&group->srtt_us, 50));
	record_add_uint(record, "srtt_p95_us", histogram_percentile(&group->srtt_us, 95));
	record_add_uint(record, "srtt_p99_us", histogram_percentile(&group->srtt_us, 99));
}

enum column { SEGMENTS, RETRANSMITS, SYN, RTO, RECOVERY, FAST, TLP, OTHER, SRTT_P50, SRTT_P99, GROUP };

static const struct table_column columns[] = {
	[SEGMENTS] = { "SEGS", 7, 0, true },  [RETRANSMITS] = { "RETRANS", 7, 0, true },
	[SYN] = { "SYN", 5, 0, true },        [RTO] = { "RTO", 5, 0, true },
	[RECOVERY] = { "LOSS", 5, 0, true },  [FAST] = { "FAST", 5, 0, true },
	[TLP] = { "TLP", 4, 0, true },        [OTHER] = { "OTHER", 5, 1, true },
	[SRTT_P50] = { "P50us", 7, 0, true }, [SRTT_P99] = { "P99us", 7, 0, true },
	[GROUP] = { "GROUP", 21, 0, false },
};

static void set_group(struct table *table, enum summary_key by, const struct summary_group *group)
{
	char local[ENDPOINT_SIZE], peer[ENDPOINT_SIZE], path[1024];

	endpoint_format(group->key.local_address, group->key.local_port, local);
	endpoint_format(group->key.peer_address, group->key.peer_port, peer);
	if (group->is_overflow) {
		table_set(table, GROUP, "(all others)");
	} else if (by == BY_FLOW) {
		table_set(table, GROUP, "%s > %s", local, peer);
	} else if (by == BY_PEER) {
		address_format(group->key.peer_address, peer);
		table_set(table, GROUP, "%s", peer);
	} else if (by == BY_PROCESS && group->key.pid) {
		table_set(table, GROUP, "%s (%u)", group->key.comm, group->key.pid);
	} else if (by == BY_PROCESS) {
		table_set(table, GROUP, "(no process)");
	} else if (by == BY_REASON) {
		table_set(table, GROUP, "%s", reason_names[group->key.reason]);
	} else {
		if (!cgroup_path_from_id(group->key.cgroup_id, path, sizeof(path)))
			snprintf(path, sizeof(path), "%llu", (unsigned long long)group->key.cgroup_id);
		table_set(table, GROUP, "%s", path);
	}
}

static void set_figures(struct table *table, const struct summary_group *group)
{
	static const enum column of_reason[REASON_MAX] = {
		[REASON_OTHER] = OTHER, [REASON_SYN] = SYN, [REASON_RTO] = RTO, [REASON_LOSS_RECOVERY] = RECOVERY,
		[REASON_FAST] = FAST,   [REASON_TLP] = TLP,
	};

	table_set(table, SEGMENTS, "%llu", (unsigned long long)group->segments);
	table_set(table, RETRANSMITS, "%llu", (unsigned long long)group->retransmits);
	for (unsigned int reason = 0; reason < REASON_MAX; reason++)
		table_set(table, of_reason[reason], "%llu", (unsigned long long)group->by_reason[reason]);
	if (!group->srtt_us.count)
		return;
	table_set(table, SRTT_P50, "%llu", (unsigned long long)histogram_percentile(&group->srtt_us, 50));
	table_set(table, SRTT_P99, "%llu", (unsigned long long)histogram_percentile(&group->srtt_us, 99));
}

static int compare_segments(const void *a, const void *b)
{
	const struct summary_group *const *left = a, *const *right = b;

	if ((*left)->segments != (*right)->segments)
		return (*left)->segments < (*right)->segments ? 1 : -1;
	return memcmp(&(*left)->key, &(*right)->key, sizeof((*left)->key));
}

static unsigned int collect_groups(const struct summary *summary, struct summary_group **groups)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SUMMARY_BUCKETS; i++)
		for (struct summary_group *group = summary->buckets[i]; group; group = group->next)
			groups[n++] = group;
	qsort(groups, n, sizeof(*groups), compare_segments);
	if (summary->overflow)
		groups[n++] = summary->overflow;
	return n;
}

static void write_records(const struct summary *summary, struct session *session, struct summary_group **groups,
			  unsigned int n)
{
	uint64_t interval_ns = clock_monotonic_ns() - summary->started_ns;

	for (unsigned int i = 0; i < n; i++) {
		struct record *record = session_begin(session, "tcp_retransmit_summary", summary->started_ns);

		record_add_uint(record, "interval_ns", interval_ns);
		add_key(record, summary->by, groups[i]);
		add_figures(record, groups[i]);
		session_put_aside(session);
	}
}

/* A flow is two endpoints: on 80 columns only the main figures fit beside it. */
static void make_room_for_flows(struct table_column *titled)
{
	static const enum column lesser[] = { RETRANSMITS, SYN, RECOVERY, TLP, SRTT_P99 };

	for (unsigned int i = 0; i < sizeof(lesser) / sizeof(lesser[0]); i++)
		titled[lesser[i]].rank = 1;
	titled[GROUP].width = 2 * strlen("255.255.255.255:65535") + strlen(" > ");
}

static void write_table(const struct summary *summary, struct session *session, struct summary_group **groups,
			unsigned int n)
{
	struct table_column titled[sizeof(columns) / sizeof(columns[0])];
	struct table table;

	memcpy(titled, columns, sizeof(columns));
	titled[GROUP].title = summary_key_names[summary->by];
	if (summary->by == BY_FLOW)
		make_room_for_flows(titled);
	table_init(&table, titled, sizeof(columns) / sizeof(columns[0]), 0);
	session_put_titles(session, &table);
	for (unsigned int i = 0; i < n; i++) {
		set_group(&table, summary->by, groups[i]);
		set_figures(&table, groups[i]);
		session_put_row(session, &table, false);
	}
}

static void group_free(struct summary_group *group)
{
	if (!group)
		return;
	histogram_clear(&group->srtt_us);
	free(group);
}

static void groups_clear(struct summary *summary)
{
	for (unsigned int i = 0; i < SUMMARY_BUCKETS; i++) {
		while (summary->buckets[i]) {
			struct summary_group *group = summary->buckets[i];

			summary->buckets[i] = group->next;
			group_free(group);
		}
	}
	group_free(summary->overflow);
	summary->overflow = NULL;
	summary->n_groups = 0;
}

void summary_write(struct summary *summary, struct session *session)
{
	static struct summary_group *groups[SUMMARY_GROUPS_MAX + 1];
	unsigned int n = collect_groups(summary, groups);

	if (session->cli->form == CLI_FORM_TABLE)
		write_table(summary, session, groups, n);
	else
		write_records(summary, session, groups, n);
	groups_clear(summary);
	summary->started_ns = clock_monotonic_ns();
}

void summary_close(struct summary *summary)
{
	groups_clear(summary);
}
