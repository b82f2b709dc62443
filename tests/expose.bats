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

# await COMMAND...: until it succeeds, at most 20 seconds
await() {
	local try
	for try in {1..2000}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.01
	done
	echo "never true ($try tries): $*" >&2
	return 1
}

# start [OPTION]...: otb-expose in the background, set up; what is written to $input is its input
start() {
	mkfifo in
	otb-expose --ready-fd 5 "$@" <in 5>ready 3>&- &
	background=$!
	exec {input}>in
	await test -s ready
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
	printf '{"event":"tcp_retransmit","segments":%s}\n' 4503599627370496 4503599627370495 '"7"' -1 1e999 null true |
		otb-expose >page
	lint page
	[ "$(value page 'otb_tcp_retransmit_segments_total{reason="",comm=""}')" = 9007199254740991 ]
	[ "$(value page otb_expose_bad_values_total)" = 5 ]
	[ "$(sum page otb_tcp_retransmits_total)" = 7 ]
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
	run -2 otb-expose -l comm=x
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
	run -0 bash -c 'set -o pipefail; { cat "$1"; echo; } | otb-expose | true' - "$records/tcpretrans.jsonl"
}

@test "a page larger than a pipe waits for its reader" {
	seq 1 2000 | awk '{ printf "{\"event\":\"tcp_retransmit\",\"segments\":1,\"comm\":\"c%d\"}\n", $1 }' >in
	otb-expose -o page <in
	[ "$(stat -c %s page)" -gt 200000 ]
	otb-expose <in | while IFS= read -r line; do printf '%s\n' "$line"; done | cmp - page
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
	kill -TERM "$background"
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
