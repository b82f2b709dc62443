// SPDX-License-Identifier: Apache-2.0

// Package truth is how a program that is traced writes down what it knows itself, as JSON Lines, so that a test can hold
// a tracer's records to it. For Go 1.17 and later.
package truth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// IDHeader carries the id that joins what client, server and tracer say of one request. A request without it is served
// and not logged.
const IDHeader = "X-Test-Id"

// EndpointHeader is of a response: the endpoint that answered, by its name in this test.
const EndpointHeader = "X-Test-Endpoint"

// Now is CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns() and of the runtime's nanotime.
func Now() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		panic(errno)
	}
	return now.Nano()
}

// Goid is the id of the calling goroutine, which the runtime tells only in a stack trace ("goroutine 17 [running]:").
func Goid() int64 {
	var buffer [64]byte
	words := bytes.Fields(buffer[:runtime.Stack(buffer[:], false)])
	id, err := strconv.ParseInt(string(words[1]), 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

// Minor is the runtime's release: 22 for go1.22.12, and large for what is no release.
func Minor() int {
	n := 0
	if _, err := fmt.Sscanf(runtime.Version(), "go1.%d", &n); err != nil {
		return 1000
	}
	return n
}

// A Log takes records of several goroutines. Each is one write(2), so that none is lost when the program is killed. The
// zero Log and a nil one drop them.
type Log struct {
	mutex sync.Mutex
	out   io.Writer
}

// Create begins a log; no path: one that drops everything.
func Create(path string) (*Log, error) {
	if path == "" {
		return &Log{}, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	return &Log{out: file}, err
}

// Write adds a record.
func (l *Log) Write(record interface{}) {
	if l == nil || l.out == nil {
		return
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	Check(encoder.Encode(record))
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, err := l.out.Write(line.Bytes())
	Check(err)
}

// Check ends the program if there is an error: a test target that goes on without its log would be no truth.
func Check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(2)
	}
}

// Text is an error's, or empty.
func Text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
