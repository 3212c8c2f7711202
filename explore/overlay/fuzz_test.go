package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"vitrine/explore/overlay/overlaytest"
)

// FuzzOverlay makes layers of bytes and compares every view of them with a naive unpacking.
func FuzzOverlay(f *testing.F) {
	for seed := range 40 {
		b := make([]byte, 3+seed)
		for i := range b {
			b[i] = byte((i*i*7 + i*seed*13 + seed) >> (i % 3))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		layers := randomLayers(b)
		img := lay(t, overlaytest.Tars(t, layers)...)
		ref := newReference(layers)
		for top := range layers {
			checkView(t, img.Upto(top), ref, top)
		}
		checkDead(t, img, ref)
		checkVersions(t, img)
		checkPages(t, img, b)
		if t.Failed() {
			t.Logf("layers:\n%s", describe(layers))
		}
	})
}

// names are few, so that layers meet. They sort on both sides of the slash, and of the prefix of whiteouts.
var (
	names = []string{"a", "b", "a-", ".a", ".wh-", "a", "b"}
	marks = []string{".wh.a", ".wh.b", ".wh.a-", ".wh..wh..opq", ".wh..wh.plnk", ".wh.", ".wh..a", ".wh..wh-"}
	kinds = []string{"file", "file", "dir", "dir", "link", "hard", "file", "fifo"}
	links = []string{"a", "../b", "/a/b", ".", "..", "a/../b/a", "b/./a", "/"}
)

// randomLayers takes four bytes for an entry: what, where, and where a link leads.
func randomLayers(b []byte) [][]overlaytest.Entry {
	layers := [][]overlaytest.Entry{nil}
	for i := 0; len(b) >= 4 && i < 60; i++ {
		kind, place, link, more := b[0], b[1], b[2], b[3]
		b = b[4:]
		if more%7 == 0 && len(layers) < 6 {
			layers = append(layers, nil)
		}
		e := overlaytest.Entry{Kind: kinds[kind%8], Mode: 0o600 + int64(i), Name: randomPath(place, more, true)}
		switch e.Kind {
		case "file":
			e.Body = fmt.Sprint("content ", i)
		case "link":
			e.Link = links[link%8]
		case "hard":
			e.Link = randomPath(link, more/16, false)
		}
		last := &layers[len(layers)-1]
		*last = append(*last, e)
	}
	return layers
}

func randomPath(place, more byte, markers bool) string {
	var p []string
	for range 1 + place%3 {
		p = append(p, names[int(place>>2)%len(names)])
		place = place>>3 | place<<5
	}
	if markers && more%3 == 0 {
		p[len(p)-1] = marks[int(more>>2)%len(marks)]
		if more%5 == 0 && len(p) > 1 {
			p[0] = marks[int(more>>3)%len(marks)]
		}
	}
	return strings.Join(p, "/")
}

func describe(layers [][]overlaytest.Entry) string {
	var b strings.Builder
	for _, l := range layers {
		b.WriteString("layer\n")
		for _, e := range l {
			fmt.Fprintf(&b, "  %s %o %s %s%s\n", e.Kind, e.Mode, e.Name, e.Link, e.Body)
		}
	}
	return b.String()
}

// checkView compares what is live by a walk, by listings, by looking up and by following links.
func checkView(t *testing.T, f *FS, ref *reference, top int) {
	want := ref.view(top)
	view, _ := listing(t, f)
	compare(t, fmt.Sprint("live after layer ", top), view, want)
	compare(t, fmt.Sprint("listed after layer ", top), listed(t, f, "."), want)
	for _, p := range []string{"a", "b", "a/a", "a/b", "b/a", "b/b", "a-/a", "a/b/a", ".wh.a", "a/.wh.a/b", "b/a/b/a"} {
		n, err := f.Lookup(p)
		m := ref.states[top][p]
		if (m == nil) != errors.Is(err, fs.ErrNotExist) || m != nil && fmt.Sprint(n.Layer, " ", format(t, f, n)) != m.line(p) {
			t.Errorf("after layer %d: Lookup(%q) = %+v, %v, want %+v", top, p, n, err, m)
		}
		n, err = f.Resolve(p)
		to, ok := follow(ref.states[top], p, true)
		if (err == nil) != ok || ok && n.Path != to {
			t.Errorf("after layer %d: Resolve(%q) = %+v, %v, want %q, %v", top, p, n, err, to, ok)
		}
	}
}

// listed goes through the tree by Dir.
func listed(t *testing.T, f *FS, dir string) (lines []string) {
	for n, err := range f.Dir(dir, "") {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(n.Layer, " ", format(t, f, n)))
		if n.IsDir() {
			lines = append(lines, listed(t, f, n.Path)...)
		}
	}
	return lines
}

// checkDead compares what is said of the dead with how the image was after each layer.
func checkDead(t *testing.T, f *FS, ref *reference) {
	for n, err := range f.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		if n.State == Live || n.State == Whiteout || n.By == n.Layer {
			continue
		}
		before, after := ref.states[n.By-1][n.Path], ref.states[n.By][n.Path]
		if before == nil || before.layer != n.Layer || after == before {
			t.Errorf("%+v: before layer %d there is %+v, after it %+v", n, n.By, before, after)
		}
		if m := ref.states[n.Layer][n.Path]; m == nil || m.layer != n.Layer {
			t.Errorf("%+v: its layer has %+v", n, m)
		}
	}
}

// checkVersions finds every entry of every layer once.
func checkVersions(t *testing.T, f *FS) {
	for l, layer := range f.layers {
		for e, err := range layer.Table().Entries() {
			versions, versionsErr := f.Versions(e.Path)
			found := 0
			for _, n := range versions {
				if n.Layer == l && n.Entry.Header == e.Header && n.Entry.Synthetic == e.Synthetic {
					found++
				}
			}
			if err != nil || versionsErr != nil || found != 1 {
				t.Errorf("Versions(%q) has the entry of layer %d %d times, %v, %v", e.Path, l, found, err, versionsErr)
			}
		}
	}
}

// checkPages reads everything again from places in the middle.
func checkPages(t *testing.T, f *FS, b []byte) {
	all := slices.Collect(keys(f.Walk(".")))
	for i, c := range b[:min(len(b), 3)] {
		if len(all) < 2 {
			return
		}
		at := 1 + int(c)%(len(all)-1)
		for at+1 < len(all) && all[at+1].Path == all[at].Path {
			at++
		}
		rest := slices.Collect(keys(f.WalkAfter(".", all[at].Path)))
		if !slices.EqualFunc(rest, all[at+1:], sameNode) {
			t.Errorf("page %d: WalkAfter(%q) yields %d nodes, want %d", i, all[at].Path, len(rest), len(all)-at-1)
		}
		dir, base := split(all[at].Path)
		whole, page := slices.Collect(keys(f.DirAll(dir, ""))), slices.Collect(keys(f.DirAll(dir, base)))
		whole = slices.DeleteFunc(whole, func(n *Node) bool { return n.Base() <= base })
		if !slices.EqualFunc(page, whole, sameNode) {
			t.Errorf("page %d: DirAll(%q, %q) yields %d nodes, want %d", i, dir, base, len(page), len(whole))
		}
	}
}

func keys(seq func(func(*Node, error) bool)) func(func(*Node) bool) {
	return func(yield func(*Node) bool) {
		for n, err := range seq {
			if err != nil || !yield(n) {
				return
			}
		}
	}
}

func sameNode(a, b *Node) bool {
	return a.Path == b.Path && a.Layer == b.Layer && a.State == b.State && a.Entry.Header == b.Entry.Header
}
