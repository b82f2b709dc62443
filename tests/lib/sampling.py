# SPDX-License-Identifier: Apache-2.0
"""What otb-sample is to do, said once more for its tests: in fractions and whole numbers, which do not round.

Thresholds and what they mean: specification/trace/tracestate-handling.md and tracestate-probability-sampling.md of
OpenTelemetry. Members of a record are found by Python's own JSON decoder.
"""

import functools
import hashlib
import json
import math
import os
import random
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime, timezone
from fractions import Fraction

NEVER = 1 << 56
OWN = ("sampling_threshold", "sampling_rule", "sampling_trigger", "sampling_verdict")


# ---- thresholds ------------------------------------------------------------------------------------------------------


def threshold(ratio, digits=4):
    """T of a ratio, rounded to that many digits behind the leading f's; NEVER where it is no probability."""
    if Fraction(ratio) < Fraction(1, NEVER):
        return NEVER
    exact = NEVER - math.floor(NEVER * Fraction(ratio) + Fraction(1, 2))
    if exact <= 0:
        return 0
    leading = re.match("f*", "%014x" % exact).end()
    unit = 16 ** (14 - min(14, digits + leading))
    return (exact + unit // 2) // unit * unit


def text(t):
    return ("%014x" % t).rstrip("0") or "0"


def value(th):
    """T of its text, or None."""
    if not isinstance(th, str) or not re.fullmatch("[0-9a-f]{1,14}", th):
        return None
    return int(th.ljust(14, "0"), 16)


def probability(t):
    return Fraction(NEVER - t, NEVER)


@functools.cache
def adjusted_count(th):
    t = value(th)
    return 1.0 if t is None else NEVER / (NEVER - t)


def weight(record):
    """How many records this one stands for, to 16 digits."""
    return adjusted_count(record.get("sampling_threshold"))


def randomness(record):
    """R, or None where it is random."""
    if "tracestate" in record:
        for member in record["tracestate"].split(","):
            key, _, pairs = member.strip().partition("=")
            found = re.search("(?:^|;)rv:([0-9a-f]{14})(?:;|$)", pairs)
            if key == "ot" and found:
                return int(found[1], 16)
    trace = record.get("trace_id")
    if trace and int(trace, 16):
        return int(trace[-14:], 16)
    return None


@functools.cache
def combined(sampled, ratio, mode):
    t = threshold(ratio * probability(sampled)) if mode == "proportional" else threshold(ratio)
    return max(sampled, t)


def final(record, ratio, mode="proportional"):
    """The threshold of a record that was judged by a ratio: T, or None if its R is below it."""
    t = combined(value(record.get("sampling_threshold")) or 0, ratio, mode)
    return t if t < NEVER and randomness(record) >= t else None


# ---- records ---------------------------------------------------------------------------------------------------------


def lines(path):
    """As bytes, without their LF."""
    with open(path, "rb") as file:
        found = file.read().split(b"\n")
    assert found[-1] == b"", f"{path}: no LF at the end"
    return found[:-1]


def records(path):
    """Without those in which a tool speaks of itself."""
    return [r for r in map(json.loads, lines(path)) if "tool" not in r]


def stats(path):
    """The stats record of the whole, and those of the rules by name."""
    found = [r for r in map(json.loads, lines(path)) if r.get("event") == "stats" and r.get("tool") == "otb-sample"]
    whole = [r for r in found if "rule" not in r]
    assert len(whole) == 1, found
    assert found[0] is whole[0]
    by_rule = {r["rule"]: r for r in found[1:]}
    assert len(by_rule) == len(found) - 1, found
    return whole[0], by_rule


BEGIN = int(datetime(2020, 3, 1, 12, tzinfo=timezone.utc).timestamp())


@functools.cache
def second_text(seconds):
    return datetime.fromtimestamp(BEGIN + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def when(ns):
    """RFC 3339 of so many nanoseconds behind noon."""
    return "%s.%09dZ" % (second_text(ns // 10**9), ns % 10**9)


ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def put(record):
    sys.stdout.write(ENCODER.encode(record) + "\n")


def spans(n, seed, per_second=1000, at=0, first=0, **members):
    """n records, each a trace of its own. Members that are callable get the number of the record."""
    source = random.Random(seed)
    for i in range(n):
        record = {
            "time": when(at * 10**9 + i * 10**9 // per_second),
            "event": "span",
            "trace_id": "%032x" % source.getrandbits(128),
            "id": first + i,
        }
        record.update({key: make(i) if callable(make) else make for key, make in members.items()})
        yield record


def sampled(found, thresholds):
    """What is left of records when each has come through one of several samplers, in turn."""
    for i, record in enumerate(found):
        t = value(thresholds[i % len(thresholds)])
        if randomness(record) >= t:
            yield dict(record, sampling_threshold=text(t))


# ---- statistics ------------------------------------------------------------------------------------------------------


def near(estimate, truth, variance, what="estimate", sigmas=4):
    sigma = math.sqrt(variance)
    off = abs(float(estimate) - float(truth))
    assert off <= sigmas * sigma + 1e-6 * float(truth), (
        f"{what}: {float(estimate):.1f}, not {float(truth):.1f}: off by {off / sigma if sigma else math.inf:.1f} sigma"
    )


def unbiased(before, after, cluster="trace_id"):
    """The kept stand for all: within 4 sigma by Horvitz and Thompson's estimate of the variance, where records of one
    cluster are kept together."""
    came = {r["id"]: weight(r) for r in before}
    total, excess = defaultdict(float), defaultdict(float)
    for r in after:
        assert value(r.get("sampling_threshold")) is not None, f"no weight: {r}"
        assert weight(r) >= came[r["id"]], f"lowered: {r}"
        total[r[cluster]] += weight(r)
        excess[r[cluster]] += weight(r) - came[r["id"]]
    assert len({r["id"] for r in after}) == len(after), "doubled"
    near(sum(total.values()), sum(came.values()), sum(total[c] * excess[c] for c in total), "adjusted count")


def share(kept, n, ratio):
    near(kept, n * ratio, float(n * ratio * (1 - ratio)), "kept")


# ---- lines, byte for byte --------------------------------------------------------------------------------------------

DECODER = json.JSONDecoder()
SPACE = re.compile("[ \t\r\n]*")


class Member:
    """A member as it stands in the line: from `start`, the value from `value_start` to `end`."""

    def __init__(self, line, start):
        self.start = start
        self.name, end = DECODER.raw_decode(line, start)
        self.key = line[start:end]
        colon = SPACE.match(line, end).end()
        assert line[colon] == ":"
        self.value_start = SPACE.match(line, colon + 1).end()
        _, self.end = DECODER.raw_decode(line, self.value_start)
        self.value = line[self.value_start : self.end]


def members(line):
    """Those of the record itself, in order, and the place of the brace that closes it."""
    at = SPACE.match(line).end()
    assert line[at] == "{", line[:100]
    found = []
    at = SPACE.match(line, at + 1).end()
    while line[at] != "}":
        found.append(Member(line, at))
        at = SPACE.match(line, found[-1].end).end()
        if line[at] == ",":
            at = SPACE.match(line, at + 1).end()
    return found, at


def squeeze(line):
    """Without the white space between members."""
    found, brace = members(line)
    return "{" + ",".join(m.key + ":" + m.value for m in found) + line[brace:]


def edit(line, changes):
    """The line where members have been replaced in place (text), left out (None), or else appended. Left out, they take
    the white space around them along or not: so this is without all of it."""
    found, brace = members(line)
    if any(m.name in changes and changes[m.name] is None for m in found):
        kept = ",".join(
            m.key + ":" + (changes[m.name] if m.name in changes else m.value)
            for m in found
            if m.name not in changes or changes[m.name] is not None
        )
        return edit("{" + kept + line[brace:], {k: v for k, v in changes.items() if v is not None})
    for m in reversed(found):
        if m.name in changes:
            line = line[: m.value_start] + changes[m.name] + line[m.end :]
    found, brace = members(line)
    names = {m.name for m in found}
    added = [f'"{name}":{raw}' for name, raw in changes.items() if name not in names and raw is not None]
    return line[:brace] + ("," if found and added else "") + ",".join(added) + line[brace:]


def check_edit(before, after, names=OWN):
    """That a line (bytes) is what the other was, byte for byte, but for these members."""
    before, after = before.decode(), after.decode()
    then = Counter(m.name for m in members(before)[0])
    now = Counter(m.name for m in members(after)[0])
    for name, times in now.items():
        assert times <= max(1, then[name]), f"{name!r} {times} times in {after[:300]}"
    last = {m.name: m.value for m in members(after)[0]}
    changes = {name: last.get(name) for name in names if name in then or name in last}
    expected = edit(before, changes)
    if any(name in then and changes[name] is None for name in changes):
        assert not re.search(r"\{\s*,|,\s*,|,\s*\}$", after), after
        after = squeeze(after)
        expected = squeeze(expected)
    assert after == expected, f"{before[:300]!r} became {after[:300]!r}, not {expected[:300]!r}"
    return last


def check_all(before, after, names=OWN):
    """The same for files, where every line is kept, in order."""
    before, after = lines(before), lines(after)
    assert len(before) == len(after), f"{len(after)} of {len(before)} lines"
    for one, other in zip(before, after):
        check_edit(one, other, names)


def check_some(before, after, names=OWN, ordered=True):
    """The same where some are kept, each once. Lines have an id, with which they begin or not."""
    came = {json.loads(line)["id"]: (i, line) for i, line in enumerate(lines(before))}
    places = []
    for line in lines(after):
        place, one = came.pop(json.loads(line)["id"])
        check_edit(one, line, names)
        places.append(place)
    assert not ordered or places == sorted(places)
    return places


NASTY = [
    "{}",
    "{ }",
    '{"id":1}',
    ' \t{"id":2} \t',
    '{"id":3}\r',
    '{ "id" : 4 , "a" : [ 1 , {"b":"}"} ] }',
    '{ "id" : 5 , "a" : 1\t}\t\r',
    '{"id":6,"sampling_threshold":"8"}',
    '{"sampling_threshold":"8","id":7}',
    '{"id":8,"sampling_threshold":"c","a":1}',
    '{"id":9,"sampling\\u005fthreshold":"c"}',
    '{"\\u0073ampling_thresh\\u006Fld":"8","id":10}',
    '{"id":11,"sampling_threshold":17,"x":1}',
    '{"id":12,"sampling_threshold":null}',
    '{"id":13,"sampling_threshold":"zz"}',
    '{"id":14,"sampling_threshold":""}',
    '{"id":15,"sampling_threshold":"000000000000000"}',
    '{"id":16,"sampling_threshold":{"a":["8"]}}',
    '{"id":17, "sampling_threshold" : "8" , "y" : "\\"}" }',
    '{"id":18,"a":1,"a":2,"\\u0061":3}',
    '{"id":19,"sampling_rule":"old","sampling_verdict":"x","sampling_trigger":{"a":1}}',
    '{"id":20,"sampling_trigger":1,"sampling_verdict":2,"sampling_rule":3,"sampling_threshold":"8"}',
    '{"id":21,"text":"\\u0000\\ud83d\\ude00 é 𝄞 \\\\\\" , } { \\/ \\b"}',
    '{"id":22,"n":1.50e+03,"big":123456789012345678901234567890,"neg":-0,"tiny":1E-400}',
    '{"id":23,"nested":{"sampling_threshold":"8","trace_id":"0"},"list":[{"sampling_rule":1}]}',
    '{"id":24,"trace_id":"ffffffffffffffffffffffffffffffff","tracestate":"ot=rv:ffffffffffffff"}',
    '{"id":25,"":"","sampling_thresholds":"8","sampling_threshol":"8"}',
    '{"id":26,"long":"' + "x" * 100000 + '"}',
    '{"id":27,"deep":' + "[" * 60 + "]" * 60 + "}",
    '{"id":28,\t"a":1,  "text":"\\"sampling_threshold\\":\\"8\\""}',
    '{"sampling_threshold":"8"}',
    '{ "sampling_threshold" : "c" }',
    '{"id":29,"trace_id":"000000000000000000ffffffffffff00","sampling_threshold":"f","a":1}',
    '{"id":30,"a":"\u2028\u00a0\ufeff"}',
    # Samples that no sampler can have kept: R is below T.
    '{"id":31,"trace_id":"00000000000000000000000000000001","sampling_threshold":"8"}',
    '{"sampling_threshold":"8","trace_id":"00000000000000000000000000000001","id":32}',
    '{ "trace_id" : "00000000000000000000000000000001" , "sampling_threshold" : "8" , "id" : 33 }',
]
