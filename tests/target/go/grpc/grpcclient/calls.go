// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"otb/tests/target/go/grpc/echo"
	"otb/tests/target/go/shared/load"
	"otb/tests/target/go/shared/truth"
)

// What becomes of a call, beside an answer.
const (
	answeredOutcome = "answered"
	expiredOutcome  = "expired" // its deadline passes
	leftOutcome     = "left"    // the client cancels it when the first answer has come
	missingOutcome  = "missing" // no such method
	refusedOutcome  = "refused" // no server
)

// An rpc is what is called, and what should come of it.
type rpc struct {
	id      string
	method  string
	order   echo.Order
	send    int // messages
	answers int
	code    codes.Code
	outcome string
	name    string
	header  http.Header
	parent  load.Parent
}

// sent is what the client knows of it.
type sent struct {
	Event   string              `json:"event"` // "sent"
	ID      string              `json:"id"`
	Method  string              `json:"method"`
	Code    uint32              `json:"code"` // expected
	Outcome string              `json:"outcome"`
	Case    string              `json:"case"`
	Headers map[string][]string `json:"sent_headers"`
	Parent  load.Parent         `json:"parent"`
	Target  string              `json:"target"`
	Local   string              `json:"local"`
	Goid    int64               `json:"goroutine_id"`
	Start   int64               `json:"start_ns"`
	End     int64               `json:"end_ns"`
	Error   string              `json:"error"`
	Wrong   string              `json:"wrong"` // what is not as expected
}

var streams = map[string]*grpc.StreamDesc{
	"ServerStream": {ServerStreams: true},
	"ClientStream": {ClientStreams: true},
	"Bidi":         {ServerStreams: true, ClientStreams: true},
}

// unary calls have every status.
func (r *rpc) unary(random *rand.Rand) {
	r.method, r.send, r.answers = echo.Method("Unary"), 1, 1
	switch random.Intn(3) {
	case 0:
		r.order.Code = uint32(random.Intn(17))
	case 1:
		r.order.How = []string{"self", "fan", "panic"}[random.Intn(3)]
	}
	r.code = codes.Code(r.order.Code)
	if r.order.How == "panic" {
		r.code = codes.Internal
	}
}

func (r *rpc) stream(random *rand.Rand) {
	if random.Intn(2) == 0 {
		r.order.Code = uint32(random.Intn(17))
	}
	n := 1 + random.Intn(5)
	switch random.Intn(3) {
	case 0:
		r.method, r.send, r.order.Chunks, r.answers = "ServerStream", 1, n, n
	case 1:
		r.method, r.send, r.answers = "ClientStream", n, 1
	case 2:
		r.method, r.send, r.answers = "Bidi", n, n
	}
	r.method, r.code = echo.Method(r.method), codes.Code(r.order.Code)
}

// gone are those that no server answers, or that the client does not wait for.
func (r *rpc) gone(random *rand.Rand) {
	r.method, r.send = echo.Method("Unary"), 1
	switch random.Intn(4) {
	case 0:
		r.outcome, r.code, r.order.How = expiredOutcome, codes.DeadlineExceeded, []string{"wait", "stay"}[random.Intn(2)]
	case 1:
		r.outcome, r.code, r.method = leftOutcome, codes.Canceled, echo.Method("ServerStream")
		r.order.How, r.order.Chunks = "wait", 1
	case 2:
		r.outcome, r.code = missingOutcome, codes.Unimplemented
		r.method = []string{echo.Method("Nothing"), "/otb.test.Nowhere/Nothing"}[random.Intn(2)]
	case 3:
		r.outcome, r.code = refusedOutcome, codes.Unavailable
	}
}

func makeCalls(n int, random *rand.Rand) []*rpc {
	made := make([]*rpc, n)
	cases := load.NewCases(random)
	for i := range made {
		r := &rpc{id: fmt.Sprintf("%s%d", *prefix, i), outcome: answeredOutcome, header: http.Header{}}
		switch random.Intn(10) {
		case 0:
			r.gone(random)
		case 1, 2, 3:
			r.stream(random)
		default:
			r.unary(random)
		}
		r.name, r.parent = cases.Next(r.header, random)
		made[i] = r
	}
	return made
}

// ---- calling --------------------------------------------------------------------------------------------------------

func (r *rpc) context() (context.Context, context.CancelFunc) {
	values := metadata.Pairs("x-test-id", r.id)
	for name, list := range r.header {
		values.Append(name, list...)
	}
	ctx := metadata.NewOutgoingContext(context.Background(), values)
	if r.outcome == expiredOutcome {
		return context.WithTimeout(ctx, *wait)
	}
	return context.WithCancel(ctx)
}

// talk sends and receives over a stream; the answers, and how it ended.
func (r *rpc) talk(stream grpc.ClientStream, leave context.CancelFunc) (answers int, err error) {
	for i := 0; i < r.send; i++ {
		// What went wrong is said to who receives.
		if stream.SendMsg(&r.order) != nil {
			break
		}
	}
	if err := stream.CloseSend(); err != nil {
		return 0, err
	}
	for {
		if err = stream.RecvMsg(new(echo.Answer)); err != nil {
			break
		}
		answers++
		if r.outcome == leftOutcome {
			leave()
		}
	}
	if err == io.EOF {
		err = nil
	}
	return answers, err
}

func (r *rpc) do(ctx context.Context, c *connection, leave context.CancelFunc) (answers int, err error) {
	description := streams[r.method[strings.LastIndexByte(r.method, '/')+1:]]
	if description == nil {
		answer := new(echo.Answer)
		err = c.Invoke(ctx, r.method, &r.order, answer)
		return answer.Seen, err
	}
	stream, err := c.NewStream(ctx, description, r.method)
	if err != nil {
		return 0, err
	}
	return r.talk(stream, leave)
}

func (r *rpc) call(c *connection) *sent {
	ctx, cancel := r.context()
	defer cancel()
	s := &sent{Event: "sent", ID: r.id, Method: r.method, Code: uint32(r.code), Outcome: r.outcome, Case: r.name,
		Headers: load.Told(r.header), Parent: r.parent, Target: c.Target(), Goid: truth.Goid(), Start: truth.Now()}
	answers, err := r.do(ctx, c, cancel)
	s.End, s.Error, s.Local = truth.Now(), truth.Text(err), c.from()
	if code := status.Code(err); code != r.code || code == codes.OK && answers != r.answers {
		s.Wrong = fmt.Sprintf("code %d, %d answers", code, answers)
	}
	return s
}
