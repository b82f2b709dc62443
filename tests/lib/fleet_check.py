#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hosts wrote, held to what a store got of it (otlp_store.py), and to what clients sent.

fleet_check.py arrived KILLED STORE FILE...
    every span and every page of metrics in the files is in the store, at least once, and nothing else is
fleet_check.py alike KILLED RATIO CLIENT-LOG... -- WRITTEN... -- FILE|STORE...
    each of the files has of the traces that clients sent, and that all hosts wrote spans of, those that the ratio keeps.
    (Of a request with very many headers a tracer may not see the one that names its trace.)

Prints what it found in one line; exits 1 if it is not so, or if more lines are torn than KILLED, the writers that were killed.
"""

import json
import sys

from sampling import threshold


torn = set()  # files and lines


def lines(path):
    """Those that are whole. A writer that was killed may leave one that is not, which it never wrote to its end."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file):
            try:
                yield json.loads(line)
            except ValueError:
                torn.add((path, number))


def requests(path):
    """The requests of a file of them, or of a store."""
    for line in lines(path):
        yield line.get("body", line)


def spans(path):
    for request in requests(path):
        for resource in request.get("resourceSpans", []):
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def points(path):
    """A point of a metric: its name, attributes and time."""
    for request in requests(path):
        for resource in request.get("resourceMetrics", []):
            for scope in resource["scopeMetrics"]:
                for metric in scope["metrics"]:
                    for kind in metric.values():
                        if isinstance(kind, dict):
                            for point in kind.get("dataPoints", []):
                                attributes = sorted((a["key"], json.dumps(a["value"])) for a in point.get("attributes", []))
                                yield metric["name"], str(attributes), point["timeUnixNano"]


def arrived(store, files):
    problems = []
    said = []
    for what, of in ("spans", lambda path: (s["spanId"] for s in spans(path))), ("points", points):
        wrote = [item for path in files for item in of(path)]
        got = list(of(store))
        if missing := set(wrote) - set(got):
            problems.append(f"{len(missing)} of {len(set(wrote))} {what} did not arrive, such as {sorted(missing)[:2]}")
        if foreign := set(got) - set(wrote):
            problems.append(f"{len(foreign)} {what} were never written, such as {sorted(foreign)[:2]}")
        if len(wrote) != len(set(wrote)) or not wrote:
            problems.append(f"{what}: {len(wrote)} were written, {len(set(wrote))} of them different")
        said.append(f"{len(wrote)} {what} written, {len(got) - len(set(got))} came twice")
    return problems, said


def sent(logs):
    """Traces that a client named and of which nobody said how they were sampled."""
    return {s["parent"]["trace_id"] for path in logs for s in lines(path)
            if s["parent"]["source"] != "new" and not any(name.lower() == "tracestate" for name in s["sent_headers"])}


def traces(path):
    for line in lines(path):
        if "trace_id" in line:
            yield line["trace_id"]
    for span in spans(path):
        yield span["traceId"]


def alike(ratio, logs, written, files):
    limit = threshold(ratio)
    known = sent(logs).intersection(*(traces(path) for path in written))
    expected = {trace for trace in known if int(trace[-14:], 16) >= limit}
    problems = []
    if not 0 < len(expected) < len(known):
        problems.append(f"{len(expected)} of {len(known)} traces are no sample")
    for path in files:
        kept = known & set(traces(path))
        if kept != expected:
            problems.append(f"{path}: {len(kept - expected)} too many, {len(expected - kept)} missing")
    return problems, [f"{len(expected)} of {len(known)} traces in each of {len(files)}"]


def main():
    what, killed, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    if what == "arrived":
        problems, said = arrived(arguments[0], arguments[1:])
    else:
        first = arguments.index("--")
        second = arguments.index("--", first + 1)
        problems, said = alike(arguments[0], arguments[1:first], arguments[first + 1:second], arguments[second + 1:])
    if len(torn) > killed:
        problems.append(f"{len(torn)} lines are torn, of {killed} writers that were killed: {sorted(torn)[:2]}")
    print("; ".join(problems or [*said, f"{len(torn)} torn lines"]))
    sys.exit(bool(problems))


main()
