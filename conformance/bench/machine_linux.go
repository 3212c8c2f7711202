package main

import (
	"io"
	"net"
	"syscall"
)

// nowhere bounds how many bytes one system call drops. Nothing is ever written to it.
var nowhere [1 << 20]byte

// skip drops n bytes that have not been read from the socket yet. MSG_TRUNC makes the kernel throw them away without a
// copy (tcp(7)), so a client costs next to nothing and the machine is the server's.
func skip(tcp *net.TCPConn, n int64) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	wait := raw.Read(func(fd uintptr) bool {
		for n > 0 {
			var got int
			got, _, err = syscall.Recvfrom(int(fd), nowhere[:min(n, int64(len(nowhere)))], syscall.MSG_TRUNC)
			if err != nil {
				return err != syscall.EAGAIN
			}
			if got == 0 {
				err = io.ErrUnexpectedEOF
				return true
			}
			n -= int64(got)
		}
		return true
	})
	if wait != nil {
		return wait
	}
	return err
}

// settle has what earlier rounds left in the page cache written, so that a target doesn't pay for its predecessor.
func settle() { syscall.Sync() }
