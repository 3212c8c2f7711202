package storagetest

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var uploadTests = []test{
	{"ID", testUploadID},
	{"in pieces", testUploadPieces},
	{"makes no repository", testUploadMakesNoRepository},
	{"offset", testUploadOffset},
	{"broken reader", testUploadBrokenReader},
	{"odd readers", testUploadOddReaders},
	{"resume", testUploadResume},
	{"resume unknown", testUploadResumeUnknown},
	{"algorithms", testUploadAlgorithms},
	{"mismatch", testUploadMismatch},
	{"nothing appended", testUploadNothingAppended},
	{"over after commit", testUploadOverAfterCommit},
	{"over after cancel", testUploadOverAfterCancel},
	{"cancel after commit", testUploadCancelAfterCommit},
	{"close", testUploadClose},
	{"apart", testUploadApart},
	{"PutBlob", testUploadPutBlob},
	{"expire", testUploadExpire},
	{"follow", testUploadFollow},
	{"follow to the end", testUploadFollowToTheEnd},
	{"stream", testUploadStream},
	{"follow while it grows", testUploadFollowWhileItGrows},
}

// start opens a session of app.
func start(t *testing.T, s storage.Store, alg digest.Algorithm) storage.Upload {
	t.Helper()
	u, err := s.StartUpload(t.Context(), app, alg)
	if err != nil {
		t.Fatalf("StartUpload(%s, %q) = %v", app, alg, err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

// resume opens one more handle on a session of app, which must be of size bytes.
func resume(t *testing.T, s storage.Store, id string, size int64) storage.Upload {
	t.Helper()
	u, err := s.ResumeUpload(t.Context(), app, id)
	if err != nil {
		t.Fatalf("ResumeUpload(%s, %s) = %v", app, id, err)
	}
	t.Cleanup(func() { u.Close() })
	if u.ID() != id || u.Size() != size {
		t.Errorf("ResumeUpload(%s, %s) = %s of %d bytes, want %d", app, id, u.ID(), u.Size(), size)
	}
	return u
}

// add appends text at the end.
func add(t *testing.T, u storage.Upload, text string) {
	t.Helper()
	at := u.Size()
	n, err := u.Append(t.Context(), at, strings.NewReader(text))
	if n != int64(len(text)) || err != nil {
		t.Fatalf("Append(%d, %d bytes) = %d, %v", at, len(text), n, err)
	}
	if u.Size() != at+n {
		t.Errorf("Size after Append(%d, %d bytes) = %d", at, n, u.Size())
	}
}

// commit ends u with the sha256 of content, and checks the blob.
func commit(t *testing.T, s storage.Store, u storage.Upload, content string) {
	t.Helper()
	if err := u.Commit(t.Context(), blobOf(content)); err != nil {
		t.Fatalf("Commit = %v", err)
	}
	wantBlob(t, s, app, blobOf(content), content)
}

// wantOver checks that a session has ended, for a handle on it and for those who ask by its ID.
func wantOver(t *testing.T, s storage.Store, u storage.Upload) {
	t.Helper()
	_, err := s.ResumeUpload(t.Context(), app, u.ID())
	wantErr(t, "ResumeUpload of a session that is over", err, storage.ErrUploadUnknown)
	_, err = u.Append(t.Context(), u.Size(), strings.NewReader("more"))
	wantErr(t, "Append to a session that is over", err, storage.ErrUploadUnknown)
	wantErr(t, "Commit of a session that is over", u.Commit(t.Context(), blobOf("")), storage.ErrUploadUnknown)
}

func testUploadID(t *testing.T, s storage.Store) {
	a, b := start(t, s, ""), start(t, s, digest.SHA256)
	if a.ID() == b.ID() {
		t.Errorf("two sessions are both called %s", a.ID())
	}
	for _, u := range []storage.Upload{a, b} {
		if !storage.ValidUploadID(u.ID()) || u.Size() != 0 {
			t.Errorf("StartUpload = %q of %d bytes, want a UUID and 0", u.ID(), u.Size())
		}
	}
}

func testUploadPieces(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	big := strings.Repeat("0123456789abcde\n", 20_000)
	for _, piece := range []string{"a", "", big, "b"} {
		add(t, u, piece)
	}
	commit(t, s, u, "a"+big+"b")
}

func testUploadMakesNoRepository(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), nil)
	wantNoBlob(t, s, app, blobOf("content"))
	wantOnly(t, "Tags", s.Tags(t.Context(), app, ""), storage.ErrRepoUnknown)
}

func testUploadOffset(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	for _, at := range []int64{1, -1, 1 << 62} {
		n, err := u.Append(t.Context(), at, strings.NewReader("x"))
		wantErr(t, fmt.Sprintf("Append(%d) to nothing", at), err, storage.ErrOffset)
		if n != 0 {
			t.Errorf("Append(%d) = %d bytes, want none", at, n)
		}
	}
	add(t, u, "content")
	for _, at := range []int64{0, 6, 8, -1} {
		_, err := u.Append(t.Context(), at, strings.NewReader("x"))
		wantErr(t, fmt.Sprintf("Append(%d) to 7 bytes", at), err, storage.ErrOffset)
	}
	u = resume(t, s, u.ID(), 7)
	add(t, u, " and more")
	commit(t, s, u, "content and more")
}

// testUploadBrokenReader breaks off within the buffer of a copy and behind it, with errors that must not pass for an end.
func testUploadBrokenReader(t *testing.T, s storage.Store) {
	for _, broken := range []error{errBroken, io.ErrUnexpectedEOF} {
		for _, size := range []int{0, 10, 300_000} {
			u := start(t, s, digest.SHA256)
			add(t, u, "con")
			r := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(broken))
			n, err := u.Append(t.Context(), 3, r)
			wantErr(t, fmt.Sprintf("Append of %d bytes and a failure", size), err, broken)
			if n != 0 || u.Size() != 3 {
				t.Errorf("Append that fails after %d bytes = %d, Size %d, want 0 and 3", size, n, u.Size())
			}
			resume(t, s, u.ID(), 3)
			add(t, u, "tent")
			commit(t, s, u, "content")
		}
	}
}

func testUploadOddReaders(t *testing.T, s storage.Store) {
	content := strings.Repeat("content ", 100)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		u := start(t, s, digest.SHA256)
		if n, err := u.Append(t.Context(), 0, wrap(strings.NewReader(content))); n != int64(len(content)) || err != nil {
			t.Errorf("Append(%s) = %d, %v, want %d", name, n, err, len(content))
		}
		commit(t, s, u, content)
	}
}

func testUploadResume(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	id := u.ID()
	for i, piece := range []string{"con", "te", "nt"} {
		add(t, u, piece)
		if err := u.Close(); err != nil {
			t.Fatalf("Close = %v", err)
		}
		u = resume(t, s, id, int64([]int{3, 5, 7}[i]))
	}
	commit(t, s, u, "content")
}

func testUploadResumeUnknown(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	pushBlob(t, s, other, "else")
	for _, tt := range []struct {
		repo oci.Name
		id   string
	}{
		{app, storage.NewUploadID()}, {app, ""}, {app, "."}, {app, ".."}, {app, "../" + u.ID()}, {app, u.ID() + "/"},
		{app, strings.ToUpper(u.ID())}, {app, strings.Repeat("a", 5000)}, {app, "a\x00b"},
		{other, u.ID()}, {none, u.ID()},
	} {
		_, err := s.ResumeUpload(t.Context(), tt.repo, tt.id)
		wantErr(t, fmt.Sprintf("ResumeUpload(%s, %.64q)", tt.repo, tt.id), err, storage.ErrUploadUnknown)
	}
	commit(t, s, resume(t, s, u.ID(), 7), "content")
}

// testUploadAlgorithms starts with each algorithm and commits with each, over handles that take turns.
func testUploadAlgorithms(t *testing.T, s storage.Store) {
	for _, from := range []digest.Algorithm{"", digest.SHA256, digest.SHA512} {
		for _, to := range oci.Algorithms {
			content := fmt.Sprintf("from %q to %q", from, to)
			u := start(t, s, from)
			add(t, u, content[:5])
			u.Close()
			u = resume(t, s, u.ID(), 5)
			add(t, u, content[5:])
			if err := u.Commit(t.Context(), to.FromString(content)); err != nil {
				t.Errorf("Commit, started %q, with %s = %v", from, to, err)
				continue
			}
			for _, alg := range oci.Algorithms {
				if alg == to {
					wantBlob(t, s, app, alg.FromString(content), content)
				} else {
					wantNoBlob(t, s, app, alg.FromString(content))
				}
			}
		}
	}
}

func testUploadMismatch(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "cont")
	for _, alg := range oci.Algorithms {
		d := alg.FromString("content")
		wantErr(t, "Commit with another "+string(alg), u.Commit(t.Context(), d), storage.ErrDigestMismatch)
		wantNoBlob(t, s, app, d)
	}
	wantNoBlob(t, s, app, blobOf("cont"))
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), nil)
	resume(t, s, u.ID(), 4)
	add(t, u, "ent")
	commit(t, s, u, "content")
}

func testUploadNothingAppended(t *testing.T, s storage.Store) {
	for _, alg := range oci.Algorithms {
		d := alg.FromString("")
		if err := start(t, s, alg).Commit(t.Context(), d); err != nil {
			t.Errorf("Commit of nothing with %s = %v", alg, err)
		}
		wantBlob(t, s, app, d, "")
	}
}

func testUploadOverAfterCommit(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	second := resume(t, s, u.ID(), 7)
	commit(t, s, u, "content")
	wantOver(t, s, u)
	wantOver(t, s, second)
	wantBlob(t, s, app, blobOf("content"), "content")
}

func testUploadOverAfterCancel(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	second := resume(t, s, u.ID(), 7)
	for range 2 {
		if err := u.Cancel(t.Context()); err != nil {
			t.Errorf("Cancel = %v", err)
		}
	}
	wantOver(t, s, u)
	wantOver(t, s, second)
	if err := second.Cancel(t.Context()); err != nil {
		t.Errorf("Cancel on another handle = %v", err)
	}
	wantNoBlob(t, s, app, blobOf("content"))
}

func testUploadCancelAfterCommit(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	second := resume(t, s, u.ID(), 7)
	commit(t, s, u, "content")
	for _, u := range []storage.Upload{u, second} {
		if err := u.Cancel(t.Context()); err != nil {
			t.Errorf("Cancel after Commit = %v", err)
		}
		if err := u.Close(); err != nil {
			t.Errorf("Close after Commit = %v", err)
		}
	}
	wantBlob(t, s, app, blobOf("content"), "content")
}

func testUploadClose(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	for range 2 {
		if err := u.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	u = resume(t, s, u.ID(), 7)
	if err := u.Cancel(t.Context()); err != nil {
		t.Errorf("Cancel = %v", err)
	}
	if err := u.Close(); err != nil {
		t.Errorf("Close after Cancel = %v", err)
	}
	wantOver(t, s, u)
}

// testUploadApart checks that sessions do not know of each other, of one repository and of two.
func testUploadApart(t *testing.T, s storage.Store) {
	a, b := start(t, s, digest.SHA256), start(t, s, digest.SHA256)
	add(t, a, "one")
	add(t, b, "another")
	add(t, a, " more")
	if err := b.Cancel(t.Context()); err != nil {
		t.Errorf("Cancel = %v", err)
	}
	commit(t, s, a, "one more")
	wantNoBlob(t, s, other, blobOf("one more"))
}

func testUploadPutBlob(t *testing.T, s storage.Store) {
	d := blobOf("content")
	err := storage.PutBlob(t.Context(), s, app, d, strings.NewReader("something else"))
	wantErr(t, "PutBlob of other content", err, storage.ErrDigestMismatch)
	err = storage.PutBlob(t.Context(), s, app, d, io.MultiReader(strings.NewReader("content"), iotest.ErrReader(errBroken)))
	wantErr(t, "PutBlob that breaks off", err, errBroken)
	wantNoBlob(t, s, app, d)
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), nil)
}

// testUploadExpire gives the clocks of file systems an hour.
func testUploadExpire(t *testing.T, s storage.Store) {
	e, ok := s.(storage.UploadExpirer)
	if !ok {
		t.Skip("not an UploadExpirer")
	}
	wantExpired := func(at time.Duration, want int) {
		t.Helper()
		if n, err := e.ExpireUploads(t.Context(), time.Now().Add(at)); n != want || err != nil {
			t.Errorf("ExpireUploads(%v from now) = %d, %v, want %d", at, n, err, want)
		}
	}
	wantExpired(time.Hour, 0)
	var sessions []storage.Upload
	for range 3 {
		u := start(t, s, digest.SHA256)
		add(t, u, "content")
		u.Close()
		sessions = append(sessions, u)
	}
	commit(t, s, resume(t, s, sessions[2].ID(), 7), "content")
	wantExpired(-time.Hour, 0)
	resume(t, s, sessions[0].ID(), 7).Close()
	wantExpired(time.Hour, 2)
	wantExpired(time.Hour, 0)
	for _, u := range sessions[:2] {
		_, err := s.ResumeUpload(t.Context(), app, u.ID())
		wantErr(t, "ResumeUpload of an expired session", err, storage.ErrUploadUnknown)
	}
	wantBlob(t, s, app, blobOf("content"), "content")
}
