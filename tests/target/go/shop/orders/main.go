// SPDX-License-Identifier: Apache-2.0

// orders is the shop's front: it shows items, searches, and takes orders, for which it asks the payments service. Its
// database is a driver without one. It makes garbage on purpose. For Go 1.17 and later.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "otb/tests/target/go/shared/stubsql" // the driver
	"otb/tests/target/go/shared/truth"
	"otb/tests/target/go/shop/desk"
)

const (
	items     = 1000
	pageBytes = 2048
	pages     = 4096 // that are kept, so that the collector has something to mark
)

type shop struct {
	desk     *desk.Desk
	db       *sql.DB
	payments string
	client   http.Client
	garbage  int
	mutex    sync.Mutex
	cache    [pages][]byte
	newest   int
}

// keep remembers a page, and forgets the oldest.
func (s *shop) keep(page []byte) {
	s.mutex.Lock()
	s.cache[s.newest%pages] = page
	s.newest++
	s.mutex.Unlock()
}

func (s *shop) query(ctx context.Context, text string, arguments ...interface{}) int {
	var n int
	truth.Check(s.db.QueryRowContext(ctx, text, arguments...).Scan(&n))
	s.desk.Queried()
	return n
}

func (s *shop) exec(ctx context.Context, text string, arguments ...interface{}) {
	_, err := s.db.ExecContext(ctx, text, arguments...)
	truth.Check(err)
	s.desk.Queried()
}

func health(*http.Request) (int, string) { return http.StatusOK, `{"ok":true}` }

func (s *shop) item(r *http.Request) (int, string) {
	id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/items/"))
	if err != nil || id >= items {
		return http.StatusNotFound, `{"error":"no such item"}`
	}
	stock := s.query(r.Context(), "SELECT stock FROM items WHERE id = ?", id)
	page := append(make([]byte, 0, pageBytes), fmt.Sprintf(`{"id":%d,"stock":%d}`, id, stock)...)
	s.keep(page)
	return http.StatusOK, string(page)
}

// search is the one that makes garbage.
func (s *shop) search(r *http.Request) (int, string) {
	found := s.query(r.Context(), "SELECT count(*) FROM items WHERE name LIKE ?", "%lamp%")
	var names []string
	for size := 0; size < s.garbage; size += 128 {
		names = append(names, strings.Repeat(strconv.Itoa(size*7919%10007)+" ", 64)[:128])
	}
	sort.Strings(names)
	return http.StatusOK, fmt.Sprintf(`{"found":%d,"first":%q}`, found, names[0])
}

// charge asks the payments service; 0: no answer.
func (s *shop) charge(ctx context.Context) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.payments+"/charge", strings.NewReader(`{"cents":1999}`))
	truth.Check(err)
	response, err := s.client.Do(request)
	if err != nil {
		s.desk.Called(0)
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	truth.Check(response.Body.Close())
	s.desk.Called(response.StatusCode)
	return response.StatusCode
}

func (s *shop) order(r *http.Request) (int, string) {
	s.query(r.Context(), "SELECT stock FROM items WHERE id = ?", 7)
	switch s.charge(r.Context()) {
	case http.StatusOK:
		s.exec(r.Context(), "INSERT INTO orders (item, cents) VALUES (?, ?)", 7, 1999)
		return http.StatusCreated, `{"ordered":true}`
	case http.StatusPaymentRequired:
		return http.StatusPaymentRequired, `{"error":"declined"}`
	}
	return http.StatusBadGateway, `{"error":"no answer from payments"}`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to serve")
	payments := flag.String("payments", "", "address of the payments service")
	garbage := flag.Int("garbage", 512*1024, "bytes of garbage that a search makes")
	connections := flag.Int("connections", 64, "idle ones to keep")
	flag.Parse()
	db, err := sql.Open("stub", "")
	truth.Check(err)
	db.SetMaxIdleConns(*connections)
	s := &shop{desk: desk.New(), db: db, payments: "http://" + *payments, garbage: *garbage}
	s.client = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: *connections}}
	s.desk.Handle("/healthz", health)
	s.desk.Handle("/items/", s.item)
	s.desk.Handle("/search", s.search)
	s.desk.Handle("/orders", s.order)
	s.desk.Serve(*listen)
}
