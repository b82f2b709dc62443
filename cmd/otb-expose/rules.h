/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records to metrics: which event counts in which metric, by how much, under which labels.
 *
 * Rules are data. One metric may have several (the same thing told by different events), and one event several. The
 * metrics' order is that of the page.
 */
#ifndef OTB_EXPOSE_RULES_H
#define OTB_EXPOSE_RULES_H

#include "common/metrics/exposition.h"
#include "common/metrics/series.h"
#include "common/record/json.h"
#include "common/record/reader.h"

enum { RULE_LABEL_MAX = 1024 }; /* bytes of a label value; longer ones are cut at a character */

struct rule {
	const char *event;
	unsigned int metric; /* its place in the list of metrics */
	const char *value;   /* the field with the amount; NULL: each record counts 1 */
	double scale;        /* what the field is multiplied by to get base units; 0: 1 */
	const char *where;   /* only records with this field; NULL: all */
	const char *prefix;  /* and only those in which the text of that field begins with this; NULL: any */
	bool without_prefix; /* only those in which it does not */
	/* Where the metric's labels come from, in their order: a field, or "=text" for a constant. None at all: from the
	 * fields that are called as the labels are. */
	const char *sources[METRIC_LABELS_MAX];
};

extern const struct metric_shape builtin_metrics[];
extern const unsigned int n_builtin_metrics;
extern const struct rule builtin_rules[];
extern const unsigned int n_builtin_rules;

struct bound_rule;

/* Rules in force, and what they have counted. */
struct rules {
	struct json_names fields; /* what the reader is to hand out */
	struct json_names events;
	struct bound_rule *bound; /* those of one event stand together */
	unsigned int n_bound;
	struct metric *metrics;
	unsigned int n_metrics;
	uint64_t ignored;    /* records that no rule is for */
	uint64_t bad_values; /* amounts that are no number, or negative for a counter */
};

/* Binds rules to the metrics they name. Returns 0 or a negative errno (-ENOMEM; -E2BIG: more fields or events than
 * json_names takes); rules_close() is due all the same. */
int rules_open(struct rules *rules, const struct metric_shape *shapes, unsigned int n_shapes, const struct rule *list,
	       unsigned int n_rules);
void rules_close(struct rules *rules);

/* Counts a record. A field that is missing or null is an empty label, which to Prometheus is none; the value field missing,
 * the rule does not count. */
void rules_apply(struct rules *rules, const struct record_view *record);

/* Appends all metrics. */
void rules_expose(const struct rules *rules, struct page *page, const struct constant_label *constants,
		  unsigned int n_constants);

#endif
