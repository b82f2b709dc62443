# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# otb-sample under test. Who sources this has $root, and lib/await.
#
#	sample_setup_file	looks for Python, once for a file of tests
#	sample_setup		the programs, the library, a folder of its own; sample_teardown ends what is left
#	py CODE [ARG]...	with all of lib/sampling.py
#	start [OPTION]...	otb-sample in the background, set up, into ./out; what is written to $input is its input
#	finish [CODE]		the input ends; so does it, with the code (0)
#	ended [CODE]		waits for it
#	taken			whether it has taken all that was written
#	peak			the most memory that it has had, in KiB

# What python3 is may be a script, which takes longer than what it runs.
sample_setup_file() {
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON PYTHONUTF8=1 PYTHONPYCACHEPREFIX=$BATS_FILE_TMPDIR/python
}

sample_setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	PATH=${OTB_BUILD:-$root/build}:$PATH
	export PYTHONPATH=$root/tests/lib
	cd "$BATS_TEST_TMPDIR" || return
}

sample_teardown() {
	[ -z "${background:-}" ] || kill -KILL "$background" 2>/dev/null || true
	[ -z "${producer:-}" ] || kill -KILL "$producer" 2>/dev/null || true
}

py() {
	"$PYTHON" -c "from sampling import *
$1" "${@:2}"
}

start() {
	mkfifo feed
	otb-sample --ready-fd 5 "$@" <feed 5>ready >out 2>err 3>&- &
	background=$!
	exec {input}>feed
	await test -s ready
}

finish() {
	exec {input}>&-
	ended "$@"
}

ended() {
	local code=0
	wait "$background" || code=$?
	background=
	[ "$code" -eq "${1:-0}" ] || { echo "exit code $code: $(cat err)" && return 1; }
}

taken() {
	! IFS= read -r -t 0 <feed
}

peak() {
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$background/status"
}
