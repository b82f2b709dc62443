/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules in force, and what they have counted.
 *
 * Rules come from the program (builtin.c), from --metric and from a file; a metric may have several (the same thing told
 * by different records), and an event too. The metrics' order is that of their first rules. A rule whose metric was
 * there before with another type, other labels or other buckets is left out, which is said.
 */
#ifndef OTB_EXPOSE_RULES_H
#define OTB_EXPOSE_RULES_H

#include "cmd/otb-expose/rule.h"
#include "common/cli/cli.h"
#include "common/metrics/exposition.h"
#include "common/record/random.h"
#include "common/record/reader.h"

enum { RULE_LABEL_MAX = 1024 }; /* bytes of a label value; longer ones are cut at a character */

extern const char *const builtin_rules[];
extern const unsigned int n_builtin_rules;

struct rules_source {
	bool builtin;             /* those of the program */
	const char *const *texts; /* of --metric */
	unsigned int n_texts;
	const char *path; /* a JSON file; NULL: none */
	uint64_t ttl_ns;  /* of metrics whose rules have none; 0: never */
	unsigned int series_max;
	bool exemplars;                             /* they are shown */
	const struct metric_shape *const *reserved; /* metrics whose names no rule may have */
	unsigned int n_reserved;
	const struct constant_label *constants; /* whose names no label may have */
	unsigned int n_constants;
};

struct bound_rule;

struct rules {
	struct json_names fields; /* what the reader is to hand out */
	struct json_names events;
	struct rule **list, **left_out; /* left_out: `fields` has their names */
	unsigned int n_list, n_left_out;
	struct bound_rule *bound; /* those of one event stand together, those of any event last */
	unsigned int n_bound, n_of_any;
	unsigned int first[JSON_NAMES_MAX]; /* by event: in `bound` */
	struct metric *metrics;
	unsigned int n_metrics;
	int event, trace_id, span_id, time, threshold;       /* in `fields` */
	int resource_spans, resource_metrics, resource_logs; /* the same: what makes a line OTLP/JSON */
	struct random random;
	uint64_t ignored;    /* records that no rule is for */
	uint64_t bad_values; /* amounts that are no number, or negative for a counter; thresholds that are none */
	uint64_t expired;    /* series */
};

/* Reads and binds all rules. What is wrong has been said where it returns another code than EXIT_DONE (EXIT_USAGE: in a
 * rule, a constant label or the file, which may not be there; EXIT_FAILED: no memory, or too many events); rules_close() is
 * due all the same. `seed` is of the rounding of weights. */
enum exit_code rules_open(struct rules *rules, const struct rules_source *source, uint64_t seed);
void rules_close(struct rules *rules);

/* Lets new rules take over what old ones have counted, as far as their metrics are equal. */
void rules_take_over(struct rules *rules, struct rules *from);

/* Sets what is now for all that is counted from here on. */
void rules_set_time(struct rules *rules, uint64_t now_ns, uint64_t now_wall_ns);

/* Counts a record, or what it stands for where it is one of a sample. A field that is missing or null is an empty label,
 * which to Prometheus is none; the value field missing, the rule does not count. */
void rules_apply(struct rules *rules, const struct record_view *record);

/* Forgets series that were not seen for their TTL. */
void rules_expire(struct rules *rules, uint64_t now_ns);

/* Writes the rules in force to `page`, as --metric takes them, one a line. */
void rules_print(const struct rules *rules, struct page *page);

#endif
