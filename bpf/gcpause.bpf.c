/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-gcpause, kernel side: uprobes in the Go runtime.
 *
 * Stops of the world exclude each other (runtime.worldsema), so one process has at most one pause and one cycle under
 * way, and their state is one entry of `processes`. From Go 1.22 on everything about a pause is in the registers of
 * startTheWorldWithSema, and its end is what that function returns: the very numbers the runtime counts. Before, the
 * start is what the runtime noted in `work` where it can be read, else the clock.
 */
#include "bpf/gcpause.h"
#include "bpf/go.bpf.h"

enum { ASSIST_SLOTS = 64 };

/* More of them, and the goroutines are not counted: the verifier walks through every round. */
enum { PROCS_MAX = 256 };

struct pause {
	struct world_stop stop;
	__u64 ends_ns; /* where the runtime's end is before startTheWorldWithSema returns; else 0 */
	struct gcpause_goroutine goroutine;
	bool ends_cycle;
};

/* What startCycle knows, before the pause is over that the cycle begins with. */
struct next_cycle {
	__u64 controller; /* address in the process */
	__u32 trigger, procs;
	bool is_set;
};

struct cycle {
	__u64 start_ns, pause_ns;
	__u64 controller;
	__u32 pauses, trigger, procs, goroutines;
	__u32 number; /* work.cycles, or counted */
	bool is_open;
	/* Assists end on many CPUs at once; there is no atomic maximum on every kernel, hence one for each CPU. */
	__u64 assists, assist_ns;
	__u64 assist_max_ns[ASSIST_SLOTS];
};

struct process {
	struct go_process head;
	struct pause pause;
	struct next_cycle next;
	struct cycle cycle;
	bool terminating; /* gcMarkTermination has begun */
};

#define GO_BINARY struct gcpause_binary
#define GO_PROCESS struct process
#include "bpf/go_stw.bpf.h"

/* An assist runs on the system stack and cannot be preempted by the runtime: it ends on the thread it began on. */
struct assist {
	__u64 start_ns;
	__u64 g;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* tgid << 32 | tid */
	__type(value, struct assist);
} assists SEC(".maps");

const volatile struct gcpause_filter filter;

/* Counts an event and takes room for it, with its head filled in. NULL: it is not wanted, or lost, which is counted. */
static __always_inline void *event_begin(const struct place *place, __u32 kind, __u64 size, bool is_wanted)
{
	struct go_event *head;

	counter_add(COUNTER_SEEN, 1);
	if (!is_wanted) {
		counter_add(COUNTER_FILTERED, 1);
		return NULL;
	}
	head = bpf_ringbuf_reserve(&ring, size, 0);
	if (!head) {
		counter_add(COUNTER_LOST_RINGBUF, 1);
		return NULL;
	}
	go_event_set(head, kind, place->pid, place->index);
	return head;
}

/* ---- the process's memory ---- */

/* A field of runtime.work, or 0. */
static __always_inline __u64 work_read(const struct place *place, __s32 offset)
{
	if (!place->binary->work_cycles || offset == GO_NO_OFFSET)
		return 0;
	return go_read_u64(place->binary->work_cycles + place->process->head.bias + offset);
}

static __always_inline __u32 work_read_u32(const struct place *place, __s32 offset)
{
	if (!place->binary->work_cycles || offset == GO_NO_OFFSET)
		return 0;
	return go_read_u32(place->binary->work_cycles + place->process->head.bias + offset);
}

static __always_inline struct gcpause_goroutine goroutine_read(const struct place *place, __u64 g)
{
	const struct gcpause_binary *binary = place->binary;
	struct gcpause_goroutine goroutine = { 0 };

	if (g && binary->head.g_goid >= 0)
		goroutine.id = go_read_u64(g + binary->head.g_goid);
	if (g && binary->head.g_startpc >= 0)
		goroutine.startpc = go_read_u64(g + binary->head.g_startpc);
	if (goroutine.startpc)
		goroutine.startpc -= place->process->head.bias;
	return goroutine;
}

/* The free goroutines that each P keeps for itself; false where they cannot be read. */
static __always_inline bool free_goroutines_add(const struct place *place, __u32 *n)
{
	__u64 allp = place->binary->allp + place->process->head.bias, slice[2], p;
	__u32 free;

	if (bpf_probe_read_user(slice, sizeof(slice), (const void *)allp) || slice[1] > PROCS_MAX)
		return false;
	for (__u32 i = 0; i < PROCS_MAX && i < slice[1]; i++) {
		if (bpf_probe_read_user(&p, sizeof(p), (const void *)(slice[0] + 8 * i)) ||
		    bpf_probe_read_user(&free, sizeof(free), (const void *)(p + place->binary->p_gfree)))
			return false;
		*n += free;
	}
	return true;
}

/* runtime.gcount() while the world is stopped: all goroutines but free ones and the runtime's own. */
static __always_inline __u32 goroutines_count(const struct place *place)
{
	const struct gcpause_binary *binary = place->binary;
	__u64 bias = place->process->head.bias;
	__u32 less = 0;

	if (!binary->allglen || !binary->allp || !binary->sched || binary->sched_ngsys < 0 || binary->sched_gfree < 0 ||
	    binary->p_gfree < 0 || !free_goroutines_add(place, &less))
		return 0;
	less += go_read_u32(binary->sched + bias + binary->sched_ngsys);
	less += go_read_u32(binary->sched + bias + binary->sched_gfree);
	if (binary->sched_gfree_no_stack >= 0)
		less += go_read_u32(binary->sched + bias + binary->sched_gfree_no_stack);
	return (__u32)go_read_u64(binary->allglen + bias) - less;
}

/* ---- a stop of the world ---- */

SEC("uprobe")
int stop_the_world(GO_CONTEXT *ctx)
{
	struct place place;
	struct world_stop *stop;
	__u64 noted;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	place_set_bias(ctx, &place, place.binary->sites[PROBE_STOP_THE_WORLD]);
	stop = &place.process->pause.stop;
	world_stop_begin(ctx, &place, stop);
	/* What PauseTotalNs begins with: noted a moment ago. */
	noted = reason_is_gc(stop->reason) ? work_read(&place, place.binary->pause_start) : 0;
	if (noted && noted < stop->start_ns && stop->start_ns - noted < 1000000000)
		stop->start_ns = noted;
	place.process->terminating = false;
	return 0;
}

SEC("uprobe")
int mark_termination(GO_CONTEXT *ctx)
{
	struct place place;

	if (!go_stack_grows(ctx) && place_find(ctx, &place))
		place.process->terminating = true;
	return 0;
}

/* By the runtime's own count where that can be read, else from the first cycle seen on. */
static __always_inline void cycle_set_number(const struct place *place, bool is_next)
{
	struct cycle *cycle = &place->process->cycle;
	__u32 number = work_read_u32(place, 0);

	cycle->number = number ? number : cycle->number + is_next;
}

static __always_inline void cycle_begin(const struct place *place, const struct pause *pause)
{
	struct cycle *cycle = &place->process->cycle;
	struct next_cycle *next = &place->process->next;

	cycle->is_open = true;
	cycle->start_ns = pause->stop.start_ns;
	cycle->pause_ns = cycle->pauses = 0;
	cycle->trigger = next->is_set ? next->trigger : TRIGGER_UNKNOWN;
	cycle->procs = next->is_set ? next->procs : 0;
	cycle->controller = next->is_set ? next->controller : 0;
	cycle->assists = cycle->assist_ns = 0;
	for (__u32 i = 0; i < ASSIST_SLOTS; i++)
		cycle->assist_max_ns[i] = 0;
	next->is_set = false;
}

/* Only gcMarkTermination ends a cycle, and a restart of gcMarkDone (also reason 1) does not: the former says when it
 * ended. Before 1.22 the cycle's last pause ends for the runtime's statistics before the world starts. */
static __always_inline void pause_set_end(GO_CONTEXT *ctx, const struct place *place, struct pause *pause)
{
	bool is_last = pause->stop.reason == REASON_MARK_TERMINATION;

	if (place->binary->head.convention >= CONVENTION_START) {
		pause->ends_cycle = is_last && GO_ARG0(ctx);
		pause->ends_ns = 0;
	} else {
		pause->ends_cycle = is_last && place->process->terminating;
		pause->ends_ns = pause->ends_cycle ? bpf_ktime_get_ns() : 0;
	}
}

SEC("uprobe")
int start_the_world(GO_CONTEXT *ctx)
{
	struct place place;
	struct pause *pause;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	place_set_bias(ctx, &place, place.binary->sites[PROBE_START_THE_WORLD]);
	pause = &place.process->pause;
	if (!world_stop_end(ctx, &place, &pause->stop))
		return 0;
	pause_set_end(ctx, &place, pause);
	pause->goroutine = goroutine_read(&place, curg_read(&place, GO_G(ctx)));
	if (reason_is_gc(pause->stop.reason))
		cycle_set_number(&place, pause->stop.reason == REASON_SWEEP_TERMINATION);
	/* While the world is stopped: others assist before this function returns. */
	if (pause->stop.reason == REASON_SWEEP_TERMINATION)
		cycle_begin(&place, pause);
	if (pause->ends_cycle)
		place.process->cycle.goroutines = goroutines_count(&place);
	return 0;
}

/* ---- a cycle ---- */

SEC("uprobe")
int start_cycle(GO_CONTEXT *ctx)
{
	struct place place;
	struct next_cycle *next;
	struct gcpause_goroutine goroutine;

	if (go_stack_grows(ctx) || !place_find(ctx, &place))
		return 0;
	place_set_bias(ctx, &place, place.binary->sites[PROBE_START_CYCLE]);
	next = &place.process->next;
	next->controller = GO_ARG0(ctx);
	next->procs = work_read_u32(&place, 8); /* cycles, stwprocs, maxprocs: uint32, int32, int32 */
	if (place.binary->startcycle_has_trigger) {
		next->trigger = GO_ARG3(ctx);
	} else {
		goroutine = goroutine_read(&place, GO_G(ctx));
		next->trigger = TRIGGER_HEAP;
		if (place.binary->forcegchelper && goroutine.startpc == place.binary->forcegchelper)
			next->trigger = TRIGGER_TIME;
		if (work_read(&place, place.binary->user_forced) & 0xff)
			next->trigger = TRIGGER_FORCED;
	}
	next->is_set = true;
	return 0;
}

static __always_inline void cycle_emit(const struct place *place, __u64 end_ns)
{
	struct cycle *cycle = &place->process->cycle;
	const struct gcpause_binary *binary = place->binary;
	struct gcpause_cycle *event;

	event = event_begin(place, GCPAUSE_CYCLE, sizeof(*event), filter.cycles);
	if (!event)
		return;
	event->start_ns = cycle->start_ns;
	event->end_ns = end_ns;
	event->pause_ns = cycle->pause_ns;
	event->assists = cycle->assists;
	event->assist_ns = cycle->assist_ns;
	event->assist_max_ns = 0;
	for (__u32 i = 0; i < ASSIST_SLOTS; i++)
		if (cycle->assist_max_ns[i] > event->assist_max_ns)
			event->assist_max_ns = cycle->assist_max_ns[i];
	event->heap_live = work_read(place, binary->heap0);
	event->heap_marked = work_read(place, binary->heap2);
	event->heap_goal = 0;
	if (cycle->controller && binary->last_heap_goal >= 0)
		event->heap_goal = go_read_u64(cycle->controller + binary->last_heap_goal);
	event->pauses = cycle->pauses;
	event->cycle = cycle->number;
	event->trigger = cycle->trigger;
	event->gomaxprocs = cycle->procs;
	event->goroutines = cycle->goroutines;
	ring_submit(event);
}

/* ---- the end of a pause ---- */

static __always_inline bool pause_is_wanted(const struct pause *pause, __u64 end_ns)
{
	__u32 bit = pause->stop.reason < 63 ? pause->stop.reason : 63;

	if (end_ns - pause->stop.start_ns < filter.min_duration_ns)
		return false;
	return pause->stop.reason == REASON_TEXT || filter.reasons >> bit & 1;
}

static __always_inline void pause_emit(const struct place *place, __u64 end_ns)
{
	const struct pause *pause = &place->process->pause;
	struct gcpause_pause *event;

	event = event_begin(place, GCPAUSE_PAUSE, sizeof(*event), pause_is_wanted(pause, end_ns));
	if (!event)
		return;
	event->start_ns = pause->stop.start_ns;
	event->end_ns = end_ns;
	event->stopped_ns = pause->stop.stopped_ns;
	event->stopping_cpu_ns = pause->stop.stopping_cpu_ns;
	event->goroutine = pause->goroutine;
	event->reason = pause->stop.reason;
	event->cycle = reason_is_gc(pause->stop.reason) ? place->process->cycle.number : 0;
	__builtin_memcpy(event->text, pause->stop.text, sizeof(event->text));
	ring_submit(event);
}

/* When the pause was over by the runtime's own account. */
static __always_inline __u64 pause_end(const struct place *place, __u64 returned)
{
	const struct pause *pause = &place->process->pause;
	__u64 noted;

	if (!pause->ends_ns)
		return returned;
	noted = work_read(place, place->binary->t_end);
	return noted >= pause->stop.start_ns && noted <= pause->ends_ns ? noted : pause->ends_ns;
}

SEC("uprobe")
int world_started(GO_CONTEXT *ctx)
{
	struct place place;
	struct pause *pause;
	struct cycle *cycle;
	__u64 end_ns;

	if (!place_find(ctx, &place))
		return 0;
	pause = &place.process->pause;
	cycle = &place.process->cycle;
	if (!pause->stop.is_open)
		return 0;
	pause->stop.is_open = false;
	end_ns = pause_end(&place, GO_ARG0(ctx));
	if (reason_is_gc(pause->stop.reason)) {
		cycle->pauses++;
		cycle->pause_ns += end_ns - pause->stop.start_ns;
	}
	pause_emit(&place, end_ns);
	/* One that began before there were probes is not told of: what it cost is not known. */
	if (pause->ends_cycle && cycle->is_open)
		cycle_emit(&place, end_ns);
	if (pause->ends_cycle)
		cycle->is_open = false;
	return 0;
}

/* ---- assists ---- */

SEC("uprobe")
int assist(GO_CONTEXT *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct assist assist = { .g = GO_ARG0(ctx) };

	if (go_stack_grows(ctx))
		return 0;
	assist.start_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&assists, &key, &assist, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
	return 0;
}

static __always_inline void assist_emit(const struct place *place, const struct assist *assist, __u64 end_ns)
{
	struct gcpause_assist *event;

	event = event_begin(place, GCPAUSE_ASSIST, sizeof(*event), end_ns - assist->start_ns >= filter.min_duration_ns);
	if (!event)
		return;
	event->start_ns = assist->start_ns;
	event->end_ns = end_ns;
	event->goroutine = goroutine_read(place, assist->g);
	event->cycle = place->process->cycle.number;
	event->reserved = 0;
	ring_submit(event);
}

SEC("uprobe")
int assist_end(GO_CONTEXT *ctx)
{
	__u64 end_ns = bpf_ktime_get_ns(), key = bpf_get_current_pid_tgid(), duration_ns;
	__u32 slot = bpf_get_smp_processor_id() % ASSIST_SLOTS;
	struct assist *assist = bpf_map_lookup_elem(&assists, &key);
	struct place place;
	struct cycle *cycle;

	if (!assist || !assist->g || !place_find(ctx, &place))
		return 0;
	cycle = &place.process->cycle;
	duration_ns = end_ns - assist->start_ns;
	__sync_fetch_and_add(&cycle->assists, 1);
	__sync_fetch_and_add(&cycle->assist_ns, duration_ns);
	if (duration_ns > cycle->assist_max_ns[slot])
		cycle->assist_max_ns[slot] = duration_ns;
	if (filter.assists)
		assist_emit(&place, assist, end_ns);
	assist->g = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
