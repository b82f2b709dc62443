// SPDX-License-Identifier: Apache-2.0

// Package service is an HTTP service whose handlers do what handlers do, and a log of each request. For Go 1.17 and
// later.
package service

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"otb/tests/target/go/shared/truth"
)

// An Exchange is what a handler knows of its request. It is logged when the handler ends, by whatever way.
type Exchange struct {
	Event    string `json:"event"` // "handled"
	ID       string `json:"id"`
	Method   string `json:"method"`
	Path     string `json:"path"`   // as net/http decoded it; what is no UTF-8 becomes U+FFFD
	Target   string `json:"target"` // as it came, with the query
	Host     string `json:"host"`
	Proto    string `json:"proto"`
	Endpoint string `json:"endpoint"` // its name in this test; empty: no handler of ours was found
	Pattern  string `json:"pattern"`  // as registered with the router
	Peer     string `json:"peer"`
	Local    string `json:"local"`
	// CLOCK_MONOTONIC in ns, within the handler: a span begins before and ends after.
	Start int64 `json:"start_ns"`
	End   int64 `json:"end_ns"`
	Goid  int64 `json:"goroutine_id"`
	// Status is what the handler set, 0 where it left that to net/http or something else answered.
	Status int `json:"status"`
	// Ending: "returned", "panicked", "recovered", "exited" (runtime.Goexit), "hijacked"
	Ending string `json:"ending"`
	// Headers is the size of the header map; the others are its values.
	Headers     int      `json:"headers"`
	Traceparent []string `json:"traceparent"`
	Tracestate  []string `json:"tracestate"`
	B3          []string `json:"b3"`
	B3TraceID   []string `json:"x_b3_traceid"`
	B3SpanID    []string `json:"x_b3_spanid"`
}

// An Observer logs the exchanges of a server, whatever its router.
type Observer struct {
	log   *truth.Log
	open  sync.Map // id -> *Exchange, since routers may pass on a copy of the Request
	count int64
	ended int64
}

// Observe is an Observer's beginning.
func Observe(log *truth.Log) *Observer {
	return &Observer{log: log}
}

// Count is how many requests began, those without an id included.
func (o *Observer) Count() int64 {
	return atomic.LoadInt64(&o.count)
}

// Wait is until no handler is at work.
func (o *Observer) Wait() {
	for atomic.LoadInt64(&o.ended) < o.Count() {
		time.Sleep(time.Millisecond)
	}
}

// Of is the exchange of a request; of one without an id, a new one that is not logged.
func (o *Observer) Of(r *http.Request) *Exchange {
	if x, ok := o.open.Load(r.Header.Get(truth.IDHeader)); ok {
		return x.(*Exchange)
	}
	return &Exchange{}
}

func begin(r *http.Request) *Exchange {
	x := &Exchange{Event: "handled", Start: truth.Now(), Goid: truth.Goid(), ID: r.Header.Get(truth.IDHeader)}
	x.Method, x.Path, x.Target, x.Host, x.Proto = r.Method, r.URL.Path, r.RequestURI, r.Host, r.Proto
	x.Peer = r.RemoteAddr
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		x.Local = local.String()
	}
	x.Headers = len(r.Header)
	x.Traceparent, x.Tracestate, x.B3 = r.Header["Traceparent"], r.Header["Tracestate"], r.Header["B3"]
	x.B3TraceID, x.B3SpanID = r.Header["X-B3-Traceid"], r.Header["X-B3-Spanid"]
	return x
}

// end runs also when the handler panics or ends its goroutine.
func (o *Observer) end(x *Exchange) {
	o.open.Delete(x.ID)
	x.End = truth.Now()
	o.log.Write(x)
}

// Handler is next, observed.
func (o *Observer) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atomic.AddInt64(&o.count, 1)
		defer atomic.AddInt64(&o.ended, 1)
		if r.Header.Get(truth.IDHeader) == "" {
			next.ServeHTTP(w, r)
			return
		}
		x := begin(r)
		o.open.Store(x.ID, x)
		defer o.end(x)
		next.ServeHTTP(w, r)
		if x.Ending == "" {
			x.Ending = "returned"
		}
	})
}

// At is called by a handler: which endpoint it is, by the router's pattern.
func (o *Observer) At(w http.ResponseWriter, r *http.Request, endpoint, pattern string) *Exchange {
	x := o.Of(r)
	x.Endpoint, x.Pattern = endpoint, pattern
	w.Header().Set(truth.EndpointHeader, endpoint)
	return x
}
