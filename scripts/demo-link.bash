# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scripts/demo, which sources this, sets work, build, here and brief
#
# The part of scripts/demo that is about a link: four processes that lose packets, and what otb-tcpretrans sees of them: a
# table, records, sums, and the metrics they become. At the end it holds the sum against the kernel's own counter. It
# needs no Go.

declare -A answers=() ports=() # client -> what it says once it has got through, and its port
clients=(orders search report mailer)
port='' sent=0

# ---- The traffic ------------------------------------------------------------------------------------------------------

start_client() { # NAME ADDRESS
	proc_start "$1" "$NET_A" "$build/tests/tcpload" connect --name "$1" "$2" "$port" && proc_answered "$1" ready
}

# report connects later: it is the one whose first SYN gets lost.
start_traffic() {
	local client
	net_up
	proc_start server "$NET_B" "$build/tests/tcpload" serve --name backend --sink && proc_read server
	port=${REPLY#listening }
	start_client orders 10.77.0.2
	start_client search 10.77.0.2
	start_client report 10.77.0.2
	start_client mailer fd77::2
	for client in orders search mailer; do
		proc_ask "$client" connect
		ports[$client]=${REPLY#connected }
	done
	net_drop dropper "$NET_B" ingress
}

# The next packets of a client get lost: a rule for the dropper without its port.
lose() { # CLIENT RULE...
	proc_ask dropper drop "${@:2}" port "${ports[$1]}"
}

# A client sends messages of 1000 bytes at once.
send() { # CLIENT MESSAGES
	proc_say "$1" send "$2" 1000
	answers[$1]="sent $2"
	sent=$((sent + $2 * 1000))
}

# Until every byte is there, whatever was lost on the way.
await_arrival() {
	local client
	for client in "${!answers[@]}"; do
		proc_read "$client"
		[[ $REPLY == "${answers[$client]}"* ]] || die "$client says: $REPLY"
	done
	proc_expect server "bytes $sent" await bytes "$sent"
	proc_expect dropper cleared clear
	answers=()
}

# A message that is lost three times, two packets lost among many, and a SYN.
lose_some() {
	lose orders data count 3
	lose search data first skip 2 count 2
	proc_ask dropper drop syn count 1
	send orders 1
	send search 12
	proc_say report connect
	answers[report]=connected
	await_arrival
}

# Two packets among many once more, and everything of one client for a moment.
lose_more() {
	lose search data first skip 2 count 2
	lose mailer data count 6
	send search 12
	send mailer 5
	await_arrival
}

# ---- What is shown ----------------------------------------------------------------------------------------------------

show_table() {
	headline 'Live: four processes, and a link between two namespaces that loses packets'
	show_command 'otb-tcpretrans'
	start_retransmissions table --table
	lose_some
	stop_tracer table
}

show_records() {
	local filter
	headline 'Live, as records: one JSON object a line, for jq and whatever you have'
	show_command "otb-tcpretrans | jq -c '{comm, pid, reason, segments, cwnd}'"
	mkfifo "$work/pipe"
	jq --unbuffered -c "$brief" <"$work/pipe" &
	filter=$!
	start_retransmissions records --json >"$work/pipe"
	lose_more
	stop_tracer records
	wait "$filter"
	show_whole_record "$work/all"
}

show_sums() {
	headline 'All of it in sums, by process and by peer'
	show_command 'otb-tcpretrans --summary --by process'
	stop_tracer by_process
	cat "$work/by_process"
	show_command "otb-tcpretrans --summary --by peer | jq -c '{by, peer, segments, ...}'"
	stop_tracer by_peer
	jq -c "$brief_summary" "$work/by_peer"
}

# Every record names the process that we know it to be of; none may be missing but for what the kernel kept from us.
check_processes() { # MISSED
	local client pid
	for client in "${clients[@]}"; do
		pid=$(jq -r "select(.comm == \"$client\") | .pid" "$work/all" | sort -u)
		if [[ $pid != "${PROC_PID[$client]}" && ! ($1 -gt 0 && -z $pid) ]]; then
			die "FAILED: records of $client have the pid '$pid', not ${PROC_PID[$client]}"
		fi
	done
	jq -en '[inputs | select(.event == "tcp_retransmit") | .comm | IN($ARGS.positional[])] | all' --args "${clients[@]}" \
		<"$work/all" >/dev/null || die 'FAILED: there are records of a process that lost nothing'
}

conclude_link() {
	local kernel records metrics missed
	kernel=$(net_rise "$NET_A" Tcp RetransSegs)
	records=$(sum_segments "$work/all")
	metrics=$(sum_metrics)
	missed=$(count_missed "$work/all")
	say_goodbye
	if ((missed > 0)); then
		note "The kernel ran no BPF program for some events. otb-tcpretrans noticed ($missed):" \
			"its 'lost' record has their segments, and they are in the sum."
	fi
	check_processes "$missed"
	((metrics == records)) || die "FAILED: $records segments in the records, but $metrics in the metrics"
	((records == kernel && kernel > 0)) ||
		die "FAILED: $records segments in the records, but the kernel's RetransSegs rose by $kernel"
	say "OK: ${#clients[@]} processes, $(jq -c "$brief" "$work/all" | wc -l) retransmissions;" \
		"segments: $records seen, RetransSegs $kernel"
}

run_link() {
	start_traffic
	start_retransmissions all --json --stats >"$work/all"
	start_retransmissions by_process --summary --by process --table >"$work/by_process"
	start_retransmissions by_peer --summary --by peer --json >"$work/by_peer"
	net_snapshot "$NET_A"
	show_table
	show_records
	show_sums
	stop_tracer all
	show_metrics "$work/all"
	conclude_link
}
