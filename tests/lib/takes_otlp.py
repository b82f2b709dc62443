# SPDX-License-Identifier: Apache-2.0
#
# Stands in for a Collector: takes what is posted to localhost:4318, whatever it is. Once it listens, it goes into the
# background and prints its process id.

import http.server
import os


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}\n")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("localhost", 4318), Receiver)
process = os.fork()
if process:
    print(process)
else:
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    server.serve_forever()
