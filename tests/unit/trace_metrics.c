/* SPDX-License-Identifier: Apache-2.0 */
/* Summaries of requests: differences, percentiles, and the records of what a hostile program may have counted. */
#include "cmd/otb-trace/metrics.h"

#include <string.h>

#include "tests/unit/tap.h"

/* ---- numbers ---- */

static void test_subtract(void)
{
	struct trace_metric value = { .process_start_ns = 5, .comm = "server", .total_ns = 170 },
			    before = { .total_ns = 53 };
	uint64_t count;

	value.counts[0] = 11;
	value.counts[TRACE_BOUNDS] = 7;
	before.counts[0] = 11;
	before.counts[TRACE_BOUNDS] = 2;
	count = metric_subtract(&value, &before);
	check(count == 5 && value.total_ns == 117 && !value.counts[0] && value.counts[TRACE_BOUNDS] == 5,
	      "what has come since");
	check(value.process_start_ns == 5 && !strcmp((const char *)value.comm, "server"), "whose it is stays");
	before = value;
	check(!metric_subtract(&value, &before) && !value.total_ns, "nothing has come");
}

static void test_percentile(void)
{
	struct trace_metric value = { .counts = { [0] = 98, [3] = 1, [TRACE_BOUNDS] = 1 } };

	check(metric_percentile_bound(&value, 50) == 5000000, "50 of 100");
	check(metric_percentile_bound(&value, 98) == 5000000, "98 of 100");
	check(metric_percentile_bound(&value, 99) == 50000000, "99 of 100");
	check(metric_percentile_bound(&value, 100) == UINT64_MAX, "above all bounds");
}

static void test_names(void)
{
	__u64 methods[TRACE_METHODS_MAX] = { 0 }, bounds[TRACE_BOUNDS];
	bool rises = true;

	metrics_name(methods, bounds);
	check(!memcmp(&methods[0], "GET\0\0\0\0", 8) && !methods[TRACE_METHODS_MAX - 1], "methods, and zeros");
	for (size_t i = 1; i < TRACE_BOUNDS; i++)
		rises = rises && bounds[i] > bounds[i - 1];
	check(rises && bounds[0] == 5000000 && bounds[TRACE_BOUNDS - 1] == 10000000000, "bounds");
}

static void test_overflow_index(void)
{
	bool good = true;

	for (__u32 i = 0; i < TRACE_OVERFLOWS; i++) {
		__u8 kind, protocol;

		trace_overflow_of(i, &kind, &protocol);
		good = good && trace_overflow_index(kind, protocol) == i &&
		       (kind == SPAN_KIND_SERVER || kind == SPAN_KIND_CLIENT) && protocol <= TRACE_SQL;
	}
	check(good, "a number for each kind and protocol");
}

/* ---- records ---- */

static struct record record;

static void check_fields(const char *what, const struct metric *metric, const char *service, const char *expected)
{
	size_t length;

	record_init(&record);
	record_begin(&record, 0, "x");
	metric_add_fields(&record, metric, service);
	length = record_end(&record);
	check(length >= strlen(expected) && memmem(record.line, length, expected, strlen(expected)), "%s", what);
	if (!memmem(record.line, length, expected, strlen(expected)))
		printf("# got: %.*s", (int)length, record.line);
}

static struct metric metric_of(const char *method, const char *route, uint16_t flags, uint16_t status)
{
	struct metric metric = {
		.key = { .pid = 17,
			 .kind = SPAN_KIND_SERVER,
			 .protocol = TRACE_HTTP1,
			 .flags = flags,
			 .status = status },
		.value = { .comm = "server", .total_ns = 53, .counts = { [1] = 2, [TRACE_BOUNDS] = 1 } },
	};
	size_t length = strlen(route);

	memcpy(metric.key.method, method, strnlen(method, TRACE_METHOD_SIZE));
	memcpy(metric.key.text, route, length < TRACE_METRIC_TEXT_SIZE ? length : TRACE_METRIC_TEXT_SIZE);
	metric.key.text_length = (uint16_t)length;
	return metric;
}

static void test_fields(void)
{
	struct metric metric = metric_of("GET", "GET a.example/b/{id}", SPAN_HAS_STATUS, 503);

	check_fields(
		"all of a server's", &metric, "shop",
		"\"span_kind\":\"server\",\"service_name\":\"shop\",\"pid\":17,\"comm\":\"server\","
		"\"network_protocol_name\":\"http\",\"http_request_method\":\"GET\",\"http_route\":\"/b/{id}\","
		"\"http_response_status_code\":503,\"error_type\":\"503\",\"count\":3,\"total_ns\":53,\"le_5ms\":0,"
		"\"le_10ms\":2,\"le_25ms\":2,\"le_50ms\":2,\"le_75ms\":2,\"le_100ms\":2,\"le_250ms\":2,\"le_500ms\":2,"
		"\"le_750ms\":2,\"le_1s\":2,\"le_2_5s\":2,\"le_5s\":2,\"le_7_5s\":2,\"le_10s\":2}");
	check_fields("without a name, its comm", &metric, NULL, "\"service_name\":\"server\",\"pid\":17");
	metric = metric_of("", "", SPAN_PANICKED, 0);
	check_fields("little is known", &metric, NULL,
		     "\"http_request_method\":\"_OTHER\",\"error_type\":\"panic\",\"count\":3");
	metric = metric_of("\xff\xff\xff\xff\xff\xff\xff\xff", "\"\n\xff/\x01", SPAN_HAS_STATUS, 65535);
	check_fields(
		"bytes of a program", &metric, NULL,
		"\"http_request_method\":\"_OTHER\",\"http_route\":\"/\\u0001\",\"http_response_status_code\":65535");
}

static void test_client(void)
{
	struct metric metric = metric_of("GET", "a.example", SPAN_HAS_STATUS | SPAN_TLS, 404);

	metric.key.kind = SPAN_KIND_CLIENT;
	check_fields("a client's", &metric, NULL,
		     "\"http_request_method\":\"GET\",\"server_address\":\"a.example\",\"server_port\":443,"
		     "\"http_response_status_code\":404,\"error_type\":\"404\",\"count\":3");
	metric = metric_of("GET", "[2001:db8::1]:8080", SPAN_ERROR, 0);
	metric.key.kind = SPAN_KIND_CLIENT;
	check_fields("that got an error", &metric, NULL,
		     "\"server_address\":\"2001:db8::1\",\"server_port\":8080,\"error_type\":\"_OTHER\",\"count\":3");
}

static void test_rpc(void)
{
	struct metric metric = metric_of("", "/pkg.Service/Method", SPAN_HAS_STATUS, 13);

	metric.key.protocol = TRACE_GRPC;
	check_fields("a call", &metric, NULL,
		     "\"comm\":\"server\",\"rpc_system\":\"grpc\",\"rpc_method\":\"pkg.Service/Method\","
		     "\"rpc_response_status_code\":\"INTERNAL\",\"error_type\":\"INTERNAL\",\"count\":3");
	metric.key.flags = SPAN_ERROR;
	check_fields("whose status is not known", &metric, NULL,
		     "\"rpc_method\":\"pkg.Service/Method\",\"error_type\":\"_OTHER\",\"count\":3");
}

static void test_long_route(void)
{
	char route[TRACE_METRIC_TEXT_SIZE + 2], expected[2 * sizeof(route)];
	struct metric metric;

	memset(route, 'a', sizeof(route) - 1);
	route[0] = '/';
	route[TRACE_METRIC_TEXT_SIZE] = '\0';
	metric = metric_of("GET", route, 0, 0);
	snprintf(expected, sizeof(expected), "\"http_route\":\"%s\",\"count\"", route);
	check_fields("a route that just fits", &metric, NULL, expected);
	check_fields("is whole", &metric, NULL, "\"le_10s\":2}\n");
	route[TRACE_METRIC_TEXT_SIZE] = 'a';
	route[TRACE_METRIC_TEXT_SIZE + 1] = '\0';
	metric = metric_of("GET", route, 0, 0);
	check_fields("one that does not is cut", &metric, NULL, expected);
	check_fields("which is said", &metric, NULL, "\"truncated\":\"http_route\"");
}

static void test_overflow(void)
{
	struct metric metric = { .key = { .kind = SPAN_KIND_CLIENT, .protocol = TRACE_HTTP1 },
				 .value = { .counts = { 1 } } };

	check_fields(
		"all others", &metric, NULL,
		"\"span_kind\":\"client\",\"network_protocol_name\":\"http\",\"count\":1,\"total_ns\":0,\"le_5ms\":1,");
	check_fields("which is said", &metric, NULL, "\"le_10s\":1,\"overflow\":true}");
	metric.key.protocol = TRACE_GRPC;
	check_fields("of another protocol", &metric, NULL,
		     "\"span_kind\":\"client\",\"rpc_system\":\"grpc\",\"count\":1,");
}

int main(void)
{
	test_subtract();
	test_percentile();
	test_names();
	test_overflow_index();
	test_fields();
	test_client();
	test_rpc();
	test_long_route();
	test_overflow();
	return finish_tests();
}
