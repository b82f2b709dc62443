#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The parts of trace_hostile.bats that take long.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	export BATS_TEST_TIMEOUT=1800
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	load lib/attach
	load lib/code
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	load_kill
	tracer_kill
	net_down
}

@test "attached, detached and killed 200 times under load, 1.17" {
	coming_and_going 1.17 200
}

@test "attached, detached and killed 200 times under load, 1.27" {
	coming_and_going 1.27 200
}
