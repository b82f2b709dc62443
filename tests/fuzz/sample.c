/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otb-sample's filter with any options, on any lines cut into any reads, in any time. What comes out has come in, each line
 * once and but for the marks; what bears a threshold has an R that reaches it; every record is kept, dropped or passed;
 * memory stays within its limit, and at the end nothing is held back.
 *
 * The first bytes choose the options. Behind them a byte 0xff, which no line needs, ends a read, and the byte behind it says
 * what happens then.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/otb-sample/filter.h"
#include "common/cli/diag.h"
#include "common/host/clock.h"
#include "common/record/json_walk.h"
#include "common/rule/lexer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_LIMIT = 8192, CHOICES = 10, ACTION = 0xff, ROOM = 64 * 1024 };

static const uint64_t SECOND_NS = 1000000000, WALL_NS = UINT64_C(1800000000) * 1000000000;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* ---- options ---- */

static const struct rule_text rules_by_records[] = {
	{ RULE_KEEP, "a == 1 or c =~ '^x.y'" },
	{ RULE_DROP, "b exists and not a exists" },
	{ RULE_WHOLE, "most: d > 1K -> 0.9" },
};
static const struct rule_text rules_by_traces[] = {
	{ RULE_WHOLE, "slow: trace_duration_ns > 1s -> 0.5" },
	{ RULE_KEEP, "root_a == 1 or root.b.c exists" },
	{ RULE_WHOLE, "many: trace_spans >= 2 and root_c == 'x' -> 1/3" },
};
static const struct rule_text rules_of_marks[] = {
	{ RULE_DROP, "root_trace_id =~ '^0' or sampling_rule == 'many'" },
	{ RULE_WHOLE, "all: * -> 0.1" },
};
static const struct rule_text rules_for_all[] = { { RULE_KEEP, "*" } };

static const struct {
	const struct rule_text *list;
	unsigned int n;
} rule_sets[] = {
	{ NULL, 0 },
	{ rules_by_records, COUNT(rules_by_records) },
	{ rules_by_traces, COUNT(rules_by_traces) },
	{ rules_of_marks, COUNT(rules_of_marks) },
	{ rules_for_all, COUNT(rules_for_all) },
};

/* Files of rules, of which one is none. */
static char rules_paths[4][32];

static void write_rules(void)
{
	static const char *const texts[COUNT(rules_paths)] = {
		"{\"rules\": [\"file: root_d exists or d exists -> 0.25\", \"file.2: a in (1, 2, 'x') -> keep\"]}",
		"{\"rules\": []}",
		"{\"rules\": [\"file: trace_spans > 1 -> drop\"]}",
		"{\"rules\": [\"none\"]}",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		int fd = memfd_create("rules", 0);

		require(write(fd, texts[i], strlen(texts[i])) == (ssize_t)strlen(texts[i]));
		snprintf(rules_paths[i], sizeof(rules_paths[i]), "/proc/self/fd/%d", fd);
	}
}

static void bind(struct field *field, const char *name, struct json_names *names)
{
	require(!field_bind(field, strdup(name), names));
}

static void choose_signal(struct options *options)
{
	struct signal_options *signal = &options->sampler.signal;
	struct lexer lexer;

	lexer_open(&lexer, "error_type exists or a >= 500");
	options->signal_error = condition_parse(&lexer, &options->names);
	require(options->signal_error);
	bind(&options->signal_field, "duration_ns", &options->names);
	*signal = (struct signal_options){ .errors = true,
					   .latency = true,
					   .base = options->sampler.ratio,
					   .error_weight = 10,
					   .latency_weight = 1,
					   .error = options->signal_error,
					   .field = &options->signal_field,
					   .tick_ns = options->sampler.tick_ns };
}

static void choose_sampler(struct options *options, const uint8_t *choices)
{
	static const double ratios[] = { 0.5, 0, 1, 0.001 }, rates[] = { 2, 1.0 / 3600, 1e12, 0.7 };
	static const uint64_t times_ns[] = { 1000000, 1000000000, 3600000000000, 31536000000000000 };
	struct sampler_options *sampler = &options->sampler;

	sampler->kind = choices[0] % (SAMPLER_SIGNAL + 1);
	sampler->ratio = ratios[choices[0] / 8 % 4];
	sampler->per_second = rates[choices[0] / 32 % 4];
	sampler->tick_ns = times_ns[choices[1] % 4];
	sampler->keys_max = 1 + choices[1] / 4 % 4;
	sampler->is_controlling = choices[1] & 0x10 && sampler->kind != SAMPLER_NONE && sampler->kind != SAMPLER_TOKENS;
	if (choices[1] & 0x20)
		bind(&sampler->keys[sampler->n_keys++], "k.e", &options->names);
	if (choices[1] & 0x40 && sampler->kind == SAMPLER_ADAPTIVE)
		bind(&sampler->keys[sampler->n_keys++], "a", &options->names);
	if (choices[1] & 0x80) {
		sampler->first_n = 1 + choices[2] % 2;
		sampler->first_every_ns = times_ns[choices[2] / 2 % 4];
		bind(&sampler->first_per, "c", &options->names);
	}
	if (sampler->kind == SAMPLER_SIGNAL)
		choose_signal(options);
}

static void choose_rules(struct options *options, const uint8_t *choices)
{
	unsigned int set = choices[3] % COUNT(rule_sets);

	options->n_rules = rule_sets[set].n;
	if (options->n_rules)
		memcpy(options->rules, rule_sets[set].list, options->n_rules * sizeof(struct rule_text));
	if (choices[3] & 0x80)
		options->rules_path = rules_paths[0];
}

static void choose_rest(struct options *options, const uint8_t *choices)
{
	static const uint64_t sizes[] = { 1, 1000, 4096, 256 << 20 }, times_ns[] = { 1000000, 2000000000, 30000000000 };

	options->mode = choices[4] & 1 ? MODE_EQUALIZING : MODE_PROPORTIONAL;
	options->explains = choices[4] & 2;
	options->is_dry_run = choices[4] & 4;
	options->is_by_trace = choices[4] & 8;
	options->passes_bad = choices[4] & 0x10;
	if (choices[4] & 0x20)
		options->cli.count = 1 + choices[5] % 8;
	if (choices[4] & 0x40 && !options->passes_bad)
		require(!redact_parse(&options->redact, "s.s:mask:1:1") && !redact_parse(&options->redact, "o:omit"));
	options->memory_max = sizes[choices[6] % 4];
	options->decisions_max = choices[6] / 4 % 4 * 3;
	options->linger_ns = times_ns[choices[6] / 16 % 3];
	options->wait_ns = times_ns[choices[7] % 3];
}

static void choose_options(struct options *options, const uint8_t *choices)
{
	*options = (struct options){ .cli = { .program = "fuzz", .ready_fd = -1 }, .seed = 1 };
	fields_open(&options->names);
	choose_sampler(options, choices);
	choose_rules(options, choices);
	choose_rest(options, choices);
}

/* ---- lines as they are told apart: what they are, but for the marks ---- */

struct list {
	uint64_t hashes[SIZE_LIMIT + 1];
	size_t n;
};

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
	return hash;
}

static bool is_mark(const char *text, const struct json_value *key)
{
	for (int field = FIELD_THRESHOLD; field < FIXED_FIELDS; field++)
		if (json_key_equals(text, key, fixed_field_names[field]))
			return true;
	return false;
}

static uint64_t hash_record(const char *text)
{
	struct json_value key, value;
	struct json_walk walk;
	uint64_t hash = 1;

	json_walk_open_text(&walk, text);
	while (json_walk_member(&walk, &key, &value)) {
		if (is_mark(text, &key))
			continue;
		hash = hash_bytes(hash, text + key.start, key.length);
		hash = hash_bytes(hash, &value.type, sizeof(value.type));
		hash = hash_bytes(hash, text + value.start, value.length);
	}
	return hash;
}

typedef void line_callback(void *context, const struct record_view *record);

/* Lines without their ends, each in a block of its own, so that a read beyond it shows; empty ones are left out. Of what is
 * no record there are no values. */
static void for_lines(const struct buffer *text, struct json_names *names, line_callback *callback, void *context)
{
	struct json_value values[JSON_NAMES_MAX];
	const char *at = text->bytes, *end = text->length ? at + text->length : at;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at)), *stop = lf ? lf : end;
		size_t length = (size_t)(stop - at);

		length -= length && at[length - 1] == '\r';
		char *line = malloc(length + JSON_PADDING);
		struct record_view record = { .line = line, .length = length, .values = values };

		memcpy(line, at, length);
		memset(line + length, 0xff, JSON_PADDING);
		line[length] = '\0';
		if (json_scan(names, line, length, values, &record.brace) != JSON_OK)
			record.values = NULL;
		if (length)
			callback(context, &record);
		free(line);
		at = stop + 1;
	}
}

static void add_line(void *context, const struct record_view *record)
{
	struct list *list = context;

	list->hashes[list->n++] =
		record->values ? hash_record(record->line) : hash_bytes(2, record->line, record->length);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *first = a, *second = b;

	return (*first > *second) - (*first < *second);
}

/* Whether each of the few is among the many, as often at least. */
static bool contains(struct list *many, struct list *few)
{
	size_t found = 0;

	qsort(many->hashes, many->n, sizeof(uint64_t), compare);
	qsort(few->hashes, few->n, sizeof(uint64_t), compare);
	for (size_t i = 0; i < many->n && found < few->n; i++)
		found += many->hashes[i] == few->hashes[found];
	return found == few->n;
}

/* ---- the run, as main.c has it ---- */

struct run {
	struct options options;
	struct session session;
	struct reader reader;
	struct filter filter;
	struct buffer came, went; /* all that there was */
	bool is_held_back, has_ended;
	int fds[2];
};

static void open_run(struct run *run, const uint8_t *choices)
{
	static const size_t rooms[] = { 1, 1000, 192 * 1024 };
	size_t capacity = ROOM + rooms[choices[8] % COUNT(rooms)];

	memset(run, 0, sizeof(*run));
	choose_options(&run->options, choices);
	run->session = (struct session){ .cli = &run->options.cli,
					 .output = { .capacity = capacity, .queue = malloc(capacity), .fd = -1 } };
	record_init(&run->session.record);
	require(filter_open(&run->filter, &run->options, &run->session) == EXIT_DONE);
	require(!pipe(run->fds) && !reader_open(&run->reader, run->fds[0], "input", &run->filter.rules.names));
	run->reader.passes_bad = run->options.passes_bad;
	if (choices[9] & 0x80)
		run->reader.line_max = 1 + choices[9] % 128;
}

static void close_run(struct run *run)
{
	reader_close(&run->reader);
	filter_close(&run->filter);
	options_clear(&run->options);
	free(run->session.output.queue);
	buffer_clear(&run->came);
	buffer_clear(&run->went);
	close(run->fds[0]);
}

static void take_lines(struct run *run, bool regardless)
{
	struct filter *filter = &run->filter;
	struct record_view record;

	stream_clock_read(&filter->clock, WALL_NS);
	while ((regardless || filter_has_room(filter)) && !session_is_full(&run->session)) {
		if (!reader_next(&run->reader, &record)) {
			run->is_held_back = false;
			run->has_ended = run->reader.state != READER_OPEN;
			return;
		}
		filter_take(filter, &record);
		require(filter->traces.bytes + filter->lone_bytes <= run->options.memory_max);
	}
	run->is_held_back = true;
}

/* The reader of the output takes all there is, and so often that there is no more. */
static void flush(struct run *run)
{
	struct output *output = &run->session.output;

	do {
		buffer_add(&run->went, output->queue + output->start, output->end - output->start);
		output->start = output->end = 0;
		filter_write(&run->filter);
		if (run->is_held_back)
			take_lines(run, false);
		else if (!run->has_ended)
			filter_turn(&run->filter);
		else
			filter_drain(&run->filter, false);
	} while (output->end);
}

static void idle(struct run *run, uint64_t ns)
{
	if (run->is_held_back || run->has_ended)
		return;
	run->filter.clock.seen_ns -= ns;
	filter_idle(&run->filter);
}

static void act(struct run *run, uint8_t action)
{
	switch (action % 8) {
	case 0:
		idle(run, SECOND_NS / 20);
		break;
	case 1:
		idle(run, 10 * SECOND_NS);
		break;
	case 2:
		idle(run, 100000 * SECOND_NS);
		break;
	case 3:
		flush(run);
		break;
	case 4:
		filter_report(&run->filter);
		break;
	case 5:
		if (!run->options.rules_path)
			break;
		run->options.rules_path = rules_paths[action / 8 % COUNT(rules_paths)];
		filter_reload(&run->filter);
		break;
	default:
		sampler_in_force(&run->filter.sampler);
		break;
	}
}

/* Nothing is read before all that has been read is taken, or --count is reached. */
static void fill(struct run *run, const uint8_t *bytes, size_t length)
{
	if (run->is_held_back)
		flush(run);
	if (session_is_full(&run->session) || !length)
		return;
	buffer_add(&run->came, bytes, length);
	require(write(run->fds[1], bytes, length) == (ssize_t)length && reader_fill(&run->reader) == READER_OPEN);
	take_lines(run, false);
}

static void feed(struct run *run, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const uint8_t *stop = memchr(data + at, ACTION, size - at);
		size_t end = stop ? (size_t)(stop - data) : size;

		fill(run, data + at, end - at);
		if (end + 1 < size)
			act(run, data[end + 1]);
		at = end + 2;
	}
}

/* By the end of input, or by SIGTERM. */
static void end_run(struct run *run, bool is_stopped)
{
	close(run->fds[1]);
	if (!is_stopped) {
		flush(run);
		if (!session_is_full(&run->session))
			require(reader_fill(&run->reader) == READER_ENDED);
		take_lines(run, false);
		flush(run);
	}
	take_lines(run, true);
	filter_end_line(&run->filter);
	require(filter_drain(&run->filter, true));
	filter_report(&run->filter);
	buffer_add(&run->went, run->session.output.queue, run->session.output.end);
	run->session.output.end = 0;
}

/* ---- what has come of it ---- */

static void check_threshold(const struct run *run, const struct record_view *record)
{
	const struct options *options = &run->options;
	struct arrival arrival = arrival_read(record);
	struct random random = { 1 };
	struct trace_id id;
	bool has_id = trace_id_read(record, &id);

	require(!arrival.is_unknown);
	if (options->is_by_trace)
		return;
	/* What is drawn reaches it in any case. */
	require(randomness_read(record, has_id ? &id : NULL, options_key(options), &arrival, &random).value >=
		arrival.threshold);
}

static void check_redaction(const struct record_view *record)
{
	struct json_value key, value;
	struct json_walk walk;

	json_walk_open_text(&walk, record->line);
	while (json_walk_member(&walk, &key, &value)) {
		require(!json_key_equals(record->line, &key, "o"));
		if (json_key_equals(record->line, &key, "s.s") || json_key_equals(record->line, &key, "s_s"))
			require(value.type == VALUE_STRING || value.type == VALUE_NULL);
	}
}

static void check_line(void *context, const struct record_view *record)
{
	const struct run *run = context;

	if (!record->values) {
		require(run->options.passes_bad);
		return;
	}
	if (run->options.redact.n)
		check_redaction(record);
	if (run->options.is_dry_run || !options_decide(&run->options) ||
	    record->values[FIELD_TOOL].type != VALUE_ABSENT)
		return;
	/* A line that is too long is passed, whatever it is. */
	if (record->length <= run->reader.line_max)
		check_threshold(run, record);
}

static void check_lines(struct run *run)
{
	static struct list came, went;

	came.n = went.n = 0;
	require(!run->went.failed && !run->came.failed);
	require(!run->went.length || run->went.bytes[run->went.length - 1] == '\n');
	for_lines(&run->went, &run->options.names, check_line, run);
	for_lines(&run->came, &run->options.names, add_line, &came);
	for_lines(&run->went, &run->options.names, add_line, &went);
	require(went.n <= came.n && (run->options.redact.n || contains(&came, &went)));
	if (run->options.cli.count)
		return;
	uint64_t dropped = run->filter.records - run->filter.passed;
	for (const struct tally *tally = run->filter.tallies.first; tally; tally = tally->next)
		dropped -= tally->kept;
	require(went.n == run->filter.records - (run->options.is_dry_run ? 0 : dropped) +
				  (run->options.passes_bad ? run->reader.bad_lines : 0));
}

static void check_counts(const struct run *run)
{
	const struct filter *filter = &run->filter;
	uint64_t records = filter->passed;

	for (const struct tally *tally = filter->tallies.first; tally; tally = tally->next) {
		records += tally->records;
		require(tally->kept <= tally->records && tally->unweighted <= tally->kept);
		require(isfinite(tally->adjusted) && isfinite(tally->adjusted_kept));
	}
	require(!run->session.failed && !filter->lone_bytes && !filter->sampler.batch.n &&
		!filter->sampler.batch.bytes);
	require(!filter->traces.n && !filter->traces.bytes && !filter->leaving.first);
	if (run->options.cli.count)
		require(run->session.written <= run->options.cli.count && records <= filter->records);
	else
		require(records == filter->records && run->reader.lines == records + run->reader.bad_lines);
}

static void require_record(void *context, const struct record_view *record)
{
	(void)context;
	require(record->values);
}

static void check_stats(struct run *run)
{
	struct output *output = &run->session.output;

	filter_write_stats(&run->filter, &run->reader, 0);
	run->went.length = 0;
	buffer_add(&run->went, output->queue, output->end);
	for_lines(&run->went, &run->options.names, require_record, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;

	if (size < CHOICES || size > SIZE_LIMIT)
		return 0;
	diag_init("fuzz", -1);
	if (!rules_paths[0][0])
		write_rules();
	open_run(&run, data);
	feed(&run, data + CHOICES, size - CHOICES);
	end_run(&run, data[8] & 0x80);
	check_counts(&run);
	check_lines(&run);
	check_stats(&run);
	close_run(&run);
	return 0;
}
