package explore

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"vitrine/explore/inspect"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// Bounds of a directory that is sent as an archive.
const (
	maxExportExtra = 1 << 30 // bytes that the archive has not: zeros of sparse files, copies of hard links
	maxExportLinks = 1 << 20 // files that hard links mean
	exportBatch    = 4096    // entries that are put into the order of the layers, in which their contents are read fastest
)

// exportKind is the form in which a request wants a directory: "tar", "zip", or "" for a page.
func exportKind(r *request) string {
	for _, kind := range []string{"tar", "zip"} {
		if r.query.Has(kind) {
			return kind
		}
	}
	return ""
}

// exporter writes the files of a tree into an archive.
type exporter struct {
	*look
	ctx    context.Context
	root   string
	base   string // what names begin with: "lib/", empty for a whole layer or image
	write  func(e *tarfs.Entry, name, hard string, f *held) error
	copies bool               // of what hard links mean: the format has no such links
	links  map[entryID]string // files that hard links mean, with the name that they were written under, if they were already
}

// entryID tells entries apart, whatever their names.
type entryID struct {
	layer  int
	header int64
}

func idOf(n *overlay.Node) entryID { return entryID{n.Layer, n.Entry.Header} }

// export sends a directory as an archive, as it is read: what goes wrong later ends the connection.
func (l *look) export(w http.ResponseWriter, n *overlay.Node, kind string) error {
	x := &exporter{look: l, ctx: l.r.Context(), root: n.Path, links: map[entryID]string{}, copies: kind == "zip"}
	name := fileName(string(l.t.Name))
	if whole := l.whole(n.Path); whole != "." {
		name = fileName(strings.TrimSuffix(tarfs.Unescape(whole), "!"))
		x.base = name + "/"
	}
	head := w.Header()
	head.Set("Content-Security-Policy", sandbox)
	head.Set("Content-Type", map[string]string{"tar": "application/x-tar", "zip": "application/zip"}[kind])
	head.Set("Content-Disposition", disposition(name+"."+kind, true))
	head.Set("Cache-Control", l.h.cacheControl(l.r, l.image == nil || len(l.image.problems()) == 0))
	tag := x.etag(kind)
	head.Set("ETag", tag)
	if matches(l.r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if err := x.survey(); err != nil {
		head.Del("ETag")
		head.Set("Content-Security-Policy", csp)
		head.Del("Content-Disposition")
		return l.report(err)
	}
	if l.r.Method == http.MethodHead {
		return nil
	}
	if err := x.send(w, kind); err != nil {
		return errors.Join(errStarted, l.report(err))
	}
	return nil
}

// etag follows from what is sent: a version of how that is made stands in it.
func (x *exporter) etag(kind string) string {
	upto := ""
	if x.image != nil {
		upto = fmt.Sprint(x.image.Layers(), x.image.problems())
	}
	return textTag("export 1", kind, string(x.look.base), upto, x.inner, x.root)
}

func (x *exporter) send(w io.Writer, kind string) error {
	if kind == "zip" {
		z := zip.NewWriter(w)
		z.RegisterCompressor(zip.Deflate, oneDeflater())
		x.write = func(e *tarfs.Entry, name, _ string, f *held) error { return writeZip(z, e, name, f) }
		return errors.Join(x.all(), z.Close())
	}
	t := tar.NewWriter(w)
	x.write = func(e *tarfs.Entry, name, hard string, f *held) error { return writeTar(t, e, name, hard, f) }
	if err := x.all(); err != nil {
		return err // without the end of an archive, so that nobody takes it for whole
	}
	return t.Close()
}

// oneDeflater compresses files that are written one after the other: a new compressor for each would be more than a megabyte of garbage for a file of a byte.
func oneDeflater() zip.Compressor {
	var z *flate.Writer
	return func(w io.Writer) (_ io.WriteCloser, err error) {
		if z != nil {
			z.Reset(w)
			return z, nil
		}
		z, err = flate.NewWriter(w, flate.BestSpeed)
		return z, err
	}
}

// survey looks at all entries before anything is sent: it finds the files that hard links mean, and what is too much.
func (x *exporter) survey() error {
	done, err := x.h.turn(x.ctx)
	if err != nil {
		return err
	}
	defer done()
	if x.layer != nil && x.layer.Unreadable() != nil {
		return x.layer.Unreadable()
	}
	extra := int64(0)
	for n, err := range x.walk(x.root) {
		if err == nil {
			err = x.ctx.Err()
		}
		if err != nil {
			return err
		}
		if n.State != overlay.Live {
			continue
		}
		if n.Entry.Sparse != nil {
			extra += n.Entry.Size - n.Entry.Stored()
		}
		if n.Entry.Type == tarfs.TypeLink {
			extra += x.link(n)
		}
		if extra > maxExportExtra {
			return unprocessable("With all holes of sparse files and copies of hard links that would be "+iec(maxExportExtra)+" more than is there.",
				"Directories below can be fetched; a tar has no copies.")
		}
	}
	return nil
}

// link notes what a hard link means, and returns how many bytes more that makes.
func (x *exporter) link(n *overlay.Node) int64 {
	of, err := x.target(n)
	if err != nil {
		return 0
	}
	if !x.copies && len(x.links) < maxExportLinks {
		x.links[idOf(of)] = ""
		return 0
	}
	return of.Entry.Size
}

// all writes what is live, batch by batch.
func (x *exporter) all() error {
	var batch []*overlay.Node
	for n, err := range x.walk(x.root) {
		if err != nil {
			return err
		}
		if n.State != overlay.Live {
			continue
		}
		if batch = append(batch, n); len(batch) == exportBatch {
			if err := x.batch(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return x.batch(batch)
}

func (x *exporter) batch(all []*overlay.Node) error {
	slices.SortStableFunc(all, func(a, b *overlay.Node) int { return fileOrders["tar"](a).compare(fileOrders["tar"](b)) })
	for _, n := range all {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		if err := x.entry(n); err != nil {
			return err
		}
	}
	return nil
}

// entry writes one entry. The first name of a file has the content; the others are links to it.
func (x *exporter) entry(n *overlay.Node) error {
	name := x.name(n)
	if name == "" {
		return nil
	}
	of, err := x.target(n)
	if errors.Is(err, tarfs.ErrNoTarget) {
		return nil // nobody can have it
	}
	if err != nil {
		return err
	}
	at := idOf(of)
	first, linked := x.links[at]
	if first != "" {
		return x.write(of.Entry, name, first, nil)
	}
	if linked {
		x.links[at] = name
	}
	if !of.Entry.FileMode().IsRegular() {
		return x.write(of.Entry, name, "", nil)
	}
	f, err := x.file(n)
	if err != nil {
		return err
	}
	defer f.Close()
	return x.write(of.Entry, name, "", f)
}

// name is what the entry is called in the archive: below the directory's own name, without a slash or ".." in front. Empty for the root of all.
func (x *exporter) name(n *overlay.Node) string {
	p := strings.TrimSuffix(x.base, "/")
	if n.Path != x.root {
		p = path.Join(p, tarfs.Unescape(relativeTo(x.root, n.Path)))
	}
	return p
}

func writeTar(t *tar.Writer, e *tarfs.Entry, name, hard string, f *held) error {
	name = strings.ReplaceAll(name, "\x00", "_")
	h := &tar.Header{Typeflag: e.Type, Name: name, Mode: e.Mode & 0o7777, Uid: int(e.UID), Gid: int(e.GID), Uname: e.Uname, Gname: e.Gname,
		ModTime: e.ModTime, Format: tar.FormatPAX}
	if e.Synthetic {
		h.Mode = 0o755
	}
	for k, v := range e.Records {
		if strings.HasPrefix(k, "SCHILY.xattr.") && len(v) > 0 && !strings.ContainsAny(k, "=\x00") {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords[k] = v
		}
	}
	switch mode := e.FileMode(); {
	case hard != "":
		h.Typeflag, h.Linkname = tar.TypeLink, hard
	case mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case f != nil:
		h.Typeflag, h.Size = tar.TypeReg, f.size
	case e.Type == tarfs.TypeSymlink:
		h.Linkname = e.Link
	case e.Type == tarfs.TypeChar || e.Type == tarfs.TypeBlock:
		h.Devmajor, h.Devminor = e.DevMajor, e.DevMinor
	case e.Type != tarfs.TypeFIFO:
		return nil
	}
	if err := t.WriteHeader(h); err != nil || f == nil || hard != "" {
		return err
	}
	return copyAll(t, f)
}

// copyAll copies a file, which has to be as long as it says.
func copyAll(w io.Writer, f *held) error {
	n, err := io.Copy(w, f.content)
	if err == nil && n != f.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// zipName leaves out of a name what programs on other systems take for more than a name: drives, and slashes the other way.
var zipName = strings.NewReplacer(`\`, "_", ":", "_")

func writeZip(z *zip.Writer, e *tarfs.Entry, name string, f *held) error {
	h := &zip.FileHeader{Name: zipName.Replace(inspect.Visible(name, 1<<16-2)), Modified: e.ModTime, Method: zip.Deflate}
	mode := e.FileMode()
	if e.Synthetic {
		mode |= 0o755
	}
	h.SetMode(mode)
	switch {
	case mode.IsDir():
		h.Name += "/"
		h.Method = zip.Store
	case f == nil && e.Type != tarfs.TypeSymlink: // devices, of which a zip knows nothing
		return nil
	}
	w, err := z.CreateHeader(h)
	switch {
	case err != nil:
		return err
	case f != nil:
		return copyAll(w, f)
	case e.Type == tarfs.TypeSymlink: // as Info-ZIP does it
		_, err = io.WriteString(w, e.Link)
	}
	return err
}
