/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_input.h"

void otlp_input_open(struct otlp_input *input, const struct constant_label *constants, unsigned int n_constants)
{
	otlp_metrics_open(&input->metrics, constants, n_constants);
}

void otlp_input_close(struct otlp_input *input)
{
	otlp_spans_close(&input->spans);
	otlp_metrics_close(&input->metrics);
}

static uint64_t count_elements(const char *text, const struct json_value *list)
{
	struct json_walk walk;
	struct json_value element;
	uint64_t n = 0;

	json_walk_open(&walk, text, list);
	while (json_walk_element(&walk, &element))
		n++;
	return n;
}

static uint64_t count_logs(const char *text, const struct json_value *resource_logs)
{
	static const char *const of_resource[] = { "scopeLogs" }, *const of_scope[] = { "logRecords" };
	struct json_walk resources, scopes;
	struct json_value element, list;
	uint64_t n = 0;

	json_walk_open(&resources, text, resource_logs);
	while (json_walk_element(&resources, &element)) {
		json_find(text, &element, of_resource, 1, &list);
		json_walk_open(&scopes, text, &list);
		while (json_walk_element(&scopes, &element)) {
			json_find(text, &element, of_scope, 1, &list);
			n += count_elements(text, &list);
		}
	}
	return n;
}

bool otlp_input_take(struct otlp_input *input, struct rules *rules, struct imported *imported,
		     const struct record_view *record)
{
	const struct json_value *spans = &record->values[rules->resource_spans];
	const struct json_value *metrics = &record->values[rules->resource_metrics];
	const struct json_value *logs = &record->values[rules->resource_logs];

	if (spans->type == VALUE_ARRAY)
		otlp_spans_apply(&input->spans, rules, record, spans);
	if (metrics->type == VALUE_ARRAY)
		otlp_metrics_add(&input->metrics, imported, record->line, metrics);
	if (logs->type == VALUE_ARRAY)
		rules->ignored += count_logs(record->line, logs);
	return spans->type == VALUE_ARRAY || metrics->type == VALUE_ARRAY || logs->type == VALUE_ARRAY;
}
