// SPDX-License-Identifier: Apache-2.0

// gcload is a Go program that stops its own world a known number of times, for a known reason each, and says at its end
// what the runtime counted. For Go 1.17 and later.
//
// It prints "ready PID" and waits for a line on stdin, so that a tracer can be attached before anything happens. Then
// it allocates, makes the calls that its flags ask for, and goes on until there were --cycles collections; with --hold
// until its stdin ends or says "end", and it then answers every line "count" with "count N", which rises as it works.
// The last line is the truth, a JSON object. Arguments are a command that it then becomes (exec).
//
// Built with -tags http it serves (--http), with -tags forcegc it has collections that nothing but the time is the
// reason for (--timed); see http.go and forcegc.go.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	workers = flag.Int("workers", 2, "goroutines that allocate")
	live    = flag.Int("live", 4, "MiB that each of them keeps")
	cycles  = flag.Uint("cycles", 0, "collections to go on for")
	hold    = flag.Bool("hold", false, "go on until stdin ends")
	grow    = flag.Int("grow", 0, "goroutines that grow their stack and then stop the world")
	timed   = flag.Int("timed", 0, "collections to wait for that only the time begins (-tags forcegc)")
	address = flag.String("http", "", "address to serve on, until killed (-tags http)")
)

// What the optional files set.
var (
	serve          func(address string) error
	setForcePeriod func(period time.Duration)
)

// A call is something that a program may do and that stops the world.
type call struct {
	name  string
	usage string
	once  func() error
	count *int
}

var calls = []*call{
	{name: "read-mem-stats", usage: "runtime.ReadMemStats", once: readMemStats},
	{name: "gomaxprocs", usage: "changes by runtime.GOMAXPROCS", once: changeProcs},
	{name: "goroutine-profile", usage: "goroutine profiles", once: profileGoroutines},
	{name: "stack", usage: "runtime.Stack of all goroutines", once: stackAll},
	{name: "heap-dump", usage: "debug.WriteHeapDump", once: dumpHeap},
	{name: "trace", usage: "runtime/trace, started and stopped", once: traceBriefly},
	{name: "all-threads-syscall", usage: "syscall.AllThreadsSyscall (not with cgo)", once: callAllThreads},
	{name: "gc", usage: "runtime.GC", once: collect},
	{name: "leak-profile", usage: "goroutineleak profiles (Go 1.27)", once: profileLeaks},
}

// stops are those that are no collection's, by the name that a record has for the reason.
var stops = struct {
	sync.Mutex
	by map[string]int
}{by: map[string]int{}}

func countStop(reason string, n int) {
	stops.Lock()
	stops.by[reason] += n
	stops.Unlock()
}

// minor is 22 for go1.22.12, and large for what is no release.
func minor() int {
	n := 0
	if _, err := fmt.Sscanf(runtime.Version(), "go1.%d", &n); err != nil {
		return 1000
	}
	return n
}

// ---- calls ----------------------------------------------------------------------------------------------------------

func readMemStats() error {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	countStop("read_mem_stats", 1)
	return nil
}

// changeProcs goes back and forth, since setting the number there is does nothing.
func changeProcs() error {
	step := 1
	if stops.by["gomaxprocs"]%2 == 1 {
		step = -1
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + step)
	countStop("gomaxprocs", 1)
	return nil
}

// profileGoroutines: up to 1.22 the number of goroutines was asked for first, by a profile without room, which stops
// the world as well; since 1.19 the profile is taken while the world runs and is cleaned up after in a second stop
// (runtime/pprof/pprof.go writeRuntimeProfile, runtime/mprof.go goroutineProfileWithLabels).
func profileGoroutines() error {
	if minor() <= 22 {
		countStop("goroutine_profile", 1)
	}
	countStop("goroutine_profile", 1)
	if minor() >= 19 {
		countStop("goroutine_profile_cleanup", 1)
	}
	return pprof.Lookup("goroutine").WriteTo(io.Discard, 0)
}

var stackBuffer [1 << 16]byte

func stackAll() error {
	runtime.Stack(stackBuffer[:], true)
	countStop("all_goroutines_stack_trace", 1)
	return nil
}

func dumpHeap() error {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	debug.WriteHeapDump(file.Fd())
	countStop("write_heap_dump", 1)
	return nil
}

// traceBriefly: since 1.22 a trace ends without a stop (runtime/trace2.go, later trace.go).
func traceBriefly() error {
	if err := trace.Start(io.Discard); err != nil {
		return err
	}
	trace.Stop()
	countStop("start_trace", 1)
	if minor() <= 21 {
		countStop("stop_trace", 1)
	}
	return nil
}

func callAllThreads() error {
	_, _, errno := syscall.AllThreadsSyscall(syscall.SYS_GETPID, 0, 0, 0)
	if errno == syscall.ENOTSUP { // with cgo
		return nil
	}
	if errno != 0 {
		return errno
	}
	countStop("all_threads_syscall", 1)
	return nil
}

func collect() error {
	runtime.GC()
	return nil
}

func profileLeaks() error {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		return nil
	}
	return profile.WriteTo(io.Discard, 0)
}

// ---- work -----------------------------------------------------------------------------------------------------------

type node struct {
	next *node
	data [112]byte
}

type load struct {
	over  int32
	units int64
	group sync.WaitGroup
}

// allocate keeps a set of nodes and replaces one after the other, so that a collection has something to mark.
func (l *load) allocate(seed uint32) {
	defer l.group.Done()
	kept := make([]*node, *live<<20/(2*128))
	for atomic.LoadInt32(&l.over) == 0 {
		for i := 0; i < 100; i++ {
			seed = seed*1664525 + 1013904223
			kept[int(seed>>8)%len(kept)] = &node{next: &node{}}
		}
		atomic.AddInt64(&l.units, 1)
	}
}

func (l *load) start() {
	for i := 0; i < *workers; i++ {
		l.group.Add(1)
		go l.allocate(uint32(i))
	}
}

func (l *load) stop() {
	atomic.StoreInt32(&l.over, 1)
	l.group.Wait()
}

// makeCalls makes them in turn until each was made as often as it should be.
func makeCalls() error {
	for round, more := 0, true; more; round++ {
		more = false
		for _, c := range calls {
			if round >= *c.count {
				continue
			}
			more = true
			if err := c.once(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

// descend uses up some 100 bytes of stack each level.
//
//go:noinline
func descend(depth int, last func()) byte {
	var frame [64]byte
	frame[depth%len(frame)] = 1
	if depth == 0 {
		last()
		return frame[0]
	}
	return descend(depth-1, last) + frame[depth%7]
}

// growStacks stops the world at the end of many different stacks, each of which a function of the runtime may find too
// small.
func growStacks(n int) {
	var group sync.WaitGroup
	var turn sync.Mutex
	for i := 0; i < n; i++ {
		depth, last := i, func() { _ = readMemStats() }
		if i%7 == 0 {
			last = func() {
				// Or one collection would do for many of them.
				turn.Lock()
				defer turn.Unlock()
				runtime.GC()
			}
		}
		group.Add(1)
		go func() {
			defer group.Done()
			descend(depth, last)
		}()
	}
	group.Wait()
}

// numGC stops nothing, unlike runtime.ReadMemStats.
func numGC() uint {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	return uint(stats.NumGC)
}

func awaitCycles(n uint) {
	for numGC() < n {
		time.Sleep(time.Millisecond)
	}
}

// awaitTimed waits for collections that are due to nothing but the time since the last one.
func awaitTimed(n uint) {
	before := numGC()
	setForcePeriod(10 * time.Millisecond)
	awaitCycles(before + n)
	setForcePeriod(2 * time.Minute)
}

// answer speaks with who holds the other ends of stdin and stdout.
func (l *load) answer(lines *bufio.Scanner) {
	for lines.Scan() && lines.Text() != "end" {
		fmt.Println("count", atomic.LoadInt64(&l.units))
	}
}

func run(lines *bufio.Scanner) error {
	var l load
	l.start()
	err := makeCalls()
	growStacks(*grow)
	awaitCycles(*cycles)
	if *hold {
		l.answer(lines)
	}
	l.stop()
	if *timed > 0 {
		awaitTimed(uint(*timed))
	}
	return err
}

func check() error {
	if *address != "" && serve == nil {
		return fmt.Errorf("--http: not built with -tags http")
	}
	if *timed > 0 && setForcePeriod == nil {
		return fmt.Errorf("--timed: not built with -tags forcegc")
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gcload:", err)
		os.Exit(1)
	}
}

func main() {
	for _, c := range calls {
		c.count = flag.Int(c.name, 0, "how often: "+c.usage)
	}
	flag.Parse()
	fail(check())
	if *address != "" {
		fail(serve(*address))
	}
	fmt.Println("ready", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	if !lines.Scan() {
		fail(fmt.Errorf("stdin ended before a line came"))
	}
	fail(run(lines))
	fail(json.NewEncoder(os.Stdout).Encode(tellTruth()))
	if flag.NArg() > 0 {
		fail(syscall.Exec(flag.Arg(0), flag.Args(), os.Environ()))
	}
}
