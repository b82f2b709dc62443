# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what a case sets is read by who sourced this
#
# Scenarios that make the kernel retransmit an exact number of times, for an exact reason, on behalf of a known process.
# Needs net.bash, and net_up before.
#
#	case_NAME setup		processes, connections, dropper; nothing is lost yet. A tracer may be started here.
#	case_NAME provoke	starts the loss
#	case_NAME finish	waits until all retransmissions have happened
#	case_end		ends the case's processes, so that another can follow in the same namespaces
#	case_run NAME [HOOK...]	setup, HOOK, provoke, finish; the counters' rise is taken from HOOK's end on
#
# Knobs: CASE_IP=4|6|mapped (mapped: both sockets are IPv6, and speak IPv4); CASE_MPTCP=1 (both speak MPTCP); CASE_COUNT
# and others where a case says so.
# After setup these say what will happen:
#
#	CASE_NS		the namespace whose sockets retransmit
#	CASE_REASONS	reason -> events, by the names of otb-tcpretrans; `synack` for SYN-ACKs
#	CASE_COMMS	comm -> events; no comm for sockets that no process owns
#	CASE_PIDS	comm -> pid
#	CASE_OWNER	socket, listener or orphan, if it is the same for all events and not `current` either
#	CASE_EVENTS	tracepoint hits: successful attempts and failed ones
#	CASE_FAILED	how many of them failed, and
#	CASE_ERROR	with which errno (a positive one is a NET_XMIT code)
#	CASE_COUNTERS	counter of CASE_NS in snmp or netstat -> its rise; one that is not named here may rise or not
#	CASE_LOCAL, CASE_PEER	"ADDRESS PORT" of the retransmitting socket, IPv4 for mapped ones; empty if not known yet
#
# Which namespaces they are in is for net.bash: net_inode "$CASE_NS" is the netns of the records.
#
# The messages, tso's and flood's aside, have at most one MSS and more than half of one: each is one skb and one packet,
# with TSO and without, and retransmissions do not collapse two into one.

CASE_IP=${CASE_IP:-4}
declare -gA CASE_REASONS=() CASE_COMMS=() CASE_PIDS=() CASE_COUNTERS=()

# ---- Parts of cases --------------------------------------------------------------------------------------------------

case_clear() {
	CASE_NS=$NET_A CASE_OWNER=socket CASE_EVENTS=0 CASE_FAILED=0 CASE_ERROR=0 CASE_LOCAL='' CASE_PEER=''
	CASE_REASONS=() CASE_COMMS=() CASE_PIDS=() CASE_COUNTERS=()
}

# case_expect COMM REASON COUNT: adds to what will happen
case_expect() {
	CASE_EVENTS=$((CASE_EVENTS + $3))
	CASE_REASONS[$2]=$((${CASE_REASONS[$2]:-0} + $3))
	[ -z "$1" ] || CASE_COMMS[$1]=$((${CASE_COMMS[$1]:-0} + $3))
}

# case_count COUNTER=RISE...
case_count() {
	local pair
	for pair; do
		CASE_COUNTERS[${pair%%=*}]=${pair#*=}
	done
}

# case_address a|b: as the sockets see it
case_address() {
	local host=1
	[ "$1" = a ] || host=2
	case $CASE_IP in 6) echo "fd77::$host" ;; mapped) echo "::ffff:10.77.0.$host" ;; *) echo "10.77.0.$host" ;; esac
}

# case_shown a|b: as records show it
case_shown() {
	local address
	address=$(case_address "$1")
	echo "${address#::ffff:}"
}

# case_ends a|b PORT-OF-A PORT-OF-B: sets CASE_LOCAL and CASE_PEER for a socket in that namespace
case_ends() {
	CASE_LOCAL="$(case_shown a) $2" CASE_PEER="$(case_shown b) $3"
	[ "$1" = a ] || { local swap=$CASE_LOCAL && CASE_LOCAL=$CASE_PEER CASE_PEER=$swap; }
}

# case_server [OPTION]...: otb-server in NET_B; sets CASE_PORT
case_server() {
	local any=::
	[ "$CASE_IP" != 4 ] || any=0.0.0.0
	proc_start server "$NET_B" "$NET_TESTS/tcpload" serve --name otb-server --bind "$any" ${CASE_MPTCP:+--mptcp} "$@" &&
		proc_read server &&
		CASE_PORT=${REPLY#listening } CASE_PIDS[otb-server]=${PROC_PID[server]}
}

# case_client COMM [OPTION]...: a client in NET_A, not yet connected; the process is called COMM too
case_client() {
	local name=$1
	shift
	proc_start "$name" "$NET_A" "$NET_TESTS/tcpload" connect --name "$name" ${CASE_MPTCP:+--mptcp} "$@" \
		"$(case_address b)" "$CASE_PORT" && proc_answered "$name" ready && CASE_PIDS[$name]=${PROC_PID[$name]}
}

# case_connect COMM: and hands over one message, so that both ends are known to be ready; sets CASE_LOCAL for a
case_connect() {
	proc_ask "$1" connect || return
	case_ends a "${REPLY#connected }" "$CASE_PORT"
	proc_expect "$1" 'sent 1' send 1 100
}

# case_pair [SERVER-OPTION]...: otb-client connected with an otb-server that swallows everything
case_pair() {
	case_server --sink "$@" && case_client otb-client && case_connect otb-client &&
		proc_expect server 'bytes 100' await bytes 100
}

# case_echo [SERVER-OPTION]...: otb-client connected with an otb-server that sends everything back; one exchange is done
case_echo() {
	case_server "$@" && case_client otb-client && proc_ask otb-client connect || return
	case_ends a "${REPLY#connected }" "$CASE_PORT"
	proc_expect otb-client 'answered 1' ask 1 100
}

# TLP would send a probe before the first RTO. case_end switches it on again.
case_without_tlp() {
	net_sysctl "$NET_A" tcp_early_retrans=0 && net_sysctl "$NET_B" tcp_early_retrans=0
}

case_end() {
	local name
	# The clients first: a server that goes first leaves its port in TIME_WAIT.
	for name in "${!PROC_PID[@]}"; do
		case $name in otb-*) proc_kill "$name" ;; esac
	done
	for name in "${!PROC_PID[@]}"; do
		case $name in server* | drop*) proc_end "$name" ;; esac
	done
	net_in a iptables-legacy -F OUTPUT 2>/dev/null || true
	net_in a ip6tables-legacy -F OUTPUT 2>/dev/null || true
	net_offload "$NET_A" on
	net_sysctl "$NET_A" tcp_early_retrans=3 && net_sysctl "$NET_B" tcp_early_retrans=3 tcp_synack_retries=5
}

case_run() {
	local name=$1
	shift
	"case_$name" setup || return
	[ $# -eq 0 ] || "$@" || return
	net_snapshot "$NET_A" "$NET_B"
	"case_$name" provoke && "case_$name" finish
}

# ---- The handshake ---------------------------------------------------------------------------------------------------

# CASE_COUNT SYNs are lost, then one arrives. A second for each on Linux >= 6.5 (tcp_syn_linear_timeouts), the double of
# the one before on older kernels.
case_syn() {
	case $1 in
	setup)
		case_clear
		case_server && case_client otb-client &&
			net_drop drop "$NET_B" ingress "drop syn count ${CASE_COUNT:-1}" || return
		CASE_PEER="$(case_shown b) $CASE_PORT"
		case_expect otb-client syn "${CASE_COUNT:-1}"
		case_count RetransSegs="$CASE_EVENTS" TCPSynRetrans="$CASE_EVENTS" TCPTimeouts="$CASE_EVENTS" TCPLossProbes=0
		;;
	provoke) proc_say otb-client connect ;;
	finish)
		proc_read otb-client || return
		[[ $REPLY = connected* ]]
		;;
	esac
}

# CASE_COUNT SYN-ACKs are sent again, by the timer (the first after a second), to a client that has given up: were it
# still there, its own repeated SYN would race with the timer, and some of those bring a SYN-ACK too.
# That the listener counts none of it does not keep RetransSegs and TCPSynRetrans from doing so. (TCPTimeouts also counts
# the last timer, which gives the request up: on a slow machine that may be over when the counters are read.)
case_synack() {
	case $1 in
	setup)
		case_clear
		CASE_NS=$NET_B CASE_OWNER=listener
		case_server && case_client otb-client && net_sysctl "$NET_B" tcp_synack_retries="${CASE_COUNT:-1}" &&
			net_drop drop "$NET_A" ingress "drop synack" || return
		case_expect otb-server synack "${CASE_COUNT:-1}"
		case_count RetransSegs="$CASE_EVENTS" TCPSynRetrans="$CASE_EVENTS"
		;;
	provoke)
		proc_ask otb-client syn || return
		case_ends b "${REPLY#started }" "$CASE_PORT"
		proc_expect otb-client closed close
		;;
	finish) proc_ask drop wait $((1 + CASE_EVENTS)) ;;
	esac
}

# A client whose SYNs all vanish, and which is killed after the first retransmission: when the record is written, there
# may be no process any more.
case_short_lived() {
	case $1 in
	setup)
		case_clear
		case_server && case_client otb-short && net_drop drop "$NET_B" ingress "drop syn" || return
		CASE_PEER="$(case_shown b) $CASE_PORT"
		case_expect otb-short syn 1
		case_count RetransSegs=1 TCPSynRetrans=1 TCPTimeouts=1
		;;
	provoke) proc_say otb-short connect ;;
	finish) proc_ask drop wait 2 && proc_kill otb-short ;;
	esac
}

# ---- Timeouts and recovery -------------------------------------------------------------------------------------------

# One segment is lost CASE_COUNT times (3) in a row: as many RTOs, 100 ms after the first, 200 ms after the second, ...
case_rto() {
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_pair && net_drop drop "$NET_B" ingress "drop data count ${CASE_COUNT:-3}" || return
		case_expect otb-client rto "${CASE_COUNT:-3}"
		case_count RetransSegs="$CASE_EVENTS" TCPTimeouts="$CASE_EVENTS" TCPSlowStartRetrans=0 TCPFastRetrans=0 \
			TCPLossProbes=0 TCPRetransFail=0
		;;
	provoke) proc_expect otb-client 'sent 1' send 1 1000 ;;
	finish) proc_expect server 'bytes 1100' await bytes 1100 ;;
	esac
}

# Ten segments are lost, all that are in flight: one RTO for the first, and once its ACK is there the other nine from
# the retransmission queue.
case_loss_recovery() {
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_pair && net_drop drop "$NET_B" ingress "drop data first count 10" || return
		case_expect otb-client rto 1
		case_expect otb-client loss_recovery 9
		case_count RetransSegs=10 TCPTimeouts=1 TCPSlowStartRetrans=9 TCPFastRetrans=0 TCPLossProbes=0
		;;
	provoke) proc_expect otb-client 'sent 10' send 10 1000 ;;
	finish) proc_expect server 'bytes 10100' await bytes 10100 ;;
	esac
}

# Three of twelve segments are lost in the middle: SACKs of those behind them bring them back without a timer.
case_fast() {
	case $1 in
	setup)
		case_clear
		case_pair && net_drop drop "$NET_B" ingress "drop data first skip 2 count 3" || return
		CASE_OWNER=''
		case_expect otb-client fast 3
		case_count RetransSegs=3 TCPFastRetrans=3 TCPTimeouts=0 TCPSlowStartRetrans=0
		;;
	provoke) proc_expect otb-client 'sent 12' send 12 1000 ;;
	finish) proc_expect server 'bytes 12100' await bytes 12100 ;;
	esac
}

# The last of five segments is lost and nothing follows: a tail loss probe sends it again.
case_tlp() {
	case $1 in
	setup)
		case_clear
		case_pair && net_drop drop "$NET_B" ingress "drop data first skip 4 count 1" || return
		case_expect otb-client tlp 1
		case_count RetransSegs=1 TCPLossProbes=1 TCPTimeouts=0 TCPFastRetrans=0
		;;
	provoke) proc_expect otb-client 'sent 5' send 5 1000 ;;
	finish) proc_expect server 'bytes 5100' await bytes 5100 ;;
	esac
}

# A prime number of packets is lost, each the first transmission of a request: as many RTOs, of one segment each.
case_prime() {
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_echo && net_drop drop "$NET_B" ingress "drop data first count 23" || return
		case_expect otb-client rto 23
		case_count RetransSegs=23 TCPTimeouts=23 TCPSlowStartRetrans=0 TCPFastRetrans=0 TCPLossProbes=0
		;;
	provoke) proc_say otb-client ask 23 1000 ;;
	finish) proc_answered otb-client 'answered 23' ;;
	esac
}

# ---- Many segments ---------------------------------------------------------------------------------------------------

# case_bulk RULE: a connection whose congestion window has grown, and then the dropper
case_bulk() {
	case_pair && proc_expect otb-client 'sent 1' send 1 4000000 &&
		proc_ask server await bytes 4000100 && net_drop drop "$NET_B" ingress "$1"
}

# case_bulk_provoke BYTES
case_bulk_provoke() {
	proc_say otb-client send 1 "$1" && proc_say server await bytes $((4000100 + $1))
}

# case_bulk_finish: sets CASE_DROPPED and CASE_SEGMENTS, the packets that were dropped and the segments in them
case_bulk_finish() {
	local -a words
	proc_answered otb-client 'sent 1' && proc_read server && proc_ask drop report || return
	read -r -a words <<<"$REPLY"
	CASE_DROPPED=${words[3]} CASE_SEGMENTS=${words[5]}
}

# With TSO a packet holds up to 45 segments. Three of them are lost, and each is sent again in one event. Only the
# dropper knows how many segments that makes, so that RetransSegs is set by finish.
case_tso() {
	case $1 in
	setup)
		case_clear
		CASE_OWNER=''
		net_offload "$NET_A" on && case_bulk 'drop data first skip 3 every 3 count 3' || return
		case_expect otb-client fast 3
		case_count TCPTimeouts=0 TCPLossProbes=0
		;;
	provoke) case_bulk_provoke 1000000 ;;
	finish) case_bulk_finish && case_count RetransSegs="$CASE_SEGMENTS" TCPFastRetrans="$CASE_SEGMENTS" ;;
	esac
}

# Many thousand events a second: one in CASE_EVERY (10) segments of CASE_COUNT (64) MB is lost. For the bench, and for
# losing records. Not exact: the kernel takes some packets for lost that were late, so that RetransSegs rises by
# CASE_SEGMENTS or more, and only the counter itself tells by how much.
case_flood() {
	case $1 in
	setup)
		case_clear
		CASE_OWNER=''
		net_offload "$NET_A" off && case_bulk "drop data first every ${CASE_EVERY:-10}"
		;;
	provoke) case_bulk_provoke $((${CASE_COUNT:-64} * 1000000)) ;;
	finish) case_bulk_finish ;;
	esac
}

# ---- Addresses -------------------------------------------------------------------------------------------------------

case_v6() {
	local CASE_IP=6
	case_rto "$1"
}

# The server's socket, an IPv6 one with an IPv4 peer, retransmits its answer.
case_v4mapped() {
	local CASE_IP=mapped
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_echo && net_drop drop "$NET_A" ingress "drop data count 2" || return
		CASE_NS=$NET_B
		case_ends b "${CASE_LOCAL#* }" "$CASE_PORT"
		case_expect otb-server rto 2
		case_count RetransSegs=2 TCPTimeouts=2 TCPLossProbes=0
		;;
	provoke) proc_say otb-client ask 1 1000 ;;
	finish) proc_answered otb-client 'answered 1' ;;
	esac
}

# case_netns_pair COMM COUNT: in NET_A and NET_B, always with the same ports
case_netns_pair() {
	local server=server-$1
	CASE_PORT=7077
	case_without_tlp &&
		proc_start "$server" "$NET_B" "$NET_TESTS/tcpload" serve --sink --bind 0.0.0.0 --port 7077 &&
		proc_answered "$server" 'listening 7077' &&
		case_client "$1" --port 7078 && case_connect "$1" && proc_expect "$server" 'bytes 100' await bytes 100 &&
		net_drop "drop-$1" "$NET_B" ingress "drop data count $2"
}

# The same flow, addresses and ports, in two pairs of namespaces: 2 retransmissions in CASE_NS, and in CASE_TWIN_NS, by
# otb-twin, 3 that CASE_COUNTERS does not count. Makes the second pair; NET_A and NET_B stay.
case_netns() {
	local CASE_IP=4 a=$NET_A b=$NET_B
	case $1 in
	setup)
		case_clear
		case_netns_pair otb-client 2 && case_expect otb-client rto 2 || return
		case_count RetransSegs=2 TCPTimeouts=2
		net_up && case_netns_pair otb-twin 3 && case_expect otb-twin rto 3 || return
		CASE_TWIN_NS=$NET_A NET_A=$a NET_B=$b
		;;
	provoke) proc_say otb-client send 1 1000 && proc_say otb-twin send 1 1000 ;;
	finish)
		proc_answered otb-client 'sent 1' && proc_answered otb-twin 'sent 1' &&
			proc_expect server-otb-client 'bytes 1100' await bytes 1100 &&
			proc_expect server-otb-twin 'bytes 1100' await bytes 1100
		;;
	esac
}

# ---- Whose socket it is ----------------------------------------------------------------------------------------------

# Connected before the tracer starts, which setup already sees to in every case; here two retransmissions of it.
case_before() {
	local CASE_COUNT=2
	case_rto "$1"
}

# A client that sends and closes at once, and whose process then ends. Lost are the message and the FIN behind it; what
# is sent again is both in one packet, which is lost once more. No process owns the socket in FIN_WAIT1.
case_orphan() {
	case $1 in
	setup)
		case_clear
		CASE_OWNER=orphan
		case_without_tlp && case_pair && net_drop drop "$NET_B" ingress "drop data,fin count 3" || return
		case_expect '' rto 2
		case_count RetransSegs=2 TCPTimeouts=2 TCPSlowStartRetrans=0 TCPFastRetrans=0 TCPLossProbes=0
		;;
	provoke) proc_expect otb-client 'left 1' leave 1 1000 && proc_end otb-client ;;
	finish) proc_expect server 'closed 1' await closed 1 ;;
	esac
}

CASE_FOUR=([2]=otb-web [3]=otb-api [5]=otb-db [7]=otb-job)

# Four processes at once, with 2, 3, 5 and 7 requests of which each is lost once.
case_four_processes() {
	local count comm
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_server || return
		for count in "${!CASE_FOUR[@]}"; do
			comm=${CASE_FOUR[count]}
			case_client "$comm" && proc_ask "$comm" connect && proc_expect "$comm" 'answered 1' ask 1 100 || return
			case_expect "$comm" rto "$count"
		done
		net_drop drop "$NET_B" ingress "drop data first" || return
		case_count RetransSegs=17 TCPTimeouts=17 TCPSlowStartRetrans=0 TCPFastRetrans=0 TCPLossProbes=0
		;;
	provoke)
		for count in "${!CASE_FOUR[@]}"; do
			proc_say "${CASE_FOUR[count]}" ask "$count" 1000 || return
		done
		;;
	finish)
		for count in "${!CASE_FOUR[@]}"; do
			proc_answered "${CASE_FOUR[count]}" "answered $count" || return
		done
		;;
	esac
}

# case_worker COMM SERVER-OPTION PHASE: the server's answers are lost, which a worker sends on a socket it did not open
case_worker() {
	case $3 in
	setup)
		case_clear
		case_without_tlp && case_echo "$2" --worker "$1" && net_drop drop "$NET_A" ingress "drop data first count 2" &&
			proc_ask server worker || return
		CASE_NS=$NET_B
		CASE_PIDS[$1]=${REPLY#worker }
		case_ends b "${CASE_LOCAL#* }" "$CASE_PORT"
		case_expect "$1" rto 2
		case_count RetransSegs=2 TCPTimeouts=2 TCPSlowStartRetrans=0 TCPFastRetrans=0 TCPLossProbes=0
		;;
	provoke) proc_say otb-client ask 2 1000 ;;
	finish) proc_answered otb-client 'answered 2' ;;
	esac
}

# The parent accepts, forks and closes; the child answers.
case_fork() {
	case_worker otb-child --fork "$1"
}

# The parent accepts, hands the socket to a process that is no child of that accept, and closes; the other answers.
case_fdpass() {
	case_worker otb-passed --pass "$1"
}

# ---- Attempts that fail ----------------------------------------------------------------------------------------------

# case_lose_first: the message is lost on the wire once, so that all that follows is a retransmission
case_lose_first() {
	net_drop drop "$NET_B" ingress "drop data count 1"
}

# A queueing discipline holds the message back. Two RTOs find it still in the host's queue (-EBUSY) and count no
# segment. Then the queue is removed, and what is in it is lost. The kernel notices that the packet was freed, and sends
# it again from the retransmission queue without waiting for a timer.
case_fail_busy() {
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_pair || return
		CASE_FAILED=2 CASE_ERROR=-16
		case_expect otb-client rto 2
		case_expect otb-client loss_recovery 1
		case_count RetransSegs=1 TCPTimeouts=2 TCPSlowStartRetrans=1 TCPSpuriousRtxHostQueues=2 TCPRetransFail=0
		;;
	provoke)
		# One bit a second after the first 1600 bytes, which the first message uses up.
		net_in a tc qdisc add dev veth0 root tbf rate 8bit burst 1600 limit 100000 &&
			proc_expect otb-client 'sent 2' send 2 1400
		;;
	finish)
		net_rise_to "$NET_A" TcpExt TCPSpuriousRtxHostQueues 2 && net_in a tc qdisc del dev veth0 root &&
			proc_expect server 'bytes 2900' await bytes 2900 || return
		# A slow machine, as an emulated one, has had a third RTO before the queue was gone.
		CASE_FAILED=$(net_rise "$NET_A" TcpExt TCPSpuriousRtxHostQueues)
		case_expect otb-client rto $((CASE_FAILED - 2))
		case_count TCPTimeouts="$CASE_FAILED" TCPSpuriousRtxHostQueues="$CASE_FAILED"
		;;
	esac
}

# The local firewall refuses two retransmissions (-EPERM), which count as segments nevertheless; the third gets through.
case_fail_perm() {
	local size=1052 command=iptables-legacy
	[ "$CASE_IP" != 6 ] || size=1072 command=ip6tables-legacy
	local -a rule=(-w -A OUTPUT -p tcp -m length --length "$size")
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_pair && case_lose_first || return
		# The first goes out; of the others, as many as fit into the quota are dropped.
		net_in a "$command" "${rule[@]}" -m statistic --mode nth --every 1000 --packet 0 -j ACCEPT &&
			net_in a "$command" "${rule[@]}" -m quota --quota $((2 * size)) -j DROP || return
		CASE_FAILED=2 CASE_ERROR=-1
		case_expect otb-client rto 3
		case_count RetransSegs=3 TCPTimeouts=3 TCPRetransFail=2
		;;
	provoke) proc_expect otb-client 'sent 1' send 1 1000 ;;
	finish) proc_expect server 'bytes 1100' await bytes 1100 ;;
	esac
}

# The egress hook of the device drops one retransmission: NET_XMIT_DROP, a positive error. It counts as a segment. The
# kernel takes it for congestion of its own queue and tries again after half a second, another RTO.
case_fail_egress() {
	case $1 in
	setup)
		case_clear
		case_without_tlp && case_pair && case_lose_first &&
			net_drop drop-egress "$NET_A" egress "drop data skip 1 count 1" || return
		CASE_FAILED=1 CASE_ERROR=1
		case_expect otb-client rto 2
		case_count RetransSegs=2 TCPTimeouts=2 TCPRetransFail=1
		;;
	provoke) proc_expect otb-client 'sent 1' send 1 1000 ;;
	finish) proc_expect server 'bytes 1100' await bytes 1100 ;;
	esac
}
