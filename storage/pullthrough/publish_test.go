package pullthrough_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/pullthrough"
)

// root is an index of lines "PATH SHA256"; its parts are all that stands beside it, and what is named by a hash is a file that stands alone.
const root = "x/md/root.xml"

func mdRule(path string) pullthrough.Rule {
	name, below := strings.CutPrefix(path, "x/md/")
	switch {
	case !below, strings.HasPrefix(name, "hash-"):
		return pullthrough.Rule{Class: storage.ClassFile}
	}
	return pullthrough.Rule{Class: storage.ClassIndex, Root: root}
}

// mdPublish gets what the root names, which has to be that, and the signature if there is one.
func mdPublish(ctx context.Context, path string, f storage.File, b *pullthrough.Bundle) (string, map[string]storage.File, error) {
	blob, err := b.Open(ctx, f)
	if err != nil {
		return "", nil, err
	}
	defer blob.Close()
	raw := make([]byte, f.Size)
	if _, err := blob.ReadAt(raw, 0); err != nil {
		return "", nil, err
	}
	files := map[string]storage.File{}
	for line := range strings.Lines(string(raw)) {
		name, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		part, err := b.Get(ctx, "x/md/"+name)
		if err != nil {
			return "", nil, err
		}
		if part.Digest.Encoded() != sum {
			return "", nil, fmt.Errorf("%w: %w: %s is another one", storage.ErrUpstream, storage.ErrDamaged, name)
		}
		if mdRule("x/md/"+name).Root != "" {
			files["x/md/"+name] = part
		}
	}
	part, err := b.Get(ctx, path+".asc")
	if err == nil {
		if part.Digest != digestOf("signed "+string(raw)) {
			err = fmt.Errorf("%w: %w: the signature is another's", storage.ErrUpstream, storage.ErrDamaged)
		}
		files[path+".asc"] = part
	}
	if err != nil && !errors.Is(err, storage.ErrFileUnknown) {
		return "", nil, err
	}
	return "x/md", files, nil
}

// md makes the root over parts: "name=content name=content".
func md(parts string) (rootContent string, all map[string]string) {
	all = map[string]string{}
	for _, p := range strings.Fields(parts) {
		name, content, _ := strings.Cut(p, "=")
		all["x/md/"+name] = content
		rootContent += name + " " + digestOf(content).Encoded() + "\n"
	}
	all[root] = rootContent
	all[root+".asc"] = "signed " + rootContent
	return rootContent, all
}

// publish puts all of a root up, one file after the other, the root first.
func (u *server) publish(parts string) string {
	content, all := md(parts)
	u.set(root, content)
	for path, c := range all {
		u.set(path, c)
	}
	return content
}

func mdOptions() *pullthrough.FilesOptions {
	return &pullthrough.FilesOptions{Rule: mdRule, Publish: mdPublish, IndexTTL: time.Minute, Keep: 2}
}

// TestPublish steps through the life of an index with parts.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{})
		s, local := openFiles(t, u, mdOptions())
		want := func(step, rootContent, primary string) {
			t.Helper()
			wantGet(t, step, s, "x/md/primary", primary)
			wantGet(t, step, s, root, rootContent)
			wantGet(t, step, s, root+".asc", "signed "+rootContent)
		}
		_, _, err := getFile(t.Context(), s, "x/md/primary")
		wantErr(t, "nothing there", err, storage.ErrFileUnknown)
		wantAsked(t, "nothing there", u, "get "+root)
		time.Sleep(time.Minute)

		one := u.publish("primary=p1 hash-a=a")
		want("a part first", one, "p1")
		wantAsked(t, "a part first", u, "get "+root, "get x/md/primary", "get x/md/hash-a", "get "+root+".asc")
		wantGet(t, "a hashed one", s, "x/md/hash-a", "a")
		_, _, err = getFile(t.Context(), s, "x/md/not-named")
		wantErr(t, "a part that is not named", err, storage.ErrFileUnknown)
		wantAsked(t, "kept", u)

		time.Sleep(2 * time.Minute)
		want("nothing new", one, "p1")
		wantAsked(t, "nothing new", u, "get "+root+" ?")

		broken, _ := md("primary=p2 hash-b=b")
		u.set(root, broken) // and what it names is not there yet
		time.Sleep(2 * time.Minute)
		ctx, notes := storage.WithNotes(t.Context())
		if got, _, err := getFile(ctx, s, "x/md/primary"); got != "p1" || err != nil || len(notes.All()) != 1 {
			t.Errorf("half a generation: %q, %v, notes %v", got, err, notes.All())
		}
		want("half a generation", one, "p1")
		if _, err := local.StatBlob(t.Context(), mirror, digestOf(broken)); err == nil {
			t.Error("a root that was not published is kept")
		}

		two := u.publish("primary=p2 hash-b=b")
		time.Sleep(2 * time.Minute)
		want("the whole generation", two, "p2")
		u.setDown(errDown)
		time.Sleep(2 * time.Minute)
		wantStale(t, "down", s, "x/md/primary", "p2")
		u.setDown(nil)
		wantMDGenerations(t, local, 2, 1)

		three := u.publish("primary=p3")
		time.Sleep(2 * time.Minute)
		want("the third", three, "p3")
		wantMDGenerations(t, local, 3, 2)
		for content, kept := range map[string]bool{"p1": false, one: false, "p2": true, two: true, "p3": true, "a": true} {
			if _, err := local.StatBlob(t.Context(), mirror, digestOf(content)); (err == nil) != kept {
				t.Errorf("the content %.20q: %v, want it kept: %v", content, err, kept)
			}
		}
	})
}

// wantMDGenerations checks which generations are kept, and that each is what its root says.
func wantMDGenerations(t *testing.T, local *memory.Store, want ...int64) {
	t.Helper()
	var got []int64
	for g, err := range local.Generations(t.Context(), mirror, "x/md") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, g.Number)
		g, err = local.GetGeneration(t.Context(), mirror, "x/md", g.Number)
		if err != nil {
			t.Fatal(err)
		}
		rootContent, err := storage.ReadBlob(t.Context(), local, mirror, g.Files[root].Digest, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if sum := g.Files["x/md/primary"].Digest.Encoded(); !strings.Contains(string(rootContent), "primary "+sum) {
			t.Errorf("generation %d has the root %q and the primary %s", g.Number, rootContent, sum)
		}
		if g.Files[root+".asc"].Digest != digestOf("signed "+string(rootContent)) {
			t.Errorf("generation %d has the signature of another", g.Number)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the generations %v are kept, want %v", got, want)
	}
}

// TestPublishSame: a root that comes again as it was is no new generation.
func TestPublishSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{})
		u.noValidators = true
		s, local := openFiles(t, u, mdOptions())
		one := u.publish("primary=p1")
		for range 3 {
			wantGet(t, "the same", s, root, one)
			wantGet(t, "the same", s, "x/md/primary", "p1")
			time.Sleep(time.Hour)
		}
		wantMDGenerations(t, local, 1)
		if n := len(u.calls()); n != 5 { // the root, its two parts, and the root twice more
			t.Errorf("upstream is asked %d times, want 5", n)
		}
	})
}

// TestPublishRace has many readers while upstream publishes one generation after the other, file by file: what is published is whole.
func TestPublishRace(t *testing.T) {
	u := newServer(map[string]string{})
	o := mdOptions()
	o.IndexTTL, o.Keep, o.NegativeTTL = -1, 3, -1
	s, local := openFiles(t, u, o)
	u.publish("primary=p0")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				if _, _, err := getFile(t.Context(), s, "x/md/primary"); err != nil && !errors.Is(err, storage.ErrUpstream) {
					t.Errorf("a reader gets %v", err)
				}
			}
		})
	}
	for i := range 50 {
		u.publish(fmt.Sprintf("primary=p%d", i+1))
	}
	wg.Wait()
	s.Close()
	var numbers []int64
	for g := range local.Generations(t.Context(), mirror, "x/md") {
		numbers = append(numbers, g.Number)
	}
	if len(numbers) == 0 {
		t.Error("nothing was published")
	}
	wantMDGenerations(t, local, numbers...)
}

// TestFilesHeal: content that is damaged on the disk is fetched again.
func TestFilesHeal(t *testing.T) {
	dir := t.TempDir()
	local, err := disk.Open(dir, &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	u := newServer(map[string]string{"f.rpm": "package"})
	u.publish("primary=p1")
	s := pullthrough.NewFiles(local, mirror, u, mdOptions())
	defer s.Close()
	for _, step := range []string{"cold", "damaged"} {
		for path, content := range map[string]string{"f.rpm": "package", "x/md/primary": "p1", root: u.files[root]} {
			wantGet(t, step, s, path, content)
			hex := digestOf(content).Encoded()
			if err := os.Remove(filepath.Join(dir, "blobs/sha256", hex[:2], hex)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
