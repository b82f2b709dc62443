/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --trace: records wait by their trace until it can be decided as a whole.
 *
 * A trace is due `linger` after its root has come, and `wait` after its first record in any case, in stream time. A span is
 * a record with span_id and duration_ns; a root is a span that has no parent_span_id, or whose parent is in another process:
 * a parent_source of traceparent, b3 or b3multi. A trace can have several of those on one host. Each gives it the time
 * anew, but for one that comes when its wait is over before that. The one without a parent, else the one that began first,
 * is what rules see as its root.
 */
#ifndef OTB_SAMPLE_TRACES_H
#define OTB_SAMPLE_TRACES_H

#include "cmd/otb-sample/item.h"
#include "cmd/otb-sample/trace_id.h"
#include "common/host/clock.h"

enum root_rank { ROOT_NONE, ROOT_REMOTE /* its parent is elsewhere */, ROOT_TRUE };

struct trace {
	struct item item; /* which begins with the trace as a whole */
	struct trace_id id;
	struct trace *older, *newer; /* in its queue */
	struct trace_queue *queue;   /* NULL: in a batch, where it waits for the verdict */
	uint64_t due_ns, wait_until_ns;
	uint64_t start_ns, end_ns; /* wall time, of those records that say when; start_ns 0: none does */
	struct place root;         /* nowhere while it has none */
	enum root_rank root_rank;
	enum randomness_source source; /* of R */
	uint64_t root_start_ns;
	uint64_t n_spans;
	unsigned int rules_age; /* which rules the next is of */
	unsigned int rule;      /* the number of the first that some record matches, as far as it has been looked for */
};

/* In the order in which they are due, as each gets the same time. */
struct trace_queue {
	struct trace *oldest, *newest;
};

/* Most of those that wait are not in the processor's cache: the hash tells which one to look at. */
struct trace_slot {
	uint64_t hash;
	struct trace *trace; /* NULL: the slot is free */
};

struct traces {
	struct blocks *blocks;
	uint64_t linger_ns, wait_ns;
	struct trace_slot *slots; /* each trace in that of its hash, or the next one that is free */
	size_t n, n_slots;        /* slots: a power of two */
	uint64_t seed;
	struct trace_queue waiting, lingering;
	size_t bytes; /* of memory */
};

_Static_assert(sizeof(struct trace) <= ITEM_MAX, "a trace fits a block");

/* When and how a record took place, as far as it says. */
struct moment {
	uint64_t start_ns, end_ns; /* wall time; 0: unknown */
	bool is_span;
	enum root_rank rank;
};

/* Returns 0 or -ENOMEM; traces_close() is due all the same. The traces lie in the blocks. */
int traces_open(struct traces *traces, struct blocks *blocks, uint64_t linger_ns, uint64_t wait_ns, uint64_t seed);
void traces_close(struct traces *traces);

/* NULL: there is none. */
struct trace *traces_find(const struct traces *traces, const struct trace_id *id);

/* A new trace, without records, that waits from now on. NULL: no memory. */
struct trace *traces_add(struct traces *traces, const struct trace_id *id, struct randomness randomness,
			 uint64_t now_ns);

/* Takes the R of a record that came with such a threshold, if it is a better one; not of a trace that waits in a batch, where
 * its place is by the R it has. */
void traces_choose(struct trace *trace, struct randomness randomness, uint64_t threshold);

/* Adds a record. False: no memory. */
bool traces_put(struct traces *traces, struct trace *trace, const struct record_view *record,
		const struct arrival *arrival, const struct moment *moment, uint64_t now_ns);

/* The next trace that is due; NULL: none is. item.trigger becomes "root" or "wait". */
struct trace *traces_due(const struct traces *traces, uint64_t now_ns);

/* The trace that was due next if time went on; NULL: none waits. */
struct trace *traces_oldest(const struct traces *traces);

/* It is due no more: it waits in a batch. */
void traces_take(struct trace *trace);

/* Forgets it. It is the caller's then, to end it with item_end(). */
void traces_remove(struct traces *traces, struct trace *trace);

/* Where in the trace the record stands. */
struct moment moment_read(const struct record_view *record, struct clock_text *times);

#endif
