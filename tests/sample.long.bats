#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The parts of sample.bats that take long: 5 million records, memory that stays what it is, and statistics over many runs.
#
# shellcheck disable=SC2154 # lib/sample.bash sets `input` and `background`
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
	load lib/sample
	sample_setup_file
}

setup() {
	load lib/await
	load lib/sample
	sample_setup
}

teardown() {
	sample_teardown
}

@test "200 reloads during 5 million records: none is lost, none doubled, none sees half of the rules" {
	local n given=0
	rules() { # N
		printf '{"rules": ["r%d_a: even == 1 -> 1", "r%d_b: * -> 1"]}\n' "$1" "$1" >new
		mv new rules.json
	}
	rules 0
	start --rules rules.json --explain --stats
	# A thousand records for each line that it is given.
	mkfifo turns
	python3 -c '
import sys
i = 0
for _ in sys.stdin:
	sys.stdout.write("".join("{\"id\":%d,\"even\":%d}\n" % (n, 1 - n % 2) for n in range(i, i + 1000)))
	sys.stdout.flush()
	i += 1000' <turns >&"$input" 3>&- {input}>&- &
	producer=$!
	exec {turns}>turns
	give() { # TURNS
		yes '' | head -n "$1" >&"$turns"
		given=$((given + $1))
	}
	for n in {1..200}; do
		rules "$n"
		[ $((n % 3)) != 0 ] || kill -HUP "$background"
		is_in_force() {
			give 4
			tail -c 2000 out | grep -q "\"r${n}_"
		}
		await is_in_force
	done
	[ "$given" -le 5000 ]
	give $((5000 - given))
	exec {turns}>&-
	wait "$producer"
	producer=
	finish
	grep -v '"tool"' out >kept
	awk '{ split($0, part, /[:,"}]+/) } part[3] != n++ { print "lost or doubled: " $0; bad = 1; exit }
		{ match($0, /"r[0-9]+_[ab]"/); rule = substr($0, RSTART + 2, RLENGTH - 5) + 0; kind = substr($0, RSTART + RLENGTH - 2, 1)
			if (rule < last || kind != (part[5] ? "a" : "b")) { print "rules: " $0; bad = 1; exit } last = rule }
		END { if (n != 5000000 || last != 200) { print n " records, the last of r" last; bad = 1 } exit bad }' kept
	grep '"tool"' out | head -n 1 | jq -e '.records == 5000000 and .kept == 5000000 and .reloads >= 200'
	[ ! -s err ]
}

@test "10 million records, a million keys: memory stays what it is, in every mode" {
	local options memory
	awk 'BEGIN { for (i = 0; i < 2000000; i++) printf "{\"time\":\"2020-03-01T12:%02d:%02d.%03d000000Z\",\"trace_id\":\"%018x%07x%07x\",\"user\":\"user-%d\",\"duration_ns\":%d,\"span_id\":\"1\"}\n",
		int(i / 60000), int(i / 1000) % 60, i % 1000, i, i * 7919 % 268435456, i % 65536, i % 1000000, i % 100000 }' >in
	for options in '--ratio 0.01' '--adaptive 5/s --key user' '--first 1 --per user --every 1h' '--rate 50/s' '--one-in 100 --adaptive-signal errors,latency' \
		'--trace --ratio 0.01 --decisions 10000'; do
		rm -f feed ready
		# shellcheck disable=SC2086
		start -q $options
		# Of one and the same time traces would wait for a day that does not come.
		case $options in *--trace*) cat in ;; *) cat in in in in in ;; esac >&"$input"
		await taken
		memory=$(peak)
		finish
		echo "# $options: at most $memory KiB" >&3
		[ "$memory" -lt 32768 ]
	done
}

@test "--trace: 2 million open traces within the default of 256 MB" {
	start --trace --ratio 0.5 --wait 1h
	awk 'BEGIN { for (i = 0; i < 2000000; i++) printf "{\"time\":\"2020-03-01T12:%02d:%02d.%03d000000Z\",\"trace_id\":\"%018x%07x%07x\",\"parent_span_id\":\"1\",\"span_id\":\"2\",\"duration_ns\":%d,\"text\":\"%0200d\"}\n",
		int(i / 60000), int(i / 1000) % 60, i % 1000, i, i * 7919 % 268435456, i % 65536, i % 100000, i }' >&"$input"
	await taken
	memory=$(peak)
	finish
	echo "# at most $memory KiB" >&3
	[ "$memory" -lt $(((256 + 24) * 1024)) ]
	grep -q max-memory err
}

@test "--trace: half a million traces, and then one of 1.5 million records, within the default of 256 MB" {
	start --trace --ratio 1 --wait 1h
	awk -v text="$(printf 'x%.0s' {1..250})" 'BEGIN { for (i = 1; i <= 2000000; i++)
		printf "{\"time\":\"2020-03-01T12:00:00Z\",\"trace_id\":\"%032x\",\"text\":\"%s\"}\n", i < 500000 ? i : 500000, text }' >&"$input"
	await taken
	memory=$(peak)
	finish
	echo "# at most $memory KiB" >&3
	[ "$memory" -lt $(((256 + 24) * 1024)) ]
	[ "$(wc -l <out)" = 2000000 ]
}

@test "--rate at 100 times what it may keep, in 60 runs: no bias" {
	for seed in {1..60}; do
		py 'for second in range(100):
	for r in spans(400, 1000 * int(sys.argv[1]) + second, per_second=800, at=second, first=second * 400): put(r)' "$seed" |
			otb-sample --rate 4/s | py 'print(sum(map(weight, map(json.loads, sys.stdin))).__float__())'
	done >sums
	# The variance of k / (1 - T), T being the (k + 1)th of n, is n (n - k) / (k - 1).
	py 'sums = [float(line) for line in open("sums")]
near(sum(sums), 60 * 40000, 60 * 100 * 400 * 396 / 3)
assert len(set(sums)) == 60'
}

@test "every mode that claims a weight, in 40 runs of samples in bursts: no bias, and as varied as it should be" {
	local options
	for seed in {1..40}; do
		py 'source, first = random.Random(int(sys.argv[1])), 0
for second in range(12):
	n = source.choice([1, 50, 50, 800])
	for r in sampled(spans(n, source.getrandbits(60), per_second=2 * n, at=second, first=first, user=lambda i: i * i % 23, error_type=lambda i: "x" if i % 5 else None),
		["0", "c", "8"]): put({k: v for k, v in r.items() if v is not None})
	first += n' "$seed" >"in.$seed"
	done
	while read -r options; do
		for seed in {1..40}; do
			# shellcheck disable=SC2086
			otb-sample -q $options <"in.$seed" >"out.$seed" || return
		done
		py 'total = variance = truth = 0
for seed in range(1, 41):
	before, after = records("in.%d" % seed), records("out.%d" % seed)
	came = {r["id"]: weight(r) for r in before}
	truth += sum(came.values())
	total += sum(map(weight, after))
	variance += sum(weight(r) * (weight(r) - came[r["id"]]) for r in after)
near(total, truth, float(variance), sys.argv[1])' "$options"
	done <<-'END'
		--ratio 0.1
		--ratio 0.1 --mode equalizing
		--rate 10/s
		--rate 100/s --tick 100ms
		--adaptive 10/s
		--adaptive 2/s --key user --tick 500ms
		--adaptive 2/s --key user --keys 3
		--ratio 0.05 --adaptive-signal errors
		--first 2 --per user --every 1s --ratio 0.1
		--first 2 --per user --every 1s --rate 10/s
		--first 2 --per user --every 1s --adaptive 5/s
		--trace --ratio 0.1
		--trace --ratio 0.1 --max-memory 1M
	END
}
