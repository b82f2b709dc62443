#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-gcpause against what the Go runtime itself counts: a program whose collections and stops are known (lib/gcload),
# built by releases of Go from 1.17 on and in the ways that programs are built; and a large one from Debian.
#
# shellcheck disable=SC2034 # what gcload.bash reads

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
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
	[ -z "${OVERLAYS[*]}" ] || umount "${OVERLAYS[@]}"
}

# ---- two tracers at once -------------------------------------------------------------------------------------------

# twin_start [OPTION]...: a second tracer beside the first, into TWIN_OUT
twin_start() {
	local pid=$TRACER_PID out=$TRACER_OUT err=$TRACER_ERR
	mkdir -p "$BATS_TEST_TMPDIR/twin"
	BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/twin tracer_start otb-gcpause "$@" || return
	TWIN_PID=$TRACER_PID TWIN_OUT=$TRACER_OUT
	TRACER_PID=$pid TRACER_OUT=$out TRACER_ERR=$err
}

twin_stop() {
	kill -TERM "$TWIN_PID" && wait "$TWIN_PID"
}

# ---- the matrix ------------------------------------------------------------------------------------------------------

@test "1.17 static-stripped" {
	matrix 1.17 static-stripped
}

@test "1.17 pie-stripped" {
	matrix 1.17 pie-stripped
}

# bats test_tags=no-san
@test "1.17 plain" {
	matrix 1.17 plain
}

# bats test_tags=no-san
@test "1.21 static-stripped" {
	matrix 1.21 static-stripped
}

# bats test_tags=no-san
@test "1.21 pie-stripped" {
	matrix 1.21 pie-stripped
}

@test "1.21 plain" {
	matrix 1.21 plain
}

# bats test_tags=no-san
@test "1.22 static-stripped" {
	matrix 1.22 static-stripped
}

@test "1.22 pie-stripped" {
	matrix 1.22 pie-stripped
}

# bats test_tags=no-san
@test "1.22 plain" {
	matrix 1.22 plain
}

@test "1.27 static-stripped" {
	matrix 1.27 static-stripped
}

# bats test_tags=no-san
@test "1.27 pie-stripped" {
	matrix 1.27 pie-stripped
}

# bats test_tags=no-san
@test "1.27 plain" {
	matrix 1.27 plain
}

# ---- stacks that grow ------------------------------------------------------------------------------------------------

# grown MINOR: functions of the runtime find too small a stack, and begin again
grown() {
	load_build "$1" static-stripped
	load_run -grow 1000 -live 1 -workers 1
	load_check
	same 1001 "$(pauses 'select(.reason == "read_mem_stats")' | wc -l | awk '{ print $1 + 143 }')" 'stops'
	echo "# $LOAD_NUMBERS" >&3
}

# bats test_tags=no-san
@test "1,000 goroutines that grow their stacks, 1.17: no pause is seen twice" {
	grown 1.17
}

# bats test_tags=no-san
@test "1,000 goroutines that grow their stacks, 1.21: no pause is seen twice" {
	grown 1.21
}

@test "1,000 goroutines that grow their stacks, 1.27: no pause is seen twice" {
	grown 1.27
}

# ---- what begins a cycle, and what it costs --------------------------------------------------------------------------

# timed MINOR [BUILD-OPTION]...: collections that nothing but the time since the last one is the reason for
timed() {
	load_build "$1" static -tags forcegc "${@:2}"
	tracer_start otb-gcpause --exe "$LOAD" -j
	load_start -- -workers 0 -gc 2 -timed 5
	load_go
	tracer_stop
	# The last may be counted before it is awaited, and a sixth may begin meanwhile.
	same '"forced" "time"' "$(cycles .trigger | uniq | tr '\n' ' ' | sed 's/ $//')" 'triggers'
	[ "$(cycles 'select(.trigger == "time")' | wc -l)" -ge 5 ]
	same "$(load_truth .num_gc)" "$(cycles . | wc -l)" 'cycles'
}

# bats test_tags=no-san
@test "cycles that the time begins, 1.17" {
	timed 1.17
}

@test "cycles that the time begins, 1.22" {
	timed 1.22
}

# bats test_tags=no-san
@test "cycles that the time begins, 1.27" {
	timed 1.27 -ldflags -checklinkname=0
}

# counted MINOR: with symbols, the goroutines are counted
counted() {
	load_build "$1" plain
	load_run -workers 7 -live 1 -cycles 23
	# The first collections come before all of them have been started.
	same 8 "$(cycles .goroutines | sort -n | tail -n 1)" 'most goroutines'
	[ "$(cycles .goroutines | grep -c '^8$')" -ge 13 ]
}

@test "goroutines are counted where there are symbols" {
	counted 1.17
	counted 1.27
}

# assisted MINOR: each assist, and what the runtime measured of them
assisted() {
	load_build "$1" static-stripped
	TRACER_OPTIONS=(--assists)
	load_run -workers 5 -live 2 -cycles 53
	load_check
	[ "$(assists . | wc -l)" -gt 53 ]
	same "$(cycles '[.cycle, .assists, .assist_ns, .assist_max_ns]' | grep -v ',0,0,0\]')" \
		"$(assists '[.cycle, .duration_ns]' | jq -s -c 'group_by(.[0])[] |
			[.[0][0], length, (map(.[1]) | add), (map(.[1]) | max)]')" 'assists of each cycle'
	same '' "$(assists 'select((.goroutine_id // 0) < 1 or .go_version == null or .comm != "gcload")')"
	check_assist_time
}

@test "assists, 1.17" {
	assisted 1.17
}

# bats test_tags=no-san
@test "assists, 1.22" {
	assisted 1.22
}

@test "assists, 1.27" {
	assisted 1.27
}

# ---- which programs --------------------------------------------------------------------------------------------------

@test "--pid: only this one of two, and it ends with it" {
	load_build 1.27 static-stripped
	load_start one -- -cycles 11
	load_start other -- -cycles 11
	tracer_start otb-gcpause --pid "${PROC_PID[one]}" -j
	load_go other
	load_go one
	tracer_wait
	same 0 "$TRACER_STATUS"
	check_process one
	same "$(jq .pid "$BATS_TEST_TMPDIR/one.truth")" "$(jq .pid "$TRACER_OUT" | sort -u)"
}

@test "several --pid, of different releases; it ends with the last" {
	load_build 1.27 static-stripped
	load_start one -- -cycles 11 -gomaxprocs 3
	load_build 1.17 pie-stripped
	load_start two -- -cycles 13 -stack 5
	tracer_start otb-gcpause --pid "${PROC_PID[one]}" --pid "${PROC_PID[two]}" -j
	load_go one
	kill -0 "$TRACER_PID"
	load_go two
	tracer_wait
	same 0 "$TRACER_STATUS"
	check_process one
	check_process two
}

@test "--pid ends when the process becomes another program" {
	load_build 1.22 static-stripped
	load_start -- -cycles 11 "$(command -v cat)"
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
	proc_say load go
	proc_read load 60
	LOAD_TRUTH=$BATS_TEST_TMPDIR/load.truth LOAD_TRACE=$NET_DIR/load.err
	echo "$REPLY" >"$LOAD_TRUTH"
	tracer_wait
	same 0 "$TRACER_STATUS"
	proc_expect load 'still here' 'still here'
	load_check
}

# The first fills the ring buffer, three execs of its own what remains.
@test "--pid ends when the process becomes another program, though there was no room for that" {
	load lib/await
	local other
	other=$(command -v cat)
	load_build 1.22 static-stripped
	load_start first -- -cycles 101 "$(command -v sh)" -c "exec sh -c 'exec $other'"
	load_start second -- -cycles 11 "$other"
	tracer_start otb-gcpause --pid "${PROC_PID[first]}" --pid "${PROC_PID[second]}" -j --buffer 4K
	kill -STOP "$TRACER_PID"
	for name in first second; do
		proc_say $name go
		proc_read $name 60
		await [ "/proc/${PROC_PID[$name]}/exe" -ef "$other" ]
	done
	kill -CONT "$TRACER_PID"
	gone() { ! kill -0 "$TRACER_PID"; }
	await gone
	tracer_wait
	same 0 "$TRACER_STATUS"
	proc_expect second 'still here' 'still here'
}

@test "--pid of a process that became a Go program" {
	load_build 1.21 static-stripped
	# shellcheck disable=SC2016 # the inner shell expands it
	LOAD_UNDER=(sh -c 'read -r line && exec "$0" "$@"')
	proc_start load - env GODEBUG=gctrace=1 GOGC=50 "${LOAD_UNDER[@]}" "$LOAD" -cycles 11
	proc_say load go
	proc_read load
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
	load_go
	tracer_wait
	load_check
}

@test "--pid of a file that is deleted" {
	load_build 1.27 pie-stripped
	load_start -- -cycles 11
	rm "$LOAD"
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
	load_go
	tracer_wait
	load_check
}

@test "--pid of one that works already: the cycles have the runtime's numbers" {
	for minor in 1.17 1.22 1.27; do
		load_build $minor static-stripped
		load_start -- -hold
		proc_say load go
		# A cycle may be under way.
		proc_ask load count
		tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
		until_seen load
		proc_say load end
		load_end
		tracer_wait
		check_late load
	done
}

@test "--exe: every process of the file, one after the other and at the same time" {
	load_build 1.27 static-stripped
	load_start one -- -cycles 7
	tracer_start otb-gcpause --exe "$LOAD" -j
	load_start two -- -cycles 11
	load_go one
	load_go two
	load_start three -- -cycles 13
	load_go three
	tracer_stop
	check_process one
	check_process two
	check_process three
}

# see_new: a process of what is at $LOAD by now, from its start to its end, and then the tracer's end
see_new() {
	load_start new -- -hold
	proc_say new go
	until_seen new
	proc_say new end
	load_end new
	tracer_stop
}

# A file that comes later gets its probes as soon as it is noticed; what its program does before is not seen.
@test "--exe: a file that is replaced, as in an upgrade" {
	load_build 1.22 static-stripped
	tracer_start otb-gcpause --exe "$LOAD" -j
	load_start old -- -cycles 7
	load_go old
	local path=$LOAD
	load_build 1.27 static-stripped
	mv "$LOAD" "$path"
	LOAD=$path
	see_new
	check_process old
	check_late new
}

# The old program's places may lie in the middle of the new one's instructions.
@test "--exe: a file that is written anew in place" {
	load_build 1.22 static-stripped
	tracer_start otb-gcpause --exe "$LOAD" -j -v
	load_start old -- -cycles 7
	load_go old
	local path=$LOAD try
	load_build 1.27 static-stripped
	cat "$LOAD" >"$path"
	LOAD=$path
	for try in {1..1000}; do
		! grep -q 'written to' "$TRACER_ERR" || break
		sleep 0.02
	done
	[ "$try" -lt 1000 ]
	see_new
	check_process old
	check_late new
}

# The same code, so that one address is of two names.
@test "--exe: a file that is written anew in place has functions of its own" {
	load lib/await
	load_build 1.22 static-stripped
	tracer_start otb-gcpause --exe "$LOAD" -j -v
	load_start old -- -cycles 7
	load_go old
	sed 's/gowrap1/gowrapX/g' "$LOAD" >"$BATS_TEST_TMPDIR/new"
	cat "$BATS_TEST_TMPDIR/new" >"$LOAD"
	await grep -q 'written to' "$TRACER_ERR"
	see_new
	same $'gowrap1\ngowrapX' "$(pauses .goroutine_function | grep -o 'gowrap.' | sort -u)"
	run -0 pauses "select(.pid == $(jq .pid "$BATS_TEST_TMPDIR/new.truth")) | .goroutine_function"
	[[ $output = *gowrapX* && $output != *gowrap1* ]]
}

# A moment after its last stop, which may not have been read by then.
@test "--exe: the last records before a file is written to have its release, too" {
	load lib/await
	load_build 1.22 static-stripped
	cp "$LOAD" "$BATS_TEST_TMPDIR/copy"
	for round in {1..7}; do
		tracer_start otb-gcpause --exe "$LOAD" -j -v
		load_start "round$round" -- -cycles 3
		load_go "round$round"
		cat "$BATS_TEST_TMPDIR/copy" >"$LOAD"
		await grep -q 'written to' "$TRACER_ERR"
		tracer_stop
		[ "$(pauses . | wc -l)" -ge 6 ]
		same '' "$(jq -c 'select(.go_version | not)' "$TRACER_OUT")"
	done
}

# The release in the buildinfo and wherever else is one that there is not yet.
@test "a Go that is newer than known: said so, and everything seen" {
	load_build 1.27 static-stripped
	sed -i 's/go1\.27\.4/go1.29.4/g' "$LOAD"
	load_run "${LOAD_CALLS[@]}" -cycles 23
	load_check
	same '"go1.29.4"' "$(pauses .go_version | sort -u)"
	grep -q 'go1.29.4, which is newer' "$TRACER_ERR"
}

@test "--exe: a link to the file, and a name relative to where we are" {
	load_build 1.27 static-stripped
	ln -s "$LOAD" "$BATS_TEST_TMPDIR/link"
	cd "$BATS_TEST_TMPDIR"
	tracer_start otb-gcpause --exe link -j
	load_start -- -cycles 7
	load_go
	tracer_stop
	load_check
}

@test "--all: what runs already, and a file that is made later" {
	load_build 1.27 static-stripped
	load_start before -- -cycles 7
	tracer_start otb-gcpause --all -j
	load_build 1.17 pie-stripped
	load_start later -- -hold
	proc_say later go
	until_seen later
	proc_say later end
	load_end later
	load_go before
	tracer_stop
	check_process before
	check_late later
}

# The places of a program that is looked through would lie in the middle of another's instructions.
@test "--all: a process that becomes another program while its own is looked through" {
	load lib/code
	load lib/await
	load_build 1.22 static-stripped
	command -v python3 >/dev/null || skip 'no python3'
	python3 "$GO_ROOT/tests/lib/slow_program.py" "$LOAD" 400
	local other=$BATS_TEST_TMPDIR/other pid
	cp "$(command -v bash)" "$other"
	tracer_start otb-gcpause --all -j -vv
	load_start -- -cycles 1 "$other" -c 'read -r && read -r'
	pid=${PROC_PID[load]}
	opened() { readlink "/proc/$TRACER_PID/fd/"* | grep -q "^$LOAD$"; }
	await opened
	proc_say load go
	# Looked at in turn.
	await grep -q "'/proc/$pid/exe' is not a Go program" "$TRACER_ERR"
	[ "/proc/$pid/exe" -ef "$other" ]
	run ! code_differs "$pid" "$other"
	tracer_stop
}

# Each overlay has a device of its own, so the files look like two; to uprobes they are one, and every probe hits twice.
@test "--all: two containers of one image" {
	load_build 1.27 static-stripped
	local i lower=$BATS_TEST_TMPDIR/lower
	mkdir "$lower" && cp "$LOAD" "$lower/gcload"
	cd "$BATS_TEST_TMPDIR"
	OVERLAYS=()
	for i in 1 2; do
		mkdir upper$i work$i merged$i
		mount -t overlay overlay merged$i \
			-o "lowerdir=$lower,upperdir=$PWD/upper$i,workdir=$PWD/work$i" || skip 'no overlayfs here'
		OVERLAYS+=("$PWD/merged$i")
		LOAD=$PWD/merged$i/gcload
		load_start container$i -- -cycles 11
	done
	tracer_start otb-gcpause --all -j --assists
	load_go container1
	load_go container2
	tracer_stop
	check_process container1
	check_process container2
}

# only_there DIR: LOAD lies in a tmpfs that no mount namespace but that of the process has
only_there() {
	mkdir "$1"
	# shellcheck disable=SC2016 # the inner shell expands it
	LOAD_UNDER=(unshare --mount --pid --fork --kill-child sh -c
		'mount -t tmpfs none "$0" && cp "$1" "$0/gcload" && shift && exec "$0/gcload" "$@"' "$1")
}

@test "--all: a program that lies only in another mount namespace, in a pid namespace of its own" {
	load_build 1.27 static-stripped
	only_there "$BATS_TEST_TMPDIR/there"
	load_start before -- -hold
	tracer_start otb-gcpause --all -j
	load_start later -- -hold
	[ ! -e "$BATS_TEST_TMPDIR/there/gcload" ]
	for name in before later; do
		pid=$(pgrep -P "${PROC_PID[$name]}")
		proc_say $name go
		until_seen $name "$pid"
		proc_say $name end
		load_end $name
		# Its own pid is another one.
		jq -c ".pid = $pid" "$BATS_TEST_TMPDIR/$name.truth" >"$BATS_TEST_TMPDIR/$name.seen"
		mv "$BATS_TEST_TMPDIR/$name.seen" "$BATS_TEST_TMPDIR/$name.truth"
	done
	tracer_stop
	check_late before
	check_late later
}

@test "--pid of a program in a chroot" {
	load_build 1.22 static-stripped
	mkdir "$BATS_TEST_TMPDIR/root"
	mv "$LOAD" "$BATS_TEST_TMPDIR/root/gcload"
	LOAD=/gcload LOAD_UNDER=(chroot "$BATS_TEST_TMPDIR/root")
	load_start -- -cycles 11
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
	load_go
	tracer_wait
	load_check
}

# ---- what is not a Go program ----------------------------------------------------------------------------------------

# refused CODE TEXT OPTION...: it ends at once, says so in one line, and writes no record
refused() {
	local code=$1 text=$2
	shift 2
	run -"$code" --separate-stderr timeout 10 "$TRACER_BUILD/otb-gcpause" "$@"
	same '' "$output" "$*"
	# shellcheck disable=SC2154 # set by run
	[[ $stderr = 'otb-gcpause: '*"$text"* ]] || {
		printf '%s\nsaid: %s\nwanted: %s\n' "$*" "$stderr" "$text" >&2
		return 1
	}
}

@test "without --pid, --exe or --all, or with what is no value: 2" {
	refused 2 '--pid'
	refused 2 '--all' -d 1s
	refused 2 'x' --pid x
	refused 2 '0' --pid 0
	refused 2 'no_such' --all --reason no_such
	refused 2 'no_such' --all --reason read_mem_stats,no_such
	refused 2 'reason' --all --reason ''
	refused 2 'min-duration' --all --min-duration 5x
	refused 2 'min-duration' --all --min-duration -- -1ms
	refused 2 'interval' --all --interval 1s
	refused 2 'exe' --all --exe /bin/true
}

@test "no such process or file, or one that is no Go program: 3" {
	# Nothing else can have this pid now, and nothing can have it later.
	refused 3 "$(cat /proc/sys/kernel/pid_max)" --pid "$(cat /proc/sys/kernel/pid_max)"
	refused 3 "Go" --pid $$
	refused 3 "/no/such/file" --exe /no/such/file
	refused 3 "/bin/true" --exe /bin/true
	refused 3 "Go" --exe /bin/true
	refused 3 "/etc/passwd" --exe /etc/passwd
	refused 3 "$BATS_TEST_TMPDIR" --exe "$BATS_TEST_TMPDIR"
	refused 3 "/dev/zero" --exe /dev/zero
	refused 3 "cannot open ''" --exe ''
	: >"$BATS_TEST_TMPDIR/empty"
	refused 3 "$BATS_TEST_TMPDIR/empty" --exe "$BATS_TEST_TMPDIR/empty"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	refused 3 "$BATS_TEST_TMPDIR/fifo" --exe "$BATS_TEST_TMPDIR/fifo"
	# A process without a file of its own: a kernel thread.
	refused 3 "2" --pid 2
}

@test "a process that has ended but was not waited for: 3" {
	local child try
	mkfifo "$BATS_TEST_TMPDIR/end"
	# shellcheck disable=SC2016 # the inner shell expands it
	proc_start parent - sh -c 'read -r line <"$0" & echo $!; exec cat' "$BATS_TEST_TMPDIR/end"
	proc_read parent
	child=$REPLY
	# What the parent has become does not care for children.
	proc_expect parent cat cat
	echo end >"$BATS_TEST_TMPDIR/end"
	for try in {1..1000}; do
		! grep -q '^State:.Z' "/proc/$child/status" || break
		sleep 0.01
	done
	refused 3 "$child" --pid "$child"
}

@test "Go programs of other machines: 3" {
	go_toolchain 1.27 >/dev/null 2>&1 || skip 'no Go 1.27'
	for arch in 386 arm64; do
		[ "$arch" != "$(go env GOHOSTARCH)" ] || continue
		GOARCH=$arch go_build 1.27 static "$GO_BUILT/hello-$arch" "$LOAD_SOURCE/../hello"
		refused 3 "hello-$arch" --exe "$GO_BUILT/hello-$arch"
	done
}

@test "a Go program that is cut off: 3, wherever" {
	load_build 1.27 pie-stripped
	local size cut
	size=$(stat -c %s "$LOAD")
	for cut in 1 63 64 120 4096 65536 $((size / 4)) $((size / 2)) $((size * 3 / 4)); do
		head -c "$cut" "$LOAD" >"$BATS_TEST_TMPDIR/cut"
		refused 3 "$BATS_TEST_TMPDIR/cut" --exe "$BATS_TEST_TMPDIR/cut"
	done
}

# overwrite FILE OFFSET HEX
overwrite() {
	printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a Go program whose headers lie: 3, or what is left of it, never worse" {
	load_build 1.27 static-stripped
	local offset
	# The program headers' place, number and size; the section headers' place; and the tables themselves.
	for offset in 24 32 40 54 56 58 60 62 64 72 80 96 104 120 136 152 160 176 192 208 216; do
		cp "$LOAD" "$BATS_TEST_TMPDIR/liar"
		overwrite "$BATS_TEST_TMPDIR/liar" "$offset" ffffffffffffff7f
		run --separate-stderr timeout 10 "$TRACER_BUILD/otb-gcpause" -d 1ms --exe "$BATS_TEST_TMPDIR/liar"
		[ "$status" -eq 3 ] || [ "$status" -eq 0 ] || {
			echo "offset $offset: status $status: $stderr" >&2
			return 1
		}
	done
}

# ---- filters ---------------------------------------------------------------------------------------------------------

@test "--reason: only these, and no cycles" {
	for minor in 1.17 1.27; do
		load_build $minor static-stripped
		TRACER_OPTIONS=(--reason "read_mem_stats,gomaxprocs" --reason all_threads_syscall --stats)
		load_run "${LOAD_CALLS[@]}" -cycles 23
		same "$(load_truth '.stops | {all_threads_syscall, gomaxprocs, read_mem_stats} | tojson')" \
			"$(jq -s -c 'map(select(.reason) | .reason) | group_by(.) |
				map({ key: .[0], value: length }) | from_entries' "$TRACER_OUT")" "$minor"
		same '["gc_pause","stats"]' "$(jq -s -c 'map(.event) | unique' "$TRACER_OUT")"
		TRACER_OPTIONS=(--reason gc_mark_termination)
		load_run "${LOAD_CALLS[@]}" -cycles 23
		same "$(load_truth '.gc_stops - .num_gc')" "$(pauses . | wc -l)"
		same '"gc_mark_termination"' "$(jq .reason "$TRACER_OUT" | sort -u)"
	done
}

@test "--min-duration: nothing shorter, and everything else" {
	load_build 1.27 static-stripped
	load_start -- "${LOAD_CALLS[@]}" -cycles 23
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
	twin_start --exe "$LOAD" -j --assists --min-duration 200us
	load_go
	tracer_wait
	twin_stop
	same "$(jq -c 'select(.duration_ns >= 200000) | [.event, .reason, .cycle, .duration_ns]' "$TRACER_OUT")" \
		"$(jq -c 'select(.event != "gc_assist") | [.event, .reason, .cycle, .duration_ns]' "$TWIN_OUT")"
	# Each tracer has its own clock for an assist.
	same '' "$(jq -c 'select(.event == "gc_assist" and .duration_ns < 200000)' "$TWIN_OUT")"
	[ "$(grep -c gc_assist "$TWIN_OUT")" -gt 0 ]
}

@test "--count, --duration" {
	load_build 1.27 static-stripped
	load_start -- -hold
	proc_say load go
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j -n 5
	tracer_wait
	same 0 "$TRACER_STATUS"
	same 5 "$(wc -l <"$TRACER_OUT")"
	run -0 timeout 10 "$TRACER_BUILD/otb-gcpause" --all -d 10ms
	proc_say load end
	load_end
}

# ---- summaries and tables --------------------------------------------------------------------------------------------

# exact: of the records, what a summary should say; percentiles by nearest rank
EXACT='def rank($p): sort | .[(length * $p / 100 | ceil) - 1];
	map(select(.event == "gc_pause")) | group_by(.reason) | map({ key: .[0].reason, value: (map(.duration_ns) |
		{ count: length, total_ns: add, max_ns: max, p50_ns: rank(50), p95_ns: rank(95), p99_ns: rank(99) }) })
	| from_entries'

@test "--summary says what the records say" {
	# Of older ones each tracer takes the time by its own clock.
	for minor in 1.22 1.27; do
		load_build $minor static-stripped
		load_start -- "${LOAD_CALLS[@]}" -cycles 101
		tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j
		twin_start --pid "${PROC_PID[load]}" -j --summary
		load_go
		tracer_wait
		wait "$TWIN_PID"
		load_check
		jq -s -c "$EXACT" "$TRACER_OUT" >"$BATS_TEST_TMPDIR/exact"
		same "$(jq -c 'map_values({ count, total_ns, max_ns })' "$BATS_TEST_TMPDIR/exact")" \
			"$(jq -s -c 'map(select(.event == "gc_pause_summary")) | sort_by(.reason) |
				map({ key: .reason, value: { count, total_ns, max_ns } }) | from_entries' "$TWIN_OUT")" "$minor"
		same '' "$(jq -c --slurpfile exact "$BATS_TEST_TMPDIR/exact" '. as $s | $exact[0][.reason] as $e
			| ("p50_ns", "p95_ns", "p99_ns") | select($s[.] - $e[.] | fabs > $e[.] / 100)
			| [., $s.reason, $s[.], $e[.]]' "$TWIN_OUT")" "percentiles more than 1 % off, $minor"
		same "[$(load_truth '.pid'),\"gcload\"]" "$(jq -c '[.pid, .comm]' "$TWIN_OUT" | sort -u)"
		same true "$(jq -s 'all(.interval_ns > 0)' "$TWIN_OUT")"
	done
}

@test "--summary --interval: the parts add up to the whole" {
	load_build 1.27 static-stripped
	load_start -- "${LOAD_CALLS[@]}" -cycles 101
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j --summary --interval 50ms
	load_go
	tracer_wait
	same "$(load_truth '.gc_stops + (.stops | add)')" "$(summaries .count | awk '{ n += $1 } END { print n }')"
	same "$(load_truth .pause_total_ns)" \
		"$(summaries 'select(.reason | startswith("gc_")) | .total_ns' | jq -s add)"
	[ "$(summaries .reason | grep -c gc_sweep_termination)" -ge 2 ]
}

# An event may wait for 50 ms before it is read, but not for the next interval.
@test "--summary --interval: a stop counts in the interval in which it ended" {
	load_build 1.27 static-stripped
	load_start -- -hold
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j --summary --interval 70ms
	twin_start --pid "${PROC_PID[load]}" -j --reason gc,other,read_mem_stats
	proc_say load go
	for _ in {1..11}; do
		proc_ask load count
		sleep 0.05
	done
	twin_stop
	tracer_stop
	proc_say load end
	load_end
	run -0 jq -n --slurpfile stops "$TWIN_OUT" --slurpfile sums "$TRACER_OUT" '
		def at: (.time[:19] + "Z" | fromdate % 86400) * 1e9 + (.time[20:29] | tonumber);
		[$stops[] | at + .duration_ns] as $ends | ($ends | max) as $last
		| $sums | group_by(.time)[] | (.[0] | at) as $from | ($from + .[0].interval_ns) as $to
		| select($to < $last and $from > $ends[0])
		| (map(.count) | add) - ($ends | map(select(. >= $from and . < $to)) | length)'
	[ "${#lines[@]}" -ge 3 ]
	# What ends between the reading and the writing of an interval is one of two.
	printf '%s\n' "${lines[@]}" | awk '{ sum += $1 < 0 ? -$1 : $1 } END { exit sum > NR }' || net_complain "${lines[*]}"
}

@test "--table: a line for each pause and cycle, in 80 columns" {
	load_build 1.27 static-stripped
	export COLUMNS=80
	tracer_start otb-gcpause --exe "$LOAD" --table
	load_start -- "${LOAD_CALLS[@]}" -cycles 23
	load_go
	tracer_stop
	# A row that does not fit goes on in a second line.
	same "$(load_truth '.gc_stops + .num_gc + (.stops | add)')" "$(grep -c '^[0-9][0-9]:' "$TRACER_OUT")"
	same '' "$(awk 'length > 80' "$TRACER_OUT")"
	same "$(load_truth .stops.read_mem_stats)" "$(grep -c ' read_mem_stats ' "$TRACER_OUT")"
}

@test "--histogram: the bars' counts add up" {
	load_build 1.27 static-stripped
	export COLUMNS=80
	tracer_start otb-gcpause --exe "$LOAD" --histogram
	load_start -- "${LOAD_CALLS[@]}" -cycles 23
	load_go
	tracer_stop
	same '' "$(awk 'length > 80' "$TRACER_OUT")"
	same "$(load_truth '.gc_stops + (.stops | add)')" \
		"$(sed -n 's/.* \([0-9][0-9]*\)  *#*|.*/\1/p' "$TRACER_OUT" | awk '{ n += $1 } END { print n }')"
}

@test "--stats" {
	load_build 1.27 static-stripped
	TRACER_OPTIONS=(--stats)
	load_run "${LOAD_CALLS[@]}" -cycles 23
	same "$(load_truth '.gc_stops + .num_gc + (.stops | add)')" "$(jq 'select(.event == "stats") | .written' "$TRACER_OUT")"
	same 0 "$(jq 'select(.event == "stats") | .lost // 0' "$TRACER_OUT")"
}

# ---- loss ------------------------------------------------------------------------------------------------------------

@test "loss under a tiny ring buffer is a record, and 4 with --strict" {
	load_build 1.27 static-stripped
	load_start -- "${LOAD_CALLS[@]}" -cycles 101
	tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j --buffer 4K --strict
	kill -STOP "$TRACER_PID"
	load_go
	kill -CONT "$TRACER_PID"
	kill -TERM "$TRACER_PID"
	tracer_wait
	same 4 "$TRACER_STATUS"
	[ "$(jq -s 'map(select(.event == "lost" and .where == "ringbuf") | .count) | add' "$TRACER_OUT")" -gt 0 ]
	same "$(load_truth '.gc_stops + .num_gc + (.stops | add)')" "$(jq -s 'map(if .event == "lost" and
		.where == "ringbuf" then .count elif .event == "lost" then 0 else 1 end) | add' "$TRACER_OUT")"
}

# ---- coming and going ------------------------------------------------------------------------------------------------

# bats test_tags=no-san
@test "attached and detached 5 times under load, the program goes on" {
	for minor in 1.17 1.27; do
		load_build $minor static-stripped
		load_start -- -hold
		proc_say load go
		for try in 1 2 3 4 5; do
			proc_ask load count
			before=${REPLY#count }
			tracer_start otb-gcpause --pid "${PROC_PID[load]}" -j --assists -n 7
			tracer_wait
			same 7 "$(jq -c 'select(.event != "lost")' "$TRACER_OUT" | wc -l)" "try $try"
			proc_ask load count
			[ "${REPLY#count }" -gt "$before" ]
		done
		proc_say load end
		load_end
	done
}

# ---- a program that nobody here built --------------------------------------------------------------------------------

prometheus_start() {
	echo 'scrape_configs: []' >"$BATS_TEST_TMPDIR/prometheus.yml"
	# shellcheck disable=SC2016 # the inner shell expands it
	proc_start prometheus - unshare --net sh -c 'ip link set lo up && exec "$@" 2>&1' sh env GOGC=20 "$PROMETHEUS" \
		"--config.file=$BATS_TEST_TMPDIR/prometheus.yml" "--storage.tsdb.path=$BATS_TEST_TMPDIR/data" \
		--web.listen-address=127.0.0.1:9090
	until [[ $REPLY = *'Server is ready'* ]]; do
		proc_read prometheus 30
	done
}

# prometheus_get: its own metrics, from within its network namespace
prometheus_get() {
	nsenter -t "${PROC_PID[prometheus]}" --net bash -c \
		'exec 3<>/dev/tcp/127.0.0.1/9090 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3' >"$BATS_TEST_TMPDIR/metrics"
}

# prometheus_says NAME
prometheus_says() {
	awk -v name="$1" '$1 == name { printf "%.9f\n", $2 }' "$BATS_TEST_TMPDIR/metrics"
}

@test "Debian's Prometheus server: its own count of collections" {
	local try count before='' seen sum
	PROMETHEUS=$(prometheus_fetch) || skip 'no package prometheus can be downloaded'
	tracer_start otb-gcpause --exe "$PROMETHEUS" -j
	prometheus_start
	# It collects by being asked. Compared is at a moment when it does not: the same number before and after.
	for try in {1..2000}; do
		prometheus_get
		count=$(prometheus_says go_gc_duration_seconds_count)
		[ "${count%.*}" -lt 53 ] || [ "$count" != "$before" ] || break
		before=$count
	done
	same "$before" "$count" "a quiet moment (try $try)"
	kill -STOP "${PROC_PID[prometheus]}"
	tracer_stop
	seen=$(cycles . | wc -l)
	echo "# prometheus, $(jq -r .go_version "$TRACER_OUT" | sort -u): cycles $seen of ${count%.*}," \
		"$(pauses 'select(.reason | startswith("gc_")) | .duration_ns' | jq -s 'add / 1e9') s of" \
		"$(prometheus_says go_gc_duration_seconds_sum)" >&3
	# One may have come between the last answer and the stop.
	[ "$seen" -eq "${count%.*}" ] || [ "$seen" -eq $((${count%.*} + 1)) ]
	same "$(seq "$seen")" "$(cycles .cycle)" 'cycles'
	sum=$(cycles "select(.cycle <= ${count%.*}) | .pause_ns" | jq -s add)
	same "$(awk -v said="$(prometheus_says go_gc_duration_seconds_sum)" 'BEGIN { printf "%.0f", said * 1e9 }')" "$sum" 'ns'
	kill -CONT "${PROC_PID[prometheus]}"
}
