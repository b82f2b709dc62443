/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that wait for their decision: one by itself, or all of a trace. They lie one behind the other in the item's
 * blocks, wherever one ends and the next begins; the first begins with the item itself.
 */
#ifndef OTB_SAMPLE_ITEM_H
#define OTB_SAMPLE_ITEM_H

#include "cmd/otb-sample/arrival.h"
#include "cmd/otb-sample/blocks.h"
#include "cmd/otb-sample/verdict.h"
#include "common/record/buffer.h"
#include "common/record/reader.h"

/* A record that waits, but for its line. */
struct held {
	struct arrival arrival;
	uint32_t length, brace;
	bool cr, is_marked;
};

/* Where a record lies, or its line. */
struct place {
	const struct block *block; /* NULL: nowhere */
	size_t at;
};

struct trace;

/* What is decided at once. */
struct item {
	struct block *first, *last;
	size_t begin, end;   /* of its records: in the first block, in the last */
	size_t bytes;        /* of memory: its blocks, and its place in the tables */
	unsigned int n;      /* records */
	bool is_sampled;     /* of some of them it is not certain that they stand for one */
	uint64_t randomness; /* R: of the trace, or the record */
	uint64_t sequence;   /* for a batch: the order in which its items came */
	const char *trigger; /* why it is decided now; NULL: nobody asks */
	struct trace *trace; /* the trace that it is part of; NULL: a record by itself */

	struct verdict verdict; /* once it is decided */
	struct item *behind;    /* what was decided next */
};

enum {
	ITEM_MAX = BLOCK_ROOM,
	/* What an item takes beside its blocks, at most: traces.c has a table with slots of 16 bytes, of which one in four is
	 * taken or more, and another half as large while it shrinks. The heap of batch.c takes less. */
	ITEM_IN_TABLES = 16 * 4 + 16 * 2,
};

/* An item without records, at the beginning of so much memory, zeroed, that is at most ITEM_MAX. NULL: there is none. */
struct item *item_begin(struct blocks *blocks, size_t size);

/* Copies a record to the item's end. False: no memory. */
bool item_add(struct item *item, struct blocks *blocks, const struct record_view *record,
	      const struct arrival *arrival);

/* Gives its memory back. */
void item_end(struct item *item, struct blocks *blocks);

/* Where the first of its records lies, and where the next one would. */
struct place item_first(const struct item *item);
struct place item_last(const struct item *item);

/* Reads a record there is. The place is that of its line then. */
struct held held_read(struct place *place);

/* Appends so many bytes of a line to a buffer. The place is what is behind them then. */
void held_read_text(struct place *place, size_t length, struct buffer *text);

#endif
