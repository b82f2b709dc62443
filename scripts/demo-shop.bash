# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/demo, which sources this, sets work and build
#
# The part of scripts/demo that is about a shop: two services in Go, of which orders asks payments over a link that loses
# packets. Spans, stops and retransmissions as tables; and all three tracers in one pipe, sampled by whole traces and served
# as metrics. At the end it holds these against what the load, the services, the Go runtime and the kernel counted.

rate=60                     # requests a second, of which a tenth asks payments
garbage=$((4 << 20))        # bytes of it that a search makes
loss='drop data first every 5 port 8081' # of the packets to payments, but not twice the same
slow=50ms

# ---- The shop ----------------------------------------------------------------------------------------------------------

open_shop() {
	headline 'Two services in Go, stripped, and their load: orders asks payments over a link that loses packets'
	net_up
	shop_open "$work" -garbage "$garbage"
	net_drop dropper "$NET_B" ingress "$loss"
	note "orders is process ${PROC_PID[orders]}, payments ${PROC_PID[payments]}; $rate requests a second"
}

# It ends before the tracers do, so that they see all of it.
close_shop() {
	local name
	for name in load orders payments; do
		shop_end "$name"
	done
}

# ---- Tables ------------------------------------------------------------------------------------------------------------

# Starts a tracer as a table, and waits for its end.
show_table_of() { # PROGRAM OPTION...
	show_command "$@"
	start_tracer table "$1" --table "${@:2}"
	await_tracer table
}

show_spans() {
	headline 'What is asked of them, and how long does it take?'
	show_table_of otb-trace "${both[@]}" -s -d 5s
	headline 'Each request, behind what it asked of others'
	show_table_of otb-trace "${both[@]}" -n 13
}

show_pauses() {
	headline 'Why orders stops, for how long, and which goroutine stopped it'
	show_table_of otb-gcpause -p "${PROC_PID[orders]}" -n 9 -d 10s
}

show_retransmissions() {
	headline 'What the kernel sends again'
	show_command otb-tcpretrans
	start_retransmissions table --table -n 5 -d 10s
	await_tracer table
}

# ---- All in one pipe ---------------------------------------------------------------------------------------------------

filter_records() {
	"$build/otb-sample" --strict --trace --linger 500ms --keep 'not trace_id exists' \
		--keep "trace_duration_ns > $slow" | tee "$work/kept" | serve_page --quiet --strict
}

start_pipe() {
	open_pipe filter_records
	start_tracer spans otb-trace "${both[@]}" --metrics -i 1s >&"$pipe"
	start_tracer pauses otb-gcpause "${both[@]}" >&"$pipe"
	start_retransmissions retransmissions >&"$pipe"
}

show_pipe() {
	headline 'All of it in one pipe: sampled by whole traces, and a target for Prometheus'
	show_command "{ otb-trace ${both[*]} --metrics & otb-gcpause ${both[*]} & otb-tcpretrans & wait; } |"
	note "    otb-sample --trace --keep 'not trace_id exists' --keep 'trace_duration_ns > $slow' |" \
		'    otb-expose --listen :9464'
	show_command "curl -s localhost:9464/metrics"
	grep -E '^(http_server_request_duration_seconds_count|go_memory_gc_cycles_total|otb_tcp_retransmit_segments_total)\{' \
		"$work/page"
	note "(of $(wc -l <"$work/page") lines)"
}

# ---- One slow order ----------------------------------------------------------------------------------------------------

# The slowest trace of those that were kept, and what the kernel and the collector did for orders meanwhile, by time.
slowest='
def ns: capture("^(?<s>.*)[.](?<ns>[0-9]+)Z$") | ((.s + "Z" | fromdate) % 864000) * 1e9 + (.ns | tonumber);
def ms: . / 1e4 | round / 100;
[inputs] as $all
| ($all | map(select(.event == "span" and .span_kind == "server" and .http_route == "/orders")) | max_by(.duration_ns)) as $root
| $all[]
| select(.trace_id == $root.trace_id or ((.event == "tcp_retransmit" or .event == "gc_cycle") and .pid == $root.pid))
| .at = (.time | ns) - ($root.time | ns) | select(.at >= 0 and .at <= $root.duration_ns) | [
	(.at | ms), (.duration_ns // 0 | ms),
	if .event == "span" then "\(.span_kind) \(.db_query_text // "\(.http_request_method) \(.http_route // .server_address)")"
	elif .event == "gc_cycle" then "collection \(.cycle), \(.trigger)"
	else "retransmission (\(.reason)) to \(.network_peer_address)" end] | @tsv'

show_slowest() {
	headline 'The slowest order of those that were kept, and what else was done for orders meanwhile'
	printf '%9s %9s  %s\n' 'AFTER ms' 'FOR ms' WHAT
	jq -n -r "$slowest" "$work/kept" | sort -n | awk -F '\t' '{ printf "%9.2f %9s  %.58s\n", $1, ($2 > 0 ? $2 : ""), $3 }'
}

# ---- Order -------------------------------------------------------------------------------------------------------------

# What a tool says that no program was run for, or that had no room on its way.
lost() { # TOOL FIELD
	jq -n --arg tool "$1" "[inputs | select(.event == \"lost\" and .tool == \$tool and (.where | IN(\"missed\", \"ringbuf\"))) | .$2] |
		add // 0" "$work/kept"
}

# Those that the load was answered, and those that orders was by payments.
count_requests() {
	shop_told 'map(.answered // .calls | del(.error) | add) | add' load orders
}

# A miss of a tracer of Go programs may be of another probe than the one that counts.
compare() { # WHAT COUNTED LOST TRUE
	(($2 + $3 == $4 && $4 > 0)) || (($3 > 0 && $2 <= $4)) || die "FAILED: $1: $2 were counted and $3 lost, but there were $4"
	said+="${said:+, }$1 $2 of $4"
	(($3 == 0)) || said+=" ($3 lost)"
}

conclude_shop() {
	local said=''
	compare requests "$(sum_page http_server_request_duration_seconds_count)" "$(lost otb-trace count)" "$(count_requests)"
	compare cycles "$(sum_page go_memory_gc_cycles_total)" "$(lost otb-gcpause count)" \
		"$(shop_told 'map(.num_gc) | add' orders payments)"
	compare segments "$(sum_page otb_tcp_retransmit_segments_total)" "$(lost otb-tcpretrans 'segments // 0')" \
		"$(net_rise "$NET_A" Tcp RetransSegs)"
	say_goodbye
	say "OK: $said"
}

run_shop() {
	local both
	open_shop
	both=(-p "${PROC_PID[orders]}" -p "${PROC_PID[payments]}")
	net_snapshot "$NET_A"
	start_pipe
	shop_begin load -rate "$rate"
	show_spans
	show_pauses
	show_retransmissions
	close_shop
	await_tracer spans
	await_tracer pauses
	stop_tracer retransmissions
	await_page http_server_request_duration_seconds_count "$(count_requests)"
	show_pipe
	close_pipe || die 'otb-sample or otb-expose failed'
	show_slowest
	conclude_shop
}
