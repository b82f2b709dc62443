/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/own.h"

#include <string.h>

const struct metric_shape own_shapes[OWN_METRICS] = {
	[OWN_LINES] = {
		.name = "otb_expose_lines_total",
		.type = METRIC_COUNTER,
		.help = "Lines read that were not empty.",
	},
	[OWN_BAD_LINES] = {
		.name = "otb_expose_bad_lines_total",
		.type = METRIC_COUNTER,
		.help = "Lines that were no record, by what was wrong.",
		.labels = { "reason" },
	},
	[OWN_IGNORED_RECORDS] = {
		.name = "otb_expose_ignored_records_total",
		.type = METRIC_COUNTER,
		.help = "Records that no rule is for.",
	},
	[OWN_BAD_VALUES] = {
		.name = "otb_expose_bad_values_total",
		.type = METRIC_COUNTER,
		.help = "Amounts that did not count, as they were no number, or negative, thresholds that were none, and "
			"data points of OTLP that are malformed or contradict what is known of their metric.",
	},
	[OWN_SERIES] = {
		.name = "otb_expose_series",
		.type = METRIC_GAUGE,
		.help = "Series there are of the metrics made of records and of those that came as OTLP.",
	},
	[OWN_OVERFLOWS] = {
		.name = "otb_expose_overflowed_values_total",
		.type = METRIC_COUNTER,
		.help = "Values that went into the overflow series of their metric, which had no place for one more; of "
			"target_info, which has none, targets that are not in it.",
		.labels = { "metric" },
	},
	[OWN_EXPIRED] = {
		.name = "otb_expose_expired_series_total",
		.type = METRIC_COUNTER,
		.help = "Series forgotten because nothing had been seen of them for the time that the TTL is.",
	},
	[OWN_RELOADS] = {
		.name = "otb_expose_rules_reloads_total",
		.type = METRIC_COUNTER,
		.help = "Times that the file of rules was read anew, by whether the new rules are in force.",
		.labels = { "result" },
	},
	[OWN_SCRAPES] = {
		.name = "otb_expose_scrapes_total",
		.type = METRIC_COUNTER,
		.help = "Pages sent over HTTP.",
	},
	[OWN_SCRAPE_DURATION] = {
		.name = "otb_expose_last_scrape_duration_seconds",
		.type = METRIC_GAUGE,
		.help = "Time that it took to make the last page sent over HTTP.",
	},
};

bool own_open(struct own *own)
{
	bool opened = true;

	for (unsigned int i = 0; i < OWN_METRICS; i++)
		opened &= !metric_open(&own->metrics[i], &own_shapes[i], METRIC_SERIES_MAX);
	return opened;
}

void own_close(struct own *own)
{
	for (unsigned int i = 0; i < OWN_METRICS; i++)
		metric_close(&own->metrics[i]);
}

static void set(struct own *own, enum own_metric metric, const char *label, double value)
{
	struct label_text text = { label, strlen(label) };

	metric_add(&own->metrics[metric], metric_get(&own->metrics[metric], &text), value, 1);
}

/* Counters rise by what a total has risen since: a textfile's go on from what they were before this run. */
static void raise(struct own *own, enum own_metric metric, const char *label, uint64_t total, uint64_t *counted)
{
	set(own, metric, label, (double)(total - *counted));
	*counted = total;
}

static void update_overflow(struct own *own, struct metric *metric)
{
	if (metric->overflow_count)
		set(own, OWN_OVERFLOWS, metric->shape->name, (double)metric->overflow_count);
	metric->overflow_count = 0;
}

/* A target has no overflow series: all of them together are none. */
static void update_targets(struct own *own, const struct imported *imported)
{
	if (imported->lost_targets)
		raise(own, OWN_OVERFLOWS, imported_target_shape.name, imported->lost_targets,
		      &own->totals[OWN_OVERFLOWS]);
}

/* By metric, where there is something to say. Returns how many series there are. */
static double update_series(struct own *own, const struct rules *rules, const struct imported *imported)
{
	struct metric *metric;
	double series = 0;

	for (unsigned int i = 0; i < rules->n_metrics; i++) {
		update_overflow(own, &rules->metrics[i]);
		series += rules->metrics[i].n_series + rules->metrics[i].overflowed;
	}
	for (unsigned int i = 0; (metric = imported_metric(imported, i)) != NULL; i++) {
		update_overflow(own, metric);
		series += metric->n_series + metric->overflowed;
	}
	return series;
}

/* Every reason is there from the start: a rate of a counter that comes into being with its first event misses it. */
void own_update(struct own *own, const struct reader *reader, const struct rules *rules,
		const struct imported *imported, const struct http_server *http)
{
	raise(own, OWN_LINES, "", reader->lines, &own->totals[OWN_LINES]);
	for (enum json_status status = JSON_OK + 1; status < JSON_STATUSES; status++)
		raise(own, OWN_BAD_LINES, json_status_word(status), reader->bad_by_reason[status],
		      &own->bad_lines[status]);
	raise(own, OWN_IGNORED_RECORDS, "", rules->ignored, &own->totals[OWN_IGNORED_RECORDS]);
	raise(own, OWN_BAD_VALUES, "", rules->bad_values + imported->bad_values, &own->totals[OWN_BAD_VALUES]);
	raise(own, OWN_EXPIRED, "", rules->expired + imported->expired, &own->totals[OWN_EXPIRED]);
	set(own, OWN_SERIES, "", update_series(own, rules, imported));
	update_targets(own, imported);
	if (own->has_file) {
		raise(own, OWN_RELOADS, "done", own->reloads, &own->totals[OWN_RELOADS]);
		raise(own, OWN_RELOADS, "failed", own->failed_reloads, &own->said_failed_reloads);
	}
	if (!http)
		return;
	raise(own, OWN_SCRAPES, "", http_counts(http).scrapes, &own->totals[OWN_SCRAPES]);
	set(own, OWN_SCRAPE_DURATION, "", http_counts(http).last_seconds);
}
