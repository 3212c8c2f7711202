package explore

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"

	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// maxChanges bounds what differs between two trees and is kept, which takes some 300 bytes each. What is beyond it is counted.
const maxChanges = 100_000

// treeDiff is how two file trees differ.
type treeDiff struct {
	changes                  []fileChange
	added, removed, changed  int
	addedBytes, removedBytes int64
	same                     int
}

// cost implements costly.
func (d *treeDiff) cost() int64 { return 300*int64(len(d.changes)) + 300 }

// fileChange is a path that is not the same on both sides.
type fileChange struct {
	Path string     `json:"path"`
	Op   string     `json:"op"`             // "added", "removed", "changed"
	What []string   `json:"what,omitempty"` // of a change: "content", "mode", "owner", "type", "target", "attributes"
	From *fileState `json:"from,omitempty"`
	To   *fileState `json:"to,omitempty"`
}

// fileState is what is compared of a file. Its date is not: a build from the same source has another one.
type fileState struct {
	Mode   string `json:"mode"` // as ls prints it
	UID    int64  `json:"uid"`
	GID    int64  `json:"gid"`
	Size   int64  `json:"size"`
	Target string `json:"target,omitempty"` // of a symbolic link
	SHA256 string `json:"sha256,omitempty"`
	attrs  string
}

// compareTrees walks over both trees at once. An error of either ends it.
func compareTrees(ctx context.Context, from, to *overlay.FS, markers bool) (*treeDiff, error) {
	nextA, stopA := iter.Pull2(alive(from, markers))
	defer stopA()
	nextB, stopB := iter.Pull2(alive(to, markers))
	defer stopB()
	d := &treeDiff{}
	a, errA, okA := nextA()
	b, errB, okB := nextB()
	for n := 0; okA || okB; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := errors.Join(errA, errB); err != nil {
			return nil, err
		}
		order := comparePaths(a, b)
		var left, right *overlay.Node
		if order <= 0 {
			left = a
		}
		if order >= 0 {
			right = b
		}
		d.note(from, to, left, right)
		if left != nil {
			a, errA, okA = nextA()
		}
		if right != nil {
			b, errB, okB = nextB()
		}
	}
	return d, nil
}

// alive yields what counts of a tree but the root: of a single layer its markers, too.
func alive(f *overlay.FS, markers bool) iter.Seq2[*overlay.Node, error] {
	return func(yield func(*overlay.Node, error) bool) {
		for n, err := range f.Walk(".") {
			if err == nil && (n.Path == "." || n.State != overlay.Live && !(markers && n.State == overlay.Whiteout)) {
				continue
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// comparePaths is the order of a walk: a directory, then what is in it, then its next sibling. Nothing comes last.
func comparePaths(a, b *overlay.Node) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	p, q := a.Path, b.Path
	for i := range min(len(p), len(q)) {
		if p[i] != q[i] {
			return cmp.Compare(slashFirst(p[i]), slashFirst(q[i]))
		}
	}
	return cmp.Compare(len(p), len(q))
}

// slashFirst puts the separator before all bytes that a name can have.
func slashFirst(c byte) int {
	if c == '/' {
		return -1
	}
	return int(c)
}

// note adds a path that one or both sides have.
func (d *treeDiff) note(from, to *overlay.FS, a, b *overlay.Node) {
	c := fileChange{From: stateOf(from, a), To: stateOf(to, b)}
	switch {
	case a == nil:
		c.Path, c.Op = b.Path, "added"
		d.added, d.addedBytes = d.added+1, d.addedBytes+c.To.Size
	case b == nil:
		c.Path, c.Op = a.Path, "removed"
		d.removed, d.removedBytes = d.removed+1, d.removedBytes+c.From.Size
	default:
		c.Path, c.Op = a.Path, "changed"
		if c.What = differences(c.From, c.To); c.What == nil {
			d.same++
			return
		}
		d.changed++
		d.addedBytes += max(0, c.To.Size-c.From.Size)
		d.removedBytes += max(0, c.From.Size-c.To.Size)
	}
	if len(d.changes) < maxChanges {
		d.changes = append(d.changes, c)
	}
}

// stateOf reads what is compared of a node. A hard link is what it means, where that is there.
func stateOf(f *overlay.FS, n *overlay.Node) *fileState {
	if n == nil {
		return nil
	}
	e := n.Entry
	s := &fileState{UID: e.UID, GID: e.GID}
	if e.Type == tarfs.TypeLink {
		if t, err := f.Target(n); err == nil {
			e = t.Entry
		}
	}
	s.Mode, s.Size, s.attrs = e.FileMode().String(), e.Size, attributes(e)
	if e.Type == tarfs.TypeSymlink {
		s.Target = e.Link
	}
	if e.SHA256 != [32]byte{} {
		s.SHA256 = hex.EncodeToString(e.SHA256[:])
	}
	return s
}

// attributes are the extended ones, in order.
func attributes(e *tarfs.Entry) string {
	var all []string
	for k, v := range e.Records {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			all = append(all, k+"="+v)
		}
	}
	return strings.Join(slices.Sorted(slices.Values(all)), "\x00")
}

// differences names what is not the same.
func differences(a, b *fileState) (what []string) {
	add := func(word string, differs bool) {
		if differs {
			what = append(what, word)
		}
	}
	typeDiffers := a.Mode[:1] != b.Mode[:1]
	add("type", typeDiffers)
	add("mode", !typeDiffers && a.Mode != b.Mode)
	add("owner", a.UID != b.UID || a.GID != b.GID)
	add("target", a.Target != b.Target)
	add("content", a.Size != b.Size || a.SHA256 != b.SHA256)
	add("attributes", a.attrs != b.attrs)
	return what
}
