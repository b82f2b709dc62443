#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-tcpretrans against the kernel's own counters: every case of tests/lib/cases.bash makes the kernel retransmit an
# exact number of times for a known reason on behalf of a known process, and says so before the tracer is asked.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/cases
	load lib/tracer
	load lib/await
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
	net_up
}

teardown() {
	tracer_kill
	net_down
}

# ---- what all cases have in common -----------------------------------------------------------------------------------

start() {
	tracer_start otb-tcpretrans --netns "/run/netns/$CASE_NS" "${OPTIONS[@]}"
}

# trace CASE [OPTION]...: runs the case under the tracer; the records are in $TRACER_OUT. MISSING is for tracer_case
trace() {
	OPTIONS=("${@:2}")
	tracer_case "$1" start tracer_stop "${MISSING-}"
}

check_sum() {
	same "$(net_rise "$CASE_NS" Tcp RetransSegs)" "$(segments)" 'segments'
}

# records FILTER: through jq, without what the tracer says about itself
records() {
	jq -c "select(.event | test(\"_retransmit$\")) | $1" "$TRACER_OUT"
}

# tally FILTER: "VALUE COUNT" lines, sorted
tally() {
	records "$1" | sort | uniq -c | awk '{ print $2, $1 }'
}

# tally_of ARRAY: the same of what a case expects
tally_of() {
	local -n counts=$1
	local key
	for key in "${!counts[@]}"; do
		echo "\"$key\" ${counts[$key]}"
	done | sort
}

segments() {
	jq -s 'map(.segments // 0) | add // 0' "$TRACER_OUT"
}

same() {
	[ "$1" = "$2" ] || {
		printf '%s\nexpected:\n%s\ngot:\n%s\n' "${3:-}" "$1" "$2" >&2
		cat "$TRACER_OUT" "$TRACER_ERR" >&2
		return 1
	}
}

check_counters() {
	local name group
	for name in "${!CASE_COUNTERS[@]}"; do
		group=TcpExt
		[ "$name" != RetransSegs ] || group=Tcp
		same "${CASE_COUNTERS[$name]}" "$(net_rise "$CASE_NS" $group "$name")" "$name"
	done
}

# Every record against what the case knows, and the sum against the kernel.
check() {
	check_counters
	same "$CASE_EVENTS" "$(records . | wc -l)" 'records'
	same "$(tally_of CASE_REASONS | sed 's/"synack"/"syn"/')" "$(tally .reason)" 'reasons'
	same "$(tally_of CASE_COMMS)" "$(tally '.comm // empty')" 'processes'
	check_sum
	same "$CASE_FAILED" "$(records 'select(.error)' | wc -l)" 'failed attempts'
	same "$(net_inode "$CASE_NS")" "$(records .netns | sort -u)" 'netns'
	[ -z "$CASE_OWNER" ] || same "\"$CASE_OWNER\"" "$(records .owner | sort -u)" 'owner'
	check_pids
	check_addresses
}

check_pids() {
	local comm
	for comm in "${!CASE_COMMS[@]}"; do
		same "${CASE_PIDS[$comm]}" "$(records "select(.comm == \"$comm\") | .pid" | sort -u)" "pid of $comm"
	done
}

check_addresses() {
	local shown
	shown=$(records '"\(.network_local_address) \(.network_local_port)"' | tr -d '"' | sort -u)
	[ -z "$CASE_LOCAL" ] || [ "${#CASE_COMMS[@]}" -gt 1 ] || same "$CASE_LOCAL" "$shown" 'local endpoint'
	shown=$(records '"\(.network_peer_address) \(.network_peer_port)"' | tr -d '"' | sort -u)
	[ -z "$CASE_PEER" ] || [ "${#CASE_COMMS[@]}" -gt 1 ] || same "$CASE_PEER" "$shown" 'peer endpoint'
}

# ---- reasons ---------------------------------------------------------------------------------------------------------

@test "syn: SYNs that are lost, and the socket's whole state" {
	trace syn
	check
	same '"SYN_SENT" "SYN" 0 true' "$(records '"\"\(.state)\" \"\(.tcp_flags)\" \(.bytes) \(has("srtt_us") | not)"' | jq -r .)"
}

@test "synack: of a listener, to a client that has given up" {
	trace synack
	check
	same '"tcp_synack_retransmit"' "$(records .event)"
	same '"SYN_RECV" "SYN|ACK"' "$(records '"\"\(.state)\" \"\(.tcp_flags)\""' | jq -r .)"
}

@test "rto: each timeout is one record, and its backoff rises" {
	trace rto
	check
	same $'0\n1\n2' "$(records .backoff)" 'backoff'
	same $'1000\n1000\n1000' "$(records .bytes)" 'bytes'
}

@test "loss_recovery: what follows a timeout" {
	trace loss_recovery
	check
}

@test "fast: after selective acknowledgements" {
	trace fast
	check
}

@test "tlp: a tail loss probe counts once" {
	trace tlp
	check
}

@test "23 packets dropped, 23 retransmissions seen" {
	trace prime
	check
	same 23 "$(segments)"
}

# ---- addresses and namespaces ----------------------------------------------------------------------------------------

@test "IPv6" {
	trace v6
	check
	same '"ipv6"' "$(records .network_type | sort -u)"
}

@test "the IPv4 peer of a dual-stack socket is IPv4, for -4 too" {
	trace v4mapped -4
	check
	same '"ipv4"' "$(records .network_type | sort -u)"
}

@test "the same flow in two namespaces: only one is asked for" {
	trace netns
	same 2 "$(records . | wc -l)"
	same 2 "$(segments)"
	same '"otb-client"' "$(records .comm | sort -u)"
}

@test "the same flow in two namespaces: told apart by netns" {
	start_all() { tracer_start otb-tcpretrans; }
	tracer_case netns start_all tracer_stop
	segments_of() { jq -s "map(select(.netns == $(net_inode "$1")) | .segments) | add" "$TRACER_OUT"; }
	same "$(net_rise "$CASE_NS" Tcp RetransSegs)" "$(segments_of "$CASE_NS")" "$CASE_NS"
	same "$(net_snmp "$CASE_TWIN_NS" Tcp RetransSegs)" "$(segments_of "$CASE_TWIN_NS")" "$CASE_TWIN_NS"
	same '"otb-twin" 3' "$(tally "select(.netns == $(net_inode "$CASE_TWIN_NS")) | .comm")"
}

# ---- whose socket it is ----------------------------------------------------------------------------------------------

@test "an orphan has no pid, no comm and no uid" {
	trace orphan
	check
	same 'false' "$(records 'has("pid") or has("comm") or has("uid")' | sort -u)"
	same '"FIN_WAIT1"' "$(records .state | sort -u)"
}

@test "four processes behind one lossy link" {
	trace four_processes
	check
}

@test "a process and a socket that are older than the tracer" {
	trace before
	check
}

@test "after a fork, when the parent has closed" {
	trace fork
	check
}

@test "after the descriptor was passed to another process" {
	trace fdpass
	check
}

needs_mptcp() {
	[ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || skip 'no MPTCP'
}

@test "a listener that speaks MPTCP, as those of Go programs do" {
	needs_mptcp
	CASE_MPTCP=1 trace synack
	check
}

@test "MPTCP: the process has the connection open, and the kernel the sockets that retransmit" {
	needs_mptcp
	CASE_MPTCP=1 trace rto
	check
}

# What was sent again before is no loss.
@test "MPTCP: a connection that has retransmitted before the tracer comes" {
	needs_mptcp
	CASE_MPTCP=1 CASE_COUNT=2 case_run rto
	OPTIONS=()
	start
	net_snapshot "$CASE_NS"
	proc_ask drop drop data count 3
	proc_expect otb-client 'sent 1' send 1 1000
	proc_expect server 'bytes 2100' await bytes 2100
	tracer_stop
	same '"otb-client" 3' "$(tally .comm)" 'processes'
	check_sum
	same '' "$(jq -c 'select(.event == "lost")' "$TRACER_OUT")" 'lost'
}

# As those of NFS are: what it had sent again before is no loss either, though no descriptor led to it.
@test "a socket of the kernel that has retransmitted before the tracer comes" {
	needs_mptcp
	# shellcheck disable=SC2034 # what cases.bash reads
	CASE_MPTCP=1
	case_clear
	case_without_tlp
	case_pair
	net_drop drop "$NET_B" ingress 'drop data'
	proc_expect otb-client 'sent 1' send 1 1000
	proc_expect otb-client stowed stow
	proc_ask drop wait 3
	OPTIONS=()
	start
	proc_ask drop wait 5
	tracer_stop
	[ "$(records . | wc -l)" -ge 1 ]
	same '' "$(jq -c 'select(.event == "lost")' "$TRACER_OUT")" 'lost'
}

# It holds the socket's lock, as a process does that works on its own.
@test "a thread of the kernel that works on a process's socket is not its owner" {
	case_clear
	case_server --sink
	proc_start otb-relay "$NET_A" "$NET_TESTS/relay" otb-relay 10.77.0.2 "$CASE_PORT"
	proc_answered otb-relay ready || skip "no sockmap: $(cat "$NET_DIR/otb-relay.err")"
	net_drop drop "$NET_B" ingress 'drop data every 29'
	OPTIONS=()
	start
	proc_ask otb-relay send 100000000
	tracer_stop
	same "otb-relay ${PROC_PID[otb-relay]}" "$(records '"\(.comm) \(.pid)"' | tr -d '"' | sort -u)"
}

@test "a process that has ended before its record is written" {
	trace short_lived
	check
}

@test "a process in a pid namespace of its own, as containers have" {
	case_client() {
		local name=$1
		shift
		proc_start "$name" "$NET_A" unshare --pid --mount-proc --fork --kill-child \
			"$NET_TESTS/tcpload" connect --name "$name" "$@" "$(case_address b)" "$CASE_PORT" &&
			proc_answered "$name" ready && CASE_PIDS[$name]=$(pgrep -P "${PROC_PID[$name]}")
	}
	trace rto
	check
	[ "$(records .pid | sort -u)" -gt 1 ]
}

@test "privileges are dropped once the probes are attached" {
	tracer_start otb-tcpretrans
	# CAP_DAC_READ_SEARCH (2), CAP_SYS_PTRACE (19) and CAP_BPF (39) are left.
	same $'0000008000080004\n0000008000080004' "$(awk '/^Cap(Prm|Eff)/ { print $2 }' "/proc/$TRACER_PID/status")"
	same 1 "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$TRACER_PID/status")"
	tracer_stop
}

@test "cookie, uid, cgroup and the congestion state are those of ss" {
	grep -q ' bpf_get_socket_ptr_cookie$' /proc/kallsyms ||
		skip 'this kernel has no socket cookies for tracers (5.12 does)'
	compare() {
		net_in "$CASE_NS" ss -tenHi state established >"$BATS_TEST_TMPDIR/ss"
	}
	trace rto
	compare
	grep -q " sk:$(records .cookie | tail -n 1 | jq -r .) " "$BATS_TEST_TMPDIR/ss" || {
		cat "$BATS_TEST_TMPDIR/ss" "$TRACER_OUT" >&2
		return 1
	}
	same 0 "$(records .uid | sort -u)"
	grep -q "mss:$(records .mss | tail -n 1) " "$BATS_TEST_TMPDIR/ss"
	grep -q "retrans:0/$(records .total_retrans | tail -n 1) " "$BATS_TEST_TMPDIR/ss"
}

# ---- segments --------------------------------------------------------------------------------------------------------

@test "a connection that was aborted, and that its process has not closed, has lost nothing" {
	local output
	abort() {
		net_in "$CASE_NS" ss -K -t state established >/dev/null && tracer_stop
	}
	OPTIONS=(--stats)
	tracer_case rto start abort
	output=$(net_in "$CASE_NS" ss -tHn)
	[ -z "$output" ] || skip 'this kernel aborts no connections (CONFIG_INET_DIAG_DESTROY)'
	check
	same '0' "$(jq 'select(.event == "stats") | .uncounted_segments' "$TRACER_OUT")" 'uncounted'
	same '' "$(jq 'select(.event == "lost")' "$TRACER_OUT")" 'lost'
}

# Kernels before 6.17 run no program for an attempt that failed.
needs_failures() {
	grep -qa trace_event_raw_tcp_retransmit_skb /sys/kernel/btf/vmlinux ||
		skip 'this kernel does not report attempts that failed (6.17 does)'
}

@test "an attempt that failed before it was counted has no segments (EBUSY)" {
	needs_failures
	# Neither a socket nor its namespace counts such an attempt. The kernel counts it elsewhere (CASE_FAILED).
	attempts_missing() {
		[ "$(records 'select(.error)' | wc -l)" -lt "$CASE_FAILED" ]
	}
	MISSING=attempts_missing trace fail_busy
	check
	same '"EBUSY" 0 0' "$(records 'select(.error) | "\"\(.error)\" \(.segments) \(.bytes)"' | sort -u | jq -r .)"
}

@test "an attempt that the firewall refused has been counted (EPERM)" {
	needs_failures
	trace fail_perm
	check
	same '"EPERM" 1' "$(records 'select(.error) | "\"\(.error)\" \(.segments)"' | sort -u | jq -r .)"
}

@test "segments and uncounted_segments add up to the kernel's, whatever the tracepoint reports" {
	trace fail_perm --stats
	same "$(net_rise "$CASE_NS" Tcp RetransSegs)" \
		"$(jq -s 'map(.uncounted_segments // (select(.event | test("_retransmit$")) | .segments) // 0) | add' \
			"$TRACER_OUT")"
}

@test "an attempt that the queue dropped has been counted (NET_XMIT_DROP)" {
	needs_failures
	trace fail_egress
	check
	same '"NET_XMIT_DROP" 1' "$(records 'select(.error) | "\"\(.error)\" \(.segments)"' | jq -r .)"
}

@test "one event may be many segments (TSO)" {
	trace tso --stats
	check_counters
	check_sum
	[ "$(segments)" -gt "$(records . | wc -l)" ]
}

# The child counts its SYN-ACKs itself, and has an answer under way when the last one arrives.
@test "TCP Fast Open: SYN-ACKs that are lost, and the answer behind them" {
	needs_failures
	net_sysctl "$NET_A" tcp_fastopen=0x207 && net_sysctl "$NET_B" tcp_fastopen=0x207
	case_clear
	CASE_NS=$NET_B
	case_server --fastopen
	case_client otb-client --fastopen
	proc_ask otb-client connect
	net_drop drop "$NET_A" ingress 'drop any'
	OPTIONS=()
	start
	net_snapshot "$NET_B"
	proc_say otb-client ask 1 100
	net_rise_to "$NET_B" Tcp RetransSegs 3
	proc_ask drop clear
	proc_answered otb-client 'answered 1'
	tracer_stop
	check_sum
	same '' "$(jq -c 'select(.event == "lost")' "$TRACER_OUT")" 'lost'
	[ "$(records 'select(.event == "tcp_synack_retransmit")' | wc -l)" -ge 2 ]
	[ "$(records 'select(.event == "tcp_retransmit" and .bytes == 100)' | wc -l)" -ge 1 ]
}

@test "a flood: the sum is the kernel's, to the segment" {
	CASE_COUNT=16 trace flood --stats
	same "$(net_rise "$CASE_NS" Tcp RetransSegs)" "$(segments)" 'segments'
	same "$(net_rise "$CASE_NS" TcpExt TCPTimeouts)" "$(records 'select(.reason == "rto")' | wc -l)" 'timeouts'
	same "$(jq 'select(.event == "stats") | .uncounted_segments' "$TRACER_OUT")" \
		"$(jq -s 'map(select(.event == "lost") | .segments) | add // 0' "$TRACER_OUT")" 'uncounted'
}

# ---- raw tracepoints: what kernels before 5.12 get -------------------------------------------------------------------

@test "raw tracepoints see the same" {
	export OTB_TCPRETRANS_RAW_TP=1
	trace loss_recovery
	check
}

@test "raw tracepoints: no cookie, so the owner is known by namespace and inode" {
	local try others=0
	export OTB_TCPRETRANS_RAW_TP=1
	no_other() { ! pgrep -x otb-tcpretrans; }
	for try in {1..4}; do
		[ "$try" = 1 ] || case_end
		await no_other || true
		trace fdpass
		check
		# Another tracer of this machine, which is not of this test, gives every socket one that it sees retransmit.
		records 'has("cookie")' | grep -qx true || break
		no_other || others=$((others + 1))
	done
	[ "$others" -lt 4 ] || skip 'other tracers look at all sockets of this machine'
	same 'false' "$(records 'has("cookie")' | sort -u)"
}

# ---- filters ---------------------------------------------------------------------------------------------------------

# filtered EXPECTED CASE OPTION...: so many records pass, and the others are counted (with those of other namespaces)
filtered() {
	local expected=$1
	shift
	trace "$@" --stats
	same "$expected" "$(records . | wc -l)" "$*"
	same true "$(jq "select(.event == \"stats\") |
		.filtered >= $((CASE_EVENTS - expected)) and .written == $expected and .seen == .filtered + .written" \
		"$TRACER_OUT")" 'stats'
	case_end
}

@test "--reason" {
	filtered 1 loss_recovery --reason rto
	filtered 9 loss_recovery --reason loss_recovery,tlp
	filtered 10 loss_recovery --reason rto --reason loss_recovery
	filtered 0 loss_recovery --reason fast
}

@test "--port, --local-port, --peer-port" {
	start() {
		# shellcheck disable=SC2034,SC2154 # what OPTIONS names; eval sets options
		local local_port=${CASE_LOCAL#* } peer_port=${CASE_PEER#* }
		local -a options
		eval "options=(${OPTIONS[*]})" # not OPTIONS itself: another try has other ports
		tracer_start otb-tcpretrans --netns "/run/netns/$CASE_NS" "${options[@]}"
	}
	# shellcheck disable=SC2016 # known only once the case is set up
	{
		filtered 3 rto --port '$peer_port'
		filtered 3 rto --port '$local_port' --port 1
		filtered 3 rto --local-port '$local_port' --peer-port '$peer_port'
		filtered 0 rto --local-port '$peer_port'
		filtered 0 rto --peer-port '$local_port'
	}
}

@test "--peer, -4, -6" {
	filtered 3 rto --peer 10.77.0.2
	filtered 3 rto --peer 192.0.2.0/24 --peer 10.77.0.0/16
	filtered 0 rto --peer 10.77.0.1
	filtered 0 rto -6
	filtered 3 rto -4 -6
	filtered 0 rto --peer ::/0
	filtered 3 rto --peer 0.0.0.0/0
	filtered 3 v6 --peer ::/0
	filtered 3 v6 --peer fd77::/64
	filtered 0 v6 --peer fd77::1/128
	filtered 2 v4mapped --peer 10.77.0.1/32
}

@test "--comm and --pid, of a socket whose owner is looked up" {
	filtered 5 four_processes --comm otb-db
	filtered 8 four_processes --comm otb-db --comm otb-api
	start() { tracer_start otb-tcpretrans --netns "/run/netns/$CASE_NS" -p "${CASE_PIDS[otb-job]}" --stats; }
	trace four_processes
	same 7 "$(records . | wc -l)"
	same '"otb-job"' "$(records .comm | sort -u)"
}

@test "--cgroup: this one and those below it, and the container a cgroup is named for" {
	local root base below id=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	root=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[ -n "$root" ] || skip 'no cgroup2 file system is mounted'
	base=$root/otb-test-$$ below=$root/otb-test-$$/docker-$id.scope
	mkdir -p "$below" || skip "cannot make a cgroup in $root"
	leave() { rmdir "$below" "$base"; }
	# shellcheck disable=SC2064 # now
	trap leave EXIT
	case_client() {
		local name=$1
		shift
		# shellcheck disable=SC2016 # the inner shell's
		proc_start "$name" "$NET_A" sh -c 'echo $$ >"$0" && exec "$@"' "$below/cgroup.procs" \
			"$NET_TESTS/tcpload" connect --name "$name" "$@" "$(case_address b)" "$CASE_PORT" &&
			proc_answered "$name" ready && CASE_PIDS[$name]=${PROC_PID[$name]}
	}
	filtered 3 rto --cgroup "$base"
	filtered 3 rto --cgroup "$below"
	filtered 3 rto --cgroup "$root"
	same "$(stat -c %i "$below")" "$(records .cgroup_id | sort -u)" 'cgroup_id'
	same "\"$id\"" "$(records .container_id | sort -u)" 'container_id'
	mkdir "$base/other"
	filtered 0 rto --cgroup "$base/other"
	rmdir "$base/other"
}

@test "--max-rate holds back, and says how much" {
	trace loss_recovery --max-rate 4 --stats
	# The ten come within a second or in two.
	same 10 "$(jq -s 'map(if .event == "tcp_retransmit" then 1 elif .event == "suppressed" then .count else 0 end) | add' \
		"$TRACER_OUT")"
	same 10 "$(segments)" 'segments, suppressed ones included'
	[ "$(records . | wc -l)" -le 8 ]
	same 'otb-tcpretrans' "$(jq -r 'select(.event == "suppressed") | .tool' "$TRACER_OUT" | sort -u)"
}

@test "--count ends it, with so many records" {
	OPTIONS=(-n 2)
	case_run loss_recovery start
	tracer_wait
	same 0 "$TRACER_STATUS"
	same 2 "$(wc -l <"$TRACER_OUT")"
}

@test "a --pid that ends, ends the tracer" {
	start() { tracer_start otb-tcpretrans -p "${CASE_PIDS[otb-client]}"; }
	end_client() { proc_end otb-client && tracer_wait; }
	tracer_case rto start end_client
	same 0 "$TRACER_STATUS"
	same 3 "$(records . | wc -l)"
}

# ---- loss ------------------------------------------------------------------------------------------------------------

# A tracer that is stopped while the flood runs cannot empty a ring buffer of one page.
flood_stopped() {
	tracer_start otb-tcpretrans --netns "/run/netns/$CASE_NS" --buffer 4K "$@"
	kill -STOP "$TRACER_PID"
}

@test "loss under a tiny ring buffer is a record, and the sum still holds" {
	CASE_COUNT=16 case_run flood flood_stopped
	kill -CONT "$TRACER_PID"
	tracer_stop
	[ "$(jq -s 'map(select(.event == "lost" and .where == "ringbuf") | .count) | add' "$TRACER_OUT")" -gt 0 ]
	same "$(net_rise "$CASE_NS" Tcp RetransSegs)" "$(segments)" 'segments, lost ones included'
	grep -q '^otb-tcpretrans: lost records' "$TRACER_ERR"
}

# tracer_map NAME: the id of a map of the tracer
tracer_map() {
	local id
	for id in $(sed -n 's/^map_id:\t//p' /proc/"$TRACER_PID"/fdinfo/*); do
		! bpftool map show id "$id" | grep -q " name $1 " || echo "$id"
	done
}

# For the tracer, no program was run for what CASE_NS has sent again once its sum is back at 0.
forget_segments() {
	local netns
	netns=$(net_inode "$CASE_NS")
	bpftool map update id "$(tracer_map accounted)" \
		key $((netns & 255)) $((netns >> 8 & 255)) $((netns >> 16 & 255)) $((netns >> 24)) value 0 0 0 0 0 0 0 0 exist
}

@test "a SYN-ACK that no program was run for is lost, by the count of its namespace" {
	needs_failures
	command -v bpftool >/dev/null || skip 'no bpftool'
	OPTIONS=()
	case_run synack start
	forget_segments
	tracer_stop
	same '"missed" 1 1' "$(jq -r 'select(.event == "lost") | "\"\(.where)\" \(.count) \(.segments)"' "$TRACER_OUT")"
	grep -q '^otb-tcpretrans: lost records (missed)$' "$TRACER_ERR"
}

# forget_flows: for the tracer, no program was run for any retransmission of a socket
forget_flows() {
	local map key
	map=$(tracer_map flows)
	for key in $(bpftool -j map dump id "$map" | jq -r '.[].key | join(",")'); do
		# One of another test may be gone meanwhile.
		# shellcheck disable=SC2086 # words
		bpftool map update id "$map" key ${key//,/ } value 0 0 0 0 0 0 0 0 exist 2>/dev/null || true
	done
}

# lost_segments NS: what is lost for the tracer of this namespace of three segments in NET_A, whose program was not run,
# into REPLY: of what a subshell starts, teardown would know nothing
lost_segments() {
	local NS=$1
	there() { tracer_start otb-tcpretrans --netns "/run/netns/$NS"; }
	case_run rto there
	forget_flows
	tracer_stop
	REPLY=$(jq -s 'map(select(.event == "lost").segments) | add // 0' "$TRACER_OUT")
	case_end
}

@test "what no program was run for is lost where it was, and not in another namespace that is asked for" {
	command -v bpftool >/dev/null || skip 'no bpftool'
	lost_segments "$NET_A"
	same 3 "$REPLY" 'in its own'
	lost_segments "$NET_B"
	same 0 "$REPLY" 'in another'
}

# fill_flows: so that the tracer has no room for another socket
fill_flows() {
	local map
	map=$(tracer_map flows)
	for byte in {0..255}; do
		printf "map update id $map key 1 0 0 0 0 0 $byte %d value 0 0 0 0 0 0 0 0\n" {0..127}
	done >"$BATS_TEST_TMPDIR/flows"
	# One of another test may have been there.
	bpftool batch file "$BATS_TEST_TMPDIR/flows" >/dev/null 2>&1 || true
}

@test "a socket that finds no room has its records, and is not called missed" {
	needs_failures
	command -v bpftool >/dev/null || skip 'no bpftool'
	full() {
		start
		fill_flows
	}
	OPTIONS=()
	tracer_case rto full tracer_stop
	check
	same '"map"' "$(jq -c 'select(.event == "lost") | .where' "$TRACER_OUT" | sort -u)" 'lost'
}

@test "--strict: exit 4 after a loss" {
	strict() { flood_stopped --strict; }
	CASE_COUNT=16 case_run flood strict
	kill -CONT "$TRACER_PID"
	kill -TERM "$TRACER_PID"
	tracer_wait
	same 4 "$TRACER_STATUS"
}

# ---- summaries and tables --------------------------------------------------------------------------------------------

# total: of the numbers on stdin, one a line
total() {
	awk '{ sum += $1 } END { print sum + 0 }'
}

summaries() {
	jq -c "select(.event == \"tcp_retransmit_summary\") | $1" "$TRACER_OUT"
}

@test "--summary by process adds up to the same" {
	trace four_processes --summary --by process
	same "$(tally_of CASE_COMMS)" "$(summaries '"\"\(.comm)\" \(.retransmits)"' | jq -r . | sort)"
	same "$CASE_EVENTS" "$(summaries .retransmits_rto | total)"
	same 'true' "$(summaries '.interval_ns > 0 and .by == "process" and .srtt_p50_us <= .srtt_p99_us' | sort -u)"
}

@test "--summary by reason, peer, flow and cgroup" {
	for by in reason peer flow cgroup; do
		trace loss_recovery --summary --by $by
		same 10 "$(summaries .segments | total)" "$by"
		same 9 "$(summaries .retransmits_loss_recovery | total)" "$by"
		case_end
	done
	trace loss_recovery -s --by reason
	same $'"loss_recovery" 9\n"rto" 1' "$(summaries '"\"\(.reason)\" \(.segments)"' | jq -r .)"
}

@test "--summary --interval writes what each interval added" {
	trace rto --summary --by reason --interval 50ms
	same 3 "$(summaries .segments | total)"
	[ "$(summaries . | wc -l)" -ge 2 ]
}

@test "--table says the same in 80 columns" {
	COLUMNS=80 trace four_processes --table
	same "$((CASE_EVENTS + 1))" "$(wc -l <"$TRACER_OUT")"
	same "$(tally_of CASE_COMMS | tr -d '"')" \
		"$(awk 'NR > 1 { print $3 }' "$TRACER_OUT" | sort | uniq -c | awk '{ print $2, $1 }')"
	same 80 "$(awk '{ if (length > 80) print length } END { print 80 }' "$TRACER_OUT" | head -n 1)"
}

@test "--table of IPv6 stays within 80 columns" {
	COLUMNS=80 trace v6 --table
	same '' "$(awk 'length > 80' "$TRACER_OUT")"
	grep -q '\[fd77::2\]' "$TRACER_OUT"
}

@test "labels are on every record" {
	trace rto -l env=prod -l host=h1 --stats
	same '"prod h1"' "$(jq -c '"\(.env) \(.host)"' "$TRACER_OUT" | sort -u)"
}
