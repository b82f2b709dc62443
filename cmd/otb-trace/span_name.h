/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What spans are called, by OpenTelemetry's conventions (1.44): never by what a client chooses freely, so that names can
 * be counted. docs/http/http-spans.md: `{method} {http.route}`, without a route `{method}`, with an unknown method HTTP.
 * docs/rpc/rpc-spans.md: `package.Service/Method`. docs/db/database-spans.md: `{operation} {target}`, else the
 * operation, else the database's name.
 *
 * Texts are bytes with a length, of the traced program, and may hold anything; a length of 0: there is none. Functions
 * that return a length write a NUL behind it. A name that does not fit is cut at a character.
 */
#ifndef OTB_TRACE_SPAN_NAME_H
#define OTB_TRACE_SPAN_NAME_H

#include <stddef.h>

#include "cmd/otb-trace/query.h"

enum { SPAN_NAME_SIZE = 512, ROUTE_SIZE = 512, HTTP_METHODS = 10 };

/* Those that http_method() knows, GET first. */
extern const char *const http_methods[HTTP_METHODS];

/* The http.request.method of a request: one of RFC 9110, PATCH or QUERY (case matters), GET for the empty method of a Go
 * client, else "_OTHER", and the method is http.request.method_original then. */
const char *http_method(const char *method, size_t length);

/* The name of an HTTP span: `method` is what http_method() returned, the route that of a server. */
size_t span_name_http(const char *method, const char *route, size_t route_length, char name[SPAN_NAME_SIZE]);

/* The rpc.method of gRPC's ":path", `/package.Service/Method`: the part of `path` behind the slash. NULL: it is no path
 * of that form. */
const char *rpc_method(const char *path, size_t length, size_t *method_length);

/* The name of an RPC span: rpc_method()'s, or the system ("grpc") where that is NULL. */
size_t span_name_rpc(const char *system, const char *method, size_t method_length, char name[SPAN_NAME_SIZE]);

/* The name of a database span. `system` is the db.system.name, or NULL. */
size_t span_name_query(const char *system, const struct query_operation *operation, char name[SPAN_NAME_SIZE]);

/* The http.route of a pattern of net/http's ServeMux, "GET example.com/items/{id}": its path, "/items/{id}", a part of
 * `pattern`. Method and host (go doc net/http, "Patterns") hold no slash. NULL: the pattern has no path. */
const char *route_of_pattern(const char *pattern, size_t length, size_t *route_length);

struct route_part {
	const char *text;
	size_t length;
};

/* The http.route of the patterns that chi's routers have found one below the other, as its Context.RoutePattern() has it
 * (chi v5, context.go): joined, with '/' for each wildcard between two of them, and without slashes at the end. */
size_t route_join(const struct route_part *parts, size_t n, char route[ROUTE_SIZE]);

#endif
