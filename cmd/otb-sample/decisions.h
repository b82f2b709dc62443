/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How traces were decided, for records that come too late to be decided with them. A limited number of them, of which the
 * oldest are forgotten, half of them at once: the latest half of the limit are always known. One that is asked for counts
 * as new.
 */
#ifndef OTB_SAMPLE_DECISIONS_H
#define OTB_SAMPLE_DECISIONS_H

#include "cmd/otb-sample/trace_id.h"
#include "cmd/otb-sample/verdict.h"

struct decision {
	struct trace_id id;
	uint64_t randomness;
	struct verdict verdict;
};

/* Where a decision is. Most traces that are looked for have none, which the slots alone tell: they are small enough to stay
 * in the processor's cache, as decisions are not. */
struct decision_slot {
	uint32_t tag;    /* the upper half of the id's hash */
	uint32_t number; /* in the list, from 1; 0: the slot is free */
};

struct decision_table {
	struct decision_slot *slots;
	struct decision *list; /* in the order in which they were put in */
};

/* Two hash tables, half the limit each: the new one takes what comes until it is full, and becomes the old one, whose place
 * a new one takes. */
struct decisions {
	struct decision_table tables[2];
	unsigned int newer;   /* which of them */
	size_t n, half, size; /* in the newer; at most; slots, a power of two */
	uint64_t seed;
};

/* Returns 0 or -ENOMEM; decisions_close() is due all the same. A limit of 0 or 1: nothing is remembered. */
int decisions_open(struct decisions *decisions, size_t limit, uint64_t seed);
void decisions_close(struct decisions *decisions);

void decisions_put(struct decisions *decisions, const struct decision *decision);

/* NULL: none is known. Good until the next is put in. */
const struct decision *decisions_find(struct decisions *decisions, const struct trace_id *id);

#endif
