#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-expose: every page against promtool, every value against jq over the same records; hostile input; the ways out.
#
# shellcheck disable=SC2030,SC2031 # each test has its own `background` and `input`

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	records=$root/tests/records
	PATH=${OTB_BUILD:-$root/build}:$PATH
	load lib/await
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	[ -z "${background:-}" ] || kill -KILL "$background" 2>/dev/null || true
}

# lint PAGE
lint() {
	promtool check metrics <"$1"
}

# lint_go PAGE: promtool takes every _count for a histogram's, and OpenTelemetry calls a gauge so
lint_go() {
	[ "$(promtool check metrics <"$1" 2>&1)" = \
		'go_goroutine_count non-histogram and non-summary metrics should not have "_count" suffix' ]
}

# value PAGE SERIES: fails if there is none
value() {
	series=$2 awk 'BEGIN { series = ENVIRON["series"] " "; size = length(series) }
		substr($0, 1, size) == series { print substr($0, size + 1); found = 1 }
		END { exit !found }' "$1"
}

# sum PAGE METRIC: over all its series
sum() {
	awk -v name="$2" '{ split($0, part, /[{ ]/) } part[1] == name { sum += $NF } END { printf "%.0f\n", sum }' "$1"
}

# samples PAGE METRIC: its samples, sorted
samples() {
	grep -E "^$2[{ ]" "$1" | LC_ALL=C sort
}

# Records as jq makes samples of them: shared by all that follow.
jq_samples='
	def text: if . == null then "" else gsub("\\\\"; "\\\\") | gsub("\""; "\\\"") | gsub("\n"; "\\n") end;
	def labels(names): . as $record | [names[] | "\(.)=\"\($record[.] | text)\""] | join(",");
	def total(name; names; amount): group_by(labels(names))[]
		| select(map(amount) | add > 0)
		| "\(name){\(.[0] | labels(names))} \(map(amount) | add)";
'

# jq_total FILE NAME LABELS FILTER AMOUNT: all as jq expressions
jq_total() {
	jq -s -r "$jq_samples map(select($4)) | total(\"$2\"; $3; $5)" "$1" | LC_ALL=C sort
}

# start [OPTION]...: otb-expose in the background, set up; what is written to $input is its input
start() {
	mkfifo in
	otb-expose --ready-fd 5 "$@" <in 5>ready 3>&- &
	background=$!
	exec {input}>in
	await test -s ready
}

# interrupt: a signal that ends it, and that it has taken: from there on only SIGHUP is blocked
interrupt() {
	kill -TERM "$background"
	await grep -qE '^SigBlk:\s+0*1$' "/proc/$background/status"
}

# ---- what is counted -------------------------------------------------------------------------------------------------

@test "single events count as jq counts them" {
	local in=$records/tcpretrans.jsonl both='.event == "tcp_retransmit" or .event == "tcp_synack_retransmit"'
	otb-expose <"$in" >page
	lint page
	check() { # METRIC LABELS FILTER AMOUNT
		jq_total "$in" "$@" >expected
		[ -s expected ]
		samples page "$1" | diff expected -
	}
	check otb_tcp_retransmit_segments_total '["reason","comm"]' "$both" .segments
	check otb_tcp_retransmits_total '["reason","comm"]' "$both" 1
	check otb_tcp_retransmit_bytes_total '["reason","comm"]' "$both" .bytes
	check otb_tcp_retransmit_failures_total '["error","comm"]' "($both) and .error" 1
	check otb_tcp_synack_retransmits_total '["comm"]' '.event == "tcp_synack_retransmit"' 1
	check otb_lost_records_total '["tool","where"]' '.event == "lost"' .count
	check otb_lost_segments_total '["tool","where"]' '.event == "lost"' .segments
	check otb_suppressed_records_total '["tool"]' '.event == "suppressed"' .count
	check otb_suppressed_segments_total '["tool"]' '.event == "suppressed"' .segments
	[ "$(value page otb_expose_lines_total)" = "$(wc -l <"$in")" ]
	[ "$(value page otb_expose_ignored_records_total)" = 1 ] # the stats record
	[ "$(sum page otb_expose_bad_lines_total)" = 0 ]
}

@test "the histogram's buckets, sum and count are jq's" {
	local in=$records/tcpretrans.jsonl
	otb-expose <"$in" >page
	jq -s -r '
		map(select(.event == "tcp_retransmit" and .srtt_us)) | group_by(.reason)[] | .[0].reason as $reason
		| map(.srtt_us) as $us | "otb_tcp_retransmit_srtt_seconds"  as $name
		| ((100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000) as $bound
			| "\($name)_bucket{reason=\"\($reason)\",le=\"\($bound / 1000000)\"} \($us | map(select(. <= $bound)) | length)"),
		"\($name)_bucket{reason=\"\($reason)\",le=\"+Inf\"} \($us | length)",
		"\($name)_count{reason=\"\($reason)\"} \($us | length)"' "$in" | LC_ALL=C sort >expected
	[ "$(wc -l <expected)" -ge 96 ]
	samples page 'otb_tcp_retransmit_srtt_seconds_(bucket|count)' | diff expected -
	jq -s -r 'map(select(.event == "tcp_retransmit" and .srtt_us)) | group_by(.reason)[]
		| "\(.[0].reason) \(map(.srtt_us) | add)"' "$in" >sums
	while read -r reason us; do
		value page "otb_tcp_retransmit_srtt_seconds_sum{reason=\"$reason\"}" |
			awk -v us="$us" '{ d = $1 * 1e6 - us; exit !(d > -0.001 && d < 0.001) }'
	done <sums
}

@test "summaries count in the same metrics, with the labels they know" {
	local in=$records/tcpretrans-summary.jsonl reason
	otb-expose <"$in" >page
	lint page
	for reason in syn rto loss_recovery fast tlp other; do
		jq -c "{reason: \"$reason\", comm, n: .retransmits_$reason}" "$in"
	done >by-reason
	jq_total by-reason otb_tcp_retransmits_total '["reason","comm"]' true .n >expected
	[ -s expected ]
	samples page otb_tcp_retransmits_total | diff expected -
	jq_total "$in" otb_tcp_retransmit_segments_total '["reason","comm"]' true .segments >expected
	samples page otb_tcp_retransmit_segments_total | diff expected -
	[ "$(sum page otb_tcp_retransmits_total)" = "$(jq -s 'map(.retransmits) | add' "$in")" ]
	[ "$(sum page otb_tcp_retransmit_bytes_total)" = "$(jq -s 'map(.bytes) | add' "$in")" ]
}

@test "stops and cycles of Go programs count as jq counts them" {
	local in=$records/gcpause-recorded.jsonl pause='.event == "gc_pause"' cycle='.event == "gc_cycle"'
	otb-expose --strict <"$in" >page
	lint_go page
	check() { # METRIC LABELS FILTER AMOUNT
		jq_total "$in" "$@" >expected
		[ -s expected ]
		samples page "$1" | diff expected -
	}
	check otb_go_stops_the_world_total '["reason","comm"]' "$pause" 1
	check go_memory_gc_cycles_total '["trigger","comm"]' "$cycle" 1
	check otb_go_gc_assists_total '["comm"]' "$cycle" .assists
	seconds otb_go_stopped_the_world_seconds_total '["reason","comm"]' "$pause" .duration_ns
	seconds otb_go_gc_assist_seconds_total '["comm"]' "$cycle" .assist_ns
	[ "$(value page otb_expose_ignored_records_total)" = 0 ]
	[ "$(value page otb_expose_bad_values_total)" = 0 ]
}

# seconds METRIC LABELS FILTER AMOUNT: of $in, whose amounts are nanoseconds, as in $page. A sum of rounded seconds is off
# in the last digits
seconds() {
	jq_total "$in" "$@" >expected
	[ -s expected ]
	samples page "$1" | awk '{ $NF = sprintf("%.0f", $NF * 1e9); print }' | diff expected -
}

# buckets METRIC LABELS FILTER BOUND-NS...: as jq makes them of duration_ns in $in; and sum and count
buckets() {
	local name=$1 labels=$2 filter=$3
	jq -s -r --argjson bounds "[$(IFS=,; echo "${*:4}")]" --arg name "$name" "$jq_samples"'
		map(select('"$filter"')) | group_by(labels('"$labels"'))[] | (.[0] | labels('"$labels"')) as $labels
		| map(.duration_ns) as $ns
		| ($bounds[] as $bound | "\($name)_bucket{\($labels),le=\"\($bound / 1e9)\"} \($ns | map(select(. <= $bound)) | length)"),
			"\($name)_bucket{\($labels),le=\"+Inf\"} \($ns | length)",
			"\($name)_count{\($labels)} \($ns | length)"' "$in" | LC_ALL=C sort >expected
	[ -s expected ]
	# jq writes 1e-05, and so do we.
	samples page "${name}_(bucket|count)" | diff expected -
	jq_total "$in" "${name}_sum" "$labels" "$filter" .duration_ns >expected
	samples page "${name}_sum" | awk '{ $NF = sprintf("%.0f", $NF * 1e9); print }' | diff expected -
}

@test "the histograms of stops, cycles and assists are jq's" {
	local in=$records/gcpause-recorded.jsonl
	local -a short=(10000 25000 50000 100000 250000 500000 1000000 2500000 5000000 10000000 25000000 50000000 100000000
		250000000 1000000000)
	local -a long=(100000 250000 500000 1000000 2500000 5000000 10000000 25000000 50000000 100000000 250000000 500000000 1000000000
		2500000000 10000000000)
	otb-expose <"$in" >page
	buckets go_memory_gc_pause_duration_seconds '["reason","comm"]' \
		'.event == "gc_pause" and (.reason | startswith("gc_"))' "${short[@]}"
	buckets otb_go_stop_the_world_duration_seconds '["reason","comm"]' \
		'.event == "gc_pause" and (.reason | startswith("gc_") | not)' "${short[@]}"
	buckets otb_go_gc_cycle_duration_seconds '["trigger","comm"]' '.event == "gc_cycle"' "${long[@]}"
	buckets otb_go_gc_assist_duration_seconds '["comm"]' '.event == "gc_assist"' "${short[@]}"
	# Every stop is in one of the two.
	[ "$(sum page otb_go_stops_the_world_total)" = "$(($(sum page go_memory_gc_pause_duration_seconds_count) +
		$(sum page otb_go_stop_the_world_duration_seconds_count)))" ]
}

@test "the gauges of a Go program are those of its last cycle" {
	local in=$records/gcpause-recorded.jsonl metric field
	otb-expose <"$in" >page
	while read -r metric field; do
		jq -s -r "$jq_samples"'map(select(.event == "gc_cycle" and .'"$field"')) | group_by(.pid)[] | last
			| "'"$metric"'{comm=\"\(.comm | text)\",pid=\"\(.pid)\"} \(.'"$field"')"' "$in" | LC_ALL=C sort >expected
		[ -s expected ]
		samples page "$metric" | diff expected -
	done <<-'END'
		otb_go_gc_heap_live_bytes heap_live_bytes
		otb_go_gc_heap_marked_bytes heap_marked_bytes
		go_memory_gc_goal_bytes heap_goal_bytes
		go_goroutine_count goroutines
		go_processor_limit gomaxprocs
	END
}

@test "summaries of stops count as the stops would" {
	local in=$records/gcpause-recorded-summary.jsonl
	otb-expose --strict <"$in" >page
	lint page
	jq_total "$in" otb_go_stops_the_world_total '["reason","comm"]' true .count >expected
	[ -s expected ]
	samples page otb_go_stops_the_world_total | diff expected -
	seconds otb_go_stopped_the_world_seconds_total '["reason","comm"]' true .total_ns
	[ "$(value page otb_expose_ignored_records_total)" = 0 ]
}

@test "a stop whose reason is none of the garbage collector's, or missing, is no pause of it" {
	printf '{"event":"gc_pause","duration_ns":1000%s}\n' ',"reason":"gc"' ',"reason":"gomaxprocs"' '' ',"reason":7' \
		',"reason":""' ',"reason":"gc_"' ',"reason":null' | otb-expose --strict >page
	lint page
	[ "$(sum page go_memory_gc_pause_duration_seconds_count)" = 1 ]
	[ "$(value page 'go_memory_gc_pause_duration_seconds_count{reason="gc_",comm=""}')" = 1 ]
	[ "$(sum page otb_go_stops_the_world_total)" = 7 ]
}

@test "equal records make equal pages in any order" {
	grep -v srtt_us "$records/tcpretrans.jsonl" >in
	otb-expose <in >page
	shuf --random-source=<(yes) in | otb-expose >shuffled
	tac in | otb-expose >reversed
	cmp page shuffled
	cmp page reversed
	[ "$(sum page otb_tcp_retransmits_total)" -gt 0 ]
}

@test "any text is a label value" {
	printf '%s\n' '{"event":"tcp_retransmit","segments":1,"comm":"a\u0000b\n\r\u2028\ud800\u0001\"\\x"}' \
		'{"event":"tcp_retransmit","segments":2}' '{"event":"tcp_retransmit","segments":4,"comm":null}' \
		'{"event":"tcp_retransmit","segments":8,"comm":"{},= #","reason":7}' \
		'{"\u0065vent":"tcp_\u0072etransmit","segments":16,"comm":"last","comm":"x","reason":["y"]}' \
		"{\"event\":\"tcp_retransmit\",\"segments\":32,\"comm\":\"$(printf '\303\251%.0s' {1..700})\"}" |
		otb-expose --strict >page
	lint page
	[ "$(value page $'otb_tcp_retransmit_segments_total{reason="",comm="a?b\\n\r\xe2\x80\xa8\xef\xbf\xbd\001\\"\\\\x"}')" = 1 ]
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="",comm=""}')" = 6 ]
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="7",comm="{},= #"}')" = 8 ]
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="[\"y\"]",comm="x"}')" = 16 ]
	[ "$(value page "otb_tcp_retransmit_segments_total{reason=\"\",comm=\"$(printf '\303\251%.0s' {1..512})\"}")" = 32 ]
}

@test "large and odd amounts" {
	printf '{"event":"tcp_retransmit","segments":%s}\n' 9007199254740990 1 0 0.5e0 |
		otb-expose >page
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="",comm=""}')" = 9007199254740992 ] # 2^53 - 1 + 0.5, to even
	printf '{"event":"tcp_retransmit","segments":%s}\n' 4503599627370496 4503599627370484 '"7"' '"7x"' -1 1e999 null true |
		otb-expose >page
	lint page
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="",comm=""}')" = 9007199254740987 ]
	[ "$(value page otb_expose_bad_values_total)" = 4 ] # null is as nothing
	[ "$(sum page otb_tcp_retransmits_total)" = 8 ]
}

@test "5,000 processes: 2,000 series, and the rest in one" {
	seq 0 4999 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":%d,\"comm\":\"c%d\",\"reason\":\"rto\"}\n", $1, $1 }' >in
	cat in in | otb-expose >page
	lint page
	[ "$(samples page otb_tcp_retransmits_total | wc -l)" = 2001 ]
	[ "$(value page 'otb_tcp_retransmits_total{otel_metric_overflow="true"}')" = 6000 ]
	[ "$(value page 'otb_tcp_retransmits_total{reason="rto",comm="c1999"}')" = 2 ]
	[ "$(sum page otb_tcp_retransmits_total)" = 10000 ]
	[ "$(sum page otb_tcp_retransmit_segments_total)" = $((2 * 4999 * 5000 / 2)) ]
}

@test "--label is on every series" {
	otb-expose -l tenant='a "b"' --label env=x <"$records/tcpretrans.jsonl" >page
	lint page
	[ "$(value page 'otb_expose_lines_total{tenant="a \"b\"",env="x"}')" = "$(wc -l <"$records/tcpretrans.jsonl")" ]
	run ! grep -vE '^#|tenant="a \\"b\\"",env="x"' page
	refuses() { # WORDS OPTION...
		run -2 otb-expose "${@:2}" </dev/null
		[ "${lines[0]}" = "otb-expose: --label: $1" ] || { echo "$output" && return 1; }
	}
	refuses "'comm' is a label of otb_tcp_retransmit_segments_total already" -l comm=x
	refuses "'le' is not for labels of your own" -l le=x
	refuses "'quantile' is not for labels of your own" -l a=b -l quantile=x
	refuses "'otel_metric_overflow' is not for labels of your own" -l otel_metric_overflow=x --no-builtin
	refuses "'reason' is a label of otb_expose_bad_lines_total already" -l reason=x --no-builtin
	refuses "'metric' is a label of otb_expose_overflowed_values_total already" -l metric=x
	refuses "'result' is a label of otb_expose_rules_reloads_total already" -l result=x
	refuses "the records have a field 'lines' already" -l lines=x
	refuses "a second 'a'" -l a=b -l a=c
	run -2 otb-expose -l 1=x
}

# ---- input -----------------------------------------------------------------------------------------------------------

@test "bad lines are counted, reported and skipped" {
	local good='{"event":"tcp_retransmit","segments":1,"reason":"rto","comm":"x"}'
	{
		echo "$good"
		echo "${good:0:30}"                               # 2: torn
		printf '{"event":"tcp_retransmit\0","a":1}\n'     # 3: NUL
		printf '{"comm":"\xff"}\n'                        # 4: no UTF-8
		printf '\r\n\n%s\r\n' "$good"                     # 7: good again
		echo '[1]'                                        # 8
		echo "$good$good"                                 # 9: two in one line
		echo '{"a":01}'                                   # 10
		printf '%.0s[' {1..100}                           # 11
		printf '\n{"a":"\\x"}\n{"a":}\n'                  # 12, 13
		printf '{"a":"'                                   # 14: huge
		head -c 70000000 /dev/zero | tr '\0' x
		printf '"}\n%s' "$good" # 15, and no LF
	} >in
	otb-expose <in >page 2>errors
	lint page
	[ "$(value page 'otb_tcp_retransmits_total{reason="rto",comm="x"}')" = 3 ]
	[ "$(value page otb_expose_lines_total)" = 13 ]
	[ "$(sum page otb_expose_bad_lines_total)" = 10 ]
	bad() {
		[ "$(value page "otb_expose_bad_lines_total{reason=\"$1\"}")" = "$2" ]
	}
	bad ended 1
	bad control 1
	bad utf8 1
	bad no_object 2
	bad trailing 1
	bad number 1
	bad escape 1
	bad syntax 1
	bad too_long 1
	bad deep 0
	[ "$(head -n 3 errors)" = "otb-expose: stdin: line 2: line ends too early at byte 31
otb-expose: stdin: line 3: control character in string at byte 25
otb-expose: stdin: line 4: invalid UTF-8 at byte 10" ]
	# Three a second one by one, the others in one message at the end of a second or of the input.
	grep -q '^otb-expose: stdin: [0-9]* more bad lines up to line 14$' errors
	[ "$(wc -l <errors)" -le 10 ]
}

@test "--strict: 4 after a bad line, else 0; -q is silent" {
	echo '{}x' >in
	run -0 otb-expose -q <in
	[ "${lines[0]}" = '# HELP otb_expose_lines_total Lines read that were not empty.' ]
	run -4 otb-expose --strict <in
	run -0 otb-expose --strict <<<'{}'
	run -1 otb-expose --strict -o /dev/full <in
}

@test "a last line without LF counts if it is whole" {
	printf '{"event":"tcp_retransmit"}\n{"event":"tcp_retransmit"}' | otb-expose --strict >page
	[ "$(sum page otb_tcp_retransmits_total)" = 2 ]
	printf '{"event":"tcp_retransmit"}\n{"event":"tcp_retransmit"' >in
	run -4 otb-expose --strict -o page2 <in
	[ "$(sum page2 otb_tcp_retransmits_total)" = 1 ]
}

@test "an input that cannot be read: 1" {
	run -1 otb-expose </
	[[ $output == *"otb-expose: cannot read stdin: Is a directory"* ]]
}

@test "--count stops after N records" {
	otb-expose -n 23 <"$records/tcpretrans.jsonl" >page
	head -n 23 "$records/tcpretrans.jsonl" | otb-expose >expected
	diff <(grep -v otb_expose_lines page) <(grep -v otb_expose_lines expected)
}

# ---- the ways out ----------------------------------------------------------------------------------------------------

@test "a full disk: 1; a reader that has gone: 0" {
	run -1 otb-expose -o /dev/full <"$records/tcpretrans.jsonl"
	[[ $output == *'No space left on device'* ]]
	run -1 bash -c 'otb-expose <"$1" >/dev/full' - "$records/tcpretrans.jsonl"
	run -1 bash -c 'sleep 0.3 | otb-expose --otlp --interval 10ms >/dev/full'
	[ "$output" = "otb-expose: cannot write to 'stdout': No space left on device" ]
	run -0 bash -c 'set -o pipefail; { cat "$1"; echo; } | otb-expose | true' - "$records/tcpretrans.jsonl"
}

@test "SIGHUP opens the file of -o again, where only the end writes to it too" {
	local how
	for how in '' '--textfile x.prom --stats' '--listen :0 --stats' '--otlp'; do
		# shellcheck disable=SC2086 # words
		start -q -o out $how
		mv out moved
		kill -HUP "$background"
		await test -e out
		exec {input}>&-
		wait "$background"
		background=
		[ ! -s moved ]
		[ -s out ]
		rm in ready out moved
	done
}

# bats test_tags=no-san
@test "a page for which there is no memory is 1, not an empty one" {
	local limit code failed=0
	seq 1 20000 | awk -v pad="$(printf '%900s' '' | tr ' ' x)" '{ printf "{\"k\":\"%s%d\"}\n", pad, $1 }' >in
	for ((limit = 40; limit <= 160; limit += 8)); do
		code=0
		(ulimit -v $((limit * 1024)) && exec otb-expose --series 20000 -m 'counter a_total{k}' <in >page 2>err) || code=$?
		if [ "$code" = 0 ]; then
			[ "$(grep -c '^a_total' page)" -gt 0 ]
			tail -n 1 page | grep -q '^otb_expose_'
		else
			[ "$code" = 1 ]
			grep -q 'Cannot allocate memory' err
			failed=$((failed + 1))
		fi
	done
	# Neither all nor none of them.
	[ "$failed" -gt 0 ]
	[ "$code" = 0 ]
}

@test "a page larger than a pipe waits for its reader" {
	seq 1 2000 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":1,\"comm\":\"c%d\"}\n", $1 }' >in
	otb-expose -o page <in
	[ "$(stat -c %s page)" -gt 200000 ]
	otb-expose <in | while IFS= read -r line; do printf '%s\n' "$line"; done | cmp - page
}

@test "a request of OTLP larger than a pipe waits for its reader, and that is the end" {
	seq 1 2000 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":1,\"comm\":\"c%d\"}\n", $1 }' >in
	otb-expose --otlp <in >expected
	[ "$(wc -c <expected)" -gt 200000 ]
	timeout 30 otb-expose --otlp <in | while IFS= read -r line; do printf '%s\n' "$line"; done >got
	[ "${PIPESTATUS[0]}" = 0 ]
	[ "$(sed -E 's/"[a-zA-Z]*UnixNano":"[0-9]*"//g' got)" = "$(sed -E 's/"[a-zA-Z]*UnixNano":"[0-9]*"//g' expected)" ]
}

@test "requests of OTLP do not pile up before a reader that stands still" {
	seq 1 2000 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":1,\"comm\":\"c%d\"}\n", $1 }' >many
	{ cat many && sleep 1 && touch ended; } | otb-expose --otlp --interval 50ms | { await test -e ended && cat >got; }
	# The one that waited, and the last one; perhaps some between the end and the news of it.
	[ "$(grep -c '"c2000"' got)" -ge 1 ]
	[ "$(grep -c '"c2000"' got)" -le 5 ]
	tail -n 1 got | jq -e '[.. | select(.name? == "otb_tcp_retransmits").sum.dataPoints[].asDouble] | add == 2000'
}

@test "SIGTERM does not wait for a reader that stands still" {
	mkfifo stuck
	exec {stuck}<>stuck
	seq 1 2000 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":1,\"comm\":\"c%d\"}\n", $1 }' >many
	start >stuck
	cat many >&"$input"
	exec {input}>&-
	kill -TERM "$background"
	wait "$background"
	background=
	exec {stuck}>&-
}

@test "SIGTERM writes what was counted, with the last word of the producer" {
	start >page
	echo '{"event":"tcp_retransmit","comm":"first"}' >&"$input"
	interrupt
	echo '{"event":"tcp_retransmit","comm":"last"}' >&"$input"
	exec {input}>&-
	wait "$background"
	background=
	lint page
	[ "$(sum page otb_tcp_retransmits_total)" = 2 ]
}

@test "SIGTERM ends it though the producer goes on" {
	start >page
	echo '{"event":"tcp_retransmit"}' >&"$input"
	kill -TERM "$background"
	wait "$background"
	background=
	[ "$(sum page otb_tcp_retransmits_total)" = 1 ]
	exec {input}>&-
}

@test "--duration ends it" {
	mkfifo in
	exec {input}<>in
	echo '{"event":"tcp_retransmit"}' >&"$input"
	otb-expose -d 100ms <in >page
	[ "$(sum page otb_tcp_retransmits_total)" = 1 ]
}

@test "--ready-fd, --stats" {
	otb-expose --ready-fd 5 --stats <"$records/tcpretrans.jsonl" 5>ready >page 2>stats
	lint page
	[ "$(wc -c <ready)" = 1 ]
	jq -e '.event == "stats" and .tool == "otb-expose" and .records == 407 and .bad_lines == 0' stats
	otb-expose --textfile x.prom --stats <"$records/tcpretrans.jsonl" | jq -e .lines==407
}

@test "usage" {
	run -2 otb-expose extra
	run -2 otb-expose --interval 1s
	[[ $output == *--textfile* ]]
	run -2 otb-expose --once --textfile x.prom
	run -2 otb-expose --textfile ''
	run -2 otb-expose -p 1
	run -0 otb-expose --once </dev/null
}

# ---- rules -----------------------------------------------------------------------------------------------------------

@test "a rule that is wrong: 2, with its column" {
	wrong() { # COLUMN WORDS RULE
		run -2 otb-expose -m "$3" </dev/null
		[[ $output == *"column $1: "*"$2"* ]] || { echo "$3: $output" && return 1; }
	}
	wrong 1 'expected counter, gauge, histogram or summary' 'meter x_total'
	wrong 9 "ends in '_total'" 'counter errors'
	wrong 7 "'_total' at the end" 'gauge x_total value a'
	wrong 9 'letters, digits' 'counter a.b_total'
	wrong 17 "is not for labels of your own" 'counter x_total{le}'
	wrong 19 "a second label 'a'" 'counter x_total{a,a=b}'
	wrong 19 "expected a field" 'counter x_total{a=}'
	wrong 9 "value FIELD" 'gauge g '
	wrong 17 'from, value' 'gauge g value a more'
	wrong 17 "a second 'value'" 'gauge g value a value b'
	wrong 19 'division by zero' 'gauge g value a / 0'
	wrong 32 'greater than the one before' 'histogram h value a buckets 1, 1'
	wrong 26 'only a histogram has buckets' 'gauge g value a buckets 1'
	wrong 34 'from 0 to 1' 'summary s value a quantiles 0.5, 2'
	wrong 21 'a time as 5m' 'counter x_total ttl 5q'
	wrong 23 'number of series' 'counter x_total limit 0'
	wrong 23 'expected a field' 'counter x_total where > 5'
	wrong 28 'bad regular expression' 'counter x_total where a =~ "("'
	wrong 32 'the condition ends here' 'counter x_total where a exists ttl 5m'
}

@test "rules that contradict another's metric are left out, and said" {
	echo '{"a":"x","event":"lost","count":7}' | otb-expose -m 'counter x_total{a}' -m 'gauge x_total2 value count' \
		-m 'counter x_total{b}' -m 'counter otb_lost_records_total{a}' >page 2>said
	[ "$(value page 'x_total{a="x"}')" = 1 ]
	[ "$(value page 'otb_lost_records_total{tool="",where=""}')" = 7 ]
	[ "$(grep -c "left out: 'counter" said)" = 2 ]
	lint page
}

@test "limit, ttl, quantiles, as and help are the metric's, whichever of its rules says them" {
	printf '{"event":"e","k":"%s","v":%s}\n' a 1 b 2 c 3 >lines
	otb-expose --no-builtin -m 'counter a_total{k}' -m "counter a_total{k} from f limit 2 help 'Help.'" \
		-m 'summary s value v' -m 'summary s from f value v quantiles 0.25, 0.75' <lines >page
	[ "$(samples page a_total)" = $'a_total{k="a"} 1\na_total{k="b"} 1\na_total{otel_metric_overflow="true"} 1' ]
	[ "$(samples page s | cut -d' ' -f1)" = $'s{quantile="0.25"}\ns{quantile="0.75"}' ]
	grep -qxF '# HELP a_total Help.' page
	otb-expose --no-builtin --otlp -m 'gauge g value v' -m 'gauge g from f value v as other.name' <lines | grep -q '"other.name"'
	start --no-builtin --textfile x.prom --interval 20ms -m 'counter a_total{k}' -m 'counter a_total{k} from f ttl 1s'
	cat lines >&"$input"
	has() { grep -q '^a_total{k="a"}' x.prom; }
	has_not() { ! has; }
	await has
	await has_not
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
	# A built-in metric's, too; but not against what is said of it.
	yes '{"event":"tcp_synack_retransmit","comm":"a"}' | head -n 3 | sed '2s/a"}/b"}/' |
		otb-expose -m 'counter otb_tcp_synack_retransmits_total{comm} from nothing limit 1' >page
	[ "$(value page 'otb_tcp_synack_retransmits_total{otel_metric_overflow="true"}')" = 1 ]
	otb-expose --no-builtin -m 'counter a_total limit 5 ttl 60s' -m 'counter a_total from f ttl 1m limit 5' </dev/null >page
	wrong() { # COLUMN RULE...
		run -2 otb-expose --no-builtin -m "$2" -m "$3" </dev/null
		[[ $output == *"'$3': column $1: "*"a rule before"* ]] || { echo "$3: $output" && return 1; }
	}
	wrong 17 'counter a_total limit 5' 'counter a_total limit 6'
	wrong 24 'counter a_total ttl 1m' 'counter a_total from f ttl 61s'
	wrong 19 'summary s value v quantiles 0.5' 'summary s value v quantiles 0.5, 0.75'
	wrong 17 'counter a_total as b' 'counter a_total as c'
	wrong 17 'counter a_total help "b"' 'counter a_total help "c"'
	echo '{"builtin": false, "rules": ["counter a_total limit 5",
		"counter a_total limit 6"]}' >rules.json
	run -2 otb-expose --rules rules.json </dev/null
	[[ $output == *'rules.json:2:20: '*'a rule before'* ]]
}

@test "what a rule that is left out names is no harm to the records that have it" {
	echo '{"a":1,"a_name_that_is_not_short":2}' | otb-expose --no-builtin -m 'counter x_total{a}' \
		-m 'counter x_total{a_name_that_is_not_short}' -m 'counter y_total{a_name_that_is_not_short}' >page
	[ "$(value page 'x_total{a="1"}')" = 1 ]
	[ "$(value page 'y_total{a_name_that_is_not_short="2"}')" = 1 ]
}

@test "--print-rules prints what --metric takes: again, it makes the same page" {
	otb-expose --print-rules >rules
	[ "$(wc -l <rules)" -gt 30 ]
	options=(--no-builtin)
	while IFS= read -r rule; do
		options+=(-m "$rule")
	done <rules
	cat "$records"/*.jsonl >in
	otb-expose <in >page
	otb-expose "${options[@]}" <in >again
	cmp page again
	[ "$(otb-expose --no-builtin --print-rules | wc -l)" = 0 ]
	otb-expose --print-rules --label tenant=a | cmp rules -
	run -2 otb-expose --print-rules --label comm=a
}

@test "--rules: a file, and where it is wrong" {
	printf '{\n  "builtin": false,\n  "rules": [\n    "counter a_total{x}"\n  ]\n}\n' >rules.json
	printf '{"x":"%s","event":"lost"}\n' u v u | otb-expose -r rules.json >page
	[ "$(value page 'a_total{x="u"}')" = 2 ]
	run ! grep otb_lost page
	wrong() { # PLACE WORDS TEXT
		printf "$3" >rules.json
		run -2 otb-expose --rules rules.json </dev/null
		[[ $output == *"rules.json:$1: "*"$2"* ]] || { echo "$3: $output" && return 1; }
	}
	wrong 2:1 "" '{"rules": [\n'
	wrong 1:1 'an object' '[]'
	wrong 2:3 "'rules' or 'builtin'" '{\n "rule": []}'
	wrong 1:13 'true or false' '{"builtin": 1}'
	wrong 1:11 'a list' '{"rules": {}}'
	wrong 2:2 'in quotes' '{"rules": [\n 17]}'
	wrong 2:10 "ends in '_total'" '{"rules": [\n"counter errors"]}'
	# The column is the file's, escapes and all: \u0063 is the c of counter.
	wrong 1:45 'bad regular expression' '{"rules": ["\\u0063ounter x_total where a =~ \\"(\\""]}'
	run -2 otb-expose --rules none.json </dev/null
	[[ $output == *"cannot open 'none.json': No such file"* ]]
}

@test "--rules: new ones come into force by themselves and by SIGHUP, and bad ones do not" {
	echo '{"rules": ["counter a_total{x}", "gauge g value v"]}' >rules.json
	start --rules rules.json --textfile x.prom --interval 10ms
	has() { [ "$(value x.prom "$1")" = "$2" ]; }
	echo '{"x":"u","v":17}' >&"$input"
	await has 'a_total{x="u"}' 1
	echo '{"rules": ["counter a_total{x}", "counter b_total{x}"]}' >new && mv new rules.json
	until_counted() {
		echo '{"x":"w"}' >&"$input"
		[ "$(value x.prom "$1")" -ge 1 ]
	}
	await until_counted 'b_total{x="w"}'
	has 'a_total{x="u"}' 1
	run ! grep '^g ' x.prom
	has 'otb_expose_rules_reloads_total{result="done"}' 1
	echo '{"rules": ["counter"]}' >rules.json
	await has 'otb_expose_rules_reloads_total{result="failed"}' 1
	until_counted 'b_total{x="w"}'
	# In place, and told by a signal: the size is the same, and the time may be.
	echo '{"rules": ["counter c_total{x}"]}' >rules.json
	kill -HUP "$background"
	await until_counted 'c_total{x="w"}'
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}

@test "--rules: a link into another folder, edited in place there; and links as Kubernetes turns them over" {
	rules() { # NAME FILE: the name is of another length each time, for the time of a file may be that of the one before
		echo "{\"rules\": [\"counter $1_total\"]}" >"$2"
	}
	counts() {
		echo '{}' >&"$input"
		grep -q "^$1_total " x.prom
	}
	mkdir -p etc volume/..1 volume/..2
	rules a volume/..1/rules
	rules bb volume/..2/rules
	ln -s ..1 volume/..data
	ln -s ..data/rules volume/rules
	ln -s ../volume/rules etc/rules
	start --rules etc/rules --textfile x.prom --interval 10ms
	await counts a
	rules ccc volume/..1/rules
	await counts ccc
	ln -s ..2 volume/..tmp && mv -T volume/..tmp volume/..data
	await counts bb
	rm -r volume/..1
	rules dddd volume/..2/rules
	await counts dddd
	[ "$(value x.prom 'otb_expose_rules_reloads_total{result="done"}')" = 3 ]
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}

@test "records of any log, fields with dots, numbers in quotes" {
	printf '%s\n' '{"http.route":"/a","took":"0.25"}' '{"http_route":"/b","took":1}' '{"http.route":"/c","http_route":"/d"}' |
		otb-expose -m 'counter r_total{http.route}' -m 'histogram t_seconds{http_route} value took buckets 0.5' >page
	[ "$(samples page r_total)" = $'r_total{http_route="/a"} 1\nr_total{http_route="/b"} 1\nr_total{http_route="/c"} 1' ]
	[ "$(value page 't_seconds_sum{http_route=""}')" = 0.25 ] # there is no http_route, with an underscore
	[ "$(value page 't_seconds_bucket{http_route="/b",le="0.5"}')" = 0 ]
}

# ---- samples ---------------------------------------------------------------------------------------------------------

@test "sampled records count for what they stand for" {
	# 0: 1, 8: 2, c: 4, aaaaaaaaaaaaab: 3 and a trifle
	for threshold in 0 8 c aaaaaaaaaaaaab; do
		yes "{\"event\":\"e\",\"t\":\"$threshold\",\"v\":1,\"sampling_threshold\":\"$threshold\"}" | head -n 1000
	done >in
	otb-expose --seed 7 -m 'counter n_total{t}' -m 'histogram h{t} value v buckets 2' <in >page
	[ "$(value page 'n_total{t="0"}')" = 1000 ]
	[ "$(value page 'n_total{t="8"}')" = 2000 ]
	[ "$(value page 'h_count{t="c"}')" = 4000 ]
	[ "$(value page 'h_count{t="aaaaaaaaaaaaab"}')" = 3000 ]
	otb-expose --seed 7 -m 'counter n_total{t}' -m 'histogram h{t} value v buckets 2' <in >again
	cmp page again
}

@test "weights that are no integers are rounded without bias, and counts stay integers" {
	# e8: ten and two thirds
	yes '{"v":1,"sampling_threshold":"e8"}' | head -n 3000 >in
	otb-expose --seed 1 -m 'counter n_total' -m 'histogram h value v buckets 2' <in >page
	[ "$(value page n_total | cut -d. -f1)" = 31999 ] || [ "$(value page n_total | cut -d. -f1)" = 32000 ]
	count=$(value page h_count)
	[[ $count =~ ^[0-9]+$ ]]
	# Four sigma of 3,000 roundings of a fraction of 2/3: 103.
	[ "$count" -gt 31897 ] && [ "$count" -lt 32103 ]
}

@test "a threshold that is none counts as one, and is a bad value" {
	printf '{"sampling_threshold":%s}\n' '"xyz"' '""' 17 '"fffffffffffffff"' null | otb-expose -m 'counter n_total' >page
	[ "$(value page n_total)" = 5 ]
	[ "$(value page otb_expose_bad_values_total)" = 4 ]
}

@test "--otlp: attributes are of the types that the conventions have, and come back as they were" {
	printf '{"http_response_status_code":%s,"server_port":"%s","n":5}\n' 503 443 '"x"' 44x '""' -1 1 99999999999999999999 |
		otb-expose --no-builtin --otlp -m 'counter a_total{http_response_status_code,server_port,n} limit 3' >lines
	jq -c '.resourceMetrics[].scopeMetrics[].metrics[] | select(.name == "a").sum.dataPoints[].attributes
		| map({(.key): .value}) | add' lines >got
	diff - got <<-'END'
		{"server.port":{"intValue":"-1"},"n":{"stringValue":"5"}}
		{"http.response.status_code":{"intValue":"503"},"server.port":{"intValue":"443"},"n":{"stringValue":"5"}}
		{"http.response.status_code":{"stringValue":"x"},"server.port":{"stringValue":"44x"},"n":{"stringValue":"5"}}
		{"otel.metric.overflow":{"boolValue":true}}
	END
	otb-expose --no-builtin <lines >page
	[ "$(samples page a_total | sed 's/,otel_scope_[a-z]*="[^"]*"//g')" = 'a_total{http_response_status_code="503",n="5",server_port="443"} 1
a_total{http_response_status_code="x",n="5",server_port="44x"} 1
a_total{n="5",server_port="-1"} 1
a_total{otel_metric_overflow="true"} 1' ]
}

@test "--otlp follows a wall clock that is set, and what began before stays where it was" {
	cat >set.c <<-'END'
		#define _GNU_SOURCE
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>

		int clock_gettime(clockid_t id, struct timespec *now)
		{
			long result = syscall(SYS_clock_gettime, id, now);

			if (id == CLOCK_REALTIME && !access("is-set", F_OK))
				now->tv_sec += 3600;
			return (int)result;
		}
	END
	gcc -shared -fPIC -o set.so set.c
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 LD_PRELOAD=$PWD/set.so start --otlp --interval 50ms >out
	await grep -q resourceMetrics out
	touch is-set
	follows() {
		jq -n -e '[inputs.resourceMetrics[].scopeMetrics[].metrics[] | select(.name == "otb_expose_lines").sum.dataPoints[]]
			| (last.timeUnixNano | tonumber) - (first.timeUnixNano | tonumber) > 3600e9
			and (map(.startTimeUnixNano) | unique | length) == 1' out
	}
	await follows
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
	follows
}

@test "exemplars have ids that W3C allows: none of zeros only, and what is none takes no place" {
	local good=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331 zeros=00000000000000000000000000000000
	exemplars() { # TRACE-ID SPAN-ID...: what is shown of these records, one after the other
		while [ $# -gt 0 ]; do
			printf '{"trace_id":"%s","span_id":"%s"}\n' "$1" "$2"
			shift 2
		done | otb-expose --no-builtin --otlp -m 'counter a_total' | jq -r '.resourceMetrics[].scopeMetrics[].metrics[]
			| select(.name == "a").sum.dataPoints[].exemplars // [] | map("\(.traceId) \(.spanId)")[]'
	}
	[ "$(exemplars $good $span)" = "$good $span" ]
	[ -z "$(exemplars $zeros $span)" ]
	[ -z "$(exemplars '' $span)" ]
	[ -z "$(exemplars ${good^^} $span)" ]
	[ "$(exemplars $good ${zeros:16})" = "$good " ]
	[ "$(exemplars $good '')" = "$good " ]
	[ "$(exemplars $good $span $zeros $span)" = "$good $span" ]
	[ "$(exemplars $good $span ${good}00 $span)" = "$good $span" ]
	[ "$(exemplars $zeros $span $good $span)" = "$good $span" ]
}

@test "calls of gRPC: spans, and summaries in the place of those that are measured; below net/http they are requests" {
	local call='"rpc_system":"grpc","rpc_method":"a.B/C","rpc_response_status_code":"OK"' le
	le=$(printf '"le_%s":2,' 10ms 25ms 50ms 75ms 100ms 250ms 500ms 750ms 1s 2_5s 5s 7_5s 10s)
	for kind in server client; do
		printf '{"event":"span","span_kind":"%s",%s,"duration_ns":6000000}\n' $kind "$call"
		printf '{"event":"span","span_kind":"%s",%s,"duration_ns":6000000,"measured":true}\n' $kind "$call"
		printf '{"event":"span_summary","span_kind":"%s",%s,"total_ns":8000000,"le_5ms":1,%s"count":2}\n' $kind "$call" "$le"
	done >in
	printf '{"event":"span","span_kind":"server","http_request_method":"POST",%s,"duration_ns":6000000}\n' "$call" >>in
	otb-expose <in >page
	for kind in server client; do
		[ "$(samples page "rpc_${kind}_call_duration_seconds_bucket" | grep -E 'le="0.0(05|1)"')" = \
			"rpc_${kind}_call_duration_seconds_bucket{rpc_system_name=\"grpc\",rpc_method=\"a.B/C\",rpc_response_status_code=\"OK\",error_type=\"\",le=\"0.005\"} 1
rpc_${kind}_call_duration_seconds_bucket{rpc_system_name=\"grpc\",rpc_method=\"a.B/C\",rpc_response_status_code=\"OK\",error_type=\"\",le=\"0.01\"} 3" ]
		[ "$(samples page "rpc_${kind}_call_duration_seconds_sum" | sed 's/.* //')" = 0.014 ]
	done
	[ "$(samples page http_server_request_duration_seconds_count | sed 's/.* //')" = 1 ]
}

# ---- series that end -------------------------------------------------------------------------------------------------

@test "--ttl forgets series, and frees their place; a rule's own ttl beats it" {
	start --textfile x.prom --interval 20ms --ttl 1s --series 2 -m 'counter a_total{x}' -m 'counter b_total{x} ttl 1h'
	printf '{"x":"%s"}\n' 1 2 3 >&"$input"
	has() { [ "$(value x.prom "$1")" = "$2" ]; }
	await has 'a_total{otel_metric_overflow="true"}' 1
	gone() { ! grep -q 'a_total{x="1"}' x.prom; }
	await gone
	has 'b_total{x="1"}' 1
	echo '{"x":"4"}' >&"$input"
	await has 'a_total{x="4"}' 1
	has 'b_total{otel_metric_overflow="true"}' 2
	[ "$(value x.prom otb_expose_expired_series_total)" -ge 2 ]
	has 'otb_expose_overflowed_values_total{metric="b_total"}' 2
	lint x.prom
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}

@test "1,000,000 label values: memory bounded, totals exact" {
	awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"user\":\"user-number-%07d\",\"v\":%d}\n", i, i % 7 }' >in
	# In KiB: of virtual memory, which the sanitizers need much more of.
	bash -c 'ulimit -v 200000 2>/dev/null; exec "$0" "$@"' otb-expose -m 'counter n_total{user} value v' \
		-m 'counter k_total{user}' <in >page || otb-expose -m 'counter n_total{user} value v' -m 'counter k_total{user}' <in >page
	[ "$(sum page n_total)" = "$(awk 'BEGIN { for (i = 0; i < 1000000; i++) s += i % 7; print s }')" ]
	[ "$(sum page k_total)" = 1000000 ]
	[ "$(grep -c '^k_total{' page)" = 2001 ]
	[ "$(value page 'k_total{otel_metric_overflow="true"}')" = 998000 ]
	[ "$(value page 'otb_expose_overflowed_values_total{metric="k_total"}')" = 998000 ]
}

@test "100,000 records: buckets, sums and counts are awk's" {
	awk 'BEGIN { srand(17); for (i = 0; i < 100000; i++)
		printf "{\"m\":\"%s\",\"v\":%d}\n", substr("GETPUTDEL", 1 + 3 * int(3 * rand()), 3), int(exp(12 * rand())) }' >in
	otb-expose -m 'histogram h{m} value v buckets 1, 10, 100, 1000, 10000, 100000' <in >page
	awk -F '[":,}]+' '
		BEGIN { n = split("1 10 100 1000 10000 100000", bound, " ") }
		{ m = $3; v = $5; sum[m] += v; count[m]++; for (i = 1; i <= n; i++) if (v <= bound[i]) bucket[m, i]++ }
		END { for (m in sum) {
			for (i = 1; i <= n; i++) printf "h_bucket{m=\"%s\",le=\"%d\"} %d\n", m, bound[i], bucket[m, i]
			printf "h_bucket{m=\"%s\",le=\"+Inf\"} %d\nh_count{m=\"%s\"} %d\nh_sum{m=\"%s\"} %d\n", m, count[m],
				m, count[m], m, sum[m]
		} }' in | LC_ALL=C sort >expected
	diff expected <(grep '^h_' page | LC_ALL=C sort)
}

# ---- the textfile ----------------------------------------------------------------------------------------------------

@test "--textfile writes the page there, readable for all, and leaves nothing else" {
	otb-expose <"$records/tcpretrans.jsonl" >page
	mkdir d
	(umask 077 && otb-expose --textfile d/tcp.prom <"$records/tcpretrans.jsonl" >out)
	[ ! -s out ]
	cmp page d/tcp.prom
	[ "$(stat -c %a d/tcp.prom)" = 644 ]
	[ "$(ls -A d)" = tcp.prom ]
	run ! grep -E ' [0-9.e+]+ [0-9]+$' d/tcp.prom # no timestamps
	(cd d && otb-expose --textfile here.prom </dev/null)
	lint d/here.prom
}

@test "--textfile replaces the file as a whole" {
	echo old >x.prom
	exec {old}<x.prom
	otb-expose --textfile x.prom <"$records/tcpretrans.jsonl"
	[ "$(cat <&"$old")" = old ]
	lint x.prom
	[ "$(sum x.prom otb_tcp_retransmits_total)" -gt 0 ]
}

@test "--textfile that fails leaves the old file, and nothing beside it: 1" {
	mkdir d
	echo old >d/x.prom
	# A file may have 1024 bytes: the page has more.
	run -1 bash -c 'trap "" XFSZ; ulimit -f 1; otb-expose --textfile d/x.prom <"$1"' - "$records/tcpretrans.jsonl"
	[[ $output == *"otb-expose: cannot write 'd/x.prom': File too large"* ]]
	[ "$(cat d/x.prom)" = old ]
	[ "$(ls -A d)" = x.prom ]
}

@test "--textfile where none can be: 1, at once" {
	mkfifo in
	exec {input}<>in # no end of input
	run -1 otb-expose --textfile none/x.prom <in
	[[ $output == *"otb-expose: cannot write 'none/x.prom': No such file or directory"* ]]
	mkdir d.prom
	run -1 otb-expose --textfile d.prom <in
	mkfifo f.prom
	run -1 otb-expose --textfile f.prom <in
	# A folder to throw things into, which even its owner may not read.
	mkdir -m 333 folder
	local as_user=()
	[ "$UID" != 0 ] || as_user=(setpriv '--bounding-set=-dac_override,-dac_read_search')
	run -1 "${as_user[@]}" otb-expose --textfile folder/x.prom <in
	[[ $output == *"otb-expose: cannot write 'folder/x.prom': Permission denied"* ]]
	run -0 otb-expose --textfile x.txt </dev/null
	[[ $output == *"does not end in .prom"* ]]
}

@test "--interval keeps the textfile up to date, SIGTERM writes it a last time" {
	local n
	start --textfile x.prom --interval 10ms
	has() {
		[ "$(sum x.prom otb_tcp_retransmits_total)" = "$1" ]
	}
	for n in 1 2 3; do
		echo '{"event":"tcp_retransmit"}' >&"$input"
		await has "$n"
		lint x.prom
	done
	echo '{"event":"tcp_retransmit"}' >&"$input"
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
	has 4
	[ "$(ls -A)" = $'in\nready\nx.prom' ]
}

@test "--textfile: a page that could not be written does not keep the last word out, and is 1 at the end" {
	local code=0
	mkdir folder
	start --textfile folder/x.prom --interval 10ms 2>err
	echo '{"event":"tcp_retransmit"}' >&"$input"
	mv folder away
	await grep -q "cannot write 'folder/x.prom'" err
	mv away folder
	interrupt
	echo '{"event":"tcp_retransmit"}' >&"$input"
	exec {input}>&-
	wait "$background" || code=$?
	background=
	[ "$code" = 1 ]
	[ "$(sum folder/x.prom otb_tcp_retransmits_total)" = 2 ]
}

@test "--textfile goes on from what the file holds: three runs add up, of every type" {
	rules=(-m 'counter c_total{m}' -m 'histogram h_seconds{m} value v buckets 1, 2' -m 'summary s{m} value v' -m 'gauge g{m} value v')
	printf '{"m":"%s","v":%s}\n' x 1 'y\"\n' 1.5 x 17 >one
	printf '{"m":"%s","v":%s}\n' x 2 z 0.5 >two
	for in in one two one; do
		otb-expose --textfile x.prom --label l=1 "${rules[@]}" <"$in"
		lint x.prom
	done
	cat one two one | otb-expose --label l=1 "${rules[@]}" >page
	# Quantiles are those of the last run.
	diff <(grep -v quantile page) <(grep -v quantile x.prom)
}

@test "--textfile: a changed type, label or bucket starts afresh, and says so" {
	printf '{"m":"x","v":%s}\n' 1 2 3 >in
	otb-expose --textfile x.prom -m 'counter a_total{m}' -m 'histogram h{m} value v buckets 1, 2' -m 'gauge g value v' \
		-m 'counter k_total{m}' -m 'counter gone_total' <in
	run -0 otb-expose --textfile x.prom -m 'counter a_total{m,v}' -m 'histogram h{m} value v buckets 1, 5' \
		-m 'summary g value v' -m 'counter k_total{m}' <in
	[[ $output == *"a_total had other labels before"* && $output == *"h had other buckets before"* ]]
	[[ $output == *"g had other type before"* && $output != *k_total* ]]
	[ "$(sum x.prom a_total)" = 3 ]
	[ "$(sum x.prom h_count)" = 3 ]
	[ "$(value x.prom 'k_total{m="x"}')" = 6 ]
	run ! grep gone_total x.prom
	lint x.prom
}

@test "--textfile: a file that is none is replaced" {
	printf 'rubbish\n# TYPE c_total counter\nc_total{a="x} 5\nc_total 7 8 9\n# TYPE\n# TYPE c_total\n\377' >x.prom
	echo '{}' | otb-expose --textfile x.prom -m 'counter c_total' 2>said
	[ "$(value x.prom c_total)" = 1 ]
	grep -q 'c_total had other lines' said
}

@test "--textfile: writers of one file at the same time lose nothing" {
	for writer in {1..5}; do
		yes '{}' | head -n 40 | otb-expose --textfile x.prom --interval 1ms -m 'counter c_total' &
		pids[writer]=$!
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	[ "$(value x.prom c_total)" = 200 ]
	[ "$(value x.prom otb_expose_lines_total)" = 200 ]
}

@test "--textfile: what another writer wrote since a page of ours failed is not lost" {
	local code=0
	rules=(-m 'counter c_total' -m 'counter t_total value t' -m 'histogram h value t buckets 1' -m 'counter l_total{k} limit 2')
	say() { # COUNT
		local i
		for ((i = 0; i < $1; i++)); do
			echo "{\"t\":0.5,\"k\":\"$((i % 3))\"}"
		done
	}
	say 5 | otb-expose --no-builtin --textfile x.prom "${rules[@]}"
	cp x.prom five.prom
	mkdir .x.prom.otb-expose # where the page on its way belongs
	start --no-builtin --textfile x.prom --interval 10ms "${rules[@]}" 2>err
	say 3 >&"$input"
	await test -s err
	say 7 | otb-expose --no-builtin --textfile five.prom "${rules[@]}"
	mv five.prom x.prom
	rmdir .x.prom.otb-expose
	has() {
		[ "$(value x.prom "$1")" = "$2" ]
	}
	await has c_total 15
	kill -TERM "$background"
	exec {input}>&-
	wait "$background" || code=$?
	background=
	[ "$code" = 1 ]
	say 15 | otb-expose --no-builtin "${rules[@]}" >page
	diff <(grep -E '^[cth]' page) <(grep -E '^[cth]' x.prom)
	[ "$(sum x.prom l_total)" = 15 ]
	has 'l_total{otel_metric_overflow="true"}' 4
	has otb_expose_lines_total 15
	lint x.prom
}

@test "--textfile: killed at any moment, the file is the old or the new one" {
	printf '{"m":"%d"}\n' {1..300} >in
	otb-expose --textfile x.prom -m 'counter c_total{m}' <in
	for try in {1..200}; do
		{ cat in && sleep 1; } | otb-expose --textfile x.prom --interval 1ms -m 'counter c_total{m}' 2>/dev/null &
		sleep "0.00$((try % 10))$((try % 7))"
		kill -KILL "$(jobs -p %%)" $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		tail -n 1 x.prom | grep -qE '^otb_expose_[a-z_]+ [0-9]+$' || { tail -n 3 x.prom && return 1; }
	done
	lint x.prom
	# Whole pages only: each series has been counted as often as any other, or not yet in a run that was killed early.
	[ "$(grep -c '^c_total{' x.prom)" = 300 ]
	otb-expose --textfile x.prom -m 'counter c_total{m}' <in
	[ -z "$(find . -name '.x.prom*')" ]
}

@test "--textfile and --ttl: what the file holds is not forgotten before anything was read" {
	echo '{"k":"a","v":7}' | otb-expose --no-builtin --textfile x.prom -m 'counter a_total{k} value v ttl 1h'
	start --no-builtin --textfile x.prom --interval 10ms -m 'counter a_total{k} value v ttl 1h'
	first=$(stat -c %i x.prom)
	written() { [ "$(stat -c %i x.prom)" != "$first" ]; }
	await written
	[ "$(value x.prom 'a_total{k="a"}')" = 7 ]
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
	[ "$(value x.prom 'a_total{k="a"}')" = 7 ]
}

@test "--textfile and --ttl: what has expired does not come back from the file" {
	start --no-builtin --textfile x.prom --interval 300ms -m 'counter a_total{k} ttl 1s' -m 'gauge g{k} value v ttl 1s'
	echo '{"k":"a","v":7}' >&"$input"
	has() { grep -q "$1" x.prom; }
	has_not() { echo '{"k":"b","v":1}' >&"$input" && ! grep -q "$1" x.prom; }
	await has 'a_total{k="a"} 1'
	await has_not 'k="a"'
	sleep 1
	has_not 'k="a"'
	has 'g{k="b"} 1'
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}

@test "--textfile: gauges with a ttl are those of this run, and each series keeps its place" {
	for pid in 1 2 3; do
		echo "{\"event\":\"gc_cycle\",\"comm\":\"x\",\"pid\":$pid,\"heap_live_bytes\":5}" | otb-expose --textfile x.prom
	done
	[ "$(samples x.prom otb_go_gc_heap_live_bytes)" = 'otb_go_gc_heap_live_bytes{comm="x",pid="3"} 5' ]
	for keys in 'a b' 'c d' 'a b'; do
		# shellcheck disable=SC2086 # two words
		printf '{"k":"%s"}\n' $keys | otb-expose --no-builtin --textfile y.prom -m 'counter a_total{k} limit 2'
	done
	[ "$(samples y.prom a_total)" = $'a_total{k="a"} 2\na_total{k="b"} 2\na_total{otel_metric_overflow="true"} 2' ]
}

@test "--textfile: a hostile file does not poison what is counted from here on" {
	cat >x.prom <<-'END'
		# TYPE c_total counter
		c_total{k="nan"} NaN
		c_total{k="inf"} +Inf
		c_total{k="minus"} -5
		c_total{k="twice"} 1e308
		c_total{k="twice"} 1e308
		c_total{k="good"} 3
		# TYPE h histogram
		h_bucket{k="a",le="1"} 1
		h_bucket{k="a",le="+Inf"} 1
		h_sum{k="a"} NaN
		h_count{k="a"} 1
		h_bucket{k="b",le="1"} 1
		h_bucket{k="b",le="+Inf"} 1e300
		h_count{k="b"} 1
	END
	printf 'c_total{k="\377"} 1\n' >>x.prom
	printf '{"k":"%s","v":0.5}\n' nan inf minus good b |
		otb-expose --no-builtin --textfile x.prom -m 'counter c_total{k}' -m 'histogram h{k} value v buckets 1'
	lint x.prom
	for k in nan inf minus; do [ "$(value x.prom "c_total{k=\"$k\"}")" = 1 ]; done
	[ "$(value x.prom 'c_total{k="good"}')" = 4 ]
	[ "$(value x.prom 'c_total{k="twice"}')" = 1e+308 ]
	[ "$(value x.prom 'h_sum{k="a"}')" = 0 ]
	[ "$(value x.prom 'h_sum{k="b"}')" = 0.5 ]
	printf '# TYPE c_total counter\nc_total{k="x",k="y"} 5\n' >x.prom
	echo '{"k":"y"}' | otb-expose --no-builtin --textfile x.prom -m 'counter c_total{k}'
	[ "$(value x.prom 'c_total{k="y"}')" = 1 ]
}

@test "files that would keep us waiting: said, and nothing hangs" {
	mkfifo pipe
	ln -s pipe x.prom
	run -1 timeout 10 otb-expose --textfile x.prom </dev/null
	[[ $output == *"cannot write 'x.prom': not a regular file"* ]]
	run -2 timeout 10 otb-expose --rules pipe </dev/null
	[[ $output == *"cannot open 'pipe'"* ]]
	ln -s /dev/zero zero.prom
	run -1 timeout 10 otb-expose --textfile zero.prom </dev/null
}

# ---- what a review found ---------------------------------------------------------------------------------------------

@test "rules whose samples would bear another metric's names are left out" {
	left_out() {
		printf '{"x":0.5}\n' | otb-expose "$@" >page 2>said
		promtool check metrics --extended <page >/dev/null 2>errors || ! grep -E 'error|second|parse' errors
		grep -q "left out" said
	}
	left_out -m 'counter otb_expose_lines_total'
	left_out -m 'histogram foo value x buckets 1' -m 'gauge foo_count value x'
	left_out -m 'summary foo value x' -m 'gauge foo_sum value x'
	left_out -m 'counter foo_total' -m 'gauge foo value x'
	left_out -m 'gauge target value x'
}

@test "a rewrite that cuts a character, and rules that are not UTF-8" {
	echo '{"p":"é"}' | otb-expose --no-builtin -m 'counter a_total{p =~ "^(.)" -> "\1"}' >page
	lint page
	run -2 otb-expose -m $'counter a_total{p="\xff"}' </dev/null
	[[ $output == *'column 20: not UTF-8'* ]]
	run -2 otb-expose -m 'counter a_total where p =~ "(a)\1"' </dev/null
	[[ $output == *'no back-references'* ]]
	run -2 otb-expose -m 'counter a_total{p =~ "(a)\1" -> ""}' </dev/null
	[[ $output == *'no back-references'* ]]
}

@test "counts end at what is exact, and amounts that are not finite do not count" {
	yes '{"v":1,"sampling_threshold":"ffffffffffffff"}' | head -n 300 | otb-expose -m 'histogram h value v buckets 2' >page
	[ "$(value page h_count)" = 9007199254740992 ]
	printf '{"x":%s}\n' 1e308 1 | otb-expose -m 'counter a_total value x * 1e10' -m 'counter b_total value x * -1' >page
	[ "$(value page a_total)" = 10000000000 ]
	[ "$(value page otb_expose_bad_values_total)" = 3 ]
	run ! grep '^b_total' page
}

@test "a file of rules with a lower limit keeps no more series than there are" {
	echo '{"builtin": false, "rules": ["counter a_total{k} limit 5"]}' >rules.json
	start --rules rules.json --textfile x.prom --interval 10ms
	printf '{"k":"%s"}\n' {1..5} >&"$input"
	has() { [ "$(value x.prom "$1")" = "$2" ]; }
	await has 'a_total{k="5"}' 1
	has 'otb_expose_rules_reloads_total{result="done"}' 0
	echo '{"builtin": false, "rules": ["counter a_total{k} limit 2"]}' >new && mv new rules.json
	await has 'otb_expose_rules_reloads_total{result="done"}' 1
	printf '{"k":"%s"}\n' {1..50} >&"$input"
	await has 'a_total{otel_metric_overflow="true"}' 45
	has 'a_total{k="1"}' 2
	kill -TERM "$background"
	exec {input}>&-
	wait "$background"
	background=
}
