# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# A saturated net/http server with a trivial handler, without otb-trace and with it: all requests as spans, one in ten, and
# none but all counted. And two probes with nothing to do in the same two functions, at the same places, and at
# their entry, where other tracers have theirs. Then OpenTelemetry's own tracer for Go, which writes its spans to a file, too.

trace_go=1.26

# One load under probes with nothing to do, in the two functions that otb-trace probes for a request.
measure_nothing() { # entry|place SECONDS
	measure_load "without_$1" "$2" /
	start_nothing "$work/server" "$1" net/http.serverHandler.ServeHTTP 'net/http.(*response).finishRequest'
	measure_load "$1" "$2" /
	stop_tracer
}

# One load under otb-trace; what it has told and lost.
measure_traced() { # KEY SECONDS OPTION...
	local spans lost
	start_tracer otb-trace attach_ms --pid "$reader" --stats "${@:3}"
	measure_load "$1" "$2" /
	take_sample rss_mb otb-trace "$(bc <<<"scale=2; $(memory_kb "$pid" VmRSS) / 1024")"
	stop_tracer
	spans=$(grep -c '"event":"span"' "$work/tracer.out" || true)
	lost=$(jq -s 'map(select(.event == "lost").count) | add // 0' "$work/tracer.out")
	take_sample spans "$1" "$spans"
	take_sample lost "$1" "$lost"
	take_sample missing "$1" "$((requests - spans - lost))"
	[[ $1 != all ]] || take_sample told otb-trace "$(bc <<<"scale=3; $spans / $requests")"
	take_sample probe_us "$1" "$(jq -s --argjson n "$requests" 'map(select(.event == "stats"))[0].probe_time_ns / 1000 / $n' "$work/tracer.out")"
}

# One load under OpenTelemetry's tracer; what it has told. It ends in its own time.
measure_otel() { # SECONDS
	local began
	measure_load without_otel "$1" /
	: >"$work/otel.err"
	began=$EPOCHREALTIME
	OTEL_TRACES_EXPORTER=console OTEL_SERVICE_NAME=trivial "$OTEL_AUTO" -target-pid "$reader" \
		>"$work/otel.out" 2>"$work/otel.err" &
	pid=$!
	await_said "$work/otel.err" 'loaded successfully'
	take_sample attach_ms otel "$(bc <<<"scale=1; $(since_us "$began") / 1000")"
	measure_load otel "$1" /
	take_sample rss_mb otel "$(bc <<<"scale=2; $(memory_kb "$pid" VmRSS) / 1024")"
	stop_tracer
	take_sample told otel "$(bc <<<"scale=3; $(wc -l <"$work/otel.out") / $requests")"
}

measure_round() { # SECONDS
	measure_load without "$1" /
	measure_traced all "$1"
	measure_load without_ratio "$1" /
	measure_traced ratio "$1" --ratio 0.1
	measure_load without_counted "$1" /
	measure_traced counted "$1" --summary
	measure_nothing place "$1"
	measure_nothing entry "$1"
	[[ ! -x $OTEL_AUTO ]] || measure_otel "$1"
}

print_trace_row() { # WHAT KEY WITHOUT
	printf '| %s | %s | %s | %s | %s |\n' "$1" "$(spread %.0f "${samples["rate $2"]-}")" \
		"$(spread %.3f "${samples["rate $3"]-}" "${samples["rate $2"]-}")" "$(spread %.2f "${samples["p99_ms $2"]-}")" \
		"$(spread %.2f "${samples["probe_us $2"]-}")"
}

print_trace() {
	local all some
	all=$(spread %.3f "${samples['rate without']}" "${samples['rate all']}")
	some=$(spread %.3f "${samples['rate without_ratio']}" "${samples['rate ratio']}")
	printf '## otb-trace on a saturated net/http server with a trivial handler\n\n'
	printf '%s, Go %s, Linux %s, %d CPUs, wrk with 32 connections. Median (min to max) of what was taken in turn.\n\n' \
		"$("$programs/otb-trace" --version | sed -n 1p)" "${GO_RELEASES[$trace_go]}" "$(uname -r)" "$(nproc)"
	print_titles '' 'requests a second' 'with / without' 'p99, ms' 'in its programs, us a request'
	print_trace_row 'without' without without
	print_trace_row 'with otb-trace, a span for each' all without
	print_trace_row 'with otb-trace --ratio 0.1' ratio without_ratio
	print_trace_row 'with otb-trace --summary' counted without_counted
	print_trace_row 'two probes with nothing to do, at the same places' place without_place
	print_trace_row 'the same at the entry of the functions' entry without_entry
	print_trace_row "with OpenTelemetry's tracer $OTEL_AUTO_RELEASE" otel without_otel
	printf '\n'
	print_titles '' otb-trace "OpenTelemetry's tracer $OTEL_AUTO_RELEASE" 'theirs / ours'
	print_pair 'spans told, of the requests' told %.3f otb-trace otel
	print_pair 'resident memory, MB' rss_mb %.1f otb-trace otel
	print_pair 'start, ms' attach_ms %.0f otb-trace otel
	printf '\n'
	print_titles 'bar' wanted measured holds
	print_bar 'requests/s with it, of the same without (median), a span for each' '>= 0.95' "$all" "${all%% *} >= 0.95"
	print_bar 'the same with --ratio 0.1' '>= 0.95' "$some" "${some%% *} >= 0.95"
	print_bar 'lost with --ratio 0.1, at most' 0 "$(largest lost ratio)" "$(largest lost ratio) == 0"
	print_bar 'requests that are neither a span nor counted as lost, at most' 'those under way at the end: 32' \
		"$(largest missing all)" "$(largest missing all) <= 32"
	print_bar 'resident memory, at most' '<= 16 MB' "$(largest rss_mb otb-trace) MB" "$(largest rss_mb otb-trace) <= 16"
	print_bar 'start on a small program (median)' '<= 66 ms' "$(spread %.0f "${samples['attach_ms otb-trace']}") ms" \
		"$(spread %.0f "${samples['attach_ms otb-trace']}" | cut -d ' ' -f 1) <= 66"
	printf '\n'
}

bench_trace() {
	local round rounds=9 seconds=4
	[[ $quick == no ]] || rounds=3 seconds=2
	command -v wrk >/dev/null || die 'no wrk (a package of that name)'
	go_build "$trace_go" static "$work/server" tests/target/go/trivial || die 'no Go'
	otel_auto_build || progress 'no OpenTelemetry tracer: it is left out'
	start_server
	measure_load warm "$seconds" /
	for ((round = 1; round <= rounds; round++)); do
		progress "load $round of $rounds"
		measure_round "$seconds"
	done
	stop_server
	print_trace
}
