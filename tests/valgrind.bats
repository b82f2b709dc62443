#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Programs and unit tests under valgrind's memcheck: what the sanitizers do not see is memory that is used before it is
# set. Records pass through the filters in all their forms, and tracers trace. What they print is for other suites.
#
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own `background`, `input`, `url`, of lib/http
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/valgrind
	load lib/tracer
	load lib/gcloop
	command -v valgrind >/dev/null || return 0
	bpf_permitted || touch "$BATS_FILE_TMPDIR/no-bpf"
	valgrind_wrap "$BATS_FILE_TMPDIR/build"
	gcloop_build "$BATS_FILE_TMPDIR/gcloop" 2>"$BATS_FILE_TMPDIR/no-go" || :
}

setup() {
	command -v valgrind >/dev/null || skip 'no valgrind'
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	records=$root/tests/records
	build=${OTB_BUILD:-$root/build}
	export OTB_BUILD=$BATS_FILE_TMPDIR/build
	PATH=$OTB_BUILD:$PATH
	load lib/valgrind
	load lib/net
	load lib/cases
	load lib/tracer
	load lib/http
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	serve_kill
	tracer_kill
	net_down
}

need_bpf() {
	[ ! -e "$BATS_FILE_TMPDIR/no-bpf" ] || skip 'eBPF is not permitted here'
}

need_go() {
	[ -x "$BATS_FILE_TMPDIR/gcloop" ] || skip "no Go program to look at: $(cat "$BATS_FILE_TMPDIR/no-go")"
}

# passes [CODE] PROGRAM...: it finds nothing, and the program's own exit code is CODE (0)
passes() {
	local wanted=0 code=0
	case $1 in [0-9]) wanted=$1 && shift ;; esac
	"$@" >out 2>err || code=$?
	[ "$code" -eq "$wanted" ] || { echo "exit code $code of $*" && grep -v unhandled err | head -n 60 && return 1; }
}

# ---- itself ----------------------------------------------------------------------------------------------------------

@test "what is to be found is found" {
	cat >wrong.c <<-'END'
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			char *bytes = malloc(8), what = argv[1][0];
			int code = 0;
			if (what == 'u')
				code = bytes[argc] ? 1 : 2;
			if (what != 'l')
				free(bytes);
			bytes = NULL;
			return code;
		}
	END
	gcc -O0 -g wrong.c -o wrong
	run -0 memcheck ./wrong nothing
	run "-$VALGRIND_CODE" memcheck ./wrong uninitialised
	run "-$VALGRIND_CODE" memcheck ./wrong leak
}

# ---- unit tests ------------------------------------------------------------------------------------------------------

# units NAME...: unit tests, as many at a time as there are processors
units() {
	local bad
	bad=$(printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c \
		"${VALGRIND[*]} '$build/tests/unit/{}' >'{}.out' 2>&1 || echo {} with \$?")
	[ -z "$bad" ] || { echo "failed: $bad" && tail -n 60 "${bad%% *}.out" && return 1; }
}

@test "unit tests: formats and tables" {
	units buffer json_walk utf8 table tracestate
}

# ---- filters ---------------------------------------------------------------------------------------------------------

@test "records through otb-sample and otb-expose" {
	passes otb-sample --trace --keep 'error_type exists' --one-in 3 --explain --stats <"$records/trace-recorded.jsonl"
	passes otb-expose -m 'counter lines_total{event}' <"$records/tcpretrans-recorded.jsonl"
}

# hostile: what is no record, or a strange one
hostile() {
	printf '%s\n' '{"a":' '[1]' '' '{"a":"\u00e9\ud83d\ude00","b":1e400,"b":-0}' '{"a":{"b":[1,{"c":null}]}}' '{}' '{"a":"'$'\xff''"}' \
		'{"trace_id":"00000000000000000000000000000000","time":"x"}' '{"sampling_threshold":"fffffffffffffff"}'
	printf '{"a":"%070000d"}\n{"torn":' 7
}

# bats test_tags=long
@test "otb-sample by every sampler, and by none" {
	local spans=$records/trace-recorded.jsonl options
	hostile >bad
	while read -r -a options; do
		passes otb-sample "${options[@]}" --stats --explain <"$spans"
		passes otb-sample "${options[@]}" --trace --linger 1ms --max-memory 1M <"$spans"
		passes otb-sample "${options[@]}" <bad
	done <<-'END'
		--ratio 0.3
		--one-in 7 --key comm --mode equalizing
		--rate 10/s --tick 100ms
		--rate 10/s --token-bucket
		--adaptive 10/s --key name --key span_kind --keys 2
		--ratio 0.1 --adaptive-signal errors,latency
		--first 2 --per name --every 1s
		--first 2 --per name --every 1s --one-in 3 --dry-run
	END
}

# bats test_tags=long
@test "otb-sample by rules, from a file that is read again, and what it redacts" {
	local spans=$records/trace-recorded.jsonl
	hostile >bad
	printf '{"rules":["a: error_type exists -> keep","b: name =~ \\"^GET\\" and duration_ns > 1ms -> 1/2"]}\n' >rules.json
	(umask 077 && echo 'a key of more than 16 bytes' >key)
	passes otb-sample --rules rules.json --rule 'c: trace_spans > 2 and root.name exists -> 0.5' --trace --stats <"$spans"
	passes otb-sample --redact name:hash comm:mask:1:1 trace_id:omit --redact-key-file key <"$spans"
	passes otb-sample --drop 'a == 1' --pass-bad <bad
	passes 2 otb-sample --rule 'a: b ->'
	echo '{"rules":["a"]}' >wrong.json
	passes 2 otb-sample --rules wrong.json
	mkfifo in
	otb-sample --rules rules.json --ready-fd 5 <in 5>ready >out 2>err 3>&- &
	background=$!
	exec {input}>in
	await test -s ready
	head -n 5 "$spans" >&"$input"
	for file in wrong.json rules.json; do
		: >err
		cat "$file" >new && mv new rules.json
		kill -HUP "$background"
		await test -s err || [ "$file" = rules.json ]
	done
	exec {input}>&-
	wait "$background"
	background=
}

# bats test_tags=long
@test "otb-expose as a page, a textfile and OTLP, of records and of OTLP" {
	local file
	load lib/spans
	hostile >bad
	cat "$records"/*.jsonl >all
	make_spans 200 4 | spans_as_otlp 50 >spans.otlp
	for file in all bad spans.otlp; do
		passes otb-expose --stats -m 'summary s value duration_ns quantiles 0.5, 0.9' \
			-m 'histogram h{pid,x=comm =~ "^(.)" -> "\1"} value duration_ns / 1e9 exponential limit 3' <"$file"
		passes otb-expose --otlp -m 'histogram h{comm} value duration_ns / 1e9 exponential' <"$file"
		passes otb-expose --textfile x.prom -l a=b <"$file"
	done
	passes otb-expose --otlp --no-builtin -m 'counter a_total{comm}' -m 'gauge g value pid ttl 1s' <all
	mv out metrics.otlp
	passes otb-expose <metrics.otlp
	passes otb-expose --print-rules </dev/null
	passes 2 otb-expose -m 'counter a_total where (' </dev/null
}

# bats test_tags=long
@test "otb-expose --listen, with a password, by TLS, and rules that are read again" {
	(umask 077 && echo user:secret >auth)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
	echo '{"rules":["counter a_total{comm}"]}' >rules.json
	serve --rules rules.json --created
	cat "$records/trace-recorded.jsonl" >&"$input"
	await value_is 'a_total{comm="shop"}' "$(wc -l <"$records/trace-recorded.jsonl")"
	get --compressed --header 'Accept: application/openmetrics-text;version=1.0.0' "$url/metrics" | tail -n 1 | grep -qx '# EOF'
	get "$url/healthz" "$url/" "$url/nothing" >/dev/null
	echo '{"rules":["counter b_total{comm}"]}' >new && mv new rules.json
	await value_is 'otb_expose_rules_reloads_total{result="done"}' 1
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	rm in
	serve --basic-auth-file auth --tls-certificate cert.pem --tls-key key.pem
	[ "$(get --insecure --output /dev/null --write-out '%{http_code}' "https${url#http}/metrics")" = 401 ]
	get --insecure --user user:secret "https${url#http}/metrics" >/dev/null
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}

# ---- tracers ---------------------------------------------------------------------------------------------------------

# start_retransmissions: for tracer_case
start_retransmissions() {
	tracer_start otb-tcpretrans --netns "/run/netns/$CASE_NS" --stats "${OPTIONS[@]}"
}

# bats test_tags=long
@test "otb-tcpretrans: records, a table and sums" {
	need_bpf
	net_up
	for OPTIONS in '' -t '-s --by flow' '-s -t --by cgroup'; do
		# shellcheck disable=SC2206 # options are words
		OPTIONS=($OPTIONS)
		tracer_case prime start_retransmissions tracer_stop
		[ -s "$TRACER_OUT" ]
		case_end
	done
}

# of_go PROGRAM OPTIONS...: a tracer of Go programs, until it has written 50 records or sums. Not with -p: valgrind 3.19
# has no pidfd_open(2)
of_go() {
	passes "$1" "${@:2}" --stats
	[ -s out ]
}

# bats test_tags=long
@test "otb-gcpause: records, tables, sums and assists" {
	need_bpf
	need_go
	proc_start gcloop - "$BATS_FILE_TMPDIR/gcloop"
	of_go otb-gcpause --exe "$BATS_FILE_TMPDIR/gcloop" -n 50
	of_go otb-gcpause --exe "$BATS_FILE_TMPDIR/gcloop" -n 50 -t --assists
	of_go otb-gcpause --all -s -i 200ms -d 1s
	of_go otb-gcpause --exe "$BATS_FILE_TMPDIR/gcloop" --histogram -d 1s
}

# bats test_tags=long
@test "otb-trace: spans, tables, sums and OTLP" {
	need_bpf
	need_go
	proc_start gcloop - "$BATS_FILE_TMPDIR/gcloop"
	of_go otb-trace --exe "$BATS_FILE_TMPDIR/gcloop" -n 50 --sched --url-query --header user-agent --ratio 0.9
	of_go otb-trace --exe "$BATS_FILE_TMPDIR/gcloop" -n 50 -t
	of_go otb-trace --all -s -i 200ms -d 1s
	of_go otb-trace --exe "$BATS_FILE_TMPDIR/gcloop" --metrics -i 200ms -d 1s
	of_go otb-trace --exe "$BATS_FILE_TMPDIR/gcloop" --otlp -n 50
}
