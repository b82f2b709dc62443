#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the spans of otb-trace to what the server tests/target/go/hostile knows of its broken requests.

    hostile_check.py SPANS SERVER-LOG

The tracer has to be told of --header x-test-id, --header x-test-case and --url-query. One request comes after the other, so
spans, by their beginning, and requests are in one order. What a break can reach may be cut, missing, or whatever memory
says; every other field is exact. Prints what is wrong, a line each, and how many were compared; exit code 1 if anything is.
"""

import json
import sys

ID = "http_request_header_x_test_id"
CASE = "http_request_header_x_test_case"

METHOD = {"http_request_method", "http_request_method_original", "name"}
SERVER = {"server_address", "server_port"}
LOCAL = {"network_local_address", "network_local_port"}
PEER = {"network_peer_address", "network_peer_port"} | LOCAL
HEADERS = {ID, CASE, "user_agent_original", "trace_id", "parent_span_id", "parent_source"}
TLS = {"url_scheme", "server_port"} | LOCAL
REACHED = {
    "method": METHOD, "path": {"url_path"}, "query": {"url_query"}, "url": {"url_path", "url_query"}, "host": SERVER,
    "remote": PEER, "conn": LOCAL, "tls": TLS, "proto": set(), "target": set(), "sound": set(), "header": HEADERS,
    "directory": HEADERS, "key": HEADERS, "value": HEADERS, "values": HEADERS,
}
# These fill a span's room, so that nothing is left for other texts.
REACHED["request"] = METHOD | {"url_path", "url_query", ID, CASE} | SERVER | PEER
# A handler that is not reached: net/http itself has panicked.
UNREACHED = {"http_response_status_code", "error_type"}
# Of another version of HTTP, for which there was no beginning.
WITHOUT = {"major-two", "major-negative"}
# Strings of which nothing can be read, or that end where memory does: the field is not there.
UNREADABLE = {"nowhere", "nil", "first", "kernel", "impossible", "edge", "empty"}
MISSING = {"method": "http_request_method", "path": "url_path", "query": "url_query", "host": "server_address",
           "remote": "network_peer_address"}
IGNORED = {"time", "event", "span_id", "service_name", "pid", "comm", "duration_ns", "gc_stw_ns", "truncated"}


def expected(request):
    host, port = request["peer"].rsplit(":", 1)
    return {
        ID: request["id"], CASE: request["case"], "span_kind": "server", "name": "POST",
        "http_request_method": "POST", "url_path": request["path"], "url_query": "a=b", "server_address": "localhost",
        "server_port": 80, "http_response_status_code": 200, "url_scheme": "http", "network_peer_address": host,
        "network_peer_port": int(port), "network_local_address": "127.0.0.1", "network_protocol_version": "1.1",
        "goroutine_id": request["goroutine_id"], "parent_source": "traceparent",
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_span_id": f'{int(request["id"][1:]):016x}',
    }


def compare(span, request):
    """Yields what differs and may not."""
    what, _, how = request["case"].partition("-")
    free = IGNORED | REACHED[what] | (set() if request["reached"] else UNREACHED)
    wanted = expected(request)
    if "network_local_address" not in free:
        free |= {"network_local_port"}
    for field in sorted(wanted.keys() | span.keys()):
        if field not in free and span.get(field) != wanted.get(field):
            yield field, span.get(field), wanted.get(field)
    missing = MISSING.get(what) if how in UNREADABLE else None
    if missing in span:
        yield missing, span[missing], "nothing"
    if request["reached"] and span["duration_ns"] > request["end_ns"] - request["start_ns"]:
        yield "duration_ns", span["duration_ns"], f'<= {request["end_ns"] - request["start_ns"]}'


def read(path):
    with open(path, "rb") as lines:
        return [json.loads(line.decode("utf-8")) for line in lines]


def main():
    spans, requests = (read(path) for path in sys.argv[1:3])
    spans = sorted((span for span in spans if span["event"] == "span"), key=lambda span: span["time"])
    requests = [request for request in requests if request["case"] not in WITHOUT]
    wrong = [("spans", len(spans), "requests", len(requests))] if len(spans) != len(requests) else []
    for span, request in zip(spans, requests):
        wrong += [(request["id"], request["case"]) + difference for difference in compare(span, request)]
    for line in wrong[:20]:
        print(*line, file=sys.stderr)
    print(f"{len(wrong)} differences in {len(spans)} spans" if wrong else f"{len(spans)} spans are as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
