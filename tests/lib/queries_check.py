#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the spans of otb-trace to what a program logged of its calls of database/sql: by itself (tests/target/go/queries),
or with --service for requests (tests/target/go/httpserver), whose spans tell their X-Test-Id unless they have too many
headers.

    queries_check.py [--raw | --sched | --service] SPANS LOG

A goroutine makes one call after the other, so that spans and calls are joined by their order. Prints what is wrong, a line
each, and how many were compared; exit code 1 if anything is.
"""

import argparse
import json
import sys

ID = "http_request_header_x_test_id"
READ_MAX = 1016  # bytes of a text that are read


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def compare_ready(spans, calls):
    """Yields what differs from when goroutines were ready and did not run: two on one P know that. One that has its P for
    itself may be interrupted by what is not of the program, but not for half of the time."""
    alone = []
    for span, call in zip(spans, calls):
        ready, least = span.get("runnable_ns", -1), call["ready_least_ns"]
        if "spin" in call["text"]:
            alone.append((ready, span["duration_ns"]))
        elif not least <= ready <= span["duration_ns"] or (least == 0 and call["ready_most_ns"] == 0):
            yield call["text"], "runnable_ns", ready, span["duration_ns"], call
    if sum(a[0] for a in alone) * 2 > sum(a[1] for a in alone):
        yield "alone", alone


def queues(records):
    found = {}
    for record in records:
        found.setdefault(record["goroutine_id"], []).append(record)
    return found


def differs(span, wanted):
    """Yields the fields that are not as wanted."""
    for field, value in wanted.items():
        if span.get(field) != value:
            yield field, span.get(field), value


def compare(span, call, raw):
    """Yields what differs from what the program and its driver know."""

    def same(field, wanted):
        return differs(span, {field: wanted})

    text, seen = call["text"] if raw else call["redacted"], span.get("db_query_text", "")
    if len(call["text"].encode()) <= READ_MAX:
        yield from same("db_query_text", text or None)
        yield from same("truncated", None)
    elif not text.startswith(seen) or not READ_MAX - 8 < len(seen.encode()) or "truncated" not in span:
        yield "db_query_text", seen, text
    if not span["name"].startswith(text.split(" ")[0] or "postgresql"):
        yield "name", span["name"], text
    yield from same("span_kind", "client")
    yield from same("parent_source", "new")
    yield from same("db_system_name", "postgresql")
    lost = "lost" in call["text"]
    if not lost:
        yield from same("error_type", call["error_type"] or None)
    if not (call["answered_ns"] - call["asked_ns"] <= span["duration_ns"] <= call["end_ns"] - call["start_ns"]):
        yield "duration_ns", span["duration_ns"], call


REDACTED = {
    "SELECT n ": "SELECT n FROM users WHERE mail = ? AND age > ? AND score < ?",
    "INSERT IN": 'INSERT INTO "log" (a, b, c) VALUES (?, ?, ?), (?, $1, ?)',
    "SELECT fa": "SELECT fail FROM users WHERE id = ?",
    "SELECT st": "SELECT stale FROM users WHERE id = ?",
    "SELECT lo": "SELECT lost FROM users WHERE id = ?",
    "DELETE fa": "DELETE fail FROM users WHERE id = ?",
}


def begin_and_end(span):
    """In ns of some clock."""
    hours, minutes, seconds = span["time"][11:-1].split(":")
    begin = (int(hours) * 60 + int(minutes)) * 60 * 10**9 + int(seconds.replace(".", ""))
    return begin, begin + span["duration_ns"]


def is_within(span, request):
    (begin, end), (request_begin, request_end) = begin_and_end(span), begin_and_end(request)
    return request_begin <= begin and end <= request_end


def compare_in_request(span, call, requests):
    """Yields what differs from what the service knows, and whether the span is in that of the request."""
    request = next((r for r in requests.get(call["goroutine_id"], []) if is_within(span, r)), {})
    if request.get(ID, call["id"]) != call["id"]:
        yield "request", request[ID], call["id"]
    yield from differs(span, {
        "span_kind": "client",
        "db_system_name": "other_sql",
        "db_query_text": REDACTED[call["text"][:9]],
        "error_type": "*errors.errorString" if call["error"] else None,
        "parent_source": "goroutine",
        "parent_span_id": request.get("span_id", "none"),
        "trace_id": request.get("trace_id"),
    })
    if span["duration_ns"] > call["end_ns"] - call["start_ns"]:
        yield "duration_ns", span["duration_ns"], call


def wrong(spans, calls, differences):
    calls, found = queues(calls), queues(spans)
    for goroutine, made in calls.items():
        seen = sorted(found.pop(goroutine, []), key=lambda s: s["time"])
        if len(seen) != len(made):
            yield goroutine, "spans", len(seen), "calls", len(made)
            continue
        for span, call in zip(seen, made):
            for field, has, wanted in differences(span, call):
                yield call["call"], call.get("driver"), call["text"][:60], field, has, wanted
    for goroutine, rest in found.items():
        yield goroutine, "no calls", len(rest)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("--sched", action="store_true")
    parser.add_argument("--service", action="store_true")
    parser.add_argument("spans")
    parser.add_argument("log")
    options = parser.parse_args()
    records = read(options.spans)
    spans = [r for r in records if r["event"] == "span"]
    # Requests of too many headers are counted by the tracer.
    others = [r for r in records if r["event"] != "span" and r.get("where") != "headers"]
    log = [r for r in read(options.log) if r["event"] == "query"]
    if options.service:
        servers = queues(s for s in spans if s["span_kind"] == "server")
        spans = [s for s in spans if s["span_kind"] == "client"]
        calls = log
        lies = [*others, *wrong(spans, calls, lambda span, call: compare_in_request(span, call, servers))]
    else:
        calls = [c for c in log if c["attempts"]]
        lies = [*others, *wrong(spans, calls, lambda span, call: compare(span, call, options.raw))]
        if options.sched:
            lies += compare_ready(sorted(spans, key=lambda s: s["time"]), calls)
    if not options.sched and any("runnable_ns" in r for r in records):
        lies.append("runnable_ns without --sched")
    for lie in lies[:20]:
        print(lie)
    print(f"{len(spans)} spans, {len(calls)} of {len(log)} calls")
    sys.exit(1 if lies or not spans else 0)


main()
