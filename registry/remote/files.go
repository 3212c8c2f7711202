package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"vitrine/storage"
)

// Files is a server of plain files below a URL, as a storage.FileUpstream: paths there are paths here. Redirects are followed, as far as a registry's are, and
// credentials stay with the origin that they are for. Queries are not asked.
//
// What comes is the bytes as they are: no encoding is asked for, and one that comes unasked is an error, unless the file itself is packed so. So is an answer of
// which nobody could tell whether it came whole: one of HTTP/1 without a length that is not chunked either.
type Files struct {
	r *Registry // for its transport; nothing of a registry is asked
}

// defaultMaxFile is more than any package has.
const defaultMaxFile = 64 << 30

// NewFiles returns the files below base, "https://host:port/path" as New has it. Nothing is asked yet.
func NewFiles(base string, o *Options) (*Files, error) {
	r, err := New(base, o)
	if err != nil {
		return nil, err
	}
	r.o.MaxFile = cmp.Or(r.o.MaxFile, defaultMaxFile)
	return &Files{r}, nil
}

// Host is the host that is asked, maybe with a port.
func (f *Files) Host() string { return f.r.Host() }

// Close drops idle connections.
func (f *Files) Close() error { return f.r.Close() }

// errChanged says that what came is no part of what is here.
var errChanged = errors.New("other content than the part that is here")

// FetchFile implements storage.FileUpstream. It tries again where that may help, until there is a body; a body that breaks off is the caller's to go on with.
func (f *Files) FetchFile(ctx context.Context, p string, q storage.Fetch) (storage.Fetched, error) {
	if err := storage.CheckPath(p); err != nil {
		return storage.Fetched{}, err
	}
	if storage.IsKeptOnly(ctx) {
		return storage.Fetched{}, fmt.Errorf("%w: %.256q of %s", storage.ErrNotKept, p, f.Host())
	}
	method := http.MethodGet
	if q.Head {
		method, q.Offset = http.MethodHead, 0
	}
	for try := 0; ; try++ {
		got, err := f.once(ctx, method, p, q)
		switch {
		case err == nil:
			return got, nil
		case errors.Is(err, errChanged) && q.Offset > 0:
			q.Offset = 0
			continue
		case method == http.MethodHead && refusesHead(err):
			method = http.MethodGet // whose body nobody reads
			continue
		}
		if err := f.r.rest(ctx, err, try); err != nil {
			return storage.Fetched{}, err
		}
		f.r.o.Log.DebugContext(ctx, "trying again", "host", f.Host(), "path", p, "error", err)
	}
}

// refusesHead reports whether GET may have another answer: servers without HEAD, and signed URLs, which are good for one method.
func refusesHead(err error) bool {
	u, ok := errors.AsType[*storage.UpstreamError](err)
	return ok && slices.Contains([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented}, u.Status)
}

// once asks a single time.
func (f *Files) once(ctx context.Context, method, p string, q storage.Fetch) (storage.Fetched, error) {
	if err := ctx.Err(); err != nil {
		return storage.Fetched{}, trouble(ctx, f.Host(), err)
	}
	c := call{method: method}
	if err := f.r.limits.ask(f.Host(), c); err != nil {
		return storage.Fetched{}, err
	}
	req := (&http.Request{Method: method, URL: f.url(p), Header: f.header(q)}).WithContext(ctx)
	res, err := follow(f.r.tokens, req, f.r.base.Scheme == "http")
	if err != nil {
		return storage.Fetched{}, err
	}
	got, err := f.fetched(p, q, res, req.Header)
	if err != nil || got.Body == nil {
		discard(res)
	}
	f.r.limits.tell(c, err)
	return got, err
}

// url is where the file at p is asked for. A plus is escaped, because stores of objects take it for a space.
func (f *Files) url(p string) *url.URL {
	u := *f.r.base
	all := strings.Split(p, "/")
	for i, c := range all {
		all[i] = strings.ReplaceAll(url.PathEscape(c), "+", "%2B")
	}
	u.RawPath = u.EscapedPath() + "/" + strings.Join(all, "/")
	u.Path += "/" + p
	return &u
}

// header says what is here already. A part is named by a strong entity tag or by a date (RFC 9110, 13.1.5), or not asked for.
func (f *Files) header(q storage.Fetch) http.Header {
	h := http.Header{"User-Agent": {f.r.o.UserAgent}, "Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
	date := ""
	if !q.Have.Modified.IsZero() {
		date = q.Have.Modified.UTC().Format(http.TimeFormat)
	}
	if same := cmp.Or(strongTag(q.Have.ETag), date); q.Offset > 0 && same != "" {
		h["Range"], h["If-Range"] = []string{fmt.Sprintf("bytes=%d-", q.Offset)}, []string{same}
		return h
	}
	switch {
	case q.Have.Digest == "" || q.Offset > 0:
	case q.Have.ETag != "":
		h["If-None-Match"] = []string{q.Have.ETag}
	case date != "":
		h["If-Modified-Since"] = []string{date}
	}
	return h
}

// fetched reads the head of an answer to what was asked with sent.
func (f *Files) fetched(p string, q storage.Fetch, res *http.Response, sent http.Header) (storage.Fetched, error) {
	got := storage.Fetched{File: describe(res)}
	switch {
	case res.StatusCode == http.StatusNotModified && (sent["If-None-Match"] != nil || sent["If-Modified-Since"] != nil):
		got.NotModified = true
		return got, nil
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable && sent["Range"] != nil:
		return got, errChanged // it is shorter now
	case res.StatusCode == http.StatusPartialContent && sent["Range"] != nil:
		if err := part(&got, q, res); err != nil {
			return got, err
		}
	case res.StatusCode != http.StatusOK:
		return got, refused(res)
	}
	if err := f.suspect(p, got, res); err != nil {
		return got, err
	}
	if !q.Head {
		got.Body = &atMost{res.Body, f.r.o.MaxFile - got.Offset, res}
	}
	return got, nil
}

// maxAhead is how far the clock of another server may be ahead of ours; a date behind that is none.
const maxAhead = time.Hour

// describe is what an answer says of a file.
func describe(res *http.Response) storage.File {
	h := res.Header
	file := storage.File{Size: res.ContentLength, MediaType: h.Get("Content-Type"), ETag: h.Get("Etag")}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil && time.Until(t) < maxAhead {
		file.Modified = t.UTC()
	}
	if d := h.Get("Content-Disposition"); d != "" {
		file.Header = map[string]string{"Content-Disposition": d}
	}
	return file
}

// part reads a 206. One of other content than that which q has, or from elsewhere on, is errChanged.
func part(got *storage.Fetched, q storage.Fetch, res *http.Response) error {
	first, size, err := contentRange(res.Header.Get("Content-Range"))
	if err != nil {
		return nonsense(res, fmt.Sprintf("bytes from %d on", q.Offset), err)
	}
	was, is := strongTag(q.Have.ETag), strongTag(got.ETag)
	if first != q.Offset || was != "" && is != "" && was != is || size >= 0 && q.Have.Size > 0 && size != q.Have.Size {
		return errChanged
	}
	got.Offset, got.Size = first, size
	return nil
}

// packed are the endings of files that are never a page of HTML, and that some servers say to be encoded when they are just so.
var packed = map[string]bool{".gz": true, ".tgz": true, ".bz2": true, ".xz": true, ".zst": true, ".zck": true, ".lzma": true, ".zip": true, ".apk": true, ".rpm": true,
	".drpm": true, ".deb": true, ".jar": true, ".whl": true, ".iso": true, ".img": true, ".qcow2": true, ".tar": true, ".adb": true, ".exe": true, ".sqlite": true}

// suspect returns an error where the answer is not the file, or nobody could tell whether it came whole.
func (f *Files) suspect(p string, got storage.Fetched, res *http.Response) error {
	isPacked := packed[strings.ToLower(path.Ext(p))]
	encoding := res.Header.Get("Content-Encoding")
	length := res.ContentLength >= 0 || res.ProtoMajor > 1 || slices.Contains(res.TransferEncoding, "chunked")
	switch {
	case encoding != "" && encoding != "identity" && !isPacked:
		return nonsense(res, "bytes as they are", errors.New("it is encoded"))
	case isPacked && strings.Contains(mediaType(res), "html"):
		return nonsense(res, "a file", errors.New("it is a page"))
	case got.Size > f.r.o.MaxFile:
		return nonsense(res, fmt.Sprintf("at most %d bytes", f.r.o.MaxFile), fmt.Errorf("it has %d", got.Size))
	case !length && res.Request.Method != http.MethodHead:
		return nonsense(res, "an answer that says where it ends", errors.New("it has no length"))
	}
	return nil
}

// refusals are what statuses of a server of files mean; all others say that it is in trouble.
var refusals = map[int]error{
	http.StatusUnauthorized:               storage.ErrNoIdentity,
	http.StatusForbidden:                  storage.ErrDenied,
	http.StatusUnavailableForLegalReasons: storage.ErrDenied,
	http.StatusNotFound:                   storage.ErrFileUnknown,
	http.StatusGone:                       storage.ErrFileUnknown,
	http.StatusTooManyRequests:            storage.ErrTooMany,
	http.StatusRequestTimeout:             storage.ErrUpstreamTimeout,
	http.StatusGatewayTimeout:             storage.ErrUpstreamTimeout,
}

func refused(res *http.Response) error {
	err := refusals[res.StatusCode]
	if err == nil {
		err = storage.ErrUpstream
	}
	return &storage.UpstreamError{Host: res.Request.URL.Host, Status: res.StatusCode, RetryAfter: retryAfter(res.Header), Err: err}
}

// atMost is a body that may have so many bytes more.
type atMost struct {
	io.ReadCloser
	left int64
	res  *http.Response
}

func (b *atMost) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, nonsense(b.res, "a file that comes to its end", errors.New("it has more bytes than any"))
	}
	return n, err
}

var _ storage.FileUpstream = (*Files)(nil)
