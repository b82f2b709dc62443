/* SPDX-License-Identifier: Apache-2.0 */
/* Traces that wait: against a list that is searched from end to end, by operations that chance chooses; roots; memory. */
#include "cmd/otb-sample/traces.h"

#include <inttypes.h>

#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { IDS = 48, LINGER = 20, WAIT = 100 };

static struct sample sample;
static struct blocks blocks;
static struct clock_text times;

/* ---- records ---- */

static struct trace *put(struct traces *traces, struct trace *trace, const char *line, uint64_t now_ns)
{
	const struct record_view *record = sample_scan(&sample, line);
	struct arrival arrival = { .threshold = 7 };
	struct moment moment = moment_read(record, &times);

	if (!traces_put(traces, trace, record, &arrival, &moment, now_ns))
		abort();
	return trace;
}

static bool is_line(struct place place, const char *line)
{
	struct buffer text = { .bytes = NULL };
	bool is_same = false;

	if (place.block) {
		struct held held = held_read(&place);

		held_read_text(&place, held.length, &text);
		is_same = held.arrival.threshold == 7 && text.length == strlen(line) &&
			  !memcmp(text.bytes, line, text.length);
	}
	buffer_clear(&text);
	return is_same;
}

static void end(struct traces *traces, struct trace *trace)
{
	traces_remove(traces, trace);
	item_end(&trace->item, &blocks);
}

static void test_moments(void)
{
#define SPAN "\"span_id\":\"1\",\"duration_ns\":1000"
#define AT "\"time\":\"1970-01-01T00:00:01Z\""
	static const struct {
		const char *line;
		uint64_t start_ns, end_ns;
		enum root_rank rank;
	} records[] = {
		{ "{" AT "," SPAN "}", 1000000000, 1000001000, ROOT_TRUE },
		{ "{" SPAN "," AT ",\"parent_span_id\":null}", 1000000000, 1000001000, ROOT_TRUE },
		{ "{" SPAN ",\"parent_span_id\":\"\"}", 0, 0, ROOT_TRUE },
		{ "{" SPAN ",\"parent_span_id\":\"2\"}", 0, 0, ROOT_NONE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":\"thread\"}", 0, 0, ROOT_NONE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":\"traceparent\"}", 0, 0, ROOT_REMOTE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":\"b3\"}", 0, 0, ROOT_REMOTE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":\"\\u00623multi\"}", 0, 0, ROOT_REMOTE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":\"b3multiple\"}", 0, 0, ROOT_NONE },
		{ "{" SPAN ",\"parent_span_id\":\"2\",\"parent_source\":[\"b3\"]}", 0, 0, ROOT_NONE },
		{ "{" SPAN ",\"parent_source\":\"thread\"}", 0, 0, ROOT_TRUE },
		{ "{\"span_id\":\"1\"," AT "}", 1000000000, 1000000000, ROOT_NONE },
		{ "{\"duration_ns\":5," AT "}", 1000000000, 1000000005, ROOT_NONE },
		{ "{\"span_id\":\"1\",\"duration_ns\":\"5\"," AT "}", 1000000000, 1000000000, ROOT_NONE },
		{ "{" AT ",\"duration_ns\":-5}", 1000000000, 1000000000, ROOT_NONE },
		{ "{" AT ",\"duration_ns\":1e3}", 1000000000, 1000000000, ROOT_NONE },
		{ "{" AT ",\"duration_ns\":18446744073709551615}", 1000000000, 1000000000, ROOT_NONE },
		{ "{" AT ",\"duration_ns\":18446744073709551616}", 1000000000, 1000000000, ROOT_NONE },
		{ "{\"time\":\"yesterday\",\"duration_ns\":5}", 0, 0, ROOT_NONE },
		{ "{\"time\":1,\"duration_ns\":5}", 0, 0, ROOT_NONE },
		{ "{}", 0, 0, ROOT_NONE },
	};

	for (size_t i = 0; i < COUNT(records); i++) {
		struct moment moment = moment_read(sample_scan(&sample, records[i].line), &times);

		check(moment.start_ns == records[i].start_ns && moment.end_ns == records[i].end_ns &&
			      moment.rank == records[i].rank,
		      "%s: from %" PRIu64 " to %" PRIu64 ", rank %d", records[i].line, moment.start_ns, moment.end_ns,
		      moment.rank);
	}
}

/* ---- roots ---- */

static const struct randomness seven = { 7, RANDOMNESS_TRACE_ID };

static void check_root(const char *what, const char *const *lines, size_t n, size_t root)
{
	struct trace_id id = { 1, 2, true };
	struct traces traces;

	traces_open(&traces, &blocks, LINGER, WAIT, 7);
	struct trace *trace = traces_add(&traces, &id, seven, 1000);
	for (size_t i = 0; i < n; i++)
		put(&traces, trace, lines[i], 1000);
	bool passed = root < n ? is_line(trace->root, lines[root]) : !trace->root.block;
	check(passed && trace->item.n == n, "%s", what);
	traces_close(&traces);
}

static void test_roots(void)
{
#define REMOTE "\"parent_span_id\":\"9\",\"parent_source\":\"b3\""
#define CHECK_ROOT(what, root, ...) \
	check_root(what, (const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })), root)
	static const char at_1[] = "{" SPAN ",\"time\":\"1970-01-01T00:00:01Z\"}";
	static const char at_2[] = "{" SPAN ",\"time\":\"1970-01-01T00:00:02Z\"}";
	static const char never[] = "{" SPAN "}";
	static const char remote_1[] = "{" SPAN "," REMOTE ",\"time\":\"1970-01-01T00:00:01Z\"}";
	static const char remote_2[] = "{" SPAN "," REMOTE ",\"time\":\"1970-01-01T00:00:02Z\"}";
	static const char remote_never[] = "{" SPAN "," REMOTE "}";
	static const char child[] = "{" SPAN ",\"parent_span_id\":\"9\",\"time\":\"1970-01-01T00:00:00Z\"}";

	CHECK_ROOT("a trace without a root", 9, child, child);
	CHECK_ROOT("one without a parent", 1, child, at_2, child);
	CHECK_ROOT("it comes before those from elsewhere", 1, remote_1, at_2, remote_1);
	CHECK_ROOT("whenever it comes", 2, remote_1, remote_2, at_2);
	CHECK_ROOT("of several the one that began first", 2, at_2, at_2, at_1, at_2);
	CHECK_ROOT("of equals the one that came first", 0, at_1, at_1);
	CHECK_ROOT("and of those from elsewhere", 1, remote_2, remote_1, remote_2);
	CHECK_ROOT("one that does not say when is not the first", 0, at_2, never);
	CHECK_ROOT("neither if it comes first", 1, never, at_2, at_2);
	CHECK_ROOT("nor from elsewhere", 1, remote_never, remote_2, remote_never);
	CHECK_ROOT("but without a parent it is the root", 1, remote_1, never);
}

static void test_spans(void)
{
	struct trace_id id = { 1, 2, true };
	struct traces traces;

	traces_open(&traces, &blocks, LINGER, WAIT, 7);
	struct trace *trace = traces_add(&traces, &id, seven, 1000);
	put(&traces, trace, "{\"a\":1}", 1000);
	check(!trace->start_ns && !trace->end_ns, "a trace of records without time has none");
	put(&traces, trace, "{" SPAN ",\"time\":\"1970-01-01T00:00:05Z\"}", 1000);
	put(&traces, trace, "{\"duration_ns\":9000000000,\"time\":\"1970-01-01T00:00:02Z\"}", 1000);
	put(&traces, trace, "{\"time\":\"1970-01-01T00:00:04Z\"}", 1000);
	check(trace->start_ns == 2 * SECOND_NS && trace->end_ns == 11 * SECOND_NS,
	      "else it is from the earliest start to the latest end");
	check(is_line(item_first(&trace->item), "{\"a\":1}") && trace->item.n == 4, "its records stay in their order");
	traces_close(&traces);
}

static void test_randomness(void)
{
	static const struct {
		const char *what;
		struct randomness first, second;
		uint64_t threshold, expected;
	} examples[] = {
		{ "R of a trace is that of its id", { 7, RANDOMNESS_TRACE_ID }, { 7, RANDOMNESS_TRACE_ID }, 9, 7 },
		{ "or else that of a tracestate", { 7, RANDOMNESS_TRACE_ID }, { 5, RANDOMNESS_TRACESTATE }, 0, 5 },
		{ "the last of several", { 7, RANDOMNESS_TRACESTATE }, { 5, RANDOMNESS_TRACESTATE }, 0, 5 },
		{ "whatever comes behind it", { 7, RANDOMNESS_TRACESTATE }, { 5, RANDOMNESS_TRACE_ID }, 9, 7 },
		{ "of its key where it has no R yet", { 7, RANDOMNESS_DRAWN }, { 5, RANDOMNESS_HASH }, 0, 5 },
		{ "the first of several", { 7, RANDOMNESS_HASH }, { 5, RANDOMNESS_HASH }, 9, 7 },
		{ "what is drawn stays", { 7, RANDOMNESS_DRAWN }, { 8, RANDOMNESS_DRAWN }, 7, 7 },
		{ "unless it is below a threshold", { 7, RANDOMNESS_DRAWN }, { 9, RANDOMNESS_DRAWN }, 8, 9 },
		{ "which that of an id may be", { 7, RANDOMNESS_TRACE_ID }, { 9, RANDOMNESS_DRAWN }, 8, 7 },
	};

	for (size_t i = 0; i < COUNT(examples); i++) {
		struct trace_id id = { 1, 2, true };
		struct traces traces;

		traces_open(&traces, &blocks, LINGER, WAIT, 7);
		struct trace *trace = traces_add(&traces, &id, examples[i].first, 1000);
		traces_choose(trace, examples[i].second, examples[i].threshold);
		check(trace->item.randomness == examples[i].expected, "%s", examples[i].what);
		traces_take(trace);
		traces_choose(trace, (struct randomness){ 1, RANDOMNESS_TRACESTATE }, 0);
		check(trace->item.randomness == examples[i].expected, "and in a batch it stays");
		traces_close(&traces);
	}
}

/* ---- against a list ---- */

struct known {
	struct trace *trace; /* NULL: there is none */
	uint64_t due_ns, wait_until_ns, added;
	bool is_rooted, is_taken;
	unsigned int n_records;
};

struct bench {
	struct traces traces;
	struct known known[IDS];
	struct trace_id ids[IDS];
	uint64_t now_ns, n_added;
	struct random random;
	unsigned int n_wrong;
};

/* Some by chance, and some that lie in one bucket, however many there are. */
static void choose_ids(struct bench *bench, uint64_t seed)
{
	unsigned int n = IDS / 2;

	for (unsigned int i = 0; i < n; i++)
		bench->ids[i] = (struct trace_id){ random_bits(&bench->random), random_bits(&bench->random) % 4, true };
	for (uint64_t i = 0; n < IDS; i++) {
		struct trace_id id = { i, i, true };

		if (trace_id_hash(&id, seed) % 4096 == 4095)
			bench->ids[n++] = id;
	}
}

/* By the promise: so long behind the last root, but not behind the end of the wait; one whose time would end behind that
 * changes nothing. */
static void note_root(struct bench *bench, struct known *known)
{
	if (known->is_taken || bench->now_ns + LINGER >= known->wait_until_ns)
		return;
	known->is_rooted = true;
	known->due_ns = bench->now_ns + LINGER;
}

static void add_record(struct bench *bench, unsigned int number)
{
	static const char *const lines[] = { "{" SPAN ",\"parent_span_id\":\"2\"}",
					     "{\"a\":\"a longer record, that is none\"}", "{" SPAN "}",
					     "{" SPAN "," REMOTE "}" };
	struct known *known = &bench->known[number];
	unsigned int choice = (unsigned int)(random_bits(&bench->random) % COUNT(lines));

	bench->n_wrong += traces_find(&bench->traces, &bench->ids[number]) != known->trace;
	if (!known->trace) {
		struct trace *trace = traces_add(&bench->traces, &bench->ids[number], seven, bench->now_ns);

		*known = (struct known){ .trace = trace,
					 .due_ns = bench->now_ns + WAIT,
					 .wait_until_ns = bench->now_ns + WAIT,
					 .added = bench->n_added++ };
	}
	put(&bench->traces, known->trace, lines[choice], bench->now_ns);
	known->n_records++;
	if (choice >= 2)
		note_root(bench, known);
}

static struct known *find_next(struct bench *bench)
{
	struct known *next = NULL;

	for (struct known *known = bench->known; known < bench->known + IDS; known++)
		if (known->trace && !known->is_taken && (!next || known->due_ns < next->due_ns))
			next = known;
	return next;
}

static struct known *find_known(struct bench *bench, const struct trace *trace)
{
	for (struct known *known = bench->known; known < bench->known + IDS; known++)
		if (known->trace == trace)
			return known;
	abort();
}

/* What is due now is what is due first, and says why. */
static void take_due(struct bench *bench)
{
	struct known *next = find_next(bench);
	struct trace *oldest = traces_oldest(&bench->traces), *due = traces_due(&bench->traces, bench->now_ns);

	bench->n_wrong += !next != !oldest;
	if (oldest)
		bench->n_wrong += find_known(bench, oldest)->due_ns != next->due_ns;
	bench->n_wrong += (due != NULL) != (next && next->due_ns <= bench->now_ns);
	if (!due)
		return;
	struct known *known = find_known(bench, due);
	bench->n_wrong += due != oldest || strcmp(due->item.trigger, known->is_rooted ? "root" : "wait") != 0 ||
			  due->item.n != known->n_records;
	traces_take(due);
	known->is_taken = true;
}

static void remove_one(struct bench *bench, unsigned int number)
{
	struct known *known = &bench->known[number];

	if (!known->trace)
		return;
	end(&bench->traces, known->trace);
	known->trace = NULL;
	bench->n_wrong += traces_find(&bench->traces, &bench->ids[number]) != NULL;
}

/* Block by block, with the same for each for what leads to it. */
static bool counts_memory(struct bench *bench)
{
	size_t bytes = 0, n = 0;

	for (const struct known *known = bench->known; known < bench->known + IDS; known++) {
		if (!known->trace)
			continue;
		n++;
		bytes += ITEM_IN_TABLES;
		for (const struct block *block = known->trace->item.first; block; block = block->next)
			bytes += BLOCK_SIZE;
	}
	return bench->traces.n == n && bench->traces.bytes == bytes;
}

static unsigned int run_random(uint64_t seed)
{
	static struct bench bench;
	unsigned int n_uncounted = 0;

	bench = (struct bench){ .now_ns = 1000 };
	random_seed(&bench.random, seed);
	traces_open(&bench.traces, &blocks, LINGER, WAIT, seed);
	choose_ids(&bench, seed);
	for (int i = 0; i < 5000; i++) {
		uint64_t bits = random_bits(&bench.random);

		if (bits % 8 < 5)
			add_record(&bench, (unsigned int)(bits >> 8) % IDS);
		else if (bits % 8 == 5)
			remove_one(&bench, (unsigned int)(bits >> 8) % IDS);
		else
			bench.now_ns += (bits >> 8) % 4;
		take_due(&bench);
		n_uncounted += !counts_memory(&bench);
	}
	for (unsigned int i = 0; i < IDS; i++)
		remove_one(&bench, i);
	n_uncounted += bench.traces.bytes != 0 || bench.traces.n != 0 || traces_oldest(&bench.traces) != NULL;
	traces_close(&bench.traces);
	return bench.n_wrong + n_uncounted;
}

static void test_random(void)
{
	unsigned int n_wrong = 0;

	for (uint64_t seed = 1; seed <= 40; seed++)
		n_wrong += run_random(seed);
	check(!n_wrong, "200000 operations are as with a list, and the memory is counted, but for %u", n_wrong);
}

/* ---- many ---- */

static void test_growth(void)
{
	enum { MANY = 20000 };
	struct traces traces;
	bool passed = true;
	size_t longest = 0;

	traces_open(&traces, &blocks, LINGER, WAIT, 7);
	for (uint64_t i = 0; i < MANY; i++) {
		struct trace_id id = { i << 48 | i >> 16, i / 2, true };

		traces_add(&traces, &id, (struct randomness){ i, RANDOMNESS_TRACE_ID }, 1000 + i)->item.sequence = i;
	}
	check(traces.n == MANY && traces.n_slots * sizeof(struct trace_slot) <= (size_t)MANY * ITEM_IN_TABLES,
	      "the table grows: %zu slots for %d, which is counted", traces.n_slots, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		struct trace_id id = { i << 48 | i >> 16, i / 2, true };
		struct trace *trace = traces_find(&traces, &id);

		passed &= trace && trace->item.sequence == i && trace->item.randomness == i;
	}
	for (size_t i = 0, n = 0; i < traces.n_slots; i++) {
		n = traces.slots[i].trace ? n + 1 : 0;
		longest = n > longest ? n : longest;
	}
	check(passed && longest <= 128, "all are found, at most %zu one behind the other", longest);
	for (uint64_t i = 0; i < MANY; i++) {
		struct trace *trace = traces_due(&traces, UINT64_MAX);

		passed &= trace && trace->item.sequence == i && traces_find(&traces, &trace->id) == trace;
		end(&traces, trace);
	}
	check(passed && !traces.n && !traces.bytes, "and are due in their order");
	check(traces.n_slots < MANY / 8, "the table shrinks again: %zu slots", traces.n_slots);
	traces_close(&traces);
}

int main(void)
{
	fields_open(&sample.names);
	test_moments();
	test_roots();
	test_spans();
	test_randomness();
	test_random();
	test_growth();
	blocks_close(&blocks);
	sample_close(&sample);
	return finish_tests();
}
