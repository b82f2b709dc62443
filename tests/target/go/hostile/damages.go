// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/http"
	"sort"
	"strings"
	"syscall"
	"unsafe"

	"otb/tests/target/go/shared/truth"
)

// A damage is done to a request. One that is done at the entry alone would end net/http where it finishes a request.
type damage struct {
	entry bool
	do    func(v *victim)
}

const (
	pageSize = 4096
	huge     = 1 << 40
)

// ---- memory ---------------------------------------------------------------------------------------------------------

// pages are out of the collector's sight, and nothing behind them can be read. What is only unmapped may be mapped again.
func pages(n int) uintptr {
	memory, err := syscall.Mmap(-1, 0, (n+1)*pageSize, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	truth.Check(err)
	truth.Check(syscall.Mprotect(memory[n*pageSize:], syscall.PROT_NONE))
	return uintptr(unsafe.Pointer(&memory[0]))
}

// What pointers point to.
var (
	edge       = pages(1) + pageSize // one behind the last byte that there is
	nowhere    = edge
	kernel     = uintptr(0xffff888000000000)
	impossible = uintptr(0x8000000000000000)
	first      = uintptr(8)
)

func setWord(at unsafe.Pointer, word uintptr) { *(*uintptr)(at) = word }

// put writes a word outside of Go's memory.
func put(at, word uintptr) {
	// By way of a variable's address, since go vet takes a uintptr for what it was made of.
	setWord(*(*unsafe.Pointer)(unsafe.Pointer(&at)), word)
}

func setString(s *string, at uintptr, length int) {
	setWord(unsafe.Pointer(s), at)
	setWord(unsafe.Pointer(uintptr(unsafe.Pointer(s))+8), uintptr(length))
}

func start(s string) uintptr { return *(*uintptr)(unsafe.Pointer(&s)) }

// ---- strings --------------------------------------------------------------------------------------------------------

// Texts that are hard to write down. They live as long as the program.
var (
	invalid = strings.Repeat("\xff\xfe\xc3(\xed\xa0\x80", 300)
	control = "/\x00\x01\x1b[31m\n\r\t\"\\\x7f\u2028\u202e</script>"
	long    = "/" + strings.Repeat("long", 1<<18)
	halved  = strings.Repeat("\u20ac", 1000) // wherever it is cut
)

// spoil is every way to break a string.
var spoil = map[string]func(s *string){
	"huge":       func(s *string) { setString(s, start(long), huge) },
	"negative":   func(s *string) { setString(s, start(long), -1) },
	"most":       func(s *string) { setString(s, start(long), 1<<62) },
	"nowhere":    func(s *string) { setString(s, nowhere, 7) },
	"nil":        func(s *string) { setString(s, 0, 7) },
	"first":      func(s *string) { setString(s, first, 7) },
	"kernel":     func(s *string) { setString(s, kernel, 7) },
	"impossible": func(s *string) { setString(s, impossible, 7) },
	"edge":       func(s *string) { setString(s, edge-3, 100) },
	"invalid":    func(s *string) { *s = invalid },
	"control":    func(s *string) { *s = control },
	"long":       func(s *string) { *s = long },
	"halved":     func(s *string) { *s = halved },
	"empty":      func(s *string) { *s = "" },
}

// spoiled are the strings of a request. Up to Go 1.21 ServeHTTP itself looks into the query.
var spoiled = map[string]func(v *victim) *string{
	"method": func(v *victim) *string { return &v.request.Method },
	"path":   func(v *victim) *string { return &v.request.URL.Path },
	"query":  func(v *victim) *string { return &v.request.URL.RawQuery },
	"host":   func(v *victim) *string { return &v.request.Host },
	"proto":  func(v *victim) *string { return &v.request.Proto },
	"target": func(v *victim) *string { return &v.request.RequestURI },
	"remote": func(v *victim) *string { return &v.request.RemoteAddr },
}

// ---- headers --------------------------------------------------------------------------------------------------------

// withHeader breaks one entry of a header that is otherwise sound.
func withHeader(do func(header http.Header)) func(v *victim) {
	return func(v *victim) {
		header := http.Header{"X-Test-Id": {"h0"}, "User-Agent": {"hostile"}}
		do(header)
		v.request.Header = header
	}
}

// keyed adds a key that is broken once it has its place: by the address of the map's own copy, which is of the words
// there that are the key's.
func keyed(do func(s *string)) func(v *victim) {
	return withHeader(func(header http.Header) {
		var key string
		do(&key)
		words := *(*[2]uintptr)(unsafe.Pointer(&key))
		name := "Traceparent"
		header[name] = []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		at := find(header, start(name))
		put(at, words[0])
		put(at+8, words[1])
	})
}

// find is where a small map keeps the key of that address: in its only bucket or group.
func find(header http.Header, key uintptr) uintptr {
	at := word(*(*uintptr)(unsafe.Pointer(&header)) + 16) // hmap.buckets, and the dirPtr of a Map that has one group
	for size := uintptr(0); size < 328; size += 8 {
		if word(at+size) == key {
			return at + size
		}
	}
	panic("the map is not as it should be")
}

func word(at uintptr) uintptr {
	return *(*uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&at)))
}

// valued has a traceparent whose value is broken.
func valued(do func(s *string)) func(v *victim) {
	return withHeader(func(header http.Header) {
		values := make([]string, 1)
		do(&values[0])
		header["Traceparent"] = values
	})
}

// listed has a traceparent with a list of so many values there.
func listed(at uintptr, length int) func(v *victim) {
	return withHeader(func(header http.Header) {
		values := []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		words := (*[3]uintptr)(unsafe.Pointer(&values))
		if at != 0 {
			words[0] = at
		}
		words[1], words[2] = uintptr(length), uintptr(length)
		header["Traceparent"] = values
	})
}

// mapAt makes the header one that lies there.
func mapAt(at uintptr) func(v *victim) {
	return func(v *victim) { setWord(unsafe.Pointer(&v.request.Header), at) }
}

// A shape is of a map that nobody made: its size, and those numbers of its that say how far to go.
type shape struct {
	count uintptr
	depth uintptr // hmap.B (1.17 to 1.23), Map.globalDepth
	tabs  uintptr // Map.dirLen
	mask  uintptr // table.groups.lengthMask
}

// full writes a bucket (1.17 to 1.23: tophash, keys at 8, values at 136, overflow at 328) or a group (1.24: ctrl, slots of
// 40 bytes at 8) whose slots are all taken, by a name that nobody looks for, and whose bucket that follows is itself.
func full(at uintptr) {
	name := start("X-Loop")
	put(at, 0x0505050505050505)
	for i := uintptr(0); i < 8; i++ {
		key, step := at+8+16*i, uintptr(136+24*i)
		if swiss() {
			key, step = at+8+40*i, 24+40*i
		}
		put(key, name)
		put(key+8, 6)
		for field := uintptr(0); field < 24; field += 8 {
			put(at+step+field, 0) // no values
		}
	}
	if !swiss() {
		put(at+328, at)
	}
}

// swiss: Go 1.24 has other maps.
func swiss() bool {
	return truth.Minor() >= 24
}

// made is a map of that shape: every table is the same one, every bucket leads to itself.
func made(s shape) func(v *victim) {
	return func(v *victim) {
		memory := pages(4)
		header, bucket, table, directory := memory, memory+512, memory+1024, memory+pageSize
		full(bucket)
		put(header, s.count)
		if swiss() {
			put(header+16, directory)
			put(header+24, s.tabs)
			put(header+32, s.depth)
			put(table, 7|8<<16)
			put(table+16, bucket)
			put(table+24, s.mask)
			for at := directory; at < memory+4*pageSize; at += 8 {
				put(at, table)
			}
		} else {
			put(header+8, s.depth<<8)
			put(header+16, bucket)
		}
		mapAt(header)(v)
	}
}

// inDirectory is a map (1.24) whose tables lie there.
func inDirectory(at uintptr, length uintptr) func(v *victim) {
	return func(v *victim) {
		header := pages(1)
		put(header, 100)
		put(header+8, 0)
		if !swiss() {
			put(header+8, 4<<8)
		}
		put(header+16, at)
		put(header+24, length)
		mapAt(header)(v)
	}
}

// ---- all of them ----------------------------------------------------------------------------------------------------

// others are pointers and numbers that are no strings.
var others = map[string]damage{
	"url-nil":            {do: func(v *victim) { v.request.URL = nil }},
	"url-nowhere":        {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.URL), nowhere) }},
	"url-kernel":         {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.URL), kernel) }},
	"url-impossible":     {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.URL), impossible) }},
	"url-edge":           {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.URL), edge-60) }},
	"url-odd":            {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.URL), edge-pageSize+1) }},
	"tls-nowhere":        {do: func(v *victim) { setWord(unsafe.Pointer(&v.request.TLS), nowhere) }},
	"major-negative":     {do: func(v *victim) { v.request.ProtoMajor = -1 }},
	"major-two":          {do: func(v *victim) { v.request.ProtoMajor = 2 }},
	"conn-nil":           {entry: true, do: func(v *victim) { *v.rwc = nil }},
	"conn-nowhere":       {entry: true, do: func(v *victim) { breakConn(v.rwc, 8, nowhere) }},
	"conn-edge":          {entry: true, do: func(v *victim) { breakConn(v.rwc, 8, edge-4) }},
	"conn-type-nowhere":  {entry: true, do: func(v *victim) { breakConn(v.rwc, 0, nowhere) }},
	"conn-itself":        {entry: true, do: func(v *victim) { breakConn(v.rwc, 8, uintptr(unsafe.Pointer(v.rwc))) }},
	"header-nil":         {entry: true, do: mapAt(0)},
	"header-nowhere":     {entry: true, do: mapAt(nowhere)},
	"header-kernel":      {entry: true, do: mapAt(kernel)},
	"header-edge":        {entry: true, do: mapAt(edge - 8)},
	"header-loop":        {entry: true, do: made(shape{count: 100, depth: 0, tabs: 8, mask: 0})},
	"header-deep":        {entry: true, do: made(shape{count: 100, depth: 200, tabs: huge, mask: 0})},
	"header-most":        {entry: true, do: made(shape{count: 1 << 63, depth: 255, tabs: 1 << 63, mask: 1<<64 - 1})},
	"header-wide":        {entry: true, do: made(shape{count: huge, depth: 40, tabs: 1, mask: huge - 1})},
	"header-one-table":   {entry: true, do: made(shape{count: 9, depth: 0, tabs: 1, mask: 1<<20 - 1})},
	"directory-nowhere":  {entry: true, do: inDirectory(nowhere, 8)},
	"directory-edge":     {entry: true, do: inDirectory(edge-16, huge)},
	"directory-none":     {entry: true, do: inDirectory(nowhere, 0)},
	"values-huge":        {entry: true, do: listed(0, huge)},
	"values-negative":    {entry: true, do: listed(0, -1)},
	"values-none":        {entry: true, do: listed(0, 0)},
	"values-nowhere":     {entry: true, do: listed(nowhere, 1)},
	"values-edge":        {entry: true, do: listed(edge-8, 1)},
	"sound":              {},
	"request-everything": {do: everything},
}

func breakConn(conn *net.Conn, offset uintptr, to uintptr) {
	setWord(unsafe.Pointer(uintptr(unsafe.Pointer(conn))+offset), to)
}

// everything but the query.
func everything(v *victim) {
	for name, field := range spoiled {
		if name != "query" {
			spoil["huge"](field(v))
		}
	}
}

// damages are all, by name.
var damages = map[string]damage{}

func init() {
	for name, d := range others {
		damages[name] = d
	}
	for way, do := range spoil {
		way, do := way, do
		for name, field := range spoiled {
			field := field
			damages[name+"-"+way] = damage{do: func(v *victim) { do(field(v)) }}
		}
		damages["value-"+way] = damage{entry: true, do: valued(do)}
		damages["key-"+way] = damage{entry: true, do: keyed(do)}
	}
}

// names are those of all, in an order that does not change.
func names() []string {
	var all []string
	for name := range damages {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}
