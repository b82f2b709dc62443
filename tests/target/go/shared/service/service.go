// SPDX-License-Identifier: Apache-2.0

package service

import (
	"net/http"
	"net/url"
	"strings"

	"otb/tests/target/go/shared/truth"
)

// Options of a Service.
type Options struct {
	Backend  string // what its calls go to, "http://127.0.0.1:8080"
	Protocol string // of the backend, "h2" for HTTP/2
	Driver   string // of database/sql
	Copy     bool   // the middleware passes on a copy of the request, as many do
}

// A Service has endpoints on net/http's ServeMux.
type Service struct {
	*Observer
	options Options
	caller  *caller
	data    *database
}

// New is a service that logs to log.
func New(options Options, log *truth.Log) *Service {
	return &Service{
		Observer: Observe(log),
		options:  options,
		caller:   newCaller(options.Backend, options.Protocol, log),
		data:     openDatabase(options.Driver, log),
	}
}

// Wait is until no handler is at work, and nothing that handlers left behind.
func (s *Service) Wait() {
	s.Observer.Wait()
	s.caller.after.Wait()
}

type action func(x *Exchange, w http.ResponseWriter, r *http.Request)

// An endpoint has one or more patterns: those of Go 1.22 and later, and the one of before.
type endpoint struct {
	name     string
	patterns []string
	before   string
	do       action
}

func (s *Service) endpoints() []endpoint {
	answer := (*Exchange).Answer
	last := func(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }
	return []endpoint{
		{"health", []string{"/health"}, "/health", (*Exchange).Silent},
		{"items", []string{"GET /api/items", "POST /api/items"}, "/api/items", answer},
		{"item", []string{"/api/items/{id}"}, "/api/items/", answer},
		{"posts", []string{"GET /users/{user}/posts/{post...}"}, "/users/", answer},
		{"host", []string{"localhost/here/{$}"}, "localhost/here/", answer},
		{"static", []string{"/static/"}, "/static/", answer},
		{"end", []string{"POST /end/{how}"}, "/end/", func(x *Exchange, w http.ResponseWriter, r *http.Request) {
			ends[last(r)](x, w, r)
		}},
		{"work", []string{"GET /work/{kind}"}, "/work/", func(x *Exchange, w http.ResponseWriter, r *http.Request) {
			s.caller.work(x, w, r, last(r))
		}},
		{"sql", []string{"GET /sql/{kind}"}, "/sql/", func(x *Exchange, w http.ResponseWriter, r *http.Request) {
			s.data.run(x, w, r, last(r))
		}},
	}
}

// hasPatterns asks the ServeMux: GODEBUG decides, and the go line of the program's go.mod, beside the release.
func hasPatterns() bool {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}})
	return pattern == "GET /"
}

func (s *Service) register(mux *http.ServeMux, name, pattern string, do action) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		do(s.At(w, r, name, pattern), w, r)
	})
}

// Handler is the whole service.
func (s *Service) Handler() http.Handler {
	mux, has := http.NewServeMux(), hasPatterns()
	for _, e := range s.endpoints() {
		if !has {
			e.patterns = []string{e.before}
		}
		for _, pattern := range e.patterns {
			s.register(mux, e.name, pattern, e.do)
		}
	}
	if !s.options.Copy {
		return s.Observer.Handler(mux)
	}
	return s.Observer.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(r.Context()))
	}))
}
