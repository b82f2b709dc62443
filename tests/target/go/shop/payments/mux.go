// SPDX-License-Identifier: Apache-2.0

// The ServeMux of Go 1.22 and later, which a go.mod for an older release does without.
//
//go:debug httpmuxgo121=0
package main
