/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans as OTLP/JSON: a record and the request that is made of it, byte for byte, and the tracestate's `th`.
 */
#include "cmd/otb-trace/otlp.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

static void test_tracestate(void)
{
	static const struct {
		const char *text, *threshold, *wanted;
	} cases[] = {
		{ "", "", "" },
		{ "", "8", "ot=th:8" },
		{ "a=1,b=2", "", "a=1,b=2" },
		{ "a=1,b=2", "fd70a", "ot=th:fd70a,a=1,b=2" },
		{ "ot=th:8", "", "" },
		{ "ot=th:8", "c", "ot=th:c" },
		{ "ot=rv:d29d6a7215ced0;th:8,a=1", "", "ot=rv:d29d6a7215ced0,a=1" },
		{ "a=1, ot=rv:d29d6a7215ced0;th:8 ,,b=2", "c", "ot=th:c;rv:d29d6a7215ced0,a=1,b=2" },
		{ "ot=p:8;;th:1,ot=th:2", "", "ot=p:8" },
		{ "other=th:8", "", "other=th:8" },
	};
	char text[OTLP_TRACESTATE_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = otlp_tracestate(cases[i].text, strlen(cases[i].text), cases[i].threshold, text);

		check(length == strlen(cases[i].wanted) && !memcmp(text, cases[i].wanted, length),
		      "'%s' with th '%s' becomes '%.*s'", cases[i].text, cases[i].threshold, (int)length, text);
	}
}

/* One of 512 bytes, which is what a text holds, always has room for a threshold. */
static void test_long_tracestate(void)
{
	char text[512], to[OTLP_TRACESTATE_SIZE];
	size_t length;

	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	length = otlp_tracestate(text, sizeof(text), "12345678901234", to);
	check(length == strlen("ot=th:12345678901234,") + sizeof(text) && !memcmp(to, "ot=th:12345678901234,a=xx", 25),
	      "a tracestate of 512 bytes keeps all of them (%zu)", length);
}

static void begin(struct record *record)
{
	record_init(record);
	record_begin(record, UINT64_C(1700000000123456789), "span");
	record_add_text(record, "trace_id", "0af7651916cd43dd8448eb211c80319c");
	record_add_text(record, "span_id", "b7ad6b7169203331");
}

static void check_span(struct record *record, const struct options *options, const char *wanted, const char *what)
{
	struct buffer line = { 0 };

	record_end(record);
	otlp_put_span(&line, record, UINT64_C(1700000000123456789), options);
	buffer_add(&line, "", 1);
	check(!strcmp(line.bytes, wanted), "%s", what);
	if (strcmp(line.bytes, wanted) != 0)
		printf("# %s# %s", line.bytes, wanted);
	buffer_clear(&line);
}

static void test_server(void)
{
	static struct record record;
	struct options options = { .cli = { .labels = { { "env", "prod" } }, .n_labels = 1 } };

	begin(&record);
	record_add_label(&record, "env", "prod");
	record_add_text(&record, "parent_span_id", "00f067aa0ba902b7");
	record_add_text(&record, "parent_source", "traceparent");
	record_add_text(&record, "span_kind", "server");
	record_add_text(&record, "name", "GET /items/{id}");
	record_add_text(&record, "service_name", "shop");
	record_add_uint(&record, "pid", 42);
	record_add_text(&record, "comm", "shopd");
	record_add_uint(&record, "duration_ns", 1000);
	record_add_text(&record, "url_path", "/items/\"7\"\n");
	record_add_uint(&record, "http_response_status_code", 500);
	record_add_text(&record, "error_type", "500");
	record_add_text(&record, "tracestate", "a=1,ot=th:8;rv:d29d6a7215ced0");
	record_add_text(&record, "sampling_threshold", "c");
	check_span(
		&record, &options,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},"
		"{\"key\":\"process.pid\",\"value\":{\"intValue\":\"42\"}},"
		"{\"key\":\"process.executable.name\",\"value\":{\"stringValue\":\"shopd\"}},"
		"{\"key\":\"env\",\"value\":{\"stringValue\":\"prod\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"otb-trace\",\"version\":\"" OTB_VERSION "\"},\"spans\":[{"
		"\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\","
		"\"parentSpanId\":\"00f067aa0ba902b7\",\"traceState\":\"ot=th:c;rv:d29d6a7215ced0,a=1\",\"flags\":769,"
		"\"name\":\"GET /items/{id}\",\"kind\":2,\"startTimeUnixNano\":\"1700000000123456789\","
		"\"endTimeUnixNano\":\"1700000000123457789\",\"attributes\":["
		"{\"key\":\"parent_source\",\"value\":{\"stringValue\":\"traceparent\"}},"
		"{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/items/\\\"7\\\"\\n\"}},"
		"{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"500\"}},"
		"{\"key\":\"error.type\",\"value\":{\"stringValue\":\"500\"}}],\"status\":{\"code\":2}}]}]}]}\n",
		"a server's span: resource and labels, ids, tracestate, attributes, error");
}

static void test_client(void)
{
	static struct record record;
	struct options options = {
		.headers = { "X-Tenant-Id", "x_order.id" },
		.header_fields = { "http_request_header_x_tenant_id", "http_request_header_x_order_id" },
		.n_headers = 2,
	};

	begin(&record);
	record_add_text(&record, "parent_source", "goroutine");
	record_add_text(&record, "span_kind", "client");
	record_add_text(&record, "name", "GET");
	record_add_uint(&record, "duration_ns", 0);
	record_add_bool(&record, "measured", true);
	record_add_text(&record, "http_request_header_x_tenant_id", "acme");
	record_add_text(&record, "http_request_header_x_order_id", "7");
	check_span(&record, &options,
		   "{\"resourceSpans\":[{\"resource\":{\"attributes\":[]},"
		   "\"scopeSpans\":[{\"scope\":{\"name\":\"otb-trace\",\"version\":\"" OTB_VERSION "\"},\"spans\":[{"
		   "\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\",\"flags\":257,"
		   "\"name\":\"GET\",\"kind\":3,\"startTimeUnixNano\":\"1700000000123456789\","
		   "\"endTimeUnixNano\":\"1700000000123456789\",\"attributes\":["
		   "{\"key\":\"parent_source\",\"value\":{\"stringValue\":\"goroutine\"}},"
		   "{\"key\":\"measured\",\"value\":{\"boolValue\":true}},"
		   "{\"key\":\"http.request.header.x-tenant-id\",\"value\":{\"arrayValue\":{\"values\":["
		   "{\"stringValue\":\"acme\"}]}}},"
		   "{\"key\":\"http.request.header.x_order.id\",\"value\":{\"arrayValue\":{\"values\":["
		   "{\"stringValue\":\"7\"}]}}}],\"status\":{}}]}]}]}\n",
		   "a client's span: what is not known is left out");
}

int main(void)
{
	test_tracestate();
	test_long_tracestate();
	test_server();
	test_client();
	return finish_tests();
}
