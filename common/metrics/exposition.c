/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16 * 1024, NUMBER_SIZE = 32 };

static const double EXACT_MAX = 9007199254740992.0; /* 2^53 */

/* ---- text ---- */

static void add_bytes(struct page *page, const char *bytes, size_t length)
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

static void add_text(struct page *page, const char *text)
{
	add_bytes(page, text, strlen(text));
}

/* `special` are the bytes that get a backslash before them; a line feed is always "\n". */
static void add_escaped(struct page *page, const char *bytes, size_t length, const char *special)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			add_text(page, "\\n");
		else if (strchr(special, bytes[i]))
			add_bytes(page, (const char[]){ '\\', bytes[i] }, 2);
		else
			add_bytes(page, &bytes[i], 1);
	}
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
	add_text(page, text);
}

/* ---- series ---- */

struct writer {
	struct page *page;
	const struct metric *metric;
	const struct constant_label *constants;
	unsigned int n_constants;
};

static void add_label(struct page *page, const char *name, const char *value, size_t length, bool *any)
{
	add_text(page, *any ? "," : "{");
	*any = true;
	add_text(page, name);
	add_text(page, "=\"");
	add_escaped(page, value, length, "\\\"");
	add_text(page, "\"");
}

/* `le` is NULL but for a bucket. */
static void write_sample(const struct writer *writer, const struct series *series, const char *suffix, const char *le,
			 double value)
{
	struct page *page = writer->page;
	bool any = false;

	add_text(page, writer->metric->shape->name);
	add_text(page, suffix);
	if (series == writer->metric->overflow)
		add_label(page, "otel_metric_overflow", "true", strlen("true"), &any);
	else
		for (unsigned int i = 0; i < writer->metric->n_labels; i++)
			add_label(page, writer->metric->shape->labels[i], series->labels[i].bytes,
				  series->labels[i].length, &any);
	for (unsigned int i = 0; i < writer->n_constants; i++)
		add_label(page, writer->constants[i].name, writer->constants[i].value,
			  strlen(writer->constants[i].value), &any);
	if (le)
		add_label(page, "le", le, strlen(le), &any);
	add_text(page, any ? "} " : " ");
	add_number(page, value);
	add_text(page, "\n");
}

static void write_histogram(const struct writer *writer, const struct series *series)
{
	const struct metric_shape *shape = writer->metric->shape;
	uint64_t cumulative = 0;
	char le[NUMBER_SIZE];

	for (unsigned int i = 0; i <= shape->n_bounds; i++) {
		cumulative += series->counts[i];
		format_number(i < shape->n_bounds ? shape->bounds[i] : (double)INFINITY, le);
		write_sample(writer, series, "_bucket", le, (double)cumulative);
	}
	write_sample(writer, series, "_sum", NULL, series->value);
	write_sample(writer, series, "_count", NULL, (double)cumulative);
}

static void write_head(struct page *page, const struct metric_shape *shape)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	add_text(page, "# HELP ");
	add_text(page, shape->name);
	add_text(page, " ");
	add_escaped(page, shape->help, strlen(shape->help), "\\");
	add_text(page, "\n# TYPE ");
	add_text(page, shape->name);
	add_text(page, " ");
	add_text(page, types[shape->type]);
	add_text(page, "\n");
}

void page_add_metric(struct page *page, const struct metric *metric, const struct constant_label *constants,
		     unsigned int n_constants)
{
	struct writer writer = { page, metric, constants, n_constants };
	unsigned int n;
	const struct series **sorted = metric_sort(metric, &n);

	page->failed |= !sorted;
	if (n)
		write_head(page, metric->shape);
	for (unsigned int i = 0; i < n; i++) {
		if (metric->shape->type == METRIC_HISTOGRAM)
			write_histogram(&writer, sorted[i]);
		else
			write_sample(&writer, sorted[i], "", NULL, sorted[i]->value);
	}
	free(sorted);
}

void page_clear(struct page *page)
{
	free(page->bytes);
	*page = (struct page){ .bytes = NULL };
}
