/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of otb-expose: either a rule or an error with a column within the text; and what is a rule is one again. */
#include "cmd/otb-expose/rule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_rule(const struct rule *rule)
{
	const struct metric_shape *shape = &rule->shape;

	require(shape->name && shape->name[0] && shape->help && shape->type < METRIC_TYPES);
	require(shape->type == METRIC_COUNTER || rule->value.name);
	require(shape->type != METRIC_HISTOGRAM || shape->n_bounds);
	require(rule->divisor != 0);
	require(!rule->counts || (shape->type == METRIC_HISTOGRAM && rule->n_counts == shape->n_bounds + 1));
	for (unsigned int i = 0; i < rule->n_counts; i++)
		require(rule->counts[i].name);
	for (unsigned int i = 1; i < shape->n_bounds; i++)
		require(shape->bounds[i] > shape->bounds[i - 1]);
	for (unsigned int i = 0; i < rule->n_labels; i++)
		require(shape->labels[i] == rule->labels[i].name &&
			(rule->labels[i].constant || rule->labels[i].field.name));
}

static bool parse(const char *text)
{
	static struct json_names names;
	struct lexer lexer;
	struct rule rule;
	bool parsed;

	json_names_init(&names);
	parsed = rule_parse(&rule, &lexer, text, &names);
	require(parsed != lexer_failed(&lexer));
	if (parsed)
		check_rule(&rule);
	else
		require(lexer.column >= 1 && lexer.column <= strlen(text) + 1);
	rule_clear(&rule);
	return parsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	/* Long runs of repetitions take all memory there is, within glibc's regcomp(). */
	if (!strstr(text, "=~") || !strpbrk(text, "{*+\\"))
		require(parse(text) == parse(text));
	free(text);
	return 0;
}
