package conformance

import (
	"crypto/rand"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"vitrine/registry"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
)

var (
	registryURL = flag.String("registry", "", "base `URL` of a running registry to test instead of those in process, such as http://127.0.0.1:5000")
	canDelete   = flag.Bool("delete", true, "the registry at -registry deletes tags, manifests and blobs")
	isSparse    = flag.Bool("sparse", false, "the registry at -registry takes manifests whose layers and children are absent")
)

// target is a registry under test.
type target struct {
	base    *url.URL
	root    string // of a disk store in process, "" otherwise
	deletes bool
	sparse  bool
}

// onEach runs f on a fresh registry of every kind, or on the one at -registry.
func onEach(t *testing.T, f func(t *testing.T, tg *target)) {
	onEachWith(t, &registry.Options{}, f)
}

// onEachWith is onEach with options for the registries in process. The one at -registry has its own.
func onEachWith(t *testing.T, o *registry.Options, f func(t *testing.T, tg *target)) {
	if *registryURL != "" {
		base, err := url.Parse(*registryURL)
		if err != nil || base.Host == "" {
			t.Fatalf("-registry=%s: want http://HOST:PORT (%v)", *registryURL, err)
		}
		f(t, &target{base: base, deletes: *canDelete, sparse: *isSparse})
		return
	}
	t.Run("memory", func(t *testing.T) { f(t, inProcess(t, memory.New(), o)) })
	t.Run("disk", func(t *testing.T) {
		parent := t.TempDir()
		root := filepath.Join(parent, "root")
		store, err := disk.Open(root, &disk.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			store.Close()
			onlyEntry(t, parent, "root")
		})
		tg := inProcess(t, store, o)
		tg.root = root
		f(t, tg)
	})
}

func inProcess(t *testing.T, store storage.Store, o *registry.Options) *target {
	t.Helper()
	srv := httptest.NewServer(registry.New(store, o))
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &target{base: base, deletes: !o.NoDelete, sparse: o.AllowSparse}
}

// onlyEntry fails when dir holds anything but name: no request may write outside the root.
func onlyEntry(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != name {
			t.Errorf("%s lies outside the root", filepath.Join(dir, e.Name()))
		}
	}
}

// run is part of every repository name, so that runs against one registry do not meet.
var (
	run   = strings.ToLower(rand.Text()[:8])
	repos atomic.Int64
)

// newRepo returns a name that no request has named yet.
func newRepo() string { return fmt.Sprintf("conformance/%s/r%d", run, repos.Add(1)) }
