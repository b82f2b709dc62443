/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: which route a server's request took.
 *
 * net/http's ServeMux leaves its pattern in the Request from 1.22 on; before, and with GODEBUG=httpmuxgo121=1, it is seen
 * where it has been found. gorilla/mux tells the route to one function, once for each request. The contexts of gin, chi
 * and echo come from pools and go back at the end of the router's ServeHTTP: the probe is on that call of
 * sync.(*Pool).Put(CX), the last moment at which they are certain to be the request's, and by then they have all. A router
 * is asked on the goroutine that serves the request, or not at all.
 *
 * Where fields are has been the same in many releases, and where it has not, it shows: an offset below says for which
 * (the structs in the releases' sources; seen in gin 1.7.7, 1.9.1, 1.12.0, chi 5.0.0, 5.0.12, 5.5.0, gorilla/mux 1.7.4,
 * 1.8.0, 1.8.1, echo 4.6.3, 4.11.4, 4.16.0).
 */
#ifndef OTB_TRACE_ROUTE_BPF_H
#define OTB_TRACE_ROUTE_BPF_H

#include "bpf/trace_metrics.bpf.h"

/* A pointer is not below: Linux maps nothing of a Go program there; and no path is longer (net/http reads 1 MB of headers
 * if nobody asks for more). */
enum { POINTER_MIN = 1 << 22 };

/* The server's span that a goroutine is in; NULL: none. */
static __always_inline struct open_span *server_span_find(GO_CONTEXT *ctx, struct place *place)
{
	struct trace_span_key key;

	if (!place_find(ctx, place))
		return NULL;
	key = span_key(place, GO_G(ctx), SLOT_SERVER);
	return bpf_map_lookup_elem(&spans, &key);
}

/* ---- net/http ---- */

/* The pattern that ServeMux matched. From 1.27 on nothing of HTTP/2 refers to the Request any more, once its handler does
 * not: another may be in its place. */
static __always_inline void pattern_add(const struct place *place, struct open_span *open)
{
	const struct trace_binary *binary = place->binary;

	if (open->has_pattern)
		return;
	if (!open->pattern.length) {
		if (!open->request ||
		    (open->url && field_read(open->request, binary->requests[TRACE_REQUEST].url) != open->url))
			return;
		if (binary->request_pattern != GO_NO_OFFSET)
			open->pattern = field_read_string(open->request, binary->request_pattern);
		else
			open->pattern =
				field_read_string(field_read(open->request, binary->request_pat), binary->pattern_str);
	}
	open->has_pattern = 1;
	if (!open->has_route)
		metric_add_text(open, open->is_better ? &open->inner_pattern : &open->pattern);
	if (!open->is_sampled)
		return;
	text_add(&open->span, TEXT_PATTERN, &open->pattern);
	text_add(&open->span, TEXT_INNER_PATTERN, &open->inner_pattern);
}

/* Requests of x/net's h2c.NewHandler do not come by serverHandler.ServeHTTP, and with Go 1.27 runHandler has no Request
 * yet. */
SEC("uprobe")
int mux_request(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = go_stack_grows(ctx) ? NULL : server_span_find(ctx, &place);

	if (open && !open->request)
		open->request = GO_ARG3(ctx);
	return 0;
}

/* Whether a path begins with a pattern. */
__attribute__((noinline)) int path_begins(__u64 path, __u64 pattern, __u64 length)
{
	enum { WORDS_MAX = 64 };

	for (__u32 i = 0; i < WORDS_MAX; i++) {
		/* Hidden, the length stays the same to the verifier in all rounds, which then walks through each but once. */
		__u64 a = 0, b = 0, at = i * sizeof(a), end = number_hide(length), size = sizeof(a);

		if (at >= end)
			return 1;
		if (end - at < size)
			size = end - at;
		size = (number_hide(size - 1) & (sizeof(a) - 1)) + 1;
		if (bpf_probe_read_user(&a, size, (const void *)(path + at)) ||
		    bpf_probe_read_user(&b, size, (const void *)(pattern + at)) || a != b)
			return 0;
	}
	return 0;
}

/* As the user side says of spans (cmd/otb-trace/span.c), which knows more of a pattern: whether the ServeMux below knows
 * better. */
static __always_inline bool inner_is_better(const struct place *place, const struct open_span *open)
{
	const struct trace_binary *binary = place->binary;
	struct go_string path;

	if (!options.measures || open->inner_pattern.length <= open->pattern.length)
		return false;
	path = field_read_string(field_read(open->request, binary->requests[TRACE_REQUEST].url), binary->url_path);
	return open->inner_pattern.length <= path.length &&
	       path_begins(path.data, open->inner_pattern.data, open->inner_pattern.length);
}

/* In (*ServeMux).handler, which runs again where one ServeMux is the handler of another. Patterns live as long as their
 * ServeMux. */
SEC("uprobe")
int mux_route(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = server_span_find(ctx, &place);
	struct go_string pattern;

	if (!open)
		return 0;
	pattern = string_read(GO_SP(ctx) + place.binary->mux_pattern);
	if (!open->pattern.length) {
		open->pattern = pattern;
	} else if (pattern.length) {
		open->inner_pattern = pattern;
		open->is_better = inner_is_better(&place, open);
	}
	return 0;
}

/* ---- routers ---- */

/* Whether a word points to a net/http.Request: something else may be where one is in other releases. */
static __always_inline bool is_request(const struct place *place, __u64 word)
{
	__u64 major = word < POINTER_MIN ? 0 : field_guess(word, place->binary->request_proto_major);

	return major == 1 || major == 2;
}

/* Of routers below each other, the innermost is the first to be done. */
static __always_inline void router_route_add(struct open_span *open, __u32 text, const struct go_string *route)
{
	if (!open->has_route)
		metric_forget_text(open); /* HTTP/2 of 1.27 may have told a pattern */
	open->has_route |= route->length;
	metric_add_text(open, route);
	if (open->is_sampled)
		text_add(&open->span, text, route);
}

/* gin.Context, from 1.5.0 on: Request 32, fullPath 112. */
SEC("uprobe")
int gin_route(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = server_span_find(ctx, &place);
	__u64 gin = GO_ARG2(ctx);
	struct go_string route;

	if (!open || open->has_route || !is_request(&place, go_read_u64(gin + 32)))
		return 0;
	route = string_read(gin + 112);
	if (route.length)
		router_route_add(open, TEXT_ROUTE, &route);
	return 0;
}

/*
 * echo.context:
 * to 4.11: request 0, response 8, path 16 (string)
 * 4.12: request 0, response 8, query 16 (map), echo 24 (pointer), path 80
 * from 4.13 on: logger 0 (interface), request 16, path 88
 * To 4.6, the path of a request without a route is the one that was asked for.
 */
SEC("uprobe")
int echo_route(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = server_span_find(ctx, &place);
	__u64 echo = GO_ARG2(ctx), request, url;
	struct go_string route;

	if (!open || open->has_route)
		return 0;
	request = go_read_u64(echo);
	if (is_request(&place, request)) {
		route = string_read(echo + (go_read_u64(echo + 24) < POINTER_MIN ? 16 : 80));
	} else {
		request = go_read_u64(echo + 16);
		if (!is_request(&place, request))
			return 0;
		route = string_read(echo + 88);
	}
	url = field_read(request, place.binary->requests[TRACE_REQUEST].url);
	if (route.length && route.data != field_read(url, place.binary->url_path) &&
	    route.data != field_read(url, place.binary->url_raw_path))
		router_route_add(open, TEXT_ROUTE, &route);
	return 0;
}

/*
 * chi.Context, of which parentCtx is the context of the request that came to the first router:
 * 5.0.0: RoutePath 16 (string), RoutePatterns 48, routePattern 120, parentCtx 192 (interface)
 * from 5.0.1 on: parentCtx 16, routePattern 160, RoutePatterns 176
 * The patterns are those of the routers from the outermost to the innermost, which has found nothing where the last one
 * alone is empty.
 */
SEC("uprobe")
int chi_route(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = server_span_find(ctx, &place);
	__u64 chi = GO_ARG2(ctx);
	struct go_string patterns, last, part;
	bool is_first;

	if (!open || open->has_route)
		return 0;
	is_first = go_read_u64(chi + 24) < POINTER_MIN;
	patterns = string_read(chi + (is_first ? 48 : 176));
	last = string_read(chi + (is_first ? 120 : 160));
	if (!last.length || patterns.length > TRACE_ROUTE_PARTS_MAX)
		return 0;
	open->span.flags |= SPAN_ROUTE_PARTS;
	for (__u32 i = 0; i < TRACE_ROUTE_PARTS_MAX && i < patterns.length; i++) {
		part = string_read(patterns.data + i * sizeof(part));
		router_route_add(open, TEXT_ROUTE_PART, &part);
	}
	return 0;
}

/* requestWithRoute(r, *Route), from 1.7.4 on. mux.Route: regexp.path 80, which points to a routeRegexp: template 0. Routes
 * live as long as their router. */
SEC("uprobe")
int gorilla_route(GO_CONTEXT *ctx)
{
	struct place place;
	struct open_span *open = go_stack_grows(ctx) ? NULL : server_span_find(ctx, &place);

	if (open)
		open->route = field_read_string(field_read(GO_ARG1(ctx), 80), 0);
	return 0;
}

/* ---- the end ---- */

static __always_inline void route_add(const struct place *place, struct open_span *open)
{
	if (!open->has_route && open->route.length)
		router_route_add(open, TEXT_ROUTE, &open->route);
	pattern_add(place, open);
}

#endif
