/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, URLs, methods and routes of any bytes: the first line of the input is a scheme, the second a host, the rest
 * a path. What is found lies in the text, no URL holds user information, a query, a fragment or a byte that is none of a
 * URL's, and a URL's parts give the same URL again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-trace/span_name.h"
#include "cmd/otb-trace/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char *bytes; /* in a block of its own */
	size_t length;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Up to a line feed, or all of the rest. */
static struct text take(const uint8_t **data, const uint8_t *end, bool is_line)
{
	size_t left = (size_t)(end - *data);
	const uint8_t *lf = is_line ? memchr(*data, '\n', left) : NULL;
	struct text text = { .length = lf ? (size_t)(lf - *data) : left };

	text.bytes = malloc(text.length ? text.length : 1);
	memcpy(text.bytes, *data, text.length);
	*data = lf ? lf + 1 : end;
	return text;
}

static void require_address(struct address address, const struct text *text)
{
	require(address.port <= 65535);
	require(!address.length ||
		(address.text >= text->bytes && address.text + address.length <= text->bytes + text->length));
}

static void check_url(const struct text *scheme, const struct text *host, const struct text *path)
{
	char url[URL_SIZE], again[URL_SIZE];
	size_t length = url_full(scheme->bytes, scheme->length, host->bytes, host->length, path->bytes, path->length,
				 true, url);
	const char *authority = length ? strstr(url, "://") + 3 : NULL, *slash;

	require(length == strlen(url) && length < URL_SIZE);
	if (!length)
		return;
	slash = strchr(authority, '/');
	require(slash || length == URL_SIZE - 1);
	if (!slash)
		return;
	require(!memchr(authority, '@', (size_t)(slash - authority)) && !strpbrk(url, "?#\n \""));
	require(url_full(scheme->bytes, scheme->length, authority, (size_t)(slash - authority), slash, strlen(slash),
			 true, again) == length &&
		!strcmp(url, again));
}

static void check_names(const struct text *method, const struct text *route)
{
	struct route_part parts[2] = { { method->bytes, method->length }, { route->bytes, route->length } };
	char name[SPAN_NAME_SIZE], joined[ROUTE_SIZE];
	size_t length = 0;
	const char *part = route_of_pattern(route->bytes, route->length, &length);

	require(!part || (*part == '/' && part + length == route->bytes + route->length));
	part = rpc_method(route->bytes, route->length, &length);
	require(!part || part + length == route->bytes + route->length);
	require(span_name_rpc("grpc", part, length, name) < SPAN_NAME_SIZE);
	require(span_name_http(http_method(method->bytes, method->length), route->bytes, route->length, name) <
		SPAN_NAME_SIZE);
	length = route_join(parts, 2, joined);
	require(length < ROUTE_SIZE && !joined[length] && !memmem(joined, length, "/*/", 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct text scheme = take(&data, end, true), host = take(&data, end, true), path = take(&data, end, false);

	require_address(address_of_authority(host.bytes, host.length, scheme.bytes, scheme.length), &host);
	require_address(address_of_peer(host.bytes, host.length), &host);
	check_url(&scheme, &host, &path);
	check_names(&scheme, &path);
	free(scheme.bytes);
	free(host.bytes);
	free(path.bytes);
	return 0;
}
