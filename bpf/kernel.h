/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that otb's BPF programs read, and of each only the fields they read.
 *
 * CO-RE finds the fields by name in the running kernel's BTF, wherever they lie there, also inside anonymous unions;
 * so order and size here mean nothing, and a build needs no /sys/kernel/btf. A name with three underscores is another
 * form of a type, as some kernels have it: what follows them is ignored in the search.
 *
 * libbpf searches the whole BTF (100,000 types and more) once for each type that an access starts from, which is most of
 * a tracer's start: a few accesses start from an enclosing type instead, where there is one anyway.
 */
#ifndef OTB_KERNEL_H
#define OTB_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	struct sock *skc_listener; /* of a request_sock */
};

typedef struct {
} spinlock_t; /* its first word is 0 where it is free, but with CONFIG_PREEMPT_RT */

typedef struct {
	spinlock_t slock;
	int owned;
} socket_lock_t;

typedef struct {
	unsigned int val;
} kuid_t;

struct sock_cgroup_data {
	struct cgroup *cgroup; /* since 5.15 */
};

struct sock_cgroup_data___before_5_15 {
	__u64 val; /* a struct cgroup * where the lowest bit is clear */
};

struct socket {
	struct sock *sk;
};

struct inode {
	__u16 i_mode; /* umode_t */
	unsigned long i_ino;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct socket *sk_socket;
	kuid_t sk_uid;
	__u16 sk_protocol;
	__u8 sk_kern_sock : 1; /* it is the kernel's, and no process's */
	struct sock_cgroup_data sk_cgrp_data;
};

struct sock___before_5_15 {
	struct sock_cgroup_data___before_5_15 sk_cgrp_data;
};

struct inet_connection_sock {
	__u32 icsk_rto; /* in jiffies */
	__u8 icsk_ca_state : 5;
	__u8 icsk_pending;
	__u8 icsk_backoff;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 srtt_us; /* 8 x */
	__u32 mdev_us; /* 4 x */
	__u32 snd_cwnd, snd_ssthresh;
	__u32 packets_out, retrans_out, lost_out;
	__u32 total_retrans;
	__u32 mss_cache;
};

struct list_head {
	struct list_head *next;
};

/* MPTCP: a socket of processes, and the TCP sockets below it, each with a context in a list. */
struct mptcp_sock {
	struct list_head conn_list;
};

struct mptcp_subflow_context {
	struct list_head node;
	struct sock *tcp_sock;
};

struct request_sock; /* begins with a struct sock_common, as struct sock does */

struct tcp_request_sock {
	__u32 snt_isn;
};

struct sk_buff {
	unsigned int len;
	char cb[48];
};

struct tcp_skb_cb {
	__u32 seq;
	__u16 tcp_gso_segs;
	__u16 tcp_flags; /* one byte before 6.18 */
};

/* Exists where tcp:tcp_retransmit_skb is an event of its own, which is where it has its third argument (6.17). */
struct trace_event_raw_tcp_retransmit_skb {
	int err;
};

struct files_struct;
struct mm_struct;

struct task_struct {
	int pid, tgid;
	unsigned int flags;
	char comm[16];
	__u64 start_time;
	__u64 start_boottime; /* since 5.5 */
	struct task_struct *group_leader;
	struct files_struct *files;
	struct mm_struct *mm;
	__u64 self_exec_id; /* counts execve(); of so many bits since 5.7 */
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

#pragma clang attribute pop

/* Since 6.13. */
enum priv_stack_mode { PRIV_STACK_ADAPTIVE = 2 };

/* The context of an iterator, which is laid out for programs and does not move. */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#endif
