/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-sample/sampler.h"
#include "common/cli/diag.h"
#include "common/rule/rules_file.h"

#define ROOT_PREFIX "root"

/* ---- parsing: functions return false after an error, which the lexer holds ---- */

static bool check_ratio(struct lexer *lexer, const char *at, double ratio)
{
	/* There is no smaller probability, and to keep nothing has to be meant. */
	if (ratio > 0 && ratio < 0x1p-56)
		return lexer_fail_at(lexer, at, "expected 0, or a share from 1.4e-17 to 1");
	return (ratio >= 0 && ratio <= 1) || lexer_fail_at(lexer, at, "expected a share from 0 to 1");
}

static bool parse_share(struct lexer *lexer, double *ratio)
{
	const char *at = lexer->token, *suffix;
	size_t length;
	double divisor;

	if (!lexer_take_number(lexer, "keep, drop, a share from 0 to 1, or 1/N", ratio, &suffix, &length))
		return false;
	if (length)
		return lexer_fail_at(lexer, suffix, "a share has no unit");
	if (lexer_take(lexer, "/")) {
		if (!lexer_take_number(lexer, "a number", &divisor, &suffix, &length))
			return false;
		if (length || divisor < 1 || *ratio != 1)
			return lexer_fail_at(lexer, at, "expected 1/N, where N is at least 1");
		*ratio /= divisor;
	}
	return check_ratio(lexer, at, *ratio);
}

static bool parse_verdict(struct lexer *lexer, double *ratio)
{
	*ratio = lexer_is(lexer, "keep");
	if (lexer_take(lexer, "keep") || lexer_take(lexer, "drop"))
		return true;
	return parse_share(lexer, ratio);
}

static bool parse_condition(struct rules *rules, struct rule *rule, struct lexer *lexer)
{
	if (lexer_take(lexer, "*"))
		return true;
	rule->condition = condition_parse(lexer, &rules->names);
	return rule->condition != NULL;
}

static bool expect_end(struct lexer *lexer, bool is_behind_condition)
{
	return !lexer_failed(lexer) &&
	       (lexer->type == TOKEN_END ||
		lexer_fail(lexer, "expected the end%s", is_behind_condition ? ", 'and' or 'or'" : ""));
}

static bool set_verdict(const struct rules_source *source, struct rule *rule, struct lexer *lexer, const char *name,
			double ratio)
{
	struct tally *tally = tallies_get(source->tallies, name);

	rule->verdict = verdict_share(ratio, tally);
	return tally || lexer_fail(lexer, "out of memory");
}

static bool check_name(struct lexer *lexer, const char *at, const char *name)
{
	if (sampler_is_name(name))
		return lexer_fail_at(lexer, at, "'%s' is the name of a sampler", name);
	return strlen(name) <= RULE_NAME_MAX || lexer_fail_at(lexer, at, "the rule's name is too long");
}

static bool parse_whole(struct rules *rules, const struct rules_source *source, struct rule *rule, struct lexer *lexer)
{
	const char *at = lexer->token;
	double ratio;
	char *name = lexer_take_word(lexer, "the rule's name");
	bool done = name && check_name(lexer, at, name) && lexer_expect(lexer, ":") &&
		    parse_condition(rules, rule, lexer) && lexer_expect(lexer, "->") && parse_verdict(lexer, &ratio) &&
		    expect_end(lexer, false) && set_verdict(source, rule, lexer, name, ratio);

	free(name);
	return done;
}

/* --keep and --drop. */
static bool parse_bare(struct rules *rules, const struct rules_source *source, struct rule *rule, struct lexer *lexer,
		       enum rule_form form)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", form == RULE_KEEP ? "keep" : "drop", rules->n + 1);
	return parse_condition(rules, rule, lexer) && expect_end(lexer, rule->condition) &&
	       set_verdict(source, rule, lexer, name, form == RULE_KEEP);
}

/* ---- reading ---- */

static bool add_rule(struct rules *rules, const struct rules_source *source, const struct rule_text *text,
		     struct lexer *lexer)
{
	struct rule *list = reallocarray(rules->list, rules->n + 1, sizeof(*list)), *rule;

	lexer_open(lexer, text->text);
	if (!list)
		return lexer_fail(lexer, "out of memory");
	rules->list = list;
	rule = &list[rules->n];
	*rule = (struct rule){ .condition = NULL };
	if (text->form == RULE_WHOLE ? !parse_whole(rules, source, rule, lexer)
				     : !parse_bare(rules, source, rule, lexer, text->form)) {
		condition_free(rule->condition);
		return false;
	}
	rules->n++;
	rules->keeps |= rule->verdict.ratio == 1;
	return true;
}

static enum exit_code add_texts(struct rules *rules, const struct rules_source *source)
{
	static const char *const options[] = { [RULE_KEEP] = "keep", [RULE_DROP] = "drop", [RULE_WHOLE] = "rule" };
	struct lexer lexer;

	for (unsigned int i = 0; i < source->n_texts; i++) {
		const struct rule_text *text = &source->texts[i];

		if (add_rule(rules, source, text, &lexer))
			continue;
		diag_print(DIAG_ERROR, "--%s '%s': column %zu: %s", options[text->form], text->text, lexer.column,
			   lexer.error);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

static enum exit_code add_file(struct rules *rules, const struct rules_source *source)
{
	struct rules_file file;
	struct lexer lexer;
	enum exit_code code = rules_file_open(&file, source->path, NULL, 0) ? EXIT_DONE : EXIT_USAGE;

	for (unsigned int i = 0; i < file.n_rules && !code; i++) {
		const struct rule_text text = { RULE_WHOLE, file.rules[i].text };

		if (add_rule(rules, source, &text, &lexer))
			continue;
		rules_file_complain(&file, i, lexer.column, lexer.error);
		code = EXIT_USAGE;
	}
	rules_file_close(&file);
	return code;
}

/* ---- the trace as rules see it ---- */

/* What a name says of the root, "http_route" of "root_http_route" and "http.route" of "root.http.route"; NULL: nothing. */
static const char *name_in_root(const char *name)
{
	size_t length = strlen(ROOT_PREFIX);

	if (strncmp(name, ROOT_PREFIX, length) != 0 || (name[length] != '_' && name[length] != '.') ||
	    !name[length + 1])
		return NULL;
	return name + length + 1;
}

static enum exit_code find_trace_fields(struct rules *rules)
{
	unsigned int n = rules->names.wanted;

	/* Options may have named some before. */
	for (unsigned int i = FIXED_FIELDS; i < n; i++) {
		const char *name = rules->names.keys[i].name, *in_root = name_in_root(name);

		if (!strcmp(name, "trace_duration_ns") || !strcmp(name, "trace_spans"))
			rules->trace_field = name;
		if (!in_root)
			continue;
		struct root_field field = { name, json_names_add(&rules->names, in_root) };
		if (field.number < 0) {
			diag_print(DIAG_ERROR, "the rules name too many fields");
			return EXIT_USAGE;
		}
		rules->root_fields[rules->n_root_fields++] = field;
	}
	return EXIT_DONE;
}

enum exit_code rules_open(struct rules *rules, const struct rules_source *source)
{
	enum exit_code code;

	*rules = (struct rules){ .names = *source->names };
	code = add_texts(rules, source);
	if (!code && source->path)
		code = add_file(rules, source);
	if (!code)
		code = find_trace_fields(rules);
	return code;
}

void rules_close(struct rules *rules)
{
	for (unsigned int i = 0; i < rules->n; i++)
		condition_free(rules->list[i].condition);
	free(rules->list);
	rules->list = NULL;
	rules->n = 0;
}

unsigned int rules_match(const struct rules *rules, const struct record_view *record, unsigned int limit)
{
	unsigned int i = 0;

	while (i < limit && rules->list[i].condition && !condition_holds(rules->list[i].condition, record))
		i++;
	return i;
}
