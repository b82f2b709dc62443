#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What this kernel makes of the tracers: each is loaded, all of it, with every set of options that makes other programs of
# it, attached, and gone again. The truth is the kernel's: its links, and the probes in a program's code. The names begin
# with the tool's, for scripts/kernel-matrix.

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
	load lib/attach
	load lib/code
	load lib/gcload # the last: its load_start() is meant
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

# tracer_has WHAT: how many of the tracer's descriptors are of that kind (Documentation/filesystems/proc.rst, 3.8)
tracer_has() {
	cat "/proc/$TRACER_PID/fdinfo/"* 2>/dev/null | grep -c "^$1:"
}

# walked: how many instructions the verifier walked through for the program that took it the longest; kernels before 5.16
# do not say. A millisecond of the start is some 15,000 of them: more than this is a loop whose rounds it cannot tell apart.
walked() {
	cat "/proc/$TRACER_PID/fdinfo/"* 2>/dev/null | awk '$1 == "verified_insns:" && $2 > most { most = $2 }
		END { print most + 0; exit most > 60000 }'
}

# silent: it had nothing to complain of
silent() {
	[ ! -s "$TRACER_ERR" ] || { cat "$TRACER_ERR" >&2 && return 1; }
}

# linked OPTION...: otb-tcpretrans, with a link for each of its two tracepoints
linked() {
	local programs links most
	tracer_start otb-tcpretrans -j "$@"
	programs=$(tracer_has prog_type) links=$(tracer_has link_type)
	[ "$programs" -ge 2 ] && [ "$links" -ge 2 ]
	most=$(walked) || { echo "$most instructions walked" && return 1; }
	tracer_stop
	silent
	echo "# ${*:-no options}: $programs programs, $links links, $most instructions walked at most" >&3
}

@test "otb-tcpretrans: loaded and attached" {
	linked
	linked --summary
	linked --max-rate 100 --netns "$(stat -L -c %i /proc/self/ns/net)" --peer 192.0.2.0/24 --reason rto,syn
}

@test "otb-tcpretrans: loaded and attached, by raw tracepoints" {
	export OTB_TCPRETRANS_RAW_TP=1
	linked
}

# probed TRACER FILE OPTION...: loaded, PROGRAMS of it, with probes in the code of the process PROBED for as long as it runs
probed() {
	local pid=${PROC_PID[$PROBED]} most
	tracer_start "$1" -j "${@:3}"
	PROGRAMS=$(tracer_has prog_type)
	[ "$PROGRAMS" -ge 2 ]
	most=$(walked) || { echo "${*:3}: $most instructions walked" && return 1; }
	code_differs "$pid" "$2"
	tracer_stop
	silent
	until_clean "$pid" "$2"
	echo "# ${*:3}: $PROGRAMS programs, $most instructions walked at most" >&3
}

@test "otb-gcpause: loaded and attached" {
	load_build 1.27 static-stripped
	load_start --
	PROBED=load
	probed otb-gcpause "$LOAD" --pid "${PROC_PID[load]}"
	probed otb-gcpause "$LOAD" --exe "$LOAD" --assists
	probed otb-gcpause "$LOAD" --exe "$LOAD" --summary
	probed otb-gcpause "$LOAD" --exe "$LOAD" --reason gc --min-duration 1ms
}

# With --pid it loads what that program has a use for, with --exe everything. What it is to do is constant for the verifier,
# which goes other ways for each.
@test "otb-trace: loaded and attached" {
	local option few
	target_build httpserver 1.27 static-stripped
	server_start -- http1
	PROBED=server
	probed otb-trace "$TARGET" --pid "${PROC_PID[server]}"
	few=$PROGRAMS
	probed otb-trace "$TARGET" --exe "$TARGET"
	[ "$few" -lt "$PROGRAMS" ]
	for option in --summary --metrics '--ratio 0.5' --sched --url-query '--header X-Test-Id'; do
		# shellcheck disable=SC2086 # an option and its value
		probed otb-trace "$TARGET" --exe "$TARGET" $option
	done
	probed otb-trace "$TARGET" --exe "$TARGET" --metrics --ratio 0.5 --sched --db-text --url-query --header X-Test-Id \
		--header X-Other
	server_end
}
