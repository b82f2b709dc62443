# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# otb-sample beside others that filter and sample: the same spans, eight to a trace. CPU time, start-up and output included.
# What each has kept is counted: a peer that does something else is not compared with.

sample_condition='http_response_status_code >= 500'
sample_count=600000
sample_seconds=30 # in which they end

# The records of a file for which the condition holds.
count_errors() { # FILE
	grep -cE '"http_response_status_code":50[03][,}]' "$1"
}

# And those that one in a hundred is: the low 56 bits of their trace_id reach the threshold, of four digits' precision.
count_sampled() { # FILE
	awk -F'"trace_id":"' 'substr($2, 19, 14) >= "fd70a" { n++ } END { print n + 0 }' "$1"
}

# And those of traces with a record of either kind.
count_of_traces() { # FILE
	awk -F'"trace_id":"' '
		{ id = substr($2, 1, 32); n[id]++ }
		/"http_response_status_code":50[03][,}]/ || substr(id, 19) >= "fd70a" { kept[id] }
		END { for (id in kept) sum += n[id]; print sum + 0 }' "$1"
}

check_kept() { # TOOL WANTED
	local kept
	kept=$(wc -l <"$work/out")
	((kept == $2)) || die "$1 kept $kept records instead of $2"
}

# ---- The same condition ------------------------------------------------------------------------------------------------

filter_otb_sample() {
	"$programs/otb-sample" --keep "$sample_condition" <"$1"
}

filter_simdjson() {
	"$work/simdjson_filter" <"$1"
}

filter_simdjson_dom() {
	"$work/simdjson_filter" dom <"$1"
}

filter_simdjson_lines() {
	"$work/simdjson_filter" lines <"$1"
}

filter_jq() {
	jq -c "select(.$sample_condition)" "$1"
}

filter_miller() {
	mlr --ijsonl --ojsonl filter "\$$sample_condition" "$1"
}

filter_grep() {
	grep -F '"http_response_status_code":50' "$1"
}

# As time_cpu, if there is the program.
measure_filter() { # TOOL PROGRAM WANTED
	command -v "$2" >/dev/null || return 0
	time_cpu "filter_$1" "$work/spans.jsonl"
	check_kept "$1" "$3"
	take_sample filter_us "$1" "$(us_each "$sample_count")"
}

measure_filters() { # WANTED
	measure_filter otb_sample "$programs/otb-sample" "$1"
	measure_filter simdjson "$work/simdjson_filter" "$1"
	measure_filter simdjson_dom "$work/simdjson_filter" "$1"
	measure_filter simdjson_lines "$work/simdjson_filter" "$1"
	measure_filter grep grep "$1"
	measure_filter jq jq "$1"
	measure_filter miller mlr "$1"
}

# ---- A ratio, and ten conditions before it -----------------------------------------------------------------------------

# Ten conditions that hold for none of the records, so that each record is judged by all of them.
sample_rules=(
	--drop 'http_response_status_code >= 600'
	--drop 'duration_ns > 10s'
	--drop 'http_route == "/metrics"'
	--drop 'error_type exists'
	--drop 'http_request_method in ("PATCH", "HEAD", "OPTIONS")'
	--drop 'service_name != "shop"'
	--drop 'span_kind == "producer" or span_kind == "consumer"'
	--drop 'http_response_status_code == 200 and duration_ns < 1us'
	--drop 'not (pid == 1234)'
	--drop 'parent_source in ("b3", "b3multi") and duration_ns > 500ms'
)

measure_ratio() { # KEY WANTED OPTION...
	time_cpu "$programs/otb-sample" --ratio 0.01 "${@:3}" <"$work/spans.jsonl"
	check_kept "otb-sample ($1)" "$2"
	take_sample ratio_us "$1" "$(us_each "$sample_count")"
}

measure_ratios() { # WANTED
	measure_ratio alone "$1"
	measure_ratio ten "$1" "${sample_rules[@]}"
	measure_ratio regex "$1" "${sample_rules[@]}" --drop 'http_request_method =~ "^(PATCH|HEAD)$"'
}

# Whether the Collector has written so many of what matches.
collector_has_written() { # COUNT PATTERN
	[[ -e $work/kept.json ]] && (($(grep -oF "$2" "$work/kept.json" | wc -l) >= $1))
}

# In the mode that does what otb-sample does: keeps the same spans, and says with which threshold.
measure_probabilistic() { # WANTED
	rm -f "$work/kept.json"
	run_collector "$work/spans.otlp.json" collector_has_written "$1" '"traceId"' <<-END
		processors: { probabilistic_sampler: { sampling_percentage: 1, mode: proportional } }
		exporters: { file: { path: "$work/kept.json", flush_interval: 200ms } }
		service: { pipelines: { traces: { receivers: [otlpjsonfile], processors: [probabilistic_sampler], exporters: [file] } } }
	END
	! collector_has_written "$(($1 + 1))" '"traceId"' || die "the Collector kept more than $1 spans"
	take_sample ratio_us collector "$(us_each "$sample_count")"
}

# ---- Whole traces ------------------------------------------------------------------------------------------------------

# Traces with an error, and one in a hundred of the others, each decided once its root has been there for a while.
#
# The Collector goes by the clock: were it fed as fast as it can read, it would hold the more of them the faster it is. So
# it gets the spans in the time in which they say they ended. Both are told to decide two seconds after a root. It has what
# is best for it: lines of as many spans as SDKs send at once, the first policy that matches decides, and caches of decisions let it
# forget the traces themselves (otb-sample remembers as many without being told).
sample_trace=(--trace --linger 2s --keep "$sample_condition" --ratio 0.01)
sample_batch=512

# The lines of a file, evenly over so many seconds.
pace_lines() { # FILE SECONDS
	python3 - "$@" <<-'END'
		import sys, time
		lines = open(sys.argv[1], "rb").readlines()
		began, each = time.monotonic(), float(sys.argv[2]) / len(lines)
		for n, line in enumerate(lines):
		    time.sleep(max(0, began + n * each - time.monotonic()))
		    sys.stdout.buffer.write(line)
		    sys.stdout.buffer.flush()
	END
}

# Of the others it keeps as many, though not the same.
measure_tail_sampling() { # ERRORS KEPT
	local kept
	rm -f "$work/kept.json"
	: >"$work/paced.json"
	pace_lines "$work/spans.otlp.json" "$sample_seconds" >>"$work/paced.json" &
	reader=$!
	run_collector "$work/paced.json" collector_has_written "$1" '"code":2' <<-END
		processors:
		  tail_sampling:
		    decision_wait: 30s
		    decision_wait_after_root_received: 2s
		    sample_on_first_match: true
		    decision_cache: { sampled_cache_size: 131072, non_sampled_cache_size: 131072 }
		    policies:
		      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
		      - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 1 } }
		exporters: { file: { path: "$work/kept.json", flush_interval: 200ms } }
		service: { pipelines: { traces: { receivers: [otlpjsonfile], processors: [tail_sampling], exporters: [file] } } }
	END
	wait "$reader"
	reader=''
	kept=$(grep -oF '"traceId"' "$work/kept.json" | wc -l)
	((kept > $2 * 95 / 100 && kept < $2 * 105 / 100)) || die "the Collector kept $kept spans instead of some $2"
	take_sample trace_us collector "$(us_each "$sample_count")"
	take_sample trace_mb collector "$(in_megabytes)"
}

measure_trace() { # WANTED
	time_cpu "$programs/otb-sample" "${sample_trace[@]}" <"$work/spans.jsonl"
	check_kept 'otb-sample --trace' "$1"
	take_sample trace_us otb_sample "$(us_each "$sample_count")"
	measure_memory "$programs/otb-sample" "${sample_trace[@]}" <"$work/spans.jsonl"
	take_sample trace_mb otb_sample "$(in_megabytes)"
}

# ---- Memory ------------------------------------------------------------------------------------------------------------

measure_growth() {
	measure_memory "$programs/otb-sample" --ratio 0.01 "${sample_rules[@]}" <"$work/spans.jsonl"
	take_sample growth_kb once "$memory"
	measure_memory "$programs/otb-sample" --ratio 0.01 "${sample_rules[@]}" \
		< <(for _ in {1..10}; do cat "$work/spans.jsonl"; done)
	take_sample growth_kb tenfold "$memory"
}

# ---- Tables ------------------------------------------------------------------------------------------------------------

# "median (min to max)" of megabytes of the lines a second.
spread_mbs() { # KEY TOOL
	spread %.0f "$(tr ' ' '\n' <<<"${samples["$1 $2"]}" | awk -v bytes="$sample_bytes" 'NF { printf "%f ", bytes / $1 }')"
}

# The same of what one takes longer than the other, in nanoseconds.
spread_difference() { # KEY LONGER SHORTER
	spread %.0f "$(paste <(tr ' ' '\n' <<<"${samples["$1 $2"]}") <(tr ' ' '\n' <<<"${samples["$1 $3"]}") |
		awk 'NF { printf "%f ", ($1 - $2) * 1000 }')"
}

print_sample_row() { # TITLE KEY TOOL OURS
	[[ -n ${samples["$2 $3"]-} ]] || return 0
	printf '| %s | %s | %s | %s |\n' "$1" "$(spread %.3f "${samples["$2 $3"]}")" "$(spread_mbs "$2" "$3")" \
		"$(spread %.2f "${samples["$2 $4"]}" "${samples["$2 $3"]}")"
}

print_filters() {
	printf 'Records whose `%s`:\n\n' "$sample_condition"
	print_titles '' 'us a record' 'MB/s' 'of otb-sample'
	print_sample_row 'otb-sample --keep' filter_us otb_sample otb_sample
	print_sample_row 'grep -F, which knows no JSON' filter_us grep otb_sample
	print_sample_row 'simdjson, as its documentation shows: On Demand, a line after the other' filter_us simdjson_lines otb_sample
	print_sample_row 'simdjson, tuned: On Demand, in place, which validates what it passes' filter_us simdjson otb_sample
	print_sample_row 'simdjson, tuned: DOM, in place, which validates all' filter_us simdjson_dom otb_sample
	print_sample_row 'jq, select' filter_us jq otb_sample
	print_sample_row 'Miller, filter' filter_us miller otb_sample
}

print_ratios() {
	printf '\nOne in a hundred:\n\n'
	print_titles '' 'us a record' 'MB/s' 'of otb-sample'
	print_sample_row 'otb-sample --ratio' ratio_us alone alone
	print_sample_row 'the same behind ten rules, none of which holds' ratio_us ten alone
	print_sample_row 'and an eleventh that is a regular expression' ratio_us regex alone
	print_sample_row 'OpenTelemetry Collector, probabilistic_sampler' ratio_us collector alone
}

print_traces() {
	printf '\nTraces with an error, and one in a hundred of the others:\n\n'
	print_titles '' 'us a record' 'MB/s' 'of otb-sample'
	print_sample_row 'otb-sample --trace' trace_us otb_sample otb_sample
	print_sample_row 'OpenTelemetry Collector, tail_sampling' trace_us collector otb_sample
	printf '\nMemory, at most: otb-sample %s MB' "$(largest trace_mb otb_sample)"
	[[ -z ${samples['trace_mb collector']-} ]] ||
		printf ', Collector %s MB' "$(spread %.0f "${samples['trace_mb collector']}")"
	printf '. Of otb-sample --ratio: %s kB after %d records, %s kB after ten times as many.\n\n' \
		"$(largest growth_kb once)" "$sample_count" "$(largest growth_kb tenfold)"
}

# A bar for how many times as long, or as much, as otb-sample another takes, if it has been measured.
print_peer_bar() { # WHAT KEY OURS THEIRS BAR
	local ratio
	[[ -n ${samples["$2 $4"]-} ]] || return 0
	ratio=$(spread %.1f "${samples["$2 $3"]}" "${samples["$2 $4"]}")
	print_bar "$1, of otb-sample (median)" ">= $5" "$ratio" "${ratio%% *} >= $5"
}

print_sample_bars() {
	local rate beyond
	print_titles 'bar' wanted measured holds
	print_peer_bar 'jq' filter_us otb_sample jq 25
	print_peer_bar 'simdjson, as its documentation shows' filter_us otb_sample simdjson_lines 2
	print_peer_bar 'simdjson, tuned' filter_us otb_sample simdjson 2
	print_peer_bar 'tail_sampling, time' trace_us otb_sample collector 10
	print_peer_bar 'tail_sampling, memory' trace_mb otb_sample collector 4
	rate=$(spread_mbs ratio_us alone)
	print_bar 'MB/s of --ratio, one core (median)' '>= 1000' "$rate" "${rate%% *} >= 1000"
	beyond=$(spread_difference ratio_us ten alone)
	print_bar 'ten conditions, ns a record beyond --ratio (median)' '<= 100' "$beyond" "${beyond%% *} <= 100"
	print_bar 'memory after ten times as many records' 'the same' "$(largest growth_kb tenfold) kB" \
		"$(largest growth_kb tenfold) <= 1.02 * $(largest growth_kb once)"
	echo
}

print_sample() {
	printf '## otb-sample: %d spans of %d bytes, eight to a trace\n\n' "$sample_count" "$sample_bytes"
	printf '%s. CPU time. Median (min to max) of what was taken in turn.\n\n' "$("$programs/otb-sample" --version | sed -n 1p)"
	print_filters
	print_ratios
	print_traces
	print_sample_bars
}

# ---- Order -------------------------------------------------------------------------------------------------------------

prepare_sample() {
	make_spans "$sample_count" 8 >"$work/spans.jsonl"
	sample_bytes=$(($(stat -c %s "$work/spans.jsonl") / sample_count))
	g++ -O2 -march=native -o "$work/simdjson_filter" tests/bench/simdjson_filter.cc -lsimdjson 2>/dev/null ||
		progress 'no g++, or no libsimdjson-dev: simdjson is left out'
	build_collector
	[[ ! -x $OTELCOL ]] || spans_as_otlp "$sample_batch" <"$work/spans.jsonl" >"$work/spans.otlp.json"
}

bench_sample() {
	local round rounds=5 errors sampled of_traces
	[[ $quick == no ]] || rounds=2
	prepare_sample
	errors=$(count_errors "$work/spans.jsonl")
	sampled=$(count_sampled "$work/spans.jsonl")
	of_traces=$(count_of_traces "$work/spans.jsonl")
	for ((round = 1; round <= rounds; round++)); do
		progress "sample $round of $rounds"
		measure_filters "$errors"
		measure_ratios "$sampled"
		measure_trace "$of_traces"
		[[ ! -x $OTELCOL ]] || {
			measure_probabilistic "$sampled"
			measure_tail_sampling "$errors" "$of_traces"
		}
	done
	measure_growth
	print_sample
}
