package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// docLimits are for documents that a decoder makes a summary of. Bills of materials may be large; what there is most of is counted only.
var docLimits = Limits{Size: 48 << 20, keep: map[string]int{
	"packages": maxPackages, "components": maxPackages, "vulnerabilities": maxPackages, "@graph": 20_000, "files": 100, "relationships": 5000,
	"dependencies": 5000, "snippets": 100, "hasFiles": 10, "packageVerificationCodeExcludedFiles": 10, "llbDefinition": 100, "licenses": 100,
	"externalRefs": 100, "properties": 200,
}}

// maxPackages is how many rows the longest tables have: an image of a whole desktop has as many packages.
const maxPackages = 5000

// InspectJSON tells what a document is that people want to see otherwise than as JSON: signatures, provenance, bills of materials. It
// returns nil for all others. The references to parts (RefPart) are pipelines over the document; of one that stands inside another the
// caller knows better, so it says by which pipeline it got there, or "".
func InspectJSON(n *Node, pipeline string) *Doc {
	for _, d := range jsonDecoders() {
		if n.Is(Object) && d.is(n) {
			return d.decode(n, via(pipeline))
		}
	}
	return nil
}

type jsonDecoder struct {
	is     func(n *Node) bool
	decode func(n *Node, v via) *Doc
}

// jsonDecoders lists what is known; the first that knows a document decodes it. It is a function because some of them call InspectJSON.
func jsonDecoders() []jsonDecoder {
	return []jsonDecoder{
		{isStatement, decodeStatement},
		{isDSSE, decodeDSSE},
		{isJWS, decodeJWS},
		{isNotationPayload, decodeNotationPayload},
		{isBundle, decodeBundle},
		{isSimpleSigning, decodeSimpleSigning},
		{isRekorBundle, decodeRekorBundle},
		{isRekorBody, decodeRekorBody},
		{isBlobBundle, decodeBlobBundle},
		{isTimestampAnnotation, decodeTimestampAnnotation},
		{isSPDX, decodeSPDX},
		{isSPDX3, decodeSPDX3},
		{isCycloneDX, decodeCycloneDX},
		{isOpenVEX, decodeOpenVEX},
	}
}

func decodeJSON(f *file) (*Doc, error) {
	raw, err := f.all(int64(docLimits.Size))
	if err == nil {
		var n *Node
		if n, err = ParseJSON(raw, &docLimits); err == nil {
			return InspectJSON(n, ""), nil
		}
	}
	if errors.Is(err, ErrLimit) { // it is shown as text
		return nil, nil
	}
	return nil, err
}

// maxJSONLines is how many documents of a file are shown; an image rarely has ten attestations.
const maxJSONLines = 50

// decodeJSONLines shows the documents of which there is one in each line, as bundles of attestations have them. It returns no Doc where
// there is nothing to say about any of them.
func decodeJSONLines(f *file) (*Doc, error) {
	if f.size > int64(docLimits.Size) {
		return nil, nil
	}
	raw, err := f.all(int64(docLimits.Size))
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: "json lines", Command: "jq ."}
	shown, total := 0, 0
	for line := range bytes.Lines(raw) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if total++; total > maxJSONLines {
			continue
		}
		n, err := ParseJSON(line, &docLimits)
		if err != nil {
			continue
		}
		if sub := InspectJSON(n, ""); sub != nil {
			sub.dropParts() // a pipeline would run over all lines
			shown++
			d.Sections = append(d.Sections, Section{Title: "Line " + strconv.Itoa(total), Note: sub.Title})
			d.Sections = append(d.Sections, sub.Sections...)
		}
	}
	if shown == 0 {
		return nil, nil
	}
	d.Title = plural(total, "document") + ", one in each line"
	if total > maxJSONLines {
		d.Note = fmt.Sprintf("Only the first %d were looked at.", maxJSONLines)
	}
	return d, nil
}

// via is the pipeline by which a document was taken out of a file.
type via string

// to returns the pipeline that goes on to n, as text or as JSON, and then through further stages.
func (v via) to(n *Node, stages ...string) via {
	all := append([]string{"jq -r " + shellQuote(n.Path())}, stages...)
	if v != "" {
		all = append([]string{string(v)}, all...)
	}
	return via(strings.Join(all, " | "))
}

// ref refers to what the pipeline leads to.
func (v via) ref() Ref { return Ref{RefPart, string(v)} }

// linked returns a stranger's text as a value that refers to what it says, if it is a URL, a package URL or a digest.
func linked(s string) Value {
	v := plain(s)
	switch {
	case len(s) > maxValue:
	case strings.HasPrefix(s, "pkg:"):
		if _, err := ParsePurl(s); err == nil {
			v.Ref = Ref{RefPurl, s}
		}
	case isDigest(s):
		v.Ref = Ref{RefDigest, s}
	default:
		v.Ref = webRef(strings.TrimPrefix(s, "git+"))
	}
	return v
}

// documented returns a stranger's text with a page that says what it means.
func documented(s, page string) Value {
	v := plain(s)
	v.Ref = docRef(page)
	return v
}

// dateValue shows a time of RFC 3339 as all times are shown, and what is none as it stands.
func dateValue(s string) Value {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return plain(s)
	}
	return timeValue(t).tip(visible(s, 64))
}

// unixValue shows seconds since 1970.
func unixValue(seconds int64) Value {
	if seconds <= 0 || seconds > 1<<40 {
		return Value{}
	}
	return timeValue(time.Unix(seconds, 0))
}

// digestSet shows {"sha256": "ab..."}, of which in-toto and SLSA make much use: the digests that name a blob first.
func digestSet(n *Node) Value {
	all := digestsOf(n)
	if len(all) == 0 {
		return Value{}
	}
	v := linked(all[0])
	v.Tip = visible(strings.Join(all[1:], " "), maxValue)
	return v
}

// digestsOf returns a set of digests as ALGORITHM:HEX, those that registries know first.
func digestsOf(n *Node) (all []string) {
	var others []string
	for _, c := range n.All() {
		d := c.Key + ":" + c.String()
		if isDigest(d) {
			all = append(all, d)
		} else if c.Is(String) {
			others = append(others, d)
		}
	}
	return append(all, others...)
}

// scalarFields appends the members of an object that are no containers, and those of its objects with both keys. depth says how far down.
func (s *Section) scalarFields(n *Node, prefix string, depth int) {
	for _, c := range n.All() {
		name := visible(prefix+c.Key, 120)
		switch {
		case len(s.Fields) >= maxScalars:
			return
		case c.Is(Object) && depth > 0:
			s.scalarFields(c, prefix+c.Key+".", depth-1)
		case c.Is(Array) && depth > 0:
			s.add(name, plain(joinStrings(c)))
		default:
			s.add(name, linked(c.String()))
		}
	}
}

// maxScalars is how many parameters of a build are shown.
const maxScalars = 200

// joinStrings joins the scalars of an array.
func joinStrings(n *Node) string {
	var all []string
	for _, c := range n.All() {
		if s := c.String(); s != "" && len(all) < 100 {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", ")
}
