package explore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"vitrine/explore/inspect"
)

// What one page shows of a content.
const (
	maxDocument = 4 << 20  // bytes of JSON that are shown with links; more is text
	textPage    = 64 << 10 // bytes of text
	hexPage     = 16 << 10 // bytes as hex digits: a thousand lines
)

// contentView is a content as a page shows it: one or two of Doc, Document, Text and Hex.
type contentView struct {
	Kind inspect.Kind `json:"kind"`
	Size int64        `json:"size"`
	Note string       `json:"note,omitempty"`

	Doc      *docView        `json:"doc,omitempty"` // what a decoder says
	Document json.RawMessage `json:"document,omitempty"`
	JSON     *jsonView       `json:"-"` // Document with links
	Text     *textView       `json:"text,omitempty"`
	Hex      *hexView        `json:"hex,omitempty"`

	Forms []tab `json:"-"` // other ways to look at it
	tail  []string
	pager
}

// pager has the links to the page before and the one behind, empty where there is none.
type pager struct {
	Prev string `json:"prev,omitempty"`
	Next string `json:"next,omitempty"`
	At   string `json:"-"` // which part this is
}

// textView is a page of a text.
type textView struct {
	*inspect.Text
	Gutter string     `json:"-"` // the numbers of the lines, one a line; empty where nobody counted
	Spans  []textSpan `json:"-"`
}

// hexView is a page of bytes as xxd prints them.
type hexView struct{ *inspect.Hex }

// Dump is the page as xxd prints it.
func (v hexView) Dump() string {
	var b strings.Builder
	for _, l := range v.Lines {
		b.WriteString(l.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// contents is what is to be shown, and how.
type contents struct {
	h    *handler
	r    *request
	c    jsonContext
	name string // a path or a media type
	b    io.ReaderAt
	size int64
	view *contentView
}

// contentView makes the view of size bytes of b, of which name is a path or a media type, in the form that ?render= wants, from ?off= on. c says
// where the page is. The error is a 400 for a form that there is not, and a 422 for content that is not of the form.
func (h *handler) contentView(r *request, c jsonContext, name string, b io.ReaderAt, size int64) (*contentView, error) {
	head := make([]byte, min(size, inspect.HeadSize))
	if n, err := b.ReadAt(head, 0); n < len(head) {
		return nil, err
	}
	v := &contents{h, r, c, name, b, size, &contentView{Kind: inspect.Detect(name, head), Size: size}}
	render, ok := renders[r.query.Get("render")]
	if !ok {
		return nil, badRequest("%.64q is no way to show something; there are text, json, xxd, x509, der, cert, timestamp, elf, cbor, history and created_by",
			r.query.Get("render"))
	}
	if err := render(v); err != nil {
		return nil, err
	}
	v.forms()
	return v.view, nil
}

// renders are the ways to look at a content, by the value of ?render=.
var renders = map[string]func(*contents) error{
	"":           (*contents).auto,
	"json":       (*contents).json,
	"text":       (*contents).text,
	"raw":        (*contents).text,
	"xxd":        (*contents).hex,
	"x509":       decodedBy(certificates),
	"der":        decodedBy(inspect.InspectCertificate),
	"timestamp":  decodedBy(inspect.InspectTimestamp),
	"cbor":       decodedBy(inspect.InspectCBOR),
	"elf":        (*contents).executable,
	"cert":       (*contents).pem,
	"history":    (*contents).history,
	"created_by": (*contents).createdBy,
}

// off is where a page is to begin.
func (v *contents) off() int64 {
	n, err := strconv.ParseInt(v.r.query.Get("off"), 10, 64)
	if err != nil {
		return 0
	}
	return min(max(n, 0), v.size)
}

// auto shows what is decoded, and documents and texts besides.
func (v *contents) auto() error {
	kind := v.view.Kind
	switch {
	case v.r.query.Get("off") != "" && kind.IsText():
		return v.text()
	case v.r.query.Get("off") != "":
		return v.hex()
	case (kind == inspect.KindJSON || kind == inspect.KindCBOR) && v.size <= maxDocument:
		return v.document()
	}
	if err := v.decode(v.name); err != nil {
		return err
	}
	switch {
	case v.view.Doc != nil && (!kind.IsText() || kind == inspect.KindPEM): // which may be a private key: not at the first look
		return nil
	case kind.IsText():
		return v.text()
	}
	return v.hex()
}

// document shows JSON, and what is JSON in other clothes, below what can be said about it in words.
func (v *contents) document() error {
	raw, root, err := v.parse()
	if err != nil {
		v.view.Note = fmt.Sprintf("This begins like %s and is none: %.200s.", strings.ToUpper(string(v.view.Kind)), err)
		if v.view.Kind == inspect.KindCBOR {
			return v.hex()
		}
		return v.text()
	}
	if d := v.words(raw, root); d != nil {
		v.view.Doc = v.h.docView(v.r, v.c, d)
	}
	v.setJSON(raw, root)
	return nil
}

func unprocessable(what, hint string) error {
	return statusError{http.StatusUnprocessableEntity, strings.TrimSpace(what), hint}
}

// all reads a small content.
func (v *contents) all() ([]byte, error) {
	if v.size > maxDocument {
		return nil, unprocessable(fmt.Sprintf("This has %s, and documents of up to %s are read.", iec(v.size), iec(maxDocument)), "It can be looked at as text or bytes.")
	}
	raw := make([]byte, v.size)
	if n, err := v.b.ReadAt(raw, 0); n < len(raw) {
		return nil, err
	}
	return raw, nil
}

// parse reads a document.
func (v *contents) parse() (raw []byte, root *inspect.Node, err error) {
	if raw, err = v.all(); err == nil && v.view.Kind == inspect.KindCBOR {
		raw, err = inspect.CBORToJSON(raw)
	}
	if err == nil {
		root, err = inspect.ParseJSON(raw, nil)
	}
	return raw, root, err
}

// json shows a document without words about it.
func (v *contents) json() error {
	raw, root, err := v.parse()
	var known statusError
	switch {
	case errors.As(err, &known):
		return err
	case err != nil:
		return unprocessable(err.Error()+".", "It can be looked at as text.")
	}
	v.setJSON(raw, root)
	return nil
}

func (v *contents) setJSON(raw []byte, root *inspect.Node) {
	v.view.JSON = v.h.jsonView(v.r, v.c, root)
	v.view.Document = bytes.TrimSpace(raw)
	v.view.tail = []string{"jq ."}
	if v.view.Kind == inspect.KindCBOR {
		v.view.tail = []string{cborCommand, "jq ."}
	}
}

// cborCommand prints CBOR as JSON: a program of the cbor-diag package, which spells byte strings its own way.
const cborCommand = "cbor2json.rb"

func (v *contents) text() error {
	t, err := inspect.ReadText(v.b, v.size, v.off(), textPage)
	if err != nil {
		return err
	}
	v.view.Text = &textView{Text: t}
	v.view.Text.lay()
	v.page("text", t.Off, t.Prev, t.Next)
	v.view.tail = slicing(t.Off, t.Next-t.Off, v.size)
	return nil
}

// slicing are the commands that print n bytes from off on.
func slicing(off, n, size int64) (tail []string) {
	if off > 0 {
		tail = append(tail, fmt.Sprintf("tail -c +%d", off+1))
	}
	if off+n < size {
		tail = append(tail, fmt.Sprintf("head -c %d", n))
	}
	return tail
}

// lay makes the numbers and the spans of the lines.
func (v *textView) lay() {
	var gutter, plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			v.Spans = append(v.Spans, textSpan{Text: plain.String()})
			plain.Reset()
		}
	}
	for _, l := range v.Lines {
		if l.Number > 0 && !l.Continued {
			gutter.WriteString(strconv.FormatInt(l.Number, 10))
		}
		gutter.WriteByte('\n')
		for _, r := range l.Runs {
			if r.Mark == "" {
				plain.WriteString(r.Text)
				continue
			}
			flush()
			v.Spans = append(v.Spans, textSpan{Text: r.Text, Tip: r.Mark})
		}
		plain.WriteByte('\n')
	}
	flush()
	if len(v.Lines) > 0 && v.Lines[0].Number > 0 {
		v.Gutter = gutter.String()
	}
}

func (v *contents) hex() error {
	x, err := inspect.ReadHex(v.b, v.size, v.off(), hexPage)
	if err != nil {
		return err
	}
	v.view.Hex = &hexView{x}
	v.page("xxd", x.Off, x.Prev, x.Next)
	dump := "xxd"
	if x.Off > 0 {
		dump += fmt.Sprintf(" -s %d", x.Off)
	}
	if x.Next < x.Size {
		dump += fmt.Sprintf(" -l %d", x.Next-x.Off)
	}
	v.view.tail = []string{dump}
	return nil
}

// page makes the links to the pages around this one.
func (v *contents) page(render string, off, prev, next int64) {
	at := func(n int64) string {
		if n == 0 && v.r.query.Get("render") != "" {
			return v.c.href("render", render)
		}
		return v.c.href("render", render, "off", strconv.FormatInt(n, 10))
	}
	if prev < off {
		v.view.Prev = at(prev)
	}
	if next < v.size {
		v.view.Next = at(next)
	}
	if v.view.Prev != "" || v.view.Next != "" {
		v.view.At = fmt.Sprintf("bytes %s to %s of %s", group(off), group(max(next-1, 0)), group(v.size))
	}
}

// forms are the other ways to look at the content.
func (v *contents) forms() {
	here := v.r.query.Get("render")
	add := func(text, render string) {
		v.view.Forms = append(v.view.Forms, tab{text, v.c.href("render", render), here == render})
	}
	add("shown", "")
	if v.view.Kind.IsText() {
		add("text", "text")
	}
	add("bytes", "xxd")
	if kindOf(v.c.mediaType) == docConfig && len(v.c.parts) == 0 {
		add("history", "history")
	}
}
