package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/storagetest"
)

func TestFileContract(t *testing.T) {
	storagetest.RunFiles(t, func(t *testing.T) storagetest.FileStore {
		s, err := Open(t.TempDir(), &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}

// A record holds what File.Bounded leaves at the most, on every file system.
func TestRecordFits(t *testing.T) {
	many := map[string]string{}
	for i := range 1000 {
		many[fmt.Sprint(i)] = `"\`
	}
	for name, f := range map[string]storage.File{
		"one header":   {Header: map[string]string{"Content-Disposition": strings.Repeat(`"`, 186)}},
		"many headers": {Header: many},
	} {
		f.Digest = digest.SHA512.FromString("x")
		f.MediaType, f.ETag, f.Class = strings.Repeat("m", 127), strings.Repeat(`"`, 64), "0123456789abcdef"
		f.Modified, f.Checked = time.Unix(1<<50, 0), time.UnixMilli(1<<52)
		f = f.Bounded(time.UnixMilli(1 << 52))
		f.Size = 1 << 62
		target, err := fileTarget(f)
		if err != nil || len(f.Header) == 0 || f.MediaType == "" || f.ETag == "" || f.Class == "" {
			t.Errorf("%s: %d bytes, %v: %s", name, len(target), err, target)
		}
		back, err := parseFile(target)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(f) {
			t.Errorf("%s: parseFile = %v, %v, want %v", name, back, err, f)
		}
	}
}

func FuzzFilePath(f *testing.F) {
	for _, seed := range []string{"a", "a/b", ".a/@b/%c", "%2e/%+", strings.Repeat("%", 300), strings.Repeat("é", 700) + "/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if storage.CheckPath(path) != nil {
			return
		}
		dir, name := filePath("top", path)
		if !strings.HasPrefix(name, dir+"/") || !strings.HasPrefix(dir+"/", "top/") {
			t.Fatalf("filePath(%q) = %q, %q", path, dir, name)
		}
		var back strings.Builder
		for i, s := range strings.Split(strings.TrimPrefix(name, "top/"), "/") {
			e := parseElem(s)
			if e.kind == notElem || len(s) > 255 || s == "." || s == ".." || !utf8.ValidString(s) {
				t.Fatalf("filePath(%q) = %q: element %d is %q", path, name, i, s)
			}
			back.WriteString(e.name)
			if e.kind == dirElem {
				back.WriteByte('/')
			}
		}
		if back.String() != path {
			t.Fatalf("filePath(%q) = %q, which is %q", path, name, back.String())
		}
	})
}

// files makes a store of three files and two generations, and opens it again.
func files(t *testing.T) *Store {
	t.Helper()
	s := open(t, t.TempDir())
	for path, content := range map[string]string{"dir/one": "1", "dir/two": "2", "again": "1"} {
		putFile(t, s, path, content)
	}
	for _, content := range []string{"old", "new"} {
		d := put(t, s, "app", content)
		if _, err := s.PutFiles(t.Context(), "app", "dir", map[string]storage.File{"dir/index": {Digest: d}}, 2); err != nil {
			t.Fatal(err)
		}
	}
	return reopen(t, s)
}

func putFile(t *testing.T, s *Store, path, content string) {
	t.Helper()
	if err := s.PutFile(t.Context(), "app", path, storage.File{Digest: put(t, s, "app", content)}, storage.Match{}); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, s *Store, path, content string) {
	t.Helper()
	b, f, err := s.OpenFile(t.Context(), "app", path)
	if err != nil {
		t.Errorf("OpenFile(%s) = %v", path, err)
		return
	}
	b.Close()
	if f.Digest != digest.FromString(content) {
		t.Errorf("OpenFile(%s) has %s, want that of %q", path, f.Digest, content)
	}
}

func TestFilesAfterRestart(t *testing.T) {
	s := files(t)
	wantFile(t, s, "dir/one", "1")
	wantFile(t, s, "again", "1")
	wantFile(t, s, "dir/index", "new")
	for i := range 2 {
		if err := s.DeleteBlob(t.Context(), "app", digest.FromString([]string{"1", "old"}[i])); !errors.Is(err, storage.ErrFileHolds) {
			t.Errorf("DeleteBlob after a restart = %v, want ErrFileHolds", err)
		}
	}
	g, err := s.PutFiles(t.Context(), "app", "dir", map[string]storage.File{"dir/index": {Digest: digest.FromString("1")}}, 1)
	if err != nil || g.Number != 3 {
		t.Errorf("PutFiles = %d, %v, want 3", g.Number, err)
	}
}

// What a file names stays, what was replaced goes, and so does what nobody names.
func TestCollectFiles(t *testing.T) {
	s := files(t)
	putFile(t, s, "dir/two", "2b")
	put(t, s, "app", "never named")
	if _, err := s.PutFiles(t.Context(), "app", "dir", map[string]storage.File{"dir/index": {Digest: put(t, s, "app", "newest")}}, 2); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	got, err := s.Collect(t.Context(), CollectOptions{Before: time.Now().Add(time.Hour)})
	if err != nil || got.Links != 3 || got.Files != 3 || got.Bytes != int64(len("2")+len("never named")+len("old")) {
		t.Errorf("Collect = %+v, %v, want 3 links and 3 files", got, err)
	}
	for path, content := range map[string]string{"dir/one": "1", "again": "1", "dir/two": "2b", "dir/index": "newest"} {
		wantFile(t, s, path, content)
	}
	if g, err := s.GetGeneration(t.Context(), "app", "dir", 2); err != nil || read(t, s, "app", g.Files["dir/index"].Digest) != "new" {
		t.Errorf("the generation before: %v, %v", g, err)
	}
	if sum, err := Verify(t.Context(), s.tree.root.Name(), func(p Problem) { t.Error(p) }); err != nil || sum.Files != 5 {
		t.Errorf("Verify = %+v, %v, want 5 files", sum, err)
	}
}

// A record that cannot be read may name anything: then nothing of the repository goes.
func TestCollectBesideDamage(t *testing.T) {
	for _, name := range []string{"repos/app/_files/tree/again", "repos/app/_files/generations/@dir/7-7"} {
		s := files(t)
		put(t, s, "app", "never named")
		path := filepath.Join(s.tree.root.Name(), name)
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte("torn"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Collect(t.Context(), CollectOptions{Before: time.Now().Add(time.Hour)}); err != nil || got.Links != 0 || got.Files != 0 {
			t.Errorf("Collect beside %s = %+v, %v", name, got, err)
		}
	}
}

// A generation that a power cut has torn is not served; the next one has another number.
func TestTornGeneration(t *testing.T) {
	s := files(t)
	path := filepath.Join(s.tree.root.Name(), "repos/app/_files/generations/@dir/3-1800000000000")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	wantFile(t, s, "dir/index", "new")
	g, err := s.PutFiles(t.Context(), "app", "dir", map[string]storage.File{"dir/index": {Digest: digest.FromString("1")}}, 1)
	if err != nil || g.Number != 4 {
		t.Errorf("PutFiles = %d, %v, want 4", g.Number, err)
	}
	wantFile(t, s, "dir/index", "1")
}

func TestVerifyFiles(t *testing.T) {
	for name, damage := range map[string]func(root string) error{
		"tree/@dir/one: its content is missing": func(root string) error {
			return os.Remove(filepath.Join(root, file(digest.FromString("1"))))
		},
		"tree/again: no record of the store": func(root string) error {
			return os.WriteFile(filepath.Join(root, "repos/app/_files/tree/again"), nil, 0o644)
		},
		"tree/junk: no record of the store": func(root string) error {
			return os.Symlink("{}", filepath.Join(root, "repos/app/_files/tree/junk"))
		},
		"generations/@dir/1-1: no record of the store": func(root string) error {
			return os.WriteFile(filepath.Join(root, "repos/app/_files/generations/@dir/1-1"), []byte("{"), 0o644)
		},
		"its content is not linked": func(root string) error {
			return os.Remove(filepath.Join(root, "repos/app/_blobs/sha256", digest.FromString("new").Encoded()))
		},
	} {
		s := files(t)
		root := s.tree.root.Name()
		path := filepath.Join(root, "repos/app/_files/tree/again")
		if err := errors.Join(os.Remove(path), damage(root)); err != nil {
			t.Fatal(err)
		}
		var all []string
		if _, err := Verify(t.Context(), root, func(p Problem) { all = append(all, p.String()) }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(all, "\n"); !strings.Contains(got, name) {
			t.Errorf("Verify reports %q, want %q", got, name)
		}
	}
}

// Content that went missing is no file, and not the store's fault to whoever asks.
func TestDamagedFile(t *testing.T) {
	s := files(t)
	if err := os.Remove(filepath.Join(s.tree.root.Name(), file(digest.FromString("1")))); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.OpenFile(t.Context(), "app", "dir/one")
	if !errors.Is(err, storage.ErrFileUnknown) || !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("OpenFile = %v, want ErrFileUnknown and ErrDamaged", err)
	}
	if err := s.PutFile(t.Context(), "app", "three", storage.File{Digest: digest.FromString("1")}, storage.Match{}); !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("PutFile of content that is missing = %v, want ErrBlobUnknown", err)
	}
	putFile(t, s, "again", "1") // pushing it again mends both
	wantFile(t, s, "dir/one", "1")
}

// Strangers in the tree are passed by.
func TestFileStrays(t *testing.T) {
	s := files(t)
	root := filepath.Join(s.tree.root.Name(), "repos/app/_files")
	for _, name := range []string{"tree/%zz", "tree/.hidden", "tree/%41", "tree/@", "tree/file", "generations/@dir/x", "generations/y", "z"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("?"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	var got []string
	for _, e := range collect(t, s.ListFiles(t.Context(), "app", "", "")) {
		got = append(got, e.Name)
	}
	if fmt.Sprint(got) != "[again dir/]" {
		t.Errorf("ListFiles yields %q", got)
	}
	wantFile(t, s, "dir/index", "new")
}

// What a crash has left is not in the way, and gc takes it away.
func TestFileLeftovers(t *testing.T) {
	s := files(t)
	root := s.tree.root.Name()
	deep := filepath.Join(root, "repos/app/_files/tree/@empty/@below", treePath("", strings.Repeat("x", 300)))
	if err := errors.Join(os.MkdirAll(deep, 0o755), os.WriteFile(filepath.Join(root, "uploads/.tmp-z"), []byte("half"), 0o644)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if _, err := os.Lstat(filepath.Join(root, "uploads/.tmp-z")); err == nil {
		t.Error("half a generation is there after a restart")
	}
	if _, err := s.Collect(t.Context(), CollectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(root, "repos/app/_files/tree/@empty")); err == nil {
		t.Error("an empty directory is there after gc")
	}
	putFile(t, s, "empty/below/f", "1")
	wantFile(t, s, "empty/below/f", "1")
	wantFile(t, s, "dir/one", "1")
}

// A reader of another process sees what is there.
func TestReaderFiles(t *testing.T) {
	s := files(t)
	r, err := OpenReader(s.tree.root.Name(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, f, err := r.OpenFile(t.Context(), "app", "dir/index")
	if err != nil || f.Digest != digest.FromString("new") {
		t.Fatalf("OpenFile = %v, %v", f, err)
	}
	b.Close()
	if g, err := r.GetGeneration(t.Context(), "app", "dir", 1); err != nil || len(g.Files) != 1 {
		t.Errorf("GetGeneration = %v, %v", g, err)
	}
}
