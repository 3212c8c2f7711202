package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"vitrine/explore/overlay/overlaytest"
	"vitrine/explore/tarfs"
)

// TestResolve follows links from layer to layer.
func TestResolve(t *testing.T) {
	f := lay(t, overlaytest.Image(t, `
layer
  dir 755 usr
  dir 755 usr/lib
  file 644 usr/lib/a one
  file 644 usr/lib/b one
  link 777 lib -> usr/lib
  link 777 abs -> /usr/lib/a
  link 777 outside -> ../../../usr/lib/a
  link 777 usr/back -> ../lib/a
  link 777 dangling -> later
  link 777 replaced -> usr
  link 777 file -> usr/lib/a/below
  link 777 self -> self
  link 777 ping -> pong
  link 777 pong -> ./ping
  link 777 grow -> grow/grow
  link 777 latin -> "l\xe9"
  file 644 "l\xe9" one
  hard 777 hardlib -> lib
layer
  file 644 usr/lib/.wh.b
  file 644 usr/lib/a two
  file 644 later two
  dir 755 replaced
  hard 777 hardabs -> abs
  hard 644 nothing -> nowhere
  link 777 slash -> /
  link 777 dot -> .
  link 777 empty -> {/*4096}
  link 777 toolong -> {/*4097}
`)...)
	for _, c := range []struct{ path, want string }{
		{"lib", "usr/lib"},
		{"lib/a", "usr/lib/a of 1"},
		{"lib/b", "gone"}, // deleted where the link leads
		{"abs", "usr/lib/a of 1"},
		{"outside", "usr/lib/a of 1"},
		{"usr/back", "usr/lib/a of 1"},
		{"lib/../back", "invalid"},
		{"dangling", "later of 1"},
		{"replaced/lib/a", "gone"},
		{"replaced", "replaced"},
		{"file", "gone"},
		{"usr/lib/a/below", "gone"},
		{"self", "loop"},
		{"self/x", "loop"},
		{"ping", "loop"},
		{"grow", "loop"},
		{"latin", "l\uFFFDE9 of 0"},
		{"hardlib/a", "usr/lib/a of 1"},
		{"hardabs", "usr/lib/a of 1"},
		{"nothing", "nothing of 1"},
		{"nothing/below", "gone"},
		{"slash", "."},
		{"slash/dot/lib/a", "usr/lib/a of 1"},
		{"empty", "."},
		{"toolong", "loop"},
	} {
		n, err := f.Resolve(c.path)
		got := ""
		switch {
		case errors.Is(err, ErrLoop):
			got = "loop"
		case errors.Is(err, fs.ErrNotExist):
			got = "gone"
		case errors.Is(err, fs.ErrInvalid):
			got = "invalid"
		case err != nil:
			got = err.Error()
		case n.IsDir():
			got = n.Path
		default:
			got = fmt.Sprint(n.Path, " of ", n.Layer)
		}
		if got != c.want {
			t.Errorf("Resolve(%q) = %s, want %s", c.path, got, c.want)
		}
	}
	if n, err := f.Upto(0).Resolve("dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the target came: %+v, %v", n, err)
	}
}

// TestHops follows 40 links and not 41.
func TestHops(t *testing.T) {
	var text strings.Builder
	text.WriteString("layer\nfile 644 0 end\n")
	for i := range maxHops + 1 {
		fmt.Fprintf(&text, "link 777 %d -> %d\n", i+1, i)
	}
	f := lay(t, overlaytest.Image(t, text.String())...)
	if n, err := f.Resolve(fmt.Sprint(maxHops)); err != nil || n.Path != "0" {
		t.Errorf("%d links: %+v, %v", maxHops, n, err)
	}
	if n, err := f.Resolve(fmt.Sprint(maxHops + 1)); !errors.Is(err, ErrLoop) {
		t.Errorf("%d links: %+v, %v", maxHops+1, n, err)
	}
}

// TestTarget asks hard links what they mean, and whether that is live.
func TestTarget(t *testing.T) {
	f := lay(t, overlaytest.Image(t, `
layer
  file 644 a one
  hard 644 same -> a
layer
  hard 644 across -> /a
  hard 644 again -> across
  hard 644 nothing -> nowhere
  hard 644 self -> self
  hard 644 dir -> .
  file 644 a two
layer
  file 644 .wh.across
`)...)
	for _, c := range []struct{ path, want string }{
		{"same", "0 a overwritten by 1"},
		{"again", "0 a overwritten by 1"},
		{"a", "1 a live by -1"},
		{"nothing", "missing"},
		{"self", "missing"},
		{"dir", "missing"},
	} {
		n, err := f.Lookup(c.path)
		if err != nil {
			t.Fatal(err)
		}
		target, err := f.Target(n)
		got := "missing"
		if err == nil {
			got = fmt.Sprint(target.Layer, " ", target.Path, " ", target.State, " by ", target.By)
		}
		if got != c.want || err != nil && (!errors.Is(err, tarfs.ErrNoTarget) || !errors.Is(err, fs.ErrNotExist)) {
			t.Errorf("Target(%s) = %s, %v, want %s", c.path, got, err, c.want)
		}
	}
	n, _ := f.Lookup("nothing")
	if info, err := f.Info(n); err != nil || info.Mode().Type() != fs.ModeIrregular {
		t.Errorf("Info of a link to nothing: %v, %v", info, err)
	}
}

// TestHostileLinks wants an answer soon where each layer's hard link leads 40 times through the hard link of the layer below, which is a
// symbolic link to its own directory: without a bound for all of them together there are 40 to the power of 20.
func TestHostileLinks(t *testing.T) {
	var text strings.Builder
	text.WriteString("layer\nlink 777 h0 -> .\n")
	for i := range 20 {
		fmt.Fprintf(&text, "layer\nhard 777 h%d -> %sh%d\n", i+1, strings.Repeat(fmt.Sprintf("h%d/", i), 30), i)
	}
	text.WriteString("layer\nhard 644 c0 -> nowhere\n")
	for i := range maxSteps + 100 {
		fmt.Fprintf(&text, "hard 644 c%d -> c%d\n", i+1, i)
	}
	f := lay(t, overlaytest.Image(t, text.String())...)
	if n, err := f.Resolve("h1"); err != nil || n.Path != "." {
		t.Errorf("Resolve(h1) = %+v, %v", n, err)
	}
	for _, path := range []string{"h20", fmt.Sprint("c", maxSteps+100)} {
		n, err := f.Lookup(path)
		if err != nil {
			t.Fatal(err)
		}
		if target, err := f.Target(n); !errors.Is(err, tarfs.ErrNoTarget) {
			t.Errorf("Target(%s) = %+v, %v", path, target, err)
		}
	}
	if list, err := f.ReadDir("."); err != nil || len(list) != 21+1+maxSteps+100 { // which describes them all
		t.Errorf("ReadDir: %d files, %v", len(list), err)
	}
}
