/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_labels.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/otb-expose/otlp_any.h"
#include "cmd/otb-expose/otlp_names.h"

enum { EXPORTED_MAX = 8, NAME_SIZE = OTLP_LABEL_NAME_SIZE + EXPORTED_MAX * sizeof("exported_") };

void labels_begin(struct otlp_labels *labels, const struct constant_label *constants, unsigned int n_constants)
{
	labels->constants = constants;
	labels->n_constants = n_constants;
	if (labels->texts.failed || labels->joined.failed || labels->rendered.failed)
		labels_clear(labels);
	labels_reset(labels, 0);
}

void labels_clear(struct otlp_labels *labels)
{
	page_clear(&labels->texts);
	page_clear(&labels->joined);
	page_clear(&labels->rendered);
	labels->n_places = labels->n = 0;
}

unsigned int labels_mark(const struct otlp_labels *labels)
{
	return labels->n_places;
}

void labels_reset(struct otlp_labels *labels, unsigned int mark)
{
	/* Texts lie in the order of their places. */
	labels->texts.length = mark ? labels->places[mark - 1].value + labels->places[mark - 1].value_length : 0;
	labels->n_places = mark;
}

/* ---- adding ---- */

static size_t add_text(struct otlp_labels *labels, const char *text, size_t length)
{
	size_t at = labels->texts.length;

	page_add_bytes(&labels->texts, text, length);
	page_add_bytes(&labels->texts, "", 1);
	return at;
}

/* What begins a place; the value is still to come. NULL: there are too many. */
static struct label_place *begin_place(struct otlp_labels *labels, const char *key, size_t key_length, const char *name)
{
	struct label_place *place = &labels->places[labels->n_places];

	if (labels->n_places == OTLP_LABELS_MAX)
		return NULL;
	place->key = add_text(labels, key, key_length);
	place->name = add_text(labels, name, strlen(name));
	place->value = labels->texts.length;
	place->value_length = 0;
	return place;
}

static bool end_place(struct otlp_labels *labels, struct label_place *place)
{
	place->value_length = labels->texts.length - place->value;
	labels->n_places++;
	return !labels->texts.failed;
}

static bool is_constant(const struct otlp_labels *labels, const char *name)
{
	for (unsigned int i = 0; i < labels->n_constants; i++)
		if (!strcmp(labels->constants[i].name, name))
			return true;
	return false;
}

/* Whether an attribute may not have this name. */
static bool is_taken(const struct otlp_labels *labels, const char *name)
{
	static const char *const taken[] = { "job", "instance", "otel_scope_name", "otel_scope_version",
					     "le",  "quantile" };

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (!strcmp(taken[i], name))
			return true;
	return is_constant(labels, name);
}

/* Puts exported_ before a name; false: there are more than EXPORTED_MAX of them. */
static bool export_name(char name[NAME_SIZE])
{
	size_t size = strlen("exported_"), length = strlen(name);

	if (length + size >= NAME_SIZE)
		return false;
	memmove(name + size, name, length + 1);
	memcpy(name, "exported_", size);
	return true;
}

bool labels_add(struct otlp_labels *labels, const char *name, const char *value, size_t length)
{
	struct label_place *place;
	char exported[NAME_SIZE];

	memcpy(exported, name, strlen(name) + 1);
	while (is_constant(labels, exported))
		if (!export_name(exported))
			return false;
	place = begin_place(labels, name, strlen(name), exported);
	if (!place)
		return false;
	page_add_bytes(&labels->texts, value, length);
	return end_place(labels, place);
}

static bool add_attribute(struct otlp_labels *labels, const char *text, const struct json_value *key,
			  const struct json_value *any)
{
	char space[OTLP_NAME_MAX + 8], name[NAME_SIZE];
	const char *string;
	size_t length = json_text_of(text, key, space, sizeof(space), &string);
	struct label_place *place;

	if (!otlp_label_name(string, length, name))
		return false;
	while (is_taken(labels, name))
		if (!export_name(name))
			return false;
	place = begin_place(labels, string, length, name);
	if (!place)
		return false;
	if (otlp_add_text(&labels->texts, text, any))
		return end_place(labels, place);
	labels->texts.length = place->key;
	return true;
}

static bool is_excepted(const char *text, const struct json_value *key, const char *const *except, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (json_key_equals(text, key, except[i]))
			return true;
	return false;
}

bool labels_add_attributes(struct otlp_labels *labels, const char *text, const struct json_value *attributes,
			   const char *const *except, unsigned int n_except)
{
	struct json_walk walk;
	struct json_value element, key, any;

	json_walk_open(&walk, text, attributes);
	while (json_walk_element(&walk, &element)) {
		if (!otlp_take_attribute(text, &element, &key, &any) || is_excepted(text, &key, except, n_except))
			continue;
		if (!add_attribute(labels, text, &key, &any))
			return false;
	}
	return true;
}

/* ---- the list ---- */

static int compare_places(const void *a, const void *b, void *texts)
{
	const struct label_place *left = a, *right = b;
	const char *bytes = texts;
	int order = strcmp(bytes + left->name, bytes + right->name);

	return order ? order : strcmp(bytes + left->key, bytes + right->key);
}

/* A value that is joined lies in `joined`, at an offset until all of it is there. */
struct span_of_text {
	size_t name, start, length;
};

static unsigned int join(struct otlp_labels *labels, const struct label_place *places, struct span_of_text *spans)
{
	const char *texts = labels->texts.bytes;
	unsigned int n = 0;

	labels->joined.length = 0;
	for (unsigned int i = 0; i < labels->n_places; i++) {
		if (!places[i].value_length)
			continue;
		if (n && !strcmp(texts + spans[n - 1].name, texts + places[i].name))
			page_add_text(&labels->joined, ";");
		else
			spans[n++] = (struct span_of_text){ places[i].name, labels->joined.length, 0 };
		page_add_bytes(&labels->joined, texts + places[i].value, places[i].value_length);
		spans[n - 1].length = labels->joined.length - spans[n - 1].start;
	}
	return n;
}

bool labels_end(struct otlp_labels *labels)
{
	struct label_place sorted[OTLP_LABELS_MAX];
	struct span_of_text spans[OTLP_LABELS_MAX];

	labels->rendered.length = labels->n = 0;
	if (labels->texts.failed)
		return false;
	/* The places themselves stay in the order of their texts, which labels_reset() needs. */
	memcpy(sorted, labels->places, labels->n_places * sizeof(sorted[0]));
	qsort_r(sorted, labels->n_places, sizeof(sorted[0]), compare_places, labels->texts.bytes);
	labels->n = join(labels, sorted, spans);
	for (unsigned int i = 0; i < labels->n && !labels->joined.failed; i++) {
		struct otlp_label *label = &labels->list[i];

		label->name = labels->texts.bytes + spans[i].name;
		label->value = (struct label_text){ labels->joined.bytes + spans[i].start, spans[i].length };
		page_add_text(&labels->rendered, i ? "," : "");
		page_add_text(&labels->rendered, label->name);
		page_add_text(&labels->rendered, "=\"");
		page_add_label_value(&labels->rendered, label->value.bytes, label->value.length);
		page_add_text(&labels->rendered, "\"");
	}
	return !labels->joined.failed && !labels->rendered.failed;
}
