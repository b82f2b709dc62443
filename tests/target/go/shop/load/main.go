// SPDX-License-Identifier: Apache-2.0

// load asks the shop for things, at a steady rate whatever the answers take, and counts them. For Go 1.17 and later.
//
// It speaks HTTP by itself, so that no request is sent twice: net/http tries again by itself where a connection ends,
// and then a client has one answer and a server may have served two.
//
// It prints "ready PID ADDRESS", begins, answers "count" by how many answers there were, and at the end of stdin or
// "end" prints what it knows as one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"otb/tests/target/go/shared/truth"
)

const (
	turn    = 97 // requests on a connection, which the last one ends
	patient = 20 * time.Second
)

// A told is what the load knows.
type told struct {
	Answered   map[string]int `json:"answered"`   // "METHOD ROUTE STATUS": how many
	Unanswered map[string]int `json:"unanswered"` // refused, closed, late: how many
	Dialed     int            `json:"dialed"`     // connections
	Seconds    float64        `json:"seconds"`
}

var answers int64

// request is the nth of a fixed mix: in a hundred 10 orders, 5 searches, 20 looks at the health, and items.
func request(n int) (method, route, path string) {
	switch {
	case n%10 == 0:
		return http.MethodPost, "/orders", "/orders"
	case n%20 == 1:
		return http.MethodGet, "/search", "/search"
	case n%10 == 2 || n%10 == 3:
		return http.MethodGet, "/healthz", "/healthz"
	}
	return http.MethodGet, "/items/", "/items/" + strconv.Itoa(n*7919%1009)
}

// A worker has one connection at a time.
type worker struct {
	told
	address string
	conn    net.Conn
	reader  *bufio.Reader
	uses    int
}

func (w *worker) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.conn = nil
}

func (w *worker) dial() error {
	conn, err := net.DialTimeout("tcp", w.address, patient)
	if err != nil {
		return err
	}
	w.conn, w.reader, w.uses = conn, bufio.NewReader(conn), 0
	w.Dialed++
	return nil
}

// exchange sends a request and reads its answer.
func (w *worker) exchange(method, path string) (status int, err error) {
	if w.conn == nil {
		if err := w.dial(); err != nil {
			return 0, err
		}
	}
	w.uses++
	last := ""
	if w.uses == turn {
		last = "Connection: close\r\n"
	}
	_ = w.conn.SetDeadline(time.Now().Add(patient))
	_, err = fmt.Fprintf(w.conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n%s\r\n", method, path, w.address, last)
	if err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		return 0, err
	}
	if _, err = io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	if response.Close {
		w.hangUp()
	}
	return response.StatusCode, nil
}

func reason(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "late"
	}
	return "closed"
}

func (w *worker) run(numbers <-chan int) {
	w.Answered, w.Unanswered = map[string]int{}, map[string]int{}
	for n := range numbers {
		method, route, path := request(n)
		status, err := w.exchange(method, path)
		if err != nil {
			w.Unanswered[reason(err)]++
			w.hangUp()
			continue
		}
		w.Answered[method+" "+route+" "+strconv.Itoa(status)]++
		atomic.AddInt64(&answers, 1)
	}
	w.hangUp()
}

// pace hands out numbers at the rate, in small steps; it waits where all workers are busy for a second and longer.
func pace(rate int, numbers chan<- int, end <-chan struct{}) {
	defer close(numbers)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	begun, n := time.Now(), 0
	for {
		select {
		case <-end:
			return
		case <-ticker.C:
		}
		for due := int(time.Since(begun).Seconds() * float64(rate)); n < due; n++ {
			numbers <- n
		}
	}
}

func add(sum, more map[string]int) {
	for key, n := range more {
		sum[key] += n
	}
}

func main() {
	address := flag.String("to", "", "address of the shop")
	rate := flag.Int("rate", 100, "requests a second")
	connections := flag.Int("connections", 32, "requests at a time")
	flag.Parse()
	numbers, end := make(chan int, *rate), make(chan struct{})
	workers := make([]worker, *connections)
	var group sync.WaitGroup
	begun := time.Now()
	go pace(*rate, numbers, end)
	for i := range workers {
		group.Add(1)
		go func(w *worker) {
			defer group.Done()
			w.address = *address
			w.run(numbers)
		}(&workers[i])
	}
	truth.Await(*address, func() int64 { return atomic.LoadInt64(&answers) })
	close(end)
	group.Wait()
	sum := told{Answered: map[string]int{}, Unanswered: map[string]int{}, Seconds: time.Since(begun).Seconds()}
	for i := range workers {
		add(sum.Answered, workers[i].Answered)
		add(sum.Unanswered, workers[i].Unanswered)
		sum.Dialed += workers[i].Dialed
	}
	truth.Check(json.NewEncoder(os.Stdout).Encode(sum))
}
