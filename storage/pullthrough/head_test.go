package pullthrough_test

import (
	"context"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// teller is an upstream that can say what a manifest is without sending it.
type teller struct{ *upstream }

func (u teller) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	if err := u.ask(ctx, "head %s %s", repo, short(d)); err != nil {
		return oci.Descriptor{}, err
	}
	m, err := u.Store.GetManifest(ctx, repo, d)
	return oci.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size}, err
}

func (u teller) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return u.ResolveTag(ctx, repo, tag)
}

// TestHead counts what it takes to know what a manifest is, from cold to gone.
func TestHead(t *testing.T) {
	u := newUpstream()
	m := u.image(t, app, "layer", "1")
	never := digest.FromString("never")
	s := reopen(t, newUpstream().Store, teller{u}, &pullthrough.Options{IndexTTL: time.Hour, FileTTL: time.Nanosecond, NegativeTTL: -1})
	manifest := func() (oci.Descriptor, error) { return storage.StatManifest(t.Context(), s, app, m.Digest) }
	tag := func() (oci.Descriptor, error) { return storage.StatTag(t.Context(), s, app, "1") }
	want := func(step string, ask func() (oci.Descriptor, error), calls ...string) {
		t.Helper()
		if d, err := ask(); err != nil || d.Digest != m.Digest || d.Size != m.Size || d.MediaType != m.MediaType {
			t.Errorf("%s: %v, %v, want that of %v", step, d, err, m.Descriptor)
		}
		wantCalls(t, step, u, calls...)
	}
	want("a cold tag", tag, "tag library/app:1")
	want("a warm tag", tag)
	want("a cold manifest", manifest, "head library/app "+short(m.Digest))
	wantManifest(t, s, app, m)
	wantCalls(t, "its content", u, "manifest library/app "+short(m.Digest))
	want("a manifest that is kept and old", manifest, "head library/app "+short(m.Digest))
	u.down(errDown)
	want("one that is kept, without upstream", manifest, "head library/app "+short(m.Digest))
	_, err := storage.StatManifest(t.Context(), s, app, never)
	wantErr(t, "StatManifest without upstream", err, storage.ErrUpstream)
	u.down(nil)
	_, err = storage.StatManifest(t.Context(), s, app, never)
	wantErr(t, "StatManifest of nothing", err, storage.ErrManifestUnknown)
	_, err = storage.StatManifest(t.Context(), s, "none/such", never)
	wantErr(t, "StatManifest in no repository", err, storage.ErrManifestUnknown, storage.ErrRepoUnknown)
	if err := u.Store.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatal(err)
	}
	_, err = manifest()
	wantErr(t, "StatManifest of what is gone", err, storage.ErrManifestUnknown)
	_, err = s.GetManifest(storage.KeptOnly(t.Context()), app, m.Digest)
	wantErr(t, "what is gone upstream", err, storage.ErrNotKept)
}

// TestLocate asks where a blob is kept: nobody but the local store knows.
func TestLocate(t *testing.T) {
	u := newUpstream()
	d, cold := u.blob(t, app, "blob"), u.blob(t, app, "cold")
	s, _ := open(t, u, &pullthrough.Options{Prefix: "hub", Library: true})
	wantBlob(t, s, "hub/app", "blob")
	settled(t, s)
	u.calls()
	if name, err := s.LocateBlob(t.Context(), "hub/app", d); name != "hub/library/app" || err != nil {
		t.Errorf("LocateBlob = %s, %v", name, err)
	}
	_, err := s.LocateBlob(t.Context(), "hub/app", cold)
	wantErr(t, "LocateBlob of what is not kept", err, storage.ErrBlobUnknown)
	_, err = s.LocateBlob(t.Context(), "elsewhere/app", d)
	wantErr(t, "LocateBlob of another's name", err, storage.ErrBlobUnknown)
	wantCalls(t, "LocateBlob", u)
}
