//go:build !linux

package main

import (
	"io"
	"net"
)

// skip drops n bytes that have not been read from the socket yet.
func skip(tcp *net.TCPConn, n int64) error {
	_, err := io.CopyN(io.Discard, tcp, n)
	return err
}

func settle() {}
