// SPDX-License-Identifier: Apache-2.0

// reborn is a server that becomes another one while it serves: an execve() of itself, or of another program, by a thread
// that is not the first. For Go 1.17 and later.
//
// It prints "ready PID ADDRESS", and does so again each time; it answers every line on stdin with "held N", the requests
// that it holds, and ends with stdin. Requests:
//
//	/            answered by 204
//	/hold        never answered
//	/exec        becomes itself again, /exec?FILE: that program; not answered
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
)

// The first thread is the main goroutine's alone.
func init() { runtime.LockOSThread() }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var held int64

func hold(http.ResponseWriter, *http.Request) {
	atomic.AddInt64(&held, 1)
	select {}
}

func become(_ http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		check(syscall.Exec(r.URL.RawQuery, []string{r.URL.RawQuery}, os.Environ()))
	}
	self, err := os.Executable()
	check(err)
	// The environment says which one it is.
	check(os.Setenv("OTEL_SERVICE_NAME", os.Getenv("OTEL_SERVICE_NAME")+"+"))
	check(syscall.Exec(self, os.Args, os.Environ()))
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	http.HandleFunc("/hold", hold)
	http.HandleFunc("/exec", become)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	go func() { check(http.Serve(listener, nil)) }()
	fmt.Println("ready", os.Getpid(), listener.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println("held", atomic.LoadInt64(&held))
	}
}
