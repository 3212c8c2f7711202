// Package overlaytest reads the cases of testdata/overlay: layers as text, and what becomes of them. docs/overlay.md describes the format.
package overlaytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Case is a small image and what an overlay of it has to show.
type Case struct {
	Name  string // of the file, without ".txt"
	Title string // its first line

	// Daemons says what others do: "refuses" the image or "differs" from View. There is nothing for one that does the same. Their names are
	// overlay2 and vfs, dockerd's storage drivers, and containerd, with overlayfs.
	Daemons map[string]string
	Alone   bool // cannot lie in a folder beside others

	Layers [][]Entry // the lowest first
	View   []string  // what is live: the layer and a line as Format writes it
	Dead   []string  // what is not: the state, a colon, the same
}

// Load reads the cases in a folder.
func Load(t testing.TB, dir string) (cases []*Case) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parse(strings.TrimSuffix(filepath.Base(file), ".txt"), string(text))
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// Image returns the layers of a case that is a text in a test, as archives:
//
//	layer
//	  file 644 app/run one
//	layer
//	  file 644 app/.wh.run
func Image(t testing.TB, text string) [][]byte {
	t.Helper()
	c, err := parse(t.Name(), text)
	if err != nil {
		t.Fatal(err)
	}
	return Tars(t, c.Layers)
}

// Save writes View and Dead into the file of a case.
func (c *Case) Save(t testing.TB, dir string) {
	t.Helper()
	file := filepath.Join(dir, c.Name+".txt")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(old), "\nview\n")
	var b strings.Builder
	b.WriteString(strings.TrimSpace(head) + "\n\nview\n")
	for _, line := range c.View {
		b.WriteString("  " + line + "\n")
	}
	if len(c.Dead) > 0 {
		b.WriteString("\ndead\n")
	}
	for _, line := range c.Dead {
		b.WriteString("  " + line + "\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// parse reads the text of one case.
func parse(name, text string) (*Case, error) {
	c := &Case{Name: name, Daemons: map[string]string{}}
	section := "about"
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case sections[line] != nil:
			section = line
			if strings.HasPrefix(line, "layer") {
				c.Layers = append(c.Layers, nil)
			}
		default:
			if err := sections[section](c, line); err != nil {
				return nil, fmt.Errorf("%s.txt:%d: %w", name, i+1, err)
			}
		}
	}
	return c, nil
}

var sections = map[string]func(*Case, string) error{
	"about":     (*Case).about,
	"layer":     func(c *Case, line string) error { return c.entry(line, false) },
	"layer gnu": func(c *Case, line string) error { return c.entry(line, true) },
	"view":      func(c *Case, line string) error { c.View = append(c.View, line); return nil },
	"dead":      func(c *Case, line string) error { c.Dead = append(c.Dead, line); return nil },
}

func (c *Case) about(line string) error {
	daemons, isList := strings.CutPrefix(line, "daemons:")
	if c.Title == "" {
		c.Title = line
	}
	if !isList {
		return nil
	}
	for d := range strings.SplitSeq(daemons, ",") {
		daemon, does, _ := strings.Cut(strings.TrimSpace(d), " ")
		switch {
		case daemon == "alone":
			c.Alone = true
		case does == "differs" || does == "refuses":
			c.Daemons[daemon] = does
		default:
			return fmt.Errorf("%q: want DAEMON differs, DAEMON refuses or alone", d)
		}
	}
	return nil
}

func (c *Case) entry(line string, gnu bool) error {
	e, err := parseEntry(line)
	e.GNU = gnu
	last := &c.Layers[len(c.Layers)-1]
	*last = append(*last, e)
	return err
}
