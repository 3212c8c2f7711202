package pullthrough_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
	"vitrine/storage/storagetest"
)

// written is a store that is written to upstream and read through a cache that trusts nothing for long: so the suite sees whether what is read through it is what
// is there. Its list of repositories is upstream's: the cache lists what it has kept.
type written struct {
	*memory.Store // all writes, and Repositories, Manifests, DatedTags, BlobRepositories
	cache         *pullthrough.Store
}

func (w written) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	return w.cache.StatBlob(ctx, repo, d)
}

func (w written) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	return w.cache.OpenBlob(ctx, repo, d)
}

func (w written) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	return w.cache.GetManifest(ctx, repo, d)
}

func (w written) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return w.cache.ResolveTag(ctx, repo, tag)
}

func (w written) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return w.cache.Tags(ctx, repo, after)
}

func (w written) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return w.cache.Referrers(ctx, repo, d)
}

// TestStore runs the whole contract against what is read through the cache, blobs also as they arrive.
func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		up := memory.New()
		o := &pullthrough.Options{IndexTTL: -1, FileTTL: 1, NegativeTTL: -1}
		return written{up, reopen(t, memory.New(), up, o)}
	})
}

// TestRequests counts what upstream is asked for.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, _ := open(t, u, &pullthrough.Options{IndexTTL: time.Minute})
		m := u.image(t, app, "layer", "1")
		layer := digest.FromString("layer")
		pull := func() {
			t.Helper()
			wantTag(t, s, app, "1", m)
			wantManifest(t, s, app, m)
			wantBlob(t, s, app, "layer")
			synctest.Wait()
		}
		pull()
		wantCalls(t, "cold", u, "tag library/app:1", "manifest library/app "+short(m.Digest), "open library/app "+short(layer))
		pull()
		wantCalls(t, "warm", u)
		time.Sleep(time.Minute)
		pull()
		wantCalls(t, "after the TTL", u, "tag library/app:1")
		if n, err := s.StatBlob(t.Context(), app, layer); n != 5 || err != nil {
			t.Errorf("StatBlob = %d, %v", n, err)
		}
		wantCalls(t, "StatBlob of what is kept", u)

		m2 := u.image(t, app, "another", "1")
		time.Sleep(time.Minute)
		wantTag(t, s, app, "1", m2)
		wantManifest(t, s, app, m2)
		wantCalls(t, "a tag that moved", u, "tag library/app:1", "manifest library/app "+short(m2.Digest))
		u.tag(t, app, "1", m)
		time.Sleep(time.Minute)
		pull()
		wantCalls(t, "a tag that moved back", u, "tag library/app:1")
	})
}

// TestStatDownloadsNothing looks at what is nowhere kept.
func TestStatDownloadsNothing(t *testing.T) {
	u := newUpstream()
	s, local := open(t, u, nil)
	d := u.blob(t, app, "layer")
	if n, err := s.StatBlob(t.Context(), app, d); n != 5 || err != nil {
		t.Errorf("StatBlob = %d, %v, want 5", n, err)
	}
	_, err := s.StatBlob(t.Context(), other, d)
	wantErr(t, "StatBlob of a blob that upstream has elsewhere", err, storage.ErrBlobUnknown)
	settled(t, s)
	wantCalls(t, "StatBlob", u, "stat library/app "+short(d), "stat library/other "+short(d))
	if _, err := storage.FindBlob(t.Context(), local, d); err == nil {
		t.Error("the blob is kept")
	}
}

// TestTagFollows checks that the local store's tag is what upstream's was, also where the manifest comes after it.
func TestTagFollows(t *testing.T) {
	u := newUpstream()
	s, local := open(t, u, &pullthrough.Options{IndexTTL: -1})
	a := u.image(t, app, "a", "1", "2")
	for _, tag := range []oci.Tag{"1", "2"} {
		wantTag(t, s, app, tag, a)
	}
	if _, err := local.ResolveTag(t.Context(), app, "1"); err == nil {
		t.Error("a tag is kept without its manifest")
	}
	wantManifest(t, s, app, a)
	wantTag(t, local, app, "1", a)
	wantTag(t, local, app, "2", a)
	b := u.image(t, app, "b", "1")
	wantTag(t, s, app, "1", b)
	wantTag(t, local, app, "1", a)
	u.tag(t, app, "1", a)
	wantTag(t, s, app, "1", a)
	wantManifest(t, s, app, b) // its tag has moved on
	wantTag(t, local, app, "1", a)
}

// TestTagGone checks that a tag goes that upstream has no longer, after its time, and that what it pointed at stays.
func TestTagGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{IndexTTL: time.Minute, NegativeTTL: 5 * time.Second})
		m := u.image(t, app, "layer", "1")
		wantTag(t, s, app, "1", m)
		wantManifest(t, s, app, m)
		if err := u.DeleteManifest(t.Context(), app, m.Digest); err != nil {
			t.Fatal(err)
		}
		wantTag(t, s, app, "1", m)
		time.Sleep(time.Minute)
		u.calls()
		for range 3 {
			_, err := s.ResolveTag(t.Context(), app, "1")
			wantErr(t, "ResolveTag of a tag that is gone", err, storage.ErrManifestUnknown)
		}
		wantCalls(t, "a tag that is gone", u, "tag library/app:1")
		wantManifest(t, s, app, m)
		if _, err := local.ResolveTag(t.Context(), app, "1"); err == nil {
			t.Error("the local store has the tag")
		}
		u.image(t, app, "layer", "1")
		time.Sleep(5 * time.Second)
		wantTag(t, s, app, "1", m)
	})
}

// TestNegative checks that what is not there is asked for now and then, not each time.
func TestNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.image(t, app, "layer")
		s, _ := open(t, u, &pullthrough.Options{NegativeTTL: 5 * time.Second})
		d := digest.FromString("absent")
		ask := func() {
			t.Helper()
			for range 2 {
				_, err := s.GetManifest(t.Context(), app, d)
				wantErr(t, "GetManifest", err, storage.ErrManifestUnknown)
				_, err = s.OpenBlob(t.Context(), app, d)
				wantErr(t, "OpenBlob", err, storage.ErrBlobUnknown)
				_, err = s.StatBlob(t.Context(), app, d)
				wantErr(t, "StatBlob", err, storage.ErrBlobUnknown)
				_, err = s.ResolveTag(t.Context(), "none", "1")
				wantErr(t, "ResolveTag", err, storage.ErrManifestUnknown, storage.ErrRepoUnknown)
				_, err = first(s.Tags(t.Context(), "none", ""))
				wantErr(t, "Tags", err, storage.ErrRepoUnknown)
			}
		}
		want := []string{"manifest library/app " + short(d), "open library/app " + short(d), "stat library/app " + short(d), "tag none:1", "tags none"}
		ask()
		wantCalls(t, "what is not there", u, want...)
		time.Sleep(5 * time.Second)
		ask()
		wantCalls(t, "what is not there, later", u, want...)
	})
}

// first returns the first thing that seq yields.
func first[T any](seq iter.Seq2[T, error]) (v T, err error) {
	for v, err := range seq {
		return v, err
	}
	return v, nil
}

// collect returns all that seq yields, which must be no error.
func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// TestFileTTL checks that upstream is asked whether it still has what is kept by digest, and that nothing is downloaded again.
func TestFileTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{FileTTL: time.Hour, NegativeTTL: -1})
		m := u.image(t, app, "layer")
		layer := digest.FromString("layer")
		pull := func() {
			t.Helper()
			wantManifest(t, s, app, m)
			wantBlob(t, s, app, "layer")
			synctest.Wait()
		}
		pull()
		u.calls()
		pull()
		wantCalls(t, "within the TTL", u)
		time.Sleep(time.Hour)
		pull()
		wantCalls(t, "after the TTL", u, "manifest library/app "+short(m.Digest), "stat library/app "+short(layer))
		if err := u.DeleteBlob(t.Context(), app, layer); err != nil {
			t.Fatal(err)
		}
		pull()
		time.Sleep(time.Hour)
		_, err := s.OpenBlob(t.Context(), app, layer)
		wantErr(t, "OpenBlob of what upstream has no longer", err, storage.ErrBlobUnknown)
		if _, err := local.StatBlob(t.Context(), app, layer); err == nil {
			t.Error("it is still kept")
		}
	})
}

// TestNames checks what becomes of prefixes and of short names.
func TestNames(t *testing.T) {
	u := newUpstream()
	m := u.image(t, app, "layer", "1")
	deep := u.image(t, "a/b/c", "deep", "1")
	s, local := open(t, u, &pullthrough.Options{Prefix: "hub", Library: true})
	for _, name := range []oci.Name{"hub/library/app", "hub/app"} {
		wantTag(t, s, name, "1", m)
		wantManifest(t, s, name, m)
		wantBlob(t, s, name, "layer")
	}
	wantTag(t, s, "hub/a/b/c", "1", deep)
	wantManifest(t, s, "hub/a/b/c", deep)
	for _, name := range []oci.Name{"hub", "hubs/app", app} {
		_, err := s.ResolveTag(t.Context(), name, "1")
		wantErr(t, "ResolveTag of "+string(name), err, storage.ErrManifestUnknown, storage.ErrRepoUnknown)
		_, err = s.StatBlob(t.Context(), name, m.Digest)
		wantErr(t, "StatBlob in "+string(name), err, storage.ErrBlobUnknown)
	}
	settled(t, s)
	if err := storage.PutBlob(t.Context(), local, "zzz", digest.FromString(""), noBytes{}); err != nil {
		t.Fatal(err)
	}
	want := []oci.Name{"hub/a/b/c", "hub/library/app"}
	if got := collect(t, s.Repositories(t.Context(), "")); !slices.Equal(got, want) {
		t.Errorf("Repositories = %s, want %s", got, want)
	}
	if got := collect(t, s.Repositories(t.Context(), "hub/a/b/c")); !slices.Equal(got, want[1:]) {
		t.Errorf("Repositories = %s, want %s", got, want[1:])
	}
	if got := collect(t, s.BlobRepositories(t.Context(), digest.FromString("layer"))); !slices.Equal(got, want[1:]) {
		t.Errorf("BlobRepositories = %s, want %s", got, want[1:])
	}
	if got := collect(t, s.Manifests(t.Context(), "hub/app")); len(got) != 1 || got[0].Digest != m.Digest {
		t.Errorf("Manifests = %v", got)
	}
}

type noBytes struct{}

func (noBytes) Read([]byte) (int, error) { return 0, io.EOF }

// TestInclude has what each pattern lets through.
func TestInclude(t *testing.T) {
	u := newUpstream()
	for _, name := range []oci.Name{"library/app", "library/app/deep", "other/app", "app"} {
		u.image(t, name, "layer", "1", "2")
	}
	for _, tt := range []struct {
		pattern  string
		repo     oci.Name
		tag      oci.Tag
		tags, ok bool
	}{
		{"^library/", "library/app", "1", true, true},
		{"^library/", "other/app", "1", false, false},
		{"^library/app$", "library/app", "1", true, true},
		{"^library/app$", "library/app/deep", "1", true, true}, // the image is its first two components
		{"^library/app/deep$", "library/app/deep", "1", true, true},
		{"^library/app/deep$", "library/app", "1", false, false},
		{"app$", "app", "1", true, true},
		{"^app$", "other/app", "1", false, false},
		{"^library/app/manifests/1$", "library/app", "1", false, true},
		{"^library/app/manifests/1$", "library/app", "2", false, false},
	} {
		s, _ := open(t, u, &pullthrough.Options{Prefix: "hub", Include: []*regexp.Regexp{regexp.MustCompile("^$"), regexp.MustCompile(tt.pattern)}})
		u.calls()
		_, err := s.ResolveTag(t.Context(), "hub/"+tt.repo, tt.tag)
		_, tagsErr := first(s.Tags(t.Context(), "hub/"+tt.repo, ""))
		if (err == nil) != tt.ok || (tagsErr == nil) != tt.tags {
			t.Errorf("%q: ResolveTag(%s, %s) = %v, Tags = %v, want %v and %v", tt.pattern, tt.repo, tt.tag, err, tagsErr, tt.ok, tt.tags)
		}
		if !tt.ok {
			wantErr(t, "ResolveTag", err, storage.ErrDenied)
		}
		if !tt.tags {
			wantErr(t, "Tags", tagsErr, storage.ErrDenied)
		}
		if !tt.ok && !tt.tags {
			wantCalls(t, "what is not let through", u)
		}
	}
}

// TestIncludeHoldsForWhatIsKept checks that patterns come before the cache.
func TestIncludeHoldsForWhatIsKept(t *testing.T) {
	u := newUpstream()
	m := u.image(t, app, "layer", "1")
	s, local := open(t, u, nil)
	wantTag(t, s, app, "1", m)
	wantManifest(t, s, app, m)
	wantBlob(t, s, app, "layer")
	settled(t, s)
	s = reopen(t, local, u, &pullthrough.Options{Include: []*regexp.Regexp{regexp.MustCompile("^none$")}})
	u.calls()
	ctx := t.Context()
	_, err := s.GetManifest(ctx, app, m.Digest)
	wantErr(t, "GetManifest", err, storage.ErrDenied)
	_, err = s.OpenBlob(ctx, app, digest.FromString("layer"))
	wantErr(t, "OpenBlob", err, storage.ErrDenied)
	_, err = s.StatBlob(ctx, app, digest.FromString("layer"))
	wantErr(t, "StatBlob", err, storage.ErrDenied)
	_, err = first(s.Referrers(ctx, app, m.Digest))
	wantErr(t, "Referrers", err, storage.ErrDenied)
	_, err = first(s.Manifests(ctx, app))
	wantErr(t, "Manifests", err, storage.ErrDenied)
	if got := collect(t, s.Repositories(ctx, "")); len(got) > 0 {
		t.Errorf("Repositories = %s", got)
	}
	if got := collect(t, s.BlobRepositories(ctx, digest.FromString("layer"))); len(got) > 0 {
		t.Errorf("BlobRepositories = %s", got)
	}
	wantCalls(t, "what is not let through", u)
}

// TestWrites checks that none goes anywhere.
func TestWrites(t *testing.T) {
	u := newUpstream()
	m := u.image(t, app, "layer", "1")
	s, local := open(t, u, nil)
	ctx := t.Context()
	_, startErr := s.StartUpload(ctx, app, "")
	_, resumeErr := s.ResumeUpload(ctx, app, "x")
	for call, err := range map[string]error{
		"StartUpload": startErr, "ResumeUpload": resumeErr, "AskPush": storage.AskPush(ctx, s, app),
		"MountBlob": s.MountBlob(ctx, app, m.Digest, other), "DeleteBlob": s.DeleteBlob(ctx, app, m.Digest),
		"PutManifest": s.PutManifest(ctx, app, m), "DeleteManifest": s.DeleteManifest(ctx, app, m.Digest),
		"SetTag": s.SetTag(ctx, app, "2", m.Digest, storage.Match{}), "DeleteTag": s.DeleteTag(ctx, app, "1"),
	} {
		wantErr(t, call, err, storage.ErrUnsupported)
	}
	wantCalls(t, "writes", u)
	if got := collect(t, local.Repositories(ctx, "")); len(got) > 0 {
		t.Errorf("the local store has %s", got)
	}
}

// TestLists checks order, age and what becomes of lists in trouble.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, _ := open(t, u, &pullthrough.Options{IndexTTL: time.Minute})
		m := u.image(t, app, "layer", "b", "a", "c")
		tags := func() []oci.Tag { return collect(t, s.Tags(t.Context(), app, "a")) }
		if got := tags(); !slices.Equal(got, []oci.Tag{"b", "c"}) {
			t.Errorf("Tags = %s", got)
		}
		u.tag(t, app, "d", m)
		if got := tags(); len(got) != 2 {
			t.Errorf("Tags within the TTL = %s", got)
		}
		wantCalls(t, "Tags", u, "tags library/app")
		time.Sleep(time.Minute)
		if got := tags(); len(got) != 3 {
			t.Errorf("Tags after the TTL = %s", got)
		}

		refs := func() int { return len(collect(t, s.Referrers(t.Context(), app, m.Digest))) }
		u.calls()
		if n := refs() + refs(); n != 0 {
			t.Errorf("Referrers yields %d", n)
		}
		wantCalls(t, "Referrers", u, "referrers library/app "+short(m.Digest))
		note := u.manifest(t, app, `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"`+string(m.Digest)+`","size":2},"layers":[],"subject":{"mediaType":"a/b","digest":"`+string(m.Digest)+`","size":2}}`)
		time.Sleep(time.Minute)
		if got := collect(t, s.Referrers(t.Context(), app, m.Digest)); len(got) != 1 || got[0].Digest != note.Digest || got[0].ArtifactType != "a/b" {
			t.Errorf("Referrers = %v", got)
		}
		if got := collect(t, s.Referrers(t.Context(), "none", m.Digest)); len(got) != 0 {
			t.Errorf("Referrers of no repository = %v", got)
		}
		time.Sleep(time.Minute)
		u.down(errDown)
		ctx, notes := storage.WithNotes(t.Context())
		if n := len(collect(t, s.Tags(ctx, app, ""))); n != 4 {
			t.Errorf("Tags without upstream yields %d, want 4", n)
		}
		if n := len(collect(t, s.Referrers(ctx, app, m.Digest))); n != 1 {
			t.Errorf("Referrers without upstream yields %d, want 1", n)
		}
		if n := notes.All(); len(n) != 1 || n[0].Kind != storage.Stale {
			t.Errorf("notes %v, want that it is stale, once", n)
		}
	})
}

// unsorted is an upstream with an order of its own, and tags without end.
type unsorted struct{ storage.Reader }

func (unsorted) Tags(_ context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		for _, tag := range []oci.Tag{"b", "a", "b"} {
			if repo == app && !yield(tag, nil) {
				return
			}
		}
		for i := 0; repo == other; i++ {
			if !yield(oci.Tag(fmt.Sprintf("%0128d", i)), nil) {
				return
			}
		}
	}
}

func TestListsOfOthers(t *testing.T) {
	s := reopen(t, memory.New(), unsorted{newUpstream()}, nil)
	if got := collect(t, s.Tags(t.Context(), app, "")); !slices.Equal(got, []oci.Tag{"a", "b"}) {
		t.Errorf("Tags = %s, want them sorted, each once", got)
	}
	n := 0
	for _, err := range s.Tags(t.Context(), other, "") {
		if n++; err != nil || n == 60_000 {
			break
		}
	}
	if n != 60_000 {
		t.Errorf("a list without end ends after %d", n)
	}
}
