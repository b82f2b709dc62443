#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace --metrics: what it counts against what a program sent to itself (target/go/httpcount), whatever is sampled, and
# against what a gRPC service and its client know; its buckets against the spans; and otb-expose's page against both.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

REQUESTS=1009
TEXT_SIZE=104 # bytes of a route that are kept

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/await
	load lib/net
	load lib/go
	load lib/tracer
	load lib/trace
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

# target_start MINOR [NAME]: the program runs, a file that nobody else does; TARGET is its path, TARGET_PID its pid,
# TARGET_ADDRESS where it serves
target_start() {
	local name=${2:-target}
	TARGET=$BATS_TEST_TMPDIR/httpcount
	[ -e "$TARGET" ] || { target_make httpcount "$1" static && cp "$(target_file httpcount "$1" static)" "$TARGET"; } || return
	proc_start "$name" - "$TARGET" && proc_read "$name" && [[ $REPLY = 'ready '* ]] || return
	TARGET_ADDRESS=${REPLY##* } TARGET_PID=${PROC_PID[$name]}
}

# sent_is N: the program says it has sent as many as asked for; the file `sent` has how many of each kind, as records know
# them: [method, route, status, count]
sent_is() {
	jq -c --argjson size "$TEXT_SIZE" 'to_entries | map((.key | split(" ")) as [$method, $route, $status]
			| [if $method == "get" or $method == "PROPFIND" then "_OTHER" else $method end, $route[:$size],
				($status | tonumber), .value])
		| group_by(.[:3])[] | .[0][:3] + [map(.[3]) | add]' <<<"$REPLY" >"$BATS_TEST_TMPDIR/sent"
	[ "$(jq -s 'map(.[3]) | add' "$BATS_TEST_TMPDIR/sent")" -eq "$1" ]
}

# The same of what was counted of the server, of all intervals.
counted() {
	jq -c -s 'map(select(.event == "span_summary" and .span_kind == "server")) | group_by([.http_request_method, .http_route, .http_response_status_code])[]
		| .[0] as $first | [$first.http_request_method, $first.http_route // "-", $first.http_response_status_code,
			(map(.count) | add)]' "$TRACER_OUT"
}

# What was sent, and what was counted of the client: [method, address, status, count].
sent_there() {
	jq -c -s --arg address "$TARGET_ADDRESS" 'group_by([.[0], .[2]])[] | [.[0][0], $address, .[0][2], (map(.[3]) | add)]' \
		"$BATS_TEST_TMPDIR/sent"
}

counted_there() {
	jq -c -s 'map(select(.event == "span_summary" and .span_kind == "client"))
		| map([.http_request_method, "\(.server_address):\(.server_port)", .http_response_status_code, .count])
		| group_by(.[:3])[] | .[0][:3] + [map(.[3]) | add]' "$TRACER_OUT"
}

# A histogram for each kind, cumulative, from summaries and from spans.
HISTOGRAMS='
	[5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000] as $bounds
	| ["5ms", "10ms", "25ms", "50ms", "75ms", "100ms", "250ms", "500ms", "750ms", "1s", "2_5s", "5s", "7_5s", "10s"] as $names
	| def kind: [.span_kind, .http_request_method, .http_response_status_code, .rpc_method, .rpc_response_status_code,
		if .span_kind == "server" or .rpc_method then .http_route[:$size] else .server_address, .server_port end,
		.error_type, .pid, .comm, .service_name];
	def summed: group_by(kind)[] | (.[0] | kind) + [(map(.count) | add), (map(.total_ns) | add)]
		+ [$names[] as $name | map(.["le_" + $name]) | add];
	def measured: group_by(kind)[] | (.[0] | kind) + [length, (map(.duration_ns) | add)]
		+ [$bounds[] as $bound | map(select(.duration_ns <= $bound * 1e6)) | length];'

# histograms EVENT FUNCTION
histograms() {
	jq -c -s --argjson size "$TEXT_SIZE" "$HISTOGRAMS map(select(.event == \"$1\")) | $2" "$TRACER_OUT"
}

# The page's counts as [method, route, status, count].
paged() {
	sed -nE 's/^http_server_request_duration_seconds_count\{http_request_method="(.*)",http_route="(.*)",http_response_status_code="(.*)",error_type="(.*)"\} (.*)$/["\1","\2",\3,\5]/p' \
		"$BATS_TEST_TMPDIR/page" | sed 's/,"",/,"-",/' | jq -s -c 'sort[]'
}

page_make() {
	"$TRACER_BUILD/otb-expose" <"$TRACER_OUT" >"$BATS_TEST_TMPDIR/page" && promtool check metrics <"$BATS_TEST_TMPDIR/page"
}

# total_is N: so many have been counted of servers
total_is() {
	[ "$(jq -s 'map(select(.event == "span_summary" and .span_kind == "server").count) | add' "$TRACER_OUT")" -eq "$1" ]
}

no_loss() {
	run jq -c 'select(.event == "lost")' "$TRACER_OUT"
	[ -z "$output" ]
}

# matrix MINOR [OPTION]...: exact, by summaries and on the page
matrix() {
	target_start "$1"
	tracer_start otb-trace --json --pid "$TARGET_PID" "${@:2}"
	proc_ask target mixed "$REQUESTS"
	sent_is "$REQUESTS"
	tracer_stop
	no_loss
	diff <(counted) "$BATS_TEST_TMPDIR/sent"
	page_make
	diff <(paged) <(jq -s -c 'sort[]' "$BATS_TEST_TMPDIR/sent")
}

# ---- exact, whatever is sampled ----

@test "1.20" {
	matrix 1.20 --metrics --interval 100ms --ratio 0.01
}

@test "1.22" {
	matrix 1.22 --metrics --interval 100ms --ratio 0.01
}

@test "1.27" {
	matrix 1.27 --metrics --interval 100ms --ratio 0.01
	[ "$(jq -c 'select(.event == "span")' "$TRACER_OUT" | wc -l)" -lt "$REQUESTS" ]
}

@test "of --ratio 0 there is no span" {
	matrix 1.27 --metrics --ratio 0
	run jq -c 'select(.event == "span")' "$TRACER_OUT"
	[ -z "$output" ]
}

@test "--summary: no span, whoever was sampled" {
	matrix 1.22 --summary
	run jq -c 'select(.event == "span")' "$TRACER_OUT"
	[ -z "$output" ]
	# Routes that begin alike and go on differently are different ones.
	run jq -s -c 'map(select(.span_kind == "server")) | group_by([.http_request_method, .http_route, .http_response_status_code])
		| map(select(length == 2) | map(.truncated)) | unique' "$TRACER_OUT"
	[ "$output" = '[["http_route","http_route"]]' ]
}

@test "histograms are those of the spans, which are not counted twice" {
	matrix 1.27 --metrics --interval 50ms
	[ "$(jq -c 'select(.event == "span" and .measured)' "$TRACER_OUT" | wc -l)" -eq $((2 * REQUESTS)) ]
	diff <(histograms span_summary summed) <(histograms span measured)
	# And their ids are those of the exemplars.
	grep '"event":"span_summary"' "$TRACER_OUT" >"$BATS_TEST_TMPDIR/sorted"
	grep '"event":"span"' "$TRACER_OUT" >>"$BATS_TEST_TMPDIR/sorted"
	"$TRACER_BUILD/otb-expose" --otlp <"$BATS_TEST_TMPDIR/sorted" | jq -r '.resourceMetrics[].scopeMetrics[].metrics[]
		| select(.name == "http.server.request.duration").histogram.dataPoints[].exemplars[]?.traceId' |
		sort -u >"$BATS_TEST_TMPDIR/exemplars"
	[ -s "$BATS_TEST_TMPDIR/exemplars" ]
	run comm -23 "$BATS_TEST_TMPDIR/exemplars" <(jq -r 'select(.event == "span").trace_id' "$TRACER_OUT" | sort -u)
	[ -z "$output" ]
}

@test "of a client, where it sent to" {
	matrix 1.20 --summary --interval 100ms
	diff <(counted_there) <(sent_there)
	[ "$(sed -nE "s/^http_client_request_duration_seconds_count\{.*,server_address=\"${TARGET_ADDRESS%:*}\",server_port=\"${TARGET_ADDRESS#*:}\".* //p" \
		"$BATS_TEST_TMPDIR/page" | paste -sd+ | bc)" -eq "$REQUESTS" ]
}

@test "intervals follow each other without a gap" {
	matrix 1.27 --summary --interval 20ms
	run jq -s -c 'def ns: capture("[.](?<ns>[0-9]+)Z$").ns as $ns | (sub("[.].*"; "Z") | fromdate) % 100000 * 1e9 + ($ns | tonumber);
		map({ at: (.time | ns), interval_ns }) | unique | [.[0:-1], .[1:]] | transpose
		| map(select(.[0].at + .[0].interval_ns > .[1].at + 1e6))' "$TRACER_OUT"
	[ "$output" = '[]' ]
}

# ---- other ends ----

@test "a panic and a hijacked connection count when their goroutines end, without a status; what is under way does not" {
	target_start 1.27
	tracer_start otb-trace --json --pid "$TARGET_PID" --metrics --ratio 0 --interval 20ms
	proc_expect target 'sent 17' panics 17
	proc_expect target 'sent 13' hijacks 13
	proc_expect target held hold
	await total_is 30
	tracer_stop
	no_loss
	run jq -s -c 'map(select(.event == "span_summary")) | group_by([.span_kind, .error_type])
		| map([.[0].span_kind, .[0].http_request_method, .[0].error_type, .[0].http_response_status_code, (map(.count) | add)])' "$TRACER_OUT"
	[ "$output" = '[["client","POST","_OTHER",null,30],["server","POST",null,null,13],["server","POST","panic",null,17]]' ]
	[ "$(jq -c 'select(.event == "unfinished") | [.count, .where]' "$TRACER_OUT")" = '[2,"tracer"]' ]
}

@test "what has ended between two intervals is counted, by process" {
	target_start 1.22 one
	tracer_start otb-trace --json --exe "$TARGET" --summary --interval 100ms
	proc_ask one mixed 101 && sent_is 101
	proc_end one
	target_start 1.22 two
	proc_ask two mixed 53 && sent_is 53
	await total_is 154
	proc_end two
	tracer_stop
	no_loss
	[ "$(jq -s -c 'group_by([.span_kind, .pid]) | map(map(.count) | add) | sort' "$TRACER_OUT")" = '[53,53,101,101]' ]
}

@test "more kinds than there is room for are counted in one" {
	target_start 1.22
	tracer_start otb-trace --json --pid "$TARGET_PID" --summary
	proc_expect target 'sent 5003' routes 5003
	tracer_stop
	no_loss
	total_is 5003
	run jq -s -c 'map(select(.overflow)) | map([.span_kind, .network_protocol_name, .count, .pid, .http_request_method])' "$TRACER_OUT"
	[ "$output" = '[["server","http",908,null,null]]' ] # the client is of one kind
	page_make
	[ "$(sed -nE 's/^http_server_request_duration_seconds_count.* //p' "$BATS_TEST_TMPDIR/page" | paste -sd+ | bc)" -eq 5003 ]
}

# ---- gRPC ----

# rpcs_counted OPTION...: calls of all kinds, by the server's log and the client's; handlers make calls, too
rpcs_counted() {
	target_build_with grpc/grpcserver 1.83.2 static-stripped
	client_build_with 1.83.2
	server_start -- plain
	proc_start client - "$CLIENT" -address "$SERVER_ADDRESS" -proto plain -log "$BATS_TEST_TMPDIR/client.log" -in-flight 11 -hold
	proc_read client
	tracer_start otb-trace --json -p "${PROC_PID[server]}" -p "${PROC_PID[client]}" --interval 100ms "$@"
	proc_say client go
	proc_read client 60
	[ "$REPLY" = 'sent 1009 wrong 0' ]
	proc_end client
	server_end
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	run jq -r 'select(.event == "lost" and .where != "headers") | .where' "$TRACER_OUT"
	[ -z "$output" ]
	diff <(rpcs_told) <(rpcs_logged)
}

# [kind, method, count], and of clients, who know it for certain, the status
rpcs_told() {
	jq -c -s 'map(select(.event == "span_summary")
			| [.span_kind, .rpc_method, if .span_kind == "client" then .rpc_response_status_code else null end, .count])
		| group_by(.[:3])[] | .[0][:3] + [map(.[3]) | add]' "$TRACER_OUT"
}

# No handler sees a call of a method that there is not, and no server one that it refused.
rpcs_logged() {
	jq -c -s '["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
			"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
			"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"] as $codes
		| map((select(.event == "handled" or .outcome == "missing") | ["server", .method[1:], null]),
			(select(.event != "handled") | ["client", .method[1:], $codes[.code]]))
		| group_by(.)[] | .[0] + [length]' "$BATS_TEST_TMPDIR"/{server,client}.log
}

@test "gRPC: histograms are those of the spans" {
	rpcs_counted --metrics
	diff <(histograms span_summary summed) <(histograms span measured)
	page_make
	[ "$(sed -nE 's/^rpc_server_call_duration_seconds_count\{rpc_system_name="grpc".* //p' "$BATS_TEST_TMPDIR/page" | paste -sd+ | bc)" -eq \
		"$(rpcs_logged | jq -s 'map(select(.[0] == "server")[3]) | add')" ]
}

@test "gRPC: of --ratio 0, what is not sampled" {
	rpcs_counted --metrics --ratio 0
	[ "$(jq -c 'select(.event == "span")' "$TRACER_OUT" | wc -l)" -lt 1009 ]
}

# ---- forms and options ----

@test "a table" {
	target_start 1.27
	tracer_start otb-trace --table --pid "$TARGET_PID" --summary
	proc_expect target 'sent 7' routes 7
	proc_expect target 'sent 7' routes 7
	tracer_stop
	run cat "$TRACER_OUT"
	[[ ${lines[0]} = *COUNT*MEAN*P99*STATUS*REQUEST* ]]
	[ "${#lines[@]}" -eq 9 ]
	[[ ${lines[1]} =~ ^\ +2\ +[0-9.]+[mu]s\ +'<='[0-9.]+ms\ +200\ POST\ /route/0\ httpcount ]]
	[[ ${lines[8]} =~ ^\ +14\ +[0-9.]+[mu]s\ +'<='[0-9.]+ms\ +200\ POST\ $TARGET_ADDRESS\ httpcount ]]
}

@test "options that do not go together" {
	run -2 "$TRACER_BUILD/otb-trace" --all --interval 1s
	[[ $output = *--interval* ]]
	run -2 "$TRACER_BUILD/otb-trace" --all --metrics --otlp
	[[ $output = *--otlp* ]]
	run -2 "$TRACER_BUILD/otb-trace" --all --summary --otlp
	[[ $output = *--otlp* ]]
}
