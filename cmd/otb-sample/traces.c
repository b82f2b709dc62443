/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024, TIME_TEXT_MAX = 64, SOURCE_TEXT_MAX = 64 };

int traces_open(struct traces *traces, struct blocks *blocks, uint64_t linger_ns, uint64_t wait_ns, uint64_t seed)
{
	*traces = (struct traces){
		.blocks = blocks, .linger_ns = linger_ns, .wait_ns = wait_ns, .n_slots = SLOTS_FIRST, .seed = seed
	};
	traces->slots = calloc(traces->n_slots, sizeof(struct trace_slot));
	return traces->slots ? 0 : -ENOMEM;
}

void traces_close(struct traces *traces)
{
	free(traces->slots);
	traces->slots = NULL;
}

/* ---- by id ---- */

static struct trace_slot *next_slot(const struct traces *traces, const struct trace_slot *slot)
{
	return &traces->slots[(size_t)(slot + 1 - traces->slots) & (traces->n_slots - 1)];
}

static struct trace_slot *home_of(const struct traces *traces, uint64_t hash)
{
	return &traces->slots[hash & (traces->n_slots - 1)];
}

/* Where the trace is, or would be. Some slot is always free. */
static struct trace_slot *find_slot(const struct traces *traces, const struct trace_id *id, uint64_t hash)
{
	struct trace_slot *slot = home_of(traces, hash);

	while (slot->trace && (slot->hash != hash || !trace_id_equals(&slot->trace->id, id)))
		slot = next_slot(traces, slot);
	return slot;
}

struct trace *traces_find(const struct traces *traces, const struct trace_id *id)
{
	return find_slot(traces, id, trace_id_hash(id, traces->seed))->trace;
}

/* False: no memory, and it is as it was. */
static bool resize(struct traces *traces, size_t n_slots)
{
	struct traces other = { .n_slots = n_slots, .slots = calloc(n_slots, sizeof(struct trace_slot)) };

	if (!other.slots)
		return false;
	for (size_t i = 0; i < traces->n_slots; i++) {
		const struct trace_slot *slot = &traces->slots[i];

		if (slot->trace)
			*find_slot(&other, &slot->trace->id, slot->hash) = *slot;
	}
	free(traces->slots);
	traces->slots = other.slots;
	traces->n_slots = n_slots;
	return true;
}

/* Three in four are taken at most. Without memory for more it gets slower, until one is left. */
static bool has_slot(struct traces *traces)
{
	return 4 * (traces->n + 1) <= 3 * traces->n_slots || resize(traces, 2 * traces->n_slots) ||
	       traces->n + 1 < traces->n_slots;
}

/* What a few large traces take must not come on top of what many small ones have taken. */
static void give_slots(struct traces *traces)
{
	if (4 * traces->n < traces->n_slots && traces->n_slots > SLOTS_FIRST)
		resize(traces, traces->n_slots / 2);
}

/* What follows without a gap moves up, unless that led it away from where it is looked for. */
static void clear_slot(struct traces *traces, struct trace_slot *gap)
{
	const size_t mask = traces->n_slots - 1;

	for (struct trace_slot *slot = next_slot(traces, gap); slot->trace; slot = next_slot(traces, slot)) {
		size_t from_home = (size_t)(slot - home_of(traces, slot->hash)) & mask;

		if (from_home < ((size_t)(slot - gap) & mask))
			continue;
		*gap = *slot;
		gap = slot;
	}
	gap->trace = NULL;
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

struct trace *traces_add(struct traces *traces, const struct trace_id *id, struct randomness randomness,
			 uint64_t now_ns)
{
	struct trace *trace = has_slot(traces) ? (struct trace *)item_begin(traces->blocks, sizeof(*trace)) : NULL;
	uint64_t hash = trace_id_hash(id, traces->seed);

	if (!trace)
		return NULL;
	*find_slot(traces, id, hash) = (struct trace_slot){ hash, trace };
	trace->id = *id;
	trace->item.randomness = randomness.value;
	trace->source = randomness.source;
	trace->item.trace = trace;
	trace->wait_until_ns = trace->due_ns = now_ns + traces->wait_ns;
	enqueue(&traces->waiting, trace);
	traces->n++;
	traces->bytes += trace->item.bytes;
	return trace;
}

/* What is drawn is above the threshold of the record that it was drawn for: that of the record with the highest is above all,
 * as if it had been known when they were sampled. */
void traces_choose(struct trace *trace, struct randomness randomness, uint64_t threshold)
{
	bool is_drawn = trace->source == RANDOMNESS_DRAWN && randomness.source == RANDOMNESS_DRAWN;
	bool is_better = randomness.source > trace->source || randomness.source == RANDOMNESS_TRACESTATE ||
			 (is_drawn && threshold > trace->item.randomness);

	if (!trace->queue || !is_better)
		return;
	trace->item.randomness = randomness.value;
	trace->source = randomness.source;
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

static void note_root(struct traces *traces, struct trace *trace, struct place place, const struct moment *moment,
		      uint64_t now_ns)
{
	if (moment->rank == ROOT_NONE)
		return;
	if (is_better_root(trace, moment)) {
		trace->root = place;
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
	struct place place = item_last(&trace->item);

	if (!item_add(&trace->item, traces->blocks, record, arrival))
		return false;
	traces->bytes += trace->item.bytes - before;
	trace->n_spans += moment->is_span;
	note_moment(trace, moment);
	note_root(traces, trace, place, moment, now_ns);
	return true;
}

void traces_remove(struct traces *traces, struct trace *trace)
{
	clear_slot(traces, find_slot(traces, &trace->id, trace_id_hash(&trace->id, traces->seed)));
	dequeue(trace);
	traces->n--;
	traces->bytes -= trace->item.bytes;
	give_slots(traces);
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
	char space[SOURCE_TEXT_MAX];
	const char *source;
	const struct json_value *parent = &record->values[FIELD_PARENT_SPAN_ID];

	/* OTLP/JSON, flattened, has an empty one for none. */
	if (parent->type != VALUE_STRING || !parent->length)
		return ROOT_TRUE;
	size_t length = fields_read_string(record, FIELD_PARENT_SOURCE, space, sizeof(space), &source);
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (length == strlen(remote[i]) && !memcmp(source, remote[i], length))
			return ROOT_REMOTE;
	return ROOT_NONE;
}

struct moment moment_read(const struct record_view *record, struct clock_text *times)
{
	struct moment moment = { .is_span = is_span(record) };
	char space[TIME_TEXT_MAX];
	const char *text;
	size_t length = fields_read_string(record, FIELD_TIME, space, sizeof(space), &text);
	uint64_t duration_ns = 0;

	if (moment.is_span)
		moment.rank = read_rank(record);
	if (!length || !clock_text_parse(times, text, length, &moment.start_ns))
		return moment;
	json_read_uint64(record->line, &record->values[FIELD_DURATION_NS], &duration_ns);
	if (__builtin_add_overflow(moment.start_ns, duration_ns, &moment.end_ns))
		moment.end_ns = moment.start_ns;
	return moment;
}
