// SPDX-License-Identifier: Apache-2.0

// Package load sends a mix of requests that is known beforehand, and a log of what was sent and came back. For Go 1.17
// and later.
package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"otb/tests/target/go/shared/truth"
)

// Sent is what a client knows of a request.
type Sent struct {
	Event    string              `json:"event"` // "sent"
	ID       string              `json:"id"`
	Method   string              `json:"method"`
	Path     string              `json:"path"` // escaped
	Query    string              `json:"query"`
	Endpoint string              `json:"endpoint"` // expected, and so is status
	Status   int                 `json:"status"`
	Outcome  string              `json:"outcome"`
	Case     string              `json:"case"`
	Headers  map[string][]string `json:"sent_headers"` // without those that crowd it
	Parent   Parent              `json:"parent"`
	Local    string              `json:"local"`
	Peer     string              `json:"peer"`
	Proto    string              `json:"proto"`
	Goid     int64               `json:"goroutine_id"`
	// CLOCK_MONOTONIC in ns: before the request was handed to net/http, when it had a connection, and when the answer was
	// read to its end.
	Start     int64  `json:"start_ns"`
	Connected int64  `json:"connected_ns"`
	End       int64  `json:"end_ns"`
	Error     string `json:"error"`
	Wrong     string `json:"wrong"` // what is not as expected
}

// Options of a Run.
type Options struct {
	Address     string
	Protocol    string // http1, tls, h2, h2c
	Connections int
	InFlight    int
	Wait        time.Duration // for what never answers
}

// newUnencrypted is set where net/http has HTTP/2 without TLS.
var newUnencrypted func() *http.Transport

// transports: HTTP/2 has one connection each.
func (o Options) transports() ([]*http.Transport, error) {
	var made []*http.Transport
	config := &tls.Config{InsecureSkipVerify: true}
	switch o.Protocol {
	case "http1", "tls":
		made = append(made, &http.Transport{TLSClientConfig: config, MaxConnsPerHost: o.Connections,
			MaxIdleConnsPerHost: o.Connections})
	case "h2":
		for i := 0; i < o.Connections; i++ {
			made = append(made, &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true})
		}
	case "h2c":
		if newUnencrypted == nil {
			return nil, errors.New("no h2c in this release of Go")
		}
		for i := 0; i < o.Connections; i++ {
			made = append(made, newUnencrypted())
		}
	default:
		return nil, fmt.Errorf("no protocol %q", o.Protocol)
	}
	return made, nil
}

func (o Options) scheme() string {
	if o.Protocol == "tls" || o.Protocol == "h2" {
		return "https://"
	}
	return "http://"
}

func (o Options) has2() bool {
	return strings.HasPrefix(o.Protocol, "h2")
}

// prepare is r, and the record of it.
func (o Options) prepare(ctx context.Context, r *Request) (*http.Request, *Sent) {
	sent := &Sent{Event: "sent", ID: r.ID, Method: r.Method, Path: r.Path, Query: r.Query, Endpoint: r.Endpoint,
		Status: r.Status, Outcome: r.Outcome, Case: r.Case, Parent: r.Parent, Headers: Told(r.Header)}
	if r.Path == "/end/hijack" && o.has2() {
		sent.Status = http.StatusNotImplemented
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		sent.Connected = truth.Now()
		sent.Local, sent.Peer = info.Conn.LocalAddr().String(), info.Conn.RemoteAddr().String()
	}})
	target := o.scheme() + o.Address + r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	var body io.Reader
	if r.Body > 0 {
		body = strings.NewReader(strings.Repeat("b", r.Body))
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	truth.Check(err)
	request.Host = r.Host
	request.Header = r.Header
	request.Header.Set(truth.IDHeader, r.ID)
	return request, sent
}

// exchange sends it, and says what became of it.
func (o Options) exchange(transport *http.Transport, r *Request) *Sent {
	ctx, cancel := context.WithCancel(context.Background())
	if r.Outcome == expired {
		ctx, cancel = context.WithTimeout(context.Background(), o.Wait)
	}
	defer cancel()
	request, sent := o.prepare(ctx, r)
	sent.Goid, sent.Start = truth.Goid(), truth.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		sent.End, sent.Error = truth.Now(), err.Error()
		outcome := broken
		if errors.Is(err, context.DeadlineExceeded) {
			outcome = expired
		}
		sent.judge(outcome, 0, sent.Endpoint)
		return sent
	}
	sent.Proto = response.Proto
	outcome := answered
	if r.Outcome == expired && ctx.Err() != nil {
		// Its handler ends when the client leaves, and may still be faster.
		_ = response.Body.Close()
		sent.End = truth.Now()
		sent.judge(expired, 0, sent.Endpoint)
		return sent
	}
	if r.Outcome == left {
		outcome = left
		cancel()
	} else if _, err = io.Copy(io.Discard, response.Body); err != nil {
		outcome = cut
		sent.Error = err.Error()
	}
	_ = response.Body.Close()
	sent.End = truth.Now()
	sent.judge(outcome, response.StatusCode, response.Header.Get(truth.EndpointHeader))
	return sent
}

func (s *Sent) judge(outcome string, status int, endpoint string) {
	if outcome != s.Outcome || status != s.Status || endpoint != s.Endpoint {
		s.Wrong = fmt.Sprintf("%s, status %d, endpoint %q", outcome, status, endpoint)
	}
}

// Run sends the requests and returns how many had another outcome than they should.
func Run(o Options, requests []*Request, log *truth.Log) (wrong int64, err error) {
	transports, err := o.transports()
	if err != nil {
		return 0, err
	}
	next := int64(-1)
	var group sync.WaitGroup
	for worker := 0; worker < o.InFlight; worker++ {
		group.Add(1)
		go func(transport *http.Transport) {
			defer group.Done()
			for i := atomic.AddInt64(&next, 1); i < int64(len(requests)); i = atomic.AddInt64(&next, 1) {
				sent := o.exchange(transport, requests[i])
				log.Write(sent)
				if sent.Wrong != "" {
					atomic.AddInt64(&wrong, 1)
				}
			}
		}(transports[worker%len(transports)])
	}
	group.Wait()
	for _, transport := range transports {
		transport.CloseIdleConnections()
	}
	return wrong, nil
}
