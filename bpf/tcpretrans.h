/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/tcpretrans.bpf.c and cmd/otb-tcpretrans tell each other.
 */
#ifndef OTB_BPF_TCPRETRANS_H
#define OTB_BPF_TCPRETRANS_H

#include <linux/types.h>

enum tcpretrans_kind {
	TCPRETRANS_SEGMENT, /* struct tcpretrans_event, from tcp:tcp_retransmit_skb */
	TCPRETRANS_SYNACK,  /* struct tcpretrans_event, from tcp:tcp_retransmit_synack */
	TCPRETRANS_OWNER,   /* struct tcpretrans_owner: who closed a socket that was reported without a pid */
};

enum tcpretrans_reason {
	REASON_OTHER,
	REASON_SYN,
	REASON_RTO,
	REASON_LOSS_RECOVERY,
	REASON_FAST,
	REASON_TLP,
	REASON_MAX,
};

enum tcpretrans_owner_kind {
	OWNER_CURRENT,  /* the task on the CPU holds the socket's lock: pid and comm are its leader's */
	OWNER_SOCKET,   /* somebody has the socket open: to be found by its inode */
	OWNER_LISTENER, /* the same for the listener of a SYN-ACK */
	OWNER_ORPHAN,   /* closed by its process, and kept by the kernel */
};

/* What the iterator over all open files is to do beside writing out who has which socket. */
enum tcpretrans_visit {
	VISIT_SEED,  /* before anything is reported: note what old sockets have retransmitted */
	VISIT_LOOK,  /* nothing */
	VISIT_AUDIT, /* at the end: find what was counted and not reported */
};

enum { AUDIT_NAMESPACES_MAX = 4096 };

enum { TCPRETRANS_COMM_SIZE = 16 };

/* Which socket, and who has it. */
struct tcpretrans_socket {
	__u64 cookie; /* 0: unknown */
	__u64 inode;  /* 0: an orphan */
	__u32 netns;
	__u32 pid; /* of the thread-group leader, in the initial pid namespace; 0: not known to the kernel side */
	__u8 comm[TCPRETRANS_COMM_SIZE];
};

_Static_assert(sizeof(struct tcpretrans_socket) == 40, "wire format");

struct tcpretrans_owner {
	__u32 kind;
	__u32 reserved;
	struct tcpretrans_socket socket;
};

_Static_assert(sizeof(struct tcpretrans_owner) == 48, "wire format");

struct tcpretrans_event {
	__u32 kind;
	__u32 uid;
	struct tcpretrans_socket socket;
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 cgroup_id;
	__u8 local_address[16]; /* IPv4 in its v4-mapped form; network byte order */
	__u8 peer_address[16];
	__u16 local_port; /* host byte order */
	__u16 peer_port;
	__u8 is_ipv4;
	__u8 state;  /* TCP_ESTABLISHED is 1: include/net/tcp_states.h */
	__u8 reason; /* enum tcpretrans_reason */
	__u8 owner;  /* enum tcpretrans_owner_kind */
	__s32 error; /* 0, a negative errno, or a positive NET_XMIT_ code */
	__u32 segments;
	__u32 bytes;
	__u32 seq;
	__u32 srtt_us;
	__u32 rttvar_us;
	__u32 rto_jiffies;
	__u32 cwnd;
	__u32 ssthresh;
	__u32 packets_out;
	__u32 retrans_out;
	__u32 lost_out;
	__u32 total_retrans;
	__u32 mss;
	__u16 tcp_flags;
	__u8 backoff;
	__u8 reserved[5];
};

_Static_assert(sizeof(struct tcpretrans_event) == 48 + 16 + 32 + 8 + 14 * 4 + 8, "wire format");

/* One descriptor of a TCP socket, as the iterator over all tasks' files writes it. */
struct tcpretrans_file {
	struct tcpretrans_socket socket;
	__u64 start_time; /* of the process, boot time in ns: the youngest of several holders is taken for the owner */
	__u32 fd;
	__u32 reserved;
};

_Static_assert(sizeof(struct tcpretrans_file) == 56, "wire format");

enum { FILTER_PIDS_MAX = 64, FILTER_VALUES_MAX = 16 };

struct tcpretrans_prefix {
	__u8 address[16];
	__u8 mask[16];
	__u32 is_ipv4; /* the v4-mapped form of an IPv4 network; else it holds no IPv4 peers, as ::/0 would */
	__u32 reserved;
};

/* What the user wants to see. Of each list one must fit, unless it is empty; every list must be passed. */
struct tcpretrans_filter {
	__u32 n_pids, n_comms, n_ports, n_local_ports, n_peer_ports, n_peers;
	__u32 reasons;  /* bit mask of 1 << enum tcpretrans_reason; 0: all */
	__u32 netns;    /* 0: all */
	__u64 cgroup;   /* this one and those below it; 0: all */
	__u32 families; /* 4, 6 or 0: both */
	__u32 reserved;
	__u32 pids[FILTER_PIDS_MAX];
	__u8 comms[FILTER_VALUES_MAX][TCPRETRANS_COMM_SIZE];
	__u16 ports[FILTER_VALUES_MAX], local_ports[FILTER_VALUES_MAX], peer_ports[FILTER_VALUES_MAX];
	struct tcpretrans_prefix peers[FILTER_VALUES_MAX];
};

#endif
