# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # scripts/bench, which sources this, sets programs, quick, work, pid and samples
#
# otb-tcpretrans beside a bpftrace one-liner on the same tracepoint.

# ---- Tools on the same tracepoint --------------------------------------------------------------------------------------

one_liner='tracepoint:tcp:tcp_retransmit_skb {
	printf("%d %d %s %s %d %s %d %d\n", nsecs, pid, comm, ntop(args->saddr), args->sport,
		ntop(args->daddr), args->dport, args->state); }'

# What bpftrace says before its lines about events, up to the line that it is about to attach.
await_attaching() {
	local line
	while read -r line && [[ $line != Attaching* ]]; do :; done
	echo >"$work/ready"
	exec cat
}

# Starts a tool with its output through a pipe into $work/TOOL.out. Takes the sample start_ms.
start_tool() { # otb-tcpretrans|bpftrace [OPTION...]
	local tool=$1 ready began
	shift
	rm -f "$work/ready" "$work/lines"
	mkfifo "$work/ready" "$work/lines"
	exec {ready}<>"$work/ready"
	if [[ $tool == bpftrace ]]; then
		await_attaching <"$work/lines" >"$work/$tool.out" &
		reader=$!
		began=$EPOCHREALTIME
		bpftrace "$@" -e "$one_liner" >"$work/lines" 2>&1 &
	else
		cat <"$work/lines" >"$work/$tool.out" &
		reader=$!
		began=$EPOCHREALTIME
		"$programs/$tool" --ready-fd 9 "$@" 9>"$work/ready" >"$work/lines" 2>"$work/$tool.err" &
	fi
	pid=$!
	read -r -t 30 -u "$ready" || die "$tool is not ready: $(cat "$work/$tool.out")"
	take_sample start_ms "$tool" "$(bc <<<"scale=1; $(since_us "$began") / 1000")"
	exec {ready}>&-
}

stop_tool() {
	kill -INT "$pid"
	wait "$pid" || true
	wait "$reader" || true
	pid='' reader=''
}

# ---- otb-tcpretrans ----------------------------------------------------------------------------------------------------

measure_start() { # TOOL
	start_tool "$@"
	take_sample rss_mb "$1" "$(bc <<<"scale=2; $(memory_kb "$pid" VmRSS) / 1024")"
	stop_tool
}

# Half of the segments get lost, most are sent again at once.
measure_flood() { # TOOL
	local tool=$1 options=() before=() after=() cpu began elapsed written lost
	case_flood setup
	[[ $tool == bpftrace ]] || options=(--json --stats --netns "/run/netns/$NET_A")
	start_tool "$tool" "${options[@]}"
	sleep 0.5 # bpftrace attaches
	read -r -a before < <(bpf_cost "$pid" tcp_retransmit_)
	cpu=$(cpu_ns "$pid")
	began=$EPOCHREALTIME
	case_flood provoke
	case_flood finish
	elapsed=$(since_us "$began")
	sleep 0.5 # what is in its buffer
	cpu=$(($(cpu_ns "$pid") - cpu))
	read -r -a after < <(bpf_cost "$pid" tcp_retransmit_)
	take_sample hwm_mb "$tool" "$(bc <<<"scale=2; $(memory_kb "$pid" VmHWM) / 1024")"
	stop_tool
	case_end
	written=$(grep -cv '^Lost\|"event":"lost"\|"event":"stats"' "$work/$tool.out")
	if [[ $tool == bpftrace ]]; then
		lost=$(awk '/^Lost [0-9]+ events/ { sum += $2 } END { print sum + 0 }' "$work/$tool.out")
	else
		lost=$(jq 'select(.event == "stats") | .lost' "$work/$tool.out")
	fi
	take_sample lost "$tool" "$lost"
	take_sample rate "$tool" $(((after[1] - before[1]) * 1000000 / elapsed))
	take_sample bpf_ns "$tool" $(((after[0] - before[0]) / (after[1] - before[1])))
	((cpu == 0)) || take_sample cpu_us "$tool" "$(bc <<<"scale=3; $cpu / $written / 1000")"
}

# The most events in any tenth of a second, in events a second.
peak_rate() { # FILE
	awk -F '"' '/"event":"tcp_retransmit"/ { n = ++count[substr($4, 1, 21)]; if (n > most) most = n }
		END { print most * 10 }' "$1"
}

print_tcpretrans() {
	local ours=otb-tcpretrans theirs=bpftrace
	printf '## otb-tcpretrans beside a bpftrace one-liner on tcp:tcp_retransmit_skb\n\n'
	printf '%s, bpftrace %s, Linux %s, %d CPUs. Median (min to max) of what was taken in turn.\n\n' \
		"$("$programs/$ours" --version | sed -n 1p)" "$(bpftrace --version 2>/dev/null | sed 's/bpftrace //')" \
		"$(uname -r)" "$(nproc)"
	print_titles '' "$ours" "$theirs" "$theirs / $ours"
	print_pair 'start, ms (to the ready byte; to "Attaching")' start_ms %.0f "$ours" "$theirs"
	print_pair 'resident memory once started, MB' rss_mb %.1f "$ours" "$theirs"
	print_pair 'most resident memory, under a flood, MB' hwm_mb %.1f "$ours" "$theirs"
	print_pair 'in the kernel, for each event, ns (BPF run time)' bpf_ns %.0f "$ours" "$theirs"
	print_pair 'in the program, for each event written, us (CPU)' cpu_us %.2f "$ours" "$theirs"
	print_pair 'events a second in the flood' rate %.0f "$ours" "$theirs"
	print_pair 'of these, lost' lost %.0f "$ours" "$theirs"
	printf '\nThe one-liner prints eight fields of each event and knows no owner; otb-tcpretrans writes some 30. What the\n'
	printf 'kernel does for a probe outside of the BPF program (for bpftrace: copying the arguments) is in no figure.\n\n'
}

print_tcpretrans_bars() { # PEAK
	local tool=otb-tcpretrans start lost rate
	start=$(spread %.0f "${samples["start_ms $tool"]}")
	lost=$(largest lost "$tool")
	rate=$(largest rate "$tool")
	print_titles 'bar of design.md' wanted measured holds
	print_bar 'start to the ready byte (median)' '<= 60 ms' "$start ms" "${start%% *} <= 60"
	print_bar 'resident memory, at most' '<= 16 MB' "$(largest hwm_mb "$tool") MB" "$(largest hwm_mb "$tool") <= 16"
	print_bar 'lost at 50,000 events/s, at most' 0 "$lost, at up to $rate events/s" "$lost == 0"
	if ((rate < 50000)); then
		printf '\n50,000 retransmissions a second cannot be provoked here: the flood reaches %s a second, and %s in its\n' \
			"$rate" "$1"
		printf 'fastest tenth of a second.\n'
	fi
	echo
}

bench_tcpretrans() {
	local round tool peak=0 now starts=15 floods=7 tools=(otb-tcpretrans bpftrace)
	local CASE_COUNT=64 CASE_EVERY=2
	[[ $quick == no ]] || starts=3 floods=2 CASE_COUNT=32
	command -v bpftrace >/dev/null || { progress 'no bpftrace: measuring otb-tcpretrans alone' && tools=(otb-tcpretrans); }
	for ((round = 1; round <= starts; round++)); do
		progress "start $round of $starts"
		for tool in "${tools[@]}"; do
			measure_start "$tool"
		done
	done
	net_up
	for ((round = 1; round <= floods; round++)); do
		progress "flood $round of $floods"
		for tool in "${tools[@]}"; do
			measure_flood "$tool"
		done
		now=$(peak_rate "$work/otb-tcpretrans.out")
		((now <= peak)) || peak=$now
	done
	net_down
	print_tcpretrans
	print_tcpretrans_bars "$peak"
}
