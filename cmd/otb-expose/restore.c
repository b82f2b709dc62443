/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/restore.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"
#include "common/record/utf8.h"

enum { SAMPLE_LABELS_MAX = METRIC_LABELS_MAX + 40, BOUNDS_MAX = 256 };

/* A line of the page: NAME{LABELS} VALUE. */
struct sample {
	const char *suffix; /* what follows the family's name: "", "_bucket", "_sum", "_count" */
	struct label_text names[SAMPLE_LABELS_MAX], values[SAMPLE_LABELS_MAX];
	unsigned int n_labels;
	const char *bound; /* le or quantile; NULL: none */
	double value;
};

/* A family whose lines are being read. */
struct family {
	const struct restore *restore;
	struct metric *metric; /* NULL: its lines are of no use */
	bool said;
	uint64_t counts[BOUNDS_MAX]; /* of one series: its buckets as they come, cumulative */
	unsigned int n_counts;
	double sum;
};

/* ---- a line ---- */

/* Takes a label's value up to its closing quote, unescaped in place. NULL: there is none. */
static char *take_value(char *at, struct label_text *value)
{
	char *to = at;

	*value = (struct label_text){ at, 0 };
	for (; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			*to++ = *++at == 'n' ? '\n' : *at;
		else
			*to++ = *at;
	}
	value->length = (size_t)(to - value->bytes);
	return *at == '"' ? at + 1 : NULL;
}

static bool is_text(const struct label_text *text, const char *other)
{
	return text->length == strlen(other) && !memcmp(text->bytes, other, text->length);
}

/* Takes the labels from behind the brace that opens them. NULL: they are none. */
static char *take_labels(char *at, struct sample *sample)
{
	while (*at && *at != '}') {
		struct label_text name = { at, strcspn(at, "=") }, value;

		at += name.length;
		if (at[0] != '=' || at[1] != '"' || sample->n_labels == SAMPLE_LABELS_MAX)
			return NULL;
		at = take_value(at + 2, &value);
		if (!at)
			return NULL;
		if (is_text(&name, "le") || is_text(&name, "quantile")) {
			((char *)value.bytes)[value.length] = '\0';
			sample->bound = value.bytes;
		} else {
			sample->names[sample->n_labels] = name;
			sample->values[sample->n_labels++] = value;
		}
		at += *at == ',';
	}
	return *at == '}' ? at + 1 : NULL;
}

static bool parse_sample(char *line, const char *family, struct sample *sample)
{
	size_t length = strlen(family);
	char *at = line + strcspn(line, "{ "), *end;
	bool has_labels = *at == '{';

	sample->n_labels = 0;
	sample->bound = NULL;
	if (!*at || (size_t)(at - line) < length || strncmp(line, family, length) != 0)
		return false;
	*at++ = '\0';
	sample->suffix = line + length;
	if (has_labels)
		at = take_labels(at, sample);
	if (!at)
		return false;
	sample->value = strtod(at, &end);
	return end != at && !*end;
}

/* ---- a series ---- */

static bool start_afresh(struct family *family, const char *what)
{
	if (!family->said && family->restore->mode == RESTORE_ADD)
		diag_print(DIAG_WARN, "'%s': %s had other %s before: it starts afresh", family->restore->path,
			   family->metric->shape->name, what);
	family->said = true;
	family->metric = NULL;
	return false;
}

/* The place of a label among the metric's; n_labels: it is none of them. */
static unsigned int find_label(const struct metric *metric, const struct label_text *name)
{
	unsigned int i = 0;

	while (i < metric->n_labels && !is_text(name, metric->shape->labels[i]))
		i++;
	return i;
}

static bool is_constant(const struct restore *restore, const struct label_text *name, const struct label_text *value)
{
	for (unsigned int i = 0; i < restore->n_constants; i++)
		if (is_text(name, restore->constants[i].name))
			return is_text(value, restore->constants[i].value);
	return false;
}

/* The series that a page has been added to. NULL: it has expired since. What had no place is in the overflow series. */
static struct series *find_added(const struct metric *metric, const struct label_text *labels, bool overflow)
{
	struct series *series = overflow ? NULL : metric_lookup(metric, labels);
	bool is_full = metric->n_series >= metric->series_max;

	if (series || !metric->overflowed)
		return series;
	return overflow || is_full ? metric->overflow : NULL;
}

/* The series that a line is of. NULL: it is not one of ours as they are now. */
static struct series *find_series(struct family *family, const struct sample *sample)
{
	struct metric *metric = family->metric;
	struct label_text labels[METRIC_LABELS_MAX] = { { NULL, 0 } };
	unsigned int found = 0, constants = 0;
	bool overflow = false, repeated = false;

	for (unsigned int i = 0; i < sample->n_labels; i++) {
		unsigned int place = find_label(metric, &sample->names[i]);

		if (place < metric->n_labels) {
			found += !labels[place].bytes;
			repeated |= labels[place].bytes != NULL;
			labels[place] = sample->values[i];
		} else if (is_constant(family->restore, &sample->names[i], &sample->values[i])) {
			constants++;
		} else if (is_text(&sample->names[i], "otel_metric_overflow")) {
			overflow = true;
		} else {
			start_afresh(family, "labels");
			return NULL;
		}
	}
	if (repeated || constants != family->restore->n_constants || (!overflow && found != metric->n_labels)) {
		start_afresh(family, "labels");
		return NULL;
	}
	if (family->restore->mode == RESTORE_TAKE_BACK)
		return find_added(metric, labels, overflow);
	return overflow ? metric_overflow(metric) : metric_find(metric, labels);
}

/* ---- values ---- */

/* How many measurements a line says there were; what is no such number counts as none. */
static uint64_t count_of(const struct sample *sample)
{
	return sample->value >= 0 && sample->value <= 0x1p60 ? (uint64_t)sample->value : 0;
}

static bool take_bucket(struct family *family, const struct sample *sample)
{
	const struct metric_shape *shape = family->metric->shape;
	unsigned int bucket = family->n_counts;
	double bound = sample->bound ? strtod(sample->bound, NULL) : (double)NAN;

	if (bucket > shape->n_bounds || bucket >= BOUNDS_MAX ||
	    (bucket < shape->n_bounds ? bound != shape->bounds[bucket] : !isinf(bound)))
		return start_afresh(family, "buckets");
	family->counts[bucket] = count_of(sample);
	/* Cumulative: one that falls would count backwards. */
	if (bucket && family->counts[bucket] < family->counts[bucket - 1])
		return start_afresh(family, "buckets");
	family->n_counts++;
	return true;
}

static void change_count(const struct family *family, uint64_t *count, uint64_t n)
{
	if (family->restore->mode == RESTORE_TAKE_BACK)
		*count -= n < *count ? n : *count;
	else
		*count += n;
}

static void change_value(const struct family *family, struct series *series, double value)
{
	double changed = series->value + (family->restore->mode == RESTORE_TAKE_BACK ? -value : value);

	/* Lines that stand twice in a file of somebody else's. */
	if (!isfinite(changed))
		return;
	/* What was added was rounded. */
	series->value = family->metric->shape->type == METRIC_COUNTER && changed < 0 ? 0 : changed;
}

static void change_series(const struct family *family, struct series *series, const struct sample *sample)
{
	if (family->metric->shape->type == METRIC_SUMMARY)
		change_count(family, &series->counts[0], count_of(sample));
	for (unsigned int i = 0; i < family->n_counts; i++)
		change_count(family, &series->counts[i], family->counts[i] - (i ? family->counts[i - 1] : 0));
	change_value(family, series, family->sum);
}

/* The last line of a histogram or a summary: all of it is known now. */
static void add_counts(struct family *family, const struct sample *sample)
{
	const struct metric_shape *shape = family->metric->shape;
	struct series *series;

	if (shape->type == METRIC_HISTOGRAM && family->n_counts != shape->n_bounds + 1) {
		start_afresh(family, "buckets");
		return;
	}
	series = find_series(family, sample);
	if (series)
		change_series(family, series, sample);
	family->n_counts = 0;
	family->sum = 0;
}

static void add_plain(struct family *family, const struct sample *sample)
{
	enum metric_type type = family->metric->shape->type;
	struct series *series = find_series(family, sample);

	if (!series)
		return;
	if (type == METRIC_COUNTER && isfinite(sample->value) && sample->value >= 0)
		change_value(family, series, sample->value);
	else if (type == METRIC_GAUGE && !series->counts[0] && family->restore->mode != RESTORE_TAKE_BACK)
		series->value = sample->value;
}

static void take_sample(struct family *family, const struct sample *sample)
{
	if (!strcmp(sample->suffix, "_bucket"))
		take_bucket(family, sample);
	else if (!strcmp(sample->suffix, "_sum"))
		family->sum = isfinite(sample->value) ? sample->value : 0;
	else if (!strcmp(sample->suffix, "_count"))
		add_counts(family, sample);
	else if (!sample->suffix[0] && family->metric->shape->type != METRIC_SUMMARY)
		add_plain(family, sample);
}

/* ---- the page ---- */

static void begin_family(struct family *family, char *name)
{
	char *type = strchr(name, ' ');

	family->metric = NULL;
	family->said = false;
	family->n_counts = 0;
	family->sum = 0;
	if (!type)
		return;
	*type++ = '\0';
	for (unsigned int i = 0; i < family->restore->n_metrics && !family->metric; i++)
		if (!strcmp(family->restore->metrics[i]->shape->name, name))
			family->metric = family->restore->metrics[i];
	if (family->metric && strcmp(metric_type_name(family->metric->shape->type), type) != 0)
		start_afresh(family, "type");
	/* Whether its series have not been seen for too long can only be told by who has set it. */
	if (family->metric && family->metric->shape->type == METRIC_GAUGE && family->metric->shape->ttl_ns)
		family->metric = NULL;
}

static void take_line(struct family *family, char *line)
{
	static const char type[] = "# TYPE ";
	struct sample sample;

	if (!strncmp(line, type, strlen(type))) {
		begin_family(family, line + strlen(type));
		return;
	}
	if (!*line || *line == '#' || !family->metric)
		return;
	if (parse_sample(line, family->metric->shape->name, &sample))
		take_sample(family, &sample);
	else
		start_afresh(family, "lines than this program writes");
}

/* As it can be shown again: a page of ours is in UTF-8 and holds no NUL. */
static char *copy_clean(const char *bytes, size_t length)
{
	char *copy = malloc(3 * length + 1);

	if (!copy)
		return NULL;
	length = utf8_clean(copy, 3 * length + 1, bytes, length);
	for (char *nul; (nul = memchr(copy, '\0', length)) != NULL;)
		*nul = '?';
	return copy;
}

void restore_page(const struct restore *restore, const char *bytes, size_t length)
{
	struct family family = { .restore = restore };
	char *copy = length ? copy_clean(bytes, length) : NULL, *next = copy;

	if (length && !copy)
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot go on with '%s': it starts afresh", restore->path);
	while (next) {
		char *line = strsep(&next, "\n");

		take_line(&family, line);
	}
	free(copy);
}
