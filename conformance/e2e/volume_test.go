//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"unsafe"
)

// volume is a file system of its own, mounted for one test.
type volume struct {
	dir     string
	mount   []string // arguments of mount
	tools   *program // in whose PATH mount and mkfs are
	mounted bool
}

// newTmpfs mounts a file system of some MiB in memory.
func newTmpfs(t *testing.T, mib int) *volume {
	t.Helper()
	v := newVolume(t)
	v.mount = []string{"-t", "tmpfs", "-o", "mode=700,size=" + strconv.Itoa(mib) + "m", "vitrine-e2e"}
	v.attach(t)
	return v
}

// newExt4 mounts an ext4 of some MiB on a loop device.
func newExt4(t *testing.T, mib int) *volume {
	t.Helper()
	v := newVolume(t)
	image := filepath.Join(tempDir(t), "ext4")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(mib) << 20); err != nil {
		t.Fatal(err)
	}
	mkfs := newProgram(t, needProgram(t, "mkfs.ext4", "e2fsprogs"))
	mkfs.run(t, "-q", "-F", "-m", "0", image)
	v.mount = []string{"-t", "ext4", "-o", "loop", image}
	v.attach(t)
	return v
}

func newVolume(t *testing.T) *volume {
	t.Helper()
	needRoot(t)
	v := &volume{dir: filepath.Join(tempDir(t), "mnt"), tools: newProgram(t, needProgram(t, "mount", "mount"))}
	if err := os.Mkdir(v.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if v.mounted {
			syscall.Unmount(v.dir, syscall.MNT_DETACH) // also where a process that should be gone still has a file open
		}
	})
	return v
}

func (v *volume) attach(t *testing.T) {
	t.Helper()
	v.tools.run(t, append(v.mount, v.dir)...)
	v.mounted = true
}

// detach unmounts, which fails while anything is open.
func (v *volume) detach(t *testing.T) {
	t.Helper()
	if err := syscall.Unmount(v.dir, 0); err != nil {
		t.Fatalf("umount: %v", err)
	}
	v.mounted = false
}

// Of the kernel's fs/ext4/ext4.h.
const (
	ext4Shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
	ext4NoLogFlush = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH: drop the journal's unwritten part, too
)

// cut is a power cut: from now on nothing reaches the disk, and what was not synced is lost.
func (v *volume) cut(t *testing.T) {
	f, err := os.Open(v.dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	flags := uint32(ext4NoLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		t.Errorf("EXT4_IOC_SHUTDOWN: %v", errno)
	}
}
