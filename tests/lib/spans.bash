# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Spans for benchmarks: always the same ones.
#
#	make_spans COUNT [SIZE]		spans as otb-trace writes them, SIZE (1) to a trace: random ids, routes, statuses and
#					durations; 20,000 end in each second of their time
#	spans_as_otlp SIZE		the same, on stdin, as OTLP/JSON, SIZE to a line
#
# Of the traces, 64 are under way at any time, and their spans come in turn, the root last. A trace in twenty fails: its
# root, and each other span of it with a probability of a half, has a status of 500 or 503.

make_spans() {
	awk -v n="$1" -v size="${2-1}" '
	function id() {
		return sprintf("%08x%08x", 4294967295 * rand(), 4294967295 * rand())
	}
	function begin_trace(slot) {
		left[slot] = size
		trace[slot] = id() id()
		root[slot] = id()
		fails[slot] = rand() < 0.05
	}
	function print_span(slot, end_ns,    child, ns, start, status) {
		child = --left[slot] > 0
		ns = int(exp(14 + 7 * rand()))
		start = end_ns - ns
		status = fails[slot] && (!child || rand() < 0.5) ? bad[1 + int(2 * rand())] : good[1 + int(7 * rand())]
		printf "{\"time\":\"2026-11-21T10:%02d:%02d.%09dZ\",\"event\":\"span\",\"trace_id\":\"%s\",\"span_id\":\"%s\",",
			start / 60e9, start / 1e9 % 60, start % 1e9, trace[slot], child ? id() : root[slot]
		if (child)
			printf "\"parent_span_id\":\"%s\",", root[slot]
		printf "\"parent_source\":\"%s\",\"span_kind\":\"%s\",\"service_name\":\"shop\",\"pid\":1234,\"comm\":\"shop\",",
			child ? "goroutine" : "new", child ? "client" : "server"
		printf "\"duration_ns\":%d,\"http_request_method\":\"%s\",", ns, methods[1 + int(4 * rand())]
		if (!child)
			printf "\"url_path\":\"/p/%d\",", 1000 * rand()
		printf "\"http_response_status_code\":%s", status
		if (!child)
			printf ",\"http_route\":\"%s\"", routes[1 + int(4 * rand())]
		print "}"
	}
	BEGIN {
		srand(17)
		split("GET POST PUT DELETE", methods, " ")
		split("200 200 200 200 204 301 404", good, " ")
		split("500 503", bad, " ")
		split("/users/{id} /orders /healthz /items/{id}/stock", routes, " ")
		while (i < n) {
			slot = int(64 * rand())
			if (!left[slot] && begun < n) {
				begin_trace(slot)
				begun += size
			}
			if (left[slot])
				print_span(slot, 300e9 + 50000 * i++)
		}
	}'
}

spans_as_otlp() {
	jq -c -n --argjson size "$1" '
		def attribute(name; value): { key: name, value: value };
		def span: { traceId: .trace_id, spanId: .span_id, parentSpanId: (.parent_span_id // ""), name: "x",
			kind: (if .span_kind == "server" then 2 else 3 end), startTimeUnixNano: "1795000000000000000",
			endTimeUnixNano: (1795000000000000000 + .duration_ns | tostring),
			status: (if .http_response_status_code >= 500 then { code: 2 } else {} end), attributes: [
			attribute("http.request.method"; { stringValue: .http_request_method }),
			attribute("http.response.status_code"; { intValue: (.http_response_status_code | tostring) }),
			(select(.http_route) | attribute("http.route"; { stringValue: .http_route }))] };
		def line(spans): { resourceSpans: [{ resource: { attributes: [attribute("service.name"; { stringValue: "shop" })] },
			scopeSpans: [{ scope: {}, spans: spans }] }] };
		foreach (inputs, null) as $record ([[], null];
			if $record == null then [[], .[0]] elif .[0] | length == $size - 1
			then [[], .[0] + [$record | span]] else [.[0] + [$record | span], null] end;
			.[1] | select(. != null and length > 0) | line(.))'
}
