package rpm

import (
	"cmp"
	"io"
	"strconv"
	"time"
)

const (
	leadMagic = "\xed\xab\xee\xdb"
	leadSize  = 96
)

// Package is all of a package but its payload.
type Package struct {
	*Header
	Signature *Header // digests and signatures of what follows
	Size      int64   // of the file

	// The header is the bytes of the file from HeaderStart to HeaderEnd, its magic among them: the header-range of primary.xml. The payload
	// begins at HeaderEnd.
	HeaderStart, HeaderEnd int64
}

// Read reads the headers of a package of size bytes. The errors wrap [ErrFormat], [ErrLimit], or are r's.
func Read(r io.ReaderAt, size int64) (*Package, error) {
	lead, err := readAt(r, 0, leadSize, size)
	if err != nil {
		return nil, err
	}
	if string(lead[:4]) != leadMagic {
		return nil, damaged("no package")
	}
	p := &Package{Size: size}
	var end int64
	if p.Signature, end, err = readHeader(r, leadSize, size); err != nil {
		return nil, err
	}
	p.HeaderStart = end + -end&7
	if p.Header, p.HeaderEnd, err = readHeader(r, p.HeaderStart, size); err != nil {
		return nil, err
	}
	if p.Text(TagName) == "" {
		return nil, damaged("a package without a name")
	}
	return p, nil
}

// ArchiveSize returns how many bytes the payload decompresses to, 0 if the package does not say.
func (p *Package) ArchiveSize() int64 {
	return cmp.Or(p.Signature.size(sigLongArchive, sigPayloadSize), p.size(tagLongArchiveSize, TagArchiveSize))
}

// Info is what a package says of itself in one value each.
type Info struct {
	NEVRA
	Summary, Description            string
	License, URL, Vendor, Packager  string
	Group, Distribution, Modularity string
	SourceRPM, BuildHost, VCS       string
	BuildTime                       time.Time
	InstalledSize                   int64 // bytes of the files
	Payload                         Payload
}

// Payload is how the files are packed.
type Payload struct {
	Format     string // "cpio"; "drpm" of deltas
	Compressor string // "gzip", "bzip2", "xz", "lzma", "zstd", or empty: not compressed
	Flags      string // its level
}

// Info returns what a header says.
func (h *Header) Info() Info {
	return Info{
		NEVRA: h.NEVRA(), Summary: h.Text(TagSummary), Description: h.Text(TagDescription),
		License: h.Text(TagLicense), URL: h.Text(TagURL), Vendor: h.Text(TagVendor), Packager: h.Text(TagPackager),
		Group: h.Text(TagGroup), Distribution: h.Text(TagDistribution), Modularity: h.Text(TagModularityLabel),
		SourceRPM: h.Text(TagSourceRPM), BuildHost: h.Text(TagBuildHost), VCS: h.Text(TagVCS),
		BuildTime: time.Unix(int64(h.Number(TagBuildTime, 0)), 0).UTC(), InstalledSize: h.size(tagLongSize, TagSize),
		Payload: h.payload(),
	}
}

// payload returns how the files are packed. Packages of before 2000 do not say: they are cpio in gzip.
func (h *Header) payload() Payload {
	p := Payload{cmp.Or(h.Text(TagPayloadFormat), "cpio"), h.Text(TagPayloadCompressor), h.Text(TagPayloadFlags)}
	if p.Compressor == "" && !h.Has(TagPayloadFormat) {
		p.Compressor = "gzip"
	}
	return p
}

// NEVRA returns the name, version and architecture, which is "src" for a package of sources.
func (h *Header) NEVRA() NEVRA {
	n := NEVRA{Name: h.Text(TagName), EVR: EVR{Version: h.Text(TagVersion), Release: h.Text(TagRelease)}, Arch: h.Text(TagArch)}
	if h.Has(TagEpoch) {
		n.Epoch = strconv.FormatUint(h.Number(TagEpoch, 0), 10)
	}
	if h.isSource() {
		n.Arch = "src"
	}
	return n
}

// isSource tells packages of sources, which name none that they come from.
func (h *Header) isSource() bool {
	return h.Number(TagSourcePackage, 0) != 0 || !h.Has(TagSourceRPM)
}
