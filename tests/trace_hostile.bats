#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace where things go wrong: requests that are broken in memory, tracers that come, go and are killed under load, and
# processes that end, start again or become others while they serve.

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
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	load_kill
	tracer_kill
	net_down
}

# spans [FILTER]: those of TARGET, through jq; --all sees what else this machine serves
spans() {
	jq -c --arg comm "${TARGET##*/}" "select(.event == \"span\" and .comm == \$comm) | ${1:-.}" "$TRACER_OUT"
}

# records EVENT FILTER: the same of another event
records() {
	jq -c "select(.event == \"$1\") | $2" "$TRACER_OUT"
}

same() { # EXPECTED GOT WHAT
	[ "$1" = "$2" ] || net_complain "$3: '$2', not '$1'"
}

# ---- a hostile target ------------------------------------------------------------------------------------------------

# hostile MINOR: every broken request, twice, gives a span that is right but for what is broken, and so do those between
hostile() {
	hostile_build "$1" static-stripped
	proc_start hostile - "$TARGET" -log "$BATS_TEST_TMPDIR/hostile.log"
	proc_read hostile
	tracer_start otb-trace -p "${PROC_PID[hostile]}" -j --header x-test-id --header x-test-case --url-query
	for _ in 1 2; do
		proc_ask hostile go
		[[ $REPLY = 'sent '* ]]
	done
	proc_end hostile
	tracer_wait
	same 0 "$TRACER_STATUS" 'exit code'
	run python3 "$GO_ROOT/tests/lib/hostile_check.py" "$TRACER_OUT" "$BATS_TEST_TMPDIR/hostile.log"
	echo "# $output" >&3
	same 0 "$status" "$output"
	# What cannot be read is counted, and so are maps that are too large.
	same '"fault" "headers"' "$(records lost .where | sort -u | xargs printf '"%s" ' | xargs -0 | sed 's/ $//')" loss
	[ "$(records lost 'select(.where == "headers") | .count')" -ge 14 ]
}

# bats test_tags=long
@test "broken requests, 1.17" {
	hostile 1.17
}

@test "broken requests, 1.20" {
	hostile 1.20
}

# bats test_tags=long
@test "broken requests, 1.24" {
	hostile 1.24
}

@test "broken requests, 1.27" {
	hostile 1.27
}

@test "broken requests as a table: nothing in it steers a terminal" {
	hostile_build 1.27 static-stripped
	proc_start hostile - "$TARGET" -log "$BATS_TEST_TMPDIR/hostile.log"
	proc_read hostile
	tracer_start otb-trace -p "${PROC_PID[hostile]}" --table
	proc_ask hostile go
	proc_end hostile
	tracer_wait
	same 0 "$TRACER_STATUS" 'exit code'
	[ "$(wc -l <"$TRACER_OUT")" -gt 300 ]
	run -1 env LC_ALL=C grep -m 3 '[[:cntrl:]]' "$TRACER_OUT"
	iconv -f UTF-8 -t UTF-8 "$TRACER_OUT" >/dev/null
}

# ---- tracers that come and go ----------------------------------------------------------------------------------------

# bats test_tags=long,no-san
@test "attached, detached and killed 11 times under load, 1.17" {
	coming_and_going 1.17 11
}

# bats test_tags=no-san
@test "attached, detached and killed 11 times under load, 1.27" {
	coming_and_going 1.27 11
}

@test "--control: what a killed tracer leaves is taken over, and gone in the end" {
	target_build httpserver 1.27 static-stripped
	server_start -- http1
	mkdir "$BATS_TEST_TMPDIR/bpf"
	mount -t bpf bpf "$BATS_TEST_TMPDIR/bpf" || skip 'no BPF file system'
	PIN=$BATS_TEST_TMPDIR/bpf/control
	tracer_start otb-trace -p "${PROC_PID[server]}" -j --control "$PIN" --ratio 0
	same 600 "$(stat -c %a "$PIN")" mode
	tracer_kill
	[ -e "$PIN" ]
	# What was in force still is.
	tracer_start otb-trace -p "${PROC_PID[server]}" -j --control "$PIN"
	ask "$SERVER_ADDRESS" /
	tracer_stop
	same '' "$(spans)" 'sampled by none'
	[ ! -e "$PIN" ]
	tracer_start otb-trace -p "${PROC_PID[server]}" -j --control "$PIN" -n 1
	ask "$SERVER_ADDRESS" /
	tracer_wait
	same 1 "$(spans | wc -l)" 'sampled by all'
	[ ! -e "$PIN" ]
	umount "$BATS_TEST_TMPDIR/bpf"
}

# bats test_tags=no-san
@test "two tracers at once: each sees every request" {
	target_build httpserver 1.27 static-stripped
	client_build 1.27
	server_start -- http1
	cd "$BATS_TEST_TMPDIR"
	tracer_start otb-trace -p "${PROC_PID[server]}" -j
	local first=$TRACER_PID out=$BATS_TEST_TMPDIR/first.out
	mv "$TRACER_OUT" "$out"
	tracer_start otb-trace --exe "$TARGET" -j
	client_run http1 -n 211
	server_end
	wait "$first"
	tracer_stop
	jq -c 'select(.event == "handled") | [.goroutine_id, .path[:100]]' "$BATS_TEST_TMPDIR/server.log" | sort >handled
	[ "$(wc -l <handled)" -ge 200 ]
	spans '[.goroutine_id, .url_path[:100]]' | sort | diff handled -
	TRACER_OUT=$out
	spans '[.goroutine_id, .url_path[:100]]' | sort | diff handled -
}

# ---- processes -------------------------------------------------------------------------------------------------------

# reborn_start [NAME] OPTION...: the program reborn, whose service is called so
reborn_start() {
	proc_start "$1" - env "OTEL_SERVICE_NAME=$1" "$TARGET"
	reborn_ready "$1"
}

reborn_ready() {
	proc_read "$1"
	[[ $REPLY = 'ready '* ]] || net_complain "'$1' says '$REPLY'" || return
	ADDRESS=${REPLY##* }
}

# ask ADDRESS PATH: one request, answered
ask() {
	local line
	exec {WIRE}<>"/dev/tcp/${1%:*}/${1##*:}"
	printf 'GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n' "$2" >&"$WIRE"
	IFS= read -r -t 10 line <&"$WIRE" && [[ $line = 'HTTP/1.1 '* ]]
	cat <&"$WIRE" >/dev/null
	exec {WIRE}>&-
}

# ask_in_vain ADDRESS PATH: one request that is not; its connection stays open until the test ends
ask_in_vain() {
	exec {WIRE}<>"/dev/tcp/${1%:*}/${1##*:}"
	printf 'GET %s HTTP/1.1\r\nHost: test\r\n\r\n' "$2" >&"$WIRE"
}

# tracer_map NAME: the id of a map that the tracer has
tracer_map() {
	local fd id
	for fd in "/proc/$TRACER_PID/fdinfo"/*; do
		id=$(sed -n 's/^map_id:\t//p' "$fd")
		[ -z "$id" ] || ! bpftool map show id "$id" | grep -q " name $1 " || echo "$id"
	done
}

# until_record FILTER: waits for it
until_record() {
	local try
	for try in {1..1000}; do
		[ -z "$(jq -c "$1" "$TRACER_OUT" 2>/dev/null)" ] || return 0
		sleep 0.02
	done
	net_complain "no $1 ($try tries): $(cat "$TRACER_OUT")"
}

# bats test_tags=no-san
@test "--exe and --all: a program that is started again, by another service's name" {
	local option
	target_build reborn 1.27 static-stripped
	for option in "--exe $TARGET" --all; do
		# shellcheck disable=SC2086 # a list of words
		tracer_start otb-trace $option -j
		reborn_start one
		# It gets its probes when it is noticed.
		until [ -n "$(spans)" ]; do ask "$ADDRESS" /; done
		proc_end one
		reborn_start two
		ask "$ADDRESS" /two
		reborn_start three
		ask "$ADDRESS" /three
		ask "$ADDRESS" /three
		# A busy machine may not let the tracer look at them before they end, if they end at once.
		until_record 'select(.url_path == "/two")'
		until_record 'select(.url_path == "/three")'
		proc_end two
		proc_end three
		tracer_stop
		same '"two" "three" "three"' "$(spans 'select(.url_path != "/") | .service_name' | paste -sd ' ')" "$option"
	done
}

@test "a server that becomes itself again and again: what was under way is unfinished, and nothing is left of its threads" {
	local try thread
	target_build reborn 1.27 static-stripped
	reborn_start a
	tracer_start otb-trace --exe "$TARGET" -j
	for try in {1..7}; do
		ask_in_vain "$ADDRESS" /exec
		reborn_ready a
		ask "$ADDRESS" "/$try"
		# The next one has another name, for which the process is asked.
		until_record "select(.url_path == \"/$try\")"
	done
	until_record '[inputs, .] | map(select(.event == "unfinished") | .count) | add | select(. == 7)'
	if command -v bpftool >/dev/null; then
		run -0 bpftool -j map dump id "$(tracer_map scratches)"
		for thread in $(jq '.[].formatted.key' <<<"$output"); do
			[ -d "/proc/${PROC_PID[a]}/task/$thread" ] || net_complain "there is no thread $thread"
		done
	fi
	same '"a+" "a++" "a+++" "a++++" "a+++++" "a++++++" "a+++++++"' "$(spans .service_name | paste -sd ' ')" services
	tracer_stop
}

@test "a server that becomes another program" {
	target_build reborn 1.17 static-stripped
	reborn_start a
	tracer_start otb-trace --exe "$TARGET" -j
	ask_in_vain "$ADDRESS" "/exec?$(command -v cat)"
	until_record 'select(.event == "unfinished")'
	proc_expect a 'still here' 'still here'
	tracer_stop
	same '[1,"process"]' "$(records unfinished '[.count, .where]')" unfinished
}

@test "requests of a process that is killed are unfinished, and so are those at the end" {
	target_build reborn 1.27 static-stripped
	reborn_start one
	local one=$ADDRESS try
	reborn_start two
	tracer_start otb-trace --exe "$TARGET" -j
	for try in 1 2 3 4 5; do ask_in_vain "$one" /hold; done
	for try in 1 2 3; do ask_in_vain "$ADDRESS" /hold; done
	# They are there when others that came later are.
	ask "$one" /
	ask "$ADDRESS" /
	proc_kill one
	until_record 'select(.event == "unfinished")'
	tracer_stop
	same '[5,"process"] [3,"tracer"]' "$(records unfinished '[.count, .where]' | paste -sd ' ')" unfinished
}

@test "requests of a process of --pid that is killed are unfinished by its end, though ours comes with it" {
	local try
	target_build reborn 1.27 static-stripped
	reborn_start one
	tracer_start otb-trace -p "${PROC_PID[one]}" -j
	for try in 1 2 3; do ask_in_vain "$ADDRESS" /hold; done
	ask "$ADDRESS" /
	proc_kill one
	tracer_wait
	same '[3,"process"]' "$(records unfinished '[.count, .where]' | paste -sd ' ')" unfinished
}

@test "--pid: only this one of two processes of a file, and it ends with it" {
	target_build reborn 1.27 static-stripped
	reborn_start one
	local one=$ADDRESS
	reborn_start two
	tracer_start otb-trace -p "${PROC_PID[two]}" -j
	ask "$one" /
	ask "$ADDRESS" /
	proc_end two
	tracer_wait
	same 0 "$TRACER_STATUS" 'exit code'
	same '"two"' "$(spans .service_name)" services
}

# Each overlay has a device of its own, so the files look like two; to uprobes they are one, and every probe hits twice.
# bats test_tags=no-san
@test "--all: two containers of one image: each request once" {
	local i
	local -a addresses
	target_build reborn 1.27 static-stripped
	mkdir "$BATS_TEST_TMPDIR/lower" && mv "$TARGET" "$BATS_TEST_TMPDIR/lower/reborn"
	cd "$BATS_TEST_TMPDIR"
	for i in 1 2; do
		mkdir upper$i work$i merged$i
		mount -t overlay overlay merged$i -o "lowerdir=$PWD/lower,upperdir=$PWD/upper$i,workdir=$PWD/work$i" ||
			skip 'no overlayfs here'
		TARGET=$PWD/merged$i/reborn
		reborn_start container$i
		addresses+=("$ADDRESS")
	done
	tracer_start otb-trace --all -j
	for i in 1 2 3; do
		ask "${addresses[0]}" /one
		ask "${addresses[1]}" /two
	done
	tracer_stop
	proc_kill container1
	proc_kill container2
	umount merged1 merged2
	same '3 "container1" 3 "container2"' "$(spans .service_name | sort | uniq -c | xargs printf '%s "%s" ' | sed 's/ $//')" spans
}

# ask_many N ADDRESS: requests in flight until its stdin ends; says "sent" when they are
ask_many() {
	proc_start many - python3 -c '
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
host, port = sys.argv[2].split(":")
held = []
for _ in range(int(sys.argv[1])):
    held.append(socket.create_connection((host, int(port))))
    held[-1].sendall(b"GET /hold HTTP/1.1\r\nHost: test\r\n\r\n")
print("sent", flush=True)
sys.stdin.read()' "$@" && proc_read many 60
}

# until_held N: waits until the server says that so many requests are
until_held() {
	local try
	for try in {1..500}; do
		proc_ask one held
		[ "$REPLY" != "held $1" ] || return 0
		sleep 0.02
	done
	net_complain "$REPLY ($try tries)"
}

# bats test_tags=no-san
@test "9,001 requests in flight: each is unfinished, or lost and counted" {
	local lost unfinished
	ulimit -n "$(ulimit -H -n)" && [ "$(ulimit -n)" -gt 9100 ] || skip 'too few descriptors'
	target_build reborn 1.27 static-stripped
	reborn_start one
	tracer_start otb-trace -p "${PROC_PID[one]}" -j
	ask_many 9001 "$ADDRESS"
	# A goroutine begins each by itself: they have all begun when there are that many fewer left to read.
	until_held 9001
	tracer_stop
	lost=$(records lost 'select(.where == "map") | .count' | awk '{ n += $1 } END { print n + 0 }')
	unfinished=$(records unfinished .count)
	same 9001 "$((lost + unfinished))" 'lost and unfinished'
	# From 6.6 on there is room for more.
	[ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" != 6.6 ] || same 0 "$lost" lost
}

# ---- what is not what it is taken for ---------------------------------------------------------------------------------

@test "connections of a type that is the program's own lack their local end, and nothing is lost" {
	local try
	target_build muxes 1.27 static-stripped
	client_build 1.27
	# Constants of the program may not be in memory yet.
	for try in 1 2 3 4 5; do
		server_start -- http1 -limited
		tracer_start otb-trace -p "${PROC_PID[server]}" -j
		client_run http1 -mix plain -n 101
		server_end
		tracer_wait
		[ -n "$(records lost 'select(.where == "fault")')" ] || break
	done
	same '' "$(records lost 'select(.where == "fault")')" lost
	same 101 "$(spans 'select(.network_local_address == null)' | wc -l)" spans
}

# ---- what cannot be traced -------------------------------------------------------------------------------------------

# refused TEXT OPTION...: it ends at once with 3, says so in one line, and writes no record
refused() {
	local text=$1
	shift
	run -3 --separate-stderr timeout 10 "$TRACER_BUILD/otb-trace" -j "$@"
	same '' "$output" "$*"
	# shellcheck disable=SC2154 # set by run
	[[ $stderr = 'otb-trace: '*"$text"* && $stderr != *$'\n'* ]] || net_complain "$* says: $stderr"
}

@test "no such process, one that is not Go's, one without net/http: 3" {
	local gone
	sleep 0 &
	gone=$!
	wait "$gone"
	refused "$gone" -p "$gone"
	refused 'not a Go program' -p $$
	refused 'not a Go program' --exe "$(command -v bash)"
	refused 'No such file' --exe /nowhere
	target_build gcload 1.27 static-stripped
	proc_start load - "$TARGET"
	proc_read load
	refused 'net/http' -p "${PROC_PID[load]}"
	refused 'net/http' --exe "$TARGET"
}
