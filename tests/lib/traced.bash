# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is read by who sourced this
#
# What otb-trace printed, held to the logs of the programs that it looked at (lib/trace, lib/tracer).
#
#	traced_check PROGRAM LOG	fails with what a jq program prints: what is not true, a line each. Its input is the
#					log, and it has what TRACED defines
#	traced_without EVENT		fails if there is a record of this kind
#	traced_missing			whether memory of the program could not be read: constants of its file that nothing had
#					touched yet, or that the kernel had dropped, are not there for a probe

# The client spans by id, and for a server's log what it handled, and the server span of each, by id too. A span does not
# tell its id where there are more headers than are looked at; but a goroutine serves one request after the other. Times
# are ns of one clock.
TRACED='
def ns: capture("^(?<s>.*)[.](?<ns>[0-9]+)Z$") | ((.s + "Z" | fromdate) % 864000) * 1e9 + (.ns | tonumber);
def span_end: (.time | ns) + .duration_ns;
def queues(time): group_by(.goroutine_id) | map({ key: "\(.[0].goroutine_id)", value: sort_by(time) }) | from_entries;
($spans | map(select(.event == "span"))) as $all
| ($all | map(select(.span_kind == "client"))) as $clients
| ($all | map(select(.span_kind == "server"))) as $servers
| ($clients | group_by(.http_request_header_x_test_id)
	| map({ key: (.[0].http_request_header_x_test_id // "none"), value: . }) | from_entries) as $client
| (map(select(.event == "handled")) | queues(.start_ns)) as $handlers
| ($servers | queues(.time)) as $queues
| ([$handlers[][] | { key: .id, value: . }] | from_entries) as $handled
| ([$handlers | to_entries[] | .key as $g | [.value, $queues[$g] // []] | transpose[]
	| { key: (.[0].id // "none"), value: .[1] }] | from_entries) as $server
| '

traced_check() {
	local wrong
	wrong=$(jq -c -s --slurpfile spans "$TRACER_OUT" "$TRACED $1" "$2") || return
	[ -z "$wrong" ] || {
		echo "not true: ${wrong:0:3000}" >&2
		return 1
	}
}

traced_without() {
	local found
	found=$(jq -c "select(.event == \"$1\")" "$TRACER_OUT") || return
	[ -z "$found" ] || {
		echo "$found" >&2
		return 1
	}
}

traced_missing() {
	grep -q '"event":"lost".*"where":"fault"' "$TRACER_OUT"
}
