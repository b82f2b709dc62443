/* SPDX-License-Identifier: Apache-2.0 */
/* OpenTelemetry's names as Prometheus has them: metrics, units, labels. */
#include <string.h>

#include "cmd/otb-expose/otlp_names.h"
#include "tests/unit/tap.h"

static void check_metric(const char *name, const char *unit, enum otlp_kind kind, const char *expected)
{
	char out[OTLP_METRIC_NAME_SIZE] = "";
	size_t length = otlp_metric_name(name, strlen(name), unit, strlen(unit), kind, out);

	check(length == strlen(expected) && (!length || !strcmp(out, expected)),
	      "metric '%s', unit '%s': '%s', not '%s'", name, unit, expected, length ? out : "");
}

static void check_label(const char *key, const char *expected)
{
	char out[OTLP_LABEL_NAME_SIZE] = "";
	size_t length = otlp_label_name(key, strlen(key), out);

	check(length == strlen(expected) && (!length || !strcmp(out, expected)), "label '%s': '%s', not '%s'", key,
	      expected, length ? out : "");
}

static void test_names(void)
{
	check_metric("http.server.request.duration", "s", OTLP_OTHER, "http_server_request_duration_seconds");
	check_metric("plain", "", OTLP_GAUGE, "plain");
	check_metric("with:colon", "", OTLP_GAUGE, "with:colon");
	check_metric("camelCase.And-Dash/Slash", "", OTLP_OTHER, "camelCase_And_Dash_Slash");
	check_metric("runs__of...them", "", OTLP_OTHER, "runs_of_them");
	check_metric("..edges__", "", OTLP_OTHER, "edges");
	check_metric("123metric", "", OTLP_OTHER, "_123metric");
	check_metric("temp\xc3\xa9rature", "Cel", OTLP_GAUGE, "temp_rature_celsius");
	check_metric("", "s", OTLP_COUNTER, "");
	check_metric("...", "", OTLP_GAUGE, "");
	check_metric("\xe6\xb8\xa9", "s", OTLP_GAUGE, "");
}

static void test_kinds(void)
{
	check_metric("system.network.io", "By", OTLP_COUNTER, "system_network_io_bytes_total");
	check_metric("requests", "{request}", OTLP_COUNTER, "requests_total");
	check_metric("requests_total", "", OTLP_COUNTER, "requests_total");
	check_metric("total.requests", "By", OTLP_COUNTER, "requests_bytes_total");
	check_metric("a.total.b.total", "", OTLP_COUNTER, "a_b_total");
	check_metric("totally", "", OTLP_COUNTER, "totally_total");
	check_metric("total", "", OTLP_COUNTER, "");
	check_metric("total", "s", OTLP_COUNTER, "seconds_total");
	check_metric("things.total", "", OTLP_GAUGE, "things_total");
	check_metric("system.cpu.utilization", "1", OTLP_GAUGE, "system_cpu_utilization_ratio");
	check_metric("hit.ratio", "1", OTLP_GAUGE, "hit_ratio");
	check_metric("ratio.of.hits", "1", OTLP_GAUGE, "of_hits_ratio");
	check_metric("hits", "1", OTLP_COUNTER, "hits_total");
	check_metric("in.flight", "1", OTLP_OTHER, "in_flight");
}

static void test_units(void)
{
	static const char *const units[][2] = {
		{ "d", "days" },
		{ "h", "hours" },
		{ "min", "minutes" },
		{ "ms", "milliseconds" },
		{ "us", "microseconds" },
		{ "ns", "nanoseconds" },
		{ "KiBy", "kibibytes" },
		{ "MiBy", "mebibytes" },
		{ "GiBy", "gibibytes" },
		{ "TiBy", "tebibytes" },
		{ "kBy", "kilobytes" },
		{ "KBy", "kilobytes" },
		{ "MBy", "megabytes" },
		{ "GBy", "gigabytes" },
		{ "TBy", "terabytes" },
		{ "m", "meters" },
		{ "V", "volts" },
		{ "A", "amperes" },
		{ "J", "joules" },
		{ "W", "watts" },
		{ "g", "grams" },
		{ "Hz", "hertz" },
		{ "%", "percent" },
		{ "foo", "foo" },
		{ " s ", "seconds" },
		{ "m/s", "meters_per_second" },
		{ "By/m", "bytes_per_minute" },
		{ "{packet}/s", "per_second" },
		{ "By/{request}", "bytes" },
		{ "1/s", "per_second" },
		{ "foo/bar", "foo_per_bar" },
		{ "a_b", "a_b" },
		{ "\xc2\xb0"
		  "F",
		  "F" },
		{ "x/mo", "x_per_month" },
		{ "x/y", "x_per_year" },
		{ "x/w", "x_per_week" },
		{ "x/d", "x_per_day" },
		{ "x/h", "x_per_hour" },
	};
	char expected[OTLP_METRIC_NAME_SIZE];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		snprintf(expected, sizeof(expected), "n_%s", units[i][1]);
		check_metric("n", units[i][0], OTLP_OTHER, expected);
	}
	check_metric("n", "{request}", OTLP_OTHER, "n");
	check_metric("n", "by{te}", OTLP_OTHER, "n");
	check_metric("n", "%/%", OTLP_OTHER, "n_percent");
	check_metric("n", "/", OTLP_OTHER, "n");
	check_metric("disk.bytes.used", "By", OTLP_OTHER, "disk_bytes_used");
	check_metric("seconds", "s", OTLP_COUNTER, "seconds_total");
	check_metric("subseconds", "s", OTLP_OTHER, "subseconds_seconds");
	check_metric("bytes.read", "By/s", OTLP_OTHER, "bytes_read_per_second");
}

static void test_labels(void)
{
	check_label("http.route", "http_route");
	check_label("plain_name", "plain_name");
	check_label("a..b--c", "a_b_c");
	check_label("123invalid", "key_123invalid");
	check_label("_private", "key_private");
	check_label("__name__", "key_name_");
	check_label(".dot", "key_dot");
	check_label("\xc3\xbc"
		    "ber",
		    "key_ber");
	check_label("a:b", "a_b");
	check_label("tail.", "tail_");
	check_label("", "");
	check_label("...", "");
	check_label("_", "");
}

static void test_limits(void)
{
	char name[OTLP_NAME_MAX + 2], unit[OTLP_UNIT_MAX + 2], out[OTLP_METRIC_NAME_SIZE], label[OTLP_LABEL_NAME_SIZE];

	memset(name, '1', sizeof(name));
	memset(unit, 'u', sizeof(unit));
	unit[OTLP_UNIT_MAX / 2] = '/';
	check(otlp_metric_name(name, OTLP_NAME_MAX, unit, OTLP_UNIT_MAX, OTLP_COUNTER, out) ==
		      1 + OTLP_NAME_MAX + 1 + OTLP_UNIT_MAX - 1 + strlen("_per_") + strlen("_total"),
	      "the longest name with the longest unit");
	check(!otlp_metric_name(name, OTLP_NAME_MAX + 1, "", 0, OTLP_OTHER, out), "a name that is too long");
	check(!otlp_metric_name("n", 1, unit, OTLP_UNIT_MAX + 1, OTLP_OTHER, out), "a unit that is too long");
	check(otlp_label_name(name, OTLP_NAME_MAX, label) == OTLP_NAME_MAX + strlen("key_"), "the longest label");
	check(!otlp_label_name(name, OTLP_NAME_MAX + 1, label), "a label that is too long");
	check(otlp_metric_name("a\0b", 3, "", 0, OTLP_OTHER, out) == 3 && !strcmp(out, "a_b"), "a NUL is no letter");
}

int main(void)
{
	test_names();
	test_kinds();
	test_units();
	test_labels();
	test_limits();
	return finish_tests();
}
