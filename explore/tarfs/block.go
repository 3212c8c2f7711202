package tarfs

import (
	"errors"
	"slices"
	"sync"
)

var (
	errChecksum = errors.New("checksum")
	errBlock    = errors.New("not a block of entries")
)

// decodeBlock is the inverse of appendBlock.
func decodeBlock(plain, digests []byte) ([]Entry, error) {
	d := decoder{b: plain}
	entries := make([]Entry, d.count(blockEntries))
	if !d.keys(entries) {
		return nil, errBlock
	}
	for _, c := range columns {
		prev := &origin
		for i := range entries {
			c.get(&d, prev, &entries[i])
			prev = &entries[i]
		}
	}
	for i := range entries {
		if entries[i].SHA256 == [32]byte{} {
			continue
		}
		if len(digests) < 32 {
			return nil, errBlock
		}
		entries[i].SHA256 = [32]byte(digests)
		digests = digests[32:]
	}
	if d.bad || len(digests) > 0 {
		return nil, errBlock
	}
	return entries, nil
}

// keys sets the paths.
func (d *decoder) keys(entries []Entry) bool {
	shared, tails := make([]int, len(entries)), make([]int, len(entries))
	for i := range shared {
		shared[i] = d.count(maxPlain)
	}
	for i := range tails {
		tails[i] = d.count(maxPlain)
	}
	var k []byte
	for i := range entries {
		if shared[i] > len(k) {
			return false
		}
		k = append(k[:shared[i]], d.bytes(uint64(tails[i]))...)
		entries[i].Path = keyPath(string(k))
	}
	return !d.bad
}

// cacheBlocks is how many decoded blocks a table keeps: those of a path's directories and of the last listings. A block is some 80 KB.
const cacheBlocks = 16

// cache has the blocks that were used last, the newest at the end.
type cache struct {
	mu     sync.Mutex
	blocks []cached
}

type cached struct {
	block   int
	entries []Entry
}

func (c *cache) get(block int) ([]Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.blocks, func(b cached) bool { return b.block == block })
	if i < 0 {
		return nil, false
	}
	b := c.blocks[i]
	c.blocks = append(append(c.blocks[:i], c.blocks[i+1:]...), b)
	return b.entries, true
}

func (c *cache) put(block int, entries []Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.blocks) == cacheBlocks {
		c.blocks = append(c.blocks[:0], c.blocks[1:]...)
	}
	c.blocks = append(c.blocks, cached{block, entries})
}
