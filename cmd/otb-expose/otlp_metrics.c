/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_metrics.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-expose/otlp_any.h"
#include "cmd/otb-expose/otlp_names.h"
#include "common/record/utf8.h"

enum { HELP_SIZE = 1024, POWER_MAX = 64, SMALL_TEXT = 256 };

/* Integers above are none to all that read them as doubles. */
static const uint64_t COUNT_MAX = UINT64_C(1) << 53;

enum temporality { DELTA = 1, CUMULATIVE = 2 };

/* The kinds of metrics, by the member that holds the points. */
enum data { GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY, DATA_KINDS };

/* A metric, while its points are read. */
struct reading {
	struct otlp_metrics *metrics;
	struct imported *imported;
	const char *text;
	enum data data;
	bool is_delta;
	struct imported_metric metric;
	char name[OTLP_METRIC_NAME_SIZE], help[HELP_SIZE], otlp_name[SMALL_TEXT], otlp_unit[SMALL_TEXT];
};

enum member {
	ATTRIBUTES,
	START,
	TIME,
	FLAGS,
	EXEMPLARS,
	AS_DOUBLE,
	AS_INT,
	COUNT,
	POINT_SUM,
	BUCKET_COUNTS,
	EXPLICIT_BOUNDS,
	SCALE,
	ZERO_COUNT,
	POSITIVE,
	NEGATIVE,
	QUANTILE_VALUES,
	MEMBERS
};

static const char *const members[MEMBERS] = {
	[ATTRIBUTES] = "attributes",
	[START] = "startTimeUnixNano",
	[TIME] = "timeUnixNano",
	[FLAGS] = "flags",
	[EXEMPLARS] = "exemplars",
	[AS_DOUBLE] = "asDouble",
	[AS_INT] = "asInt",
	[COUNT] = "count",
	[POINT_SUM] = "sum",
	[BUCKET_COUNTS] = "bucketCounts",
	[EXPLICIT_BOUNDS] = "explicitBounds",
	[SCALE] = "scale",
	[ZERO_COUNT] = "zeroCount",
	[POSITIVE] = "positive",
	[NEGATIVE] = "negative",
	[QUANTILE_VALUES] = "quantileValues",
};

/* ---- numbers ---- */

static bool is_absent(const struct json_value *value)
{
	return value->type == VALUE_ABSENT || value->type == VALUE_NULL;
}

/* A number that is 0 where it is missing, as in all of protobuf. */
static bool read_count(const char *text, const struct json_value *value, uint64_t *count)
{
	*count = 0;
	return is_absent(value) || (json_walk_uint64(text, value, count) && *count <= COUNT_MAX);
}

static bool read_int(const char *text, const struct json_value *value, int64_t min, int64_t max, int64_t *number)
{
	*number = 0;
	return (is_absent(value) || json_walk_int64(text, value, number)) && *number >= min && *number <= max;
}

static uint64_t read_time(const char *text, const struct json_value *value)
{
	uint64_t time;

	return json_walk_uint64(text, value, &time) ? time : 0;
}

/* The value of a number's data point or of an exemplar. */
static bool read_number(const char *text, const struct json_value *as_double, const struct json_value *as_int,
			double *number)
{
	int64_t integer;

	if (!is_absent(as_double))
		return json_walk_double(text, as_double, number);
	if (!json_walk_int64(text, as_int, &integer))
		return false;
	*number = (double)integer;
	return true;
}

/* ---- points ---- */

/* A sum of counts, which is to be `count`. */
static bool counts_add_up(const uint64_t *counts, unsigned int n, uint64_t count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += counts[i];
	return sum == count;
}

static bool read_sum(const char *text, const struct json_value values[MEMBERS], double *sum)
{
	*sum = 0;
	return is_absent(&values[POINT_SUM]) || (json_walk_double(text, &values[POINT_SUM], sum) && isfinite(*sum));
}

static bool read_bounds(struct reading *reading, const struct json_value *list)
{
	double *bounds = reading->metrics->bounds;
	struct json_walk walk;
	struct json_value element;
	unsigned int n = 0;

	json_walk_open(&walk, reading->text, list);
	for (; json_walk_element(&walk, &element); n++)
		if (n == OTLP_BOUNDS_MAX || !json_walk_double(reading->text, &element, &bounds[n]) ||
		    !isfinite(bounds[n]) || (n && bounds[n] <= bounds[n - 1]))
			return false;
	reading->metric.bounds = bounds;
	reading->metric.n_bounds = n;
	return true;
}

/* Without buckets there is one, which holds all. */
static bool read_histogram(struct reading *reading, const struct json_value values[MEMBERS],
			   struct imported_point *point)
{
	uint64_t *counts = reading->metrics->counts, count;
	struct json_walk walk;
	struct json_value element;
	unsigned int n = 0;

	if (!read_count(reading->text, &values[COUNT], &count) || !read_bounds(reading, &values[EXPLICIT_BOUNDS]))
		return false;
	json_walk_open(&walk, reading->text, &values[BUCKET_COUNTS]);
	for (; json_walk_element(&walk, &element); n++)
		if (n > OTLP_BOUNDS_MAX || !read_count(reading->text, &element, &counts[n]))
			return false;
	if (!n && !reading->metric.n_bounds)
		counts[n++] = count;
	point->counts = counts;
	return n == reading->metric.n_bounds + 1 && counts_add_up(counts, n, count) &&
	       read_sum(reading->text, values, &point->value);
}

/* The power of two that closes a bucket, or a larger one that does. */
static int64_t upper_power(int64_t index, int scale)
{
	return scale >= 0 ? (index >> scale) + 1 : (index + 1) * (INT64_C(1) << -scale);
}

/* Where the first of the bounds is 0, the power p has place p + POWER_MAX + 1. */
static unsigned int place_of_power(int64_t power)
{
	if (power < -POWER_MAX)
		return 1;
	return power > POWER_MAX ? 2 * POWER_MAX + 2 : (unsigned int)(power + POWER_MAX + 1);
}

/* Adds the buckets of one sign. False: a bucket that no double is in, or a number that is none. */
static bool add_buckets(struct reading *reading, const struct json_value *buckets, int scale, bool negative)
{
	static const char *const names[] = { "offset", "bucketCounts" };
	uint64_t *counts = reading->metrics->counts, count;
	int64_t first = exponential_index(DBL_TRUE_MIN, scale), last = exponential_index(DBL_MAX, scale), index;
	struct json_value values[2], element;
	struct json_walk walk;

	json_find(reading->text, buckets, names, 2, values);
	if (!read_int(reading->text, &values[0], INT32_MIN, INT32_MAX, &index))
		return false;
	json_walk_open(&walk, reading->text, &values[1]);
	for (; json_walk_element(&walk, &element); index++) {
		if (!read_count(reading->text, &element, &count) || (count && (index < first || index > last)))
			return false;
		if (count)
			counts[negative ? 0 : place_of_power(upper_power(index, scale))] += count;
	}
	return true;
}

static bool read_exponential(struct reading *reading, const struct json_value values[MEMBERS],
			     struct imported_point *point)
{
	struct otlp_metrics *metrics = reading->metrics;
	uint64_t count, zeros;
	int64_t scale;

	reading->metric.bounds = metrics->powers;
	reading->metric.n_bounds = metrics->n_powers;
	reading->metric.sparse = true;
	memset(metrics->counts, 0, sizeof(metrics->counts));
	point->counts = metrics->counts;
	if (!read_count(reading->text, &values[COUNT], &count) ||
	    !read_count(reading->text, &values[ZERO_COUNT], &zeros) ||
	    !read_int(reading->text, &values[SCALE], EXPONENTIAL_SCALE_MIN, EXPONENTIAL_SCALE_MAX, &scale))
		return false;
	metrics->counts[0] = zeros;
	return add_buckets(reading, &values[POSITIVE], (int)scale, false) &&
	       add_buckets(reading, &values[NEGATIVE], (int)scale, true) &&
	       counts_add_up(metrics->counts, metrics->n_powers + 1, count) &&
	       read_sum(reading->text, values, &point->value);
}

static int compare_quantiles(const void *a, const void *b)
{
	double left = ((const struct quantile_value *)a)->quantile,
	       right = ((const struct quantile_value *)b)->quantile;

	return left < right ? -1 : left > right;
}

static bool read_quantiles(struct reading *reading, const struct json_value *list, struct imported_point *point)
{
	static const char *const names[] = { "quantile", "value" };
	struct quantile_value *quantiles = reading->metrics->quantiles;
	struct json_value element, values[2];
	struct json_walk walk;
	unsigned int n = 0;

	json_walk_open(&walk, reading->text, list);
	for (; json_walk_element(&walk, &element); n++) {
		if (n == OTLP_QUANTILES_MAX)
			return false;
		json_find(reading->text, &element, names, 2, values);
		quantiles[n] = (struct quantile_value){ 0, 0 };
		if ((!is_absent(&values[0]) && !json_walk_double(reading->text, &values[0], &quantiles[n].quantile)) ||
		    (!is_absent(&values[1]) && !json_walk_double(reading->text, &values[1], &quantiles[n].value)) ||
		    !(quantiles[n].quantile >= 0 && quantiles[n].quantile <= 1))
			return false;
	}
	qsort(quantiles, n, sizeof(*quantiles), compare_quantiles);
	for (unsigned int i = 1; i < n; i++)
		if (quantiles[i].quantile == quantiles[i - 1].quantile)
			return false;
	point->quantiles = quantiles;
	point->n_quantiles = n;
	return true;
}

static bool read_summary(struct reading *reading, const struct json_value values[MEMBERS], struct imported_point *point)
{
	point->counts = reading->metrics->counts;
	return read_count(reading->text, &values[COUNT], &reading->metrics->counts[0]) &&
	       read_sum(reading->text, values, &point->value) &&
	       read_quantiles(reading, &values[QUANTILE_VALUES], point);
}

static bool read_value(struct reading *reading, const struct json_value values[MEMBERS], struct imported_point *point)
{
	switch (reading->data) {
	case HISTOGRAM:
		return read_histogram(reading, values, point);
	case EXPONENTIAL:
		return read_exponential(reading, values, point);
	case SUMMARY:
		return read_summary(reading, values, point);
	default:
		if (!read_number(reading->text, &values[AS_DOUBLE], &values[AS_INT], &point->value))
			return false;
		return reading->metric.type == METRIC_COUNTER ? isfinite(point->value) && point->value >= 0
							      : !point->is_delta || isfinite(point->value);
	}
}

/* ---- exemplars ---- */

/* Hex digits of the right number, not all zeros, in lower case; else nothing. */
static void copy_id(const char *text, const struct json_value *value, char *id, size_t size)
{
	bool any = false;

	id[0] = '\0';
	if (value->type != VALUE_STRING || value->length != size - 1)
		return;
	for (size_t i = 0; i < size - 1; i++) {
		char c = text[value->start + i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
			id[0] = '\0';
			return;
		}
		id[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
		any |= c != '0';
	}
	id[any ? size - 1 : 0] = '\0';
}

static void add_exemplar(const struct reading *reading, const struct json_value *value, struct metric *metric,
			 struct series *series)
{
	enum { TRACE_ID, SPAN_ID, WHEN, DOUBLE, INT, NAMES };
	static const char *const names[NAMES] = { "traceId", "spanId", "timeUnixNano", "asDouble", "asInt" };
	struct json_value values[NAMES];
	struct exemplar exemplar, *place;

	json_find(reading->text, value, names, NAMES, values);
	copy_id(reading->text, &values[TRACE_ID], exemplar.trace_id, sizeof(exemplar.trace_id));
	copy_id(reading->text, &values[SPAN_ID], exemplar.span_id, sizeof(exemplar.span_id));
	exemplar.wall_ns = read_time(reading->text, &values[WHEN]);
	if (!exemplar.trace_id[0] || !read_number(reading->text, &values[DOUBLE], &values[INT], &exemplar.value) ||
	    !isfinite(exemplar.value))
		return;
	place = metric_exemplar(metric, series, exemplar.value);
	if (place)
		*place = exemplar;
}

static void add_exemplars(const struct reading *reading, const struct json_value *list, struct metric *metric,
			  struct series *series)
{
	struct json_walk walk;
	struct json_value element;

	json_walk_open(&walk, reading->text, list);
	while (json_walk_element(&walk, &element))
		add_exemplar(reading, &element, metric, series);
}

/* ---- metrics ---- */

static bool add_point(struct reading *reading, const struct json_value *data_point)
{
	struct otlp_labels *labels = &reading->metrics->labels;
	struct imported_point point = { .labels = labels, .is_delta = reading->is_delta };
	struct json_value values[MEMBERS];
	struct metric *metric;
	struct series *series;
	uint64_t flags = 0;

	if (data_point->type != VALUE_OBJECT)
		return false;
	json_find(reading->text, data_point, members, MEMBERS, values);
	json_walk_uint64(reading->text, &values[FLAGS], &flags);
	if (flags & 1)
		return true;
	point.start_wall_ns = read_time(reading->text, &values[START]);
	labels_reset(labels, reading->metrics->of_scope);
	if (!read_value(reading, values, &point) ||
	    !labels_add_attributes(labels, reading->text, &values[ATTRIBUTES], NULL, 0) || !labels_end(labels))
		return false;
	metric = imported_add(reading->imported, &reading->metric, &point, &series);
	if (metric)
		add_exemplars(reading, &values[EXEMPLARS], metric, series);
	return true;
}

/* A text of the metric as a C string; cut at a character where it is too long. */
static size_t copy_text(const char *text, const struct json_value *value, char *out, size_t size)
{
	char space[HELP_SIZE];
	const char *string;
	size_t length = json_text_of(text, value, space, sizeof(space), &string);

	length = length >= size ? utf8_cut(string, size - 1) : length;
	memcpy(out, string, length);
	out[length] = '\0';
	for (char *nul; (nul = memchr(out, '\0', length)) != NULL;)
		*nul = '?';
	return length;
}

static enum otlp_kind kind_of(const struct reading *reading)
{
	if (reading->data == GAUGE)
		return OTLP_GAUGE;
	return reading->metric.type == METRIC_COUNTER ? OTLP_COUNTER : OTLP_OTHER;
}

static bool begin_names(struct reading *reading, const struct json_value *name, const struct json_value *unit,
			const struct json_value *help)
{
	size_t length = copy_text(reading->text, name, reading->otlp_name, sizeof(reading->otlp_name));
	size_t unit_length = copy_text(reading->text, unit, reading->otlp_unit, sizeof(reading->otlp_unit));

	/* What was cut is too long for a name: only its length in the text tells that. */
	if (name->type != VALUE_STRING || (!name->escaped && name->length > length))
		return false;
	if (!otlp_metric_name(reading->otlp_name, length, reading->otlp_unit, unit_length, kind_of(reading),
			      reading->name))
		return false;
	/* promlint, and people, want a text. */
	if (!copy_text(reading->text, help, reading->help, sizeof(reading->help)))
		snprintf(reading->help, sizeof(reading->help), "The OpenTelemetry metric %s.", reading->otlp_name);
	reading->metric.name = reading->name;
	reading->metric.help = reading->help;
	reading->metric.otlp_name = reading->otlp_name;
	reading->metric.otlp_unit = reading->otlp_unit;
	return true;
}

/* What the member that holds the points says of all of them. False: they are of no use. */
static bool begin_data(struct reading *reading, const struct json_value *is_monotonic,
		       const struct json_value *aggregation)
{
	static const enum metric_type types[DATA_KINDS] = { [GAUGE] = METRIC_GAUGE,
							    [SUM] = METRIC_GAUGE,
							    [HISTOGRAM] = METRIC_HISTOGRAM,
							    [EXPONENTIAL] = METRIC_HISTOGRAM,
							    [SUMMARY] = METRIC_SUMMARY };
	uint64_t temporality = CUMULATIVE;

	reading->metric.type = types[reading->data];
	if (reading->data == SUM && is_monotonic->type == VALUE_TRUE)
		reading->metric.type = METRIC_COUNTER;
	if (reading->data == GAUGE || reading->data == SUMMARY)
		return true;
	if (!json_walk_uint64(reading->text, aggregation, &temporality))
		return false;
	reading->is_delta = temporality == DELTA;
	return temporality == DELTA || temporality == CUMULATIVE;
}

static void add_data(struct reading *reading, const struct json_value *data, const struct json_value *name,
		     const struct json_value *unit, const struct json_value *help)
{
	static const char *const names[] = { "dataPoints", "aggregationTemporality", "isMonotonic" };
	struct json_value values[3], element;
	struct json_walk walk;
	bool good;

	json_find(reading->text, data, names, 3, values);
	good = begin_data(reading, &values[2], &values[1]) && begin_names(reading, name, unit, help);
	json_walk_open(&walk, reading->text, &values[0]);
	while (json_walk_element(&walk, &element))
		if (!good || !add_point(reading, &element))
			reading->imported->bad_values++;
}

static void add_metric(struct otlp_metrics *metrics, struct imported *imported, const char *text,
		       const struct json_value *metric)
{
	enum { NAME = DATA_KINDS, UNIT, DESCRIPTION, NAMES };
	static const char *const names[NAMES] = {
		[GAUGE] = "gauge",         [SUM] = "sum",
		[HISTOGRAM] = "histogram", [EXPONENTIAL] = "exponentialHistogram",
		[SUMMARY] = "summary",     [NAME] = "name",
		[UNIT] = "unit",           [DESCRIPTION] = "description",
	};
	struct json_value values[NAMES];

	json_find(text, metric, names, NAMES, values);
	for (enum data data = 0; data < DATA_KINDS; data++) {
		struct reading reading = { .metrics = metrics, .imported = imported, .text = text, .data = data };

		if (values[data].type == VALUE_OBJECT)
			add_data(&reading, &values[data], &values[NAME], &values[UNIT], &values[DESCRIPTION]);
		else
			imported->bad_values += !is_absent(&values[data]);
	}
}

/* ---- resources and scopes ---- */

/* Appends the value of one of the resource's attributes. False: it has none, or an empty one. */
static bool add_value_of(struct page *out, const char *text, const struct json_value *attributes, const char *name)
{
	struct json_walk walk;
	struct json_value element, key, any;
	size_t before = out->length;

	json_walk_open(&walk, text, attributes);
	while (json_walk_element(&walk, &element)) {
		if (!otlp_take_attribute(text, &element, &key, &any) || !json_key_equals(text, &key, name))
			continue;
		out->length = before;
		otlp_add_text(out, text, &any);
	}
	return out->length > before;
}

/* Adds job and instance to both lists of labels. */
static bool add_identity(struct otlp_metrics *metrics, const char *text, const struct json_value *attributes)
{
	struct page value = { .bytes = NULL };
	bool added = true;

	if (add_value_of(&value, text, attributes, "service.namespace"))
		page_add_text(&value, "/");
	if (add_value_of(&value, text, attributes, "service.name"))
		added = !value.failed && labels_add(&metrics->labels, "job", value.bytes, value.length) &&
			labels_add(&metrics->target, "job", value.bytes, value.length);
	value.length = 0;
	if (added && add_value_of(&value, text, attributes, "service.instance.id"))
		added = !value.failed && labels_add(&metrics->labels, "instance", value.bytes, value.length) &&
			labels_add(&metrics->target, "instance", value.bytes, value.length);
	page_clear(&value);
	return added;
}

static void set_target(struct otlp_metrics *metrics, struct imported *imported, const char *text,
		       const struct json_value *attributes)
{
	static const char *const identifying[] = { "service.name", "service.namespace", "service.instance.id" };
	struct otlp_labels *target = &metrics->target;
	struct label_text identity, rendered;
	unsigned int own = labels_mark(target);

	if (!own || !labels_end(&metrics->labels))
		return;
	if (!labels_add_attributes(target, text, attributes, identifying, 3) || !labels_end(target)) {
		imported->bad_values++;
		return;
	}
	identity = (struct label_text){ metrics->labels.rendered.bytes, metrics->labels.rendered.length };
	rendered = (struct label_text){ target->rendered.bytes, target->rendered.length };
	if (target->n > own)
		imported_set_target(imported, &identity, &rendered);
}

static bool begin_scope(struct otlp_metrics *metrics, const char *text, const struct json_value *scope,
			unsigned int of_resource)
{
	static const char *const names[] = { "name", "version" }, *const labels[] = { "otel_scope_name",
										      "otel_scope_version" };
	struct json_value values[2];
	char value[OTLP_VALUE_MAX];
	bool added = true;

	labels_reset(&metrics->labels, of_resource);
	json_find(text, scope, names, 2, values);
	for (unsigned int i = 0; i < 2 && added && values[0].type == VALUE_STRING && values[0].length; i++)
		added = labels_add(&metrics->labels, labels[i], value,
				   copy_text(text, &values[i], value, sizeof(value)));
	metrics->of_scope = labels_mark(&metrics->labels);
	return added;
}

static void add_scope(struct otlp_metrics *metrics, struct imported *imported, const char *text,
		      const struct json_value *of_scope, unsigned int of_resource)
{
	static const char *const names[] = { "scope", "metrics" };
	struct json_value values[2], metric;
	struct json_walk walk;

	json_find(text, of_scope, names, 2, values);
	if (!begin_scope(metrics, text, &values[0], of_resource)) {
		imported->bad_values++;
		return;
	}
	json_walk_open(&walk, text, &values[1]);
	while (json_walk_element(&walk, &metric)) {
		if (metric.type == VALUE_OBJECT)
			add_metric(metrics, imported, text, &metric);
		else
			imported->bad_values++;
	}
}

static void add_resource(struct otlp_metrics *metrics, struct imported *imported, const char *text,
			 const struct json_value *of_resource)
{
	static const char *const names[] = { "resource", "scopeMetrics" }, *const of_attributes[] = { "attributes" };
	struct json_value values[2], attributes, scope;
	struct json_walk walk;
	unsigned int mark;

	json_find(text, of_resource, names, 2, values);
	json_find(text, &values[0], of_attributes, 1, &attributes);
	labels_begin(&metrics->labels, metrics->constants, metrics->n_constants);
	labels_begin(&metrics->target, metrics->constants, metrics->n_constants);
	if (!add_identity(metrics, text, &attributes)) {
		imported->bad_values++;
		return;
	}
	mark = labels_mark(&metrics->labels);
	set_target(metrics, imported, text, &attributes);
	json_walk_open(&walk, text, &values[1]);
	while (json_walk_element(&walk, &scope))
		add_scope(metrics, imported, text, &scope, mark);
}

void otlp_metrics_add(struct otlp_metrics *metrics, struct imported *imported, const char *text,
		      const struct json_value *resource_metrics)
{
	struct json_walk walk;
	struct json_value element;

	json_walk_open(&walk, text, resource_metrics);
	while (json_walk_element(&walk, &element))
		add_resource(metrics, imported, text, &element);
}

void otlp_metrics_open(struct otlp_metrics *metrics, const struct constant_label *constants, unsigned int n_constants)
{
	metrics->constants = constants;
	metrics->n_constants = n_constants;
	metrics->n_powers = 2 * POWER_MAX + 2;
	metrics->powers[0] = 0;
	for (int power = -POWER_MAX; power <= POWER_MAX; power++)
		metrics->powers[power + POWER_MAX + 1] = ldexp(1, power);
}

void otlp_metrics_close(struct otlp_metrics *metrics)
{
	labels_clear(&metrics->labels);
	labels_clear(&metrics->target);
}
