#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The Go programs that tests of otb-trace hold it to, by themselves: what they log must be true.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup() {
	load lib/net
	load lib/go
	load lib/trace
}

teardown() {
	net_down
}

# exchanged PROTO MIX [IN-FLIGHT]: a round of requests, and both sides' logs
exchanged() {
	server_start -- "$1"
	client_run "$1" -mix "$2" -in-flight "${3:-7}" -connections "${3:-7}"
	server_end
	exchanges_check "$BATS_TEST_TMPDIR/server.log" "$BATS_TEST_TMPDIR/client.log"
}

# served MINOR: every protocol, every mix
served() {
	local proto mix
	target_build httpserver "$1" static-stripped
	client_build "$1"
	for proto in http1 tls h2; do
		for mix in http end work sql; do
			exchanged $proto $mix
		done
		exchanged $proto fan 50
	done
}

@test "httpserver and httpclient, 1.17" {
	served 1.17
}

@test "httpserver and httpclient, 1.20" {
	served 1.20
}

@test "httpserver and httpclient, 1.22" {
	served 1.22
}

@test "httpserver and httpclient, 1.24" {
	served 1.24
	exchanged h2c all
}

@test "httpserver and httpclient, 1.27" {
	served 1.27
	exchanged h2c all
}

@test "the ServeMux of before 1.22 under 1.27" {
	target_build httpserver 1.27 static
	client_build 1.27
	GODEBUG=httpmuxgo121=1 exchanged http1 http
	run -0 jq -r .pattern "$BATS_TEST_TMPDIR/server.log"
	[[ $output = *$'\n/users/\n'* ]]
	[[ $output != *'{'* ]]
}

# ---- what has modules ------------------------------------------------------------------------------------------------

# called RELEASE: gRPC-Go
called() {
	local proto
	target_build_with grpc/grpcserver "$1" static-stripped
	client_build_with "$1"
	for proto in plain tls h2c https; do
		server_start -- $proto
		client_run $proto
		server_end
		calls_check "$BATS_TEST_TMPDIR/server.log" "$BATS_TEST_TMPDIR/client.log"
	done
	server_start -- plain -workers 4
	client_run plain -in-flight 50
	server_end
	calls_check "$BATS_TEST_TMPDIR/server.log" "$BATS_TEST_TMPDIR/client.log"
}

@test "gRPC-Go 1.40.0" {
	called 1.40.0
}

@test "gRPC-Go 1.60.0" {
	called 1.60.0
}

@test "gRPC-Go 1.74.0" {
	called 1.74.0
}

@test "gRPC-Go 1.83.2" {
	called 1.83.2
}

# extended RELEASE...: golang.org/x/net/http2
extended() {
	local release
	# Any client will do, and those of old have no h2c.
	client_build 1.27
	for release; do
		target_build_with xnet "$release" static-stripped
		exchanged h2 all
		exchanged h2c all
	done
}

@test "golang.org/x/net/http2" {
	extended 0.7.0 0.17.0 0.30.0 0.38.0 0.62.0
}

# routed NAME RELEASE...: a router that is not net/http's
routed() {
	local release
	client_build 1.27
	for release in "${@:2}"; do
		target_build_with "$1" "$release" static-stripped
		exchanged http1 plain
		exchanged h2 plain
	done
}

@test "gin" {
	routed gin 1.7.7 1.9.1 1.12.0
}

@test "chi" {
	routed chi 5.0.0 5.0.12 5.5.0
}

@test "gorilla/mux" {
	routed gorilla 1.7.4 1.8.0 1.8.1
}

@test "echo" {
	routed echo 4.6.3 4.11.4 4.16.0
}
