package auth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/storagetest"
)

func TestGuardIsAStore(t *testing.T) {
	everything := policy(t, `[{"repositories":"**","pull":["anonymous"],"push":["anonymous"],"delete":["anonymous"]}]`)
	storagetest.Run(t, func(*testing.T) storage.Store {
		return Guard(memory.New(), func() *Policy { return everything })
	})
}

// as is a context in which name asks, "-" for anonymous.
func as(t *testing.T, name string) context.Context {
	if name == "-" {
		return t.Context()
	}
	return WithUser(t.Context(), name)
}

// fill puts a manifest, a tag and a blob into each of the repositories.
func fill(t *testing.T, s storage.Store, repos ...oci.Name) (storage.Manifest, digest.Digest) {
	t.Helper()
	m, _, err := storage.ParseManifest(oci.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[]}`), "")
	if err != nil {
		t.Fatal(err)
	}
	blob := digest.FromString("blob")
	for _, repo := range repos {
		err := errors.Join(storage.PutBlob(t.Context(), s, repo, blob, strings.NewReader("blob")), s.PutManifest(t.Context(), repo, m),
			s.SetTag(t.Context(), repo, "1", m.Digest, storage.Match{}))
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, blob
}

func firstErr[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

const guardRules = `[
	{"repositories":"open","pull":["anonymous"],"push":["alice"],"delete":["alice"]},
	{"repositories":"team","pull":["*"],"push":["bob"],"delete":["carol"]},
	{"repositories":"secret","pull":["alice"]},
	{"repositories":"inbox","push":["*"]}]`

// TestGuardAsks has each method called by each user on each repository.
func TestGuardAsks(t *testing.T) {
	p := policy(t, guardRules)
	m, blob := fill(t, memory.New(), "x")
	for _, method := range []struct {
		name string
		a    Action
		call func(ctx context.Context, s storage.Store, repo oci.Name) error
	}{
		{"StatBlob", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := s.StatBlob(ctx, r, blob)
			return err
		}},
		{"OpenBlob", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := s.OpenBlob(ctx, r, blob)
			return err
		}},
		{"GetManifest", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := s.GetManifest(ctx, r, m.Digest)
			return err
		}},
		{"ResolveTag", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := s.ResolveTag(ctx, r, "1")
			return err
		}},
		{"StatManifest", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := storage.StatManifest(ctx, s, r, m.Digest)
			return err
		}},
		{"StatTag", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := storage.StatTag(ctx, s, r, "1")
			return err
		}},
		{"Tags", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error { return firstErr(s.Tags(ctx, r, "")) }},
		{"DatedTags", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			return firstErr(storage.DatedTags(ctx, s, r))
		}},
		{"Referrers", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error {
			return firstErr(s.Referrers(ctx, r, m.Digest))
		}},
		{"Manifests", Pull, func(ctx context.Context, s storage.Store, r oci.Name) error { return firstErr(s.Manifests(ctx, r)) }},
		{"AskPush", Push, storage.AskPush},
		{"StartUpload", Push, func(ctx context.Context, s storage.Store, r oci.Name) error {
			_, err := s.StartUpload(ctx, r, "")
			return err
		}},
		{"ResumeUpload", Push, func(ctx context.Context, s storage.Store, r oci.Name) error {
			if _, err := s.ResumeUpload(ctx, r, "none"); !errors.Is(err, storage.ErrUploadUnknown) {
				return err
			}
			return nil
		}},
		{"MountBlob", Push, func(ctx context.Context, s storage.Store, r oci.Name) error { return s.MountBlob(ctx, r, blob, r) }},
		{"PutManifest", Push, func(ctx context.Context, s storage.Store, r oci.Name) error { return s.PutManifest(ctx, r, m) }},
		{"SetTag", Push, func(ctx context.Context, s storage.Store, r oci.Name) error {
			return s.SetTag(ctx, r, "2", m.Digest, storage.Match{})
		}},
		{"DeleteTag", Delete, func(ctx context.Context, s storage.Store, r oci.Name) error { return s.DeleteTag(ctx, r, "1") }},
		{"DeleteManifest", Delete, func(ctx context.Context, s storage.Store, r oci.Name) error {
			return s.DeleteManifest(ctx, r, m.Digest)
		}},
		{"DeleteBlob", Delete, func(ctx context.Context, s storage.Store, r oci.Name) error { return s.DeleteBlob(ctx, r, blob) }},
	} {
		for _, user := range []string{"-", "alice", "bob", "carol"} {
			for _, repo := range []oci.Name{"open", "team", "secret", "inbox", "none"} {
				inner := memory.New()
				fill(t, inner, "open", "team", "secret", "inbox") // so whatever is allowed succeeds
				var want error
				if !p.Allows(user, user != "-", method.a, repo) {
					want = map[bool]error{true: storage.ErrNoIdentity, false: storage.ErrDenied}[user == "-"]
				}
				if got := method.call(as(t, user), Guard(inner, func() *Policy { return p }), repo); !errors.Is(got, want) {
					t.Errorf("%s by %s in %s = %v, want %v", method.name, user, repo, got, want)
				}
			}
		}
	}
}

func TestGuardMount(t *testing.T) {
	p := policy(t, guardRules)
	for _, tt := range []struct {
		user     string
		from, to oci.Name
		want     error
	}{
		{"alice", "secret", "open", nil},
		{"alice", "secret", "inbox", nil},
		{"bob", "open", "team", nil},
		{"bob", "secret", "team", storage.ErrBlobUnknown},
		{"bob", "none", "team", storage.ErrBlobUnknown}, // the same, though it does not exist
		{"bob", "open", "secret", storage.ErrDenied},
		{"-", "open", "inbox", storage.ErrNoIdentity},
	} {
		inner := memory.New()
		_, blob := fill(t, inner, "open", "team", "secret")
		err := Guard(inner, func() *Policy { return p }).MountBlob(as(t, tt.user), tt.to, blob, tt.from)
		if !errors.Is(err, tt.want) {
			t.Errorf("MountBlob by %s from %s to %s = %v, want %v", tt.user, tt.from, tt.to, err, tt.want)
		}
	}
}

// finderless hides that a store is a storage.BlobFinder.
type finderless struct{ storage.Store }

func TestGuardLists(t *testing.T) {
	p := policy(t, guardRules)
	inner := memory.New()
	_, blob := fill(t, inner, "open", "team", "secret", "inbox")
	if err := inner.DeleteBlob(t.Context(), "inbox", blob); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ user, repos, holders string }{
		{"-", "open", "open"},
		{"alice", "inbox open secret team", "open secret team"},
		{"bob", "inbox open team", "open team"},
	} {
		for _, store := range []storage.Store{inner, finderless{inner}} {
			g := Guard(store, func() *Policy { return p })
			if got := sorted(t, g.Repositories(as(t, tt.user), "")); got != tt.repos {
				t.Errorf("%T: Repositories for %s = %q, want %q", store, tt.user, got, tt.repos)
			}
			if got := sorted(t, g.(storage.BlobFinder).BlobRepositories(as(t, tt.user), blob)); got != tt.holders {
				t.Errorf("%T: BlobRepositories for %s = %q, want %q", store, tt.user, got, tt.holders)
			}
		}
	}
	if err := firstErr(Guard(inner, nil).Repositories(t.Context(), "")); !errors.Is(err, storage.ErrNoIdentity) {
		t.Errorf("Repositories for - without rules = %v, want %v", err, storage.ErrNoIdentity)
	}
}

func sorted(t *testing.T, seq iter.Seq2[oci.Name, error]) string {
	t.Helper()
	var all []string
	for repo, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(repo))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestGuardHides compares, byte for byte, what is said of a repository that exists and of one that does not.
func TestGuardHides(t *testing.T) {
	inner := memory.New()
	_, blob := fill(t, inner, "hidden1")
	g := Guard(inner, func() *Policy { return policy(t, `[{"repositories":"open","pull":["*"]}]`) })
	for _, user := range []string{"-", "alice"} {
		_, exists := g.StatBlob(as(t, user), "hidden1", blob)
		_, absent := g.StatBlob(as(t, user), "hidden2", blob)
		if want := strings.ReplaceAll(fmt.Sprint(absent), "hidden2", "hidden1"); fmt.Sprint(exists) != want {
			t.Errorf("StatBlob by %s = %v where the repository exists, %v where it does not", user, exists, want)
		}
	}
}

func TestGuardPolicyChanges(t *testing.T) {
	p := policy(t, `[]`)
	g := Guard(memory.New(), func() *Policy { return p })
	if _, err := g.StartUpload(as(t, "alice"), "app", ""); err != nil {
		t.Errorf("StartUpload by alice without rules = %v", err)
	}
	p = policy(t, `[{"repositories":"other"}]`)
	if _, err := g.StartUpload(as(t, "alice"), "app", ""); !errors.Is(err, storage.ErrDenied) {
		t.Errorf("StartUpload by alice after a change = %v, want %v", err, storage.ErrDenied)
	}
}
