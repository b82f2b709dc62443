# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# otb-trace that comes and goes while a server is under load. Needs lib/net, lib/tracer, lib/go and lib/trace.
#
#	coming_and_going MINOR TIMES	attached by pid and by file in turn; every third tracer is killed. No request
#					fails, and afterwards the server's code is as in its file
#	load_kill			for teardown

LOAD_PID=

# load_start: CLIENT sends to the server for as long as there is no file `enough`
load_start() {
	rm -f "$BATS_TEST_TMPDIR/enough"
	(
		for fd in "${PROC_IN[@]}" "${PROC_OUT[@]}"; do
			exec {fd}>&-
		done
		for ((i = 1; ; i++)); do
			[ ! -e "$BATS_TEST_TMPDIR/enough" ] || exit 0
			"$CLIENT" -address "$SERVER_ADDRESS" -mix http -n 499 -prefix "round$i-" -log /dev/null || exit
		done
	) >"$BATS_TEST_TMPDIR/load.out" 2>&1 3>&- &
	LOAD_PID=$!
}

# load_end: all requests were answered as they should be
load_end() {
	local status=0
	touch "$BATS_TEST_TMPDIR/enough"
	wait "$LOAD_PID" || status=$?
	LOAD_PID=
	[ "$status" -eq 0 ] || net_complain "the load ended with $status: $(tail -n 5 "$BATS_TEST_TMPDIR/load.out")"
}

load_kill() {
	[ -n "$LOAD_PID" ] || return 0
	touch "$BATS_TEST_TMPDIR/enough"
	wait "$LOAD_PID" || true
	LOAD_PID=
}

# code_differs PID FILE: whether the code of the process, in memory, is other than in its file: there are probes in it
code_differs() {
	local range flags offset path start size
	while read -r range flags offset _ _ path; do
		[[ $flags = r-x* && $path = "$2" ]] || continue
		start=$((16#${range%-*})) size=$((16#${range#*-} - start))
		cmp -s <(dd if="/proc/$1/mem" bs=4096 skip=$((start / 4096)) count=$((size / 4096)) status=none) \
			<(tail -c "+$((16#$offset + 1))" "$2" | head -c "$size") || return 0
	done <"/proc/$1/maps"
	return 1
}

# until_clean PID FILE: the kernel takes probes out a little later than a tracer that is killed ends
until_clean() {
	local try
	for try in {1..500}; do
		code_differs "$@" || return 0
		sleep 0.02
	done
	net_complain "there are still probes in $1 ($try tries)"
}

# attach_once TRY: with the first of its spans it goes
attach_once() {
	local -a aim=(-p "${PROC_PID[server]}")
	(($1 % 2)) || aim=(--exe "$TARGET")
	if (($1 % 3)); then
		tracer_start otb-trace "${aim[@]}" -j -n 7 && tracer_wait && [ "$TRACER_STATUS" -eq 0 ] || return
		[ "$(grep -c '"event":"span"' "$TRACER_OUT")" -eq 7 ] || net_complain "try $1: $(cat "$TRACER_OUT" "$TRACER_ERR")"
	else
		tracer_start otb-trace "${aim[@]}" -j && code_differs "${PROC_PID[server]}" "$TARGET" && tracer_kill
	fi
}

coming_and_going() {
	local try
	target_build httpserver "$1" static-stripped
	client_build 1.27
	server_start -- http1
	load_start
	for ((try = 1; try <= $2; try++)); do
		attach_once $try
	done
	until_clean "${PROC_PID[server]}" "$TARGET"
	load_end
	server_end
}
