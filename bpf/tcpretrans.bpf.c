/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-tcpretrans, kernel side.
 *
 * One event for each call of the two tracepoints, with the owner only where the kernel knows it for certain; and four
 * kinds of bookkeeping about sockets, so that `segments` is exact and no owner is lost:
 *   - a socket's tcp_sock.total_retrans as it was before (map `flows`): its rise tells whether a failed attempt was
 *     counted (the kernel counts before it sends: __tcp_retransmit_skb, net/ipv4/tcp_output.c);
 *   - sock:inet_sock_set_state, for what an accepted child inherits, for who closes a socket, and to forget it;
 *   - the segments of a whole network namespace (map `accounted`), which its own counter is held against at the end: it
 *     alone has SYN-ACKs and orphans for which no program was run;
 *   - an iterator over all open files, for the sockets that are older than the tracer and for who holds which.
 */
#include "bpf/tracer.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "bpf/tcpretrans.h"

/* include/net/tcp_states.h, include/net/inet_connection_sock.h, include/uapi/linux/tcp.h, include/net/tcp.h */
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_CLOSE = 7, TCP_LAST_ACK = 9 };
enum { CA_RECOVERY = 3, CA_LOSS = 4 };
enum { PENDING_LOSS_PROBE = 5 };
enum { FLAG_SYN = 0x02, FLAG_ACK = 0x10 };
enum { ERROR_EXISTS = 17 };           /* EEXIST */
enum { TASK_OF_KERNEL = 0x00200000 }; /* PF_KTHREAD, include/linux/sched.h */
enum { FAMILY_INET = 2, FAMILY_INET6 = 10, PROTOCOL_TCP = 6, PROTOCOL_MPTCP = 262 };

#define MODE_TYPE 0170000
#define MODE_SOCKET 0140000
#define CGROUP_DEPTH_MAX 32
#define SUBFLOWS_MAX 8 /* MPTCP_SUBFLOWS_MAX, net/mptcp/protocol.h */
#define SECOND_NS 1000000000ULL

/* What is remembered of a socket that has retransmitted. */
struct flow {
	__u32 total_retrans; /* after its last event */
	__u32 unresolved;    /* an event went out without its owner */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64); /* the address of the struct sock: valid until its TCP_CLOSE, when the entry goes */
	__type(value, struct flow);
} flows SEC(".maps");

/* Network namespace -> its segments that an event told of, or that were found uncounted. The entries are made from
 * outside, when the audit begins: cmd/otb-tcpretrans/audit.h */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AUDIT_NAMESPACES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} accounted SEC(".maps");

/* The seconds of --max-rate, in turn: one that is over is cleared by the first event of a later one. */
struct second {
	__u64 number;
	__u64 events;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct second);
} seconds SEC(".maps");

const volatile struct tcpretrans_filter filter;
const volatile __u64 max_rate; /* events a second; 0: no limit */

__u32 visit;           /* enum tcpretrans_visit: set from outside */
bool seeded;           /* set from outside, after VISIT_SEED */
bool flows_missing;    /* `flows` was full once */
bool reports_failures; /* told to the outside, by VISIT_SEED: whether this kernel's tracepoint has its third argument */

/* Only one retransmission of a socket runs at a time (its lock is held), so its entry is not shared. */

static __always_inline __u32 read_total_retrans(const struct sock *sk)
{
	return BPF_CORE_READ((const struct tcp_sock *)sk, total_retrans);
}

/* A socket has no room in `flows`, and its next event will not find what this one would have left. */
static __always_inline void flow_lose(void)
{
	flows_missing = true;
	counter_add(COUNTER_LOST_MAP, 1);
}

/* In place where there is one: an entry that is replaced may become another socket's while audit() still reads it. */
static __always_inline void flow_store(const struct sock *sk, struct flow *known, __u32 total_retrans, bool unresolved)
{
	struct flow flow = { total_retrans, unresolved };
	__u64 key = (__u64)sk;

	if (known)
		*known = flow;
	else if (bpf_map_update_elem(&flows, &key, &flow, BPF_ANY))
		flow_lose();
}

static __always_inline __u32 read_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline void account(__u32 netns, __u32 segments)
{
	__u64 *sum = bpf_map_lookup_elem(&accounted, &netns);

	if (sum)
		__sync_fetch_and_add(sum, segments);
}

/* ---- owner ---- */

static __always_inline __u64 read_inode(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);

	if (!socket)
		return 0;
	/* struct socket is the first member of what sockfs allocates: sock_i_ino(), net/core/sock.c */
	return BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
}

static __always_inline void read_current(struct tcpretrans_socket *to)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	to->pid = bpf_get_current_pid_tgid() >> 32;
	BPF_CORE_READ_INTO(&to->comm, task, group_leader, comm);
}

static __always_inline void socket_read(struct tcpretrans_socket *to, const struct sock *sk, __u64 cookie)
{
	to->cookie = cookie ? cookie : (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	to->inode = read_inode(sk);
	to->netns = read_netns(sk);
}

/*
 * The task on the CPU is mostly a bystander that a softirq interrupted. It is the owner exactly where it holds the
 * socket's lock in process context, since the softirq side defers its work then (sock_owned_by_user()); but a thread of
 * the kernel that does so works for somebody else (sockmap, MPTCP, TLS), or for the kernel's own sockets (NFS).
 */
static __always_inline bool current_is_owner(const struct sock *sk)
{
	const struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(sk, sk_lock.owned) && !(BPF_CORE_READ(task, flags) & TASK_OF_KERNEL);
}

static __always_inline __u8 owner_read(struct tcpretrans_socket *to, const struct sock *sk)
{
	if (current_is_owner(sk)) {
		read_current(to);
		return OWNER_CURRENT;
	}
	return to->inode ? OWNER_SOCKET : OWNER_ORPHAN;
}

static __always_inline struct cgroup *cgroup_of(const struct sock *sk)
{
	__u64 val;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	if (!bpf_core_field_exists(struct sock___before_5_15, sk_cgrp_data.val))
		return NULL; /* CONFIG_SOCK_CGROUP_DATA is off */
	val = BPF_CORE_READ((const struct sock___before_5_15 *)sk, sk_cgrp_data.val);
	return val & 1 ? NULL : (struct cgroup *)val;
}

/* ---- addresses ---- */

static __always_inline void address_from_ipv4(__u8 to[16], __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

static __always_inline bool address_is_ipv4(const __u8 address[16])
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* A request, too, begins with a struct sock_common, and may be given for a socket. */
static __always_inline void addresses_read(struct tcpretrans_event *event, const struct sock *sk)
{
	event->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	event->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == FAMILY_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&event->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&event->peer_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else {
		address_from_ipv4(event->local_address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		address_from_ipv4(event->peer_address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	}
	event->is_ipv4 = address_is_ipv4(event->peer_address);
}

/* ---- reason ---- */

static __always_inline __u8 reason_read(const struct tcpretrans_event *event, const struct tcp_sock *tp)
{
	__u8 ca_state = BPF_CORE_READ_BITFIELD_PROBED(tp, inet_conn.icsk_ca_state);
	__u8 pending = BPF_CORE_READ(tp, inet_conn.icsk_pending);

	if (event->tcp_flags & FLAG_SYN || event->state == TCP_SYN_SENT)
		return REASON_SYN;
	/* The timer's handler clears icsk_pending before an RTO, and not before a loss probe. */
	if (ca_state == CA_LOSS)
		return pending ? REASON_LOSS_RECOVERY : REASON_RTO;
	if (ca_state == CA_RECOVERY)
		return REASON_FAST;
	if (pending == PENDING_LOSS_PROBE)
		return REASON_TLP;
	return REASON_OTHER;
}

static __always_inline __u16 tcp_flags_read(const struct tcp_skb_cb *cb)
{
	if (bpf_core_field_size(struct tcp_skb_cb, tcp_flags) == 1) {
		__u8 flags = 0;

		bpf_core_read(&flags, sizeof(flags), &cb->tcp_flags);
		return flags;
	}
	return BPF_CORE_READ(cb, tcp_flags);
}

/* ---- filters ---- */

static __always_inline bool port_in(const volatile __u16 *ports, __u32 n, __u16 port)
{
	for (__u32 i = 0; i < FILTER_VALUES_MAX && i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static __always_inline bool ports_pass(__u16 local, __u16 peer)
{
	if (filter.n_ports && !port_in(filter.ports, filter.n_ports, local) &&
	    !port_in(filter.ports, filter.n_ports, peer))
		return false;
	if (filter.n_local_ports && !port_in(filter.local_ports, filter.n_local_ports, local))
		return false;
	return !filter.n_peer_ports || port_in(filter.peer_ports, filter.n_peer_ports, peer);
}

static __always_inline bool prefix_holds(const volatile struct tcpretrans_prefix *prefix,
					 const struct tcpretrans_event *event)
{
	const volatile __u32 *wanted = (const volatile __u32 *)prefix->address;
	const volatile __u32 *mask = (const volatile __u32 *)prefix->mask;
	const __u32 *words = (const __u32 *)event->peer_address;

	return prefix->is_ipv4 == event->is_ipv4 && (words[0] & mask[0]) == wanted[0] &&
	       (words[1] & mask[1]) == wanted[1] && (words[2] & mask[2]) == wanted[2] &&
	       (words[3] & mask[3]) == wanted[3];
}

static __always_inline bool peer_passes(const struct tcpretrans_event *event)
{
	if (!filter.n_peers)
		return true;
	for (__u32 i = 0; i < FILTER_VALUES_MAX && i < filter.n_peers; i++)
		if (prefix_holds(&filter.peers[i], event))
			return true;
	return false;
}

static __always_inline bool comm_equals(const volatile __u8 *wanted, const __u8 *comm)
{
	for (int i = 0; i < TCPRETRANS_COMM_SIZE; i++) {
		if (wanted[i] != comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/* Whether the owner may be one that is asked for: yes while it is not known. */
static __always_inline bool owner_passes(const struct tcpretrans_event *event)
{
	bool passes = !filter.n_pids;

	if (!filter.n_pids && !filter.n_comms)
		return true;
	if (event->owner == OWNER_ORPHAN)
		return false;
	if (event->owner != OWNER_CURRENT)
		return true;
	for (__u32 i = 0; i < FILTER_PIDS_MAX && i < filter.n_pids; i++)
		passes |= filter.pids[i] == event->socket.pid;
	if (!passes || !filter.n_comms)
		return passes;
	for (__u32 i = 0; i < FILTER_VALUES_MAX && i < filter.n_comms; i++)
		if (comm_equals(filter.comms[i], event->socket.comm))
			return true;
	return false;
}

static __always_inline bool cgroup_passes(const struct sock *sk)
{
	struct cgroup *cgroup;

	if (!filter.cgroup)
		return true;
	cgroup = cgroup_of(sk);
	for (int depth = 0; cgroup && depth < CGROUP_DEPTH_MAX; depth++) {
		if (BPF_CORE_READ(cgroup, kn, id) == filter.cgroup)
			return true;
		/* A cgroup's own cgroup_subsys_state is its first member: cgroup_parent(), include/linux/cgroup.h */
		cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
	}
	return false;
}

static __always_inline bool netns_passes(__u32 netns)
{
	return !filter.netns || filter.netns == netns;
}

static __always_inline bool event_passes(const struct tcpretrans_event *event, const struct sock *sk)
{
	if (filter.reasons && !(filter.reasons & 1 << event->reason))
		return false;
	if (filter.families && filter.families != (event->is_ipv4 ? 4 : 6))
		return false;
	if (!netns_passes(event->socket.netns))
		return false;
	return ports_pass(event->local_port, event->peer_port) && peer_passes(event) && owner_passes(event) &&
	       cgroup_passes(sk);
}

/* ---- the limit ---- */

/* Where two CPUs turn a second over at once, each may let a few more through; none is held back that should not be. */
static __always_inline bool rate_passes(__u64 now_ns)
{
	__u64 number = now_ns / SECOND_NS;
	__u32 key = number % 4;
	struct second *second;

	if (!max_rate)
		return true;
	second = bpf_map_lookup_elem(&seconds, &key);
	if (!second)
		return true;
	if (second->number != number) {
		second->number = number;
		second->events = 0;
	}
	__sync_fetch_and_add(&second->events, 1);
	return second->events <= max_rate;
}

/* ---- the way out ---- */

/* Returns whether the event is on its way. */
static __always_inline bool event_emit(const struct tcpretrans_event *event, const struct sock *sk)
{
	struct tcpretrans_event *place;

	counter_add(COUNTER_SEEN, 1);
	counter_add(COUNTER_SEEN_WEIGHT, event->segments);
	if (!event_passes(event, sk)) {
		counter_add(COUNTER_FILTERED, 1);
		return false;
	}
	if (!rate_passes(event->time_ns)) {
		counter_add(COUNTER_SUPPRESSED, 1);
		counter_add(COUNTER_SUPPRESSED_WEIGHT, event->segments);
		return false;
	}
	place = bpf_ringbuf_reserve(&ring, sizeof(*place), 0);
	if (!place) {
		counter_add(COUNTER_LOST_RINGBUF, 1);
		counter_add(COUNTER_LOST_RINGBUF_WEIGHT, event->segments);
		return false;
	}
	*place = *event;
	ring_submit(place);
	return true;
}

static __always_inline void event_begin(struct tcpretrans_event *event, __u32 kind, const struct sock *sk)
{
	struct cgroup *cgroup = cgroup_of(sk);

	event->kind = kind;
	event->time_ns = bpf_ktime_get_ns();
	event->uid = BPF_CORE_READ(sk, sk_uid.val);
	event->cgroup_id = cgroup ? BPF_CORE_READ(cgroup, kn, id) : 0;
}

static __always_inline void congestion_read(struct tcpretrans_event *event, const struct tcp_sock *tp)
{
	event->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	event->rttvar_us = BPF_CORE_READ(tp, mdev_us) >> 2;
	event->rto_jiffies = BPF_CORE_READ(tp, inet_conn.icsk_rto);
	event->cwnd = BPF_CORE_READ(tp, snd_cwnd);
	event->ssthresh = BPF_CORE_READ(tp, snd_ssthresh);
	event->packets_out = BPF_CORE_READ(tp, packets_out);
	event->retrans_out = BPF_CORE_READ(tp, retrans_out);
	event->lost_out = BPF_CORE_READ(tp, lost_out);
	event->mss = BPF_CORE_READ(tp, mss_cache);
	event->backoff = BPF_CORE_READ(tp, inet_conn.icsk_backoff);
}

/*
 * What the kernel counted for this attempt. One that succeeded was counted with all segments of its skb. One that
 * failed was counted if it failed in sending, and not if it failed before: then total_retrans has not risen. Where the
 * socket's last value is not known (an orphan older than the tracer), only an exact match is believed.
 */
static __always_inline __u32 segments_counted(const struct flow *flow, const struct tcpretrans_event *event,
					      __u32 skb_segments)
{
	__u32 risen = event->total_retrans - (flow ? flow->total_retrans : 0);

	if (!event->error)
		return skb_segments;
	if (flow ? risen >= skb_segments : risen == skb_segments)
		return skb_segments;
	return 0;
}

/* Segments that the socket counted since its last event, and that no event reported: attempts that failed, before
 * 6.17, or that this program missed. Nobody asked for those of another namespace; of the other filters only an event
 * could tell. */
static __always_inline void uncounted_add(const struct sock *sk, __u32 risen, __u32 reported)
{
	__u32 netns = read_netns(sk);

	/* Fallen: the flow was another socket's, at the same address, of whose end this program was not told. */
	if ((__s32)risen <= (__s32)reported || !netns_passes(netns))
		return;
	counter_add(COUNTER_UNCOUNTED, 1);
	counter_add(COUNTER_UNCOUNTED_WEIGHT, risen - reported);
	account(netns, risen - reported);
}

/* What a socket has retransmitted since it was last looked at. One that is not known has retransmitted nothing before,
 * once the sockets older than the tracer are known, and as long as there was room for all; but the seeding finds neither
 * orphans nor what is the kernel's own. */
static __always_inline bool risen_is_known(const struct flow *flow, const struct sock *sk, bool orphan)
{
	return flow || (seeded && !flows_missing && !orphan && !BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock));
}

static __always_inline int trace_segment(const struct sock *sk, const struct sk_buff *skb, int error, __u64 cookie)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	const struct tcp_skb_cb *cb = (const struct tcp_skb_cb *)&skb->cb;
	struct tcpretrans_event event = {};
	__u64 key = (__u64)sk;
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);
	__u32 skb_segments = BPF_CORE_READ(cb, tcp_gso_segs);
	bool emitted;

	event_begin(&event, TCPRETRANS_SEGMENT, sk);
	socket_read(&event.socket, sk, cookie);
	event.owner = owner_read(&event.socket, sk);
	addresses_read(&event, sk);
	congestion_read(&event, tp);
	event.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	event.tcp_flags = tcp_flags_read(cb);
	event.reason = reason_read(&event, tp);
	event.seq = BPF_CORE_READ(cb, seq);
	event.error = error;
	event.total_retrans = read_total_retrans(sk);
	event.segments = segments_counted(flow, &event, skb_segments);
	event.bytes = event.segments ? BPF_CORE_READ(skb, len) : 0;

	/* Where it is not certain that a failed attempt was counted, it may have been. */
	account(event.socket.netns, error && !flow ? skb_segments : event.segments);
	if (risen_is_known(flow, sk, event.owner == OWNER_ORPHAN))
		uncounted_add(sk, event.total_retrans - (flow ? flow->total_retrans : 0), event.segments);
	emitted = event_emit(&event, sk);
	flow_store(sk, flow, event.total_retrans,
		   (flow && flow->unresolved) || (emitted && event.owner == OWNER_SOCKET));
	return 0;
}

/* The lock of a listener says nothing here: its requests are retransmitted without it, while an accept() may hold it
 * on another CPU. */
static __always_inline int trace_synack(const struct sock *sk, const struct request_sock *request, __u64 cookie)
{
	const struct sock *listener = BPF_CORE_READ((const struct sock *)request, __sk_common.skc_listener);
	struct tcpretrans_event event = {};
	__u64 key = (__u64)sk;

	if (!listener)
		listener = sk;
	if (listener != sk) {
		/* The child of a TCP fast open counts its SYN-ACKs in total_retrans (tcp_rtx_synack()), and may send
		 * other segments again before its handshake is over. */
		struct flow *flow = bpf_map_lookup_elem(&flows, &key);

		flow_store(sk, flow, read_total_retrans(sk), flow && flow->unresolved);
		cookie = 0;
	}
	event_begin(&event, TCPRETRANS_SYNACK, listener);
	socket_read(&event.socket, listener, cookie);
	event.owner = event.socket.inode ? OWNER_LISTENER : OWNER_ORPHAN;
	addresses_read(&event, (const struct sock *)request);
	event.state = TCP_SYN_RECV;
	event.tcp_flags = FLAG_SYN | FLAG_ACK;
	event.reason = REASON_SYN;
	event.seq = BPF_CORE_READ((const struct tcp_request_sock *)request, snt_isn);
	event.segments = 1;
	account(event.socket.netns, event.segments);
	event_emit(&event, listener);
	return 0;
}

/* ---- the life of a socket ---- */

/* A socket that was reported without its owner is being closed or shut down, by its owner. */
static __always_inline void owner_emit(const struct sock *sk)
{
	struct tcpretrans_owner *owner = bpf_ringbuf_reserve(&ring, sizeof(*owner), 0);

	if (!owner) {
		counter_add(COUNTER_LOST_RINGBUF, 1);
		return;
	}
	owner->kind = TCPRETRANS_OWNER;
	owner->reserved = 0;
	socket_read(&owner->socket, sk, 0);
	read_current(&owner->socket);
	ring_submit(owner);
}

static __always_inline void flow_end(const struct sock *sk, const struct flow *flow, __u64 key, int old_state)
{
	__u32 total_retrans = read_total_retrans(sk);

	if (risen_is_known(flow, sk, old_state != TCP_SYN_SENT))
		uncounted_add(sk, total_retrans - (flow ? flow->total_retrans : 0), 0);
	if (flow)
		bpf_map_delete_elem(&flows, &key);
}

static __always_inline int trace_state(const struct sock *sk, int old_state, int new_state)
{
	__u64 key = (__u64)sk;
	struct flow *flow;

	if (BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP)
		return 0;
	if (old_state == TCP_SYN_RECV && new_state == TCP_ESTABLISHED) {
		/* An accepted child begins with the SYN-ACKs of its request: tcp_create_openreq_child() */
		__u32 total_retrans = read_total_retrans(sk);

		flow = total_retrans ? bpf_map_lookup_elem(&flows, &key) : NULL;
		if (total_retrans)
			flow_store(sk, flow, total_retrans, flow && flow->unresolved);
		return 0;
	}
	if (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK && new_state != TCP_CLOSE)
		return 0;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow && flow->unresolved && current_is_owner(sk)) {
		flow->unresolved = 0;
		owner_emit(sk);
	}
	if (new_state == TCP_CLOSE)
		flow_end(sk, flow, key, old_state);
	return 0;
}

/* ---- the probes ---- */

/* A tracepoint without the third argument must not be asked for it: the verifier would refuse. CO-RE turns this test
 * into a constant, and the verifier does not look at what it rules out. */
#define HAS_ERROR bpf_core_type_exists(struct trace_event_raw_tcp_retransmit_skb)

SEC("tp_btf/tcp_retransmit_skb")
int tcp_retransmit_skb_btf(__u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	int error = HAS_ERROR ? (int)ctx[2] : 0;

	return trace_segment(sk, (const struct sk_buff *)ctx[1], error, bpf_get_socket_cookie((void *)sk));
}

SEC("tp_btf/tcp_retransmit_synack")
int tcp_retransmit_synack_btf(__u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];

	return trace_synack(sk, (const struct request_sock *)ctx[1], bpf_get_socket_cookie((void *)sk));
}

SEC("tp_btf/inet_sock_set_state")
int inet_sock_set_state_btf(__u64 *ctx)
{
	return trace_state((const struct sock *)ctx[0], (int)ctx[1], (int)ctx[2]);
}

/* The same where the three above do not load: before 5.12, which has no cookie for them, and without BTF for modules
 * or trampolines. */

SEC("raw_tp/tcp_retransmit_skb")
int tcp_retransmit_skb_raw(struct bpf_raw_tracepoint_args *ctx)
{
	int error = HAS_ERROR ? (int)ctx->args[2] : 0;

	return trace_segment((const struct sock *)ctx->args[0], (const struct sk_buff *)ctx->args[1], error, 0);
}

SEC("raw_tp/tcp_retransmit_synack")
int tcp_retransmit_synack_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return trace_synack((const struct sock *)ctx->args[0], (const struct request_sock *)ctx->args[1], 0);
}

SEC("raw_tp/inet_sock_set_state")
int inet_sock_set_state_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return trace_state((const struct sock *)ctx->args[0], (int)ctx->args[1], (int)ctx->args[2]);
}

/* ---- who has which socket open ---- */

static __always_inline const struct sock *file_socket(struct file *file)
{
	struct socket_alloc *socket;

	/* An open file whose inode is a socket is of sockfs, and its private data is the struct socket. */
	if ((BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE) != MODE_SOCKET)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, socket.sk);
}

static __always_inline bool socket_is(const struct sock *sk, __u16 protocol)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == FAMILY_INET || family == FAMILY_INET6) && BPF_CORE_READ(sk, sk_protocol) == protocol;
}

static __always_inline bool shares_files_with_leader(struct task_struct *task)
{
	if (BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid))
		return false;
	return BPF_CORE_READ(task, files) == BPF_CORE_READ(task, group_leader, files);
}

static __always_inline bool socket_is_closed(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE;
}

static __always_inline void seed(const struct sock *sk)
{
	struct flow flow = { read_total_retrans(sk), 0 };
	__u64 key = (__u64)sk;
	long error = 0;

	if (flow.total_retrans && !socket_is_closed(sk))
		error = bpf_map_update_elem(&flows, &key, &flow, BPF_NOEXIST);
	if (error && error != -ERROR_EXISTS)
		flow_lose();
}

/* Whether somebody works on the socket. */
static __always_inline bool socket_is_busy(const struct sock *sk)
{
	__u32 word = 0;

	bpf_core_read(&word, sizeof(word), &sk->sk_lock.slock);
	return word || BPF_CORE_READ(sk, sk_lock.owned);
}

/*
 * Between the counting and the event a socket's figures do not fit together, so they are read while nobody works on it:
 * what was counted before the first reading has been told of by then, and what is counted after it shows in the second.
 * A socket that is closed has been looked at, and its flow is gone, although a process may still have it open.
 */
static __always_inline void audit(const struct sock *sk)
{
	__u64 key = (__u64)sk;
	__u32 now = read_total_retrans(sk), before;
	bool busy = socket_is_busy(sk);
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);

	before = flow ? flow->total_retrans : 0;
	if (now <= before || busy || socket_is_busy(sk) || now != read_total_retrans(sk) || socket_is_closed(sk))
		return;
	if (!risen_is_known(flow, sk, false))
		return;
	uncounted_add(sk, now - before, 0);
	flow_store(sk, flow, now, flow && flow->unresolved);
}

static __always_inline void file_write(struct bpf_iter__task_file *ctx, struct task_struct *task, const struct sock *sk)
{
	struct tcpretrans_file entry = {};

	socket_read(&entry.socket, sk, 0);
	entry.socket.pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&entry.socket.comm, task, group_leader, comm);
	entry.start_time = BPF_CORE_READ(task, group_leader, start_time);
	entry.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &entry, sizeof(entry));
}

static __always_inline void socket_visit(struct bpf_iter__task_file *ctx, struct task_struct *task,
					 const struct sock *sk)
{
	if (visit == VISIT_SEED)
		seed(sk);
	else if (visit == VISIT_AUDIT)
		audit(sk);
	file_write(ctx, task, sk);
}

/* What a process has open is the MPTCP socket, and what retransmits are TCP sockets of the kernel, which have its inode
 * number. The list may change meanwhile: what is no TCP socket any more is passed over, and the rest is looked at again. */
static __always_inline void subflows_visit(struct bpf_iter__task_file *ctx, struct task_struct *task,
					   const struct mptcp_sock *msk)
{
	const struct list_head *node = BPF_CORE_READ(msk, conn_list.next);

	for (int i = 0; i < SUBFLOWS_MAX && node && node != &msk->conn_list; i++) {
		const struct mptcp_subflow_context *subflow =
			(const void *)node - bpf_core_field_offset(struct mptcp_subflow_context, node);
		const struct sock *sk = BPF_CORE_READ(subflow, tcp_sock);

		if (sk && socket_is(sk, PROTOCOL_TCP))
			socket_visit(ctx, task, sk);
		node = BPF_CORE_READ(subflow, node.next);
	}
}

SEC("iter/task_file")
int task_file_iter(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	const struct sock *sk;

	if (visit == VISIT_SEED)
		reports_failures = HAS_ERROR;
	if (!task || !file || shares_files_with_leader(task))
		return 0;
	sk = file_socket(file);
	if (!sk)
		return 0;
	if (socket_is(sk, PROTOCOL_TCP))
		socket_visit(ctx, task, sk);
	else if (bpf_core_type_exists(struct mptcp_sock) && socket_is(sk, PROTOCOL_MPTCP))
		subflows_visit(ctx, task, (const struct mptcp_sock *)sk);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
