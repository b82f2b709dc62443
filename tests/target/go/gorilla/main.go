// SPDX-License-Identifier: Apache-2.0

// gorilla has the ordinary endpoints of httpserver by github.com/gorilla/mux, with the same log.
package main

import (
	"net/http"

	"github.com/gorilla/mux"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
)

func build(o *service.Observer) http.Handler {
	router := mux.NewRouter()
	at := func(endpoint, pattern string, do func(*service.Exchange, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			do(o.At(w, r, endpoint, pattern), w, r)
		}
	}
	answer := (*service.Exchange).Answer
	router.HandleFunc("/health", at("health", "/health", (*service.Exchange).Silent))
	api := router.PathPrefix("/api").Subrouter()
	api.HandleFunc("/items", at("items", "/api/items", answer)).Methods("GET", "HEAD", "POST")
	api.HandleFunc("/items/{id}", at("item", "/api/items/{id}", answer))
	router.HandleFunc("/users/{user}/posts/{post:.*}", at("posts", "/users/{user}/posts/{post:.*}", answer))
	router.PathPrefix("/static/").HandlerFunc(at("static", "/static/", answer))
	return router
}

func main() {
	serve.Router(build)
}
