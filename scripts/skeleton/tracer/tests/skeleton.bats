#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-skeleton against an independent truth: TODO. For now a client that reads a prime number of answers.

bats_require_minimum_version 1.5.0

setup() {
	load lib/net
	load lib/cases
	load lib/tracer
	bpf_permitted || skip 'eBPF is not permitted here'
	net_up
	case_clear
	case_echo
}

teardown() {
	tracer_kill
	net_down
}

@test "one record for each of 23 answers that a process reads, and none of other processes" {
	tracer_start otb-skeleton -p "${CASE_PIDS[otb-client]}" --strict
	proc_expect otb-client 'answered 23' ask 23 1000
	tracer_stop
	jq -e -s --argjson pid "${CASE_PIDS[otb-client]}" --argjson port "$CASE_PORT" 'map(select(.event == "skeleton")) |
		length == 23 and all(.pid == $pid and .comm == "otb-client" and .network_peer_port == $port)' "$TRACER_OUT"
}

@test "what it wrote and what it held back is what it saw" {
	tracer_start otb-skeleton -p "${CASE_PIDS[otb-client]}" --stats
	proc_expect otb-client 'answered 23' ask 23 1000
	tracer_stop
	# The server has read as many requests.
	jq -e -s 'last | .event == "stats" and .written == 23 and .filtered >= 23 and .seen == .written + .filtered' \
		"$TRACER_OUT"
}
