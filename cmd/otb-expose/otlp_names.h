/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry's names as Prometheus has them (specification/compatibility/prometheus_and_openmetrics.md; where that is
 * silent, as prometheus/otlptranslator does it with its strategy UnderscoreEscapingWithSuffixes).
 *
 *	http.server.request.duration, s     http_server_request_duration_seconds
 *	system.network.io, By, a counter    system_network_io_bytes_total
 *	system.cpu.utilization, 1, a gauge  system_cpu_utilization_ratio
 *	speed, m/s                          speed_meters_per_second
 */
#ifndef OTB_EXPOSE_OTLP_NAMES_H
#define OTB_EXPOSE_OTLP_NAMES_H

#include <stddef.h>

enum {
	OTLP_NAME_MAX = 255, /* bytes of a metric's or an attribute's name */
	OTLP_UNIT_MAX = 63,
	OTLP_METRIC_NAME_SIZE = OTLP_NAME_MAX + 2 * OTLP_UNIT_MAX + 32,
	OTLP_LABEL_NAME_SIZE = OTLP_NAME_MAX + sizeof("key_"),
};

enum otlp_kind {
	OTLP_COUNTER,
	OTLP_GAUGE,
	OTLP_OTHER
}; /* counter: a monotonic sum; a sum that is not is no gauge here */

/* The metric's name: the words of its own, its unit in words, and what its kind is told by (_total, _ratio of a gauge of
 * unit 1), each only once. Words are of letters (ASCII), digits and ':'; one '_' is between them. Returns the length; 0:
 * nothing is left of the name, or it or the unit is too long. */
size_t otlp_metric_name(const char *name, size_t length, const char *unit, size_t unit_length, enum otlp_kind kind,
			char out[OTLP_METRIC_NAME_SIZE]);

/* An attribute's name as a label: "key_" before a digit and "key" before '_', which begins the names that are reserved. */
size_t otlp_label_name(const char *key, size_t length, char out[OTLP_LABEL_NAME_SIZE]);

#endif
