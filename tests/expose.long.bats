#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The parts of expose.bats that take long.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=600
}

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	PATH=${OTB_BUILD:-$root/build}:$PATH
	cd "$BATS_TEST_TMPDIR" || return
}

@test "10 million records into 1,000 series: below 32 MB" {
	mkfifo in
	otb-expose --linger --listen 127.0.0.1:0 -m 'counter n_total{user}' -m 'histogram h_seconds{user} value v' <in 2>said 3>&- &
	pid=$!
	exec {input}>in
	awk 'BEGIN { for (i = 0; i < 10000000; i++) printf "{\"user\":\"user-%d\",\"v\":%d}\n", i % 1000, i % 13 }' >&"$input"
	exec {input}>&-
	port=$(sed -nE 's/.*listening on .*:([0-9]+).*/\1/p' said)
	until curl -s "127.0.0.1:$port/metrics" | grep -qx 'otb_expose_lines_total 10000000'; do sleep 0.1; done
	memory=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status")
	curl -s "127.0.0.1:$port/metrics" >page
	kill -TERM "$pid"
	wait "$pid"
	echo "# at most $memory KiB" >&3
	[ "$memory" -lt 32768 ]
	[ "$(awk '/^n_total/ { sum += $NF } END { printf "%.0f", sum }' page)" = 10000000 ]
	[ "$(awk '/^h_seconds_sum/ { sum += $NF } END { printf "%.0f", sum }' page)" = \
		"$(awk 'BEGIN { for (i = 0; i < 10000000; i++) s += i % 13; printf "%.0f", s }')" ]
}
