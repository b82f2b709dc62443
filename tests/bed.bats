#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The test bed by itself, without a tracer: what a case promises, the kernel's own counters confirm; what the dropper is
# told, it does; and nothing of it stays.
#
# bats file_tags=no-san
# shellcheck disable=SC2034 # CASE_IP and CASE_COUNT are read by cases.bash

bats_require_minimum_version 1.5.0

setup() {
	load lib/net
	load lib/cases
	local missing
	missing=$(net_missing)
	[ -z "$missing" ] || skip "$missing"
	net_up
}

teardown() {
	net_down
}

# bed_comms_hold: the processes that are to be named do exist and bear that name
bed_comms_hold() {
	local comm
	for comm in "${!CASE_COMMS[@]}"; do
		[ "$(cat "/proc/${CASE_PIDS[$comm]}/comm")" = "$comm" ] || net_complain "no process $comm" || return
	done
}

# bed_counters_hold: each counter rose by what the case says
bed_counters_hold() {
	local counter group rise
	[ "${#CASE_COUNTERS[@]}" -gt 0 ]
	for counter in "${!CASE_COUNTERS[@]}"; do
		group=TcpExt
		[ "$counter" != RetransSegs ] || group=Tcp
		rise=$(net_rise "$CASE_NS" "$group" "$counter")
		[ "$rise" -eq "${CASE_COUNTERS[$counter]}" ] ||
			net_complain "$counter rose by $rise, not ${CASE_COUNTERS[$counter]}" || return
	done
}

# bed_sum_holds: its reasons are as many as its events, and so are its comms, but for sockets without an owner
bed_sum_holds() {
	local sum=0 count
	for count in "${CASE_REASONS[@]}"; do sum=$((sum + count)); done
	[ "$sum" -eq "$CASE_EVENTS" ]
	for count in "${CASE_COMMS[@]}"; do sum=$((sum - count)); done
	[ "$CASE_OWNER" = orphan ] || [ "$sum" -eq 0 ]
}

bed_case() {
	case_run "$1" bed_comms_hold
	bed_counters_hold
	bed_sum_holds
}

# bed_dropper [RULE]...: a pair of processes, and a dropper on what the client sends
bed_dropper() {
	case_clear
	case_without_tlp
	case_pair
	net_drop drop "$NET_B" ingress "$@"
}

# bed_qdiscs NS: what hangs on veth0 that was not there from the start
bed_qdiscs() {
	net_in "$1" tc qdisc show dev veth0 | grep -v noqueue || true
}

# ---- Cases -----------------------------------------------------------------------------------------------------------

@test "syn: a lost SYN is sent again" {
	bed_case syn
}

@test "syn: two lost SYNs over IPv6" {
	CASE_IP=6 CASE_COUNT=2
	bed_case syn
}

@test "synack: a lost SYN-ACK is sent again by the timer" {
	bed_case synack
	[ "$(net_rise "$NET_A" Tcp RetransSegs)" -eq 0 ]
}

@test "synack: over IPv6, and to a v4-mapped peer" {
	CASE_IP=6
	bed_case synack
	case_end
	CASE_IP=mapped
	bed_case synack
}

@test "short_lived: the process is gone after one retransmission of its SYN" {
	bed_case short_lived
	[ ! -e "/proc/${CASE_PIDS[otb-short]}" ]
}

@test "rto: a segment lost three times" {
	bed_case rto
}

@test "loss_recovery: ten segments lost" {
	bed_case loss_recovery
}

@test "fast: three segments lost in the middle" {
	bed_case fast
}

@test "tlp: the last segment lost" {
	bed_case tlp
}

@test "prime: 23 packets dropped, 23 retransmissions of one segment" {
	bed_case prime
	proc_expect drop 'matched 23 dropped 23 segments 23' report
}

@test "v6: the RTO over IPv6" {
	bed_case v6
}

@test "v4mapped: an IPv6 socket with an IPv4 peer retransmits" {
	bed_case v4mapped
	net_in b ss -Htn state established | grep -qF '[::ffff:10.77.0.2]'
}

@test "every case of recovery over IPv6 and v4-mapped" {
	local ip name
	for ip in 6 mapped; do
		for name in loss_recovery fast tlp orphan fork fdpass fail_perm tso; do
			echo "$name over $ip"
			CASE_IP=$ip
			bed_case "$name"
			case_end
		done
	done
}

@test "netns: the same flow in two pairs of namespaces" {
	bed_case netns
	[ "$CASE_NS" != "$CASE_TWIN_NS" ]
	[ "$(net_inode "$CASE_NS")" -ne "$(net_inode "$CASE_TWIN_NS")" ]
	[ "$(net_snmp "$CASE_TWIN_NS" Tcp RetransSegs)" -eq 3 ]
}

@test "before: connected before the hook, retransmits after" {
	bed_case before
}

@test "orphan: the process has ended, its socket retransmits" {
	bed_case orphan
	[ ! -e "/proc/${CASE_PIDS[otb-client]}" ]
}

@test "four_processes: 2, 3, 5 and 7 retransmissions at once" {
	bed_case four_processes
	[ "${CASE_COMMS[otb-web]} ${CASE_COMMS[otb-api]} ${CASE_COMMS[otb-db]} ${CASE_COMMS[otb-job]}" = '2 3 5 7' ]
}

# The socket belongs to the worker alone: its parent has closed it.
bed_only_worker_owns() {
	local owners
	owners=$(net_in b ss -Htnp state established)
	[[ $owners = *"pid=${CASE_PIDS[$1]},"* ]]
	[[ $owners != *"pid=${CASE_PIDS[otb-server]},"* ]]
}

@test "fork: the child of the server retransmits" {
	bed_case fork
	bed_only_worker_owns otb-child
}

@test "fdpass: a process that was handed the socket retransmits" {
	bed_case fdpass
	bed_only_worker_owns otb-passed
}

@test "fail_busy: a packet still in the host's queue is not sent again" {
	bed_case fail_busy
	[ -z "$(bed_qdiscs "$NET_A")" ]
}

@test "fail_perm: the firewall refuses retransmissions" {
	bed_case fail_perm
}

@test "fail_egress: the egress hook refuses a retransmission" {
	bed_case fail_egress
}

@test "tso: three packets of many segments each" {
	bed_case tso
	[ "$CASE_DROPPED" -eq 3 ]
	[ "$CASE_SEGMENTS" -ge 30 ]
}

@test "flood: many lost segments of one packet each, and all arrive" {
	CASE_COUNT=4
	case_run flood
	[ "$CASE_DROPPED" -ge 250 ]
	[ "$CASE_DROPPED" -eq "$CASE_SEGMENTS" ]
	[ "$(net_rise "$CASE_NS" Tcp RetransSegs)" -ge "$CASE_SEGMENTS" ]
}

@test "cases can follow each other in the same namespaces" {
	local name
	for name in fail_perm rto fail_busy tlp orphan tso fast; do
		bed_case "$name"
		case_end
		[ "${#PROC_PID[@]}" -eq 0 ]
		[ -z "$(bed_qdiscs "$NET_A")$(bed_qdiscs "$NET_B")" ]
	done
}

# ---- The dropper -----------------------------------------------------------------------------------------------------

@test "dropper: skip, every and count" {
	bed_dropper 'drop data skip 2 every 3 count 2'
	# With no loss left to hide: 12 messages and 2 retransmissions match, of which the 5th and the 8th are dropped.
	proc_expect otb-client 'sent 12' send 12 1000
	proc_expect server 'bytes 12100' await bytes 12100
	proc_ask drop report
	[[ $REPLY = 'matched 14 dropped 2 segments 2' ]]
}

@test "dropper: rules are asked in order until one drops" {
	bed_dropper 'drop data count 1' 'drop any count 1'
	proc_expect otb-client 'sent 1' send 1 1000
	proc_expect server 'bytes 1100' await bytes 1100
	proc_expect drop 'matched 3 dropped 1 segments 1' report 0
	proc_expect drop 'matched 2 dropped 1 segments 1' report 1
	proc_expect drop 'matched 5 dropped 2 segments 2' report
}

@test "dropper: a port and a version it does not have to do with" {
	bed_dropper 'drop any ipv6'
	proc_expect drop 'rule 1' drop any port $((CASE_PORT ^ 1))
	proc_expect drop 'rule 2' drop data ipv4 port "$CASE_PORT" count 1
	proc_expect otb-client 'sent 1' send 1 1000
	proc_expect server 'bytes 1100' await bytes 1100
	proc_expect drop 'matched 0 dropped 0 segments 0' report 0
	proc_expect drop 'matched 0 dropped 0 segments 0' report 1
	proc_expect drop 'matched 2 dropped 1 segments 1' report 2
}

@test "dropper: kinds of packets" {
	local kind
	bed_dropper
	# A whole connection is seen, and nothing of it dropped.
	for kind in syn synack data fin ack rst any; do
		proc_ask drop drop "$kind" skip 1000
	done
	case_client otb-other
	proc_ask otb-other connect
	proc_expect otb-other 'sent 1' send 1 1000
	proc_expect otb-other shut shutdown
	proc_expect server 'closed 1' await closed 1
	proc_expect otb-other closed close
	# SYN; ACK; data; FIN; the ACK of the other FIN.
	local -a kinds=(1 0 1 1 2 0 5)
	# Which is there once the client's last ACK has come.
	until proc_ask drop report 6 && [ "$REPLY" = 'matched 5 dropped 0 segments 0' ]; do :; done
	for kind in "${!kinds[@]}"; do
		proc_expect drop "matched ${kinds[kind]} dropped 0 segments 0" report "$kind"
	done
	proc_expect otb-client closed reset
	proc_expect server 'closed 2' await closed 2
	proc_expect drop 'matched 1 dropped 0 segments 0' report 5
}

@test "dropper: clear ends the loss" {
	bed_dropper 'drop data'
	proc_expect otb-client 'sent 1' send 1 1000
	proc_ask drop wait 2
	proc_expect drop cleared clear
	proc_expect server 'bytes 1100' await bytes 1100
	proc_expect drop 'matched 0 dropped 0 segments 0' report
	proc_expect drop 'rule 0' drop data
}

@test "dropper: what is no rule is refused" {
	local rule
	bed_dropper
	for rule in '' data 'data,foo' 'drop' 'drop foo' 'drop data,,foo' 'drop data count' 'drop data count 0' \
		'drop data count -1' 'drop data count 1x' 'drop data every 0' 'drop data port 65536' 'drop data skip' \
		'drop data skip 4294967296' 'drop data what 3' 'wait' 'wait x' 'wait 1 0' 'report 0' 'report x'; do
		proc_say drop "$rule"
		proc_read drop
		[[ $REPLY = error:* ]] || net_complain "'$rule': $REPLY"
	done
	run -2 net_in b "$NET_TESTS/dropper" lo ingress 'drop foo' </dev/null
	run -2 net_in b "$NET_TESTS/dropper" lo sideways </dev/null
	run -1 net_in b "$NET_TESTS/dropper" nosuch0 ingress </dev/null
	[[ $(net_in b tc qdisc show dev lo) != *clsact* ]]
}

@test "dropper: a ninth rule is refused" {
	local i
	bed_dropper
	for i in {0..7}; do
		proc_expect drop "rule $i" drop data
	done
	proc_say drop drop data
	proc_read drop
	[[ $REPLY = error:* ]]
}

@test "dropper: a device that has one already is refused, and the first stays" {
	bed_dropper 'drop data count 1'
	run -1 net_in b "$NET_TESTS/dropper" veth0 egress </dev/null
	proc_expect otb-client 'sent 1' send 1 1000
	proc_expect drop 'matched 1 dropped 1 segments 1' wait 1
}

@test "dropper: end of input, SIGTERM and SIGINT take the filter away" {
	local signal
	for signal in EOF TERM INT; do
		net_drop drop "$NET_B" ingress 'drop any'
		[[ $(bed_qdiscs "$NET_B") = *clsact* ]]
		[ "$signal" = EOF ] || kill "-$signal" "${PROC_PID[drop]}"
		proc_end drop
		[ -z "$(bed_qdiscs "$NET_B")" ]
	done
}

# ---- The rest --------------------------------------------------------------------------------------------------------

@test "offload: on and off" {
	net_offload "$NET_A" off
	[ "$(net_offload_state "$NET_A")" = off ]
	net_offload "$NET_A" on
	[ "$(net_offload_state "$NET_A")" = on ]
}

@test "counters are those of the namespace" {
	CASE_COUNT=1
	bed_case rto
	[ "$(net_snmp "$NET_A" Tcp RetransSegs)" -eq 1 ]
	[ "$(net_snmp "$NET_B" Tcp RetransSegs)" -eq 0 ]
	[ "$(net_netstat "$NET_A" TcpExt TCPTimeouts)" -eq 1 ]
	[ "$(net_in a awk '/^Tcp: [0-9]/ { print $13 }' /proc/net/snmp)" -eq 1 ]
}

@test "an answer that does not come is a failure, not a hang" {
	proc_start silent - cat
	run ! proc_read silent 0.1
	proc_end silent
	proc_start gone - true
	run ! proc_ask gone hello
}

@test "net_down leaves nothing: no namespace, no process, no file" {
	local folder names=() ns
	local -a pids
	case_setup_all
	proc_start stray "$NET_B" sleep 600
	pids=("${PROC_PID[@]}")
	names=("${NET_SPACES[@]}")
	folder=$NET_DIR
	[ -d "$folder" ]
	net_down
	for ns in "${names[@]}"; do
		[ ! -e "/run/netns/$ns" ]
	done
	for pid in "${pids[@]}"; do
		[ ! -e "/proc/$pid" ]
	done
	[ ! -e "$folder" ]
	net_down
}

# Something of everything, and a connection that retransmits all the time.
case_setup_all() {
	case_fdpass setup
	case_fdpass provoke
	net_drop drop-b "$NET_B" ingress 'drop any'
	net_up
}

@test "net_down takes away what a killed dropper left" {
	net_drop drop "$NET_B" ingress 'drop any'
	kill -KILL "${PROC_PID[drop]}"
	net_down
	[ ! -e "/run/netns/$NET_B" ]
	net_up
	bed_case tlp
}
