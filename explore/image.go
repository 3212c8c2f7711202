package explore

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

const (
	maxLayerRows = 300 // layers on one page: clients stop at 127
	maxBrief     = 200 // bytes of an instruction beside the layer that it made: the history has all of it
)

// imageView is what the page of an image tells besides its manifest.
type imageView struct {
	Platform string        `json:"platform,omitempty"`
	OS       string        `json:"osVersion,omitempty"`
	Created  time.Time     `json:"created,omitzero"`
	Author   string        `json:"author,omitempty"`
	Total    int64         `json:"totalSize"` // of config and layers, as they are pulled
	Layers   []layerRow    `json:"layers"`
	More     int           `json:"moreLayers,omitempty"`
	Largest  int64         `json:"-"`
	Steps    []step        `json:"history,omitempty"`
	Config   *configView   `json:"config,omitempty"` // nil where it cannot be read
	ConfigID digest.Digest `json:"imageID"`          // what docker calls the image
	Note     string        `json:"note,omitempty"`
}

// layerRow is a layer of an image.
type layerRow struct {
	Digest      digest.Digest `json:"digest"`
	MediaType   string        `json:"mediaType"`
	Size        int64         `json:"size"`
	Missing     bool          `json:"missing,omitempty"` // not in this repository
	Foreign     bool          `json:"foreign,omitempty"` // fetched from elsewhere
	Instruction string        `json:"instruction,omitempty"`
	Href        string        `json:"-"`
	SizeHref    string        `json:"-"`
	Width       string        `json:"-"` // of the bar of its size, in percent
}

// imageConfig is the configuration of an image (image-spec, config.md; Docker's has more).
type imageConfig struct {
	Created      string         `json:"created"`
	Author       string         `json:"author"`
	Architecture string         `json:"architecture"`
	OS           string         `json:"os"`
	OSVersion    string         `json:"os.version"`
	Variant      string         `json:"variant"`
	Config       runConfig      `json:"config"`
	History      []historyEntry `json:"history"`
}

func (h *handler) imageView(r *request, m *manifestPage) (*imageView, error) {
	v := &imageView{ConfigID: m.contents.Config.Digest, More: max(0, len(m.contents.Layers)-maxLayerRows)}
	for _, b := range m.contents.Blobs() {
		v.Total = addSize(v.Total, b.Size)
	}
	c, err := h.readConfig(r, m, v)
	if err != nil {
		return nil, err
	}
	if c != nil {
		v.addConfig(h, r, m, c)
	}
	for _, l := range m.contents.Layers[:len(m.contents.Layers)-v.More] {
		row, err := h.layerRow(r, m, l)
		if err != nil {
			return nil, err
		}
		v.Layers = append(v.Layers, row)
		v.Largest = max(v.Largest, l.Size)
	}
	v.layOut()
	return v, nil
}

// readConfig reads the configuration. One that is not here or cannot be read is nil, and a note.
func (h *handler) readConfig(r *request, m *manifestPage, v *imageView) (*imageConfig, error) {
	d := m.contents.Config
	b, err := h.store.OpenBlob(r.Context(), m.t.Name, d.Digest)
	if isUnknown(err) {
		v.Note = "The configuration is not in this repository, so that no more is known than the manifest says."
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if b.Size() > maxConfig {
		v.Note = fmt.Sprintf("The configuration has %s; those of up to %s are read.", iec(b.Size()), iec(maxConfig))
		return nil, nil
	}
	raw := make([]byte, b.Size())
	if _, err := io.ReadFull(b, raw); err != nil {
		return nil, err
	}
	c := &imageConfig{}
	if err := json.Unmarshal(raw, c); err != nil { // of what has another shape than it should the rest is there all the same
		v.Note = fmt.Sprintf("The configuration is not as it should be: %.200s.", err)
	}
	return c, nil
}

func (v *imageView) addConfig(h *handler, r *request, m *manifestPage, c *imageConfig) {
	v.Platform = platformName(&oci.Platform{OS: clipText(c.OS, maxPlatform), Architecture: clipText(c.Architecture, maxPlatform), Variant: clipText(c.Variant, maxPlatform)})
	v.OS, v.Author = clipText(c.OSVersion, maxPlatform), clipText(c.Author, maxValue)
	v.Created, _ = time.Parse(time.RFC3339, c.Created) // a date that is none is no date
	v.Config = h.configView(r, m, &c.Config)
	var fits bool
	v.Steps, fits = alignHistory(m.t, c.History[:min(len(c.History), maxSteps)], m.contents.Layers)
	if len(c.History) > 0 && !fits {
		v.Note = strings.TrimSpace(v.Note + " The history tells of another number of layers than there are: what made which is a guess.")
	}
}

func (h *handler) layerRow(r *request, m *manifestPage, d oci.Descriptor) (layerRow, error) {
	t := target{Name: m.t.Name, Digest: d.Digest, Path: "."}
	row := layerRow{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size, Foreign: !d.Distributable(), Href: t.href("fs"), SizeHref: t.href("size")}
	_, err := h.store.StatBlob(storage.KeptOnly(r.Context()), m.t.Name, d.Digest)
	row.Missing = isUnknown(err)
	return row, unlessUnknown(err)
}

// missing says what of the image is not here: one letter for the configuration and one for each layer.
func (v *imageView) missing() string {
	b := make([]byte, 0, 1+len(v.Layers))
	b = append(b, letter(v.Config == nil))
	for _, l := range v.Layers {
		b = append(b, letter(l.Missing))
	}
	return string(b)
}

func letter(missing bool) byte {
	if missing {
		return '-'
	}
	return '+'
}

// layOut gives each layer the instruction that made it, and a bar.
func (v *imageView) layOut() {
	for _, s := range v.Steps {
		if s.layer >= 0 && s.layer < len(v.Layers) {
			v.Layers[s.layer].Instruction = clipText(s.Instruction, maxBrief)
		}
	}
	for i := range v.Layers {
		if v.Largest > 0 {
			v.Layers[i].Width = fmt.Sprintf("%.1f", 100*float64(v.Layers[i].Size)/float64(v.Largest))
		}
	}
}
