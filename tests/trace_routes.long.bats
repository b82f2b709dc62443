#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The routes of trace_routes.bats by all the releases that there are targets of.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup_file() {
	export BATS_TEST_TIMEOUT=1800
	load lib/tracer
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
}

setup() {
	load lib/net
	load lib/tracer
	load lib/go
	load lib/trace
	load lib/routes
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

teardown() {
	tracer_kill
	net_down
}

# mux_routed MINOR MODE: net/http's ServeMux of 1.21
mux_routed() {
	client_build 1.27
	target_build httpserver "$1" "$2"
	export GODEBUG=httpmuxgo121=1
	routed http1 http
	routed h2 http
}

@test "ServeMux, 1.17" {
	mux_routed 1.17 pie-stripped
}

@test "ServeMux, 1.18" {
	mux_routed 1.18 static-stripped
}

@test "ServeMux, 1.19" {
	mux_routed 1.19 static-stripped
}

@test "ServeMux, 1.21" {
	mux_routed 1.21 plain
}

@test "ServeMux of 1.21 in 1.22" {
	mux_routed 1.22 static-stripped
}

@test "ServeMux of 1.21 in 1.24" {
	mux_routed 1.24 pie-stripped
}

@test "ServeMux of 1.21 in 1.26" {
	mux_routed 1.26 plain
}

@test "gin 1.7.7" {
	router_routed gin 1.7.7 http1 tls h2
}

@test "gin 1.12.0" {
	router_routed gin 1.12.0 http1 tls h2
}

@test "chi 5.0.0" {
	router_routed chi 5.0.0 http1 tls h2
}

@test "chi 5.0.12" {
	router_routed chi 5.0.12 http1 tls h2
}

@test "gorilla/mux 1.7.4" {
	router_routed gorilla 1.7.4 http1 tls h2
}

@test "gorilla/mux 1.8.0" {
	router_routed gorilla 1.8.0 http1 tls h2
}

@test "echo 4.6.3" {
	router_routed echo 4.6.3 http1 tls h2
}

@test "echo 4.11.4" {
	router_routed echo 4.11.4 http1 tls h2
}

# xnet_routed RELEASE [MINOR [OPTION-OF-THE-CHECK]...]: golang.org/x/net/http2, all the ways in which a handler can end too
xnet_routed() {
	local proto mix
	client_build 1.27
	target_build_with xnet "$1" static-stripped "${@:2:1}"
	for proto in h2 h2c; do
		for mix in http end; do
			routed "$proto" "$mix" "${@:3}"
		done
	done
}

@test "golang.org/x/net/http2 0.7.0" {
	xnet_routed 0.7.0
}

@test "golang.org/x/net/http2 0.17.0" {
	xnet_routed 0.17.0
}

@test "golang.org/x/net/http2 0.38.0" {
	xnet_routed 0.38.0
}

@test "golang.org/x/net/http2 0.62.0" {
	xnet_routed 0.62.0
}

@test "golang.org/x/net/http2 0.62.0 with Go 1.27, where it is net/http's" {
	xnet_routed 0.62.0 1.27 --forgets /end/wait
}
