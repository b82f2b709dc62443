# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is read by who sourced this
#
# Go programs that serve and make requests and log what they know of each (tests/target/go), for tests of otb-trace.
# Needs lib/net (processes) and lib/go, for what traces lib/tracer.
#
#	target_build NAME MINOR MODE [BUILD-OPTION]...	TARGET is a copy of tests/target/go/NAME that nobody else runs; skips
#							the test where there is no such Go
#	target_build_with NAME RELEASE MODE [MINOR]	the same with a release of the module that the program is about, by the Go
#							that TARGET_RELEASES names for it if no other is given
#	hostile_build MINOR MODE			the program hostile, over a net/http with a place to break requests
#	server_start [NAME] -- PROTO [OPTION]...	TARGET serves; its log is NAME.log in the test's folder, its address is
#							in SERVER_ADDRESS. NAME is `server` if not given
#	server_end [NAME]				it ends when its handlers have, with 0
#	client_run PROTO [OPTION]...			CLIENT sends to SERVER_ADDRESS, all as expected; its log is client.log
#	exchanges_check SERVER-LOG CLIENT-LOG		the two agree with each other; calls_check: those of gRPC
#
#	traced PROTO [OPTION]...			TARGET serves, and is traced
#	checked [OPTION]...				the spans are as client and server know them (spans_check.py)
#
#	exchanged PROTO MIX [IN-FLIGHT]			all of that; called PROTO [SERVER-OPTION]... [-- CLIENT-OPTION...]: of gRPC
#
#	OTB_GO_BUILT					not empty: there is no Go; what is not built already is skipped (kernel-matrix)
#	OTB_PATIENCE					how many seconds a round of requests may take
#
#	CLIENT						what client_run runs, a file; client_build sets it
#	client_build MINOR				it becomes httpclient, client_build_with RELEASE: grpcclient

CLIENT_SECONDS=${OTB_PATIENCE:-60}

# Program and release of its module -> the release of Go that it is built by. The oldest is in the program's go.mod, any
# other in go.RELEASE.mod.
declare -gA TARGET_RELEASES=(
	[grpc 1.40.0]=1.17 [grpc 1.60.0]=1.21 [grpc 1.74.0]=1.23 [grpc 1.83.2]=1.26
	[xnet 0.7.0]=1.20 [xnet 0.17.0]=1.21 [xnet 0.30.0]=1.22 [xnet 0.38.0]=1.23 [xnet 0.62.0]=1.26
	[gin 1.7.7]=1.20 [gin 1.9.1]=1.21 [gin 1.12.0]=1.26
	[chi 5.0.0]=1.20 [chi 5.0.12]=1.22 [chi 5.5.0]=1.26
	[gorilla 1.7.4]=1.17 [gorilla 1.8.0]=1.21 [gorilla 1.8.1]=1.26
	[echo 4.6.3]=1.20 [echo 4.11.4]=1.21 [echo 4.16.0]=1.26
)

# target_file NAME MINOR MODE [BUILD-OPTION]...: prints where the program is kept
target_file() {
	local tag=${*:4}
	tag=${tag//"$GO_ROOT/"/}
	echo "$GO_BUILT/$1-$2-$3${tag//[^[:alnum:]]/-}"
}

# target_make: the same arguments
target_make() {
	if [ -n "${OTB_GO_BUILT-}" ]; then
		[ -x "$(target_file "$@")" ] || skip "not built: $*"
		return
	fi
	go_toolchain "$2" >/dev/null 2>"$BATS_TEST_TMPDIR/why" || skip "Go ${GO_RELEASES[$2]}: $(cat "$BATS_TEST_TMPDIR/why")"
	go_build "$2" "$3" "$(target_file "$@")" "$GO_ROOT/tests/target/go/$1" "${@:4}"
}

target_build() {
	target_make "$@" || return
	TARGET=$(mktemp -d -p "$BATS_TEST_TMPDIR")/${1##*/}
	cp "$(target_file "$@")" "$TARGET"
}

# target_resolve NAME RELEASE MODE [MINOR]: into ARGUMENTS, for target_make
target_resolve() {
	local modules=$GO_ROOT/tests/target/go/${1%%/*}/go.$2.mod
	ARGUMENTS=("$1" "${4:-${TARGET_RELEASES[${1%%/*} $2]:?}}" "$3")
	[ ! -e "$modules" ] || ARGUMENTS+=("-modfile=$modules")
}

# target_fetched: the same arguments; what is not in the module cache may be out of reach
target_fetched() {
	local folder=$GO_ROOT/tests/target/go/${1%%/*} go
	[ -z "${OTB_GO_BUILT-}" ] || return 0
	go=$(go_toolchain "${ARGUMENTS[1]}" 2>"$BATS_TEST_TMPDIR/why") ||
		skip "Go ${ARGUMENTS[1]}: $(cat "$BATS_TEST_TMPDIR/why")"
	(cd "$folder" && GOENV=off GOWORK=off GOTOOLCHAIN=local GOFLAGS='' timeout "$GO_FETCH_SECONDS" \
		"$go" mod download "${ARGUMENTS[@]:3}" 2>"$BATS_TEST_TMPDIR/why") ||
		skip "$1 $2: $(tr '\n' ' ' <"$BATS_TEST_TMPDIR/why")"
}

target_build_with() {
	local ARGUMENTS
	target_resolve "$@" && target_fetched "$@" && target_build "${ARGUMENTS[@]}"
}

# hostile_overlay GO FOLDER: a net/http that lets the program at a request that it is about to serve, or to finish
hostile_overlay() {
	local source
	source=$("$1" env GOROOT)/src/net/http/server.go
	mkdir -p "$2" && sed -E '
		s/^\t\tserverHandler\{c\.server\}\.ServeHTTP\(w, w\.req\)$/\t\tHostile(w.req, \&w.conn.rwc, 0)\n&/
		s/^\t\tw\.finishRequest\(\)$/\t\tHostile(w.req, \&w.conn.rwc, 1)\n&\n\t\tHostile(w.req, \&w.conn.rwc, 2)/
		$a var Hostile = func(*Request, *net.Conn, int) {}' "$source" >"$2/server.go" &&
		printf '{"Replace": {"%s": "%s"}}' "$source" "$2/server.go" >"$2/overlay.json" &&
		[ "$(grep -c '^.*Hostile(' "$2/server.go")" -eq 3 ]
}

hostile_build() {
	# It needs no modules, and nothing below the module cache, where the toolchain lies, may be replaced.
	local go folder=$GO_BUILT/overlay-$1 GO_ENVIRONMENT=("GOMODCACHE=$GO_BUILT/no-modules")
	go=$(go_toolchain "$1" 2>"$BATS_TEST_TMPDIR/why") || skip "Go ${GO_RELEASES[$1]}: $(cat "$BATS_TEST_TMPDIR/why")"
	hostile_overlay "$go" "$folder" && target_build hostile "$1" "$2" "-overlay=$folder/overlay.json"
}

client_build() {
	target_make httpclient "$1" static && CLIENT=$(target_file httpclient "$1" static)
}

client_build_with() {
	local ARGUMENTS
	target_resolve grpc/grpcclient "$1" static && target_fetched grpc/grpcclient "$1" static &&
		target_make "${ARGUMENTS[@]}" && CLIENT=$(target_file "${ARGUMENTS[@]}")
}

server_start() {
	local name=server
	[ "$1" = -- ] || { name=$1 && shift; }
	proc_start "$name" - "$TARGET" -proto "$2" -log "$BATS_TEST_TMPDIR/$name.log" "${@:3}" && proc_read "$name" || return
	[[ $REPLY = 'ready '* ]] || net_complain "'$name' says '$REPLY'" || return
	SERVER_ADDRESS=${REPLY##* }
}

server_end() {
	local name=${1:-server} status=0 rest
	proc_say "$name" end || return
	while read -r -t 30 -u "${PROC_OUT[$name]}" rest; do :; done
	wait "${PROC_PID[$name]}" || status=$?
	[ "$status" -eq 0 ] || net_complain "'$name' ended with status $status: $(cat "$NET_DIR/$name.err")" || return
	proc_forget "$name"
}

client_run() {
	timeout "$CLIENT_SECONDS" "$CLIENT" -address "$SERVER_ADDRESS" -proto "$1" -log "$BATS_TEST_TMPDIR/client.log" "${@:2}" ||
		{
			jq -c 'select(.wrong != "")' "$BATS_TEST_TMPDIR/client.log" | head -n 5 >&2
			return 1
		}
}

# What is wrong, a line each: [id, what]. Of a client that does not wait for the end, and of a handler that ends its own
# connection, the times do not tell which is first. What expired may never have been sent, on a machine that is busy.
EXCHANGES_COMPARE='
def told: [.sent_headers | to_entries[] | select(.key | ascii_downcase == "traceparent") | .value[]];
(map(select(.event == "handled")) | group_by(.id) | map({ key: .[0].id, value: . }) | from_entries) as $handled
| map(select(.event == "call")) as $calls
| ($sent[] | . as $s | ($handled[.id] // []) as $all | $all[0] as $h
	| if .outcome == "expired" and $all == [] then empty
	elif ($all | length) != 1 then [.id, "handled", ($all | length)] else
		(if .method != $h.method then [.id, "method", .method, $h.method] else empty end),
		(if .endpoint != $h.endpoint then [.id, "endpoint", .endpoint, $h.endpoint] else empty end),
		(if (.endpoint == "") != ($h.pattern == "") then [.id, "pattern", $h.pattern] else empty end),
		(if .local != $h.peer then [.id, "peer", .local, $h.peer] else empty end),
		(if .peer != $h.local then [.id, "local", .peer, $h.local] else empty end),
		(if $h.status != 0 and .status != 0 and .status != $h.status then [.id, "status", .status, $h.status] else empty end),
		(if (told | sort) != ($h.traceparent // [] | sort) then [.id, "traceparent", told, $h.traceparent] else empty end),
		(if .connected_ns > $h.start_ns or $h.start_ns > $h.end_ns then [.id, "start"] else empty end),
		(if $h.end_ns > .end_ns and .outcome != "left" and .outcome != "expired" and $h.ending != "hijacked"
			then [.id, "end"] else empty end)
	end),
  ($calls[] | . as $c | $handled[.call_id][0] as $h
	| if .status != 0 and ($h == null or .start_ns > $h.start_ns or $h.end_ns > .end_ns)
		then [.call_id, "call", .kind] else empty end)'

# The same of gRPC. No handler sees a call without a method or a server.
CALLS_COMPARE='
def told: [.sent_headers | to_entries[] | select(.key | ascii_downcase == "traceparent") | .value[]];
(map(select(.event == "handled")) | group_by(.id) | map({ key: .[0].id, value: . }) | from_entries) as $handled
| map(select(.event == "call")) as $calls
| ($sent[] | . as $s | ($handled[.id] // []) as $all | $all[0] as $h
	| if .outcome == "missing" or .outcome == "refused" then $all[] | [.id, "handled"]
	elif .outcome == "expired" and $all == [] then empty
	elif ($all | length) != 1 then [.id, "handled", ($all | length)] else
		(if .method != $h.method then [.id, "method", .method, $h.method] else empty end),
		(if .local != $h.peer then [.id, "peer", .local, $h.peer] else empty end),
		(if .outcome == "answered" and .code != $h.code then [.id, "code", .code, $h.code] else empty end),
		(if (told | sort) != ($h.traceparent // [] | sort) then [.id, "traceparent", told, $h.traceparent] else empty end),
		(if .start_ns > $h.start_ns or $h.start_ns > $h.end_ns then [.id, "start"] else empty end),
		(if .outcome == "answered" and $h.end_ns > .end_ns then [.id, "end"] else empty end)
	end),
  ($calls[] | . as $c | $handled[.call_id][0] as $h
	| if $h == null or .start_ns > $h.start_ns or $h.end_ns > .end_ns then [.call_id, "call"] else empty end)'

# logs_check COMPARISON SERVER-LOG CLIENT-LOG
logs_check() {
	local wrong
	wrong=$(jq -c -s --slurpfile sent "$3" "$1" "$2") || return
	[ -z "$wrong" ] || net_complain "client and server do not agree: ${wrong:0:3000}"
}

exchanges_check() {
	logs_check "$EXCHANGES_COMPARE" "$@"
}

calls_check() {
	logs_check "$CALLS_COMPARE" "$@"
}

# ---- rounds ----------------------------------------------------------------------------------------------------------

# exchanged PROTO MIX [IN-FLIGHT]: TARGET and CLIENT, a round of requests, and both sides' logs agree
exchanged() {
	server_start -- "$1" && client_run "$1" -mix "$2" -in-flight "${3:-7}" -connections "${3:-7}" && server_end &&
		exchanges_check "$BATS_TEST_TMPDIR/server.log" "$BATS_TEST_TMPDIR/client.log"
}

# called PROTO [SERVER-OPTION]... [-- CLIENT-OPTION...]: the same of gRPC
called() {
	local proto=$1 options=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1") && shift
	done
	server_start -- "$proto" "${options[@]}" && client_run "$proto" "${@:2}" && server_end &&
		calls_check "$BATS_TEST_TMPDIR/server.log" "$BATS_TEST_TMPDIR/client.log"
}

# ---- the tracer ------------------------------------------------------------------------------------------------------

# traced PROTO [OPTION]...: the tracer is there, and the server
traced() {
	server_start -- "$1"
	tracer_start otb-trace -p "${PROC_PID[server]}" --header X-Test-Id "${@:2}"
}

# checked [OPTION]...: every request that the server has handled is a span, as client and server know it
checked() {
	local said
	said=$(python3 "$GO_ROOT/tests/lib/spans_check.py" "$@" "$TRACER_OUT" "$BATS_TEST_TMPDIR/server.log" \
		"$BATS_TEST_TMPDIR/client.log" 2>&1) || net_complain "$said" || return
	echo "# $said" >&3
}

# version PROTO: of HTTP
version() {
	case $1 in
	h2 | h2c) echo 2 ;;
	*) echo 1.1 ;;
	esac
}

# served MINOR MODE PROTO [OPTION-OF-THE-CHECK]...: 1,009 requests, and all the ways in which a handler can end
served() {
	local mix
	target_build httpserver "$1" "$2"
	client_build 1.27
	for mix in http end; do
		served_mix "$mix" "${@:3}"
	done
}

# served_mix MIX PROTO [OPTION-OF-THE-CHECK]...: again where memory of the program could not be read, as the tracer says:
# pages of its file that nothing had touched yet, or that the kernel had dropped, are not there for a probe
served_mix() {
	local try lost
	for try in {1..5}; do
		rm -f "$BATS_TEST_TMPDIR/client.log"
		traced "$2"
		client_run "$2" -mix "$1" -in-flight 11 -connections 11
		server_end
		tracer_wait
		[ "$TRACER_STATUS" -eq 0 ] || return
		lost=$(jq -r 'select(.event == "lost") | .where' "$TRACER_OUT" | sort -u)
		[ "$try" -lt 5 ] && [[ $lost = *fault* ]] || break
		echo "# memory of the program could not be read (try $try)" >&3
	done
	checked --proto "$(version "$2")" "${@:3}" && [ "${lost:-headers}" = headers ]
}
