#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The part of http.bats that takes long: what takes its time is ended.
#
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own `background`, `input`, `port`, `url`, of lib/http

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	PATH=${OTB_BUILD:-$root/build}:$PATH
	cd "$BATS_TEST_TMPDIR" || return
	load lib/http
	load lib/net
}

teardown() {
	serve_kill
	net_down
}

# trickle BYTES: sends these, then a byte a second; succeeds once the connection is closed, and not before 20 of them
trickle() {
	local n got
	connect
	# shellcheck disable=SC2059 # it is a format
	printf "$1" 1>&"$connection"
	for n in {1..60}; do
		got=0
		read -r -t 1 -u "$connection" || got=$?
		if ((got <= 128)); then
			((n > 20))
			return
		fi
		(printf a 1>&"$connection") 2>/dev/null || true
	done
	return 1
}

@test "one that never comes to the end of its request is ended" {
	local pid
	local -a clients=()
	serve
	trickle 'GET /metrics HTTP/1.1\r\nX: ' &
	clients+=($!)
	trickle 'GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n' &
	clients+=($!)
	for pid in "${clients[@]}"; do
		wait "$pid"
	done
	[ "$(get "$url/healthz")" = ok ]
	stop
}

@test "one that does not take its page is ended, and the kernel keeps nothing of it" {
	unshare --net true 2>/dev/null || skip 'network namespaces are not permitted here'
	net_up
	# shellcheck disable=SC2034 # for serve
	space=$NET_A
	# Small enough for a page to be more than what the kernel takes.
	net_sysctl "$NET_A" 'tcp_wmem=4096 4096 4096' 'tcp_rmem=4096 4096 4096'
	serve
	jq -n -c 'range(1000) | {event: "tcp_retransmit", comm: "c\(.)"}' >&"$input"
	inside() {
		nsenter "--net=/run/netns/$NET_A" -- "$@"
	}
	takes_all() {
		inside curl --silent "$url/metrics" | grep -q '^otb_expose_lines_total 1000$'
	}
	await takes_all
	# shellcheck disable=SC2016 # the inner shell expands it
	proc_start reader "$NET_A" bash -c '
		exec 3<>/dev/tcp/127.0.0.1/$1
		printf "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" >&3
		echo asked
		read -r' - "$port"
	proc_read reader
	connections() { # whatever state they are in
		inside ss -H -t -n state connected exclude time-wait "sport = :$port"
	}
	is_held_up() {
		connections | awk '$3 > 0 { held = 1 } END { exit !held }'
	}
	is_gone() {
		[ -z "$(connections)" ]
	}
	await is_held_up
	await is_gone || await is_gone || await is_gone
	proc_end reader
	takes_all
	stop
}
