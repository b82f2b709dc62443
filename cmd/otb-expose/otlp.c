/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/cli.h"
#include "common/record/semconv.h"

enum { NAME_SIZE = 256, CUMULATIVE = 2 };

/* ---- JSON ---- */

static void add(struct otlp_request *request, const char *text)
{
	page_add_text(request->page, text);
}

static void add_string(struct otlp_request *request, const char *bytes, size_t length)
{
	char escaped[8];

	add(request, "\"");
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte < 0x20 || byte == '"' || byte == '\\')
			snprintf(escaped, sizeof(escaped), byte < 0x20 ? "\\u%04x" : "\\%c", byte);
		else
			snprintf(escaped, sizeof(escaped), "%c", byte);
		add(request, escaped);
	}
	add(request, "\"");
}

/* 64-bit integers are strings (protobuf's JSON mapping). */
static void add_uint(struct otlp_request *request, const char *name, uint64_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "\"%s\":\"%" PRIu64 "\"", name, value);
	add(request, text);
}

static void add_double(struct otlp_request *request, const char *name, double value)
{
	char text[96];

	if (isnan(value) || isinf(value))
		snprintf(text, sizeof(text), "\"%s\":\"%s\"", name,
			 isnan(value) ? "NaN"
			 : value > 0  ? "Infinity"
				      : "-Infinity");
	else
		snprintf(text, sizeof(text), "\"%s\":%.17g", name, value);
	add(request, text);
}

/* ---- names ---- */

static const struct {
	const char *suffix, *unit; /* UCUM */
} units[] = {
	{ "_seconds", "s" }, { "_bytes", "By" }, { "_ratio", "1" },  { "_celsius", "Cel" },
	{ "_joules", "J" },  { "_volts", "V" },  { "_meters", "m" }, { "_grams", "g" },
};

static bool cut(char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	if (length <= size || strcmp(name + length - size, suffix) != 0)
		return false;
	name[length - size] = '\0';
	return true;
}

/* A ratio is a gauge's unit alone: exporters put the suffix on no other. */
static const char *split_name(const struct metric_shape *shape, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s", shape->name);
	if (shape->type == METRIC_COUNTER)
		cut(name, COUNTER_SUFFIX);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if ((strcmp(units[i].unit, "1") != 0 || shape->type == METRIC_GAUGE) && cut(name, units[i].suffix))
			return units[i].unit;
	return "";
}

/* ---- points ---- */

/* As JSON has it, and small enough for 64 bits. */
static bool is_integer(const char *value, size_t length)
{
	size_t i = *value == '-';

	if (length > 18 || i == length || (value[i] == '0' && length > 1))
		return false;
	while (i < length && value[i] >= '0' && value[i] <= '9')
		i++;
	return i == length;
}

/* All is text on a page. The types are those of the conventions, so that one series is one for who tells them apart. */
static void add_attribute(struct otlp_request *request, const char *name, const char *value, size_t length, bool *any)
{
	if (!length)
		return;
	add(request, *any ? "," : "");
	*any = true;
	add(request, "{\"key\":");
	add_string(request, name, strlen(name));
	add(request, semconv_is_integer(name) && is_integer(value, length) ? ",\"value\":{\"intValue\":"
									   : ",\"value\":{\"stringValue\":");
	add_string(request, value, length);
	add(request, "}}");
}

/* Takes the value of a label up to the quote that closes it, unescaped. Returns what follows. */
static const char *take_value(const char *at, const char *end, char *value, size_t *length)
{
	for (*length = 0; at < end && *at != '"'; at++) {
		if (*at == '\\' && at + 1 < end)
			value[(*length)++] = *++at == 'n' ? '\n' : *at;
		else
			value[(*length)++] = *at;
	}
	return at < end ? at + 1 : end;
}

/* The labels of a rendered metric: NAME="VALUE",... */
static void add_rendered(struct otlp_request *request, const struct label_text *rendered, bool *any)
{
	const char *at = rendered->bytes, *end = at + rendered->length, *equals;
	char *space = malloc(2 * rendered->length + 2), *name = space, *value;
	size_t length;

	request->page->failed |= !space;
	while (space && at < end && (equals = memchr(at, '=', (size_t)(end - at))) != NULL) {
		memcpy(name, at, (size_t)(equals - at));
		name[equals - at] = '\0';
		value = name + (equals - at) + 1;
		at = take_value(equals + 2, end, value, &length);
		add_attribute(request, semconv_attribute(name), value, length, any);
		at += at < end;
	}
	free(space);
}

static void add_attributes(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	bool is_overflow = series == metric->overflow, any = is_overflow;

	add(request, "\"attributes\":[");
	if (is_overflow)
		add(request, "{\"key\":\"otel.metric.overflow\",\"value\":{\"boolValue\":true}}");
	else if (metric->shape->rendered)
		add_rendered(request, &series->labels[0], &any);
	for (unsigned int i = 0; !is_overflow && !metric->shape->rendered && i < metric->n_labels; i++)
		add_attribute(request, semconv_attribute(metric->shape->labels[i]), series->labels[i].bytes,
			      series->labels[i].length, &any);
	for (unsigned int i = 0; i < request->n_constants; i++)
		add_attribute(request, request->constants[i].name, request->constants[i].value,
			      strlen(request->constants[i].value), &any);
	add(request, "]");
}

static void add_times(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	uint64_t start = series->created_wall_ns ? series->created_wall_ns : request->start_wall_ns;

	if (metric->shape->type != METRIC_GAUGE) {
		add(request, ",");
		add_uint(request, "startTimeUnixNano", start);
	}
	add(request, ",");
	add_uint(request, "timeUnixNano", request->now_wall_ns);
}

static void add_exemplars(struct otlp_request *request, const struct series *series, unsigned int n)
{
	bool any = false;

	for (unsigned int i = 0; series->exemplars && i < n; i++) {
		const struct exemplar *exemplar = &series->exemplars[i];

		if (!exemplar_is_whole(exemplar))
			continue;
		add(request, any ? ",{" : ",\"exemplars\":[{");
		any = true;
		add_uint(request, "timeUnixNano", exemplar->wall_ns);
		add(request, ",");
		add_double(request, "asDouble", exemplar->value);
		add(request, ",\"traceId\":");
		add_string(request, exemplar->trace_id, strlen(exemplar->trace_id));
		add(request, ",\"spanId\":");
		add_string(request, exemplar->span_id, strlen(exemplar->span_id));
		add(request, "}");
	}
	add(request, any ? "]" : "");
}

static void add_counts(struct otlp_request *request, const uint64_t *counts, unsigned int n)
{
	char text[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s\"%" PRIu64 "\"", i ? "," : "", counts[i]);
		add(request, text);
	}
}

/* Where a bound is left out, its bucket is empty. */
static void add_buckets(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	const struct metric_shape *shape = metric->shape;
	struct shown_bounds shown = metric_shown_bounds(metric);
	char text[40];

	add(request, "\"bucketCounts\":[");
	for (unsigned int i = 0; i <= shape->n_bounds; i++) {
		if (!bound_is_shown(&shown, i))
			continue;
		add(request, i ? "," : "");
		add_counts(request, &series->counts[i], 1);
	}
	add(request, "],\"explicitBounds\":[");
	for (unsigned int i = 0; i < shape->n_bounds; i++) {
		if (!bound_is_shown(&shown, i))
			continue;
		snprintf(text, sizeof(text), "%s%.17g", i ? "," : "", shape->bounds[i]);
		add(request, text);
	}
	add(request, "]");
}

static void add_histogram_point(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i <= metric->shape->n_bounds; i++)
		count += series->counts[i];
	add(request, ",");
	add_uint(request, "count", count);
	add(request, ",");
	add_double(request, "sum", series->value);
	add(request, ",");
	add_buckets(request, metric, series);
	add_exemplars(request, series, metric->shape->n_bounds + 1);
}

static void add_range(struct otlp_request *request, const char *name, const struct exponential_range *range)
{
	char text[64];

	snprintf(text, sizeof(text), ",\"%s\":{\"offset\":%" PRId32 ",\"bucketCounts\":[", name, range->offset);
	add(request, text);
	add_counts(request, range->counts, range->n);
	add(request, "]}");
}

static void add_exponential_point(struct otlp_request *request, const struct metric *metric,
				  const struct series *series)
{
	const struct exponential *exponential = series->exponential;
	char scale[32];

	add(request, ",");
	add_uint(request, "count", exponential->count);
	add(request, ",");
	add_double(request, "sum", exponential->sum);
	snprintf(scale, sizeof(scale), ",\"scale\":%d,", exponential->scale);
	add(request, scale);
	add_uint(request, "zeroCount", exponential->zero_count);
	add_range(request, "positive", &exponential->positive);
	add_range(request, "negative", &exponential->negative);
	if (exponential->count) {
		add(request, ",");
		add_double(request, "min", exponential->min);
		add(request, ",");
		add_double(request, "max", exponential->max);
	}
	add_exemplars(request, series, metric->shape->n_bounds + 1);
}

static void add_quantile(struct otlp_request *request, double quantile, double value, bool first)
{
	add(request, first ? "{" : ",{");
	add_double(request, "quantile", quantile);
	add(request, ",");
	add_double(request, "value", value);
	add(request, "}");
}

static void add_quantiles(struct otlp_request *request, const struct metric_shape *shape, const struct series *series)
{
	struct exponential both;

	for (unsigned int i = 0; i < series->n_quantiles; i++)
		add_quantile(request, series->quantiles[i].quantile, series->quantiles[i].value, !i);
	if (!series->window)
		return;
	request->page->failed |= !series_quantiles(series, &both);
	for (unsigned int i = 0; both.count && i < shape->n_quantiles; i++)
		add_quantile(request, shape->quantiles[i], exponential_quantile(&both, shape->quantiles[i]), !i);
	exponential_clear(&both);
}

static void add_summary_point(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	add(request, ",");
	add_uint(request, "count", series->counts[0]);
	add(request, ",");
	add_double(request, "sum", series->value);
	add(request, ",\"quantileValues\":[");
	add_quantiles(request, metric->shape, series);
	add(request, "]");
}

static void add_point(struct otlp_request *request, const struct metric *metric, const struct series *series)
{
	add(request, "{");
	add_attributes(request, metric, series);
	add_times(request, metric, series);
	switch (metric->shape->type) {
	case METRIC_HISTOGRAM:
		if (metric->shape->exponential)
			add_exponential_point(request, metric, series);
		else
			add_histogram_point(request, metric, series);
		break;
	case METRIC_SUMMARY:
		add_summary_point(request, metric, series);
		break;
	default:
		add(request, ",");
		add_double(request, "asDouble", series->value);
		add_exemplars(request, series, 1);
		break;
	}
	add(request, "}");
}

/* ---- metrics ---- */

static void begin_metric(struct otlp_request *request, const struct metric_shape *shape)
{
	static const char *const types[METRIC_TYPES] = {
		[METRIC_COUNTER] = "sum",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_SUMMARY] = "summary",
	};
	char name[NAME_SIZE], temporality[64];
	const char *of_name = split_name(shape, name), *unit = shape->otlp_unit ? shape->otlp_unit : of_name;

	add(request, request->any ? ",{\"name\":" : "{\"name\":");
	request->any = true;
	add_string(request, shape->otlp_name ? shape->otlp_name : name,
		   strlen(shape->otlp_name ? shape->otlp_name : name));
	add(request, ",\"description\":");
	add_string(request, shape->help, strlen(shape->help));
	add(request, ",\"unit\":");
	add_string(request, unit, strlen(unit));
	add(request, ",\"");
	add(request, shape->exponential ? "exponentialHistogram" : types[shape->type]);
	add(request, "\":{");
	snprintf(temporality, sizeof(temporality), "\"aggregationTemporality\":%d,", CUMULATIVE);
	if (shape->type == METRIC_COUNTER || shape->type == METRIC_HISTOGRAM)
		add(request, temporality);
	add(request, shape->type == METRIC_COUNTER ? "\"isMonotonic\":true,\"dataPoints\":[" : "\"dataPoints\":[");
}

void otlp_begin(struct otlp_request *request)
{
	add(request, "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[]},\"scopeMetrics\":[{\"scope\":{\"name\":"
		     "\"otb-expose\",\"version\":\"" OTB_VERSION "\"},\"metrics\":[");
	request->any = false;
}

/* Returns how many points there are now; `n_before` is how many there were. */
static unsigned int add_points(struct otlp_request *request, const struct metric *metric, unsigned int n_before)
{
	unsigned int n;
	const struct series **sorted = metric_sort(metric, &n);

	request->page->failed |= !sorted;
	if (n && !n_before)
		begin_metric(request, metric->shape);
	for (unsigned int i = 0; i < n; i++) {
		add(request, i || n_before ? "," : "");
		add_point(request, metric, sorted[i]);
	}
	free(sorted);
	return n_before + n;
}

void otlp_add_family(struct otlp_request *request, const struct metric *const *metrics, unsigned int n_metrics)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_metrics; i++)
		n = add_points(request, metrics[i], n);
	if (n)
		add(request, "]}}");
}

void otlp_add_metric(struct otlp_request *request, const struct metric *metric)
{
	otlp_add_family(request, &metric, 1);
}

void otlp_end(struct otlp_request *request)
{
	add(request, "]}]}]}\n");
}
