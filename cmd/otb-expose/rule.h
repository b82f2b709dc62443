/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule: which records count in which metric, by how much, under which labels. Written in words:
 *
 *	counter http_errors_total{route=url_path} where http_response_status_code >= 500
 *	histogram http_server_request_duration_seconds{http_route} from span value duration_ns / 1e9 buckets 5ms, 0.1, 1
 *
 *	TYPE NAME [{LABEL, ...}] [CLAUSE ...]
 *
 *	TYPE      counter, gauge, histogram or summary
 *	LABEL     NAME (the field of that name), NAME=FIELD or NAME="constant"; behind the first two =~ "REGEX" -> "TEXT":
 *	          a value that the POSIX extended regular expression matches becomes TEXT, in which \0 to \9 are what the
 *	          whole and the groups matched
 *	from EVENT, ...          only records of these events
 *	value FIELD [* or / N]   the amount; without it each record counts 1, which no gauge or summary does
 *	counts FIELD, ...        of a histogram: the record is one itself. A field for each of the bounds, and one more: how many
 *	                         are up to it, and how many there are. `value` is the sum of them all
 *	exemplars                the record gives exemplars, but is counted by another one
 *	buckets N, ...           upper bounds; with a suffix of time (5ms) in seconds
 *	exponential              exponential buckets besides, which --otlp writes in their stead
 *	quantiles N, ...         of a summary; 0.5, 0.9, 0.99 without it
 *	ttl TIME, limit N        a series not seen for TIME is forgotten; at most N series
 *	as NAME                  its name in OTLP, where that is not the name without its suffix
 *	help "TEXT"
 *	where CONDITION          only records of which this holds (common/rule/condition.h); comes last
 *
 * A metric may have several rules. What is of the metric need stand in one of them, and must not differ.
 */
#ifndef OTB_EXPOSE_RULE_H
#define OTB_EXPOSE_RULE_H

#include <regex.h>

#include "common/metrics/series.h"
#include "common/rule/condition.h"

enum { RULE_EVENTS_MAX = 8, RULE_GROUPS = 10, RULE_BOUNDS_MAX = 200, RULE_QUANTILES_MAX = 20 };

enum rule_clause {
	RULE_FROM,
	RULE_VALUE,
	RULE_COUNTS,
	RULE_EXEMPLARS,
	RULE_BUCKETS,
	RULE_EXPONENTIAL,
	RULE_QUANTILES,
	RULE_TTL,
	RULE_LIMIT,
	RULE_AS,
	RULE_HELP,
	RULE_WHERE,
	RULE_CLAUSES
};

struct rule_label {
	char *name;
	char *constant; /* NULL: from the field */
	struct field field;
	regex_t *pattern; /* NULL: as it is */
	char *replacement;
};

struct rule {
	char *text; /* as it was written */
	struct metric_shape shape;
	size_t clauses[RULE_CLAUSES]; /* where each stands in the text, from 1; 0: nowhere */
	unsigned int series_max;      /* 0: the program's default, as shape.ttl_ns is without a clause */
	struct rule_label labels[METRIC_LABELS_MAX];
	unsigned int n_labels;
	char *events[RULE_EVENTS_MAX];
	unsigned int n_events; /* 0: records of any event, and of none */
	struct field value;    /* name NULL: each record counts 1 */
	double factor, divisor;
	struct field *counts; /* n_bounds + 1 of them; NULL: each record is one measurement */
	unsigned int n_counts;
	struct condition *condition; /* NULL: none */
};

/* Whether a label has a meaning of its own on pages: le, quantile, otel_metric_overflow. */
bool rule_reserves_label(const char *name);

/* Parses `text`, and adds the fields it names to `fields`, which it must outlive. False: an error, which the lexer
 * holds. rule_clear() is due in any case. */
bool rule_parse(struct rule *rule, struct lexer *lexer, const char *text, struct json_names *fields);
void rule_clear(struct rule *rule);

/* Lets the first rule of a metric know what a further one, of the same type, labels and buckets, says of the metric: its
 * ttl, limit, quantiles, as and help. False: it says another thing than is known, which the lexer, still that of the
 * further rule, holds. */
bool rule_join(struct rule *first, struct rule *rule, struct lexer *lexer);

#endif
