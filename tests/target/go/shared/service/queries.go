// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"database/sql"
	"net/http"

	"otb/tests/target/go/shared/stubsql"
	"otb/tests/target/go/shared/truth"
)

// A Query is a call of database/sql.
type Query struct {
	Event string `json:"event"` // "query"
	ID    string `json:"id"`    // of the request that it was made for
	Call  string `json:"call"`  // the method: "DB.QueryContext"
	Text  string `json:"text"`
	Goid  int64  `json:"goroutine_id"`
	Error string `json:"error"`
	Start int64  `json:"start_ns"`
	End   int64  `json:"end_ns"`
}

const (
	selectText = "SELECT n FROM users WHERE mail = 'o''brien@example.com' AND age > 42 AND score < 1.5e-3 -- by 'mail'"
	insertText = "INSERT INTO \"log\" (a, b, c) VALUES (17, 'tom', E'it\\'s'), (?, $1, 0x1F) /* 42 'x' */"
)

// A database runs queries for requests.
type database struct {
	*sql.DB
	log *truth.Log
}

func openDatabase(driver string, log *truth.Log) *database {
	db, err := sql.Open(driver, "")
	truth.Check(err)
	return &database{db, log}
}

// logged is what every call goes through.
func (d *database) logged(x *Exchange, call, text string, run func() error) {
	record := Query{Event: "query", ID: x.ID, Call: call, Text: text, Goid: truth.Goid(), Start: truth.Now()}
	err := run()
	record.End, record.Error = truth.Now(), truth.Text(err)
	d.log.Write(record)
}

// read takes all rows, since a connection is free only then.
func read(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		var n int
		truth.Check(rows.Scan(&n))
	}
	truth.Check(rows.Err())
	return rows.Close()
}

func (d *database) query(x *Exchange, text string) {
	d.logged(x, "DB.QueryContext", text, func() error { return read(d.QueryContext(context.Background(), text)) })
}

// lose is a call whose connection turns out to be bad when there is no time left for another one.
func (d *database) lose(x *Exchange, text string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.logged(x, "DB.QueryContext", text, func() error {
		return read(d.QueryContext(context.WithValue(ctx, stubsql.Lost{}, cancel), text))
	})
}

func (d *database) queryPlain(x *Exchange) {
	d.logged(x, "DB.Query", selectText, func() error { return read(d.Query(selectText)) })
}

func (d *database) queryRow(x *Exchange) {
	var n int
	d.logged(x, "DB.QueryRow", selectText, func() error { return d.QueryRow(selectText).Scan(&n) })
}

func (d *database) exec(x *Exchange, text string) {
	d.logged(x, "DB.ExecContext", text, func() error {
		_, err := d.ExecContext(context.Background(), text, 5)
		return err
	})
}

func (d *database) transaction(x *Exchange, end func(*sql.Tx) error) {
	tx, err := d.Begin()
	truth.Check(err)
	d.logged(x, "Tx.Query", selectText, func() error { return read(tx.Query(selectText)) })
	d.logged(x, "Tx.Exec", insertText, func() error { _, err := tx.Exec(insertText, 5); return err })
	truth.Check(end(tx))
}

func (d *database) statement(x *Exchange) {
	query, err := d.Prepare(selectText)
	truth.Check(err)
	defer query.Close()
	exec, err := d.Prepare(insertText)
	truth.Check(err)
	defer exec.Close()
	d.logged(x, "Stmt.Query", selectText, func() error { return read(query.Query()) })
	d.logged(x, "Stmt.Exec", insertText, func() error { _, err := exec.Exec(5); return err })
}

func (d *database) connection(x *Exchange) {
	conn, err := d.Conn(context.Background())
	truth.Check(err)
	defer conn.Close()
	d.logged(x, "Conn.QueryContext", selectText,
		func() error { return read(conn.QueryContext(context.Background(), selectText)) })
}

// run does what the kind says, and then answers.
func (d *database) run(x *Exchange, w http.ResponseWriter, r *http.Request, kind string) {
	switch kind {
	case "query":
		d.query(x, selectText)
	case "query-plain":
		d.queryPlain(x)
	case "query-row":
		d.queryRow(x)
	case "query-fail":
		d.query(x, "SELECT fail FROM users WHERE id = 5")
	case "query-stale":
		d.query(x, "SELECT stale FROM users WHERE id = 5")
	case "query-lost":
		d.lose(x, "SELECT lost FROM users WHERE id = 5")
	case "exec":
		d.exec(x, insertText)
	case "exec-fail":
		d.exec(x, "DELETE fail FROM users WHERE id = 5")
	case "commit":
		d.transaction(x, (*sql.Tx).Commit)
	case "rollback":
		d.transaction(x, (*sql.Tx).Rollback)
	case "statement":
		d.statement(x)
	case "connection":
		d.connection(x)
	}
	x.Answer(w, r)
}
