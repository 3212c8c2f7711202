package pullthrough_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// TestKeptOnly wants what is kept, however old, and nothing of upstream.
func TestKeptOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, _ := open(t, u, &pullthrough.Options{IndexTTL: time.Minute, FileTTL: time.Minute})
		m := u.image(t, app, "layer", "1")
		cold := u.image(t, app, "cold layer", "2")
		wantTag(t, s, app, "1", m)
		wantManifest(t, s, app, m)
		wantBlob(t, s, app, "layer")
		synctest.Wait()
		time.Sleep(time.Hour)
		u.calls()

		ctx := storage.KeptOnly(t.Context())
		if d, err := s.ResolveTag(ctx, app, "1"); err != nil || d.Digest != m.Digest {
			t.Errorf("the tag is %s, %v", d.Digest, err)
		}
		if got, err := s.GetManifest(ctx, app, m.Digest); err != nil || got.Digest != m.Digest {
			t.Errorf("the manifest: %v", err)
		}
		if b, err := storage.ReadBlob(ctx, s, app, digest.FromString("layer"), 100); err != nil || string(b) != "layer" {
			t.Errorf("the blob is %q, %v", b, err)
		}
		for tag, err := range storage.DatedTags(ctx, s, app) {
			if err != nil || tag.Tag != "1" || tag.Digest != m.Digest {
				t.Errorf("a dated tag: %v, %v", tag, err)
			}
		}
		for what, err := range coldOnes(ctx, s, cold) {
			if !errors.Is(err, storage.ErrNotKept) {
				t.Errorf("%s that is not kept: %v", what, err)
			}
		}
		wantCalls(t, "with KeptOnly", u)
		for _, err := range storage.DatedTags(t.Context(), s, app) {
			if !errors.Is(err, storage.ErrUnsupported) {
				t.Errorf("dated tags without KeptOnly: %v", err)
			}
		}
	})
}

// coldOnes asks for all that s does not have of an image.
func coldOnes(ctx context.Context, s *pullthrough.Store, m storage.Manifest) map[string]error {
	_, tag := s.ResolveTag(ctx, app, "2")
	_, manifest := s.GetManifest(ctx, app, m.Digest)
	_, stat := s.StatBlob(ctx, app, digest.FromString("cold layer"))
	_, blob := s.OpenBlob(ctx, app, digest.FromString("cold layer"))
	all := map[string]error{"a tag": tag, "a manifest": manifest, "the size of a blob": stat, "a blob": blob}
	for _, err := range list(s.Tags(ctx, oci.Name("library/never"), "")) {
		all["a list of tags"] = err
	}
	return all
}

func list[T any](seq func(func(T, error) bool)) (errs []error) {
	for _, err := range seq {
		errs = append(errs, err)
	}
	return errs
}
