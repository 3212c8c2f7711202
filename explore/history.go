package explore

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// maxSteps bounds the instructions of an image on one page: Docker builds 127 layers at most.
const maxSteps = 1000

// step is one instruction of those that made an image.
type step struct {
	Instruction string        `json:"instruction"` // a line of a Dockerfile
	Created     time.Time     `json:"created,omitzero"`
	Comment     string        `json:"comment,omitempty"`
	Layer       digest.Digest `json:"layer,omitempty"` // that it made; "" if it changed no file
	Size        int64         `json:"size,omitempty"`
	Href        string        `json:"-"` // of the layer's files
	layer       int           // its number, or -1
}

// Lines is the instruction with a command a line.
func (s step) Lines() string { return instructionLines(s.Instruction) }

// historyEntry is one element of "history" (image-spec, config.md).
type historyEntry struct {
	Created    string `json:"created"`
	CreatedBy  string `json:"created_by"`
	Author     string `json:"author"`
	Comment    string `json:"comment"`
	EmptyLayer bool   `json:"empty_layer"`
}

// alignHistory finds the layer that each step has made: the next one, unless the step says that it made none. fits says whether there are as many layers as
// steps that made one; if not, what made which is a guess.
func alignHistory(t target, history []historyEntry, layers []oci.Descriptor) (steps []step, fits bool) {
	next := 0
	for _, e := range history {
		s := step{Instruction: instruction(clipText(e.CreatedBy, maxInstruction)), Comment: clipText(e.Comment, maxValue), layer: -1}
		s.Created, _ = time.Parse(time.RFC3339, e.Created) // a date that is none is no date
		if !e.EmptyLayer {
			if next < len(layers) {
				l := layers[next]
				s.layer, s.Layer, s.Size, s.Href = next, l.Digest, l.Size, target{Name: t.Name, Digest: l.Digest, Path: "."}.href("fs")
			}
			next++
		}
		steps = append(steps, s)
	}
	return steps, next == len(layers)
}

var (
	andThen   = regexp.MustCompile(`\s+&&\s+`)
	semicolon = regexp.MustCompile(`;\s*\t\s*`) // Docker writes the lines of a Dockerfile with a tab where they ended
	longGap   = regexp.MustCompile(`[ \t]*\t[ \t]*| {4,}`)
)

// instructionLines breaks a line where whoever wrote it is likely to have done so.
func instructionLines(s string) string {
	if !strings.HasPrefix(s, "RUN ") {
		return s
	}
	s = andThen.ReplaceAllString(s, " \\\n && ")
	s = semicolon.ReplaceAllString(s, "; \\\n    ")
	return longGap.ReplaceAllStringFunc(s, func(gap string) string {
		if strings.HasPrefix(gap, "    ") {
			return gap
		}
		return " \\\n    "
	})
}

// historyView is the JSON of the page of a history.
type historyView struct {
	Of    string `json:"of"`
	Steps []step `json:"steps"`
	Note  string `json:"note,omitempty"`
}

// showHistory shows an image as the Dockerfile that it may be of.
func (h *handler) showHistory(w http.ResponseWriter, r *request, m *manifestPage) error {
	v, err := h.imageView(r, m)
	if err != nil {
		return err
	}
	if len(v.Steps) == 0 {
		return statusError{http.StatusNotFound, "The image does not tell how it was made.", "Its layers show what it is made of."}
	}
	p := m.page
	p.name, p.View = "history", historyView{m.t.ref(), v.Steps, v.Note}
	p.Command = line("crane config", h.word(r, m.t), "| jq .history")
	p.text = func() []byte { return dockerfile(v.Steps) }
	m.choose("history")
	return h.show(w, r, p)
}

// dockerfile is the steps as text.
func dockerfile(steps []step) []byte {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(visible(s.Lines()) + "\n")
	}
	return []byte(b.String())
}
