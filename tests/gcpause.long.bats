#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The parts of gcpause.bats that take long: every minor release of Go, attaching 200 times, and more programs than there
# is room for.
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
	CROWD=()
}

teardown() {
	tracer_kill
	crowd_end
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

# crowd_start: CROWD is 256 programs, each a file of its own, that wait until they are ended
crowd_start() {
	local i
	mkfifo "$BATS_TEST_TMPDIR/crowd"
	exec {CROWD_FD}<>"$BATS_TEST_TMPDIR/crowd"
	CROWD=()
	for i in {1..256}; do
		cp "$LOAD" "$BATS_TEST_TMPDIR/crowd$i"
		"$BATS_TEST_TMPDIR/crowd$i" <"$BATS_TEST_TMPDIR/crowd" >"$BATS_TEST_TMPDIR/crowd$i.out" 3>&- &
		CROWD+=($!)
	done
	for i in {1..256}; do
		while ! grep -q ready "$BATS_TEST_TMPDIR/crowd$i.out"; do sleep 0.1; done
	done
}

crowd_end() {
	[ "${#CROWD[@]}" -gt 0 ] || return 0
	kill -KILL "${CROWD[@]}" 2>/dev/null || true
	wait "${CROWD[@]}" 2>/dev/null || true
	CROWD=()
}

@test "--all: more programs than there is room for, which comes when they end" {
	local name
	load_build 1.27 static-stripped
	crowd_start
	tracer_start otb-gcpause --all -j
	for name in none one; do
		cp "$LOAD" "$BATS_TEST_TMPDIR/another" && mv "$BATS_TEST_TMPDIR/another" "$LOAD"
		load_start $name -- -hold
		proc_say $name go
		if [ $name = none ]; then
			until grep -q 'not tracing' "$TRACER_ERR"; do proc_ask $name count; done
			# Programs that are none of Go's want no room, and it is said once.
			/bin/true
			same 1 "$(grep -c . "$TRACER_ERR")" 'messages'
		else
			until_seen $name
		fi
		proc_say $name end
		load_end $name
		crowd_end
	done
	tracer_stop
	same 0 "$(jq -c "select(.pid == $(jq .pid "$BATS_TEST_TMPDIR/none.truth"))" "$TRACER_OUT" | wc -l)" 'of the one without room'
	check_late one
}
