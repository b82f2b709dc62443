// SPDX-License-Identifier: Apache-2.0

// queries runs texts by database/sql in every way there is, and logs what it knows of each call: a driver tells when it
// was asked, and how often. For Go 1.17 and later.
//
// It prints "ready PID DRIVERS", waits for a line on stdin, and ends when it is through.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"otb/tests/target/go/shared/truth"
)

// A Query is a call of database/sql. Attempts is 0 where the driver was not asked.
type Query struct {
	Event    string `json:"event"` // "query"
	Call     string `json:"call"`
	Driver   string `json:"driver"`
	Text     string `json:"text"`
	Redacted string `json:"redacted"`
	Goid     int64  `json:"goroutine_id"`
	Type     string `json:"error_type"` // of the error; empty: none
	Attempts int    `json:"attempts"`
	Start    int64  `json:"start_ns"`
	End      int64  `json:"end_ns"`
	Asked    int64  `json:"asked_ns"` // the driver, for the first time
	Answered int64  `json:"answered_ns"`
	Least    int64  `json:"ready_least_ns"`
	Most     int64  `json:"ready_most_ns"`
}

const (
	selectText     = "SELECT n FROM users WHERE mail = 'o''brien@example.com' AND age > 42 -- by 'mail'"
	selectRedacted = "SELECT n FROM users WHERE mail = ? AND age > ?"
	insertText     = "INSERT INTO log (a, b) VALUES (17, E'it\\'s'), (?, $1)"
	insertRedacted = "INSERT INTO log (a, b) VALUES (?, ?), (?, $1)"
)

type runner struct {
	*sql.DB
	driver string
	log    *truth.Log
}

// call runs a text, and logs it.
func (r *runner) call(name, text, redacted string, run func(text string) error) {
	record := Query{Event: "query", Call: name, Driver: r.driver, Text: text, Redacted: redacted, Goid: truth.Goid()}
	pq.Begin(truth.Now)
	record.Start = truth.Now()
	err := run(text)
	record.End = truth.Now()
	if err != nil {
		record.Type = fmt.Sprintf("%T", err)
	}
	known := pq.End()
	record.Attempts, record.Asked, record.Answered = known.Attempts, known.Start, known.End
	record.Least, record.Most = known.Ready.Least, known.Ready.Most
	r.log.Write(record)
}

func read(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return rows.Close()
}

// A queryer is a DB, a Conn or a Tx.
type queryer interface {
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...interface{}) *sql.Row
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

var background = context.Background()

func query(q queryer) func(string) error {
	return func(text string) error { return read(q.QueryContext(background, text)) }
}

func exec(q queryer) func(string) error {
	return func(text string) error { _, err := q.ExecContext(background, text, 5); return err }
}

func (r *runner) all(name string, q queryer) {
	r.call(name+".Query", selectText, selectRedacted, query(q))
	r.call(name+".QueryRow", selectText, selectRedacted, func(text string) error {
		var n int
		return q.QueryRowContext(background, text).Scan(&n)
	})
	r.call(name+".Exec", insertText, insertRedacted, exec(q))
	for _, word := range []string{"fail", "refuse", "skip", "skip_fail"} {
		r.call(name+".Query", "SELECT "+word+" FROM t", "SELECT "+word+" FROM t", query(q))
		r.call(name+".Exec", "DELETE FROM "+word, "DELETE FROM "+word, exec(q))
	}
}

// prepared runs a text that is prepared before.
func (r *runner) prepared(name string, q queryer, text, redacted string, end func()) {
	stmt, err := q.PrepareContext(background, text)
	truth.Check(err)
	defer stmt.Close()
	r.call(name+".Stmt.Query", text, redacted, func(string) error { return read(stmt.Query()) })
	r.call(name+".Stmt.Exec", text, redacted, func(string) error { _, err := stmt.Exec(5); return err })
	if end != nil {
		end()
	}
}

func (r *runner) statements(name string, q queryer) {
	r.prepared(name, q, selectText, selectRedacted, nil)
	r.prepared(name, q, "UPDATE fail SET a = 1", "UPDATE fail SET a = ?", nil)
	r.prepared(name, q, "UPDATE refuse SET a = 'x'", "UPDATE refuse SET a = ?", nil)
}

func (r *runner) connection() {
	conn, err := r.Conn(background)
	truth.Check(err)
	defer conn.Close()
	r.all("Conn", conn)
	r.statements("Conn", conn)
	r.call("Conn.Exec", "DELETE FROM stale-always", "DELETE FROM stale-always", exec(conn))
}

// retried are calls that database/sql tries again, with each other in turn.
func (r *runner) retried() {
	for i := 0; i < 3; i++ {
		for _, word := range []string{"stale-once", "stale-twice", "stale-always", "stale-once"} {
			r.call("DB.Query", "SELECT "+word, "SELECT "+word, query(r))
			r.call("DB.Exec", "DELETE FROM "+word, "DELETE FROM "+word, exec(r))
			r.prepared("DB", r, "SELECT "+word, "SELECT "+word, nil)
		}
	}
}

// cancelled are calls whose context ends, in the driver, or before there is a connection.
func (r *runner) cancelled() {
	short := func(text string) error {
		ctx, cancel := context.WithTimeout(background, 5*time.Millisecond)
		defer cancel()
		return read(r.QueryContext(ctx, text))
	}
	r.call("DB.Query", "SELECT slow", "SELECT slow", query(r))
	if r.driver == "pq" {
		r.call("DB.Query", "SELECT slow", "SELECT slow", short)
	}
	r.SetMaxOpenConns(1)
	conn, err := r.Conn(background)
	truth.Check(err)
	r.call("DB.Query", "SELECT slow", "SELECT slow", short)
	stmt, err := conn.PrepareContext(background, "SELECT held")
	truth.Check(err)
	r.call("DB.Exec", "DELETE FROM held", "DELETE FROM held", func(text string) error {
		ctx, cancel := context.WithTimeout(background, 5*time.Millisecond)
		defer cancel()
		_, err := r.ExecContext(ctx, text)
		return err
	})
	stmt.Close()
	conn.Close()
	r.prepared("DB", r, "SELECT waits", "SELECT waits", nil)
	r.SetMaxOpenConns(0)
}

// waiting runs a statement that gets no connection, and something else behind it.
func (r *runner) waiting() {
	stmt, err := r.PrepareContext(background, "SELECT waiting")
	truth.Check(err)
	defer stmt.Close()
	r.SetMaxOpenConns(1)
	conn, err := r.Conn(background)
	truth.Check(err)
	r.call("DB.Stmt.Query", "SELECT waiting", "SELECT waiting", func(string) error {
		ctx, cancel := context.WithTimeout(background, 5*time.Millisecond)
		defer cancel()
		return read(stmt.QueryContext(ctx))
	})
	conn.Close()
	r.call("DB.Query", "SELECT behind", "SELECT behind", query(r))
	r.SetMaxOpenConns(0)
}

// odd are texts that are long, empty, or none.
func (r *runner) odd() {
	long := "SELECT a FROM t WHERE b IN (" + strings.Repeat("x, ", 300) + "7)"
	r.call("DB.Query", long, strings.Replace(long, "7", "?", 1), query(r))
	r.call("DB.Query", "SELECT unprepared", "SELECT unprepared", query(r))
	r.call("DB.Exec", "", "", exec(r))
	r.call("DB.Exec", "DELETE FROM \xff\x01 WHERE a = 'x", "DELETE FROM \xff\x01 WHERE a = ?", exec(r))
	// Longer than what a tracer reads.
	longer := "SELECT a FROM t WHERE b IN (" + strings.Repeat("é, ", 400) + "7)"
	r.call("DB.Query", longer, longer, query(r))
}

// lost are calls whose connection is bad, and that get no other one; and those of the same text behind them.
func (r *runner) lost() {
	for i := 0; i < 3; i++ {
		r.call("DB.Query", "SELECT lost", "SELECT lost", query(r))
	}
	for i := 0; i < 3; i++ {
		r.call("DB.Exec", "DELETE FROM lost", "DELETE FROM lost", exec(r))
	}
}

// scheduled are calls in which there is one P for two goroutines, or for one.
func (r *runner) scheduled() {
	for i := 0; i < 20; i++ {
		for _, word := range []string{"yield", "wake", "spin"} {
			r.call("DB.Query", "SELECT "+word, "SELECT "+word, query(r))
			r.call("DB.Exec", "DELETE FROM "+word, "DELETE FROM "+word, exec(r))
		}
	}
}

func (r *runner) run() {
	steps := []func(){
		func() { r.all("DB", r) },
		func() { r.statements("DB", r) },
		r.transaction, r.connection, r.retried, r.cancelled, r.waiting,
		// The last of its calls ends with its goroutine, which is not to be when the program ends.
		r.lost, r.odd,
	}
	for _, step := range steps {
		var done sync.WaitGroup
		done.Add(1)
		go func(step func()) {
			defer done.Done()
			step()
		}(step)
		done.Wait()
	}
}

func main() {
	path := flag.String("log", "", "file for the log")
	sched := flag.Bool("sched", false, "one P, and calls that let others run")
	flag.Parse()
	log, err := truth.Create(*path)
	truth.Check(err)
	fmt.Println("ready", os.Getpid(), "pq")
	bufio.NewScanner(os.Stdin).Scan()
	if *sched {
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(-1)
	}
	for _, driver := range []string{"pq", "pq-prepare"} {
		db, err := sql.Open(driver, "")
		truth.Check(err)
		r := &runner{db, driver, log}
		if *sched {
			r.scheduled()
		} else {
			r.run()
		}
	}
}
