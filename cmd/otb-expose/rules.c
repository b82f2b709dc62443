/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/cli.h"
#include "common/cli/diag.h"
#include "common/record/threshold.h"
#include "common/record/utf8.h"
#include "common/rule/rules_file.h"

enum { ANY_EVENT = -1 };

/* A rule whose names have become numbers. */
struct bound_rule {
	const struct rule *rule;
	struct metric *metric;
	int event; /* in rules->events, or ANY_EVENT */
	unsigned int order;
};

/* ---- reading rules ---- */

static struct rule *find_rule_of(const struct rules *rules, const char *name)
{
	for (unsigned int i = 0; i < rules->n_list; i++)
		if (!strcmp(rules->list[i]->shape.name, name))
			return rules->list[i];
	return NULL;
}

/* The name of the metric that a rule contradicts; NULL: none. */
static const char *find_contradiction(const struct rules *rules, const struct rules_source *source,
				      const struct rule *rule)
{
	const struct rule *first = find_rule_of(rules, rule->shape.name);

	if (first && !shape_equals(&first->shape, &rule->shape))
		return rule->shape.name;
	for (unsigned int i = 0; i < source->n_reserved; i++)
		if (shapes_clash(source->reserved[i], &rule->shape))
			return source->reserved[i]->name;
	for (unsigned int i = 0; i < rules->n_list && !first; i++)
		if (shapes_clash(&rules->list[i]->shape, &rule->shape))
			return rules->list[i]->shape.name;
	return NULL;
}

static bool append_rule(struct rule ***list, unsigned int *n, struct rule *rule)
{
	struct rule **longer = realloc(*list, (*n + 1) * sizeof(struct rule *));

	if (!longer)
		return false;
	*list = longer;
	longer[(*n)++] = rule;
	return true;
}

/* Takes a rule over, but leaves out one that contradicts what is known of its metric, or whose samples would bear the
 * names of another's. */
static bool keep_rule(struct rules *rules, const struct rules_source *source, struct rule *rule, struct lexer *lexer)
{
	struct rule *first = find_rule_of(rules, rule->shape.name);
	const char *contradicted = find_contradiction(rules, source, rule);

	if (contradicted)
		diag_print(DIAG_WARN, "left out: '%s': there is a '%s' of another type, with other labels or buckets",
			   rule->text, contradicted);
	else if (first && !rule_join(first, rule, lexer))
		return false;
	return (contradicted ? append_rule(&rules->left_out, &rules->n_left_out, rule)
			     : append_rule(&rules->list, &rules->n_list, rule)) ||
	       lexer_fail(lexer, "no memory");
}

/* Whether no --label is called as one of the metric's labels. */
static bool check_constants(const struct rules_source *source, const struct metric_shape *shape)
{
	for (unsigned int i = 0; i < source->n_constants; i++)
		for (unsigned int j = 0; j < METRIC_LABELS_MAX && shape->labels[j] && !shape->rendered; j++)
			if (!strcmp(source->constants[i].name, shape->labels[j])) {
				diag_print(DIAG_ERROR, "--label: '%s' is a label of %s already",
					   source->constants[i].name, shape->name);
				return false;
			}
	return true;
}

/* The same for the labels that are there without a rule. */
static bool check_reserved(const struct rules_source *source)
{
	bool good = true;

	for (unsigned int i = 0; i < source->n_constants && good; i++) {
		good = !rule_reserves_label(source->constants[i].name);
		if (!good)
			diag_print(DIAG_ERROR, "--label: '%s' is not for labels of your own",
				   source->constants[i].name);
	}
	for (unsigned int i = 0; i < source->n_reserved && good; i++)
		good = check_constants(source, source->reserved[i]);
	return good;
}

/* Parses and keeps a rule. What is wrong in it has been said if there is no file to say where. */
static enum exit_code add_rule(struct rules *rules, const struct rules_source *source, const char *text,
			       struct lexer *lexer)
{
	struct rule *rule = calloc(1, sizeof(*rule));

	if (rule && rule_parse(rule, lexer, text, &rules->fields)) {
		if (check_constants(source, &rule->shape) && keep_rule(rules, source, rule, lexer))
			return EXIT_DONE;
	}
	if (rule)
		rule_clear(rule);
	free(rule);
	return EXIT_USAGE;
}

/* `origin` is what messages call the texts. */
static enum exit_code add_texts(struct rules *rules, const struct rules_source *source, const char *origin,
				const char *const *texts, unsigned int n)
{
	struct lexer lexer = { .text = NULL };
	enum exit_code code = EXIT_DONE;

	for (unsigned int i = 0; i < n && !code; i++) {
		code = add_rule(rules, source, texts[i], &lexer);
		if (code && lexer_failed(&lexer))
			diag_print(DIAG_ERROR, "%s '%s': column %zu: %s", origin, texts[i], lexer.column, lexer.error);
	}
	return code;
}

static enum exit_code add_file(struct rules *rules, const struct rules_source *source, const struct rules_file *file)
{
	struct lexer lexer = { .text = NULL };
	enum exit_code code = EXIT_DONE;

	for (unsigned int i = 0; i < file->n_rules && !code; i++) {
		code = add_rule(rules, source, file->rules[i].text, &lexer);
		if (code && lexer_failed(&lexer))
			rules_file_complain(file, i, lexer.column, lexer.error);
	}
	return code;
}

/* The program's own come first, so that nobody's rule can take a name of theirs. */
static enum exit_code add_all(struct rules *rules, const struct rules_source *source)
{
	struct rules_file_switch builtin = { .name = "builtin", .on = true };
	struct rules_file file = { .path = NULL };
	enum exit_code code = check_reserved(source) ? EXIT_DONE : EXIT_USAGE;

	if (!code && source->path && !rules_file_open(&file, source->path, &builtin, 1))
		code = EXIT_USAGE;
	if (!code && source->builtin && builtin.on)
		code = add_texts(rules, source, "built-in rule", builtin_rules, n_builtin_rules);
	if (!code)
		code = add_texts(rules, source, "--metric", source->texts, source->n_texts);
	if (!code)
		code = add_file(rules, source, &file);
	rules_file_close(&file);
	return code;
}

/* ---- binding ---- */

static struct metric *find_metric(struct rules *rules, const char *name)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		if (!strcmp(rules->metrics[i].shape->name, name))
			return &rules->metrics[i];
	return NULL;
}

static bool open_metrics(struct rules *rules, const struct rules_source *source)
{
	rules->metrics = calloc(rules->n_list + 1, sizeof(*rules->metrics));
	if (!rules->metrics)
		return false;
	for (unsigned int i = 0; i < rules->n_list; i++) {
		struct rule *rule = rules->list[i];

		if (find_metric(rules, rule->shape.name))
			continue;
		if (!rule->clauses[RULE_TTL])
			rule->shape.ttl_ns = source->ttl_ns;
		rule->shape.has_exemplars = source->exemplars;
		if (metric_open(&rules->metrics[rules->n_metrics++], &rule->shape,
				rule->series_max ? rule->series_max : source->series_max))
			return false;
	}
	return true;
}

static bool bind_rule(struct rules *rules, const struct rule *rule, const char *event)
{
	int number = event ? json_names_add(&rules->events, event) : ANY_EVENT;
	struct bound_rule *bound = &rules->bound[rules->n_bound];

	if (event && number < 0) {
		diag_print(DIAG_ERROR, "more than %d events in all rules", JSON_NAMES_MAX);
		return false;
	}
	*bound = (struct bound_rule){ rule, find_metric(rules, rule->shape.name), number, rules->n_bound };
	rules->n_bound++;
	rules->n_of_any += !event;
	return true;
}

/* By event, those of any last; of one event in the order of the list. */
static int compare_events(const void *a, const void *b)
{
	const struct bound_rule *left = a, *right = b;
	unsigned int event_left = (unsigned int)left->event, event_right = (unsigned int)right->event;

	if (event_left != event_right)
		return event_left < event_right ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

static bool bind_rules(struct rules *rules)
{
	rules->bound = calloc((size_t)rules->n_list * RULE_EVENTS_MAX + 1, sizeof(*rules->bound));
	if (!rules->bound)
		return false;
	for (unsigned int i = 0; i < rules->n_list; i++) {
		const struct rule *rule = rules->list[i];

		if (!rule->n_events && !bind_rule(rules, rule, NULL))
			return false;
		for (unsigned int j = 0; j < rule->n_events; j++)
			if (!bind_rule(rules, rule, rule->events[j]))
				return false;
	}
	qsort(rules->bound, rules->n_bound, sizeof(*rules->bound), compare_events);
	for (unsigned int i = rules->n_bound - rules->n_of_any; i-- > 0;)
		rules->first[rules->bound[i].event] = i;
	return true;
}

enum exit_code rules_open(struct rules *rules, const struct rules_source *source, uint64_t seed)
{
	enum exit_code code;

	memset(rules, 0, sizeof(*rules));
	random_seed(&rules->random, seed);
	json_names_init(&rules->fields);
	json_names_init(&rules->events);
	rules->event = json_names_add(&rules->fields, "event");
	rules->time = json_names_add(&rules->fields, "time");
	rules->trace_id = json_names_add(&rules->fields, "trace_id");
	rules->span_id = json_names_add(&rules->fields, "span_id");
	rules->threshold = json_names_add(&rules->fields, "sampling_threshold");
	rules->resource_spans = json_names_add(&rules->fields, "resourceSpans");
	rules->resource_metrics = json_names_add(&rules->fields, "resourceMetrics");
	rules->resource_logs = json_names_add(&rules->fields, "resourceLogs");
	code = add_all(rules, source);
	if (code)
		return code;
	return open_metrics(rules, source) && bind_rules(rules) ? EXIT_DONE : EXIT_FAILED;
}

static void free_rules(struct rule **list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		rule_clear(list[i]);
		free(list[i]);
	}
	free(list);
}

void rules_close(struct rules *rules)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		metric_close(&rules->metrics[i]);
	free_rules(rules->list, rules->n_list);
	free_rules(rules->left_out, rules->n_left_out);
	free(rules->metrics);
	free(rules->bound);
	memset(rules, 0, sizeof(*rules));
}

void rules_take_over(struct rules *rules, struct rules *from)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++) {
		struct metric *old = find_metric(from, rules->metrics[i].shape->name);

		if (old && shape_equals(old->shape, rules->metrics[i].shape))
			metric_take_over(&rules->metrics[i], old);
	}
	rules->ignored = from->ignored;
	rules->bad_values = from->bad_values;
	rules->expired = from->expired;
}

/* ---- counting ---- */

/* A record, and what it stands for. */
struct measurement {
	const struct record_view *record;
	double adjusted_count; /* how many records it stands for */
};

static void read_weight(struct rules *rules, struct measurement *measurement)
{
	const struct json_value *value = &measurement->record->values[rules->threshold];
	uint64_t threshold;

	measurement->adjusted_count = 1;
	if (value->type == VALUE_ABSENT || value->type == VALUE_NULL)
		return;
	if (value->type == VALUE_STRING &&
	    threshold_parse(measurement->record->line + value->start, value->length, &threshold))
		measurement->adjusted_count = threshold_adjusted_count(threshold);
	else
		rules->bad_values++;
}

/* What the record counts for; false: nothing. */
static bool read_amount(struct rules *rules, const struct record_view *record, const struct bound_rule *bound,
			double *amount)
{
	const struct rule *rule = bound->rule;
	const struct json_value *value;

	*amount = 1;
	if (rule->condition && !condition_holds(rule->condition, record))
		return false;
	if (!rule->value.name)
		return true;
	value = field_value(&rule->value, record);
	if (!value)
		return false;
	*amount = field_number(value, record) * rule->factor / rule->divisor;
	if (!isfinite(*amount) || (rule->shape.type == METRIC_COUNTER && *amount < 0)) {
		rules->bad_values++;
		return false;
	}
	/* A summary names every reason there is: those that did not occur need no series. */
	return rule->shape.type != METRIC_COUNTER || *amount > 0;
}

/* The buckets of a record that is a histogram itself, whose fields have all up to each bound: whole numbers that do not
 * fall. False: they are not there, or no such numbers. */
static bool read_counts(struct rules *rules, const struct record_view *record, const struct rule *rule,
			uint64_t counts[RULE_BOUNDS_MAX + 1])
{
	uint64_t before = 0;

	for (unsigned int i = 0; i < rule->n_counts; i++) {
		const struct json_value *value = field_value(&rule->counts[i], record);
		double number;

		if (!value)
			return false;
		number = field_number(value, record);
		/* A NAN is not above anything. */
		if (!(number >= (double)before && number < 0x1p53) || number != (double)(uint64_t)number) {
			rules->bad_values++;
			return false;
		}
		counts[i] = (uint64_t)number - before;
		before = (uint64_t)number;
	}
	return true;
}

enum { LABEL_SPACE = RULE_LABEL_MAX + 1 }; /* what is cleaned has a NUL behind it */

struct label_space {
	char bytes[METRIC_LABELS_MAX][LABEL_SPACE];
};

/* Writes the replacement, with what the groups matched, into `space`; returns its length. */
static size_t rewrite(const struct rule_label *label, const struct label_text *text,
		      const regmatch_t groups[RULE_GROUPS], char space[RULE_LABEL_MAX])
{
	size_t length = 0;

	for (const char *c = label->replacement; *c; c++) {
		const char *from = c;
		size_t size = 1;

		if (c[0] == '\\' && c[1] >= '0' && c[1] <= '9') {
			const regmatch_t *group = &groups[*++c - '0'];

			from = text->bytes + (group->rm_so < 0 ? 0 : group->rm_so);
			size = group->rm_so < 0 ? 0 : (size_t)(group->rm_eo - group->rm_so);
		} else if (c[0] == '\\' && c[1] == '\\') {
			c++;
		}
		if (size > RULE_LABEL_MAX - length)
			size = utf8_cut(from, RULE_LABEL_MAX - length);
		memcpy(space + length, from, size);
		length += size;
	}
	return length;
}

/* A pattern sees bytes, and may have cut a character. */
static struct label_text rewrite_label(const struct rule_label *label, struct label_text text, char space[LABEL_SPACE])
{
	regmatch_t groups[RULE_GROUPS] = { { .rm_so = 0, .rm_eo = (regoff_t)text.length } };
	char written[RULE_LABEL_MAX];

	if (regexec(label->pattern, text.bytes, RULE_GROUPS, groups, REG_STARTEND))
		return text;
	return (struct label_text){ space,
				    utf8_clean(space, LABEL_SPACE, written, rewrite(label, &text, groups, written)) };
}

/* \u0000 is legal in JSON, and the end of the page to some of its readers. */
static struct label_text without_nul(struct label_text text, char space[LABEL_SPACE])
{
	if (!memchr(text.bytes, '\0', text.length))
		return text;
	memmove(space, text.bytes, text.length);
	for (char *nul; (nul = memchr(space, '\0', text.length)) != NULL;)
		*nul = '?';
	return (struct label_text){ space, text.length };
}

static struct label_text read_label(const struct record_view *record, const struct rule_label *label,
				    char space[LABEL_SPACE])
{
	const struct json_value *value;
	struct label_text text = { "", 0 };

	if (label->constant)
		return (struct label_text){ label->constant, strlen(label->constant) };
	value = field_value(&label->field, record);
	if (value)
		text.length = field_read_text(value, record, space, RULE_LABEL_MAX, &text.bytes);
	text = without_nul(text, space);
	return label->pattern ? rewrite_label(label, text, space) : text;
}

/* An identifier of trace context, which is not all zeros (W3C Trace Context, 3.2.2). Whether its digits are such is looked
 * at when it is shown: there are many records to one page. */
static bool is_id(const struct record_view *record, int field, size_t size)
{
	static const char zeros[] = "00000000000000000000000000000000";
	const struct json_value *value = &record->values[field];

	return value->type == VALUE_STRING && value->length == size - 1 &&
	       memcmp(record->line + value->start, zeros, size - 1) != 0;
}

static void copy_id(char *to, size_t size, const struct record_view *record, int field)
{
	memcpy(to, record->line + record->values[field].start, size - 1);
	to[size - 1] = '\0';
}

static void set_exemplar(const struct rules *rules, const struct metric *metric, struct series *series,
			 const struct record_view *record, double value)
{
	struct exemplar *exemplar;

	if (!is_id(record, rules->trace_id, TRACE_ID_SIZE))
		return;
	exemplar = metric_exemplar(metric, series, value);
	if (!exemplar)
		return;
	copy_id(exemplar->trace_id, TRACE_ID_SIZE, record, rules->trace_id);
	exemplar->span_id[0] = '\0';
	if (is_id(record, rules->span_id, SPAN_ID_SIZE))
		copy_id(exemplar->span_id, SPAN_ID_SIZE, record, rules->span_id);
	exemplar->value = value;
	exemplar->wall_ns = metric->now_wall_ns;
}

static void read_labels(const struct record_view *record, const struct rule *rule, struct label_space *space,
			struct label_text labels[METRIC_LABELS_MAX])
{
	for (unsigned int i = 0; i < rule->n_labels; i++)
		labels[i] = read_label(record, &rule->labels[i], space->bytes[i]);
}

/* Adds what was measured, as often as it stands for. `counts` are those of a rule that has some. */
static void add_measurement(struct rules *rules, const struct measurement *measurement, const struct bound_rule *bound,
			    struct series *series, double amount, const uint64_t *counts)
{
	struct metric *metric = bound->metric;
	uint64_t weight = 1;

	/* Counters take fractions; how many measurements there are is an integer to every reader. */
	if (measurement->adjusted_count != 1 && metric->shape->type == METRIC_COUNTER)
		amount *= measurement->adjusted_count;
	else if (measurement->adjusted_count != 1)
		weight = threshold_round(measurement->adjusted_count, &rules->random);
	if (bound->rule->counts)
		metric_add_counts(metric, series, counts, amount, weight);
	else
		metric_add(metric, series, amount, weight);
}

static void apply_rule(struct rules *rules, const struct measurement *measurement, const struct bound_rule *bound)
{
	const struct record_view *record = measurement->record;
	struct metric *metric = bound->metric;
	struct label_text labels[METRIC_LABELS_MAX];
	uint64_t counts[RULE_BOUNDS_MAX + 1];
	struct label_space space;
	struct series *series;
	double amount;
	bool is_counted = !bound->rule->clauses[RULE_EXEMPLARS];

	if (!read_amount(rules, record, bound, &amount))
		return;
	if (bound->rule->counts && !read_counts(rules, record, bound->rule, counts))
		return;
	read_labels(record, bound->rule, &space, labels);
	/* What is not counted makes no series: the record that is may have another one. */
	series = is_counted ? metric_get(metric, labels) : metric_lookup(metric, labels);
	if (!series)
		return;
	if (!bound->rule->counts)
		set_exemplar(rules, metric, series, record, amount);
	if (is_counted)
		add_measurement(rules, measurement, bound, series, amount, counts);
}

/* The number of the record's event in rules->events, or -1. */
static int find_event(const struct rules *rules, const struct record_view *record)
{
	char decoded[JSON_NAME_LENGTH_MAX + 4 + JSON_PADDING] = { 0 };
	const struct json_value *value = &record->values[rules->event];

	if (value->type != VALUE_STRING)
		return -1;
	if (!value->escaped)
		return json_names_find(&rules->events, record->line + value->start, value->length);
	size_t length = json_decode(record->line + value->start, value->length, decoded, JSON_NAME_LENGTH_MAX + 4);
	return json_names_find(&rules->events, decoded, length);
}

void rules_apply(struct rules *rules, const struct record_view *record)
{
	struct measurement measurement = { .record = record };
	int event = find_event(rules, record);

	if (event < 0 && !rules->n_of_any) {
		rules->ignored++;
		return;
	}
	read_weight(rules, &measurement);
	for (unsigned int i = event < 0 ? rules->n_bound : rules->first[event];
	     i < rules->n_bound && rules->bound[i].event == event; i++)
		apply_rule(rules, &measurement, &rules->bound[i]);
	for (unsigned int i = rules->n_bound - rules->n_of_any; i < rules->n_bound; i++)
		apply_rule(rules, &measurement, &rules->bound[i]);
}

/* ---- time ---- */

void rules_set_time(struct rules *rules, uint64_t now_ns, uint64_t now_wall_ns)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++) {
		rules->metrics[i].now_ns = now_ns;
		rules->metrics[i].now_wall_ns = now_wall_ns;
	}
}

void rules_expire(struct rules *rules, uint64_t now_ns)
{
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		rules->expired += metric_expire(&rules->metrics[i], now_ns);
}

/* ---- pages ---- */

void rules_print(const struct rules *rules, struct page *page)
{
	for (unsigned int i = 0; i < rules->n_list; i++) {
		page_add_text(page, rules->list[i]->text);
		page_add_text(page, "\n");
	}
}
