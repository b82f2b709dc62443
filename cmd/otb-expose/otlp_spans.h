/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of OTLP/JSON lines (opentelemetry-proto, trace/v1/trace.proto) as the `span` records that otb-trace writes, so
 * that one set of rules is for both.
 *
 * Of each span a line is made, which goes through the scanner as any other: time, event, trace_id, span_id,
 * parent_span_id, span_kind, name, duration_ns, status ("error", "ok") and sampling_threshold (th of the tracestate's
 * member ot), and those attributes of the span and of its resource that a rule names, with dots or with underscores. A
 * span's own attribute beats its resource's, and the fields above beat both. What is malformed is left out.
 */
#ifndef OTB_EXPOSE_OTLP_SPANS_H
#define OTB_EXPOSE_OTLP_SPANS_H

#include "cmd/otb-expose/rules.h"

struct otlp_spans {
	struct page line; /* the record that is being made */
};

/* Applies the rules to all spans of a `resourceSpans` array. What is no span is counted in rules->bad_values. */
void otlp_spans_apply(struct otlp_spans *spans, struct rules *rules, const struct record_view *record,
		      const struct json_value *resource_spans);
void otlp_spans_close(struct otlp_spans *spans);

#endif
