# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets quick, pid and samples
#
# TODO: otb-skeleton beside another tool that does the same. For now its start and its memory.

bench_skeleton() {
	local round rounds=9 tool=otb-skeleton start
	[[ $quick == no ]] || rounds=3
	for ((round = 1; round <= rounds; round++)); do
		start_tracer "$tool" skeleton_ms
		take_sample skeleton_mb "$tool" "$(bc <<<"scale=2; $(memory_kb "$pid" VmRSS) / 1024")"
		stop_tracer
	done
	start=$(spread %.0f "${samples["skeleton_ms $tool"]}")
	printf '## %s\n\n' "$tool"
	print_titles 'bar' wanted measured holds
	print_bar 'start (median)' '<= 60 ms' "$start ms" "${start%% *} <= 60"
	print_bar 'resident memory, at most' '<= 16 MB' "$(largest skeleton_mb "$tool") MB" \
		"$(largest skeleton_mb "$tool") <= 16"
	echo
}
