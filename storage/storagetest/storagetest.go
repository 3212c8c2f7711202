// Package storagetest is the contract of storage.Store as a test suite: what the doc comments of package storage promise,
// each promise a subtest.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Run tests a kind of store. open returns a fresh, empty one, and cleans up by t.Cleanup. The optional abilities
// storage.BlobFinder, storage.TagDater and storage.UploadExpirer are tested where the store has them.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Blob", blobTests},
		{"Upload", uploadTests},
		{"Manifest", manifestTests},
		{"Tag", tagTests},
		{"DatedTags", datedTests},
		{"Referrers", referrersTests},
		{"Repositories", repositoriesTests},
		{"Context", contextTests},
		{"Concurrent", concurrentTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
			}
		})
	}
}

// test is one subtest, on a store of its own.
type test struct {
	name string
	run  func(t *testing.T, s storage.Store)
}

// The repositories that most tests use, and names for what is nowhere.
const (
	app   = oci.Name("library/app")
	other = oci.Name("library/other")
	none  = oci.Name("library/none")
)

var errBroken = errors.New("the line is broken")

// blobOf returns the sha256 of content.
func blobOf(content string) digest.Digest { return digest.FromString(content) }

// pushBlob makes content a blob of repo.
func pushBlob(t *testing.T, s storage.Store, repo oci.Name, content string) digest.Digest {
	t.Helper()
	d := blobOf(content)
	if err := storage.PutBlob(t.Context(), s, repo, d, strings.NewReader(content)); err != nil {
		t.Fatalf("PutBlob(%s, %s) = %v", repo, d, err)
	}
	return d
}

// wantBlob checks that repo has the blob d, and that it holds content.
func wantBlob(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest, content string) {
	t.Helper()
	if n, err := s.StatBlob(t.Context(), repo, d); n != int64(len(content)) || err != nil {
		t.Errorf("StatBlob(%s, %s) = %d, %v, want %d", repo, d, n, err, len(content))
	}
	got, err := storage.ReadBlob(t.Context(), s, repo, d, int64(len(content)))
	if err != nil || string(got) != content {
		t.Errorf("ReadBlob(%s, %s) = %.64q, %v, want %.64q", repo, d, got, err, content)
	}
}

// wantNoBlob checks that repo does not have the blob d.
func wantNoBlob(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest) {
	t.Helper()
	_, err := s.StatBlob(t.Context(), repo, d)
	wantErr(t, fmt.Sprintf("StatBlob(%s, %s)", repo, d), err, storage.ErrBlobUnknown)
	b, err := s.OpenBlob(t.Context(), repo, d)
	wantErr(t, fmt.Sprintf("OpenBlob(%s, %s)", repo, d), err, storage.ErrBlobUnknown)
	if err == nil {
		b.Close()
	}
}

// parse makes a manifest of raw, named by a digest of the algorithm alg.
func parse(t *testing.T, contentType, raw string, alg digest.Algorithm) storage.Manifest {
	t.Helper()
	m, _, err := storage.ParseManifest(contentType, []byte(raw), alg.FromString(raw))
	if err != nil {
		t.Fatalf("ParseManifest(%q, %.64q) = %v", contentType, raw, err)
	}
	return m
}

// image returns the manifest of an image that differs from others by name. Its blobs are nowhere.
func image(t *testing.T, name string) storage.Manifest {
	t.Helper()
	raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.example.config","digest":%q,"size":2},"layers":[],"annotations":{"name":%q}}`,
		blobOf("{}"), name)
	return parse(t, oci.MediaTypeImageManifest, raw, digest.SHA256)
}

// referrer returns the manifest of an artifact that refers to subject.
func referrer(t *testing.T, name string, subject digest.Digest) storage.Manifest {
	t.Helper()
	raw := fmt.Sprintf(`{"schemaVersion":2,"artifactType":"application/vnd.example.note","manifests":[],"subject":{"mediaType":%q,"digest":%q,"size":7},"annotations":{"name":%q}}`,
		oci.MediaTypeImageManifest, subject, name)
	return parse(t, oci.MediaTypeImageIndex, raw, digest.SHA256)
}

// push puts m into repo and tags it.
func push(t *testing.T, s storage.Store, repo oci.Name, m storage.Manifest, tags ...oci.Tag) {
	t.Helper()
	if err := s.PutManifest(t.Context(), repo, m); err != nil {
		t.Fatalf("PutManifest(%s, %s) = %v", repo, m.Digest, err)
	}
	for _, tag := range tags {
		setTag(t, s, repo, tag, m.Digest)
	}
}

func setTag(t *testing.T, s storage.Store, repo oci.Name, tag oci.Tag, d digest.Digest) {
	t.Helper()
	if err := s.SetTag(t.Context(), repo, tag, d, storage.Match{}); err != nil {
		t.Fatalf("SetTag(%s, %s, %s) = %v", repo, tag, d, err)
	}
}

// wantManifest checks that repo has m as it was pushed.
func wantManifest(t *testing.T, s storage.Store, repo oci.Name, m storage.Manifest) {
	t.Helper()
	got, err := s.GetManifest(t.Context(), repo, m.Digest)
	if err != nil {
		t.Errorf("GetManifest(%s, %s) = %v", repo, m.Digest, err)
		return
	}
	if !bytes.Equal(got.Raw, m.Raw) {
		t.Errorf("GetManifest(%s, %s).Raw = %.200q, want %.200q", repo, m.Digest, got.Raw, m.Raw)
	}
	if brief(got.Descriptor) != brief(m.Descriptor) {
		t.Errorf("GetManifest(%s, %s) = %v, want %v", repo, m.Digest, brief(got.Descriptor), brief(m.Descriptor))
	}
	if d, err := storage.StatManifest(t.Context(), s, repo, m.Digest); err != nil || brief(d) != brief(m.Descriptor) {
		t.Errorf("StatManifest(%s, %s) = %v, %v, want %v", repo, m.Digest, brief(d), err, brief(m.Descriptor))
	}
}

// wantNoManifest checks that repo, which exists, does not have d.
func wantNoManifest(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest) {
	t.Helper()
	_, err := s.GetManifest(t.Context(), repo, d)
	wantErr(t, fmt.Sprintf("GetManifest(%s, %s)", repo, d), err, storage.ErrManifestUnknown)
	_, err = storage.StatManifest(t.Context(), s, repo, d)
	wantErr(t, fmt.Sprintf("StatManifest(%s, %s)", repo, d), err, storage.ErrManifestUnknown)
}

// wantTag checks that tag points at m.
func wantTag(t *testing.T, s storage.Store, repo oci.Name, tag oci.Tag, m storage.Manifest) {
	t.Helper()
	got, err := s.ResolveTag(t.Context(), repo, tag)
	if err != nil || brief(got) != brief(m.Descriptor) {
		t.Errorf("ResolveTag(%s, %s) = %v, %v, want %v", repo, tag, brief(got), err, brief(m.Descriptor))
	}
	if d, err := storage.StatTag(t.Context(), s, repo, tag); err != nil || brief(d) != brief(m.Descriptor) {
		t.Errorf("StatTag(%s, %s) = %v, %v, want %v", repo, tag, brief(d), err, brief(m.Descriptor))
	}
}

// wantNoTag checks that repo, which exists, does not have tag.
func wantNoTag(t *testing.T, s storage.Store, repo oci.Name, tag oci.Tag) {
	t.Helper()
	_, err := s.ResolveTag(t.Context(), repo, tag)
	wantErr(t, fmt.Sprintf("ResolveTag(%s, %s)", repo, tag), err, storage.ErrManifestUnknown)
	_, err = storage.StatTag(t.Context(), s, repo, tag)
	wantErr(t, fmt.Sprintf("StatTag(%s, %s)", repo, tag), err, storage.ErrManifestUnknown)
}

// short is the part of a descriptor that can be compared and that every list has.
type short struct {
	MediaType string
	Digest    digest.Digest
	Size      int64
}

func brief(d oci.Descriptor) short { return short{d.MediaType, d.Digest, d.Size} }

func wantErr(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", call, err, want)
	}
}

// list returns all that seq yields, which must be no error.
func list[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	all, err := collect(seq)
	if err != nil {
		t.Fatalf("a sequence yields %v after %d values", err, len(all))
	}
	return all
}

// collect returns what seq yields up to its first error.
func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// wantList checks that seq yields want, in order.
func wantList[T comparable](t *testing.T, call string, seq iter.Seq2[T, error], want []T) {
	t.Helper()
	if got := list(t, seq); !slices.Equal(got, want) {
		t.Errorf("%s yields %.1000v, want %.1000v", call, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// wantOnly checks that seq yields one error, and nothing besides, even when it is asked to go on.
func wantOnly[T any](t *testing.T, call string, seq iter.Seq2[T, error], want error) {
	t.Helper()
	n := 0
	for _, err := range seq {
		n++
		wantErr(t, call, err, want)
	}
	if n != 1 {
		t.Errorf("%s yields %d times, want one error", call, n)
	}
}

// ended returns a context that is over.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
