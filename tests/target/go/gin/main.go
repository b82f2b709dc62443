// SPDX-License-Identifier: Apache-2.0

// gin has the ordinary endpoints of httpserver by github.com/gin-gonic/gin, with the same log.
package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"otb/tests/target/go/shared/serve"
	"otb/tests/target/go/shared/service"
)

func build(o *service.Observer) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	at := func(endpoint, pattern string, do func(*service.Exchange, http.ResponseWriter, *http.Request)) gin.HandlerFunc {
		return func(c *gin.Context) {
			do(o.At(c.Writer, c.Request, endpoint, pattern), c.Writer, c.Request)
		}
	}
	answer := (*service.Exchange).Answer
	engine.Any("/health", at("health", "/health", (*service.Exchange).Silent))
	api := engine.Group("/api")
	api.GET("/items", at("items", "/api/items", answer))
	api.HEAD("/items", at("items", "/api/items", answer))
	api.POST("/items", at("items", "/api/items", answer))
	api.Any("/items/:id", at("item", "/api/items/:id", answer))
	engine.Any("/users/:user/posts/*post", at("posts", "/users/:user/posts/*post", answer))
	engine.Any("/static/*file", at("static", "/static/*file", answer))
	return engine
}

func main() {
	serve.Router(build)
}
