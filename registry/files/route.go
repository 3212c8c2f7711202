package files

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// endpoint is what a path may be.
type endpoint int

const (
	repositoryList endpoint = iota + 1 // /files/
	directory                          // /files/NAME/DIR/
	file                               // /files/NAME/PATH
	publicKey                          // /keys/KEY.rsa.pub
)

// route is a parsed path. kind is "" below /files.
type route struct {
	endpoint endpoint
	kind     Type
	repo     *Repository // of all but a list of repositories
	path     string      // of the file, or of the directory, "" for the topmost; the name of a key
}

// prefixes are what comes before the name of a repository.
var prefixes = []struct {
	path string
	kind Type
}{
	{"/files", ""},
	{"/api/v1/local", LocalType},
	{"/api/v1/remote", RemoteType},
	{"/api/v1/virtual", VirtualType},
}

// Serves reports whether a decoded path of a URL is one of this package's.
func Serves(path string) bool {
	_, _, ok := cutPrefix(path)
	return ok || strings.HasPrefix(path, keyPrefix)
}

func cutPrefix(path string) (rest string, kind Type, ok bool) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(path, p.path); ok && (rest == "" || rest[0] == '/') {
			return rest, p.kind, true
		}
	}
	return "", "", false
}

// route reads the path of u. Each component of it is decoded once, by itself: a slash that was escaped is no separator, and no part of a name either.
// Errors wrap api.ErrNoRoute, storage.ErrRepoUnknown and storage.ErrFilePath.
func (h *handler) route(u *url.URL) (route, error) {
	if name, ok := strings.CutPrefix(u.Path, keyPrefix); ok {
		return h.routeKey(name)
	}
	rest, kind, ok := cutPrefix(u.EscapedPath())
	if !ok {
		return route{}, fmt.Errorf("%w: %.80q", api.ErrNoRoute, u.Path)
	}
	rt := route{endpoint: repositoryList, kind: kind}
	if rest == "" || rest == "/" {
		return rt, nil
	}
	name, rest, below := strings.Cut(rest[1:], "/")
	repo := h.repos[oci.Name(name)]
	if repo == nil || kind != "" && repo.Type != kind {
		return rt, fmt.Errorf("%w: %.64q is no %srepository of files", storage.ErrRepoUnknown, name, strings.TrimPrefix(string(kind)+" ", " "))
	}
	rt.repo, rt.endpoint = repo, directory
	if !below || rest == "" {
		return rt, nil
	}
	var err error
	if rt.path, err = unescape(strings.TrimSuffix(rest, "/")); err != nil {
		return rt, err
	}
	if !strings.HasSuffix(rest, "/") {
		rt.endpoint = file
	}
	return rt, storage.CheckPath(rt.path)
}

// unescape decodes the components of a path.
func unescape(escaped string) (string, error) {
	if len(escaped) > 3*storage.MaxPath { // all of it escaped
		return "", fmt.Errorf("%w: it has %d bytes", storage.ErrFilePath, len(escaped))
	}
	all := strings.Split(escaped, "/")
	for i, c := range all {
		plain, err := url.PathUnescape(c)
		if err != nil {
			return "", fmt.Errorf("%w: %.64q", storage.ErrFilePath, c)
		}
		if strings.Contains(plain, "/") {
			return "", fmt.Errorf("%w: %.64q has a slash that is escaped: between components it has to be a plain one", storage.ErrFilePath, c)
		}
		all[i] = plain
	}
	return strings.Join(all, "/"), nil
}

// escape is the inverse of unescape.
func escape(plain string) string {
	all := strings.Split(plain, "/")
	for i, c := range all {
		all[i] = url.PathEscape(c)
	}
	return strings.Join(all, "/")
}

// here is a relative reference to the last component of p from its directory, which no client takes for another scheme or host.
func here(p string) string { return "./" + url.PathEscape(path.Base(p)) }
