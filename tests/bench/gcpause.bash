# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# A saturated net/http server that makes garbage, with otb-gcpause attached and without; and the start of otb-gcpause on
# a binary of 100 MB.

bench_go=1.26
big_module=github.com/prometheus/prometheus/cmd/prometheus@v0.306.0

measure_pair() { # SECONDS
	measure_load without "$1" /
	start_tracer otb-gcpause attach_ms --pid "$reader" --stats
	measure_load with "$1" /
	take_sample rss_mb otb-gcpause "$(bc <<<"scale=2; $(memory_kb "$pid" VmRSS) / 1024")"
	stop_tracer
	take_sample events with "$(jq -s 'map(select(.event == "gc_pause")) | length' "$work/tracer.out")"
	take_sample assists with "$(jq -s 'map(select(.event == "gc_cycle").assists) | add // 0' "$work/tracer.out")"
	take_sample probe_us with "$(jq 'select(.event == "stats") | .probe_time_ns / 1000' "$work/tracer.out")"
}

# A program of some 100 MB, stripped: $OTB_BIG_BINARY, or one that is built once. Fails where it cannot be had.
big_binary() {
	local file=$GO_BUILT/big/prometheus
	if [[ -n ${OTB_BIG_BINARY-} ]]; then
		echo "$OTB_BIG_BINARY"
	elif [[ -x $file ]]; then
		echo "$file"
	else
		mkdir -p "${file%/*}"
		GOBIN=${file%/*} GOFLAGS='' "$(go_toolchain "$bench_go")" install -ldflags '-s -w' "$big_module" >&2 && echo "$file"
	fi
}

print_gcpause() { # BIG-BINARY
	local tool=otb-gcpause rate start megabytes
	rate=$(spread %.3f "${samples['rate without']}" "${samples['rate with']}")
	printf '## otb-gcpause on a saturated net/http server that makes garbage\n\n'
	printf '%s, Go %s, Linux %s, %d CPUs, wrk with 32 connections. Median (min to max) of what was taken in turn.\n\n' \
		"$("$programs/$tool" --version | sed -n 1p)" "${GO_RELEASES[$bench_go]}" "$(uname -r)" "$(nproc)"
	print_titles '' "with $tool" without 'without / with'
	print_pair 'requests a second' rate %.0f with without
	print_pair 'p99, ms' p99_ms %.2f with without
	printf '\nIn a run %s pauses, %s assists, %s us in its probes.\n\n' "$(spread %.0f "${samples['events with']}")" \
		"$(spread %.0f "${samples['assists with']}")" "$(spread %.0f "${samples['probe_us with']}")"
	print_titles 'bar' wanted measured holds
	print_bar 'requests/s with it, of the same without (median)' '>= 0.98' "$rate" "${rate%% *} >= 0.98"
	print_bar 'resident memory, at most' '<= 16 MB' "$(largest rss_mb $tool) MB" "$(largest rss_mb $tool) <= 16"
	start=$(spread %.0f "${samples["attach_ms $tool"]}")
	print_bar 'start on a small program (median)' '<= 62 ms' "$start ms" "${start%% *} <= 62"
	if [[ -n $1 ]]; then
		megabytes=$(($(stat -L -c %s "$1") / 1000000))
		start=$(spread %.0f "${samples["big_ms $tool"]}")
		print_bar "start on a program of $megabytes MB (median)" "<= $((60 + megabytes)) ms" "$start ms" \
			"${start%% *} <= $((60 + megabytes))"
	fi
	echo
}

bench_gcpause() {
	local round big='' rounds=9 seconds=4
	[[ $quick == no ]] || rounds=3 seconds=2
	command -v wrk >/dev/null || die 'no wrk (a package of that name)'
	go_build "$bench_go" static-stripped "$work/server" tests/target/go/gcload -tags http || die 'no Go'
	start_server -http 127.0.0.1:0
	measure_load warm "$seconds" /
	for ((round = 1; round <= rounds; round++)); do
		progress "load $round of $rounds"
		measure_pair "$seconds"
	done
	stop_server
	big=$(big_binary) || progress 'no binary of 100 MB: its start is not measured'
	for ((round = 1; round <= rounds && ${#big} > 0; round++)); do
		start_tracer otb-gcpause big_ms --exe "$big"
		stop_tracer
	done
	print_gcpause "$big"
}
