# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, took and samples
#
# TODO: otb-skeleton beside another program that does the same. For now jq, which parses all of a record.

bench_skeleton() {
	local round rounds=5 count=50000
	[[ $quick == no ]] || rounds=2
	make_spans "$count" >"$work/spans.jsonl"
	for ((round = 1; round <= rounds; round++)); do
		time_cpu "$programs/otb-skeleton" <"$work/spans.jsonl"
		take_sample skeleton_us otb-skeleton "$(us_each "$count")"
		time_cpu jq -c 'select(has("event"))' "$work/spans.jsonl"
		take_sample skeleton_us jq "$(us_each "$count")"
	done
	printf '## otb-skeleton\n\n'
	print_titles '' otb-skeleton jq 'jq / otb-skeleton'
	print_pair 'us a record' skeleton_us %.2f otb-skeleton jq
	echo
}
