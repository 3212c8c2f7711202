//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	memoryClients = 32
	memoryBlob    = 256 << 20
	memoryBar     = 64 << 10 // KiB of resident memory that the server may have needed at its peak
)

// TestMemory lets 32 clients push and pull blobs of 256 MiB and asks what the server needed at most.
func TestMemory(t *testing.T) {
	needE2E(t)
	root := tempDir(t)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(root, &disk); err != nil {
		t.Fatal(err)
	}
	size := int64(memoryBlob)
	if free := int64(disk.Bavail) * disk.Bsize; free < 2*size*memoryClients {
		size = free / (4 * memoryClients)
		t.Logf("%d MiB are free: blobs have %d MiB", free>>20, size>>20)
	}
	s := start(t, root, nil, "--fsync=off")
	s.client.Timeout = 15 * time.Minute
	idle := residentPeak(t, s)
	begin := time.Now()
	var all sync.WaitGroup
	for i := range memoryClients {
		all.Go(func() {
			if err := s.pushPull(uint64(i), size); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	all.Wait()
	peak := residentPeak(t, s)
	t.Logf("%d clients pushed and pulled %d MiB each in %v: the server needed %d KiB at most, %d before", memoryClients, size>>20, time.Since(begin), peak, idle)
	if peak >= memoryBar {
		t.Errorf("the server needed %d KiB, want less than %d", peak, memoryBar)
	}
}

// pushPull streams a blob in without telling its length before, as docker does, and reads it back.
func (s *server) pushPull(seed uint64, size int64) error {
	a, err := s.send("POST", "/v2/memory/blobs/uploads/", nil)
	if err != nil || a.status != 202 {
		return fmt.Errorf("POST: %v, status %d", err, a.status)
	}
	sum := sha256.New()
	req, err := http.NewRequest("PATCH", s.base+pathOf(a), io.TeeReader(&stream{seed: seed, left: size}, sum))
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	d := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	a, err = s.send("PUT", withQuery(resp.Header.Get("Location"), "digest="+d), nil)
	if err != nil || a.status != 201 {
		return fmt.Errorf("PATCH: status %d; PUT: %v, status %d: %s", resp.StatusCode, err, a.status, a.body)
	}
	resp, err = s.client.Get(s.base + "/v2/memory/blobs/" + d)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	sum.Reset()
	if _, err := io.Copy(sum, resp.Body); err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != d {
		return fmt.Errorf("pushed %s, got back %s", d, got)
	}
	return nil
}

// stream is bytes that differ between seeds and along the way, and cost next to nothing.
type stream struct {
	seed, at uint64
	left     int64
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	for i := 0; i+16 <= len(p); i += 4096 {
		binary.LittleEndian.PutUint64(p[i:], s.seed)
		binary.LittleEndian.PutUint64(p[i+8:], s.at)
		s.at++
	}
	s.left -= int64(len(p))
	return len(p), nil
}

// residentPeak returns the most memory that the server had in RAM so far, in KiB.
func residentPeak(t *testing.T, s *server) int {
	t.Helper()
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", s.pid()))) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kib, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
