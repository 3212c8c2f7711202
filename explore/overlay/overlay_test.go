package overlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/explore/overlay/overlaytest"
	"vitrine/explore/tarfs"
)

// leaky is an image with what other explorers get wrong: a secret in a directory that is deleted, an opaque directory beside one whose
// name begins like its own, and a hard link to a lower layer.
const leaky = `
layer
  dir 755 app
  dir 700 app/secrets
  file 600 app/secrets/key hunter2
  file 644 app/run v1
  dir 755 usr
  file 644 usr/old old
  dir 755 usrlocal
  file 644 usrlocal/kept kept
layer
  file 644 app/.wh.secrets
  file 755 app/run v2
  hard 755 app/first -> app/run
  hard 644 usrlocal/link -> usr/old
  file 644 usr/.wh..wh..opq
  link 777 now -> app
layer
  file 755 app/run v3
`

func leak(t testing.TB) *FS { return lay(t, overlaytest.Image(t, leaky)...) }

// TestLookup asks for live paths, one by one, in each view.
func TestLookup(t *testing.T) {
	f := leak(t)
	for _, c := range []struct {
		upto int
		path string
		want string // "LAYER TYPE", "gone" or "invalid"
	}{
		{2, "app/run", "2 file"},
		{1, "app/run", "1 file"},
		{0, "app/run", "0 file"},
		{2, "app/secrets", "gone"},
		{2, "app/secrets/key", "gone"}, // of a deleted directory
		{0, "app/secrets/key", "0 file"},
		{2, "usr", "0 dir"},
		{2, "usr/old", "gone"},
		{2, "usrlocal/kept", "0 file"}, // usr is opaque
		{2, "app/.wh.secrets", "gone"},
		{2, "usr/.wh..wh..opq", "gone"},
		{2, "app/run/below", "gone"},
		{2, "now/run", "gone"}, // links are not followed
		{2, "now", "1 link"},
		{0, "now", "gone"},
		{2, ".", "0 dir"},
		{-1, ".", "-1 dir"},
		{-1, "app", "gone"},
		{9, "app/run", "2 file"},
		{2, "nothing/" + strings.Repeat("deep/", 10000) + "x", "gone"},
		{2, "/app", "invalid"},
		{2, "app/", "invalid"},
		{2, "a/../app", "invalid"},
		{2, "", "invalid"},
	} {
		n, err := f.Upto(c.upto).Lookup(c.path)
		got := "gone"
		switch {
		case errors.Is(err, fs.ErrInvalid):
			got = "invalid"
		case err == nil:
			got = fmt.Sprint(n.Layer, " ", map[byte]string{'0': "file", '1': "hard", '2': "link", '5': "dir"}[n.Entry.Type])
		case !errors.Is(err, fs.ErrNotExist):
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Upto(%d).Lookup(%.20q) = %s, want %s", c.upto, c.path, got, c.want)
		}
	}
}

// TestOpenDead reads what is deleted and overwritten, and lists a deleted directory.
func TestOpenDead(t *testing.T) {
	f := leak(t)
	want := map[string]string{
		"0 app/secrets":     "key",
		"0 app/secrets/key": "hunter2",
		"0 app/run":         "v1",
		"1 app/run":         "v2",
		"2 app/run":         "v3",
		"1 app/first":       "v2", // what app/run was
		"1 usrlocal/link":   "old",
		"0 usr/old":         "old",
		"1 app/.wh.secrets": "",
	}
	for n, err := range f.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(n.Layer, " ", n.Path)
		wanted, ok := want[key]
		delete(want, key)
		if got := contentOf(t, f, n); ok && got != wanted {
			t.Errorf("%s has %q, want %q", key, got, wanted)
		}
	}
	if len(want) > 0 {
		t.Errorf("Walk does not yield %v", want)
	}
}

// contentOf returns what a file has, or what a directory lists.
func contentOf(t *testing.T, f *FS, n *Node) string {
	t.Helper()
	file, err := f.OpenNode(n)
	if err != nil {
		t.Fatalf("OpenNode(%+v): %v", n, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Sys() != any(n) || info.Name() != n.Base() {
		t.Errorf("Stat of %+v: %v, %v", n, info, err)
	}
	if d, ok := file.(fs.ReadDirFile); ok {
		var names []string
		list, err := d.ReadDir(-1)
		for _, e := range list {
			names = append(names, e.Name())
		}
		if err != nil {
			t.Error(err)
		}
		return strings.Join(names, " ")
	}
	b, err := io.ReadAll(file)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestOpenFile wants of a live file what http.ServeContent and archives want.
func TestOpenFile(t *testing.T) {
	file, err := leak(t).Open("now/first")
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := file.(io.ReaderAt).ReadAt(b[:], 1); err != nil || b[0] != '2' {
		t.Errorf("ReadAt: %q, %v", b, err)
	}
	if at, err := file.(io.Seeker).Seek(0, io.SeekEnd); at != 2 || err != nil {
		t.Errorf("Seek: %d, %v", at, err)
	}
	file.(io.Seeker).Seek(0, io.SeekStart)
	var all strings.Builder
	if _, err := file.(io.WriterTo).WriteTo(&all); err != nil || all.String() != "v2" {
		t.Errorf("WriteTo: %q, %v", &all, err)
	}
}

// TestDirErrors lists what cannot be listed, live and with the dead.
func TestDirErrors(t *testing.T) {
	f := leak(t)
	for _, c := range []struct{ path, live, all string }{
		{"app/secrets", "gone", "1"},
		{"app/run", "gone", "gone"},
		{"now", "gone", "gone"},
		{"nothing", "gone", "gone"},
		{"usr", "0", "2"},
		{"/usr", "invalid", "invalid"},
		{".", "4", "4"},
	} {
		if got := count(f.Dir(c.path, "")); got != c.live {
			t.Errorf("Dir(%q) yields %s, want %s", c.path, got, c.live)
		}
		if got := count(f.DirAll(c.path, "")); got != c.all {
			t.Errorf("DirAll(%q) yields %s, want %s", c.path, got, c.all)
		}
	}
	for _, after := range []string{"usr", "app/../app", "/app"} {
		if got := count(f.WalkAfter("app", after)); got != "invalid" {
			t.Errorf("WalkAfter(app, %q) yields %s, want an error", after, got)
		}
	}
	if got := count(f.WalkAfter("app", "app/"+strings.Repeat("b/", 1<<19)+"b")); got != "6" {
		t.Errorf("WalkAfter what is not there yields %s", got)
	}
	if got := count(f.Walk("nothing")); got != "gone" {
		t.Errorf("Walk of nothing yields %s", got)
	}
}

func count(seq func(func(*Node, error) bool)) string {
	n := 0
	for _, err := range seq {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "gone"
		case errors.Is(err, fs.ErrInvalid):
			return "invalid"
		case err != nil:
			return err.Error()
		}
		n++
	}
	return fmt.Sprint(n)
}

// TestVersions wants all that layers have at a path, merged directories too.
func TestVersions(t *testing.T) {
	f := lay(t, overlaytest.Image(t, `
layer
  dir 700 a
layer
  file 644 a/x one
layer
  dir 711 a
layer
  file 644 .wh.a
layer
  dir 755 a
  dir 750 a
`)...)
	var got []string
	versions, err := f.Versions("a")
	for _, n := range versions {
		got = append(got, fmt.Sprintf("%d %o %v %d %s", n.Layer, n.Entry.Mode, n.State, n.By, n.ByPath))
	}
	want := []string{"4 750 live -1 ", "4 755 overwritten 4 a", "2 711 deleted 3 .wh.a", "1 755 deleted 3 .wh.a", "0 700 deleted 3 .wh.a"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Versions = %q, %v, want %q", got, err, want)
	}
	got = nil
	versions, err = f.Upto(2).Versions("a")
	for _, n := range versions {
		got = append(got, fmt.Sprintf("%d %v %d", n.Layer, n.State, n.By))
	}
	if want := []string{"2 live -1", "1 merged 2", "0 merged 2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Upto(2).Versions = %q, %v, want %q", got, err, want)
	}
}

// TestHides asks whiteouts what they hide.
func TestHides(t *testing.T) {
	f := lay(t, overlaytest.Image(t, `
layer
  file 644 d/.wh.x
  file 644 d/.wh..wh..opq
  file 644 d/.wh.
  file 644 d/.wh..wh.aufs
  file 644 .wh.y/file
  file 644 d/file
`)...)
	got := map[string]string{}
	for n, err := range f.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		if path, opaque, ok := n.Hides(); ok {
			got[n.Path] = fmt.Sprint(path, " ", opaque)
		}
	}
	if fmt.Sprint(got) != "map[d/.wh..wh..opq:d true d/.wh.x:d/x false]" {
		t.Errorf("Hides: %v", got)
	}
}

// TestMissing shows what is above and below a layer that cannot be opened.
func TestMissing(t *testing.T) {
	f := leak(t)
	f = New([]*tarfs.FS{f.Layer(0), nil, f.Layer(2), nil})
	if got := fmt.Sprint(f.Missing(), f.Upto(2).Missing(), f.Upto(0).Missing(), f.Layers(), f.Layer(1) == nil, f.Layer(-1) == nil, f.Layer(4) == nil); got != "[1 3] [1] [] 4 true true true" {
		t.Errorf("Missing, Layers, Layer: %s", got)
	}
	n, err := f.Lookup("app/run")
	if err != nil || n.Layer != 2 {
		t.Errorf("Lookup = %+v, %v", n, err)
	}
	totals, err := f.Totals(t.Context())
	if err != nil || !totals.Layers[1].Missing || totals.Layers[0].Missing {
		t.Errorf("Totals = %+v, %v", totals, err)
	}
	for _, layers := range [][]*tarfs.FS{nil, {nil}, {nil, nil}} {
		f := New(layers)
		if list, err := f.ReadDir("."); err != nil || len(list) > 0 {
			t.Errorf("%d layers: ReadDir = %v, %v", len(layers), list, err)
		}
		if got := count(f.Walk(".")); got != "1" {
			t.Errorf("%d layers: Walk yields %s", len(layers), got)
		}
	}
}

// TestTotals counts what is shipped for nothing. A file that is overwritten and lives on by a hard link is not.
func TestTotals(t *testing.T) {
	f := leak(t)
	got, err := f.Totals(t.Context())
	want := Totals{
		Live:   Sum{4, 2 + 2 + 4 + 3}, // run v3, first v2, kept, link to old
		Wasted: Sum{4, 7 + 2 + 0 + 0}, // the key, run v1, two whiteouts
		Layers: []LayerTotals{
			{Entries: 8, All: Sum{4, 16}, Live: Sum{2, 7}, Wasted: Sum{2, 9}},
			{Entries: 6, Whiteouts: 2, All: Sum{3, 2}, Live: Sum{1, 2}, Wasted: Sum{2, 0}},
			{Entries: 1, All: Sum{1, 2}, Live: Sum{1, 2}},
		},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Totals = %+v, %v, want %+v", got, err, want)
	}
	again, err := f.Upto(5).Totals(t.Context())
	if err != nil || fmt.Sprint(again) != fmt.Sprint(want) {
		t.Errorf("Totals again = %+v, %v", again, err)
	}
	first, err := f.Upto(0).Totals(t.Context())
	if err != nil || first.Wasted != (Sum{}) || first.Live != want.Layers[0].All {
		t.Errorf("Totals of the first layer = %+v, %v", first, err)
	}
}

// TestTotalsEnd wants an end when the one who asked is gone.
func TestTotalsEnd(t *testing.T) {
	var text strings.Builder
	text.WriteString("layer\n")
	for i := range 3000 {
		fmt.Fprintf(&text, "file 644 f%d\n", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lay(t, overlaytest.Image(t, text.String())...).Totals(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Totals = %v", err)
	}
}

// counted counts the reads of a table.
type counted struct {
	io.ReaderAt
	reads *int
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	*c.reads++
	return c.ReaderAt.ReadAt(p, off)
}

// TestLazy wants that only what is asked for is read: nothing at first, and a page of a directory of 10,000 without most of it.
func TestLazy(t *testing.T) {
	build := tarfs.NewBuilder(nil)
	for i := range 10000 {
		if err := build.Add(&tarfs.Entry{Name: fmt.Sprintf("dir/%05d", i), Type: tarfs.TypeReg}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := build.Table(tarfs.Info{})
	if err != nil {
		t.Fatal(err)
	}
	var stored bytes.Buffer
	made.WriteTo(&stored)
	reads := 0
	table, err := tarfs.OpenTable(counted{bytes.NewReader(stored.Bytes()), &reads}, int64(stored.Len()))
	if err != nil {
		t.Fatal(err)
	}
	reads = 0
	f := New([]*tarfs.FS{tarfs.New(nil, table), tarfs.New(nil, table)}).Upto(1)
	if reads > 0 {
		t.Errorf("New reads %d blocks", reads)
	}
	n := 0
	for _, err := range f.Dir("dir", "05000") {
		if n++; err != nil || n == 100 {
			break
		}
	}
	if n != 100 || reads > 6 {
		t.Errorf("a page of %d names reads %d blocks of some 40", n, reads)
	}
}

// TestDamage wants the error of a table that is damaged from everything that reads it, and no end of the world.
func TestDamage(t *testing.T) {
	var stored bytes.Buffer
	leak(t).Layer(0).Table().WriteTo(&stored)
	b := stored.Bytes()
	b[len(b)-1]++
	table, err := tarfs.OpenTable(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	f := New([]*tarfs.FS{leak(t).Layer(0), tarfs.New(nil, table)})
	_, lookup := f.Lookup("app/run")
	_, resolve := f.Resolve("app/run")
	_, versions := f.Versions("app/run")
	_, stat := f.Stat("app/run")
	_, open := f.Open("app")
	_, readDir := f.ReadDir(".")
	_, totals := f.Totals(t.Context())
	for i, err := range []error{lookup, resolve, versions, stat, open, readDir, totals, last(f.Dir("app", "")), last(f.DirAll("app", "")), last(f.Walk(".")), last(f.WalkAfter(".", "app/a"))} {
		if !errors.Is(err, tarfs.ErrTable) {
			t.Errorf("%d: %v, want ErrTable", i, err)
		}
	}
}

func last(seq func(func(*Node, error) bool)) (err error) {
	for _, err = range seq {
	}
	return err
}

// TestTogether uses one image from many goroutines.
func TestTogether(t *testing.T) {
	f := leak(t)
	want, dead := listing(t, f)
	want = append(want, dead...)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			view := f.Upto(2 - i%2*5)
			got, dead := listing(t, view)
			if got = append(got, dead...); i%2 == 0 && !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if _, err := f.Upto(i % 3).Totals(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestMarkerDirectory wants of a directory that is a whiteout that nothing in it is live or hides anything: not even what a lower layer has
// in a directory of that name.
func TestMarkerDirectory(t *testing.T) {
	f := lay(t, overlaytest.Image(t, `
layer
  file 644 .wh.x/kept one
  file 644 .wh.x/twice one
layer
  dir 755 .wh.x
  file 644 .wh.x/.wh..wh..opq
  file 644 .wh.x/.wh.kept
  file 644 .wh.x/twice two
  dir 755 .wh.x/sub
  file 644 .wh.x/sub/file two
`)...)
	view, dead := listing(t, f)
	compare(t, "live", view, []string{"0 dir - .wh.x", `0 file 0644 .wh.x/kept "one"`, `0 file 0644 .wh.x/twice "one"`})
	for _, line := range dead {
		if !strings.HasPrefix(line, "whiteout: 1 ") {
			t.Errorf("not live: %s", line)
		}
	}
	if len(dead) != 6 {
		t.Errorf("not live: %q", dead)
	}
}
