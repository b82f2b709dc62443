// SPDX-License-Identifier: Apache-2.0

// Package desk is what the services of the shop have in common: they serve, count what they did, and say it at their
// end. For Go 1.17 and later.
package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"otb/tests/target/go/shared/truth"
)

// Told is what a service knows when it has ended, printed as one line of JSON.
type Told struct {
	Service string         `json:"service"`
	Pid     int            `json:"pid"`
	Served  map[string]int `json:"served"` // "METHOD ROUTE STATUS": how many
	Calls   map[string]int `json:"calls"`  // requests that it made, by status; "error": without one
	Queries int            `json:"queries"`
	NumGC   uint32         `json:"num_gc"`
}

// A Desk serves. What is counted is counted when it is over.
type Desk struct {
	mux      *http.ServeMux
	mutex    sync.Mutex
	told     Told
	served   int64
	open     int64 // connections
	draining int32
}

func New() *Desk {
	return &Desk{mux: http.NewServeMux(), told: Told{
		Service: filepath.Base(os.Args[0]), Pid: os.Getpid(), Served: map[string]int{}, Calls: map[string]int{},
	}}
}

// Handle answers requests to the route, a pattern of ServeMux.
func (d *Desk) Handle(route string, answer func(*http.Request) (status int, body string)) {
	d.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		status, body := answer(r)
		if atomic.LoadInt32(&d.draining) != 0 {
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintln(w, body)
		d.count(d.told.Served, r.Method+" "+route+" "+strconv.Itoa(status))
		atomic.AddInt64(&d.served, 1)
	})
}

func (d *Desk) count(what map[string]int, key string) {
	d.mutex.Lock()
	what[key]++
	d.mutex.Unlock()
}

// Called counts a request to another service; status 0: there was no answer.
func (d *Desk) Called(status int) {
	if status == 0 {
		d.count(d.told.Calls, "error")
	} else {
		d.count(d.told.Calls, strconv.Itoa(status))
	}
}

// Queried counts a query.
func (d *Desk) Queried() {
	d.mutex.Lock()
	d.told.Queries++
	d.mutex.Unlock()
}

func (d *Desk) watch(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		atomic.AddInt64(&d.open, 1)
	case http.StateClosed, http.StateHijacked:
		atomic.AddInt64(&d.open, -1)
	}
}

// drain ends what is served. Shutdown closes connections that seem idle, and for a moment one seems so whose request
// has just been read: that request would be served, and its client never know. So busy clients are asked to go first.
func (d *Desk) drain(server *http.Server, listener net.Listener) {
	atomic.StoreInt32(&d.draining, 1)
	truth.Check(listener.Close())
	for deadline := time.Now().Add(time.Second); atomic.LoadInt64(&d.open) > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	truth.Check(server.Shutdown(context.Background()))
}

// Serve says "ready PID ADDRESS", serves until stdin ends or says "end", and then prints what it knows. No collection
// follows the last one it has counted (debug.SetGCPercent waits for one that is under way).
func (d *Desk) Serve(address string) {
	listener, err := net.Listen("tcp", address)
	truth.Check(err)
	server := &http.Server{Handler: d.mux, ConnState: d.watch}
	go func() { _ = server.Serve(listener) }()
	truth.Await(listener.Addr().String(), func() int64 { return atomic.LoadInt64(&d.served) })
	d.drain(server, listener)
	var stats runtime.MemStats
	debug.SetGCPercent(-1)
	runtime.ReadMemStats(&stats)
	d.told.NumGC = stats.NumGC
	truth.Check(json.NewEncoder(os.Stdout).Encode(d.told))
}
