// SPDX-License-Identifier: Apache-2.0

//go:build cgo
// +build cgo

package main

import _ "os/user" // as most programs do, uses cgo where it may: the file is then dynamically linked
