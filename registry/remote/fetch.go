package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"vitrine/registry/api"
	"vitrine/storage"
)

// acceptBlobs is what we take a blob as: bytes.
const acceptBlobs = "application/octet-stream, */*;q=0.1"

// span is a part of a blob. last is included, -1 for all that there is.
type span struct{ first, last int64 }

var whole = span{0, -1}

func (s span) header() string {
	if s.last < 0 {
		return fmt.Sprintf("bytes=%d-", s.first)
	}
	return fmt.Sprintf("bytes=%d-%d", s.first, s.last)
}

// fetched is a body that brings a part of a blob, from some offset on: that asked for, or 0 where the server has no ranges.
type fetched struct {
	io.ReadCloser
	from int64
	size int64 // of the whole blob, -1 where the server did not say
	etag string
}

// fetch asks for a part of a blob: there where it was found the last time, or else of the registry. ifRange makes sure that it is a part of the same
// content as before, as far as the server can tell.
func (r *Registry) fetch(ctx context.Context, key blobKey, s span, ifRange string) (*fetched, error) {
	c := call{method: http.MethodGet, route: api.Route{Endpoint: api.Blob, Name: key.repo, Digest: key.d}, accept: acceptBlobs, header: http.Header{}}
	if s != whole {
		c.header.Set("Range", s.header())
		if ifRange != "" {
			c.header.Set("If-Range", ifRange)
		}
	}
	f, _ := r.facts.get(key)
	if c.at = f.at; c.at != nil {
		p, err := r.part(ctx, key, c, s)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		r.forget(key, c.at)
		c.at = nil
	}
	p, err := r.part(ctx, key, c, s)
	if errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrNoIdentity) || errors.Is(err, storage.ErrDenied) {
		r.forget(key, nil)
	}
	return p, err
}

// part sends c, looks at what part of the blob the answer is, and remembers it.
func (r *Registry) part(ctx context.Context, key blobKey, c call, s span) (*fetched, error) {
	res, err := r.do(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &fetched{ReadCloser: res.Body, size: res.ContentLength, etag: strongTag(res.Header.Get("Etag"))}
	if res.StatusCode == http.StatusPartialContent {
		first, size, err := contentRange(res.Header.Get("Content-Range"))
		if err == nil && first != s.first {
			err = fmt.Errorf("it starts at %d", first)
		}
		if err != nil {
			res.Body.Close()
			return nil, nonsense(res, s.header(), err)
		}
		p.from, p.size = first, size
	}
	if p.size >= 0 {
		r.learn(key, c, res, p.size)
	}
	return p, nil
}

var errContentRange = errors.New("a Content-Range that makes no sense")

// contentRange reads "bytes first-last/size" (RFC 9110, 14.4). size is -1 for "*".
func contentRange(v string) (first, size int64, err error) {
	rest, ok := strings.CutPrefix(v, "bytes ")
	positions, total, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return 0, 0, errContentRange
	}
	first, last, err := api.ParseContentRange(positions)
	if err != nil {
		return 0, 0, errContentRange
	}
	if total == "*" {
		return first, -1, nil
	}
	size, err = strconv.ParseInt(total, 10, 64)
	if err != nil || size <= last || size == math.MaxInt64 {
		return 0, 0, errContentRange
	}
	return first, size, nil
}

// measure asks for the size of a blob: by HEAD, or by the range of one byte where that does not tell.
func (r *Registry) measure(ctx context.Context, key blobKey) (int64, error) {
	c := call{method: http.MethodHead, route: api.Route{Endpoint: api.Blob, Name: key.repo, Digest: key.d}, accept: acceptBlobs}
	res, err := r.do(ctx, c)
	if err != nil && !inconclusive(err) {
		return 0, err
	}
	if err == nil {
		res.Body.Close()
		if res.ContentLength >= 0 {
			return r.learn(key, c, res, res.ContentLength).size, nil
		}
	}
	p, err := r.fetch(ctx, key, span{0, 0}, "")
	if err != nil {
		return 0, err
	}
	p.Close()
	if p.size < 0 {
		return 0, &storage.UpstreamError{Host: r.base.Host, Status: http.StatusOK, Err: fmt.Errorf("%w: it does not tell the size of a blob", storage.ErrUpstream)}
	}
	return p.size, nil
}
