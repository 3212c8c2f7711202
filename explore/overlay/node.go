package overlay

import (
	"path"
	"strings"

	"vitrine/explore/tarfs"
)

// State says what has become of an entry of a layer.
type State uint8

const (
	// Live entries are in the file system.
	Live State = iota
	// Deleted ones were hidden by a whiteout or an opaque marker of a higher layer, their own or that of a directory above them.
	Deleted
	// Overwritten ones were replaced by an entry of a higher layer, or by a later one of their own. So were those below a directory
	// that was replaced by something else.
	Overwritten
	// Merged directories lie below a live one of a higher layer, and what is in them is still there. Only FS.Versions has them.
	Merged
	// Whiteout is a marker itself, or what else no container gets to see because it is aufs's own.
	Whiteout
)

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

var stateNames = [...]string{"live", "deleted", "overwritten", "merged", "whiteout"}

// Node is one entry of one layer, and what the layers above have made of it. It must not be changed.
type Node struct {
	Entry *tarfs.Entry
	Path  string // satisfies [io/fs.ValidPath]
	Layer int    // that Entry is from
	State State

	// By is the layer that deleted or overwrote the entry or, for a merged directory, the one that has the attributes; -1 otherwise.
	By int
	// ByPath is the path of the whiteout, opaque marker or entry in layer By that did it.
	ByPath string
}

// IsDir reports whether n is a directory.
func (n *Node) IsDir() bool { return isDir(n.Entry) }

// Base returns the last element of the path.
func (n *Node) Base() string { return path.Base(n.Path) }

// Hides returns what a whiteout hides of lower layers: a path or, for an opaque marker, a directory whose content is hidden.
func (n *Node) Hides() (what string, opaque, ok bool) {
	dir, base := split(n.Path)
	name, isMarker := strings.CutPrefix(base, marker)
	switch {
	case n.State != Whiteout || !isMarker || n.Entry.Synthetic:
		return "", false, false
	case base == opaqueMarker:
		return dir, true, true
	case !canHide(name):
		return "", false, false
	}
	return join(dir, name), false, true
}

const (
	marker       = ".wh."         // and what it deletes
	metaPrefix   = ".wh..wh."     // aufs's own files
	opaqueMarker = ".wh..wh..opq" // deletes what else is in its directory
)

// isMarker reports whether e, called base, is no file of the image. A directory that is only implied is none of aufs's and no whiteout.
func isMarker(base string, e *tarfs.Entry) bool {
	return strings.HasPrefix(base, marker) && (!e.Synthetic || strings.HasPrefix(base, metaPrefix))
}

// canHide reports whether a whiteout may name a file so.
func canHide(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.HasPrefix(name, marker)
}

func isDir(e *tarfs.Entry) bool { return e.FileMode().IsDir() }

// split returns the directory and the last element of a path; the root has neither.
func split(p string) (dir, base string) {
	i := strings.LastIndexByte(p, '/')
	switch {
	case p == ".":
		return "", ""
	case i < 0:
		return ".", p
	}
	return p[:i], p[i+1:]
}

func join(dir, base string) string {
	if dir == "." {
		return base
	}
	return dir + "/" + base
}
