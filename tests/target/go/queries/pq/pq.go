// SPDX-License-Identifier: Apache-2.0

// Package pq has the import path of a driver that is known, and is a driver without a database: "pq" runs texts as they
// are, "pq-prepare" only what was prepared. What a text is answered with, it says itself.
package pq

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Error and Refusal are errors of a pointer's type and of none.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Refusal is not a pointer.
type Refusal struct{ text string }

func (r Refusal) Error() string { return r.text }

// A Call is what the driver knows of the call that is going on, which is one at a time in this package.
type Call struct {
	Attempts   int
	Start, End int64 // of the first attempt and the last
	NoOpen     bool  // connections are refused from now on
	Ready      Ready
}

var (
	mutex sync.Mutex
	call  Call
	now   func() int64
)

// Ready is for how long the call's goroutine was ready to run, and did not, in ns: at least and at most.
type Ready struct{ Least, Most int64 }

// Begin starts a call, on this clock.
func Begin(clock func() int64) {
	mutex.Lock()
	defer mutex.Unlock()
	call, now = Call{}, clock
}

// End tells what has come of it.
func End() Call {
	mutex.Lock()
	defer mutex.Unlock()
	return call
}

func init() {
	sql.Register("pq", drv{direct: true})
	sql.Register("pq-prepare", drv{})
}

type drv struct{ direct bool }

func (d drv) Open(string) (driver.Conn, error) {
	mutex.Lock()
	defer mutex.Unlock()
	if call.NoOpen {
		return nil, errors.New("pq: no connection")
	}
	if d.direct {
		return &direct{}, nil
	}
	return &conn{}, nil
}

func answer(ctx context.Context, text string) error {
	switch {
	case strings.Contains(text, "fail"):
		return &Error{"pq: fail"}
	case strings.Contains(text, "refuse"):
		return Refusal{"pq: refused"}
	case strings.Contains(text, "panic"):
		panic("pq: panic")
	case strings.Contains(text, "yield"):
		call.Ready = yield()
	case strings.Contains(text, "wake"):
		call.Ready = wake()
	case strings.Contains(text, "spin"):
		spin()
	case strings.Contains(text, "slow"):
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Millisecond):
		}
	case strings.Contains(text, "lost"):
		call.NoOpen = true
		return driver.ErrBadConn
	case strings.Contains(text, "stale-always"),
		strings.Contains(text, "stale-once") && call.Attempts == 1,
		strings.Contains(text, "stale-twice") && call.Attempts <= 2:
		return driver.ErrBadConn
	}
	return nil
}

const spinTime = 2e6 // ns: less than what sysmon lets a goroutine run

func spin() {
	for end := now() + spinTime; now() < end; {
	}
}

// ready is what two goroutines on one P know of it: one was ready from before `from`, while the other ran until `until`, and
// ran again before `resumed`; it was not ready before `start`.
func ready(start, from, until, resumed int64) Ready {
	if until == 0 || until > resumed { // the other was interrupted
		until = from
	}
	return Ready{until - from, resumed - start}
}

// yield lets another goroutine run.
func yield() Ready {
	var from, until int64
	done := make(chan bool, 1)
	go func() {
		from = now()
		spin()
		until = now()
		done <- true
	}()
	start := now()
	runtime.Gosched()
	resumed := now()
	interrupted := len(done) == 0
	<-done
	if interrupted {
		return Ready{0, resumed - start}
	}
	return ready(start, from, until, resumed)
}

// wake waits for another goroutine, which goes on when it has sent.
func wake() Ready {
	var start, from, until int64
	sent, done := make(chan bool), make(chan bool, 1)
	go func() {
		start = now()
		sent <- true
		from = now()
		spin()
		until = now()
		done <- true
	}()
	<-sent
	resumed := now()
	interrupted := len(done) == 0
	<-done
	if interrupted {
		return Ready{0, resumed - start}
	}
	return ready(start, from, until, resumed)
}

func run(ctx context.Context, text string) error {
	mutex.Lock()
	defer mutex.Unlock()
	call.Attempts++
	if call.Start == 0 {
		call.Start = now()
	}
	defer func() { call.End = now() }()
	return answer(ctx, text)
}

type conn struct{}

func (c *conn) Prepare(text string) (driver.Stmt, error) {
	if strings.Contains(text, "unprepared") {
		mutex.Lock()
		defer mutex.Unlock()
		call.Attempts++
		return nil, &Error{"pq: cannot prepare"}
	}
	return &stmt{text}, nil
}

func (c *conn) Begin() (driver.Tx, error) { return tx{}, nil }
func (c *conn) Close() error              { return nil }

type direct struct{ conn }

func (c *direct) QueryContext(ctx context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(text, "skip") {
		return nil, driver.ErrSkip
	}
	return &rows{}, run(ctx, text)
}

func (c *direct) ExecContext(ctx context.Context, text string, _ []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(text, "skip") {
		return nil, driver.ErrSkip
	}
	return driver.RowsAffected(1), run(ctx, text)
}

type stmt struct{ text string }

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), run(context.Background(), s.text)
}

func (s *stmt) Query([]driver.Value) (driver.Rows, error) {
	return &rows{}, run(context.Background(), s.text)
}

func (s *stmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	return &rows{}, run(ctx, s.text)
}

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

type rows struct{ over bool }

func (r *rows) Columns() []string { return []string{"n"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(values []driver.Value) error {
	if r.over {
		return io.EOF
	}
	r.over = true
	values[0] = int64(1)
	return nil
}
