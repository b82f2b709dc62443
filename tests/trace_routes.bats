#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The routes of otb-trace's spans against the patterns that services registered: net/http's ServeMux where its pattern is
# not in the Request, routers, and the HTTP/2 of golang.org/x/net. One release of each; the others: trace_routes.long.bats.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup_file() {
	export BATS_TEST_TIMEOUT=600 # what needs modules is built first
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	load lib/routes
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

@test "ServeMux, 1.20" {
	client_build 1.27
	target_build httpserver 1.20 static-stripped
	routed http1 http
}

@test "ServeMux below ServeMux, 1.20" {
	client_build 1.27
	target_build muxes 1.20 static-stripped
	routed http1 plain
}

@test "gin 1.9.1" {
	router_routed gin 1.9.1 http1 h2
}

@test "chi 5.5.0" {
	router_routed chi 5.5.0 http1 h2
}

@test "gorilla/mux 1.8.1" {
	router_routed gorilla 1.8.1 http1 h2
}

@test "echo 4.16.0" {
	router_routed echo 4.16.0 http1 h2
}

# router_counted NAME RELEASE: --metrics has each route as often as the service
router_counted() {
	client_build 1.27
	target_build_with "$1" "$2" static-stripped
	routes_counted
}

routes_counted() {
	traced http1 --metrics --ratio 0
	client_run http1 -mix plain -in-flight 11 -connections 11
	server_end
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	diff <(jq -c -s 'map(select(.event == "span_summary")) | group_by(.http_route)[]
			| [.[0].http_route, (map(.count) | add)]' "$TRACER_OUT") \
		<(jq -c -s 'map(select(.event == "handled") | .pattern | if . == "" then null else . end) | group_by(.)[]
			| [.[0], length]' "$BATS_TEST_TMPDIR/server.log")
}

@test "routes are counted, gin 1.9.1" {
	router_counted gin 1.9.1
}

@test "routes are counted, chi 5.5.0" {
	router_counted chi 5.5.0
}

@test "routes are counted, ServeMux below ServeMux, 1.20" {
	client_build 1.27
	target_build muxes 1.20 static-stripped
	routes_counted
}

@test "golang.org/x/net/http2 0.30.0" {
	client_build 1.27
	target_build_with xnet 0.30.0 static-stripped
	routed h2 http
	routed h2c http
}
