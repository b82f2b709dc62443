/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of OTLP/JSON lines (opentelemetry-proto, metrics/v1/metrics.proto), for imported.h: by OpenTelemetry's rules of
 * compatibility with Prometheus (specification/compatibility/prometheus_and_openmetrics.md, OTLP Metric points to
 * Prometheus).
 *
 *	gauge                     gauge
 *	sum                       counter if it is monotonic, else gauge
 *	histogram                 histogram with its bounds
 *	exponentialHistogram      histogram whose bounds are 0 and the powers of two from 2^-64 to 2^64, of which pages have
 *	                          those between which there are values; what a bucket holds that spans several of them
 *	                          (at a scale below 0) counts at its upper end
 *	summary                   summary, with the quantiles it came with
 *
 * job is service.namespace/service.name, and instance is service.instance.id; all other attributes of a resource are those
 * of target_info alone. otel_scope_name and otel_scope_version are labels where the scope has a name.
 *
 * What is malformed (types, numbers, counts that do not add up, bounds that do not rise, scales and offsets that no double
 * has) is counted in imported->bad_values, point by point. Points without a recorded value (flags, bit 0) are skipped.
 */
#ifndef OTB_EXPOSE_OTLP_METRICS_H
#define OTB_EXPOSE_OTLP_METRICS_H

#include "cmd/otb-expose/imported.h"
#include "common/record/reader.h"

enum { OTLP_BOUNDS_MAX = 512, OTLP_QUANTILES_MAX = 64 };

struct otlp_metrics {
	const struct constant_label *constants; /* whose names no label may have */
	unsigned int n_constants;
	struct otlp_labels labels, target;
	unsigned int of_scope; /* how many labels are those of the resource and the scope */
	double bounds[OTLP_BOUNDS_MAX], powers[OTLP_BOUNDS_MAX];
	unsigned int n_powers;
	uint64_t counts[OTLP_BOUNDS_MAX + 1];
	struct quantile_value quantiles[OTLP_QUANTILES_MAX];
};

void otlp_metrics_open(struct otlp_metrics *metrics, const struct constant_label *constants, unsigned int n_constants);
void otlp_metrics_close(struct otlp_metrics *metrics);

/* Adds what a `resourceMetrics` array holds. */
void otlp_metrics_add(struct otlp_metrics *metrics, struct imported *imported, const char *text,
		      const struct json_value *resource_metrics);

#endif
