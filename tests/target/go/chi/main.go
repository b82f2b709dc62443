// SPDX-License-Identifier: Apache-2.0

// chi has the ordinary endpoints of httpserver by github.com/go-chi/chi, with the same log.
package main

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
)

func build(o *service.Observer) http.Handler {
	router := chi.NewRouter()
	at := func(endpoint, pattern string, do func(*service.Exchange, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			do(o.At(w, r, endpoint, pattern), w, r)
		}
	}
	answer := (*service.Exchange).Answer
	router.HandleFunc("/health", at("health", "/health", (*service.Exchange).Silent))
	// A router below another: its patterns are of two parts.
	router.Route("/api", func(api chi.Router) {
		api.Get("/items", at("items", "/api/items", answer))
		api.Head("/items", at("items", "/api/items", answer))
		api.Post("/items", at("items", "/api/items", answer))
		api.HandleFunc("/items/{id}", at("item", "/api/items/{id}", answer))
	})
	router.HandleFunc("/users/{user}/posts/*", at("posts", "/users/{user}/posts/*", answer))
	router.HandleFunc("/static/*", at("static", "/static/*", answer))
	return router
}

func main() {
	serve.Router(build)
}
