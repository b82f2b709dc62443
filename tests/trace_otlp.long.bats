#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace --otlp and a real OpenTelemetry Collector: its otlpjsonfile receiver reads every span, and its file exporter
# writes it with the same values; and its OTLP/HTTP receiver takes a line by curl.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	load lib/otelcol
	load lib/http
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	processes=()
	cd "$BATS_TEST_TMPDIR" || return
	otelcol_build 2>why || skip "no Collector: $(cat why)"
}

teardown() {
	[ "${#processes[@]}" -eq 0 ] || kill -KILL "${processes[@]}" 2>/dev/null || true
	tracer_kill
	net_down
}

# requests_traced: 1,009 requests as spans.jsonl
requests_traced() {
	target_build httpserver 1.24 static-stripped
	client_build 1.27
	server_start -- http1
	tracer_start otb-trace -p "${PROC_PID[server]}" --otlp --header X-Test-Id --url-query -l env=test
	client_run http1 -mix http -in-flight 11 -connections 11
	server_end
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	[ "$(wc -l <"$TRACER_OUT")" = 1009 ]
	cp "$TRACER_OUT" spans.jsonl
}

# Every span with its resource, a line each, in one form: the Collector may put several into one request.
spans_of() {
	jq -S -c '.resourceSpans[] | .resource.attributes as $resource | .scopeSpans[] | .scope as $scope | .spans[]
		| { resource: ($resource // [] | sort), scope: $scope, span: (.attributes |= sort | del(.parentSpanId | select(. == ""))) }' "$1" | sort
}

@test "the Collector reads every span, and writes it with the values sent" {
	requests_traced
	cat >collector.yaml <<-END
		receivers: { otlpjsonfile: { include: ["$PWD/spans.jsonl"], start_at: beginning, include_file_name: false } }
		exporters: { file: { path: "$PWD/out.json", flush_interval: 200ms } }
		service:
		  telemetry: { metrics: { level: none }, logs: { level: warn } }
		  pipelines: { traces: { receivers: [otlpjsonfile], exporters: [file] } }
	END
	"$OTELCOL" --config collector.yaml >collector.log 2>&1 3>&- &
	processes+=($!)
	all_there() { [ -e out.json ] && [ "$(grep -o '"spanId"' out.json | wc -l)" -ge 1009 ]; }
	await all_there
	[ ! -s collector.log ]
	spans_of spans.jsonl >ours
	spans_of out.json >theirs
	[ "$(wc -l <ours)" = 1009 ]
	python3 - <<-'END'
		import json
		def flat(line):
		    """A span as a mapping, for what is in another order, or left out for nothing."""
		    line = json.loads(line)
		    span = {("span", key): value for key, value in line["span"].items() if key != "attributes" and value not in ("", {})}
		    for of, attributes in ("span", line["span"]["attributes"]), ("resource", line["resource"]):
		        span.update({(of, "attribute", a["key"]): a["value"] for a in attributes})
		    span["scope"] = line["scope"]
		    return span
		ours, theirs = ({s["span", "spanId"]: s for s in map(flat, open(path))} for path in ("ours", "theirs"))
		assert len(ours) == 1009 and ours.keys() == theirs.keys()
		for id, span in ours.items():
		    assert span == theirs[id], [(k, span.get(k), theirs[id].get(k)) for k in {*span, *theirs[id]} if span.get(k) != theirs[id].get(k)]
	END
}
