#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""otlp_store.py PORT FILE: a store for OTLP/HTTP in JSON, on the loopback of the namespace that it runs in.

Each request is a line of FILE ({"path": ..., "body": ...}) before it is answered, so that what was accepted is there, whoever is
killed.
"""

import gzip
import http.server
import json
import sys
import threading


class Store(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    file = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self.lock:
            self.file.write(json.dumps({"path": self.path, "body": json.loads(body)}) + "\n")
            self.file.flush()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def main():
    Store.file = open(sys.argv[2], "a", encoding="utf-8")
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Store).serve_forever()


main()
