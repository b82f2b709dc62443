// SPDX-License-Identifier: Apache-2.0

// A small program to look into: it has a method, a closure, a goroutine and a collection, and ends at once.
package main

import "runtime"

type counter struct{ n int }

//go:noinline
func (c *counter) add(n int) { c.n += n }

func main() {
	var c counter
	done := make(chan int)
	go func() {
		runtime.GC()
		done <- 42
	}()
	c.add(<-done)
	println("hello", c.n)
}
