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
