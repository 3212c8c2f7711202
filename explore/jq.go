package explore

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"

	"vitrine/explore/inspect"
)

// maxPartLinks bounds the certificates of one text that are links.
const maxPartLinks = 1000

// asksPart reports whether r wants a part of a document, or the document in another form, which part shows.
func (r *request) asksPart() bool {
	return r.query.Get("jq") != "" || r.query.Get("render") != "" || r.query.Get("off") != ""
}

// partView is the JSON of a part.
type partView struct {
	Of    string   `json:"of"`              // what it is a part of
	Parts []string `json:"parts,omitempty"` // the pipelines that took it out
	*contentView
}

// part shows what the pipelines of ?jq= take out of raw, in the form of ?render=. c says where the page is and what raw is; p has what the page of
// the whole has: title, crumbs, the command that prints raw, and whether it is for ever.
func (h *handler) part(w http.ResponseWriter, r *request, c jsonContext, raw []byte, p *page) error {
	if c.kind == "" {
		c.kind = kindOf(c.mediaType)
	}
	pipeline, err := inspect.ParsePipeline(r.query["jq"])
	if err != nil {
		return badRequest("%s", err)
	}
	name := c.mediaType
	whole := c.href()
	c.parts = slices.DeleteFunc(slices.Clone(r.query["jq"]), func(s string) bool { return s == "" })
	if len(c.parts) > 0 {
		if inspect.Detect(name, raw[:min(len(raw), inspect.HeadSize)]) == inspect.KindCBOR {
			if raw, err = inspect.CBORToJSON(raw); err != nil {
				return partError(err)
			}
			p.Command = append(slices.Clone(p.Command), piece{Text: " | " + cborCommand})
		}
		name, c.kind, c.annotations = "", docGeneric, nil
		if raw, err = pipeline.Run(raw); err != nil {
			return partError(err)
		}
		p.Command = append(slices.Clone(p.Command), piece{Text: " | " + pipeline.String()})
	}
	view, err := h.contentView(r, c, name, bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return err
	}
	p.name, p.View = "content", partView{c.target.ref(), c.parts, view}
	p.Command = p.Command.pipe(view.tail)
	p.Tabs = view.Forms
	p.text = func() []byte { return raw }
	if len(c.parts) > 0 {
		p.Crumbs = partCrumbs(p.Crumbs, whole, c)
	}
	return h.show(w, r, p)
}

// pipe appends commands, of which each reads what the one before prints.
func (c command) pipe(commands []string) command {
	for _, s := range commands {
		if n := len(c); s == "jq ." && n > 0 && strings.HasSuffix(c[n-1].Text, "| jq .") {
			continue
		}
		c = append(c[:len(c):len(c)], piece{Text: " | " + s})
	}
	return c
}

// partCrumbs adds the pipelines to the steps to a page, each with a link to what it alone takes out.
func partCrumbs(crumbs []crumb, whole string, c jsonContext) []crumb {
	crumbs = slices.Clone(crumbs)
	if n := len(crumbs); n > 0 {
		crumbs[n-1].Href = whole
	}
	for i, p := range c.parts {
		step := c
		step.parts = c.parts[:i+1]
		crumbs = append(crumbs, crumb{clipText(p, 80), step.href()})
	}
	crumbs[len(crumbs)-1].Href = ""
	return crumbs
}

func clipText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// partError says what is wrong with a document that does not have a part.
func partError(err error) error {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, inspect.ErrAbsent) {
		status = http.StatusNotFound
	}
	return statusError{status, clipText(err.Error(), 300) + ".", "The whole document shows what there is."}
}

// pem shows a text in which each certificate is a link to what it says.
func (v *contents) pem() error {
	raw, err := v.all()
	if err != nil {
		return err
	}
	t := &textView{Text: &inspect.Text{Encoding: "UTF-8", Size: v.size, Next: v.size}}
	var rest []byte
	for i, all := 0, raw; i < maxPartLinks; i++ {
		var block *pem.Block
		if block, rest = pem.Decode(all); block == nil {
			break
		}
		t.Spans = append(t.Spans, textSpan{Text: string(bytes.ToValidUTF8(all[:len(all)-len(rest)], []byte("\ufffd"))), Href: v.c.href("render", "x509"), Tip: block.Type})
		all = rest
	}
	if len(t.Spans) == 0 {
		return unprocessable("There is no PEM in this.", "It can be looked at as text.")
	}
	v.view.Text = t
	return nil
}
