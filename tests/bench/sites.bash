# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# What a probe costs the thread that hits it, by where it is: a function of Go that is called in a loop, without a probe, and
# with one that has nothing to do. The kernel emulates jumps and calls; other instructions it steps through in a place of
# its own, which takes a second trap.

sites_go=1.26

declare -A sites=(
	[entry]='the first instruction, a comparison: stepped'
	[place]='the conditional jump behind it: emulated'
	[main.inner]='a call: emulated'
	[return]='the return: stepped'
)

# Takes the sample call_ns of so many calls.
measure_calls() { # KEY TIMES
	local line
	echo "$2" >&"$called_in"
	read -r -t 60 -u "$called_out" line || die 'the program that is called has ended'
	take_sample call_ns "$1" "$line"
}

measure_site() { # SITE TIMES
	start_nothing "$work/called" "$1" main.called
	measure_calls "$1" "$2"
	stop_tracer
}

print_sites() {
	local site base
	base=$(spread %.1f "${samples['call_ns without']}")
	printf '## A probe, by where it is\n\n'
	printf 'Go %s, Linux %s. Median (min to max) of what was taken in turn; a call without a probe takes %s ns.\n\n' \
		"${GO_RELEASES[$sites_go]}" "$(uname -r)" "$base"
	print_titles 'a probe with nothing to do at' 'ns a call' 'of that at a jump'
	for site in place main.inner entry return; do
		printf '| %s | %s | %s |\n' "${sites[$site]}" "$(spread %.0f "${samples["call_ns $site"]}")" \
			"$(spread %.2f "${samples['call_ns place']}" "${samples["call_ns $site"]}")"
	done
	printf '\n'
}

bench_sites() {
	local round rounds=9 times=1000000 site called_in called_out
	[[ $quick == no ]] || rounds=3 times=200000
	go_build "$sites_go" static "$work/called" tests/target/go/called || die 'no Go'
	mkfifo "$work/calls" "$work/times"
	exec {called_in}<>"$work/calls" {called_out}<>"$work/times"
	"$work/called" <"$work/calls" >"$work/times" &
	# shellcheck disable=SC2034 # start_nothing() and stop_server() know it by that
	reader=$!
	read -r -t 30 -u "$called_out" || die 'the program to be called does not start'
	# Counting what programs take is a cost of its own.
	echo 0 >"$stats_switch"
	for ((round = 1; round <= rounds; round++)); do
		progress "calls $round of $rounds"
		measure_calls without "$((times * 10))"
		for site in "${!sites[@]}"; do
			measure_site "$site" "$times"
		done
	done
	echo 1 >"$stats_switch"
	exec {called_in}>&- {called_out}>&-
	stop_server
	print_sites
}
