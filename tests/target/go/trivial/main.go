// SPDX-License-Identifier: Apache-2.0

// trivial is the least that a net/http server can do, for benchmarks: one handler, which writes one word. It prints its
// address.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready", listener.Addr())
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("hello"))
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
