/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/filter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"
#include "common/record/threshold.h"

enum {
	ROOM = 64 * 1024,     /* for what one record may make; more, and the queue grows */
	ROOT_FIELD_MAX = 4096 /* bytes of a field that all of the trace's records are seen with */
};

static void fail(struct filter *filter, const char *what)
{
	diag_print_errno(DIAG_ERROR, ENOMEM, "%s", what);
	filter->session->failed = true;
	loop_stop(&filter->session->loop);
}

/* ---- the end of an item's way ---- */

/* Returns whether it is to be written. */
static bool decide_record(struct filter *filter, const struct verdict *verdict, const struct arrival *arrival,
			  uint64_t randomness, struct outcome *outcome)
{
	/* What --count has no more room for is not decided. */
	if (session_is_full(filter->session))
		return false;
	*outcome = verdict_apply(verdict, filter->options->mode, arrival, randomness);
	verdict_count(verdict, outcome, arrival);
	return writer_wants(&filter->writer, outcome);
}

static void finish_record(struct filter *filter, const struct record_view *record, const struct verdict *verdict,
			  const struct arrival *arrival, uint64_t randomness, const char *trigger)
{
	struct outcome outcome;

	if (!decide_record(filter, verdict, arrival, randomness, &outcome))
		return;
	struct line line = line_of_record(record);
	writer_decide(&filter->writer, &line, verdict, &outcome, trigger);
}

bool filter_has_room(const struct filter *filter)
{
	return !filter->leaving.first && output_has_room(&filter->session->output, ROOM);
}

/* What has been decided leaves one behind the other. */
static void put_in_line(struct leaving *leaving, struct item *item)
{
	if (leaving->first) {
		leaving->last->behind = item;
	} else {
		leaving->first = item;
		leaving->next = item_first(item);
		leaving->n_left = item->n;
	}
	leaving->last = item;
}

static void take_from_line(struct leaving *leaving)
{
	leaving->first = leaving->first->behind;
	if (!leaving->first)
		return;
	leaving->next = item_first(leaving->first);
	leaving->n_left = leaving->first->n;
}

/* Reads the text of a held record, with more members before its closing brace. It has one at least where there are some, its
 * trace_id, so that a comma can follow. False: no memory. */
static bool read_text(struct filter *filter, struct place *place, const struct held *held, const struct buffer *more)
{
	static const char padding[JSON_PADDING] = { 0 };
	struct buffer *text = &filter->scratch;

	buffer_reset(text);
	held_read_text(place, held->brace, text);
	if (more)
		buffer_add(text, more->bytes, more->length);
	held_read_text(place, held->length - held->brace, text);
	buffer_add(text, padding, sizeof(padding));
	if (text->failed)
		fail(filter, "cannot look at a record");
	return !text->failed;
}

/* A held record, whose text has been read. */
static void finish_held(struct filter *filter, const struct item *item, struct held *held)
{
	struct outcome outcome;

	arrival_settle(&held->arrival, item->randomness);
	if (!decide_record(filter, &item->verdict, &held->arrival, item->randomness, &outcome))
		return;
	struct line line = line_of_held(held, filter->scratch.bytes);
	writer_decide(&filter->writer, &line, &item->verdict, &outcome, item->trigger);
}

static void finish_next(struct filter *filter)
{
	struct leaving *leaving = &filter->leaving;
	struct item *item = leaving->first;
	struct held held = held_read(&leaving->next);

	if (read_text(filter, &leaving->next, &held, NULL))
		finish_held(filter, item, &held);
	if (--leaving->n_left)
		return;
	take_from_line(leaving);
	item_end(item, &filter->blocks);
}

static void finish_leaving(struct filter *filter, bool regardless)
{
	while (filter->leaving.first && (regardless || output_has_room(&filter->session->output, ROOM)))
		finish_next(filter);
}

void filter_write(struct filter *filter)
{
	finish_leaving(filter, false);
}

/* What is dropped as a whole need not be looked at again. Returns whether it was. */
static bool drop_item(struct filter *filter, struct item *item, const struct verdict *verdict)
{
	const struct arrival arrival = { .threshold = 0 };
	struct outcome outcome = verdict_apply(verdict, filter->options->mode, &arrival, item->randomness);

	if (outcome.is_kept || item->is_sampled || filter->options->is_dry_run)
		return false;
	for (unsigned int i = 0; i < item->n && !session_is_full(filter->session); i++)
		verdict_count(verdict, &outcome, &arrival);
	item_end(item, &filter->blocks);
	return true;
}

static void release_item(struct filter *filter, struct item *item)
{
	if (item->trace)
		traces_remove(&filter->traces, item->trace);
	else
		filter->lone_bytes -= item->bytes;
}

static void finish_item(struct filter *filter, struct item *item, const struct verdict *verdict)
{
	if (item->trace) {
		const struct decision decision = { item->trace->id, item->randomness, *verdict };

		decisions_put(&filter->decisions, &decision);
	}
	release_item(filter, item);
	if (drop_item(filter, item, verdict))
		return;
	item->verdict = *verdict;
	put_in_line(&filter->leaving, item);
	finish_leaving(filter, false);
}

/* For the batch. */
static void finish_batched(void *context, struct item *item, uint64_t threshold)
{
	struct filter *filter = context;
	struct verdict verdict = verdict_floor(threshold, filter->sampler.tally);

	finish_item(filter, item, &verdict);
}

static void put_in_batch(struct filter *filter, struct item *item)
{
	if (batch_put(&filter->sampler.batch, item))
		return;
	fail(filter, "cannot hold a record");
	release_item(filter, item);
	item_end(item, &filter->blocks);
}

/* ---- records by themselves ---- */

/* A record that is to be decided, with what has been found out about it. */
struct candidate {
	const struct record_view *record;
	struct arrival came;    /* for its trace, whose R another record may bring */
	struct arrival arrival; /* the same, held against the R that it has by itself */
	struct moment moment;
	struct randomness randomness;
	struct trace_id id;
	bool is_chosen, has_id; /* R and the trace have been looked for; and there is a trace */
};

/* Looks for R, which not every decision needs, and holds the threshold that it came with against it. */
static void choose_randomness(struct filter *filter, struct candidate *candidate)
{
	const struct record_view *record = candidate->record;

	if (candidate->is_chosen)
		return;
	candidate->is_chosen = true;
	candidate->has_id = trace_id_read(record, &candidate->id);
	candidate->randomness = randomness_read(record, candidate->has_id ? &candidate->id : NULL,
						options_key(filter->options), &candidate->arrival, &filter->random);
	arrival_settle(&candidate->arrival, candidate->randomness.value);
}

/* NULL: no memory. */
static struct item *make_item(struct filter *filter, const struct candidate *candidate, uint64_t randomness)
{
	struct item *item = item_begin(&filter->blocks, sizeof(*item));

	if (!item || !item_add(item, &filter->blocks, candidate->record, &candidate->arrival)) {
		if (item)
			item_end(item, &filter->blocks);
		fail(filter, "cannot hold a record");
		return NULL;
	}
	item->randomness = randomness;
	return item;
}

/* Nothing overtakes what was decided before it: that may be of the same trace. */
static void finish_candidate(struct filter *filter, const struct candidate *candidate, const struct verdict *verdict,
			     uint64_t randomness, const char *trigger)
{
	if (!filter->leaving.first) {
		finish_record(filter, candidate->record, verdict, &candidate->arrival, randomness, trigger);
		return;
	}
	struct item *item = make_item(filter, candidate, randomness);
	if (!item)
		return;
	item->verdict = *verdict;
	item->trigger = trigger;
	put_in_line(&filter->leaving, item);
}

static void hold_alone(struct filter *filter, struct candidate *candidate)
{
	struct item *item = make_item(filter, candidate, candidate->randomness.value);

	if (!item)
		return;
	filter->lone_bytes += item->bytes;
	put_in_batch(filter, item);
}

/* What the sampler is to know of a record, or a trace. */
static struct judged describe(const struct filter *filter, const struct record_view *record,
			      const struct arrival *arrival, unsigned int n_records)
{
	return (struct judged){ .record = record,
				.arrival = arrival,
				.n_records = n_records,
				.now_ns = filter->clock.now_ns,
				.rest_is_kept = !filter->rules.keeps };
}

/* NULL: it is to wait. */
static const struct verdict *judge_alone(struct filter *filter, const struct candidate *candidate)
{
	unsigned int number = rules_match(&filter->rules, candidate->record, filter->rules.n);
	struct judged judged = describe(filter, candidate->record, &candidate->arrival, 1);

	if (number == filter->rules.n)
		return sampler_judge(&filter->sampler, &judged);
	return &filter->rules.list[number].verdict;
}

static void take_alone(struct filter *filter, struct candidate *candidate)
{
	const struct verdict *verdict = judge_alone(filter, candidate);

	if (!verdict || !verdict_is_certain(verdict))
		choose_randomness(filter, candidate);
	if (verdict)
		finish_candidate(filter, candidate, verdict, candidate->randomness.value, NULL);
	else
		hold_alone(filter, candidate);
}

/* ---- traces ---- */

/* Scans a line that was accepted before, by the names of the rules in force. */
static struct record_view scan_again(struct filter *filter, const char *text, size_t length)
{
	struct record_view record = { .line = text, .length = length, .values = filter->values };

	json_scan(&filter->rules.names, text, length, filter->values, &record.brace);
	return record;
}

/* A held record, as it was or with more members. The place is that of the next one then. */
static struct record_view see_held(struct filter *filter, struct place *place, const struct buffer *more)
{
	static const char nothing[JSON_PADDING] = { 0 };
	struct held held = held_read(place);

	if (!read_text(filter, place, &held, more))
		return (struct record_view){ .line = nothing,
					     .values = memset(filter->values, 0, sizeof(filter->values)) };
	return scan_again(filter, filter->scratch.bytes, filter->scratch.length - JSON_PADDING);
}

static void add_root_field(struct buffer *text, const struct root_field *field, const struct record_view *root)
{
	const struct json_value *value = &root->values[field->number];
	bool is_string = value->type == VALUE_STRING;

	if (value->type == VALUE_ABSENT || value->length > ROOT_FIELD_MAX)
		return;
	buffer_add_text(text, ",\"");
	buffer_add_text(text, field->name);
	buffer_add_text(text, "\":");
	buffer_add(text, root->line + value->start - is_string, value->length + 2 * is_string);
}

/* What stands in each of its records besides, for the rules. */
static void describe_trace(struct filter *filter, const struct trace *trace)
{
	struct buffer *text = &filter->trace_text;
	char numbers[128];

	buffer_reset(text);
	snprintf(numbers, sizeof(numbers), ",\"trace_duration_ns\":%" PRIu64 ",\"trace_spans\":%" PRIu64,
		 trace->start_ns ? trace->end_ns - trace->start_ns : 0, trace->n_spans);
	buffer_add_text(text, numbers);
	struct place place = trace->root;
	if (!place.block)
		return;
	struct record_view root = see_held(filter, &place, NULL);
	for (unsigned int i = 0; i < filter->rules.n_root_fields; i++)
		add_root_field(text, &filter->rules.root_fields[i], &root);
}

static unsigned int match_trace(struct filter *filter, const struct trace *trace)
{
	struct place place = item_first(&trace->item);
	unsigned int number = filter->rules.n;

	describe_trace(filter, trace);
	for (unsigned int i = 0; i < trace->item.n && number; i++) {
		struct record_view record = see_held(filter, &place, &filter->trace_text);

		number = rules_match(&filter->rules, &record, number);
	}
	return number;
}

/* Where no rule looks at the trace as a whole, each record is matched when it comes, and need not be read again, unless the
 * rules have changed since. */
static bool is_matched_early(const struct filter *filter, const struct trace *trace)
{
	return trace->rules_age == filter->rules_age && !rules_see_trace(&filter->rules);
}

static void match_record(struct filter *filter, struct trace *trace, const struct record_view *record)
{
	if (!trace->item.n) {
		trace->rules_age = filter->rules_age;
		trace->rule = filter->rules.n;
	}
	if (is_matched_early(filter, trace))
		trace->rule = rules_match(&filter->rules, record, trace->rule);
}

static unsigned int find_rule(struct filter *filter, const struct trace *trace)
{
	return is_matched_early(filter, trace) ? trace->rule : match_trace(filter, trace);
}

/* The sampler sees its root, or what came first. NULL: it is to wait. */
static const struct verdict *judge_trace(struct filter *filter, const struct trace *trace)
{
	struct place place = trace->root.block ? trace->root : item_first(&trace->item), again = place;
	struct held held = held_read(&place);
	struct judged judged = describe(filter, NULL, &held.arrival, trace->item.n);
	struct record_view record;

	arrival_settle(&held.arrival, trace->item.randomness);
	if (sampler_reads_fields(&filter->sampler)) {
		record = see_held(filter, &again, NULL);
		judged.record = &record;
	}
	return sampler_judge(&filter->sampler, &judged);
}

static void decide_trace(struct filter *filter, struct trace *trace, const char *trigger)
{
	unsigned int number = find_rule(filter, trace);

	trace->item.trigger = trigger;
	traces_take(trace);
	const struct verdict *verdict =
		number < filter->rules.n ? &filter->rules.list[number].verdict : judge_trace(filter, trace);
	if (verdict)
		finish_item(filter, &trace->item, verdict);
	else
		put_in_batch(filter, &trace->item);
}

static void take_late(struct filter *filter, struct candidate *candidate, const struct decision *decision)
{
	filter->late++;
	candidate->arrival = candidate->came;
	arrival_settle(&candidate->arrival, decision->randomness);
	finish_candidate(filter, candidate, &decision->verdict, decision->randomness, "late");
}

static void add_to_trace(struct filter *filter, struct trace *trace, const struct candidate *candidate)
{
	size_t before = trace->item.bytes;

	match_record(filter, trace, candidate->record);
	traces_choose(trace, candidate->randomness, candidate->came.threshold);
	if (traces_put(&filter->traces, trace, candidate->record, &candidate->came, &candidate->moment,
		       filter->clock.now_ns)) {
		if (!trace->queue)
			batch_grown(&filter->sampler.batch, trace->item.bytes - before);
		return;
	}
	if (!trace->item.n) {
		traces_remove(&filter->traces, trace);
		item_end(&trace->item, &filter->blocks);
	}
	fail(filter, "cannot hold a record");
}

static void take_in_trace(struct filter *filter, struct candidate *candidate)
{
	struct trace *trace = traces_find(&filter->traces, &candidate->id);
	const struct decision *decision = trace ? NULL : decisions_find(&filter->decisions, &candidate->id);

	if (decision) {
		take_late(filter, candidate, decision);
		return;
	}
	if (!trace)
		trace = traces_add(&filter->traces, &candidate->id, candidate->randomness, filter->clock.now_ns);
	if (trace)
		add_to_trace(filter, trace, candidate);
	else
		fail(filter, "cannot hold a record");
}

/* ---- time and memory ---- */

static void decide_due(struct filter *filter)
{
	struct trace *trace;

	while (filter_has_room(filter) && (trace = traces_due(&filter->traces, filter->clock.now_ns)))
		decide_trace(filter, trace, trace->item.trigger);
}

void filter_turn(struct filter *filter)
{
	/* Nothing may come in between the pieces of a line. */
	if (filter->is_within_line || !filter->clock.now_ns)
		return;
	sampler_turn(&filter->sampler, filter->clock.now_ns);
	if (filter->options->is_by_trace)
		decide_due(filter);
}

void filter_idle(struct filter *filter)
{
	stream_clock_idle(&filter->clock, clock_monotonic_ns());
	filter_turn(filter);
}

static void evict(struct filter *filter, struct trace *trace)
{
	filter->evicted++;
	decide_trace(filter, trace, "eviction");
}

/* What waits for its trace and what waits for its tick each get a half where both want more. */
static void limit_memory(struct filter *filter)
{
	struct batch *batch = &filter->sampler.batch;
	uint64_t most = filter->options->memory_max;
	struct trace *oldest;

	while (filter->traces.bytes + filter->lone_bytes > most) {
		if (batch->bytes > most / 2) {
			filter->shortages++;
			batch_shrink(batch, most / 2);
		} else if ((oldest = traces_oldest(&filter->traces))) {
			evict(filter, oldest);
		} else {
			return;
		}
	}
}

void filter_report(struct filter *filter)
{
	if (filter->evicted != filter->evicted_said)
		diag_print(DIAG_WARN, "traces decided early, as what waits would take more than --max-memory: %" PRIu64,
			   filter->evicted - filter->evicted_said);
	if (filter->shortages != filter->shortages_said)
		diag_print(DIAG_WARN,
			   "fewer records kept than --rate allows, as they would take more than --max-memory");
	filter->evicted_said = filter->evicted;
	filter->shortages_said = filter->shortages;
}

/* ---- lines ---- */

/* What a tool says of itself is no part of what is sampled. */
static bool is_of_tool(const struct record_view *record)
{
	static const char *const events[] = { "lost", "suppressed", "unfinished", "stats" };

	if (record->values[FIELD_TOOL].type != VALUE_STRING)
		return false;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (fields_equal(record, FIELD_EVENT, events[i]))
			return true;
	return false;
}

static void keep_time(struct filter *filter, struct candidate *candidate)
{
	candidate->moment = moment_read(candidate->record, &filter->times);
	stream_clock_advance(&filter->clock, candidate->moment.end_ns);
	filter_turn(filter);
}

static void decide(struct filter *filter, const struct record_view *record)
{
	struct candidate candidate = { .record = record, .arrival = arrival_read(record) };

	/* Only where it is needed: what was just written in parts is not copied at once. */
	if (filter->options->is_by_trace)
		candidate.came = candidate.arrival;
	/* Nobody is to look at a threshold that R contradicts. */
	if (filter->options->is_by_trace || candidate.arrival.threshold)
		choose_randomness(filter, &candidate);
	if (filter->keeps_time)
		keep_time(filter, &candidate);
	sampler_observe(&filter->sampler, record, &candidate.arrival, &filter->random);
	if (filter->options->is_by_trace && candidate.has_id)
		take_in_trace(filter, &candidate);
	else
		take_alone(filter, &candidate);
	limit_memory(filter);
}

static void take_record(struct filter *filter, const struct record_view *record)
{
	bool is_aside = is_of_tool(record);

	filter->records++;
	if (!is_aside && filter->decides) {
		decide(filter, record);
		return;
	}
	filter->passed++;
	writer_pass(&filter->writer, record->line, record->length, record->cr, true, !is_aside);
}

static void take_redacted(struct filter *filter, const struct record_view *record)
{
	struct buffer *line = &filter->options->redact.line;
	struct record_view redacted = { .number = record->number, .cr = record->cr, .values = filter->redacted_values };

	if (!redact_line(&filter->options->redact, record)) {
		fail(filter, "cannot redact a record");
		return;
	}
	redacted.line = line->bytes;
	redacted.length = line->length;
	json_scan(&filter->rules.names, line->bytes, line->length, filter->redacted_values, &redacted.brace);
	take_record(filter, &redacted);
}

/* A line that is too long comes in pieces. */
static void pass_bad(struct filter *filter, const struct record_view *record)
{
	filter->is_within_line = record->unfinished;
	writer_pass(&filter->writer, record->line, record->length, record->cr, !record->unfinished, false);
}

void filter_end_line(struct filter *filter)
{
	if (filter->is_within_line)
		writer_pass(&filter->writer, "", 0, false, true, false);
	filter->is_within_line = false;
}

void filter_begin(struct filter *filter)
{
	if (filter->keeps_time)
		stream_clock_read(&filter->clock, session_wall_ns(filter->session));
}

void filter_take(struct filter *filter, const struct record_view *record)
{
	if (!record->values)
		pass_bad(filter, record);
	else if (redact_concerns(&filter->options->redact, record))
		take_redacted(filter, record);
	else
		take_record(filter, record);
}

bool filter_drain(struct filter *filter, bool regardless)
{
	struct trace *trace;

	finish_leaving(filter, regardless);
	while ((regardless || filter_has_room(filter)) && (trace = traces_oldest(&filter->traces)))
		decide_trace(filter, trace, "end");
	if (traces_oldest(&filter->traces))
		return false;
	if (filter->sampler.batch.n)
		batch_flush(&filter->sampler.batch);
	finish_leaving(filter, regardless);
	return !filter->leaving.first;
}

/* ---- opening and closing ---- */

static enum exit_code open_rules(struct filter *filter, struct rules *rules)
{
	const struct options *options = filter->options;
	const struct rules_source source = { .texts = options->rules,
					     .n_texts = options->n_rules,
					     .path = options->rules_path,
					     .names = &options->names,
					     .tallies = &filter->tallies };

	return rules_open(rules, &source);
}

/* The rules of the filter are in force from now on. */
static void announce_rules(struct filter *filter)
{
	for (unsigned int i = 0; i < filter->rules.n; i++)
		filter->rules.list[i].verdict.tally->is_in_force = true;
	if (filter->rules.trace_field && !filter->options->is_by_trace)
		diag_print(DIAG_WARN, "a rule looks at '%s', which only --trace knows", filter->rules.trace_field);
}

bool filter_reload(struct filter *filter)
{
	struct rules rules;

	if (open_rules(filter, &rules)) {
		rules_close(&rules);
		diag_print(DIAG_ERROR, "the rules that were in force stay");
		return false;
	}
	rules_close(&filter->rules);
	/* Where they lie stays the same, and so does where the reader finds their names. */
	filter->rules = rules;
	filter->rules_age++;
	announce_rules(filter);
	diag_print(DIAG_INFO, "new rules from '%s'", filter->options->rules_path);
	return true;
}

static int open_parts(struct filter *filter, uint64_t seed)
{
	struct options *options = filter->options;
	int error = sampler_open(&filter->sampler, &options->sampler, &filter->tallies, seed, finish_batched, filter);

	if (!error && options->is_by_trace)
		error = traces_open(&filter->traces, &filter->blocks, options->linger_ns, options->wait_ns, seed);
	if (!error && options->is_by_trace)
		error = decisions_open(&filter->decisions, options->decisions_max, seed);
	return error;
}

enum exit_code filter_open(struct filter *filter, struct options *options, struct session *session)
{
	uint64_t seed = options->seed;
	enum exit_code code;

	filter->options = options;
	filter->session = session;
	filter->writer =
		(struct writer){ .session = session, .explains = options->explains, .is_dry_run = options->is_dry_run };
	filter->decides = options_decide(options);
	filter->keeps_time = options->is_by_trace || options->sampler.first_n ||
			     (options->sampler.kind != SAMPLER_NONE && options->sampler.kind != SAMPLER_RATIO);
	tallies_open(&filter->tallies);
	stream_clock_open(&filter->clock);
	if (!seed)
		seed = random_new_seed();
	random_seed(&filter->random, seed);
	code = open_rules(filter, &filter->rules);
	if (code)
		return code;
	announce_rules(filter);
	int error = open_parts(filter, seed);
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot set up");
	return error ? EXIT_FAILED : EXIT_DONE;
}

void filter_close(struct filter *filter)
{
	rules_close(&filter->rules);
	sampler_close(&filter->sampler);
	traces_close(&filter->traces);
	blocks_close(&filter->blocks);
	decisions_close(&filter->decisions);
	tallies_close(&filter->tallies);
	writer_close(&filter->writer);
	buffer_clear(&filter->trace_text);
	buffer_clear(&filter->scratch);
}

/* ---- stats ---- */

struct sums {
	uint64_t records, kept, unweighted;
	double adjusted, adjusted_kept;
};

static struct sums sum_tallies(const struct tallies *tallies)
{
	struct sums sums = { .records = 0 };

	for (const struct tally *tally = tallies->first; tally; tally = tally->next) {
		sums.records += tally->records;
		sums.kept += tally->kept;
		sums.unweighted += tally->unweighted;
		sums.adjusted += tally->adjusted;
		sums.adjusted_kept += tally->adjusted_kept;
	}
	return sums;
}

static void write_tally(struct session *session, const struct tally *tally)
{
	struct record *record = session_begin_aside(session, "stats");

	record_add_text(record, "rule", tally->name);
	record_add_uint(record, "records", tally->records);
	record_add_uint(record, "kept", tally->kept);
	record_add_double(record, "adjusted_count", tally->adjusted);
	record_add_double(record, "adjusted_count_kept", tally->adjusted_kept);
	session_put_aside(session);
}

void filter_write_stats(struct filter *filter, const struct reader *reader, uint64_t reloads)
{
	struct session *session = filter->session;
	struct sums sums = sum_tallies(&filter->tallies);
	struct record *record = session_begin_aside(session, "stats");

	record_add_uint(record, "duration_ns", clock_monotonic_ns() - session->started_ns);
	record_add_uint(record, "lines", reader->lines);
	record_add_uint(record, "records", filter->records);
	record_add_uint(record, "kept", sums.kept);
	record_add_uint(record, "dropped", sums.records - sums.kept);
	record_add_uint(record, "passed", filter->passed);
	record_add_uint(record, "bad_lines", reader->bad_lines);
	record_add_uint(record, "unweighted", sums.unweighted);
	record_add_double(record, "adjusted_count", sums.adjusted);
	record_add_double(record, "adjusted_count_kept", sums.adjusted_kept);
	record_add_uint(record, "redacted", filter->options->redact.redacted);
	record_add_uint(record, "late", filter->late);
	record_add_uint(record, "evicted", filter->evicted);
	record_add_uint(record, "reloads", reloads);
	session_put_aside(session);
	for (const struct tally *tally = filter->tallies.first; tally; tally = tally->next)
		if (tally->is_in_force)
			write_tally(session, tally);
}
