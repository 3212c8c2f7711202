package explore

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// referrerKind says in a word what a manifest says about another: by its artifact type, and where that is Sigstore's bundle by its annotations.
func referrerKind(d oci.Descriptor) string {
	t := strings.ToLower(d.ArtifactType)
	if strings.HasPrefix(t, "application/vnd.dev.sigstore.bundle") {
		if d.Annotations["dev.sigstore.bundle.content"] == "message-signature" || signing[d.Annotations["dev.sigstore.bundle.predicateType"]] {
			return "signature"
		}
		return "attestation"
	}
	for _, k := range referrerKinds {
		if strings.Contains(t, k.part) {
			return k.kind
		}
	}
	return clipText(d.ArtifactType, 60)
}

// signing are the predicates of bundles that say no more than that the subject is signed.
var signing = map[string]bool{"https://sigstore.dev/cosign/sign/v1": true}

// referrerKinds are words for artifact types that have part in them; the first that fits counts.
var referrerKinds = []struct{ part, kind string }{
	{"cosign.artifact.sig", "signature"},
	{"cncf.notary.signature", "signature"},
	{"cosign.artifact.att", "attestation"},
	{"in-toto", "attestation"},
	{"spdx", "SBOM"},
	{"cyclonedx", "SBOM"},
	{"syft", "SBOM"},
	{"sbom", "SBOM"},
	{"sarif", "scan"},
	{"openvex", "VEX"},
}

// Bounds of lists of referrers.
const (
	inlineReferrers  = 20      // on the page of what they refer to
	referrerRows     = 100     // on a page of their own
	maxReferrers     = 10_000  // that are read to make either
	maxReferrerBytes = 8 << 20 // of their annotations: those of one may be as long as a manifest
	maxTypes         = 50      // artifact types to choose from
)

// referrersPart is what refers to a manifest.
type referrersPart struct {
	Found int           `json:"found"`          // of the type that was asked for
	More  bool          `json:"more,omitempty"` // there are more than were counted
	Type  string        `json:"artifactType,omitempty"`
	Types []string      `json:"artifactTypes,omitempty"`
	Rows  []referrerRow `json:"rows"`
	Links pageLinks     `json:"pages,omitzero"`
	Href  string        `json:"href"`
	all   []referrer

	speakers []speaker // of any type
}

// referrerRow is a manifest that says something about another.
type referrerRow struct {
	Kind        string        `json:"kind"`
	Type        string        `json:"artifactType,omitempty"`
	Digest      digest.Digest `json:"digest"`
	Size        int64         `json:"size"` // of the manifest
	Created     time.Time     `json:"created,omitzero"`
	Via         string        `json:"via,omitempty"` // the tag that names it, where it has no subject
	Annotations []labelRow    `json:"annotations,omitempty"`
	Href        string        `json:"href"`
}

// referrersPart is a page of size rows of what refers to t: by a subject, by the list that clients keep under a tag, and by the tags of cosign.
func (h *handler) referrersPart(r *request, t target, size int) (*referrersPart, error) {
	pinned := t.at(t.Digest)
	v := &referrersPart{Type: r.query.Get("artifactType"), Rows: []referrerRow{}, Href: pinned.href("referrers")}
	tags := r.Context()
	if size < referrerRows { // on the page of a manifest: of another registry's the four tags are not asked for
		tags = storage.KeptOnly(tags)
	}
	list, err := h.allReferrers(r.Context(), tags, pinned)
	if err != nil {
		return nil, err
	}
	all := list.all
	v.More = list.full
	v.speakers = speakersOf(pinned, all)
	types := map[string]bool{}
	for _, d := range all {
		types[d.ArtifactType] = true
	}
	v.Types = sortedKeys(types, maxTypes)
	if v.Type != "" {
		all = slices.DeleteFunc(all, func(d referrer) bool { return d.ArtifactType != v.Type })
	}
	v.Found, v.all = len(all), all
	from, to := 0, min(size, len(all))
	if size == referrerRows {
		if from, to, v.Links, err = paged(r, len(all), size, v.Href, "artifactType", v.Type); err != nil {
			return nil, err
		}
	}
	m := &manifestPage{t: pinned}
	for _, d := range all[from:to] {
		v.Rows = append(v.Rows, h.referrerRow(r, m, d))
	}
	return v, nil
}

// referrer is a descriptor of what refers to something, and the tag that it was found by.
type referrer struct {
	oci.Descriptor
	via oci.Tag
}

// kind is a word for what it says: by the tag that cosign found for it, or by its artifact type.
func (d referrer) kind() string {
	if _, kind := attachment(d.via); kind != "" && kind != "referrers" {
		return kind
	}
	return referrerKind(d.Descriptor)
}

// referrerList is what refers to something, each once, as long as there is room.
type referrerList struct {
	all  []referrer
	seen map[digest.Digest]bool
	size int // of the annotations, in bytes
	full bool
}

func (l *referrerList) add(d oci.Descriptor, via oci.Tag) {
	l.full = l.full || len(l.all) == maxReferrers || l.size > maxReferrerBytes
	if l.full || l.seen[d.Digest] {
		return
	}
	for k, v := range d.Annotations {
		l.size += len(k) + len(v)
	}
	d.Data = nil // which only tags can lead to, and nobody asked for
	l.seen[d.Digest] = true
	l.all = append(l.all, referrer{d, via})
}

// allReferrers lists what refers to t. With the ctx tags it looks for those that name such things.
func (h *handler) allReferrers(ctx, tags context.Context, t target) (*referrerList, error) {
	l := &referrerList{seen: map[digest.Digest]bool{}}
	for d, err := range h.store.Referrers(ctx, t.Name, t.Digest) {
		if errors.Is(err, storage.ErrUnsupported) || l.full {
			break
		}
		if err != nil {
			return nil, err
		}
		l.add(d, "")
	}
	fallback := oci.ReferrersTag(t.Digest)
	for _, ending := range []string{"", ".sig", ".att", ".sbom"} {
		tag := fallback + oci.Tag(ending)
		found, err := h.byTag(tags, t.Name, tag, ending == "")
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			l.add(d, tag)
		}
	}
	return l, nil
}

// byTag returns what is under a tag, none if there is no such tag: what the list there names, or the manifest itself with its artifact type.
func (h *handler) byTag(ctx context.Context, repo oci.Name, tag oci.Tag, list bool) ([]oci.Descriptor, error) {
	d, err := h.store.ResolveTag(ctx, repo, tag)
	if err != nil {
		return nil, unlessUnknown(err)
	}
	m, err := h.store.GetManifest(ctx, repo, d.Digest)
	if err != nil {
		return nil, unlessUnknown(err)
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return nil, nil // nobody's list
	}
	if list && len(c.Manifests) > 0 {
		return c.Manifests, nil
	}
	d.ArtifactType, d.Annotations = c.ArtifactType, c.Annotations
	return []oci.Descriptor{d}, nil
}

func (h *handler) referrerRow(r *request, m *manifestPage, d referrer) referrerRow {
	row := referrerRow{Kind: d.kind(), Type: clipText(d.ArtifactType, maxValue), Digest: d.Digest, Size: d.Size, Via: string(d.via),
		Href: m.t.at(d.Digest).href("r"), Annotations: h.labels(r, m, d.Annotations)}
	row.Created, _ = time.Parse(time.RFC3339, d.Annotations[annotationCreated]) // a date that is none is no date
	row.Annotations = row.Annotations[:min(len(row.Annotations), 10)]
	return row
}

// referrersView is the JSON of the page of all referrers.
type referrersView struct {
	Of string `json:"of"`
	referrersPart
	JSON *jsonView `json:"-"` // the list as the registry answers it, where it is not long
}

// referrers shows what refers to a manifest, which need not be here itself.
func (h *handler) referrers(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	if t.Digest == "" {
		return h.pin(w, r, t)
	}
	t = t.at(t.Digest).with("", false)
	v, err := h.referrersPart(r, t, referrerRows)
	if err != nil {
		return err
	}
	if len(v.Rows) == 0 && h.away(r.Context(), t.Name) == nil { // of what there is nothing, a repository that is not there is told from one that is
		for _, err := range h.store.Tags(r.Context(), t.Name, "") {
			if err != nil {
				return err
			}
			break
		}
	}
	view := referrersView{Of: t.ref(), referrersPart: *v}
	if len(v.all) <= referrerRows && r.form() == asHTML {
		if root, err := inspect.ParseJSON(v.index(), nil); err == nil { // else there is more of it than is shown
			view.JSON = h.jsonView(r, jsonContext{page: "referrers", target: t, kind: docReferrers}, root)
		}
	}
	curl, base := h.api(r, t.Name)
	url := withQuery(base+"/referrers/"+string(t.Digest), "artifactType", v.Type)
	return h.show(w, r, &page{name: "referrers", Title: "What refers to " + h.called(r, t.Name) + "@" + short(t.Digest), View: view,
		Crumbs:  append(h.nameCrumbs(r, t.Name, true), crumb{"@" + short(t.Digest), t.href("r")}, crumb{Text: "referrers"}),
		Command: line(curl+" -s", quote(url), "| jq ."), text: v.index})
}

// index is the list as the registry answers it [end-12a], with what tags have led to besides.
func (v *referrersPart) index() []byte {
	list := struct {
		SchemaVersion int              `json:"schemaVersion"`
		MediaType     string           `json:"mediaType"`
		Manifests     []oci.Descriptor `json:"manifests"`
	}{2, oci.MediaTypeImageIndex, []oci.Descriptor{}}
	for _, d := range v.all {
		list.Manifests = append(list.Manifests, d.Descriptor)
	}
	raw, err := json.Marshal(list)
	if err != nil { // strings and numbers
		return nil
	}
	return indented(raw)
}
