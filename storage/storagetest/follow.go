package storagetest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// follow opens what is appended to u, or skips the test.
func follow(t *testing.T, u storage.Upload) storage.Appended {
	t.Helper()
	a, err := storage.Follow(u)
	if errors.Is(err, storage.ErrUnsupported) {
		t.Skip("uploads cannot be followed")
	}
	if err != nil {
		t.Fatalf("Follow = %v", err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// wantAppended checks what there is from offset off on.
func wantAppended(t *testing.T, a storage.Appended, off int64, want string) {
	t.Helper()
	buf := make([]byte, len(want)+1)
	if n, err := a.ReadAt(buf, off); string(buf[:n]) != want || err != io.EOF {
		t.Errorf("ReadAt(%d bytes, %d) = %q, %v, want %q, EOF", len(buf), off, buf[:n], err, want)
	}
	if n, err := a.ReadAt(buf[:len(want)], off); string(buf[:n]) != want || err != nil && err != io.EOF {
		t.Errorf("ReadAt(%d bytes, %d) = %q, %v, want %q", len(want), off, buf[:n], err, want)
	}
}

// testUploadFollow checks that a reader sees what Append has returned of, and nothing of one that fails.
func testUploadFollow(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	a := follow(t, u)
	wantAppended(t, a, 0, "")
	add(t, u, "con")
	wantAppended(t, a, 0, "con")
	wantAppended(t, a, 2, "n")
	wantAppended(t, a, 4, "")
	if _, err := a.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt(1 byte, -1) = %v, want an error", err)
	}
	begun := readerFunc(func(p []byte) (int, error) { // the other piece stands in the file by now, where there is one
		wantAppended(t, a, 0, "con")
		return 0, errBroken
	})
	_, err := u.Append(t.Context(), 3, io.MultiReader(strings.NewReader(strings.Repeat("x", 600_000)), begun))
	wantErr(t, "Append of a piece and a failure", err, errBroken)
	wantAppended(t, a, 0, "con")
	add(t, u, "tent")
	wantAppended(t, a, 0, "content")
	wantAppended(t, follow(t, resume(t, s, u.ID(), 7)), 3, "tent")
	commit(t, s, u, "content")
}

// wantStream checks that the stream brings want, which has been appended.
func wantStream(t *testing.T, f io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(f, got); err != nil || string(got) != want {
		t.Errorf("the stream brings %q, %v, want %q", got[:n], err, want)
	}
}

// testUploadStream checks that streams are files of their own, and that nobody opens one after the session.
func testUploadStream(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	a := follow(t, u)
	add(t, u, "con")
	f, err := storage.Stream(a)
	if errors.Is(err, storage.ErrUnsupported) {
		t.Skip("uploads are no files")
	}
	if err != nil {
		t.Fatalf("Stream = %v", err)
	}
	defer f.Close()
	wantStream(t, f, "con")
	add(t, u, "tent")
	wantStream(t, f, "te")
	other, err := storage.Stream(a)
	if err != nil {
		t.Fatalf("Stream = %v", err)
	}
	defer other.Close()
	commit(t, s, u, "content")
	wantStream(t, other, "content")
	wantStream(t, f, "nt")
	if f, err := storage.Stream(a); f != nil || !errors.Is(err, storage.ErrUploadUnknown) {
		t.Errorf("Stream after the end = %v, %v, want %v", f, err, storage.ErrUploadUnknown)
	}
}

// testUploadFollowToTheEnd checks that what was appended stays readable after the session, and that nobody begins to read then.
func testUploadFollowToTheEnd(t *testing.T, s storage.Store) {
	for name, end := range map[string]func(storage.Upload) error{
		"Commit": func(u storage.Upload) error { return u.Commit(t.Context(), blobOf("content")) },
		"Cancel": func(u storage.Upload) error { return u.Cancel(t.Context()) },
		"Close":  storage.Upload.Close,
	} {
		u := start(t, s, digest.SHA256)
		a := follow(t, u)
		add(t, u, "content")
		if err := end(u); err != nil {
			t.Fatalf("%s = %v", name, err)
		}
		wantAppended(t, a, 3, "tent")
		if name == "Close" {
			continue
		}
		if _, err := storage.Follow(u); !errors.Is(err, storage.ErrUploadUnknown) {
			t.Errorf("Follow after %s = %v, want %v", name, err, storage.ErrUploadUnknown)
		}
	}
}

// testUploadFollowWhileItGrows has readers that wait for what one writer appends in small pieces.
func testUploadFollowWhileItGrows(t *testing.T, s storage.Store) {
	content := strings.Repeat("0123456789abcdef", 4096)
	u := start(t, s, digest.SHA256)
	a := follow(t, u)
	deadline := time.Now().Add(time.Minute)
	for i, err := range together(4, func(i int) error {
		if i > 0 {
			return readGrowing(a, content, deadline)
		}
		for at := 0; at < len(content); at += 1000 {
			if _, err := u.Append(t.Context(), int64(at), iotest.HalfReader(strings.NewReader(content[at:min(at+1000, len(content))]))); err != nil {
				return err
			}
		}
		return u.Commit(t.Context(), blobOf(content))
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	wantBlob(t, s, app, blobOf(content), content)
}

// readGrowing reads want from a as it comes.
func readGrowing(a storage.Appended, want string, deadline time.Time) error {
	buf := make([]byte, 4096)
	for at := 0; at < len(want); {
		n, err := a.ReadAt(buf, int64(at))
		if string(buf[:n]) != want[at:at+n] {
			return errors.New("other bytes than were appended")
		}
		if at += n; err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			if time.Now().After(deadline) {
				return errors.New("no more bytes come")
			}
			time.Sleep(50 * time.Microsecond)
		}
	}
	return nil
}

// testBlobReclaim checks that nothing goes that anybody holds, and that what went can come back. A store that frees what is deleted has nothing left to give.
func testBlobReclaim(t *testing.T, s storage.Store) {
	if _, ok := s.(storage.Reclaimer); !ok {
		t.Skip("not a Reclaimer")
	}
	d := pushBlob(t, s, app, "content")
	if err := s.MountBlob(t.Context(), other, d, app); err != nil {
		t.Fatalf("MountBlob = %v", err)
	}
	m := image(t, "m")
	push(t, s, app, m, "latest")
	wantFreed := func(d digest.Digest, want int64) {
		t.Helper()
		if n, err := storage.Reclaim(t.Context(), s, d); n != want && n != 0 || err != nil {
			t.Errorf("Reclaim(%s) = %d, %v, want %d", d, n, err, want)
		}
	}
	wantFreed(d, 0)
	wantFreed(m.Digest, 0)
	wantFreed(blobOf("nowhere"), 0)
	deleteBlob(t, s, app, d)
	wantFreed(d, 0)
	wantBlob(t, s, other, d, "content")
	open, err := s.OpenBlob(t.Context(), other, d)
	if err != nil {
		t.Fatalf("OpenBlob = %v", err)
	}
	defer open.Close()
	deleteBlob(t, s, other, d)
	wantFreed(d, 7)
	wantFreed(d, 0)
	if got, err := io.ReadAll(open); string(got) != "content" || err != nil {
		t.Errorf("a blob that was open reads %q, %v", got, err)
	}
	wantNoBlob(t, s, other, d)
	if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	wantFreed(m.Digest, m.Size)
	pushBlob(t, s, app, "content")
	wantBlob(t, s, app, d, "content")
	push(t, s, app, m)
	wantManifest(t, s, app, m)
}

func deleteBlob(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest) {
	t.Helper()
	if err := s.DeleteBlob(t.Context(), repo, d); err != nil {
		t.Fatalf("DeleteBlob(%s, %s) = %v", repo, d, err)
	}
}
