// SPDX-License-Identifier: Apache-2.0

// gcloop is a Go program that stops its world and serves requests, its own, some hundred times a second, so that there is
// always something to see, and that leaves the CPU to others in between. For Go 1.17 and later.
//
//	gcloop       goes round until its stdin ends, 100 times a second at most. A round is eight stops and a GC cycle,
//	             which has two more, and eleven requests. To a line "count" it answers "rounds N", and to "wait N" the
//	             same once there were N, to which it hurries
//	gcloop idle  does nothing until its stdin ends
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

var rounds, hurry int64

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve returns where.
func serve() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		check(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})))
	}()
	return "http://" + listener.Addr().String()
}

func ask(address string) {
	response, err := http.Get(address)
	check(err)
	check(response.Body.Close())
}

func loop() {
	address := serve()
	var stats runtime.MemStats
	for {
		for i := 0; i < 8; i++ {
			runtime.ReadMemStats(&stats)
		}
		runtime.GC()
		for i := 0; i < 11; i++ {
			ask(address)
		}
		if atomic.AddInt64(&rounds, 1) >= atomic.LoadInt64(&hurry) {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func answer(line string) {
	var least int64
	if n, _ := fmt.Sscanf(line, "wait %d", &least); n == 0 && line != "count" {
		fmt.Println("error: neither count nor wait N:", line)
		return
	}
	atomic.StoreInt64(&hurry, least)
	for atomic.LoadInt64(&rounds) < least {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("rounds", atomic.LoadInt64(&rounds))
}

func main() {
	if len(os.Args) < 2 {
		go loop()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer(lines.Text())
	}
}
