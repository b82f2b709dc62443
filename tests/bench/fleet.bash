# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/bench, which sources this, sets programs, work, pid and reader
#
# What a fleet costs, for the page in man/otb.7: on each host the page of otb-expose, spans in a file, and the Collector that
# sends them on (scripts/deploy/collector/agent.yaml); at a Prometheus bytes on disk for a sample, and of memory for a series
# that is scraped. The hosts' pages are that of the recordings in tests/records, each counter of which rises by chance.

fleet_hosts=50
fleet_scrapes=240 # an hour, at 15 s
fleet_seconds=10  # of spans, at each rate

# A page of OpenMetrics as promtool backfills it: the series of so many hosts, scrape after scrape.
fleet_history() { # PAGE HOSTS SCRAPES
	python3 - "$@" <<-'END'
		import random, re, sys
		random.seed(1)
		kinds, series = {}, []
		for line in open(sys.argv[1], encoding="utf-8"):
		    if line.startswith("# TYPE"):
		        _, _, name, kind = line.split()
		        kinds[name] = kind
		    elif not line.startswith("#"):
		        name, labels, value = re.match(r"([^{ ]+)(?:\{(.*)\})? (\S+)$", line.rstrip("\n")).groups()
		        series.append((name, labels, float(value)))
		def family(name):
		    return next(name[:len(name) - len(end)] for end in ("", "_total", "_bucket", "_sum", "_count") if name.endswith(end)
		                and name[:len(name) - len(end)] in kinds)
		by_family = {}
		for name, labels, value in series:
		    by_family.setdefault(family(name), []).append((name, labels, value))
		for of, members in by_family.items():
		    print("# TYPE", of, "unknown")
		    for name, labels, value in members:
		        rises = kinds[of] != "gauge"
		        for host in range(int(sys.argv[2])):
		            now = value
		            for scrape in range(int(sys.argv[3])):
		                # A third of the series stands still between two scrapes.
		                now += random.choice((0, 1, random.randrange(100))) * (1 if rises else random.choice((1, -1)))
		                print(f'{name}{{host="h{host}"{"," + labels if labels else ""}}} {now:g} {1700000000 + 15 * scrape}')
		print("# EOF")
	END
}

# So many hosts' pages, at /0, /1 and so on. In the background only.
fleet_serve() { # PAGE PORT
	exec python3 - "$@" <<-'END'
		import http.server, sys
		page = open(sys.argv[1], "rb").read()
		class Page(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200)
		        self.send_header("Content-Type", "text/plain; version=0.0.4")
		        self.end_headers()
		        self.wfile.write(page)
		    def log_message(self, *_):
		        pass
		http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Page).serve_forever()
	END
}

# fleet_memory PAGE HOSTS: leaves in $memory the resident kB of a Prometheus that has scraped each of so many thirty times
fleet_memory() {
	local port=9490 n targets=()
	for ((n = 0; n < $2; n++)); do
		targets+=("{targets: ['127.0.0.1:$port'], labels: {host: h$n, __metrics_path__: /$n}}")
	done
	printf 'global: {scrape_interval: 1s}\nscrape_configs: [{job_name: otb, static_configs: [%s]}]\n' \
		"$(IFS=, && echo "${targets[*]}")" >"$work/prometheus.yml"
	fleet_serve "$1" "$port" &
	reader=$!
	prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data-$2" \
		--web.listen-address=127.0.0.1:9491 >"$work/prometheus.log" 2>&1 &
	pid=$!
	until [[ $(curl -sf --data-urlencode 'query=count(count_over_time(up[5m]) >= 30)' 127.0.0.1:9491/api/v1/query |
		jq -r '.data.result[0].value[1]') == "$2" ]]; do
		kill -0 "$pid" || die "Prometheus has ended: $(tail -n 1 "$work/prometheus.log")"
		sleep 0.5
	done
	memory=$(memory_kb "$pid" VmRSS)
	kill -KILL "$pid" "$reader"
	wait "$pid" "$reader" 2>/dev/null || true
	pid='' reader=''
}

# Spans of a server, as otb-trace writes them for a Collector, into $work/spans; at least so many.
fleet_spans() { # COUNT
	go_build 1.26 static "$work/server" tests/target/go/trivial || die 'no Go'
	start_server
	start_tracer otb-trace fleet_ms --pid "$reader" --otlp
	wrk -t 1 -c 8 -d 1 -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' \
		"http://$server_address/users/1729/orders" >/dev/null
	stop_tracer
	stop_server
	mv "$work/tracer.out" "$work/spans"
	(($(wc -l <"$work/spans") >= $1)) || die "too few spans: $(wc -l <"$work/spans")"
}

# A gateway that takes all. Keeps in FILE how many bytes came, heads of the requests included, and in how many requests. In the
# background only.
fleet_sink() { # PORT FILE
	exec python3 - "$@" <<-'END'
		import http.server, os, sys
		total = requests = 0
		class Sink(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_POST(self):
		        global total, requests
		        length = int(self.headers["Content-Length"])
		        self.rfile.read(length)
		        total += len(self.raw_requestline) + len(bytes(self.headers)) + length
		        requests += 1
		        with open(sys.argv[2] + ".new", "w") as file:
		            print(total, requests, file=file)
		        os.rename(sys.argv[2] + ".new", sys.argv[2])
		        self.send_response(200)
		        self.send_header("Content-Length", "0")
		        self.end_headers()
		    def log_message(self, *_):
		        pass
		http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
	END
}

# So many lines of $work/spans a second into FILE.
fleet_pace() { # RATE FILE
	local second
	for ((second = 0; second < fleet_seconds; second++)); do
		sed -n "$((second * $1 + 1)),$((second * $1 + $1))p" "$work/spans" >>"$2"
		sleep 1
	done
}

# Prints a row of what a host's Collector does with so many spans a second.
fleet_wire() { # RATE
	local folder=$work/wire-$1 bytes requests cpu count=$(($1 * fleet_seconds))
	mkdir -p "$folder/log"
	fleet_sink 9492 "$folder/came" &
	reader=$!
	OTB_GATEWAY=http://127.0.0.1:9492 OTB_LOGS=$folder/log OTB_STATE=$folder/state \
		"$OTELCOL" --config scripts/deploy/collector/agent.yaml >"$folder/said" 2>&1 &
	pid=$!
	sleep 2 # what its start costs is not the spans'
	cpu=$(cpu_ns "$pid")
	fleet_pace "$1" "$folder/log/spans.traces.json"
	sleep 3 # it reads every 200 ms, and sends after a second
	cpu=$(($(cpu_ns "$pid") - cpu))
	memory=$(memory_kb "$pid" VmRSS)
	read -r bytes requests <"$folder/came" || die "nothing came: $(tail -n 1 "$folder/said")"
	printf '| %d | %d | %d | %.0f | %.2f | %s |\n' "$1" "$((bytes / count))" "$((count / requests))" \
		"$(bc -l <<<"$cpu / 1000 / $count")" "$(bc -l <<<"$cpu / 10^7 / ($fleet_seconds + 3)")" "$(in_megabytes)"
	kill -KILL "$pid" "$reader"
	wait "$pid" "$reader" 2>/dev/null || true
	pid='' reader=''
}

# What a host writes and sends.
fleet_host() {
	local rate
	build_collector
	[[ -x $OTELCOL ]] || return 0
	fleet_spans "$((100 * fleet_seconds))"
	printf '\n## A host: spans of %d bytes in its file, and its Collector\n\n' \
		"$(($(wc -c <"$work/spans") / $(wc -l <"$work/spans")))"
	print_titles 'spans a second' 'bytes of HTTP for each' 'spans in a request' 'CPU us for each' '% of a CPU' 'MB'
	for rate in 1 10 100; do
		progress "Collector, $rate spans a second"
		fleet_wire "$rate"
	done
}

# What the metrics of a host are, and cost a Prometheus.
fleet_metrics() {
	local series samples few memory bytes
	cat tests/records/*.jsonl | "$programs/otb-expose" -q >"$work/page"
	series=$(grep -vc '^#' "$work/page")
	fleet_history "$work/page" 2 "$fleet_scrapes" >"$work/history"
	samples=$(grep -vc '^#' "$work/history")
	promtool tsdb create-blocks-from openmetrics "$work/history" "$work/blocks" >/dev/null
	bytes=$(du -sb "$work/blocks" | cut -f1)
	fleet_memory "$work/page" 1
	few=$memory
	fleet_memory "$work/page" "$fleet_hosts"
	printf '\n## Prometheus, of the page of %d series that the recordings make\n\n| | |\n|---|---|\n' "$series"
	printf '| a page, for each series | %.0f bytes, %.1f with gzip |\n' "$(bc -l <<<"$(wc -c <"$work/page") / $series")" \
		"$(bc -l <<<"$(gzip -c "$work/page" | wc -c) / $series")"
	printf '| on disk, for each sample, of %d | %.1f bytes |\n' "$samples" "$(bc -l <<<"$bytes / $samples")"
	printf '| of memory, for each series, of %d | %.1f kB |\n' "$((series * fleet_hosts))" \
		"$(bc -l <<<"($memory - $few) / ($series * ($fleet_hosts - 1))")"
}

bench_fleet() {
	fleet_host
	if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
		fleet_metrics
	else
		progress 'no Prometheus: it is left out'
	fi
}
