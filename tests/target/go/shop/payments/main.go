// SPDX-License-Identifier: Apache-2.0

// payments charges cards for the shop's orders, and declines one in 31. For Go 1.17 and later.
package main

import (
	"flag"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"otb/tests/target/go/shop/desk"
)

const declines = 31

var charged int64

func charge(*http.Request) (int, string) {
	time.Sleep(2 * time.Millisecond)            // the bank
	receipt := strings.Repeat("charged ", 1024) // garbage
	if atomic.AddInt64(&charged, 1)%declines == 0 {
		return http.StatusPaymentRequired, `{"error":"declined"}`
	}
	return http.StatusOK, `{"receipt":"` + receipt[:64] + `"}`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to serve")
	flag.Parse()
	d := desk.New()
	d.Handle("/charge", charge)
	d.Serve(*listen)
}
