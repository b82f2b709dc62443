/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/clock.h"

enum { BUCKETS_FIRST = 1024, TIME_TEXT_MAX = 64 };

int traces_open(struct traces *traces, uint64_t linger_ns, uint64_t wait_ns, uint64_t seed)
{
	*traces =
		(struct traces){ .linger_ns = linger_ns, .wait_ns = wait_ns, .n_buckets = BUCKETS_FIRST, .seed = seed };
	traces->buckets = calloc(traces->n_buckets, sizeof(struct trace *));
	return traces->buckets ? 0 : -ENOMEM;
}

void traces_close(struct traces *traces)
{
	for (size_t i = 0; traces->buckets && i < traces->n_buckets; i++) {
		struct trace *trace = traces->buckets[i];

		while (trace) {
			struct trace *next = trace->in_bucket;

			item_clear(&trace->item);
			free(trace);
			trace = next;
		}
	}
	free(traces->buckets);
	traces->buckets = NULL;
}

/* ---- by id ---- */

static struct trace **bucket_of(const struct traces *traces, const struct trace_id *id)
{
	return &traces->buckets[trace_id_hash(id, traces->seed) & (traces->n_buckets - 1)];
}

struct trace *traces_find(const struct traces *traces, const struct trace_id *id)
{
	struct trace *trace = *bucket_of(traces, id);

	while (trace && !trace_id_equals(&trace->id, id))
		trace = trace->in_bucket;
	return trace;
}

/* Without memory for more buckets those that are there get longer. */
static void grow(struct traces *traces)
{
	struct traces larger = { .n_buckets = 2 * traces->n_buckets, .seed = traces->seed };

	larger.buckets = calloc(larger.n_buckets, sizeof(struct trace *));
	if (!larger.buckets)
		return;
	for (size_t i = 0; i < traces->n_buckets; i++) {
		struct trace *trace = traces->buckets[i];

		while (trace) {
			struct trace *next = trace->in_bucket, **bucket = bucket_of(&larger, &trace->id);

			trace->in_bucket = *bucket;
			*bucket = trace;
			trace = next;
		}
	}
	free(traces->buckets);
	traces->buckets = larger.buckets;
	traces->n_buckets = larger.n_buckets;
}

/* ---- queues ---- */

static void enqueue(struct trace_queue *queue, struct trace *trace)
{
	trace->queue = queue;
	trace->newer = NULL;
	trace->older = queue->newest;
	if (queue->newest)
		queue->newest->newer = trace;
	else
		queue->oldest = trace;
	queue->newest = trace;
}

static void dequeue(struct trace *trace)
{
	struct trace_queue *queue = trace->queue;

	if (!queue)
		return;
	*(trace->older ? &trace->older->newer : &queue->oldest) = trace->newer;
	*(trace->newer ? &trace->newer->older : &queue->newest) = trace->older;
	trace->queue = NULL;
}

struct trace *traces_oldest(const struct traces *traces)
{
	struct trace *waiting = traces->waiting.oldest, *lingering = traces->lingering.oldest;

	if (!waiting || (lingering && lingering->due_ns <= waiting->due_ns))
		return lingering;
	return waiting;
}

struct trace *traces_due(const struct traces *traces, uint64_t now_ns)
{
	struct trace *trace = traces_oldest(traces);

	if (!trace || trace->due_ns > now_ns)
		return NULL;
	trace->item.trigger = trace->queue == &traces->lingering ? "root" : "wait";
	return trace;
}

void traces_take(struct trace *trace)
{
	dequeue(trace);
}

/* ---- traces and their records ---- */

struct trace *traces_add(struct traces *traces, const struct trace_id *id, uint64_t randomness, uint64_t now_ns)
{
	struct trace *trace = calloc(1, sizeof(*trace)), **bucket;

	if (!trace)
		return NULL;
	if (traces->n == traces->n_buckets)
		grow(traces);
	bucket = bucket_of(traces, id);
	trace->id = *id;
	trace->item.randomness = randomness;
	trace->item.trace = trace;
	trace->item.bytes = item_memory(trace);
	trace->wait_until_ns = trace->due_ns = now_ns + traces->wait_ns;
	trace->in_bucket = *bucket;
	*bucket = trace;
	enqueue(&traces->waiting, trace);
	traces->n++;
	traces->bytes += trace->item.bytes;
	return trace;
}

static void note_moment(struct trace *trace, const struct moment *moment)
{
	if (moment->start_ns && (!trace->start_ns || moment->start_ns < trace->start_ns))
		trace->start_ns = moment->start_ns;
	if (moment->end_ns > trace->end_ns)
		trace->end_ns = moment->end_ns;
}

/* One that does not say when is not taken for the first. */
static bool is_better_root(const struct trace *trace, const struct moment *moment)
{
	if (moment->rank != trace->root_rank)
		return moment->rank > trace->root_rank;
	return moment->start_ns && (!trace->root_start_ns || moment->start_ns < trace->root_start_ns);
}

static void note_root(struct traces *traces, struct trace *trace, struct held *held, const struct moment *moment,
		      uint64_t now_ns)
{
	if (moment->rank == ROOT_NONE)
		return;
	if (is_better_root(trace, moment)) {
		trace->root = held;
		trace->root_rank = moment->rank;
		trace->root_start_ns = moment->start_ns;
	}
	/* Those whose wait is over before stay where they are, so that each queue is in order. */
	if (!trace->queue || now_ns + traces->linger_ns >= trace->wait_until_ns)
		return;
	dequeue(trace);
	trace->due_ns = now_ns + traces->linger_ns;
	enqueue(&traces->lingering, trace);
}

bool traces_put(struct traces *traces, struct trace *trace, const struct record_view *record,
		const struct arrival *arrival, const struct moment *moment, uint64_t now_ns)
{
	size_t before = trace->item.bytes;
	struct held *held = item_add(&trace->item, record, arrival);

	if (!held)
		return false;
	traces->bytes += trace->item.bytes - before;
	trace->n_spans += moment->is_span;
	note_moment(trace, moment);
	note_root(traces, trace, held, moment, now_ns);
	return true;
}

void traces_remove(struct traces *traces, struct trace *trace)
{
	struct trace **link = bucket_of(traces, &trace->id);

	while (*link != trace)
		link = &(*link)->in_bucket;
	*link = trace->in_bucket;
	dequeue(trace);
	traces->n--;
	traces->bytes -= trace->item.bytes;
	item_clear(&trace->item);
	free(trace);
}

/* ---- when and where ---- */

static bool is_span(const struct record_view *record)
{
	return record->values[FIELD_SPAN_ID].type == VALUE_STRING &&
	       record->values[FIELD_DURATION_NS].type == VALUE_NUMBER;
}

/* Of a span. */
static enum root_rank read_rank(const struct record_view *record)
{
	static const char *const remote[] = { "traceparent", "b3", "b3multi" };
	const struct json_value *parent = &record->values[FIELD_PARENT_SPAN_ID];

	/* OTLP/JSON, flattened, has an empty one for none. */
	if (parent->type != VALUE_STRING || !parent->length)
		return ROOT_TRUE;
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (fields_equal(record, FIELD_PARENT_SOURCE, remote[i]))
			return ROOT_REMOTE;
	return ROOT_NONE;
}

struct moment moment_read(const struct record_view *record)
{
	struct moment moment = { .is_span = is_span(record) };
	char space[TIME_TEXT_MAX];
	const char *text;
	size_t length = fields_read_string(record, FIELD_TIME, space, sizeof(space), &text);
	uint64_t duration_ns = 0;

	if (moment.is_span)
		moment.rank = read_rank(record);
	if (!length || !clock_parse(text, length, &moment.start_ns))
		return moment;
	json_read_uint64(record->line, &record->values[FIELD_DURATION_NS], &duration_ns);
	if (__builtin_add_overflow(moment.start_ns, duration_ns, &moment.end_ns))
		moment.end_ns = moment.start_ns;
	return moment;
}
