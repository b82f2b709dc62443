// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"otb/tests/target/go/shared/truth"
)

// A Call is one by http.Client.
type Call struct {
	Event  string `json:"event"` // "call"
	CallID string `json:"call_id"`
	ID     string `json:"id"`    // of the request that it was made for
	Kind   string `json:"kind"`  // what was asked for
	Depth  int    `json:"depth"` // goroutines between the handler's and the one that calls; 0: the handler's
	Goid   int64  `json:"goroutine_id"`
	// Of the goroutine that started this one, and of the request that it did so for: empty for a goroutine that was
	// there before any.
	CreatorGoid int64  `json:"creator_goroutine_id"`
	CreatorID   string `json:"creator_id"`
	Method      string `json:"method"`
	URL         string `json:"url"`
	Status      int    `json:"status"`
	Error       string `json:"error"`
	Start       int64  `json:"start_ns"`
	End         int64  `json:"end_ns"`
}

// A caller makes calls to another service.
type caller struct {
	client  http.Client
	backend string
	log     *truth.Log
	early   chan func(goroutine)
	lazy    chan func(goroutine)
	grown   int // workers of lazy
	growing sync.Mutex
	after   sync.WaitGroup // calls that go on when their request is over
}

// A goroutine is what is known of the one that calls.
type goroutine struct {
	depth       int
	creatorGoid int64
	creatorID   string
}

const poolSize = 4

// newCaller: protocol is "h2" for HTTP/2 by TLS.
func newCaller(backend, protocol string, log *truth.Log) *caller {
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
		MaxIdleConnsPerHost: 100,
		ForceAttemptHTTP2:   protocol == "h2",
	}
	c := &caller{backend: backend, log: log}
	c.client = http.Client{Transport: transport, CheckRedirect: nameHop}
	c.early, c.lazy = make(chan func(goroutine)), make(chan func(goroutine))
	for i := 0; i < poolSize; i++ {
		go work(c.early, goroutine{depth: -1})
	}
	return c
}

// nameHop gives a redirected call an id of its own.
func nameHop(r *http.Request, via []*http.Request) error {
	r.Header.Set(truth.IDHeader, fmt.Sprintf("%s-hop%d", via[0].Header.Get(truth.IDHeader), len(via)))
	return nil
}

func work(jobs chan func(goroutine), g goroutine) {
	for job := range jobs {
		job(g)
	}
}

// grow is a pool's that begins with the first requests that need it.
func (c *caller) grow(x *Exchange) {
	c.growing.Lock()
	defer c.growing.Unlock()
	if c.grown < poolSize {
		c.grown++
		go work(c.lazy, goroutine{depth: -1, creatorGoid: x.Goid, creatorID: x.ID})
	}
}

// A plan is the call that each kind makes.
type plan struct {
	method, path string
	limit        time.Duration
}

var plans = map[string]plan{
	"redirect": {path: "/api/items/7?status=301"},
	"missing":  {path: "/nowhere"},
	"broken":   {method: http.MethodPost, path: "/end/panic"},
	"deadline": {method: http.MethodPost, path: "/end/wait", limit: 50 * time.Millisecond},
}

// call makes one, on the goroutine that it is called on. The id is the request's, with what makes it another.
func (c *caller) call(x *Exchange, kind, suffix string, g goroutine) {
	p, ok := plans[kind]
	if !ok {
		p.path = "/api/items/7"
	}
	if p.method == "" {
		p.method = http.MethodGet
	}
	record := Call{Event: "call", CallID: x.ID + "-" + suffix, ID: x.ID, Kind: kind, Method: p.method, URL: c.backend + p.path}
	if kind == "refused" {
		record.URL = "http://127.0.0.1:1/api/items/7"
	}
	record.Depth, record.CreatorGoid, record.CreatorID = g.depth, g.creatorGoid, g.creatorID
	record.Goid = truth.Goid()
	c.do(&record, p.limit)
	c.log.Write(record)
}

func (c *caller) do(record *Call, limit time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	if limit > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), limit)
	}
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, record.Method, record.URL, nil)
	truth.Check(err)
	r.Header.Set(truth.IDHeader, record.CallID)
	record.Start = truth.Now()
	response, err := c.client.Do(r)
	if err == nil {
		record.Status = response.StatusCode
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	record.End, record.Error = truth.Now(), truth.Text(err)
}

// descend calls, and starts a goroutine that does the same, so often.
func (c *caller) descend(x *Exchange, branch string, levels int, g goroutine) {
	c.call(x, "fan", fmt.Sprintf("%s.%d", branch, g.depth), g)
	if g.depth >= levels {
		return
	}
	below := make(chan struct{})
	next := goroutine{depth: g.depth + 1, creatorGoid: truth.Goid(), creatorID: x.ID}
	go func() {
		defer close(below)
		c.descend(x, branch, levels, next)
	}()
	<-below
}

// fan starts so many goroutines, each the first of so many levels.
func (c *caller) fan(x *Exchange, width, levels int) {
	var group sync.WaitGroup
	for i := 0; i < width; i++ {
		group.Add(1)
		go func(branch string) {
			defer group.Done()
			c.descend(x, branch, levels, goroutine{depth: 1, creatorGoid: x.Goid, creatorID: x.ID})
		}(fmt.Sprintf("fan%d", i))
	}
	group.Wait()
}

// hand gives a call to a pool and waits for it.
func (c *caller) hand(x *Exchange, kind string, pool chan func(goroutine)) {
	done := make(chan struct{})
	pool <- func(g goroutine) {
		defer close(done)
		c.call(x, kind, kind, g)
	}
	<-done
}

// detach calls when the handler has returned.
func (c *caller) detach(x *Exchange, over <-chan struct{}) {
	g := goroutine{depth: 1, creatorGoid: x.Goid, creatorID: x.ID}
	c.after.Add(1)
	go func() {
		defer c.after.Done()
		<-over
		// Until then net/http has finished the response, if the machine is not very slow.
		time.Sleep(10 * time.Millisecond)
		c.call(x, "detached", "detached", g)
	}()
}

// work does what the kind says, and then answers.
func (c *caller) work(x *Exchange, w http.ResponseWriter, r *http.Request, kind string) {
	query := r.URL.Query()
	switch kind {
	case "fan":
		c.fan(x, number(query, "width", 1), number(query, "depth", 1))
	case "early":
		c.hand(x, kind, c.early)
	case "lazy":
		c.grow(x)
		c.hand(x, kind, c.lazy)
	case "detached":
		over := make(chan struct{})
		defer close(over)
		c.detach(x, over)
	default:
		c.call(x, kind, kind, goroutine{})
	}
	x.Answer(w, r)
}
