package conformance

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/conformance/repodata"
	"vitrine/registry/files"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/pullthrough"
)

// newRPMs returns a repository of RPMs that is another server's, over HTTP, as it is put together when it is served. Its index is looked after each time.
func newRPMs(t *testing.T, upstream string) *httptest.Server {
	t.Helper()
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := remote.NewFiles(upstream, &remote.Options{PlainHTTP: []string{strings.TrimPrefix(upstream, "http://")}, RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	format := files.NewThrough(files.RPM, "rpms", local, client)
	through := pullthrough.NewFiles(local, "rpms", client, &pullthrough.FilesOptions{
		Rule: func(path string) pullthrough.Rule {
			return pullthrough.Rule{Class: files.RPM.Class(path), Root: format.Root(path)}
		},
		Publish: func(ctx context.Context, root string, f storage.File, b *pullthrough.Bundle) (string, map[string]storage.File, error) {
			return format.Publish(ctx, root, f, b)
		},
		Verify: format.Verify, IndexTTL: -1, NegativeTTL: -1,
	})
	repo := files.Repository{Name: "rpms", Type: files.RemoteType, Package: files.RPM, Reader: format.Reader(through, local)}
	srv := httptest.NewServer(files.New([]files.Repository{repo}, nil))
	t.Cleanup(func() {
		srv.Close()
		through.Close()
		client.Close()
		local.Close()
	})
	return srv
}

// TestGenerations has forty clients read a repository whose upstream publishes one generation after another, each in the middle of what is asked for the one
// before. What a client gets fits together, always, and in the end it is the last one.
func TestGenerations(t *testing.T) {
	publish := []int{0, 10, 13, 20, 45, 50, 70, 71} // when so many requests have come in: as many generations as are kept
	depot := &repodata.Depot{}
	depot.Publish(repodata.Make(0))
	upstream := httptest.NewServer(depot)
	t.Cleanup(upstream.Close)
	base := newRPMs(t, upstream.URL).URL + "/files/rpms/"

	first := repodata.NewClient(base)
	defer first.Close()
	if g, err := first.Read(t.Context()); g != 0 || err != nil {
		t.Fatalf("generation %d, %v", g, err)
	}
	var mu sync.Mutex
	next := 1
	depot.Each(func(asked int) {
		mu.Lock()
		defer mu.Unlock()
		for ; next < len(publish) && asked >= publish[next]; next++ {
			depot.Publish(repodata.Make(next))
		}
	})
	var clients sync.WaitGroup
	var seen [8]atomic.Int64
	for range 40 {
		clients.Go(func() {
			if err := readToLast(t.Context(), base, len(publish)-1, seen[:]); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	t.Logf("generations were read %v times", &seen)
}

// readToLast reads until the last generation is there, and counts what it saw.
func readToLast(ctx context.Context, base string, last int, seen []atomic.Int64) error {
	c := repodata.NewClient(base)
	defer c.Close()
	for g := -1; g < last; {
		var err error
		if g, err = c.Read(ctx); err != nil {
			return err
		}
		seen[g].Add(1)
	}
	return nil
}
