package explore

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// entryRow is an entry of an archive as a list shows it.
type entryRow struct {
	Mode   string    `json:"mode"`  // as tar -tv has it: "drwxr-xr-x", with h for hard links
	Owner  string    `json:"owner"` // and group: names where the archive has them
	UID    int64     `json:"uid"`
	GID    int64     `json:"gid"`
	Size   int64     `json:"size"`
	Device string    `json:"device,omitempty"` // "1,3"
	Time   time.Time `json:"time,omitzero"`
	Name   string    `json:"name"`
	Path   string    `json:"path"`
	Link   string    `json:"link,omitempty"` // where a hard or a symbolic link leads
	SHA256 string    `json:"sha256,omitempty"`
	Layer  *int      `json:"layer,omitempty"` // of the image, from 0
	State  string    `json:"state,omitempty"` // "deleted", "overwritten", "whiteout"; none: live
	By     *int      `json:"by,omitempty"`    // the layer that did it,
	ByPath string    `json:"byPath,omitempty"`
	Dir    bool      `json:"dir,omitempty"`
	PAX    []record  `json:"pax,omitempty"`
	Href   string    `json:"href"`

	IDs   string `json:"-"` // user and group as numbers, where Owner is names
	Bytes string `json:"-"` // what tar -tv has where the size stands
	Tip   string `json:"-"` // the size as people read it, where that is shorter
	When  string `json:"-"` // the time of modification, to the minute as in tar -tv
	More  bool   `json:"-"` // there is a link, a note or an attribute

	Hard      bool   `json:"-"` // Link is the target of a hard link
	LinkHref  string `json:"-"`
	LayerHref string `json:"-"`
	ByHref    string `json:"-"`
	Note      string `json:"-"` // what became of it, in words
	entry     *tarfs.Entry
}

// record is a PAX record.
type record struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// typeLetters are those of tar -tv for what is no regular file.
var typeLetters = map[byte]byte{
	tarfs.TypeLink: 'h', tarfs.TypeSymlink: 'l', tarfs.TypeChar: 'c', tarfs.TypeBlock: 'b', tarfs.TypeDir: 'd', 'D': 'd', tarfs.TypeFIFO: 'p', '7': 'C',
	'V': 'V', 'M': 'M',
}

// modeOf writes type and permissions as tar -tv does.
func modeOf(e *tarfs.Entry) string {
	if e.Synthetic {
		return "d?????????"
	}
	b := []byte("-rwxrwxrwx")
	if c := typeLetters[e.Type]; c != 0 {
		b[0] = c
	}
	for i := range 9 {
		if e.Mode&(1<<(8-i)) == 0 {
			b[i+1] = '-'
		}
	}
	for _, s := range []struct {
		bit    int64
		at     int
		letter byte // of a file that can be executed besides
	}{{0o4000, 3, 's'}, {0o2000, 6, 's'}, {0o1000, 9, 't'}} {
		switch {
		case e.Mode&s.bit == 0:
		case b[s.at] == 'x':
			b[s.at] = s.letter
		default:
			b[s.at] = s.letter - 'a' + 'A'
		}
	}
	return string(b)
}

// ownerOf is user and group, by name where there is one.
func ownerOf(e *tarfs.Entry) string {
	if e.Synthetic {
		return "?/?"
	}
	name := func(s string, id int64) string {
		if s == "" {
			return strconv.FormatInt(id, 10)
		}
		return shown(s)
	}
	return name(e.Uname, e.UID) + "/" + name(e.Gname, e.GID)
}

// whenOf is the time of modification.
func whenOf(e *tarfs.Entry) string {
	if e.Synthetic {
		return "????-??-?? ??:??"
	}
	return e.ModTime.UTC().Format("2006-01-02 15:04")
}

// text is a line of tar -tv, of which width is that of owner and size together.
func (r *entryRow) text(width *int) string {
	size := r.Bytes
	pad := len(r.Owner) + 1 + len(size)
	*width = max(*width, pad)
	name := r.entry.Name
	switch {
	case r.Layer != nil: // as crane writes it
		name = tarfs.Unescape(r.Path)
	case name == "":
		name = r.Path + "/"
	}
	line := fmt.Sprintf("%s %s %*s %s %s", r.Mode, r.Owner, *width-pad+len(size), size, r.When, tarQuoted(name))
	switch {
	case r.Link == "":
		return line
	case r.Hard:
		return line + " link to " + tarQuoted(r.entry.Link)
	}
	return line + " -> " + tarQuoted(r.entry.Link)
}

// tarQuoted writes a name as tar -tv does on a terminal that can show it: on one line, what cannot be seen in octal digits.
func tarQuoted(name string) string {
	if inspect.Visible(name, len(name)) == name && !strings.Contains(name, `\`) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		c, n := utf8.DecodeRuneInString(name)
		switch piece := name[:n]; {
		case c < utf8.RuneSelf && strings.ContainsRune("\a\b\f\n\r\t\v\\", c):
			b.WriteString(strings.Trim(strconv.Quote(piece), `"`))
		case inspect.Visible(piece, n) != piece:
			for _, x := range []byte(piece) {
				fmt.Fprintf(&b, `\%03o`, x)
			}
		default:
			b.WriteString(piece)
		}
		name = name[n:]
	}
	return b.String()
}

// row is what a list shows of n. base is the directory that names are relative to; "" shows paths.
func (l *look) row(n *overlay.Node, base string, pax bool) *entryRow {
	e := n.Entry
	r := &entryRow{Mode: modeOf(e), Owner: ownerOf(e), UID: e.UID, GID: e.GID, Path: n.Path, Time: e.ModTime, Dir: n.IsDir(), entry: e, When: whenOf(e)}
	switch {
	case e.Synthetic:
		r.Time = time.Time{}
	case e.Uname != "" || e.Gname != "":
		r.IDs = fmt.Sprintf("%d/%d", e.UID, e.GID)
	}
	switch r.Name = shown(n.Path); {
	case n.Path == ".":
		r.Name = "."
	case base != "":
		r.Name = shown(path.Base(n.Path))
	}
	switch e.Type {
	case tarfs.TypeChar, tarfs.TypeBlock:
		r.Device = fmt.Sprintf("%d,%d", e.DevMajor, e.DevMinor)
		r.Bytes = r.Device
	case tarfs.TypeLink, tarfs.TypeSymlink:
		r.link(l, n)
	default:
		r.Size = e.Size
	}
	if r.Bytes == "" {
		r.Bytes = strconv.FormatInt(r.Size, 10)
	}
	if r.Size >= 1024 {
		r.Tip = iec(r.Size)
	}
	if e.SHA256 != [32]byte{} {
		r.SHA256 = hex.EncodeToString(e.SHA256[:])
	}
	if pax {
		r.PAX = records(e)
	}
	r.Href = l.href(n.Path, n.IsDir())
	if l.layer == nil {
		r.ofImage(l, n)
	} else if e.Overwritten {
		r.State, r.Note = n.State.String(), "a later entry of the same name replaces it"
		r.Href = l.href(n.Path, false, "version", versionOf(n))
	}
	r.More = r.Link != "" || r.Note != "" || len(r.PAX) > 0
	return r
}

// records are the PAX records of an entry, by key.
func records(e *tarfs.Entry) (all []record) {
	for k, v := range e.Records {
		all = append(all, record{shown(k), shown(v)})
	}
	slices.SortFunc(all, func(a, b record) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// link says where a link leads: to the path that it means in this tree.
func (r *entryRow) link(l *look, n *overlay.Node) {
	r.Link, r.Hard = shown(n.Entry.Link), n.Entry.Type == tarfs.TypeLink
	to := cleanLink(n)
	if to != "" {
		r.LinkHref = l.href(to, false)
	}
}

// cleanLink is the path that a link means, links in it not followed: "" if that cannot be one.
func cleanLink(n *overlay.Node) string {
	to := tarfs.Escape(n.Entry.Link)
	if n.Entry.Type == tarfs.TypeSymlink && !strings.HasPrefix(to, "/") {
		to = path.Dir(n.Path) + "/" + to
	}
	to = strings.TrimPrefix(path.Clean("/"+to), "/")
	if to == "" {
		return "."
	}
	if !fs.ValidPath(to) || len(to) > maxPath/3 {
		return ""
	}
	return to
}

// ofImage says which layer n is from, and what became of it.
func (r *entryRow) ofImage(l *look, n *overlay.Node) {
	if n.Layer < 0 || n.Layer >= len(l.image.layers) {
		return
	}
	layer := n.Layer
	r.Layer, r.LayerHref = &layer, l.inLayer(n.Layer, n.Path, n.IsDir())
	if n.Entry.Overwritten {
		r.LayerHref = l.inLayer(n.Layer, n.Path, false, "version", versionOf(n))
	}
	if n.State == overlay.Live {
		return
	}
	r.State, r.Href = n.State.String(), r.LayerHref
	if n.By < 0 || n.By >= len(l.image.layers) {
		return
	}
	by := n.By
	r.By, r.ByPath = &by, shown(n.ByPath)
	r.ByHref = l.inLayer(n.By, n.ByPath, false)
	r.Note = fmt.Sprintf("%s by layer %d", n.State, n.By)
	if n.State == overlay.Deleted {
		r.Note += ", " + r.ByPath
	}
}

// inLayer is the URL of a path in one of the image's layers.
func (l *look) inLayer(layer int, p string, dir bool, pairs ...string) string {
	t := l.t.at(l.image.layers[layer].Digest).with(p, dir)
	return withQuery(t.href("fs"), append([]string{"image", string(l.t.Digest)}, pairs...)...)
}

// versionOf tells an entry from others of its path: where its header stands, as ?version= takes it.
func versionOf(n *overlay.Node) string { return strconv.FormatInt(n.Entry.Header, 10) }

// version returns what ?version= of a path asks for.
func (l *look) version(p, v string) (*overlay.Node, error) {
	at, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return nil, badRequest("?version= is where an entry stands in the archive, not %.20q", v)
	}
	t, ok := l.tree.(*layerTree)
	if !ok {
		return nil, badRequest("versions are those of a layer")
	}
	n, err := t.at(p, at)
	if err == nil && n == nil {
		err = notFound("%s is not at %d in the archive.", shown(p), at)
	}
	return n, l.report(err)
}

// held is a file that is open to be shown.
type held struct {
	node *overlay.Node // by which it was asked for
	of   *overlay.Node // whose content it is: another one for a hard link
	content
	size   int64
	digest digest.Digest // of the content; "" if that is not known
}

// errNoContent says that something is neither a file nor a link to one.
var errNoContent = fmt.Errorf("%w: it has no content", fs.ErrNotExist)

// file opens n, whoever calls closes it. The errors wrap tarfs.ErrNoTarget or errNoContent for what cannot be opened because of what it is.
func (l *look) file(n *overlay.Node) (*held, error) {
	of, err := l.target(n)
	if err != nil {
		return nil, l.report(err)
	}
	if !of.Entry.FileMode().IsRegular() {
		return nil, fmt.Errorf("%.512q: %w", n.Path, errNoContent)
	}
	c, err := l.tree.open(n)
	if err != nil {
		return nil, l.report(err)
	}
	f := &held{node: n, of: of, content: c, size: of.Entry.Size}
	switch {
	case of.Entry.SHA256 != [32]byte{}:
		f.digest = digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(of.Entry.SHA256[:]))
	case f.size == 0:
		f.digest = digest.FromBytes(nil)
	}
	return f, nil
}
