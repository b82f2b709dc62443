/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a tracer: open -> configure -> load -> create the buffer -> attach -> ready byte -> loop -> drain ->
 * report. The tool opens its skeleton, sets its read-only data, hands the object to tracer_take_object() and loads it;
 * the rest of its life is here.
 *
 * Its BPF side includes bpf/tracer.bpf.h: a ring buffer `ring` and a per-CPU array `counters`.
 */
#ifndef OTB_TRACER_H
#define OTB_TRACER_H

#include <stddef.h>

#include "bpf/counters.h"
#include "common/host/privilege.h"
#include "common/run/session.h"

struct bpf_link;
struct bpf_object;
struct ring_buffer;

/* One event from the ring buffer: may write any number of records. */
typedef void tracer_event_callback(void *tool, const void *event, size_t size);
/* The events that were waiting have all been handed over. */
typedef void tracer_batch_callback(void *tool);

enum { TRACER_LINKS_MAX = 16 };

struct tracer {
	struct session session;
	const struct cli *cli;
	const char *weight; /* the name of what a weight counts ("segments"), set by the tool; NULL: events have none */
	bool uncounted_is_missed;     /* set by the tool: what no event reported is an event that the programs missed */
	enum privilege_use privilege; /* set by the tool: what it does while it runs */
	bool has_pin;                 /* set by the tool: there is a pin, which it removes at its end */

	struct bpf_object *object;
	struct ring_buffer *ring;
	struct bpf_link *links[TRACER_LINKS_MAX];
	unsigned int n_links, n_cpus;
	uint64_t *cpu_values; /* n_cpus: room for one counter */
	int counters_fd, stats_fd;
	tracer_event_callback *on_event;
	tracer_batch_callback *on_batch;
	void *tool;

	uint64_t counters[COUNTER_MAX]; /* as last reported */
	uint64_t counted[COUNTER_MAX];  /* by the tool itself, beside its BPF side: it adds here */
	uint64_t missed;                /* recursion misses of the programs, as last reported */
	uint64_t discarded;             /* events that nobody took at the end */
	uint64_t next_second_ns;
	bool ring_is_paused; /* until the reader of the output has caught up */
	bool discarding, shows_progress;

	int pid_fds[CLI_PIDS_MAX];
	unsigned int n_live_pids;
};

/* Checks what the kernel offers and what this process may do, that the --pid processes exist, and opens the session.
 * What is wrong has been said. tracer_close() is due in any case. */
enum exit_code tracer_open(struct tracer *tracer, const struct cli *cli);

/* Sizes the ring buffer of an object that is open and not yet loaded. The tool then loads its skeleton; the object
 * stays the tool's, and must outlive the tracer. */
void tracer_take_object(struct tracer *tracer, struct bpf_object *object);

/* Says that the kernel refused to load the object, with this negative errno. */
enum exit_code tracer_refused(int error);

/* Creates the ring buffer and attaches every program that is to be loaded, but iterators and uprobes: they are the
 * tool's, which has to detach them before tracer_finish(). */
enum exit_code tracer_attach(struct tracer *tracer, tracer_event_callback *on_event, tracer_batch_callback *on_batch,
			     void *tool);

/* Drops the privileges and system calls that are not needed any more, for good, says that it is ready, and runs until
 * something ends the run. */
void tracer_loop(struct tracer *tracer);

/* From a callback of the loop: hands over what waits, before something ends that it belongs to, such as an interval. What the
 * output has no room for goes on waiting. */
void tracer_take(struct tracer *tracer);

/* A --pid process is not what it was any more (it has called execve()): counts as ended. */
void tracer_forget_pid(struct tracer *tracer, pid_t pid);

/* Detaches, hands over what waits, and reports what was lost. */
void tracer_finish(struct tracer *tracer);

/* Reads the counters anew and writes `lost` and `suppressed` records for what has come since the last time. */
void tracer_report_loss(struct tracer *tracer);

/* The sum of a counter over all CPUs, and what the tool itself counted. */
uint64_t tracer_counter(const struct tracer *tracer, enum counter counter);

/* Begins the `stats` record with what every tracer says; the tool may add to it before tracer_put_stats(). */
struct record *tracer_begin_stats(struct tracer *tracer);
/* Ends the record. Where the output is no JSON Lines it goes to stderr, since it is no row. */
void tracer_put_stats(struct tracer *tracer);

/* Flushes, closes and returns the exit code of the run. */
enum exit_code tracer_close(struct tracer *tracer);

#endif
