package explore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"vitrine/explore/inspect"
	"vitrine/explore/tarfs"
)

// rawFile is a stranger's file as bytes.
type rawFile struct {
	content io.ReadSeeker
	size    int64
	name    string // for whoever saves it
	kind    inspect.Kind
	etag    string // with quotes
	time    time.Time
	attach  bool              // to be saved, not to be shown
	report  func(error) error // is told of what went wrong
}

// isRaw reports whether a request wants a file's bytes: it says so, or it is a program's that takes anything.
func isRaw(r *request) bool {
	return asksRaw(r) || r.form() == asText && r.query.Get("format") == "" && r.query.Get("render") == "" && r.query.Get("jq") == ""
}

// asksBytes reports whether a request wants no page.
func asksBytes(r *request) bool { return isRaw(r) || exportKind(r) != "" }

func asksRaw(r *request) bool { return r.query.Has("raw") || r.query.Has("dl") }

// maxRanges bounds the ranges of one answer: each may have a part of a layer decompressed. More, and all is sent (RFC 9110, 14.2).
const maxRanges = 16

// sendRaw sends a file's bytes, whole or in ranges, so that no browser runs or renders what a stranger wrote.
func (h *handler) sendRaw(w http.ResponseWriter, r *request, f *rawFile) error {
	head := w.Header()
	head.Set("Content-Security-Policy", sandbox)
	head.Set("Content-Type", rawType(f.kind))
	head.Set("Content-Disposition", disposition(f.name, f.attach))
	head.Set("ETag", f.etag)
	head.Set("Cache-Control", h.cacheControl(r, true))
	warn(head, r.notes())
	if v := r.Header.Get("Range"); !usableRange(r.Method, v) {
		r.Header.Del("Range")
	}
	in := &listened{ReadSeeker: f.content}
	http.ServeContent(w, r.Request, "", f.time, in)
	if in.err == nil {
		return nil
	}
	return errors.Join(errStarted, f.report(in.err))
}

// usableRange reports whether http.ServeContent may see a Range header: it answers one of another unit with 416, and HEAD with 206, where RFC 9110
// (14.2) wants the header ignored.
func usableRange(method, v string) bool {
	return method == http.MethodGet && strings.HasPrefix(v, "bytes=") && strings.Count(v, ",") < maxRanges
}

// rawType is one of the media types that strangers' bytes are served as: pictures, which browsers run no script of under our policy, text, and bytes.
func rawType(k inspect.Kind) string {
	switch {
	case k.IsImage():
		return k.MediaType()
	case k.IsText():
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// listened notes what goes wrong while it is read.
type listened struct {
	io.ReadSeeker
	err error
}

// Read implements io.Reader.
func (l *listened) Read(p []byte) (int, error) {
	n, err := l.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

// disposition is a Content-Disposition (RFC 6266) with a name that is good everywhere and, if need be, one in UTF-8 (RFC 8187).
func disposition(name string, attach bool) string {
	how := "inline"
	if attach {
		how = "attachment"
	}
	name = fileName(name)
	ascii := strings.Map(func(c rune) rune {
		if c > '~' || c == '"' || c == '\\' || c == '%' {
			return '_'
		}
		return c
	}, name)
	s := how + `; filename="` + ascii + `"`
	if ascii != name {
		s += "; filename*=UTF-8''" + extValue(name)
	}
	return s
}

// extValue encodes all but the attr-chars of RFC 8187, 3.2.1.
func extValue(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// maxFileName bounds the name that a file is saved under, as file systems do.
const maxFileName = 200

// fileName is the last element of a path without what could hide or mislead, and never empty or only dots.
func fileName(p string) string {
	name := inspect.Visible(path.Base(p), maxFileName)
	name = strings.NewReplacer("/", "_", `\`, "_", ":", "_", "<", "_", ">", "_", "|", "_", "?", "_", "*", "_").Replace(name)
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// etag is the entity tag of a file: its digest or, where that is not known, what its content follows from.
func (l *look) etag(f *held) string {
	if f.digest != "" {
		return `"` + string(f.digest) + `"`
	}
	return textTag(string(l.base), l.inner, f.of.Path, fmt.Sprint(f.of.Layer, f.of.Entry.Header))
}

// textTag is an entity tag of what follows from some words.
func textTag(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// sendFile sends the bytes of a file of an archive.
func (l *look) sendFile(w http.ResponseWriter, f *held, kind inspect.Kind) error {
	return l.h.sendRaw(w, l.r, &rawFile{content: f.content, size: f.size, name: tarfs.Unescape(f.node.Path), kind: kind, etag: l.etag(f), time: f.of.Entry.ModTime,
		attach: l.r.query.Has("dl"), report: l.report})
}
