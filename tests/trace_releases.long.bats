#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace on programs of every release of Go from 1.17 on, in the ways that programs are built, by HTTP/1, TLS and HTTP/2.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
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

# From 1.27 on a handler of HTTP/2 may run on when its Request is gone. From 1.24 on there is HTTP/2 without TLS.
every_way() { # MINOR
	local forgets=()
	((${1#1.} < 27)) || forgets=(--forgets /end/wait)
	served "$1" static-stripped http1
	served "$1" pie-stripped tls
	served "$1" cgo-pie-stripped h2 "${forgets[@]}"
	((${1#1.} < 24)) || served "$1" plain h2c "${forgets[@]}"
}

@test "1.17" {
	every_way 1.17
}

@test "1.18" {
	every_way 1.18
}

@test "1.19" {
	every_way 1.19
}

@test "1.20" {
	every_way 1.20
}

@test "1.21" {
	every_way 1.21
}

@test "1.22" {
	every_way 1.22
}

@test "1.23" {
	every_way 1.23
}

@test "1.24" {
	every_way 1.24
}

@test "1.25" {
	every_way 1.25
}

@test "1.26" {
	every_way 1.26
}

@test "1.27" {
	every_way 1.27
}
