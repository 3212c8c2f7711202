package explore

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// tree is what pages about files look into: a layer, an archive that lies in one, or an image. Paths satisfy fs.ValidPath. What is there comes as
// nodes of an overlay; those of a layer are live, or overwritten by a later entry of their own.
type tree interface {
	// resolve returns what path leads to: symbolic links are followed inside the root. The error wraps fs.ErrNotExist.
	resolve(path string) (*overlay.Node, error)
	// versions returns what there is at path, what counts first, and not all where that is a great many. Nothing is followed; there may be nothing.
	versions(path string) ([]*overlay.Node, error)
	// dir yields what a directory has above a name, in order, dead or alive, what counts first. It does not follow links.
	dir(path, after string) iter.Seq2[*overlay.Node, error]
	// walk yields root and all below it, dead or alive.
	walk(root string) iter.Seq2[*overlay.Node, error]
	// target returns the node that a hard link means, other nodes themselves. The error wraps tarfs.ErrNoTarget.
	target(n *overlay.Node) (*overlay.Node, error)
	// open opens what is no directory.
	open(n *overlay.Node) (content, error)
}

// content is an open file.
type content interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// layerTree is an archive by itself.
type layerTree struct {
	files *tarfs.FS
	zip   []*zip.File // of a zip, by Entry.Header; nil for others
	seat  *seat       // for what a zip has in memory
}

// newLayerTree returns the files of an archive, whatever its format.
func newLayerTree(s *seat, files fs.FS) (*layerTree, error) {
	switch files := files.(type) {
	case *tarfs.FS:
		return &layerTree{files: files}, nil
	case *zip.Reader:
		return newZipTree(s, files)
	}
	return nil, fmt.Errorf("%w: files of type %T", errors.ErrUnsupported, files)
}

func layerNode(e *tarfs.Entry) *overlay.Node {
	n := &overlay.Node{Entry: e, Path: e.Path, By: -1}
	if e.Overwritten {
		n.State, n.By, n.ByPath = overlay.Overwritten, 0, e.Path
	}
	return n
}

func (t *layerTree) resolve(path string) (*overlay.Node, error) {
	info, err := t.files.Stat(path)
	if err != nil {
		return nil, err
	}
	return layerNode(info.Sys().(*tarfs.Entry)), nil
}

// maxOlder bounds the entries of one path that are looked at together: a layer may have millions.
const maxOlder = 100

func (t *layerTree) versions(path string) (all []*overlay.Node, err error) {
	for e, err := range t.files.Table().Versions(path) {
		if err != nil {
			return nil, err
		}
		if all = append(all, layerNode(e)); len(all) > maxOlder {
			break
		}
	}
	return all, nil
}

// at returns the entry of a path whose header stands at an offset, nil if there is none.
func (t *layerTree) at(path string, header int64) (*overlay.Node, error) {
	for e, err := range t.files.Table().Versions(path) {
		if err != nil {
			return nil, err
		}
		if e.Header == header && !e.Synthetic {
			return layerNode(e), nil
		}
	}
	return nil, nil
}

func (t *layerTree) dir(path, after string) iter.Seq2[*overlay.Node, error] {
	return nodes(t.files.Table().DirVersions(path, after))
}

// nodes makes nodes of entries, but for global headers, which have no path.
func nodes(entries iter.Seq2[*tarfs.Entry, error]) iter.Seq2[*overlay.Node, error] {
	return func(yield func(*overlay.Node, error) bool) {
		for e, err := range entries {
			if err != nil {
				yield(nil, err)
				return
			}
			if e.Path != "" && !yield(layerNode(e), nil) {
				return
			}
		}
	}
}

func (t *layerTree) walk(root string) iter.Seq2[*overlay.Node, error] {
	if root == "." {
		return nodes(t.files.Table().Entries())
	}
	return func(yield func(*overlay.Node, error) bool) {
		versions, err := t.versions(root)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, n := range versions {
			if !yield(n, nil) {
				return
			}
		}
		t.walkDir(root, yield)
	}
}

// walkDir goes as deep as a path may have slashes, of which tarfs bounds the length.
func (t *layerTree) walkDir(dir string, yield func(*overlay.Node, error) bool) bool {
	for n, err := range t.dir(dir, "") {
		if !yield(n, err) || err != nil {
			return false
		}
		if n.IsDir() && !n.Entry.Overwritten && !t.walkDir(n.Path, yield) {
			return false
		}
	}
	return true
}

func (t *layerTree) target(n *overlay.Node) (*overlay.Node, error) {
	e, err := t.files.Target(n.Entry)
	if err != nil {
		return nil, err
	}
	return layerNode(e), nil
}

func (t *layerTree) open(n *overlay.Node) (content, error) {
	if t.zip != nil {
		return t.openZipped(n.Entry)
	}
	f, err := t.files.OpenEntry(n.Entry)
	if err != nil {
		return nil, err
	}
	return asContent(f)
}

func asContent(f fs.File) (content, error) {
	if c, ok := f.(content); ok {
		return c, nil
	}
	return nil, errors.Join(fmt.Errorf("%w: a directory has no content", fs.ErrInvalid), f.Close())
}

// imageTree is an image with its layers laid over each other.
type imageTree struct{ files *overlay.FS }

func (t imageTree) resolve(path string) (*overlay.Node, error)    { return t.files.Resolve(path) }
func (t imageTree) versions(path string) ([]*overlay.Node, error) { return t.files.Versions(path) }
func (t imageTree) walk(root string) iter.Seq2[*overlay.Node, error] {
	return t.files.Walk(root)
}
func (t imageTree) dir(path, after string) iter.Seq2[*overlay.Node, error] {
	return t.files.DirAll(path, after)
}
func (t imageTree) target(n *overlay.Node) (*overlay.Node, error) {
	found, err := t.files.Target(n)
	if err == nil && found == nil {
		err = fmt.Errorf("%w (%.64q): %w", tarfs.ErrNoTarget, n.Entry.Link, fs.ErrNotExist)
	}
	return found, err
}

func (t imageTree) open(n *overlay.Node) (content, error) {
	f, err := t.files.OpenNode(n)
	if err != nil {
		return nil, err
	}
	return asContent(f)
}
