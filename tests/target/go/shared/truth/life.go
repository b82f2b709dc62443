// SPDX-License-Identifier: Apache-2.0

package truth

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Listen is for a server whose test speaks to it alone: only the loopback is allowed.
func Listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	Check(err)
	if tcp := listener.Addr().(*net.TCPAddr); !tcp.IP.IsLoopback() {
		Check(fmt.Errorf("%s is not the loopback", tcp))
	}
	return listener
}

// Serve hands each connection to serve, in a goroutine of its own, and returns the address.
func Serve(serve func(net.Conn)) string {
	listener := Listen("127.0.0.1:0")
	go func() {
		for {
			connection, err := listener.Accept()
			Check(err)
			go serve(connection)
		}
	}()
	return listener.Addr().String()
}

// Await says "ready PID ADDRESS" on stdout, and returns when stdin ends or says "end". Every line "count" is answered
// with "count N".
func Await(address string, count func() int64) {
	fmt.Println("ready", os.Getpid(), address)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "end" {
		fmt.Println("count", count())
	}
}

// Certificate makes one for the loopback, signed by itself.
func Certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Check(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	Check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
