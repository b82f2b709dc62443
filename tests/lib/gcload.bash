# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is read by who sourced this
#
# The Go program tests/target/go/gcload for tests of otb-gcpause: built, run under a tracer, and its truth compared with
# the records. Needs lib/net (processes), lib/tracer and lib/go.
#
#	load_build MINOR MODE [BUILD-OPTION]...	LOAD is a copy that nobody else runs; skips the test where there is no such Go
#	load_start [NAME] -- [OPTION]...	started, and waiting to be told to work
#	load_go [NAME]				tells it, waits for its truth and its end; fails unless it exits 0
#	load_check [FILE]			the records against the truth, and LOAD_NUMBERS: a line for the table
#	matrix MINOR MODE			all of that, with every way to stop the world; prints the line to fd 3
#	pauses|cycles|assists|summaries FILTER	the records through jq
#	same EXPECTED GOT [WHAT]
#
#	OTB_GO_BUILT				not empty: there is no Go; what is not built already is skipped (kernel-matrix)
#	OTB_PATIENCE				how many seconds it may take to its end
#
#	LOAD_TRUTH				the truth as a file
#	LOAD_TRACE				what GODEBUG=gctrace=1 said, as a file

LOAD_SOURCE=$GO_ROOT/tests/target/go/gcload
LOAD_SECONDS=${OTB_PATIENCE:-60}
LOAD_UNDER=() # a command to run it under
# Every way to stop the world, each a prime number of times.
LOAD_CALLS=(-read-mem-stats 29 -gomaxprocs 5 -goroutine-profile 7 -stack 3 -heap-dump 2 -trace 11
	-all-threads-syscall 13 -gc 17 -leak-profile 3)

# load_file MINOR MODE [BUILD-OPTION]...: prints where the program is kept
load_file() {
	local tag=${*:3}
	echo "$GO_BUILT/gcload-$1-$2${tag//[^[:alnum:]]/-}"
}

# load_make: the same arguments
load_make() {
	go_build "$1" "$2" "$(load_file "$@")" "$LOAD_SOURCE" "${@:3}"
}

load_build() {
	if [ -n "${OTB_GO_BUILT-}" ]; then
		[ -x "$(load_file "$@")" ] || skip "not built: $*"
	else
		go_toolchain "$1" >/dev/null 2>"$BATS_TEST_TMPDIR/why" ||
			skip "Go ${GO_RELEASES[$1]}: $(cat "$BATS_TEST_TMPDIR/why")"
		load_make "$@" || return
	fi
	LOAD=$(mktemp -d -p "$BATS_TEST_TMPDIR")/gcload
	cp "$(load_file "$@")" "$LOAD"
}

load_start() {
	local name=load
	[ "$1" = -- ] || { name=$1 && shift; }
	shift
	proc_start "$name" - env GODEBUG=gctrace=1 GOGC="${LOAD_GOGC:-50}" GOMAXPROCS=2 "${LOAD_UNDER[@]}" "$LOAD" "$@" &&
		proc_read "$name" && [[ $REPLY = ready* ]]
}

load_go() {
	local name=${1:-load}
	proc_say "$name" go && load_end "$name"
}

# load_end [NAME]: for one that works already and is about to end
load_end() {
	local name=${1:-load} status=0
	LOAD_TRUTH=$BATS_TEST_TMPDIR/$name.truth LOAD_TRACE=$BATS_TEST_TMPDIR/$name.trace
	proc_read "$name" "$LOAD_SECONDS" || return
	printf '%s\n' "$REPLY" >"$LOAD_TRUTH"
	wait "${PROC_PID[$name]}" || status=$?
	cp "$NET_DIR/$name.err" "$LOAD_TRACE"
	proc_forget "$name"
	[ "$status" -eq 0 ] || net_complain "'$name' ended with status $status: $(cat "$LOAD_TRACE")"
}

# load_run [OPTION]...: all of it, under a tracer of the file that is there before the program
load_run() {
	tracer_start otb-gcpause --exe "$LOAD" -j "${TRACER_OPTIONS[@]}" && load_start -- "$@" && load_go && tracer_stop
}

# load_truth FILTER
load_truth() {
	jq -r "$1" "$LOAD_TRUTH"
}

# load_minor: of the program that ran
load_minor() {
	load_truth '.go_version | split(".")[1]'
}

# load_trace: gctrace as an array of objects. The cpu figures are, in order, assists, and what others did.
load_trace() {
	jq -R -n -c '[inputs | capture("^gc (?<cycle>\\d+) @[^:]*: (?<sweep>[0-9.]+)\\+(?<mark>[0-9.]+)\\+(?<term>[0-9.]+)"
		+ " ms clock, [0-9.]+\\+(?<assist>[0-9.]+)/[0-9.]+/[0-9.]+\\+[0-9.]+ ms cpu, (?<heap0>\\d+)->\\d+->(?<heap2>\\d+)"
		+ " MB, (?<goal>\\d+) MB goal,.* (?<procs>\\d+) P") | map_values(tonumber)]' "$LOAD_TRACE"
}

# Every number there are two of: [name, what the runtime says, what the records say].
LOAD_COMPARE='
def is_gc: .reason | startswith("gc_");
def total: add // 0;
def tally: group_by(.) | map({ key: .[0], value: length }) | from_entries;
def mib: if . == null then null else . / 1048576 | floor end;
$truth[0] as $t | ($t.go_version | split(".")[1] | tonumber) as $minor | $trace[0] as $trace
| map(select(.event == "gc_pause")) as $pauses | map(select(.event == "gc_cycle")) as $cycles
| ($pauses | map(select(is_gc))) as $gc | ($pauses | map(select(is_gc | not))) as $other
| ($t.metrics["/sched/pauses/total/other:seconds"].count // ($t.stops | add)) as $runtime_other
# The truth begins by turning GC off, which leaves a cycle that is under way without a goal.
| ($cycles | if last.heap_goal_bytes then length else length - 1 end) as $aimed
| ["lost", [], map(select(.event == "lost"))],
  ["go_version", [$t.go_version], (map(.go_version) | unique)],
  ["pid", [$t.pid], (map(.pid) | unique)],
  ["comm", [$comm], (map(.comm) | unique)],
  ["pauses of the GC", $t.gc_stops, ($gc | length)],
  ["other pauses", $runtime_other, ($other | length)],
  ["other pauses by reason", $t.stops, ($other | map(.reason) | tally)],
  ["sweep terminations", $t.num_gc, ($gc | map(select(.reason == "gc_sweep_termination")) | length)],
  ["cycles", $t.num_gc, ($cycles | length)],
  ["their numbers", [range(1; $t.num_gc + 1)], ($cycles | map(.cycle))],
  ["forced cycles", $t.num_forced_gc, ($cycles | map(select(.trigger == "forced")) | length)],
  ["triggers", [], ($cycles | map(.trigger) | unique) - ["forced", "heap"]],
  ["pauses of all cycles", $t.gc_stops, ($cycles | map(.pauses) | total)],
  ["pause_ns of all cycles", ($gc | map(.duration_ns) | total), ($cycles | map(.pause_ns) | total)],
  ["pause_ns cycle by cycle", ($gc | group_by(.cycle) | map([.[0].cycle, (map(.duration_ns) | add), length])),
    ($cycles | map([.cycle, .pause_ns, .pauses]))],
  ["duration_ns = mark_ns + pause_ns", [], ($cycles | map(select(.duration_ns != .mark_ns + .pause_ns)))],
  ["started more than once", [], ($pauses | group_by(.time) | map(select(length > 1)))],
  ["records without a goroutine", [], ($pauses | map(select((.goroutine_id // 0) < 1)))],
  ["stopping_ns and stopping_cpu_ns", [$minor >= 23],
    ($pauses | map(has("stopping_ns"), has("stopping_cpu_ns")) | unique)],
  ["stopping_ns > duration_ns", [], ($pauses | map(select((.stopping_ns // 0) > .duration_ns)))],
  ["heap_live_bytes in MiB", ($trace | map(.heap0)), ($cycles | map(.heap_live_bytes | mib))],
  ["heap_marked_bytes in MiB", ($trace | map(.heap2)), ($cycles | map(.heap_marked_bytes | mib))],
  ["heap_goal_bytes in MiB", ($trace | map(.goal)[:$aimed]), ($cycles | map(.heap_goal_bytes | mib)[:$aimed])],
  ["gomaxprocs", ($trace | map(.procs)), ($cycles | map(.gomaxprocs))],
  ["PauseTotalNs", $t.pause_total_ns, ($gc | map(.duration_ns) | total)],
  ["PauseNs", $t.pause_ns, ($cycles[$t.first_cycle - 1:] | map(.pause_ns))],
  (("total", "stopping") as $what | ([$gc, "gc"], [$other, "other"]) as $which
    | $t.metrics["/sched/pauses/\($what)/\($which[1]):seconds"] as $bounds
    | ($which[0] | map(if $what == "total" then .duration_ns else .stopping_ns end) | add) as $sum
    | if $bounds == null or $sum == null then empty else
      ["\($what) of \($which[1]): within the bounds of the runtime", true,
        ($bounds.low * 1e9 <= $sum + 1 and $sum - 1 <= $bounds.high * 1e9)]
      end)'

# load_numbers FILE
load_numbers() {
	jq -r -s --slurpfile truth "$LOAD_TRUTH" '
		$truth[0] as $t | map(select(.event == "gc_pause")) as $pauses
		| ($pauses | map(select(.reason | startswith("gc_")))) as $gc | ($gc | map(.duration_ns) | add // 0) as $sum
		| map(select(.event == "gc_cycle")) as $cycles
		| ([$t.pause_ns, ($cycles[$t.first_cycle - 1:] | map(.pause_ns))] | transpose | map(select(.[0] != .[1]))) as $uneven
		| "\($t.go_version): pauses of the GC \($gc | length) of \($t.gc_stops)" +
		", others \(($pauses | length) - ($gc | length)) of " +
		"\($t.metrics["/sched/pauses/total/other:seconds"].count // ($t.stops | add))" +
		", cycles \($cycles | length) of \($t.num_gc), \($sum) ns of \($t.pause_total_ns) (\($sum - $t.pause_total_ns))" +
		", \($uneven | length) of \($t.pause_ns | length) cycles differ"' "$1"
}

load_check() {
	local records=${1:-$TRACER_OUT} trace=$BATS_TEST_TMPDIR/trace.json differences
	load_trace >"$trace"
	differences=$(jq -c -s --arg comm "${LOAD##*/}" --slurpfile truth "$LOAD_TRUTH" --slurpfile trace "$trace" \
		"$LOAD_COMPARE | select(.[1] != .[2]) | { what: .[0], runtime: .[1], records: .[2] }" "$records") || return
	LOAD_NUMBERS=$(load_numbers "$records")
	[ -z "$differences" ] || {
		printf '%s\n%s\n' "$LOAD_NUMBERS" "${differences:0:6000}" >&2
		cat "$TRACER_ERR" >&2
		return 1
	}
}

# ---- what the suites have in common ----------------------------------------------------------------------------------

same() {
	[ "$1" = "$2" ] || {
		printf '%s\nexpected:\n%s\ngot:\n%s\n' "${3:-}" "$1" "$2" >&2
		tail -n 20 "$TRACER_OUT" "$TRACER_ERR" >&2
		return 1
	}
}

# matrix MINOR MODE: one cell
matrix() {
	load_build "$1" "$2"
	load_run "${LOAD_CALLS[@]}" -cycles 101
	load_check
	# All calls were made by the main goroutine.
	same 1 "$(pauses 'select(.reason | startswith("gc_") | not) | .goroutine_id' | sort -u)" 'goroutine'
	echo "# $2, $LOAD_NUMBERS" >&3
}

# pauses FILTER, cycles FILTER, assists FILTER, summaries FILTER: through jq
pauses() {
	jq -c "select(.event == \"gc_pause\") | $1" "$TRACER_OUT"
}

cycles() {
	jq -c "select(.event == \"gc_cycle\") | $1" "$TRACER_OUT"
}

assists() {
	jq -c "select(.event == \"gc_assist\") | $1" "$TRACER_OUT"
}

summaries() {
	jq -c "select(.event == \"gc_pause_summary\") | $1" "$TRACER_OUT"
}

# check_process NAME: those records of several processes that are of this one, which has ended
check_process() {
	LOAD_TRUTH=$BATS_TEST_TMPDIR/$1.truth LOAD_TRACE=$BATS_TEST_TMPDIR/$1.trace
	jq -c "select(.pid == $(load_truth .pid) or .event == \"lost\")" "$TRACER_OUT" >"$BATS_TEST_TMPDIR/$1.records"
	load_check "$BATS_TEST_TMPDIR/$1.records"
}

# until_seen NAME [PID]: one with -hold that works; until five of its cycles were seen
until_seen() {
	local pid=${2:-${PROC_PID[$1]}} deadline=$((SECONDS + LOAD_SECONDS))
	until [ "$(cycles "select(.pid == $pid)" | wc -l)" -ge 5 ]; do
		proc_ask "$1" count || return
		((SECONDS < deadline)) || net_complain "'$1' ($pid) is not seen; it answers $REPLY; $(cat "$TRACER_ERR")" || return
	done
}

# check_late NAME: of one that was seen only from some cycle on: from there on, everything
check_late() {
	local filter first minor
	LOAD_TRUTH=$BATS_TEST_TMPDIR/$1.truth
	filter="select(.pid == $(load_truth .pid))" minor=$(load_minor)
	first=$(cycles "$filter | .cycle" | head -n 1)
	same "$(seq "$first" "$(load_truth .num_gc)")" "$(cycles "$filter | .cycle")" "cycles, $minor"
	# The oldest that the runtime remembers.
	[ "$first" -ge "$(load_truth .first_cycle)" ] || first=$(load_truth .first_cycle)
	same "$(load_truth ".pause_ns[$first - .first_cycle:][]")" \
		"$(cycles "$filter | select(.cycle >= $first) | .pause_ns")" "pauses, $minor"
}

# check_assist_time: against what the runtime measured, in all, and to 1.19 as gctrace rounds it (down to ms from 10 ms
# on). Our probes sit around the runtime's own clocks: 800 assists came out 0.2 to 0.8 % longer, 4 to 10 us each; on an
# emulated machine up to 300 us, for which kernel-matrix sets OTB_PROBE_NS.
check_assist_time() {
	local trace=$BATS_TEST_TMPDIR/trace.json
	load_trace >"$trace"
	jq -s -c --slurpfile truth "$LOAD_TRUTH" --slurpfile trace "$trace" --argjson probe "${OTB_PROBE_NS:-50000}" '
		map(select(.event == "gc_cycle")) as $cycles | ($cycles | map(.assist_ns) | add) as $sum
		| ($cycles | map(.assists) | add) as $n | $truth[0].metrics["/cpu/classes/gc/mark/assist:cpu-seconds"] as $metric
		| (if $metric then [$metric * 1e9, 0]
			else [($trace[0] | map(.assist) | add * 1e6), ($trace[0] | map(select(.assist >= 10)) | length * 1e6)] end)
		| if . [0] * 0.99 <= $sum and $sum <= .[0] * 1.03 + .[1] + $n * $probe then empty
			else "assists: \($n), \($sum) ns, of the runtime \(.[0])" end' "$TRACER_OUT" >"$BATS_TEST_TMPDIR/assists"
	same '' "$(cat "$BATS_TEST_TMPDIR/assists")"
}
