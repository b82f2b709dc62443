// SPDX-License-Identifier: Apache-2.0

// grpcserver serves package echo by gRPC-Go and logs what its handlers know of each call. For Go 1.17 and gRPC 1.40 and
// later. It is started and ended like httpserver.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"otb/tests/target/go/grpc/echo"
	"otb/tests/target/go/shared/truth"
)

var (
	address  = flag.String("listen", "127.0.0.1:0", "where to serve")
	protocol = flag.String("proto", "plain", "plain or tls; h2c or https: by ServeHTTP, below net/http")
	path     = flag.String("log", "", "file for the log; nothing is logged without")
	workers  = flag.Uint("workers", 0, "grpc.NumStreamWorkers")
)

// A server serves on a listener, until it is stopped.
type server interface {
	Serve(net.Listener) error
	stop()
}

type native struct{ *grpc.Server }

func (n native) stop() { n.Stop() }

// below net/http, TLS with a configuration.
type below struct{ http.Server }

func (b *below) stop() { truth.Check(b.Close()) }

func (b *below) Serve(listener net.Listener) error {
	err := http.ErrServerClosed
	if b.TLSConfig != nil {
		err = b.ServeTLS(listener, "", "")
	} else {
		err = b.Server.Serve(listener)
	}
	if err == http.ErrServerClosed {
		return nil
	}
	return err
}

func secured() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{truth.Certificate()}, NextProtos: []string{"h2"}}
}

func newServer(s *service) (server, error) {
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(echo.Codec{}),
		grpc.ChainUnaryInterceptor(s.observeUnary, recoverUnary),
		grpc.ChainStreamInterceptor(s.observeStream),
		grpc.NumStreamWorkers(uint32(*workers)),
	}
	if *protocol == "tls" {
		options = append(options, grpc.Creds(credentials.NewTLS(secured())))
	}
	made := grpc.NewServer(options...)
	made.RegisterService(&description, s)
	quiet := stdlog.New(io.Discard, "", 0)
	switch *protocol {
	case "plain", "tls":
		return native{made}, nil
	case "h2c":
		return &below{http.Server{Handler: h2c.NewHandler(made, &http2.Server{}), ErrorLog: quiet}}, nil
	case "https":
		return &below{http.Server{Handler: made, TLSConfig: secured(), ErrorLog: quiet}}, nil
	}
	return nil, fmt.Errorf("no protocol %q", *protocol)
}

func main() {
	flag.Parse()
	log, err := truth.Create(*path)
	truth.Check(err)
	listener := truth.Listen(*address)
	s := &service{log: log}
	made, err := newServer(s)
	truth.Check(err)
	truth.Check(s.connect(listener.Addr().String(), *protocol == "tls" || *protocol == "https"))
	go func() { truth.Check(made.Serve(listener)) }()
	truth.Await(listener.Addr().String(), s.begun)
	made.stop()
	s.wait()
}
