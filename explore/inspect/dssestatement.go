package inspect

import (
	"fmt"
	"strings"
)

// Subject is an artifact that a document says something about.
type Subject struct {
	Name    string   // perhaps of an image, a package URL, the name of a file, or nothing
	Digests []string // ALGORITHM:HEX, those that registries know first; in-toto has also gitCommit and others
}

// Subjects returns what a document says something about: an in-toto statement, also in a DSSE envelope, in a sigstore bundle; the payload
// that cosign or Notation signs. At most a thousand. Nothing says that the document is right.
func Subjects(n *Node) []Subject {
	switch {
	case !n.Is(Object):
		return nil
	case isStatement(n):
		return statementSubjects(n)
	case isSimpleSigning(n):
		return []Subject{{n.Str("critical", "identity", "docker-reference"), []string{simpleDigest(n)}}}
	case isNotationPayload(n):
		return []Subject{{"", []string{n.Str("targetArtifact", "digest")}}}
	case isDSSE(n), isJWS(n):
		return encodedSubjects(n.Str("payload"))
	case n.Get("dsseEnvelope").Is(Object):
		return encodedSubjects(n.Str("dsseEnvelope", "payload"))
	case n.Get("messageSignature").Is(Object):
		return []Subject{{"", []string{messageDigest(n)}}}
	}
	return nil
}

// encodedSubjects goes one step further down only: nobody signs an envelope in an envelope.
func encodedSubjects(payload string) []Subject {
	raw, err := decode64(payload)
	if err != nil {
		return nil
	}
	n, err := ParseJSON(raw, &docLimits)
	if err != nil || n.Get("payload") != nil || n.Get("dsseEnvelope") != nil {
		return nil
	}
	return Subjects(n)
}

// CheckSubjects tells whether one of the subjects is the blob or manifest of this digest.
func CheckSubjects(subjects []Subject, digest string) Check {
	c := Check{What: "what it speaks of is " + digest}
	for _, s := range subjects {
		for _, d := range s.Digests {
			if d == digest && isDigest(d) {
				c.OK = true
				return c
			}
		}
	}
	c.Why = "it names other digests"
	if len(subjects) == 0 {
		c.Why = "it names none"
	}
	return c
}

// maxSubjects bounds the subjects of a statement; releases have one for each of their files.
const maxSubjects = 1000

func statementSubjects(n *Node) (all []Subject) {
	for _, s := range n.Get("subject").All() {
		if len(all) == maxSubjects {
			break
		}
		all = append(all, Subject{s.Str("name"), digestsOf(s.Get("digest"))})
	}
	return all
}

// isStatement tells in-toto statements of all versions.
func isStatement(n *Node) bool {
	return strings.HasPrefix(n.Str("_type"), "https://in-toto.io/Statement/")
}

// decodeStatement shows what a statement says of whom, and what is known of the kind of saying.
func decodeStatement(n *Node, v via) *Doc {
	d := &Doc{Kind: "in-toto", Command: "jq ."}
	subjects := statementSubjects(n)
	kind := n.Str("predicateType")
	d.Title = "A statement about " + subjectNames(subjects)
	s := Section{Title: "Statement"}
	s.add("Type", documented(n.Str("_type"), StatementDoc(n.Str("_type"))))
	s.add("Predicate type", documented(kind, PredicateDoc(kind)))
	d.addSection(s)
	d.addSection(subjectTable(n, subjects))
	predicate := n.Get("predicate")
	if decode := predicateDecoder(kind); predicate.Is(Object) && decode != nil {
		sub := decode(predicate, v)
		d.Title = sub.Title + ", for " + subjectNames(subjects)
		d.Kind = sub.Kind
		d.Sections = append(d.Sections, sub.Sections...)
		return d
	}
	said := Section{Title: "Predicate"}
	said.scalarFields(predicate, "", 3)
	d.addSection(said)
	return d
}

func predicateDecoder(kind string) func(n *Node, v via) *Doc {
	for _, p := range predicateDecoders {
		if strings.HasPrefix(kind, p.prefix) {
			return p.decode
		}
	}
	return nil
}

// predicateDecoders show what the predicate of a statement says. The first prefix that fits counts.
var predicateDecoders = []struct {
	prefix string
	decode func(n *Node, v via) *Doc
}{
	{"https://slsa.dev/provenance/v0.", decodeProvenance02},
	{"https://slsa.dev/provenance/v1", decodeProvenance1},
	{"https://spdx.dev/Document", predicateSPDX},
	{"https://cyclonedx.org/", predicateSPDX},
	{"https://openvex.dev/ns", decodeOpenVEX},
	{"https://sigstore.dev/cosign/sign/v1", func(*Node, via) *Doc { return &Doc{Kind: "cosign", Title: "A signature of cosign"} }},
}

func subjectNames(all []Subject) string {
	switch {
	case len(all) == 0:
		return "nothing"
	case len(all) == 1 && all[0].Name != "":
		return visible(all[0].Name, 200)
	case len(all) == 1 && len(all[0].Digests) > 0:
		return visible(all[0].Digests[0], 200)
	}
	return plural(len(all), "subject")
}

func subjectTable(n *Node, subjects []Subject) Section {
	s := table("Subjects", "Name", "Digest")
	for i, sub := range subjects {
		s.row(sub.nameValue(), digestSet(n.Get("subject", i, "digest")))
	}
	if more := len(n.Get("subject").All()) - len(subjects); more > 0 {
		s.Note = fmt.Sprintf("%s more.", plural(more, "subject"))
	}
	return s
}

// nameValue refers to the image that the name is one of, if it has a registry's host, or to the package.
func (s Subject) nameValue() Value {
	v := linked(s.Name)
	host, rest, _ := strings.Cut(s.Name, "/")
	if v.Ref != (Ref{}) || rest == "" || !strings.ContainsAny(host, ".:") || len(s.Digests) == 0 || !isDigest(s.Digests[0]) {
		return v
	}
	if !strings.Contains(s.Name, "@") && !strings.ContainsFunc(s.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		v.Ref = Ref{RefImage, s.Name + "@" + s.Digests[0]}
	}
	return v
}
