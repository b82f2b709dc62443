/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/span_name.h"

#include <stdbool.h>
#include <string.h>

#include "common/record/utf8.h"

#define OTHER_METHOD "_OTHER"

const char *const http_methods[HTTP_METHODS] = { "GET",   "POST",    "PUT",   "DELETE", "HEAD",
						 "PATCH", "OPTIONS", "TRACE", "QUERY",  "CONNECT" };

const char *http_method(const char *method, size_t length)
{
	if (!length)
		return http_methods[0];
	for (size_t i = 0; i < HTTP_METHODS; i++)
		if (strlen(http_methods[i]) == length && !memcmp(method, http_methods[i], length))
			return http_methods[i];
	return OTHER_METHOD;
}

/* ---- names ---- */

/* Appends what there is room for, without splitting a character. */
static size_t append(char *out, size_t capacity, size_t length, const char *bytes, size_t n)
{
	if (n >= capacity - length)
		n = utf8_cut(bytes, capacity - length - 1);
	if (n)
		memcpy(out + length, bytes, n);
	out[length + n] = '\0';
	return length + n;
}

/* "first second", or the one that there is. */
static size_t write_name(const char *first, size_t first_length, const char *second, size_t second_length,
			 char name[SPAN_NAME_SIZE])
{
	size_t length = append(name, SPAN_NAME_SIZE, 0, first, first_length);

	if (!second_length)
		return length;
	if (length)
		length = append(name, SPAN_NAME_SIZE, length, " ", 1);
	return append(name, SPAN_NAME_SIZE, length, second, second_length);
}

size_t span_name_http(const char *method, const char *route, size_t route_length, char name[SPAN_NAME_SIZE])
{
	if (!strcmp(method, OTHER_METHOD))
		method = "HTTP";
	return write_name(method, strlen(method), route, route_length, name);
}

/* The last slash parts service and method; both are there, and hold no other. */
const char *rpc_method(const char *path, size_t length, size_t *method_length)
{
	const char *slash;

	if (length < 4 || *path != '/')
		return NULL;
	slash = memchr(path + 1, '/', length - 1);
	if (!slash || slash == path + 1 || slash == path + length - 1 ||
	    memchr(slash + 1, '/', (size_t)(path + length - slash - 1)))
		return NULL;
	*method_length = length - 1;
	return path + 1;
}

size_t span_name_rpc(const char *system, const char *method, size_t method_length, char name[SPAN_NAME_SIZE])
{
	if (!method)
		return write_name(system, strlen(system), NULL, 0, name);
	return write_name(method, method_length, NULL, 0, name);
}

size_t span_name_query(const char *system, const struct query_operation *operation, char name[SPAN_NAME_SIZE])
{
	if (operation->name_length)
		return write_name(operation->name, operation->name_length, operation->target, operation->target_length,
				  name);
	if (!system)
		system = "other_sql"; /* the conventions' name for what is not known */
	return write_name(system, strlen(system), NULL, 0, name);
}

/* ---- routes ---- */

const char *route_of_pattern(const char *pattern, size_t length, size_t *route_length)
{
	const char *slash = length ? memchr(pattern, '/', length) : NULL;

	if (slash)
		*route_length = (size_t)(pattern + length - slash);
	return slash;
}

/* Takes out wildcards and their slashes until there is none: one may come of another's end. */
static size_t remove_wildcards(char *route, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		route[n++] = route[i];
		while (n >= 3 && !memcmp(route + n - 3, "/*/", 3))
			n -= 2;
	}
	return n;
}

size_t route_join(const struct route_part *parts, size_t n, char route[ROUTE_SIZE])
{
	size_t length = 0;

	route[0] = '\0';
	for (size_t i = 0; i < n; i++)
		length = append(route, ROUTE_SIZE, length, parts[i].text, parts[i].length);
	length = remove_wildcards(route, length);
	while (length > 1 && route[length - 1] == '/')
		length--;
	route[length] = '\0';
	return length;
}
