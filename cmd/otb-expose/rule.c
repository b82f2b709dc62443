/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/record/utf8.h"
#include "common/rule/regex.h"

/* OpenTelemetry's buckets for durations of HTTP requests, in seconds (semantic conventions, HTTP metrics). */
static const double default_bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10 };
static const double default_quantiles[] = { 0.5, 0.9, 0.99 };

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- names ---- */

static bool is_name(const char *name)
{
	return name[0] && !strchr("0123456789", name[0]) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

/* What OpenMetrics and promlint hold of names: a suffix means a type. */
static bool check_name(const struct rule *rule, struct lexer *lexer, const char *at)
{
	static const char *const reserved[] = { COUNTER_SUFFIX, "_created", "_bucket", "_info" };
	const char *name = rule->shape.name;
	bool is_counter = rule->shape.type == METRIC_COUNTER;

	if (strlen(name) > METRIC_NAME_MAX)
		return lexer_fail_at(lexer, at, "a metric's name has at most %d characters", METRIC_NAME_MAX);
	if (!is_name(name))
		return lexer_fail_at(lexer, at,
				     "a metric's name has only letters, digits and '_', and begins with no digit");
	if (is_counter && !ends_in(name, COUNTER_SUFFIX))
		return lexer_fail_at(lexer, at, "a counter's name ends in '" COUNTER_SUFFIX "'");
	for (size_t i = is_counter; i < LENGTH(reserved); i++)
		if (ends_in(name, reserved[i]))
			return lexer_fail_at(lexer, at, "'%s' at the end of a name is not for a metric of this type",
					     reserved[i]);
	return true;
}

/* ---- labels ---- */

bool rule_reserves_label(const char *name)
{
	static const char *const reserved[] = { "le", "quantile", "otel_metric_overflow" };

	for (size_t i = 0; i < LENGTH(reserved); i++)
		if (!strcmp(name, reserved[i]))
			return true;
	return false;
}

static bool check_label(const struct rule *rule, struct lexer *lexer, const char *at)
{
	const char *name = rule->labels[rule->n_labels].name;

	if (!is_name(name) || !strncmp(name, "__", 2))
		return lexer_fail_at(lexer, at,
				     "a label's name has only letters, digits and '_', and begins with no digit "
				     "and no '__'");
	if (rule_reserves_label(name))
		return lexer_fail_at(lexer, at, "'%s' is not for labels of your own", name);
	for (unsigned int i = 0; i < rule->n_labels; i++)
		if (!strcmp(name, rule->labels[i].name))
			return lexer_fail_at(lexer, at, "a second label '%s'", name);
	return true;
}

/* `at` is where the name stands. */
static bool bind_field(struct field *field, struct lexer *lexer, const char *at, char *name, struct json_names *fields)
{
	if (!name)
		return false;
	switch (field_bind(field, name, fields)) {
	case 0:
		return true;
	case -ENAMETOOLONG:
		return lexer_fail_at(lexer, at, "the name is too long");
	case -E2BIG:
		return lexer_fail_at(lexer, at, "more than %d fields in all rules", JSON_NAMES_MAX);
	default:
		return lexer_fail_at(lexer, at, "no memory");
	}
}

static bool parse_rewrite(struct rule_label *label, struct lexer *lexer)
{
	const char *at = lexer->token;
	char *pattern = lexer_take_string(lexer, "a regular expression in quotes");
	regex_t *regex = malloc(sizeof(*regex));
	bool compiled = pattern && regex && regex_compile(regex, 0, lexer, at, pattern);

	free(pattern);
	if (!compiled) {
		free(regex);
		return lexer_fail(lexer, "no memory"); /* if nothing else is wrong */
	}
	label->pattern = regex;
	if (!lexer_expect(lexer, "->"))
		return false;
	label->replacement = lexer_take_string(lexer, "what the label becomes, in quotes");
	return label->replacement != NULL;
}

/* Label names have no dots: those of a field have underscores for them. */
static char *label_name(const char *field)
{
	char *name = strdup(field);

	for (char *c = name; c && *c; c++)
		if (*c == '.')
			*c = '_';
	return name;
}

static bool parse_label(struct rule *rule, struct lexer *lexer, struct json_names *fields)
{
	struct rule_label *label = &rule->labels[rule->n_labels];
	const char *at = lexer->token, *source_at = at;
	char *source;
	bool named;

	if (rule->n_labels == METRIC_LABELS_MAX)
		return lexer_fail(lexer, "more than %d labels", METRIC_LABELS_MAX);
	source = lexer_take_word(lexer, "a label");
	if (!source)
		return false;
	label->name = label_name(source);
	named = label->name && check_label(rule, lexer, at);
	rule->n_labels++;
	if (!named) {
		free(source);
		return false;
	}
	if (lexer_take(lexer, "=")) {
		free(source);
		if (lexer->type == TOKEN_STRING) {
			label->constant = lexer_take_string(lexer, "a text");
			return label->constant && lexer_failed(lexer) == false;
		}
		source_at = lexer->token;
		source = lexer_take_word(lexer, "a field, or a text in quotes");
	}
	return bind_field(&label->field, lexer, source_at, source, fields) &&
	       (!lexer_take(lexer, "=~") || parse_rewrite(label, lexer));
}

static bool parse_labels(struct rule *rule, struct lexer *lexer, struct json_names *fields)
{
	if (!lexer_take(lexer, "{"))
		return true;
	if (lexer_take(lexer, "}"))
		return true;
	do {
		if (!parse_label(rule, lexer, fields))
			return false;
	} while (lexer_take(lexer, ","));
	return lexer_expect(lexer, "}");
}

/* ---- clauses ---- */

/* The last event must not be there before: its records would count once for each. */
static bool check_event(const struct rule *rule, struct lexer *lexer, const char *at)
{
	const char *event = rule->events[rule->n_events - 1];

	for (unsigned int i = 0; i + 1 < rule->n_events; i++)
		if (!strcmp(event, rule->events[i]))
			return lexer_fail_at(lexer, at, "a second event '%s'", event);
	return true;
}

static bool parse_events(struct rule *rule, struct lexer *lexer)
{
	do {
		const char *at = lexer->token;

		if (rule->n_events == RULE_EVENTS_MAX)
			return lexer_fail(lexer, "more than %d events", RULE_EVENTS_MAX);
		rule->events[rule->n_events] = lexer_take_word(lexer, "an event");
		if (!rule->events[rule->n_events])
			return false;
		rule->n_events++;
		if (!check_event(rule, lexer, at))
			return false;
	} while (lexer_take(lexer, ","));
	return true;
}

static bool take_plain_number(struct lexer *lexer, const char *what, double *number)
{
	const char *at = lexer->token, *suffix;
	size_t length;

	return lexer_take_number(lexer, what, number, &suffix, &length) &&
	       (!length || lexer_fail_at(lexer, at, "expected %s", what));
}

static bool parse_value(struct rule *rule, struct lexer *lexer, struct json_names *fields)
{
	const char *at = lexer->token;

	if (!bind_field(&rule->value, lexer, at, lexer_take_word(lexer, "a field"), fields))
		return false;
	if (lexer_take(lexer, "*"))
		return take_plain_number(lexer, "a number", &rule->factor);
	if (!lexer_take(lexer, "/"))
		return true;
	at = lexer->token;
	if (!take_plain_number(lexer, "a number", &rule->divisor))
		return false;
	return rule->divisor != 0 || lexer_fail_at(lexer, at, "division by zero");
}

static bool parse_counts(struct rule *rule, struct lexer *lexer, struct json_names *fields)
{
	rule->counts = calloc(RULE_BOUNDS_MAX + 1, sizeof(*rule->counts));
	if (!rule->counts)
		return lexer_fail(lexer, "no memory");
	do {
		const char *at = lexer->token;

		if (rule->n_counts > RULE_BOUNDS_MAX)
			return lexer_fail(lexer, "more than %d fields", RULE_BOUNDS_MAX + 1);
		if (!bind_field(&rule->counts[rule->n_counts++], lexer, at, lexer_take_word(lexer, "a field"), fields))
			return false;
	} while (lexer_take(lexer, ","));
	return true;
}

/* A time in seconds, or any other number. */
static bool take_bound(struct lexer *lexer, double *bound)
{
	static const struct {
		const char *suffix;
		double per_second;
	} units[] = { { "ns", 1e9 }, { "us", 1e6 }, { "ms", 1e3 }, { "s", 1 }, { "m", 1 / 60.0 }, { "h", 1 / 3600.0 } };
	const char *at = lexer->token, *suffix;
	size_t length;

	if (!lexer_take_number(lexer, "a bound", bound, &suffix, &length))
		return false;
	for (size_t i = 0; i < LENGTH(units); i++)
		if (length == strlen(units[i].suffix) && !memcmp(suffix, units[i].suffix, length)) {
			*bound /= units[i].per_second;
			return true;
		}
	return !length || lexer_fail_at(lexer, at, "expected a number, or a time as 5ms");
}

/* A list of numbers that rise. */
static bool parse_numbers(struct lexer *lexer, bool (*take)(struct lexer *, double *), unsigned int most,
			  const double **list, unsigned int *n)
{
	double *numbers = calloc(most, sizeof(*numbers));

	*list = numbers;
	*n = 0;
	if (!numbers)
		return lexer_fail(lexer, "no memory");
	do {
		const char *at = lexer->token;

		if (*n == most)
			return lexer_fail(lexer, "more than %u numbers", most);
		if (!take(lexer, &numbers[*n]))
			return false;
		if (*n && numbers[*n] <= numbers[*n - 1])
			return lexer_fail_at(lexer, at, "each number has to be greater than the one before");
		++*n;
	} while (lexer_take(lexer, ","));
	return true;
}

static bool take_quantile(struct lexer *lexer, double *quantile)
{
	const char *at = lexer->token;

	return take_plain_number(lexer, "a number from 0 to 1", quantile) &&
	       ((*quantile >= 0 && *quantile <= 1) || lexer_fail_at(lexer, at, "expected a number from 0 to 1"));
}

static bool parse_ttl(struct rule *rule, struct lexer *lexer)
{
	char text[32] = "";
	const char *at = lexer->token;
	bool fits = lexer->type == TOKEN_NUMBER && lexer->length < sizeof(text);

	if (fits)
		memcpy(text, at, lexer->length);
	if (!fits || !parse_duration(text, &rule->shape.ttl_ns))
		return lexer_fail_at(lexer, at, "expected a time as 5m");
	lexer_next(lexer);
	return true;
}

static bool parse_limit(struct rule *rule, struct lexer *lexer)
{
	const char *at = lexer->token;
	double number;

	if (!take_plain_number(lexer, "a number of series", &number))
		return false;
	if (number < 1 || number > 1e6 || number != (unsigned int)number)
		return lexer_fail_at(lexer, at, "expected a number of series from 1 to 1000000");
	rule->series_max = (unsigned int)number;
	return true;
}

static const char *const clause_words[RULE_CLAUSES] = {
	[RULE_FROM] = "from",           [RULE_VALUE] = "value",
	[RULE_BUCKETS] = "buckets",     [RULE_EXPONENTIAL] = "exponential",
	[RULE_QUANTILES] = "quantiles", [RULE_TTL] = "ttl",
	[RULE_COUNTS] = "counts",       [RULE_EXEMPLARS] = "exemplars",
	[RULE_LIMIT] = "limit",         [RULE_AS] = "as",
	[RULE_HELP] = "help",           [RULE_WHERE] = "where",
};

static bool parse_clause(struct rule *rule, struct lexer *lexer, enum rule_clause clause, struct json_names *fields)
{
	struct metric_shape *shape = &rule->shape;

	switch (clause) {
	case RULE_FROM:
		return parse_events(rule, lexer);
	case RULE_VALUE:
		return parse_value(rule, lexer, fields);
	case RULE_COUNTS:
		return parse_counts(rule, lexer, fields);
	case RULE_EXEMPLARS:
		return true;
	case RULE_BUCKETS:
		return parse_numbers(lexer, take_bound, RULE_BOUNDS_MAX, &shape->bounds, &shape->n_bounds);
	case RULE_EXPONENTIAL:
		shape->exponential = true;
		return true;
	case RULE_QUANTILES:
		return parse_numbers(lexer, take_quantile, RULE_QUANTILES_MAX, &shape->quantiles, &shape->n_quantiles);
	case RULE_TTL:
		return parse_ttl(rule, lexer);
	case RULE_LIMIT:
		return parse_limit(rule, lexer);
	case RULE_AS:
		shape->otlp_name = lexer_take_word(lexer, "a name");
		return shape->otlp_name != NULL;
	case RULE_HELP:
		free((char *)shape->help);
		shape->help = lexer_take_string(lexer, "a text in quotes");
		return shape->help != NULL;
	case RULE_WHERE:
		rule->condition = condition_parse(lexer, fields);
		return rule->condition != NULL;
	default:
		return false;
	}
}

static bool parse_clauses(struct rule *rule, struct lexer *lexer, struct json_names *fields)
{
	size_t *clauses = rule->clauses;

	while (!lexer_failed(lexer) && lexer->type != TOKEN_END) {
		const char *at = lexer->token;
		unsigned int i = 0;

		while (i < RULE_CLAUSES && !lexer_take(lexer, clause_words[i]))
			i++;
		if (i == RULE_CLAUSES || clauses[RULE_WHERE])
			return lexer_fail_at(lexer, at,
					     clauses[RULE_WHERE]
						     ? "the condition ends here: expected the end"
						     : "expected from, value, buckets, counts, exemplars, "
						       "exponential, quantiles, ttl, limit, as, help or where");
		if (clauses[i])
			return lexer_fail_at(lexer, at, "a second '%s'", clause_words[i]);
		clauses[i] = (size_t)(at - lexer->text) + 1;
		if (!parse_clause(rule, lexer, (enum rule_clause)i, fields))
			return false;
	}
	return !lexer_failed(lexer);
}

/* ---- the whole ---- */

static bool parse_type(struct rule *rule, struct lexer *lexer)
{
	for (unsigned int i = 0; i < METRIC_TYPES; i++)
		if (lexer_take(lexer, metric_type_name((enum metric_type)i))) {
			rule->shape.type = (enum metric_type)i;
			return true;
		}
	return lexer_fail(lexer, "expected counter, gauge, histogram or summary");
}

static const char *rule_clause_at(const struct rule *rule, const struct lexer *lexer, enum rule_clause clause)
{
	return lexer->text + rule->clauses[clause] - 1;
}

/* What only makes sense together. */
static bool check_whole(const struct rule *rule, struct lexer *lexer)
{
	const struct metric_shape *shape = &rule->shape;

	if (shape->type != METRIC_COUNTER && !rule->value.name)
		return lexer_fail(lexer, "only a counter can do without 'value FIELD'");
	if (shape->type != METRIC_HISTOGRAM && (shape->bounds || shape->exponential))
		return lexer_fail(lexer, "only a histogram has buckets");
	if (shape->type != METRIC_SUMMARY && shape->quantiles)
		return lexer_fail(lexer, "only a summary has quantiles");
	if (shape->type != METRIC_HISTOGRAM && rule->counts)
		return lexer_fail(lexer, "only a histogram has counts");
	if (shape->exponential && rule->counts)
		return lexer_fail(lexer, "exponential buckets cannot be made of counts");
	if (shape->type != METRIC_HISTOGRAM && shape->type != METRIC_COUNTER && rule->clauses[RULE_EXEMPLARS])
		return lexer_fail(lexer, "only a counter or a histogram has exemplars");
	if (rule->counts && rule->clauses[RULE_EXEMPLARS])
		return lexer_fail(lexer, "a record with counts has no exemplar");
	return true;
}

/* Known once the bounds are. */
static bool check_counts(const struct rule *rule, struct lexer *lexer)
{
	unsigned int n = rule->shape.n_bounds + 1;

	return !rule->counts || rule->n_counts == n ||
	       lexer_fail_at(lexer, rule_clause_at(rule, lexer, RULE_COUNTS),
			     "expected %u fields: one for each of the bounds, and one for all", n);
}

/* Copied, so that whoever frees them need not know. */
static bool copy_defaults(const double *from, unsigned int n, const double **list, unsigned int *n_list)
{
	double *copy = malloc(n * sizeof(*from));

	if (copy)
		memcpy(copy, from, n * sizeof(*from));
	*list = copy;
	*n_list = n;
	return copy != NULL;
}

static bool complete(struct rule *rule, struct lexer *lexer)
{
	struct metric_shape *shape = &rule->shape;
	bool done = true;

	if (shape->type == METRIC_HISTOGRAM && !shape->bounds)
		done = copy_defaults(default_bounds, LENGTH(default_bounds), &shape->bounds, &shape->n_bounds);
	if (shape->type == METRIC_SUMMARY && !shape->quantiles)
		done = copy_defaults(default_quantiles, LENGTH(default_quantiles), &shape->quantiles,
				     &shape->n_quantiles);
	if (!shape->help)
		shape->help = strdup(rule->text);
	for (unsigned int i = 0; i < rule->n_labels; i++)
		shape->labels[i] = rule->labels[i].name;
	return (done && shape->help) || lexer_fail(lexer, "no memory");
}

/* What is not UTF-8 would make a page that nobody reads. */
static bool check_encoding(struct lexer *lexer, const char *text)
{
	size_t left = strlen(text), length;

	for (; left; text += length, left -= length) {
		length = utf8_sequence((const unsigned char *)text, left);
		if (!length)
			return lexer_fail_at(lexer, text, "not UTF-8");
	}
	return true;
}

bool rule_parse(struct rule *rule, struct lexer *lexer, const char *text, struct json_names *fields)
{
	const char *at;

	*rule = (struct rule){ .text = strdup(text), .factor = 1, .divisor = 1 };
	lexer_open(lexer, text);
	if (!check_encoding(lexer, text))
		return false;
	if (!rule->text)
		return lexer_fail(lexer, "no memory");
	if (!parse_type(rule, lexer))
		return false;
	at = lexer->token;
	rule->shape.name = lexer_take_word(lexer, "the metric's name");
	return rule->shape.name && check_name(rule, lexer, at) && parse_labels(rule, lexer, fields) &&
	       parse_clauses(rule, lexer, fields) && check_whole(rule, lexer) && complete(rule, lexer) &&
	       check_counts(rule, lexer);
}

/* ---- several of one metric ---- */

static bool says_same(const struct rule *a, const struct rule *b, enum rule_clause clause)
{
	const struct metric_shape *left = &a->shape, *right = &b->shape;

	switch (clause) {
	case RULE_QUANTILES:
		return left->n_quantiles == right->n_quantiles &&
		       !memcmp(left->quantiles, right->quantiles, left->n_quantiles * sizeof(*left->quantiles));
	case RULE_TTL:
		return left->ttl_ns == right->ttl_ns;
	case RULE_LIMIT:
		return a->series_max == b->series_max;
	case RULE_AS:
		return !strcmp(left->otlp_name, right->otlp_name);
	case RULE_HELP:
		return !strcmp(left->help, right->help);
	default:
		return true;
	}
}

static void swap_texts(const char **a, const char **b)
{
	const char *text = *a;

	*a = *b;
	*b = text;
}

/* What both have on the heap changes hands. */
static void take_clause(struct rule *first, struct rule *rule, enum rule_clause clause)
{
	struct metric_shape *to = &first->shape, *from = &rule->shape, shape = *to;

	switch (clause) {
	case RULE_QUANTILES:
		to->quantiles = from->quantiles;
		to->n_quantiles = from->n_quantiles;
		from->quantiles = shape.quantiles;
		from->n_quantiles = shape.n_quantiles;
		break;
	case RULE_TTL:
		to->ttl_ns = from->ttl_ns;
		break;
	case RULE_LIMIT:
		first->series_max = rule->series_max;
		break;
	case RULE_AS:
		swap_texts(&to->otlp_name, &from->otlp_name);
		break;
	case RULE_HELP:
		swap_texts(&to->help, &from->help);
		break;
	default:
		break;
	}
}

bool rule_join(struct rule *first, struct rule *rule, struct lexer *lexer)
{
	static const enum rule_clause of_metric[] = { RULE_QUANTILES, RULE_TTL, RULE_LIMIT, RULE_AS, RULE_HELP };

	for (size_t i = 0; i < LENGTH(of_metric); i++) {
		enum rule_clause clause = of_metric[i];
		size_t column = rule->clauses[clause];

		if (!column)
			continue;
		if (!first->clauses[clause]) {
			take_clause(first, rule, clause);
			first->clauses[clause] = column;
		} else if (!says_same(first, rule, clause)) {
			return lexer_fail_at(lexer, rule_clause_at(rule, lexer, clause),
					     "a rule before has another '%s' for this metric", clause_words[clause]);
		}
	}
	return true;
}

static void label_clear(struct rule_label *label)
{
	free(label->name);
	free(label->constant);
	free(label->replacement);
	field_clear(&label->field);
	if (label->pattern)
		regfree(label->pattern);
	free(label->pattern);
}

void rule_clear(struct rule *rule)
{
	for (unsigned int i = 0; i < rule->n_labels; i++)
		label_clear(&rule->labels[i]);
	for (unsigned int i = 0; i < rule->n_events; i++)
		free(rule->events[i]);
	field_clear(&rule->value);
	for (unsigned int i = 0; i < rule->n_counts; i++)
		field_clear(&rule->counts[i]);
	free(rule->counts);
	condition_free(rule->condition);
	free(rule->text);
	free((char *)rule->shape.name);
	free((char *)rule->shape.help);
	free((char *)rule->shape.otlp_name);
	free((double *)rule->shape.bounds);
	free((double *)rule->shape.quantiles);
}
