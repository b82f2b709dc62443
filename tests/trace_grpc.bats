#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-trace against what gRPC-Go services and their clients know themselves of each call (lib/trace): four releases years
# apart, each by a Go of its time, by gRPC's own server, with stream workers, by TLS, and below net/http.

# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

# rpcs_run PROTO SERVER-OPTION... -- TRACER-OPTION...: calls of all kinds, with server and client traced
rpcs_run() {
	local proto=$1 options=() status=0
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	rm -f "$BATS_TEST_TMPDIR"/{server,client}.log
	server_start -- "$proto" "${options[@]}"
	proc_start client - "$CLIENT" -address "$SERVER_ADDRESS" -proto "$proto" -log "$BATS_TEST_TMPDIR/client.log" \
		-in-flight 11 -hold
	proc_read client
	SERVER_PID=${PROC_PID[server]} CLIENT_PID=${PROC_PID[client]}
	tracer_start otb-trace -p "$SERVER_PID" -p "$CLIENT_PID" --header x-test-id "${@:2}"
	proc_say client go
	proc_read client 60
	[[ $REPLY = 'sent 1009 wrong 0' ]]
	wait "$CLIENT_PID" || status=$?
	[ "$status" -eq 0 ]
	proc_forget client
	server_end
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
}

# rpcs_checked [OPTION]...: every call is a span on both sides, as they know it
rpcs_checked() {
	run python3 "$GO_ROOT/tests/lib/rpc_check.py" "$@" "$TRACER_OUT" "$BATS_TEST_TMPDIR/server.log" \
		"$BATS_TEST_TMPDIR/client.log" "$SERVER_PID" "$CLIENT_PID"
	[ "$status" -eq 0 ] || {
		echo "$output" >&2
		return 1
	}
	echo "# $output" >&3
	run jq -r 'select(.event == "lost" or .event == "unfinished") | .where' "$TRACER_OUT"
	[ -z "$output" ] || [ "$(sort -u <<<"$output")" = headers ]
}

# released RELEASE MODE: gRPC's own server
released() {
	target_build_with grpc/grpcserver "$1" "$2"
	client_build_with "$1"
	rpcs_run plain --
	rpcs_checked
	rpcs_run tls --
	rpcs_checked
	# A call that a client has given up may end without a status; the worker goes on with another one.
	rpcs_run plain -workers 4 --
	rpcs_checked
}

# below RELEASE: by ServeHTTP
below() {
	target_build_with grpc/grpcserver "$1" static-stripped
	client_build_with "$1"
	rpcs_run h2c --
	rpcs_checked --below
	rpcs_run https --
	rpcs_checked --below
}

@test "gRPC-Go 1.40.0" {
	released 1.40.0 static-stripped
}

# bats test_tags=long
@test "gRPC-Go 1.60.0" {
	released 1.60.0 pie-stripped
}

# bats test_tags=long
@test "gRPC-Go 1.74.0" {
	released 1.74.0 plain
}

@test "gRPC-Go 1.83.2" {
	released 1.83.2 static-stripped
}

# bats test_tags=long
@test "gRPC-Go 1.40.0 below net/http" {
	below 1.40.0
}

# bats test_tags=long
@test "gRPC-Go 1.60.0 below net/http" {
	below 1.60.0
}

@test "gRPC-Go 1.83.2 below net/http" {
	below 1.83.2
}

@test "sampling: what a caller has decided, and the calls that its handler makes" {
	target_build_with grpc/grpcserver 1.83.2 static-stripped
	client_build_with 1.83.2
	rpcs_run plain -- --ratio 0
	rpcs_checked --sampled
}
