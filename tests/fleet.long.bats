#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A fleet as scripts/deploy has it, small: three hosts, each a network namespace with a service, its clients, tracers and a
# Collector (collector/agent.yaml); and a hub with Prometheus, the Collector for all of them (collector/gateway.yaml) and a store.
# Nothing of it is changed but addresses, folders and how often Prometheus looks.
#
# bats file_tags=no-san
# shellcheck disable=SC2154 # NET_* are of lib/net, and memory of the test

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	deploy=$root/scripts/deploy
	PATH=${OTB_BUILD:-$root/build}:$PATH
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	load lib/otelcol
	load lib/await
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	missing=$(net_missing)
	[ -z "$missing" ] || skip "$missing"
	for tool in prometheus logrotate jq curl; do
		command -v "$tool" >/dev/null || skip "no $tool"
	done
	cd "$BATS_TEST_TMPDIR" || return
	otelcol_build 2>why || skip "no Collector: $(cat why)"
	declare -gA pids=() # NAME -> process
	declare -gA held=() # pipe -> descriptor
}

teardown() {
	[ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
	net_down
}

# ---- Processes ---------------------------------------------------------------------------------------------------------

# run_in SPACE NAME COMMAND...: in the background, its output in NAME.out and NAME.err
run_in() {
	(
		# An inherited end of a pipe would keep its reader from seeing its end.
		for fd in "${held[@]}"; do
			exec {fd}>&-
		done
		exec nsenter --net="/run/netns/${spaces[$1]}" -- "${@:3}"
	) <&0 >>"$2.out" 2>>"$2.err" 3>&- & # without <&0 it would have none
	pids[$2]=$!
}

# hold PIPE: makes it and keeps both its ends open, so that whoever opens it need not wait
hold() {
	local fd
	mkfifo "$1"
	exec {fd}<>"$1"
	held[$1]=$fd
}

let_go() { # PIPE
	local fd=${held[$1]}
	exec {fd}>&-
	unset "held[$1]"
}

# end NAME [SIGNAL]: and waits for it
end() {
	local status=0
	kill "-${2:-TERM}" "${pids[$1]}"
	{ wait "${pids[$1]}"; } 2>/dev/null || status=$?
	unset "pids[$1]"
	# A Collector that has not come as far as its handler of the signal dies by it.
	[ "${2:-TERM}" = KILL ] || [ "$status" -eq 0 ] || [ "$status" -eq 143 ]
}

# trace_in SPACE NAME COMMAND...: run_in, of a tracer, until it is attached
trace_in() {
	local ready
	rm -f "$2.ready"
	mkfifo "$2.ready"
	exec {ready}<>"$2.ready"
	run_in "$1" "$2" "${@:3}" --ready-fd "$ready"
	IFS= read -r -N 1 -t 30 -u "$ready" || { cat "$2.err" && return 1; }
	exec {ready}>&-
}

# in_time COMMAND...: await, for what takes a while to look at; a minute
in_time() {
	local began=$SECONDS
	until "$@"; do
		[ $((SECONDS - began)) -lt 60 ] || return
		sleep 1
	done
}

# ---- The fleet -----------------------------------------------------------------------------------------------------------

# wire N: hub and host N, 10.77.N.1 and 10.77.N.2
wire() {
	spaces[$1]=otb-$BASHPID-host-$1
	NET_SPACES+=("${spaces[$1]}")
	ip netns add "${spaces[$1]}"
	ip -n "${spaces[hub]}" link add "host$1" type veth peer name veth0 netns "${spaces[$1]}"
	ip -n "${spaces[hub]}" address add "10.77.$1.1/24" dev "host$1"
	ip -n "${spaces[hub]}" link set "host$1" up
	ip -n "${spaces[$1]}" address add "10.77.$1.2/24" dev veth0
	ip -n "${spaces[$1]}" link set veth0 up
	ip -n "${spaces[$1]}" link set lo up
}

gateway() {
	run_in hub gateway env OTB_STORE=http://127.0.0.1:4319 OTB_STATE="$PWD/gateway" OTB_ENCODING=json \
		"$OTELCOL" --config "$deploy/collector/gateway.yaml"
}

agent() { # N
	run_in "$1" "agent$1" env "OTB_GATEWAY=http://10.77.$1.1:4318" OTB_LOGS="$PWD/$1/log" OTB_STATE="$PWD/$1/state" \
		"$OTELCOL" --config "$deploy/collector/agent.yaml"
}

# hub: the store, the Collector for all, and Prometheus
hub() {
	declare -gA spaces=([hub]="otb-$BASHPID-hub")
	NET_SPACES+=("${spaces[hub]}")
	ip netns add "${spaces[hub]}"
	ip -n "${spaces[hub]}" link set lo up
	for n in 1 2 3; do
		wire "$n"
	done
	# Answers on the way from the hosts' Collectors, counted by the kernel.
	net_in "${spaces[hub]}" iptables-legacy -A INPUT -p tcp --dport 4318
	run_in hub store python3 "$root/tests/lib/otlp_store.py" 4319 "$PWD/store.jsonl"
	gateway
	cp -r "$deploy/prometheus" prometheus
	sed -i 's/scrape_interval: 15s/scrape_interval: 1s/' prometheus/prometheus.yml
	printf -- '- targets: ["10.77.1.2:9464", "10.77.2.2:9464", "10.77.3.2:9464"]\n' >prometheus/targets/otb.yml
	echo '[]' >prometheus/targets/node.yml
	run_in hub prometheus prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path=data \
		--web.listen-address=127.0.0.1:9090
}

# service N: the server, on this host's loopback, as clients of the same host call it
service() {
	[ -e "$1/shop" ] || cp "$(target_file httpserver 1.24 static-stripped)" "$1/shop"
	proc_start "shop$1" "${spaces[$1]}" "$PWD/$1/shop" -proto http1 -log "$PWD/$1/server.log"
	proc_read "shop$1"
	address[$1]=${REPLY##* }
}

# tools N: what the units of systemd run, for this host's one service: metrics through a pipe that outlives its users, and
# spans in a file; and a sample of the records
tools() {
	local options=(--exe "$PWD/$1/shop" -q)
	hold "$1/records"
	run_in "$1" "expose$1" otb-expose --listen "10.77.$1.2:9464" <"$1/records"
	trace_in "$1" "retransmissions$1" otb-tcpretrans -q -j --netns "/run/netns/${spaces[$1]}" -o "$1/records"
	trace_in "$1" "metrics$1" otb-trace "${options[@]}" -s -i 500ms -o "$1/records"
	trace_in "$1" "spans$1" otb-trace "${options[@]}" --otlp -l host="host$1" -o "$PWD/$1/log/spans.traces.json"
	hold "$1/all"
	run_in "$1" "sample$1" otb-sample -q --ratio 0.25 -o "$PWD/$1/log/sampled.jsonl" <"$1/all"
	trace_in "$1" "all$1" otb-trace "${options[@]}" -j -o "$1/all"
	# Its reader ends when its writer does.
	let_go "$1/all"
}

host() { # N
	mkdir -p "$1/log"
	service "$1"
	tools "$1"
	agent "$1"
}

fleet() {
	declare -gA address=()
	target_make httpserver 1.24 static-stripped
	client_build 1.27
	hub
	for n in 1 2 3; do
		host "$n"
	done
	await net_in "${spaces[hub]}" curl -sf http://127.0.0.1:9090/-/ready
}

# round SEED: 1,009 requests to each host; the same traces for all of them
round() {
	local n of
	for n in 1 2 3; do
		net_in "${spaces[$n]}" "$CLIENT" -address "${address[$n]}" -proto http1 -mix http -seed "$1" -prefix "r$1-" \
			-in-flight 7 -connections 7 -log "$PWD/$n/client$1.log" >"$n/client$1.out" 2>&1 3>&- &
		of[n]=$!
	done
	for n in 1 2 3; do
		wait "${of[n]}" || { cat "$n/client$1.out" && return 1; }
	done
}

# rotate N: rotate.conf, for this host's files
rotate() {
	sed "s|/var/log/otb|$PWD/$1/log|g; s/size 64M/size 1/" "$deploy/rotate.conf" >"$1/rotate.conf"
	logrotate --state "$PWD/$1/rotate.state" "$1/rotate.conf"
}

written() { # N
	cat "$1"/log/spans.traces.json* | wc -l
}

# wrote N COUNT: so many spans are in the files of host N
wrote() {
	[ "$(written "$1")" -ge "$2" ]
}

# sum EXPRESSION: what Prometheus has
sum() {
	net_in "${spaces[hub]}" curl -sf --data-urlencode "query=sum($1)" http://127.0.0.1:9090/api/v1/query |
		jq -r '.data.result[0].value[1]'
}

sum_is() {
	[ "$(sum "$1")" = "$2" ]
}

# all_arrived: as fleet_check has it; checked says what it found
all_arrived() {
	python3 "$root/tests/lib/fleet_check.py" arrived 1 store.jsonl [123]/log/*.json* >checked 2>&1
}

# alike KILLED CLIENT-LOG... -- WRITTEN... -- FILE...: as fleet_check has it, for a quarter of the traces; same says what it
# found
alike() {
	python3 "$root/tests/lib/fleet_check.py" alike "$1" 0.25 "${@:2}" >same 2>&1
}

# ---- Tests -----------------------------------------------------------------------------------------------------------

@test "three hosts: one sample, sums as the clients have them, and no span lost by rotation, kills and a minute's outage" {
	fleet

	# Alike everywhere, and summed up.
	round 1
	await sum_is http_server_request_duration_seconds_count 3027
	for n in 1 2 3; do
		await sum_is "http_server_request_duration_seconds_count{host=\"10.77.$n.2\"}" 1009
		await wrote "$n" 1009
	done

	# Files are moved while Collectors are dead, and while they read.
	for n in 1 2 3; do
		rotate "$n"
		end "agent$n" KILL
	done
	round 2
	for n in 1 2 3; do
		await wrote "$n" 2018
		rotate "$n"
		agent "$n"
	done
	round 3 &
	busy=$!
	for n in 1 2 3 1 2 3; do
		rotate "$n"
	done
	end agent2 KILL
	agent 2
	wait "$busy"

	# The Collector for all is dead for a minute, and one of those that cannot reach it is killed, another ended.
	end gateway KILL
	round 4
	end agent1 KILL
	end agent2 TERM
	rotate 1
	agent 1
	agent 2
	sleep 60
	gateway
	for n in 1 2 3; do
		await wrote "$n" 4036
		await sum_is "http_server_request_duration_seconds_count{host=\"10.77.$n.2\"}" 4036
	done

	# Retransmissions, on a path that loses packets: as many as the kernels counted.
	for n in 1 2 3; do
		net_in "${spaces[$n]}" iptables-legacy -A INPUT -i lo -p tcp --sport "${address[$n]##*:}" \
			-m statistic --mode nth --every 97 --packet 0 -j DROP
	done
	round 5
	for n in 1 2 3; do
		net_in "${spaces[$n]}" iptables-legacy -F INPUT
	done
	retransmitted=0
	for n in 1 2 3; do
		retransmitted=$((retransmitted + $(net_snmp "${spaces[$n]}" Tcp RetransSegs)))
	done
	[ "$retransmitted" -gt 0 ]
	await sum_is otb_tcp_retransmit_segments_total "$retransmitted"

	# A host dies under load, with all that runs there, and comes back.
	net_in "${spaces[3]}" "$CLIENT" -address "${address[3]}" -proto http1 -mix http -n 100003 -in-flight 7 -connections 7 \
		-seed 6 -prefix dying >/dev/null 2>&1 3>&- &
	await wrote 3 6000
	for pid in $(ip netns pids "${spaces[3]}"); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for name in expose3 retransmissions3 metrics3 spans3 sample3 all3 agent3; do
		wait "${pids[$name]}" 2>/dev/null || true
		unset "pids[$name]"
	done
	proc_forget shop3
	# Pipes go with their host.
	let_go 3/records
	rm 3/records 3/all
	before=$(written 3)
	host 3
	round 7
	for n in 1 2; do
		await sum_is "http_server_request_duration_seconds_count{host=\"10.77.$n.2\"}" 6054
	done
	await sum_is 'http_server_request_duration_seconds_count{host="10.77.3.2"}' 1009
	await wrote 3 "$((before + 1009))"

	# Metrics by way of files, too.
	otb-expose --otlp -l host=host1 -o 1/log/host.metrics.json <1/log/sampled.jsonl

	memory="$(resident expose1 retransmissions1 metrics1 spans1) kB of memory, the Collector $(resident agent1) kB"
	for n in 1 2 3; do
		end "spans$n"
		end "all$n"
		wait "${pids[sample$n]}"
		unset "pids[sample$n]"
	done
	in_time all_arrived || { cat checked && return 1; }
	echo "# $(cat checked)" >&3

	# The same traces of each host, by otb-sample, and by the trace ids alone.
	for n in 1 2 3; do
		cat "$n"/log/sampled.jsonl* >"sampled$n.jsonl"
		cat "$n"/log/spans.traces.json* >"written$n.json"
	done
	alike 2 [123]/client[123457].log -- written[123].json -- sampled[123].jsonl || { cat same && return 1; }
	echo "# otb-sample: $(cat same)" >&3
	figures
}

# resident NAME...: kB of memory, together
resident() {
	local name status=()
	for name in "$@"; do
		status+=("/proc/${pids[$name]}/status")
	done
	awk '$1 == "VmRSS:" { kb += $2 } END { print kb }' "${status[@]}"
}

# figures: what a host costs, for man/otb.7
figures() {
	local spans bytes wire series page
	spans=$(cat [123]/log/spans.traces.json* | wc -l)
	bytes=$(cat [123]/log/spans.traces.json* | wc -c)
	wire=$(net_in "${spaces[hub]}" iptables-legacy -L INPUT -vxn | awk '/dpt:4318/ { print $2 }')
	series=$(sum 'scrape_samples_scraped{host="10.77.1.2"}')
	page=$(net_in "${spaces[hub]}" curl -sf --compressed -o /dev/null -w '%{size_download}' http://10.77.1.2:9464/metrics)
	echo "# $((bytes / spans)) bytes a span in a file, $((wire / spans)) to the gateway;" \
		"$series series, a page of $page bytes compressed; $memory" >&3
}

@test "the Collectors of three hosts keep the same traces, and the same as otb-sample" {
	declare -gA address=()
	target_make httpserver 1.24 static-stripped
	client_build 1.27
	hub
	for n in 1 2 3; do
		mkdir -p "$n/log"
		service "$n"
		trace_in "$n" "spans$n" otb-trace --exe "$PWD/$n/shop" -q --otlp -o "$PWD/$n/log/spans.traces.json"
		run_in "$n" "store$n" python3 "$root/tests/lib/otlp_store.py" 4319 "$PWD/store$n.jsonl"
		run_in "$n" "agent$n" env OTB_GATEWAY=http://127.0.0.1:4319 OTB_ENCODING=json OTB_PERCENTAGE=25 \
			OTB_LOGS="$PWD/$n/log" OTB_STATE="$PWD/$n/state" "$OTELCOL" --config "$deploy/collector/agent.yaml"
	done
	round 1
	for n in 1 2 3; do
		await wrote "$n" 1009
	done
	in_time alike 0 [123]/client1.log -- [123]/log/spans.traces.json -- store[123].jsonl || { cat same && return 1; }
	echo "# Collectors: $(cat same)" >&3
}
