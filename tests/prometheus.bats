#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-expose beside the real things: a Prometheus server that scrapes it, and node_exporter that reads its textfile. What
# they say is compared with what was fed.
#
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own processes; `input` and `port` are of lib/http

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	records=$root/tests/records
	PATH=${OTB_BUILD:-$root/build}:$PATH
	load lib/http
	processes=()
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	serve_kill
	[ "${#processes[@]}" -eq 0 ] || kill -KILL "${processes[@]}" 2>/dev/null || true
}

need() {
	command -v "$1" >/dev/null || skip "no $1"
}

# watch_with_prometheus [LINE]...: a server that scrapes $port every second, with these lines in its job; $api is its API
watch_with_prometheus() {
	local api_port
	api_port=$(free_port)
	{
		printf 'global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: otb\n'
		printf '    static_configs:\n      - targets: ["127.0.0.1:%s"]\n' "$port"
		printf '    %s\n' "$@"
	} >prometheus.yml
	prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$api_port" \
		--enable-feature=exemplar-storage {input}>&- >prometheus.log 2>&1 3>&- &
	processes+=($!)
	api=http://127.0.0.1:$api_port/api/v1
	await curl -sf "http://127.0.0.1:$api_port/-/ready"
}

# query EXPRESSION: the value; empty: none
query() {
	curl -sf --data-urlencode "query=$1" "$api/query" | jq -r '.data.result[].value[1]'
}

# is EXPRESSION VALUE
is() {
	[ "$(query "$1")" = "$2" ]
}

@test "Prometheus scrapes OpenMetrics, and returns what was fed, exemplars too" {
	need prometheus
	serve
	watch_with_prometheus
	cat "$records/tcpretrans.jsonl" >&"$input"
	for i in {1..7}; do
		printf '{"event":"span","trace_id":"0af7651916cd43dd8448eb211c8031%02d","span_id":"b7ad6b7169203331",' "$i"
		printf '"span_kind":"server","http_request_method":"GET","http_route":"/a","duration_ns":%d}\n' "$((i * 70000000))"
	done >&"$input"
	for reason in $(jq -r 'select((.event | startswith("tcp_")) and .segments > 0).reason // empty' "$records/tcpretrans.jsonl" | sort -u); do
		await is "sum(otb_tcp_retransmit_segments_total{reason=\"$reason\"})" \
			"$(jq -n "[inputs | select(.reason == \"$reason\").segments] | add" "$records/tcpretrans.jsonl")"
	done
	await is http_server_request_duration_seconds_count 7
	await is http_server_request_duration_seconds_sum 1.96
	await is 'http_server_request_duration_seconds_bucket{le="0.25"}' 3
	await is 'http_server_request_duration_seconds_bucket{le="+Inf"}' 7
	await is up 1
	curl -sf "$api/metadata" | jq -e '.data.http_server_request_duration_seconds[0]
		| .type == "histogram" and .unit == "seconds"'
	curl -sf --data-urlencode 'query=http_server_request_duration_seconds_bucket' -d start=0 -d end=99999999999 \
		"$api/query_exemplars" | jq -e '[.data[].exemplars[].labels.trace_id] | contains(["0af7651916cd43dd8448eb211c803107"])'
	# A producer that is gone is a failed scrape.
	exec {input}>&-
	wait "$background"
	background=
	await is up 0
}

@test "Prometheus scrapes over TLS with a password, and text where it wants no OpenMetrics" {
	need prometheus
	need openssl
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null
	(umask 077 && echo 'scraper:s3cret' >password)
	serve --tls-certificate certificate.pem --tls-key key.pem --basic-auth-file password
	watch_with_prometheus 'scheme: https' 'tls_config: { ca_file: certificate.pem }' \
		'basic_auth: { username: scraper, password: s3cret }'
	printf '{"event":"tcp_retransmit","segments":17,"reason":"rto"}\n' >&"$input"
	await is otb_tcp_retransmit_segments_total 17
	[ "$(curl -sk -o /dev/null -w '%{http_code}' "https://127.0.0.1:$port/metrics")" = 401 ]
	stop
}

@test "node_exporter reads the textfile, and returns what was counted in three runs" {
	need prometheus-node-exporter
	mkdir folder
	node_port=$(free_port)
	for name in first second third; do
		otb-expose --textfile folder/tcp.prom <"$records/tcpretrans.jsonl" 2>"$name.err"
	done
	otb-expose --textfile folder/gc.prom --label of=go <"$records/gcpause-recorded.jsonl"
	prometheus-node-exporter --collector.disable-defaults --collector.textfile \
		--collector.textfile.directory="$PWD/folder" --web.listen-address="127.0.0.1:$node_port" >node.log 2>&1 3>&- &
	processes+=($!)
	await curl -sf "http://127.0.0.1:$node_port/metrics"
	curl -sf "http://127.0.0.1:$node_port/metrics" >page
	grep -qx 'node_textfile_scrape_error 0' page
	[ "$(grep -c '^node_textfile_mtime_seconds' page)" = 2 ]
	[ "$(awk '/^otb_tcp_retransmit_segments_total/ { sum += $NF } END { print sum }' page)" = \
		"$(jq -n '3 * ([inputs | select(.event | startswith("tcp_")).segments // 0] | add)' "$records/tcpretrans.jsonl")" ]
	[ "$(awk '/^go_memory_gc_pause_duration_seconds_count/ { sum += $NF } END { print sum }' page)" = \
		"$(jq -n '[inputs | select(.event == "gc_pause" and (.reason | startswith("gc_")))] | length' \
			"$records/gcpause-recorded.jsonl")" ]
}
