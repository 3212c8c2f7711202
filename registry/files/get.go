package files

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
)

// getFile serves a file, whole or in ranges.
func (h *handler) getFile(w http.ResponseWriter, r *http.Request, rt route) error {
	if r.URL.RawQuery != "" && r.URL.Query().Has("sha256") {
		return h.getSum(w, r, rt)
	}
	if rt.repo.isMirrorList(rt.path) {
		return h.getMirrors(w, r, rt)
	}
	ctx, told := listen(r)
	b, f, err := rt.repo.Reader.OpenFile(h.same.ask(ctx, r, rt), rt.repo.Name, rt.path)
	if err != nil {
		return h.orDirectory(w, r, rt, err)
	}
	defer b.Close()
	if err := checkEmpty(b); err != nil {
		return err
	}
	h.same.tell(r, rt, f)
	describe(w, r, rt, f)
	told.write(w.Header(), r, rt, f)
	h.send(w, r, b, f)
	return nil
}

// checkEmpty waits for what is to be said of a file without bytes, which has no last one to be held back until it is verified.
func checkEmpty(b storage.Blob) error {
	if b.Size() > 0 {
		return nil
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// headFile is getFile without the bytes.
func (h *handler) headFile(w http.ResponseWriter, r *http.Request, rt route) error {
	if r.URL.RawQuery != "" && r.URL.Query().Has("sha256") {
		return h.getSum(w, r, rt)
	}
	if rt.repo.isMirrorList(rt.path) {
		return h.getMirrors(w, r, rt)
	}
	ctx, told := listen(r)
	f, err := rt.repo.Reader.StatFile(ctx, rt.repo.Name, rt.path)
	if err != nil {
		return h.orDirectory(w, r, rt, err)
	}
	describe(w, r, rt, f)
	told.write(w.Header(), r, rt, f)
	if f.Size < 0 { // upstream does not tell, and will send it all the same
		w.WriteHeader(http.StatusOK)
		return nil
	}
	h.send(w, r, &hollow{size: f.Size}, f)
	return nil
}

// getSum tells the digest of a file as sha256sum does, for its -c.
func (h *handler) getSum(w http.ResponseWriter, r *http.Request, rt route) error {
	f, err := rt.repo.Reader.StatFile(r.Context(), rt.repo.Name, rt.path)
	if err == nil && f.Digest == "" { // it is not here yet
		f, err = fetchWhole(r, rt)
	}
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = []string{"text/plain; charset=utf-8"}
	w.Header()["Cache-Control"] = []string{"no-cache"}
	return send(w, []byte(f.Digest.Encoded()+"  "+path.Base(rt.path)+"\n"))
}

// fetchWhole reads a file to its end, after which its digest is known.
func fetchWhole(r *http.Request, rt route) (storage.File, error) {
	b, _, err := rt.repo.Reader.OpenFile(r.Context(), rt.repo.Name, rt.path)
	if err != nil {
		return storage.File{}, err
	}
	defer b.Close()
	if _, err := io.Copy(io.Discard, b); err != nil {
		return storage.File{}, err
	}
	return rt.repo.Reader.StatFile(r.Context(), rt.repo.Name, rt.path)
}

// describe sets the headers of an answer about a file.
func describe(w http.ResponseWriter, r *http.Request, rt route, f storage.File) {
	header := w.Header()
	header["Accept-Ranges"] = acceptBytes
	header["Content-Type"] = []string{mediaType(rt.path, f.MediaType)}
	header["Content-Disposition"] = []string{disposition(rt.path, f)}
	header["Cache-Control"] = []string{cacheControl(r, rt, f)}
	if tag := etag(f); tag != "" {
		header["Etag"] = []string{tag}
	}
	if f.Digest != "" && f.Digest.Algorithm() == digest.SHA256 {
		header["X-Checksum-Sha256"] = []string{f.Digest.Encoded()}
	}
}

// etag is upstream's where that is a strong one, so that what clients remember of upstream goes on being right; else the digest.
func etag(f storage.File) string {
	if len(f.ETag) > 2 && f.ETag[0] == '"' && strings.IndexByte(f.ETag[1:], '"') == len(f.ETag)-2 { // one tag, not several
		return f.ETag
	}
	if f.Digest == "" {
		return ""
	}
	return api.ETag(f.Digest)
}

// disposition gives a file its name. What a browser would run is to be saved, though the sandbox keeps it from running too.
func disposition(p string, f storage.File) string {
	if d := f.Header["Content-Disposition"]; d != "" {
		return d
	}
	how := "inline"
	if t := mediaType(p, f.MediaType); strings.Contains(t, "html") || strings.Contains(t, "xml") || strings.Contains(t, "svg") {
		how = "attachment"
	}
	if d := mime.FormatMediaType(how, map[string]string{"filename": path.Base(p)}); d != "" {
		return d
	}
	return how
}

// freshFor is for how long others may serve a file that does not change without asking: not for ever, because packages are signed anew at times.
const freshFor = "max-age=3600"

// cacheControl lets others keep files of another server that do not change. All else is to be asked for again, which costs a 304.
func cacheControl(r *http.Request, rt route, f storage.File) string {
	if rt.repo.Type != RemoteType || f.Class == storage.ClassIndex {
		return "no-cache"
	}
	if r.Header["Authorization"] != nil { // RFC 9111, 3.5
		return "private, " + freshFor
	}
	return freshFor
}

// maxRanges is how many ranges of a file an answer may have: zchunk asks for that many at most. More are an attack, and get the whole (RFC 9110, 14.2).
const maxRanges = 256

// send serves content, as far as the conditions and ranges of r want it. An answer that cannot be brought to its end is cut: nobody shall take it for whole.
func (h *handler) send(w http.ResponseWriter, r *http.Request, content io.ReadSeeker, f storage.File) {
	only := *r
	only.Header = r.Header.Clone()
	if rng := api.BytesRange(r.Header.Get("Range")); rng == "" || r.Method == "HEAD" || strings.Count(rng, ",") >= maxRanges {
		only.Header.Del("Range") // ServeContent would answer 416, and 206 to a HEAD
	} else {
		only.Header["Range"] = []string{"bytes=" + rng} // it knows one spelling of the unit
	}
	out := &counted{ResponseWriter: w}
	http.ServeContent(out, &only, "", f.Modified, content)
	if r.Method == "HEAD" || out.whole() {
		return
	}
	if r.Context().Err() == nil {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "file cut short",
			slog.String("path", r.URL.Path), slog.Int64("sent", out.n), slog.Any("error", out.err))
	}
	panic(http.ErrAbortHandler)
}

// counted notes whether an answer came to its end. It keeps what it wraps: Unwrap is for http.ResponseController, ReadFrom for sendfile.
type counted struct {
	http.ResponseWriter
	n   int64
	err error
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.add(int64(n), err)
	return n, err
}

// ReadFrom hands src on.
func (c *counted) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, src)
	c.add(n, err)
	return n, err
}

func (c *counted) add(n int64, err error) {
	c.n += n
	if c.err == nil {
		c.err = err
	}
}

// whole reports whether all was sent that the headers promise.
func (c *counted) whole() bool {
	want, err := strconv.ParseInt(c.Header().Get("Content-Length"), 10, 64)
	return c.err == nil && (err != nil || want == c.n)
}

// hollow is a content that has a size only, for HEAD.
type hollow struct {
	io.Reader
	size int64
}

func (c *hollow) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return c.size + offset, nil
	}
	return offset, nil
}

// send answers 200 with body. If it cannot, the client has gone.
func send(w http.ResponseWriter, body []byte) error {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.Write(body)
	return nil
}

// orDirectory leads whoever asks for a directory without the slash to it; what is neither file nor directory fails with err.
func (h *handler) orDirectory(w http.ResponseWriter, r *http.Request, rt route, err error) error {
	if !errors.Is(err, storage.ErrFileUnknown) || errors.Is(err, storage.ErrDamaged) {
		return err
	}
	for _, listErr := range rt.repo.Reader.ListFiles(r.Context(), rt.repo.Name, rt.path, "") {
		if listErr != nil {
			break
		}
		return redirect(w, here(rt.path)+"/", r.URL.RawQuery)
	}
	return err
}

// redirect is for now: a file may take the place of a directory.
func redirect(w http.ResponseWriter, to, query string) error {
	if query != "" {
		to += "?" + query
	}
	header := w.Header()
	header["Location"] = []string{to}
	header["Cache-Control"] = []string{"no-cache"}
	header["Content-Length"] = lengthZero
	w.WriteHeader(http.StatusFound)
	return nil
}

// age is for how long what was last checked at t has been so, in seconds.
func age(t time.Time) int64 { return max(int64(time.Since(t)/time.Second), 0) }
