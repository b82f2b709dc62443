#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What lies ready in scripts/deploy, by the programs that it is for: Prometheus, systemd, cron, logrotate; those
# that have to be built for it are in deploy.long.bats. A fleet of hosts is in fleet.long.bats.
#
# bats file_tags=no-san
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own processes; `input` and `port` are of lib/http

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	deploy=$root/scripts/deploy
	records=$root/tests/records
	build=${OTB_BUILD:-$root/build}
	PATH=$build:$PATH
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

# ---- Prometheus and Grafana ------------------------------------------------------------------------------------------

@test "promtool: the configurations, and each alert beyond its bound and below it" {
	need promtool
	cd "$deploy/prometheus"
	promtool check config prometheus.yml
	# Debian's knows no cluster. A relative path in it is one of its folder's.
	grep -v kubernetes_sd_configs kubernetes.yml | sed "s|otb.rules.yml|$PWD/&|" >"$BATS_TEST_TMPDIR/kubernetes.yml"
	promtool check config "$BATS_TEST_TMPDIR/kubernetes.yml"
	promtool check rules otb.rules.yml
	run -0 promtool test rules otb.rules.test.yml
	# Every alert is in a case that expects it.
	diff <(grep -oP '(?<=alert: )\w+' otb.rules.yml | sort) \
		<(grep -oP '(?<=- alertname: )\w+' otb.rules.test.yml | sort -u)
}

# query EXPRESSION: how many values it has that are numbers
query() {
	curl -sf --data-urlencode "query=$1" "$api/query" | jq '[.data.result[].value[1] | select(. != "NaN")] | length'
}

shows() {
	[ "$(query "$1")" -gt 0 ]
}

# watch: the server of prometheus.yml as it is, but sooner, and with targets here
watch() {
	cp -r "$deploy/prometheus" prometheus
	sed -i 's/scrape_interval: 15s/scrape_interval: 1s\n  evaluation_interval: 1s/' prometheus/prometheus.yml
	printf -- '- targets: ["127.0.0.1:%s"]\n' "$port" >prometheus/targets/otb.yml
	printf -- '- targets: ["127.0.0.1:%s"]\n' "$node_port" >prometheus/targets/node.yml
	api_port=$(free_port)
	prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path=data \
		--web.listen-address="127.0.0.1:$api_port" {input}>&- >prometheus.log 2>&1 3>&- &
	processes+=($!)
	api=http://127.0.0.1:$api_port/api/v1
	await curl -sf "http://127.0.0.1:$api_port/-/ready"
}

# What every tool records, and what no recording here has: calls of gRPC, and an HTTP request that failed.
feed() {
	cat "$records"/*.jsonl
	for kind in server client; do
		printf '{"event":"span","span_kind":"%s","rpc_system":"grpc","rpc_method":"shop.Cart/Add","duration_ns":7000000}\n' "$kind"
		printf '{"event":"span","span_kind":"%s","http_request_method":"GET","http_route":"/a","server_address":"b",' "$kind"
		printf '"server_port":80,"http_response_status_code":502,"error_type":"502","duration_ns":7000000}\n'
	done
}

@test "every query of the dashboard, and every rule, shows something on a server that scrapes otb-expose" {
	need prometheus
	need prometheus-node-exporter
	serve
	node_port=$(free_port)
	prometheus-node-exporter --collector.disable-defaults --collector.netstat \
		--web.listen-address="127.0.0.1:$node_port" {input}>&- >node.log 2>&1 3>&- &
	processes+=($!)
	watch
	feed >&"$input"
	await shows 'otb_tcp_retransmit_segments_total{host="127.0.0.1"}'
	await shows 'node_netstat_Tcp_OutSegs{host="127.0.0.1"}'
	feed >&"$input"
	jq -r '.panels[].targets[]?.expr' "$deploy/grafana/otb.json" |
		sed 's/\[$__rate_interval\]/[30s]/g; s/"$host"/".+"/g; s/"$comm"/".*"/g' >queries
	[ "$(wc -l <queries)" -gt 20 ]
	run -1 grep -F '$' queries
	while IFS= read -r expression; do
		await shows "$expression" || { echo "nothing: $expression" && return 1; }
	done <queries
	curl -sf "$api/rules" | jq -c '.data.groups[].rules[]' >rules
	for name in $(jq -r 'select(.type == "recording") | .name' rules); do
		await shows "$name" || { echo "nothing: $name" && return 1; }
	done
	run -1 grep -v '"health":"ok"' rules
	# A name that no alert can ever see is a slip of the pen. What cron leaves in files is not here.
	for name in $(jq -r .query rules | grep -oE '\b(otb|http|go|node)_[a-zA-Z_]+_(total|bucket|count|OutSegs)\b' | sort -u); do
		[ "$(query "$name")" -gt 0 ] || { echo "no $name" && return 1; }
	done
}

@test "the dashboard has a place and a source for each panel, and no two in one place" {
	jq -e '(.panels | map(.id) | length == (unique | length))
		and (.panels | map(select(.type != "row")) | all(.targets != [] and .datasource.uid == "${datasource}"
			and (.gridPos | .x + .w <= 24)))
		and (.panels | map([.gridPos.x, .gridPos.y]) | length == (unique | length))' "$deploy/grafana/otb.json"
}

# ---- systemd -----------------------------------------------------------------------------------------------------------

# Programs are looked for where they are installed; a mount namespace has them there.
with_programs_installed() {
	mkdir -p programs
	cp "$build"/otb-* programs
	cp "$(command -v logrotate)" programs
	unshare --mount sh -c 'mount --bind "$0/programs" /usr/local/sbin && exec "$@"' "$PWD" "$@"
}

@test "systemd-analyze: the units are right, and little is open to them" {
	need systemd-analyze
	need logrotate
	unshare --mount true 2>/dev/null || skip 'no mount namespace'
	mkdir units
	cp -r "$deploy"/systemd/otb* units
	rm units/otb.sysusers
	cd units
	run --separate-stderr with_programs_installed systemd-analyze verify --man=no ./*.{service,socket,timer,target}
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[[ $stderr != *otb* ]]
	for unit in *.service; do
		# systemd's own scale, 0 to 10; what is not hardened has 9.6.
		systemd-analyze security --offline=yes --threshold=25 --no-pager "$PWD/$unit" >"$unit.txt" ||
			{ grep -v '✓' "$unit.txt" && return 1; }
	done
}

@test "systemd-sysusers makes the user of the units" {
	need systemd-sysusers
	mkdir -p tree/etc
	systemd-sysusers --root="$PWD/tree" - <"$deploy/systemd/otb.sysusers"
	for unit in "$deploy"/systemd/*.service; do
		user=$(sed -n 's/^User=//p' "$unit")
		[ -z "$user" ] || grep -q "^$user:" tree/etc/passwd
	done
}

# setting UNIT NAME: the values that a unit has for it, all of them
setting() {
	sed -n "s/^$2=//p" "$deploy/systemd/$1"
}

# Runs what a unit runs, with its user's lack of rights, its capabilities and no network, and with another output; it ends
# after a second. The system calls of it are in calls.
as_unit() { # UNIT OUTPUT
	local capabilities command
	capabilities=$(setting "$1" AmbientCapabilities | sed 's/CAP_/+/g; s/ /,/g; s/.*/\L&/')
	[ "$(setting "$1" CapabilityBoundingSet)" = "$(setting "$1" AmbientCapabilities)" ]
	command=$(setting "$1" ExecStart | sed "s|/[^ ]*\$|$2|")
	# shellcheck disable=SC2086 # words
	strace -f -qq -o calls unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
		--bounding-set="-all,$capabilities" --inh-caps="-all,$capabilities" --ambient-caps="-all,$capabilities" \
		"$BATS_TEST_TMPDIR/bin/"$command --duration 1s
}

# The system calls that a unit may make, groups resolved.
calls_of_unit() { # UNIT
	local word words
	read -ra words <<<"$(setting "$1" SystemCallFilter)"
	for word in "${words[@]}"; do
		case $word in
		@*) calls_of_group "$word" ;;
		*) echo "$word" ;;
		esac
	done | sort -u
}

calls_of_group() {
	local call
	while read -r call; do
		case $call in
		'#'*) ;;
		@*) [ "$call" = "$1" ] || calls_of_group "$call" ;;
		?*) echo "$call" ;;
		esac
	done < <(systemd-analyze syscall-filter --no-pager "$1")
}

@test "tracers run as their units say, and make no system call that these forbid" {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	need strace
	need systemd-analyze
	chmod 755 . "$BATS_RUN_TMPDIR" 2>/dev/null || true
	mkdir bin
	cp "$build"/otb-* bin
	for unit in otb-tcpretrans otb-gcpause otb-trace otb-spans; do
		rm -f out
		touch out
		chmod 666 out
		as_unit "$unit.service" "$PWD/out" 2>err || { cat err && return 1; }
		[ ! -s err ] || { cat err && return 1; }
		# What comes before it is setpriv's and unshare's.
		sed -n '/execve(.*\/bin\/otb-/,$p' calls | sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' | sort -u >made
		grep -qx bpf made
		calls_of_unit "$unit.service" >allowed
		[ -z "$(comm -23 made allowed)" ] || { echo "$unit: not allowed: $(comm -23 made allowed)" && return 1; }
	done
}

@test "otb-expose reads a pipe as systemd leaves it: open for both, not blocking, with several writers" {
	mkfifo -m 600 records
	port=$(free_port)
	# A socket unit's FIFO is opened so; it never ends.
	python3 - "$port" <<-'END' >err 2>&1 3>&- &
		import os, sys
		fd = os.open("records", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
		os.dup2(fd, 0)
		os.execvp("otb-expose", ["otb-expose", "--listen", "127.0.0.1:" + sys.argv[1], "--ttl", "1h"])
	END
	processes+=($!)
	url=http://127.0.0.1:$port
	await curl -sf "$url/healthz"
	for i in {1..7}; do
		printf '{"event":"tcp_retransmit","segments":%d,"reason":"rto","comm":"a"}\n' "$i" >records
	done
	await value_is 'otb_tcp_retransmit_segments_total{reason="rto",comm="a"}' 28
	kill -TERM "${processes[0]}"
	wait "${processes[0]}"
	processes=()
}

# ---- cron ----------------------------------------------------------------------------------------------------------------

@test "each line of cron's table leaves a page that promtool takes" {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	need promtool
	grep -oP '^\* \* \* \* \* root \K.*' "$deploy/cron/otb" |
		sed "s/-d 10s/-d 300ms/; s|/run/otb|$PWD/otb|" >commands
	[ "$(wc -l <commands)" = 3 ]
	while IFS= read -r command; do
		env -i PATH="$PATH" HOME=/root TEXTFILES="$PWD" sh -c "$command" 3>&- </dev/null
	done <commands
	for tool in tcpretrans gcpause trace; do
		grep -q '^otb_expose' "otb-$tool.prom"
		# 3: names that it would have chosen otherwise, which are OpenTelemetry's.
		run promtool check metrics <"otb-$tool.prom"
		[ "$status" -eq 0 ] || [ "$status" -eq 3 ]
	done
}

# bats test_tags=long
@test "cron runs its table every minute" {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	need cron
	[ -d /etc/cron.d ] || skip 'no /etc/cron.d to put another over'
	mkdir -p etc programs textfiles
	cp "$build"/otb-* programs
	sed "s|^TEXTFILES=.*|TEXTFILES=$PWD/textfiles|; s|/run/otb|$PWD/otb|; s/-d 10s/-d 1s/" "$deploy/cron/otb" >etc/otb
	touch crontab
	# Nothing of the machine's own tables, and none of them touched.
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount --pid --fork --kill-child sh -ec '
		mount --bind "$0/programs" /usr/local/sbin
		mount --bind "$0/etc" /etc/cron.d
		[ ! -e /etc/crontab ] || mount --bind "$0/crontab" /etc/crontab
		mount -t tmpfs tmpfs /var/spool
		mkdir -p /var/spool/cron/crontabs
		mount -t tmpfs tmpfs /run
		exec cron -f' "$PWD" >cron.log 2>&1 3>&- &
	processes+=($!)
	for _ in {1..3}; do
		await test -e textfiles/otb-tcpretrans.prom && break
	done
	for _ in {1..2}; do
		await test -e textfiles/otb-trace.prom && break
	done
	[ "$(find textfiles -name '*.prom' | wc -l)" = 3 ]
	for tool in tcpretrans gcpause trace; do
		grep -q 'source="cron"' "textfiles/otb-$tool.prom"
	done
}

# ---- Files that are moved ------------------------------------------------------------------------------------------------

# rotate: rotate.conf for files here, of whatever size
rotate() {
	sed "s|/var/log/otb|$PWD/log|g; s/size 64M/size 1/" "$deploy/rotate.conf" >rotate.conf
	logrotate --state "$PWD/rotate.state" rotate.conf
}

@test "logrotate moves files away from under their writer, and no line is lost or torn" {
	need logrotate
	mkdir log
	mkfifo lines
	otb-sample -q --keep 'n > 0' -o "$PWD/log/a.jsonl" <lines 3>&- &
	processes+=($!)
	exec {input}>lines
	seq 10007 | sed 's/.*/{"n":&,"of":"a line that is long enough to be torn where it may be"}/' | (
		while IFS= read -r line; do
			echo "$line"
			[ $((++n % 2000)) -ne 0 ] || touch "due-$n"
		done
	) >&"$input" &
	for n in 2000 4000 6000 8000 10000; do
		await test -e "due-$n"
		rotate
	done
	wait $!
	exec {input}>&-
	wait "${processes[0]}"
	[ "$(find log -name 'a.jsonl.*' | wc -l)" = 5 ]
	# All of them, once each, and in order from the oldest file to the newest.
	cat log/a.jsonl.{5,4,3,2,1} log/a.jsonl | jq -r .n | diff - <(seq 10007)
}

# ---- Other engines -------------------------------------------------------------------------------------------------------

@test "the manifest and Promtail's configuration are YAML, and what the one runs is shell" {
	python3 -c 'import yaml' 2>/dev/null || skip 'no PyYAML'
	python3 - "$deploy" <<-'END'
		import re, subprocess, sys, yaml
		deploy = sys.argv[1]
		documents = list(yaml.safe_load_all(open(f"{deploy}/kubernetes/otb.yml")))
		assert [d["kind"] for d in documents] == ["DaemonSet", "Service", "StatefulSet"]
		shells = 0
		for document in documents:
		    for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
		        mounted = {m["name"] for m in container.get("volumeMounts", [])}
		        spec = document["spec"]["template"]["spec"]
		        there = {v["name"] for v in spec["volumes"]} | {c["metadata"]["name"] for c in document["spec"].get("volumeClaimTemplates", [])}
		        assert mounted <= there, (container["name"], mounted - there)
		        if container.get("command", [""])[0] == "sh":
		            subprocess.run(["sh", "-n", "-c", container["command"][2]], check=True)
		            shells += 1
		assert shells == 5
		# Promtail says what Alloy does.
		alloy = open(f"{deploy}/alloy/otb.alloy").read()
		stages = {k: v for stage in yaml.safe_load(open(f"{deploy}/promtail/otb.yml"))["scrape_configs"][0]["pipeline_stages"] for k, v in stage.items()}
		def block(name):
		    return set(re.findall(r"^\t\t\t(\w+) ", re.search(r"stage\." + name + r" \{(.*?)\n\t\}", alloy, re.S)[1], re.M))
		assert set(stages["json"]["expressions"]) == block("json")
		assert set(stages["labels"]) == block("labels")
		assert set(stages["structured_metadata"]) == block("structured_metadata")
		assert f'format = "{stages["timestamp"]["format"]}"' in alloy
	END
}
