// SPDX-License-Identifier: Apache-2.0

// muxes has the ordinary endpoints of httpserver by ServeMuxes of net/http below another, with the same log: one that is
// asked for the whole path and knows better, and one that is asked for what http.StripPrefix leaves of it.
package main

import (
	"fmt"
	"net/http"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
)

func build(o *service.Observer) http.Handler {
	outer, inner, stripped := http.NewServeMux(), http.NewServeMux(), http.NewServeMux()
	at := func(endpoint, pattern string, do func(*service.Exchange, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			do(o.At(w, r, endpoint, pattern), w, r)
		}
	}
	answer := (*service.Exchange).Answer
	outer.Handle("/health", at("health", "/health", (*service.Exchange).Silent))
	outer.Handle("/api/items", at("items", "/api/items", answer))
	outer.Handle("/api/items/", inner)
	inner.Handle("/", at("item", "/api/items/", answer))
	outer.Handle("/users/", inner)
	for i := 0; i < 1000; i++ {
		pattern := fmt.Sprintf("/users/u%d/", i)
		inner.Handle(pattern, at("posts", pattern, answer))
	}
	outer.Handle("/static/", http.StripPrefix("/static", stripped))
	static := at("static", "/static/", answer)
	stripped.Handle("/", static)
	stripped.Handle("/css/", static)
	stripped.Handle("/long/long/long/", static)
	return outer
}

func main() {
	serve.Router(build)
}
