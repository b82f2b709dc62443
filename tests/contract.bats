#!/usr/bin/env bats
# shellcheck disable=SC2094 # fifos are opened for reading and for writing
# SPDX-License-Identifier: Apache-2.0
#
# What every program keeps to, whatever it does: its command line, its exit codes, its streams, its signals. All programs
# in the build folder are asked, or those that $OTB_PROGRAMS names; a test says which of them it was where it fails.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	load lib/gcloop
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	gcloop_build "$BATS_FILE_TMPDIR/gcloop" 2>"$BATS_FILE_TMPDIR/no-go" || :
}

setup() {
	load lib/net
	load lib/cases
	load lib/tracer
	cd "$BATS_TEST_TMPDIR" || return
	GCLOOP=$BATS_FILE_TMPDIR/gcloop
	PROGRAMS=() GO_TRACERS=() TRACERS=() FILTERS=() PIDS=() AIM=()
	local path name
	for path in "$TRACER_BUILD"/otb-*; do
		name=${path##*/}
		[[ -f $path && -x $path && " ${OTB_PROGRAMS:-$name} " == *" $name "* ]] || continue
		PROGRAMS+=("$name")
		case $("$path" --help) in
		*--exe=*) GO_TRACERS+=("$name") ;;
		*--buffer=*) TRACERS+=("$name") ;;
		*) FILTERS+=("$name") ;;
		esac
	done
	# Last, so that a test in which there is no Go program for them to look at has asked all others before it is skipped.
	TRACERS+=("${GO_TRACERS[@]}")
	[ "${#PROGRAMS[@]}" -gt 0 ] || complain "no programs in $TRACER_BUILD"
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		! kill -KILL "$pid" 2>/dev/null || wait "$pid" 2>/dev/null || :
	done
	net_down
}

need_bpf() {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	[[ -z ${OTB_PROGRAMS-} || ${#TRACERS[@]} -gt 0 ]] || skip "no tracer among $OTB_PROGRAMS"
	[ "${#TRACERS[@]}" -gt 0 ]
}

need_go() {
	[ -x "$GCLOOP" ] || skip "no Go program for ${GO_TRACERS[*]} to look at: $(cat "$BATS_FILE_TMPDIR/no-go")"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
}

complain() {
	echo "$*"
	return 1
}

# ---- what a tracer looks at ------------------------------------------------------------------------------------------

is_go_tracer() { # PROGRAM
	[[ " ${GO_TRACERS[*]} " == *" $1 "* ]]
}

# aim_at_all PROGRAM: into AIM the options by which it sees all there is. Tracers of Go programs have to be told, and
# otb-sample what to do
aim_at_all() {
	AIM=()
	! is_go_tracer "$1" || AIM=(--all)
	[ "$1" != otb-sample ] || AIM=(--ratio 1)
}

# aim_at_nothing PROGRAM: the options by which it sees a process to which nothing happens
aim_at_nothing() {
	AIM=(-p $$)
	is_go_tracer "$1" || return 0
	need_go
	process_begin "$1"
	AIM=(-p "$PROCESS")
}

# shed_pipes: for a child, which must not keep a pipe open that we close
shed_pipes() {
	local fd
	for fd in /proc/self/fd/[1-9][0-9]*; do
		fd=${fd##*/}
		exec {fd}>&-
	done
}

# process_begin PROGRAM: begins a process that it can be given by -p, and that ends when the descriptor in HOLD is closed
process_begin() {
	local hold=hold${#PIDS[@]}
	local -a command=(cat)
	! is_go_tracer "$1" || command=("$GCLOOP" idle)
	mkfifo "$hold"
	(shed_pipes && exec "${command[@]}") <"$hold" 3>&- &
	PROCESS=$!
	PIDS+=("$PROCESS")
	exec {HOLD}>"$hold"
}

# aim_at_events PROGRAM: the options by which it sees some hundred events a second, from now on until the test ends
aim_at_events() {
	AIM=()
	if is_go_tracer "$1"; then
		need_go
		# What another tracer was to see goes on for as long as there is somebody who does it.
		[ -n "${PROC_PID[gcloop]:-}" ] || { net_down && proc_start gcloop - "$GCLOOP"; }
		AIM=(--exe "$GCLOOP")
	elif [ -z "${PROC_PID[otb-client]:-}" ]; then
		net_up && case_clear && net_offload "$NET_A" off &&
			case_bulk 'drop data first every 10' && proc_say otb-client send 1000000 100000
	fi
}

# events_pass PROGRAM N: waits until that many more have happened
events_pass() {
	local -a words
	if is_go_tracer "$1"; then
		proc_ask gcloop count
		read -r -a words <<<"$REPLY"
		proc_ask gcloop wait $((words[1] + $2 / 11 + 1)) # a round has eleven events, and eleven requests
	else
		proc_ask drop report
		read -r -a words <<<"$REPLY"
		proc_ask drop wait $((words[3] + $2))
	fi
}

# ---- a program that runs to its end ----------------------------------------------------------------------------------

# call CODE PROGRAM [ARG]...: in the foreground, with no input; stdout is in ./out, stderr in ./err; fails if the code is
# another
call() {
	local code=0 wanted=$1 program=$2
	shift 2
	# A write to a pipe or file that was put in the place of ./out goes there.
	timeout -k 1 30 "$TRACER_BUILD/$program" "$@" <"${INPUT:-/dev/null}" >"${OUT:-out}" 2>err 3>&- || code=$?
	[ "$code" -eq "$wanted" ] || complain "$program $*: exit code $code, not $wanted; stderr: $(cat err)"
}

# What a tracer says of whatever else runs on the machine, and cannot help: that the kernel ran no program for an event
# (tracer_case in lib/tracer), or of a Go program that memory was not there, or there were too many headers.
readonly OTHERS_LOST='^otb-[a-z]*: lost records \((missed|fault|headers)\)$'

# silent FILE...: nothing in it but that
silent() {
	local file
	for file; do
		! grep -qvE "$OTHERS_LOST" "$file" || complain "$file: $(head "$file")"
	done
}

# The one voice: one line, the program's name, no capital, no full stop, nothing that steers a terminal. A wrong command
# line has getopt's hint behind it, and any event of this machine may be one that the kernel ran no program for.
voiced() { # PROGRAM
	[ -s err ] || complain "$1 says nothing"
	grep -v "^Try \`$1 --help'" err >said || :
	[ "$(wc -l <said)" -eq 1 ] || sed -i '/^otb-[a-z]*: lost records (missed)$/d' said
	[ "$(wc -l <said)" -eq 1 ] || complain "$1 says more than one line: $(cat err)"
	LC_ALL=C grep -qE "^$1: [^A-Z[:cntrl:]][^[:cntrl:]]*[^.[:cntrl:]]\$" said || complain "not the voice: $(cat -v said)"
}

# says PROGRAM TEXT: on stderr, in the one voice
says() {
	voiced "$1" && { grep -qF -- "$2" said || complain "$1 does not say '$2' but: $(cat said)"; }
}

# A run that ends by itself, at once, and that has something to write.
short_run() { # CODE PROGRAM [ARG]...
	local wanted=$1 program=$2
	shift 2
	case $program in
	otb-expose) call "$wanted" "$program" "$@" ;;
	*) aim_at_all "$program" && call "$wanted" "$program" "${AIM[@]}" -d 50ms --stats "$@" ;;
	esac
}

# Those that can be run here at all.
runnable() {
	local program
	for program in "${PROGRAMS[@]}"; do
		[[ -e $BATS_FILE_TMPDIR/no-bpf && " ${TRACERS[*]} " == *" $program "* ]] || echo "$program"
	done
}

# ---- a program that is running ---------------------------------------------------------------------------------------

# begin STDOUT PROGRAM [ARG]...: in the background, with the default for all signals; returns once it is ready. PID, and
# stderr in ./err
begin() {
	local out=$1 program=$2
	shift 2
	rm -f ready
	mkfifo ready
	(
		shed_pipes
		exec env --default-signal "${WITH[@]}" "$TRACER_BUILD/$program" --ready-fd 9 "$@" <"${INPUT:-/dev/null}" 9>ready
	) >"$out" 2>err 3>&- &
	PID=$!
	PIDS+=("$PID")
	IFS= read -r -t 20 _ <ready || complain "$program $* is not ready: $(cat err)"
}

# ends CODE: waits until PID ends; fails if that takes 20 seconds or the code is another
ends() {
	local code=0
	timeout 20 tail -s 0.02 --pid="$PID" -f /dev/null || complain "process $PID does not end" || return
	wait "$PID" || code=$?
	[ "$code" -eq "$1" ] || complain "exit code $code, not $1; stderr: $(cat err)"
}

is_running() {
	kill -0 "$PID" || complain "it has ended: $(cat err)"
}

# pipe_begin PROGRAM [ARG]...: with a pipe for stdout, whose other end is $READER
pipe_begin() {
	rm -f pipe
	mkfifo pipe
	# Opened for reading and writing, so that nobody waits; given up once the program has it.
	exec {HOLDER}<>pipe {READER}<pipe
	begin pipe "$@" || return
	exec {HOLDER}>&-
	HOLDER=
}

# pipe_lines N: reads N lines into ./got
pipe_lines() {
	local i line
	for ((i = 0; i < $1; i++)); do
		IFS= read -r -t 20 -u "$READER" line || complain "no line $i" || return
		printf '%s\n' "$line" >>got
	done
}

pipe_rest() {
	timeout 20 cat <&"$READER" >>got
}

pipe_close() {
	exec {READER}<&-
	READER=
}

# until_true COMMAND...: waits for it
until_true() {
	local try
	for try in {1..1000}; do
		! "$@" 2>/dev/null || return 0
		sleep 0.02
	done
	complain "$* ($try tries)"
}

has_lines() { # FILE N
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# Every line is a whole record: JSON, time and event first, time with nine digits in UTC.
whole() { # FILE [LEAST-LINES]
	has_lines "$1" "${2:-1}" || complain "$1 has too few lines: $(cat "$1" err)" || return
	[ -z "$(tail -c 1 "$1")" ] || complain "$1 has a torn last line" || return
	[ -z "$(jq -R 'select(fromjson? | type != "object")' "$1")" ] || complain "$1: not an object" || return
	[ "$(jq -Rc 'fromjson?' "$1" | wc -l)" -eq "$(wc -l <"$1")" ] ||
		complain "$1: torn: $(jq -Rc 'select([fromjson?] == [])' "$1" | head -n 5)" || return
	! grep -nm 5 -vE '^\{"time":"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{9}Z","event":"[a-z_]+"' "$1"
}

# count_records FILE: without those of events that were lost by no fault of ours (OTHERS_LOST), and of requests that had no
# end yet
count_records() {
	grep -cvE '"event":"lost".*"where":"(missed|fault|headers)"|"event":"unfinished"' "$1"
}

# ---- help and version ------------------------------------------------------------------------------------------------

@test "help and version go to stdout, exit 0" {
	for program in "${PROGRAMS[@]}"; do
		for option in --help -h --usage --version -V; do
			call 0 "$program" "$option"
			[ -s out ] || complain "$program $option prints nothing"
			silent err
		done
		call 0 "$program" --version
		grep -qxE "$program [0-9]+\.[0-9]+\.[0-9]+" out
		for option in --help --usage; do
			call 0 "$program" "$option"
			grep -q "^Usage: $program" out
			run -1 grep -nE '.{81}' out
		done
	done
}

@test "--help and -h, --version and -V print the same" {
	for program in "${PROGRAMS[@]}"; do
		for pair in '--help -h' '--version -V'; do
			call 0 "$program" "${pair% *}"
			mv out long
			call 0 "$program" "${pair#* }"
			cmp out long
		done
	done
}

@test "a program has one name, whatever it is started as" {
	for program in "${PROGRAMS[@]}"; do
		ln -s "$TRACER_BUILD/$program" another
		run -0 ./another --version
		[[ $output == "$program "* ]]
		run -2 ./another --no-such-option
		[[ $output == "$program: "* ]]
		rm another
	done
}

@test "help to a full device: exit 1, and it says so" {
	for program in "${PROGRAMS[@]}"; do
		for option in --help --usage --version; do
			OUT=/dev/full call 1 "$program" "$option"
			says "$program" 'No space left on device'
		done
	done
}

@test "help to a pipe that nobody reads: exit 0, silently" {
	for program in "${PROGRAMS[@]}"; do
		for option in --help --usage --version; do
			for signal in --default-signal=PIPE --ignore-signal=PIPE; do
				mkfifo pipe
				exec {HOLDER}<>pipe {WRITER}>pipe
				exec {HOLDER}>&-
				code=0
				env "$signal" "$TRACER_BUILD/$program" "$option" >&"$WRITER" 2>err 3>&- || code=$?
				exec {WRITER}>&-
				rm pipe
				[ "$code" -eq 0 ] || complain "$program $option with $signal: exit code $code: $(cat err)"
				silent err
			done
		done
	done
}

# ---- a wrong command line --------------------------------------------------------------------------------------------

@test "an unknown option: exit 2, and it is named" {
	for program in "${PROGRAMS[@]}"; do
		call 2 "$program" --no-such-option
		silent out
		says "$program" --no-such-option
		call 2 "$program" -Z
		silent out
		says "$program" Z
		call 2 "$program" --strict=1
		silent out
		says "$program" --strict
	done
}

@test "an option without its value: exit 2, and it is named" {
	for program in "${PROGRAMS[@]}"; do
		while read -r option; do
			call 2 "$program" "$option"
			silent out
			says "$program" "$option"
		done < <("$TRACER_BUILD/$program" --help | sed -nE 's/^ +(-., )?(--[a-z-]+)=.*/\2/p')
	done
}

@test "an argument that is no option: exit 2, and it is named" {
	for program in "${PROGRAMS[@]}"; do
		call 2 "$program" surplus
		silent out
		says "$program" surplus
	done
}

# bad_values METAVARIABLE OPTION: one a line; an empty line is an empty value. Nothing for what may be anything.
bad_values() {
	case $1 in
	PID) printf '%s\n' '' x 0 -1 +1 1x ' 1' '1 ' 0x1 1.0 1,2 4194305 18446744073709551617 ;;
	N) printf '%s\n' '' x 0 -1 +1 1x ' 1' '1 ' 1e3 18446744073709551616 ;;
	TIME) printf '%s\n' '' x 0 0s -1s +1s 1x 1S ' 1s' '1s ' '1 s' 1s1m 1s1s 1e3s .5s 1.s 1m5 366d 99999999999999999999s nan ;;
	SIZE)
		printf '%s\n' '' x 0 -1 1k 1KB 1M1 ' 1M' 1.5M 99999999999999999999 17179869184G
		[ "$2" != --buffer ] || printf '%s\n' 1 2G
		;;
	CIDR) printf '%s\n' '' x 10.0.0 10.0.0.0/33 10.0.0.0/ 10.0.0.0/-1 10.0.0.256 10.0.0.1/8x ' 10.0.0.1' ::/129 1::2::3 ::1%lo \
		localhost 10.0.0.0/255.0.0.0 ;;
	PORT) printf '%s\n' '' x 0 -1 65536 80x ' 80' http 1-2 80,81 ;;
	KEY=VALUE) printf '%s\n' '' x =x 'a b=x' A=x 9a=x a.b=x ä=x time=x event=x tool=x truncated=x __name__=x ;;
	FD) printf '%s\n' '' x -1 77 1x 2147483648 99999999999999999999 ;;
	'NAME[,NAME...]') printf '%s\n' '' x rto, ,rto rto,,tlp RTO 'rto tlp' rt rtos gc, ,gc gc,,other GC 'gc other' g gcs ;;
	KEY) printf '%s\n' '' x Peer pee peers peer,flow ;;
	NAME)
		printf '%s\n' '' "$(printf '%064d' 7)"
		[ "$2" = --header ] && printf '%s\n' 'a b' a: ä || echo abcdefghijklmnop
		;;
	'[ADDR]:PORT') printf '%s\n' '' x 80 : 127.0.0.1 :x :-1 :65536 ::1:80 :80x 1.2.3.4:5:6 localhost:80 1.2.3.256:80 '[]:80' \
		'[::1]]:80' '[1::2::3]:80' '[localhost]:80' ' 127.0.0.1:80' '127.0.0.1 :80' ;;
	R | RATIO) printf '%s\n' '' x -0.1 +1 1.1 1e 0x1 nan inf ' 1' '1 ' 1% 1/2 ;;
	A | B) printf '%s\n' '' x -1 +1 0x1 nan inf ' 1' '1 ' 1e999 ;;
	N/s) printf '%s\n' '' x 5 5/ 0/s 5/d -1/s +1/s x/s '5 /s' ' 5/s' 5/ss /s 5/1s 0x5/s nan/s inf/s ;;
	MODE) printf '%s\n' '' x equal Proportional proportional,equalizing ;;
	WHAT) printf '%s\n' '' x error errors, ,errors errors,,latency 'errors latency' ERRORS errors,x ;;
	CONDITION) printf '%s\n' '' '> 5' 'a ==' '(a == 1' 'a == 1 b' '* and a == 1' 'a =~ "("' ;;
	FIELD) printf '%s\n' '' "$(printf '%0300d' 7)" ;;
	FIELD:HOW) printf '%s\n' '' f f: :mask f:mark f:mask:1 f:mask:1:2:3 f:mask:x:1 f:mask:-1:1 f:hash:1 f:omit:1 ;;
	RULE) printf '%s\n' '' x counter 'counter x' 'gauge x' 'counter x_total {' 'counter x_total where' ;;
	FILE | PATH | 'INODE|PATH') ;;
	*) complain "what is a bad $1? teach bad_values" ;;
	esac
}

# What parses values has unit tests and fuzzers for the sanitizers; these are some 700 starts of a program.
#
# bats test_tags=no-san
@test "a value that is none: exit 2, and its option is named" {
	for program in "${PROGRAMS[@]}"; do
		while IFS='=' read -r option metavariable; do
			bad_values "$metavariable" "$option" >bad
			while IFS= read -r value; do
				call 2 "$program" "$option=$value" -d 1ms
				silent out
				says "$program" "$option"
			done <bad
		done < <("$TRACER_BUILD/$program" --help | sed -nE 's/^ +(-., )?(--[a-z-]+=[^ ]+).*/\2/p')
	done
}

@test "a label twice, or too many, or too long: exit 2" {
	for program in "${PROGRAMS[@]}"; do
		call 2 "$program" -l a=1 -l a=2
		silent out
		says "$program" "'a'"
		call 2 "$program" -l "a=$(printf '%257s' x)"
		says "$program" --label
		many=()
		for i in {1..33}; do
			many+=(-l "a$i=1")
		done
		call 2 "$program" "${many[@]}"
		silent out
		says "$program" --label
	done
}

@test "options that go with another only: exit 2, and they are named" {
	[ -x "$TRACER_BUILD/otb-tcpretrans" ] || skip 'otb-tcpretrans is not built'
	for option in '--by peer' '--interval 1s'; do
		# shellcheck disable=SC2086
		call 2 otb-tcpretrans $option -d 1ms
		silent out
		says otb-tcpretrans "${option% *}"
	done
}

@test "a tracer of Go programs is told which, in exactly one way: else exit 2, and the options are named" {
	for program in "${GO_TRACERS[@]}"; do
		for options in '' "-p $$ --all" "--exe /bin/sh --all" "-p $$ --exe /bin/sh"; do
			# shellcheck disable=SC2086
			call 2 "$program" $options -d 1ms
			silent out
			for option in --pid --exe --all; do
				says "$program" "$option"
			done
		done
	done
}

@test "options of otb-gcpause that do not go together: exit 2, and they are named" {
	[ -x "$TRACER_BUILD/otb-gcpause" ] || skip 'otb-gcpause is not built'
	while read -r named options; do
		# shellcheck disable=SC2086
		call 2 otb-gcpause --all $options -d 1ms
		silent out
		says otb-gcpause "$named"
	done <<-'END'
		--interval --interval 1s
		--assists --summary --assists
		--assists --assists --histogram
		--histogram --histogram --json
		--json --json --histogram
	END
}

@test "what a message quotes cannot steer a terminal" {
	for program in "${PROGRAMS[@]}"; do
		call 2 "$program" --count=$'1\e[31m\n2'
		says "$program" --count
		aim_at_all "$program"
		call 1 "$program" "${AIM[@]}" -d 50ms -o $'no-such-folder/\e[31m\n'
		says "$program" no-such-folder
	done
}

# ---- the output ------------------------------------------------------------------------------------------------------

@test "output to a full device: exit 1, and it says so" {
	for program in $(runnable); do
		OUT=/dev/full short_run 1 "$program"
		says "$program" 'No space left on device'
		short_run 1 "$program" -o /dev/full
		says "$program" /dev/full
	done
}

@test "output to a file that cannot be opened: exit 1, and it is named" {
	for program in $(runnable); do
		short_run 1 "$program" -o no-such-folder/file
		says "$program" "'no-such-folder/file'"
	done
}

@test "without stdout: exit 1" {
	for program in $(runnable); do
		case $program in otb-expose) options=() ;; *) aim_at_all "$program" && options=("${AIM[@]}" -d 50ms --stats) ;; esac
		code=0
		"$TRACER_BUILD/$program" "${options[@]}" </dev/null 2>err 3>&- >&- || code=$?
		[ "$code" -eq 1 ] || complain "$program: exit code $code: $(cat err)"
		voiced "$program"
	done
}

@test "without stderr, messages do not come into the output" {
	for program in $(runnable); do
		case $program in otb-expose) continue ;; esac
		rm -f file
		aim_at_all "$program"
		"$TRACER_BUILD/$program" "${AIM[@]}" -vvv -d 50ms --stats -o file </dev/null 3>&- 2>&-
		whole file
		[ "$(tail -n 1 file | jq -r .event)" = stats ]
	done
}

@test "-o appends, with mode 0644" {
	for program in $(runnable); do
		rm -f file
		umask 022
		short_run 0 "$program" -o file
		silent out
		[ "$(stat -c %a file)" = 644 ]
		size=$(stat -c %s file)
		[ "$size" -gt 0 ]
		short_run 0 "$program" -o file
		[ "$(stat -c %s file)" -gt "$size" ]
	done
}

@test "-o ends a torn line before its own first" {
	for program in $(runnable); do
		printf '{"event":"whole"}\n{"event":"to' >file
		short_run 0 "$program" -o file
		silent out
		[ "$(head -n 2 file)" = $'{"event":"whole"}\n{"event":"to' ]
		[ "$(sed -n 3p file | head -c 1)" != '' ]
		# And nothing where there is none.
		printf '{"event":"whole"}\n' >file
		short_run 0 "$program" -o file
		[ "$(sed -n 2p file)" != '' ]
	done
}

@test "in a pipe, a tracer writes records, without colour" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_all "$program"
		TERM=xterm-256color CLICOLOR_FORCE=1 "$TRACER_BUILD/$program" "${AIM[@]}" -d 50ms --stats 3>&- | cat >out
		whole out
		run -1 grep -n $'\e' out
	done
}

@test "on a terminal, a tracer writes a table, and no colour with NO_COLOR" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_all "$program"
		NO_COLOR=1 script -qec "$TRACER_BUILD/$program ${AIM[*]} -d 50ms" typescript </dev/null >out 3>&-
		grep -q '^TIME ' out
		run -1 grep -n $'\e\\[[0-9;]*m' out
		script -qec "$TRACER_BUILD/$program ${AIM[*]} -d 50ms -j --stats" typescript </dev/null 3>&- | tr -d '\r' |
			sed -E "/$OTHERS_LOST/d" >out
		whole out
		script -qec "$TRACER_BUILD/$program ${AIM[*]} -d 50ms --stats -o records" typescript </dev/null >out 3>&-
		whole records
		"$TRACER_BUILD/$program" "${AIM[@]}" -d 50ms -t 3>&- >out
		grep -q '^TIME ' out
	done
}

@test "-q is silent, and a run without trouble is too" {
	for program in $(runnable); do
		short_run 0 "$program"
		silent err
		if [[ " ${TRACERS[*]} " == *" $program "* ]]; then
			aim_at_nothing "$program"
			call 0 "$program" "${AIM[@]}" -d 50ms --stats -q --strict
		else
			short_run 0 "$program" -q --strict
		fi
		silent err
	done
}

@test "a line has time and event first, and labels last" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_events "$program"
		call 0 "$program" "${AIM[@]}" -n 50 --stats -l tenant=a -l text=$'ü\xff"\t'
		whole out 51
		[ "$(count_records out)" -eq 51 ]
		jq -e 'keys_unsorted[:2] == ["time", "event"] and keys_unsorted[-2:] == ["tenant", "text"] and
			.tenant == "a" and .text == "ü\ufffd\"\t"' out >/dev/null
		[ -z "$(jq -c 'select(any(.[]; . == null or type == "object" or type == "array"))' out)" ]
		# Its own stderr is for messages only.
		silent err
	done
}

# ---- the reader of the output goes away, or stands still -------------------------------------------------------------

@test "the reader goes away while nothing happens: exit 0, silently" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		for signal in --default-signal --ignore-signal=PIPE; do
			WITH=("$signal")
			aim_at_nothing "$program"
			pipe_begin "$program" "${AIM[@]}"
			pipe_close
			ends 0
			silent err
		done
	done
}

@test "the reader goes away while events flow: exit 0, silently" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		rm -f got
		aim_at_events "$program"
		for signal in --default-signal --ignore-signal=PIPE; do
			WITH=("$signal")
			pipe_begin "$program" "${AIM[@]}"
			pipe_lines 5
			pipe_close
			ends 0
			silent err
		done
		whole got 10
	done
}

@test "the reader of a filter goes away: exit 0, silently" {
	for program in "${FILTERS[@]}"; do
		aim_at_all "$program"
		for signal in --default-signal --ignore-signal=PIPE; do
			mkfifo pipe
			exec {HOLDER}<>pipe {WRITER}>pipe
			exec {HOLDER}>&-
			env "$signal" "$TRACER_BUILD/$program" "${AIM[@]}" <"$TRACER_ROOT/tests/records/tcpretrans.jsonl" \
				>&"$WRITER" -q 2>err 3>&-
			exec {WRITER}>&-
			rm pipe
			silent err
		done
	done
}

# stuck_begin PROGRAM [ARG]...: nobody reads, and there is more than pipe and queue take
stuck_begin() {
	aim_at_events "$1"
	pipe_begin "$1" "${AIM[@]}" "${@:2}"
	# The ring buffer runs over once nothing can be written any more.
	events_pass "$1" 3000
	is_running
}

@test "a reader that stands still does not hold SIGTERM up" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		rm -f got
		stuck_begin "$program" --buffer 64K
		kill -TERM "$PID"
		ends 0
		# The lines that it wrote are whole.
		pipe_rest
		whole got 50
		says "$program" lost
		pipe_close
		stuck_begin "$program" --buffer 64K --strict
		kill -INT "$PID"
		ends 4
		pipe_close
	done
}

@test "a reader that stands still does not hold --duration up" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		rm -f got
		stuck_begin "$program" --buffer 64K -d 2s
		ends 0
		pipe_rest
		whole got 50
		pipe_close
	done
}

@test "a reader that was slow gets the lost record" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		rm -f got
		stuck_begin "$program" --buffer 64K
		# It gets room again, piece by piece.
		until_true lost_is_told
		kill -TERM "$PID"
		pipe_rest
		ends 0
		whole got 50
		jq -es 'map(select(.event == "lost" and .where == "ringbuf")) | length > 0 and all(.tool and .count > 0)' got
		pipe_close
	done
}

lost_is_told() {
	local piece
	# A line would be read byte by byte.
	IFS= LC_ALL=C read -r -t 20 -N 32768 -u "$READER" piece || complain 'the reader gets no more'
	printf '%s' "$piece" >>got
	grep -q '"event":"lost".*"where":"ringbuf"' got
}

@test "two writers into one pipe: every line is whole" {
	local writers
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_events "$program"
		{
			"$TRACER_BUILD/$program" "${AIM[@]}" -n 2000 -l writer=1 3>&- &
			"$TRACER_BUILD/$program" "${AIM[@]}" -n 2000 -l writer=2 3>&- &
			wait
		} | cat >got
		whole got 4000
		# What is said of lost events, and of requests that have no end yet, is not among the 2000.
		writers=$(jq -r 'select(.event | IN("lost", "unfinished") | not) | .writer' got | sort | uniq -c | awk '{ print $1 }' | xargs)
		[ "$writers" = '2000 2000' ] || complain "$program: $writers"
	done
}

# ---- signals and other ends ------------------------------------------------------------------------------------------

@test "SIGTERM and SIGINT while events flow: exit 0, no torn line" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_events "$program"
		for signal in TERM INT; do
			rm -f got
			pipe_begin "$program" "${AIM[@]}" --stats --buffer 64M
			pipe_lines 20
			kill -"$signal" "$PID"
			pipe_rest
			ends 0
			silent err
			whole got 21
			[ "$(tail -n 1 got | jq -r .event)" = stats ]
			pipe_close
		done
	done
}

@test "SIGTERM, SIGINT and SIGHUP while nothing happens: exit 0" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_nothing "$program"
		for signal in TERM INT HUP; do
			begin out "$program" --stats "${AIM[@]}"
			kill -"$signal" "$PID"
			ends 0
			silent err
			whole out
		done
	done
}

@test "SIGHUP that nohup ignores does not end it" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		WITH=(--ignore-signal=HUP)
		aim_at_nothing "$program"
		begin out "$program" --stats -d 500ms "${AIM[@]}"
		kill -HUP "$PID"
		ends 0
		jq -e '.duration_ns >= 500000000' out
	done
}

@test "SIGHUP opens the file of -o again: nothing is lost, every line is whole" {
	need_bpf
	net_up
	hook() {
		begin /dev/null otb-tcpretrans -o records --netns "/run/netns/$CASE_NS"
	}
	case_prime setup
	hook
	case_prime provoke
	until_true has_lines records 5
	mv records records.1
	kill -HUP "$PID"
	until_true test -e records
	until_true has_lines records 5
	mv records records.2
	kill -HUP "$PID"
	case_prime finish
	until_true test -e records
	kill -TERM "$PID"
	ends 0
	silent err
	whole records.1 5
	whole records.2 5
	cat records.1 records.2 records >all
	# One line for each of the 23, or for what no program was run for; none twice.
	[ "$(jq -s 'map(.segments) | add' all)" -eq 23 ]
	jq 'select(.event == "tcp_retransmit") | .total_retrans' all | sort -nuc
}

@test "SIGHUP where the file cannot be opened again: it says so and goes on" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		mkdir folder
		aim_at_all "$program"
		begin /dev/null "$program" "${AIM[@]}" --stats -o folder/file
		mv folder moved
		kill -HUP "$PID"
		until_true test -s err
		says "$program" "'folder/file'"
		kill -TERM "$PID"
		ends 0
		whole moved/file
		rm -r moved
	done
}

@test "SIGHUP while events flow, many times: every line is whole" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		rm -f file file.*
		aim_at_events "$program"
		begin /dev/null "$program" "${AIM[@]}" -o file --buffer 64M
		for i in {1..20}; do
			until_true has_lines file 20
			mv file "file.$i"
			kill -HUP "$PID"
			until_true test -e file
		done
		kill -TERM "$PID"
		ends 0
		silent err
		for i in {1..20}; do
			whole "file.$i" 20
		done
	done
}

@test "--duration ends it, also while nothing happens" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_nothing "$program"
		begin out "$program" --stats -d 300ms "${AIM[@]}"
		ends 0
		silent err
		whole out
		# It is counted from the ready byte on, and the record's from the start of the program.
		jq -e '.duration_ns >= 300000000' out
	done
}

@test "--count ends it" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		aim_at_events "$program"
		call 0 "$program" "${AIM[@]}" -n 7
		[ "$(count_records out)" -eq 7 ]
		whole out 7
		silent err
	done
}

@test "a filter ends by --count, by --duration, and by SIGTERM, with all it has to write" {
	mkfifo input
	exec {HOLDER}<>input
	INPUT=input
	for program in "${FILTERS[@]}"; do
		case $program in
		otb-expose) wanted='^otb_tcp_retransmit_segments_total{reason="rto".*} 3$' ;;
		*) wanted='"segments":3,"reason":"rto"' ;;
		esac
		aim_at_all "$program"
		for how in '-n 1' '-d 200ms' TERM INT HUP; do
			case $how in -*) read -r -a options <<<"$how" ;; *) options=() ;; esac
			begin out "$program" "${AIM[@]}" "${options[@]}"
			printf '%s\n' '{"time":"2026-03-01T12:00:00.000000000Z","event":"tcp_retransmit","segments":3,"reason":"rto"}' >input
			case $how in -*) ;; *) until_true input_is_empty && kill -"$how" "$PID" ;; esac
			ends 0
			silent err
			grep -q "$wanted" out
		done
	done
	exec {HOLDER}>&-
}

# The program has read the line.
input_is_empty() {
	! IFS= read -r -t 0 <input
}

@test "--ready-fd: exactly one byte, then it is closed" {
	for program in $(runnable); do
		mkfifo ready ready2 input
		exec {HOLDER}<>input
		aim_at_all "$program"
		"$TRACER_BUILD/$program" "${AIM[@]}" --ready-fd 9 9>ready <input >/dev/null 2>err 3>&- {HOLDER}>&- &
		PID=$!
		PIDS+=("$PID")
		# This ends at the end of file, so at the close.
		[ "$(timeout 20 wc -c <ready)" -eq 1 ]
		is_running
		kill -TERM "$PID"
		exec {HOLDER}>&-
		ends 0
		rm ready ready2 input
	done
}

@test "--ready-fd whose reader has gone: it says so and goes on" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		mkfifo ready
		exec {HOLDER}<>ready {WRITER}>ready
		exec {HOLDER}>&-
		code=0
		aim_at_all "$program"
		"$TRACER_BUILD/$program" "${AIM[@]}" --ready-fd "$WRITER" -d 50ms --stats >out 2>err 3>&- || code=$?
		exec {WRITER}>&-
		rm ready
		[ "$code" -eq 0 ]
		whole out
		says "$program" --ready-fd
	done
}

# ---- what cannot be observed -----------------------------------------------------------------------------------------

@test "no privilege: exit 3, and it says what is missing" {
	need_root
	for program in "${TRACERS[@]}"; do
		# Where nobody may look into the folder it is built in.
		cp "$TRACER_BUILD/$program" "$BATS_TEST_TMPDIR/$program"
		chmod 755 "$BATS_TEST_TMPDIR" "$program"
		aim_at_all "$program"
		for how in '--reuid=65534 --regid=65534 --clear-groups' '--bounding-set=-all --inh-caps=-all' \
			'--bounding-set=-bpf,-sys_admin --inh-caps=-all' '--bounding-set=-sys_ptrace --inh-caps=-all'; do
			code=0
			# shellcheck disable=SC2086
			setpriv $how "/proc/self/fd/8" "${AIM[@]}" -d 50ms 8<"$program" >out 2>err 3>&- </dev/null || code=$?
			[ "$code" -eq 3 ] || complain "$program with $how: exit code $code: $(cat err)"
			silent out
			says "$program" root
			case $how in
			*-bpf*) says "$program" CAP_BPF && run -1 grep -q CAP_PTRACE err ;;
			*-sys_ptrace*) says "$program" CAP_SYS_PTRACE && run -1 grep -q CAP_BPF err ;;
			*) says "$program" CAP_BPF ;;
			esac
		done
	done
}

@test "help and usage errors need no privilege" {
	need_root
	for program in "${PROGRAMS[@]}"; do
		setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/8 --help 8<"$TRACER_BUILD/$program" >out 2>err 3>&-
		run -2 setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/8 --count=x 8<"$TRACER_BUILD/$program"
	done
}

@test "a process that is none: exit 3, and it is named" {
	for program in "${TRACERS[@]}"; do
		for option in -p --pid; do
			call 3 "$program" "$option" 4194304
			silent out
			says "$program" 4194304
		done
		call 3 "$program" -p $$ -p 4194304
		says "$program" 4194304
	done
}

@test "a thread is no process" {
	thread=$(cat /proc/[0-9]*/status 2>/dev/null | awk '/^Tgid:/ { tgid = $2 } /^Threads:/ && $2 > 1 { print tgid; exit }')
	[ -n "$thread" ] || skip 'no process here has threads'
	thread=$(find "/proc/$thread/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -vx "$thread" | head -n 1)
	for program in "${TRACERS[@]}"; do
		call 3 "$program" -p "$thread"
		says "$program" "$thread"
	done
}

@test "the --pid processes have ended: done" {
	need_bpf
	for program in "${TRACERS[@]}"; do
		! is_go_tracer "$program" || need_go
		process_begin "$program"
		first=$PROCESS first_hold=$HOLD
		process_begin "$program"
		begin out "$program" -p "$first" -p "$PROCESS" --stats
		exec {first_hold}>&-
		wait "$first"
		is_running
		exec {HOLD}>&-
		wait "$PROCESS"
		ends 0
		silent err
		whole out
	done
}

@test "a program that is none of Go: exit 3, and it is named" {
	need_bpf
	for program in "${GO_TRACERS[@]}"; do
		call 3 "$program" -p $$ -d 1ms
		silent out
		says "$program" $$
		for file in no-such-file "$BATS_TEST_TMPDIR" /bin/sh /dev/null /etc/passwd ''; do
			call 3 "$program" --exe "$file" -d 1ms
			silent out
			says "$program" "'$file'"
		done
	done
}

@test "a network namespace that is none: exit 3, and it is named" {
	need_bpf
	for value in 0 1 4294967295 x /dev/null /etc/passwd /no/such/file . "/proc/$$/ns/mnt" ''; do
		call 3 otb-tcpretrans --netns "$value" -d 1ms
		silent out
		says otb-tcpretrans --netns
		says otb-tcpretrans "$value"
	done
}

@test "a cgroup that is none: exit 3, and it is named" {
	need_bpf
	for value in x / /tmp /dev/null /no/such/folder /proc ''; do
		call 3 otb-tcpretrans --cgroup "$value" -d 1ms
		silent out
		says otb-tcpretrans --cgroup
		says otb-tcpretrans "$value"
	done
}
