// SPDX-License-Identifier: Apache-2.0

//go:build go1.24
// +build go1.24

package load

import "net/http"

func init() {
	newUnencrypted = func() *http.Transport {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		return transport
	}
}
