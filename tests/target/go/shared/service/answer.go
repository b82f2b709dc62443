// SPDX-License-Identifier: Apache-2.0

package service

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func number(query url.Values, name string, otherwise int) int {
	if n, err := strconv.Atoi(query.Get(name)); err == nil {
		return n
	}
	return otherwise
}

// Answer is an ordinary handler. The query says what to do: status, size (of the body), wait (ms), read (bytes of the
// request's body; all of it if absent).
func (x *Exchange) Answer(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if limit := number(query, "read", -1); limit >= 0 {
		_, _ = io.CopyN(io.Discard, r.Body, int64(limit))
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	time.Sleep(time.Duration(number(query, "wait", 0)) * time.Millisecond)
	x.Status = number(query, "status", http.StatusOK)
	if x.Status == http.StatusMovedPermanently {
		w.Header().Set("Location", "/health")
	}
	w.WriteHeader(x.Status)
	if x.Status != http.StatusNoContent && r.Method != http.MethodHead {
		_, _ = io.WriteString(w, strings.Repeat("x", number(query, "size", 2)))
	}
}

// Silent writes neither a status nor a body: 200.
func (x *Exchange) Silent(http.ResponseWriter, *http.Request) {}
