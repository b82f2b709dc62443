#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The Go programs that otb-trace is held to, by themselves: what they log must be true.

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

# exchanged_in_all MINOR: every protocol, every mix
exchanged_in_all() {
	local proto
	target_build httpserver "$1" static-stripped
	client_build "$1"
	for proto in http1 tls h2; do
		exchanged $proto all
		exchanged $proto fan 50
	done
}

@test "httpserver and httpclient, 1.17" {
	exchanged_in_all 1.17
}

@test "httpserver and httpclient, 1.27" {
	exchanged_in_all 1.27
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

# A handler that ran had its client answered, and the sound request after each broken one did too.
@test "hostile: every broken request is survived" {
	local minor
	for minor in 1.17 1.27; do
		hostile_build $minor static-stripped
		proc_start hostile - "$TARGET" -log "$BATS_TEST_TMPDIR/hostile.log"
		proc_read hostile
		proc_ask hostile go
		[[ $REPLY = 'sent '* ]]
		[ "${REPLY#sent }" -gt 300 ]
		[ "$(wc -l <"$BATS_TEST_TMPDIR/hostile.log")" = "${REPLY#sent }" ]
		run -0 jq -r 'select(.case == "sound" and (.reached | not))' "$BATS_TEST_TMPDIR/hostile.log"
		[ -z "$output" ]
		proc_end hostile
	done
}
