/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what waits: blocks of one size, of which each item chains as many as it needs. So there is nothing between
 * them that is lost, what is counted is what is taken, and what one has given back serves the next, whatever its size. None
 * goes back to the system before the end.
 */
#ifndef OTB_SAMPLE_BLOCKS_H
#define OTB_SAMPLE_BLOCKS_H

#include <stdalign.h>
#include <stddef.h>

enum { BLOCK_SIZE = 256, BLOCK_ROOM = BLOCK_SIZE - sizeof(void *) };

struct block {
	struct block *next; /* NULL: it is its chain's last */
	alignas(void *) char bytes[BLOCK_ROOM];
};

/* Zeroed, it is an empty one. */
struct blocks {
	struct block *free; /* a chain */
	struct slab *slab;  /* the latest */
	size_t n_fresh;     /* blocks of that which nobody has had yet */
};

/* Frees all of them, whoever has them. */
void blocks_close(struct blocks *blocks);

/* NULL: no memory. */
struct block *blocks_take(struct blocks *blocks);

/* Gives back a chain, whose last block is known. */
void blocks_give(struct blocks *blocks, struct block *first, struct block *last);

#endif
