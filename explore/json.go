package explore

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage/oci"
)

// Bounds of a document on a page; more of it is behind the link to its bytes.
const (
	maxJSONLines  = 5000
	maxJSONText   = 1 << 20 // bytes of the document that are shown: some 100 kB when compressed
	maxJSONString = 8 << 10 // bytes of one string: longer than any certificate in base64, and than any instruction that people wrote
)

// jsonContext says where a document stands, which decides what its values link to.
type jsonContext struct {
	page        string            // which shows it: "r", "blob", "fs", "layers", "referrers"
	target      target            // what that page is about
	kind        docKind           // what the document is; "" has kindOf tell by the media type
	mediaType   string            // of the document
	manifest    digest.Digest     // that has the document, "" if that is not known
	of          digest.Digest     // the image that the document is about: of a config its manifest, of what is attached to an image that image
	annotations map[string]string // of the descriptor that the manifest has of it
	layers      []oci.Descriptor  // of that manifest, from the base up
	parts       []string          // the pipelines that took the document out of target, in order
	keep        []string          // pairs of the page's query that its other forms carry on
	index       string            // URL of the index of Alpine's packages that the document's package is in, "" where there is none
}

// docKind is what links depend on besides keys.
type docKind string

const (
	docManifest  docKind = "manifest" // of an image or an artifact
	docIndex     docKind = "index"
	docConfig    docKind = "config"
	docReferrers docKind = "referrers"
	docGeneric   docKind = "generic"
)

// kindOf tells what a document is by its media type.
func kindOf(mediaType string) docKind {
	switch mediaType {
	case oci.MediaTypeImageManifest, oci.MediaTypeDockerManifest, oci.MediaTypeArtifactManifest, mediaTypeSchema1, mediaTypeSchema1Signed:
		return docManifest
	case oci.MediaTypeImageIndex, oci.MediaTypeDockerList:
		return docIndex
	case mediaTypeConfig, mediaTypeDockerConfig:
		return docConfig
	}
	return docGeneric
}

// jsonView is a document as a page shows it: what jq prints, with the keys in the order that people read them in. In JSON it is left out: pages have
// the document itself there.
type jsonView struct {
	Pieces []textSpan
	Note   string // what is left out, and why
	Raw    string // URL of the whole, where something is left out
}

// textSpan is text, perhaps over lines, with what is said about it. Templates find its fields faster than those of an embedded link.
type textSpan struct {
	Text string
	Href string // empty: no link
	Tip  string
	Doc  bool // the link leads to documentation
}

// link is what is said about a piece.
type link struct {
	Href string // empty: no link
	Tip  string
	Doc  bool // it leads to documentation, not deeper into the registry
}

// on is text with a link.
func (l link) on(text string) textSpan { return textSpan{text, l.Href, l.Tip, l.Doc} }

// jsonView shows a document. It has bounds, so it takes whatever was parsed.
func (h *handler) jsonView(r *request, c jsonContext, root *inspect.Node) *jsonView {
	if c.kind == "" {
		c.kind = kindOf(c.mediaType)
	}
	p := jsonPrinter{linker: linker{h: h, r: r, c: c}}
	p.value(root, 0)
	p.flush()
	v := &jsonView{Pieces: p.pieces}
	if p.full {
		v.Note = fmt.Sprintf("This is the beginning: pages show %s lines and %s of a document.", group(maxJSONLines), iec(maxJSONText))
		v.Raw = p.part("render", "raw")
	}
	return v
}

// jsonPrinter writes a document piece by piece.
type jsonPrinter struct {
	linker
	pieces []textSpan
	text   strings.Builder // what comes before the next piece with a link
	lines  int
	size   int
	full   bool // nothing more is taken
}

func (p *jsonPrinter) write(s string) {
	p.size += len(s)
	p.text.WriteString(s)
}

func (p *jsonPrinter) flush() {
	if p.text.Len() > 0 {
		p.pieces = append(p.pieces, textSpan{Text: p.text.String()})
		p.text.Reset()
	}
}

// piece writes text about which something is said, perhaps.
func (p *jsonPrinter) piece(s string, l link) {
	if l == (link{}) {
		p.write(s)
		return
	}
	p.flush()
	p.size += len(s) + len(l.Href)
	p.pieces = append(p.pieces, l.on(s))
}

// newline begins a line, unless the page is full.
func (p *jsonPrinter) newline(depth int) bool {
	if p.full || p.lines >= maxJSONLines || p.size >= maxJSONText {
		p.full = true
		return false
	}
	p.lines++
	p.write("\n" + strings.Repeat("  ", depth))
	return true
}

func (p *jsonPrinter) value(n *inspect.Node, depth int) {
	switch {
	case n.Is(inspect.Object):
		p.container(n, depth, "{", "}")
	case n.Is(inspect.Array):
		p.container(n, depth, "[", "]")
	case n.Is(inspect.String):
		p.string(n.Text, p.valueLink(n))
	case n != nil:
		p.piece(clip(n.Text), p.valueLink(n))
	}
}

func (p *jsonPrinter) container(n *inspect.Node, depth int, open, shut string) {
	p.write(open)
	for i, c := range n.Ordered() {
		if i > 0 {
			p.write(",")
		}
		if !p.newline(depth + 1) {
			p.write(" …")
			break
		}
		if n.Kind == inspect.Object {
			p.string(c.Key, p.keyLink(c))
			p.write(": ")
		}
		p.value(c, depth+1)
	}
	if len(n.Children) > 0 && !p.full {
		p.newline(depth)
	}
	p.write(shut)
}

// string writes a string with its quotes, which are not part of the link.
func (p *jsonPrinter) string(s string, l link) {
	p.write(`"`)
	p.piece(jsonText(clip(s)), l)
	p.write(`"`)
	if len(s) > maxJSONString {
		p.piece(" …", link{Tip: group(int64(len(s))) + " bytes in all"})
	}
}

// clip cuts what is too long, between characters.
func clip(s string) string {
	if len(s) <= maxJSONString {
		return s
	}
	n := maxJSONString
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// jsonText writes what stands between the quotes of a string. Besides what JSON wants escaped, all that has no width or turns the order of what is
// read is: a page must not show other names than there are.
func jsonText(s string) string {
	if strings.IndexFunc(s, special) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !special(r):
			b.WriteRune(r)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case shortEscapes[r] != 0:
			b.WriteByte('\\')
			b.WriteByte(shortEscapes[r])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

var shortEscapes = map[rune]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func special(r rune) bool {
	return r == '"' || r == '\\' || r < ' ' || r > '~' && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || hidden[r])
}

// hidden are letters that nothing is seen of.
var hidden = map[rune]bool{'\u115f': true, '\u1160': true, '\u3164': true, '\uffa0': true, '\u034f': true}
