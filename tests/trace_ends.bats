#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace: requests that end in other ways than by a handler that returns. The truth is what the server logs itself.

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

# Each is a span, as long as its handler took at least, with a status if net/http finished the response.
ENDS='
(if ($servers | length) != ($handled | length) then ["server spans", ($servers | length), ($handled | length)] else empty end),
($handled[] | $server[.id] as $s
	| if $s == null or $s.url_path != .path then [.id, "span", $s]
	elif $s.duration_ns < .end_ns - .start_ns then [.id, "duration", .ending, $s.duration_ns]
	elif ($s.http_response_status_code != null) != (.ending == "returned" or .ending == "recovered")
		then [.id, "status", .ending, $s.http_response_status_code]
	elif ($s.error_type == "panic") != (.ending == "panicked") then [.id, "error", .ending, $s.error_type]
	else empty end)
'

# ended MINOR PROTO
ended() {
	target_build httpserver "$1" static
	client_build 1.27
	server_start -- "$2"
	tracer_start otb-trace --exe "$TARGET" --header x-test-id -j
	client_run "$2" -mix end -n 211 -in-flight 20 -connections 20
	server_end
	tracer_stop
	traced_check "$ENDS" "$BATS_TEST_TMPDIR/server.log"
	traced_without unfinished
}

@test "panics, hijacked connections, goroutines that end: each is a span that ends, 1.17" {
	ended 1.17 http1
	ended 1.17 h2
}

# bats test_tags=long
@test "panics, hijacked connections, goroutines that end: each is a span that ends, 1.20" {
	ended 1.20 http1
	ended 1.20 h2
}

# bats test_tags=long
@test "panics, hijacked connections, goroutines that end: each is a span that ends, 1.23" {
	ended 1.23 http1
	ended 1.23 h2
}

# bats test_tags=long
@test "panics, hijacked connections, goroutines that end: each is a span that ends, 1.24" {
	ended 1.24 http1
	ended 1.24 h2
}

@test "panics, hijacked connections, goroutines that end: each is a span that ends, 1.27" {
	ended 1.27 http1
	ended 1.27 h2
}
