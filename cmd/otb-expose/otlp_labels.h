/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels of an OTLP data point: those of its resource and scope (job, instance, otel_scope_name, otel_scope_version),
 * and its attributes.
 *
 *	labels_begin(&labels, constants, n_constants);
 *	labels_add(&labels, "job", "shop/cart", 9);
 *	size_t mark = labels_mark(&labels);
 *	for each point:
 *		labels_reset(&labels, mark);
 *		if (labels_add_attributes(&labels, text, &attributes) && labels_end(&labels))
 *			... labels.list, labels.rendered
 *
 * An attribute that has the name of a label of another origin (of the resource, of the scope, of --label, le and quantile)
 * is called exported_NAME, as Prometheus does it. Attributes whose names become one label have their values joined with
 * ';', in the order of their keys. A label with an empty value is none.
 */
#ifndef OTB_EXPOSE_OTLP_LABELS_H
#define OTB_EXPOSE_OTLP_LABELS_H

#include "common/metrics/exposition.h"
#include "common/record/json_walk.h"

enum { OTLP_LABELS_MAX = 64 };

struct otlp_label {
	const char *name;
	struct label_text value;
};

/* Where the texts of an attribute are, in `texts`. */
struct label_place {
	size_t key, name, value, value_length; /* key and name end with a NUL */
};

struct otlp_labels {
	const struct constant_label *constants;
	unsigned int n_constants;
	struct label_place places[OTLP_LABELS_MAX];
	unsigned int n_places;
	struct page texts, joined;

	/* After labels_end(), until the next change: sorted by name; names differ, no value is empty. */
	struct otlp_label list[OTLP_LABELS_MAX];
	unsigned int n;
	struct page rendered; /* as it stands between braces */
};

void labels_begin(struct otlp_labels *labels, const struct constant_label *constants, unsigned int n_constants);
void labels_clear(struct otlp_labels *labels);

/* How many labels there are; and back to that many. */
unsigned int labels_mark(const struct otlp_labels *labels);
void labels_reset(struct otlp_labels *labels, unsigned int mark);

/* Adds a label of a resource or a scope. False: too many, or no memory. */
bool labels_add(struct otlp_labels *labels, const char *name, const char *value, size_t length);

/* Adds attributes, a list of KeyValue, but not those whose keys are in `except`. False: too many, a key of which nothing
 * is left, or no memory. */
bool labels_add_attributes(struct otlp_labels *labels, const char *text, const struct json_value *attributes,
			   const char *const *except, unsigned int n_except);

/* False: no memory. */
bool labels_end(struct otlp_labels *labels);

#endif
