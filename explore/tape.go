package explore

import (
	"sync"

	"vitrine/explore/tarfs"
)

// maxTape bounds the entries that a pass keeps for those who follow it, in bytes: some 40,000 entries of usual names, more than nearly any layer has.
// They are kept even while nobody follows, since whoever comes next wants them from the first on.
const maxTape = 16 << 20

// tape is the entries of a pass that is under way, in the order of the archive. Where there are more than it holds the first ones go, and who has not
// seen them by then waits for the table: a reader that is slow, or that never reads on, neither stops the pass nor makes it take more memory.
type tape struct {
	max int64

	mu      sync.Mutex
	entries []*tarfs.Entry
	first   int           // number of entries[0] in the archive
	bytes   int64         // of entries
	more    chan struct{} // closed when the next one comes; nil while nobody waits
}

// add takes in the next entry.
func (t *tape) add(e *tarfs.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
	for t.bytes += entryBytes(e); t.bytes > t.max && len(t.entries) > 1; t.first++ {
		t.bytes -= entryBytes(t.entries[0])
		t.entries[0] = nil
		t.entries = t.entries[1:]
	}
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// from returns entries from number n on, as many as buf holds; if there are none, what tells of the next. ok is false if the tape has entry n no longer.
func (t *tape) from(n int, buf []*tarfs.Entry) (got int, more <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < t.first {
		return 0, nil, false
	}
	if got = copy(buf, t.entries[n-t.first:]); got > 0 {
		return got, nil, true
	}
	if t.more == nil {
		t.more = make(chan struct{})
	}
	return 0, t.more, true
}

// total is how many entries have been added.
func (t *tape) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first + len(t.entries)
}

// entryBytes is about what an entry takes in memory.
func entryBytes(e *tarfs.Entry) int64 {
	n := 288 + len(e.Path) + len(e.Name) + len(e.Link) + len(e.Uname) + len(e.Gname) + 16*len(e.Sparse)
	for k, v := range e.Records {
		n += 64 + len(k) + len(v)
	}
	return int64(n)
}
