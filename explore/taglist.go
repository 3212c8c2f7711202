package explore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// tagGroup is the tags of a repository that point at one manifest.
type tagGroup struct {
	digest digest.Digest      // "": what the one tag points at would have to be asked for
	tags   []storage.DatedTag // in byte order
	time   time.Time          // when the last of them was set
	about  *summary           // nil until somebody asks
}

// attached is a tag that holds something about a manifest, as tools write it that do without referrers: "sha256-HEX.sig".
type attached struct {
	Tag    oci.Tag       `json:"tag"`
	Kind   string        `json:"kind"`
	Of     digest.Digest `json:"of"`
	Digest digest.Digest `json:"digest"`
	Time   time.Time     `json:"time,omitzero"`
	Href   string        `json:"href"`
	OfHref string        `json:"-"`
}

// tagList is all tags of a repository.
type tagList struct {
	groups   []*tagGroup
	attached []attached
	byOwner  map[digest.Digest][]int // of attached
	count    int                     // of tags in groups
	undated  bool                    // they are of another registry: most are names only
	more     bool                    // there are more than were read
}

// maxUndated bounds the tags of a repository of another registry that are listed, which may have any number.
const maxUndated = 50_000

// readTags reads the tags of a repository. What signs something, and the like, is kept apart.
func (h *handler) readTags(ctx context.Context, repo oci.Name) (*tagList, error) {
	l := &tagList{byOwner: map[digest.Digest][]int{}}
	byDigest := map[digest.Digest]*tagGroup{}
	for tag, err := range storage.DatedTags(ctx, h.store, repo) {
		if errors.Is(err, storage.ErrUnsupported) {
			return l, h.readUndated(ctx, repo, l)
		}
		if err != nil {
			return nil, err
		}
		l.add(tag, repo, byDigest)
	}
	return l, nil
}

// readUndated reads the names of the tags of another registry. To ask what each of them points at would take a request for each; of those that are kept here it is
// known.
func (h *handler) readUndated(ctx context.Context, repo oci.Name, l *tagList) error {
	l.undated = true
	kept := map[oci.Tag]storage.DatedTag{}
	for tag, err := range storage.DatedTags(storage.KeptOnly(ctx), h.store, repo) {
		if err == nil {
			kept[tag.Tag] = tag
		}
	}
	byDigest := map[digest.Digest]*tagGroup{}
	n := 0
	for tag, err := range h.store.Tags(ctx, repo, "") {
		if err != nil {
			return err
		}
		if n++; n > maxUndated {
			l.more = true
			return nil
		}
		if known, ok := kept[tag]; ok {
			l.add(known, repo, byDigest)
		} else {
			l.addName(tag, repo)
		}
	}
	return nil
}

// addName adds a tag of which no more is known than its name.
func (l *tagList) addName(tag oci.Tag, repo oci.Name) {
	if _, kind := attachment(tag); kind != "" {
		l.add(storage.DatedTag{Tag: tag}, repo, nil)
		return
	}
	l.count++
	l.groups = append(l.groups, &tagGroup{tags: []storage.DatedTag{{Tag: tag}}, about: &summary{}})
}

func (l *tagList) add(tag storage.DatedTag, repo oci.Name, byDigest map[digest.Digest]*tagGroup) {
	if of, kind := attachment(tag.Tag); kind != "" {
		l.byOwner[of] = append(l.byOwner[of], len(l.attached))
		t := target{Name: repo, Tag: tag.Tag}
		l.attached = append(l.attached, attached{tag.Tag, kind, of, tag.Digest, tag.Time, t.href("r"), t.at(of).href("r")})
		return
	}
	l.count++
	g := byDigest[tag.Digest]
	if g == nil {
		g = &tagGroup{digest: tag.Digest}
		byDigest[tag.Digest] = g
		l.groups = append(l.groups, g)
	}
	g.tags = append(g.tags, tag)
	if tag.Time.After(g.time) {
		g.time = tag.Time
	}
}

// names are all tags in byte order.
func (l *tagList) names() []oci.Tag {
	all := make([]oci.Tag, 0, l.count+len(l.attached))
	for _, g := range l.groups {
		for _, t := range g.tags {
			all = append(all, t.Tag)
		}
	}
	for _, a := range l.attached {
		all = append(all, a.Tag)
	}
	slices.Sort(all)
	return all
}

// attachments are the endings of tags that cosign makes of a digest, and what is under them (cosign, SIGNATURE_SPEC.md). Without an ending it is the list
// of referrers that clients keep where a registry keeps none (distribution-spec, "Referrers Tag Schema").
var attachments = map[string]string{"": "referrers", ".sig": "signature", ".att": "attestation", ".sbom": "SBOM"}

// attachment tells what a tag holds about which manifest; kind is "" for a tag that people made.
func attachment(tag oci.Tag) (of digest.Digest, kind string) {
	s := string(tag)
	if !strings.HasPrefix(s, "sha") {
		return "", ""
	}
	alg, rest, _ := strings.Cut(s, "-")
	hex, ending, dot := strings.Cut(rest, ".")
	if dot {
		ending = "." + ending
	}
	d, err := oci.ParseDigest(alg + ":" + hex)
	if err != nil {
		return "", ""
	}
	return d, attachments[ending]
}

// filter leaves the groups of which a tag has part in its name, or the digest begins with it.
func (l *tagList) filter(part string) {
	if part == "" {
		return
	}
	lower := strings.ToLower(part)
	l.groups = slices.DeleteFunc(l.groups, func(g *tagGroup) bool {
		return !hasPrefix(g.digest, lower) &&
			!slices.ContainsFunc(g.tags, func(t storage.DatedTag) bool { return strings.Contains(strings.ToLower(string(t.Tag)), lower) })
	})
}

// hasPrefix reports whether d is meant by the beginning of it, with the algorithm or without, of six digits at least: less stands in many a tag.
func hasPrefix(d digest.Digest, s string) bool {
	return len(s) >= 6 && strings.HasPrefix(d.Encoded(), s) || len(s) >= len("sha256:")+2 && strings.HasPrefix(string(d), s)
}

// order is a way to sort tags.
type order struct {
	name, text string
	down       bool // the greatest first is what people want to see
	described  bool // it takes summaries
	compare    func(a, b *tagGroup) int
}

var orders = []order{
	{"name", "Name", false, false, func(a, b *tagGroup) int { return strings.Compare(string(a.tags[0].Tag), string(b.tags[0].Tag)) }},
	{"version", "Tags", true, false, func(a, b *tagGroup) int { return compareVersions(string(a.tags[0].Tag), string(b.tags[0].Tag)) }},
	{"pushed", "Pushed", true, false, func(a, b *tagGroup) int { return a.time.Compare(b.time) }},
	{"created", "Created", true, true, func(a, b *tagGroup) int { return a.about.Created.Compare(b.about.Created) }},
	{"size", "Size", true, true, func(a, b *tagGroup) int { return cmp.Compare(a.about.Size, b.about.Size) }},
}

// sort sorts the groups; those that are equal stay in the order of their names.
func (l *tagList) sort(o order, reverse bool) {
	compare := o.compare
	if o.down != reverse {
		compare = func(a, b *tagGroup) int { return o.compare(b, a) }
	}
	slices.SortStableFunc(l.groups, compare)
}
