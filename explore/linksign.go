package explore

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
)

// signatureRules are those of signatures and attestations: cosign's payload and annotations, Rekor's entries, sigstore bundles, DSSE envelopes,
// in-toto statements, Notation's JWS.
var signatureRules = []rule{
	// cosign's payload (sigstore/cosign, specs/SIGNATURE_SPEC.md)
	{"critical identity docker-reference", nil, signedLink},
	{"critical identity Docker-reference", nil, signedLink},
	{"critical image docker-manifest-digest", nil, signedLink},
	{"critical image Docker-manifest-digest", nil, signedLink},

	// what Rekor gave cosign, in an annotation, and the entry inside it
	{"Payload body", nil, base64Link},
	{"Payload logIndex", nil, logIndexLink},
	{"Payload integratedTime", nil, dateTip},
	{"spec data hash value", nil, hashLink},
	{"spec payloadHash value", nil, hashLink},
	{"spec envelopeHash value", nil, hashLink},
	{"spec content payloadHash value", nil, hashLink},
	{"spec content hash value", nil, hashLink},
	{"spec signature publicKey content", nil, certLink},
	{"spec publicKey", nil, certLink},
	{"spec signatures verifier", nil, certLink},
	{"spec content envelope signatures publicKey", nil, certLink},
	{"SignedRFC3161Timestamp", nil, timestampLink},

	// sigstore bundle v0.1 to v0.3 (sigstore/protobuf-specs)
	{"verificationMaterial certificate rawBytes", nil, derLink},
	{"verificationMaterial x509CertificateChain certificates rawBytes", nil, derLink},
	{"tlogEntries logIndex", nil, logIndexLink},
	{"tlogEntries integratedTime", nil, dateTip},
	{"tlogEntries canonicalizedBody", nil, base64Link},
	{"rfc3161Timestamps signedTimestamp", nil, timestampLink},
	{"messageSignature messageDigest digest", nil, messageDigestLink},

	// DSSE and in-toto
	{"payload", nil, payloadLink},
	{"signatures cert", nil, pemLink},
	{"subject name", nil, subjectLink},
	{"subject digest sha256", nil, subjectDigestLink},
	{"subject digest sha512", nil, subjectDigestLink},
	{"_type", nil, documented(inspect.StatementDoc)},
	{"predicateType", nil, documented(inspect.PredicateDoc)},
	{"buildType", nil, documented(inspect.BuildTypeDoc)},
	{"digest sha1", nil, commitLink},
	{"digest gitCommit", nil, commitLink},

	// Notation (notaryproject/specifications): JSON Web Signatures
	{"^ protected", nil, base64URLLink},
	{"^ header x5c", nil, derLink},
	{"^ header io.cncf.notary.timestampSignature", nil, timestampLink},
	{"x5c", nil, derLink},

	// and in COSE, by the names that its headers get
	{"x5chain%20(33)", nil, derLink},
	{"unprotected io.cncf.notary.timestampSignature", nil, timestampLink},
}

// signedLink leads to the image that cosign's payload is about.
func signedLink(s spot) link {
	critical := s.n.Parent.Parent
	ref, d := critical.Get("identity"), critical.Get("image")
	return s.imageLink(firstOf(ref, "docker-reference", "Docker-reference"), firstOf(d, "docker-manifest-digest", "Docker-manifest-digest"))
}

func firstOf(n *inspect.Node, keys ...string) string {
	for _, k := range keys {
		if s := n.Str(k); s != "" {
			return s
		}
	}
	return ""
}

// logIndexLink leads to an entry of the public transparency log.
func logIndexLink(s spot) link {
	n, ok := s.n.Int()
	if !ok || n < 0 {
		return link{}
	}
	return link{Href: "https://search.sigstore.dev/?logIndex=" + strconv.FormatInt(n, 10)}
}

// dateTip says which time a number of seconds is.
func dateTip(s spot) link {
	n, ok := s.n.Int()
	if !ok || n <= 0 || n > 1<<36 { // the year 4147
		return link{}
	}
	return link{Tip: clock(time.Unix(n, 0))}
}

// hashLink leads to the content that an entry of the log is about.
func hashLink(s spot) link {
	d, ok := asDigest(s.n.Parent.Str("algorithm"), s.n.String())
	if !ok {
		return link{}
	}
	return link{Href: s.to("blob", d)}
}

// messageDigestLink does that for a digest in base64.
func messageDigestLink(s spot) link {
	raw, err := base64.StdEncoding.DecodeString(s.n.String())
	if err != nil || s.n.Parent.Str("algorithm") != "SHA2_256" || len(raw) != digest.SHA256.Size() {
		return link{}
	}
	return link{Href: s.to("blob", digest.NewDigestFromBytes(digest.SHA256, raw))}
}

// certLink shows PEM in base64, derLink DER in base64.
func certLink(s spot) link { return s.decoded("x509") }
func derLink(s spot) link  { return s.decoded("der") }

func timestampLink(s spot) link { return s.decoded("timestamp") }

func (s spot) decoded(render string) link {
	l := base64Link(s)
	if l.Href != "" {
		l.Href = s.part("jq", s.n.Path()+" | base64 -d", "render", render)
	}
	return l
}

// payloadLink shows what was signed. DSSE has it in base64, JSON Web Signatures in the alphabet for URLs.
func payloadLink(s spot) link {
	switch {
	case s.n.Parent.Get("payloadType") != nil:
		return base64Link(s)
	case s.n.Parent.Get("protected") != nil:
		return base64URLLink(s)
	}
	return link{}
}

// base64URLLink shows a string in base64url (RFC 4648, 5), by commands that only know base64.
func base64URLLink(s spot) link {
	if !s.n.Is(inspect.String) || s.n.Text == "" {
		return link{}
	}
	pipe := s.n.Path() + " | tr _- /+"
	if pad := [...]string{"", "", "==", "="}[len(s.n.Text)%4]; pad != "" {
		pipe += ` | awk '{print $1"` + pad + `"}'`
	}
	return link{Href: s.part("jq", pipe+" | base64 -d"), Tip: "Decoded"}
}

// subjectLink leads to what a statement is about: an image by its name and digest, if the name is one.
func subjectLink(s spot) link {
	name := s.n.String()
	if len(name) > 4 && name[:4] == "pkg:" {
		return s.purl(name)
	}
	if d := s.n.Parent.Str("digest", "sha256"); d != "" && s.n.Parent.Get("digest").Is(inspect.Object) {
		return s.imageLink(name, "sha256:"+d)
	}
	return link{}
}

func subjectDigestLink(s spot) link {
	if s.c.mediaType == mediaTypeSPDX {
		return link{}
	}
	d, ok := asDigest(s.n.Key, s.n.String())
	if !ok {
		return link{}
	}
	return link{Href: s.to("r", d)}
}

// commitLink goes to the commit that something was built from, where its uri is of a site that has pages of commits.
func commitLink(s spot) link {
	return link{Href: gitCommit(s.n.Parent.Parent.Str("uri"), s.n.String())}
}
