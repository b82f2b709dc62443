#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the spans of otb-trace to what a gRPC service and its client logged (tests/target/go/grpc).

    rpc_check.py [--below] [--sampled] SPANS SERVER-LOG CLIENT-LOG SERVER-PID CLIENT-PID

A server's spans are joined by x-test-id, which the tracer has to be told of (--header x-test-id); a client's by their
goroutine, which makes one call after the other. --below: gRPC is in the handler of net/http. --sampled: only those of
which a parent says so. Prints what is wrong, a line each, and how many were compared; exit code 1 if anything is.
"""

import argparse
import sys

from spans_check import HEADERS_MAX, ID, by_id, host_port, join, read

CODES = """OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED""".split()
SERVER_ERRORS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
GONE = ("expired", "left")  # the client does not wait for the handler


def address(span, what):
    return host_port(span.get(what + "_address"), span.get(what + "_port"))


class Check:
    def __init__(self, options):
        self.options = options
        self.compared, self.wrong = 0, []

    def same(self, of, field, got, wanted):
        if got != wanted:
            self.wrong.append((of, field, got, wanted))

    # ---- what all have ----

    def call(self, of, span, method, status, errors):
        self.compared += 1
        self.same(of, "name", span["name"], method[1:])
        self.same(of, "rpc_system", span.get("rpc_system"), "grpc")
        self.same(of, "rpc_method", span.get("rpc_method"), method[1:])
        self.same(of, "network_protocol_version", span.get("network_protocol_version"), "2")
        self.same(of, "rpc_response_status_code", span.get("rpc_response_status_code"), status)
        self.same(of, "error_type", span.get("error_type"), status if status in errors else None)

    def lasts(self, of, span, least, most):
        if not least <= span["duration_ns"] <= most:
            self.wrong.append((of, "duration_ns", span["duration_ns"], (least, most)))

    # ---- the server's ----

    def parent(self, of, span, sent, crowded):
        parent = {"source": "new"} if crowded else sent["parent"]
        self.same(of, "parent_source", span["parent_source"], parent["source"])
        if parent["source"] == "new":
            self.same(of, "parent_span_id", span.get("parent_span_id"), None)
            return
        self.same(of, "trace_id", span["trace_id"], parent["trace_id"])
        self.same(of, "parent_span_id", span["parent_span_id"], parent["span_id"])

    def status_of(self, span, handled, sent):
        """What a client that has gone is told is not known to its handler, and net/http may not wait for it."""
        gone = sent and sent["outcome"] in GONE
        if gone and (self.options.below or handled["code"] == 0):
            return span.get("rpc_response_status_code")
        return CODES[handled["code"]]

    def served(self, span, handled, sent):
        of, own = handled["id"], handled["end_ns"] - handled["start_ns"]
        self.call(of, span, handled["method"], self.status_of(span, handled, sent), SERVER_ERRORS)
        self.same(of, "peer", address(span, "network_peer"), handled["peer"])
        self.same(of, "server", address(span, "server"), handled["authority"])
        self.same(of, "user_agent", span.get("user_agent_original", "")[:8], "grpc-go/")
        if not self.options.below:
            self.same(of, "goroutine_id", span["goroutine_id"], handled["goroutine_id"])
            self.same(of, "local", address(span, "network_local"), handled["authority"])
        if not sent or sent["outcome"] not in GONE:
            self.lasts(of, span, own, sent["end_ns"] - sent["start_ns"] if sent else float("inf"))
        elif not self.options.below:
            self.lasts(of, span, own, float("inf"))
        if sent:
            self.parent(of, span, sent, handled["headers"] > HEADERS_MAX)

    def missing(self, span, sent):
        """No handler sees a call of a method that there is not, and nobody counts its headers."""
        self.call(sent["id"], span, sent["method"], "UNIMPLEMENTED", SERVER_ERRORS)
        self.parent(sent["id"], span, sent, span["parent_source"] == "new")

    def given_up(self, span, sent):
        """On a busy machine a call's deadline may pass before its handler begins, which then never does."""
        self.same(sent["id"], "rpc_method", span["rpc_method"], sent["method"].lstrip("/"))
        self.parent(sent["id"], span, sent, span["parent_source"] == "new")

    # ---- the clients' ----

    def made(self, span, sent, target):
        of = sent.get("call_id", sent["id"])
        self.call(of, span, sent["method"], CODES[sent["code"]], set(CODES[1:]))
        self.lasts(of, span, 0, sent["end_ns"] - sent["start_ns"])
        self.same(of, "server", address(span, "server"), target)
        self.same(of, "peer", address(span, "network_peer"), target)

    def inherited(self, span, call, serving):
        """The call of a handler, by its own goroutine or by one that it started."""
        is_own = call["depth"] == 0 and not self.options.below
        if not serving or (span["parent_source"] == "new" and not is_own):
            return
        self.same(call["call_id"], "parent_source", span["parent_source"], "goroutine")
        self.same(call["call_id"], "trace_id", span["trace_id"], serving["trace_id"])
        self.same(call["call_id"], "parent_span_id", span.get("parent_span_id"), serving["span_id"])


def pair_calls(spans, calls):
    """Yields pairs, in the order in which each goroutine made them."""
    found = by_id(spans, "goroutine_id")
    for goroutine, made in by_id(calls, "goroutine_id").items():
        of_it = sorted(found.pop(goroutine, []), key=lambda s: s["time"])
        made.sort(key=lambda c: c["start_ns"])
        for i in range(max(len(of_it), len(made))):
            yield of_it[i] if i < len(of_it) else None, made[i] if i < len(made) else None
    for rest in found.values():
        for span in rest:
            yield span, None


def is_sampled(sent):
    headers = {name.lower(): values for name, values in sent["sent_headers"].items()}
    source = sent["parent"]["source"]
    if source == "traceparent":
        return int(headers["traceparent"][0].split("-")[3][:2], 16) & 1
    if source == "b3":
        return (headers["b3"][0].split("-") + [""])[2] in ("1", "d")
    return source == "b3multi" and (headers.get("x-b3-sampled") == ["1"] or headers.get("x-b3-flags") == ["1"])


def check_server(check, spans, handled, sent):
    """Returns the spans by the id of their call."""
    methods = {h["method"][1:] for h in handled}
    found = join([s for s in spans if ID in s or s["rpc_method"] in methods], handled)
    joined = {id(span) for of_it in found.values() for span in of_it}
    missing = [s for s in sent.values() if s["outcome"] == "missing"]
    never = {s["method"][1:] for s in missing}
    served = {h["id"] for h in handled}
    nameless = sum(id(s) not in joined and s["rpc_method"] not in never for s in spans) - len(served - set(found))
    unseen = [s for s in sent.values() if s["outcome"] in GONE and s["id"] not in served | set(found)]
    serving = {}
    for h in handled:
        of_it = found.pop(h["id"], [])
        of_client = sent.get(h["id"])
        if check.options.sampled and not (of_client and h["headers"] <= HEADERS_MAX and is_sampled(of_client)):
            check.same(h["id"], "spans", len(of_it), 0)
        elif len(of_it) == 1:
            serving[h["id"]] = of_it[0]
            check.served(of_it[0], h, of_client)
        elif not check.options.below or h["headers"] <= HEADERS_MAX:
            check.wrong.append((h["id"], "spans", len(of_it)))
    # Of those that are given up, some have too many headers to be known by their id.
    given_up = min(max(nameless, 0), len(unseen))
    for of, of_it in found.items():
        outcome = sent.get(of, {}).get("outcome")
        if outcome == "missing" and len(of_it) == 1:
            check.missing(of_it[0], sent[of])
        elif outcome in GONE and len(of_it) == 1:
            check.given_up(of_it[0], sent[of])
            given_up += 1
        else:
            check.wrong.append((of, "of no call", len(of_it)))
    if not check.options.sampled:
        check.same("server", "spans", len(spans), len(handled) + len(missing) + given_up)
    return serving


def went_nowhere(span, sent, handled):
    """On a slow machine a call's deadline may pass before it has a connection."""
    if sent["outcome"] == "expired" and sent["id"] not in handled:
        return "server_address" not in span
    return sent["outcome"] == "refused"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--below", action="store_true")
    parser.add_argument("--sampled", action="store_true")
    parser.add_argument("files", nargs=3)
    parser.add_argument("server", type=int)
    parser.add_argument("client", type=int)
    options = parser.parse_args()
    check = Check(options)
    records, server, client = (read(path) for path in options.files)
    spans = by_id((s for s in records if s["event"] == "span"), "pid")
    served = [s for s in spans.get(options.server, []) if s["span_kind"] == "server"]
    called = [s for s in spans.get(options.server, []) if s["span_kind"] == "client"]
    sent = {s["id"]: s for s in client}
    handled = {h["id"] for h in server if h["event"] == "handled"}
    serving = check_server(check, served, [h for h in server if h["event"] == "handled"], sent)
    if options.sampled:
        calls = [c for c in server if c["event"] == "call" and c["id"] in serving]
        called = [s for s in called if s["parent_source"] != "new"]
        client = []
    else:
        calls = [c for c in server if c["event"] == "call"]
    for span, call in pair_calls(called, calls):
        if span and call:
            check.made(span, call, call["target"])
            check.inherited(span, call, serving.get(call["id"]))
        else:
            check.wrong.append(("call", (span or call)["goroutine_id"], span, call))
    for span, one in pair_calls(spans.get(options.client, []), client):
        if not span or not one:
            check.wrong.append(("client", (span or one)["goroutine_id"], span, one))
            continue
        nowhere = host_port(None, None) if went_nowhere(span, one, handled) else None
        check.made(span, one, nowhere or one["target"])
        check.same(one["id"], "local", address(span, "network_local"), nowhere or one["local"])
        check.same(one["id"], "parent_source", span["parent_source"], "new")
    for line in check.wrong[:20]:
        print(*line, file=sys.stderr)
    print(f"{check.compared} spans are as they should be" if not check.wrong
          else f"{len(check.wrong)} differences in {check.compared} spans")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
