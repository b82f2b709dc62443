#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-expose and a real OpenTelemetry Collector: what the one writes the other reads, and shows the same values.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
}

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	records=$root/tests/records
	PATH=${OTB_BUILD:-$root/build}:$PATH
	load lib/go
	load lib/otelcol
	load lib/http
	processes=()
	cd "$BATS_TEST_TMPDIR" || return
	otelcol_build 2>why || skip "no Collector: $(cat why)"
}

teardown() {
	[ "${#processes[@]}" -eq 0 ] || kill -KILL "${processes[@]}" 2>/dev/null || true
}

# collect PIPELINE EXPORTERS: a Collector that reads *.jsonl here, with these lines of configuration
collect() {
	cat >collector.yaml <<-END
		receivers: { otlpjsonfile: { include: ["$PWD/*.jsonl"], start_at: beginning } }
		exporters: $2
		service:
		  telemetry: { metrics: { level: none }, logs: { level: warn } }
		  pipelines: { $1 }
	END
	"$OTELCOL" --config collector.yaml >collector.log 2>&1 3>&- &
	processes+=($!)
}

@test "the Collector reads --otlp, and its Prometheus exporter shows what our page does" {
	cat "$records"/tcpretrans*.jsonl "$records"/gcpause*.jsonl >in
	for i in {1..97}; do
		printf '{"event":"span","trace_id":"0af7651916cd43dd8448eb211c8031%02d","span_id":"b7ad6b7169203331","span_kind":' "$i"
		printf '"server","http_request_method":"GET","http_route":"/a \\"q\\" %d","duration_ns":%d}\n' "$((i % 3))" "$((i * 9000000))"
	done >>in
	otb-expose -l tenant=a <in >page
	otb-expose -l tenant=a --otlp <in >metrics.jsonl
	[ "$(wc -l <metrics.jsonl)" = 1 ]
	port=$(free_port)
	collect 'metrics: { receivers: [otlpjsonfile], exporters: [prometheus] }' \
		"{ prometheus: { endpoint: \"127.0.0.1:$port\", without_scope_info: true } }"
	shows() { curl -sf "127.0.0.1:$port/metrics" >theirs && grep -q http_server_request_duration_seconds_count theirs; }
	await shows
	[ ! -s collector.log ]
	# The file exporter has a target_info of its own, and a gauge's name is left as it is.
	diff <(series_of page) <(series_of theirs | grep -v '^target_info')
}

@test "exponential histograms and summaries arrive whole" {
	printf '{"v":%s}\n' 0 0.001 0.5 0.75 1 3 1000 1000 >in
	otb-expose --no-builtin --otlp -m 'histogram e_seconds value v exponential' -m 'summary s_bytes value v' <in >metrics.jsonl
	collect 'metrics: { receivers: [otlpjsonfile], exporters: [file] }' "{ file: { path: $PWD/out.json } }"
	await grep -q s_bytes out.json || await grep -q '"name":"s"' out.json
	point='[.resourceMetrics[].scopeMetrics[].metrics[] | select(.exponentialHistogram).exponentialHistogram.dataPoints[0]
		| .count, .zeroCount, .scale, .positive.offset, .positive.bucketCounts, .sum, .min, .max]'
	diff <(jq -c "$point" metrics.jsonl) <(jq -c "$point" out.json)
	summary='[.resourceMetrics[].scopeMetrics[].metrics[] | select(.summary) | .name, .unit, .summary.dataPoints[0].count,
		.summary.dataPoints[0].sum, .summary.dataPoints[0].quantileValues]'
	diff <(jq -c "$summary" metrics.jsonl) <(jq -c "$summary" out.json)
}
