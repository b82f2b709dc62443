# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A network for tests: two namespaces and a wire between them, and the processes in them. For bats and for scripts.
#
#	net_up			NET_A (10.77.0.1, fd77::1) and NET_B (10.77.0.2, fd77::2), each with the device veth0
#	net_down		ends every process that proc_start started and removes every namespace that net_up made;
#				safe to call at any time and twice: in teardown, or `trap net_down EXIT`
#
# TCP behaves the same there on every machine: reno (any other must be allowed by the host first), RTO >= 100 ms, every
# segment is acknowledged at once, nothing is remembered from one connection for the next, and neither ARP nor neighbour
# discovery sends a packet. Nothing of it lies in the caller's own namespace, so that suites can run beside each other.
#
#	net_missing		what keeps the rest from working here, or nothing
#
# Processes are spoken to in lines and answer in lines, so that no test needs to sleep:
#
#	proc_start NAME NS CMD...	NS is a namespace, or - for the one we are in
#	proc_read NAME [SECONDS]	one line into REPLY; fails at the end of the output and after 10 seconds
#	proc_say NAME WORD...		one line to its stdin
#	proc_ask NAME WORD...		both; fails if the answer begins with "error" or "failed"
#	proc_expect NAME ANSWER WORD...	both; fails if the answer is another
#	proc_end NAME			closes its stdin and waits until it has ended
#	proc_kill NAME			kills it

NET_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
NET_TESTS=${OTB_BUILD:-$NET_ROOT/build}/tests # where tcpload and dropper are
NET_DIR=                                      # pipes and stderr of the processes
NET_SPACES=()                                 # the namespaces there are
NET_MADE=0                                    # pairs made so far
declare -gA PROC_PID=() PROC_IN=() PROC_OUT=()
declare -gA NET_BEFORE=()                     # namespace -> what net_counters said

# ---- Processes -------------------------------------------------------------------------------------------------------

net_complain() {
	echo "net: $*" >&2
	return 1
}

proc_start() {
	local name=$1 ns=$2 in out
	local -a enter=()
	shift 2
	[ -z "${PROC_PID[$name]:-}" ] || net_complain "there is a process '$name' already" || return
	[ "$ns" = - ] || enter=(nsenter "--net=/run/netns/$ns" --)
	[ -n "$NET_DIR" ] || NET_DIR=$(mktemp -d "${TMPDIR:-/tmp}/otb-net.XXXXXX") || return
	mkfifo "$NET_DIR/$name.in" "$NET_DIR/$name.out" || return
	(
		# An inherited end of another's pipe would keep that one from seeing its end.
		for fd in "${PROC_IN[@]}" "${PROC_OUT[@]}"; do
			exec {fd}>&-
		done
		exec "${enter[@]}" "$@"
	) <"$NET_DIR/$name.in" >"$NET_DIR/$name.out" 2>"$NET_DIR/$name.err" 3>&- &
	PROC_PID[$name]=$!
	exec {in}>"$NET_DIR/$name.in" {out}<"$NET_DIR/$name.out"
	PROC_IN[$name]=$in PROC_OUT[$name]=$out
	rm -f "$NET_DIR/$name.in" "$NET_DIR/$name.out"
}

proc_read() {
	IFS= read -r -t "${2:-10}" -u "${PROC_OUT[$1]:?}" REPLY ||
		net_complain "no answer from '$1'; stderr: $(cat "$NET_DIR/$1.err")"
}

proc_say() {
	local name=$1
	shift
	# In a subshell, since writing to a process that is gone would end us.
	(printf '%s\n' "$*" >&"${PROC_IN[$name]:?}") 2>/dev/null || net_complain "'$name' does not listen"
}

proc_ask() {
	proc_say "$@" && proc_read "$1" || return
	case $REPLY in error* | failed*) net_complain "$* -> $REPLY" ;; esac
}

proc_expect() {
	local name=$1 answer=$2
	shift 2
	proc_say "$name" "$@" && proc_answered "$name" "$answer"
}

# proc_answered NAME ANSWER: for a line that was said before
proc_answered() {
	proc_read "$1" || return
	[ "$REPLY" = "$2" ] || net_complain "'$1' says '$REPLY', not '$2'"
}

# Forgets a process that has ended or is about to.
proc_forget() {
	local name=$1 in=${PROC_IN[$1]} out=${PROC_OUT[$1]}
	exec {in}>&- {out}<&-
	# Bash would report how it died.
	{ wait "${PROC_PID[$name]}"; } 2>/dev/null || true
	unset "PROC_PID[$name]" "PROC_IN[$name]" "PROC_OUT[$name]"
}

proc_end() {
	local in=${PROC_IN[$1]:?} REPLY
	exec {in}>&-
	# Its stdout ends when it does.
	while read -r -t 10 -u "${PROC_OUT[$1]}"; do :; done
	kill -KILL "${PROC_PID[$1]}" 2>/dev/null || true
	proc_forget "$1"
}

proc_kill() {
	kill -KILL "${PROC_PID[$1]:?}" 2>/dev/null || true
	proc_forget "$1"
}

# ---- Namespaces ------------------------------------------------------------------------------------------------------

# A dropper in a namespace of its own needs all that is needed: root, namespaces, eBPF, the programs.
net_missing() {
	local tool said
	for tool in ip tc ethtool ss nsenter unshare iptables-legacy ip6tables-legacy; do
		command -v "$tool" >/dev/null || { echo "no $tool" && return; }
	done
	said=$(unshare --net "$NET_TESTS/dropper" lo ingress </dev/null 2>&1) || echo "${said##*$'\n'}"
}

# net_in a|b|NS CMD...
net_in() {
	local ns=$1
	shift
	case $ns in a) ns=$NET_A ;; b) ns=$NET_B ;; esac
	nsenter "--net=/run/netns/$ns" -- "$@"
}

# net_inode NS: what lsns and `ls -i` show, and what records carry as netns
net_inode() {
	stat -L -c %i "/run/netns/$1"
}

# net_sysctl NS NAME=VALUE...: below net.ipv4
net_sysctl() {
	# shellcheck disable=SC2016 # the inner shell expands it
	net_in "$1" sh -c 'for s; do echo "${s#*=}" >"/proc/sys/net/ipv4/${s%%=*}" || exit; done' sh "${@:2}"
}

# net_side NS OWN PEER: one end of the wire
net_side() {
	ip -n "$1" -batch - <<-END
		link set lo up
		link set veth0 address 02:00:00:00:77:0$2 addrgenmode none
		link set veth0 up
		address add 10.77.0.$2/24 dev veth0
		address add fd77::$2/64 dev veth0 nodad
		neighbour replace 10.77.0.$3 lladdr 02:00:00:00:77:0$3 dev veth0 nud permanent
		neighbour replace fd77::$3 lladdr 02:00:00:00:77:0$3 dev veth0 nud permanent
		route add 10.77.0.$3/32 dev veth0 src 10.77.0.$2 rto_min 100ms quickack 1
		route add fd77::$3/128 dev veth0 src fd77::$2 rto_min 100ms quickack 1
	END
	net_sysctl "$1" tcp_congestion_control=reno tcp_no_metrics_save=1 tcp_early_retrans=3
}

# The wire carries packets from the moment its queueing discipline is there, which comes some time after "up".
net_settle() {
	local try
	for try in {1..500}; do
		# It complains about other namespaces that come or go at the moment.
		case $(ip -n "$1" -o link show veth0 2>/dev/null) in *qdisc\ noqueue\ state\ UP*) return 0 ;; esac
		sleep 0.01
	done
	net_complain "veth0 in $1 does not come up ($try tries)"
}

# May be called again for a second pair with the same addresses: NET_A and NET_B then name the new one.
net_up() {
	NET_MADE=$((NET_MADE + 1))
	NET_A=otb-$BASHPID-$NET_MADE-a NET_B=otb-$BASHPID-$NET_MADE-b
	NET_SPACES+=("$NET_A" "$NET_B")
	ip netns add "$NET_A" && ip netns add "$NET_B" &&
		ip -n "$NET_A" link add veth0 type veth peer name veth0 netns "$NET_B" &&
		net_side "$NET_A" 1 2 && net_side "$NET_B" 2 1 && net_settle "$NET_A" && net_settle "$NET_B"
}

net_down() {
	local name ns pid
	for name in "${!PROC_PID[@]}"; do
		proc_kill "$name"
	done
	for ns in "${NET_SPACES[@]}"; do
		[ -e "/run/netns/$ns" ] || continue
		# What those processes left behind there: the namespace is ours, and so is all that runs in it.
		for pid in $(ip netns pids "$ns"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		# A socket that still retransmits would keep the namespace, without a name, for minutes.
		net_in "$ns" ss -K -t -a >/dev/null 2>&1 || true
		ip netns delete "$ns"
	done
	NET_SPACES=()
	[ -z "$NET_DIR" ] || rm -rf "$NET_DIR"
	NET_DIR=
}

# net_offload NS on|off: whether one skb on the wire may hold many segments. Off, each is one packet when it arrives
# (not when it leaves: TCP builds large ones always, and they are cut behind the egress hook).
net_offload() {
	net_in "$1" ethtool -K veth0 tso "$2" gso "$2" gro off >/dev/null 2>&1
}

# net_offload_state NS: "on" or "off"
net_offload_state() {
	net_in "$1" ethtool -k veth0 | awk '$1 == "tcp-segmentation-offload:" { print $2 }'
}

# net_drop NAME NS ingress|egress [RULE]...: a dropper at veth0, spoken to as the process NAME
net_drop() {
	local name=$1 ns=$2
	proc_start "$name" "$ns" "$NET_TESTS/dropper" veth0 "${@:3}" || return
	until proc_read "$name" && [ "$REPLY" = ready ]; do
		[[ $REPLY = rule* ]] || return
	done
}

# ---- Counters --------------------------------------------------------------------------------------------------------

# net_counters NS: "GROUP NAME VALUE" for all of snmp and netstat
net_counters() {
	net_in "$1" awk '$1 != group { group = $1; split($0, names); next }
		{ for (i = 2; i <= NF; i++) print substr(group, 1, length(group) - 1), names[i], $i; group = "" }
	' /proc/net/snmp /proc/net/netstat
}

# net_snmp NS Tcp RetransSegs, net_netstat NS TcpExt TCPTimeouts
net_snmp() {
	net_counters "$1" | awk -v g="$2" -v n="$3" '$1 == g && $2 == n { print $3 }'
}

net_netstat() {
	net_snmp "$@"
}

# net_snapshot NS...: remembers all counters for net_rise
net_snapshot() {
	local ns
	for ns; do
		NET_BEFORE[$ns]=$(net_counters "$ns") || return
	done
}

# net_rise NS GROUP NAME: since net_snapshot
net_rise() {
	{ echo "${NET_BEFORE[$1]:?}" && net_counters "$1"; } | awk -v g="$2" -v n="$3" '
		$1 == g && $2 == n { if (seen++) print $3 - before; else before = $3 }'
}

# net_rise_to NS GROUP NAME LEAST: waits, at most 10 seconds
net_rise_to() {
	local try
	for try in {1..1000}; do
		[ "$(net_rise "$1" "$2" "$3")" -lt "$4" ] || return 0
		sleep 0.01
	done
	net_complain "$3 does not rise by $4 ($try tries)"
}
