/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that came as OTLP, beside those that are counted here.
 *
 * There is a family for each name, and a series for each set of labels. What a producer sends cumulatively is shown as it
 * came, as the Collector's exporter does it: the last point wins; what it sends as deltas is added up.
 *
 * A name may be that of a metric that is counted here (a "host": of a rule, or of the program itself) if the type and the
 * bounds are the same. Both then stand under one head, and a point that has no other labels than the host knows is added
 * to the host's series: of what is cumulative by the increase since the producer's point before. So no page holds a
 * series twice. The same is done with points that go to the overflow series. For that the last points of such producers
 * are kept, PRODUCERS_PER_SERIES times as many as a metric may have series; further producers' points do not count. They
 * are kept beyond the TTL, while there is something that they have been added to and room for others.
 *
 * A point that contradicts what is known of its name (the type, the bounds of a histogram, or a sample's name that is
 * another metric's: foo_count of a gauge and of a histogram foo) does not count, which is said once for each name.
 */
#ifndef OTB_EXPOSE_IMPORTED_H
#define OTB_EXPOSE_IMPORTED_H

#include "cmd/otb-expose/otlp.h"
#include "cmd/otb-expose/otlp_labels.h"

enum { IMPORTED_FAMILIES_MAX = 4096, PRODUCERS_PER_SERIES = 16 };

/* Of target_info, whose name nothing else may have. */
extern const struct metric_shape imported_target_shape;

struct imported_family;
struct imported_target;

/* What a data point's metric is. All of it is copied. */
struct imported_metric {
	const char *name, *help, *otlp_name, *otlp_unit;
	enum metric_type type;
	const double *bounds;
	unsigned int n_bounds;
	bool sparse; /* see struct metric_shape */
};

struct imported_point {
	const struct otlp_labels *labels; /* ended */
	bool is_delta;
	uint64_t start_wall_ns; /* 0: not known */
	double value;           /* or the sum; not negative for a counter, and finite for all but gauges */
	const uint64_t *counts; /* a histogram's, n_bounds + 1; a summary's one; NULL of others */
	const struct quantile_value *quantiles; /* rising */
	unsigned int n_quantiles;
};

struct imported {
	struct imported_family **families; /* by name */
	unsigned int n_families;
	struct imported_target **targets; /* by identity */
	unsigned int n_targets;
	struct metric **hosts; /* the metrics that are counted here */
	unsigned int n_hosts;
	bool alone;  /* a host's name is not to be had: the textfile's counters go on from the file, and must find only
		     * their own there */
	bool warned; /* that deltas do not go on in a textfile */
	unsigned int series_max;
	uint64_t ttl_ns, now_ns, now_wall_ns;
	char **said; /* names of which a contradiction has been said */
	unsigned int n_said;
	uint64_t bad_values, expired;
	uint64_t lost_targets; /* how often one came for which there was no place, and which is not told of */
};

/* The hosts' array becomes the imported metrics' own. After a change of rules it is set again: a family that contradicts
 * a new host, or of which it cannot be told which of its series are the host's, is forgotten. */
void imported_set_hosts(struct imported *imported, struct metric **hosts, unsigned int n_hosts);
void imported_close(struct imported *imported);

/* Takes a point. NULL: it does not count, which has been counted in bad_values. Else the metric and the series it is in
 * now: *series is for exemplars. */
struct metric *imported_add(struct imported *imported, const struct imported_metric *metric,
			    const struct imported_point *point, struct series **series);

/* Sets what there is to know of a target: its job and instance, and all of its labels, these included. */
void imported_set_target(struct imported *imported, const struct label_text *identity,
			 const struct label_text *rendered);

/* Forgets what was not seen for the TTL: series, then families that have none any more, and targets. */
void imported_expire(struct imported *imported, uint64_t now_ns);

/* Appends all metrics, target_info first, then the hosts, each with what has its name, then all others. */
void imported_expose(const struct imported *imported, struct page *page, const struct constant_label *constants,
		     unsigned int n_constants);
void imported_export(const struct imported *imported, struct otlp_request *request);

/* The metrics of the families, for their counts. NULL: there is no `i`th. */
struct metric *imported_metric(const struct imported *imported, unsigned int i);

#endif
