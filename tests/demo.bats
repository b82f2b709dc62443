#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# scripts/demo: what it shows, that it is right, and that nothing is left of it.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	load lib/gcloop
	load lib/shop
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	shop_make 2>"$BATS_FILE_TMPDIR/why" || touch "$BATS_FILE_TMPDIR/no-shop"
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

need_shop() {
	need_bpf
	[ ! -e "$BATS_FILE_TMPDIR/no-shop" ] || skip "$(cat "$BATS_FILE_TMPDIR/why")"
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

# start_demo PART: in the background and in a process group of its own, as a shell would; its output is in out and err
start_demo() {
	mkdir tmp
	TMPDIR=$BATS_TEST_TMPDIR/tmp OTB_TEST_MARK=$mark setsid env --default-signal=INT "$demo" --no-build "$1" >out 2>err 3>&- &
	pid=$!
}

wait_demo() {
	status=0
	wait "$pid" || status=$?
	pid=
}

@test "link: a table, records, sums, metrics, and the kernel's own figure" {
	need_bpf
	start_demo link
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

@test "shop: spans, stops and retransmissions, and metrics that are what everybody counted" {
	local title
	need_shop
	start_demo shop
	wait_demo
	cat out err
	[ "$status" -eq 0 ]
	for title in ' *COUNT .*STATUS REQUEST' 'TIME .*STATUS NAME' 'TIME  *WHAT .*BY, OR HEAP' 'TIME  *PID COMM  *REASON .*PEER' \
		' *AFTER ms .*WHAT'; do
		grep -A 9 -E "^$title" out | tail -n +2 | grep -q '^ *[0-9]' || { echo "nothing below '$title'" && false; }
	done
	sed -n '/AFTER ms/,$p' out | grep -q 'client POST 10.77.0.2'
	[[ $(tail -n 1 out) =~ ^"demo: OK: requests "([0-9]+)" of "([0-9]+)(.*)", cycles "([0-9]+)" of "([0-9]+)(.*)", segments "([0-9]+)" of "([0-9]+)(" ("([0-9]+)" lost)")?$ ]]
	[ "${BASH_REMATCH[1]}" -ge 100 ] && [ "${BASH_REMATCH[4]}" -ge 1 ] && [ "${BASH_REMATCH[7]}" -ge 5 ]
	[ -n "${BASH_REMATCH[3]}" ] || [ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
	[ -n "${BASH_REMATCH[6]}" ] || [ "${BASH_REMATCH[4]}" -eq "${BASH_REMATCH[5]}" ]
	[ $((BASH_REMATCH[7] + BASH_REMATCH[10])) -eq "${BASH_REMATCH[8]}" ]
	grep -qE '^http_server_request_duration_seconds_count\{http_request_method="POST",http_route="/orders",.*\} [1-9]' out
	[ "$(grep -v '^http_server' out | awk 'length > 80' | wc -l)" -eq 0 ]
	check_nothing_left "$pid"
}

# A signal when everything is running: PATTERN is in what was shown.
interrupted() { # PART SIGNAL STATUS PATTERN
	local demo_pid
	start_demo "$1"
	demo_pid=$pid
	await grep -q "$4" out
	[ -n "$(processes)" ]
	if [ "$2" = INT ]; then
		kill -INT -- "-$pid" # Ctrl-C is for the whole group
	else
		kill "-$2" "$pid"
	fi
	wait_demo
	[ "$status" -eq "$3" ]
	check_nothing_left "$demo_pid"
	! grep -q OK: out
}

@test "link: Ctrl-C: 130, and nothing is left" {
	need_bpf
	interrupted link INT 130 ' search '
}

@test "link: SIGKILL: nothing is left, though nobody could clean up" {
	need_bpf
	interrupted link KILL 137 ' search '
}

@test "shop: Ctrl-C: 130, and nothing is left" {
	need_shop
	interrupted shop INT 130 REQUEST
}

@test "shop: SIGTERM: 143, and nothing is left" {
	need_shop
	interrupted shop TERM 143 REQUEST
}

@test "shop: SIGKILL: nothing is left, though nobody could clean up" {
	need_shop
	interrupted shop KILL 137 REQUEST
}

@test "without Go: the link, and it says so" {
	local name
	mkdir tree
	for name in scripts tests; do
		ln -s "$TRACER_ROOT/$name" "tree/$name"
	done
	run -0 --separate-stderr setpriv --no-new-privs --bounding-set=-all --inh-caps=-all tree/scripts/demo --no-build
	# shellcheck disable=SC2154
	[[ $stderr == *"demo: no shop has been built: this shows no Go program, but otb-tcpretrans alone."* ]]
}

# replayed [COMMAND...]: what the demo shows when COMMAND takes its privileges away
replayed() {
	local records=$TRACER_ROOT/tests/records/tcpretrans-recorded.jsonl
	run -0 --separate-stderr "$@" env "OTB_TEST_MARK=$mark" HOME="$home" TMPDIR="$home" "$demo" --no-build link
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
