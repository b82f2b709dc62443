#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The parts of gcpause.bats that take long: every minor release of Go, and attaching 200 times.
#
# bats file_tags=no-san
# shellcheck disable=SC2034 # TRACER_OPTIONS is read by gcload.bash

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	export BATS_TEST_TIMEOUT=900
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/gcload
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	TRACER_OPTIONS=()
}

teardown() {
	tracer_kill
	net_down
}

# modes MINOR: a row of the matrix
modes() {
	local mode
	for mode in static static-stripped pie-stripped plain cgo-pie-stripped; do
		matrix "$1" "$mode"
	done
}

@test "1.17" {
	modes 1.17
}

@test "1.18" {
	modes 1.18
}

@test "1.19" {
	modes 1.19
}

@test "1.20" {
	modes 1.20
}

@test "1.21" {
	modes 1.21
}

@test "1.22" {
	modes 1.22
}

@test "1.23" {
	modes 1.23
}

@test "1.24" {
	modes 1.24
}

@test "1.25" {
	modes 1.25
}

@test "1.26" {
	modes 1.26
}

@test "1.27" {
	modes 1.27
}

# coming_and_going MINOR: 200 times, by pid and by file; every seventh tracer is killed
coming_and_going() {
	local try before
	load_build "$1" static-stripped
	load_start -- -hold
	proc_say load go
	for try in {1..200}; do
		proc_ask load count
		before=${REPLY#count }
		if ((try % 2)); then
			tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j --assists -n 3
		else
			tracer_start otb-gcpause --exe "$LOAD" -j -n 3
		fi
		if ((try % 7 == 0)); then
			tracer_kill
		else
			tracer_wait
			same 3 "$(jq -c 'select(.event != "lost")' "$TRACER_OUT" | wc -l)" "try $try"
		fi
		# What it still answers it also does.
		proc_ask load count
		[ "${REPLY#count }" -gt "$before" ]
	done
	proc_say load end
	load_end
	same "go${GO_RELEASES[$1]}" "$(load_truth .go_version)"
}

@test "attached and detached 200 times under load, 1.17" {
	coming_and_going 1.17
}

@test "attached and detached 200 times under load, 1.27" {
	coming_and_going 1.27
}
