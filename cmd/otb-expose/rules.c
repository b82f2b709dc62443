/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/utf8.h"

/* A rule whose names have become numbers. */
struct bound_rule {
	const struct rule *rule;
	int event;
	int value, where;               /* in rules->fields; -1: none */
	int sources[METRIC_LABELS_MAX]; /* the same; -1: a constant */
};

/* ---- the rules that are built in ---- */

enum {
	SEGMENTS,
	RETRANSMITS,
	BYTES,
	FAILURES,
	SYNACK_RETRANSMITS,
	SRTT,
	LOST_RECORDS,
	LOST_SEGMENTS,
	SUPPRESSED_RECORDS,
	SUPPRESSED_SEGMENTS,
	GC_PAUSE,
	STOP,
	STOPS,
	STOPPED,
	GC_CYCLES,
	GC_CYCLE,
	GC_ASSISTS,
	GC_ASSIST_TIME,
	GC_ASSIST,
	GC_LIVE,
	GC_MARKED,
	GC_GOAL,
	GOROUTINES,
	PROCESSORS,
};

/* From the loopback device to a satellite link. */
static const double srtt_seconds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
				       0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5 };

/* From a stop that finds every P idle to a program that hangs. */
static const double pause_seconds[] = { 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
					0.005,   0.01,     0.025,   0.05,   0.1,     0.25,   1 };
static const double cycle_seconds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
					0.05,   0.1,     0.25,   0.5,   1,      2.5,   10 };

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const struct metric_shape builtin_metrics[] = {
	[SEGMENTS] = {
		.name = "otb_tcp_retransmit_segments_total",
		.type = METRIC_COUNTER,
		.help = "TCP segments retransmitted, as the kernel counts them in TcpRetransSegs (SYN-ACKs included).",
		.labels = { "reason", "comm" },
	},
	[RETRANSMITS] = {
		.name = "otb_tcp_retransmits_total",
		.type = METRIC_COUNTER,
		.help = "Attempts to retransmit, each of one or more TCP segments (SYN-ACKs included).",
		.labels = { "reason", "comm" },
	},
	[BYTES] = {
		.name = "otb_tcp_retransmit_bytes_total",
		.type = METRIC_COUNTER,
		.help = "Bytes of payload in retransmitted TCP segments.",
		.labels = { "reason", "comm" },
	},
	[FAILURES] = {
		.name = "otb_tcp_retransmit_failures_total",
		.type = METRIC_COUNTER,
		.help = "Attempts to retransmit that failed in the host (kernels since 6.17 report them).",
		.labels = { "error", "comm" },
	},
	[SYNACK_RETRANSMITS] = {
		.name = "otb_tcp_synack_retransmits_total",
		.type = METRIC_COUNTER,
		.help = "SYN-ACKs retransmitted, by the process that listens.",
		.labels = { "comm" },
	},
	[SRTT] = {
		.name = "otb_tcp_retransmit_srtt_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Smoothed round-trip time of the connection when it retransmitted.",
		.labels = { "reason" },
		.bounds = srtt_seconds,
		.n_bounds = LENGTH(srtt_seconds),
	},
	[LOST_RECORDS] = {
		.name = "otb_lost_records_total",
		.type = METRIC_COUNTER,
		.help = "Records that a tool lost, by the place where it lost them.",
		.labels = { "tool", "where" },
	},
	[LOST_SEGMENTS] = {
		.name = "otb_lost_segments_total",
		.type = METRIC_COUNTER,
		.help = "Retransmitted TCP segments in lost records.",
		.labels = { "tool", "where" },
	},
	[SUPPRESSED_RECORDS] = {
		.name = "otb_suppressed_records_total",
		.type = METRIC_COUNTER,
		.help = "Records that a tool held back as its --max-rate says.",
		.labels = { "tool" },
	},
	[SUPPRESSED_SEGMENTS] = {
		.name = "otb_suppressed_segments_total",
		.type = METRIC_COUNTER,
		.help = "Retransmitted TCP segments in records held back.",
		.labels = { "tool" },
	},
	[GC_PAUSE] = {
		.name = "go_memory_gc_pause_duration_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Stops of the world of a Go program for its garbage collector, as its runtime counts them.",
		.labels = { "reason", "comm" },
		.bounds = pause_seconds,
		.n_bounds = LENGTH(pause_seconds),
	},
	[STOP] = {
		.name = "otb_go_stop_the_world_duration_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Stops of the world of a Go program for anything but its garbage collector.",
		.labels = { "reason", "comm" },
		.bounds = pause_seconds,
		.n_bounds = LENGTH(pause_seconds),
	},
	[STOPS] = {
		.name = "otb_go_stops_the_world_total",
		.type = METRIC_COUNTER,
		.help = "Stops of the world of a Go program, for whatever reason.",
		.labels = { "reason", "comm" },
	},
	[STOPPED] = {
		.name = "otb_go_stopped_the_world_seconds_total",
		.type = METRIC_COUNTER,
		.help = "Time for which a Go program was stopped, for whatever reason.",
		.labels = { "reason", "comm" },
	},
	[GC_CYCLES] = {
		.name = "go_memory_gc_cycles_total",
		.type = METRIC_COUNTER,
		.help = "Completed GC cycles of a Go program.",
		.labels = { "trigger", "comm" },
	},
	[GC_CYCLE] = {
		.name = "otb_go_gc_cycle_duration_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "GC cycles of a Go program, from the first stop of the world to the end of the last.",
		.labels = { "trigger", "comm" },
		.bounds = cycle_seconds,
		.n_bounds = LENGTH(cycle_seconds),
	},
	[GC_ASSISTS] = {
		.name = "otb_go_gc_assists_total",
		.type = METRIC_COUNTER,
		.help = "Times that a goroutine had to help marking before it was given memory.",
		.labels = { "comm" },
	},
	[GC_ASSIST_TIME] = {
		.name = "otb_go_gc_assist_seconds_total",
		.type = METRIC_COUNTER,
		.help = "Time that goroutines spent helping to mark.",
		.labels = { "comm" },
	},
	[GC_ASSIST] = {
		.name = "otb_go_gc_assist_duration_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Assists one by one (otb-gcpause --assists).",
		.labels = { "comm" },
		.bounds = pause_seconds,
		.n_bounds = LENGTH(pause_seconds),
	},
	[GC_LIVE] = {
		.name = "otb_go_gc_heap_live_bytes",
		.type = METRIC_GAUGE,
		.help = "Heap of a Go program when its last GC cycle began.",
		.labels = { "comm", "pid" },
	},
	[GC_MARKED] = {
		.name = "otb_go_gc_heap_marked_bytes",
		.type = METRIC_GAUGE,
		.help = "Heap of a Go program that its last GC cycle found in use.",
		.labels = { "comm", "pid" },
	},
	[GC_GOAL] = {
		.name = "go_memory_gc_goal_bytes",
		.type = METRIC_GAUGE,
		.help = "Heap size target for the end of the last GC cycle of a Go program.",
		.labels = { "comm", "pid" },
	},
	[GOROUTINES] = {
		.name = "go_goroutine_count",
		.type = METRIC_GAUGE,
		.help = "Goroutines of a Go program at the end of its last GC cycle.",
		.labels = { "comm", "pid" },
	},
	[PROCESSORS] = {
		.name = "go_processor_limit",
		.type = METRIC_GAUGE,
		.help = "GOMAXPROCS of a Go program in its last GC cycle.",
		.labels = { "comm", "pid" },
	},
};

/* A summary stands for the single events it adds up, which its tool then does not write. It knows the reasons of the
 * attempts, but those of the segments and bytes only when it is made by reason: else that label stays empty. */
#define SUMMARY "tcp_retransmit_summary"

const struct rule builtin_rules[] = {
	{ .event = "tcp_retransmit", .metric = SEGMENTS, .value = "segments" },
	{ .event = "tcp_retransmit", .metric = RETRANSMITS },
	{ .event = "tcp_retransmit", .metric = BYTES, .value = "bytes" },
	{ .event = "tcp_retransmit", .metric = FAILURES, .where = "error" },
	{ .event = "tcp_retransmit", .metric = SRTT, .value = "srtt_us", .scale = 1e-6 },
	{ .event = "tcp_synack_retransmit", .metric = SEGMENTS, .value = "segments" },
	{ .event = "tcp_synack_retransmit", .metric = RETRANSMITS },
	{ .event = "tcp_synack_retransmit", .metric = BYTES, .value = "bytes" },
	{ .event = "tcp_synack_retransmit", .metric = FAILURES, .where = "error" },
	{ .event = "tcp_synack_retransmit", .metric = SYNACK_RETRANSMITS },
	{ .event = SUMMARY, .metric = SEGMENTS, .value = "segments" },
	{ .event = SUMMARY, .metric = BYTES, .value = "bytes" },
	{ .event = SUMMARY, .metric = RETRANSMITS, .value = "retransmits_syn", .sources = { "=syn", "comm" } },
	{ .event = SUMMARY, .metric = RETRANSMITS, .value = "retransmits_rto", .sources = { "=rto", "comm" } },
	{ .event = SUMMARY,
	  .metric = RETRANSMITS,
	  .value = "retransmits_loss_recovery",
	  .sources = { "=loss_recovery", "comm" } },
	{ .event = SUMMARY, .metric = RETRANSMITS, .value = "retransmits_fast", .sources = { "=fast", "comm" } },
	{ .event = SUMMARY, .metric = RETRANSMITS, .value = "retransmits_tlp", .sources = { "=tlp", "comm" } },
	{ .event = SUMMARY, .metric = RETRANSMITS, .value = "retransmits_other", .sources = { "=other", "comm" } },
	{ .event = "gc_pause",
	  .metric = GC_PAUSE,
	  .value = "duration_ns",
	  .scale = 1e-9,
	  .where = "reason",
	  .prefix = "gc_" },
	{ .event = "gc_pause",
	  .metric = STOP,
	  .value = "duration_ns",
	  .scale = 1e-9,
	  .where = "reason",
	  .prefix = "gc_",
	  .without_prefix = true },
	{ .event = "gc_pause", .metric = STOPS },
	{ .event = "gc_pause", .metric = STOPPED, .value = "duration_ns", .scale = 1e-9 },
	{ .event = "gc_pause_summary", .metric = STOPS, .value = "count" },
	{ .event = "gc_pause_summary", .metric = STOPPED, .value = "total_ns", .scale = 1e-9 },
	{ .event = "gc_cycle", .metric = GC_CYCLES },
	{ .event = "gc_cycle", .metric = GC_CYCLE, .value = "duration_ns", .scale = 1e-9 },
	{ .event = "gc_cycle", .metric = GC_ASSISTS, .value = "assists" },
	{ .event = "gc_cycle", .metric = GC_ASSIST_TIME, .value = "assist_ns", .scale = 1e-9 },
	{ .event = "gc_cycle", .metric = GC_LIVE, .value = "heap_live_bytes" },
	{ .event = "gc_cycle", .metric = GC_MARKED, .value = "heap_marked_bytes" },
	{ .event = "gc_cycle", .metric = GC_GOAL, .value = "heap_goal_bytes" },
	{ .event = "gc_cycle", .metric = GOROUTINES, .value = "goroutines" },
	{ .event = "gc_cycle", .metric = PROCESSORS, .value = "gomaxprocs" },
	{ .event = "gc_assist", .metric = GC_ASSIST, .value = "duration_ns", .scale = 1e-9 },
	{ .event = "lost", .metric = LOST_RECORDS, .value = "count" },
	{ .event = "lost", .metric = LOST_SEGMENTS, .value = "segments" },
	{ .event = "suppressed", .metric = SUPPRESSED_RECORDS, .value = "count" },
	{ .event = "suppressed", .metric = SUPPRESSED_SEGMENTS, .value = "segments" },
};

const unsigned int n_builtin_metrics = LENGTH(builtin_metrics);
const unsigned int n_builtin_rules = LENGTH(builtin_rules);

/* ---- binding ---- */

static bool bind_name(struct json_names *names, const char *name, int *number)
{
	*number = name ? json_names_add(names, name) : -1;
	return !name || *number >= 0;
}

static bool bind_rule(struct rules *rules, const struct rule *rule, struct bound_rule *bound)
{
	const struct metric *metric = &rules->metrics[rule->metric];
	bool fits = bind_name(&rules->events, rule->event, &bound->event) &&
		    bind_name(&rules->fields, rule->value, &bound->value) &&
		    bind_name(&rules->fields, rule->where, &bound->where);

	bound->rule = rule;
	for (unsigned int i = 0; fits && i < metric->n_labels; i++) {
		const char *source = rule->sources[0] ? rule->sources[i] : metric->shape->labels[i];

		fits = bind_name(&rules->fields, source[0] == '=' ? NULL : source, &bound->sources[i]);
	}
	return fits;
}

/* In the order of the events, and of one event in that of the list: the array holds them in that order already. */
static int compare_events(const void *a, const void *b)
{
	const struct bound_rule *left = a, *right = b;

	if (left->event != right->event)
		return left->event < right->event ? -1 : 1;
	return left->rule < right->rule ? -1 : left->rule > right->rule;
}

int rules_open(struct rules *rules, const struct metric_shape *shapes, unsigned int n_shapes, const struct rule *list,
	       unsigned int n_rules)
{
	memset(rules, 0, sizeof(*rules));
	json_names_init(&rules->fields);
	json_names_init(&rules->events);
	json_names_add(&rules->fields, "event"); /* is number 0 */
	rules->metrics = calloc(n_shapes, sizeof(*rules->metrics));
	rules->bound = calloc(n_rules, sizeof(*rules->bound));
	if (!rules->metrics || !rules->bound)
		return -ENOMEM;
	for (; rules->n_metrics < n_shapes; rules->n_metrics++)
		if (metric_open(&rules->metrics[rules->n_metrics], &shapes[rules->n_metrics], METRIC_SERIES_MAX))
			return -ENOMEM;
	for (; rules->n_bound < n_rules; rules->n_bound++)
		if (!bind_rule(rules, &list[rules->n_bound], &rules->bound[rules->n_bound]))
			return -E2BIG;
	qsort(rules->bound, rules->n_bound, sizeof(*rules->bound), compare_events);
	return 0;
}

void rules_close(struct rules *rules)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		metric_close(&rules->metrics[i]);
	free(rules->metrics);
	free(rules->bound);
}

/* ---- counting ---- */

struct label_space {
	char bytes[METRIC_LABELS_MAX][RULE_LABEL_MAX];
};

/* A label value: of a string its text, of a number or anything else how it is written. */
static struct label_text read_label(const struct record_view *record, int field, char space[RULE_LABEL_MAX])
{
	const struct json_value *value = &record->values[field];
	const char *text = record->line + value->start;

	if (value->type == VALUE_ABSENT || value->type == VALUE_NULL)
		return (struct label_text){ "", 0 };
	size_t length = value->length <= RULE_LABEL_MAX ? value->length : utf8_cut(text, RULE_LABEL_MAX);
	if (!value->escaped)
		return (struct label_text){ text, length };
	length = json_decode(text, value->length, space, RULE_LABEL_MAX);
	/* \u0000 is legal in JSON, and the end of the page to some of its readers. */
	for (char *nul; (nul = memchr(space, '\0', length)) != NULL;)
		*nul = '?';
	return (struct label_text){ space, length };
}

static struct label_text read_source(const struct record_view *record, const struct bound_rule *bound, unsigned int i,
				     struct label_space *space)
{
	if (bound->sources[i] >= 0)
		return read_label(record, bound->sources[i], space->bytes[i]);
	const char *constant = bound->rule->sources[i] + 1;
	return (struct label_text){ constant, strlen(constant) };
}

/* Whether a rule is for this record. */
static bool record_fits(const struct record_view *record, const struct bound_rule *bound)
{
	const char *prefix = bound->rule->prefix;
	const struct json_value *value;

	if (bound->where < 0)
		return true;
	value = &record->values[bound->where];
	if (value->type == VALUE_ABSENT || !prefix)
		return value->type != VALUE_ABSENT;
	return bound->rule->without_prefix !=
	       (value->length >= strlen(prefix) && !memcmp(record->line + value->start, prefix, strlen(prefix)));
}

/* What the record counts for; false: nothing. */
static bool read_amount(struct rules *rules, const struct record_view *record, const struct bound_rule *bound,
			double *amount)
{
	enum metric_type type = rules->metrics[bound->rule->metric].shape->type;

	*amount = 1;
	if (!record_fits(record, bound))
		return false;
	if (bound->value < 0)
		return true;
	if (record->values[bound->value].type == VALUE_ABSENT)
		return false;
	if (!json_read_double(record->line, &record->values[bound->value], amount) ||
	    (type == METRIC_COUNTER && *amount < 0)) {
		rules->bad_values++;
		return false;
	}
	if (bound->rule->scale != 0)
		*amount *= bound->rule->scale;
	/* A summary names every reason there is: those that did not occur need no series. */
	return type != METRIC_COUNTER || *amount > 0;
}

static void apply_rule(struct rules *rules, const struct record_view *record, const struct bound_rule *bound)
{
	struct metric *metric = &rules->metrics[bound->rule->metric];
	struct label_text labels[METRIC_LABELS_MAX];
	struct label_space space;
	double amount;

	if (!read_amount(rules, record, bound, &amount))
		return;
	for (unsigned int i = 0; i < metric->n_labels; i++)
		labels[i] = read_source(record, bound, i, &space);
	struct series *series = metric_get(metric, labels);
	switch (metric->shape->type) {
	case METRIC_COUNTER:
		series_add(series, amount);
		break;
	case METRIC_GAUGE:
		series_set(series, amount);
		break;
	case METRIC_HISTOGRAM:
		metric_observe(metric, series, amount, 1);
		break;
	}
}

/* The number of the record's event in rules->events, or -1. */
static int find_event(const struct rules *rules, const struct record_view *record)
{
	char decoded[JSON_NAME_LENGTH_MAX + 4 + JSON_PADDING] = { 0 };
	const struct json_value *value = &record->values[0];

	if (value->type != VALUE_STRING)
		return -1;
	if (!value->escaped)
		return json_names_find(&rules->events, record->line + value->start, value->length);
	size_t length = json_decode(record->line + value->start, value->length, decoded, JSON_NAME_LENGTH_MAX + 4);
	return json_names_find(&rules->events, decoded, length);
}

void rules_apply(struct rules *rules, const struct record_view *record)
{
	int event = find_event(rules, record);
	unsigned int i = 0;

	if (event < 0) {
		rules->ignored++;
		return;
	}
	while (rules->bound[i].event != event)
		i++;
	for (; i < rules->n_bound && rules->bound[i].event == event; i++)
		apply_rule(rules, record, &rules->bound[i]);
}

void rules_expose(const struct rules *rules, struct page *page, const struct constant_label *constants,
		  unsigned int n_constants)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		page_add_metric(page, &rules->metrics[i], constants, n_constants);
}
