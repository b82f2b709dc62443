#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# scripts/soak: all tools together for some seconds (for minutes: soak.long.bats), and how it tells what grows from what
# does not.

bats_require_minimum_version 1.5.0

setup() {
	load lib/tracer
	load lib/gcloop
	load lib/shop
	load lib/flat
}

# series EXPRESSION: 240 seconds of it, in t, as the second column of a file; noise() is even, from -0.5 to 0.5
series() {
	awk 'function noise() { return rand() - 0.5 } BEGIN { srand(1); for (t = 60; t < 300; t += 5) print t, '"$1"' }' \
		>"$BATS_TEST_TMPDIR/series"
}

# grown LOW HIGH
grown() {
	local by
	by=$(growth "$BATS_TEST_TMPDIR/series" 2)
	[ "$1" -le "$by" ] && [ "$by" -le "$2" ] || {
		echo "it grows by $by" >&2
		return 1
	}
}

@test "noise does not grow" {
	series '7000 + 800 * noise()'
	grown -200 200
}

@test "nor does what goes up and down" {
	series '7000 + 1000 * (t / 30 % 1)'
	grown -200 200
}

@test "nor what was higher once, or is from somewhere on" {
	series '7000 + (t == 150 ? 5000 : 0)'
	grown 0 0
	for at in 70 180 250; do
		series "7000 + (t > $at ? 5000 : 0)"
		grown 0 0
	done
}

@test "a leak grows, in noise too, by what it leaks" {
	series '7000 + 4 * t'
	grown 940 940
	series '7000 + 4 * t + 800 * noise()'
	grown 700 1200
}

@test "a few lines tell nothing" {
	series '7000'
	head -n 9 "$BATS_TEST_TMPDIR/series" >"$BATS_TEST_TMPDIR/short"
	run -1 growth "$BATS_TEST_TMPDIR/short" 2
}

@test "usage: 2" {
	run -2 "$TRACER_ROOT/scripts/soak" --minutes
	[[ $output == 'soak: usage: '* ]]
	run -2 "$TRACER_ROOT/scripts/soak" --rate many
	[[ $output == 'soak: usage: '* ]]
}

# bats test_tags=no-san
@test "some seconds: counts are those of client, services, runtime and kernel, and nothing is left" {
	bpf_permitted || skip 'eBPF is not permitted here'
	shop_make 2>"$BATS_TEST_TMPDIR/why" || skip "$(cat "$BATS_TEST_TMPDIR/why")"
	mkdir "$BATS_TEST_TMPDIR/tmp"
	export TMPDIR=$BATS_TEST_TMPDIR/tmp OTB_RESULTS=$BATS_TEST_TMPDIR/results
	run -0 "$TRACER_ROOT/scripts/soak" --seconds 9 --rate 300 --restart 4 --loss 20
	[ "$(grep -c ' equal$' <<<"$output")" -eq 6 ]
	[[ ${lines[-1]} =~ ^"soak: OK: 9 s, "[1-9]" restarts"$ ]]
	[ -z "$(ls -A "$TMPDIR")" ]
}
