package explore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of what is read to say in words what others say about an image.
const (
	maxStatements = 10      // manifests that refer to it
	maxSpoken     = 3       // blobs of one
	maxStatement  = 1 << 20 // bytes of one: more is for a page of its own
	maxSayings    = 4 << 20 // bytes that are remembered, of both caches in this file
)

// statement is what a signature, an attestation or a bill of materials says.
type statement struct {
	Kind   string        `json:"kind"`
	Says   string        `json:"says"`             // in words
	About  string        `json:"about,omitempty"`  // "this": it names the digest of what it is attached to; "other"; "" where it names none
	Fits   int           `json:"fits"`             // comparisons of what it holds, with what it holds, that hold
	Failed []string      `json:"failed,omitempty"` // those that do not
	Digest digest.Digest `json:"digest"`           // of the blob
	Href   string        `json:"href"`             // of what it says in full
	By     string        `json:"manifest"`         // URL of the manifest that has it
}

// statements remembers what was read, by the manifest that says it and what it is about.
type statements struct {
	mu   sync.Mutex
	kept *lru[statementKey, *spoken]
}

type statementKey struct {
	realm           string
	manifest, about digest.Digest
}

// spoken is what a manifest says, and the blobs that it says it in.
type spoken struct {
	all   []statement
	blobs []oci.Descriptor
}

func newStatements() *statements { return &statements{kept: newLRU[statementKey, *spoken](maxSayings)} }

// speaker is a manifest that says something.
type speaker struct {
	kind     string
	manifest digest.Digest
	about    digest.Digest
}

// statements says in words what the speakers say, those first of which a reader wants to know first.
func (h *handler) statements(ctx context.Context, t target, speakers []speaker) ([]statement, error) {
	speakers = slices.DeleteFunc(slices.Clone(speakers), func(s speaker) bool { return loudness[s.kind] == 0 })
	slices.SortStableFunc(speakers, func(a, b speaker) int { return cmp.Compare(loudness[b.kind], loudness[a.kind]) })
	var all []statement
	for _, s := range speakers[:min(len(speakers), maxStatements)] {
		said, err := h.listen(ctx, t, s)
		if err != nil {
			return nil, err
		}
		all = append(all, said...)
	}
	return all, nil
}

// loudness orders kinds of referrers; what is not here has a page, and no words.
var loudness = map[string]int{"signature": 4, "attestation": 3, "SBOM": 2, "VEX": 1}

// listen returns what a manifest says. It asks the store for all of it, whether it is remembered or not.
func (h *handler) listen(ctx context.Context, t target, s speaker) ([]statement, error) {
	m, err := h.store.GetManifest(ctx, t.Name, s.manifest)
	if err != nil {
		return nil, unlessUnknown(err)
	}
	key := statementKey{h.realm(ctx, t.Name), s.manifest, s.about}
	x := h.said
	x.mu.Lock()
	said, ok := x.kept.get(key)
	x.mu.Unlock()
	if !ok {
		c, err := oci.ParseManifest(m.MediaType, m.Raw)
		if err != nil {
			return nil, nil // nothing that has words
		}
		if said, err = h.hear(ctx, t, s, c); err != nil {
			return nil, unlessUnknown(err)
		}
		x.mu.Lock()
		x.kept.put(statementKey{key.realm, own(s.manifest), own(s.about)}, said, said.cost())
		x.mu.Unlock()
	}
	all := slices.Clone(said.all)
	for i, b := range said.blobs {
		if _, err := h.store.StatBlob(ctx, t.Name, b.Digest); err != nil {
			return nil, unlessUnknown(err)
		}
		all[i].Kind, all[i].By = s.kind, t.at(s.manifest).href("r")
		all[i].Href = withQuery(target{Name: t.Name, Digest: b.Digest}.href("blob"), "mt", b.MediaType, "manifest", string(s.manifest))
	}
	return all, nil
}

// hear reads the blobs of a manifest.
func (h *handler) hear(ctx context.Context, t target, s speaker, c *oci.Contents) (*spoken, error) {
	said := &spoken{}
	for _, l := range c.Layers[:min(len(c.Layers), maxSpoken)] {
		size, err := h.store.StatBlob(ctx, t.Name, l.Digest)
		if err != nil {
			return nil, err
		}
		st := statement{Digest: own(l.Digest)}
		if size > maxStatement {
			st.Says = fmt.Sprintf("A document of %s, which its own page reads.", iec(size))
		} else {
			raw, err := storage.ReadBlob(ctx, h.store, t.Name, l.Digest, maxStatement)
			if err != nil {
				return nil, err
			}
			if err := st.read(ctx, raw, l, s.about); err != nil {
				return nil, err
			}
		}
		if st.Says == "" {
			continue
		}
		said.all = append(said.all, st)
		said.blobs = append(said.blobs, oci.Descriptor{MediaType: strings.Clone(l.MediaType), Digest: st.Digest})
	}
	return said, nil
}

// read has decoders tell what raw says.
func (st *statement) read(ctx context.Context, raw []byte, l oci.Descriptor, about digest.Digest) error {
	var doc *inspect.Doc
	var err error
	if l.Annotations[annotationCosign] != "" {
		doc = inspect.InspectCosign(raw, l.Annotations)
	} else {
		doc, err = inspect.Inspect(ctx, l.MediaType, bytes.NewReader(raw), int64(len(raw)))
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if doc == nil { // what cannot be decoded says nothing
		return nil
	}
	st.Says = clipText(doc.Title, maxValue)
	for _, s := range doc.Sections {
		if s.Title == "Checked" && s.Table != nil {
			st.addChecks(s.Table)
		}
	}
	if root, err := inspect.ParseJSON(raw, nil); err == nil {
		st.About = aboutWhom(inspect.Subjects(root), about)
	}
	return nil
}

func aboutWhom(subjects []inspect.Subject, d digest.Digest) string {
	switch {
	case len(subjects) == 0:
		return ""
	case inspect.CheckSubjects(subjects, string(d)).OK:
		return "this"
	}
	return "other"
}

const annotationCosign = "dev.cosignproject.cosign/signature"

func (st *statement) addChecks(t *inspect.Table) {
	for _, row := range t.Rows {
		switch {
		case len(row) < 2:
		case strings.HasPrefix(row[1].Text, "✓"):
			st.Fits++
		default:
			st.Failed = append(st.Failed, clipText(row[0].Text, maxValue))
		}
	}
}

func (s *spoken) cost() int64 {
	n := factOverhead
	for _, st := range s.all {
		n += factOverhead + len(st.Says)
		for _, f := range st.Failed {
			n += len(f)
		}
	}
	return int64(n)
}

// speakersOf are the referrers that may say something about t.
func speakersOf(t target, all []referrer) []speaker {
	var speakers []speaker
	for _, d := range all {
		speakers = append(speakers, speaker{d.kind(), d.Digest, t.Digest})
	}
	return speakers
}

// attestationsOf are the manifests of an index that BuildKit made to say something about its images.
func attestationsOf(all []oci.Descriptor) []speaker {
	var speakers []speaker
	for _, d := range all {
		if isAttestation(d) {
			speakers = append(speakers, speaker{"attestation", d.Digest, digest.Digest(d.Annotations["vnd.docker.reference.digest"])})
		}
	}
	return speakers
}
