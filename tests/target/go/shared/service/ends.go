// SPDX-License-Identifier: Apache-2.0

package service

import (
	"io"
	"net/http"
	"runtime"
	"time"

	"otb/tests/target/go/shared/truth"
)

// ends are ways in which a handler ends, or leaves to others what is sent.
var ends = map[string]func(x *Exchange, w http.ResponseWriter, r *http.Request){
	"silent":    (*Exchange).Silent,
	"body":      func(_ *Exchange, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
	"twice":     twice,
	"hints":     hints,
	"large":     large,
	"stream":    stream,
	"panic":     func(x *Exchange, _ http.ResponseWriter, _ *http.Request) { x.panics("as asked for") },
	"abort":     func(x *Exchange, _ http.ResponseWriter, _ *http.Request) { x.panics(http.ErrAbortHandler) },
	"late":      late,
	"recovered": recovered,
	"exit":      exit,
	"hijack":    hijack,
	"wait":      wait,
	"outlive":   outlive,
}

func (x *Exchange) panics(value interface{}) {
	x.Ending = "panicked"
	panic(value)
}

// twice: the second status comes too late.
func twice(x *Exchange, w http.ResponseWriter, _ *http.Request) {
	x.Status = http.StatusAccepted
	w.WriteHeader(x.Status)
	w.WriteHeader(http.StatusInternalServerError)
}

// hints: 103 is not the answer, but to Go before 1.19 it is.
func hints(x *Exchange, w http.ResponseWriter, _ *http.Request) {
	if truth.Minor() >= 19 {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	}
	x.Status = http.StatusOK
	w.WriteHeader(x.Status)
}

// large is more than any buffer holds.
func large(_ *Exchange, w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write(make([]byte, 1<<20))
}

func flush(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
}

func stream(x *Exchange, w http.ResponseWriter, r *http.Request) {
	x.Status = http.StatusOK
	for i := number(r.URL.Query(), "chunks", 5); i > 0; i-- {
		_, _ = io.WriteString(w, "chunk\n")
		flush(w)
		time.Sleep(2 * time.Millisecond)
	}
}

// late panics when the client has the status already.
func late(x *Exchange, w http.ResponseWriter, _ *http.Request) {
	x.Status = http.StatusOK
	_, _ = io.WriteString(w, "first")
	flush(w)
	x.panics("as asked for, and late")
}

// recovered: as middleware does it.
func recovered(x *Exchange, w http.ResponseWriter, _ *http.Request) {
	defer func() {
		_ = recover()
		x.Status, x.Ending = http.StatusInternalServerError, "recovered"
		w.WriteHeader(x.Status)
	}()
	x.panics("as asked for, and recovered")
}

func exit(x *Exchange, _ http.ResponseWriter, _ *http.Request) {
	x.Ending = "exited"
	runtime.Goexit()
}

// recoverAndGoOn: as what reads a websocket does with a message that it cannot handle.
func recoverAndGoOn() {
	defer func() { _ = recover() }()
	panic("as asked for, and of no consequence")
}

// hijack answers by itself, every other time after a panic; HTTP/2 has no such thing.
func hijack(x *Exchange, w http.ResponseWriter, _ *http.Request) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		x.Status = http.StatusNotImplemented
		w.WriteHeader(x.Status)
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(err)
	}
	x.Ending = "hijacked"
	defer conn.Close()
	if x.Start%2 == 0 {
		recoverAndGoOn()
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Test-Endpoint: end\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
}

// wait never answers, until the client is gone.
func wait(_ *Exchange, _ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

// outlive goes on when the client is gone, who goes when it has the status.
func outlive(x *Exchange, w http.ResponseWriter, r *http.Request) {
	x.Status = http.StatusOK
	w.WriteHeader(x.Status)
	flush(w)
	<-r.Context().Done()
	time.Sleep(5 * time.Millisecond)
}
