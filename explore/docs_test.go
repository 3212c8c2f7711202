package explore

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExplorerDoc holds docs/explorer.md to the code: it has every page and every rule of links, and every test that it names exists.
func TestExplorerDoc(t *testing.T) {
	raw, err := os.ReadFile("../docs/explorer.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	for page := range newSite(t, nil).Handler.(*handler).pages {
		if page != "" && !strings.Contains(doc, "/"+page) {
			t.Errorf("/%s is not in it", page)
		}
	}
	for render := range renders {
		if render != "" && !strings.Contains(doc, "`"+render+"`") {
			t.Errorf("render=%s is not in it", render)
		}
	}
	tests := testNames(t)
	for _, name := range regexp.MustCompile(`Test[A-Z]\w*`).FindAllString(doc, -1) {
		if !tests[name] {
			t.Errorf("there is no %s", name)
		}
	}
	rows := map[string]bool{}
	for _, r := range linkRows {
		rows[r.name] = true
	}
	_, table, _ := strings.Cut(doc, "| row of `TestLinks` |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 {
			continue
		}
		for _, name := range strings.Split(strings.TrimSuffix(strings.TrimSpace(cells[2]), " |"), ", ") {
			if !rows[name] {
				t.Errorf("no row of TestLinks is called %q", name)
			}
		}
	}
}

// testNames are the tests of this package.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(raw), -1) {
			names[m[1]] = true
		}
	}
	return names
}
