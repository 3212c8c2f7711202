package explore

import (
	"regexp"
	"strings"

	"vitrine/explore/inspect"
)

// maxHistory bounds the instructions of an image on one page; Docker builds 127 layers at most.
const maxHistory = 1000

// history shows the instructions that made an image (image-spec, config.md, "history"), each with the layer that it made where the image is known.
func (v *contents) history() error {
	raw, err := v.all()
	if err != nil {
		return err
	}
	root, err := inspect.ParseJSON(raw, nil)
	if err != nil {
		return unprocessable(err.Error()+".", "It can be looked at as text.")
	}
	steps := root.Get("history").All()
	if len(steps) == 0 {
		return unprocessable("This has no history: that is what the configuration of an image has.", "")
	}
	t := docTable{Columns: []inspect.Column{{Name: "layer"}, {Name: "size", Numbers: true}, {Name: "created"}, {Name: "instruction"}}}
	layers := v.c.layers
	for _, s := range steps[:min(len(steps), maxHistory)] {
		var layer, size docValue
		if s.Get("empty_layer").String() != "true" && len(layers) > 0 {
			l := linker{v.h, v.r, v.c}
			layer = docValue{Text: short(layers[0].Digest), Href: l.to("fs", layers[0].Digest)}
			size = docValue{Text: iec(layers[0].Size), Tip: exact(layers[0].Size)}
			layers = layers[1:]
		}
		t.Rows = append(t.Rows, []docValue{layer, size, {Text: clipText(s.Str("created"), 40)}, {Text: instruction(clip(s.Str("created_by")))}})
	}
	t.Left = int64(max(len(steps)-maxHistory, 0))
	v.view.Doc = &docView{Doc: &inspect.Doc{Kind: "history", Sections: []inspect.Section{{}}}, Tables: []docTable{t}}
	v.view.Document = raw
	v.view.tail = []string{"jq .history"}
	return nil
}

// createdBy shows one instruction, a command a line.
func (v *contents) createdBy() error {
	raw, err := v.all()
	if err != nil {
		return err
	}
	s := instruction(strings.TrimSuffix(string(raw), "\n"))
	s = strings.ReplaceAll(s, " && ", " && \\\n    ")
	v.view.Text = &textView{Text: &inspect.Text{Encoding: "UTF-8", Size: v.size, Next: v.size}, Spans: []textSpan{{Text: visible(s)}}}
	return nil
}

// shells are what builders put before what is run.
var shells = regexp.MustCompile(`^(?:\|\d+ (?:\S+=(?:'[^']*'|"[^"]*"|\S*) )*)?/bin/(?:ba|a|da)?sh -c `)

// instruction is the line of a Dockerfile that a history tells of.
func instruction(createdBy string) string {
	s := strings.TrimSuffix(createdBy, " # buildkit")
	if rest := shells.ReplaceAllString(s, ""); rest != s {
		if nop, ok := strings.CutPrefix(strings.TrimSpace(rest), "#(nop) "); ok {
			return strings.TrimSpace(nop)
		}
		return "RUN " + strings.TrimSpace(rest)
	}
	if rest, ok := strings.CutPrefix(s, "RUN "); ok {
		return "RUN " + strings.TrimSpace(shells.ReplaceAllString(rest, ""))
	}
	return s
}

// visible escapes what would not be seen, but for what lays out lines.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if special(r) && !strings.ContainsRune("\"\\\n\t", r) {
			return '\ufffd'
		}
		return r
	}, s)
}
