/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/batch.h"

#include <math.h>
#include <stdlib.h>

#include "common/record/threshold.h"

enum { HEAP_FIRST = 256 };

static const double RECORDS_MAX = 0x1p62; /* of a tick */
static const double TICK_MAX_NS = 0x1p62; /* more than a century, and the end of a tick fits 64 bits */

void batch_open(struct batch *batch, double per_second, uint64_t tick_ns, batch_callback *decided, void *context)
{
	double record_ns = fmin(ceil(1e9 / per_second), TICK_MAX_NS);

	*batch = (struct batch){ .per_second = per_second, .tick_ns = tick_ns, .decided = decided, .context = context };
	if (record_ns > (double)tick_ns)
		batch->tick_ns = (uint64_t)record_ns;
}

void batch_close(struct batch *batch)
{
	free(batch->heap);
	batch->heap = NULL;
}

/* ---- the heap ---- */

static void sift_up(struct batch *batch, size_t i)
{
	struct item *item = batch->heap[i];

	for (size_t parent; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (batch->heap[parent]->randomness <= item->randomness)
			break;
		batch->heap[i] = batch->heap[parent];
	}
	batch->heap[i] = item;
}

static void sift_down(struct batch *batch, size_t i)
{
	struct item *item = batch->heap[i];

	for (size_t child; (child = 2 * i + 1) < batch->n; i = child) {
		if (child + 1 < batch->n && batch->heap[child + 1]->randomness < batch->heap[child]->randomness)
			child++;
		if (item->randomness <= batch->heap[child]->randomness)
			break;
		batch->heap[i] = batch->heap[child];
	}
	batch->heap[i] = item;
}

static struct item *take_smallest(struct batch *batch)
{
	struct item *item = batch->heap[0];

	batch->heap[0] = batch->heap[--batch->n];
	if (batch->n)
		sift_down(batch, 0);
	batch->n_records -= item->n;
	batch->bytes -= item->bytes;
	return item;
}

/* Those with the same R go together: whoever looks at their R again must come to the same. */
static void exclude_below(struct batch *batch, uint64_t floor)
{
	batch->floor = floor;
	while (batch->n && batch->heap[0]->randomness < floor) {
		struct item *item = take_smallest(batch);

		batch->decided(batch->context, item, THRESHOLD_NEVER);
	}
}

static void exclude_smallest(struct batch *batch)
{
	exclude_below(batch, batch->heap[0]->randomness + 1);
}

static void exclude_surplus(struct batch *batch)
{
	while (batch->n_records > batch->allowance && batch->heap[0]->randomness < batch->largest)
		exclude_smallest(batch);
}

/* ---- the tick ---- */

static int compare_sequence(const void *a, const void *b)
{
	const struct item *first = *(struct item *const *)a, *second = *(struct item *const *)b;

	return (first->sequence > second->sequence) - (first->sequence < second->sequence);
}

/* Those with the largest R, if they alone are too many, are kept with the probability by which the mean is right: if none
 * of them ever were, nobody would stand for them. That they are above the floor is known already. */
static void limit_largest(struct batch *batch)
{
	double ratio = (double)batch->allowance / (double)batch->n_records;

	if (batch->n_records > batch->allowance)
		exclude_below(batch, threshold_of_ratio(threshold_ratio(batch->floor) * ratio, THRESHOLD_DIGITS));
}

void batch_flush(struct batch *batch)
{
	limit_largest(batch);
	uint64_t threshold = batch->floor;
	size_t n = batch->n;

	if (n)
		qsort(batch->heap, n, sizeof(struct item *), compare_sequence);
	batch->n = 0;
	batch->n_records = batch->bytes = batch->floor = batch->largest = 0;
	for (size_t i = 0; i < n; i++)
		batch->decided(batch->context, batch->heap[i], threshold);
	batch->end_ns = 0;
}

static void begin_tick(struct batch *batch, uint64_t now_ns)
{
	double records = fmin(batch->per_second * (double)batch->tick_ns * 1e-9 + batch->carried, RECORDS_MAX);

	batch->allowance = records < 1 ? 1 : (uint64_t)records;
	batch->carried = records - (double)batch->allowance;
	batch->end_ns = now_ns + batch->tick_ns;
}

void batch_turn(struct batch *batch, uint64_t now_ns)
{
	if (batch->end_ns && now_ns >= batch->end_ns)
		batch_flush(batch);
	if (!batch->end_ns)
		begin_tick(batch, now_ns);
}

bool batch_put(struct batch *batch, struct item *item)
{
	if (item->randomness < batch->floor) {
		batch->decided(batch->context, item, THRESHOLD_NEVER);
		return true;
	}
	if (batch->n == batch->size) {
		size_t size = batch->size ? 2 * batch->size : HEAP_FIRST;
		struct item **heap = reallocarray(batch->heap, size, sizeof(struct item *));

		if (!heap)
			return false;
		batch->heap = heap;
		batch->size = size;
	}
	if (item->randomness > batch->largest)
		batch->largest = item->randomness;
	item->sequence = batch->sequence++;
	batch->n_records += item->n;
	batch->bytes += item->bytes;
	batch->heap[batch->n] = item;
	sift_up(batch, batch->n++);
	exclude_surplus(batch);
	return true;
}

void batch_grown(struct batch *batch, size_t bytes)
{
	batch->n_records++;
	batch->bytes += bytes;
	exclude_surplus(batch);
}

void batch_shrink(struct batch *batch, size_t bytes)
{
	while (batch->bytes > bytes && batch->heap[0]->randomness < batch->largest)
		exclude_smallest(batch);
	if (batch->bytes > bytes)
		batch_flush(batch);
}
