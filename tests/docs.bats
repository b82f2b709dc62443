#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Help, man pages and completions say the same, and what they say is so: options, fields, examples.

bats_require_minimum_version 1.5.0

setup_file() {
	load lib/gcloop
	gcloop_build "$BATS_FILE_TMPDIR/gcloop" 2>"$BATS_FILE_TMPDIR/no-go" || :
	gcloop_build "$BATS_FILE_TMPDIR/myserver" gcload -tags http 2>>"$BATS_FILE_TMPDIR/no-go" || :
}

setup() {
	load lib/net
	load lib/cases
	load lib/tracer
	ROOT=$TRACER_ROOT
	PROGRAMS=() TRACERS=()
	local path
	for path in "$TRACER_BUILD"/otb-*; do
		[[ -f $path && -x $path && " ${OTB_PROGRAMS:-${path##*/}} " == *" ${path##*/} "* ]] || continue
		PROGRAMS+=("${path##*/}")
		! "$path" --help | grep -q -- --buffer= || TRACERS+=("${path##*/}")
	done
	[ "${#PROGRAMS[@]}" -gt 0 ] || { echo "no programs in $TRACER_BUILD" && return 1; }
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	tracer_kill
	net_down
	[ -z "${LISTENER:-}" ] || kill -KILL -- "-$LISTENER"
}

need_tool() {
	command -v "$1" >/dev/null || skip "no $1"
}

need_bpf() {
	bpf_permitted || skip 'eBPF is not permitted here'
}

need_go() {
	[ -x "$BATS_FILE_TMPDIR/gcloop" ] || skip "no Go program to look at: $(cat "$BATS_FILE_TMPDIR/no-go")"
}

# ---- what each says --------------------------------------------------------------------------------------------------

page_of() { # PROGRAM
	ls "$ROOT/man/$1".[18]
}

# All print options, sorted, one a line, with their dashes.

options_in_help() { # PROGRAM
	"$TRACER_BUILD/$1" --help | grep -oE '^ +(-[[:alnum:]], )?--[a-z0-9-]+' | grep -oE -- '--?[[:alnum:]][a-z0-9-]*' | sort -u
}

# Those that head an item of a list in the section OPTIONS.
options_in_page() { # PAGE
	mandoc -T ascii "$1" | col -bx | awk '/^[A-Z]/ { inside = $0 ~ /^OPTIONS/ } inside && /^     -/' |
		grep -oE -- '(^|[ ,;])--?[[:alnum:]][a-z0-9-]*' | tr -d ' ,;' | sort -u
}

# complete_SHELL PROGRAM WORD...: what the shell offers for the last word, one a line; the last word may be empty

complete_bash() {
	(
		set +e # compopt fails where no completion is under way
		# shellcheck disable=SC1090
		source "$ROOT/completions/bash/$1"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		function=$(complete -p "$1" | grep -oE -- '-F [^ ]+')
		"${function#-F }"
		printf '%s\n' "${COMPREPLY[@]}"
	)
}

complete_zsh() {
	timeout 60 zsh -f "$ROOT/tests/lib/complete.zsh" "$ROOT/completions/zsh" "$*"
}

complete_fish() {
	HOME=$BATS_TEST_TMPDIR fish -N -c 'source $argv[1]; complete -C "$argv[2]"' "$ROOT/completions/fish/$1.fish" "$*" |
		cut -f 1
}

options_in_completion() { # SHELL PROGRAM
	{ "complete_$1" "$2" -- && "complete_$1" "$2" -; } | grep -E -- '^--?[[:alnum:]]' | sed 's/=$//' | sort -u
}

same() { # WHAT WANTED GOT
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") || { echo "< help, > $1" && return 1; }
}

# ---- options ---------------------------------------------------------------------------------------------------------

@test "every program has help, a man page and completions" {
	for program in "${PROGRAMS[@]}"; do
		[ "$(options_in_help "$program" | wc -l)" -gt 10 ]
		page_of "$program"
		ls "$ROOT/completions/bash/$program" "$ROOT/completions/zsh/_$program" "$ROOT/completions/fish/$program.fish"
	done
}

@test "help and man page name the same options" {
	need_tool mandoc
	for program in "${PROGRAMS[@]}"; do
		same "man page of $program" "$(options_in_help "$program")" "$(options_in_page "$(page_of "$program")")"
	done
}

@test "help and bash completion name the same options" {
	for program in "${PROGRAMS[@]}"; do
		same "bash, $program" "$(options_in_help "$program")" "$(options_in_completion bash "$program")"
	done
}

@test "help and zsh completion name the same options" {
	need_tool zsh
	for program in "${PROGRAMS[@]}"; do
		same "zsh, $program" "$(options_in_help "$program")" "$(options_in_completion zsh "$program")"
	done
}

@test "help and fish completion name the same options" {
	need_tool fish
	for program in "${PROGRAMS[@]}"; do
		same "fish, $program" "$(options_in_help "$program")" "$(options_in_completion fish "$program")"
	done
}

@test "otb(7) names no option that no program has" {
	need_tool mandoc
	for program in "${PROGRAMS[@]}"; do
		options_in_help "$program"
	done | sort -u >all
	run -1 grep -vxFf all <(options_in_page "$ROOT/man/otb.7")
}

@test "otb(7) names every program, and no other as a tool" {
	for program in "${PROGRAMS[@]}"; do
		grep -qE "^\.It Xr $program [18]\$" "$ROOT/man/otb.7"
	done
	while read -r program; do
		[ -d "$ROOT/cmd/$program" ] || [ -f "$ROOT/cmd/$program.c" ]
	done < <(sed -nE 's/^\.It Xr (otb-[a-z]+) [18]$/\1/p' "$ROOT/man/otb.7")
}

# offers PROGRAM WORD... : WANTED...: each shell there is offers all of these, and nothing but these if WANTED is "only ..."
offers() {
	local -a words=() wanted=()
	while [ "$1" != : ]; do
		words+=("$1") && shift
	done
	shift
	wanted=("$@")
	for shell in bash zsh fish; do
		command -v "$shell" >/dev/null || continue
		"complete_$shell" "${words[@]}" >offered || { echo "$shell failed" && return 1; }
		for word in "${wanted[@]}"; do
			grep -qxE -- "$word" offered || { echo "$shell: no '$word' for '${words[*]}' in:" && cat offered && return 1; }
		done
	done
}

@test "completions know the values that are a set" {
	offers otb-tcpretrans --by '' : flow peer process cgroup reason
	offers otb-tcpretrans --reason '' : syn rto loss_recovery fast tlp other
	offers otb-tcpretrans --reason rto,s : rto,syn
	offers otb-tcpretrans -p '' : "$$" 1
	offers otb-tcpretrans --comm '' : "$(cat /proc/$$/comm)"
	touch records.jsonl
	offers otb-tcpretrans -o rec : records.jsonl
	offers otb-gcpause --reason gc,read_mem_stats,stop : gc,read_mem_stats,stop_trace
	offers otb-gcpause --exe rec : records.jsonl
	for option in --exe --control --output; do
		offers otb-trace "$option" rec : records.jsonl
	done
	offers otb-expose --textfile rec : records.jsonl
	offers otb-sample --mode '' : proportional equalizing
	offers otb-sample --adaptive-signal '' : errors latency errors,latency
	for option in --rules -r --redact-key-file --control --output; do
		offers otb-sample "$option" rec : records.jsonl
	done
}

@test "completions of otb-gcpause know every reason there is, and no other" {
	sed -n '/reason_names\[REASON_NAMES_MAX\] = {/,/};/p' "$ROOT/cmd/otb-gcpause/reason.c" | grep -oE '"[a-z_]+"' |
		tr -d '"' | sort >reasons
	[ "$(wc -l <reasons)" -ge 18 ]
	for shell in bash zsh fish; do
		command -v "$shell" >/dev/null || continue
		"complete_$shell" otb-gcpause --reason '' | grep -vx gc | sort | diff reasons -
	done
	# And so does the manual, where they are explained and listed.
	for reason in $(grep -vx other reasons); do
		grep -qw "$reason" "$ROOT/man/otb-gcpause.8"
		grep -qE "^\.It $reason Ta " "$ROOT/man/otb-records.7"
	done
}

@test "completions know the namespaces there are" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	net_up
	offers otb-tcpretrans --netns /run/netns/ : "(/run/netns/)?$NET_A"
}

@test "completions of --option=value" {
	# bash makes three words of it, two as long as nothing is behind the =.
	complete_bash otb-tcpretrans --by = | grep -x peer
	complete_bash otb-tcpretrans --by = pr | grep -x process
	! command -v zsh >/dev/null || complete_zsh otb-tcpretrans --by=pr | grep -x -- --by=process
	! command -v fish >/dev/null || complete_fish otb-tcpretrans --by=pr | grep -x -- --by=process
}

# ---- fields ----------------------------------------------------------------------------------------------------------

# The fields that otb-records(7) explains, in its order: .It Va a , b
documented_fields() {
	sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$ROOT/man/otb-records.7" | sed -n 's/^\.It Va //p' | grep -oE '[a-z0-9_]+' |
		awk '!seen[$0]++'
}

# Those that a tracer says it writes, and that are said of every tracer.
declared_fields() { # TRACER
	{
		sed -n '/event_field_names\[\] = {/,/};/p' "$ROOT/cmd/$1/event.c"
		sed -n '/of_tracers\[\] = {/,/};/p' "$ROOT/common/cli/cli.c"
	} | grep -oE '"[a-z0-9_]+"' | tr -d '"' | sort -u
}

# Those of one record, in the order of the page.
fields_of() { # EVENT
	echo time
	echo event
	sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$ROOT/man/otb-records.7" |
		awk -v event="$1" '/^\.S[hs] / { inside = $0 == ".Ss " event } inside && sub(/^\.It Va /, "")' | grep -oE '[a-z0-9_]+'
}

all_documented() { # what are fields on stdin, one a line
	local missing
	missing=$(sort -u | grep -vxFf <(documented_fields)) || return 0
	echo "not in otb-records(7): $missing"
	return 1
}

@test "every field that a tracer declares is in otb-records(7)" {
	for program in "${TRACERS[@]}"; do
		[ "$(declared_fields "$program" | wc -l)" -gt 10 ]
		declared_fields "$program" | all_documented
	done
}

@test "every field of the recorded records is in otb-records(7)" {
	ls "$ROOT"/tests/records/*.jsonl
	jq -r 'keys_unsorted[]' "$ROOT"/tests/records/*.jsonl | all_documented
}

@test "every field in otb-records(7) is one that a program writes" {
	for field in $(documented_fields); do
		grep -rqF "\"$field" "$ROOT/cmd" "$ROOT/common" || { echo "nothing writes '$field'" && return 1; }
	done
}

@test "every field that otb-tcpretrans writes is documented and declared" {
	need_bpf
	net_up
	local -a runs=('' '-s --by flow' '-s --by peer' '-s --by process' '-s --by cgroup' '-s --by reason' '--max-rate 1')
	local i pids
	start_all() {
		pids=()
		for i in "${!runs[@]}"; do
			# shellcheck disable=SC2086
			tracer_start otb-tcpretrans -d 60s --stats ${runs[i]}
			mv "$TRACER_OUT" "$i.jsonl" # which it goes on writing to
			pids+=("$TRACER_PID")
		done
	}
	stop_all() {
		kill -TERM "${pids[@]}" && wait "${pids[@]}" && TRACER_PID= && cat ./*.jsonl >"$TRACER_OUT"
	}
	start_one() { tracer_start otb-tcpretrans -d 60s; }
	tracer_case rto start_all stop_all
	case_end
	tracer_case synack start_one tracer_stop
	for i in "${!runs[@]}"; do
		[ "$(wc -l <"$i.jsonl")" -ge 2 ]
	done
	jq -r .event ./*.jsonl "$TRACER_OUT" | sort -u >events
	diff events <(printf '%s\n' stats suppressed tcp_retransmit tcp_retransmit_summary tcp_synack_retransmit)
	jq -r 'keys_unsorted[]' ./*.jsonl "$TRACER_OUT" >fields
	all_documented <fields
	run -1 grep -vxFf <(declared_fields otb-tcpretrans && printf '%s\n' time event tool truncated) fields
	in_order tcp_retransmit 0.jsonl
}

# in_order EVENT FILE...: its records there have fields that its section of the page has, in that order
in_order() {
	local event=$1
	shift
	fields_of "$event" | jq -R . | jq -s . >order
	jq -ne --arg event "$event" --slurpfile order order '[inputs | select(.event == $event) |
		[keys_unsorted[] as $key | $order[0] | index($key)] | all and . == sort] | length > 0 and all' "$@" ||
		{ echo "$event: not in the order of otb-records(7)" && return 1; }
}

@test "every field that otb-gcpause writes is documented and declared" {
	need_bpf
	need_go
	[ -x "$TRACER_BUILD/otb-gcpause" ] || skip 'otb-gcpause is not built'
	proc_start gcloop - "$BATS_FILE_TMPDIR/gcloop"
	local -a aim=(-p "${PROC_PID[gcloop]}")
	"$TRACER_BUILD/otb-gcpause" "${aim[@]}" --stats -n 100 >single.jsonl
	"$TRACER_BUILD/otb-gcpause" "${aim[@]}" --stats -s -i 100ms -d 1s >sums.jsonl
	jq -r .event ./*.jsonl | sort -u >events
	diff events <(printf '%s\n' gc_cycle gc_pause gc_pause_summary stats)
	jq -r 'keys_unsorted[]' ./*.jsonl >fields
	all_documented <fields
	run -1 grep -vxFf <(declared_fields otb-gcpause && printf '%s\n' time event tool truncated) fields
	for event in gc_pause gc_cycle; do
		in_order "$event" single.jsonl
	done
	in_order gc_pause_summary sums.jsonl
}

@test "the recorded records of otb-gcpause have all fields of otb-records(7), in its order" {
	for event in gc_pause gc_cycle gc_assist gc_pause_summary; do
		in_order "$event" "$ROOT"/tests/records/gcpause*.jsonl
		jq -r --arg event "$event" 'select(.event == $event) | keys_unsorted[]' "$ROOT"/tests/records/gcpause*.jsonl |
			sort -u >fields
		# Not all of them are of a container, and there were no 4,096 groups.
		diff <(grep -vxE 'container_id|overflow' fields) \
			<(fields_of "$event" | sort -u | grep -vxE 'container_id|overflow')
	done
}

@test "the recorded records of otb-trace are in the order of otb-records(7)" {
	in_order span "$ROOT"/tests/records/trace-recorded.jsonl
	in_order span_summary "$ROOT"/tests/records/trace-recorded-summary.jsonl
}

# The fields of otb-sample's stats records: of the first, and of those behind it.
stats_fields_of_sample() {
	awk '
		/^\.S[hs] / { inside = $0 == ".Ss stats"; of_sample = 0 }
		inside && $0 == ".Xr otb-sample 1" { of_sample = 1 }
		of_sample && sub(/^\.It Va /, "")
	' "$ROOT/man/otb-records.7" | grep -oE '[a-z0-9_]+'
}

@test "otb-sample's stats records have the fields of otb-records(7), in its order" {
	need_tool jq
	printf '{"a":%d}\n' 1 2 | "$TRACER_BUILD/otb-sample" --keep 'a == 1' --ratio 0 --stats >records.jsonl
	jq -s -e '[.[1:][].tool] == ["otb-sample", "otb-sample", "otb-sample"]' records.jsonl
	{
		echo duration_ns # which tracers have as well
		stats_fields_of_sample
	} | diff - <(jq -rs '.[1, 2] | keys_unsorted - ["time", "event", "tool"] | .[]' records.jsonl)
}

@test "every field that otb-sample adds is in otb-records(7), in its order" {
	need_tool jq
	echo '{"time":"2026-11-21T08:00:00Z","event":"span","trace_id":"7c2f91d04b5e8a36"}' >span.jsonl
	"$TRACER_BUILD/otb-sample" --trace --ratio 1 --explain <span.jsonl >explained.jsonl
	"$TRACER_BUILD/otb-sample" --trace --ratio 1 --dry-run <span.jsonl >dry.jsonl
	jq -r 'keys_unsorted[]' explained.jsonl dry.jsonl | grep ^sampling_ >fields
	[ "$(sort -u fields | wc -l)" -eq 4 ]
	all_documented <fields
	diff <(documented_fields | grep ^sampling_) <(awk '!seen[$0]++' fields)
}

@test "no label of otb-sample may be called as a field of its stats records" {
	local -a fields
	mapfile -t fields < <(stats_fields_of_sample)
	[ "${#fields[@]}" -gt 15 ]
	for field in duration_ns "${fields[@]}"; do
		run -2 --separate-stderr "$TRACER_BUILD/otb-sample" --ratio 1 --label "$field=x"
		# shellcheck disable=SC2154
		[[ $output == '' && $stderr == *--label*"'$field'"* ]] || { echo "$field: $stderr" && return 1; }
	done
}

@test "no label may be called as a field" {
	local -a fields
	for program in "${TRACERS[@]}"; do
		mapfile -t fields < <(
			declared_fields "$program"
			printf '%s\n' time event tool truncated
			jq -r 'keys_unsorted[]' "$ROOT/tests/records/${program#otb-}"*.jsonl | sort -u
		)
		[ "${#fields[@]}" -gt 10 ]
		for field in "${fields[@]}"; do
			run -2 --separate-stderr "$TRACER_BUILD/$program" -d 1ms --label "$field=x"
			# shellcheck disable=SC2154
			[[ $output == '' && $stderr == *--label*"'$field'"* ]] || { echo "$field: $stderr" && return 1; }
		done
	done
}

# ---- pages -----------------------------------------------------------------------------------------------------------

@test "man pages are clean" {
	need_tool mandoc
	run -0 mandoc -T lint -W warning "$ROOT"/man/*
	[ "$(grep -v 'outdated mandoc.db' <<<"$output")" = '' ]
}

@test "man pages have their sections in the order of all" {
	need_tool mandoc
	# mandoc itself warns where the usual ones stand in another order.
	for page in "$ROOT"/man/*.[18]; do
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
			grep -qx ".Sh $section" "$page" || { echo "$page: no $section" && return 1; }
		done
	done
}

@test "man pages refer to pages that are there" {
	for page in "$ROOT"/man/*; do
		while read -r name section; do
			[ -f "$ROOT/man/$name.$section" ] || { echo "$page: no $name($section)" && return 1; }
		done < <(sed -nE 's/^\.(It )?Xr (otb[a-z-]*) ([0-9]).*/\2 \3/p' "$page")
	done
}

# ---- examples --------------------------------------------------------------------------------------------------------

# The commands of a page: a line that begins with a prompt in a literal display, with the indented lines behind it, but
# for those of `uniq -c`; and a display of one line that is a command of ours. Each ends with a NUL.
examples_of() { # PAGE
	awk '
		function finish() { if (command != "") printf "%s%c", command, 0; command = "" }
		/^\.Bd -literal/ { literal = 1; next }
		/^\.Ed/ { finish(); literal = 0; next }
		/^\.Dl otb-/ { command = substr($0, 5); finish(); next }
		!literal { next }
		{ gsub(/\\e/, "\\"); gsub(/\\&/, ""); gsub(/\\-/, "-") }
		/^[$#] / { finish(); command = substr($0, 3); next }
		/^[ \t]/ && !/^ +[0-9]+ / && command != "" { command = command "\n" $0; next }
		{ finish() }
	' "$1" | sed -z 's/ PID\>/ $(pidof -s myserver)/g'
}

# Each command of a page with the lines that stand behind it: the command, a NUL, the lines, a NUL.
examples_with_output() { # PAGE
	awk '
		function finish() { if (command != "") printf "%s%c%s%c", command, 0, shown, 0; command = shown = "" }
		/^\.Bd -literal/ { literal = 1; next }
		/^\.Ed/ { finish(); literal = 0; next }
		!literal { next }
		{ gsub(/\\e/, "\\"); gsub(/\\&/, ""); gsub(/\\-/, "-") }
		/^[$#] / { finish(); command = substr($0, 3); next }
		/^[ \t]/ && !/^ +[0-9]+ / && command != "" && shown == "" { command = command "\n" $0; next }
		command != "" { shown = shown $0 "\n" }
	' "$1"
}

# The files that a page shows by `cat FILE` are there for its other examples.
make_shown_files() { # PAGE FOLDER
	local command shown
	mkdir -p "$2"
	while IFS= read -r -d '' command && IFS= read -r -d '' shown; do
		[[ $command != 'cat '* ]] || printf '%s' "$shown" >"$2/${command#cat }"
	done < <(examples_with_output "$1")
}

# run_examples: all of them, each in a folder of its own, where the tracers are what $BATS_TEST_TMPDIR/first has. There is
# a process called myserver, and its file is the one that an example means. Ports and pins are those of a network and a
# mount namespace
run_examples() {
	local page command files number=0 enter='ip link set lo up && mount -t bpf bpf /sys/fs/bpf' alone=(unshare --net --mount)
	[ "$(id -u)" -eq 0 ] || alone=() enter=:
	for page in "$ROOT"/man/*; do
		files=$BATS_TEST_TMPDIR/files-${page##*/}
		make_shown_files "$page" "$files"
		while IFS= read -r -d '' command; do
			! is_left_out "$command" || continue
			number=$((number + 1))
			mkdir "$BATS_TEST_TMPDIR/$number"
			find "$files" -type f -exec ln -s -t "$BATS_TEST_TMPDIR/$number" {} +
			(
				cd "$BATS_TEST_TMPDIR/$number" || exit
				export ROOT TRACER_BUILD PATH=$BATS_TEST_TMPDIR/first:$TRACER_BUILD:$PATH
				"${alone[@]}" bash -o pipefail -c "$enter
[[ \$0 != *localhost:4318* ]] || { collector=\$(python3 \"\$ROOT/tests/lib/takes_otlp.py\") && trap 'kill \$collector' EXIT; }
$command" "$command" >../stdout 2>../stderr 3>&-
			) || { echo "${page##*/}: status $?: $command" && cat stderr && return 1; }
			check_example "$command" || { echo "${page##*/}: $command" && head stdout stderr && return 1; }
		done < <(examples_of "$page")
	done
	[ "$number" -ge 15 ]
}

# stand_in: first/tracer stands in for all tracers, and a program that could serve is myserver, if there is Go
stand_in() {
	local program
	chmod +x first/tracer
	for program in "${TRACERS[@]}"; do
		cp first/tracer "first/$program"
	done
	rm first/tracer
	[ -x "$BATS_FILE_TMPDIR/myserver" ] || return 0
	cp "$BATS_FILE_TMPDIR/myserver" myserver
	export MYSERVER=$BATS_TEST_TMPDIR/myserver
	proc_start myserver - "$MYSERVER"
}

@test "examples run" {
	need_bpf
	need_tool jq
	need_go
	# Ends the tracer once it is attached, as Ctrl-C would: no example takes as long as it says.
	mkdir first
	cat >first/tracer <<-'END'
		#!/bin/bash
		program=$TRACER_BUILD/${0##*/}
		set -- "${@/#\/usr\/local\/bin\/myserver/$MYSERVER}"
		case " $* " in *' --ready-fd '*) exec "$program" "$@" ;; esac
		folder=$(mktemp -d) && mkfifo "$folder/ready" || exit 99
		"$program" --ready-fd 9 "$@" 9>"$folder/ready" &
		read -r <"$folder/ready" && kill -TERM $!
		wait $!
		code=$?
		rm -r "$folder"
		exit "$code"
	END
	stand_in
	is_left_out() { false; }
	check_example() { :; }
	run_examples
}

# play_records: the tracers play recorded records instead
play_records() {
	mkdir first
	cat >first/tracer <<-'END'
		#!/bin/bash
		records=$ROOT/tests/records/${0##*/otb-}.jsonl out=/dev/stdout
		[ -e "$records" ] || records=${records%.jsonl}-recorded.jsonl
		while [ $# -gt 0 ]; do
			case $1 in
			-s | --summary) records=${records%.jsonl}-summary.jsonl ;;
			-o) out=$2 && shift ;;
			esac
			shift
		done
		grep --line-buffered '' "$records" >>"$out"
	END
	stand_in
}

@test "examples do what they say with records" {
	need_tool jq
	play_records
	# These need a tracer that makes a map.
	is_left_out() { [[ $1 = *--control* ]]; }
	check_example() {
		! grep -v '^otb-expose: listening on ' stderr || return
		case $1 in *'select('* | *--listen*) ;; *) [ -s stdout ] || [ -n "$(find "$number" -type f)" ] ;; esac
	}
	run_examples
}

# The commands that a program's help shows; what they do stands behind two spaces.
help_examples() { # PROGRAM
	"$TRACER_BUILD/$1" --help | sed -n '/^Examples:/,/^$/s/^  \(otb-.*\)/\1/p' | sed 's/   *[^ ].*//'
}

@test "examples of help run" {
	local program command number=0 alone=(unshare --net)
	[ "$(id -u)" -eq 0 ] || alone=()
	play_records
	export ROOT PATH=$BATS_TEST_TMPDIR/first:$TRACER_BUILD:$PATH
	cp "$ROOT/tests/records/trace-recorded.jsonl" records.jsonl
	cp records.jsonl log
	for program in "${PROGRAMS[@]}"; do
		while IFS= read -r command; do
			number=$((number + 1))
			"${alone[@]}" bash -o pipefail -c "$command" <records.jsonl >stdout 2>stderr 3>&- ||
				{ echo "$command" && cat stderr && return 1; }
			! grep -v '^otb-expose: listening on ' stderr || { echo "$command" && return 1; }
		done < <(help_examples "$program")
	done
	[ "$number" -ge 3 ]
}

# The commands of the README, with what a \ or an open quote takes from the next lines. Each ends with a NUL.
readme_commands() {
	awk '
		function is_open(text) { return gsub(/\047/, "", text) % 2 || command ~ /\\$/ }
		function finish() { if (command != "") printf "%s%c", command, 0; command = "" }
		command != "" && is_open(command) { command = command "\n" substr($0, 5); next }
		{ finish() }
		/^    # [^A-Z]/ { command = substr($0, 7) }
		END { finish() }
	' "$ROOT/README.md"
}

# run_readme COMMAND: fails if it does, or says anything; what it prints is in ./stdout. What listens stays
run_readme() {
	local command=${1//9464/$port} code=0
	case $command in
	*--listen*)
		setsid bash -c "$command" >/dev/null 2>&1 3>&- &
		LISTENER=$!
		disown # bash would report its end
		await bash -c "curl -s localhost:$port/metrics | grep -q took_seconds_bucket"
		return
		;;
	*"'counter http_errors_total where latency > 5ms'"*) code=2 ;;
	esac
	run "-$code" --separate-stderr bash -c "$command" 3>&-
	printf '%s\n' "$output" >stdout
	[[ $code -ne 0 || $stderr = '' ]]
}

@test "commands of the README run" {
	local command number=0 port
	need_tool jq
	need_tool curl
	load lib/http
	port=$(free_port)
	play_records
	export ROOT PATH=$BATS_TEST_TMPDIR/first:$TRACER_BUILD:$PATH
	cp "$ROOT/tests/records/trace-recorded.jsonl" spans.json
	jq -nc 'range(20000) | {time: "2026-11-30T10:16:39.\(. % 1000 + 1000 | tostring[1:])Z", method: "GET",
		path: ["/", "/item", "/healthz"][. % 3], status: (if . % 53 == 0 then 503 else 200 end), request_time: 0.03}' >access.json
	while IFS= read -r -d '' command; do
		number=$((number + 1))
		run_readme "$command" || { echo "$command" && echo "$stderr" && return 1; }
		[[ -s stdout || $command = *'> '* || $command = *'select(.trace_id '* ]] || { echo "prints nothing: $command" && return 1; }
	done < <(readme_commands)
	[ "$number" -ge 20 ]
	# The message that the README shows is the one.
	[[ $(<"$ROOT/README.md") = *"column 43: 'latency' has no unit in its"* ]]
	otb-expose -m 'counter http_errors_total where latency > 5ms' <access.json 2>&1 | grep -q "column 43: 'latency' has no unit in its"
}

# run_shown PAGE CHECK: runs each command that a page shows with its output, which is `shown` to CHECK, and leaves how many
# those are in `number`
run_shown() {
	local command
	number=0
	while IFS= read -r -d '' command && IFS= read -r -d '' shown; do
		[[ -n $shown && $command != 'cat '* ]] || continue
		PATH=$TRACER_BUILD:$PATH bash -o pipefail -c "$command" >stdout 2>stderr ||
			{ echo "$command" && cat stderr && return 1; }
		[ ! -s stderr ] || { echo "$command" && cat stderr && return 1; }
		"$2" || { echo "of: $command" && return 1; }
		number=$((number + 1))
	done < <(examples_with_output "$1")
}

has_what_is_shown() {
	local line
	while IFS= read -r line; do
		grep -qxF -- "$line" stdout || { echo "not there: $line" && cat stdout && return 1; }
	done <<<"${shown%$'\n'}"
}

is_what_is_shown() {
	diff <(printf '%s' "$shown") stdout
}

@test "rules of otb-expose(1) print what stands behind them" {
	run_shown "$ROOT/man/otb-expose.1" has_what_is_shown
	[ "$number" -ge 20 ]
}

@test "examples of otb-sample(1) print exactly what stands behind them" {
	need_tool jq
	make_shown_files "$ROOT/man/otb-sample.1" .
	run_shown "$ROOT/man/otb-sample.1" is_what_is_shown
	[ "$number" -ge 15 ]
}

# The fields that the examples of a page have in records of their own: {name: 1}, {"name":1}
fields_made_in() { # PAGE
	examples_with_output "$1" | tr '\0' '\n' | grep -oE '(^|[{,]) *"?[a-z_][a-z0-9_]*"?:' | tr -d '{," :'
}

@test "examples name only fields that there are" {
	for page in "$ROOT"/man/*; do
		fields_made_in "$page" >made || :
		examples_of "$page" | tr '\0' '\n' | { grep jq || :; } | { grep -oE '(^|[^[:alnum:]_."])\.[a-z_][a-z0-9_]*|last\.[a-z_]+' || :; } |
			sed 's/.*\.//' | { grep -vx 'jsonl\|prom' || :; } | { grep -vxFf made || :; } | all_documented
	done
}
