package explore

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// doubtful is a store whose blobs come from somebody who says what he likes.
type doubtful struct {
	storage.BlobReader
	says []byte
}

func (d doubtful) OpenBlob(context.Context, oci.Name, digest.Digest) (storage.Blob, error) {
	return hearsay{bytes.NewReader(d.says)}, nil
}

type hearsay struct{ *bytes.Reader }

func (hearsay) Close() error   { return nil }
func (hearsay) Verified() bool { return false }

func tarOfOne(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDoubtfulBytes checks that what one registry sends of a digest is not shown to who asks for it under a name of another, and that it cannot be opened there
// says nothing of it here.
func TestDoubtfulBytes(t *testing.T) {
	s, right := memory.New(), tarOfOne(t, "f", "right")
	d := digest.FromBytes(right)
	if err := storage.PutBlob(t.Context(), s, "app", d, bytes.NewReader(right)); err != nil {
		t.Fatal(err)
	}
	read := func(x *Indexer, r storage.BlobReader) (string, error) {
		l, err := x.Open(t.Context(), r, "app", d, "application/x-tar")
		if err != nil {
			return "", err
		}
		defer l.Close()
		b, err := fs.ReadFile(l.FS(), "f")
		return string(b), err
	}
	for _, says := range [][]byte{tarOfOne(t, "f", "wrong"), bytes.Repeat([]byte("x"), len(right))} {
		for _, cached := range []bool{true, false} {
			cache := NewMemory(1 << 20)
			if cached {
				before := NewIndexer(&IndexerOptions{Cache: cache})
				if got, err := read(before, s); got != "right" || err != nil {
					t.Errorf("before: %q, %v", got, err)
				}
				before.Close()
			}
			x := NewIndexer(&IndexerOptions{Cache: cache})
			read(x, doubtful{s, says}) // whatever comes of it
			if got, err := read(x, s); got != "right" || err != nil {
				t.Errorf("cached %v, after %.10q: %q, %v", cached, says, got, err)
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
