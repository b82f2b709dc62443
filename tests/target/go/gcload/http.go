// SPDX-License-Identifier: Apache-2.0

//go:build http
// +build http

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

// handle makes garbage, and keeps some of it as long as the request lives.
func handle(w http.ResponseWriter, r *http.Request) {
	var kept *node
	for i := 0; i < 100; i++ {
		kept = &node{next: kept}
	}
	fmt.Fprintln(w, len(kept.data))
}

func init() {
	serve = func(address string) error {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
			return fmt.Errorf("%s is not the loopback", address)
		}
		fmt.Println("ready", os.Getpid(), listener.Addr())
		return http.Serve(listener, http.HandlerFunc(handle))
	}
}
