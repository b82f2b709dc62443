#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-sample: what it keeps against a second reading of OpenTelemetry's specification (lib/sampling.py), its weights
# against statistics, every line against the one it was, and hostile input. What is drawn many thousand times for a
# statistic is not drawn once more under the sanitizers, where other tests have every mode.
#
# shellcheck disable=SC2030,SC2031 # each test has its own `background` and `input`

bats_require_minimum_version 1.5.0

setup_file() {
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

# ids FILE
ids() {
	jq -r .id "$1" | xargs
}

# span TRACE SPAN PARENT SECOND [MEMBERS]: a record of a millisecond; a parent of 0 is none. MEMBERS begin with a comma
span() {
	local parent=
	[ "$3" = 0 ] || printf -v parent ',"parent_span_id":"%016x"' "$3"
	printf '{"time":"2020-03-01T12:%02d:%02d.%03d000000Z","event":"span","trace_id":"%032x","span_id":"%016x"%s,' \
		$((${4%.*} / 60)) $((${4%.*} % 60)) "$(millis "$4")" "$1" "$2" "$parent"
	printf '"duration_ns":1000000%s}\n' "${5:-}"
}

# millis SECONDS: what stands behind the point, of three digits or none
millis() {
	case $1 in *.*) echo $((10#${1#*.})) ;; *) echo 0 ;; esac
}

# slowly: reads as much as 4 MB a second
slowly() {
	"$PYTHON" -c '
import os, time
while piece := os.read(0, 65536):
	os.write(1, piece)
	time.sleep(0.016)'
}

# columns FILE NAME...: values of members, a record a line
columns() {
	jq -r --args '[$ARGS.positional[] as $name | .[$name] // "-"] | join(" ")' "${@:2}" <"$1"
}

# ---- thresholds and R ------------------------------------------------------------------------------------------------

# edges TH...: records of R around these thresholds, which trace ids bear, into ./in
edges() {
	py 'for r in sorted({max(0, value(th) + off) for th in sys.argv[1:] for off in (-1, 0, 1)} | {NEVER - 1}):
	put({"trace_id": "%018x%014x" % (7, r)})' "$@" >in
}

# at_the_edge TH OPTION...: of these, those from T on are kept, with it
at_the_edge() {
	otb-sample "${@:2}" <in >out
	awk -v th="$1" 'BEGIN { t = substr(th "00000000000000", 1, 14) }
		substr($0, length($0) - 15, 14) >= t { print substr($0, 1, length($0) - 1) ",\"sampling_threshold\":\"" th "\"}" }' in |
		diff - out || { echo "${*:2}" && return 1; }
}

@test "thresholds are the specification's, and R = T is the first that is kept" {
	local n th ratio
	edges 0 8 aaab c cccd e e666 f fd70a ffbe77 fff9724 ffffef39 4
	while read -r n th; do
		at_the_edge "$th" --one-in "$n"
		at_the_edge "$th" --rule "a: * -> 1/$n"
	done <<-'TABLE'
		1 0
		2 8
		3 aaab
		4 c
		5 cccd
		8 e
		10 e666
		16 f
		100 fd70a
		1000 ffbe77
		10000 fff9724
		1000000 ffffef39
	TABLE
	while read -r ratio th; do
		at_the_edge "$th" --ratio "$ratio"
		at_the_edge "$th" --rule "a: * -> $ratio"
	done <<-'TABLE'
		1 0
		1.0 0
		0.5 8
		0.3333333333333333 aaab
		0.25 c
		0.2 cccd
		0.125 e
		0.1 e666
		0.0625 f
		0.01 fd70a
		0.001 ffbe77
		0.0001 fff9724
		0.000001 ffffef39
		0.75 4
	TABLE
}

@test "a ratio of 0 keeps nothing, whatever R is" {
	printf '{"trace_id":"ffffffffffffffffffffffffffffffff","id":%d}\n' 1 2 >in
	run -0 otb-sample --ratio 0 <in
	[ -z "$output" ]
	run -0 otb-sample --rule 'a: * -> 0' --ratio 1 <in
	[ -z "$output" ]
}

@test "any ratio: thresholds are those of exact arithmetic" {
	py 'source = random.Random(1)
for i in range(60):
	print("%.25f" % max(1e-12, source.random() ** (1 + i % 4 * 3)))' >ratios
	echo '{"trace_id":"ffffffffffffffffffffffffffffffff"}' >in
	while read -r ratio; do
		otb-sample --ratio "$ratio" <in
	done <ratios | jq -r .sampling_threshold >got
	py 'for line in open("ratios"):
	if float(line) < 15 / 16: print(text(threshold(float(line))))
	else: print("-")' >expected
	paste -d' ' expected got | awk '$1 != "-" && $1 != $2 { print; bad = 1 } END { exit bad }'
	[ "$(wc -l <got)" = 60 ]
}

@test "R: rv of the tracestate's ot member, else the low 56 bits of the trace id" {
	local low=00000000000001 high=fffffffffffffe
	say() { # KEPT MEMBERS
		printf '{"id":%s,%s}\n' "$1" "$2"
	}
	{
		say 1 '"trace_id":"'000000000000000000$high'"'
		say 0 '"trace_id":"'ffffffffffffffffff$low'"'
		say 1 '"trace_id":"'0000000000000000f$low'","tracestate":"ot=rv:'$high'"'
		say 0 '"tracestate":"ot=rv:'$low'","trace_id":"'000000000000000000$high'"'
		say 0 '"trace_id":"'000000000000000000$high'","tracestate":"a=b,ot=th:0;rv:'$low',c=d"'
		say 0 '"trace_id":"'000000000000000000$high'","tracestate":"a=b , ot=x:;rv:'$low';y:z"'
		say 0 '"trace_id":"'000000000000000000$high'","tracestate":"ot=rv\u003a'$low'"'
		say 0 '"trace_id":"'000000000000000000$high'","\u0074racestate":"ot=rv:'$low'"'
		# Neither of these is the rv of ot, so that the trace id's is.
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":""'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=th:8"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"xot=rv:'$low'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"otx=rv:'$low'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"x=rv:'$low'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=xrv:'$low'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=a:b.rv;c:rv"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=rv:'${low:1}'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=rv:0'$low'"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":"ot=rv:0000000000000G"'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":17'
		say 1 '"trace_id":"'000000000000000000$high'","tracestate":null'
		say 1 '"trace_id":"'000000000000000000$high'","nested":{"tracestate":"ot=rv:'$low'"}'
		# An id of 64 bits; the last of two counts.
		say 1 '"trace_id":"'00$high'"'
		say 0 '"trace_id":"'ff$low'"'
		say 0 '"trace_id":"'000000000000000000$high'","trace_id":"'000000000000000000$low'"'
	} >in
	otb-sample --one-in 2 <in >out
	diff <(grep '"id":1' in | sed 's/}$/,"sampling_threshold":"8"}/') out
}

@test "R: of what has no trace id, the SHA-256 of --key" {
	py 'for i, user in enumerate(["a", "", "é", "a b", "\u0000", "\"\\", 1.5, True, "x" * 70000] + ["u%d" % n for n in range(200)]):
	put({"id": i, "user.name": user})
print("{\"id\":1000,\"user.name\":1.50}")
print("{\"id\":1001,\"user.name\":[ 1 ,{}]}")
print("{\"id\":1002,\"user_name\":\"\\u0061\"}")
print("{\"id\":1003,\"trace_id\":\"00000000000000000000000000000000\",\"user.name\":\"a\"}")' >in
	otb-sample --one-in 2 --key user.name <in >out
	py 'for line in lines("in"):
	found = {m.name: m for m in members(line.decode())[0]}
	user = found.get("user.name") or found["user_name"]
	whole = json.loads(user.value)
	content = whole.encode() if isinstance(whole, str) else user.value.encode()
	if int(hashlib.sha256(content).hexdigest()[-14:], 16) >= value("8"): print(edit(line.decode(), {"sampling_threshold": "\"8\""}))' >expected
	diff expected out
	[ "$(wc -l <out)" -gt 70 ]
	# sha256sum says the same.
	for user in u1 u2 u3 u4 u5; do
		hash=$(printf %s "$user" | sha256sum | cut -c 51-64)
		if [ $((16#$hash >= 16#80000000000000)) = 1 ]; then grep -q "\"$user\"" out; else run ! grep "\"$user\"" out; fi
	done
	# A trace id goes before the key.
	echo '{"trace_id":"ffffffffffffffffffffffffffffffff","user":"u"}' | otb-sample --one-in 1000000 --key user | grep -q ffffef39
}

@test "R: else random, and with --seed the same in every run" {
	seq 1 10000 | sed 's/.*/{"id":&}/' >in
	otb-sample --ratio 0.3 --seed 1 <in >one
	otb-sample --ratio 0.3 --seed 1 <in >same
	otb-sample --ratio 0.3 --seed 2 <in >other
	otb-sample --ratio 0.3 <in >free
	otb-sample --ratio 0.3 <in >freer
	cmp one same
	run ! cmp -s one other
	run ! cmp -s free freer
	for out in one other free freer; do
		py 'share(len(records(sys.argv[1])), 10000, Fraction(3, 10))' "$out"
	done
	# Half of what one kept, the other has too: 0.3 of it.
	py 'both = {r["id"] for r in records("one")} & {r["id"] for r in records("other")}
share(len(both), 10000, Fraction(9, 100))'
	# Ids that are none.
	printf '{"trace_id":%s}\n' '"00000000000000000000000000000000"' '""' '"xyz"' '"ffffffffffffffffffffffffffffffzz"' 17 null |
		otb-sample --one-in 1000000000 --seed 1 >out
	[ ! -s out ]
}

# ---- samples of samples ----------------------------------------------------------------------------------------------

# A stream as three services make it, of which one keeps all, one half and one a tenth.
mixed() { # N SEED
	py 'for r in sampled(spans(int(sys.argv[1]), int(sys.argv[2])), ["0", "8", "e666"]): put(r)' "$@"
}

# bats test_tags=no-san
@test "what came sampled is sampled on as the specification says, in both modes" {
	mixed 6000 1 >in
	for mode in proportional equalizing; do
		for ratio in 1 0.7 0.5 0.1 0.01; do
			otb-sample --ratio $ratio --mode $mode <in >out
			py 'ratio, mode = Fraction(float(sys.argv[1])), sys.argv[2]
for line in lines("in"):
	t = final(json.loads(line), ratio, mode)
	if t is not None: print(edit(line.decode(), {"sampling_threshold": json.dumps(text(t))}))' $ratio $mode | cmp - out
		done
	done
	otb-sample --ratio 0.1 <in >out
	otb-sample --ratio 0.1 --mode proportional <in | cmp - out
	# At the end of what there is of probability.
	py 'for digit in "8cdef":
	for n in range(14): put({"trace_id": "f" * 32, "sampling_threshold": "f" * n + digit})' >in
	for ratio in 0.5 0.1 0.000001; do
		otb-sample --ratio $ratio <in >out
		py 'for r in records("in"):
	t = final(r, Fraction(float(sys.argv[1])))
	if t is not None: put(dict(r, sampling_threshold=text(t)))' $ratio | diff - out
	done
}

# bats test_tags=no-san
@test "--ratio 0.1 | --ratio 0.01 is what the specification says, in both modes" {
	py 'for r in spans(50000, 2): put(r)' >in
	for mode in proportional equalizing; do
		otb-sample --ratio 0.1 --mode $mode <in | otb-sample --ratio 0.01 --mode $mode >out
		py 'for r in records("in"):
	for ratio in (0.1, 0.01):
		t = final(r, Fraction(ratio), sys.argv[1]) if r else None
		r = dict(r, sampling_threshold=text(t)) if t is not None else None
	if r: put(r)' $mode | cmp - out
		py 'unbiased(records("in"), records("out"))'
		[ -s out ]
	done
	# In the other order, equalizing gives the same; a 1 behind it changes nothing.
	otb-sample --ratio 0.01 --mode equalizing <in | otb-sample --ratio 0.1 --mode equalizing | cmp - out
	otb-sample --ratio 0.01 <in >one
	otb-sample --ratio 1 <one | cmp - one
}

@test "two samplers of different ratios on the halves of traces keep nested sets" {
	py 'for r in spans(20000, 3):
	put(dict(r, half=0))
	put(dict(r, half=1))' >in
	jq -c 'select(.half == 0)' in | otb-sample --ratio 0.1 | jq -r .trace_id | sort >a
	jq -c 'select(.half == 1)' in | otb-sample --one-in 3 | jq -r .trace_id | sort >b
	[ -z "$(comm -23 a b)" ]
	[ "$(comm -12 a b | wc -l)" = "$(wc -l <a)" ]
	py 'share(len(lines("a")), 20000, Fraction(1, 10)); share(len(lines("b")), 20000, Fraction(1, 3))'
}

@test "a random R of a record that came sampled is above its threshold" {
	seq 1 20000 | sed 's/.*/{"id":&,"sampling_threshold":"c"}/' >in
	# Kept with 0.1 of a quarter; or with a quarter of it, as 1/16 is the floor.
	otb-sample --seed 1 --ratio 0.1 <in >out
	py 'share(len(records("out")), 20000, Fraction(1, 10)); assert {r["sampling_threshold"] for r in records("out")} == {text(threshold(Fraction(1, 40)))}'
	otb-sample --seed 1 --one-in 16 --mode equalizing <in >out
	py 'share(len(records("out")), 20000, Fraction(1, 4)); assert {r["sampling_threshold"] for r in records("out")} == {"f"}'
	otb-sample --seed 1 --one-in 2 --mode equalizing <in | cmp - in
}

@test "samples that none can be lose their weight" {
	{
		printf '{"id":%d,"trace_id":"000000000000000000%s","sampling_threshold":"f","a":1}\n' 1 c0000000000000 2 efffffffffffff \
			3 00000000000001 4 f0000000000000
		printf '{"id":%d,"sampling_threshold":"f","tracestate":"ot=rv:%s"}\n' 5 80000000000000
	} >in
	otb-sample --ratio 0.5 --stats <in >out
	[ "$(grep -v '"tool"' out)" = '{"id":1,"trace_id":"000000000000000000c0000000000000","a":1}
{"id":2,"trace_id":"000000000000000000efffffffffffff","a":1}
{"id":5,"tracestate":"ot=rv:80000000000000"}' ]
	py 'whole, _ = stats("out"); assert whole["unweighted"] == 3, whole'
	otb-sample --keep '*' <in >out
	[ "$(columns out id sampling_threshold | xargs)" = '1 - 2 - 3 - 4 f 5 -' ]
	# What is no threshold says that it was sampled, but not how: it is judged as one that was not, and loses it.
	printf '{"id":%d,"sampling_threshold":%s,"trace_id":"ffffffffffffffff"}\n' 1 '"xyz"' 2 '""' 3 17 4 '"fffffffffffffff"' 5 null \
		6 '"F"' 7 '["8"]' >in
	otb-sample --ratio 0.5 <in >out
	[ "$(columns out id sampling_threshold | xargs)" = '1 - 2 - 3 - 4 - 5 8 6 - 7 -' ]
	sed 's/ffffffffffffffff/007fffffffffffff/' in | otb-sample --ratio 0.5 >out
	[ ! -s out ]
}

@test "a threshold that R contradicts stands for one record, not for 2^56, in what is counted" {
	local options
	# One that no sampler can have kept, and an error, before a thousand others.
	{
		echo '{"time":"2020-03-01T12:00:00Z","id":-1,"trace_id":"00000000000000000000000000000001","sampling_threshold":"ffffffffffffff","error_type":"x"}'
		py 'for r in spans(1000, 31, per_second=100): put(r)'
	} >in
	for options in '--adaptive 1000/s' '--trace --adaptive 2000/s --wait 1ms'; do
		# shellcheck disable=SC2086
		otb-sample $options <in >out
		py 'after = records("out")
assert len(after) == 1001, (len(after), sys.argv[1])
assert all(r.get("sampling_threshold") == ("0" if r["id"] >= 0 else None) for r in after)' "$options"
	done
	# An error in a hundred records is no reason to keep more than 0.11.
	for options in '' '--trace --wait 1ms'; do
		# shellcheck disable=SC2086
		otb-sample --ratio 0.1 --adaptive-signal errors $options <in >out
		py 'share(sum(r["id"] >= 0 for r in records("out")), 1000, Fraction(1, 10))'
	done
}

# ---- statistics ------------------------------------------------------------------------------------------------------

# bats test_tags=no-san
@test "a ratio: the kept share, and what the kept stand for" {
	for seed in 1 2; do
		py 'for r in spans(30000, int(sys.argv[1])): put(r)' "$seed" >in
		mixed 30000 "$seed" >mixed
		for ratio in 0.5 0.03; do
			otb-sample --ratio $ratio <in >out
			py 'share(len(records("out")), 30000, Fraction(sys.argv[1])); unbiased(records("in"), records("out"))' $ratio
			for mode in proportional equalizing; do
				otb-sample --ratio $ratio --mode $mode <mixed >out
				py 'unbiased(records("mixed"), records("out"))'
			done
		done
		otb-sample --one-in 7 <in >out
		py 'share(len(records("out")), 30000, Fraction(1, 7)); unbiased(records("in"), records("out"))'
	done
}

# Batches are told by their thresholds: that of each is a whole R + 1.
check_batches='
def batches(before, after):
	floors = sorted({value(r["sampling_threshold"]) for r in after} - {0})
	kept = defaultdict(list)
	for r in after: kept[value(r["sampling_threshold"])].append(r)
	by_r = {randomness(r): r for r in before}
	for t in floors:
		first_out = by_r.get(t - 1)
		assert first_out, "T is no excluded R + 1: %x" % t
		yield t, first_out, kept[t]
'

@test "--rate: of each tick the largest R, and the threshold is the first excluded R + 1" {
	# Each second has its records in its first half, so that any tick of a second that is not cut there has them all.
	py 'for second in range(50):
	for r in spans(400, second, per_second=800, at=second, first=second * 400): put(dict(r, second=second))' >in
	otb-sample --rate 40/s <in >out
	py "$check_batches"'
before, after = records("in"), records("out")
n = 0
for t, first_out, kept in batches(before, after):
	assert {r["second"] for r in kept} == {first_out["second"]}, "batch over seconds"
	same = [r for r in before if r["second"] == first_out["second"]]
	assert sorted(r["id"] for r in kept) == sorted(r["id"] for r in same if randomness(r) >= t)
	assert len(kept) == 40, len(kept)
	n += 1
assert n == 50 and len(after) == 2000, (n, len(after))
assert [r["id"] for r in after] == sorted(r["id"] for r in after), "order"'
	# Twice is as once, and less than the rate is all, for certain.
	otb-sample --rate 100/s <out | cmp - out
	otb-sample --rate 800/s <in | sed 's/,"sampling_threshold":"0"//' | cmp - in
}

# bats test_tags=no-san
@test "--rate at 100 times what it may keep: the sum is unbiased, though 4 are kept at a time" {
	for seed in 1 2; do
		py 'for second in range(300):
	for r in spans(400, 1000 * int(sys.argv[1]) + second, per_second=800, at=second, first=second * 400): put(r)' "$seed" >in
		otb-sample --rate 4/s <in >out
		# The variance of k / (1 - T), T being the (k + 1)th of n, is n (n - k) / (k - 1).
		py 'after = records("out")
assert len(after) == 1200, len(after)
near(sum(map(weight, after)), 120000, 300 * 400 * 396 / 3)' "$seed"
	done
}

# bats test_tags=no-san
@test "--rate under bursts, of samples, in ticks of all sizes: the sum is unbiased" {
	py 'source, first = random.Random(5), 0
for second in range(120):
	n = source.choice([0, 1, 5, 50, 50, 3000])
	for r in sampled(spans(n, second, per_second=max(1, 2 * n), at=second, first=first), ["0", "c", "8", "fd"]): put(r)
	first += n' >in
	for options in '--rate 20/s' '--rate 200/s --tick 100ms' '--rate 1200/m' '--rate 10/s --tick 5s' '--rate 36000/h --mode equalizing'; do
		# shellcheck disable=SC2086
		otb-sample $options <in >out
		py 'unbiased(records("in"), records("out")); assert len(records("out")) <= 122 * int(sys.argv[1]) + int(sys.argv[1])' \
			"$(case $options in *20/s* | *1200/m*) echo 20 ;; *200/s*) echo 200 ;; *) echo 10 ;; esac)"
	done
}

@test "--rate: records of one trace share their fate, and are no more than the rate" {
	py 'for second in range(20):
	for i, r in enumerate(spans(100, second, per_second=200, at=second, first=second * 1000)):
		for k in range(1 + i % 10): put(dict(r, id=r["id"] * 10 + k))' >in
	otb-sample --rate 50/s <in >out
	py 'before, after = records("in"), records("out")
size, kept = Counter(r["trace_id"] for r in before), Counter(r["trace_id"] for r in after)
assert all(size[t] == kept[t] for t in kept), "a trace was torn"
per_second = Counter(r["time"][:19] for r in after)
assert max(per_second.values()) <= 50 and len(per_second) == 20, per_second
unbiased(before, after)'
}

@test "--rate: where records of one trace are more than it, it holds in the mean, and the sum is unbiased" {
	py 'for second in range(400):
	for i, r in enumerate(spans(20, 40 + second, per_second=40, at=second)):
		for k in range(5): put(dict(r, id=100 * second + 5 * i + k))' >in
	for options in '' '--trace --wait 1ms'; do
		# shellcheck disable=SC2086
		otb-sample --rate 1/s $options <in >out
		py 'before, after = records("in"), records("out")
# One trace of five in five seconds.
near(len(after) / 5, 80, 400 * 0.2 * 0.8, "traces kept")
unbiased(before, after)'
	done
}

@test "--rate where a batch has no room in --max-memory: fewer are kept, and their weight says so" {
	py 'for second in range(10):
	for r in spans(20000, second, per_second=40000, at=second, first=second * 20000, text="x" * 100): put(r)' >in
	otb-sample --rate 100000/s --max-memory 1M <in >out 2>err
	py 'before, after = records("in"), records("out")
assert len(after) < 100000, len(after)
unbiased(before, after)'
	grep -q -- --max-memory err
}

@test "--rate where records of one R have no room in --max-memory: they stand for each other, tick by tick" {
	# A user a second, of whom each takes more than there is.
	py 'for second in range(300):
	for r in spans(200, second, per_second=400, at=second, first=200 * second, user="u%d" % second):
		del r["trace_id"]
		put(r)' >in
	otb-sample --rate 1000000/s --key user --max-memory 32K <in >out 2>err
	py 'after = records("out")
assert 0 < len(after) < 60000, len(after)
unbiased(records("in"), after, "user")'
	grep -q -- --max-memory err
}

@test "--rate below one a tick keeps some, and no more than that" {
	py 'for r in spans(6000, 6, per_second=10): put(r)' >in # ten minutes
	for rate in 6/m 360/h; do
		otb-sample --rate $rate <in >out
		py 'n = len(records("out"))
assert 54 <= n <= 66, n
unbiased(records("in"), records("out"))'
	done
}

@test "--rate: a tick for which there are more records than numbers keeps all" {
	printf '{"id":%d}\n' 1 2 3 | otb-sample --rate 1000000000000/s --tick 365d >out
	[ "$(ids out)" = '1 2 3' ]
}

@test "--token-bucket: at once, without a weight, and it says so once" {
	py 'for r in spans(10000, 7, per_second=1000, sampling_threshold=lambda i: "0" if i % 2 else None): put(r)' |
		sed 's/,"sampling_threshold":null//' >in
	otb-sample --rate 100/s --token-bucket --stats <in >out 2>err
	py 'after, (whole, by_rule) = records("out"), stats("out")
assert 900 <= len(after) <= 1100 + 1, len(after)
assert not any("sampling_threshold" in r for r in after)
per_second = Counter(r["time"][:19] for r in after)
assert max(per_second.values()) <= 201 and len(per_second) >= 9, per_second
assert whole["unweighted"] == len(after) and list(by_rule) == ["token_bucket"], whole'
	[ "$(grep -c sampling_threshold err)" = 1 ]
	[ "$(wc -l <err)" = 1 ]
	start --rate 5/h --token-bucket
	echo '{"id":1,"time":"2020-03-01T12:00:00.000000000Z"}' >&"$input"
	await grep -q '"id":1' out
	finish
}

@test "--adaptive holds its rate, and what it keeps stands for all" {
	py 'for r in spans(60000, 8, per_second=2000): put(r)' >in
	otb-sample --adaptive 100/s <in >out
	py 'before, after = records("in"), records("out")
unbiased(before, after)
per_second = Counter(r["time"][17:19] for r in after)
late = sum(per_second["%02d" % s] for s in range(10, 29))
near(late, 1900, 1900, "kept in 19 seconds")'
	otb-sample --adaptive 6000/m --tick 500ms <in >out
	py 'unbiased(records("in"), records("out"))
near(sum(r["time"][17:19] in ["%02d" % s for s in range(10, 29)] for r in records("out")), 1900, 1900)'
}

@test "--adaptive with less than one a tick: what comes more seldom than the rate is kept whole" {
	py 'for i in range(100): put({"time": when(i * 600 * 10**9), "id": i})' >in
	otb-sample --adaptive 1/m <in >out
	sed 's/}$/,"sampling_threshold":"0"}/' in | cmp - out
}

@test "--adaptive --key: each key has its rate, and rare ones are kept whole" {
	# Of 1,000 a second: one in 100 is rare, the rest goes to three keys as 7 : 2 : 1.
	py 'for r in spans(40000, 9, per_second=1000, path=lambda i: "/rare" if i % 100 == 0 else "/" + "aaaaaaabbc"[i % 10], method=lambda i: i % 2): put(r)' >in
	otb-sample --adaptive 20/s --key path <in >out
	py 'before, after = records("in"), records("out")
unbiased(before, after)
for path in ("/a", "/b", "/c", "/rare"):
	unbiased([r for r in before if r["path"] == path], [r for r in after if r["path"] == path])
late = Counter(r["path"] for r in after if 10 <= int(r["time"][17:19]) < 39)
for path in ("/a", "/b", "/c"): near(late[path], 29 * 20, 29 * 20, path)
rare = [r for r in after if r["path"] == "/rare"]
assert len(rare) == 400 and {r["sampling_threshold"] for r in rare} == {"0"}, len(rare)'
	otb-sample --adaptive 20/s --key path --key method <in >out
	py 'after = records("out")
unbiased(records("in"), after)
late = Counter((r["path"], r["method"]) for r in after if 10 <= int(r["time"][17:19]) < 39)
for path, method in (("/a", 0), ("/a", 1), ("/b", 0), ("/b", 1)): near(late[path, method], 29 * 20, 29 * 20, path)'
}

@test "--adaptive counts what records stand for, not records" {
	# 1,000 a second, of which 250 are left.
	py 'for r in sampled(spans(40000, 10, per_second=1000), ["c"]): put(r)' >in
	otb-sample --adaptive 100/s <in >out
	py 'after = records("out")
unbiased(records("in"), after)
near(sum(10 <= int(r["time"][17:19]) < 39 for r in after), 2900, 2900)'
}

# bats test_tags=no-san
@test "--adaptive under a burst: the sum is unbiased, and the burst is held down" {
	py 'first = 0
for second in range(40):
	n = 10000 if second in (20, 21, 30) else 100
	for r in spans(n, 100 + second, per_second=n, at=second, first=first): put(r)
	first += n' >in
	otb-sample --adaptive 50/s <in >out
	py 'before, after = records("in"), records("out")
unbiased(before, after)
per_second = Counter(int(r["time"][17:19]) for r in after)
# 50 at the old rate, and one more for each time the volume grows by a factor of e.
assert per_second[20] < 600 and per_second[21] < 200, per_second'
	for seed in 1 2 3 4 5; do
		py 'for r in spans(20000, int(sys.argv[1]), per_second=20000): put(r)' $seed >in # all in the first tick
		otb-sample --adaptive 5/s <in >out
		py 'unbiased(records("in"), records("out"))'
	done
}

# bats test_tags=no-san
@test "--adaptive-signal: the ratio is its formula's, and the kept stand for all" {
	check() { # RATIO OPTION...
		otb-sample --ratio 0.1 "${@:2}" <in >out
		py 'before, after = records("in"), records("out")
unbiased(before, after)
late = [r for r in before if int(r["time"][17:19]) >= 15]
kept = sum(int(r["time"][17:19]) >= 15 for r in after)
ratio = float(sys.argv[1])
# The p95 need not be exact: a twentieth.
near(kept, len(late) * ratio, len(late) * ratio * (1 - ratio) + (len(late) * ratio / 20 / 4) ** 2, "kept at %s" % ratio)' "$1"
	}
	# Every tenth is an error, and all take 200 ms.
	py 'for r in spans(30000, 11, per_second=1000, duration_ns=200000000, http_response_status_code=lambda i: 503 if i % 10 == 0 else 200): put(r)' >in
	check 0.2 --adaptive-signal errors
	check 0.15 --adaptive-signal errors --signal-errors 5
	check 0.2 --adaptive-signal latency --signal-baseline 100ms
	check 0.15 --adaptive-signal latency --signal-baseline 100ms --signal-latency 0.5
	check 0.3 --adaptive-signal errors,latency --signal-baseline 100ms
	check 0.1 --adaptive-signal latency --signal-baseline 300ms
	check 0.5 --adaptive-signal latency --signal-baseline 1s --signal-min 0.5
	check 1 --adaptive-signal errors --signal-errors 1000
	check 0.6 --adaptive-signal errors --signal-error 'http_response_status_code == 200 or nothing exists' --signal-errors 5.555
	# Constant as it is, it is its own baseline.
	check 0.1 --adaptive-signal latency
	# Another field.
	sed 's/"duration_ns"/"wait_us"/' in >other && mv other in
	check 0.2 --adaptive-signal latency --signal-field wait_us --signal-baseline 100s
}

@test "--adaptive-signal counts errors by what they stand for" {
	# Errors were kept whole, of the others one in ten: there are 10 % of them, though half of what comes is.
	py 'for r in spans(100000, 12, per_second=4000):
	if r["id"] % 10 == 0: put(dict(r, error_type="timeout", sampling_threshold="0"))
	elif randomness(r) >= value("e666"): put(dict(r, sampling_threshold="e666"))' >in
	otb-sample --ratio 0.1 --mode equalizing --adaptive-signal errors <in >out
	py 'before, after = records("in"), records("out")
unbiased(before, after)
kept = [r for r in after if "error_type" in r and int(r["time"][17:19]) >= 12]
n = sum("error_type" in r and int(r["time"][17:19]) >= 12 for r in before)
near(len(kept), n * 0.2, n * 0.2 * 0.8)'
}

@test "--adaptive-signal: errors that come raise the ratio, and when they are gone it falls again" {
	py 'for second in range(40):
	for r in spans(1000, second, per_second=1000, at=second, first=second * 1000):
		put(dict(r, error_type="x") if 15 <= second < 20 else r)' >in
	otb-sample --one-in 20 --adaptive-signal errors <in | cmp - <(otb-sample --ratio 0.05 --adaptive-signal errors <in)
	otb-sample --ratio 0.05 --adaptive-signal errors <in >out
	py 'unbiased(records("in"), records("out"))
kept = Counter(int(r["time"][17:19]) for r in records("out"))
early, peak, late = sum(kept[s] for s in range(5, 15)), kept[19], sum(kept[s] for s in range(30, 40))
near(early, 500, 475); near(late, 500, 475)
near(peak, 550, 250)'
}

@test "--first --per --every: so many of each value, of unknown weight" {
	# In each of three stretches of ten seconds, values appear 1, 2, 3, 4 and 5 times.
	py 'i = 0
for stretch in range(3):
	for user in range(1, 6):
		for k in range(user):
			put({"time": when((10 * stretch + k) * 10**9), "id": i, "user": user, "sampling_threshold": "0"})
			i += 1' >in
	jq -s -c 'sort_by(.time)[]' in >sorted
	otb-sample --first 3 --per user --every 10s <sorted >out
	py 'kept = Counter((r["time"][17:18], r["user"]) for r in records("out"))
assert kept == {(str(s), u): min(u, 3) for s in range(3) for u in range(1, 6)}, kept
assert not any("sampling_threshold" in r for r in records("out"))'
	check_edits_of sorted
	otb-sample --first 1 --per user --every 1h <sorted >out
	[ "$(jq -r .user out | sort -n | xargs)" = '1 2 3 4 5' ]
}

check_edits_of() { # FILE: that ./out is of its lines
	py 'check_some(sys.argv[1], "out")' "$1"
}

# bats test_tags=no-san
@test "--first with a fallback: the first are certain, and all is unbiased" {
	py 'for r in spans(40000, 13, per_second=1000, user=lambda i: "u%d" % (i * i % 97)): put(r)' >in
	for fallback in '--ratio 0.05' '--one-in 9' '--rate 100/s' '--adaptive 100/s'; do
		# shellcheck disable=SC2086
		otb-sample --first 2 --per user --every 10s $fallback --explain <in >out
		py 'before, after = records("in"), records("out")
unbiased(before, after)
first = [r for r in after if r["sampling_rule"] == "first"]
assert all(r["sampling_threshold"] == "0" for r in first)
per = Counter((r["time"][17:18], r["user"]) for r in first)
users = len({r["user"] for r in before})
assert set(per.values()) == {2} and len(per) in (4 * users, 5 * users), per
assert len(first) < len(after)'
	done
	# What came sampled is as certain as it came.
	echo '{"user":"x","trace_id":"ffffffffffffffff","sampling_threshold":"c"}' >in
	otb-sample --first 1 --per user --every 1s --ratio 0 <in | cmp - in
}

@test "--first: its time is the records', and goes on with the clock while none come" {
	start --first 1 --per user --every 50ms
	out_has() { # N
		echo '{"user":"x"}' >&"$input"
		[ "$(wc -l <out)" -ge "$1" ]
	}
	await out_has 3
	finish
	printf '{"user":"x","time":"2020-03-01T12:00:%02d.000000000Z"}\n' 0 1 2 10 11 20 >in
	otb-sample --first 1 --per user --every 10s <in >out
	[ "$(jq -r '.time[17:19]' out | xargs)" = '00 10 20' ]
}

@test "--keys: further keys share one entry, and that is said once" {
	printf '{"user":"%s","time":"2020-03-01T12:00:00.000000000Z"}\n' a b c d e a c f >in
	otb-sample --first 1 --per user --every 1h --keys 2 <in >out 2>err
	[ "$(jq -r .user out | xargs)" = 'a b c' ]
	[ "$(grep -c -- --keys err)" = 1 ]
	# A thousand users are one key to it: their sum is held.
	py 'for r in spans(40000, 14, per_second=1000, user=lambda i: "u%d" % (i % 1000) if i % 2 else "a"): put(r)' >in
	otb-sample --adaptive 20/s --key user --keys 1 <in >out 2>err
	py 'unbiased(records("in"), records("out"))
late = Counter(r["user"] == "a" for r in records("out") if 10 <= int(r["time"][17:19]) < 39)
near(late[True], 580, 580); near(late[False], 580, 580)'
	[ "$(wc -l <err)" = 1 ]
	run ! grep -q . <(otb-sample --adaptive 20/s --key user --keys 501 <in 2>&1 >/dev/null)
}

# ---- byte for byte ---------------------------------------------------------------------------------------------------

# nasty FILE: lines that are hard to leave alone
nasty() {
	py 'sys.stdout.reconfigure(newline="\n")
for line in NASTY: print(line)' >"$1"
}

@test "every line is the one that came but for its own members, in every mode that keeps all" {
	local options
	nasty in
	[ "$(wc -l <in)" -gt 35 ]
	while read -r options; do
		# shellcheck disable=SC2086
		eval "otb-sample --strict $options <in >out" 2>err || { echo "$options: $(cat err)" && return 1; }
		py 'check_all("in", "out")' || { echo "$options" && return 1; }
	done <<-'END'
		--ratio 1
		--ratio 1 --mode equalizing
		--one-in 1 --explain
		--keep '*'
		--keep '*' --explain
		--drop 'nothing exists'
		--drop 'nothing exists' --explain
		--rule 'all: * -> 1' --explain
		--rate 1000000/s
		--rate 1000000/s --token-bucket --explain
		--adaptive 1000000/s
		--adaptive 1000000/s --key id --explain
		--ratio 1 --adaptive-signal errors,latency
		--first 100 --per id --every 1h
		--first 100 --per id --every 1h --ratio 1
		--first 1 --per id --every 1h --ratio 1 --explain
		--redact nothing:omit
		--redact nothing:mask --ratio 1
		--ratio 0 --dry-run
		--ratio 0.3 --dry-run --explain
		--keep 'id > 9' --dry-run --explain
		--rate 1/s --token-bucket --dry-run
		--first 1 --per nothing --every 1h --dry-run
		--adaptive 1/s --dry-run --explain
	END
}

@test "--trace: every line is the one that came but for its own members" {
	local options
	nasty all
	py 'for i, line in enumerate(line.decode() for line in lines("all")):
	if "\"id\"" not in line: continue
	put(dict(id=1000 + i, trace_id="%032x" % (i % 7 + 1)))
	print(line)
	if "trace_id" not in line: print(line.replace("{", "{\"trace_id\":\"%032x\" , " % (i % 7 + 1), 1).replace("\"id\":", "\"id\":20").replace("\"id\" : ", "\"id\" : 20"))' >in
	for options in '--ratio 1' "--keep '*' --explain" '--ratio 0.3 --dry-run --explain' '--ratio 0.5 --explain' "--keep 'a exists'"; do
		eval "otb-sample --trace $options <in >out"
		py 'places = check_some("in", "out", ordered=False)
assert len(places) > 0
assert len(places) == len(lines("in")) or sys.argv[1] == "some"' \
			"$(case $options in *"--ratio 1"* | *'*'* | *dry-run*) echo all ;; *) echo some ;; esac)"
	done
}

@test "every kept line is the one that came, once and in order, in every mode that drops" {
	py 'for i, r in enumerate(spans(4000, 15, per_second=200)):
	if i % 3 == 0: r["sampling_threshold"] = "0"
	if i % 7 == 0: r = dict([("sampling_threshold", "0")] + [m for m in r.items() if m[0] != "sampling_threshold"])
	sys.stdout.write(json.dumps(r, separators=[(",", ":"), (", ", " : ")][i % 2]) + ["\n", "\r\n"][i % 5 == 0])' >in
	for options in '--ratio 0.3' '--ratio 0.3 --mode equalizing --explain' '--rate 20/s' '--rate 20/s --token-bucket --explain' \
		'--adaptive 20/s' '--adaptive 5/s --key id --keys 9 -q' '--ratio 0.1 --adaptive-signal latency' \
		'--first 20 --per event --every 1s' '--first 20 --per event --every 1s --ratio 0.1' "--keep id>3000" "--drop id>3000"; do
		# shellcheck disable=SC2086
		otb-sample --strict $options <in >out
		py 'places = check_some("in", "out")
assert 0 < len(places) < 4000, len(places)' || { echo "$options" && return 1; }
	done
}

@test "the new member is where it belongs, to the byte" {
	while IFS=$'\t' read -r before after; do
		otb-sample --one-in 2 <<<"$before" >out
		[ "$(cat out)" = "$after" ] || { echo "$before became $(cat out)" && return 1; }
	done <<-'END'
		{"trace_id":"ffffffffffffffff"}	{"trace_id":"ffffffffffffffff","sampling_threshold":"8"}
		{"trace_id":"ffffffffffffffff" }	{"trace_id":"ffffffffffffffff" ,"sampling_threshold":"8"}
		{"sampling_threshold":"8","trace_id":"ffffffffffffffff"}	{"sampling_threshold":"c","trace_id":"ffffffffffffffff"}
		{"trace_id":"ffffffffffffffff","sampling_threshold" : "e", "a":1}	{"trace_id":"ffffffffffffffff","sampling_threshold" : "f", "a":1}
		{"sampling\u005fthreshold":"0","trace_id":"ffffffffffffffff"}	{"sampling\u005fthreshold":"8","trace_id":"ffffffffffffffff"}
		{"trace_id":"ffffffffffffffff","sampling_threshold":null}	{"trace_id":"ffffffffffffffff","sampling_threshold":"8"}
		{"trace_id":"ffffffffffffffff","sampling_threshold":[1,{"a":"}"}]}	{"trace_id":"ffffffffffffffff"}
	END
	[ "$(otb-sample --ratio 1 <<<'{}')" = '{"sampling_threshold":"0"}' ]
	[ "$(otb-sample --ratio 1 <<<'{ }')" = '{ "sampling_threshold":"0"}' ]
	[ "$(otb-sample --first 1 --per a --every 1s <<<'{"sampling_threshold":"8"}')" = '{}' ]
	[ "$(otb-sample --first 1 --per a --every 1s <<<'{"sampling_threshold":"8","a":1}')" = '{"a":1}' ]
	[ "$(otb-sample --first 1 --per a --every 1s <<<'{"a":1,"sampling_threshold":"8"}')" = '{"a":1}' ]
	[ "$(otb-sample --first 1 --per a --every 1s <<<'{"a":1,"sampling_threshold":"8","b":2}')" = '{"a":1,"b":2}' ]
	[ "$(otb-sample --first 1 --per a --every 1s <<<'{"sampling_threshold":"8","a":1,"sampling_threshold":"c"}')" = '{"a":1}' ]
	[ "$(otb-sample --keep '*' --explain <<<'{}')" = '{"sampling_threshold":"0","sampling_rule":"keep_1"}' ]
	[ "$(otb-sample --keep '*' --trace --explain <<<'{"sampling_rule":1,"trace_id":"1f"}')" = \
		'{"sampling_rule":"keep_1","trace_id":"1f","sampling_threshold":"0","sampling_trigger":"end"}' ]
	[ "$(otb-sample --drop '*' --trace --explain --dry-run <<<'{"trace_id":"1f"}')" = \
		'{"trace_id":"1f","sampling_rule":"drop_1","sampling_trigger":"end","sampling_verdict":"dropped"}' ]
	[ "$(otb-sample --drop '*' --dry-run <<<'{"sampling_threshold":"8","sampling_verdict":0}')" = \
		'{"sampling_threshold":"8","sampling_verdict":"dropped","sampling_rule":"drop_1"}' ]
}

@test "a threshold that is there twice: the last counts, and none is left behind" {
	echo '{"sampling_threshold":"f","trace_id":"00a0000000000000","sampling_threshold":"8"}' >in
	otb-sample --ratio 1 <in >out
	[ "$(jq -r .sampling_threshold out)" = 8 ]
	py 'names = [m.name for m in members(lines("out")[0].decode())[0]]
assert names.count("sampling_threshold") <= 2, names'
	sed 's/00a000/001000/' in | otb-sample --ratio 1 >out
	[ "$(cat out)" = '{"trace_id":"0010000000000000"}' ]
}

@test "line endings stay, and a last line without one is a line" {
	printf '{"a":1}\r\n{"a":2}\n\n\r\n{"a":3}\r\n{"a":4}' >in
	otb-sample --strict --drop 'b exists' <in | od -c >got
	printf '{"a":%d,"sampling_threshold":"0"}%b\n' 1 '\r' 2 '' 3 '\r' 4 '' | od -c | diff - got
	printf '{"a":1}\n{"a":2' >in
	run -4 otb-sample --strict -q --ratio 1 <in
	[ "$output" = '{"a":1,"sampling_threshold":"0"}' ]
}

@test "what a tool says of itself passes untouched, in every mode" {
	local options event
	for event in lost suppressed unfinished stats; do
		printf '{"time":"2020-03-01T12:00:00.000000000Z","event":"%s","tool":"otb-trace","count":1, "sampling_threshold":"f", "id":1,"trace_id":"1"}\r\n' $event
	done >own
	# These are records as others.
	printf '{"event":"%s"%s}\n' lost '' stats '' gc_cycle ',"tool":"otb-gcpause"' stat ',"tool":"x"' >others
	cat own others >in
	for options in '--ratio 0' "--drop '*'" "--keep 'nothing exists'" '--rate 1/h --token-bucket' '--trace --ratio 0' \
		'--first 1 --per event --every 1h --ratio 0' '--ratio 0 --dry-run' '--ratio 0 --explain'; do
		eval "otb-sample $options --stats <in >out" 2>err
		grep -a otb-trace out | cmp - own
		case $options in
		*first* | *rate*) ;;
		*dry-run*) [ "$(grep -c '"sampling_verdict":"dropped"' out)" = 4 ] ;;
		*) [ "$(grep -c . out)" = $((5 + $(grep -c '"rule"' out))) ] ;;
		esac
		py 'whole, _ = stats("out"); assert whole["passed"] == 4, whole'
	done
}

# ---- bad lines -------------------------------------------------------------------------------------------------------

# bad_input: into ./in good lines and bad ones; the bad ones are in ./bad too
bad_input() {
	local good='{"id":%d,"text":"x"}\n'
	{
		printf '{"id":1,"te\n'                         # torn
		printf '{"text":"\377"}\n'                     # no UTF-8
		printf '{"text":"\355\240\200"}\r\n'           # a surrogate
		printf '{"a\0b":1}\n'                          # NUL
		printf '[1]\nnull\n17\n"x"\n'                  # no objects
		printf '{"a":1}{"b":2}\n{"a":1} x\n'           # more than one
		printf '{"a":01}\n{"a":.5}\n{"a":"\\x"}\n{"a":}\n{"a":1,}\n{a:1}\n'
		printf '{"a":%s1%s}\n' "$(printf '[%.0s' {1..5000})" "$(printf ']%.0s' {1..5000})" # deep
		printf 'otb-trace: a message that went astray\n'
		printf '\0\n\377\376\n'
	} >bad
	{
		# shellcheck disable=SC2059
		printf "$good" 1 2
		head -c 150 bad && tail -c +151 bad
		# shellcheck disable=SC2059
		printf "$good" 3
	} >in
}

@test "bad lines are counted, reported and skipped" {
	bad_input
	otb-sample --keep '*' --stats <in >out 2>err
	[ "$(grep -v '"tool"' out | jq -r .id | xargs)" = '1 2 3' ]
	py 'whole, _ = stats("out")
bad = len(lines("bad"))
assert whole["bad_lines"] == bad and whole["records"] == 3 and whole["lines"] == 3 + bad, whole'
	[ "$(head -n 1 err)" = 'otb-sample: stdin: line 3: line ends too early at byte 12' ]
	grep -q 'more bad lines' err
	[ "$(wc -l <err)" -le 10 ]
	run -4 otb-sample --keep '*' --strict <in
	run -0 otb-sample --keep '*' -q <in
	[ "$(wc -l <<<"$output")" = 3 ]
}

@test "--pass-bad: bad lines pass byte for byte, and are reported all the same" {
	bad_input
	otb-sample --keep '*' --pass-bad --stats <in >out 2>err
	{
		printf '{"id":%d,"text":"x","sampling_threshold":"0"}\n' 1 2
		cat bad
		printf '{"id":%d,"text":"x","sampling_threshold":"0"}\n' 3
	} >expected
	head -n -3 out | cmp - expected
	py 'whole = json.loads(lines("out")[-3])
bad = len(lines("bad"))
assert whole["bad_lines"] == bad and whole["records"] == 3 and whole["lines"] == 3 + bad, whole'
	grep -q 'line 3: line ends too early' err
	for options in '--drop *' '--ratio 0' '--trace --ratio 0' '--rate 1/h --token-bucket --drop *' '--ratio 0 --explain'; do
		# shellcheck disable=SC2086
		(set -f && otb-sample $options --pass-bad -q <in) | cmp - bad
	done
	run -4 otb-sample --keep '*' --pass-bad --strict -q <in
	printf '{"a":1}\n{"b' | otb-sample --drop '*' --pass-bad -q >out
	[ "$(head -c 3 out)" = '{"b' ]
}

@test "lines of 60 MB are records; of more than 64 MB they are skipped, or pass with --pass-bad" {
	large() { # BYTES
		printf '{"text":"'
		head -c "$1" /dev/zero | tr '\0' x
	}
	{
		large 60000000 && printf '"}\n'
		large 70000000 && printf '"}\n{"id":2}\n'
	} >in
	otb-sample --keep '*' <in 2>err >out
	{
		large 60000000 && printf '","sampling_threshold":"0"}\n'
		printf '{"id":2,"sampling_threshold":"0"}\n'
	} | cmp - out
	grep -q 'line 2: ' err
	for options in '' --trace; do
		# shellcheck disable=SC2086
		otb-sample --keep '*' --pass-bad -q $options <in >out
		{
			large 60000000 && printf '","sampling_threshold":"0"}\n'
			large 70000000 && printf '"}\n{"id":2,"sampling_threshold":"0"}\n'
		} | cmp - out
	done
}

@test "--pass-bad: while a line that is too long pauses, no record is written into it" {
	local options
	for options in '--rate 5/s --tick 20ms' '--trace --ratio 1 --wait 20ms'; do
		rm -f feed ready
		# shellcheck disable=SC2086
		start --pass-bad -q $options
		echo '{"id":1,"trace_id":"1f"}' >&"$input"
		head -c 67200000 /dev/zero | tr '\0' x >&"$input"
		is_within() { [ "$(stat -c %s out)" -gt 67108864 ]; }
		await is_within
		# The record's time comes many times over.
		sleep 0.2
		printf 'yy\n{"id":2,"trace_id":"2f"}\n' >&"$input"
		finish
		py 'bad, = [line for line in lines("out") if len(line) > 1000]
assert len(bad) == 67200002 and bad.endswith(b"xyy") and bad.count(b"x") == 67200000, (len(bad), bad[-100:])'
		[ "$(cut -c -1000 out | grep -v x | jq .id | sort | xargs)" = '1 2' ]
	done
}

@test "an input that cannot be read: 1" {
	run -1 otb-sample --ratio 1 </
	[[ $output == *"otb-sample: cannot read stdin: Is a directory"* ]]
}

# ---- rules -----------------------------------------------------------------------------------------------------------

# Requests as otb-trace says them.
requests() {
	py 'source = random.Random(int(sys.argv[1]))
for r in spans(2000, int(sys.argv[1])):
	r.update(http_request_method=source.choice(["GET", "POST", "PUT"]), url_path=source.choice(["/healthz", "/api/v1/users", "/api/v2/cart", "/"]),
		http_response_status_code=source.choice([200, 204, 301, 404, 500, 503]), duration_ns=int(10 ** source.uniform(5, 10)))
	if source.random() < 0.1: r["error_type"] = source.choice(["timeout", "500"])
	if source.random() < 0.1: r["body_bytes"] = source.randrange(200000)
	if source.random() < 0.1: r["http.route"] = "/dotted"
	put(r)' "$1"
}

@test "--keep alone keeps what it says, --drop alone the rest: as jq says it" {
	requests 1 >in
	while read -r line; do
		condition=${line% @ *} filter=${line#* @ }
		jq -c "select($filter) | .id" in >keep
		jq -c "select($filter | not) | .id" in >drop
		[ -s keep ]
		otb-sample --strict --keep "$condition" <in | tee out | jq -c .id | diff keep - || { echo "$condition" && return 1; }
		otb-sample --strict --drop "$condition" <in | jq -c .id | diff drop - || { echo "$condition" && return 1; }
		[ "$(jq -r .sampling_threshold out | sort -u)" = 0 ]
	done <<-'END'
		http_response_status_code >= 500 or duration_ns > 500ms @ .http_response_status_code >= 500 or .duration_ns > 500000000
		url_path == "/healthz" @ .url_path == "/healthz"
		url_path =~ "^/api/v[0-9]/" @ .url_path | test("^/api/v[0-9]/")
		error_type exists @ .error_type != null
		not error_type exists @ .error_type == null
		http_request_method in ("GET", "PUT") @ .http_request_method | . == "GET" or . == "PUT"
		not (http_request_method == "GET" or url_path == "/") and duration_ns <= 1s @ ((.http_request_method == "GET" or .url_path == "/") | not) and .duration_ns <= 1000000000
		body_bytes > 64K @ .body_bytes != null and .body_bytes > 65536
		http.route == "/dotted" or http.response.status_code == 404 @ ."http.route" == "/dotted" or .http_response_status_code == 404
		error_type != "timeout" @ .error_type != "timeout"
		* @ true
	END
}

@test "first match wins, in the order of the command line; what no rule matched goes to the ratio" {
	requests 2 >in
	otb-sample --explain --drop 'url_path == "/healthz"' --keep 'http_response_status_code >= 500' \
		--rule 'carts: url_path =~ "cart" -> 1/4' --rule 'slow: duration_ns > 1s -> 0.5' --ratio 0.1 --stats <in >out
	py 'ratios = {"keep_2": 1, "carts": Fraction(1, 4), "slow": Fraction(1, 2), "ratio": Fraction(1, 10)}
expected, before = [], records("in")
for r in before:
	if r["url_path"] == "/healthz": continue
	name = ("keep_2" if r["http_response_status_code"] >= 500 else "carts" if "cart" in r["url_path"]
		else "slow" if r["duration_ns"] > 10**9 else "ratio")
	t = final(r, ratios[name])
	if t is not None: expected.append(dict(r, sampling_threshold=text(t), sampling_rule=name))
assert records("out") == expected
whole, by_rule = stats("out")
assert list(by_rule) == ["drop_1", "keep_2", "carts", "slow", "ratio"], by_rule
assert by_rule["drop_1"]["kept"] == 0
for name in ratios: assert by_rule[name]["kept"] == sum(r["sampling_rule"] == name for r in expected), name
assert by_rule["drop_1"]["records"] == sum(r["url_path"] == "/healthz" for r in before)'
	# The other way round, the health check that failed is kept.
	otb-sample --keep 'http_response_status_code >= 500' --drop 'url_path == "/healthz"' <in >out
	[ "$(jq -c 'select(.http_response_status_code < 500)' out | wc -l)" = 0 ]
	[ "$(jq -c 'select(.url_path == "/healthz")' out | wc -l)" -gt 0 ]
}

@test "what no rule matched, where there is no sampler" {
	printf '{"id":%d,"trace_id":"ffffffffffffffff"}\n' 1 2 3 >in
	kept() { # IDS OPTION...
		[ "$(otb-sample "${@:2}" <in | jq -r .id | xargs)" = "$1" ] || { echo "${*:2}" && return 1; }
	}
	kept 1 --keep 'id == 1'
	kept '2 3' --drop 'id == 1'
	kept 1 --rule 'a: id == 1 -> keep'
	kept 1 --rule 'a: id == 1 -> 1.0'
	kept 1 --rule 'a: id == 1 -> 1/1'
	kept '2 3' --rule 'a: id == 1 -> drop'
	kept '2 3' --rule 'a: id == 1 -> 0'
	kept '1 2 3' --rule 'a: id == 1 -> 0.5'
	kept '1 2 3' --rule 'a: id == 1 -> 1/2'
	kept 3 --drop 'id == 1' --keep 'id == 3'
	kept '2 3' --drop 'id == 1' --rule 'a: id == 2 -> 1/3'
	kept '1 2 3' --keep 'id == 1' --ratio 1
	kept 1 --keep 'id == 1' --ratio 0
	# A file's rules are as those.
	echo '{"rules": ["a: id == 2 -> keep"]}' >rules.json
	kept 2 --rules rules.json
	kept 2 --rules rules.json --drop 'id == 1'
	kept '1 2' --rules rules.json --keep 'id == 1'
	echo '{"rules": []}' >rules.json
	kept '1 2 3' --rules rules.json
}

@test "rules: of the command line first, then those of the file" {
	requests 3 >in
	cat >rules.json <<-'END'
		{
		  "rules": [
		    "health: url_path == \"/healthz\" -> drop",
		    "errors: error_type exists -> 1.0",
		    "rest: * -> 1/8"
		  ]
		}
	END
	otb-sample -r rules.json --explain <in >out
	[ "$(jq -r .sampling_rule out | sort -u | xargs)" = 'errors rest' ]
	jq -c 'select(.error_type and .url_path != "/healthz") | .id' in | diff - <(jq -c 'select(.sampling_rule == "errors") | .id' out)
	otb-sample --explain --rule 'health: url_path == "/healthz" -> drop' --rule 'errors: error_type exists -> 1.0' \
		--rule 'rest: * -> 1/8' <in | cmp - out
	otb-sample --rules rules.json --keep 'url_path == "/healthz"' --explain <in >out
	[ "$(jq -r .sampling_rule out | sort -u | xargs)" = 'errors keep_1 rest' ]
}

@test "--explain names what kept a record: rules, and what stands behind them" {
	said() { # NAME OPTION...
		[ "$(echo '{"a":1}' | otb-sample --explain -q "${@:2}" | jq -r .sampling_rule)" = "$1" ] || { echo "${*:2}" && return 1; }
	}
	said ratio --ratio 1
	said ratio --one-in 1
	said rate --rate 5/s
	said token_bucket --rate 5/s --token-bucket
	said adaptive --adaptive 5/s
	said signal --ratio 1 --adaptive-signal errors
	said first --first 1 --per a --every 1s
	said first --first 1 --per a --every 1s --ratio 0
	said default --drop 'b exists'
	said keep_1 --keep '*'
	said keep_3 --drop 'b exists' --rule 'x: b exists -> 1' --keep 'a == 1'
	said my-rule.2 --rule 'my-rule.2: * -> 1' || said my_rule --rule 'my_rule: * -> 1'
}

@test "--dry-run: everything passes, with the verdict, and thresholds are as they were" {
	requests 4 >in
	local undo='s/,"sampling_rule":"[a-z_0-9]*","sampling_verdict":"[a-z]*"\}$/}/'
	otb-sample --drop 'url_path == "/"' --ratio 0.2 <in >kept
	otb-sample --drop 'url_path == "/"' --ratio 0.2 --dry-run --stats <in >out
	grep -v '"tool"' out | sed -E "$undo" | cmp - in
	jq -c 'select(.sampling_verdict == "kept") | .id' out | diff - <(jq -c .id kept)
	[ "$(jq -r 'select(.tool == null) | .sampling_verdict' out | sort -u | xargs)" = 'dropped kept' ]
	otb-sample --drop 'url_path == "/"' --ratio 0.2 --dry-run --explain <in | cmp - <(grep -v '"tool"' out)
	grep -v '"tool"' out >all && mv all out
	[ "$(jq -r '.sampling_rule + " " + .sampling_verdict' out | sort -u | xargs)" = 'drop_1 dropped ratio dropped ratio kept' ]
	[ "$(jq -r 'select(.sampling_rule == "drop_1") | .url_path' out | sort -u)" = / ]
	mixed 2000 5 >in
	for options in '--ratio 0.1' '--rate 100/s' '--rate 100/s --token-bucket' '--adaptive 50/s' '--first 3 --per event --every 1s'; do
		# What a batch leaves out is known before the batch is over: there is no order then.
		# shellcheck disable=SC2086
		otb-sample $options --dry-run -q <in >out
		sed -E "$undo" out | sort | cmp - <(sort in)
		# shellcheck disable=SC2086
		jq -c 'select(.sampling_verdict == "kept") | .id' out | diff - <(otb-sample $options -q <in | jq -c .id)
	done
}

@test "a rule that is wrong: 2, with its column" {
	wrong() { # OPTION COLUMN WORDS VALUE
		run -2 otb-sample "--$1" "$4" </dev/null
		[[ $output == *"--$1"* && $output == *"column $2: "*"$3"* ]] || { echo "$4: $output" && return 1; }
	}
	wrong keep 5 '' 'a > > 5'
	wrong keep 1 'expected a field' '> 5'
	wrong keep 6 'bad regular expression' 'a =~ "("'
	wrong keep 5 'no unit' 'a > 500ms'
	wrong keep 10 '' 'a exists b'
	wrong drop 1 '' ''
	wrong drop 3 '' '* and a == 1'
	wrong drop 8 '' '(a == 1'
	wrong rule 3 "expected ':'" 'a b'
	wrong rule 4 'expected a field' 'a: -> 1'
	wrong rule 4 'expected a field' 'a: '
	wrong rule 12 '' 'a: b exists'
	wrong rule 15 '' 'a: b exists ->'
	wrong rule 16 '' 'a: b exists -> 1.5'
	wrong rule 16 '' 'a: b exists -> -1'
	wrong rule 16 '' 'a: b exists -> maybe'
	wrong rule 16 '' 'a: b exists -> 1/0'
	wrong rule 16 'expected 0, or a share from 1.4e-17' 'a: b exists -> 1e-17'
	wrong rule 16 'expected 0, or a share from 1.4e-17' 'a: b exists -> 1/100000000000000000'
	wrong rule 18 '' 'a: b exists -> 1/x'
	wrong rule 18 '' 'a: b exists -> 1 2'
	wrong rule 1 '' ': b exists -> 1'
	for name in ratio rate token_bucket adaptive signal default first; do
		wrong rule 1 "$name" "$name: b exists -> 1"
	done
	wrong rule 8 "no '*'" 'a: b == * -> 1' || wrong rule 9 '' 'a: b == * -> 1'
}

@test "--rules: where a file is wrong, to the column" {
	wrong() { # PLACE WORDS TEXT
		printf "$3" >rules.json
		run -2 otb-sample --rules rules.json </dev/null
		[[ $output == *"rules.json:$1: "*"$2"* ]] || { echo "$3: $output" && return 1; }
	}
	wrong 2:1 '' '{"rules": [\n'
	wrong 1:1 'an object' '[]'
	wrong 2:3 "'rules'" '{\n "rule": []}'
	wrong 1:11 'a list' '{"rules": {}}'
	wrong 1:13 ratio '{"rules": ["ratio: * -> 1"]}'
	wrong 2:2 'in quotes' '{"rules": [\n 17]}'
	wrong 2:5 'expected a field' '{"rules": [\n"a: > 5 -> 1"]}'
	wrong 3:18 '' '{"rules": ["a: b exists -> 1",\n\n "a: b exists -> 2"]}'
	# The column is the file's, escapes and all.
	wrong 1:26 'bad regular expression' '{"rules": ["\\u0061: b =~ \\"(\\" -> 1"]}'
	run -2 otb-sample --rules none.json </dev/null
	[[ $output == *"none.json"*"No such file"* ]]
	mkfifo pipe
	run -2 timeout 10 otb-sample --rules pipe </dev/null
	[[ $output == *"cannot open 'pipe'"* ]]
}

# ---- rules that change -----------------------------------------------------------------------------------------------

# says_rule NAME: that this rule decides now; the question is a record of its own
says_rule() {
	echo '{"asks":1}' >&"$input"
	tail -n 1 out | grep -q "\"sampling_rule\":\"$1\""
}

@test "--rules: new ones come into force by change and by SIGHUP, and bad ones do not" {
	echo '{"rules": ["one: * -> 1"]}' >rules.json
	start --rules rules.json --explain --stats
	await says_rule one
	echo '{"rules": ["two: * -> 1"]}' >new && mv new rules.json
	await says_rule two
	echo '{"rules": ["three: * -> 1"]}' >rules.json
	await says_rule three
	printf '{"rules": [\n "never: * -> 1", "four: * ->"]}\n' >new && mv new rules.json
	await grep -q 'rules.json:2:' err
	says_rule three
	rm rules.json
	kill -HUP "$background"
	await grep -q "rules.json'" err
	await says_rule three
	echo '{"rules": ["six: * -> 1"]}' >rules.json
	kill -HUP "$background"
	await says_rule six
	finish
	py 'whole, by_rule = stats("out")
assert whole["reloads"] >= 3 and set(by_rule) == {"one", "two", "three", "six", "default"}, (whole, by_rule)
assert whole["records"] == whole["kept"] == sum(r["kept"] for r in by_rule.values())'
	grep -qE '^otb-sample: .*rules.json:2:30: ' err
}

@test "--rules in a ConfigMap, and with --output: SIGHUP is for both" {
	mkdir etc etc/..1 etc/..2
	echo '{"rules": ["one: * -> 1"]}' >etc/..1/rules.json
	echo '{"rules": ["two: * -> 1"]}' >etc/..2/rules.json
	ln -s ..1 etc/..data
	ln -s ..data/rules.json etc/rules.json
	start --rules etc/rules.json --explain -o log
	asks() { # NAME
		echo '{"asks":1}' >&"$input"
		tail -n 1 log | grep -q "\"sampling_rule\":\"$1\""
	}
	await asks one
	ln -s ..2 etc/..tmp && mv -T etc/..tmp etc/..data
	await asks two
	mv log log.1
	echo '{"rules": ["three: * -> 1"]}' >etc/..2/rules.json
	kill -HUP "$background"
	await asks three
	finish
	[ "$(cat log.1 log | jq -r .sampling_rule | uniq | xargs)" = 'one two three' ]
}

@test "--rules behind a link that is turned over on the way" {
	mkdir a b
	echo '{"rules": ["one: * -> 1"]}' >a/rules.json
	echo '{"rules": ["two: * -> 1"]}' >b/rules.json
	ln -s a now
	start --rules now/rules.json --explain
	await says_rule one
	ln -s b new && mv -T new now
	await says_rule two
	finish
}

@test "200 reloads while records flow: none is lost, none doubled, none sees half of the rules" {
	echo '{"rules": ["r0_even: n % 2 -> 1"]}' >/dev/null
	rules() { # N
		printf '{"rules": ["r%d_a: even == 1 -> 1", "r%d_b: * -> 1"]}\n' "$1" "$1" >new
		mv new rules.json
	}
	rules 0
	start --rules rules.json --explain --stats
	"$PYTHON" -c '
import os, sys, time
i = 0
while not os.path.exists("enough"):
	for _ in range(200):
		sys.stdout.write("{\"id\":%d,\"even\":%d}\n" % (i, 1 - i % 2))
		i += 1
	sys.stdout.flush()
	time.sleep(0.005)
print("{\"id\":%d,\"even\":%d}" % (i, 1 - i % 2))
open("written", "w").write(str(i + 1))' >&"$input" 3>&- &
	producer=$!
	for n in {1..200}; do
		rules "$n"
		[ $((n % 3)) != 0 ] || kill -HUP "$background"
		now() { tail -c 5000 out | grep -q "\"r${n}_"; }
		await now
	done
	touch enough
	wait "$producer"
	producer=
	finish
	py 'after, (whole, by_rule) = records("out"), stats("out")
n = int(open("written").read())
assert [r["id"] for r in after] == list(range(n)), "lost or doubled"
numbers = [int(re.fullmatch("r([0-9]+)_([ab])", r["sampling_rule"])[1]) for r in after]
assert numbers == sorted(numbers) and set(range(1, 201)) <= set(numbers)
assert all(r["sampling_rule"].endswith("ba"[r["even"]]) for r in after)
assert whole["reloads"] >= 200 and whole["records"] == whole["kept"] == n, whole'
	[ ! -s err ]
}

@test "a reload loses nothing of what is held back: traces and batches" {
	echo '{"rules": ["old: a == 1 -> drop"]}' >rules.json
	start --trace --rules rules.json --explain --wait 1h
	span 1 1 9 0 ',"a":1' >&"$input"
	span 2 1 9 0 ',"a":2' >&"$input"
	await taken
	echo '{"rules": ["new: a == 2 -> drop", "rest: * -> 1"]}' >new && mv new rules.json
	# Without a trace id it is decided at once.
	await says_rule rest
	finish
	[ "$(grep trace_id out | jq -r '"\(.a) \(.sampling_rule)"')" = '1 rest' ]
}

# ---- traces ----------------------------------------------------------------------------------------------------------

@test "--trace: decided by its root, by waiting, at the end; late records follow; the order within stays" {
	{
		span 1 2 1 0
		span 2 2 1 0.500
		span 1 1 0 1
		span 1 3 2 2.500  # within the two seconds behind the root
		span 3 1 2 10     # time goes on: 1 is decided
		span 1 4 2 11     # late
		span 2 3 1 29
		span 3 2 1 31     # 2 has waited for 30 seconds
		span 2 1 0 32     # late, though a root
	} >in
	otb-sample --trace --ratio 1 --explain <in >out
	columns out trace_id span_id sampling_trigger sampling_rule | sed -E 's/0000+//g' >got
	diff - got <<-'END'
		1 2 root ratio
		1 1 root ratio
		1 3 root ratio
		1 4 late ratio
		2 2 wait ratio
		2 3 wait ratio
		2 1 late ratio
		3 1 end ratio
		3 2 end ratio
	END
	otb-sample --trace --ratio 1 --explain --stats <in >out
	py 'whole, _ = stats("out")
assert whole["late"] == 2 and whole["kept"] == 9 and whole["evicted"] == 0, whole'
}

@test "--trace: a late record stays behind what its trace has still to write" {
	# Its reader is slow, and the record that brings its time is of the same trace.
	py 'for i in range(20001):
	span = {"time": when(i // 20000 * 10**10), "event": "span", "trace_id": "%032x" % 1, "span_id": "%016x" % (i + 1), "duration_ns": 1, "id": i}
	put(dict(span, parent_span_id="%016x" % 1, pad="x" * 100) if i else span)' >in
	otb-sample --trace --ratio 1 --explain <in | slowly >out
	jq -r .sampling_trigger out | sort | uniq -c | xargs | grep -qx '1 late 20000 root'
	py 'ids = [r["id"] for r in records("out")]
assert ids == list(range(20001)), [i for i, id in enumerate(ids) if id != i][:3]'
}

@test "--trace: what is a root, and that the last one counts" {
	local n=0 members
	root() { # TRIGGER MEMBERS: of a span behind which time goes on
		n=$((n + 1))
		{
			span 7 1 5 0 "$2"
			span 8 1 5 20
		} | otb-sample --trace --ratio 1 --explain >out
		[ "$(head -n 1 out | jq -r .sampling_trigger)" = "$1" ] || { echo "$2: $(cat out)" && return 1; }
	}
	for members in '"traceparent"' '"b3"' '"b3multi"'; do
		root root ",\"parent_source\":$members"
	done
	for members in '"context"' '"goroutine"' '""' 'true' 'null' '"b3mult"'; do
		root end ",\"parent_source\":$members"
	done
	# No spans: without a duration, or without an id.
	{
		span 7 1 0 0 | sed 's/,"duration_ns":1000000//'
		span 7 1 0 0 | sed 's/,"span_id":"[0-9a-f]*"//'
		span 8 1 5 20
	} | otb-sample --trace --ratio 1 --explain >out
	[ "$(jq -r .sampling_trigger out | sort -u)" = end ]
	# A second root within the linger of the first.
	{
		span 7 1 0 0
		span 7 2 0 1.900
		span 7 3 2 3.500
		span 8 1 5 9
	} | otb-sample --trace --ratio 1 --explain >out
	[ "$(grep '7","span_id' out | jq -r .sampling_trigger | xargs)" = 'root root root' ]
}

@test "--trace: --linger and --wait" {
	{
		span 1 1 0 0
		span 1 2 1 4
		span 2 1 5 4
		span 2 2 5 8
		span 3 1 5 11
	} >in
	otb-sample --trace --ratio 1 --explain --linger 5s --wait 6s <in >out
	[ "$(jq -r .sampling_trigger out | xargs)" = 'root root wait wait end' ]
	otb-sample --trace --ratio 1 --explain --linger 1ms --wait 1s <in >out
	[ "$(columns out trace_id sampling_trigger | sed 's/^0*//' | sort | xargs)" = '1 late 1 root 2 late 2 wait 3 end' ]
	# A trace whose root comes after a long time waits no longer than it must.
	{
		span 1 2 1 0
		span 1 1 0 29
		span 2 1 5 30.500
	} | otb-sample --trace --ratio 1 --explain >out
	[ "$(head -n 2 out | jq -r .sampling_trigger | sort -u)" = wait ] || [ "$(head -n 2 out | jq -r .sampling_trigger | sort -u)" = end ]
}

@test "--trace: while no input comes, the clock decides" {
	start --trace --ratio 1 --explain --linger 20ms --wait 200ms
	span 1 1 0 0 >&"$input"
	span 2 1 5 0 >&"$input"
	has() { [ "$(jq -r .sampling_trigger out | sort | xargs)" = "$1" ]; }
	await has 'root wait'
	span 1 2 1 0.001 >&"$input"
	await has 'late root wait'
	# What has no time in it is of now.
	echo '{"trace_id":"3","span_id":"1","duration_ns":5}' >&"$input"
	await has 'late root root wait'
	finish
}

@test "--trace: SIGTERM decides and writes all there is" {
	start --trace --rule 'bad: error_type exists -> keep' --ratio 0.5 --explain --stats
	py 'for r in spans(3000, 16):
	for k in range(3): put(dict(r, id=3 * r["id"] + k, span_id="%016x" % (k + 1), parent_span_id="%016x" % 9, duration_ns=5, **({"error_type": "x"} if r["id"] % 50 == 0 and k == 1 else {})))' >many
	cat many >&"$input"
	await taken
	kill -TERM "$background"
	ended
	exec {input}>&-
	py 'before, after = records("many"), records("out")
keep = {r["id"] for r in before if final(r, Fraction(1, 2)) is not None or r["id"] // 3 % 50 == 0}
assert {r["id"] for r in after} == keep and len(after) == len(keep)
assert {r["sampling_trigger"] for r in after} == {"end"}
assert all((r["sampling_rule"] == "bad") == (r["id"] // 3 % 50 == 0) for r in after)
unbiased(before, after)
whole, _ = stats("out")
assert whole["records"] == 9000 and whole["kept"] == len(after), whole'
}

@test "--trace: --duration ends it with all there is" {
	mkfifo feed
	exec {input}<>feed
	span 1 1 5 0 >&"$input"
	otb-sample --trace --ratio 1 --wait 1h -d 200ms <feed >out
	[ "$(wc -l <out)" = 1 ]
	exec {input}>&-
}

@test "--trace: rules look at all of a trace" {
	{
		span 1 2 1 0 ',"error_type":"timeout"'
		span 1 1 0 0.100
		# Slow as a whole: from the first start to the last end.
		span 2 2 1 0.600
		span 2 1 0 0
		# Many records.
		span 3 2 1 0.001
		span 3 3 1 0.002
		span 3 4 1 0.003
		span 3 1 0 0
		# By its root.
		span 4 2 1 0 ',"http_route":"/other"'
		span 4 1 0 0 ',"http_route":"/checkout"'
		# By its root, which is none of the rule's.
		span 5 2 1 0 ',"http_route":"/checkout"'
		span 5 1 0 0 ',"http_route":"/other"'
		# Two records that together only fulfil what one has to.
		span 6 2 1 0 ',"a":1'
		span 6 1 0 0 ',"b":1'
		span 7 1 0 0 ',"a":1,"b":1'
		span 7 2 1 0
	} >in
	otb-sample --trace --explain --keep 'error_type exists' --rule 'slow: trace_duration_ns > 500ms -> 1' \
		--rule 'many: trace_spans >= 4 -> 1' --rule 'checkout: root_http_route == "/checkout" -> 1' \
		--rule 'both: a == 1 and b == 1 -> 1' <in >out
	columns out trace_id span_id sampling_rule | sed -E 's/0000+//g' | sort >got
	diff - got <<-'END'
		1 1 keep_1
		1 2 keep_1
		2 1 slow
		2 2 slow
		3 1 many
		3 2 many
		3 3 many
		3 4 many
		4 1 checkout
		4 2 checkout
		7 1 both
		7 2 both
	END
	otb-sample --trace --keep 'root.http.route == "/checkout"' <in | columns /dev/stdin trace_id | sed 's/^0*//' | xargs | grep -qx '4 4'
	otb-sample --trace --keep 'trace_duration_ns == 601ms' <in | columns /dev/stdin trace_id | sed 's/^0*//' | xargs | grep -qx '2 2'
	otb-sample --trace --keep 'trace_spans == 4' <in | wc -l | grep -qx 4
	otb-sample --trace --drop 'trace_spans == 2' <in | wc -l | grep -qx 4
}

@test "--trace: a long field of the root is not read anew for each of its spans" {
	{
		printf '{"trace_id":"ff","span_id":"1","duration_ns":5,"short":"%04000d","long":"%04200d","http_route":"' 0 0
		head -c 8000000 /dev/zero | tr '\0' x
		echo '"}'
		yes '{"trace_id":"ff","span_id":"2","parent_span_id":"1","duration_ns":5}' | head -n 20000
	} >in
	# Rules do not see a field of the root of more than 4 KiB.
	timeout 20 otb-sample --trace --drop 'root_http_route exists' --drop 'root_long exists' --keep 'root_short exists' <in | wc -l |
		grep -qx 20001
}

@test "--trace: one decision for each trace, by its R, and late records have it too" {
	py 'source = random.Random(17)
out = []
for r in spans(3000, 17, per_second=100):
	start = r["id"] / 100
	for k in range(1 + r["id"] % 5):
		out.append((start + k * source.choice([0.01, 0.5, 20]), dict(r, id=10 * r["id"] + k, span_id="%016x" % (k + 1), duration_ns=1000, **({"parent_span_id": "1"} if k else {}))))
for at, r in sorted(out, key=lambda x: x[0]): put(dict(r, time=when(int(at * 1e9))))' >in
	otb-sample --trace --ratio 0.3 --stats --explain <in >out
	py 'before, after = records("in"), records("out")
keep = {r["id"] for r in before if final(r, Fraction(3, 10)) is not None}
assert sorted(r["id"] for r in after) == sorted(keep)
unbiased(before, after)
triggers = Counter(r["sampling_trigger"] for r in after)
assert {"root", "late"} <= set(triggers) <= {"root", "late", "end"}, triggers
by = defaultdict(list)
for r in after: by[r["trace_id"]].append(r["id"])
order = {r["id"]: i for i, r in enumerate(before)}
for kept in by.values(): assert [order[i] for i in kept] == sorted(order[i] for i in kept), "order"
whole, _ = stats("out")
assert whole["records"] == whole["kept"] + whole["dropped"] and whole["late"] > triggers["late"], whole'
	# Tracestate goes before the trace id here too.
	{
		span 1 1 0 0 ',"tracestate":"ot=rv:00000000000001"'
		span 255 1 0 0 ',"tracestate":"ot=rv:ffffffffffffff"'
	} | otb-sample --trace --one-in 2 | columns /dev/stdin trace_id | grep -qx 000000000000000000000000000000ff
}

@test "--trace: thresholds are held against the trace's R, which one of its records may bring" {
	# Of a request whose caller has an R of its own, otb-trace's span has the tracestate, and what is within it has not.
	{
		span 1 2 1 0 ',"sampling_threshold":"8"'
		span 1 1 9 1 ',"parent_source":"traceparent","tracestate":"ot=th:8;rv:ffffffffffffff","sampling_threshold":"8"'
		span 1 3 1 2 ',"sampling_threshold":"8"'
		span 2 1 0 9 ',"sampling_threshold":"8"'
		span 1 4 1 10 ',"sampling_threshold":"8"'
	} >in
	otb-sample --trace --one-in 2 --explain <in >out
	columns out span_id sampling_trigger sampling_threshold | sed -E 's/^0+//' | diff - <(printf '%s c\n' '2 root' '1 root' '3 root' '4 late')
	# Four stand for two each, and the one of the other trace, whose R contradicts its threshold, for itself.
	otb-sample --trace --adaptive 1000/s --stats <in >out
	py 'whole, by_rule = stats("out")
assert by_rule["adaptive"]["adjusted_count"] == by_rule["adaptive"]["adjusted_count_kept"] == 9, by_rule
assert whole["unweighted"] == 1, whole'
}

@test "--trace: where R is drawn, it is above the thresholds of all of the trace's records" {
	# Of an id like this nobody can take R: all but the first were one in ten, and stand for ten.
	py 'for i in range(2000):
	for k in range(4):
		put({"trace_id": "request-%d" % i, "id": 4 * i + k, **({"sampling_threshold": text(threshold(Fraction(1, 10)))} if k else {})})' >in
	otb-sample --trace --ratio 1 --seed 5 <in | columns /dev/stdin sampling_threshold | sort | uniq -c | xargs | grep -qx '2000 0 6000 e666'
	otb-sample --trace --one-in 20 --seed 5 <in >out
	py 'unbiased(records("in"), records("out"))'
}

@test "--trace of samples: proportional and equalizing, and the sum is unbiased" {
	py 'for r in sampled(spans(6000, 18), ["0", "8", "e666"]):
	for k in range(3): put(dict(r, id=3 * r["id"] + k, span_id="%016x" % k, duration_ns=5))' >in
	for mode in proportional equalizing; do
		otb-sample --trace --ratio 0.2 --mode $mode <in >out
		py 'before, after = records("in"), records("out")
expected = [dict(r, sampling_threshold=text(t)) for r in before for t in [final(r, Fraction(1, 5), sys.argv[1])] if t is not None]
by_id = lambda r: r["id"]
assert sorted(after, key=by_id) == sorted(expected, key=by_id)
unbiased(before, after)' $mode
	done
}

# Traces of 1 to 9 records, and now and then one of 60, for a minute.
trees() { # SEED TRACES-A-SECOND
	py 'source = random.Random(int(sys.argv[1]))
n = 0
for r in spans(60 * int(sys.argv[2]), int(sys.argv[1]), per_second=int(sys.argv[2])):
	kind = source.choice("abc")
	for k in range(60 if source.random() < 0.02 else source.randrange(1, 10)):
		put(dict(r, id=n, span_id="%016x" % (k + 1), duration_ns=1000, kind=kind, **({"parent_span_id": "1"} if k else {})))
		n += 1' "$@"
}

# bats test_tags=no-san
@test "--trace with --rate and --adaptive: numbers are those of records, and the sums are unbiased" {
	trees 25 60 >in
	for options in '--rate 60/s' '--rate 60/s --tick 3s' '--adaptive 60/s' '--adaptive 20/s --key kind'; do
		# shellcheck disable=SC2086
		otb-sample --trace $options --explain <in >out
		py 'before, after = records("in"), records("out")
size = Counter(r["trace_id"] for r in before)
kept = Counter(r["trace_id"] for r in after)
assert all(kept[t] == size[t] for t in kept), "a trace was torn"
unbiased(before, after)
n = len(after)
assert 2400 < n < 4800, n
assert len(before) > 15000'
	done
}

# bats test_tags=no-san
@test "--trace with --rate at 100 times what it may keep, and traces larger than that: the sum is unbiased" {
	for seed in 1 2 3; do
		trees $seed 100 >in
		otb-sample --trace --rate 6/s <in >out
		py 'before, after = records("in"), records("out")
unbiased(before, after)
assert 200 < len(after) < 560, len(after)'
	done
}

@test "--trace with --first: the first traces of each value" {
	trees 26 20 >in
	otb-sample --trace --first 3 --per kind --every 1h <in >out
	py 'before, after = records("in"), records("out")
size, kept = Counter(r["trace_id"] for r in before), Counter(r["trace_id"] for r in after)
assert all(kept[t] == size[t] for t in kept), "a trace was torn"
assert Counter(kind for kind, _ in {(r["kind"], r["trace_id"]) for r in after}) == {"a": 3, "b": 3, "c": 3}
assert not any("sampling_threshold" in r for r in after)'
	otb-sample --trace --first 3 --per kind --every 10s --ratio 0.1 --explain <in >out
	py 'unbiased(records("in"), records("out"))'
}

@test "--trace: records without a trace id are decided at once" {
	start --trace --keep 'a == 1' --wait 1h
	printf '{"a":%d,"trace_id":"%s"}\n' 1 '' 1 00000000000000000000000000000000 2 '' >&"$input"
	printf '{"a":1,"span_id":"1","duration_ns":5}\n' >&"$input"
	has() { [ "$(wc -l <out)" = 3 ]; }
	await has
	finish
	has
}

# spans_of TRACES RECORDS [LENGTH]: records of as many traces in turn, without a root, with a text of that length
spans_of() {
	py 'traces, n = int(sys.argv[1]), int(sys.argv[2])
for i in range(n):
	sys.stdout.write("{\"time\":\"%s\",\"event\":\"span\",\"trace_id\":\"%032x\",\"span_id\":\"%016x\",\"parent_span_id\":\"1\",\"duration_ns\":1000,\"id\":%d,\"text\":\"%s\"}\n" % (
		when(i * 1000), (i % traces + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835 % 2**128, i + 2, i, "x" * int(sys.argv[3])))' "$1" "$2" "${3:-100}"
}

# bats test_tags=no-san
@test "--trace: --max-memory bounds it, decides early, and says so; nothing is lost" {
	local traces
	for traces in 40000 300 1; do
		rm -f feed ready
		spans_of "$traces" 50000 300 >in
		start --trace --ratio 1 --explain --stats --max-memory 4M --wait 1h --decisions 1000
		cat in >&"$input"
		await taken
		memory=$(peak)
		finish
		echo "$traces traces: $memory KiB"
		[ "$memory" -lt 16384 ]
		grep -q max-memory err
		[ "$(wc -l <err)" -le 5 ]
		py 'after, (whole, _) = records("out"), stats("out")
assert sorted(r["id"] for r in after) == list(range(50000)), "lost or doubled"
assert whole["evicted"] > 0 and whole["kept"] == 50000, whole
triggers = Counter(r["sampling_trigger"] for r in after)
assert triggers["eviction"] > 0 and set(triggers) <= {"eviction", "late", "end"}, triggers
last = {}
for r in after:
	assert last.get(r["trace_id"], -1) < r["id"], "order"
	last[r["trace_id"]] = r["id"]'
	done
}

# bats test_tags=no-san
@test "--trace: the process takes no more than --max-memory and 24 MiB, whatever the size of what waits" {
	local ratio
	# Many traces of one record, and then one of many, in the place of what those left.
	awk -v text="$(printf 'x%.0s' {1..200})" 'BEGIN { for (i = 1; i <= 300000; i++)
		printf "{\"time\":\"2020-03-01T12:00:00Z\",\"trace_id\":\"%032x\",\"text\":\"%s\"}\n", i < 100000 ? i : 100000, text }' >in
	for ratio in 0 1; do
		rm -f feed ready
		start --trace --ratio "$ratio" --max-memory 48M --wait 1h
		cat in >&"$input"
		await taken
		memory=$(peak)
		finish
		echo "--ratio $ratio: $memory KiB"
		[ "$memory" -lt $(((48 + 24) * 1024)) ]
		grep -q max-memory err
		[ "$(wc -l <out)" = $((300000 * ratio)) ]
	done
}

# bats test_tags=no-san
@test "--trace: what is held is not held twice while it is written" {
	local before
	mkfifo feed slow
	slowly <slow >out 3>&- &
	reader=$!
	otb-sample --ready-fd 5 --trace --ratio 1 --wait 1h <feed 5>ready >slow 2>err 3>&- &
	background=$!
	exec {input}>feed
	await test -s ready
	spans_of 1000 60000 200 >&"$input"
	await taken
	before=$(peak)
	kill -TERM "$background"
	await test -s out
	memory=$(peak)
	exec {input}>&-
	ended
	wait "$reader"
	echo "$before KiB, and $memory"
	[ "$before" -gt 20000 ]
	[ "$memory" -lt $((before + 4096)) ]
	[ "$(wc -l <out)" = 60000 ]
}

# bats test_tags=no-san
@test "--trace with --rate: a trace that goes on while it waits for its tick takes no more than --max-memory" {
	start --trace --rate 1/h --tick 1h --max-memory 16M
	yes "$(span 1 2 1 0 ",\"text\":\"$(printf 'x%.0s' {1..2000})\"")" | head -n 50000 >&"$input"
	await taken
	memory=$(peak)
	finish
	echo "$memory KiB"
	[ "$memory" -lt 65536 ]
	grep -q -- --max-memory err
}

@test "--trace: what memory decides early is decided as ever: the oldest first, by the same R" {
	spans_of 10000 20000 >in
	otb-sample --trace --ratio 0.2 --explain --max-memory 1M --wait 1h <in >out 2>err
	py 'before, after = records("in"), records("out")
keep = {r["id"] for r in before if final(r, Fraction(1, 5)) is not None}
assert sorted(r["id"] for r in after) == sorted(keep)
evicted = [r["id"] for r in after if r["sampling_trigger"] == "eviction"]
assert len(evicted) > 1000 and evicted[:1000] == sorted(evicted[:1000]), "not the oldest first"'
	# By rules, too.
	otb-sample --trace --keep 'id == 17' --max-memory 1M --wait 1h <in >out 2>err
	[ "$(jq .id out | head -n 1)" = 17 ]
}

# bats test_tags=no-san
@test "--trace: a million decided traces take no more memory than --decisions" {
	start --trace --ratio 0 --linger 1ms --decisions 10000
	awk 'BEGIN { for (i = 1; i <= 1000000; i++)
		printf "{\"time\":\"2020-03-01T12:%02d:%02d.%03d000000Z\",\"trace_id\":\"%032x\",\"span_id\":\"1\",\"duration_ns\":5}\n",
			int(i / 60000), int(i / 1000) % 60, i % 1000, i }' >&"$input"
	await taken
	memory=$(peak)
	finish
	echo "$memory KiB"
	[ "$memory" -lt 16384 ]
	[ ! -s out ]
}

@test "--trace: what was decided is forgotten no sooner than --decisions says" {
	{
		span 1 1 0 0 ',"keep":1'
		span 2 1 0 10
		span 3 1 0 20
		span 1 2 1 30
	} >in
	# Trace 1 was kept for what its first record says, which a new decision would not see.
	otb-sample --trace --keep 'keep exists' --explain <in | jq -r .sampling_trigger | xargs | grep -qx 'root late'
	otb-sample --trace --keep 'keep exists' --explain --decisions 6 <in | jq -r .sampling_trigger | xargs | grep -qx 'root late'
	otb-sample --trace --keep 'keep exists' --explain --decisions 1 <in | jq -r .sampling_trigger | xargs | grep -qx 'root'
}

# ---- redaction -------------------------------------------------------------------------------------------------------

key_file() {
	(umask 077 && printf 'a key of more than sixteen bytes\n' >key)
}

@test "--redact mask: each character a star, but the first and last that are to stay" {
	while IFS=$'\t' read -r how before after; do
		otb-sample --redact "f:$how" <<<"{\"a\":1,\"f\":$before,\"b\":2}" >out
		[ "$(jq -c '[.a, .f, .b]' out)" = "[1,$after,2]" ] || { echo "$how $before: $(cat out)" && return 1; }
	done <<-'END'
		mask	"secret"	"******"
		mask	""	""
		mask	"é𝄞x"	"***"
		mask	"\u00e9\ud834\udd1ex"	"***"
		mask	"a\"b\\c\n"	"******"
		mask:2:3	"abcdefgh"	"ab***fgh"
		mask:2:3	"abcdef"	"ab*def"
		mask:2:3	"abcde"	"*****"
		mask:2:3	"abc"	"***"
		mask:0:2	"abcde"	"***de"
		mask:1:0	"abcde"	"a****"
		mask:1:1	"é\u00e9é"	"é*é"
		mask:1:1	"\"x\\"	"\"*\\"
		mask:1:1	"\nx\u0001"	"\n*\u0001"
		mask:0:0	"abc"	"***"
		mask	1234	"****"
		mask:0:2	1234	"**34"
		mask	true	"****"
		mask	null	null
		mask	[1,"x"]	"*******"
		mask:1:1	"\ud800x\udc00"	"�*�"
	END
}

@test "--redact hash: HMAC-SHA-256 as openssl makes it" {
	key_file
	py 'import hmac
key = open("key", "rb").read()[:-1]
for i, (raw, content) in enumerate([("\"4111 1111\"", b"4111 1111"), ("\"\"", b""), ("\"\\u00e9\\ud834\\udd1e\"", "é𝄞".encode()), ("1.50", b"1.50"),
		("true", b"true"), ("{ \"a\" : 1 }", b"{ \"a\" : 1 }"), ("\"" + "x" * 100000 + "\"", b"x" * 100000)]):
	print("{\"id\":%d,\"card\":%s}" % (i, raw))
	print("{\"id\":%d,\"card\":\"%s\"}" % (i, hmac.new(key, content, "sha256").hexdigest()), file=sys.stderr)' >in 2>expected
	otb-sample --redact card:hash --redact-key-file key <in | diff expected -
	[ "$(echo '{"card":"4111"}' | otb-sample --redact card:hash --redact-key-file key | jq -r .card)" = \
		"$(printf 4111 | openssl dgst -sha256 -hmac 'a key of more than sixteen bytes' | sed 's/.*= //')" ]
	# A key without LF is the same; with two, another.
	printf 'a key of more than sixteen bytes' >bare
	otb-sample --redact card:hash --redact-key-file bare <in | diff expected -
	printf 'a key of more than sixteen bytes\n\n' >longer
	run ! diff -q expected <(otb-sample --redact card:hash --redact-key-file longer <in)
	# Any bytes are a key.
	printf '\0\377\n\0abcdefghijklm' >binary
	[ "$(echo '{"card":"4111"}' | otb-sample --redact card:hash --redact-key-file binary | jq -r .card)" = \
		"$(printf 4111 | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 binary | tr -d ' \n')" | sed 's/.*= //')" ]
}

@test "--redact-key-file: a key that is none is refused, and not quoted" {
	printf 'fifteen bytes .' >short
	printf 'fifteen bytes .\n' >short.lf
	: >empty
	chmod 600 short short.lf empty
	for file in short short.lf empty none .; do
		run -2 otb-sample --redact a:hash --redact-key-file "$file" </dev/null
		[[ $output == *"'$file'"* && $output != *fifteen* ]] || { echo "$file: $output" && return 1; }
	done
	run -2 otb-sample --redact a:hash --redact-key-file '' </dev/null
	run -2 otb-sample --redact a:hash </dev/null
	[[ $output == *--redact-key-file* ]]
	# As from a program that keeps secrets.
	[ "$(echo '{"a":1}' | otb-sample --redact a:hash --redact-key-file <(echo 'sixteen bytes .....') | jq -r .a)" = \
		"$(printf 1 | openssl dgst -sha256 -hmac 'sixteen bytes .....' | sed 's/.*= //')" ]
}

@test "--redact omit: the member goes, and one comma with it" {
	while read -r before after; do
		[ "$(otb-sample --redact f:omit <<<"$before" )" = "$after" ] ||
			{ echo "$before" && return 1; }
	done <<-'END'
		{"f":1} {}
		{"f":1,"a":1} {"a":1}
		{"a":1,"f":1} {"a":1}
		{"a":1,"f":{"f":"}"},"b":1} {"a":1,"b":1}
		{"f":1,"a":1,"f":2,"f":3} {"a":1}
		{"f":1,"f":2} {}
		{"\u0066":1,"a":{"f":1}} {"a":{"f":1}}
	END
	nasty in
	otb-sample --redact id:omit --redact a:omit --redact text:omit <in >out
	py 'check_all("in", "out", OWN + ("id", "a", "text"))
assert all(not {"id", "a", "text"} & set(json.loads(line)) for line in lines("out"))'
}

@test "--redact: every occurrence under every name, in several options or one" {
	echo '{"user.email":"secret","user_email":"secret","\u0075ser_email":"secret","user_email":"secret","t":"secret","c":"x"}' >in
	otb-sample --redact user.email:mask t:omit c:mask:1:0 <in >out
	[ "$(cat out)" = \
		'{"user.email":"******","user_email":"******","\u0075ser_email":"******","user_email":"******","c":"*"}' ]
	otb-sample --redact user.email:mask --redact t:omit --redact c:mask:1:0 <in | cmp - out
	echo '{"user.email":"secret","user_email":"secret","user\u002eemail":"secret"}' >in.both
	for name in user_email user.email; do
		otb-sample --redact $name:mask <in.both >out.both
		[ "$(jq -r 'to_entries[].value' out.both | sort -u)" = '******' ] && run ! grep secret out.both
	done
	# What is asked of a field is asked once, however it is spelt.
	run -2 otb-sample --redact c:mask c:omit <in
	[[ $output == *--redact*c:omit* ]]
	run -2 otb-sample --redact user.email:mask user_email:omit <in
	[[ $output == *--redact*user_email:omit* ]]
	for how in '' f f: :mask f:mark f:mask:1 f:mask:1:2:3 f:mask:x:1 f:mask:-1:1 f:hash:1 f:omit:1; do
		run -2 otb-sample --redact "$how" </dev/null
		[[ $output == *--redact* ]]
	done
}

@test "--redact: rules, keys and R see what is left" {
	printf '{"id":1,"token":"x","user":"alice"}\n{"id":2,"user":"alan"}\n' >in
	run -0 otb-sample --redact token:omit --keep 'token exists' <in
	[ -z "$output" ]
	run -0 otb-sample --redact user:mask:1:0 --keep 'user == "alice"' <in
	[ -z "$output" ]
	otb-sample --redact user:mask:1:0 --keep 'user == "a****"' <in >out
	[ "$(ids out)" = 1 ]
	otb-sample --redact user:mask:2:0 --first 1 --per user --every 1h --keys 9 <<<'{"user":"abc"}
{"user":"abd"}' | wc -l | grep -qx 1
	# By the key that is left.
	for i in {1..40}; do echo "{\"user\":\"secret$i\"}"; done >in
	otb-sample --redact user:mask --one-in 2 --key user <in >out
	[ "$(wc -l <out)" = 0 ] || [ "$(jq -r .user out | awk '{ print length }' | sort | uniq -c | awk '{ print $1 }' | xargs)" = '9 31' ] ||
		[ "$(jq -r .user out | awk '{ print length }' | sort -u | wc -l)" = 1 ]
}

@test "--redact: nothing of a secret comes out, in any mode" {
	local options
	key_file
	py 'for i in range(60):
	r = {"time": when(i * 10**8), "id": i, "trace_id": "%032x" % ((i // 3 + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835 % 2**128), "span_id": "1", "duration_ns": 5,
		"user_email": "top-secret-%d@example.org" % i, "card": "top-secret", "token": {"deep": ["top-secret"]}, "sampling_threshold": "0"}
	if i % 2: del r["sampling_threshold"]
	if i % 5: r["parent_span_id"] = "1"
	put(r)
	print(json.dumps(r).replace("user_email", "user\\u005femail").replace("top-secret", "top\\u002dsecret"))
print("{\"tool\":\"x\",\"event\":\"stats\",\"card\":\"nothing\"}")
print("torn {")' >in
	[ "$(grep -c 'top-secret' in)" = 60 ]
	redact=(--redact user_email:mask:0:4 --redact card:hash --redact token:omit --redact-key-file key)
	while read -r options; do
		eval "otb-sample ${redact[*]} -vv $options --stats <in >out 2>err"
		[ "$(wc -l <out)" -gt 5 ] || { echo "$options: $(cat err)" && return 1; }
		run ! grep -E 'top.{1,6}secret|secret-|more than sixteen' out err
		run ! grep '"token"' out
		jq -R 'fromjson? | select(.id) | .card | length' out | sort -u | grep -qx 64
	done <<-'END'
		--ratio 1
		--ratio 0.5 --seed 1
		--ratio 0 --dry-run --explain
		--keep 'user_email exists' --explain
		--drop 'user_email =~ "secret"'
		--rate 1000/s
		--rate 1/s --dry-run
		--rate 1000/s --token-bucket
		--adaptive 1000/s --key user_email
		--adaptive 5/s --key card --keys 1
		--first 2 --per user_email --every 1s
		--first 2 --per card --every 1s --ratio 1
		--trace --ratio 1
		--trace --ratio 0.5 --explain
		--trace --ratio 1 --dry-run --explain
		--trace --ratio 1 --wait 1s --linger 1s
	END
}

@test "--redact --trace: traces that are due are decided while a redacted record is in hand" {
	local traces options
	{
		span 1 1 0 0 ',"email":"x@y"' | sed "s/{/{\"pad\":\"$(printf 'x%.0s' {1..5000})\",/"
		span 2 2 1 10 ',"email":"x@y"'
		span 2 1 0 10 ',"email":"x@y"'
	} >in
	while read -r traces options; do
		eval "otb-sample --trace --redact email:mask $options <in >out"
		[ "$(jq -r '.trace_id[-1:] + .email' out | xargs)" = "$(xargs -n 1 -d , <<<"$traces" | sed '/^$/d; s/$/***/' | xargs)" ] ||
			{ echo "$options: $(jq -r '.trace_id[-1:] + .email' out | xargs)" && return 1; }
	done <<-'END'
		2,2 --keep 'trace_spans == 2'
		2,2 --keep 'trace_spans == 2 and root_email == "***"'
		1,2,2 --adaptive 1000000/s --key email
		1,2,2 --first 9 --per email --every 1h
	END
}

@test "--redact alone keeps everything, and judges nothing: no threshold is added, none is changed" {
	mixed 500 20 >in
	echo '{"event":"x","trace_id":"00000000000001","sampling_threshold":"f"}' >>in
	echo '{"event":"x","sampling_threshold":17}' >>in
	echo '{"event":"x","id":1}' >>in
	otb-sample --redact event:omit <in >out
	sed -E 's/"event":"[a-z]*",//' in | cmp - out
}

# ---- stats -----------------------------------------------------------------------------------------------------------

@test "--stats: what was read is kept, dropped or passed, of each rule, and by weight" {
	local options
	requests 21 >requests
	{
		py 'for r in sampled(records("requests"), ["0", "8", "c"]): put(r)'
		echo '{"event":"lost","tool":"otb-trace","count":7}'
		echo 'bad'
		echo
		echo '{"event":"stats","tool":"otb-trace"}'
	} >in
	while read -r options; do
		eval "otb-sample --stats $options <in >out" 2>err
		py 'before = records("in.good")
after, (whole, by_rule) = records("out"), stats("out")
n = len(before)
def is_near(a, b): assert abs(float(a) - float(b)) <= 1e-6 * max(1, float(b)), (float(a), float(b), whole, by_rule)
assert whole["lines"] == n + 3 and whole["bad_lines"] == 1 and whole["records"] == n + 2 and whole["passed"] == 2, whole
assert whole["records"] == whole["kept"] + whole["dropped"] + whole["passed"], whole
assert whole["kept"] == len(after) and whole["duration_ns"] > 0, whole
assert sum(r["records"] for r in by_rule.values()) == n
assert sum(r["kept"] for r in by_rule.values()) == whole["kept"]
is_near(whole["adjusted_count"], sum(map(weight, before)))
is_near(sum(r["adjusted_count"] for r in by_rule.values()), whole["adjusted_count"])
is_near(sum(r["adjusted_count_kept"] for r in by_rule.values()), whole["adjusted_count_kept"])
if whole["unweighted"] == 0: is_near(whole["adjusted_count_kept"], sum(map(weight, after)))
for name, r in by_rule.items():
	kept = [a for a in after if a["sampling_rule"] == name]
	assert r["kept"] == len(kept) <= r["records"], r
	if whole["unweighted"] == 0: is_near(r["adjusted_count_kept"], sum(map(weight, kept)))
assert whole["unweighted"] == sum("sampling_threshold" not in a for a in after), whole
assert all(r["tool"] == "otb-sample" and list(r)[:2] == ["time", "event"] for r in [whole, *by_rule.values()])' ||
			{ echo "$options" && return 1; }
	done < <(head -n -4 in >in.good && cat <<-'END'
		--ratio 0.3 --explain
		--ratio 0.3 --mode equalizing --explain
		--drop 'url_path == "/"' --keep 'error_type exists' --rule 'a: duration_ns > 1s -> 1/7' --ratio 0.1 --explain
		--drop 'url_path == "/"' --explain
		--rate 100/s --explain
		--rate 100/s --token-bucket --explain
		--adaptive 30/s --key url_path --explain
		--ratio 0.1 --adaptive-signal errors,latency --explain
		--first 10 --per url_path --every 1s --explain
		--first 10 --per url_path --every 1s --ratio 0.1 --explain
		--trace --ratio 0.1 --keep 'trace_spans > 5' --explain
	END
	)
}

@test "--stats, --label: its own records bear labels, and nothing else does" {
	echo '{"a":1}' | otb-sample --ratio 1 --stats -l tenant=x --label env=y >out
	[ "$(head -n 1 out)" = '{"a":1,"sampling_threshold":"0"}' ]
	tail -n +2 out | jq -e -s 'length == 2 and all(.tenant == "x" and .env == "y" and .tool == "otb-sample")'
	run -2 otb-sample --ratio 1 -l kept=1 </dev/null
	otb-sample --ratio 1 --stats </dev/null | jq -e -s 'map(.rule) == [null, "ratio"] and all(.records == 0 and .adjusted_count == 0)'
}

@test "--count is of kept records" {
	py 'for r in spans(1000, 22): put(r)' >in
	otb-sample --ratio 0.3 <in >all
	otb-sample --ratio 0.3 -n 7 <in >out
	head -n 7 all | cmp - out
	otb-sample --trace --ratio 1 -n 5 <in | wc -l | grep -qx 5
	otb-sample --rate 3/s -n 2 <in | wc -l | grep -qx 2
	otb-sample --ratio 0 --dry-run -n 5 <in | wc -l | grep -qx -e 5 -e 1000
}

# ---- batches, ends, readers that stand still -------------------------------------------------------------------------

@test "--rate: a batch ends with its tick, by the clock too, with SIGTERM and with the input" {
	start --rate 5/s --tick 50ms
	echo '{"id":1}' >&"$input"
	await grep -q '"id":1' out
	finish
	rm feed ready
	start --rate 5/m --tick 1h
	printf '{"id":%d}\n' {1..300} >&"$input"
	await taken
	[ ! -s out ]
	kill -TERM "$background"
	ended
	exec {input}>&-
	[ "$(wc -l <out)" = 300 ]
	printf '{"id":%d}\n' {1..301} | otb-sample --rate 5/m --tick 1h --seed 1 >out
	[ "$(wc -l <out)" = 300 ]
	[ "$(jq -r .sampling_threshold out | sort -u | wc -l)" = 1 ]
}

@test "records without input's time are of now, and odd times harm nothing" {
	printf '{"id":%d,"time":%s}\n' 1 '"2020-03-01T12:00:00.000000000Z"' 2 '"2020-03-01T12:00:00Z"' 3 '"2020-03-01T13:00:00.5+01:00"' 4 '"yesterday"' \
		5 17 6 null 7 '""' 8 '"9999-99-99T99:99:99Z"' 9 '"2026-02-30T12:00:00Z"' 10 '"0000-00-00T00:00:00Z"' 11 '"1970-01-01T00:00:00Z"' >in
	printf '{"id":%d,"time":"2020-03-01T12:00:00Z","duration_ns":%s}\n' 12 -5 13 1e300 14 '"x"' 15 18446744073709551615 16 1.5 17 1e-300 >>in
	for options in '--rate 1000000/s' '--trace --ratio 1' '--adaptive 1000000/s' '--first 99 --per nothing --every 1s' \
		'--ratio 1 --adaptive-signal errors,latency'; do
		# shellcheck disable=SC2086
		timeout 20 otb-sample $options <in >out
		[ "$(jq .id out | sort -n | xargs)" = "$(seq 17 | xargs)" ]
	done
}

@test "records that all have the same time do not hold the clock up" {
	local options
	for options in '--rate 5/s --tick 200ms' '--trace --ratio 1 --wait 200ms'; do
		rm -f feed ready
		# shellcheck disable=SC2086
		start $options
		goes_on() {
			echo '{"time":"2020-03-01T12:00:00Z","trace_id":"1f"}' >&"$input"
			[ -s out ]
		}
		await goes_on
		finish
	done
}

@test "one odd time among records of long ago does not bring their time to now" {
	local odd
	# 20 a second, for 100 seconds, of which a rate of 10 a second keeps half.
	for odd in '{"id":-1}' '{"id":-1,"time":"2020-03-01T12:00:25Z","duration_ns":9000000000000000000}' \
		'{"id":-1,"time":"2999-03-01T12:00:25Z"}' '{"id":-1,"time":"never"}'; do
		py 'for r in spans(2000, 32, per_second=20):
	if r["id"] == 500: print(sys.argv[1])
	put(r)' "$odd" >in
		otb-sample --rate 10/s <in >out
		py 'n = len(records("out"))
assert 980 <= n <= 1020, (n, sys.argv[1])' "$odd"
	done
}

@test "records without a time before those of long ago do not bring their time to now" {
	py 'print("{\"id\":-1}")
for r in spans(2000, 32, per_second=20): put(r)' >in
	otb-sample --rate 10/s <in >out
	py 'n = len(records("out"))
assert 980 <= n <= 1020, n'
	{
		echo '{"trace_id":"9"}'
		span 1 1 0 0
		span 2 1 5 3
		span 1 2 1 4
		span 2 2 5 40
	} | otb-sample --trace --ratio 1 --explain >out
	[ "$(jq -r '"\(.trace_id[-1:]) \(.sampling_trigger)"' out | xargs)" = '1 root 1 late 9 wait 2 wait 2 late' ]
}

@test "time that leaps to the end of days does not end the world" {
	printf '{"id":%d,"time":"%s"}\n' 1 2020-03-01T12:00:00Z 2 2262-04-11T23:47:16Z 3 2020-03-01T12:00:01Z 4 9999-12-31T23:59:59Z \
		5 2020-03-01T12:00:02Z >in
	for options in '--rate 9000000/s --tick 1ms' '--trace --ratio 1' '--adaptive 9000000/s --tick 1ms' '--first 9 --per id --every 1ms' \
		'--ratio 1 --adaptive-signal latency --tick 1ms'; do
		# shellcheck disable=SC2086
		timeout 20 otb-sample $options <in >out
		[ "$(jq .id out | sort -n | xargs)" = '1 2 3 4 5' ]
	done
}

@test "time is never ahead of the clock: a record of tomorrow harms no trace of now" {
	start --trace --ratio 1 --explain --linger 1h --wait 1h
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	printf '{"time":"%s","trace_id":"%d","span_id":"1","parent_span_id":"2","duration_ns":5}\n' "$now" 1 "2999${now:4}" 2 "$now" 1 >&"$input"
	await taken
	[ ! -s out ]
	finish
	[ "$(columns out trace_id sampling_trigger | xargs)" = '1 end 1 end 2 end' ]
}

# reads: how often it has called read(2), which each timer asks for that has run out
reads() {
	awk '$1 == "syscr:" { print $2 }' "/proc/$background/io"
}

@test "--trace: traces that are due leave as fast as they can, and not a queue full each time a timer runs out" {
	local before
	start --trace --ratio 1 --wait 1h
	awk -v text="$(printf 'x%.0s' {1..10000})" 'BEGIN { for (i = 1; i <= 2000; i++)
		printf "{\"time\":\"2020-03-01T12:00:00Z\",\"trace_id\":\"%032x\",\"text\":\"%s\"}\n", i, text }' >&"$input"
	await taken
	before=$(reads)
	# All are due at once, and nothing more comes.
	echo '{"time":"2020-03-01T14:00:00Z","trace_id":"2fff"}' >&"$input"
	is_out() { [ "$(wc -l <out)" = 2000 ]; }
	await is_out
	echo "$(($(reads) - before)) reads"
	[ $(($(reads) - before)) -lt 40 ]
	finish
}

# stands_still: until it has filled the pipe and written nothing for a while
stands_still() {
	local last='' now same=0 try
	for try in {1..1500}; do
		now=$(awk '$1 == "wchar:" { print $2 }' "/proc/$background/io")
		if [ "$now" -gt 60000 ] && [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
		[ "$same" -lt 15 ] || return 0
		last=$now
		sleep 0.01
	done
	echo "still running ($try tries)"
	return 1
}

# bats test_tags=no-san
@test "a reader that stands still: memory does not grow, and SIGTERM ends it" {
	local options memory
	mkfifo stuck
	spans_of 100000 200000 >many
	for options in '--ratio 1' '--trace --ratio 1 --wait 1ms' '--trace --ratio 1 --wait 1h --max-memory 4M' '--adaptive 1000000/s' '--ratio 0 --dry-run'; do
		exec {stuck}<>stuck
		rm -f ready
		# shellcheck disable=SC2086
		otb-sample --ready-fd 5 --strict $options <many 5>ready >stuck 2>err 3>&- {stuck}>&- &
		background=$!
		await test -s ready
		# Its reader is there, and does not read.
		stands_still
		memory=$(peak)
		echo "$options: $memory KiB"
		[ "$memory" -lt 24576 ]
		kill -TERM "$background"
		ended 4
		grep -q lost err
		exec {stuck}>&-
	done
}

@test "a slow reader gets everything" {
	py 'for r in spans(20000, 23): put(r)' >in
	for options in '--ratio 1' '--rate 1000000/s' '--trace --ratio 1'; do
		# shellcheck disable=SC2086
		otb-sample $options <in | "$PYTHON" -c '
import os, time
n = 0
while piece := os.read(0, 30000):
	n += piece.count(b"\n")
	time.sleep(0.0005)
print(n)' | grep -qx 20000
	done
}

@test "a reader that stands still when the input has ended is waited for: nothing is lost" {
	spans_of 100 5000 >in
	for options in '--ratio 1' '--rate 1000000/s' '--trace --ratio 1'; do
		# shellcheck disable=SC2086
		otb-sample --strict $options <in | { sleep 1.5 && wc -l; } | grep -qx 5000
		[ "${PIPESTATUS[0]}" = 0 ]
	done
}

@test "SIGTERM and --duration: a reader that is slow, but reads, gets all that is held" {
	local n options
	# 10 MB and 6 MB: for longer than anybody waits for one who stands still.
	while read -r n options; do
		rm -f feed ready slow
		mkfifo feed slow
		slowly <slow >out 3>&- &
		reader=$!
		# shellcheck disable=SC2086
		otb-sample --ready-fd 5 --trace --ratio 1 --wait 1h --stats --strict $options <feed 5>ready >slow 2>err 3>&- &
		background=$!
		exec {input}>feed
		await test -s ready
		if [ -z "$options" ]; then
			spans_of 1000 "$n" 40 >&"$input"
			await taken
			kill -TERM "$background"
		else
			# It may end before it has read all.
			{ spans_of 1000 "$n" 40 >&"$input"; } 2>/dev/null || true
		fi
		exec {input}>&-
		ended
		wait "$reader"
		py 'after, (whole, _) = records("out"), stats("out")
n = len(after)
assert whole["lines"] == whole["records"] == whole["kept"] == n, (whole, n)
assert sorted(r["id"] for r in after) == list(range(n)), "lost"
assert n == int(sys.argv[1]) or sys.argv[2]' "$n" "$options"
		[ ! -s err ]
	done <<-'END'
		45000
		27000 -d 1s
	END
}

@test "SIGTERM and --duration: what one who does not read loses is said, to the last line that was read" {
	local delivered lost options
	# More than the pipe and the queue take, but read at once: the last lines wait in the reader.
	spans_of 300 1000 60 >in
	[ "$(stat -c %s in)" -lt 262144 ]
	for options in '--ratio 1' '--trace --ratio 1 --wait 1h' '--ratio 1 -d 100ms'; do
		rm -f stuck ready
		mkfifo stuck
		exec {stuck}<>stuck
		# shellcheck disable=SC2086
		otb-sample --ready-fd 5 --strict $options <in 5>ready >stuck 2>err 3>&- {stuck}>&- &
		background=$!
		await test -s ready
		[[ $options == *-d* ]] || { stands_still && kill -TERM "$background"; }
		ended 4
		delivered=$("$PYTHON" -c 'import os; print(os.read(0, 1 << 20).count(b"\n"))' <&"$stuck")
		exec {stuck}>&-
		lost=$(grep -o 'lost [0-9]*' err | awk '{ sum += $2 } END { print sum + 0 }')
		echo "$options: $delivered delivered, $lost lost"
		[ $((delivered + lost)) = 1000 ]
	done
}

@test "SIGTERM: what the producer has written comes through" {
	start --ratio 1
	echo '{"id":1}' >&"$input"
	kill -TERM "$background"
	echo '{"id":2}' >&"$input"
	exec {input}>&-
	ended
	[ "$(ids out)" = '1 2' ]
}

@test "SIGTERM ends it though the producer goes on" {
	mkfifo feed
	yes '{"id":1}' >feed 3>&- &
	producer=$!
	otb-sample --ready-fd 5 --ratio 0.001 --stats <feed 5>ready >out 2>err 3>&- &
	background=$!
	await test -s ready
	await test -s out
	kill -TERM "$background"
	ended
	tail -n 1 out | jq -e '.event == "stats" and .rule == "ratio" and .records > 0'
}

@test "a full disk: 1; a reader that has gone: 0" {
	py 'for r in spans(20000, 24): put(r)' >in
	for options in '--ratio 1' '--rate 1000000/s' '--trace --ratio 1'; do
		# shellcheck disable=SC2086
		run -1 otb-sample $options -o /dev/full <in
		[[ $output == *'No space left on device'* ]]
		# shellcheck disable=SC2016,SC2086
		run -0 bash -c 'cat in | otb-sample "$@" | true; exit "${PIPESTATUS[1]}"' - $options
	done
}

# ---- usage -----------------------------------------------------------------------------------------------------------

@test "usage: what cannot be together exits 2, and the options are named" {
	refuse() { # "NAMED..." OPTION...
		local named
		run -2 otb-sample "${@:2}" </dev/null
		for named in $1; do
			[[ $output == *"$named"* ]] || { echo "${*:2}: $output" && return 1; }
		done
	}
	refuse ''
	refuse '' --stats
	refuse '' --trace
	refuse '' --explain
	refuse '--ratio --one-in' --ratio 0.1 --one-in 10
	refuse '--ratio --rate' --ratio 0.1 --rate 5/s
	refuse '--rate --adaptive' --rate 5/s --adaptive 5/s
	refuse '--one-in --adaptive' --one-in 7 --adaptive 5/s
	refuse '--token-bucket --rate' --token-bucket --ratio 1
	refuse --token-bucket --token-bucket
	refuse '--adaptive-signal --ratio' --adaptive-signal errors
	refuse '--adaptive-signal --ratio' --adaptive-signal errors --rate 5/s
	refuse '--adaptive-signal --ratio' --adaptive-signal latency --adaptive 5/s
	refuse --adaptive-signal --ratio 0.1 --adaptive-signal ''
	refuse --adaptive-signal --ratio 0.1 --adaptive-signal error
	refuse --adaptive-signal --ratio 0.1 --adaptive-signal errors,
	for option in '--signal-min 0.1' '--signal-errors 5' '--signal-latency 5' '--signal-baseline 1s' '--signal-error a==1' '--signal-field a_ns'; do
		# shellcheck disable=SC2086
		refuse '--signal- --adaptive-signal' --ratio 0.1 $option
	done
	refuse '--first --per --every' --first 5
	refuse '--first --every' --first 5 --per a
	refuse '--first --per' --first 5 --every 1s
	refuse --first --per a --every 1s
	refuse --first --ratio 1 --per a
	refuse --first --ratio 1 --every 1s
	for option in '--linger 1s' '--wait 1s' '--decisions 9'; do
		# shellcheck disable=SC2086
		refuse "${option% *} --trace" --ratio 0.1 $option
	done
	refuse '--max-memory --trace --rate' --ratio 0.1 --max-memory 1M
	refuse '--max-memory --trace --rate' --adaptive 5/s --max-memory 1M
	refuse --control --control /sys/fs/bpf/x --keep a==1
	refuse '--control --dry-run' --control /sys/fs/bpf/x --ratio 1 --dry-run
	refuse --key --ratio 1 --key a --key b
	refuse --keys --ratio 1 --keys 5
	refuse --tick --ratio 1 --tick 5s
	refuse --redact-key-file --redact a:omit --redact-key-file /dev/null
	refuse '--control --mode' --control /sys/fs/bpf/x --ratio 1 --mode proportional
	refuse --mode --ratio 1 --mode equal
	refuse --redact-key-file --redact a:hash
	refuse --redact --redact a:what
	refuse '--redact --pass-bad' --redact a:omit --ratio 1 --pass-bad
	for value in '' x -0.1 1.1 1e 0x1 nan inf ' 1' 1% 1e-18; do
		refuse --ratio --ratio "$value"
	done
	for value in '' 0 x -1 1.5; do
		refuse --one-in --one-in "$value"
		refuse --first --first "$value" --per a --every 1s
		refuse --keys --keys "$value" --adaptive 5/s
		[ "$value" = 0 ] || refuse --decisions --decisions "$value" --trace --ratio 1
	done
	for value in '' 5 5/ 0/s 5/d -1/s x/s '5 /s' 5/ss /s 5/1s; do
		refuse --rate --rate "$value"
		refuse --adaptive --adaptive "$value"
	done
	refuse surplus --ratio 1 surplus
	refuse p --ratio 1 -p 1
	run -0 otb-sample --ratio 1 </dev/null
	run -0 otb-sample --rate 0.5/s </dev/null || run -2 otb-sample --rate 0.5/s </dev/null
}

@test "what was given is quoted on stderr without control characters" {
	local option
	for option in '--ratio 0.1 --adaptive-signal errors --signal-error' --keep --drop --rule --ratio --rate --first --redact --rules; do
		# shellcheck disable=SC2086
		run -2 otb-sample $option $'x\e[31m' </dev/null
		[[ $output == *x* && $output != *$'\e'* ]] || { echo "$option: $output" | cat -v && return 1; }
	done
}

# ---- the threshold in the kernel -------------------------------------------------------------------------------------

need_maps() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	command -v bpftool >/dev/null || skip 'no bpftool'
	in_bpffs 'make_map probe' >/dev/null 2>&1 || skip 'BPF maps are not permitted here'
}

# in_bpffs SCRIPT: with a BPF file system of its own, and the functions below
in_bpffs() {
	unshare --mount bash -ec "$(declare -f await make_map control value_is ready); mount -t bpf bpf /sys/fs/bpf; $1" 3>&-
}

make_map() { # NAME [PARAMETER]...
	bpftool map create "/sys/fs/bpf/$1" type "${2:-array}" key "${3:-4}" value "${4:-8}" entries "${5:-1}" name otb_control
}

# control [OPTION]...: otb-sample with the map `x`, in the background; its input is $input
control() {
	rm -f feed ready
	mkfifo feed
	otb-sample --ready-fd 5 --control /sys/fs/bpf/x "$@" <feed 5>ready >out 2>err &
	exec {input}>feed
}

# value_is HEX: what the map holds
value_is() {
	bpftool -j map dump pinned /sys/fs/bpf/x | jq -e --arg value "$1" \
		'length == 1 and (.[0].value | reverse | map(.[2:]) | join("")) == $value'
}

ready() {
	await test -s ready
}

@test "--control: the threshold in force is in the map" {
	need_maps
	in_bpffs '
		make_map x
		control --ratio 0.01
		ready
		await value_is 00fd70a000000000
		exec {input}>&-
		wait $!
		control --ratio 0
		await value_is 0100000000000000
		exec {input}>&-
		wait $!
		control --one-in 1
		await value_is 0000000000000000
		exec {input}>&-
		wait $!
		# What the kernel has sampled is not sampled again.
		echo "{\"trace_id\":\"ffffffffffffffff\",\"sampling_threshold\":\"c\"}" >in
		otb-sample --ratio 0.25 --control /sys/fs/bpf/x <in | cmp - in
		value_is 00c0000000000000
	'
}

@test "--control: with --adaptive it follows what comes" {
	need_maps
	in_bpffs '
		make_map x
		control --adaptive 10/s --tick 20ms
		ready
		value_is 0000000000000000
		not_zero() {
			printf "{\"id\":%d}\n" {1..50} >&"$input"
			! value_is 0000000000000000
		}
		await not_zero
		# Nothing comes any more.
		await value_is 0000000000000000
		exec {input}>&-
		wait $!
	'
}

@test "--control: it waits for the map, which may come later" {
	need_maps
	in_bpffs '
		control --ratio 0.5
		# Its input is open, so it is on its way.
		make_map y
		await test -e "/proc/$!/fd"
		mv /sys/fs/bpf/y /sys/fs/bpf/x
		await value_is 0080000000000000
		ready
		exec {input}>&-
		wait $!
	'
}

@test "--control: when nothing comes any more, all is wanted again" {
	need_maps
	local options
	for options in '--adaptive 10/s' '--rate 10/s'; do
		in_bpffs '
			make_map x
			control '"$options"' --tick 20ms
			ready
			burst() {
				printf "{\"id\":%d}\n" {1..1000} >&"$input"
				sleep 0.02
				! value_is 0000000000000000
			}
			await burst
			await value_is 0000000000000000
			exec {input}>&-
			wait $!
		'
	done
}

@test "--control: SIGTERM while it waits for the map ends it: 0" {
	need_maps
	otb-sample --ratio 0.5 --control /sys/fs/bpf/otb-none-$$ </dev/null 2>err 3>&- &
	background=$!
	# So that it is not killed before it is set up. The shell that becomes it blocks SIGTERM for a moment, too.
	takes_term() { [ "$(<"/proc/$background/comm")" = otb-sample ] && [ $((0x$(awk '$1 == "SigBlk:" { print $2 }' "/proc/$background/status") & 1 << 14)) -ne 0 ]; }
	await takes_term
	kill -TERM "$background"
	ended
}

@test "--control: without a map it says so, and exits 3" {
	need_maps
	run -3 in_bpffs 'otb-sample --ratio 0.5 --control /sys/fs/bpf/none </dev/null'
	[[ $output == "otb-sample: "*"/sys/fs/bpf/none"* ]]
}

@test "--control: a map of another kind is left alone: 3" {
	need_maps
	local parameters
	for parameters in 'hash 4 8 1' 'array 4 4 1' 'array 4 16 1' 'percpu_array 4 8 1' 'hash 8 8 1'; do
		in_bpffs "make_map x $parameters; bpftool map dump pinned /sys/fs/bpf/x >before
			code=0; otb-sample --ratio 0.5 --control /sys/fs/bpf/x </dev/null 2>err || code=\$?
			bpftool map dump pinned /sys/fs/bpf/x | cmp - before; [ \$code = 3 ]"
		grep -q '^otb-sample: .*/sys/fs/bpf/x' err
	done
	echo x >file
	run -3 otb-sample --ratio 0.5 --control "$PWD/file" </dev/null
	[ "$(cat file)" = x ]
}
