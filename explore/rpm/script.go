package rpm

import (
	"iter"
	"strings"
	"time"
)

// Script is what runs when a package comes or goes.
type Script struct {
	When    string // as in specs, without the %: "pre", "postun", "triggerin"
	Program string // that runs it, with its arguments; "<lua>" is rpm's own
	Text    string // empty where the program is all
}

// scripts are the tags of texts and programs. The latter may be several strings.
var scripts = []struct {
	when          string
	text, program Tag
}{
	{"pretrans", 1151, 1153}, {"pre", 1023, 1085}, {"post", 1024, 1086}, {"preun", 1025, 1087}, {"postun", 1026, 1088}, {"posttrans", 1152, 1154},
	{"preuntrans", 5104, 5105}, {"postuntrans", 5106, 5107}, {"verifyscript", 1079, 1091},
}

// triggers are the tags of scripts that other packages or files set off, of which there may be many.
var triggers = []struct {
	when          string
	text, program Tag
}{
	{"trigger", 1065, 1092}, {"filetrigger", 5066, 5067}, {"transfiletrigger", 5076, 5077},
}

// Scripts returns the scripts, in the order in which they would run, and the triggers.
func (h *Header) Scripts() []Script {
	var all []Script
	for _, s := range scripts {
		if h.Has(s.text) || h.Has(s.program) {
			all = append(all, Script{s.when, h.joined(s.program), h.Text(s.text)})
		}
	}
	for _, t := range triggers {
		programs := h.texts(t.program)
		for text := range h.Texts(t.text) {
			if program, _ := programs(); len(all) < maxScripts {
				all = append(all, Script{t.when, program, text})
			}
		}
	}
	return all
}

// The most there are of scripts, and of arguments of a program.
const (
	maxScripts   = 1000
	maxArguments = 64
)

func (h *Header) joined(t Tag) string {
	var all []string
	for s := range h.Texts(t) {
		if all = append(all, s); len(all) == maxArguments {
			break
		}
	}
	return strings.Join(all, " ")
}

// Change is an entry of a changelog.
type Change struct {
	Time   time.Time
	Author string // with the version, mostly: "Jane Doe <jane@example.org> - 1.2-3"
	Text   string
}

// Changes goes through the changelog, the newest first, up to a million.
func (h *Header) Changes() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		authors, texts := h.texts(tagChangeNames), h.texts(tagChangeTexts)
		for i := range min(h.Count(tagChangeTimes), maxCount) {
			c := Change{Time: time.Unix(int64(h.Number(tagChangeTimes, i)), 0).UTC()}
			c.Author, _ = authors()
			c.Text, _ = texts()
			if !yield(c) {
				return
			}
		}
	}
}
