package overlay

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/explore/overlay/overlaytest"
	"vitrine/explore/tarfs"
)

const corpus = "../../testdata/overlay"

var update = flag.Bool("update", false, "write what the cases of testdata/overlay show")

// TestCorpus holds every case to what it says is live and dead.
func TestCorpus(t *testing.T) {
	for _, c := range overlaytest.Load(t, corpus) {
		t.Run(c.Name, func(t *testing.T) {
			f := lay(t, overlaytest.Tars(t, c.Layers)...)
			view, dead := listing(t, f)
			if *update {
				c.View, c.Dead = view, dead
				c.Save(t, corpus)
			}
			compare(t, "live", view, c.View)
			compare(t, "dead", dead, c.Dead)
			if _, odd := notFS[c.Name]; !odd {
				checkFS(t, f)
			}
		})
	}
}

// TestJoined lays all cases as one image, each in a folder, which daemons are held to as well.
func TestJoined(t *testing.T) {
	var cases []*overlaytest.Case
	for _, c := range overlaytest.Load(t, corpus) {
		if !c.Alone {
			cases = append(cases, c)
		}
	}
	f := lay(t, overlaytest.Tars(t, overlaytest.Join(cases))...)
	for _, c := range cases {
		var lines []string
		for n, err := range f.Walk(c.Name) {
			if err != nil {
				t.Fatal(err)
			}
			if n.State == Live && n.Path != c.Name {
				moved := *n
				moved.Path = strings.TrimPrefix(n.Path, c.Name+"/")
				lines = append(lines, format(t, f, &moved))
			}
		}
		slices.Sort(lines)
		compare(t, c.Name, lines, c.Live())
	}
}

// TestDocumented wants every case in the documentation.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/overlay.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range overlaytest.Load(t, corpus) {
		if row := fmt.Sprintf("| `%s` | %s |\n", c.Name, c.Title); !strings.Contains(string(text), row) {
			t.Errorf("docs/overlay.md has no row %s", row)
		}
	}
}

// notFS are the cases that testing/fstest refuses to look at.
var notFS = map[string]string{
	"hardlink-missing": "a file cannot be opened",
	"long-names":       "a link dangles",
	"long-names-gnu":   "a link dangles",
	"symlinks":         "links lead to themselves",
	"odd-bytes":        "a name has a backslash",
}

func checkFS(t *testing.T, f *FS) {
	t.Helper()
	var paths []string
	for n, err := range f.Walk(".") {
		if err == nil && n.State == Live && n.Path != "." {
			paths = append(paths, n.Path)
		}
	}
	if err := fstest.TestFS(f, paths...); err != nil {
		t.Error(err)
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n\t%s\nwant:\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// lay opens archives as layers, the lowest first.
func lay(t testing.TB, tars ...[]byte) *FS {
	t.Helper()
	var layers []*tarfs.FS
	for _, b := range tars {
		table, err := tarfs.Index(bytes.NewReader(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, tarfs.New(bytes.NewReader(b), table))
	}
	return New(layers)
}

// listing writes down all nodes. The root is among them if a layer has it as an entry.
func listing(t testing.TB, f *FS) (view, dead []string) {
	t.Helper()
	for n, err := range f.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Path == "." && n.Entry.Synthetic {
			continue
		}
		line := fmt.Sprint(n.Layer, " ", format(t, f, n))
		switch {
		case n.State == Live:
			view = append(view, line)
		case n.By >= 0:
			dead = append(dead, fmt.Sprintf("%v by %d %s: %s", n.State, n.By, overlaytest.Quote(n.ByPath), line))
		default:
			dead = append(dead, fmt.Sprintf("%v: %s", n.State, line))
		}
	}
	return view, dead
}

// format writes down one node, with the content that its file has.
func format(t testing.TB, f *FS, n *Node) string {
	t.Helper()
	info, err := f.Info(n)
	if err != nil {
		t.Fatal(err)
	}
	shown := overlaytest.File{Path: tarfs.Unescape(n.Path), Mode: info.Mode(), Size: info.Size(), Implied: n.Entry.Synthetic}
	if info.Mode()&fs.ModeSymlink != 0 {
		shown.Link, _, _ = f.symlink(n)
	}
	if info.Mode().IsRegular() {
		file, err := f.OpenNode(n)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		shown.Body = file
	}
	line, err := overlaytest.Format(shown)
	if err != nil {
		t.Fatal(err)
	}
	return line
}
