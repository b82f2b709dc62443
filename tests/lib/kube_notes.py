#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# As much of a Kubernetes API server as `kubectl debug node/NAME` talks to, on a free port of 127.0.0.1: it knows one node,
# and of the pod that it is asked to create it notes down what PODS below names, as JSON in a file. Prints its address, and
# ends with its stdin.
#
#	tests/lib/kube_notes.py NODE FILE
#
# kubectl sends protocol buffers: https://protobuf.dev/programming-guides/encoding/, in the envelope and with the field
# numbers of generated.proto in k8s.io/apimachinery/pkg/runtime (Unknown) and k8s.io/api/core/v1 (Pod).
import http.server
import json
import sys
import threading

NODE, FILE = sys.argv[1:]

# Message: field number -> name and type, which is a message, str, bool or int; [type] where it is repeated.
PROFILE = {1: ("type", str), 2: ("localhostProfile", str)}
SECURITY = {
    1: ("capabilities", {1: ("add", [str]), 2: ("drop", [str])}),
    2: ("privileged", bool),
    4: ("runAsUser", int),
    5: ("runAsNonRoot", bool),
    6: ("readOnlyRootFilesystem", bool),
    7: ("allowPrivilegeEscalation", bool),
    11: ("seccompProfile", PROFILE),
    12: ("appArmorProfile", PROFILE),
}
CONTAINER = {
    1: ("name", str),
    2: ("image", str),
    3: ("command", [str]),
    4: ("args", [str]),
    9: ("volumeMounts", [{1: ("name", str), 2: ("readOnly", bool), 3: ("mountPath", str)}]),
    14: ("imagePullPolicy", str),
    15: ("securityContext", SECURITY),
}
HOST_PATH = {1: ("hostPath", {1: ("path", str), 2: ("type", str)})}
SPEC = {
    1: ("volumes", [{1: ("name", str), 2: ("", HOST_PATH)}]),
    2: ("containers", [CONTAINER]),
    3: ("restartPolicy", str),
    10: ("nodeName", str),
    11: ("hostNetwork", bool),
    12: ("hostPID", bool),
    13: ("hostIPC", bool),
}
POD = {1: ("metadata", {1: ("name", str), 3: ("namespace", str)}), 2: ("spec", SPEC)}
ENVELOPE = {1: ("", {1: ("apiVersion", str), 2: ("kind", str)}), 2: ("", POD)}
MAGIC = b"k8s\0"

KNOWN = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "nodes", "singularName": "node", "namespaced": False, "kind": "Node", "verbs": ["get"]},
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["create", "get"]},
        ],
    },
    f"/api/v1/nodes/{NODE}": {"kind": "Node", "apiVersion": "v1", "metadata": {"name": NODE}},
}


def take_varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The numbers and contents of a message: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        elif key & 7:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def decode(data, message):
    """Fields without a name are of the message that they stand in."""
    found = {}
    for number, value in fields(data):
        name, kind = message.get(number, (None, None))
        one = kind[0] if isinstance(kind, list) else kind
        if isinstance(one, dict):
            value = decode(value, one)
        elif one:
            value = value.decode() if one is str else one(value)
        if isinstance(kind, list):
            found.setdefault(name, []).append(value)
        elif name == "":
            found.update(value)
        elif name:
            found[name] = value
    return found


class Notes(http.server.BaseHTTPRequestHandler):
    def answer(self, code, content, body_type="application/json"):
        self.send_response(code)
        self.send_header("Content-Type", body_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        known = KNOWN.get(self.path.split("?")[0])
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.answer(200 if known else 404, json.dumps(known or missing).encode())

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if not sent.startswith(MAGIC):
            raise ValueError("no protocol buffer")
        with open(FILE, "w", encoding="utf-8") as file:
            json.dump(decode(sent[len(MAGIC) :], ENVELOPE), file)
        self.answer(201, sent, self.headers["Content-Type"])

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Notes)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
