// SPDX-License-Identifier: Apache-2.0

// httpserver serves by net/http alone and logs what its handlers know of each request (shared/service). For Go 1.17 and
// later.
//
// It prints "ready PID ADDRESS", answers every line "count" on stdin with "count N", the requests so far, and ends, when
// what goes on has ended, with its stdin or a line "end".
package main

import (
	"flag"
	"net"
	"net/http"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
	"otb/tests/target/go/shared/truth"
)

var (
	backend  = flag.String("backend", "", "service that handlers call, http://ADDRESS; itself if not given")
	backends = flag.String("backend-proto", "", "h2 to call it by HTTP/2")
	driver   = flag.String("driver", "stub", "of database/sql: stub or stub-prepare")
	copied   = flag.Bool("copy", false, "a middleware passes on a copy of each request")
)

// options: without a backend this server is its own.
func options(server *http.Server, listener net.Listener) service.Options {
	made := service.Options{Backend: *backend, Protocol: *backends, Driver: *driver, Copy: *copied}
	if made.Backend == "" {
		made.Backend, made.Protocol = "http://"+listener.Addr().String(), *serve.Protocol
		if server.TLSConfig != nil {
			made.Backend = "https://" + listener.Addr().String()
		}
	}
	return made
}

func main() {
	flag.Parse()
	server, err := serve.New(*serve.Protocol)
	truth.Check(err)
	log, err := truth.Create(*serve.Path)
	truth.Check(err)
	listener := truth.Listen(*serve.Address)
	s := service.New(options(server, listener), log)
	server.Handler = s.Handler()
	serve.Until(server, listener, s.Count, s.Wait)
}
