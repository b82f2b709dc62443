/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as OTLP/JSON: one ExportMetricsServiceRequest a line (opentelemetry-proto, docs/specification.md, JSON Protobuf
 * Encoding), as the Collector's otlpjsonfile receiver and an OTLP/HTTP endpoint take it. Cumulative.
 *
 * Names are OpenTelemetry's where a rule gives one; else the metric's without its suffix of type and unit, which
 * Prometheus exporters put back. Labels are attributes, by the conventions' names where they have one; empty ones are
 * left out.
 */
#ifndef OTB_EXPOSE_OTLP_H
#define OTB_EXPOSE_OTLP_H

#include "common/metrics/exposition.h"

struct otlp_request {
	struct page *page; /* where it goes */
	const struct constant_label *constants;
	unsigned int n_constants;
	uint64_t start_wall_ns, now_wall_ns; /* of values that began with the program, and of all */
	bool any;                            /* metric so far */
};

void otlp_begin(struct otlp_request *request);
void otlp_add_metric(struct otlp_request *request, const struct metric *metric);
/* The same for several metrics of one name and type; the first says what it is. */
void otlp_add_family(struct otlp_request *request, const struct metric *const *metrics, unsigned int n_metrics);
/* Ends the line. */
void otlp_end(struct otlp_request *request);

#endif
