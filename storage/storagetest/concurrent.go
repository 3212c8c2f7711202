package storagetest

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var concurrentTests = []test{
	{"ReadAt", testConcurrentReadAt},
	{"one append wins", testConcurrentAppends},
	{"one commit wins", testConcurrentCommits},
	{"8 pushes of one blob", testConcurrentPushes},
	{"one Unset wins", testConcurrentUnset},
	{"one Still wins", testConcurrentStill},
	{"SetTag against DeleteManifest", testConcurrentTagAndDelete},
	{"mount against delete", testConcurrentMountAndDelete},
	{"a bit of everything", testConcurrentMix},
}

// together runs do(0) to do(n-1) at once and returns their errors.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = do(i)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

// wantWinner checks that one of errs is nil and that all others are want. It returns the winner's number.
func wantWinner(t *testing.T, call string, errs []error, want error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("%s: %d and %d both win", call, winner, i)
		case err == nil:
			winner = i
		default:
			wantErr(t, call, err, want)
		}
	}
	if winner < 0 {
		t.Fatalf("%s: nobody wins: %v", call, errs)
	}
	return winner
}

// testConcurrentReadAt reads one open blob from many places, while it is read from front to back as well.
func testConcurrentReadAt(t *testing.T, s storage.Store) {
	content := strings.Repeat("0123456789abcdef", 4000)
	b, err := s.OpenBlob(t.Context(), app, pushBlob(t, s, app, content))
	if err != nil {
		t.Fatalf("OpenBlob = %v", err)
	}
	defer b.Close()
	for i, err := range together(8, func(i int) error {
		r := io.Reader(b)
		if i > 0 {
			r = io.NewSectionReader(b, int64(i*1000), b.Size())
		}
		got, err := io.ReadAll(r)
		if err == nil && string(got) != content[i*1000:] {
			return fmt.Errorf("%d bytes, which are not the last %d", len(got), len(content)-i*1000)
		}
		return err
	}) {
		if err != nil {
			t.Errorf("reader %d: %v", i, err)
		}
	}
}

// testConcurrentAppends appends at one offset over handles of one session; who loses leaves no trace.
func testConcurrentAppends(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	content := ""
	var handles []storage.Upload
	for range 8 {
		handles = append(handles, resume(t, s, u.ID(), 0))
	}
	for range 4 {
		at := int64(len(content))
		winner := wantWinner(t, "Append", together(len(handles), func(i int) error {
			_, err := handles[i].Append(t.Context(), at, strings.NewReader(strings.Repeat(fmt.Sprint(i), 5000+i)))
			return err
		}), storage.ErrOffset)
		content += strings.Repeat(fmt.Sprint(winner), 5000+winner)
	}
	for _, u := range handles {
		if err := u.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	commit(t, s, resume(t, s, u.ID(), int64(len(content))), content)
}

func testConcurrentCommits(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	handles := []storage.Upload{u}
	for range 7 {
		handles = append(handles, resume(t, s, u.ID(), 7))
	}
	wantWinner(t, "Commit", together(len(handles), func(i int) error {
		return handles[i].Commit(t.Context(), blobOf("content"))
	}), storage.ErrUploadUnknown)
	wantBlob(t, s, app, blobOf("content"), "content")
}

// testConcurrentPushes pushes one blob into two repositories, over sessions of their own.
func testConcurrentPushes(t *testing.T, s storage.Store) {
	content := strings.Repeat("0123456789abcdef", 4000)
	repos := []oci.Name{app, other}
	for i, err := range together(8, func(i int) error {
		return storage.PutBlob(t.Context(), s, repos[i%2], blobOf(content), strings.NewReader(content))
	}) {
		if err != nil {
			t.Errorf("push %d = %v", i, err)
		}
	}
	for _, repo := range repos {
		wantBlob(t, s, repo, blobOf(content), content)
	}
	if err := s.DeleteBlob(t.Context(), app, blobOf(content)); err != nil {
		t.Errorf("DeleteBlob = %v", err)
	}
	wantNoBlob(t, s, app, blobOf(content))
	wantBlob(t, s, other, blobOf(content), content)
}

// images pushes n images into repo.
func images(t *testing.T, s storage.Store, repo oci.Name, n int) (all []storage.Manifest) {
	t.Helper()
	for i := range n {
		m := image(t, fmt.Sprint(i))
		push(t, s, repo, m)
		all = append(all, m)
	}
	return all
}

func testConcurrentUnset(t *testing.T, s storage.Store) {
	all := images(t, s, app, 8)
	for i := range 10 {
		tag := oci.Tag(fmt.Sprintf("v%d", i))
		winner := wantWinner(t, "SetTag(Unset)", together(len(all), func(i int) error {
			return s.SetTag(t.Context(), app, tag, all[i].Digest, storage.Unset())
		}), storage.ErrTagMatch)
		wantTag(t, s, app, tag, all[winner])
	}
}

func testConcurrentStill(t *testing.T, s storage.Store) {
	all := images(t, s, app, 8)
	at := image(t, "at")
	push(t, s, app, at, "latest")
	for range 10 {
		winner := wantWinner(t, "SetTag(Still)", together(len(all), func(i int) error {
			if all[i].Digest == at.Digest { // it would leave the tag as it is, and let another one win
				return storage.ErrTagMatch
			}
			return s.SetTag(t.Context(), app, "latest", all[i].Digest, storage.Still(at.Digest))
		}), storage.ErrTagMatch)
		at = all[winner]
		wantTag(t, s, app, "latest", at)
	}
}

// testConcurrentTagAndDelete sets a tag to a manifest that is being deleted: either may win, but no tag may be left
// that points at nothing.
func testConcurrentTagAndDelete(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, image(t, "stays"))
	for range 50 {
		push(t, s, app, m, "old")
		errs := together(3, func(i int) error {
			switch i {
			case 0:
				return s.DeleteManifest(t.Context(), app, m.Digest)
			case 1:
				return s.SetTag(t.Context(), app, "old", m.Digest, storage.Match{})
			}
			return s.SetTag(t.Context(), app, "new", m.Digest, storage.Match{})
		})
		if errs[0] != nil {
			t.Fatalf("DeleteManifest = %v", errs[0])
		}
		for _, err := range errs[1:] {
			if err != nil {
				wantErr(t, "SetTag", err, storage.ErrManifestUnknown)
			}
		}
		wantNoManifest(t, s, app, m.Digest)
		wantNoTag(t, s, app, "old")
		wantNoTag(t, s, app, "new")
		wantList(t, "Tags", s.Tags(t.Context(), app, ""), nil)
	}
}

// testConcurrentMountAndDelete drops the last link while another one is being made: a mount that succeeds has the bytes.
func testConcurrentMountAndDelete(t *testing.T, s storage.Store) {
	for i := range 50 {
		content := fmt.Sprint("content ", i)
		d := pushBlob(t, s, app, content)
		errs := together(2, func(i int) error {
			if i == 0 {
				return s.DeleteBlob(t.Context(), app, d)
			}
			return s.MountBlob(t.Context(), other, d, app)
		})
		if errs[0] != nil {
			t.Fatalf("DeleteBlob = %v", errs[0])
		}
		wantNoBlob(t, s, app, d)
		if errs[1] == nil {
			wantBlob(t, s, other, d, content)
		} else {
			wantErr(t, "MountBlob", errs[1], storage.ErrBlobUnknown)
			wantNoBlob(t, s, other, d)
		}
	}
}
