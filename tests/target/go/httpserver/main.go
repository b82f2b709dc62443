// SPDX-License-Identifier: Apache-2.0

// httpserver serves by net/http alone and logs what its handlers know of each request (shared/service). For Go 1.17 and
// later.
//
// It prints "ready PID ADDRESS", answers every line "count" on stdin with "count N", the requests so far, and ends, when
// what goes on has ended, with its stdin or a line "end".
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"

	"otb/tests/target/go/shared/service"
	"otb/tests/target/go/shared/truth"
)

var (
	address  = flag.String("listen", "127.0.0.1:0", "where to serve")
	protocol = flag.String("proto", "http1", "http1, tls (HTTP/1.1 by TLS), h2 (HTTP/2 by TLS) or h2c (Go 1.24)")
	path     = flag.String("log", "", "file for the log; nothing is logged without")
	backend  = flag.String("backend", "", "service that handlers call, http://ADDRESS; itself if not given")
	backends = flag.String("backend-proto", "", "h2 to call it by HTTP/2")
	driver   = flag.String("driver", "stub", "of database/sql: stub or stub-prepare")
	copied   = flag.Bool("copy", false, "a middleware passes on a copy of each request")
)

// allowUnencrypted is set where net/http has HTTP/2 without TLS.
var allowUnencrypted func(*http.Server)

func configure(server *http.Server) error {
	switch *protocol {
	case "http1":
	case "tls":
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	case "h2":
		server.TLSConfig = &tls.Config{NextProtos: []string{"h2"}}
	case "h2c":
		if allowUnencrypted == nil {
			return fmt.Errorf("no h2c in this release of Go")
		}
		allowUnencrypted(server)
	default:
		return fmt.Errorf("no protocol %q", *protocol)
	}
	if *protocol == "tls" || *protocol == "h2" {
		if server.TLSConfig == nil {
			server.TLSConfig = &tls.Config{}
		}
		server.TLSConfig.Certificates = []tls.Certificate{truth.Certificate()}
	}
	return nil
}

func serve(server *http.Server, listener net.Listener) {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if err != http.ErrServerClosed {
		truth.Check(err)
	}
}

// itself is the backend that is this server.
func itself(server *http.Server, listener net.Listener) service.Options {
	scheme := "http://"
	if server.TLSConfig != nil {
		scheme = "https://"
	}
	return service.Options{Backend: scheme + listener.Addr().String(), Protocol: *protocol}
}

func main() {
	flag.Parse()
	server := &http.Server{ErrorLog: stdlog.New(io.Discard, "", 0)}
	truth.Check(configure(server))
	log, err := truth.Create(*path)
	truth.Check(err)
	listener := truth.Listen(*address)
	options := itself(server, listener)
	if *backend != "" {
		options.Backend, options.Protocol = *backend, *backends
	}
	options.Driver, options.Copy = *driver, *copied
	s := service.New(options, log)
	server.Handler = s.Handler()
	go serve(server, listener)
	truth.Await(listener.Addr().String(), s.Count)
	truth.Check(server.Close())
	s.Wait()
}
