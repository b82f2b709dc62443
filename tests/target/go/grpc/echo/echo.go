// SPDX-License-Identifier: Apache-2.0

// Package echo is a gRPC service without generated code: messages are JSON, so that one source serves all releases of
// gRPC-Go. For Go 1.17 and later.
package echo

import "encoding/json"

// ServiceName is as in a proto file.
const ServiceName = "otb.test.Echo"

// Method is the full method of one of the service's.
func Method(name string) string {
	return "/" + ServiceName + "/" + name
}

// An Order is the message that a client sends: what the handler should do.
type Order struct {
	Code   uint32 `json:"code,omitempty"`   // status to end with
	Chunks int    `json:"chunks,omitempty"` // answers to send, ServerStream
	How    string `json:"how,omitempty"`    // "wait" for the client to go, "stay" beyond that, "panic"; "self", "fan": call on
}

// An Answer is the message that the server sends.
type Answer struct {
	Seen int `json:"seen"` // messages so far
}

// Codec is JSON's.
type Codec struct{}

func (Codec) Marshal(message interface{}) ([]byte, error)   { return json.Marshal(message) }
func (Codec) Unmarshal(data []byte, into interface{}) error { return json.Unmarshal(data, into) }
func (Codec) Name() string                                  { return "json" }
