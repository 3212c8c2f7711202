package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/storagetest"
)

// What random calls choose from: paths that are in each other's way, and few contents.
var (
	mixPaths = strings.Fields("a a/b a/b/c a/d b b/a @a .x %41 c/" + strings.Repeat("n", 300) + "/d")
	mixBases = []string{"", "a", "a/b", "b"}
)

const mixContents = 5

func mixDigest(i int) digest.Digest { return digest.FromString(fmt.Sprint("content ", i)) }

// mixed makes one random call and says what came of it.
func mixed(t *testing.T, s storagetest.FileStore, rng *rand.Rand) string {
	path, c := mixPaths[rng.IntN(len(mixPaths))], rng.IntN(mixContents)
	f := storage.File{Digest: mixDigest(c), Modified: time.Unix(1e9, 0)}
	when := []storage.Match{{}, {}, storage.Unset(), storage.Still(mixDigest(rng.IntN(mixContents)))}[rng.IntN(4)]
	ctx := t.Context()
	switch rng.IntN(9) {
	case 0, 1, 2:
		return said("put", path, s.PutFile(ctx, "app", path, f, when))
	case 3, 4:
		return said("delete", path, s.DeleteFile(ctx, "app", path, when))
	case 5:
		base := mixBases[rng.IntN(len(mixBases))]
		files := map[string]storage.File{}
		for range 1 + rng.IntN(3) {
			files[mixPaths[rng.IntN(len(mixPaths))]] = f
		}
		g, err := s.PutFiles(ctx, "app", base, files, 1+rng.IntN(3))
		return said("publish", fmt.Sprint(base, len(files), g.Number), err)
	case 6:
		return said("delete blob", fmt.Sprint(c), s.DeleteBlob(ctx, "app", mixDigest(c)))
	case 7:
		content := fmt.Sprint("content ", c)
		return said("blob", content, storage.PutBlob(ctx, s, "app", mixDigest(c), strings.NewReader(content)))
	}
	got, err := s.StatFile(ctx, "app", path)
	return said("stat", fmt.Sprint(path, got.Digest, got.Size, got.Generation), err)
}

// said is a call and the kind of its error.
func said(call, what string, err error) string {
	for _, known := range []error{storage.ErrFileMatch, storage.ErrFileGeneration, storage.ErrFilePath, storage.ErrFileHolds, storage.ErrFileUnknown, storage.ErrBlobUnknown} {
		if errors.Is(err, known) {
			return fmt.Sprint(call, " ", what, ": ", known)
		}
	}
	return fmt.Sprint(call, " ", what, ": ", err)
}

// listed is all that can be listed.
func listed(t *testing.T, s storagetest.FileStore) string {
	t.Helper()
	var b strings.Builder
	for e, err := range storage.WalkFiles(t.Context(), s, "app", "") {
		fmt.Fprintln(&b, e.Name, e.File.Digest, e.File.Generation, err)
	}
	for _, base := range mixBases {
		for g, err := range s.Generations(t.Context(), "app", base) {
			g2, err2 := s.GetGeneration(t.Context(), "app", base, g.Number)
			fmt.Fprintln(&b, base, g.Number, err, len(g2.Files), err2)
		}
	}
	return b.String()
}

// TestFilesLikeMemory makes the same random calls to both stores, which have to say the same, also after a restart.
func TestFilesLikeMemory(t *testing.T) {
	for seed := range uint64(4) {
		s, err := Open(t.TempDir(), &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		m := memory.New()
		one, two := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 0))
		var calls []string
		for i := range 150 {
			want, got := mixed(t, m, one), mixed(t, s, two)
			calls = append(calls, want)
			if got != want {
				t.Fatalf("seed %d: %s\nmemory says: %s", seed, got, strings.Join(calls, "\n"))
			}
			if want, got := listed(t, m), listed(t, s); got != want {
				t.Fatalf("seed %d: the disk lists\n%smemory\n%safter\n%s", seed, got, want, strings.Join(calls, "\n"))
			}
			if i%50 == 49 {
				root := s.tree.root.Name()
				s.Close()
				if s, err = Open(root, &Options{NoSync: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := Verify(t.Context(), s.tree.root.Name(), func(p Problem) { t.Errorf("seed %d: %s", seed, p) }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFilesMixed has many make random calls at once: nothing that is listed lacks its content, and nothing is forgotten that holds some.
func TestFilesMixed(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	var wg sync.WaitGroup
	for w := range uint64(6) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(w, 1))
			for range 400 {
				if got := mixed(t, s, rng); !strings.HasSuffix(got, "<nil>") && !mixKnown(got) {
					t.Error(got)
				}
			}
		})
	}
	wg.Wait()
	if _, err := Verify(t.Context(), s.tree.root.Name(), func(p Problem) { t.Error(p) }); err != nil {
		t.Fatal(err)
	}
	before := listed(t, s)
	s = reopen(t, s)
	if after := listed(t, s); after != before {
		t.Errorf("before a restart\n%safter it\n%s", before, after)
	}
}

func mixKnown(said string) bool {
	for _, known := range []error{storage.ErrFileMatch, storage.ErrFileGeneration, storage.ErrFilePath, storage.ErrFileHolds, storage.ErrFileUnknown, storage.ErrBlobUnknown} {
		if strings.HasSuffix(said, known.Error()) {
			return true
		}
	}
	return false
}
