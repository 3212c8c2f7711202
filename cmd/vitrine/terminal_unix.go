//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// hideInput turns off the echo of the terminal f until show is called. It fails if f is no terminal.
func hideInput(f *os.File) (show func(), err error) {
	var before syscall.Termios
	if err := termios(f, getTermios, &before); err != nil {
		return nil, err
	}
	mute := before
	mute.Lflag &^= syscall.ECHO
	mute.Lflag |= syscall.ICANON | syscall.ISIG
	mute.Iflag |= syscall.ICRNL
	if err := termios(f, setTermios, &mute); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { termios(f, setTermios, &before) }), nil
}

func termios(f *os.File, request uintptr, t *syscall.Termios) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(t))); errno != 0 {
		return errno
	}
	return nil
}
