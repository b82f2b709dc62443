#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace against what a service and its client know themselves of each request (lib/trace): by several releases of Go
# and the ways in which programs are built, by HTTP/1, TLS and HTTP/2.

bats_require_minimum_version 1.5.0

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

# served MINOR MODE PROTO [OPTION-OF-THE-CHECK]...: 1,009 requests, and all the ways in which a handler can end
served() {
	local mix
	target_build httpserver "$1" "$2"
	client_build 1.27
	for mix in http end; do
		rm -f "$BATS_TEST_TMPDIR/client.log"
		traced "$3"
		client_run "$3" -mix "$mix" -in-flight 11 -connections 11
		server_end
		tracer_wait
		[ "$TRACER_STATUS" -eq 0 ]
		checked --proto "$(version "$3")" "${@:4}"
		[ "$(jq -r 'select(.event == "lost") | .where' "$TRACER_OUT" | sort -u)" = headers ] ||
			[ -z "$(jq -r 'select(.event == "lost") | .where' "$TRACER_OUT")" ]
	done
}

@test "1.17 static-stripped, HTTP/1" {
	served 1.17 static-stripped http1
}

@test "1.20 pie-stripped, HTTP/1 by TLS" {
	served 1.20 pie-stripped tls
}

@test "1.20 plain, HTTP/2" {
	served 1.20 plain h2
}

@test "1.22 static-stripped, HTTP/1" {
	served 1.22 static-stripped http1
}

@test "1.22 pie-stripped, HTTP/2" {
	served 1.22 pie-stripped h2
}

@test "1.24 plain, HTTP/1 by TLS" {
	served 1.24 plain tls
}

@test "1.27 static-stripped, HTTP/1" {
	served 1.27 static-stripped http1
}

@test "1.27 pie-stripped, HTTP/2" {
	served 1.27 pie-stripped h2 --forgets /end/wait
}

@test "1.27 cgo-pie-stripped, HTTP/2 without TLS" {
	served 1.27 cgo-pie-stripped h2c --forgets /end/wait
}
