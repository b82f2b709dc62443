/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which process a uprobe was hit in, and what is known of the binary that it runs.
 *
 * Before this is included, a tracer names two structs of its own: GO_BINARY, which begins with a struct go_binary_head
 * and is filled in by its user side (common/go/probes.h), and GO_PROCESS, the state of one process, which begins with a
 * struct go_process.
 */
#ifndef OTB_GO_PROCESS_BPF_H
#define OTB_GO_PROCESS_BPF_H

#include "bpf/go.bpf.h"

#include <bpf/bpf_core_read.h>

#include "bpf/go.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u32); /* tgid */
	__type(value, GO_PROCESS);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GO_BINARIES_MAX);
	__type(key, __u32);
	__type(value, GO_BINARY);
} binaries SEC(".maps");

/* Which binary a process runs: asked where there are no attach cookies (before 5.15), and for --pid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* tgid */
	__type(value, __u32);
} pids SEC(".maps");

/* Nothing is in it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nowhere SEC(".maps");

const volatile bool has_cookies;
const volatile bool all_execs; /* those of any process are told, not only of the ones in `pids` */

__u64 execs_missed; /* told to the outside, which looks at all processes then */

static const GO_PROCESS no_process;

struct place {
	__u32 pid, index;
	GO_BINARY *binary;
	GO_PROCESS *process;
};

static __always_inline __u32 binary_index(GO_CONTEXT *ctx, __u32 pid)
{
	__u32 *index;

	if (has_cookies)
		return (__u32)bpf_get_attach_cookie(ctx);
	index = bpf_map_lookup_elem(&pids, &pid);
	return index ? *index : GO_BINARIES_MAX;
}

/*
 * One file may be two targets: overlays of the same layer, as containers have them, look like two files and are one to
 * uprobes. Then every probe hits twice, and the target that was first speaks for the process, as long as it is one.
 */
static __always_inline bool place_speaks(const struct place *place)
{
	struct go_process *process = &place->process->head;
	GO_BINARY *first;

	if (process->generation == place->binary->head.generation)
		return true;
	first = bpf_map_lookup_elem(&binaries, &process->index);
	if (process->generation && first && first->head.generation == process->generation)
		return false;
	process->index = place->index;
	process->generation = place->binary->head.generation;
	return true;
}

/*
 * From 6.13 on a program that takes 64 bytes of stack or more has them in memory of its CPU (kernel/bpf/verifier.c,
 * bpf_enable_priv_stack()). That is right where the kernel lets nobody else into the program on that CPU, as it does for
 * kprobes and tracepoints; a uprobe it only keeps on its CPU (include/linux/bpf.h, bpf_prog_run_array_uprobe()), and where
 * it can be preempted (CONFIG_PREEMPT, CONFIG_PREEMPT_LAZY), another thread's hit writes over its variables. What has a
 * tail call in it keeps the kernel's own stack. This one is never made: nothing is hit in process 0.
 */
static __always_inline void stack_keep(GO_CONTEXT *ctx, __u32 pid)
{
	if (bpf_core_enum_value_exists(enum priv_stack_mode, PRIV_STACK_ADAPTIVE) && !pid)
		bpf_tail_call(ctx, &nowhere, 0);
}

/* Where a hit belongs. False where that cannot be known, which is counted, and where another hit tells the same. */
static __always_inline bool place_find(GO_CONTEXT *ctx, struct place *place)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	stack_keep(ctx, pid);
	place->pid = pid;
	place->index = binary_index(ctx, pid);
	place->binary = bpf_map_lookup_elem(&binaries, &place->index);
	place->process = bpf_map_lookup_elem(&processes, &pid);
	if (place->binary && !place->process) {
		bpf_map_update_elem(&processes, &pid, &no_process, BPF_NOEXIST);
		place->process = bpf_map_lookup_elem(&processes, &pid);
	}
	if (place->binary && place->process)
		return place_speaks(place);
	counter_add(COUNTER_LOST_MAP, 1);
	return false;
}

/* The hit was at `site`, an address in the file. */
static __always_inline void place_set_bias(GO_CONTEXT *ctx, const struct place *place, __u64 site)
{
	place->process->head.bias = GO_PC(ctx) - site;
}

static __always_inline void go_event_set(struct go_event *event, __u32 kind, __u32 pid, __u32 index)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	event->kind = kind;
	event->pid = pid;
	event->binary = index;
	event->reserved = 0;
	BPF_CORE_READ_INTO(&event->comm, task, group_leader, comm);
}

/* ---- programs that come ---- */

SEC("raw_tp/sched_process_exec")
int process_exec(void *ctx __attribute__((unused)))
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct go_event *event;

	if (!all_execs && !bpf_map_lookup_elem(&pids, &pid))
		return 0;
	bpf_map_delete_elem(&processes, &pid);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&execs_missed, 1);
		return 0;
	}
	go_event_set(event, GO_EVENT_EXEC, pid, GO_BINARIES_MAX);
	ring_submit(event);
	return 0;
}

#endif
