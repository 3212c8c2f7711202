package remote

import (
	"io"

	"github.com/opencontainers/go-digest"
)

// maxPaged is how many bytes Read takes out of pages after a Seek, before it takes whoever reads for one who wants the rest.
const maxPaged = 1 << 20

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.alive(); err != nil || len(p) == 0 {
		return 0, err
	}
	if b.pos >= b.size {
		if err := b.verify(); err != nil { // it may be empty
			return 0, err
		}
		return 0, io.EOF
	}
	n, err := b.more(p[:min(int64(len(p)), b.size-b.pos)])
	b.hash(p[:n])
	if bad := b.verify(); bad != nil { // whoever counts bytes must not count to the end
		b.drop()
		return 0, bad
	}
	b.pos += int64(n)
	return n, err
}

// more reads some bytes from pos on, which is before the end. A blob that is no larger than a page is one.
func (b *blob) more(p []byte) (int, error) {
	if b.size <= pageSize {
		return b.readPages(p, b.pos)
	}
	if b.in != nil && b.in.pos == b.pos {
		return b.in.Read(p)
	}
	b.drop()
	if f, _ := b.r.facts.get(b.key); b.pos > 0 && b.paged < maxPaged && !f.noRanges {
		n, err := b.readPages(p, b.pos)
		b.paged += int64(n)
		return n, err
	}
	b.in = b.stream(b.pos)
	if b.pos == 0 {
		b.in.begin(b.takeBegun())
	}
	return b.in.Read(p)
}

// hash notes what was read at pos. Bytes that were skipped end it, until somebody starts at the first one again.
func (b *blob) hash(p []byte) {
	if b.pos == 0 && len(p) > 0 {
		b.sum, b.summed = b.key.d.Algorithm().Hash(), 0
	}
	if b.sum != nil && b.summed == b.pos {
		b.sum.Write(p)
		b.summed += int64(len(p))
	}
}

// verify returns an error if all bytes were read and they are not those that the digest names.
func (b *blob) verify() error {
	if b.sum == nil && b.size == 0 {
		b.sum = b.key.d.Algorithm().Hash()
	}
	if b.sum == nil || b.summed != b.size {
		return nil
	}
	if got := digest.NewDigest(b.key.d.Algorithm(), b.sum); got != b.key.d {
		return b.r.disown(b.key, "is "+string(got))
	}
	return nil
}
