/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that wait for their decision: one by itself, or all of a trace.
 */
#ifndef OTB_SAMPLE_ITEM_H
#define OTB_SAMPLE_ITEM_H

#include "cmd/otb-sample/arrival.h"
#include "common/record/reader.h"

/* A copy of a record's line. If it bears one of the marks JSON_PADDING follows. */
struct held {
	struct held *next;
	struct arrival arrival;
	uint32_t length, brace;
	bool cr, is_marked;
	char text[];
};

struct trace;

/* What is decided at once. A zeroed item is an empty one. */
struct item {
	struct held *first, *last; /* in the order of their arrival */
	unsigned int n;
	size_t bytes;        /* of memory that they take */
	uint64_t randomness; /* R: of the trace, or the record */
	uint64_t sequence;   /* for a batch: the order in which its items came */
	const char *trigger; /* why it is decided now; NULL: nobody asks */
	struct trace *trace; /* the trace that it is part of; NULL: a record by itself */
};

/* The memory that a block takes, with what malloc() takes for itself before it. */
size_t item_memory(void *block);

/* Copies a record to the item's end. NULL: no memory. */
struct held *item_add(struct item *item, const struct record_view *record, const struct arrival *arrival);

/* Frees the first record. What the item takes counts as before. */
void item_drop_first(struct item *item);

/* Frees the records; the item is empty then. */
void item_clear(struct item *item);

#endif
