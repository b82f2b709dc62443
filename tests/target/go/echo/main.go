// SPDX-License-Identifier: Apache-2.0

// echo has the ordinary endpoints of httpserver by github.com/labstack/echo, with the same log.
package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
)

func build(o *service.Observer) http.Handler {
	router := echo.New()
	at := func(endpoint, pattern string, do func(*service.Exchange, http.ResponseWriter, *http.Request)) echo.HandlerFunc {
		return func(c echo.Context) error {
			do(o.At(c.Response(), c.Request(), endpoint, pattern), c.Response(), c.Request())
			return nil
		}
	}
	answer := (*service.Exchange).Answer
	router.Any("/health", at("health", "/health", (*service.Exchange).Silent))
	api := router.Group("/api")
	for _, method := range []string{"GET", "HEAD", "POST"} {
		api.Add(method, "/items", at("items", "/api/items", answer))
	}
	api.Any("/items/:id", at("item", "/api/items/:id", answer))
	router.Any("/users/:user/posts/*", at("posts", "/users/:user/posts/*", answer))
	router.Any("/static/*", at("static", "/static/*", answer))
	return router
}

func main() {
	serve.Router(build)
}
