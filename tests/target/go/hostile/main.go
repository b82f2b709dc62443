// SPDX-License-Identifier: Apache-2.0

// hostile is a server whose requests are broken in memory while net/http's own functions have them: strings without end,
// pointers to nowhere, header maps in a loop. A tracer that reads them must not trip. For Go 1.17 and later, HTTP/1.1.
//
// It builds only with an overlay of net/http's server.go (tests/lib/trace.bash, hostile_build), in which conn.serve calls
// http.Hostile before serverHandler.ServeHTTP, and before and after finishRequest: the functions that a probe sits on are
// as ever, and what they are given is not. The handler, and what comes after finishRequest, have the true request again.
//
// It prints "ready PID ADDRESS"; for every line on stdin it sends itself one request of each case, with a sound one after
// each, prints "sent N", and ends with stdin.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"unsafe"

	"otb/tests/target/go/shared/truth"
)

var path = flag.String("log", "", "file for the log")

// Stages of http.Hostile.
const (
	beforeHandler = iota
	beforeFinish
	afterFinish
)

// handled is what is true of a request, whatever was in memory.
type handled struct {
	Event  string `json:"event"` // "handled"
	ID     string `json:"id"`
	Case   string `json:"case"` // "sound", or what was broken
	Method string `json:"method"`
	Path   string `json:"path"`
	Peer   string `json:"peer"`
	Start  int64  `json:"start_ns"`
	End    int64  `json:"end_ns"`
	Goid   int64  `json:"goroutine_id"`
	// The handler ran: where serverHandler.ServeHTTP itself reads what is broken (the query, up to Go 1.21) it panics.
	Reached bool `json:"reached"`
}

// A victim is the request that is on its way: there is one at a time.
type victim struct {
	request *http.Request
	rwc     *net.Conn
	// What they were.
	savedRequest http.Request
	savedURL     *url.URL
	savedParts   url.URL
	savedConn    net.Conn
	damage       damage
	record       handled
}

var current victim

func (v *victim) save(r *http.Request, rwc *net.Conn) {
	*v = victim{request: r, rwc: rwc, savedRequest: *r, savedURL: r.URL, savedParts: *r.URL, savedConn: *rwc}
	v.damage = damages[r.Header.Get("X-Test-Case")]
	v.record = handled{Event: "handled", ID: r.Header.Get(truth.IDHeader), Case: r.Header.Get("X-Test-Case"),
		Method: r.Method, Path: r.URL.Path, Peer: r.RemoteAddr, Start: truth.Now(), Goid: truth.Goid()}
}

func (v *victim) restore() {
	*v.savedURL = v.savedParts
	*v.request = v.savedRequest
	*v.rwc = v.savedConn
}

// broken is whether something is other than it was, as memory has it.
func (v *victim) broken() bool {
	const words = unsafe.Sizeof(http.Request{}) / 8
	if *(*[words]uintptr)(unsafe.Pointer(v.request)) != *(*[words]uintptr)(unsafe.Pointer(&v.savedRequest)) {
		return true
	}
	const parts = unsafe.Sizeof(url.URL{}) / 8
	return *(*[parts]uintptr)(unsafe.Pointer(v.savedURL)) != *(*[parts]uintptr)(unsafe.Pointer(&v.savedParts)) ||
		*(*[2]uintptr)(unsafe.Pointer(v.rwc)) != *(*[2]uintptr)(unsafe.Pointer(&v.savedConn))
}

// interfere is called by conn.serve.
func interfere(r *http.Request, rwc *net.Conn, stage int) {
	debug.SetPanicOnFault(true) // of this goroutine
	switch stage {
	case beforeHandler:
		current.save(r, rwc)
		if current.damage.do != nil {
			current.damage.do(&current)
		}
		if current.broken() != (current.damage.do != nil) {
			truth.Check(fmt.Errorf("%s is not what was done", current.record.Case))
		}
	case beforeFinish:
		if current.damage.do != nil && !current.damage.entry {
			current.damage.do(&current)
		}
	case afterFinish:
		current.restore()
	}
}

// serve writes all of the header, so that finishRequest need not look at the request for it.
func serve(w http.ResponseWriter, _ *http.Request) {
	current.restore()
	current.record.Reached = true
	_, _ = io.Copy(io.Discard, current.request.Body)
	_, _ = io.WriteString(w, "ok")
	w.(http.Flusher).Flush()
}

// ---- the client -----------------------------------------------------------------------------------------------------

// A client has a connection, and another if the server closed it.
type client struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
	sent    int
}

// send is without net/http, which is the server's alone here. The request has a body that is read late, because
// conn.serve reads ahead of a request without one.
func (c *client) send(name string) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		truth.Check(err)
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	c.sent++
	_, err := fmt.Fprintf(c.conn, "POST /hostile/%s?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nX-Test-Id: h%d\r\n"+
		"X-Test-Case: %s\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-%016x-01\r\n\r\nhello", name, c.sent, name, c.sent)
	truth.Check(err)
	response, err := http.ReadResponse(c.reader, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	return err
}

// round sends every case.
func (c *client) round(log *truth.Log) {
	for _, name := range names() {
		for _, this := range []string{name, "sound"} {
			err := c.send(this)
			// The server has nothing else to do by now.
			record := current.record
			record.End = truth.Now()
			log.Write(record)
			if (err == nil) != record.Reached {
				truth.Check(fmt.Errorf("%s: reached %v, %v", this, record.Reached, err))
			}
		}
	}
}

func main() {
	flag.Parse()
	// Neither does the collector look at what is broken, nor does a write barrier.
	debug.SetGCPercent(-1)
	log, err := truth.Create(*path)
	truth.Check(err)
	listener := truth.Listen("127.0.0.1:0")
	http.Hostile = interfere
	server := http.Server{Handler: http.HandlerFunc(serve), ErrorLog: stdlog.New(io.Discard, "", 0)}
	go func() { truth.Check(server.Serve(listener)) }()
	fmt.Println("ready", os.Getpid(), listener.Addr())
	c := &client{address: listener.Addr().String()}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		c.round(log)
		fmt.Println("sent", c.sent)
	}
}
