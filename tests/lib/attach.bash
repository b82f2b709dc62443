# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# otb-trace that comes and goes while a server is under load. Needs lib/net, lib/tracer, lib/go, lib/trace
# and lib/code.
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
