#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# scripts/demo: what it shows, that it is right, and that nothing is left of it.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/tracer
	cd "$BATS_TEST_TMPDIR" || return
	# By this in their environment we know the processes that are of the demo.
	mark=otb-$BATS_TEST_NUMBER-$$-$RANDOM
	demo=$TRACER_ROOT/scripts/demo
	home=
	export OTB_BUILD=$TRACER_BUILD
}

teardown() {
	local pid
	for pid in $(processes); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	[ -z "$home" ] || rm -rf "$home"
}

need_bpf() {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

# processes: those of the demo that are still there
processes() {
	grep -lzx "OTB_TEST_MARK=$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
}

await() { # COMMAND...
	local try
	for try in {1..2000}; do
		! "$@" || return 0
		sleep 0.01
	done
	echo "never true ($try tries): $*" >&2
	return 1
}

no_processes() {
	[ -z "$(processes)" ]
}

# check_nothing_left PID: neither processes nor files nor a namespace, whose names would have the demo's pid in them
check_nothing_left() {
	await no_processes
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ]
	! compgen -G "/run/netns/otb-$1-*"
}

# start_demo: in the background and in a process group of its own, as a shell would; its output is in out and err
start_demo() {
	mkdir tmp
	TMPDIR=$BATS_TEST_TMPDIR/tmp OTB_TEST_MARK=$mark setsid env --default-signal=INT "$demo" --no-build >out 2>err 3>&- &
	pid=$!
}

wait_demo() {
	status=0
	wait "$pid" || status=$?
	pid=
}

@test "live: a table, records, sums, metrics, and the kernel's own figure" {
	need_bpf
	start_demo
	wait_demo
	cat out err
	[ "$status" -eq 0 ]
	head -n 1 out | grep -qx 'TIME  *PID COMM  *REASON  *SEGS  *SRTT PEER'
	[[ $(tail -n 1 out) =~ ^"demo: OK: 4 processes, "[0-9]+" retransmissions; segments: "([0-9]+)" seen, RetransSegs "([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
	[ "${BASH_REMATCH[1]}" -ge 10 ]
	# What has one process has one pid everywhere: the brief records, the whole one and the table.
	grep '^{' out | jq -e . >/dev/null
	for comm in search mailer; do
		[ "$(jq -R "fromjson? | select(.comm == \"$comm\") | .pid" out | sort -u | wc -l)" -eq 1 ]
	done
	grep -qE 'otb_tcp_retransmit_segments_total\{reason="[a-z_]+",comm="search"\} [1-9]' out
	[ "$(grep -v '^{"time"' out | awk 'length > 80' | wc -l)" -eq 0 ]
	check_nothing_left "$pid"
}

# A signal once the table has lines, when everything is running.
interrupted() { # SIGNAL STATUS
	local demo_pid
	need_bpf
	start_demo
	demo_pid=$pid
	await grep -q ' search ' out
	[ -n "$(processes)" ]
	if [ "$1" = INT ]; then
		kill -INT -- "-$pid" # Ctrl-C is for the whole group
	else
		kill "-$1" "$pid"
	fi
	wait_demo
	[ "$status" -eq "$2" ]
	check_nothing_left "$demo_pid"
	! grep -q OK: out
}

@test "Ctrl-C: 130, and nothing is left" {
	interrupted INT 130
}

@test "SIGTERM: 143, and nothing is left" {
	interrupted TERM 143
}

@test "SIGKILL: nothing is left, though nobody could clean up" {
	interrupted KILL 137
}

# replayed [COMMAND...]: what the demo shows when COMMAND takes its privileges away
replayed() {
	local records=$TRACER_ROOT/tests/records/tcpretrans-recorded.jsonl
	run -0 --separate-stderr "$@" env "OTB_TEST_MARK=$mark" HOME="$home" TMPDIR="$home" "$demo" --no-build
	# shellcheck disable=SC2154
	[[ $stderr == *'demo: eBPF is not permitted here ('*'), so this replays records recorded before.'* ]]
	[[ $output == *'{"comm":"otb-client","pid":'*'"reason":"syn"'* ]]
	[[ $output == *'otb_tcp_retransmit_segments_total{reason="tlp",comm="otb-client"} '* ]]
	[[ ${lines[-1]} =~ ^"demo: OK: nothing live; "([0-9]+)" recorded records; segments: "([0-9]+)", in the metrics "([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -eq "$(wc -l <"$records")" ]
	[ "${BASH_REMATCH[2]}" -eq "$(jq -s 'map(.segments // 0) | add' "$records")" ]
	[ "${BASH_REMATCH[2]}" -eq "${BASH_REMATCH[3]}" ]
	[ -z "$(ls -A "$home")" ]
	no_processes
}

@test "where eBPF is not permitted it says so and replays records" {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	# Not below bats's own folder, which is for root alone.
	home=$(mktemp -d)
	chmod 0777 "$home"
	if [ "$EUID" -ne 0 ]; then
		replayed setpriv --no-new-privs
		return
	fi
	replayed setpriv --bounding-set=-all --inh-caps=-all
	# A repository in root's home is not for others to read.
	! "${nobody[@]}" test -r "$demo" || replayed "${nobody[@]}"
}

@test "recorded records have every reason, kind and owner" {
	local records=$TRACER_ROOT/tests/records/tcpretrans-recorded.jsonl
	local sums=$TRACER_ROOT/tests/records/tcpretrans-recorded-summary.jsonl
	[ "$(jq -r '.reason // empty' "$records" | sort -u | xargs)" = 'fast loss_recovery rto syn tlp' ]
	[ "$(jq -r .event "$records" | sort -u | xargs)" = 'lost stats suppressed tcp_retransmit tcp_synack_retransmit' ]
	[ "$(jq -r '.owner // empty' "$records" | sort -u | xargs)" = 'current listener orphan socket' ]
	[ "$(jq -r '.network_type // empty' "$records" | sort -u | xargs)" = 'ipv4 ipv6' ]
	[ "$(jq -r '.error // empty' "$records" | sort -u | xargs)" = 'EBUSY EPERM NET_XMIT_DROP' ]
	jq -se 'any(.container_id | . and test("^[0-9a-f]{64}$"))' "$records" >/dev/null
	[ "$(jq -r .by "$sums" | sort -u | xargs)" = 'cgroup flow peer process reason' ]
}

@test "usage: 2" {
	run -2 --separate-stderr "$demo" --what
	[[ $stderr == 'demo: usage: '* && -z $output ]]
}
