# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Routes of spans, for the suites trace_routes and trace_routes.long. Needs lib/trace and what that needs.
#
#	routed PROTO MIX [OPTION]...		TARGET and CLIENT: a round, every span with the route that the service has
#	router_routed NAME RELEASE PROTO...	a router, by each protocol

routed() {
	rm -f "$BATS_TEST_TMPDIR/client.log"
	traced "$1"
	client_run "$1" -mix "$2" -in-flight 11 -connections 11
	server_end
	tracer_wait
	[ "$TRACER_STATUS" -eq 0 ]
	checked --proto "$(version "$1")" "${@:3}"
}

router_routed() {
	local proto
	client_build 1.27
	target_build_with "$1" "$2" static-stripped
	for proto in "${@:3}"; do
		routed "$proto" plain
	done
}
