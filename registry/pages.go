package registry

import (
	"iter"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// maxPages bounds the memory of pages in bytes; when it is full it is emptied.
const maxPages = 8 << 20

// pages remembers encoded pages of referrers. Encoding a descriptor costs more than all else of an answer, and what is
// said of a manifest follows from its digest and its media type: a page whose manifests are the same is the same.
type pages struct {
	mu   sync.Mutex
	m    map[string]*referrersPage
	size int
}

// referrersPage is a page of referrers as it was sent.
type referrersPage struct {
	listed []listed
	body   []byte
	next   string // the last digest, if there are more behind it
}

type listed struct {
	digest    digest.Digest
	mediaType string
}

func (p *pages) get(key string) *referrersPage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m[key]
}

func (p *pages) put(key string, page *referrersPage) {
	size := len(key) + len(page.body) + 128*len(page.listed)
	if size > maxPages/2 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || p.size+size > maxPages {
		p.m, p.size = map[string]*referrersPage{}, 0
	}
	p.m[key] = page
	p.size += size
}

// holds reports whether the page is what list would give now.
func (p *referrersPage) holds(list iter.Seq2[oci.Descriptor, error]) bool {
	i := 0
	for d, err := range list {
		switch {
		case err != nil:
			return false
		case i == len(p.listed):
			return p.next != ""
		case p.listed[i].digest != d.Digest || p.listed[i].mediaType != d.MediaType:
			return false
		}
		i++
	}
	return i == len(p.listed) && p.next == ""
}

// noting yields list and notes in p what it yields.
func (p *referrersPage) noting(list iter.Seq2[oci.Descriptor, error]) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		for d, err := range list {
			p.listed = append(p.listed, listed{d.Digest, d.MediaType})
			if !yield(d, err) {
				return
			}
		}
	}
}
