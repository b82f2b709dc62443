// SPDX-License-Identifier: Apache-2.0

// nested makes calls that make others on the same goroutine, and serves none: a request that one Transport of net/http hands
// to another, and queries of a database whose driver speaks HTTP. For Go 1.17 and later.
//
// It prints "ready PID ADDRESS" and waits for a line on stdin, then makes 200 of each and ends.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"

	"otb/tests/target/go/shared/truth"
)

const calls = 200

// serve answers requests by a socket, so that the file has no HTTP server.
func serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		if _, err := http.ReadRequest(reader); err != nil {
			return
		}
		if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

func get(client *http.Client, url string) {
	response, err := client.Get(url)
	truth.Check(err)
	_, err = io.Copy(io.Discard, response.Body)
	truth.Check(err)
	truth.Check(response.Body.Close())
}

// An other is a scheme of its own, of which a Transport takes care.
type other struct{ transport *http.Transport }

func (o other) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return o.transport.RoundTrip(r)
}

// A database that is asked by HTTP.
type database struct{ url string }

func (d *database) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *database) Driver() driver.Driver                        { return nil }
func (d *database) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("not here") }
func (d *database) Begin() (driver.Tx, error)                    { return nil, errors.New("not here") }
func (d *database) Close() error                                 { return nil }

func (d *database) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	get(http.DefaultClient, d.url)
	return driver.RowsAffected(1), nil
}

func main() {
	address := truth.Serve(serve)
	transport := &http.Transport{}
	transport.RegisterProtocol("other", other{&http.Transport{}})
	client := &http.Client{Transport: transport}
	db := sql.OpenDB(&database{"http://" + address + "/query"})
	truth.Await(address, func() int64 { return 0 })
	for i := 0; i < calls; i++ {
		get(client, "other://"+address+"/other")
		_, err := db.Exec("DELETE FROM t")
		truth.Check(err)
	}
}
