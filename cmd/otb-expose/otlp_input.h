/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of OTLP/JSON as the Collector's file exporter writes them, among all others: those with a member resourceSpans,
 * resourceMetrics or resourceLogs that is an array. Spans go to the rules, metrics to what is imported, and log records
 * count as ignored.
 */
#ifndef OTB_EXPOSE_OTLP_INPUT_H
#define OTB_EXPOSE_OTLP_INPUT_H

#include "cmd/otb-expose/otlp_metrics.h"
#include "cmd/otb-expose/otlp_spans.h"

struct otlp_input {
	struct otlp_spans spans;
	struct otlp_metrics metrics;
};

void otlp_input_open(struct otlp_input *input, const struct constant_label *constants, unsigned int n_constants);
void otlp_input_close(struct otlp_input *input);

/* Takes a line; false: it is none of these. */
bool otlp_input_take(struct otlp_input *input, struct rules *rules, struct imported *imported,
		     const struct record_view *record);

#endif
