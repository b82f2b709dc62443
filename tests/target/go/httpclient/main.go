// SPDX-License-Identifier: Apache-2.0

// httpclient sends requests to a server that has the endpoints of shared/service, by net/http alone, and logs what it
// sent and saw (shared/load). For Go 1.17 and later.
//
// It prints "sent N wrong N" at its end, and exits 1 if a response was not as expected. With --hold it prints
// "ready PID" first and waits for a line on stdin, so that a tracer can be attached.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"

	"otb/tests/target/go/shared/load"
	"otb/tests/target/go/shared/truth"
)

var (
	address     = flag.String("address", "", "of the server: HOST:PORT")
	protocol    = flag.String("proto", "http1", "http1, tls (HTTP/1.1 by TLS), h2 (HTTP/2 by TLS) or h2c (Go 1.24)")
	requests    = flag.Int("n", 1009, "requests")
	connections = flag.Int("connections", 7, "connections that are kept alive")
	inFlight    = flag.Int("in-flight", 7, "requests at a time; HTTP/1 has one for each connection, the rest waits")
	seed        = flag.Int64("seed", 1, "of the mix")
	mix         = flag.String("mix", "http", load.Mixes())
	prefix      = flag.String("prefix", "r", "of the ids")
	path        = flag.String("log", "", "file for the log")
	wait        = flag.Duration("wait", 200*time.Millisecond, "for a response that never comes")
	hold        = flag.Bool("hold", false, "wait for a line before anything is sent")
)

func main() {
	flag.Parse()
	log, err := truth.Create(*path)
	truth.Check(err)
	made, err := load.Make(*mix, *requests, *seed, *prefix)
	truth.Check(err)
	if *hold {
		fmt.Println("ready", os.Getpid())
		bufio.NewScanner(os.Stdin).Scan()
	}
	options := load.Options{Address: *address, Protocol: *protocol, Connections: *connections, InFlight: *inFlight, Wait: *wait}
	wrong, err := load.Run(options, made, log)
	truth.Check(err)
	fmt.Println("sent", len(made), "wrong", wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
