//go:build unix

package disk

import (
	"os"
	"syscall"
)

// lockFile takes the lock of the whole root, which the kernel drops when the process ends, however it ends.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// nonblock is the flag for opening a file that nobody waits for.
const nonblock = syscall.O_NONBLOCK
