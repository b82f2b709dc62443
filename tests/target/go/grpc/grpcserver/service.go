// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"otb/tests/target/go/grpc/echo"
	"otb/tests/target/go/shared/truth"
)

// handled is what an interceptor knows of a call.
type handled struct {
	Event     string `json:"event"` // "handled"
	ID        string `json:"id"`
	Method    string `json:"method"` // "/package.Service/Method"
	Authority string `json:"authority"`
	Peer      string `json:"peer"`
	// CLOCK_MONOTONIC in ns, within the handler.
	Start       int64    `json:"start_ns"`
	End         int64    `json:"end_ns"`
	Goid        int64    `json:"goroutine_id"`
	Code        uint32   `json:"code"` // what the handler returned
	Headers     int      `json:"headers"`
	Traceparent []string `json:"traceparent"`
	Tracestate  []string `json:"tracestate"`
	B3          []string `json:"b3"`
	B3TraceID   []string `json:"x_b3_traceid"`
	B3SpanID    []string `json:"x_b3_spanid"`
}

// call is one that a handler makes.
type call struct {
	Event       string `json:"event"` // "call"
	CallID      string `json:"call_id"`
	ID          string `json:"id"` // of the call that it was made for
	Kind        string `json:"kind"`
	Depth       int    `json:"depth"` // goroutines between the handler's and the one that calls
	Goid        int64  `json:"goroutine_id"`
	CreatorGoid int64  `json:"creator_goroutine_id"`
	Method      string `json:"method"`
	Target      string `json:"target"`
	Code        uint32 `json:"code"`
	Start       int64  `json:"start_ns"`
	End         int64  `json:"end_ns"`
}

// stay is how long a handler goes on that does not look whether its client has gone.
const stay = 200 * time.Millisecond

type service struct {
	log          *truth.Log
	count, ended int64
	target       string
	backend      *grpc.ClientConn
}

// connect is to the service itself, for handlers that call on.
func (s *service) connect(address string, secure bool) (err error) {
	security := insecure.NewCredentials()
	if secure {
		security = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	s.target = address
	s.backend, err = grpc.Dial(address, grpc.WithTransportCredentials(security),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(echo.Codec{})))
	return err
}

func (s *service) begun() int64 { return atomic.LoadInt64(&s.count) }

// wait is for the handlers, and for the goroutines that they are on: gRPC goes on behind a handler.
func (s *service) wait() {
	for atomic.LoadInt64(&s.ended) < s.begun() || serving() {
		time.Sleep(time.Millisecond)
	}
}

// serving says whether there is a goroutine of a connection's, a stream's, or a worker.
func serving() bool {
	stacks := make([]byte, 1<<20)
	return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("grpc.(*Server).serve"))
}

// ---- what is logged -------------------------------------------------------------------------------------------------

func one(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func (s *service) begin(ctx context.Context, method string) *handled {
	atomic.AddInt64(&s.count, 1)
	h := &handled{Event: "handled", Start: truth.Now(), Goid: truth.Goid(), Method: method}
	values, _ := metadata.FromIncomingContext(ctx)
	h.ID, h.Authority, h.Headers = one(values["x-test-id"]), one(values[":authority"]), len(values)
	h.Traceparent, h.Tracestate, h.B3 = values["traceparent"], values["tracestate"], values["b3"]
	h.B3TraceID, h.B3SpanID = values["x-b3-traceid"], values["x-b3-spanid"]
	if from, ok := peer.FromContext(ctx); ok {
		h.Peer = from.Addr.String()
	}
	return h
}

func (s *service) end(h *handled, err error) {
	defer atomic.AddInt64(&s.ended, 1)
	h.Code, h.End = uint32(status.Code(err)), truth.Now()
	if h.ID != "" {
		s.log.Write(h)
	}
}

func (s *service) observeUnary(ctx context.Context, message interface{}, info *grpc.UnaryServerInfo,
	next grpc.UnaryHandler) (answer interface{}, err error) {
	h := s.begin(ctx, info.FullMethod)
	answer, err = next(ctx, message)
	s.end(h, err)
	return answer, err
}

func (s *service) observeStream(_ interface{}, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	next grpc.StreamHandler) error {
	h := s.begin(stream.Context(), info.FullMethod)
	err := next(s, stream)
	s.end(h, err)
	return err
}

// recoverUnary: gRPC itself lets a panic end the program.
func recoverUnary(ctx context.Context, message interface{}, _ *grpc.UnaryServerInfo,
	next grpc.UnaryHandler) (answer interface{}, err error) {
	defer func() {
		if recover() != nil {
			err = status.Error(codes.Internal, "recovered")
		}
	}()
	return next(ctx, message)
}

// ---- calls ----------------------------------------------------------------------------------------------------------

func (s *service) callOn(id, kind string, n, depth int, creator int64) {
	record := call{Event: "call", CallID: fmt.Sprintf("%s-%s%d", id, kind, n), ID: id, Kind: kind, Depth: depth,
		Goid: truth.Goid(), CreatorGoid: creator, Method: echo.Method("Unary"), Target: s.target}
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-test-id", record.CallID)
	record.Start = truth.Now()
	err := s.backend.Invoke(ctx, record.Method, &echo.Order{}, &echo.Answer{})
	record.End, record.Code = truth.Now(), uint32(status.Code(err))
	s.log.Write(record)
}

// fan calls on three goroutines.
func (s *service) fan(id string) {
	var group sync.WaitGroup
	handler := truth.Goid()
	for i := 0; i < 3; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			s.callOn(id, "fan", n, 1, handler)
		}(i)
	}
	group.Wait()
}

// ---- handlers -------------------------------------------------------------------------------------------------------

func statusOf(order *echo.Order) error {
	if order.Code == 0 {
		return nil
	}
	return status.Error(codes.Code(order.Code), "as asked for")
}

func (s *service) follow(ctx context.Context, order *echo.Order) error {
	values, _ := metadata.FromIncomingContext(ctx)
	id := one(values["x-test-id"])
	switch order.How {
	case "wait":
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case "stay":
		time.Sleep(stay)
	case "panic":
		panic("as asked for")
	case "self":
		s.callOn(id, "self", 0, 0, 0)
	case "fan":
		s.fan(id)
	}
	return statusOf(order)
}

func unary(server interface{}, ctx context.Context, decode func(interface{}) error,
	interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	order := new(echo.Order)
	if err := decode(order); err != nil {
		return nil, err
	}
	info := &grpc.UnaryServerInfo{Server: server, FullMethod: echo.Method("Unary")}
	return interceptor(ctx, order, info, func(ctx context.Context, message interface{}) (interface{}, error) {
		return &echo.Answer{Seen: 1}, server.(*service).follow(ctx, message.(*echo.Order))
	})
}

func serverStream(server interface{}, stream grpc.ServerStream) error {
	order := new(echo.Order)
	if err := stream.RecvMsg(order); err != nil {
		return err
	}
	for i := 0; i < order.Chunks; i++ {
		if err := stream.SendMsg(&echo.Answer{Seen: 1}); err != nil {
			return err
		}
	}
	return server.(*service).follow(stream.Context(), order)
}

// receive takes messages until the client has no more, and then does what the last one says.
func receive(server interface{}, stream grpc.ServerStream, each func(seen int) error) error {
	last, seen := new(echo.Order), 0
	for {
		order := new(echo.Order)
		err := stream.RecvMsg(order)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		last = order
		seen++
		if err := each(seen); err != nil {
			return err
		}
	}
	if err := server.(*service).follow(stream.Context(), last); err != nil {
		return err
	}
	return each(-seen)
}

// clientStream answers once, at the end.
func clientStream(server interface{}, stream grpc.ServerStream) error {
	return receive(server, stream, func(seen int) error {
		if seen > 0 {
			return nil
		}
		return stream.SendMsg(&echo.Answer{Seen: -seen})
	})
}

// bidi answers each.
func bidi(server interface{}, stream grpc.ServerStream) error {
	return receive(server, stream, func(seen int) error {
		if seen <= 0 {
			return nil
		}
		return stream.SendMsg(&echo.Answer{Seen: seen})
	})
}

var description = grpc.ServiceDesc{
	ServiceName: echo.ServiceName,
	HandlerType: (*interface{})(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
	Streams: []grpc.StreamDesc{
		{StreamName: "ServerStream", Handler: serverStream, ServerStreams: true},
		{StreamName: "ClientStream", Handler: clientStream, ClientStreams: true},
		{StreamName: "Bidi", Handler: bidi, ServerStreams: true, ClientStreams: true},
	},
}
