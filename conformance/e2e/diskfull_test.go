//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull pushes to a disk until it is full: the pusher is told, the rest goes on, and so does he when there is space.
func TestDiskFull(t *testing.T) {
	needE2E(t)
	t.Run("tmpfs", func(t *testing.T) { fillDisk(t, newTmpfs(t, 32)) })
	t.Run("ext4", func(t *testing.T) { fillDisk(t, newExt4(t, 32)) })
}

func fillDisk(t *testing.T, v *volume) {
	s := start(t, filepath.Join(v.dir, "root"), nil)
	c := small(t, s, 1)
	c.push(t)
	blocker := filepath.Join(v.dir, "blocker")
	fill(t, blocker)
	if err := os.Truncate(blocker, size(t, blocker)-4<<20); err != nil { // some blobs still fit
		t.Fatal(err)
	}

	refused := pushUntilFull(t, s)
	session := pathOf(s.expect(t, 202, "POST", "/v2/full/blobs/uploads/", nil))
	s.full(t, "PATCH", session, refused.bytes()) // nothing of it is kept: the next one starts at 0
	fill(t, filepath.Join(v.dir, "rest"))
	s.full(t, "POST", "/v2/full/blobs/uploads/?digest="+string(content{3, 200_000}.digest()), content{3, 200_000}.bytes())
	other := append(bytes.Repeat([]byte(" "), 200_000), c.raw...) // the same image, but other bytes
	s.full(t, "PUT", "/v2/small/manifests/2", other, "Content-Type", typeManifest)
	if !s.alive() {
		t.Fatal("the server is gone")
	}
	c.check(t)

	for _, name := range []string{"blocker", "rest"} {
		if err := os.Remove(filepath.Join(v.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.expect(t, 202, "PATCH", session, refused.bytes(), "Content-Range", fmt.Sprintf("0-%d", refused.size-1))
	s.expect(t, 201, "PUT", withQuery(session, "digest="+string(refused.digest())), nil)
	if _, err := s.fetch("full").get(refused.digest()); err != nil {
		t.Error(err)
	}
	s.expect(t, 201, "PUT", "/v2/small/manifests/2", other, "Content-Type", typeManifest)
	c.check(t)
	if out, code := verify(t, s.root); code != 0 {
		t.Errorf("verify exits with %d:\n%s", code, out)
	}
}

// pushUntilFull pushes blobs of a MiB and returns the first that was refused.
func pushUntilFull(t *testing.T, s *server) content {
	t.Helper()
	for n := range 40 {
		c := content{uint64(100 + n), 1 << 20}
		path := "/v2/full/blobs/uploads/?digest=" + string(c.digest())
		a, err := s.send("POST", path, c.bytes(), "Content-Type", "application/octet-stream")
		if err != nil {
			t.Fatal(err)
		}
		if a.status != 201 {
			s.full(t, "POST", path, c.bytes())
			return c
		}
	}
	t.Fatal("40 MiB went into 32")
	return content{}
}

// full makes a request that has to be answered with 507, and with nothing of the server's insides.
func (s *server) full(t *testing.T, method, path string, body []byte, header ...string) {
	t.Helper()
	a := s.expect(t, 507, method, path, body, header...)
	if strings.Contains(string(a.body), s.root) || !strings.Contains(string(a.body), `"errors"`) {
		t.Errorf("%s %s: the answer is %s", method, path, a.body)
	}
}

// fill writes to a file until the disk is full. What ext4 sets aside for delayed writes is free again after a sync.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for n := int64(1); n > 0; f.Sync() {
		if n, err = io.Copy(struct{ io.Writer }{f}, zeros{}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("filling the disk: %v", err)
		}
	}
}

// zeros is a Reader without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}
