// SPDX-License-Identifier: Apache-2.0

// xnet is httpserver's service with the HTTP/2 of golang.org/x/net/http2: -proto h2 by ConfigureServer and TLS, h2c by
// h2c.NewHandler.
package main

import (
	"flag"
	"net/http"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
	"otb/tests/target/go/shared/truth"
)

// newServer: what goes over net/http's own HTTP/2 is left to httpserver.
func newServer() (server *http.Server, err error) {
	if *serve.Protocol != "h2c" {
		server, err = serve.New(*serve.Protocol)
	} else {
		server, err = serve.New("http1")
	}
	if err == nil && *serve.Protocol == "h2" {
		err = http2.ConfigureServer(server, &http2.Server{})
	}
	return server, err
}

func main() {
	flag.Parse()
	server, err := newServer()
	truth.Check(err)
	log, err := truth.Create(*serve.Path)
	truth.Check(err)
	listener := truth.Listen(*serve.Address)
	options := service.Options{Backend: "http://" + listener.Addr().String(), Driver: "stub"}
	if server.TLSConfig != nil {
		options.Backend, options.Protocol = "https://"+listener.Addr().String(), *serve.Protocol
	}
	s := service.New(options, log)
	server.Handler = s.Handler()
	if *serve.Protocol == "h2c" {
		server.Handler = h2c.NewHandler(server.Handler, &http2.Server{})
	}
	serve.Until(server, listener, s.Count, s.Wait)
}
