# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# otb-expose beside others that make metrics of logs: the same spans, counted by method and status, and their durations in
# the same fifteen buckets. CPU time, start-up and output included, of one core's worth where a tool takes several.

# Leaves the milliseconds of CPU time that a command took in $took; its output goes to $work/out.
time_cpu() { # COMMAND...
	local TIMEFORMAT='%U %S' spent
	spent=$({ time "$@" >"$work/out" 2>"$work/err"; } 2>&1) || die "$1 failed: $(cat "$work/err")"
	took=$(awk '{ printf "%.0f\n", ($1 + $2) * 1000 }' <<<"$spent")
}

# Spans as otb-trace writes them, with random ids, routes, statuses and durations.
make_spans() { # COUNT
	awk -v n="$1" 'BEGIN {
		srand(17)
		split("GET POST PUT DELETE", methods, " ")
		split("200 200 200 200 204 301 404 500 503", statuses, " ")
		split("/users/{id} /orders /healthz /items/{id}/stock", routes, " ")
		for (i = 0; i < n; i++) {
			id = sprintf("%08x%08x", 4294967295 * rand(), 4294967295 * rand())
			printf "{\"time\":\"2026-11-21T10:%02d:%02d.%09dZ\",\"event\":\"span\",\"trace_id\":\"%s%s\",\"span_id\":\"%s\",",
				i / 60 % 60, i % 60, i, id, id, id
			printf "\"parent_source\":\"new\",\"span_kind\":\"server\",\"service_name\":\"shop\",\"pid\":1234,\"comm\":\"shop\","
			printf "\"duration_ns\":%d,\"http_request_method\":\"%s\",\"url_path\":\"/p/%d\",", exp(14 + 7 * rand()),
				methods[1 + int(4 * rand())], i % 1000
			printf "\"http_response_status_code\":%s,\"http_route\":\"%s\"}\n", statuses[1 + int(9 * rand())],
				routes[1 + int(4 * rand())]
		}
	}'
}

# The same as OTLP/JSON, a hundred spans a line.
spans_as_otlp() {
	jq -c -n '
		def attribute(name; value): { key: name, value: value };
		def span: { traceId: .trace_id, spanId: .span_id, name: "x", kind: 2, startTimeUnixNano: "1795000000000000000",
			endTimeUnixNano: (1795000000000000000 + .duration_ns | tostring), attributes: [
			attribute("http.request.method"; { stringValue: .http_request_method }),
			attribute("http.response.status_code"; { intValue: (.http_response_status_code | tostring) }),
			attribute("http.route"; { stringValue: .http_route })] };
		def line(spans): { resourceSpans: [{ resource: { attributes: [attribute("service.name"; { stringValue: "shop" })] },
			scopeSpans: [{ scope: {}, spans: spans }] }] };
		foreach (inputs, null) as $record ([[], null];
			if $record == null then [[], .[0]] elif .[0] | length == 99
			then [[], .[0] + [$record | span]] else [.[0] + [$record | span], null] end;
			.[1] | select(. != null and length > 0) | line(.))'
}

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

# The Collector's spanmetrics, as its Prometheus exporter shows them. It has no end of input: it is done once its page has
# counted them all. Leaves the CPU time in $took, and its memory in $memory.
run_collector() { # OTLP-FILE COUNT
	local port=18889 calls=0
	cat >"$work/collector.yaml" <<-END
		receivers: { otlpjsonfile: { include: ["$1"], start_at: beginning } }
		connectors:
		  spanmetrics:
		    histogram: { explicit: { buckets: [$(sed -E 's/([0-9.]+)/\1s/g' <<<"$expose_bounds")] } }
		    dimensions: [{ name: http.request.method }, { name: http.response.status_code }]
		    metrics_flush_interval: 200ms
		exporters: { prometheus: { endpoint: "127.0.0.1:$port" } }
		service:
		  telemetry: { metrics: { level: none }, logs: { level: error } }
		  pipelines:
		    traces: { receivers: [otlpjsonfile], exporters: [spanmetrics] }
		    metrics: { receivers: [spanmetrics], exporters: [prometheus] }
	END
	GOMAXPROCS=1 "$GO_BUILT/otelcol" --config "$work/collector.yaml" >"$work/collector.log" 2>&1 &
	pid=$!
	while ((calls < $2)); do
		kill -0 "$pid" 2>/dev/null || die "the Collector has ended: $(tail -n 3 "$work/collector.log")"
		sleep 0.2
		calls=$(curl -s "127.0.0.1:$port/metrics" | awk '/_calls_total\{/ { sum += $NF } END { printf "%.0f\n", sum }')
	done
	took=$(awk -v hertz="$(getconf CLK_TCK)" '{ printf "%.0f\n", ($14 + $15) * 1000 / hertz }' "/proc/$pid/stat")
	memory=$(memory_kb "$pid" VmHWM)
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	pid=''
}

# As time_cpu, if there is the program; and what it said is right: the requests add up.
measure_tool() { # TOOL COMMAND COUNT
	! command -v "$2" >/dev/null || {
		time_cpu "run_$1" "$work/spans.jsonl"
		take_sample expose_us "$1" "$(awk -v ms="$took" -v n="$3" 'BEGIN { printf "%.3f\n", ms * 1000 / n }')"
	}
}

# What the scanner alone takes to validate the records and pick five fields, as the best of its own rounds.
measure_scanner() {
	take_sample expose_gbps scanner \
		"$("$programs/tests/bench/json" "$work/spans.jsonl" | sed -n 's/.* \([0-9.]*\) GB\/s.*/\1/p')"
}

# Of all records, in a pipe that is still open at their end.
measure_expose_memory() {
	local in
	rm -f "$work/in"
	mkfifo "$work/in"
	"$programs/otb-expose" <"$work/in" >/dev/null &
	pid=$!
	exec {in}>"$work/in"
	cat "$work/all.jsonl" >&"$in"
	take_sample expose_mb otb_expose "$(bc <<<"scale=1; $(memory_kb "$pid" VmHWM) / 1024")"
	exec {in}>&-
	wait "$pid"
	pid=''
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

# Built once; fails where that cannot be.
build_collector() {
	[[ -x $GO_BUILT/otelcol ]] || {
		progress 'building the Collector'
		(cd tests/target/go/otelcol && GOFLAGS=-buildvcs=false GOCACHE=$GO_BUILT/cache CGO_ENABLED=0 \
			"$(go_toolchain "$bench_go")" build -ldflags '-s -w' -o "$GO_BUILT/otelcol" . >&2)
	}
}

bench_expose() {
	local round rounds=5 count=200000 small=50000
	[[ $quick == no ]] || rounds=2
	make_spans "$count" >"$work/spans.jsonl"
	spans_as_otlp <"$work/spans.jsonl" >"$work/spans.otlp.json"
	build_collector || progress 'no Collector: it is left out'
	for ((round = 1; round <= rounds; round++)); do
		progress "expose $round of $rounds"
		measure_tool otb_expose "$programs/otb-expose" "$count"
		measure_tool otb_expose_three "$programs/otb-expose" "$count"
		measure_scanner
		measure_tool mtail mtail "$count"
		! python3 -c 'import duckdb' 2>/dev/null || measure_tool duckdb python3 "$count"
		[[ ! -x $GO_BUILT/otelcol ]] || {
			run_collector "$work/spans.otlp.json" "$count"
			take_sample expose_us collector "$(awk -v ms="$took" -v n="$count" 'BEGIN { printf "%.3f\n", ms * 1000 / n }')"
			take_sample expose_mb collector "$((memory / 1024))"
		}
	done
	mv "$work/spans.jsonl" "$work/all.jsonl"
	head -n "$small" "$work/all.jsonl" >"$work/spans.jsonl"
	measure_tool jq jq "$small"
	measure_tool miller mlr "$small"
	measure_expose_memory
	print_expose "$count" "$(($(stat -c %s "$work/all.jsonl") / count))"
}
