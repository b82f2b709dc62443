// SPDX-License-Identifier: Apache-2.0

//go:build notx
// +build notx

package main

// Without transactions the linker leaves out what drivers have for them.
func (r *runner) transaction() {}
