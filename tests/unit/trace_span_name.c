/* SPDX-License-Identifier: Apache-2.0 */
/* Names of spans, methods and routes. */
#include "cmd/otb-trace/span_name.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *method, *route, *known, *name;
} http[] = {
	{ "GET", "/items/{id}", "GET", "GET /items/{id}" },
	{ "POST", "", "POST", "POST" },
	{ "PUT", "/user/:id", "PUT", "PUT /user/:id" },
	{ "DELETE", "", "DELETE", "DELETE" },
	{ "HEAD", "", "HEAD", "HEAD" },
	{ "PATCH", "", "PATCH", "PATCH" },
	{ "OPTIONS", "", "OPTIONS", "OPTIONS" },
	{ "TRACE", "", "TRACE", "TRACE" },
	{ "CONNECT", "", "CONNECT", "CONNECT" },
	{ "QUERY", "", "QUERY", "QUERY" },
	{ "", "", "GET", "GET" },
	{ "get", "/a", "_OTHER", "HTTP /a" },
	{ "GETS", "", "_OTHER", "HTTP" },
	{ "GE", "", "_OTHER", "HTTP" },
	{ "PROPFIND", "/dav/", "_OTHER", "HTTP /dav/" },
	{ "_OTHER", "", "_OTHER", "HTTP" },
};

static void test_http(void)
{
	for (size_t i = 0; i < COUNT(http); i++) {
		const char *method = http_method(http[i].method, strlen(http[i].method));
		char name[SPAN_NAME_SIZE];
		size_t length = span_name_http(method, http[i].route, strlen(http[i].route), name);

		check(!strcmp(method, http[i].known) && !strcmp(name, http[i].name) && length == strlen(name),
		      "'%s' '%s': '%s'", http[i].method, http[i].route, name);
	}
}

static const struct {
	const char *path, *method, *name;
} rpcs[] = {
	{ "/pkg.v1.Service/Method", "pkg.v1.Service/Method", "pkg.v1.Service/Method" },
	{ "/S/M", "S/M", "S/M" },
	{ "pkg.Service/Method", NULL, "grpc" },
	{ "/Service", NULL, "grpc" },
	{ "/Service/", NULL, "grpc" },
	{ "//Method", NULL, "grpc" },
	{ "/a/b/c", NULL, "grpc" },
	{ "/a/b/", NULL, "grpc" },
	{ "/", NULL, "grpc" },
	{ "", NULL, "grpc" },
};

static void test_rpc(void)
{
	for (size_t i = 0; i < COUNT(rpcs); i++) {
		size_t method_length = 0;
		const char *method = rpc_method(rpcs[i].path, strlen(rpcs[i].path), &method_length);
		char name[SPAN_NAME_SIZE];

		span_name_rpc("grpc", method, method_length, name);
		check(!method == !rpcs[i].method &&
			      (!method || (method_length == strlen(rpcs[i].method) &&
					   !memcmp(method, rpcs[i].method, method_length))) &&
			      !strcmp(name, rpcs[i].name),
		      "rpc '%s': '%s'", rpcs[i].path, name);
	}
}

static const struct {
	const char *system, *query, *name;
} queries[] = {
	{ "postgresql", "SELECT * FROM users", "SELECT users" },
	{ "postgresql", "SELECT ?", "SELECT" },
	{ "postgresql", "my_procedure", "postgresql" },
	{ NULL, "INSERT INTO t VALUES (?)", "INSERT t" },
	{ NULL, "?", "other_sql" },
};

static void test_queries(void)
{
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct query_operation operation = query_operation(queries[i].query, strlen(queries[i].query));
		char name[SPAN_NAME_SIZE];
		size_t length = span_name_query(queries[i].system, &operation, name);

		check(!strcmp(name, queries[i].name) && length == strlen(name), "query '%s': '%s'", queries[i].query,
		      name);
	}
}

static void test_long(void)
{
	static char route[2 * SPAN_NAME_SIZE];
	char name[SPAN_NAME_SIZE];
	size_t length;

	memset(route, '/', sizeof(route));
	length = span_name_http("GET", route, sizeof(route), name);
	check(length == SPAN_NAME_SIZE - 1 && strlen(name) == length, "a long name is cut");
	length = span_name_http("GET", route, SPAN_NAME_SIZE - 5, name);
	check(length == SPAN_NAME_SIZE - 1 && strlen(name) == length, "one that just fits is not");
	memset(route, '\xc3', sizeof(route));
	for (size_t i = 1; i < sizeof(route); i += 2)
		route[i] = '\xa9';
	length = span_name_http("GET", route, sizeof(route), name);
	check(length == SPAN_NAME_SIZE - 2 && name[length - 1] == '\xa9', "it is cut at a character");
	span_name_http("TRACE", route, sizeof(route), name);
	check(!memcmp(name, "TRACE \xc3", 7), "whatever is before it");
}

/* ---- routes ---- */

static const struct {
	const char *pattern, *route;
} patterns[] = {
	{ "/", "/" },
	{ "/items/{id}", "/items/{id}" },
	{ "GET /items/{id...}", "/items/{id...}" },
	{ "GET \t example.com/items/{$}", "/items/{$}" },
	{ "example.com/", "/" },
	{ "POST example.com:80/a b/", "/a b/" },
	{ "GET", NULL },
	{ "", NULL },
};

static void test_patterns(void)
{
	for (size_t i = 0; i < COUNT(patterns); i++) {
		size_t length = 0;
		const char *route = route_of_pattern(patterns[i].pattern, strlen(patterns[i].pattern), &length);

		check(!route == !patterns[i].route && (!route || (length == strlen(patterns[i].route) &&
								  !memcmp(route, patterns[i].route, length))),
		      "pattern '%s'", patterns[i].pattern);
	}
}

static const struct {
	const char *parts[4];
	const char *route;
} joined[] = {
	{ { "/user/{id}" }, "/user/{id}" },
	{ { "/sub/*", "/user/{id}/x" }, "/sub/user/{id}/x" },
	{ { "/a/*", "/b/*", "/c/{d}" }, "/a/b/c/{d}" },
	{ { "/a/*", "/*" }, "/a/*" },
	{ { "/a/*", "/*", "/*", "/b" }, "/a/b" },
	{ { "/*", "/*", "/" }, "/" },
	{ { "/a/*", "/" }, "/a" },
	{ { "/a//" }, "/a" },
	{ { "/" }, "/" },
	{ { "/files/*" }, "/files/*" },
	{ { "/a*/b" }, "/a*/b" },
	{ { NULL }, "" },
};

static void test_joined(void)
{
	for (size_t i = 0; i < COUNT(joined); i++) {
		struct route_part parts[4];
		char route[ROUTE_SIZE];
		size_t n = 0, length;

		for (; n < 4 && joined[i].parts[n]; n++)
			parts[n] = (struct route_part){ joined[i].parts[n], strlen(joined[i].parts[n]) };
		length = route_join(parts, n, route);
		check(!strcmp(route, joined[i].route) && length == strlen(route), "joined '%s': '%s'", joined[i].route,
		      route);
	}
}

static void test_long_join(void)
{
	static char text[ROUTE_SIZE];
	struct route_part parts[] = { { text, ROUTE_SIZE - 10 }, { text, ROUTE_SIZE - 10 } };
	char route[ROUTE_SIZE];

	memset(text, 'a', sizeof(text));
	check(route_join(parts, 2, route) == ROUTE_SIZE - 1 && strlen(route) == ROUTE_SIZE - 1,
	      "what is too long together is cut");
}

int main(void)
{
	test_http();
	test_rpc();
	test_queries();
	test_long();
	test_patterns();
	test_joined();
	test_long_join();
	return finish_tests();
}
