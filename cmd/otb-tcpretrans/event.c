/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-tcpretrans/event.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* tcp_sock.snd_ssthresh as long as no loss has set it: TCP_INFINITE_SSTHRESH, include/net/tcp.h */
#define INFINITE_SSTHRESH 0x7fffffff

const char *const reason_names[REASON_MAX] = {
	[REASON_OTHER] = "other", [REASON_SYN] = "syn", [REASON_RTO] = "rto", [REASON_LOSS_RECOVERY] = "loss_recovery",
	[REASON_FAST] = "fast",   [REASON_TLP] = "tlp",
};

static const char *const owner_names[] = {
	[OWNER_CURRENT] = "current",
	[OWNER_SOCKET] = "socket",
	[OWNER_LISTENER] = "listener",
	[OWNER_ORPHAN] = "orphan",
};

/* include/net/tcp_states.h, without TCP_ */
static const char *const state_names[] = {
	[1] = "ESTABLISHED", [2] = "SYN_SENT",  [3] = "SYN_RECV", [4] = "FIN_WAIT1",
	[5] = "FIN_WAIT2",   [6] = "TIME_WAIT", [7] = "CLOSE",    [8] = "CLOSE_WAIT",
	[9] = "LAST_ACK",    [10] = "LISTEN",   [11] = "CLOSING", [12] = "SYN_RECV",
};

/* In the order of the header's bits: RFC 9293 section 3.1, RFC 3168, AccECN's AE. */
static const char *const flag_names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };

const char *const event_field_names[] = {
	"pid",
	"comm",
	"owner",
	"network_type",
	"network_local_address",
	"network_local_port",
	"network_peer_address",
	"network_peer_port",
	"state",
	"reason",
	"segments",
	"bytes",
	"seq",
	"tcp_flags",
	"error",
	"srtt_us",
	"rttvar_us",
	"rto_us",
	"cwnd",
	"ssthresh",
	"packets_out",
	"retrans_out",
	"lost_out",
	"total_retrans",
	"mss",
	"backoff",
	"cookie",
	"netns",
	"cgroup_id",
	"container_id",
	"uid",
	"interval_ns",
	"by",
	"cgroup_path",
	"retransmits",
	"retransmits_syn",
	"retransmits_rto",
	"retransmits_loss_recovery",
	"retransmits_fast",
	"retransmits_tlp",
	"retransmits_other",
	"srtt_p50_us",
	"srtt_p95_us",
	"srtt_p99_us",
	"overflow",
	"segments_seen",
	"uncounted_segments",
	NULL,
};

enum column { AT, PID, COMM, REASON, SEGMENTS, SRTT, STATE, CWND, LOCAL, PEER };

const struct table_column event_columns[] = {
	[AT] = { "TIME", 8, 0, false },        [PID] = { "PID", 7, 0, true },       [COMM] = { "COMM", 15, 0, false },
	[REASON] = { "REASON", 13, 0, false }, [SEGMENTS] = { "SEGS", 4, 0, true }, [SRTT] = { "SRTT", 6, 0, true },
	[STATE] = { "STATE", 11, 1, false },   [CWND] = { "CWND", 5, 2, true },     [LOCAL] = { "LOCAL", 21, 1, false },
	[PEER] = { "PEER", 21, 0, false },
};

const unsigned int n_event_columns = sizeof(event_columns) / sizeof(event_columns[0]);

const char *event_name(const struct tcpretrans_event *event)
{
	return event->kind == TCPRETRANS_SYNACK ? "tcp_synack_retransmit" : "tcp_retransmit";
}

static bool address_is_mapped(const __u8 address[16])
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, mapped, sizeof(mapped));
}

void address_format(const __u8 address[16], char text[ENDPOINT_SIZE])
{
	if (address_is_mapped(address))
		inet_ntop(AF_INET, address + 12, text, ENDPOINT_SIZE);
	else
		inet_ntop(AF_INET6, address, text, ENDPOINT_SIZE);
}

void endpoint_format(const __u8 address[16], __u16 port, char text[ENDPOINT_SIZE])
{
	char host[ENDPOINT_SIZE];

	address_format(address, host);
	snprintf(text, ENDPOINT_SIZE, address_is_mapped(address) ? "%.40s:%u" : "[%.40s]:%u", host, port);
}

static void add_flags(struct record *record, __u16 flags)
{
	char text[64] = "";
	size_t length = 0;

	for (unsigned int bit = 0; bit < sizeof(flag_names) / sizeof(flag_names[0]); bit++)
		if (flags & 1U << bit)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? "|" : "",
						   flag_names[bit]);
	if (length)
		record_add_text(record, "tcp_flags", text);
}

/* Why an attempt failed: the errno's name, or the queueing discipline's verdict (include/linux/netdevice.h). */
static void add_error(struct record *record, int error)
{
	const char *name = error < 0 ? strerrorname_np(-error) : NULL;
	char number[16];

	if (!error)
		return;
	if (error == 1)
		name = "NET_XMIT_DROP";
	if (error == 2)
		name = "NET_XMIT_CN";
	snprintf(number, sizeof(number), "%d", error);
	record_add_text(record, "error", name ? name : number);
}

static void add_owner(struct record *record, const struct tcpretrans_event *event, const struct owner *owner)
{
	if (owner->pid) {
		record_add_uint(record, "pid", owner->pid);
		record_add_text(record, "comm", owner->comm);
	}
	/* Somebody had it open, but nobody has any more: there is nothing to name. */
	if (owner->pid || event->owner == OWNER_ORPHAN)
		record_add_text(record, "owner", owner_names[event->owner]);
}

static void add_endpoints(struct record *record, const struct tcpretrans_event *event)
{
	char address[ENDPOINT_SIZE];

	record_add_text(record, "network_type", event->is_ipv4 ? "ipv4" : "ipv6");
	address_format(event->local_address, address);
	record_add_text(record, "network_local_address", address);
	record_add_uint(record, "network_local_port", event->local_port);
	address_format(event->peer_address, address);
	record_add_text(record, "network_peer_address", address);
	record_add_uint(record, "network_peer_port", event->peer_port);
}

static void add_congestion(struct record *record, const struct tcpretrans_event *event, uint64_t tick_ns)
{
	if (event->srtt_us) { /* else there was no sample yet */
		record_add_uint(record, "srtt_us", event->srtt_us);
		record_add_uint(record, "rttvar_us", event->rttvar_us);
	}
	record_add_uint(record, "rto_us", event->rto_jiffies * tick_ns / 1000);
	record_add_uint(record, "cwnd", event->cwnd);
	if (event->ssthresh < INFINITE_SSTHRESH)
		record_add_uint(record, "ssthresh", event->ssthresh);
	record_add_uint(record, "packets_out", event->packets_out);
	record_add_uint(record, "retrans_out", event->retrans_out);
	record_add_uint(record, "lost_out", event->lost_out);
	record_add_uint(record, "total_retrans", event->total_retrans);
	record_add_uint(record, "mss", event->mss);
	record_add_uint(record, "backoff", event->backoff);
}

static void add_identity(struct record *record, const struct tcpretrans_event *event, const struct owner *owner)
{
	if (event->socket.cookie)
		record_add_hex(record, "cookie", event->socket.cookie);
	record_add_uint(record, "netns", event->socket.netns);
	if (event->cgroup_id)
		record_add_uint(record, "cgroup_id", event->cgroup_id);
	if (owner->container_id[0])
		record_add_text(record, "container_id", owner->container_id);
	if (event->owner != OWNER_ORPHAN)
		record_add_uint(record, "uid", event->uid);
}

void event_add_fields(struct record *record, const struct tcpretrans_event *event, const struct owner *owner,
		      uint64_t tick_ns)
{
	add_owner(record, event, owner);
	add_endpoints(record, event);
	record_add_text(record, "state", state_names[event->state % 13] ? state_names[event->state % 13] : "UNKNOWN");
	record_add_text(record, "reason", reason_names[event->reason % REASON_MAX]);
	record_add_uint(record, "segments", event->segments);
	record_add_uint(record, "bytes", event->bytes);
	record_add_uint(record, "seq", event->seq);
	add_flags(record, event->tcp_flags);
	add_error(record, event->error);
	if (event->kind == TCPRETRANS_SEGMENT)
		add_congestion(record, event, tick_ns);
	add_identity(record, event, owner);
}

static void set_srtt(struct table *table, __u32 us)
{
	if (!us)
		return;
	if (us < 1000)
		table_set(table, SRTT, "%uus", us);
	else if (us < 100000)
		table_set(table, SRTT, "%u.%ums", us / 1000, us % 1000 / 100);
	else
		table_set(table, SRTT, "%ums", us / 1000);
}

void event_set_row(struct table *table, const struct tcpretrans_event *event, const struct owner *owner,
		   uint64_t wall_ns)
{
	char endpoint[ENDPOINT_SIZE];

	table_set_time(table, AT, wall_ns);
	if (owner->pid) {
		table_set(table, PID, "%u", owner->pid);
		table_set(table, COMM, "%s", owner->comm);
	} else if (event->owner == OWNER_ORPHAN) {
		table_set(table, COMM, "(orphan)");
	}
	table_set(table, REASON, "%s%s", reason_names[event->reason % REASON_MAX],
		  event->kind == TCPRETRANS_SYNACK ? "+ack"
		  : event->error                   ? " failed"
						   : "");
	table_set(table, SEGMENTS, "%u", event->segments);
	set_srtt(table, event->srtt_us);
	table_set(table, STATE, "%s", state_names[event->state % 13] ? state_names[event->state % 13] : "?");
	if (event->kind == TCPRETRANS_SEGMENT)
		table_set(table, CWND, "%u", event->cwnd);
	endpoint_format(event->local_address, event->local_port, endpoint);
	table_set(table, LOCAL, "%s", endpoint);
	endpoint_format(event->peer_address, event->peer_port, endpoint);
	table_set(table, PEER, "%s", endpoint);
}
