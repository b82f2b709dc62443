#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace against what a service and its client know themselves of each request (lib/trace): by several releases of Go
# and the ways in which programs are built, by HTTP/1, TLS and HTTP/2.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

@test "1.17 static-stripped, HTTP/1" {
	served 1.17 static-stripped http1
}

# bats test_tags=no-san
@test "1.20 pie-stripped, HTTP/2" {
	served 1.20 pie-stripped h2
}

# bats test_tags=no-san
@test "1.22 plain, HTTP/1 by TLS" {
	served 1.22 plain tls
}

# bats test_tags=no-san
@test "1.27 static-stripped, HTTP/1" {
	served 1.27 static-stripped http1
}

@test "1.27 pie-stripped, HTTP/2" {
	served 1.27 pie-stripped h2 --forgets /end/wait
}

# ---- headers that are asked for ----

@test "--header shows a header that is looked for anyway, too" {
	local parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	target_build reborn 1.27 static-stripped
	proc_start reborn - "$TARGET" && proc_read reborn
	tracer_start otb-trace -p "${PROC_PID[reborn]}" -j --header User-Agent --header traceparent --header x-b3-sampled \
		--header X-Own
	curl -sS -A me -H "traceparent: $parent" -H 'X-B3-Sampled: 1' -H 'X-Own: mine' "http://${REPLY##* }/"
	proc_end reborn
	tracer_wait
	run jq -c 'select(.event == "span") | [.parent_source, .user_agent_original, .http_request_header_user_agent,
		.http_request_header_traceparent, .http_request_header_x_b3_sampled, .http_request_header_x_own]' "$TRACER_OUT"
	[ "$output" = "[\"traceparent\",\"me\",\"me\",\"$parent\",\"1\",\"mine\"]" ]
}

@test "no two fields of one name: --header twice, and with --label" {
	run -2 timeout 10 "$TRACER_BUILD/otb-trace" --all --header x-a --header X-A
	[[ $output = *'--header: a second'* ]]
	run -2 timeout 10 "$TRACER_BUILD/otb-trace" --all --header x-a --header x_a
	[[ $output = *'--header: a second'* ]]
	run -2 timeout 10 "$TRACER_BUILD/otb-trace" --all --label http_request_header_x_a=b --header x-a
	[[ $output = *'--label: '* ]]
}

# ---- a large program that nobody here built ----

prometheus_start() {
	echo 'scrape_configs: []' >"$BATS_TEST_TMPDIR/prometheus.yml"
	# shellcheck disable=SC2016 # the inner shell expands it
	proc_start prometheus - unshare --net sh -c 'ip link set lo up && exec "$@" 2>&1' sh env OTEL_SERVICE_NAME=metrics \
		"$PROMETHEUS" "--config.file=$BATS_TEST_TMPDIR/prometheus.yml" "--storage.tsdb.path=$BATS_TEST_TMPDIR/data" \
		--web.listen-address=127.0.0.1:9090
	until [[ $REPLY = *'Server is ready'* ]]; do
		proc_read prometheus 30
	done
}

# prometheus_asked N: that many requests on one connection, from its network namespace; what curl knows of each
prometheus_asked() {
	local i path
	for ((i = 0; i < $1; i++)); do
		path=$((i % 3))
		[ "$i" = 0 ] || echo next
		printf 'url = "http://127.0.0.1:9090/%s"\noutput = "/dev/null"\n' \
			"$([ $path = 0 ] && echo -/ready || { [ $path = 1 ] && echo 'api/v1/query?query=up' || echo "nothing/$i"; })"
		printf 'header = "traceparent: 00-%032x-%016x-01"\n' $((i + 1)) $((i + 1))
		printf 'write-out = "%%{http_code} %%{local_port}\\n"\n'
	done >"$BATS_TEST_TMPDIR/curl"
	nsenter -t "${PROC_PID[prometheus]}" --net curl -s -K "$BATS_TEST_TMPDIR/curl" >"$BATS_TEST_TMPDIR/answers"
}

# bats test_tags=no-san
@test "Debian's Prometheus server, stripped: every request is a span" {
	PROMETHEUS=$(prometheus_fetch) || skip 'no package prometheus can be downloaded'
	tracer_start otb-trace --exe "$PROMETHEUS" -j
	prometheus_start
	prometheus_asked 101
	proc_kill prometheus
	tracer_stop
	jq -r 'select(.span_kind == "server" and .parent_source == "traceparent")
		| "\(.http_response_status_code) \(.network_peer_port) \(.trace_id) \(.parent_span_id) \(.url_path) \(.service_name)"' \
		"$TRACER_OUT" | sort -k 3 >"$BATS_TEST_TMPDIR/told"
	awk '{ i = NR - 1; path = i % 3 == 0 ? "/-/ready" : i % 3 == 1 ? "/api/v1/query" : "/nothing/" i
		printf "%s %s %032x %016x %s metrics\n", $1, $2, NR, NR, path }' "$BATS_TEST_TMPDIR/answers" |
		diff - "$BATS_TEST_TMPDIR/told"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" = 101 ]
}
