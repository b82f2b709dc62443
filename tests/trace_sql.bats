#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace: calls of database/sql against what programs and their drivers know of each: one span for each call that gets
# to a connection, however often it is tried; and whose calls they are.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

# queries_checked [OPTION]... LOG
queries_checked() {
	run python3 "$GO_ROOT/tests/lib/queries_check.py" "${@:1:$#-1}" "$TRACER_OUT" "$BATS_TEST_TMPDIR/${!#}"
	[ "$status" -eq 0 ] || {
		echo "$output" >&2
		return 1
	}
	echo "# $output" >&3
}

# queried MINOR MODE [OPTION]...: --sched is for program and tracer. BUILD has options of the build
queried() {
	local options=()
	[ "${3:-}" != --sched ] || options=(-sched)
	target_build queries "$1" "$2" "${BUILD[@]}"
	proc_start queries - "$TARGET" -log "$BATS_TEST_TMPDIR/queries.log" "${options[@]}" && proc_read queries
	tracer_start otb-trace --pid "${PROC_PID[queries]}" -j "${@:3}"
	server_end queries
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
}

@test "every call is a span, with its text, its error, its time, retries and all: Go 1.17" {
	queried 1.17 static
	queries_checked queries.log
}

# bats test_tags=long
@test "every call is a span, with its text, its error, its time, retries and all: Go 1.20" {
	queried 1.20 static-stripped
	queries_checked queries.log
}

# bats test_tags=long
@test "every call is a span, with its text, its error, its time, retries and all: Go 1.23" {
	queried 1.23 pie-stripped
	queries_checked queries.log
}

@test "every call is a span, with its text, its error, its time, retries and all: Go 1.27" {
	queried 1.27 cgo-pie-stripped
	queries_checked queries.log
}

@test "the driver of a program without transactions is known" {
	BUILD=(-tags=notx)
	queried 1.27 static-stripped
	queries_checked queries.log
}

@test "--db-text shows what stands in a text, but no name has it" {
	queried 1.27 static --db-text
	queries_checked --raw queries.log
	run ! jq -e 'select(.name // "" | test("brien|42|17"))' "$TRACER_OUT"
}

@test "--sched tells how long a goroutine was ready and did not run: Go 1.17" {
	queried 1.17 static-stripped --sched
	queries_checked --sched queries.log
}

# bats test_tags=long
@test "--sched tells how long a goroutine was ready and did not run: Go 1.20" {
	queried 1.20 static-stripped --sched
	queries_checked --sched queries.log
}

# bats test_tags=long
@test "--sched tells how long a goroutine was ready and did not run: Go 1.23" {
	queried 1.23 static-stripped --sched
	queries_checked --sched queries.log
}

@test "--sched tells how long a goroutine was ready and did not run: Go 1.27" {
	queried 1.27 pie-stripped --sched
	queries_checked --sched queries.log
}

# in_requests MINOR DRIVER: 211 requests, 11 at a time
in_requests() {
	target_build httpserver "$1" static-stripped
	client_build 1.27
	server_start -- http1 -driver "$2"
	tracer_start otb-trace -p "${PROC_PID[server]}" --header X-Test-Id -j
	client_run http1 -mix sql -n 211 -in-flight 11 -connections 11
	server_end
	tracer_wait
	queries_checked --service server.log
}

@test "calls are in the request of their goroutine: Go 1.17" {
	in_requests 1.17 stub
}

# bats test_tags=long
@test "calls are in the request of their goroutine: Go 1.20" {
	in_requests 1.20 stub-prepare
}

# bats test_tags=long
@test "calls are in the request of their goroutine: Go 1.23" {
	in_requests 1.23 stub
}

@test "calls are in the request of their goroutine: Go 1.27" {
	in_requests 1.27 stub-prepare
}

# Of every trace all spans, or none.
SAMPLED='
(map(select(.span_kind == "server") | { key: .span_id, value: . }) | from_entries) as $server
| map(select(.span_kind == "client")) as $clients
| if ($clients | length) == 0 or ($server | length) >= 211 then [($clients | length), ($server | length)] else empty end,
  ($clients[] | $server[.parent_span_id // "none"] as $s
	| select($s == null or $s.trace_id != .trace_id or $s.sampling_threshold != .sampling_threshold)),
  (map(select(.event != "span" and .where != "headers"))[])
'

@test "calls are sampled as their request is" {
	target_build httpserver 1.27 static
	client_build 1.27
	server_start -- http1
	tracer_start otb-trace -p "${PROC_PID[server]}" --header X-Test-Id --ratio 0.3 -j
	client_run http1 -mix sql -n 211 -in-flight 11 -connections 11
	server_end
	tracer_wait
	run jq -c -s "$SAMPLED" "$TRACER_OUT"
	[ -z "$output" ]
}
