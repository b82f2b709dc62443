#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace: requests that programs make, and whose they are. The truth is what the programs log themselves.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup() {
	load lib/net
	load lib/go
	load lib/tracer
	load lib/trace
	load lib/traced
}

teardown() {
	tracer_kill
	net_down
}

# ---- whose a call is ----

# The span that a call must be in: of its request, if it is made on the goroutine of the handler or on one that was
# started there, however far down. A worker is in the request that started it as long as that is open, and in nothing
# before and after. Between the two it may be either.
PARENTS='
map(select(.event == "call")) as $calls
| if ($clients | length) != ($calls | length) + ($calls | map(select(.kind == "redirect")) | length)
	then ["calls", ($calls | length), "client spans", ($clients | length)] else empty end,
  ($handled[] | $server[.id] as $s
	| if $s == null or $s.url_path != .path or ($s.http_request_header_x_test_id // .id) != .id
		then [.id, "server span", $s] else empty end),
  ($calls[] | . as $c | ($client[.call_id] // []) as $found | $found[0] as $s
	| (if .kind == "lazy" then .creator_id elif .kind == "early" then null else .id end) as $owner
	| $server[$owner // "none"] as $p
	| if ($found | length) != 1 then [.call_id, "spans", ($found | length)]
	elif $s.goroutine_id != .goroutine_id then [.call_id, "goroutine", $s.goroutine_id, .goroutine_id]
	elif $s.duration_ns > .end_ns - .start_ns then [.call_id, "duration", $s.duration_ns]
	elif $s.http_response_status_code != (if .kind == "redirect" then 301 elif .status == 0 then null else .status end)
		then [.call_id, "status", $s.http_response_status_code, .status]
	elif ($s.error_type == null) != (.error == "" and .status < 400) then [.call_id, "error", $s.error_type, .error]
	elif $s.url_full != (.url | split("?")[0]) then [.call_id, "url", $s.url_full, .url]
	elif $owner == null or ($p != null and ($s.time | ns) > ($p | span_end)) then
		if $s.parent_source != "new" or $s.parent_span_id != null then [.call_id, "has a parent", .kind] else empty end
	elif $p == null then [.call_id, "no server span", $owner]
	elif (.kind == "lazy" or .kind == "detached") and .end_ns > $handled[$owner].end_ns and $s.parent_source == "new" then empty
	elif $s.parent_source != "goroutine" or $s.parent_span_id != $p.span_id or $s.trace_id != $p.trace_id
		then [.call_id, "parent", .kind, .depth, $s.parent_source, $s.parent_span_id, $p.span_id]
	else empty end),
  ($calls[] | select(.kind == "redirect") | . as $c | $client[.call_id + "-hop1"] as $hop
	| if ($hop | length) != 1 or $hop[0].http_response_status_code != 200 or $hop[0].error_type != null
			or $hop[0].parent_span_id != $client[.call_id][0].parent_span_id
		then [.call_id, "hop", $hop] else empty end)
'

# followed MINOR PROTO MIX N IN-FLIGHT CONNECTIONS
followed() {
	local try
	target_build httpserver "$1" static
	client_build 1.27
	for try in {1..5}; do
		server_start -- "$2"
		tracer_start otb-trace --exe "$TARGET" --header x-test-id -j
		client_run "$2" -mix "$3" -n "$4" -in-flight "$5" -connections "$6"
		server_end
		tracer_stop
		traced_missing || break
	done
	traced_check "$PARENTS" "$BATS_TEST_TMPDIR/server.log"
}

# parents MINOR
parents() {
	followed "$1" http1 work 307 20 20
	followed "$1" http1 fan 307 200 200
	followed "$1" h2 fan 307 200 7
}

@test "every call is its request's, to five goroutines down, 200 requests at once, 1.17" {
	parents 1.17
}

# bats test_tags=long
@test "every call is its request's, to five goroutines down, 200 requests at once, 1.20" {
	parents 1.20
}

# bats test_tags=long
@test "every call is its request's, to five goroutines down, 200 requests at once, 1.23" {
	parents 1.23
}

# bats test_tags=long
@test "every call is its request's, to five goroutines down, 200 requests at once, 1.24" {
	parents 1.24
}

@test "every call is its request's, to five goroutines down, 200 requests at once, 1.27" {
	parents 1.27
}

# ---- what a call is ----

CALLS='
map(select(.event == "call")) as $calls
| if ($calls | length) < 21 then ["calls", ($calls | length)] else empty end,
  # The call in the middle of which something panicked is not in the log.
  if ($clients | length) != ($calls | length) + 1 then ["client spans", ($clients | length)] else empty end,
  ($client.panicked[0] | if .http_response_status_code or .error_type then ["panicked", .] else empty end),
  ($calls[] | . as $c | ($client[.id] // []) as $found | $found[0]
	| if ($found | length) != 1 then [$c.id, "spans", ($found | length)] else
		(if .parent_source != "new" or .parent_span_id then [$c.id, "parent", .] else empty end),
		(if .http_request_method != $c.method then [$c.id, "method", .] else empty end),
		(if $c.id == "longer" then
			if .truncated == "url_full" and (.url_full | length) > 500 and (.url_full as $u | $c.url | startswith($u))
				then empty else [$c.id, "url", .truncated, .url_full] end
		elif .url_full != $c.url or .truncated then [$c.id, "url", .url_full, $c.url] else empty end),
		(if .url_query then [$c.id, "query", .] else empty end),
		(if "http://\(.server_address):\(.server_port)" != ($c.url | split("/")[:3] | join("/"))
			then [$c.id, "address", .] else empty end),
		(if (.user_agent_original // "") != $c.user_agent then [$c.id, "agent", .] else empty end),
		(if (.http_response_status_code // 0) != $c.status then [$c.id, "status", .] else empty end),
		(if .network_protocol_version != (if $c.status == 0 then null else "1.1" end) then [$c.id, "protocol", .] else empty end),
		(if (.error_type // "") != (if $c.status >= 400 then "\($c.status)" else $c.error_type end)
			then [$c.id, "error", .error_type, $c.error_type] else empty end),
		(if .goroutine_id != $c.goroutine_id then [$c.id, "goroutine", .] else empty end),
		(if .duration_ns > $c.end_ns - $c.start_ns then [$c.id, "duration", .] else empty end)
	end)
'

# calls_seen: TARGET's calls are made under a tracer
calls_seen() {
	proc_start calls - "$TARGET" -log "$BATS_TEST_TMPDIR/calls.log" && proc_read calls
	tracer_start otb-trace --pid "${PROC_PID[calls]}" --header x-test-id -j
	server_end calls
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
}

# calls_traced MINOR: a program that makes requests and serves none
calls_traced() {
	local try
	target_build httpcalls "$1" static
	for try in {1..5}; do
		calls_seen
		traced_missing || break
		echo "# constants were not in memory (try $try)" >&3
	done
	traced_check "$CALLS" "$BATS_TEST_TMPDIR/calls.log"
	run ! grep -E 'secret|password' "$TRACER_OUT"
	traced_without lost
	traced_without unfinished
}

@test "redirects, refusals, deadlines, retries: a span for each hop, with its status or error, 1.17" {
	calls_traced 1.17
}

# bats test_tags=long
@test "redirects, refusals, deadlines, retries: a span for each hop, with its status or error, 1.20" {
	calls_traced 1.20
}

# bats test_tags=long
@test "redirects, refusals, deadlines, retries: a span for each hop, with its status or error, 1.23" {
	calls_traced 1.23
}

# bats test_tags=long
@test "redirects, refusals, deadlines, retries: a span for each hop, with its status or error, 1.24" {
	calls_traced 1.24
}

@test "redirects, refusals, deadlines, retries: a span for each hop, with its status or error, 1.27" {
	calls_traced 1.27
}

@test "a process that is named twice is traced once" {
	local spans
	target_build httpcalls 1.27 static
	proc_start calls - "$TARGET" -log "$BATS_TEST_TMPDIR/calls.log" && proc_read calls
	tracer_start otb-trace --pid "${PROC_PID[calls]}" --pid "${PROC_PID[calls]}" --header x-test-id -j
	server_end calls
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	# That in which something panicked is in no log.
	spans=$(grep -c '"event":"span"' "$TRACER_OUT")
	[ "$spans" -eq $(($(grep -c '"event":"call"' "$BATS_TEST_TMPDIR/calls.log") + 1)) ]
}

# ---- calls in calls ----

# nested_seen OPTION...: TARGET's 200 requests by one Transport within another, and 200 queries by HTTP
nested_seen() {
	proc_start nested - "$TARGET" && proc_read nested
	tracer_start otb-trace --pid "${PROC_PID[nested]}" -j "$@"
	server_end nested
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	traced_without unfinished
}

# Requests of the program, queries, and requests of the driver, of which each is in its query.
NESTED='
map(select(.event == "span")) as $all
| ($all | map(select(.db_query_text) | { key: .span_id, value: .trace_id }) | from_entries) as $queries
| ($all | map(select((.url_full // "") | startswith("other:")))) as $outer
| ($all | map(select((.url_full // "") | startswith("http:")))) as $inner
| [($outer | length), ($outer | map(.http_response_status_code) | unique), ($queries | length), ($inner | length),
	($inner | map(select($queries[.parent_span_id // ""] == .trace_id)) | length)]
'

@test "queries of a program that executes and never asks for rows are seen" {
	target_build nested 1.17 static
	nested_seen
	[ "$(jq -c -s "$NESTED | .[2]" "$TRACER_OUT")" = 200 ]
}

@test "a request that one Transport hands to another is one, and a driver's is in its query" {
	target_build nested 1.27 static
	nested_seen
	run jq -c -s "$NESTED" "$TRACER_OUT"
	[ "$output" = '[200,[200],200,200,200]' ]
}

@test "what is in a query that is not kept is not kept" {
	target_build nested 1.27 static
	nested_seen --ratio 0.5
	run jq -c -s "$NESTED | [.[2] == .[3], .[3] == .[4], .[2] > 0, .[2] < 200]" "$TRACER_OUT"
	[ "$output" = '[true,true,true,true]' ]
}

# ---- sampling ----

# Of every request all calls, or none, and none is a root of its own.
SAMPLED='
(map(select(.event == "call" and .kind == "fan")) | group_by(.id)) as $requests
| ($servers | map({ key: .span_id, value: . }) | from_entries) as $parent
| ($requests[] | map($client[.call_id] != null) | unique | select(length > 1) | ["a part of a request", .]),
  ($requests[] | .[0].id as $id | select(any($servers[]; .http_request_header_x_test_id == $id))
	| select($client[.[0].call_id] == null) | ["calls of a sampled request", $id]),
  ($clients[] | $parent[.parent_span_id // "none"] as $p
	| select(.parent_source != "goroutine" or $p == null or .trace_id != $p.trace_id
		or .sampling_threshold != $p.sampling_threshold) | ["parent", .]),
  (($requests | map(select($client[.[0].call_id] != null)) | length) as $n
	| select($n == 0 or $n == ($requests | length)) | ["sampled", $n, ($requests | length)])
'

@test "calls are sampled as their request is" {
	target_build httpserver 1.27 static
	client_build 1.27
	server_start -- http1
	tracer_start otb-trace --exe "$TARGET" --header x-test-id --ratio 0.3 -j
	client_run http1 -mix fan -n 211 -in-flight 20 -connections 20
	server_end
	tracer_stop
	traced_check "$SAMPLED" "$BATS_TEST_TMPDIR/server.log"
}
