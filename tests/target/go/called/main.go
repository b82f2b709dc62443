// SPDX-License-Identifier: Apache-2.0

// called is for what a probe costs, by where it is: for each line of its input it calls a function so many times, and
// prints the nanoseconds that a call took.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

//go:noinline
func inner(n uint64) uint64 {
	return n + 1
}

// Has a frame, hence a stack check, and one call and one return.
//
//go:noinline
func called(n uint64) uint64 {
	return 3 * inner(n)
}

func main() {
	sum := uint64(0)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		times, err := strconv.Atoi(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		began := time.Now()
		for i := 0; i < times; i++ {
			sum = called(sum)
		}
		fmt.Printf("%.2f\n", float64(time.Since(began).Nanoseconds())/float64(times))
	}
	fmt.Fprintln(os.Stderr, sum)
}
