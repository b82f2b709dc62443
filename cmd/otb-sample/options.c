/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"
#include "common/cli/parse.h"

enum {
	OPTION_RATIO = 0x2000,
	OPTION_ONE_IN,
	OPTION_RATE,
	OPTION_TOKEN_BUCKET,
	OPTION_ADAPTIVE,
	OPTION_ADAPTIVE_SIGNAL,
	OPTION_SIGNAL_MIN,
	OPTION_SIGNAL_ERRORS,
	OPTION_SIGNAL_LATENCY,
	OPTION_SIGNAL_BASELINE,
	OPTION_SIGNAL_ERROR,
	OPTION_SIGNAL_FIELD,
	OPTION_FIRST,
	OPTION_PER,
	OPTION_EVERY,
	OPTION_TICK,
	OPTION_KEY,
	OPTION_KEYS,
	OPTION_MODE,
	OPTION_KEEP,
	OPTION_DROP,
	OPTION_RULE,
	OPTION_EXPLAIN,
	OPTION_DRY_RUN,
	OPTION_PASS_BAD,
	OPTION_TRACE,
	OPTION_LINGER,
	OPTION_WAIT,
	OPTION_MAX_MEMORY,
	OPTION_DECISIONS,
	OPTION_CONTROL,
	OPTION_REDACT,
	OPTION_REDACT_KEY,
	OPTION_SEED,
};

#define DEFAULT_ERROR "error_type exists or http_response_status_code >= 500"
#define DEFAULT_LATENCY "duration_ns"

static const uint64_t SECOND_NS = 1000000000;

static const char documentation[] =
	"Keep some of the records on stdin, as they are, and say in each how many it stands for."
	"\v"
	"Examples:\n"
	"  otb-sample --ratio 0.01                     one in a hundred\n"
	"  otb-sample --keep 'http_response_status_code >= 500' --ratio 0.01\n"
	"  otb-sample --drop 'url_path == \"/healthz\"'  all but those\n"
	"  otb-sample --rate 100/s                     at most so many, weighted\n"
	"  otb-sample --trace --keep 'error_type exists' --ratio 0.01\n"
	"\n"
	"Full documentation: man otb-sample";

static const struct argp_option option_table[] = {
	/* Sorted by name in each group, so that each text has to stand by itself. */
	{ NULL, 0, NULL, 0, "How many (of what no rule decides):", 1 },
	{ "ratio", OPTION_RATIO, "R", 0, "Keep each with probability R, from 0 to 1", 1 },
	{ "one-in", OPTION_ONE_IN, "N", 0, "Keep one in N, each with probability 1/N", 1 },
	{ "rate", OPTION_RATE, "N/s", 0, "Keep at most N a second (or N/m, N/h), chosen when each --tick is over", 1 },
	{ "token-bucket", OPTION_TOKEN_BUCKET, NULL, 0,
	  "With --rate: keep the first, at once; what they stand for is not known then", 1 },
	{ "adaptive", OPTION_ADAPTIVE, "N/s", 0, "Keep some N a second of each --key", 1 },
	{ "adaptive-signal", OPTION_ADAPTIVE_SIGNAL, "WHAT", 0,
	  "Raise --ratio while there are many errors, or a latency is high: errors, latency or errors,latency", 1 },
	{ "first", OPTION_FIRST, "N", 0, "Keep the first N of each value of --per in each --every", 1 },
	{ "per", OPTION_PER, "FIELD", 0, "With --first: the field whose values are told apart", 1 },
	{ "every", OPTION_EVERY, "TIME", 0, "With --first: the time in which the first N are kept", 1 },
	{ "key", OPTION_KEY, "FIELD", 0,
	  "Keep or drop alike what is alike in FIELD and has no trace; with --adaptive: what is counted apart, "
	  "several times for several fields",
	  1 },
	{ "mode", OPTION_MODE, "MODE", 0,
	  "Of records sampled before keep a share of those that arrive (proportional, the default) or of those there "
	  "once were (equalizing)",
	  1 },
	{ "tick", OPTION_TICK, "TIME", 0, "For how long is counted before something follows (1s)", 1 },
	{ "keys", OPTION_KEYS, "N", 0, "Tell at most N values of --key or --per apart (1000); the rest is one", 1 },
	{ NULL, 0, NULL, 0, "Which (the first rule that matches decides):", 10 },
	{ "keep", OPTION_KEEP, "CONDITION", 0, "Keep the records of which CONDITION holds", 10 },
	{ "drop", OPTION_DROP, "CONDITION", 0, "Drop the records of which CONDITION holds", 10 },
	{ "rule", OPTION_RULE, "RULE", 0, "NAME: CONDITION -> keep, drop, a share or 1/N", 10 },
	{ "rules", 'r', "FILE", 0, "Rules from a JSON file, read again on SIGHUP and when it changes", 10 },
	{ "explain", OPTION_EXPLAIN, NULL, 0, "Say in each record kept which rule kept it", 10 },
	{ "dry-run", OPTION_DRY_RUN, NULL, 0, "Drop nothing, but say in each record what would become of it", 10 },
	{ "pass-bad", OPTION_PASS_BAD, NULL, 0, "Pass lines that are no records, instead of skipping them", 10 },
	{ NULL, 0, NULL, 0, "Traces:", 20 },
	{ "trace", OPTION_TRACE, NULL, 0, "Decide about all records of a trace together", 20 },
	{ "linger", OPTION_LINGER, "TIME", 0, "Decide about a trace TIME after its root has come (2s)", 20 },
	{ "wait", OPTION_WAIT, "TIME", 0, "Decide TIME after its first record at the latest (30s)", 20 },
	{ "max-memory", OPTION_MAX_MEMORY, "SIZE", 0, "Decide earlier where what waits would take more (256M)", 20 },
	{ "decisions", OPTION_DECISIONS, "N", 0, "Remember up to N decisions for records that come late (32768)", 20 },
	{ NULL, 0, NULL, 0, "Parameters of --adaptive-signal:", 30 },
	{ "signal-min", OPTION_SIGNAL_MIN, "R", 0, "The share never falls below R (0)", 30 },
	{ "signal-errors", OPTION_SIGNAL_ERRORS, "A", 0, "How much the share of errors weighs (10)", 30 },
	{ "signal-latency", OPTION_SIGNAL_LATENCY, "B", 0, "How much the latency weighs (1)", 30 },
	{ "signal-baseline", OPTION_SIGNAL_BASELINE, "TIME", 0, "The usual 95th percentile of the latency (learnt)",
	  30 },
	{ "signal-error", OPTION_SIGNAL_ERROR, "CONDITION", 0, "Which records are errors (" DEFAULT_ERROR ")", 30 },
	{ "signal-field", OPTION_SIGNAL_FIELD, "FIELD", 0, "Where the latency is (" DEFAULT_LATENCY ")", 30 },
	{ NULL, 0, NULL, 0, "What else:", 40 },
	{ "redact", OPTION_REDACT, "FIELD:HOW", 0,
	  "Make FIELD unreadable before anything else: mask, mask:PREFIX:SUFFIX, hash or omit", 40 },
	{ "redact-key-file", OPTION_REDACT_KEY, "FILE", 0, "The key of FIELD:hash", 40 },
	{ "control", OPTION_CONTROL, "PATH", 0, "Write the threshold in force to the BPF map of otb-trace --control",
	  40 },
	{ "seed", OPTION_SEED, "N", 0, "Draw the same random numbers in every run", 40 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

/* Fields of the stats record: no --label may be called so. */
static const char *const names[] = {
	"duration_ns", "lines",     "records",    "kept",           "dropped",
	"passed",      "bad_lines", "unweighted", "adjusted_count", "adjusted_count_kept",
	"redacted",    "late",      "evicted",    "reloads",        "rule",
	NULL,
};

/* What was given, as far as what follows from it shows only at the end. */
static struct {
	bool proportional, token_bucket, tick, keys, signal, trace, memory;
	const char *signal_option; /* its name; NULL: none */
	const char *signal_error, *signal_field;
} given;

/* ---- values ---- */

/* "100/s", "6000/m", "10/h". */
static bool parse_rate(const char *text, double *per_second)
{
	static const struct {
		char unit;
		double seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	const char *slash = strchr(text, '/');
	char number[32];

	if (!slash || (size_t)(slash - text) >= sizeof(number) || !slash[1] || slash[2])
		return false;
	memcpy(number, text, (size_t)(slash - text));
	number[slash - text] = '\0';
	if (!parse_fraction(number, 1e12, per_second) || !(*per_second > 0))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != slash[1])
			continue;
		*per_second /= units[i].seconds;
		return true;
	}
	return false;
}

static void set_kind(struct options *options, enum sampler_kind kind, struct argp_state *state)
{
	if (options->sampler.kind != SAMPLER_NONE)
		argp_error(state, "only one of --ratio, --one-in, --rate and --adaptive can be given");
	options->sampler.kind = kind;
}

static void set_rate(struct options *options, enum sampler_kind kind, const char *option, const char *arg,
		     struct argp_state *state)
{
	set_kind(options, kind, state);
	if (!parse_rate(arg, &options->sampler.per_second))
		cli_refuse(state, option, arg, "a rate, as 100/s, 6000/m or 10/h");
}

static void set_ratio(struct options *options, const char *arg, struct argp_state *state)
{
	double *ratio = &options->sampler.ratio;

	set_kind(options, SAMPLER_RATIO, state);
	if (!parse_fraction(arg, 1, ratio))
		cli_refuse(state, "ratio", arg, "a number from 0 to 1, as 0.01");
	/* There is no smaller probability, and to keep nothing has to be meant. */
	if (*ratio > 0 && *ratio < 0x1p-56)
		cli_refuse(state, "ratio", arg, "0, or a number from 1.4e-17 to 1");
}

static void set_one_in(struct options *options, const char *arg, struct argp_state *state)
{
	uint64_t n;

	set_kind(options, SAMPLER_RATIO, state);
	if (!parse_uint(arg, 1, UINT64_C(1) << 53, &n))
		cli_refuse(state, "one-in", arg, "a number from 1 on");
	options->sampler.ratio = 1 / (double)n;
}

static void add_rule(struct options *options, enum rule_form form, const char *arg, struct argp_state *state)
{
	if (options->n_rules == OPTIONS_RULES_MAX)
		argp_error(state, "more than %d of --keep, --drop and --rule; a file for --rules takes more",
			   OPTIONS_RULES_MAX);
	options->rules[options->n_rules++] = (struct rule_text){ form, arg };
}

static void bind_field(struct options *options, struct field *field, const char *option, const char *arg,
		       struct argp_state *state)
{
	char *name = *arg ? strdup(arg) : NULL;

	if (!name || field_bind(field, name, &options->names))
		cli_refuse(state, option, arg, "the name of a field");
}

static void add_key(struct options *options, const char *arg, struct argp_state *state)
{
	if (options->sampler.n_keys == KEY_FIELDS_MAX)
		argp_error(state, "--key: more than %d", KEY_FIELDS_MAX);
	bind_field(options, &options->sampler.keys[options->sampler.n_keys++], "key", arg, state);
}

static void add_redaction(struct options *options, const char *arg, struct argp_state *state)
{
	const char *wrong = redact_parse(&options->redact, arg);

	if (wrong)
		cli_refuse(state, "redact", arg, wrong);
}

static void set_mode(struct options *options, const char *arg, struct argp_state *state)
{
	given.proportional = !strcmp(arg, "proportional");
	if (!given.proportional && strcmp(arg, "equalizing") != 0)
		cli_refuse(state, "mode", arg, "proportional or equalizing");
	options->mode = given.proportional ? MODE_PROPORTIONAL : MODE_EQUALIZING;
}

static void set_signals(struct options *options, const char *arg, struct argp_state *state)
{
	struct signal_options *signal = &options->sampler.signal;
	const char *comma = strchr(arg, ',');

	given.signal = true;
	signal->errors = !strcmp(arg, "errors") || !strcmp(arg, "errors,latency") || !strcmp(arg, "latency,errors");
	signal->latency = !strcmp(arg, "latency") || (comma && signal->errors);
	if (!signal->errors && !signal->latency)
		cli_refuse(state, "adaptive-signal", arg, "errors, latency, or both with a comma between");
}

/* ---- what goes together ---- */

static void check_sampler(struct options *options, struct argp_state *state)
{
	struct sampler_options *sampler = &options->sampler;
	bool has_first = sampler->first_n || sampler->first_every_ns || sampler->first_per.name;

	if (given.token_bucket && sampler->kind != SAMPLER_RATE)
		argp_error(state, "--token-bucket needs --rate");
	if (has_first && (!sampler->first_n || !sampler->first_every_ns || !sampler->first_per.name))
		argp_error(state, "--first, --per and --every: each needs the others");
	if (given.signal && sampler->kind != SAMPLER_RATIO)
		argp_error(state, "--adaptive-signal needs --ratio, which it raises");
	if (given.signal_option && !given.signal)
		argp_error(state, "--%s needs --adaptive-signal", given.signal_option);
	if (sampler->n_keys > 1 && sampler->kind != SAMPLER_ADAPTIVE)
		argp_error(state, "--key can be given several times only with --adaptive");
	if (given.keys && sampler->kind != SAMPLER_ADAPTIVE && !has_first)
		argp_error(state, "--keys needs --adaptive or --first");
	if (given.token_bucket)
		sampler->kind = SAMPLER_TOKENS;
	if (given.signal)
		sampler->kind = SAMPLER_SIGNAL;
	if (given.tick && (sampler->kind == SAMPLER_NONE || (sampler->kind == SAMPLER_RATIO && !options->control_path)))
		argp_error(state, "--tick needs --rate, --adaptive, --adaptive-signal or --control");
}

static void check_control(struct options *options, struct argp_state *state)
{
	enum sampler_kind kind = options->sampler.kind;

	if (!options->control_path)
		return;
	if (kind == SAMPLER_NONE || kind == SAMPLER_TOKENS)
		argp_error(state, "--control needs a share to tell: --ratio, --one-in, --rate or --adaptive");
	if (given.proportional)
		argp_error(state, "--control and --mode proportional: what is sampled already would be again");
	if (options->is_dry_run)
		argp_error(state, "--control and --dry-run: a dry run changes nothing");
	options->mode = MODE_EQUALIZING;
	options->sampler.is_controlling = true;
}

static void check_together(struct options *options, struct argp_state *state)
{
	check_sampler(options, state);
	check_control(options, state);
	if (given.memory && !options->is_by_trace && options->sampler.kind != SAMPLER_RATE)
		argp_error(state, "--max-memory needs --trace or --rate: nothing else waits");
	if (given.trace && !options->is_by_trace)
		argp_error(state, "--linger, --wait and --decisions need --trace");
	if (redact_needs_key(&options->redact) && !options->redact_key_path)
		argp_error(state, "--redact: a hash needs --redact-key-file");
	if (options->redact_key_path && !redact_needs_key(&options->redact))
		argp_error(state, "--redact-key-file needs a --redact FIELD:hash");
	/* What cannot be read cannot be redacted either. */
	if (options->redact.n && options->passes_bad)
		argp_error(state, "--redact and --pass-bad: what is no record cannot be redacted");
	if (!options_decide(options) && !options->redact.n)
		argp_error(state, "nothing to do: --ratio, --rate, --keep, --drop or the like say what to keep");
}

/* ---- signals ---- */

static void set_signal_error(struct options *options)
{
	const char *text = given.signal_error ? given.signal_error : DEFAULT_ERROR;
	struct lexer lexer;

	lexer_open(&lexer, text);
	options->signal_error = condition_parse(&lexer, &options->names);
	if (options->signal_error && lexer.type != TOKEN_END)
		lexer_fail(&lexer, "expected the end, 'and' or 'or'");
	if (!lexer_failed(&lexer))
		return;
	diag_print(DIAG_ERROR, "--signal-error '%s': column %zu: %s", text, lexer.column, lexer.error);
	exit(EXIT_USAGE);
}

static void set_signal(struct options *options, struct argp_state *state)
{
	struct signal_options *signal = &options->sampler.signal;

	if (!given.signal)
		return;
	signal->base = options->sampler.ratio;
	signal->tick_ns = options->sampler.tick_ns;
	set_signal_error(options);
	bind_field(options, &options->signal_field, "signal-field",
		   given.signal_field ? given.signal_field : DEFAULT_LATENCY, state);
	if (!field_unit(options->signal_field.name, &signal->field_power))
		cli_refuse(state, "signal-field", options->signal_field.name,
			   "a field with its unit in its name (_ns, _us, _ms, _s, _seconds)");
	signal->error = options->signal_error;
	signal->field = &options->signal_field;
}

/* ---- options ---- */

static const char *name_of(int key)
{
	const struct argp_option *option = option_table;

	while (option->key != key)
		option++;
	return option->name;
}

static error_t parse_signal(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct signal_options *signal = &options->sampler.signal;

	if (key >= OPTION_SIGNAL_MIN && key <= OPTION_SIGNAL_FIELD)
		given.signal_option = name_of(key);
	switch (key) {
	case OPTION_SIGNAL_MIN:
		if (!parse_fraction(arg, 1, &signal->min))
			cli_refuse(state, "signal-min", arg, "a number from 0 to 1");
		return 0;
	case OPTION_SIGNAL_ERRORS:
		if (!parse_fraction(arg, 1e9, &signal->error_weight))
			cli_refuse(state, "signal-errors", arg, "a number from 0 on");
		return 0;
	case OPTION_SIGNAL_LATENCY:
		if (!parse_fraction(arg, 1e9, &signal->latency_weight))
			cli_refuse(state, "signal-latency", arg, "a number from 0 on");
		return 0;
	case OPTION_SIGNAL_BASELINE:
		if (!parse_duration(arg, &signal->baseline_ns))
			cli_refuse(state, "signal-baseline", arg, "a time, as 100ms");
		return 0;
	case OPTION_SIGNAL_ERROR:
		given.signal_error = arg;
		return 0;
	case OPTION_SIGNAL_FIELD:
		given.signal_field = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Where in the options a value goes. */
static void *place_of(struct options *options, size_t offset)
{
	return (char *)options + offset;
}

static error_t parse_number(int key, char *arg, struct argp_state *state)
{
	static const struct {
		int key;
		const char *name;
		uint64_t min, max;
		const char *expected;
		size_t offset; /* of a uint64_t */
	} numbers[] = {
		{ OPTION_FIRST, "first", 1, UINT64_C(1) << 53, "a number from 1 on",
		  offsetof(struct options, sampler.first_n) },
		{ OPTION_KEYS, "keys", 1, 1000000, "a number from 1 to 1000000",
		  offsetof(struct options, sampler.keys_max) },
		{ OPTION_DECISIONS, "decisions", 0, 100000000, "a number from 0 to 100000000",
		  offsetof(struct options, decisions_max) },
		{ OPTION_SEED, "seed", 1, UINT64_MAX, "a number from 1 on", offsetof(struct options, seed) },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].key != key)
			continue;
		if (!parse_uint(arg, numbers[i].min, numbers[i].max, place_of(state->input, numbers[i].offset)))
			cli_refuse(state, numbers[i].name, arg, numbers[i].expected);
		given.keys |= key == OPTION_KEYS;
		given.trace |= key == OPTION_DECISIONS;
		return 0;
	}
	return parse_signal(key, arg, state);
}

static error_t parse_time(int key, char *arg, struct argp_state *state)
{
	static const struct {
		int key;
		const char *name;
		size_t offset; /* of a uint64_t */
	} times[] = {
		{ OPTION_EVERY, "every", offsetof(struct options, sampler.first_every_ns) },
		{ OPTION_TICK, "tick", offsetof(struct options, sampler.tick_ns) },
		{ OPTION_LINGER, "linger", offsetof(struct options, linger_ns) },
		{ OPTION_WAIT, "wait", offsetof(struct options, wait_ns) },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i].key != key)
			continue;
		if (!parse_duration(arg, place_of(state->input, times[i].offset)))
			cli_refuse(state, times[i].name, arg, "a time, as 2s");
		given.tick |= key == OPTION_TICK;
		given.trace |= key == OPTION_LINGER || key == OPTION_WAIT;
		return 0;
	}
	return parse_number(key, arg, state);
}

static error_t parse_path(int key, char *arg, struct argp_state *state)
{
	static const struct {
		int key;
		const char *name;
		size_t offset; /* of a const char * */
	} paths[] = {
		{ 'r', "rules", offsetof(struct options, rules_path) },
		{ OPTION_CONTROL, "control", offsetof(struct options, control_path) },
		{ OPTION_REDACT_KEY, "redact-key-file", offsetof(struct options, redact_key_path) },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i].key != key)
			continue;
		if (!*arg)
			cli_refuse(state, paths[i].name, arg, "a path");
		*(const char **)place_of(state->input, paths[i].offset) = arg;
		return 0;
	}
	return parse_time(key, arg, state);
}

static error_t parse_switch(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_TOKEN_BUCKET:
		given.token_bucket = true;
		return 0;
	case OPTION_EXPLAIN:
		options->explains = true;
		return 0;
	case OPTION_DRY_RUN:
		options->is_dry_run = true;
		return 0;
	case OPTION_PASS_BAD:
		options->passes_bad = true;
		return 0;
	case OPTION_TRACE:
		options->is_by_trace = true;
		return 0;
	}
	return parse_path(key, arg, state);
}

static error_t parse_which(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_KEEP:
		add_rule(options, RULE_KEEP, arg, state);
		return 0;
	case OPTION_DROP:
		add_rule(options, RULE_DROP, arg, state);
		return 0;
	case OPTION_RULE:
		add_rule(options, RULE_WHOLE, arg, state);
		return 0;
	case OPTION_REDACT:
		add_redaction(options, arg, state);
		return 0;
	case ARGP_KEY_ARG:
		/* --redact 'a:mask' 'b:hash' */
		if (!options->redact.n)
			cli_refuse_argument(state, arg);
		add_redaction(options, arg, state);
		return 0;
	}
	return parse_switch(key, arg, state);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_RATIO:
		set_ratio(options, arg, state);
		return 0;
	case OPTION_ONE_IN:
		set_one_in(options, arg, state);
		return 0;
	case OPTION_RATE:
		set_rate(options, SAMPLER_RATE, "rate", arg, state);
		return 0;
	case OPTION_ADAPTIVE:
		set_rate(options, SAMPLER_ADAPTIVE, "adaptive", arg, state);
		return 0;
	case OPTION_ADAPTIVE_SIGNAL:
		set_signals(options, arg, state);
		return 0;
	case OPTION_PER:
		bind_field(options, &options->sampler.first_per, "per", arg, state);
		return 0;
	case OPTION_KEY:
		add_key(options, arg, state);
		return 0;
	case OPTION_MODE:
		set_mode(options, arg, state);
		return 0;
	case OPTION_MAX_MEMORY:
		given.memory = true;
		if (!parse_size(arg, &options->memory_max))
			cli_refuse(state, "max-memory", arg, "a size, as 256M");
		return 0;
	case ARGP_KEY_END:
		check_together(options, state);
		set_signal(options, state);
		return 0;
	}
	return parse_which(key, arg, state);
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp own = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){ .cli = { .program = "otb-sample", .names = names },
				     .sampler = { .tick_ns = SECOND_NS,
						  .keys_max = 1000,
						  .signal = { .error_weight = 10, .latency_weight = 1 } },
				     .linger_ns = 2 * SECOND_NS,
				     .wait_ns = 30 * SECOND_NS,
				     .memory_max = UINT64_C(256) << 20,
				     .decisions_max = 32768 };
	fields_open(&options->names);
	cli_parse(&options->cli, &own, options, argc, argv);
}

void options_clear(struct options *options)
{
	for (unsigned int i = 0; i < options->sampler.n_keys; i++)
		field_clear(&options->sampler.keys[i]);
	field_clear(&options->sampler.first_per);
	field_clear(&options->signal_field);
	condition_free(options->signal_error);
	redact_close(&options->redact);
}

bool options_decide(const struct options *options)
{
	return options->sampler.kind != SAMPLER_NONE || options->sampler.first_n || options->n_rules ||
	       options->rules_path;
}

const struct field *options_key(const struct options *options)
{
	const struct sampler_options *sampler = &options->sampler;

	return sampler->n_keys && sampler->kind != SAMPLER_ADAPTIVE ? &sampler->keys[0] : NULL;
}
