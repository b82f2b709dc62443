/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions: the first line of the input is a rule, the second a record. Whatever they are, there is a condition or an
 * error within the text; the same again has the same result; and `not`, `and`, `or` and parentheses around a condition
 * keep to the laws of logic.
 *
 * Left out are rules with regular expressions that may cost the C library any time and memory: those which count, which
 * refer to groups, and which have more than a few of '+', each of which doubles what is before it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rule/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULE_MAX = 512 };

struct verdict {
	bool parsed, whole, holds;
	size_t column, rest;
	char error[LEXER_ERROR_SIZE];
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* In blocks of their own, so that ASan sees a read beyond them. */
static bool holds(const struct condition *condition, struct json_names *names, const char *line, size_t length)
{
	struct json_value values[JSON_NAMES_MAX];
	char *copy = malloc(length + JSON_PADDING);
	size_t brace;
	bool result = false;

	memcpy(copy, line, length);
	memset(copy + length, 0xff, JSON_PADDING);
	copy[length] = '\0';
	if (json_scan(names, copy, length, values, &brace) == JSON_OK) {
		struct record_view record = { .line = copy, .length = length, .brace = brace, .values = values };

		result = condition_holds(condition, &record);
		require(result == condition_holds(condition, &record));
	}
	free(copy);
	return result;
}

static struct verdict judge(const char *rule, const char *line, size_t length)
{
	static struct json_names names;
	char *copy = strdup(rule);
	struct verdict verdict = { 0 };
	struct lexer lexer;

	json_names_init(&names);
	lexer_open(&lexer, copy);
	struct condition *condition = condition_parse(&lexer, &names);
	require(!condition == lexer_failed(&lexer));
	verdict.parsed = condition;
	verdict.whole = condition && lexer.type == TOKEN_END;
	verdict.rest = (size_t)(lexer.token - lexer.text);
	verdict.column = lexer.column;
	strcpy(verdict.error, lexer.error);
	require(verdict.rest <= strlen(rule) &&
		(condition || (verdict.column >= 1 && verdict.column <= strlen(rule) + 1)));
	if (condition)
		verdict.holds = holds(condition, &names, line, length);
	condition_free(condition);
	free(copy);
	return verdict;
}

/* Puts the rule into `format`, once or twice. It may nest too deeply then. */
static void require_law(const char *format, const char *rule, const char *line, size_t length, bool expected)
{
	char text[2 * RULE_MAX + 64];
	struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	char *copy = calloc(1, length + JSON_PADDING);
	size_t brace;

	json_names_init(&names);
	memcpy(copy, line, length);
	bool is_record = json_scan(&names, copy, length, values, &brace) == JSON_OK;
	free(copy);
	snprintf(text, sizeof(text), format, rule, rule);
	struct verdict verdict = judge(text, line, length);
	require(verdict.parsed ? verdict.whole && (!is_record || verdict.holds == expected)
			       : !strcmp(verdict.error, "nested too deeply"));
}

static bool may_explode(const char *rule)
{
	unsigned int pluses = 0;

	for (const char *p = rule; *p; p++)
		pluses += *p == '+';
	return strstr(rule, "=~") && (pluses > 4 || strpbrk(rule, "{\\"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = memchr(data, '\n', size);
	size_t length = lf ? (size_t)(lf - data) : size;
	const char *line = lf ? (const char *)lf + 1 : "{}";
	size_t line_length = lf ? size - length - 1 : 2;
	char rule[RULE_MAX + 1] = { 0 };

	if (length > RULE_MAX)
		return 0;
	memcpy(rule, data, length);
	if (may_explode(rule))
		return 0;
	struct verdict first = judge(rule, line, line_length), second = judge(rule, line, line_length);
	require(!memcmp(&first, &second, sizeof(first)));
	if (!first.whole)
		return 0;
	require_law("(%s)", rule, line, line_length, first.holds);
	require_law("not (%s)", rule, line, line_length, !first.holds);
	require_law("(%s) or not (%s)", rule, line, line_length, true);
	require_law("(%s) and not (%s)", rule, line, line_length, false);
	require_law("not (not (%s) or (%s)) or (a exists and not a exists)", rule, line, line_length, false);
	return 0;
}
