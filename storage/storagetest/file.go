package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// FileStore is a store of images and of files.
type FileStore interface {
	storage.Store
	storage.FileStore
}

// RunFiles tests a kind of store for files. open returns a fresh, empty one, and cleans up by t.Cleanup.
func RunFiles(t *testing.T, open func(t *testing.T) FileStore) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, FileStore)
	}{
		{"nothing there", testNoFile},
		{"put and read", testPutFile},
		{"put again", testPutFileAgain},
		{"conditions", testFileMatch},
		{"what is too long", testFileBounds},
		{"paths", testFilePaths},
		{"bad paths", testBadPaths},
		{"file and directory of one name", testFileAndDirectory},
		{"list", testListFiles},
		{"list many", testListMany},
		{"walk", testWalkFiles},
		{"delete", testDeleteFile},
		{"content is held", testFileHolds},
		{"content once", testFileOnce},
		{"generation", testGeneration},
		{"generations are kept", testGenerationsKept},
		{"generation beside files", testGenerationShadows},
		{"generations hold", testGenerationHolds},
		{"bad generations", testBadGeneration},
		{"at a time", testStatFileAt},
		{"in a generation", testOpenFileAt},
		{"ended", testFilesEnded},
		{"at once", testFilesAtOnce},
		{"generations at once", testGenerationsAtOnce},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

// putFile gives content a path.
func putFile(t *testing.T, s FileStore, repo oci.Name, path, content string) {
	t.Helper()
	d := pushBlob(t, s, repo, content)
	if err := s.PutFile(t.Context(), repo, path, storage.File{Digest: d}, storage.Match{}); err != nil {
		t.Fatalf("PutFile(%s, %.80q) = %v", repo, path, err)
	}
}

// wantFile checks that the path has content.
func wantFile(t *testing.T, s FileStore, repo oci.Name, path, content string) {
	t.Helper()
	f, err := s.StatFile(t.Context(), repo, path)
	if err != nil || f.Digest != blobOf(content) || f.Size != int64(len(content)) {
		t.Errorf("StatFile(%s, %.80q) = %s, %d, %v, want %s, %d", repo, path, f.Digest, f.Size, err, blobOf(content), len(content))
	}
	b, f, err := s.OpenFile(t.Context(), repo, path)
	if err != nil {
		t.Errorf("OpenFile(%s, %.80q) = %v", repo, path, err)
		return
	}
	defer b.Close()
	got, err := io.ReadAll(b)
	if err != nil || string(got) != content || f.Digest != blobOf(content) {
		t.Errorf("OpenFile(%s, %.80q) = %.64q, %s, %v, want %.64q", repo, path, got, f.Digest, err, content)
	}
}

// wantNoFile checks that there is no such file.
func wantNoFile(t *testing.T, s FileStore, repo oci.Name, path string) {
	t.Helper()
	_, err := s.StatFile(t.Context(), repo, path)
	wantErr(t, fmt.Sprintf("StatFile(%s, %.80q)", repo, path), err, storage.ErrFileUnknown)
	b, _, err := s.OpenFile(t.Context(), repo, path)
	wantErr(t, fmt.Sprintf("OpenFile(%s, %.80q)", repo, path), err, storage.ErrFileUnknown)
	if err == nil {
		b.Close()
	}
}

// wantNames checks what stands in a directory.
func wantNames(t *testing.T, s FileStore, repo oci.Name, dir, after string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range list(t, s.ListFiles(t.Context(), repo, dir, after)) {
		got = append(got, e.Name)
		if e.IsDir() != (e.File.Digest == "") {
			t.Errorf("ListFiles(%s, %q) has %q with the digest %q", repo, dir, e.Name, e.File.Digest)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("ListFiles(%s, %q, %q) yields %.1000q, want %.1000q", repo, dir, after, got, want)
	}
}

func testNoFile(t *testing.T, s FileStore) {
	wantNoFile(t, s, none, "a/b")
	wantNames(t, s, none, "", "")
	wantErr(t, "DeleteFile of no repository", s.DeleteFile(t.Context(), none, "a", storage.Match{}), storage.ErrFileUnknown)
	wantErr(t, "PutFile of no repository", s.PutFile(t.Context(), none, "a", storage.File{Digest: blobOf("x")}, storage.Match{}), storage.ErrBlobUnknown)
	pushBlob(t, s, app, "x")
	wantNoFile(t, s, app, "a/b")
	wantNames(t, s, app, "", "")
	wantErr(t, "DeleteFile of nothing", s.DeleteFile(t.Context(), app, "a", storage.Match{}), storage.ErrFileUnknown)
	wantErr(t, "PutFile of another blob", s.PutFile(t.Context(), app, "a", storage.File{Digest: blobOf("y")}, storage.Match{}), storage.ErrBlobUnknown)
	wantNoFile(t, s, app, "a")
	wantErr(t, "PutFile of another's blob", s.PutFile(t.Context(), other, "a", storage.File{Digest: blobOf("x")}, storage.Match{}), storage.ErrBlobUnknown)
	if got := list(t, s.Generations(t.Context(), app, "")); len(got) != 0 {
		t.Errorf("Generations of none yields %v", got)
	}
	_, err := s.GetGeneration(t.Context(), app, "", 1)
	wantErr(t, "GetGeneration of none", err, storage.ErrFileUnknown)
}

// testPutFile checks that what is known of a file comes back.
func testPutFile(t *testing.T, s FileStore) {
	d := pushBlob(t, s, app, "content")
	want := storage.File{
		Digest: d, Size: 99, MediaType: "application/vnd.example", Class: storage.ClassIndex, ETag: `W/"a\b"`,
		Modified: time.Unix(1234567890, 987654321), Checked: time.Unix(1700000000, 123456789),
		Header: map[string]string{"Content-Disposition": `attachment; filename="a b"`, "X-Other": "1"},
	}
	before := time.Now().Add(-time.Minute)
	if err := s.PutFile(t.Context(), app, "dir/file.bin", want, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, app, "dir/file.bin", "content")
	got, err := s.StatFile(t.Context(), app, "dir/file.bin")
	if err != nil {
		t.Fatal(err)
	}
	want.Size = 7
	if !got.Modified.Equal(time.Unix(1234567890, 0)) || !got.Checked.Equal(time.UnixMilli(1700000000123)) {
		t.Errorf("Modified = %v, Checked = %v", got.Modified, got.Checked)
	}
	if got.Stored.Before(before) || got.Stored.After(time.Now().Add(time.Minute)) {
		t.Errorf("Stored = %v", got.Stored)
	}
	if !maps.Equal(got.Header, want.Header) {
		t.Errorf("Header = %q, want %q", got.Header, want.Header)
	}
	got.Header, want.Header = nil, nil
	got.Modified, got.Checked, got.Stored = want.Modified, want.Checked, want.Stored
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("StatFile = %v, want %v", got, want)
	}
	wantBlob(t, s, app, d, "content")
}

// testPutFileAgain checks that a path changes as a whole, and that who reads it goes on reading what it was.
func testPutFileAgain(t *testing.T, s FileStore) {
	putFile(t, s, app, "f", "old")
	b, _, err := s.OpenFile(t.Context(), app, "f")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first, _ := s.StatFile(t.Context(), app, "f")
	checked := time.Unix(1800000000, 0)
	if err := s.PutFile(t.Context(), app, "f", storage.File{Digest: blobOf("old"), Modified: first.Modified, Checked: checked}, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	same, err := s.StatFile(t.Context(), app, "f")
	if err != nil || !same.Stored.Equal(first.Stored) || !same.Checked.Equal(checked) {
		t.Errorf("after the same content again: Stored = %v, Checked = %v, %v, want %v and %v", same.Stored, same.Checked, err, first.Stored, checked)
	}
	long := storage.File{Digest: blobOf("old"), Modified: time.Unix(1000000000, 0)}
	wantErr(t, "PutFile", s.PutFile(t.Context(), app, "f", long, storage.Match{}), nil)
	long.Modified = time.Time{}
	wantErr(t, "PutFile without a time", s.PutFile(t.Context(), app, "f", long, storage.Match{}), nil)
	if same, err := s.StatFile(t.Context(), app, "f"); err != nil || same.Modified.Unix() != 1000000000 {
		t.Errorf("after the same content again without a time: Modified = %v, %v", same.Modified, err)
	}
	putFile(t, s, app, "f", "new content")
	wantFile(t, s, app, "f", "new content")
	if now, err := s.StatFile(t.Context(), app, "f"); err != nil || now.Modified.Unix() == 1000000000 {
		t.Errorf("after other content: Modified = %v, %v", now.Modified, err)
	}
	if got, err := io.ReadAll(b); string(got) != "old" || err != nil {
		t.Errorf("what was open reads %q, %v", got, err)
	}
	wantNames(t, s, app, "", "", "f")
}

func testFileMatch(t *testing.T, s FileStore) {
	a, b := pushBlob(t, s, app, "a"), pushBlob(t, s, app, "b")
	put := func(d string, when storage.Match) error {
		return s.PutFile(t.Context(), app, "f", storage.File{Digest: blobOf(d)}, when)
	}
	wantErr(t, "PutFile(Still) of nothing", put("a", storage.Still(a)), storage.ErrFileMatch)
	wantErr(t, "PutFile(Unset)", put("a", storage.Unset()), nil)
	wantErr(t, "PutFile(Unset) again", put("a", storage.Unset()), storage.ErrFileMatch)
	wantErr(t, "PutFile(Still another)", put("b", storage.Still(b)), storage.ErrFileMatch)
	wantFile(t, s, app, "f", "a")
	wantErr(t, "PutFile(Still)", put("b", storage.Still(a)), nil)
	wantFile(t, s, app, "f", "b")
	wantErr(t, "DeleteFile(Still another)", s.DeleteFile(t.Context(), app, "f", storage.Still(a)), storage.ErrFileMatch)
	wantFile(t, s, app, "f", "b")
	wantErr(t, "DeleteFile(Still)", s.DeleteFile(t.Context(), app, "f", storage.Still(b)), nil)
	wantNoFile(t, s, app, "f")
}

// testFileBounds checks that an upstream that says too much is cut short, and the file kept.
func testFileBounds(t *testing.T, s FileStore) {
	long := strings.Repeat(`"`, 5000)
	d := pushBlob(t, s, app, "x")
	f := storage.File{Digest: d, MediaType: long, ETag: long, Header: map[string]string{"A": "kept", "B": long, "C": "a\x00b", "D": "a\r\nb", "E": "kept too"}}
	for i := range 100 {
		f.Header[fmt.Sprint("F-", i)] = "some more"
	}
	if err := s.PutFile(t.Context(), app, "f", f, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	got, err := s.StatFile(t.Context(), app, "f")
	if err != nil || got.MediaType != "" || got.ETag != "" || got.Header["A"] != "kept" || got.Header["E"] != "kept too" {
		t.Errorf("StatFile = %+v, %v", got, err)
	}
	for _, name := range []string{"B", "C", "D"} {
		if v, ok := got.Header[name]; ok {
			t.Errorf("the header %s is %.64q", name, v)
		}
	}
	if len(got.Header) > 50 {
		t.Errorf("%d headers are kept", len(got.Header))
	}
	f = storage.File{
		Digest: d, MediaType: strings.Repeat("m", 127), ETag: strings.Repeat(`"`, 64), Modified: time.Unix(1<<40, 0), Checked: time.Unix(1<<40, 0),
		Class: storage.ClassIndex, Header: map[string]string{"Content-Disposition": strings.Repeat("c", 360)},
	}
	if err := s.PutFile(t.Context(), app, "full", f, storage.Match{}); err != nil {
		t.Fatalf("PutFile of what just fits = %v", err)
	}
	got, err = s.StatFile(t.Context(), app, "full")
	if err != nil || got.MediaType != f.MediaType || got.ETag != f.ETag || !maps.Equal(got.Header, f.Header) {
		t.Errorf("StatFile of what just fits = %+v, %v", got, err)
	}
}

func testDeleteFile(t *testing.T, s FileStore) {
	putFile(t, s, app, "a/b/c", "x")
	putFile(t, s, app, "a/d", "y")
	if err := s.DeleteFile(t.Context(), app, "a/b/c", storage.Match{}); err != nil {
		t.Fatal(err)
	}
	wantNoFile(t, s, app, "a/b/c")
	wantErr(t, "DeleteFile again", s.DeleteFile(t.Context(), app, "a/b/c", storage.Match{}), storage.ErrFileUnknown)
	wantNames(t, s, app, "a", "", "d") // without the directory that is empty now
	wantBlob(t, s, app, blobOf("x"), "x")
	putFile(t, s, app, "a/b/c", "z")
	wantFile(t, s, app, "a/b/c", "z")
	wantErr(t, "DeleteFile of a directory", s.DeleteFile(t.Context(), app, "a/b", storage.Match{}), storage.ErrFileUnknown)
	for _, p := range []string{"a/b/c", "a/d"} {
		wantErr(t, "DeleteFile "+p, s.DeleteFile(t.Context(), app, p, storage.Match{}), nil)
	}
	wantNames(t, s, app, "", "")
}

// testFileHolds checks that a blob stays as long as a file names it, and no longer.
func testFileHolds(t *testing.T, s FileStore) {
	putFile(t, s, app, "one", "x")
	putFile(t, s, app, "dir/two", "x")
	d := blobOf("x")
	remove := func(path string) {
		t.Helper()
		wantErr(t, "DeleteBlob beside "+path, s.DeleteBlob(t.Context(), app, d), storage.ErrFileHolds)
		if _, err := storage.Reclaim(t.Context(), s, d); err != nil {
			t.Errorf("Reclaim = %v", err)
		}
		wantFile(t, s, app, path, "x")
		wantErr(t, "DeleteFile "+path, s.DeleteFile(t.Context(), app, path, storage.Match{}), nil)
	}
	remove("one")
	putFile(t, s, app, "dir/two", "y")
	putFile(t, s, app, "dir/two", "x")
	remove("dir/two")
	putFile(t, s, app, "three", "x")
	putFile(t, s, app, "three", "y")
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Fatalf("DeleteBlob of what no file names = %v", err)
	}
	wantNoBlob(t, s, app, d)
	wantErr(t, "PutFile of what is gone", s.PutFile(t.Context(), app, "four", storage.File{Digest: d}, storage.Match{}), storage.ErrBlobUnknown)
}

// testFileOnce checks that one content serves many paths and repositories.
func testFileOnce(t *testing.T, s FileStore) {
	putFile(t, s, app, "a", "x")
	d := blobOf("x")
	if err := s.MountBlob(t.Context(), other, d, app); err != nil {
		t.Fatal(err)
	}
	if err := s.PutFile(t.Context(), other, "b/c", storage.File{Digest: d}, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "a", storage.Match{}), nil)
	wantErr(t, "DeleteBlob", s.DeleteBlob(t.Context(), app, d), nil)
	if _, err := storage.Reclaim(t.Context(), s, d); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, other, "b/c", "x")
	wantNoFile(t, s, other, "a")
}

func testFilesEnded(t *testing.T, s FileStore) {
	putFile(t, s, app, "a", "x")
	ctx, f := ended(t), storage.File{Digest: blobOf("x")}
	wantErr(t, "PutFile", s.PutFile(ctx, app, "b", f, storage.Match{}), context.Canceled)
	_, err := s.PutFiles(ctx, app, "", map[string]storage.File{"b": f}, 1)
	wantErr(t, "PutFiles", err, context.Canceled)
	wantErr(t, "DeleteFile", s.DeleteFile(ctx, app, "a", storage.Match{}), context.Canceled)
	wantOnly(t, "ListFiles", s.ListFiles(ctx, app, "", ""), context.Canceled)
	wantNoFile(t, s, app, "b")
	wantFile(t, s, app, "a", "x")
}

// ignore returns nil for the errors that are expected.
func ignore(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
