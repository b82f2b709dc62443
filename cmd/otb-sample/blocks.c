/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/blocks.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A huge page of most machines: where what waits takes many pages, to look for their addresses takes longer than to copy
 * what comes into them. */
enum { SLAB_SIZE = 2 * 1024 * 1024, SLAB_BLOCKS = SLAB_SIZE / BLOCK_SIZE - 1 };

/* What is asked of the system at once. */
struct slab {
	alignas(BLOCK_SIZE) struct slab *before;
	struct block blocks[SLAB_BLOCKS];
};

void blocks_close(struct blocks *blocks)
{
	while (blocks->slab) {
		struct slab *slab = blocks->slab;

		blocks->slab = slab->before;
		free(slab);
	}
	*blocks = (struct blocks){ .free = NULL };
}

static struct block *take_fresh(struct blocks *blocks)
{
	if (!blocks->n_fresh) {
		struct slab *slab = aligned_alloc(SLAB_SIZE, sizeof(*slab));

		if (!slab)
			return NULL;
		/* Without huge pages it is slower, and that is all. */
		madvise(slab, sizeof(*slab), MADV_HUGEPAGE);
		slab->before = blocks->slab;
		blocks->slab = slab;
		blocks->n_fresh = SLAB_BLOCKS;
	}
	return &blocks->slab->blocks[SLAB_BLOCKS - blocks->n_fresh--];
}

struct block *blocks_take(struct blocks *blocks)
{
	struct block *block = blocks->free;

	if (block) {
		blocks->free = block->next;
		/* It was given back long ago: to know what follows it, the next time, takes a look into memory. */
		__builtin_prefetch(blocks->free);
	} else {
		block = take_fresh(blocks);
	}
	if (block)
		block->next = NULL;
	return block;
}

void blocks_give(struct blocks *blocks, struct block *first, struct block *last)
{
	last->next = blocks->free;
	blocks->free = first;
}
