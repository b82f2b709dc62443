/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-skeleton, kernel side.
 *
 * TODO: which events, and what is not certain about them. For now one for each time that a process has taken data from a
 * TCP connection: the kernel calls tcp_rcv_space_adjust() (net/ipv4/tcp_input.c) then, as that process.
 */
#include "bpf/tracer.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "bpf/skeleton.h"

const volatile struct skeleton_filter filter;

static __always_inline bool pid_passes(__u32 pid)
{
	bool passes = !filter.n_pids;

	for (__u32 i = 0; i < SKELETON_PIDS_MAX && i < filter.n_pids; i++)
		passes |= filter.pids[i] == pid;
	return passes;
}

static __always_inline void event_fill(struct skeleton_event *event, const struct sock *sk, __u32 pid)
{
	const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();

	*event = (struct skeleton_event){ .time_ns = bpf_ktime_get_ns(), .pid = pid };
	event->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	BPF_CORE_READ_INTO(&event->comm, task, group_leader, comm);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int skeleton_tcp_rcv_space_adjust(__u64 *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct skeleton_event *event;

	counter_add(COUNTER_SEEN, 1);
	if (!pid_passes(pid)) {
		counter_add(COUNTER_FILTERED, 1);
		return 0;
	}
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		counter_add(COUNTER_LOST_RINGBUF, 1);
		return 0;
	}
	event_fill(event, (const struct sock *)ctx[0], pid);
	ring_submit(event);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
