/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/gcpause.bpf.c and otb-gcpause tell each other (bpf/go.h).
 */
#ifndef OTB_BPF_GCPAUSE_H
#define OTB_BPF_GCPAUSE_H

#include "bpf/go.h"

/* The probes of one binary; in config.sites by these numbers. */
enum gcpause_probe {
	PROBE_STOP_THE_WORLD,   /* stopTheWorldWithSema: to 1.21 */
	PROBE_START_THE_WORLD,  /* startTheWorldWithSema */
	PROBE_WORLD_STARTED,    /* its ret */
	PROBE_MARK_TERMINATION, /* gcMarkTermination: to 1.21 */
	PROBE_START_CYCLE,      /* (*gcControllerState).startCycle */
	PROBE_ASSIST,           /* gcAssistAlloc1 */
	PROBE_ASSIST_END,       /* where it adds its time up */
	PROBE_MAX,
};

/* runtime.gcTriggerKind (runtime/mgc.go), and what stands for not known */
enum gcpause_trigger { TRIGGER_HEAP, TRIGGER_TIME, TRIGGER_FORCED, TRIGGER_UNKNOWN };

/* What has to be known of a binary. Addresses are those of the file, 0 where they are not known; offsets may be
 * negative, and are GO_NO_OFFSET where they are not known. */
struct gcpause_binary {
	struct go_binary_head head;
	__u64 sites[PROBE_MAX]; /* 0: no such probe */
	__u64 work_cycles;      /* runtime.work.cycles */
	__u64 forcegchelper;    /* the function of the goroutine that starts timed cycles */
	__u64 allglen, allp, sched;
	__u32 startcycle_has_trigger;                        /* from 1.19 */
	__s32 user_forced, pause_start, t_end, heap0, heap2; /* in runtime.work, from its field cycles on */
	__s32 last_heap_goal;                                /* in gcControllerState */
	__s32 sched_ngsys, sched_gfree, sched_gfree_no_stack, p_gfree;
	__u32 reserved;
};

enum gcpause_kind { GCPAUSE_PAUSE = GO_EVENT_EXEC + 1, GCPAUSE_CYCLE, GCPAUSE_ASSIST };

struct gcpause_goroutine {
	__u64 id;      /* 0: not known */
	__u64 startpc; /* address in the file of the function it began with; 0: not known */
};

struct gcpause_pause {
	struct go_event head;
	__u64 start_ns, end_ns;
	__u64 stopped_ns; /* every P is stopped; 0: not known */
	__u64 stopping_cpu_ns;
	struct gcpause_goroutine goroutine;
	__u32 reason;
	__u32 cycle;              /* 0: not known */
	__u8 text[STW_TEXT_SIZE]; /* of REASON_TEXT */
};

struct gcpause_cycle {
	struct go_event head;
	__u64 start_ns, end_ns;
	__u64 pause_ns;
	__u64 assist_ns, assist_max_ns;
	__u64 heap_live, heap_marked, heap_goal; /* bytes; 0: not known */
	__u32 assists;
	__u32 pauses;
	__u32 cycle;      /* 0: not known */
	__u32 trigger;    /* enum gcpause_trigger */
	__u32 gomaxprocs; /* 0: not known */
	__u32 goroutines; /* 0: not known */
};

struct gcpause_assist {
	struct go_event head;
	__u64 start_ns, end_ns;
	struct gcpause_goroutine goroutine;
	__u32 cycle;
	__u32 reserved;
};

/* What is wanted: set before the load. */
struct gcpause_filter {
	__u64 reasons;         /* bit n: stwReason n, the last bit all from 63 on; REASON_TEXT passes always */
	__u64 min_duration_ns; /* of pauses and assists */
	__u32 cycles, assists; /* whether those are wanted, one by one */
};

_Static_assert(sizeof(struct gcpause_binary) == 176, "wire struct");
_Static_assert(sizeof(struct gcpause_pause) == 120, "wire struct");
_Static_assert(sizeof(struct gcpause_cycle) == 120, "wire struct");
_Static_assert(sizeof(struct gcpause_assist) == 72, "wire struct");

#endif
