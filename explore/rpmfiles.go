package explore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path"
	"strings"

	"vitrine/explore/rpm"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxPrimary bounds a primary.xml, compressed: those of whole distributions have 20 MB. What it decompresses to is bounded by the time for it.
const maxPrimary = 512 << 20

// rpmRepo is a repository of RPMs in a repository of files.
type rpmRepo struct {
	files   storage.FileReader
	name    oci.Name
	root    string // the directory that locations are relative to
	primary string // path of primary.xml, compressed or not
	self    string // URL of its page, without a query
	crumbs  []crumb
	room    int // bytes that details may still take on the page
}

func rpmHref(repo oci.Name, p string) string { return "/rpm/" + string(repo) + "/" + escapePath(p) }

// rpm shows the packages of a repository of RPMs [/rpm/REPOSITORY/PATH]: PATH is that of the directory with repodata, of repomd.xml or of primary.xml.
func (h *handler) rpm(w http.ResponseWriter, r *request) error {
	files, name, p := h.fileTarget(r.rest)
	if files == nil {
		return badRequest("packages of a repository of files are at /rpm/REPOSITORY/PATH")
	}
	q, err := parseRPMQuery(r)
	if err != nil {
		return err
	}
	x, err := findRPMRepo(r.Context(), files, name, strings.TrimSuffix(p, "/"))
	if err != nil {
		return err
	}
	b, _, err := files.OpenFile(r.Context(), name, x.primary) // which may be another server's: nobody's turn comes later for it
	if err != nil {
		return err
	}
	defer b.Close()
	done, err := h.turn(r.Context())
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), turnTime)
	defer cancel()
	v, text, err := x.list(r, q, packages(ctx, b))
	if err != nil {
		return err
	}
	return h.show(w, r, h.rpmPage(r, x, v, text))
}

// findRPMRepo finds the primary.xml that a path means.
func findRPMRepo(ctx context.Context, files storage.FileReader, name oci.Name, p string) (*rpmRepo, error) {
	if p != "" {
		if err := storage.CheckPath(p); err != nil {
			return nil, err
		}
	}
	x := &rpmRepo{files: files, name: name, root: p, self: rpmHref(name, p), crumbs: fileCrumbs(name, p)}
	if p == "" {
		x.crumbs = []crumb{{string(name), ""}}
	}
	base := path.Base(p)
	isPrimary := strings.HasSuffix(strings.TrimSuffix(base, path.Ext(base)), "primary.xml") || strings.HasSuffix(base, "primary.xml")
	if isPrimary || base == "repomd.xml" {
		x.root = above(x.root)
	}
	if path.Base(x.root) == "repodata" {
		x.root = above(x.root)
	}
	if x.primary = p; isPrimary {
		return x, nil
	}
	m, err := x.repomd(ctx)
	if err != nil {
		return nil, err
	}
	d := m.Find("primary")
	if d == nil || !d.Location.IsLocal() {
		return nil, unprocessable("The repomd.xml of this repository names no list of packages that lies in it.", "")
	}
	x.primary = path.Join(x.root, d.Location.Href)
	return x, nil
}

// above is the directory that p is in, "" for the topmost.
func above(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}

func (x *rpmRepo) repomd(ctx context.Context) (*rpm.Repomd, error) {
	b, _, err := x.files.OpenFile(ctx, x.name, path.Join(x.root, "repodata/repomd.xml"))
	if err != nil {
		return nil, err
	}
	defer b.Close()
	raw, err := io.ReadAll(io.NewSectionReader(b, 0, min(b.Size(), rpm.MaxRepomd+1)))
	if err != nil {
		return nil, err
	}
	return rpm.ParseRepomd(raw)
}

// packages goes through the packages of a primary.xml, one in memory, until time is up.
func packages(ctx context.Context, b storage.Blob) iter.Seq2[*rpm.Entry, error] {
	return func(yield func(*rpm.Entry, error) bool) {
		if b.Size() > maxPrimary {
			yield(nil, fmt.Errorf("%w: a list of packages of %d bytes", rpm.ErrLimit, b.Size()))
			return
		}
		source := &blamer{r: io.NewSectionReader(b, 0, b.Size())}
		content, err := rpm.Decompress(source)
		if err != nil {
			yield(nil, source.blame(err))
			return
		}
		for e, err := range rpm.ReadPrimary(&timed{ctx, content}) {
			if err != nil {
				err = source.blame(err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// blamer remembers how reading failed.
type blamer struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (n *blamer) Read(p []byte) (int, error) {
	c, err := n.r.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return c, err
}

// blame is err as an error of the format where it is neither that of what was read, nor one that has a meaning already: decompressors have errors of many kinds.
func (n *blamer) blame(err error) error {
	var codec *rpm.CodecError
	if n.err != nil || errors.As(err, &codec) || errors.Is(err, rpm.ErrFormat) || errors.Is(err, rpm.ErrLimit) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", rpm.ErrFormat, err)
}
