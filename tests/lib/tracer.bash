# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is read by who sourced this
#
# Tracers for tests: started in the background, known to be attached before anything is provoked, and ended.
#
#	tracer_launch PROGRAM [OPTION]...	returns once the ready byte is there; its pid is in TRACER_PID. Its stdout and
#				stderr are ours, TRACER_UNDER is a command to run it under
#	tracer_start PROGRAM [OPTION]...	the same, with files for them
#	tracer_stop				SIGTERM; waits; fails unless it exits 0
#	tracer_wait				waits for it to end by itself; its code is in TRACER_STATUS
#	tracer_kill				for teardown: ends it, whatever it does
#	tracer_case NAME START STOP [MISSING]	a case of cases.bash under tracers that START starts and STOP ends; MISSING
#				tells whether events are missing that a tracer cannot know of
#
#	TRACER_OUT, TRACER_ERR			its stdout and stderr, as files

TRACER_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
TRACER_BUILD=${OTB_BUILD:-$TRACER_ROOT/build}
TRACER_PID=
TRACER_STATUS=
TRACER_UNDER=()

tracer_launch() {
	local program=$1 fifo fd ready byte
	shift
	fifo=$(mktemp -u "${BATS_TEST_TMPDIR:-${TMPDIR:-/tmp}}/otb-ready.XXXXXX")
	mkfifo "$fifo" || return
	# Our own end of the fifo, for reading and writing, so that neither side waits for the other to open it.
	exec {ready}<>"$fifo"
	(
		# The tracer must not hold the ends of other processes' pipes (net.bash) open.
		for fd in "${PROC_IN[@]}" "${PROC_OUT[@]}" "$ready"; do
			exec {fd}>&-
		done
		exec "${TRACER_UNDER[@]}" "$TRACER_BUILD/$program" --ready-fd 9 "$@" 9>"$fifo"
	) 3>&- &
	TRACER_PID=$!
	IFS= read -r -t 20 -u "$ready" byte || {
		echo "tracer: $program is not ready" >&2
		return 1
	}
	exec {ready}>&-
	rm -f "$fifo"
}

tracer_start() {
	TRACER_OUT=${BATS_TEST_TMPDIR:-/tmp}/tracer.out TRACER_ERR=${BATS_TEST_TMPDIR:-/tmp}/tracer.err
	tracer_launch "$@" >"$TRACER_OUT" 2>"$TRACER_ERR" || {
		cat "$TRACER_ERR" >&2
		return 1
	}
}

tracer_wait() {
	TRACER_STATUS=0
	wait "$TRACER_PID" || TRACER_STATUS=$?
	TRACER_PID=
}

tracer_stop() {
	kill -TERM "$TRACER_PID"
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ] || {
		echo "tracer: exit code $TRACER_STATUS: $(cat "$TRACER_ERR")" >&2
		return 1
	}
}

tracer_kill() {
	[ -n "$TRACER_PID" ] || return 0
	kill -KILL "$TRACER_PID" 2>/dev/null
	wait "$TRACER_PID" 2>/dev/null || true
	TRACER_PID=
}

# tracer_missed: whether a tracer says so, in a record or beside a table
tracer_missed() {
	grep -qE '"event":"lost".*"where":"missed"|lost records \(missed\)' "$TRACER_OUT" "$TRACER_ERR"
}

# A kernel may run no BPF program for an event: at recursion, and in some sandboxes while their own agent is the current
# task. The tracer then says so (`lost`, where `missed`), and the case is run again; a tracer that misses by itself will
# not get through five times.
tracer_case() {
	local try
	for try in {1..5}; do
		[ "$try" = 1 ] || case_end
		case_run "$1" "$2" && "$3" || return
		tracer_missed || "${4:-false}" || return 0
		echo "# $1: the kernel ran no program for an event (try $try)" >&3
	done
}

# bpf_permitted: whether a tracer can run here at all
bpf_permitted() {
	"$TRACER_BUILD/otb-tcpretrans" -q -d 1ms >/dev/null 2>&1
}
