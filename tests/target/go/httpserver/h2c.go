// SPDX-License-Identifier: Apache-2.0

//go:build go1.24
// +build go1.24

package main

import "net/http"

func init() {
	allowUnencrypted = func(server *http.Server) {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
}
