package explore

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// page is what is shown: a template with the view model that is also the page's JSON.
type page struct {
	name    string        // of the template, web/NAME.html
	status  int           // 0: 200
	forever bool          // it follows from digests alone, so it never changes
	text    func() []byte // the same for a terminal; nil: there is nothing but HTML and JSON

	Title   string
	Crumbs  []crumb // from the repository down to what is shown
	Command command // the shell line that prints what the page shows
	Tabs    []tab   // other views of the same thing
	View    any     // of the template, and the JSON
}

// crumb is a step of the path to what a page shows.
type crumb struct {
	Text string
	Href string // empty: here
}

// tab is a way to look at something.
type tab struct {
	Text string
	Href string
	Here bool
}

// frame is what the layout knows besides the page.
type frame struct {
	*page
	User     string
	SignIn   bool   // nobody is signed in, and somebody could
	Query    string // of the search box
	JSON     string // URL of the same as JSON
	Version  string
	Registry string // host, as commands name it
	Notes    []noteLine
	Leave    string // URL where whoever is signed in elsewhere signs out
	Account  string // of that place
}

// form is in what a client wants a page.
type form int

const (
	asHTML form = iota
	asJSON
	asText
)

// form reads ?format= and Accept. Clients like curl, which take anything, get text where there is some.
func (r *request) form() form {
	switch r.query.Get("format") {
	case "json":
		return asJSON
	case "html":
		return asHTML
	case "text":
		return asText
	}
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	switch {
	case strings.Contains(accept, "text/html"), strings.Contains(accept, "application/xhtml"):
		return asHTML
	case strings.Contains(accept, "application/json"):
		return asJSON
	case accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, "text/plain"):
		return asText
	}
	return asHTML
}

// show writes a page, whole: as HTML, JSON or text, compressed where the client takes that and it pays, with an entity tag that follows from what is
// written.
func (h *handler) show(w http.ResponseWriter, r *request, p *page) error {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	contentType, err := h.render(buf, r, p)
	if err != nil {
		return err
	}
	sent, err := h.hold(buf)
	if err != nil {
		return err
	}
	defer sent()
	if r.rendered != nil {
		r.rendered()
	}
	head := w.Header()
	head.Set("Content-Type", contentType)
	notes := r.notes()
	warn(head, notes)
	sum := sha256.Sum256(buf.Bytes())
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	if p.status == 0 || p.status == http.StatusOK {
		head.Set("ETag", tag)
		head.Set("Cache-Control", h.cacheControl(r, p.forever && len(notes) == 0))
		if matches(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	} else {
		head.Set("Cache-Control", "no-store")
	}
	return send(w, r, max(p.status, http.StatusOK), buf.Bytes())
}

// Bounds of pages that wait for their clients to take them, in bytes of memory: clients may take minutes, and there may be any number of them.
const (
	largePage  = 1 << 20 // smaller ones are not counted, and their memory is used again
	maxSending = 128 << 20
)

// hold accounts for a page until it is sent. A large one that there is no room for is refused, unless it is the only one.
func (h *handler) hold(buf *bytes.Buffer) (sent func(), err error) {
	n := int64(buf.Cap())
	if n <= largePage {
		return func() { buffers.Put(buf) }, nil
	}
	if all := h.sending.Add(n); all > maxSending && all != n {
		h.sending.Add(-n)
		return nil, statusError{http.StatusServiceUnavailable, "Too many large pages are being sent.", "Try again in a while, or ask for fewer rows."}
	}
	return func() { h.sending.Add(-n) }, nil
}

// cacheControl is that of a page. Pages are those of whoever asked for them: what one may see, another may not.
func (h *handler) cacheControl(r *request, forever bool) string {
	who := "public"
	if h.o.User != nil {
		who = "private"
	}
	if h.anywhere.isPrivate(r.Context()) { // it goes when the login does
		return "private, no-cache"
	}
	if forever {
		return who + ", max-age=3600, immutable"
	}
	return who + ", no-cache"
}

// render writes a page in the form that r wants, and returns its media type.
func (h *handler) render(buf *bytes.Buffer, r *request, p *page) (contentType string, err error) {
	switch f := r.form(); {
	case f == asJSON:
		e := json.NewEncoder(buf)
		e.SetIndent("", "  ")
		return "application/json", e.Encode(p.View)
	case f == asText && p.text != nil:
		buf.Write(p.text())
		return "text/plain; charset=utf-8", nil
	}
	return "text/html; charset=utf-8", templates().page(p.name).ExecuteTemplate(buf, "layout", h.frame(r, p))
}

func (h *handler) frame(r *request, p *page) frame {
	f := frame{page: p, Version: h.o.Version, Registry: h.host(r), Query: r.query.Get("q"), Notes: r.notes()}
	p.Crumbs = h.home(p.Crumbs)
	u := *r.URL
	q := u.Query()
	q.Set("format", "json")
	u.RawQuery = q.Encode()
	f.JSON = "/" + strings.TrimLeft(u.RequestURI(), "/") // what begins with two slashes is another host's
	if a := h.o.Account; a != nil && a.Known(r.Context()) {
		f.Leave, f.Account = a.Leave, a.Name
	}
	if h.o.User != nil {
		name, known := h.o.User(r.Context())
		f.User, f.SignIn = name, !known
	}
	return f
}

// smallPage is what is not worth being compressed, in bytes: it fits into one packet.
const smallPage = 1400

// send writes body, compressed where that is wanted.
func send(w http.ResponseWriter, r *request, status int, body []byte) error {
	head := w.Header()
	if len(body) < smallPage || !acceptsGzip(r.Request) {
		head.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		if r.Method == http.MethodHead {
			return nil
		}
		w.Write(body) // who is gone is told nothing
		return nil
	}
	head.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(w)
	z.Write(body)
	z.Close()
	return nil
}

var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	zippers = sync.Pool{New: func() any { z, _ := gzip.NewWriterLevel(nil, 4); return z }} // a third of the time of level 6, 4 % more bytes
)

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip with a weight that is not zero.
func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}

// matches reports whether If-None-Match names the tag (RFC 9110, 13.1.2: by weak comparison).
func matches(header, tag string) bool {
	for _, t := range strings.Split(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}
