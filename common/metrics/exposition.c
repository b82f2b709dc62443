/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16 * 1024, NUMBER_SIZE = 32 };

static const uint64_t SECOND_NS = 1000000000;
static const double EXACT_MAX = 9007199254740992.0; /* 2^53 */

/* ---- text ---- */

void page_add_bytes(struct page *page, const char *bytes, size_t length)
{
	size_t capacity = page->capacity ? page->capacity : CAPACITY_FIRST;

	while (capacity - page->length < length)
		capacity *= 2;
	if (!page->failed && capacity != page->capacity) {
		char *larger = realloc(page->bytes, capacity);

		page->failed = !larger;
		page->bytes = larger ? larger : page->bytes;
		page->capacity = larger ? capacity : page->capacity;
	}
	if (page->failed)
		return;
	memcpy(page->bytes + page->length, bytes, length);
	page->length += length;
}

void page_add_text(struct page *page, const char *text)
{
	page_add_bytes(page, text, strlen(text));
}

/* `special` are the bytes that get a backslash before them; a line feed is always "\n". */
static void add_escaped(struct page *page, const char *bytes, size_t length, const char *special)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			page_add_text(page, "\\n");
		else if (strchr(special, bytes[i]))
			page_add_bytes(page, (const char[]){ '\\', bytes[i] }, 2);
		else
			page_add_bytes(page, &bytes[i], 1);
	}
}

void page_add_label_value(struct page *page, const char *bytes, size_t length)
{
	add_escaped(page, bytes, length, "\\\"");
}

static void format_number(double number, char text[NUMBER_SIZE])
{
	if (isnan(number) || isinf(number)) {
		snprintf(text, NUMBER_SIZE, "%s", isnan(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (number == floor(number) && fabs(number) < EXACT_MAX) {
		snprintf(text, NUMBER_SIZE, "%.0f", number);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, NUMBER_SIZE, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			return;
	}
}

static void add_number(struct page *page, double number)
{
	char text[NUMBER_SIZE];

	format_number(number, text);
	page_add_text(page, text);
}

/* A bound or quantile, as OpenMetrics has it: the digits of Go's %g, and "1.0" for 1 (section "Canonical Numbers"). */
static void format_canonical(double number, char text[NUMBER_SIZE])
{
	double size = fabs(number);

	if (isinf(number) || number == 0 || (size >= 1e-4 && size < 1e6)) {
		format_number(number, text);
		if (!isinf(number) && number == floor(number))
			snprintf(text + strlen(text), NUMBER_SIZE - strlen(text), ".0");
		return;
	}
	for (int digits = 0; digits < 17; digits++) {
		snprintf(text, NUMBER_SIZE, "%.*e", digits, number);
		if (strtod(text, NULL) == number)
			return;
	}
}

/* ---- series ---- */

struct writer {
	struct page *page;
	const struct metric *metric;
	size_t name_length; /* how much of the metric's name the samples bear */
	struct shown_bounds shown;
	const struct constant_label *constants;
	unsigned int n_constants;
};

static bool is_openmetrics(const struct page *page)
{
	return page->format == PAGE_OPENMETRICS;
}

static void add_label(struct page *page, const char *name, const char *value, size_t length, bool *any)
{
	page_add_text(page, *any ? "," : "{");
	*any = true;
	page_add_text(page, name);
	page_add_text(page, "=\"");
	page_add_label_value(page, value, length);
	page_add_text(page, "\"");
}

static void add_series_labels(const struct writer *writer, const struct series *series, bool *any)
{
	const struct metric *metric = writer->metric;

	if (series == metric->overflow) {
		add_label(writer->page, "otel_metric_overflow", "true", strlen("true"), any);
		return;
	}
	if (metric->shape->rendered) {
		page_add_text(writer->page, series->labels[0].length ? "{" : "");
		page_add_bytes(writer->page, series->labels[0].bytes, series->labels[0].length);
		*any = series->labels[0].length;
		return;
	}
	for (unsigned int i = 0; i < metric->n_labels; i++)
		add_label(writer->page, metric->shape->labels[i], series->labels[i].bytes, series->labels[i].length,
			  any);
}

/* Everything of a sample's line up to its value. `name` and `value` are of a label more (le, quantile), or NULL. */
static void begin_sample(const struct writer *writer, const struct series *series, const char *suffix, const char *name,
			 const char *value)
{
	struct page *page = writer->page;
	bool any = false;

	page_add_bytes(page, writer->metric->shape->name, writer->name_length);
	page_add_text(page, suffix);
	add_series_labels(writer, series, &any);
	for (unsigned int i = 0; i < writer->n_constants; i++)
		add_label(page, writer->constants[i].name, writer->constants[i].value,
			  strlen(writer->constants[i].value), &any);
	if (name)
		add_label(page, name, value, strlen(value), &any);
	page_add_text(page, any ? "} " : " ");
}

static void add_exemplar(struct page *page, const struct exemplar *exemplar)
{
	bool any = false;
	char time[NUMBER_SIZE];

	if (!is_openmetrics(page) || !exemplar || !exemplar_is_whole(exemplar))
		return;
	page_add_text(page, " # ");
	add_label(page, "trace_id", exemplar->trace_id, strlen(exemplar->trace_id), &any);
	if (exemplar->span_id[0])
		add_label(page, "span_id", exemplar->span_id, strlen(exemplar->span_id), &any);
	page_add_text(page, "} ");
	add_number(page, exemplar->value);
	snprintf(time, sizeof(time), " %" PRIu64 ".%09" PRIu64, exemplar->wall_ns / SECOND_NS,
		 exemplar->wall_ns % SECOND_NS);
	page_add_text(page, exemplar->wall_ns ? time : "");
}

static void write_sample(const struct writer *writer, const struct series *series, const char *suffix, double value)
{
	begin_sample(writer, series, suffix, NULL, NULL);
	add_number(writer->page, value);
	page_add_text(writer->page, "\n");
}

/* In OpenMetrics a counter's or info's family is called without the suffix that its samples have. */
static size_t family_length(const struct page *page, const struct metric_shape *shape)
{
	const char *suffix = shape->type == METRIC_COUNTER ? COUNTER_SUFFIX : shape->is_info ? "_info" : "";
	size_t length = strlen(shape->name), size = strlen(suffix);

	if (is_openmetrics(page) && length > size && !strcmp(shape->name + length - size, suffix))
		return length - size;
	return length;
}

static void write_created(const struct writer *writer, const struct series *series)
{
	struct writer of_family = *writer;
	char time[NUMBER_SIZE];

	if (!is_openmetrics(writer->page) || !writer->page->created || !series->created_wall_ns)
		return;
	of_family.name_length = family_length(writer->page, writer->metric->shape);
	begin_sample(&of_family, series, "_created", NULL, NULL);
	snprintf(time, sizeof(time), "%" PRIu64 ".%03" PRIu64 "\n", series->created_wall_ns / SECOND_NS,
		 series->created_wall_ns % SECOND_NS / 1000000);
	page_add_text(writer->page, time);
}

/* One that is negative, or NaN, makes a page that OpenMetrics' parsers refuse as a whole. */
static bool sum_is_shown(const struct writer *writer, const struct series *series)
{
	return !is_openmetrics(writer->page) || series->value >= 0;
}

static void write_buckets(const struct writer *writer, const struct series *series)
{
	const struct metric_shape *shape = writer->metric->shape;
	uint64_t cumulative = 0;
	char le[NUMBER_SIZE];

	for (unsigned int i = 0; i <= shape->n_bounds; i++) {
		double bound = i < shape->n_bounds ? shape->bounds[i] : (double)INFINITY;

		cumulative += series->counts[i];
		if (!bound_is_shown(&writer->shown, i))
			continue;
		if (is_openmetrics(writer->page))
			format_canonical(bound, le);
		else
			format_number(bound, le);
		begin_sample(writer, series, "_bucket", "le", le);
		add_number(writer->page, (double)cumulative);
		add_exemplar(writer->page, series->exemplars ? &series->exemplars[i] : NULL);
		page_add_text(writer->page, "\n");
	}
	/* A sum of values that may be negative does not rise as it should, and OpenMetrics has no count without a sum. */
	if (is_openmetrics(writer->page) &&
	    ((shape->n_bounds && shape->bounds[0] < 0) || !sum_is_shown(writer, series)))
		return;
	write_sample(writer, series, "_sum", series->value);
	write_sample(writer, series, "_count", (double)cumulative);
}

static void write_quantile(const struct writer *writer, const struct series *series, double quantile, double value)
{
	char text[NUMBER_SIZE];

	/* As with sums. */
	if (is_openmetrics(writer->page) && value < 0)
		return;
	if (is_openmetrics(writer->page))
		format_canonical(quantile, text);
	else
		format_number(quantile, text);
	begin_sample(writer, series, "", "quantile", text);
	add_number(writer->page, value);
	page_add_text(writer->page, "\n");
}

/* No values in the window: no quantiles, but what was counted stays. */
static void write_quantiles(const struct writer *writer, const struct series *series)
{
	const struct metric_shape *shape = writer->metric->shape;
	struct exponential both;

	for (unsigned int i = 0; i < series->n_quantiles; i++)
		write_quantile(writer, series, series->quantiles[i].quantile, series->quantiles[i].value);
	if (series->window) {
		writer->page->failed |= !series_quantiles(series, &both);
		for (unsigned int i = 0; i < shape->n_quantiles && both.count; i++)
			write_quantile(writer, series, shape->quantiles[i],
				       exponential_quantile(&both, shape->quantiles[i]));
		exponential_clear(&both);
	}
	if (sum_is_shown(writer, series))
		write_sample(writer, series, "_sum", series->value);
	write_sample(writer, series, "_count", (double)series->counts[0]);
}

static void write_series(const struct writer *writer, const struct series *series)
{
	switch (writer->metric->shape->type) {
	case METRIC_HISTOGRAM:
		write_buckets(writer, series);
		break;
	case METRIC_SUMMARY:
		write_quantiles(writer, series);
		break;
	default:
		begin_sample(writer, series, "", NULL, NULL);
		add_number(writer->page, series->value);
		add_exemplar(writer->page, series->exemplars);
		page_add_text(writer->page, "\n");
		break;
	}
	if (writer->metric->shape->type != METRIC_GAUGE)
		write_created(writer, series);
}

/* ---- families ---- */

static void add_meta(struct page *page, const char *keyword, const char *name, size_t length, const char *text)
{
	page_add_text(page, "# ");
	page_add_text(page, keyword);
	page_add_text(page, " ");
	page_add_bytes(page, name, length);
	page_add_text(page, " ");
	add_escaped(page, text, strlen(text), is_openmetrics(page) ? "\\\"" : "\\");
	page_add_text(page, "\n");
}

/* The base unit that a name ends in (formats: OpenMetrics, "Units and Base Units"). NULL: none. */
static const char *unit_of(const char *name, size_t length)
{
	static const char *const units[] = { "seconds", "bytes", "ratio",  "celsius",
					     "joules",  "volts", "meters", "grams" };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t size = strlen(units[i]);

		if (length > size + 1 && name[length - size - 1] == '_' &&
		    !memcmp(name + length - size, units[i], size))
			return units[i];
	}
	return NULL;
}

static void write_head(struct page *page, const struct metric_shape *shape)
{
	size_t length = family_length(page, shape);
	const char *unit = unit_of(shape->name, length);

	if (!is_openmetrics(page))
		add_meta(page, "HELP", shape->name, length, shape->help);
	add_meta(page, "TYPE", shape->name, length,
		 shape->is_info && is_openmetrics(page) ? "info" : metric_type_name(shape->type));
	if (!is_openmetrics(page))
		return;
	if (unit && !shape->is_info)
		add_meta(page, "UNIT", shape->name, length, unit);
	add_meta(page, "HELP", shape->name, length, shape->help);
}

/* Returns how many series there are. */
static unsigned int write_metric(struct writer *writer, bool with_head)
{
	const struct metric *metric = writer->metric;
	unsigned int n;
	const struct series **sorted = metric_sort(metric, &n);

	if (!sorted) {
		writer->page->failed = true;
		return 0;
	}
	writer->name_length = strlen(metric->shape->name);
	writer->shown = metric_shown_bounds(metric);
	if (n && with_head)
		write_head(writer->page, metric->shape);
	for (unsigned int i = 0; i < n; i++)
		write_series(writer, sorted[i]);
	free(sorted);
	return n;
}

void page_add_family(struct page *page, const struct metric *const *metrics, unsigned int n_metrics,
		     const struct constant_label *constants, unsigned int n_constants)
{
	struct writer writer = { .page = page, .constants = constants, .n_constants = n_constants };
	bool any = false;

	for (unsigned int i = 0; i < n_metrics; i++) {
		writer.metric = metrics[i];
		any |= write_metric(&writer, !any) > 0;
	}
}

void page_add_metric(struct page *page, const struct metric *metric, const struct constant_label *constants,
		     unsigned int n_constants)
{
	page_add_family(page, &metric, 1, constants, n_constants);
}

void page_end(struct page *page)
{
	if (is_openmetrics(page))
		page_add_text(page, "# EOF\n");
}

const char *page_media_type(enum page_format format)
{
	return format == PAGE_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
		       : "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
}

void page_clear(struct page *page)
{
	free(page->bytes);
	page->bytes = NULL;
	page->length = page->capacity = 0;
	page->failed = false;
}
