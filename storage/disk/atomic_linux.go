package disk

import (
	"os"
	"syscall"
)

// syncFileRangeWrite starts writing dirty pages and does not wait (sync_file_range(2)).
const syncFileRangeWrite = 2

// startWriteback asks the kernel to begin writing what stands in [off, off+n) of f, so that the fsync at the end finds
// little left to do. It promises nothing, so its error means nothing.
func startWriteback(f *os.File, off, n int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncFileRangeWrite)
}
