// SPDX-License-Identifier: Apache-2.0

// httpcalls makes requests by net/http and serves none: its backend is sockets, so that the file has no HTTP server. It
// logs what it knows of each call, one call for each case, and each case is an id in its header. For Go 1.17 and later.
//
// It prints "ready PID ADDRESS" and waits for a line on stdin, then makes its calls and ends.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"otb/tests/target/go/shared/truth"
)

// A call is what a case asks for and what came of it. The URL is that of url.full's conventions.
type call struct {
	Event  string `json:"event"` // "call"
	ID     string `json:"id"`
	Method string `json:"method"`
	URL    string `json:"url"`
	Agent  string `json:"user_agent"`
	Status int    `json:"status"`
	Error  string `json:"error_type"` // of what RoundTrip returned, as %T prints it
	Goid   int64  `json:"goroutine_id"`
	Start  int64  `json:"start_ns"`
	End    int64  `json:"end_ns"`
}

// serve answers the requests of a connection. One to /once is answered only on a connection that has had no other: a
// client that has kept the connection has to try again.
func serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for n := 0; ; n++ {
		request, err := http.ReadRequest(reader)
		if err != nil || (n > 0 && request.URL.Path == "/once") {
			return
		}
		switch request.URL.Path {
		case "/wait":
			time.Sleep(time.Second)
			return
		case "/nonsense":
			_, _ = io.WriteString(connection, "no HTTP\r\n\r\n")
			return
		case "/moved":
			_, err = io.WriteString(connection, "HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n")
		case "/teapot":
			_, err = io.WriteString(connection, "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n")
		default:
			_, err = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		if err != nil {
			return
		}
	}
}

// An own error, of a type that is no pointer.
type refusal struct{ reason string }

func (r refusal) Error() string { return r.reason }

func refuse(context.Context, string, string) (net.Conn, error) { return nil, refusal{"not today"} }

// A hop is a transport that logs what passes through it.
type hop struct {
	next *http.Transport
	log  *truth.Log
}

func (h hop) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{Event: "call", ID: r.Header.Get(truth.IDHeader), Method: r.Method, Agent: r.Header.Get("User-Agent"), Goid: truth.Goid()}
	c.URL = r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
	if r.URL.Path == "" {
		c.URL += "/"
	}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	c.Start = truth.Now()
	response, err := h.next.RoundTrip(r)
	c.End = truth.Now()
	if err != nil {
		c.Error = fmt.Sprintf("%T", err)
	} else {
		c.Status = response.StatusCode
	}
	h.log.Write(c)
	return response, err
}

// nameHop gives a redirected call an id of its own.
func nameHop(r *http.Request, via []*http.Request) error {
	r.Header.Set(truth.IDHeader, via[0].Header.Get(truth.IDHeader)+"-hop")
	return nil
}

type caller struct {
	client http.Client
	base   string
	log    *truth.Log
}

func (c *caller) do(r *http.Request) {
	response, err := c.client.Do(r)
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

func (c *caller) request(id, method, path string) *http.Request {
	r, err := http.NewRequest(method, c.base+path, nil)
	truth.Check(err)
	r.Header.Set(truth.IDHeader, id)
	return r
}

func (c *caller) call(id, method, path string) {
	c.do(c.request(id, method, path))
}

// URLs and methods.
func (c *caller) describe() {
	c.call("plain", http.MethodPut, "/items/7?token=secret#part")
	c.call("teapot", http.MethodDelete, "/teapot")
	c.call("escaped", http.MethodGet, "/a%2Fb/c%20d")
	c.call("empty-path", http.MethodGet, "")
	r := c.request("rewritten", http.MethodGet, "/a%2Fb")
	r.URL.Path = "/items/8"
	c.do(r)
	r = c.request("user", http.MethodGet, "/items/7")
	r.URL.User = url.UserPassword("name", "password")
	c.do(r)
	r = c.request("agent", http.MethodGet, "/items/7")
	r.Header.Set("User-Agent", "calls/1.0")
	c.do(r)
	r = c.request("no-method", http.MethodGet, "/items/7")
	r.Method = ""
	c.do(r)
	r = c.request("many-headers", http.MethodGet, "/items/7")
	for i := 0; i < 40; i++ {
		r.Header.Set(fmt.Sprintf("X-Many-%d", i), "v")
	}
	c.do(r)
	c.call("long", http.MethodGet, "/"+strings.Repeat("x", 300))
	c.call("longer", http.MethodGet, "/"+strings.Repeat("x", 600))
	// Its path has a percent sign, and what would be an escape.
	c.call("percent", http.MethodGet, "/100%2541")
}

// What can become of a call.
func (c *caller) fail(transport *http.Transport) {
	c.call("moved", http.MethodGet, "/moved")
	c.call("retried", http.MethodGet, "/once")
	c.call("nonsense", http.MethodGet, "/nonsense")
	limit, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	c.do(c.request("deadline", http.MethodGet, "/wait").WithContext(limit))
	cancel()
	c.call("before-stop", http.MethodGet, "/items/7")
	stop, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	c.do(c.request("stopped", http.MethodGet, "/wait").WithContext(stop))
	r := c.request("refused", http.MethodGet, "/items/7")
	r.URL.Host = "127.0.0.1:1"
	c.do(r)
	r = c.request("own-error", http.MethodGet, "/items/7")
	r.URL.Host = "localhost:1"
	transport.CloseIdleConnections()
	transport.DialContext = refuse
	c.do(r)
}

// A panic in the middle of a call leaves it without an end; the goroutine goes on, and calls again.
func (c *caller) panics() {
	defer func() { _ = recover() }()
	trace := &httptrace.ClientTrace{GetConn: func(string) { panic("in a hook") }}
	r := c.request("panicked", http.MethodGet, "/items/7")
	c.do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
}

func main() {
	path := flag.String("log", "", "file for the log")
	flag.Parse()
	log, err := truth.Create(*path)
	truth.Check(err)
	address := truth.Serve(serve)
	transport := &http.Transport{}
	c := &caller{base: "http://" + address, log: log}
	c.client = http.Client{Transport: hop{transport, log}, CheckRedirect: nameHop}
	truth.Await(address, func() int64 { return 0 })
	c.describe()
	c.panics()
	c.fail(transport)
}
