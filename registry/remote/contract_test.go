package remote_test

import (
	"context"
	"iter"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/storagetest"
)

// across is a store that is written to directly and read over HTTP.
type across struct {
	storage.Store
	far *remote.Registry
}

func (a across) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	return a.far.StatBlob(ctx, repo, d)
}

func (a across) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	return a.far.OpenBlob(ctx, repo, d)
}

func (a across) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	return a.far.GetManifest(ctx, repo, d)
}

func (a across) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return a.far.ResolveTag(ctx, repo, tag)
}

func (a across) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return a.far.Tags(ctx, repo, after)
}

func (a across) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return a.far.Referrers(ctx, repo, d)
}

func (a across) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return a.far.Repositories(ctx, after)
}

// TestContract holds a registry that is read over HTTP to what every store promises, once it remembers nothing.
func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		store := memory.New()
		srv := httptest.NewServer(registry.New(store, nil))
		t.Cleanup(srv.Close)
		far, err := remote.New(srv.URL, &remote.Options{PlainHTTP: []string{"127.0.0.1"}, Remember: -1, RetryDelay: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { far.Close() })
		return across{store, far}
	})
}
