package disk

import (
	"errors"
	"os"
	"syscall"
)

// renameAt renames between two open directories. os.Root can only do it from a directory above both, of which it
// opens every component on both ways: nine system calls for one.
func (*tree) renameAt(from *dir, oldBase string, to *dir, newBase string) error {
	a, err := from.file.SyscallConn()
	if err != nil {
		return err
	}
	b, err := to.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	outer := a.Control(func(oldFd uintptr) {
		inner = b.Control(func(newFd uintptr) {
			err = syscall.Renameat(int(oldFd), oldBase, int(newFd), newBase)
		})
	})
	return errors.Join(outer, inner, err)
}

// syncFileRangeWrite starts writing dirty pages and does not wait (sync_file_range(2)).
const syncFileRangeWrite = 2

// startWriteback asks the kernel to begin writing what stands in [off, off+n) of f, so that the fsync at the end finds
// little left to do. It promises nothing, so its error means nothing.
func startWriteback(f *os.File, off, n int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncFileRangeWrite)
}
