// SPDX-License-Identifier: Apache-2.0

// Package serve is what servers over net/http have in common: protocols, and beginning and end. For Go 1.17 and later.
package serve

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

// The flags that all have.
var (
	Address  = flag.String("listen", "127.0.0.1:0", "where to serve")
	Protocol = flag.String("proto", "http1", "http1, tls (HTTP/1.1 by TLS), h2 (HTTP/2 by TLS) or h2c (Go 1.24)")
	Path     = flag.String("log", "", "file for the log; nothing is logged without")
	Limited  = flag.Bool("limited", false, "connections are of a type of our own, as where their number is limited")
)

// allowUnencrypted is set where net/http has HTTP/2 without TLS.
var allowUnencrypted func(*http.Server)

func secure(server *http.Server) {
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{truth.Certificate()}}
}

// New is a server that speaks the protocol; one by TLS has a TLSConfig.
func New(protocol string) (*http.Server, error) {
	server := &http.Server{ErrorLog: stdlog.New(io.Discard, "", 0)}
	switch protocol {
	case "http1":
	case "tls":
		secure(server)
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	case "h2":
		secure(server)
		server.TLSConfig.NextProtos = []string{"h2"}
	case "h2c":
		if allowUnencrypted == nil {
			return nil, fmt.Errorf("no h2c in this release of Go")
		}
		allowUnencrypted(server)
	default:
		return nil, fmt.Errorf("no protocol %q", protocol)
	}
	return server, nil
}

// A limited connection is one that a listener keeps count of (golang.org/x/net/netutil).
type limited struct {
	net.Conn
	release func()
}

type limiter struct{ net.Listener }

func (l limiter) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &limited{conn, func() {}}, err
}

func run(server *http.Server, listener net.Listener) {
	var err error
	if *Limited {
		listener = limiter{listener}
	}
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if err != http.ErrServerClosed {
		truth.Check(err)
	}
}

// Until serves until it is told to end (truth.Await), and what was begun is over.
func Until(server *http.Server, listener net.Listener, count func() int64, wait func()) {
	go run(server, listener)
	truth.Await(listener.Addr().String(), count)
	truth.Check(server.Close())
	wait()
}

// Router is the whole of a program that serves by a router of its own.
func Router(build func(*service.Observer) http.Handler) {
	flag.Parse()
	server, err := New(*Protocol)
	truth.Check(err)
	log, err := truth.Create(*Path)
	truth.Check(err)
	observer := service.Observe(log)
	server.Handler = observer.Handler(build(observer))
	Until(server, truth.Listen(*Address), observer.Count, observer.Wait)
}
