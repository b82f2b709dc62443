/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules in force. The first that matches decides; in the order of the command line, then of the file.
 *
 *	--keep CONDITION, --drop CONDITION
 *	--rule 'NAME: CONDITION -> VERDICT', and the same in the file's list `rules` (common/rule/rules_file.h)
 *
 *	NAME       letters, digits, '_' and '.'; --keep and --drop are called keep_N and drop_N by their place
 *	CONDITION  common/rule/condition.h; or '*': every record
 *	VERDICT    keep, drop, a share from 0 to 1, or 1/N
 *
 * Of a trace a rule matches if its condition holds for any of its records. There each record also has
 *
 *	trace_duration_ns   from the earliest start to the latest end
 *	trace_spans         how many of its records are spans
 *	root_NAME           any field NAME of the root
 */
#ifndef OTB_SAMPLE_RULES_H
#define OTB_SAMPLE_RULES_H

#include "cmd/otb-sample/verdict.h"
#include "common/cli/cli.h"
#include "common/rule/condition.h"

enum { RULE_NAME_MAX = 128 };

enum rule_form { RULE_KEEP, RULE_DROP, RULE_WHOLE };

struct rule_text {
	enum rule_form form;
	const char *text;
};

struct rules_source {
	const struct rule_text *texts; /* of the command line */
	unsigned int n_texts;
	const char *path;               /* a JSON file; NULL: none */
	const struct json_names *names; /* those that are always wanted: the set of rules begins with a copy of them */
	struct tallies *tallies;
};

struct rule {
	struct condition *condition; /* NULL: every record */
	struct verdict verdict;
};

/* A field of rules that is one of the root: what it is called in the rules, and where the root has it. */
struct root_field {
	const char *name;
	int number; /* among the names */
};

struct rules {
	struct json_names names; /* what the reader is to hand out */
	struct rule *list;
	unsigned int n;
	bool keeps;              /* some rule keeps with certainty: what none matches is not wanted then */
	const char *trace_field; /* one of the trace's that some rule looks at; NULL: none does */
	struct root_field root_fields[JSON_NAMES_MAX];
	unsigned int n_root_fields;
};

/* Whether some rule looks at more of a trace than its records. */
static inline bool rules_see_trace(const struct rules *rules)
{
	return rules->trace_field || rules->n_root_fields;
}

/* Reads all rules. What is wrong has been said where it returns another code than EXIT_DONE; rules_close() is due all the
 * same. */
enum exit_code rules_open(struct rules *rules, const struct rules_source *source);
void rules_close(struct rules *rules);

/* The number of the first rule that matches, of the first `limit`; else `limit`. */
unsigned int rules_match(const struct rules *rules, const struct record_view *record, unsigned int limit);

#endif
