// SPDX-License-Identifier: Apache-2.0

//go:build !notx
// +build !notx

package main

import "otb/tests/target/go/shared/truth"

func (r *runner) transaction() {
	tx, err := r.Begin()
	truth.Check(err)
	r.all("Tx", tx)
	r.statements("Tx", tx)
	r.call("Tx.Query", "SELECT stale-always", "SELECT stale-always", query(tx))
	truth.Check(tx.Rollback())
}
