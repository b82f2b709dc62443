#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the server spans of otb-trace to what a service and its client logged (tests/target/go/shared).

    spans_check.py [--proto 1.1|2] [--forgets PATH] SPANS SERVER-LOG CLIENT-LOG

Spans are joined by the header X-Test-Id, which the tracer has to be told of (--header x-test-id). Prints what is wrong, a
line each, and how many were compared; exit code 1 if anything is.
"""

import argparse
import json
import sys

ID = "http_request_header_x_test_id"
HEADERS_MAX = 96  # bpf/trace_headers.bpf.h: a larger map is not looked through
KNOWN = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_id(records, key):
    found = {}
    for record in records:
        found.setdefault(record[key], []).append(record)
    return found


def end_of(span):
    """In ns of some clock."""
    hours, minutes, seconds = span["time"][11:-1].split(":")
    return (int(hours) * 60 + int(minutes)) * 60 * 10**9 + int(seconds.replace(".", "")) + span["duration_ns"]


def join(spans, handled):
    """Spans by the id of their request. Those whose headers were too many to find it are told by the order of their ends: a
    goroutine serves one request after the other, but that of gRPC may begin while its worker serves another."""
    found = by_id((s for s in spans if ID in s), ID)
    without = by_id((s for s in spans if ID not in s), "goroutine_id")
    crowded = by_id((h for h in handled if h["headers"] > HEADERS_MAX and h["id"] not in found), "goroutine_id")
    for goroutine, requests in crowded.items():
        rest = sorted(without.get(goroutine, []), key=end_of)
        for request, span in zip(sorted(requests, key=lambda h: h["end_ns"]), rest):
            found.setdefault(request["id"], []).append(span)
    return found


def host_port(address, port):
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def route_of(pattern):
    """What of a ServeMux pattern is http.route: its path."""
    return pattern[pattern.index("/"):] if "/" in pattern else pattern


def expected_status(sent, handled):
    if handled["ending"] in ("panicked", "exited", "hijacked"):
        return None
    return handled["status"] or sent["status"] or 200


def expected_error(sent, handled):
    if handled["ending"] == "panicked":
        return "panic"
    status = expected_status(sent, handled)
    return str(status) if status and status >= 500 else None


def parent_of(sent, handled):
    if handled["headers"] > HEADERS_MAX:
        return {"source": "new"}
    return sent["parent"]


def compare(span, sent, handled, options):
    """Yields what differs."""

    def same(field, wanted):
        if span.get(field) != wanted:
            yield field, span.get(field), wanted

    def same_text(field, wanted):
        cut = field in span.get("truncated", "").split(",")
        got = span.get(field)
        if got != wanted and not (cut and got is not None and wanted.startswith(got) and len(got) >= 400):
            yield field, got, wanted

    method = handled["method"] if handled["method"] in KNOWN else "_OTHER"
    parent = parent_of(sent, handled)
    yield from same("span_kind", "server")
    yield from same("http_request_method", method)
    yield from same("http_request_method_original", handled["method"] if method == "_OTHER" else None)
    yield from same_text("url_path", handled["path"])
    yield from same("url_query", None)
    yield from same("http_response_status_code", expected_status(sent, handled))
    yield from same("error_type", expected_error(sent, handled))
    yield from same("parent_source", parent["source"])
    if parent["source"] != "new":
        yield from same("trace_id", parent["trace_id"])
        yield from same("parent_span_id", parent["span_id"])
    else:
        yield from same("parent_span_id", None)
    if host_port(span.get("network_peer_address"), span.get("network_peer_port")) != handled["peer"]:
        yield "peer", span.get("network_peer_address"), handled["peer"]
    if options.proto == "1.1":
        local = host_port(span.get("network_local_address"), span.get("network_local_port"))
        if local != handled["local"]:
            yield "local", local, handled["local"]
    yield from same("network_protocol_version", options.proto)
    yield from same("goroutine_id", handled["goroutine_id"])
    if handled["ending"] not in ("panicked", "exited", "hijacked"):
        route = route_of(handled["pattern"]) if handled["pattern"] else None
        if handled["path"] == options.forgets and "http_route" not in span:
            route = None
        yield from same("http_route", route)
        yield from same("name", ("HTTP" if method == "_OTHER" else method) + (f" {route}" if route else ""))
    if span["duration_ns"] < handled["end_ns"] - handled["start_ns"]:
        yield "duration_ns", span["duration_ns"], f'>= {handled["end_ns"] - handled["start_ns"]}'
    if sent["outcome"] == "answered" and handled["ending"] in ("returned", "recovered"):
        if span["duration_ns"] > sent["end_ns"] - sent["start_ns"]:
            yield "duration_ns", span["duration_ns"], f'<= {sent["end_ns"] - sent["start_ns"]}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proto", default="1.1")
    parser.add_argument("--forgets", metavar="PATH", help="whose handler may run on when its Request is gone")
    parser.add_argument("files", nargs=3)
    options = parser.parse_args()
    spans, server, client = (read(path) for path in options.files)
    handled = [h for h in server if h["event"] == "handled"]
    spans = join([s for s in spans if s["event"] == "span" and s.get("span_kind") == "server"], handled)
    handled = by_id(handled, "id")
    compared, wrong = 0, []
    for sent in client:
        if sent["event"] != "sent" or sent["id"] not in handled:
            continue
        of_it = spans.pop(sent["id"], [])
        if len(of_it) != 1 or len(handled[sent["id"]]) != 1:
            wrong.append((sent["id"], "spans", len(of_it), len(handled[sent["id"]])))
            continue
        compared += 1
        for difference in compare(of_it[0], sent, handled[sent["id"]][0], options):
            wrong.append((sent["id"], sent["case"]) + difference)
    wrong += [(of, "of no request") for of in spans]
    for line in wrong[:20]:
        print(*line, file=sys.stderr)
    print(f"{compared} spans are as they should be" if not wrong else f"{len(wrong)} differences in {compared} spans")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
