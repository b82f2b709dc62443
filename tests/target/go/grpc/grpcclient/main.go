// SPDX-License-Identifier: Apache-2.0

// grpcclient calls package echo by gRPC-Go and logs what it sent and saw. For Go 1.17 and gRPC 1.40 and later. It says
// "sent N wrong N" at its end, and exits 1 if a call ended in another way than it should.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"math/rand"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"otb/tests/target/go/grpc/echo"
	"otb/tests/target/go/shared/truth"
)

var (
	address     = flag.String("address", "", "of the server: HOST:PORT")
	protocol    = flag.String("proto", "plain", "as the server's")
	calls       = flag.Int("n", 1009, "calls")
	connections = flag.Int("connections", 5, "connections")
	inFlight    = flag.Int("in-flight", 7, "calls at a time")
	seed        = flag.Int64("seed", 1, "of the mix")
	prefix      = flag.String("prefix", "r", "of the ids")
	path        = flag.String("log", "", "file for the log")
	wait        = flag.Duration("wait", 100*time.Millisecond, "for an answer that never comes")
	hold        = flag.Bool("hold", false, `say "ready PID" and wait for a line on stdin before anything is sent`)
)

// A connection knows the address that it is from.
type connection struct {
	*grpc.ClientConn
	mutex sync.Mutex
	local string
}

func (c *connection) dial(ctx context.Context, address string) (net.Conn, error) {
	made, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.local = made.LocalAddr().String()
	}
	return made, err
}

func (c *connection) from() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.local
}

func connect(address string) *connection {
	security := insecure.NewCredentials()
	if *protocol == "tls" || *protocol == "https" {
		security = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	c := new(connection)
	made, err := grpc.Dial(address, grpc.WithTransportCredentials(security), grpc.WithContextDialer(c.dial),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(echo.Codec{})))
	truth.Check(err)
	c.ClientConn = made
	return c
}

// run sends the calls, and returns how many ended in another way than they should.
func run(made []*rpc, log *truth.Log) (wrong int64) {
	var group sync.WaitGroup
	var open []*connection
	for i := 0; i < *connections; i++ {
		open = append(open, connect(*address))
	}
	refused := connect("127.0.0.1:1")
	next := int64(-1)
	for worker := 0; worker < *inFlight; worker++ {
		group.Add(1)
		go func(c *connection) {
			defer group.Done()
			for i := atomic.AddInt64(&next, 1); i < int64(len(made)); i = atomic.AddInt64(&next, 1) {
				on := c
				if made[i].outcome == refusedOutcome {
					on = refused
				}
				sent := made[i].call(on)
				log.Write(sent)
				if sent.Wrong != "" {
					atomic.AddInt64(&wrong, 1)
				}
			}
		}(open[worker%len(open)])
	}
	group.Wait()
	for _, c := range append(open, refused) {
		truth.Check(c.Close())
	}
	return wrong
}

func main() {
	flag.Parse()
	log, err := truth.Create(*path)
	truth.Check(err)
	made := makeCalls(*calls, rand.New(rand.NewSource(*seed)))
	if *hold {
		fmt.Println("ready", os.Getpid())
		bufio.NewScanner(os.Stdin).Scan()
	}
	wrong := run(made, log)
	fmt.Println("sent", len(made), "wrong", wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
