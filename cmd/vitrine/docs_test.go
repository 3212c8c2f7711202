package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestConfigurationDoc holds the tables of docs/configuration.md to the settings; -update writes them anew.
func TestConfigurationDoc(t *testing.T) {
	name := filepath.Join(sourceDir, "..", "..", "docs", "configuration.md")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	for _, table := range []struct{ name, rows string }{{"settings", settingsTable()}, {"aliases", aliasTable()}, {"familiar", familiarTable()}, {"repositories", repositoryTable()}} {
		doc = between(t, doc, table.name, table.rows)
	}
	if *update {
		write(t, name, doc)
		os.Chmod(name, 0o644)
	}
	if doc != string(raw) && !*update {
		t.Errorf("%s does not say what the program does; go test ./cmd/vitrine -run TestConfigurationDoc -update", name)
	}
}

// TestConfigurationExamples holds that the files in docs/configuration.md are right.
func TestConfigurationExamples(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(sourceDir, "..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(raw), "```jsonc\n")[1:]
	if len(examples) < 2 {
		t.Errorf("%d examples found", len(examples))
	}
	for i, rest := range examples {
		example, _, _ := strings.Cut(rest, "```")
		if err := defaults().loadBytes(fmt.Sprintf("example %d", i+1), []byte(example)); err != nil {
			t.Error(err)
		}
	}
}

// between puts rows between the two comments of that name.
func between(t *testing.T, doc, name, rows string) string {
	t.Helper()
	head, rest, ok1 := strings.Cut(doc, "<!-- "+name+" -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->\n")
	if !ok1 || !ok2 {
		t.Fatalf("no place for the table of %s", name)
	}
	return head + "<!-- " + name + " -->\n" + rows + "<!-- end -->\n" + tail
}

func settingsTable() string {
	var b strings.Builder
	b.WriteString("| key | flag | variable | default | reload | what it is |\n|---|---|---|---|---|---|\n")
	c := defaults()
	for _, s := range settings {
		flag, env, reload := "", "", "yes"
		if s.flag != "" {
			flag, env = "`--"+s.flag+"`", "`"+s.env()+"`"
		}
		if s.restart {
			reload = "restart"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s | %s |\n", s.key, flag, env, s.value(c).show(), reload, s.help)
	}
	return b.String()
}

func familiarTable() string {
	var b strings.Builder
	b.WriteString("| variable | understood as |\n|---|---|\n")
	for _, f := range familiar {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.key == f.key })
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", f.name, settings[i].env())
	}
	return b.String()
}

func aliasTable() string {
	var b strings.Builder
	b.WriteString("| variable | understood as |\n|---|---|\n")
	for _, s := range settings {
		if s.alias != "" {
			fmt.Fprintf(&b, "| `%s` | `%s` |\n", s.alias, s.env())
		}
	}
	return b.String()
}

func repositoryTable() string {
	var b strings.Builder
	b.WriteString("| key | of | default | what it is |\n|---|---|---|---|\n")
	blank := newRepository("x")
	for _, f := range repositoryFields {
		of := strings.ReplaceAll(f.kinds, " ", ", ")
		if f.packages != "" {
			of += "; " + strings.ReplaceAll(f.packages, " ", ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", f.key, of, f.value(blank).show(), f.help)
	}
	return b.String()
}
