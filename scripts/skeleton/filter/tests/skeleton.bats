#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-skeleton against jq: TODO. For now, what passes and what does not.

bats_require_minimum_version 1.5.0

setup() {
	PATH=${OTB_BUILD:-$BATS_TEST_DIRNAME/../build}:$PATH
	cd "$BATS_TEST_TMPDIR" || return
}

@test "23 records of 35 have an event: they pass byte for byte" {
	local i
	for i in {1..35}; do
		if ((i % 11 < 7)); then
			printf '{ "n": %d,\t"event" :"e" , "x":1.50}\n' "$i"
		else
			printf '{"n":%d,"event_":"e"}\n' "$i"
		fi
	done >in
	jq -R 'select(fromjson | has("event"))' -r in >wanted
	[ "$(wc -l <wanted)" -eq 23 ]
	otb-skeleton <in >out
	cmp wanted out
}

@test "a line that is no record is told, and goes into the exit code of --strict" {
	printf '{"event":"a"}\n{"event":\n{"event":"b"}\n' >in
	run -4 --separate-stderr otb-skeleton --strict --stats <in
	# shellcheck disable=SC2154
	[[ $stderr == *'line 2'* ]]
	[ "$(head -n 2 <<<"$output" | jq -r .event | xargs)" = 'a b' ]
	tail -n 1 <<<"$output" | jq -e '.event == "stats" and .lines == 3 and .records == 2 and .kept == 2 and .bad_lines == 1'
}

# It stands still for longer than one is waited for at the end.
@test "a reader that is slow gets all" {
	seq 200000 | sed 's/.*/{"event":"e","n":&}/' >in
	otb-skeleton <in | { sleep 2 && cat; } | cmp in -
}
