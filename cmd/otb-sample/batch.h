/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --rate: at most so many records a second, without bias. Of each tick the items with the largest R are kept, as many as
 * have room, and the R of the first that has none makes the threshold: an item is kept if its R is above that, so that the
 * sum of the adjusted counts is right in the mean, whatever the load (priority sampling: Duffield, Lund, Thorup, JACM
 * 2007; a threshold from the last item kept would be biased).
 *
 * Items with the same R (records of one trace, or of one --key) are kept or excluded together, as whoever looks at their R
 * again must come to the same. Those with the largest R, if they alone are more than the batch may keep, are kept with a
 * probability, so that the rate holds in the mean. But for those a batch holds no more than it may keep, and one item more
 * than that for a moment.
 */
#ifndef OTB_SAMPLE_BATCH_H
#define OTB_SAMPLE_BATCH_H

#include "cmd/otb-sample/item.h"

/* What becomes of an item: the threshold, THRESHOLD_NEVER for one that is dropped. The item is the callback's from then
 * on. */
typedef void batch_callback(void *context, struct item *item, uint64_t threshold);

struct batch {
	double per_second;
	uint64_t tick_ns; /* at least the time of one record */
	batch_callback *decided;
	void *context;

	uint64_t end_ns;    /* of the tick, in stream time; 0: it has not begun */
	uint64_t allowance; /* records of this tick */
	double carried;     /* the part of a record that the ticks before left over */
	struct item **heap; /* the smallest R first */
	size_t n, size;
	uint64_t n_records;
	size_t bytes;
	uint64_t floor;   /* the threshold that those excluded so far make; 0: none was */
	uint64_t largest; /* R of the tick */
	uint64_t sequence;
};

void batch_open(struct batch *batch, double per_second, uint64_t tick_ns, batch_callback *decided, void *context);
/* What is still in it is lost: batch_flush() comes before. */
void batch_close(struct batch *batch);

/* Ends the tick if it is over: decides all that is in it. To be called before anything is put in. */
void batch_turn(struct batch *batch, uint64_t now_ns);
void batch_flush(struct batch *batch);

/* Takes an item, which may be excluded at once. False: no memory, and the item is still the caller's. */
bool batch_put(struct batch *batch, struct item *item);

/* An item of the batch has grown by a record of `bytes`. */
void batch_grown(struct batch *batch, size_t bytes);

/* Excludes the items with the smallest R until those that are left take at most `bytes`. Where they have the same, their
 * tick ends early: to exclude all of them would leave nobody to stand for them. */
void batch_shrink(struct batch *batch, size_t bytes);

#endif
