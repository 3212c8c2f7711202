package explore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// manifestKind is what a manifest is to whoever looks at it.
type manifestKind string

const (
	kindImage    manifestKind = "image"
	kindIndex    manifestKind = "index"
	kindArtifact manifestKind = "artifact"
	kindOther    manifestKind = "manifest" // of a media type that is not known
)

// summary is what lists tell of a manifest.
type summary struct {
	Kind         manifestKind `json:"kind"`
	MediaType    string       `json:"mediaType"`
	ArtifactType string       `json:"artifactType,omitempty"`
	Created      time.Time    `json:"created,omitzero"`
	Size         int64        `json:"size"`             // config and layers, in bytes; of an index those of one image
	SizeOf       string       `json:"sizeOf,omitempty"` // the platform of that image
	Layers       int          `json:"layers,omitempty"`
	Platforms    []string     `json:"platforms,omitempty"`
	Missing      bool         `json:"missing,omitempty"` // something that it takes to tell is not in the repository
}

// facts are what follows from the bytes of a manifest alone.
type facts struct {
	summary
	config digest.Digest // "" if there is none that says more
	child  digest.Digest // of an index: the image that stands for all
}

// configFacts are what follows from the bytes of a configuration alone.
type configFacts struct {
	created  time.Time
	platform oci.Platform
}

// Bounds of what is remembered, in bytes: some 20,000 manifests, and as many configurations.
const (
	maxFacts     = 12 << 20
	factOverhead = 400
	maxPlatforms = 24 // of an index, in a list: the largest there are have 18
	maxPlatform  = 64 // bytes of one
)

// summaries remembers what lists tell, by digest, as neither manifests nor configurations change. What is here was read for somebody, in some repository;
// only who has asked the store for the same in this request is told.
type summaries struct {
	mu      sync.Mutex
	facts   *lru[summaryKey, *facts]
	configs *lru[summaryKey, *configFacts]
}

// summaryKey names content as seen in a realm.
type summaryKey struct {
	realm string
	d     digest.Digest
}

func newSummaries() *summaries {
	return &summaries{facts: newLRU[summaryKey, *facts](maxFacts), configs: newLRU[summaryKey, *configFacts](maxFacts / 2)}
}

// summarize tells of the manifest d, which the store has just said is one of repo. Only an error that is no answer, such as that of a disk, is one here.
func (h *handler) summarize(ctx context.Context, repo oci.Name, d digest.Digest) (summary, error) {
	ctx = storage.KeptOnly(ctx) // lists have many rows
	f, err := h.factsOf(ctx, repo, d)
	if err != nil {
		return summary{Kind: kindOther, Missing: isUnknown(err)}, unlessUnknown(err)
	}
	s := f.summary
	if f.child != "" {
		return s, h.addChild(ctx, repo, f.child, &s)
	}
	return s, h.addConfig(ctx, repo, f, &s)
}

// addChild adds what an index has of one of its images.
func (h *handler) addChild(ctx context.Context, repo oci.Name, child digest.Digest, s *summary) error {
	if _, err := h.store.GetManifest(ctx, repo, child); err != nil {
		s.Missing = isUnknown(err)
		return unlessUnknown(err)
	}
	f, err := h.factsOf(ctx, repo, child)
	if err != nil {
		s.Missing = isUnknown(err)
		return unlessUnknown(err)
	}
	of := f.summary
	err = h.addConfig(ctx, repo, f, &of)
	s.Size, s.Layers, s.Missing = of.Size, of.Layers, of.Missing
	if s.Created.IsZero() {
		s.Created = of.Created
	}
	return err
}

// addConfig adds what the configuration of an image says.
func (h *handler) addConfig(ctx context.Context, repo oci.Name, f *facts, s *summary) error {
	if f.config == "" {
		return nil
	}
	c, err := h.configFactsOf(ctx, repo, f.config)
	if err != nil {
		s.Missing = isUnknown(err)
		return unlessUnknown(err)
	}
	if !c.created.IsZero() {
		s.Created = c.created
	}
	if p := platformName(&c.platform); p != "" {
		s.Platforms = []string{clipText(p, maxPlatform)}
	}
	return nil
}

// factsOf returns what is known of a manifest, and reads it for that if need be.
func (h *handler) factsOf(ctx context.Context, repo oci.Name, d digest.Digest) (*facts, error) {
	x, realm := h.summaries, h.realm(ctx, repo)
	x.mu.Lock()
	f, ok := x.facts.get(summaryKey{realm, d})
	x.mu.Unlock()
	if ok {
		return f, nil
	}
	m, err := h.store.GetManifest(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	f = readFacts(m)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.facts.put(summaryKey{realm, own(d)}, f, f.cost())
	return f, nil
}

func (h *handler) configFactsOf(ctx context.Context, repo oci.Name, d digest.Digest) (*configFacts, error) {
	x, realm := h.summaries, h.realm(ctx, repo)
	x.mu.Lock()
	c, ok := x.configs.get(summaryKey{realm, d})
	x.mu.Unlock()
	if ok {
		_, err := h.store.StatBlob(ctx, repo, d)
		return c, err
	}
	size, err := h.store.StatBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	c = &configFacts{}
	if size <= maxConfig {
		raw, err := storage.ReadBlob(ctx, h.store, repo, d, maxConfig)
		if err != nil {
			return nil, err
		}
		c = readConfigFacts(raw)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.configs.put(summaryKey{realm, own(d)}, c, factOverhead)
	return c, nil
}

// own is d in memory of its own: it may be a part of a request or of a manifest.
func own(d digest.Digest) digest.Digest { return digest.Digest(strings.Clone(string(d))) }

func (f *facts) cost() int64 {
	n := factOverhead + len(f.MediaType) + len(f.ArtifactType)
	for _, p := range f.Platforms {
		n += 16 + len(p)
	}
	return int64(n)
}

// readFacts reads a manifest. What cannot be read is a manifest of a kind that is not known.
func readFacts(m storage.Manifest) *facts {
	f := &facts{summary: summary{Kind: kindOther, MediaType: strings.Clone(m.MediaType), Size: m.Size}}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return f
	}
	f.Kind, f.ArtifactType = kindOfManifest(c), strings.Clone(c.ArtifactType)
	f.Created, _ = time.Parse(time.RFC3339, c.Annotations[annotationCreated]) // a date that is none is no date
	f.Size = 0
	for _, b := range c.Blobs() {
		f.Size = addSize(f.Size, b.Size)
	}
	switch f.Kind {
	case kindIndex:
		f.readIndex(c)
	case kindImage:
		f.Layers, f.config = len(c.Layers), own(c.Config.Digest)
	}
	return f
}

const annotationCreated = "org.opencontainers.image.created"

// readIndex chooses the image that stands for all: that of linux/amd64, or the first there is.
func (f *facts) readIndex(c *oci.Contents) {
	seen := map[string]bool{}
	for _, d := range c.Manifests {
		if isAttestation(d) {
			continue
		}
		p := clipText(platformName(d.Platform), maxPlatform)
		if f.child == "" || p == "linux/amd64" && f.SizeOf != p {
			f.child, f.SizeOf = own(d.Digest), p
		}
		if p != "" && !seen[p] && len(seen) < maxPlatforms {
			seen[p] = true
			f.Platforms = append(f.Platforms, p)
		}
	}
}

// kindOfManifest tells what a manifest is: an image has a configuration of one, and layers. What else uses its form is an artifact.
func kindOfManifest(c *oci.Contents) manifestKind {
	switch {
	case c.MediaType == oci.MediaTypeImageIndex || c.MediaType == oci.MediaTypeDockerList:
		return kindIndex
	case c.Config == nil && c.MediaType != oci.MediaTypeArtifactManifest:
		return kindOther
	case c.Config == nil || !configOfImage[c.Config.MediaType] || c.ArtifactType != c.Config.MediaType:
		return kindArtifact
	}
	for _, l := range c.Layers {
		if !layerOfImage(l.MediaType) {
			return kindArtifact
		}
	}
	return kindImage
}

var configOfImage = map[string]bool{mediaTypeConfig: true, mediaTypeDockerConfig: true}

// layerOfImage reports whether blobs of a media type are laid over each other in an image.
func layerOfImage(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") || strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

// isAttestation reports whether a descriptor of an index is what BuildKit says about an image of the same index.
func isAttestation(d oci.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// platformName writes a platform as docker's --platform takes it: "linux/arm64/v8". It is "" where nothing is known.
func platformName(p *oci.Platform) string {
	if p == nil || p.OS == "" && p.Architecture == "" || p.OS == "unknown" && p.Architecture == "unknown" {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

func readConfigFacts(raw []byte) *configFacts {
	var c struct {
		Created      string `json:"created"`
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		OSVersion    string `json:"os.version"`
		Variant      string `json:"variant"`
	}
	json.Unmarshal(raw, &c) // what has another shape than it should is left out
	f := &configFacts{platform: oci.Platform{Architecture: clipText(c.Architecture, maxPlatform), OS: clipText(c.OS, maxPlatform),
		OSVersion: clipText(c.OSVersion, maxPlatform), Variant: clipText(c.Variant, maxPlatform)}}
	f.created, _ = time.Parse(time.RFC3339, c.Created)
	return f
}

// unlessUnknown drops the errors that say that something is not there, is damaged, or would have to be fetched from another registry: pages show that in the
// place of what they would have shown.
func unlessUnknown(err error) error {
	if isUnknown(err) || errors.Is(err, storage.ErrNotKept) {
		return nil
	}
	return err
}

// addSize adds two sizes that strangers wrote down: their sum stays a size.
func addSize(a, b int64) int64 {
	if a > 1<<62 || b > 1<<62 {
		return 1 << 62
	}
	return a + b
}
