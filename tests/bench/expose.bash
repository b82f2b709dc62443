# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# otb-expose beside others that make metrics of logs: the same spans, counted by method and status, and their durations in
# the same fifteen buckets. CPU time, start-up and output included, of one core's worth where a tool takes several.

expose_bounds='0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10'

run_otb_expose() {
	expose_by '{method=http_request_method,status=http_response_status_code}' "$1"
}

run_otb_expose_three() {
	expose_by '{method=http_request_method,status=http_response_status_code,route=http_route}' "$1"
}

expose_by() { # LABELS FILE
	"$programs/otb-expose" --no-builtin -m "counter requests_total$1" \
		-m "histogram duration_seconds$1 value duration_ns / 1e9 buckets $expose_bounds" <"$2"
}

run_mtail() {
	mkdir -p "$work/mtail"
	cat >"$work/mtail/spans.mtail" <<-END
		counter requests_total by method, status
		histogram duration_seconds by method, status buckets $expose_bounds
		/"duration_ns":(?P<ns>\d+),"http_request_method":"(?P<method>[A-Z]+)".*"http_response_status_code":(?P<status>\d+)/ {
		  requests_total[\$method][\$status]++
		  duration_seconds[\$method][\$status] = float(\$ns) / 1000000000.0
		}
	END
	mtail -one_shot -one_shot_format prometheus -progs "$work/mtail" -logs "$1" -log_dir "$work/mtail"
}

run_jq() {
	jq -n --argjson bounds "[$expose_bounds]" 'reduce inputs as $r ({};
		($r.duration_ns / 1e9) as $v | "\($r.http_request_method) \($r.http_response_status_code)" as $key
		| .[$key].count += 1 | .[$key].sum += $v
		| .[$key].buckets["\(first($bounds[] | select($v <= .)) // "inf")"] += 1)' "$1"
}

run_miller() {
	mlr --ijsonl --ojsonl put -q "begin { @bounds = [$expose_bounds] }"'
		v = $duration_ns / 1e9; key = $http_request_method . " " . $http_response_status_code; str le = "inf";
		for (b in @bounds) { if (v <= b) { le = "le" . b; break } }
		@count[key] += 1; @sum[key] += v; @bucket[key][le] += 1;
		end { emit (@count, @sum), "key"; emit @bucket, "key" }' "$1"
}

run_duckdb() {
	python3 - "$1" "[$expose_bounds]" <<-'END'
		import sys, duckdb
		duckdb.sql("set threads = 1")
		print(duckdb.sql(f"""select http_request_method m, http_response_status_code s, count(*), sum(duration_ns) / 1e9,
		    histogram(duration_ns / 1e9, {sys.argv[2]}) from read_json('{sys.argv[1]}', format = 'newline_delimited')
		    group by m, s order by m, s"""))
	END
}

# Whether the Collector's Prometheus exporter has counted so many spans.
collector_has_counted() { # PORT COUNT
	curl -s "127.0.0.1:$1/metrics" | awk -v n="$2" '/_calls_total\{/ { sum += $NF } END { exit !(sum >= n) }'
}

# The Collector's spanmetrics, as its Prometheus exporter shows them.
measure_spanmetrics() { # OTLP-FILE COUNT
	local port=18889
	run_collector "$1" collector_has_counted "$port" "$2" <<-END
		connectors:
		  spanmetrics:
		    histogram: { explicit: { buckets: [$(sed -E 's/([0-9.]+)/\1s/g' <<<"$expose_bounds")] } }
		    dimensions: [{ name: http.request.method }, { name: http.response.status_code }]
		    metrics_flush_interval: 200ms
		exporters: { prometheus: { endpoint: "127.0.0.1:$port" } }
		service:
		  pipelines:
		    traces: { receivers: [otlpjsonfile], exporters: [spanmetrics] }
		    metrics: { receivers: [spanmetrics], exporters: [prometheus] }
	END
	take_sample expose_us collector "$(us_each "$2")"
	take_sample expose_mb collector "$(in_megabytes)"
}

# As time_cpu, if there is the program; and what it said is right: the requests add up.
measure_tool() { # TOOL COMMAND COUNT
	! command -v "$2" >/dev/null || {
		time_cpu "run_$1" "$work/spans.jsonl"
		take_sample expose_us "$1" "$(us_each "$3")"
	}
}

# What the scanner alone takes to validate the records and pick five fields, as the best of its own rounds.
measure_scanner() {
	take_sample expose_gbps scanner \
		"$("$programs/tests/bench/json" "$work/spans.jsonl" | sed -n 's/.* \([0-9.]*\) GB\/s.*/\1/p')"
}

print_expose_row() { # TITLE TOOL
	[[ -n ${samples["expose_us $2"]-} ]] || return 0
	printf '| %s | %s | %s |\n' "$1" "$(spread %.2f "${samples["expose_us $2"]}")" \
		"$(spread %.1f "${samples['expose_us otb_expose']}" "${samples["expose_us $2"]}")"
}

print_expose() { # COUNT BYTES
	local tool ratio
	printf '## otb-expose: spans into a counter and a histogram, by method and status\n\n'
	printf '%s, %d records of %d bytes. CPU time for each, in microseconds. Median (min to max) of what was taken in turn.\n\n' \
		"$("$programs/otb-expose" --version | sed -n 1p)" "$1" "$2"
	print_titles '' 'us a record' 'of otb-expose'
	print_expose_row otb-expose otb_expose
	print_expose_row 'DuckDB, one thread' duckdb
	print_expose_row mtail mtail
	print_expose_row "OpenTelemetry Collector, spanmetrics" collector
	print_expose_row jq jq
	print_expose_row Miller miller
	printf '\nMemory, at most: otb-expose %s MB, Collector %s MB.\n\n' "$(largest expose_mb otb_expose)" \
		"$(largest expose_mb collector)"
	print_titles 'bar' wanted measured holds
	for tool in mtail:20 collector:5; do
		[[ -n ${samples["expose_us ${tool%:*}"]-} ]] || continue
		ratio=$(spread %.1f "${samples['expose_us otb_expose']}" "${samples["expose_us ${tool%:*}"]}")
		print_bar "${tool%:*}, of otb-expose (median)" ">= ${tool#*:}" "$ratio" "${ratio%% *} >= ${tool#*:}"
	done
	ratio=$(spread %.2f "${samples['expose_us otb_expose_three']}")
	print_bar 'records a second by three labels, one core (median)' '>= 1,000,000' \
		"$(awk -v us="${ratio%% *}" 'BEGIN { printf "%.0f\n", 1e6 / us }')" "${ratio%% *} <= 1"
	ratio=$(spread %.2f "${samples['expose_gbps scanner']}")
	print_bar 'GB/s of the scanner, one core (median)' '>= 1' "$ratio" "${ratio%% *} >= 1"
	echo
}

bench_expose() {
	local round rounds=5 count=200000 small=50000
	[[ $quick == no ]] || rounds=2
	make_spans "$count" >"$work/spans.jsonl"
	spans_as_otlp 100 <"$work/spans.jsonl" >"$work/spans.otlp.json"
	build_collector
	for ((round = 1; round <= rounds; round++)); do
		progress "expose $round of $rounds"
		measure_tool otb_expose "$programs/otb-expose" "$count"
		measure_tool otb_expose_three "$programs/otb-expose" "$count"
		measure_scanner
		measure_tool mtail mtail "$count"
		! python3 -c 'import duckdb' 2>/dev/null || measure_tool duckdb python3 "$count"
		[[ ! -x $OTELCOL ]] || measure_spanmetrics "$work/spans.otlp.json" "$count"
	done
	mv "$work/spans.jsonl" "$work/all.jsonl"
	head -n "$small" "$work/all.jsonl" >"$work/spans.jsonl"
	measure_tool jq jq "$small"
	measure_tool miller mlr "$small"
	measure_memory "$programs/otb-expose" <"$work/all.jsonl"
	take_sample expose_mb otb_expose "$(in_megabytes)"
	print_expose "$count" "$(($(stat -c %s "$work/all.jsonl") / count))"
}
