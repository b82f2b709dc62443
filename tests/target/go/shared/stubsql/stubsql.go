// SPDX-License-Identifier: Apache-2.0

// Package stubsql is a database/sql driver without a database. "stub" answers queries at once, "stub-prepare" only what
// was prepared, as drivers do that are no driver.QueryerContext. A text with "fail" in it gets an error; one with "stale"
// gets driver.ErrBadConn from every connection that was used before, so that database/sql tries again.
package stubsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
)

var errFail = errors.New("stubsql: the text asked for it")

func init() {
	sql.Register("stub", stub{direct: true})
	sql.Register("stub-prepare", stub{})
}

type stub struct{ direct bool }

func (s stub) Open(string) (driver.Conn, error) {
	if s.direct {
		return &directConn{}, nil
	}
	return &conn{}, nil
}

type conn struct{ uses int }

// run is what every way to run a text comes to.
func (c *conn) run(text string) error {
	c.uses++
	switch {
	case strings.Contains(text, "fail"):
		return errFail
	case strings.Contains(text, "stale") && c.uses > 1:
		return driver.ErrBadConn
	}
	return nil
}

func (c *conn) Prepare(text string) (driver.Stmt, error) { return &stmt{c, text}, nil }
func (c *conn) Begin() (driver.Tx, error)                { return tx{}, nil }
func (c *conn) Close() error                             { return nil }

type directConn struct{ conn }

// Lost is the key of a context.CancelFunc in a context: "stub" calls it, and says that its connection is bad.
type Lost struct{}

func (c *directConn) QueryContext(ctx context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	if cancel, ok := ctx.Value(Lost{}).(context.CancelFunc); ok {
		cancel()
		return nil, driver.ErrBadConn
	}
	return &rows{}, c.run(text)
}

func (c *directConn) ExecContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.run(text)
}

type stmt struct {
	conn *conn
	text string
}

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.conn.run(s.text)
}

func (s *stmt) Query([]driver.Value) (driver.Rows, error) {
	return &rows{}, s.conn.run(s.text)
}

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

// rows is one row with one column.
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
