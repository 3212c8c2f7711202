package pullthrough_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/pullthrough"
)

// versions are the contents that a path has had upstream. They begin alike, so that what is put together of two is none of them.
type versions struct {
	mu  sync.Mutex
	all map[string]map[string]bool
}

func (v *versions) add(path string, n int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	content := text(20000) + path + strings.Repeat(fmt.Sprint(" version ", n%7), 2000)
	if v.all[path] == nil {
		v.all[path] = map[string]bool{}
	}
	v.all[path][content] = true
	return content
}

func (v *versions) has(path, content string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all[path][content]
}

// TestFilesMixed has many read, upstream change and break, and room run out, all at once: whoever comes to an end has read one version, and so is what is kept.
func TestFilesMixed(t *testing.T) {
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	u, v := newServer(map[string]string{}), &versions{all: map[string]map[string]bool{}}
	paths := []string{"i.xml", "j.xml", "a.rpm", "b.rpm", "c.rpm"}
	for _, p := range paths {
		u.set(p, v.add(p, 0))
	}
	var lines sync.Mutex
	rng := rand.New(rand.NewPCG(1, 2))
	chance := func(n int) int {
		lines.Lock()
		defer lines.Unlock()
		return rng.IntN(n)
	}
	u.line = func(_ context.Context, _ int, rest string) io.Reader {
		if chance(3) > 0 {
			return strings.NewReader(rest)
		}
		return cutAfter(rest, chance(len(rest)+1))
	}
	s := pullthrough.NewFiles(local, mirror, u, &pullthrough.FilesOptions{Rule: indexes, IndexTTL: -1, NegativeTTL: -1, MaxSize: 80000, Patience: time.Millisecond})
	defer s.Close()
	var whole atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 40 {
				path := paths[chance(len(paths))]
				got, _, err := getFile(t.Context(), s, path)
				switch {
				case err == nil && v.has(path, got):
					whole.Add(1)
				case err == nil:
					t.Errorf("%s reads %d bytes that are no version of it", path, len(got))
				case err != nil && !errors.Is(err, storage.ErrUpstream) && !errors.Is(err, storage.ErrFileUnknown):
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 200 {
			path := paths[chance(len(paths))]
			content := v.add(path, i)
			if chance(10) == 0 {
				content = ""
			}
			u.mu.Lock()
			u.files[path], u.noRanges, u.noValidators = content, chance(3) == 0, chance(5) == 0
			u.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	})
	wg.Wait()
	s.Close()
	if n := whole.Load(); n < 100 {
		t.Errorf("%d of 320 reads came to an end", n)
	}
	for e, err := range storage.WalkFiles(t.Context(), local, mirror, "") {
		if err != nil {
			t.Fatal(err)
		}
		got, err := storage.ReadBlob(t.Context(), local, mirror, e.File.Digest, 1<<20)
		if err != nil || !v.has(e.Name, string(got)) {
			t.Errorf("%s is kept as %d bytes that are no version of it, %v", e.Name, len(got), err)
		}
	}
}
