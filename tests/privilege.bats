#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What tracers need to be allowed and what they give up, by the tables of otb(7): as a user without privileges who has some
# capabilities (setpriv), they see real events with exactly those, and without any of them say which one; and once they
# run, they and otb-expose --listen cannot do what they have no use for.
#
# shellcheck disable=SC2034 # what tracer.bash and cases.bash read
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own `background` and others, of lib/http

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	load lib/gcloop
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	# Where nobody may look in, unlike a checkout in someone's home, or a folder of bats.
	PUBLIC=$(mktemp -d "${TMPDIR:-/tmp}/otb-privilege.XXXXXX")
	export PUBLIC
	chmod 755 "$PUBLIC"
	cp "$TRACER_BUILD"/otb-{tcpretrans,gcpause,trace} "$PUBLIC"
	gcloop_build "$PUBLIC/gcloop" 2>"$BATS_FILE_TMPDIR/no-go" || :
	cp "$PUBLIC/gcloop" "$PUBLIC/gcloop-711" && chmod 711 "$PUBLIC/gcloop-711" || :
}

teardown_file() {
	rm -rf "$PUBLIC"
}

setup() {
	load lib/net
	load lib/cases
	load lib/tracer
	load lib/http
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	BUILD=$TRACER_BUILD TRACER_BUILD=$PUBLIC
	cd "$BATS_TEST_TMPDIR" || return
	PATH=$BUILD:$PATH
}

teardown() {
	tracer_kill
	serve_kill
	net_down
	! mountpoint -q "$BATS_TEST_TMPDIR/bpffs" || umount "$BATS_TEST_TMPDIR/bpffs"
}

NOBODY=65534 SOMEBODY=65533
OWN='bpf perfmon'
ALL='bpf perfmon sys_ptrace dac_read_search'

need_go() {
	[ -x "$PUBLIC/gcloop" ] || skip "no Go program to look at: $(cat "$BATS_FILE_TMPDIR/no-go")"
}

# as_user USER [CAPABILITY...]: into AS the command to run another under, as that user with those capabilities and no others
as_user() {
	local capability set=-all
	for capability in "${@:2}"; do
		set+=,+$capability
	done
	AS=(setpriv "--reuid=$1" "--regid=$1" --clear-groups "--bounding-set=$set" "--inh-caps=$set" "--ambient-caps=$set")
}

# gcloop_start USER [FILE]: a Go program of that user's, to whom something happens all the time; its pid is in GCLOOP
gcloop_start() {
	need_go
	as_user "$1"
	proc_start gcloop - "${AS[@]}" env OTEL_SERVICE_NAME=shop "$PUBLIC/${2:-gcloop}"
	GCLOOP=${PROC_PID[gcloop]}
}

# count FILTER: the records of $TRACER_OUT for which it is true
count() {
	jq -c "select($1)" "$TRACER_OUT" | wc -l
}

fail() {
	echo "$*"
	cat "$TRACER_OUT" "$TRACER_ERR" 2>/dev/null
	return 1
}

# Nothing on stderr, but that a program which counts its lines (make COV=1) may not write the counters as another user:
# libgcov asks secure_getenv() where to say so.
is_quiet() { # FILE
	! grep -qv '^profiling:' "$1"
}

# seen PROGRAM CAPABILITIES OPTION...: with these, nobody sees the events of $GCLOOP
seen() {
	# shellcheck disable=SC2086
	as_user $NOBODY $2
	TRACER_UNDER=("${AS[@]}")
	tracer_start "$1" "${@:3}" -n 13 -j && tracer_wait || return
	[ "$TRACER_STATUS $(count ".pid == $GCLOOP")" = '0 13' ] || fail "$1 ${*:3} does not see all with $2" || return
	is_quiet "$TRACER_ERR" || fail "$1 ${*:3} with $2 complains"
}

# missed PROGRAM CAPABILITIES OPTION...: without any of these, it ends with 3, and names that one and no other
missed() {
	local without capability code named
	for without in $2; do
		local -a with=()
		for capability in $2; do
			[ "$capability" = "$without" ] || with+=("$capability")
		done
		as_user $NOBODY "${with[@]}"
		code=0
		timeout 20 "${AS[@]}" "$PUBLIC/$1" "${@:3}" -d 10ms -j >out 2>err </dev/null 3>&- || code=$?
		named=$(grep -o 'CAP_[A-Z_]*' err | tr '\n' ' ')
		[ "$code $named" = "3 CAP_${without^^} " ] || {
			echo "$1 ${*:3} without $without: exit code $code: $(cat err)"
			return 1
		}
		[ ! -s out ]
		grep -q "^$1: .*missing CAP_${without^^} (to [a-z' ]*);" err
	done
}

# ---- what they need --------------------------------------------------------------------------------------------------

@test "processes of one's own: CAP_BPF and CAP_PERFMON" {
	gcloop_start $NOBODY
	for program in otb-gcpause otb-trace; do
		seen $program "$OWN" -p "$GCLOOP"
		[ $program = otb-gcpause ] || [ "$(jq -r '.service_name // empty' "$TRACER_OUT" | sort -u)" = shop ]
		missed $program "$OWN" -p "$GCLOOP"
	done
}

@test "another user's processes: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH too" {
	gcloop_start $SOMEBODY
	for program in otb-gcpause otb-trace; do
		seen $program "$ALL" -p "$GCLOOP"
		[ $program = otb-gcpause ] || [ "$(jq -r '.service_name // empty' "$TRACER_OUT" | sort -u)" = shop ]
		missed $program "$ALL" -p "$GCLOOP"
	done
}

# The kernel keeps what runs a file that may not be read from its own user, too.
@test "a program that may be run and not read is as another user's" {
	gcloop_start $NOBODY gcloop-711
	for program in otb-gcpause otb-trace; do
		seen $program "$ALL" -p "$GCLOOP"
		missed $program "$ALL" -p "$GCLOOP"
	done
}

@test "--exe and --all: all four" {
	gcloop_start $SOMEBODY
	for program in otb-gcpause otb-trace; do
		seen $program "$ALL" --exe "$PUBLIC/gcloop"
		missed $program "$ALL" --exe "$PUBLIC/gcloop"
		# There may be others about whom there is something to say.
		as_user $NOBODY $ALL
		TRACER_UNDER=("${AS[@]}")
		tracer_start $program --all -j
		await grep -q "\"pid\":$GCLOOP," "$TRACER_OUT"
		tracer_stop
		missed $program "$ALL" --all
	done
}

@test "--exe: a program that another user starts while nobody watches" {
	need_go
	for program in otb-gcpause otb-trace; do
		# shellcheck disable=SC2086
		as_user $NOBODY $ALL
		TRACER_UNDER=("${AS[@]}")
		tracer_start $program --exe "$PUBLIC/gcloop" -j
		gcloop_start $SOMEBODY
		await grep -q "\"pid\":$GCLOOP," "$TRACER_OUT"
		proc_kill gcloop
		tracer_stop
	done
}

tcp_start() {
	tracer_start otb-tcpretrans -j "${OPTIONS[@]}"
}

# tcp_seen CAPABILITIES [OPTION]...: with these, nobody sees the retransmissions of the case rto, each with its owner
tcp_seen() {
	# shellcheck disable=SC2086
	as_user $NOBODY $1
	TRACER_UNDER=("${AS[@]}") OPTIONS=("${@:2}")
	tracer_case rto tcp_start tracer_stop
	[ "$(count ".pid == ${CASE_PIDS[otb-client]} and .comm == \"otb-client\" and .reason == \"rto\" and \
		.netns == $(net_inode "$CASE_NS")")" = "$CASE_EVENTS" ] || fail "otb-tcpretrans ${*:2} does not see all with $1"
}

@test "otb-tcpretrans: all four for all sockets, or for a network namespace of another user's process" {
	local reason
	reason=$(net_missing)
	[ -z "$reason" ] || skip "$reason"
	net_up
	tcp_seen "$ALL"
	missed otb-tcpretrans "$ALL"
	case_end
	case_server && case_client otb-client
	net=/proc/${CASE_PIDS[otb-client]}/ns/net
	missed otb-tcpretrans "$ALL" --netns "$net"
	as_user $NOBODY $ALL
	run -0 "${AS[@]}" "$PUBLIC/otb-tcpretrans" --netns "$net" -d 10ms
	case_end
	tcp_seen "$ALL" --netns "/run/netns/$NET_A"
}

@test "otb-tcpretrans: CAP_BPF and CAP_PERFMON for a process of one's own" {
	local reason
	reason=$(net_missing)
	[ -z "$reason" ] || skip "$reason"
	net_up
	case_client() {
		as_user $NOBODY
		proc_start "$1" "$NET_A" "${AS[@]}" "$PUBLIC/tcpload" connect --name "$1" "${@:2}" "$(case_address b)" "$CASE_PORT" &&
			proc_answered "$1" ready && CASE_PIDS[$1]=${PROC_PID[$1]}
	}
	tcp_start() {
		tracer_start otb-tcpretrans -j -p "${CASE_PIDS[otb-client]}"
	}
	cp "$BUILD/tests/tcpload" "$PUBLIC"
	tcp_seen "$OWN"
	is_quiet "$TRACER_ERR" || fail 'it complains'
	case_end
	case_server && case_client otb-client
	missed otb-tcpretrans "$OWN" -p "${CASE_PIDS[otb-client]}"
}

@test "--control: a folder of one's own in a BPF file system, and no capability more" {
	gcloop_start $NOBODY
	mkdir bpffs
	mount -t bpf bpf bpffs
	chmod 700 bpffs
	# The folders of bats are not for nobody: by a descriptor.
	exec {folder}<bpffs
	run -3 pinned
	[[ $output = *"--control: cannot open '/proc/self/fd/"* ]]
	chown $NOBODY bpffs
	run -0 pinned
	[ "$(grep -c '"event":"span"' <<<"$output")" -eq 13 ]
	exec {folder}<&-
	[ ! -e bpffs/map ]
}

pinned() {
	# shellcheck disable=SC2086
	as_user $NOBODY $OWN
	timeout 20 "${AS[@]}" "$PUBLIC/otb-trace" -p "$GCLOOP" --control "/proc/self/fd/$folder/map" -n 13 -j 3>&-
}

@test "--stats: what the probes cost takes CAP_SYS_ADMIN" {
	gcloop_start $NOBODY
	for program in otb-gcpause otb-trace; do
		# shellcheck disable=SC2086
		as_user $NOBODY $OWN
		timeout 20 "${AS[@]}" "$PUBLIC/$program" -p "$GCLOOP" -n 13 -j --stats >out 2>err 3>&-
		[ "$(jq -c 'select(.event == "stats") | [.written, has("probe_runs")]' out)" = '[13,false]' ]
		grep -q CAP_SYS_ADMIN err
		# shellcheck disable=SC2086
		as_user $NOBODY $OWN sys_admin
		timeout 20 "${AS[@]}" "$PUBLIC/$program" -p "$GCLOOP" -n 13 -j --stats >out 2>err 3>&-
		[ "$(jq -c 'select(.event == "stats") | [.written, .probe_runs > 0]' out)" = '[13,true]' ]
		is_quiet err
	done
}

# ---- what they give up -----------------------------------------------------------------------------------------------

# status PID NAME: from its /proc/PID/status
status() {
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"
}

# confined PID [CAPABILITIES]: there is a filter of system calls, and these are the capabilities that are left, for good
confined() {
	[ "$(status "$1" Seccomp) $(status "$1" NoNewPrivs)" = '2 1' ] || fail "no filter: $(cat "/proc/$1/status")"
	[ $# -lt 2 ] || [ "$(status "$1" CapEff) $(status "$1" CapPrm)" = "$2 $2" ] || fail "capabilities: $(cat "/proc/$1/status")"
}

# injected PID ANSWER CALL [ARGUMENT]...: the kernel's, to a call that the process is made to do
injected() {
	local answer
	answer=$(python3 "$BATS_TEST_DIRNAME/lib/inject.py" "$1" "${@:3}")
	[ "$answer" = "$2" ] || fail "$3: $answer, expected $2"
}

need_injection() {
	[ "$(uname -m)" = x86_64 ] || skip 'tests/lib/inject.py knows the registers of amd64 only'
}

# harmless PID: as if it had been taken over, it reads a file, and writes none
harmless() {
	injected "$1" -38 openat -100 "$BATS_TEST_TMPDIR/victim" 0o101 0o600 # O_WRONLY | O_CREAT
	[ ! -e victim ]
	injected "$1" -38 openat -100 /dev/null 2 # O_RDWR
	injected "$1" -2 openat -100 /no/such/file 0
}

# dies PID CALL [ARGUMENT]...: such a call ends it, and the shell that waits knows why
dies() {
	local code=0
	injected "$1" 'signal 31' "${@:2}"
	wait "$1" || code=$?
	[ "$code" = $((128 + 31)) ]
}

# capabilities CAPABILITY...: as /proc shows them
capabilities() {
	local name bits=0
	for name; do
		case $name in
		dac_read_search) bits=$((bits | 1 << 2)) ;;
		sys_ptrace) bits=$((bits | 1 << 19)) ;;
		perfmon) bits=$((bits | 1 << 38)) ;;
		bpf) bits=$((bits | 1 << 39)) ;;
		esac
	done
	printf '%016x\n' "$bits"
}

# aimed PROGRAM: sets AIM to the options of each mode, one after the other, and runs the rest of the line
aimed() {
	local mode
	AIM=() KEPT='bpf sys_ptrace dac_read_search'
	if [ "$1" = otb-tcpretrans ]; then
		"${@:2}"
		return
	fi
	AIM=(-p "$GCLOOP") && "${@:2}" || return
	KEPT=$ALL
	for mode in "--exe=$PUBLIC/gcloop" --all; do
		AIM=("$mode") && "${@:2}" || return
	done
}

gives_up() {
	# Root keeps no more than it needs, nor does a user who had no more.
	TRACER_UNDER=()
	tracer_start "$program" "${AIM[@]}" -j || return
	# shellcheck disable=SC2086
	confined "$TRACER_PID" "$(capabilities $KEPT)" && tracer_stop || return
	# shellcheck disable=SC2086
	as_user $NOBODY $ALL
	TRACER_UNDER=("${AS[@]}")
	tracer_start "$program" "${AIM[@]}" -j || return
	# shellcheck disable=SC2086
	confined "$TRACER_PID" "$(capabilities $KEPT)" && tracer_stop
}

@test "capabilities and system calls are given up before the ready byte" {
	gcloop_start $SOMEBODY
	for program in otb-tcpretrans otb-gcpause otb-trace; do
		aimed $program gives_up
	done
	serve --ready-fd 5 5>ready
	await [ -s ready ]
	confined "$background"
	stop
}

# Programs that are built to measure write what they have measured.
# bats test_tags=no-san
@test "a tracer that is taken over writes no file" {
	need_injection
	for aim in otb-tcpretrans 'otb-gcpause --all' 'otb-trace --all'; do
		# shellcheck disable=SC2086
		tracer_start $aim -j
		harmless "$TRACER_PID"
		tracer_stop
	done
}

# tracer_dies CALL [ARGUMENT]...
tracer_dies() {
	tracer_start otb-tcpretrans && dies "$TRACER_PID" "$@" && TRACER_PID=
}

@test "a tracer that is taken over dies of what it has no use for" {
	need_injection
	tracer_dies socket 2 1 0
}

# The sanitizers' own run-time does these.
# bats test_tags=no-san
@test "a tracer that is taken over starts no program, and traces none" {
	need_injection
	tracer_dies execve /bin/true 0 0
	tracer_dies ptrace 16 $$
}

# bats test_tags=no-san
@test "otb-expose --listen that is taken over writes no file, and dies of what it has no use for" {
	need_injection
	serve
	harmless "$background"
	[ "$(get "$url/healthz")" = ok ]
	stop
	serve
	dies "$background" socket 2 1 0
	background=
}

# bats test_tags=no-san
@test "--output, and only it, lets a file be opened to append" {
	need_injection
	tracer_start otb-tcpretrans -o records
	injected "$TRACER_PID" -38 openat -100 "$BATS_TEST_TMPDIR/victim" 0o101 0o600 # O_WRONLY | O_CREAT
	mv records old
	kill -HUP "$TRACER_PID"
	await [ -e records ]
	tracer_stop
	[ ! -e victim ]
}
