// SPDX-License-Identifier: Apache-2.0

//go:build forcegc
// +build forcegc

package main

import (
	"time"
	_ "unsafe" // for go:linkname
)

// The runtime collects when it has not done so for two minutes. From 1.23 on the linker allows to reach for that number
// only with -checklinkname=0.
//
//go:linkname forcegcperiod runtime.forcegcperiod
var forcegcperiod int64

func init() {
	setForcePeriod = func(period time.Duration) { forcegcperiod = int64(period) }
}
