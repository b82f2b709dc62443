// SPDX-License-Identifier: Apache-2.0

// httpcount serves by net/http, sends requests to itself, and says how many there were of each kind: for tests of what
// otb-trace --metrics counts. For Go 1.17 and later.
//
// It prints "ready ADDRESS" and then does what lines on stdin say, each answered by a line, until stdin ends:
//
//	mixed N     N requests of mixed methods, routes and statuses, several at once: a JSON object of what was sent,
//	            "METHOD ROUTE STATUS": how many
//	routes N    one request to each of N routes: "sent N"
//	panics N    requests whose handlers panic: "sent N"
//	hijacks N   requests whose handlers take the connection, and close it: "sent N"
//	hold        one that does not end before the program does: "held"
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The routes are as long as they are to be told apart behind the first 100 bytes, too.
const (
	routesMax = 5003
	workers   = 7
)

var (
	long     = "/long/" + strings.Repeat("x", 110) + "/"
	routes   = []string{"/plain", "/items/", long, long + "y/"}
	methods  = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "PROPFIND", "QUERY"}
	statuses = []int{200, 201, 204, 301, 404, 418, 500, 503}
	pauses   = []time.Duration{0, 0, 0, 6 * time.Millisecond, 12 * time.Millisecond, 30 * time.Millisecond}
	held     = make(chan bool)
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.Header.Get("X-Status"))
	check(err)
	pause, err := time.ParseDuration(r.Header.Get("X-Pause"))
	check(err)
	time.Sleep(pause)
	w.WriteHeader(status)
}

func hijack(w http.ResponseWriter, r *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	check(err)
	check(conn.Close())
}

func hold(w http.ResponseWriter, r *http.Request) {
	held <- true
	select {}
}

func handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route, answer)
	}
	for i := 0; i < routesMax; i++ {
		mux.HandleFunc("/route/"+strconv.Itoa(i), answer)
	}
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("as asked") })
	mux.HandleFunc("/hijack", hijack)
	mux.HandleFunc("/hold", hold)
	return mux
}

type client struct {
	http.Client
	address string
}

func newClient(address string) *client {
	c := &client{address: address}
	c.Transport = &http.Transport{MaxIdleConnsPerHost: workers}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// send reports whether there was a response.
func (c *client) send(method, path string, status int, pause time.Duration) bool {
	request, err := http.NewRequest(method, "http://"+c.address+path, nil)
	check(err)
	request.Header.Set("X-Status", strconv.Itoa(status))
	request.Header.Set("X-Pause", pause.String())
	response, err := c.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	check(response.Body.Close())
	return response.StatusCode == status
}

// mixed takes strides that are prime to the lengths of the lists, so that all combinations come.
func (c *client) mixed(n int) map[string]int {
	sent := map[string]int{}
	var lock sync.Mutex
	var group sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			for i := worker; i < n; i += workers {
				method, route := methods[i%len(methods)], routes[i/3%len(routes)]
				status, pause := statuses[i/5%len(statuses)], pauses[i/7%len(pauses)]
				if !c.send(method, route, status, pause) {
					log.Fatalf("%s %s: not answered by %d", method, route, status)
				}
				lock.Lock()
				sent[fmt.Sprintf("%s %s %d", method, route, status)]++
				lock.Unlock()
			}
		}(worker)
	}
	group.Wait()
	return sent
}

// each sends what no client repeats by itself where there is no response.
func (c *client) each(n int, path func(int) string) string {
	for i := 0; i < n; i++ {
		c.send("POST", path(i), 200, 0)
	}
	return fmt.Sprintf("sent %d", n)
}

func (c *client) obey(command string, n int) string {
	switch command {
	case "mixed":
		text, err := json.Marshal(c.mixed(n))
		check(err)
		return string(text)
	case "routes":
		return c.each(n, func(i int) string { return "/route/" + strconv.Itoa(i%routesMax) })
	case "panics":
		return c.each(n, func(int) string { return "/panic" })
	case "hijacks":
		return c.each(n, func(int) string { return "/hijack" })
	case "hold":
		go c.send("GET", "/hold", 200, 0)
		<-held
		return "held"
	}
	return "error: " + command
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := http.Server{Handler: handler(), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { check(server.Serve(listener)) }()
	fmt.Println("ready", listener.Addr())
	c := newClient(listener.Addr().String())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var command string
		var n int
		fmt.Sscan(lines.Text(), &command, &n)
		fmt.Println(c.obey(command, n))
	}
}
