package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var concurrentTests = []test{
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

// mix is what the workers of testConcurrentMix choose from.
type mix struct {
	s     storage.Store
	repos []oci.Name
	tags  []oci.Tag
	all   []storage.Manifest
	blobs []string
}

// testConcurrentMix lets workers do what they like, and then looks whether what is left fits together.
func testConcurrentMix(t *testing.T, s storage.Store) {
	x := mix{s: s, repos: []oci.Name{"a", "a/b", "b"}, tags: []oci.Tag{"1", "2", "3", "4"}, blobs: []string{"", "x", "content"}}
	for i := range 3 {
		m := image(t, fmt.Sprint(i))
		x.all = append(x.all, m, referrer(t, fmt.Sprint(i), m.Digest))
	}
	for worker, err := range together(8, func(i int) error {
		rnd := rand.New(rand.NewPCG(1, uint64(i)))
		for range 60 {
			if err := x.step(t, rnd); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("worker %d: %v", worker, err)
		}
	}
	for _, repo := range x.repos {
		x.check(t, repo)
	}
}

// step does one thing by chance. What others may have made impossible is no error.
func (x *mix) step(t *testing.T, rnd *rand.Rand) error {
	ctx, repo, tag := t.Context(), pick(rnd, x.repos), pick(rnd, x.tags)
	m, content := pick(rnd, x.all), pick(rnd, x.blobs)
	var err error
	switch rnd.IntN(10) {
	case 0, 1:
		err = x.s.PutManifest(ctx, repo, m)
	case 2, 3:
		err = x.s.SetTag(ctx, repo, tag, m.Digest, pick(rnd, []storage.Match{{}, storage.Unset(), storage.Still(m.Digest)}))
	case 4:
		err = x.s.DeleteManifest(ctx, repo, m.Digest)
	case 5:
		err = x.s.DeleteTag(ctx, repo, tag)
	case 6:
		err = storage.PutBlob(ctx, x.s, repo, blobOf(content), strings.NewReader(content))
	case 7:
		err = x.s.MountBlob(ctx, repo, blobOf(content), pick(rnd, x.repos))
	case 8:
		err = x.s.DeleteBlob(ctx, repo, blobOf(content))
	case 9:
		err = x.read(t, repo, tag, content)
	}
	for _, ok := range []error{storage.ErrRepoUnknown, storage.ErrManifestUnknown, storage.ErrBlobUnknown, storage.ErrTagMatch} {
		if errors.Is(err, ok) && !errors.Is(err, storage.ErrDamaged) {
			return nil
		}
	}
	return err
}

// read looks at one of everything, and at the order of the lists.
func (x *mix) read(t *testing.T, repo oci.Name, tag oci.Tag, content string) error {
	got, err := storage.ReadBlob(t.Context(), x.s, repo, blobOf(content), 100)
	if err == nil && string(got) != content {
		return fmt.Errorf("ReadBlob(%s) = %q, want %q", repo, got, content)
	}
	_, tagErr := x.s.ResolveTag(t.Context(), repo, tag)
	tags, tagsErr := collect(x.s.Tags(t.Context(), repo, ""))
	repos, reposErr := collect(x.s.Repositories(t.Context(), ""))
	if !increasing(tags) || !increasing(repos) || reposErr != nil {
		return fmt.Errorf("lists are out of order: %s and %s, %v", tags, repos, reposErr)
	}
	for _, err := range []error{tagErr, tagsErr} {
		if err != nil && !errors.Is(err, storage.ErrRepoUnknown) && !errors.Is(err, storage.ErrManifestUnknown) {
			return err
		}
	}
	return err
}

// check looks at a repository when all is quiet: every name in it leads to something.
func (x *mix) check(t *testing.T, repo oci.Name) {
	t.Helper()
	exists := slices.Contains(list(t, x.s.Repositories(t.Context(), "")), repo)
	holds := 0
	for _, content := range x.blobs {
		if _, err := x.s.StatBlob(t.Context(), repo, blobOf(content)); err == nil {
			wantBlob(t, x.s, repo, blobOf(content), content)
			holds++
		}
	}
	have := make(map[digest.Digest]bool)
	for _, m := range x.all {
		if _, err := x.s.GetManifest(t.Context(), repo, m.Digest); err == nil {
			have[m.Digest] = true
			holds++
		}
	}
	if exists != (holds > 0) {
		t.Fatalf("%s exists = %v, and holds %d things", repo, exists, holds)
	}
	if exists {
		x.checkNames(t, repo, have)
	}
}

// checkNames compares the lists of a repository that exists with the manifests that it has.
func (x *mix) checkNames(t *testing.T, repo oci.Name, have map[digest.Digest]bool) {
	t.Helper()
	for _, tag := range list(t, x.s.Tags(t.Context(), repo, "")) {
		if d, err := x.s.ResolveTag(t.Context(), repo, tag); err != nil || !have[d.Digest] {
			t.Errorf("tag %s of %s points at %s, %v, which is not there", tag, repo, d.Digest, err)
		}
	}
	listed := list(t, x.s.Manifests(t.Context(), repo))
	if len(listed) != len(have) {
		t.Errorf("%s has %d manifests and lists %d", repo, len(have), len(listed))
	}
	for _, m := range x.all {
		if m.Subject == "" {
			continue
		}
		var want []storage.Manifest
		if have[m.Digest] {
			want = append(want, m)
		}
		wantReferrers(t, x.s, repo, m.Subject, want...)
	}
}

func pick[T any](rnd *rand.Rand, all []T) T { return all[rnd.IntN(len(all))] }

// increasing reports whether all is in order, each once.
func increasing[T ~string](all []T) bool {
	for i := range all[min(1, len(all)):] {
		if all[i] >= all[i+1] {
			return false
		}
	}
	return true
}
