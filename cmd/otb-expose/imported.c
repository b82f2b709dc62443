/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/imported.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-expose/otlp_names.h"
#include "common/cli/diag.h"

enum { SAID_MAX = 256 };

struct imported_family {
	struct metric_shape shape;
	struct metric metric, producers; /* producers: the last points of those whose series is not their own */
	bool has_producers;
	uint64_t seen_ns;
	struct metric *host; /* NULL: none has its name */
	char *name, *help, *otlp_name, *otlp_unit;
	double *bounds;
	uint64_t *increase; /* n_bounds + 1: of a point that is being added */
};

struct imported_target {
	char *identity, *rendered;
	size_t identity_length, rendered_length;
	uint64_t seen_ns;
};

const struct metric_shape imported_target_shape = {
	.name = "target_info",
	.type = METRIC_GAUGE,
	.help = "What is known of a target besides its job and instance: the attributes of its OpenTelemetry resource.",
	.labels = { "rendered" },
	.rendered = true,
	.is_info = true,
};

/* ---- names ---- */

static bool names_clash(const struct metric_shape *shape, const struct imported_metric *metric)
{
	const struct metric_shape other = { .name = metric->name, .type = metric->type };

	return shapes_clash(shape, &other);
}

static bool shape_fits(const struct metric_shape *shape, const struct imported_metric *metric)
{
	return shape->type == metric->type && shape->n_bounds == metric->n_bounds &&
	       (!shape->n_bounds || !memcmp(shape->bounds, metric->bounds, shape->n_bounds * sizeof(double)));
}

/* Exponential buckets and windows of quantiles cannot take what is counted already. */
static bool host_fits(const struct imported *imported, const struct metric_shape *shape,
		      const struct imported_metric *metric)
{
	return !imported->alone && shape_fits(shape, metric) && !shape->exponential && shape->type != METRIC_SUMMARY;
}

/* Says what is wrong with a name, once; returns NULL. */
static struct imported_family *refuse(struct imported *imported, const char *name, const char *what)
{
	char **said, *copy;

	for (unsigned int i = 0; i < imported->n_said; i++)
		if (!strcmp(imported->said[i], name))
			return NULL;
	said = imported->n_said < SAID_MAX ? realloc(imported->said, (imported->n_said + 1) * sizeof(char *)) : NULL;
	copy = said ? strdup(name) : NULL;
	imported->said = said ? said : imported->said;
	if (!copy)
		return NULL;
	imported->said[imported->n_said++] = copy;
	diag_print(DIAG_WARN, "OTLP metric '%s' does not count: %s", name, what);
	return NULL;
}

/* ---- families ---- */

static void family_free(struct imported_family *family)
{
	if (!family)
		return;
	metric_close(&family->metric);
	if (family->has_producers)
		metric_close(&family->producers);
	free(family->name);
	free(family->help);
	free(family->otlp_name);
	free(family->otlp_unit);
	free(family->bounds);
	free(family->increase);
	free(family);
}

static bool family_copy(struct imported_family *family, const struct imported_metric *metric)
{
	size_t size = metric->n_bounds * sizeof(double);

	family->name = strdup(metric->name);
	family->help = strdup(metric->help);
	family->otlp_name = strdup(metric->otlp_name);
	family->otlp_unit = strdup(metric->otlp_unit);
	family->bounds = malloc(size + 1);
	family->increase = calloc(metric->n_bounds + 1, sizeof(uint64_t));
	if (!family->name || !family->help || !family->otlp_name || !family->otlp_unit || !family->bounds ||
	    !family->increase)
		return false;
	if (size)
		memcpy(family->bounds, metric->bounds, size);
	return true;
}

static struct imported_family *family_new(const struct imported *imported, const struct imported_metric *metric)
{
	struct imported_family *family = calloc(1, sizeof(*family));

	if (!family || !family_copy(family, metric)) {
		family_free(family);
		return NULL;
	}
	family->shape = (struct metric_shape){ .name = family->name,
					       .type = metric->type,
					       .help = family->help,
					       .labels = { "rendered" },
					       .bounds = family->bounds,
					       .n_bounds = metric->n_bounds,
					       .sparse = metric->sparse,
					       .rendered = true,
					       .has_exemplars = true,
					       .otlp_name = family->otlp_name,
					       .otlp_unit = family->otlp_unit,
					       .ttl_ns = imported->ttl_ns };
	if (!metric_open(&family->metric, &family->shape, imported->series_max))
		return family;
	family_free(family);
	return NULL;
}

/* The place of a name among the families, or where it belongs. */
static unsigned int find_family(const struct imported *imported, const char *name, bool *found)
{
	unsigned int low = 0, high = imported->n_families;

	*found = false;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		int order = strcmp(imported->families[middle]->name, name);

		*found |= !order;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct metric *find_host(struct metric *const *hosts, unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(hosts[i]->shape->name, name))
			return hosts[i];
	return NULL;
}

/* What speaks against a new family; NULL: nothing. */
static const char *find_contradiction(const struct imported *imported, const struct imported_metric *metric,
				      const struct metric *host)
{
	if (host && imported->alone)
		return "there is a metric of a rule that has this name, and goes on from the textfile";
	if (host && !host_fits(imported, host->shape, metric))
		return "there is a metric of a rule that has this name, and another type or other buckets";
	if (names_clash(&imported_target_shape, metric))
		return "the name is that of what is made of resources";
	for (unsigned int i = 0; i < imported->n_hosts; i++)
		if (imported->hosts[i] != host && names_clash(imported->hosts[i]->shape, metric))
			return "samples of a rule's metric have this name";
	for (unsigned int i = 0; i < imported->n_families; i++)
		if (names_clash(&imported->families[i]->shape, metric))
			return "samples of another OTLP metric have this name";
	return imported->n_families < IMPORTED_FAMILIES_MAX ? NULL : "there are too many metrics";
}

static struct imported_family *add_family(struct imported *imported, const struct imported_metric *metric,
					  unsigned int place)
{
	struct metric *host = find_host(imported->hosts, imported->n_hosts, metric->name);
	const char *contradiction = find_contradiction(imported, metric, host);
	struct imported_family **families, *family;

	if (contradiction)
		return refuse(imported, metric->name, contradiction);
	families = realloc(imported->families, (imported->n_families + 1) * sizeof(*families));
	if (!families)
		return NULL;
	imported->families = families;
	family = family_new(imported, metric);
	if (!family)
		return NULL;
	family->host = host;
	memmove(families + place + 1, families + place, (imported->n_families - place) * sizeof(*families));
	families[place] = family;
	imported->n_families++;
	return family;
}

static struct imported_family *get_family(struct imported *imported, const struct imported_metric *metric)
{
	bool found;
	unsigned int place = find_family(imported, metric->name, &found);

	if (!found)
		return add_family(imported, metric, place);
	if (shape_fits(&imported->families[place]->shape, metric))
		return imported->families[place];
	return refuse(imported, metric->name, "it came with another type or other buckets before");
}

/* ---- where a point goes ---- */

/* `own`: a series that is one producer's. */
struct place {
	struct metric *metric;
	struct series *series;
	bool own, is_new;
};

static struct place overflow_of(const struct imported *imported, struct imported_family *family)
{
	struct metric *metric = family->host ? family->host : &family->metric;

	metric->overflowed = true;
	metric->overflow_count++;
	metric->overflow->seen_ns = imported->now_ns;
	return (struct place){ metric, metric->overflow, false, false };
}

static bool is_overflow(const struct otlp_labels *labels)
{
	return labels->n == 1 && !strcmp(labels->list[0].name, "otel_metric_overflow") &&
	       labels->list[0].value.length == strlen("true") && !memcmp(labels->list[0].value.bytes, "true", 4);
}

/* The values of the host's labels; false: there are others. */
static bool read_labels(const struct metric *host, const struct otlp_labels *labels,
			struct label_text values[METRIC_LABELS_MAX])
{
	unsigned int known = 0;

	for (unsigned int i = 0; i < host->n_labels; i++) {
		values[i] = (struct label_text){ "", 0 };
		for (unsigned int j = 0; j < labels->n; j++) {
			if (strcmp(labels->list[j].name, host->shape->labels[i]) != 0)
				continue;
			values[i] = labels->list[j].value;
			known++;
		}
	}
	return known == labels->n;
}

static struct place find_own(const struct imported *imported, struct imported_family *family,
			     const struct label_text *rendered)
{
	struct metric *metric = &family->metric;
	struct place place = { metric, metric_lookup(metric, rendered), true, false };

	if (!place.series) {
		/* One that has begun in the overflow series stays there: else it would count twice. */
		if (metric->n_series >= metric->series_max ||
		    (family->has_producers && metric_lookup(&family->producers, rendered)))
			return overflow_of(imported, family);
		place.is_new = true;
	}
	place.series = metric_get(metric, rendered);
	if (place.series != metric->overflow)
		return place;
	/* There was no memory. */
	metric->overflowed = false;
	metric->overflow_count--;
	return overflow_of(imported, family);
}

static struct place find_place(const struct imported *imported, struct imported_family *family,
			       const struct otlp_labels *labels, const struct label_text *rendered)
{
	struct label_text values[METRIC_LABELS_MAX];

	family->metric.now_ns = imported->now_ns;
	family->metric.now_wall_ns = imported->now_wall_ns;
	if (is_overflow(labels))
		return overflow_of(imported, family);
	if (family->host && read_labels(family->host, labels, values))
		return (struct place){ family->host, metric_get(family->host, values), false, false };
	return find_own(imported, family, rendered);
}

/* ---- what it adds ---- */

/* A host's metric and the family's own have as many counts. */
static void add_values(const struct imported_family *family, struct series *series, double value,
		       const uint64_t *counts)
{
	if (counts)
		metric_add_counts(&family->metric, series, counts, value, 1);
	else
		series->value += value;
}

static void set_values(struct series *series, double value, const uint64_t *counts, unsigned int n)
{
	series->value = value;
	if (counts)
		memcpy(series->counts, counts, n * sizeof(*counts));
}

/* Whether a producer has begun anew since its last point. */
static bool is_reset(const struct series *last, const struct imported_metric *metric,
		     const struct imported_point *point)
{
	if (last->created_wall_ns && point->start_wall_ns > last->created_wall_ns)
		return true;
	if (metric->type == METRIC_COUNTER)
		return point->value < last->value;
	for (unsigned int i = 0; i <= metric->n_bounds; i++)
		if (point->counts[i] < last->counts[i])
			return true;
	return false;
}

/* Adds what a producer's point is more than its last one. False: there are too many producers. */
static bool add_increase(const struct imported *imported, struct imported_family *family, struct series *series,
			 const struct imported_metric *metric, const struct imported_point *point,
			 const struct label_text *rendered)
{
	unsigned int n = metric->n_bounds + 1;
	struct series *last;

	if (!family->has_producers &&
	    metric_open(&family->producers, &family->shape, imported->series_max * PRODUCERS_PER_SERIES)) {
		metric_close(&family->producers);
		return false;
	}
	family->has_producers = true;
	family->producers.now_ns = imported->now_ns;
	last = metric_get(&family->producers, rendered);
	if (last == family->producers.overflow)
		return false;
	if (is_reset(last, metric, point)) {
		last->value = 0;
		memset(last->counts, 0, n * sizeof(*last->counts));
	}
	for (unsigned int i = 0; point->counts && i < n; i++)
		family->increase[i] = point->counts[i] - last->counts[i];
	add_values(family, series, point->value - last->value, point->counts ? family->increase : NULL);
	set_values(last, point->value, point->counts, n);
	last->created_wall_ns = point->start_wall_ns;
	return true;
}

static void set_quantiles(struct series *series, const struct imported_point *point)
{
	size_t size = point->n_quantiles * sizeof(*point->quantiles);
	struct quantile_value *quantiles = malloc(size + 1);

	free(series->quantiles);
	series->quantiles = quantiles;
	series->n_quantiles = quantiles ? point->n_quantiles : 0;
	if (quantiles && size)
		memcpy(quantiles, point->quantiles, size);
}

static bool add_to(const struct imported *imported, struct imported_family *family, const struct place *place,
		   const struct imported_metric *metric, const struct imported_point *point,
		   const struct label_text *rendered)
{
	unsigned int n = metric->n_bounds + 1;

	if (place->own && metric->type == METRIC_SUMMARY)
		set_quantiles(place->series, point);
	if (place->own && (place->is_new || !point->is_delta))
		place->series->created_wall_ns = point->start_wall_ns;
	if (point->is_delta)
		add_values(family, place->series, point->value, point->counts);
	else if (place->own || metric->type == METRIC_GAUGE)
		set_values(place->series, point->value, point->counts, n);
	else
		return add_increase(imported, family, place->series, metric, point, rendered);
	return true;
}

/* How it can be that a counter in a textfile falls. */
static void warn_of_delta(struct imported *imported, const char *name)
{
	if (!imported->alone || imported->warned)
		return;
	imported->warned = true;
	diag_print(DIAG_WARN, "OTLP metric '%s' comes as deltas: a textfile has those of one run only", name);
}

struct metric *imported_add(struct imported *imported, const struct imported_metric *metric,
			    const struct imported_point *point, struct series **series)
{
	const struct label_text rendered = { point->labels->n ? point->labels->rendered.bytes : "",
					     point->labels->rendered.length };
	struct imported_family *family = get_family(imported, metric);
	struct place place;

	if (family) {
		family->seen_ns = imported->now_ns;
		if (point->is_delta)
			warn_of_delta(imported, metric->name);
		place = find_place(imported, family, point->labels, &rendered);
		*series = place.series;
		if (add_to(imported, family, &place, metric, point, &rendered))
			return place.metric;
		refuse(imported, metric->name, "some of its points come from too many producers to add them up");
	}
	imported->bad_values++;
	return NULL;
}

/* ---- hosts ---- */

/* Whether a family can stay beside new hosts. What it has may be the host's from now on. */
static bool survives(struct imported *imported, const struct imported_family *family, struct metric **hosts,
		     unsigned int n_hosts)
{
	const struct imported_metric metric = { .name = family->name,
						.type = family->shape.type,
						.bounds = family->bounds,
						.n_bounds = family->shape.n_bounds };
	const struct metric *host = find_host(hosts, n_hosts, family->name);

	if (host && (!family->host || !shape_equals(family->host->shape, host->shape)))
		return false;
	if (host && !host_fits(imported, host->shape, &metric))
		return false;
	for (unsigned int i = 0; i < n_hosts; i++)
		if (hosts[i] != host && names_clash(hosts[i]->shape, &metric))
			return false;
	return true;
}

/* What producers have added to a host goes with it. */
static void take_host(struct imported_family *family, struct metric *host)
{
	if (family->host && !host && family->has_producers) {
		metric_close(&family->producers);
		family->has_producers = false;
	}
	family->host = host;
}

void imported_set_hosts(struct imported *imported, struct metric **hosts, unsigned int n_hosts)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < imported->n_families; i++) {
		struct imported_family *family = imported->families[i];

		if (!survives(imported, family, hosts, n_hosts)) {
			diag_print(DIAG_WARN, "OTLP metric '%s' starts afresh: there is a rule of this name now",
				   family->name);
			family_free(family);
			continue;
		}
		take_host(family, find_host(hosts, n_hosts, family->name));
		imported->families[n++] = family;
	}
	imported->n_families = n;
	free(imported->hosts);
	imported->hosts = hosts;
	imported->n_hosts = n_hosts;
}

/* ---- targets ---- */

static void target_free(struct imported_target *target)
{
	if (target) {
		free(target->identity);
		free(target->rendered);
	}
	free(target);
}

static char *copy_text(const struct label_text *text)
{
	char *copy = malloc(text->length + 1);

	if (copy)
		memcpy(copy, text->bytes, text->length);
	return copy;
}

static bool texts_equal(const char *bytes, size_t length, const struct label_text *text)
{
	return length == text->length && !memcmp(bytes, text->bytes, length);
}

static struct imported_target *find_target(const struct imported *imported, const struct label_text *identity)
{
	for (unsigned int i = 0; i < imported->n_targets; i++)
		if (texts_equal(imported->targets[i]->identity, imported->targets[i]->identity_length, identity))
			return imported->targets[i];
	return NULL;
}

static struct imported_target *add_target(struct imported *imported, const struct label_text *identity)
{
	struct imported_target **targets, *target;

	if (imported->n_targets == imported->series_max)
		return NULL;
	targets = realloc(imported->targets, (imported->n_targets + 1) * sizeof(*targets));
	if (!targets)
		return NULL;
	imported->targets = targets;
	target = calloc(1, sizeof(*target));
	if (!target)
		return NULL;
	target->identity = copy_text(identity);
	target->identity_length = identity->length;
	if (!target->identity) {
		target_free(target);
		return NULL;
	}
	targets[imported->n_targets++] = target;
	return target;
}

void imported_set_target(struct imported *imported, const struct label_text *identity,
			 const struct label_text *rendered)
{
	struct imported_target *target = find_target(imported, identity);
	char *copy;

	if (!target)
		target = add_target(imported, identity);
	if (!target) {
		imported->lost_targets++;
		return;
	}
	target->seen_ns = imported->now_ns;
	if (target->rendered && texts_equal(target->rendered, target->rendered_length, rendered))
		return;
	copy = copy_text(rendered);
	if (!copy)
		return;
	free(target->rendered);
	target->rendered = copy;
	target->rendered_length = rendered->length;
}

static void expire_targets(struct imported *imported, uint64_t now_ns)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < imported->n_targets; i++) {
		if (now_ns - imported->targets[i]->seen_ns < imported->ttl_ns) {
			imported->targets[n++] = imported->targets[i];
			continue;
		}
		target_free(imported->targets[i]);
		imported->expired++;
	}
	imported->n_targets = n;
}

/* Of a producer that is forgotten while there is what it has added, all would be added anew when it comes back. So it stays,
 * but where there is no room for others any more. */
static void expire_producers(struct imported_family *family, uint64_t now_ns)
{
	const struct metric *host = family->host, *producers = &family->producers;
	bool has_added = host ? host->n_series || host->overflowed : family->metric.overflowed;

	if (family->has_producers && (!has_added || producers->n_series >= producers->series_max))
		metric_expire(&family->producers, now_ns);
}

/* Whether nothing is left of a family, and the program itself has nothing more to tell of it. */
static bool has_ended(const struct imported *imported, const struct imported_family *family, uint64_t now_ns)
{
	return now_ns - family->seen_ns >= imported->ttl_ns && !family->metric.n_series && !family->metric.overflowed &&
	       !family->metric.overflow_count && !(family->has_producers && family->producers.n_series);
}

static void expire_families(struct imported *imported, uint64_t now_ns)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < imported->n_families; i++) {
		struct imported_family *family = imported->families[i];

		imported->expired += metric_expire(&family->metric, now_ns);
		expire_producers(family, now_ns);
		if (has_ended(imported, family, now_ns))
			family_free(family);
		else
			imported->families[n++] = family;
	}
	imported->n_families = n;
}

void imported_expire(struct imported *imported, uint64_t now_ns)
{
	if (!imported->ttl_ns)
		return;
	expire_families(imported, now_ns);
	expire_targets(imported, now_ns);
}

/* ---- pages ---- */

/* A metric with a series for each target; metric_close() is due. */
static bool open_targets(const struct imported *imported, struct metric *metric)
{
	if (metric_open(metric, &imported_target_shape, imported->series_max))
		return false;
	for (unsigned int i = 0; i < imported->n_targets; i++) {
		const struct imported_target *target = imported->targets[i];
		struct label_text text = { target->rendered, target->rendered_length };

		if (target->rendered)
			metric_add(metric, metric_get(metric, &text), 1, 1);
	}
	return true;
}

/* A host and what has its name. */
static unsigned int pair(const struct imported *imported, const struct metric *host, const struct metric *metrics[2])
{
	bool found;
	unsigned int place = find_family(imported, host->shape->name, &found);

	metrics[0] = host;
	if (found)
		metrics[1] = &imported->families[place]->metric;
	return 1 + found;
}

void imported_expose(const struct imported *imported, struct page *page, const struct constant_label *constants,
		     unsigned int n_constants)
{
	const struct metric *metrics[2];
	struct metric targets;

	page->failed |= !open_targets(imported, &targets);
	if (!page->failed)
		page_add_metric(page, &targets, constants, n_constants);
	metric_close(&targets);
	for (unsigned int i = 0; i < imported->n_hosts; i++)
		page_add_family(page, metrics, pair(imported, imported->hosts[i], metrics), constants, n_constants);
	for (unsigned int i = 0; i < imported->n_families; i++)
		if (!imported->families[i]->host)
			page_add_metric(page, &imported->families[i]->metric, constants, n_constants);
}

void imported_export(const struct imported *imported, struct otlp_request *request)
{
	const struct metric *metrics[2];
	struct metric targets;

	request->page->failed |= !open_targets(imported, &targets);
	if (!request->page->failed)
		otlp_add_metric(request, &targets);
	metric_close(&targets);
	for (unsigned int i = 0; i < imported->n_hosts; i++)
		otlp_add_family(request, metrics, pair(imported, imported->hosts[i], metrics));
	for (unsigned int i = 0; i < imported->n_families; i++)
		if (!imported->families[i]->host)
			otlp_add_metric(request, &imported->families[i]->metric);
}

struct metric *imported_metric(const struct imported *imported, unsigned int i)
{
	return i < imported->n_families ? &imported->families[i]->metric : NULL;
}

void imported_close(struct imported *imported)
{
	for (unsigned int i = 0; i < imported->n_families; i++)
		family_free(imported->families[i]);
	for (unsigned int i = 0; i < imported->n_targets; i++)
		target_free(imported->targets[i]);
	for (unsigned int i = 0; i < imported->n_said; i++)
		free(imported->said[i]);
	free(imported->families);
	free(imported->targets);
	free(imported->said);
	free(imported->hosts);
	memset(imported, 0, sizeof(*imported));
}
