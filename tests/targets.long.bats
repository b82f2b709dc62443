#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The Go programs of targets.bats by more releases, and those that need modules, which takes minutes to build.

bats_require_minimum_version 1.5.0

# bats file_tags=no-san

setup_file() {
	export BATS_TEST_TIMEOUT=900
}

setup() {
	load lib/net
	load lib/go
	load lib/trace
}

teardown() {
	net_down
}

# exchanged_in_all MINOR: every protocol, every mix
exchanged_in_all() {
	local proto mix
	target_build httpserver "$1" static-stripped
	client_build "$1"
	for proto in http1 tls h2; do
		for mix in http end work sql; do
			exchanged $proto $mix
		done
		exchanged $proto fan 50
	done
}

@test "httpserver and httpclient, 1.17" {
	exchanged_in_all 1.17
}

@test "httpserver and httpclient, 1.20" {
	exchanged_in_all 1.20
}

@test "httpserver and httpclient, 1.22" {
	exchanged_in_all 1.22
}

@test "httpserver and httpclient, 1.24" {
	exchanged_in_all 1.24
	exchanged h2c all
}

@test "httpserver and httpclient, 1.27" {
	exchanged_in_all 1.27
	exchanged h2c all
}

# ---- what has modules ------------------------------------------------------------------------------------------------

# remote RELEASE: gRPC-Go
remote() {
	local proto
	target_build_with grpc/grpcserver "$1" static-stripped
	client_build_with "$1"
	for proto in plain tls h2c https; do
		called $proto
	done
	called plain -workers 4 -- -in-flight 50
}

@test "gRPC-Go 1.40.0" {
	remote 1.40.0
}

@test "gRPC-Go 1.60.0" {
	remote 1.60.0
}

@test "gRPC-Go 1.74.0" {
	remote 1.74.0
}

@test "gRPC-Go 1.83.2" {
	remote 1.83.2
}

# extended RELEASE...: golang.org/x/net/http2
extended() {
	local release
	# Any client will do, and those of old have no h2c.
	client_build 1.27
	for release; do
		target_build_with xnet "$release" static-stripped
		exchanged h2 all
		exchanged h2c all
	done
}

@test "golang.org/x/net/http2" {
	extended 0.7.0 0.17.0 0.30.0 0.38.0 0.62.0
}

# routed NAME RELEASE...: a router that is not net/http's
routed() {
	local release
	client_build 1.27
	for release in "${@:2}"; do
		target_build_with "$1" "$release" static-stripped
		exchanged http1 plain
		exchanged h2 plain
	done
}

@test "gin" {
	routed gin 1.7.7 1.9.1 1.12.0
}

@test "chi" {
	routed chi 5.0.0 5.0.12 5.5.0
}

@test "gorilla/mux" {
	routed gorilla 1.7.4 1.8.0 1.8.1
}

@test "echo" {
	routed echo 4.6.3 4.11.4 4.16.0
}
