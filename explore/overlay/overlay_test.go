package overlay

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vitrine/explore/tarfs"
)

func layer(t testing.TB, names ...string) *tarfs.FS {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, n := range names {
		h := &tar.Header{Name: n, Mode: 0o644}
		if strings.HasSuffix(n, "/") {
			h.Typeflag = tar.TypeDir
		}
		w.WriteHeader(h)
	}
	w.Close()
	tb, err := tarfs.Index(bytes.NewReader(buf.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tarfs.New(bytes.NewReader(buf.Bytes()), tb)
}

// TestWalk lays four layers, one of which is missing, and looks at everything that they have.
func TestWalk(t *testing.T) {
	f := New([]*tarfs.FS{layer(t, "app/", "app/run", "app/tmp/", "app/tmp/x"), layer(t, "app/.wh.tmp", "app/run"), nil, layer(t, "app/tmp/y", "app/run")})
	want := strings.TrimSpace(`
. 0 live
app 0 live
app/.wh.tmp 1 whiteout
app/run 3 live
app/run 1 overwritten by 3 app/run
app/run 0 overwritten by 1 app/run
app/tmp 3 live
app/tmp 0 deleted by 1 app/.wh.tmp
app/tmp/x 0 deleted by 1 app/.wh.tmp
app/tmp/y 3 live`)
	var lines []string
	for n, err := range f.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(n.Path, " ", n.Layer, " ", n.State)
		if n.By >= 0 {
			line += fmt.Sprint(" by ", n.By, " ", n.ByPath)
		}
		lines = append(lines, line)
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("Walk:\n%s\nwant:\n%s", got, want)
	}
}
