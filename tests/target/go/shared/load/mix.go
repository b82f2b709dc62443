// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math/rand"
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// What becomes of a request.
const (
	answered = "answered" // a status and the whole body
	broken   = "broken"   // no status
	cut      = "cut"      // a status, and less than the body
	left     = "left"     // a status; the client goes then
	expired  = "expired"  // no status in the time that the client waits
)

// A Request is what is sent, and what should come of it.
type Request struct {
	ID       string
	Method   string
	Path     string // escaped
	Query    string
	Host     string // empty: the address
	Body     int    // bytes
	Endpoint string // empty: none of the service's
	Status   int    // 0: none
	Outcome  string
	Case     string // of headers
	Header   http.Header
	Parent   Parent
}

// A maker makes requests of one kind.
type maker func(random *rand.Rand, r *Request)

func pick(random *rand.Rand, from ...string) string {
	return from[random.Intn(len(from))]
}

// settle chooses a status, for endpoints that set what the query says.
func settle(random *rand.Rand, r *Request) {
	statuses := []int{200, 200, 200, 201, 204, 301, 404, 418, 500, 503}
	r.Status = statuses[random.Intn(len(statuses))]
	query := url.Values{"secret": {"token=" + r.ID}}
	query.Set("status", fmt.Sprint(r.Status))
	query.Set("size", pick(random, "0", "2", "300", "5000"))
	if r.Body > 0 && random.Intn(3) == 0 {
		query.Set("read", pick(random, "0", "7"))
	}
	r.Query = query.Encode()
}

// odd is a method that no specification knows.
const odd = "BREW"

func bodyOf(random *rand.Rand, method string) int {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, odd:
		return []int{0, 1, 100, 10000}[random.Intn(4)]
	}
	return 0
}

func health(random *rand.Rand, r *Request) {
	r.Method, r.Path, r.Endpoint, r.Status = pick(random, "GET", "GET", "HEAD", "POST", "OPTIONS"), "/health", "health", 200
}

func items(random *rand.Rand, r *Request) {
	r.Method, r.Path, r.Endpoint = pick(random, "GET", "POST", "HEAD"), "/api/items", "items"
	r.Body = bodyOf(random, r.Method)
	settle(random, r)
}

func item(random *rand.Rand, r *Request) {
	itemBy(random, r, pick(random, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"))
}

func brew(random *rand.Rand, r *Request) {
	itemBy(random, r, odd)
}

func itemBy(random *rand.Rand, r *Request, method string) {
	r.Method, r.Endpoint = method, "item"
	r.Path = "/api/items/" + pick(random, fmt.Sprint(random.Intn(100000)), "a%20b", "%C3%A4%E2%82%AC", "x-"+r.ID)
	r.Body = bodyOf(random, r.Method)
	settle(random, r)
}

func posts(random *rand.Rand, r *Request) {
	r.Method, r.Endpoint = pick(random, "GET", "HEAD"), "posts"
	r.Path = fmt.Sprintf("/users/u%d/posts/%s", random.Intn(1000), pick(random, "1", "2026/1", "a/b/c/d/e"))
	settle(random, r)
}

func here(random *rand.Rand, r *Request) {
	r.Method, r.Path, r.Host, r.Endpoint = "GET", "/here/", "localhost", "host"
	settle(random, r)
}

// static paths are long, and have in them what is hard to write down: quotes, control characters, what is no UTF-8.
func static(random *rand.Rand, r *Request) {
	r.Method, r.Endpoint = pick(random, "GET", "HEAD"), "static"
	r.Path = "/static/" + pick(random, "app.js", "css/site.css", "a%22b%5Cc", "a%01%0A%7F%1Bb", "no%FFutf%C3", "%E2%80%A8",
		strings.Repeat("long/", 60)+"end", strings.Repeat("l", 3000))
	settle(random, r)
}

func nowhere(random *rand.Rand, r *Request) {
	r.Method, r.Path, r.Status = pick(random, "GET", "POST", "DELETE"), pick(random, "/nowhere", "/", "/api", "/healthy"), 404
}

// An ending is what a client sees of what a handler does at /end/.
type ending struct {
	how     string
	outcome string
	status  int
}

var endings = []ending{
	{"silent", answered, 200}, {"body", answered, 200}, {"twice", answered, 202}, {"hints", answered, 200},
	{"large", answered, 200}, {"stream", answered, 200}, {"panic", broken, 0}, {"abort", broken, 0}, {"late", cut, 200},
	{"recovered", answered, 500}, {"exit", broken, 0}, {"hijack", answered, 200}, {"wait", expired, 0},
	{"outlive", left, 200},
}

// end requests are POST, since net/http sends others again when the connection breaks.
func end(random *rand.Rand, r *Request) {
	e := endings[random.Intn(len(endings))]
	r.Method, r.Path, r.Endpoint, r.Outcome, r.Status = "POST", "/end/"+e.how, "end", e.outcome, e.status
}

func fan(random *rand.Rand, r *Request) {
	r.Method, r.Path, r.Endpoint, r.Status = "GET", "/work/fan", "work", 200
	r.Query = fmt.Sprintf("depth=%d&width=%d", 1+random.Intn(5), 1+random.Intn(3))
}

func work(random *rand.Rand, r *Request) {
	kind := pick(random, "self", "early", "lazy", "detached", "redirect", "refused", "missing", "broken", "deadline")
	r.Method, r.Path, r.Endpoint, r.Status = "GET", "/work/"+kind, "work", 200
}

func queries(random *rand.Rand, r *Request) {
	r.Method, r.Endpoint, r.Status = "GET", "sql", 200
	r.Path = "/sql/" + pick(random, "query", "query-plain", "query-row", "query-fail", "query-stale", "query-lost", "exec",
		"exec-fail", "commit", "rollback", "statement", "connection")
}

// Mixes by name: "plain" is of ordinary requests that a router too can answer, "http" what only net/http's ServeMux can.
var mixes = map[string][]maker{
	"plain": {health, items, item, item, posts, static, nowhere},
	"http":  {health, items, item, item, brew, posts, here, static, nowhere},
	"end":   {end},
	"fan":   {fan},
	"work":  {fan, work, work, work},
	"sql":   {queries},
	"all":   {health, items, item, item, brew, posts, here, static, nowhere, end, fan, work, queries},
}

// Mixes are their names.
func Mixes() string {
	var names []string
	for name := range mixes {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// Make makes n requests of a mix: the same ones for the same seed.
func Make(mix string, n int, seed int64, prefix string) ([]*Request, error) {
	makers, ok := mixes[mix]
	if !ok {
		return nil, fmt.Errorf("no mix %q", mix)
	}
	random := rand.New(rand.NewSource(seed))
	cases := NewCases(random)
	requests := make([]*Request, n)
	for i := range requests {
		r := &Request{ID: fmt.Sprintf("%s%d", prefix, i), Outcome: answered, Header: http.Header{}}
		makers[random.Intn(len(makers))](random, r)
		r.Case, r.Parent = cases.Next(r.Header, random)
		requests[i] = r
	}
	return requests, nil
}
