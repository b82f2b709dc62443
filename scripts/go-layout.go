// SPDX-License-Identifier: Apache-2.0

// Prints where the fields that common/go/layout.h names are in a Go program, one "NAME OFFSET" a line, from its DWARF:
// "-" where there is no such field. It shares nothing with common/go/layout.c, so that one checks the other.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"strings"
)

// Of each field the places where it was in one release or another, as "type field field".
var fields = []struct {
	name   string
	places []string
}{
	{"GO_G_M", []string{"runtime.g m"}},
	{"GO_G_GOID", []string{"runtime.g goid"}},
	{"GO_G_STARTPC", []string{"runtime.g startpc"}},
	{"GO_G_PARENTGOID", []string{"runtime.g parentGoid"}},
	{"GO_G_ATOMICSTATUS", []string{"runtime.g atomicstatus"}},
	{"GO_M_CURG", []string{"runtime.m curg"}},
	{"GO_M_PREEMPTOFF", []string{"runtime.m preemptoff"}},
	{"GO_WORK_CYCLES", []string{"runtime.work cycles"}},
	{"GO_WORK_USER_FORCED", []string{"runtime.work userForced"}},
	{"GO_WORK_PAUSE_START", []string{"runtime.work pauseStart"}},
	{"GO_WORK_T_SWEEP_TERM", []string{"runtime.work tSweepTerm"}},
	{"GO_WORK_T_END", []string{"runtime.work tEnd"}},
	{"GO_WORK_HEAP0", []string{"runtime.work heap0"}},
	{"GO_WORK_HEAP1", []string{"runtime.work heap1"}},
	{"GO_WORK_HEAP2", []string{"runtime.work heap2"}},
	{"GO_CONTROLLER_LAST_HEAP_GOAL", []string{"runtime.gcControllerState lastHeapGoal"}},
	{"GO_SCHED_NGSYS", []string{"runtime.schedt ngsys"}},
	{"GO_SCHED_GFREE_N", []string{"runtime.schedt gFree n", "runtime.schedt gFree stack size"}},
	{"GO_SCHED_GFREE_NO_STACK", []string{"runtime.schedt gFree noStack size"}},
	{"GO_P_GFREE_N", []string{"runtime.p gFree n", "runtime.p gFree size"}},
	{"GO_REQUEST_METHOD", []string{"net/http.Request Method"}},
	{"GO_REQUEST_URL", []string{"net/http.Request URL"}},
	{"GO_REQUEST_PROTO_MAJOR", []string{"net/http.Request ProtoMajor"}},
	{"GO_REQUEST_HEADER", []string{"net/http.Request Header"}},
	{"GO_REQUEST_HOST", []string{"net/http.Request Host"}},
	{"GO_REQUEST_REMOTE_ADDR", []string{"net/http.Request RemoteAddr"}},
	{"GO_REQUEST_REQUEST_URI", []string{"net/http.Request RequestURI"}},
	{"GO_REQUEST_TLS", []string{"net/http.Request TLS"}},
	{"GO_REQUEST_PATTERN", []string{"net/http.Request Pattern"}},
	{"GO_REQUEST_PAT", []string{"net/http.Request pat"}},
	{"GO_PATTERN_STR", []string{"net/http.pattern str"}},
	{"GO_URL_SCHEME", []string{"net/url.URL Scheme"}},
	{"GO_URL_HOST", []string{"net/url.URL Host"}},
	{"GO_URL_PATH", []string{"net/url.URL Path"}},
	{"GO_URL_RAW_QUERY", []string{"net/url.URL RawQuery"}},
	{"GO_URL_RAW_PATH", []string{"net/url.URL RawPath"}},
	{"GO_RESPONSE_CONN", []string{"net/http.response conn"}},
	{"GO_RESPONSE_REQ", []string{"net/http.response req"}},
	{"GO_RESPONSE_STATUS", []string{"net/http.response status"}},
	{"GO_CONN_RWC", []string{"net/http.conn rwc"}},
	{"GO_CONN_TLS_STATE", []string{"net/http.conn tlsState"}},
	{"GO_CONN_REMOTE_ADDR", []string{"net/http.conn remoteAddr"}},
	{"GO_CLIENT_RESPONSE_STATUS_CODE", []string{"net/http.Response StatusCode"}},
	{"GO_CLIENT_RESPONSE_PROTO_MAJOR", []string{"net/http.Response ProtoMajor"}},
	{"GO_NET_CONN_FD", []string{"net.conn fd"}},
	{"GO_NETFD_LADDR", []string{"net.netFD laddr"}},
	{"GO_NETFD_RADDR", []string{"net.netFD raddr"}},
	{"GO_TCPADDR_IP", []string{"net.TCPAddr IP"}},
	{"GO_TCPADDR_PORT", []string{"net.TCPAddr Port"}},
	{"GO_TLS_CONN_CONN", []string{"crypto/tls.Conn conn"}},
	{"GO_H2_RESPONSE_WRITER_RWS", inHTTP2("responseWriter rws")},
	{"GO_H2_RWS_STREAM", inHTTP2("responseWriterState stream")},
	{"GO_H2_RWS_REQ", inHTTP2("responseWriterState req")},
	{"GO_H2_RWS_STATUS", inHTTP2("responseWriterState status")},
	{"GO_H2_STREAM_ID", inHTTP2("stream id")},
	{"GO_H2_SERVER_CONN_CONN", inHTTP2("serverConn conn")},
	{"GO_SERVER_REQUEST_METHOD", inHTTP2("ServerRequest Method")},
	{"GO_SERVER_REQUEST_URL", inHTTP2("ServerRequest URL")},
	{"GO_SERVER_REQUEST_HEADER", inHTTP2("ServerRequest Header")},
	{"GO_SERVER_REQUEST_HOST", inHTTP2("ServerRequest Host")},
	{"GO_SERVER_REQUEST_REMOTE_ADDR", inHTTP2("ServerRequest RemoteAddr")},
	{"GO_SERVER_REQUEST_TLS", inHTTP2("ServerRequest TLS")},
	{"GO_STMT_QUERY", []string{"database/sql.Stmt query"}},
	{"GO_DRIVER_CONN_CI", []string{"database/sql.driverConn ci"}},
}

// inHTTP2 says where a type of the HTTP/2 server is: bundled in net/http, in a package of its own from Go 1.27 on.
func inHTTP2(place string) []string {
	return []string{"net/http.http2" + place, "net/http/internal/http2." + place}
}

// collectTypes finds the struct types that are asked for, and the type of the variable runtime.work, by name.
func collectTypes(data *dwarf.Data) (map[string]dwarf.Type, error) {
	types, wanted := map[string]dwarf.Type{}, map[string]bool{}
	for _, field := range fields {
		for _, place := range field.places {
			wanted[strings.Fields(place)[0]] = true
		}
	}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil || entry == nil {
			return types, err
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		offset := entry.Offset
		switch {
		case entry.Tag == dwarf.TagCompileUnit:
			continue
		case entry.Tag == dwarf.TagVariable && name == "runtime.work":
			offset = entry.Val(dwarf.AttrType).(dwarf.Offset)
		case entry.Tag != dwarf.TagStructType || !wanted[name]:
			reader.SkipChildren()
			continue
		}
		if types[name], err = data.Type(offset); err != nil {
			return nil, err
		}
		reader.SkipChildren()
	}
}

func findOffset(types map[string]dwarf.Type, place string) (int64, bool) {
	words := strings.Fields(place)
	current, sum := types[words[0]], int64(0)
	for _, word := range words[1:] {
		for {
			alias, ok := current.(*dwarf.TypedefType)
			if !ok {
				break
			}
			current = alias.Type
		}
		structure, ok := current.(*dwarf.StructType)
		if !ok {
			return 0, false
		}
		current = nil
		for _, field := range structure.Field {
			if field.Name == word {
				current = field.Type
				sum += field.ByteOffset
			}
		}
		if current == nil {
			return 0, false
		}
	}
	return sum, true
}

func run(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return err
	}
	types, err := collectTypes(data)
	if err != nil {
		return err
	}
	for _, field := range fields {
		text := "-"
		for _, place := range field.places {
			if offset, ok := findOffset(types, place); ok {
				text = fmt.Sprint(offset)
				break
			}
		}
		fmt.Println(field.name, text)
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go-layout.go FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
