#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-expose with OTLP/JSON as input: spans against the records that jq makes of them, every type of metric, what falls
# together with the rules' own metrics, contradictions, and hostile input.
#
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own `port`, `input`, of lib/http

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	PATH=${OTB_BUILD:-$root/build}:$PATH
	cd "$BATS_TEST_TMPDIR" || return
	load lib/http
}

teardown() {
	serve_kill
}

# A line of resourceMetrics around one or more metrics: metrics METRIC... (JSON); $resource and $scope go with them
metrics() {
	local IFS=,
	printf '{"resourceMetrics":[{"resource":{"attributes":[%s]},"scopeMetrics":[{"scope":{%s},"metrics":[%s]}]}]}\n' \
		"${resource:-}" "${scope:-}" "$*"
}

# attribute KEY STRING
attribute() {
	jq -c -n --arg key "$1" --arg value "$2" '{key: $key, value: {stringValue: $value}}'
}

# counter NAME VALUE [MEMBERS]: MEMBERS of the point, each with a comma before it
counter() {
	printf '{"name":"%s","sum":{"isMonotonic":true,"aggregationTemporality":%s,"dataPoints":[{"asInt":"%s"%s}]}}' \
		"$1" "${temporality:-2}" "$2" "${3:-}"
}

# gauge NAME VALUE [MEMBERS]
gauge() {
	printf '{"name":"%s","gauge":{"dataPoints":[{"asDouble":%s%s}]}}' "$1" "$2" "${3:-}"
}

# expose [OPTION]...: the page of what comes, but for the program's own metrics; promtool may only find the names bad
expose() {
	otb-expose "$@" >page.all 2>stderr || return
	promtool check metrics <page.all >lint 2>&1 || ! grep -E 'error|not unique|parse' lint || return
	! samples_of page.all | LC_ALL=C sort | uniq -d | grep . || return
	grep -v 'otb_expose_' page.all >page || true
}

# samples_of PAGE: names and labels; labels in order, and those without a value left out, which are none
samples_of() {
	grep -v '^#' "$1" | sed -E 's/ [^ ]+$//' | awk -F'[{}]' '{
		n = split($2, part, /",/); name = $1; out = ""
		for (i = 1; i <= n; i++) sub(/"$/, "", part[i])
		for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (part[j] < part[i]) { t = part[i]; part[i] = part[j]; part[j] = t }
		for (i = 1; i <= n; i++) if (part[i] !~ /="$/ && part[i] != "") out = out "," part[i]
		print name out }'
}

# on_page SERIES [PAGE]: its value there
on_page() {
	series=$1 awk 'BEGIN { series = ENVIRON["series"] " "; size = length(series) }
		substr($0, 1, size) == series { print substr($0, size + 1); found = 1 } END { exit !found }' "${2:-page.all}"
}

bad_values() {
	on_page otb_expose_bad_values_total
}

# page_has LINE: now, over HTTP
page_has() {
	get "$url/metrics" | grep -qxF "$1"
}

# ---- spans -----------------------------------------------------------------------------------------------------------

# Some 500 spans of all kinds, as the Collector's file exporter writes them.
make_spans() {
	jq -n -c '
		def text: {stringValue: .}; def int: {intValue: tostring};
		[range(500)] | _nwise(20) | {resourceSpans: [{
			resource: {attributes: [{key: "service.name", value: ("shop-\(.[0] % 3)" | text)},
				{key: "http.route", value: ("of the resource" | text)}]},
			scopeSpans: [{scope: {name: "otelhttp", version: "0.60.0"}, spans: map({
				traceId: ("0000000000000000000000000000\(. + 4096)" | .[-32:] | ascii_upcase),
				spanId: "EEE19B7EC3C1B174", parentSpanId: "", flags: 256,
				name: "GET \"/cart\" \u00fc", kind: (. % 6),
				startTimeUnixNano: "1544712660000000\(100 + . % 100)",
				endTimeUnixNano: "1544712660\(100000000 + . * . * 3000)",
				attributes: ([{key: "http.request.method", value: (["GET", "POST", "P\"\\\n"][. % 3] | text)},
					{key: "http.response.status_code", value: (200 + . % 4 * 100 | int)},
					{key: "some.list", value: {arrayValue: {values: [(1 | int), ("x\"" | text)]}}},
					{key: "some.map", value: {kvlistValue: {values: [{key: "k", value: {boolValue: true}}]}}},
					{key: "name", value: ("not this" | text)}]
					+ if . % 5 < 3 then [{key: "http.route", value: ("/r\(. % 7)" | text)}] else [] end
					+ if . % 4 == 3 then [{key: "error.type", value: ("500" | text)}] else [] end),
				traceState: ["", "ot=th:8", "a=b, ot=rv:c0ffee0000000a;th:c ,z=1", "ot=th:xyz"][. % 4],
				status: [{}, {code: 1}, {code: 2, message: "no"}][. % 3]
			})}]
		}]}'
}

# The same spans as otb-trace would have written them.
flatten_spans() {
	jq -c '
		def attribute: .value | .stringValue // (.intValue | if . then tonumber else null end)
			// (.arrayValue // .kvlistValue | if . then
				(if .values[0].key then [.values[] | {(.key): .value.boolValue}] | add
				else [.values[] | .stringValue // (.intValue | tonumber)] end | tojson) else null end);
		def attributes: map({(.key | gsub("\\."; "_")): attribute}) | add // {};
		.resourceSpans[] | (.resource.attributes | attributes) as $resource | .scopeSpans[].spans[]
		| $resource + (.attributes | attributes)
		+ {event: "span", trace_id: (.traceId | ascii_downcase), span_id: (.spanId | ascii_downcase), name,
			span_kind: [null, "internal", "server", "client", "producer", "consumer"][.kind],
			status: [null, "ok", "error"][.status.code // 0],
			duration_ns: ((.endTimeUnixNano[10:] | tonumber) - (.startTimeUnixNano[10:] | tonumber)),
			sampling_threshold: ([.traceState | scan("th:([0-9a-f]+)")[0]][0])}
		| with_entries(select(.value != null))' "$@"
}

@test "spans count as the records do that jq makes of them" {
	local rules=(-m 'counter spans_total{service_name,span_kind,status,name,again=service.name,some_list,some.map} from span'
		-m 'histogram spans_seconds{http.route,again=http_route,http_request_method} from span value duration_ns / 1e9')
	make_spans >spans
	flatten_spans spans >flat
	[ "$(wc -l <flat)" = 500 ]
	expose --seed 7 "${rules[@]}" <flat
	mv page expected
	expose --seed 7 "${rules[@]}" <spans
	diff expected page
	grep -q 'http_server_request_duration_seconds_bucket{http_request_method="P\\"\\\\\\n",http_route="/r' page
	grep -qF 'some_list="[1,\"x\\\"\"]",some_map="{\"k\":true}"' page
	grep -q 'http_route="of the resource"' page
	[ "$(on_page otb_expose_ignored_records_total)" = 0 ]
	[ "$(bad_values)" = 0 ]
}

@test "a span's exemplar, threshold and time are its own" {
	make_spans | sed -n 1p >spans
	serve -m 'counter all_spans_total from span' -m 'gauge span_name{trace_id,parent_span_id,time} from span value duration_ns'
	cat spans >&"$input"
	await page_has 'all_spans_total 40'
	get --header 'Accept: application/openmetrics-text;version=1.0.0' "$url/metrics" >page
	grep -qE '^all_spans_total 40(\.0)? # \{trace_id="0000000000000000000000000000[0-9]{4}",span_id="eee19b7ec3c1b174"\} ' page
	grep -q 'span_name{trace_id="00000000000000000000000000004096",parent_span_id="",time="2018-12-13T14:51:00.000000100Z"}' page
}

@test "logs count as ignored records" {
	echo '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]},{"logRecords":[{"body":1}]},{"logRecords":7}]},3]}' |
		expose
	[ "$(on_page otb_expose_ignored_records_total)" = 3 ]
	[ "$(bad_values)" = 0 ]
}

# ---- metrics ---------------------------------------------------------------------------------------------------------

@test "every type of metric becomes what the rules of compatibility say" {
	resource=$(attribute service.name cart),$(attribute service.namespace shop),$(attribute service.instance.id i-1)
	resource+=,$(attribute host.name node1)
	scope='"name":"my.lib","version":"1.2"'
	{
		metrics '{"name":"queue.length","unit":"{item}","description":"Items that\nwait.","gauge":{"dataPoints":[
			{"timeUnixNano":"1544712660300000000","asInt":"7","attributes":[
				{"key":"queue.name","value":{"stringValue":"a\"b\\c\nd"}},{"key":"empty","value":{"stringValue":""}},
				{"key":"n","value":{"intValue":"5"}},{"key":"on","value":{"boolValue":true}},
				{"key":"d","value":{"doubleValue":0.5}},{"key":"b","value":{"bytesValue":"AQI="}},
				{"key":"l","value":{"arrayValue":{"values":[{"intValue":1},{}]}}},{"key":"none","value":{}}]}]}}'
		metrics '{"name":"cpu.utilization","unit":"1","gauge":{"dataPoints":[{"asDouble":"NaN"}]}}'
		metrics '{"name":"io","unit":"By","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":10}]}}'
		metrics '{"name":"active","unit":"{request}","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":"-3"}]}}'
		metrics '{"name":"latency","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[
			{"count":"6","sum":9.5,"bucketCounts":["1","2","3"],"explicitBounds":[0.5,1]}]}}'
		metrics '{"name":"bare","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"2","sum":3}]}}'
		metrics '{"name":"expo","unit":"ms","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
			{"count":"10","sum":50,"scale":1,"zeroCount":"1","positive":{"offset":2,"bucketCounts":["3","0","4"]},
			"negative":{"offset":0,"bucketCounts":["2"]}}]}}'
		metrics '{"name":"rpc","summary":{"dataPoints":[{"count":"4","sum":10,"quantileValues":[
			{"quantile":0.9,"value":4},{"quantile":0.5,"value":2}]}]}}'
	} | tr -d '\n\t' | sed 's/{"resourceMetrics"/\n&/g' >lines
	expose --no-builtin --label tenant=a <lines
	local same='instance="i-1",job="shop/cart"' of_scope='otel_scope_name="my.lib",otel_scope_version="1.2"'
	local all="$same,$of_scope,tenant=\"a\""
	cat >expected <<-END
		# HELP target_info What is known of a target besides its job and instance: the attributes of its OpenTelemetry resource.
		# TYPE target_info gauge
		target_info{host_name="node1",$same,tenant="a"} 1
		# HELP active The OpenTelemetry metric active.
		# TYPE active gauge
		active{$all} -3
		# HELP bare The OpenTelemetry metric bare.
		# TYPE bare histogram
		bare_bucket{$all,le="+Inf"} 2
		bare_sum{$all} 3
		bare_count{$all} 2
		# HELP cpu_utilization_ratio The OpenTelemetry metric cpu.utilization.
		# TYPE cpu_utilization_ratio gauge
		cpu_utilization_ratio{$all} NaN
		# HELP expo_milliseconds The OpenTelemetry metric expo.
		# TYPE expo_milliseconds histogram
		expo_milliseconds_bucket{$all,le="0"} 3
		expo_milliseconds_bucket{$all,le="2"} 3
		expo_milliseconds_bucket{$all,le="4"} 6
		expo_milliseconds_bucket{$all,le="8"} 10
		expo_milliseconds_bucket{$all,le="+Inf"} 10
		expo_milliseconds_sum{$all} 50
		expo_milliseconds_count{$all} 10
		# HELP io_bytes_total The OpenTelemetry metric io.
		# TYPE io_bytes_total counter
		io_bytes_total{$all} 10
		# HELP latency_seconds The OpenTelemetry metric latency.
		# TYPE latency_seconds histogram
		latency_seconds_bucket{$all,le="0.5"} 1
		latency_seconds_bucket{$all,le="1"} 3
		latency_seconds_bucket{$all,le="+Inf"} 6
		latency_seconds_sum{$all} 9.5
		latency_seconds_count{$all} 6
		# HELP queue_length Items that\\nwait.
		# TYPE queue_length gauge
		queue_length{b="AQI=",d="0.5",$same,l="[1,null]",n="5",on="true",$of_scope,queue_name="a\\"b\\\\c\\nd",tenant="a"} 7
		# HELP rpc The OpenTelemetry metric rpc.
		# TYPE rpc summary
		rpc{$all,quantile="0.5"} 2
		rpc{$all,quantile="0.9"} 4
		rpc_sum{$all} 10
		rpc_count{$all} 4
	END
	diff expected page
	[ "$(on_page 'otb_expose_bad_values_total{tenant="a"}')" = 0 ]
}

@test "the last point of a producer wins, deltas add up, and points without a value are skipped" {
	{
		metrics "$(counter up 5)" "$(gauge g 1)" "$(temporality=1 counter d 5)" "$(gauge none 1 ',"flags":1')"
		metrics "$(counter up 3)" "$(gauge g 2.5)" "$(temporality=1 counter d 7)" "$(counter up 99 ',"flags":1')"
		for count in 1 2; do
			metrics "{\"name\":\"h\",\"histogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{\"count\":\"3\",
				\"sum\":$count.5,\"bucketCounts\":[$count,$((3 - count))],\"explicitBounds\":[1]}]}}" | tr -d '\n\t'
			echo
		done
	} >lines
	expose <lines
	[ "$(on_page up_total)" = 3 ]
	[ "$(on_page g)" = 2.5 ]
	[ "$(on_page d_total)" = 12 ]
	[ "$(on_page 'h_bucket{le="1"}')" = 3 ]
	[ "$(on_page 'h_bucket{le="+Inf"}')" = 6 ]
	[ "$(on_page h_sum)" = 4 ]
	run ! grep -q none page
}

@test "counts of deltas end at what is exact" {
	# 2^53 more often than 64 bits hold, beside the rules and in a series of theirs.
	local many=9007199254740992 histogram
	histogram='"histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"'$many'","sum":1,"bucketCounts":["'$many'","0"],"explicitBounds":[1]}]}'
	metrics "{\"name\":\"own\",$histogram}" "{\"name\":\"hosted\",$histogram}" >line
	yes "$(<line)" | head -n 2050 | expose --no-builtin -m 'histogram hosted value v buckets 1'
	for name in own hosted; do
		[ "$(on_page "${name}_bucket{le=\"1\"}")" = "$many" ]
		[ "$(on_page "${name}_count")" = "$many" ]
		[ "$(on_page "${name}_sum")" = 2050 ]
	done
}

@test "labels that are taken are called exported_, and those that fall together are joined" {
	resource=$(attribute service.name cart)
	metrics "$(gauge g 1 ",\"attributes\":[$(attribute job mine),$(attribute tenant b),$(attribute le x),$(
		attribute exported_job too),$(attribute a.b 1),$(attribute a-b 2),$(attribute 1st x),$(attribute __name__ y)]")" |
		expose --label tenant=a
	grep -qxF 'g{a_b="2;1",exported_job="too;mine",exported_le="x",exported_tenant="b",job="cart",key_1st="x",key_name_="y",tenant="a"} 1' page
}

@test "a target is told of once, as it was last" {
	resource=$(attribute service.name cart),$(attribute host.name a)
	metrics "$(gauge g 1)" >lines
	resource=$(attribute service.name cart),$(attribute host.name b)
	metrics "$(gauge g 2)" >>lines
	resource=$(attribute service.name other),$(attribute host.name b)
	metrics "$(gauge g 3)" >>lines
	resource=$(attribute service.name bare)
	metrics "$(gauge g 4)" >>lines
	expose <lines
	[ "$(grep -c '^target_info' page)" = 2 ]
	grep -qxF 'target_info{host_name="b",job="cart"} 1' page
	grep -qxF 'target_info{host_name="b",job="other"} 1' page
	[ "$(on_page 'g{job="cart"}')" = 2 ]
	[ "$(on_page 'g{job="bare"}')" = 4 ]
}

@test "a target for which there is no place is told of" {
	for name in a b c b; do
		resource=$(attribute service.name $name),$(attribute host.name $name)
		metrics "$(counter c 1)"
	done >lines
	expose --no-builtin --series 2 <lines
	[ "$(grep -c '^target_info' page)" = 2 ]
	[ "$(on_page 'otb_expose_overflowed_values_total{metric="target_info"}')" = 1 ]
	run ! grep -F 'target_info{otel_metric_overflow' page
}

@test "OpenMetrics has exemplars, the info and nothing that its parser refuses" {
	python3 -c 'import prometheus_client' 2>/dev/null || skip 'no prometheus_client'
	resource=$(attribute service.name cart),$(attribute host.name a)
	local exemplar='"exemplars":[{"timeUnixNano":"1544712660200000000","asDouble":0.7,"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174"},{"asInt":"1"}]'
	serve --no-builtin --created
	{
		metrics "$(counter c 5 ",$exemplar")" "$(gauge g 1)" \
			"{\"name\":\"neg\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{\"count\":1,\"bucketCounts\":[1,0],\"explicitBounds\":[-1]}]}}" \
			"{\"name\":\"h\",\"unit\":\"s\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{\"startTimeUnixNano\":\"1544712660200000000\",\"count\":1,\"sum\":0.7,\"bucketCounts\":[0,1,0],\"explicitBounds\":[0.5,1],$exemplar}]}}" \
			'{"name":"s","summary":{"dataPoints":[{"count":"4","sum":10,"quantileValues":[{"quantile":1,"value":4},{"value":2}]}]}}' \
			'{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"4","sum":10,"scale":20,"positive":{"offset":-5,"bucketCounts":["4"]}}]}}'
	} >&"$input"
	await page_has 'g{job="cart"} 1'
	get --header 'Accept: application/openmetrics-text;version=1.0.0' "$url/metrics" >page
	[ "$(sed -n 1p page)" = '# TYPE target info' ]
	grep -qxF 'target_info{host_name="a",job="cart"} 1' page
	grep -qxF 'c_total{job="cart"} 5 # {trace_id="5b8efff798038103d269b633813fc60c",span_id="eee19b7ec3c1b174"} 0.7 1544712660.200000000' page
	grep -qxF 'h_seconds_bucket{job="cart",le="1.0"} 1 # {trace_id="5b8efff798038103d269b633813fc60c",span_id="eee19b7ec3c1b174"} 0.7 1544712660.200000000' page
	grep -qxF 'h_seconds_created{job="cart"} 1544712660.200' page
	run ! grep -q neg_sum page
	python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(len(list(parse(sys.stdin.read()))))' <page
}

# ---- together with rules ---------------------------------------------------------------------------------------------

@test "what has a rule's name and labels is added to its series, by the increase of each producer" {
	local rules=(-m 'counter hits_total{route,code}' -m 'gauge level{route} value level'
		-m 'histogram took_seconds{route} value took buckets 1, 2')
	at() { # ROUTE: an attribute
		printf ',"attributes":[%s]' "$(attribute route "$1")"
	}
	took() { # COUNT...
		local IFS=,
		printf '{"name":"took","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":%d,"sum":%d,
			"bucketCounts":[%s],"explicitBounds":[1,2]%s}]}}' $(($1 + $2 + $3)) $(($1 + $2 + $3)) "$*" "$(at /a)" |
			tr -d '\n\t'
	}
	{
		echo '{"route":"/a","level":1,"took":1.5}'
		metrics "$(counter hits 10 "$(at /a)")" "$(gauge level 7 "$(at /a)")" "$(took 1 2 3)"
		metrics "$(counter hits 12 "$(at /a)")" "$(counter hits 3 "$(at /b)")" "$(took 2 2 4)"
		metrics "$(counter hits 5 "$(at /a)")" "$(temporality=1 counter hits 100 "$(at /a)")" "$(took 0 0 1)"
		resource=$(attribute service.name cart)
		metrics "$(counter hits 1000 "$(at /a)")" "$(took 5 0 0)"
	} >lines
	expose --no-builtin "${rules[@]}" <lines
	[ "$(on_page 'hits_total{route="/a",code=""}')" = 118 ] # 1 record, 10, +2, from anew 5, a delta of 100
	[ "$(on_page 'hits_total{route="/b",code=""}')" = 3 ]
	[ "$(on_page 'hits_total{job="cart",route="/a"}')" = 1000 ]
	[ "$(on_page 'level{route="/a"}')" = 7 ]
	[ "$(on_page 'took_seconds_bucket{route="/a",le="1"}')" = 2 ]
	[ "$(on_page 'took_seconds_bucket{route="/a",le="2"}')" = 5 ]
	[ "$(on_page 'took_seconds_count{route="/a"}')" = 10 ]
	[ "$(on_page 'took_seconds_sum{route="/a"}')" = 10.5 ]
	[ "$(on_page 'took_seconds_count{job="cart",route="/a"}')" = 5 ]
	[ "$(grep -c '^# TYPE hits_total' page)" = 1 ]
	[ "$(bad_values)" = 0 ]
}

@test "contradictions do not count, and each name is said once" {
	histogram() { # NAME BOUND
		printf '{"name":"%s","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":1,"bucketCounts":[1,0],"explicitBounds":[%s]}]}}' "$@"
	}
	{
		metrics "$(gauge rule.total 1)" "$(gauge rule.total 1)" # a rule's counter
		metrics "$(histogram h 1)" "$(histogram h 2)"
		metrics "$(gauge h 1)" "$(gauge h.count 1)" "$(counter h.created 1)" "$(gauge h_created 1)"
		metrics "$(gauge rule 1)" "$(gauge target.info 1)" "$(gauge target 1)" "$(gauge otb_expose_lines_total 1)"
	} >lines
	expose --no-builtin -m 'counter rule_total' <lines
	[ "$(bad_values)" = 11 ]
	[ "$(on_page 'h_bucket{le="1"}')" = 1 ]
	[ "$(grep -c "OTLP metric 'rule_total' does not count" stderr)" = 1 ]
	[ "$(grep -c "OTLP metric 'h' does not count" stderr)" = 1 ]
	[ "$(wc -l <stderr)" = 9 ]
}

@test "behind the limit there is one series more, and the total is exact" {
	local value route members=()
	for route in {1..50}; do
		members[route]=",\"attributes\":[$(attribute a "$route")]"
	done
	for value in 1 2 3; do
		for route in {1..50}; do
			metrics "$(counter own $((value * route)) "${members[route]}")" \
				"$(temporality=1 counter delta 1 "${members[route]}")" \
				"$(counter hosted $((value * route)) "${members[route]}")"
		done
	done >lines
	expose --no-builtin --series 10 -m 'counter hosted_total{a} from nothing' <lines
	for name in own:3825 delta:150 hosted:3825; do
		[ "$(grep -c "^${name%:*}_total{" page)" = 11 ]
		grep -q "^${name%:*}_total{otel_metric_overflow=\"true\"}" page
		[ "$(awk -v name="${name%:*}_total{" 'index($0, name) == 1 { sum += $NF } END { print sum }' page)" = "${name#*:}" ]
	done
	[ "$(on_page 'otb_expose_overflowed_values_total{metric="own_total"}')" = 120 ]
}

@test "new rules take over the names they have" {
	echo '{"builtin": false, "rules": []}' >rules.json
	serve --rules rules.json -v
	metrics "$(counter hits 5 ",\"attributes\":[$(attribute a x)]")" "$(gauge stays 1)" >&"$input"
	await page_has 'hits_total{a="x"} 5'
	echo '{"builtin": false, "rules": ["counter hits_total{a} from hit"]}' >new.json
	mv new.json rules.json
	await grep -q "new rules from 'rules.json'" err
	grep -qF "OTLP metric 'hits_total' starts afresh: there is a rule of this name now" err
	{
		echo '{"event":"hit","a":"x"}'
		metrics "$(counter hits 6 ",\"attributes\":[$(attribute a x)]")"
		metrics "$(counter hits 8 ",\"attributes\":[$(attribute a x)]")"
	} >&"$input"
	await page_has 'hits_total{a="x"} 9'
	page_has 'stays 1'
	echo '{"builtin": false, "rules": []}' >new.json
	mv new.json rules.json
	await eval '[ "$(grep -c "new rules from" err)" = 2 ]'
	metrics "$(counter hits 9 ",\"attributes\":[$(attribute a x)]")" >&"$input"
	await page_has 'hits_total{a="x"} 9'
}

@test "what is not seen any more is forgotten" {
	resource=$(attribute service.name cart),$(attribute host.name a)
	serve --no-builtin --ttl 1s
	metrics "$(counter hits 5)" >&"$input"
	await page_has 'hits_total{job="cart"} 5'
	page_has 'target_info{host_name="a",job="cart"} 1'
	await page_has 'otb_expose_expired_series_total 2'
	get "$url/metrics" >page
	run ! grep -E '^(hits_total|target_info)' page
}

@test "a producer that comes back behind the TTL is not counted twice" {
	local i
	of() { # NAME LABEL VALUE
		metrics "$(counter "$1" "$3" ",\"attributes\":[$(attribute a "$2")]")"
	}
	of hosted x 100 >first
	of own 1 1 >>first
	of own 2 100 >>first
	for i in {1..10}; do
		{ echo '{"a":"x"}' && of own 1 1 && of own 3 "$i"; } >"again.$i"
	done
	of hosted x 101 >last
	of own 2 101 >>last
	{
		cat first
		for i in {1..10}; do
			sleep 0.25
			cat "again.$i"
		done
		cat last
	} | expose --no-builtin --series 1 --ttl 1s -m 'counter hosted_total{a} where a exists'
	[ "$(on_page 'hosted_total{a="x"}')" = 111 ]
	[ "$(on_page 'own_total{otel_metric_overflow="true"}')" = 111 ]
}

@test "families that have ended make place for others, and overflow series end too" {
	gauges() { # PREFIX [METRIC]...: one less than there may be, in one line, so that all are seen at once
		# shellcheck disable=SC2046 # words
		metrics $(for i in {1..4095}; do gauge "$1_$i" 1; echo; done) "${@:2}"
	}
	gauges first "$(gauge full 1)" "$(gauge full 7 ",\"attributes\":[$(attribute a x)]")" >first
	gauges second >second
	cat first second | expose --no-builtin --series 1
	[ "$(bad_values)" = 4095 ]
	[ "$(on_page 'full{otel_metric_overflow="true"}')" = 7 ]
	serve --no-builtin --ttl 1s --series 1
	cat first >&"$input"
	await page_has 'otb_expose_expired_series_total 4097'
	cat second >&"$input"
	await page_has 'otb_expose_expired_series_total 8192'
	page_has 'otb_expose_bad_values_total 0'
	page_has 'otb_expose_overflowed_values_total{metric="full"} 1'
	page_has 'otb_expose_series 0'
}

# ---- ways out --------------------------------------------------------------------------------------------------------

@test "a textfile has what the producer has, however often it is written" {
	resource=$(attribute service.name cart)
	{
		metrics "$(counter up 5)" "$(counter mine 7)"
		echo '{"event":"x"}'
	} >lines
	for _ in 1 2 3; do
		otb-expose --no-builtin -m 'counter mine_total from x' --textfile out.prom <lines
	done
	[ "$(on_page 'up_total{job="cart"}' out.prom)" = 5 ]
	[ "$(on_page mine_total out.prom)" = 3 ]
	run ! grep -q 'mine_total{' out.prom
	otb-expose --no-builtin -m 'counter mine_total from x' --textfile out.prom <lines 2>&1 |
		grep -q 'goes on from the textfile'
	[ "$(on_page mine_total out.prom)" = 4 ]
	[ "$(on_page otb_expose_bad_values_total out.prom)" = 4 ]
}

@test "a textfile does not go on with deltas, which is said once" {
	for value in 5 7; do
		{
			metrics "$(temporality=1 counter d $value)" "$(counter c $value)"
			metrics "$(temporality=1 counter d 1)" "$(temporality=1 counter e 1)"
		} | otb-expose --no-builtin --textfile out.prom --interval 1s 2>said
		[ "$(on_page d_total out.prom)" = $((value + 1)) ]
		[ "$(on_page c_total out.prom)" = "$value" ]
		[ "$(cat said)" = "otb-expose: OTLP metric 'd_total' comes as deltas: a textfile has those of one run only" ]
	done
	metrics "$(counter c 5)" | otb-expose --no-builtin --textfile out.prom 2>said
	metrics "$(temporality=1 counter d 5)" | otb-expose --no-builtin >out 2>>said
	[ ! -s said ]
}

@test "as OTLP again it is what it was" {
	resource=$(attribute service.name cart),$(attribute host.name a)
	scope='"name":"lib"'
	metrics "$(counter io.bytes 5 ",\"attributes\":[$(attribute a 'x"\
y'),$(attribute http.route /)]")" "$(gauge g 1)" \
		'{"name":"h","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":1,"sum":1,"bucketCounts":[1,0],"explicitBounds":[1]}]}}' \
		'{"name":"s","summary":{"dataPoints":[{"count":"4","sum":10,"quantileValues":[{"quantile":0.5,"value":4}]}]}}' >lines
	otb-expose --no-builtin --otlp <lines >out
	jq -S -c '.resourceMetrics[].scopeMetrics[].metrics[] | select(.name | test("otb|target") | not)
		| [.name, .unit, (.sum // .gauge // .histogram // .summary | .dataPoints[]
			| [(.attributes | map({(.key): .value.stringValue}) | add), .asDouble, .count, .sum, .bucketCounts, .quantileValues])]' out >got
	jq -n -c '{job: "cart", otel_scope_name: "lib"} as $both
		| ["g", "", [$both, 1, null, null, null, null]],
		["h", "s", [$both, null, "1", 1, ["1", "0"], null]],
		["io.bytes", "", [$both + {a: "x\"\\\ny", "http.route": "/"}, 5, null, null, null, null]],
		["s", "", [$both, null, "4", 10, null, [{quantile: 0.5, value: 4}]]]' | jq -S -c . >expected
	diff expected got
}

# ---- hostile input ---------------------------------------------------------------------------------------------------

@test "what is malformed is skipped point by point" {
	histogram() { # MEMBERS
		printf '{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[{%s}]}}' "$1"
	}
	exponential() { # MEMBERS
		printf '{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{%s}]}}' "$1"
	}
	bad=(
		'{"name":"g","gauge":{"dataPoints":[7]}}' '{"name":"g","gauge":{"dataPoints":[{}]}}' '{"name":"g","gauge":3}'
		'{"name":7,"gauge":{"dataPoints":[{"asInt":1}]}}' '{"gauge":{"dataPoints":[{"asInt":1}]}}' '"metric"'
		"$(gauge ... 1)" "$(gauge "$(printf 'x%.0s' {1..300})" 1)" "$(gauge g '"x"')" "$(gauge g 1e999)"
		"$(gauge g 1 ",\"attributes\":[$(attribute ... x)]")" "$(counter c -1)" "$(counter c 1.5)"
		'{"name":"c","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{"asDouble":"NaN"}]}}'
		'{"name":"c","sum":{"isMonotonic":true,"dataPoints":[{"asInt":1}]}}' "$(temporality=7 counter c 1)"
		"$(histogram '"count":2,"bucketCounts":[1,0],"explicitBounds":[1]')"
		"$(histogram '"count":1,"bucketCounts":[1],"explicitBounds":[1]')"
		"$(histogram '"count":1,"bucketCounts":[1,0,0],"explicitBounds":[2,1]')"
		"$(histogram '"count":1,"bucketCounts":[1,0],"explicitBounds":["Infinity"]')"
		"$(histogram '"count":1,"bucketCounts":["x",1],"explicitBounds":[1]')"
		"$(histogram '"count":-1,"bucketCounts":[],"explicitBounds":[]')"
		"$(histogram '"count":"18446744073709551615","bucketCounts":["18446744073709551615"]')"
		"$(histogram '"count":1,"sum":"NaN","bucketCounts":[1]')"
		"$(histogram "\"count\":1,\"bucketCounts\":[1],\"explicitBounds\":[$(seq -s, 1 1000)]")"
		"$(histogram "\"count\":1,\"bucketCounts\":[$(seq -s, 1 1000)]")"
		"$(exponential '"count":1,"scale":21,"positive":{"bucketCounts":[1]}')"
		"$(exponential '"count":1,"scale":-2147483648,"positive":{"bucketCounts":[1]}')"
		"$(exponential '"count":1,"scale":0,"positive":{"offset":2147483647,"bucketCounts":[1]}')"
		"$(exponential '"count":1,"scale":0,"positive":{"offset":-99999,"bucketCounts":[1]}')"
		"$(exponential '"count":9,"scale":0,"positive":{"offset":1,"bucketCounts":[1]}')"
		'{"name":"s","summary":{"dataPoints":[{"count":1,"quantileValues":[{"quantile":2,"value":1}]}]}}'
		'{"name":"s","summary":{"dataPoints":[{"count":1,"quantileValues":[{"quantile":0.5},{"quantile":0.5}]}]}}'
	)
	{
		for metric in "${bad[@]}"; do
			metrics "$metric"
		done
		echo '{"resourceMetrics":[7,{"scopeMetrics":[{"metrics":[]},null,3],"resource":[]},{"resource":{"attributes":{}}}]}'
		echo '{"resourceSpans":[7,{"scopeSpans":[{"spans":[{},7,null]},null,3],"resource":[]}]}'
		echo '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":7,"kind":"x","status":7,"traceState":[],"attributes":7,
		"startTimeUnixNano":"18446744073709551616","name":{}}]}]}]}' | tr -d '\n\t'
	} >lines
	expose --metric 'counter spans_total{trace_id,name,span_kind,time} from span' <lines
	[ "$(bad_values)" = $((${#bad[@]} + 2)) ]
	[ "$(on_page 'spans_total{trace_id="",name="",span_kind="",time=""}')" = 2 ]
	[ "$(grep -vc spans_total page)" = 0 ]
}

@test "new rules that give a metric other labels: no series twice" {
	echo '{"builtin": false, "rules": ["counter hits_total{a}"]}' >rules.json
	serve --rules rules.json
	point() { metrics "$(counter hits 5 ",\"attributes\":[$(attribute b x)]")"; }
	point >&"$input"
	await value_is 'hits_total{b="x"}' 5
	echo '{"builtin": false, "rules": ["counter hits_total{b}"]}' >new && mv new rules.json
	await value_is 'otb_expose_rules_reloads_total{result="done"}' 1
	{
		echo '{"b":"x"}'
		point
	} >&"$input"
	await value_is 'hits_total{b="x"}' 6
	get "$url/metrics" >page
	[ "$(grep -c '^hits_total{b="x"}' page)" = 1 ]
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}
