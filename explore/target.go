package explore

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxPath bounds the path of a request in bytes: Linux's PATH_MAX for the path inside a layer, three times for %XX, and a name with a digest.
const maxPath = 3*4096 + 512

// request is a request with its path taken apart.
type request struct {
	*http.Request
	page  string // the first component: "r", "fs", "layers"; "" for the front page
	rest  string // what follows it, as it came, without the slash between
	query url.Values

	noted    *storage.Notes // on what the store has answered; nil: nobody collects them
	rendered func()         // is called once the page is made, before it is sent; nil: nobody waits for that
}

// parseRequest takes the path apart. What follows the page means something else for each of them: parseTarget reads the usual form.
func parseRequest(r *http.Request) (*request, error) {
	ctx, noted := storage.WithNotes(r.Context())
	req := &request{Request: r.WithContext(ctx), noted: noted}
	if len(r.URL.Path) > maxPath {
		return req, statusError{http.StatusRequestURITooLong, "The path is longer than any that a layer can have.", ""}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	req.query = query
	if err != nil {
		return req, badRequest("the query cannot be read: %.80q", err)
	}
	req.page, req.rest, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return req, nil
}

// target is what a page is about: a repository, something in it by tag or by digest, and a path inside that.
//
//	NAME    NAME:TAG    NAME@DIGEST    NAME@DIGEST/PATH    NAME:TAG@DIGEST/PATH
type target struct {
	Name   oci.Name      `json:"name,omitempty"`
	Tag    oci.Tag       `json:"tag,omitempty"`
	Digest digest.Digest `json:"digest,omitempty"`
	Path   string        `json:"path,omitempty"` // satisfies fs.ValidPath, "." for the root; "" where nothing follows
	Dir    bool          `json:"-"`              // the path ended in a slash
}

// parseTarget reads s, unescaped, from its left end: neither names nor tags have an @ or a colon, and what follows the first slash behind a
// digest or a tag is a path. The error is a 400.
func parseTarget(s string) (t target, err error) {
	i := strings.IndexAny(s, ":@")
	if i < 0 {
		t.Name, err = oci.ParseName(strings.TrimSuffix(s, "/"))
		return t, wrapBad(err)
	}
	if t.Name, err = oci.ParseName(s[:i]); err != nil {
		return t, wrapBad(err)
	}
	ref, inside, below := strings.Cut(s[i+1:], "/")
	pinned := s[i] == '@'
	if !pinned {
		var tag string
		tag, ref, pinned = strings.Cut(ref, "@")
		if t.Tag, err = oci.ParseTag(tag); err != nil {
			return t, wrapBad(err)
		}
	}
	if pinned {
		if t.Digest, err = oci.ParseDigest(ref); err != nil {
			return t, wrapBad(err)
		}
	}
	if !below {
		return t, nil
	}
	return t.inside(inside)
}

// inside sets the path below a digest or a tag.
func (t target) inside(p string) (target, error) {
	t.Dir = p == "" || strings.HasSuffix(p, "/")
	t.Path = path.Clean(strings.Trim(p, "/"))
	if !fs.ValidPath(t.Path) {
		return t, badRequest("%.80q is no path inside a layer", p)
	}
	return t, nil
}

// ref is t as commands write it, without a path.
func (t target) ref() string {
	s := string(t.Name)
	if t.Tag != "" {
		s += ":" + string(t.Tag)
	}
	if t.Digest != "" {
		s += "@" + string(t.Digest)
	}
	return s
}

// at is t by digest alone.
func (t target) at(d digest.Digest) target {
	t.Tag, t.Digest = "", d
	return t
}

// with is t with another path.
func (t target) with(p string, dir bool) target {
	t.Path, t.Dir = p, dir
	return t
}

// href is the inverse of parseTarget: the URL of a page about t, to which a query may be added.
func (t target) href(page string) string {
	s := "/" + page + "/" + t.ref()
	switch {
	case t.Path == "":
		return s
	case t.Path == ".":
		return s + "/"
	case t.Dir:
		return s + "/" + escapePath(t.Path) + "/"
	}
	return s + "/" + escapePath(t.Path)
}

// escapePath escapes each component of a path for a URL.
func escapePath(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// query adds to a URL: pairs of a key and its value, of which those without a value are left out.
func withQuery(href string, pairs ...string) string {
	sep := "?"
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			href += sep + url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1])
			sep = "&"
		}
	}
	return href
}

func badRequest(format string, args ...any) error {
	return statusError{http.StatusBadRequest, fmt.Sprintf(format, args...), ""}
}

func wrapBad(err error) error {
	if err == nil {
		return nil
	}
	return badRequest("%s", err)
}
