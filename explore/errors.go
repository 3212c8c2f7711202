package explore

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"vitrine/explore/apk"
	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/rpm"
	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// statusError is an error that knows what to tell, and its status.
type statusError struct {
	status int
	what   string // a sentence
	hint   string // what to try, a sentence, or empty
}

func (e statusError) Error() string { return e.what }

// Problem is an error that a page shows with a status: what is wrong and what to try, a sentence each.
func Problem(status int, what, hint string) error { return statusError{status, what, hint} }

// statuses says what an error means to whoever looks at a page. The first that fits counts.
var statuses = []struct {
	is     error
	status int
	hint   string
}{
	{storage.ErrNoIdentity, http.StatusUnauthorized, "Sign in with the name and password that docker login takes."},
	{storage.ErrDenied, http.StatusForbidden, "Ask whoever runs this registry."},
	{storage.ErrTooMany, http.StatusTooManyRequests, "Try again in a while."},
	{storage.ErrUpstreamTimeout, http.StatusGatewayTimeout, "Try again in a while."},
	{storage.ErrUpstream, http.StatusBadGateway, "Try again in a while."},
	{storage.ErrDamaged, http.StatusInternalServerError, "Pushing the image again mends it; vitrine verify finds all that is damaged."},
	{storage.ErrRepoUnknown, http.StatusNotFound, "The front page lists the repositories that there are."},
	{oci.ErrName, http.StatusBadRequest, "The front page lists the repositories that there are."},
	{storage.ErrManifestUnknown, http.StatusNotFound, "The repository's page lists its tags."},
	{storage.ErrBlobUnknown, http.StatusNotFound, "The repository's page lists its tags."},
	{storage.ErrFileUnknown, http.StatusNotFound, "The directory above it may tell."},
	{storage.ErrFilePath, http.StatusBadRequest, ""},
	{fs.ErrNotExist, http.StatusNotFound, "The directory above it may tell."},
	{storage.ErrUnsupported, http.StatusNotImplemented, ""},
	{tarfs.ErrLoop, http.StatusUnprocessableEntity, "The directory above it has the link itself."},
	{overlay.ErrLoop, http.StatusUnprocessableEntity, "The directory above it has the link itself."},
	{tarfs.ErrLimit, http.StatusUnprocessableEntity, "It can still be pulled."},
	{zran.ErrTooLarge, http.StatusUnprocessableEntity, "It can still be pulled."},
	{ErrTooLarge, http.StatusUnprocessableEntity, "The file itself can be looked at as bytes."},
	{apk.ErrV3, http.StatusUnsupportedMediaType, "The file itself can be looked at as bytes."},
	{apk.ErrFormat, http.StatusUnprocessableEntity, "The file itself can be looked at as bytes."},
	{apk.ErrLimit, http.StatusUnprocessableEntity, "The file itself can be looked at as bytes."},
	{rpm.ErrFormat, http.StatusUnprocessableEntity, "The file itself can be downloaded."},
	{rpm.ErrLimit, http.StatusUnprocessableEntity, "The file itself can be downloaded."},
	{archive.ErrFormat, http.StatusUnprocessableEntity, "The blob itself can be looked at as bytes."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "It took longer than anybody should wait for; a part of it may take less."},
}

// isUnknown reports whether err says that something is not there, or is damaged: nothing that the page as a whole fails for.
func isUnknown(err error) bool {
	return errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrRepoUnknown)
}

// asStatus returns what to tell of err. What it does not know is an error inside, of which the log has the rest.
func asStatus(err error) (s statusError, known bool) {
	if errors.As(err, &s) {
		return s, true
	}
	if s, ok := upstreamStatus(err); ok {
		return s, true
	}
	var unsupported *archive.UnsupportedError
	if errors.As(err, &unsupported) {
		return statusError{http.StatusUnsupportedMediaType, unsupported.Error() + ".", "The blob itself can be looked at as bytes."}, true
	}
	var codec *rpm.CodecError
	if errors.As(err, &codec) {
		return statusError{http.StatusUnsupportedMediaType, codec.Error() + ".", "The file itself can be downloaded."}, true
	}
	for _, row := range statuses {
		if errors.Is(err, row.is) {
			return statusError{row.status, err.Error() + ".", row.hint}, true
		}
	}
	return statusError{http.StatusInternalServerError, "Something went wrong inside; the log says what.", ""}, false
}

// errorView is the JSON of an error page.
type errorView struct {
	Status int    `json:"status"`
	Text   string `json:"-"`
	Error  string `json:"error"`
	Hint   string `json:"hint,omitempty"`
	SignIn string `json:"signIn,omitempty"` // URL of a page where that may be helped
	Where  string `json:"-"`                // what one signs in with there
}

// fail writes an error page, unless whoever asked is gone. Where a part of a page is out already the connection ends, so that nobody takes the
// rest for whole.
func (h *handler) fail(w http.ResponseWriter, r *request, err error) {
	if r.Context().Err() != nil {
		return
	}
	if errors.Is(err, errStarted) {
		h.log.Warn("page broken off", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	s, known := asStatus(h.anywhere.discreet(r.Context(), err))
	if !known {
		h.log.Error("page", "path", r.URL.Path, "error", err)
	}
	if s.status == http.StatusUnauthorized { // browsers know Basic alone
		w.Header().Set("WWW-Authenticate", `Basic realm="Vitrine", charset="UTF-8"`)
	}
	if after := storage.RetryAfter(err); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	p := &page{name: "error", Title: http.StatusText(s.status), status: s.status, Crumbs: wayBack(r),
		View: h.errorView(r, s, err)}
	p.text = func() []byte { return []byte(strings.TrimSpace(s.what+" "+s.hint) + "\n") }
	if err := h.show(w, r, p); err != nil {
		h.log.Error("error page", "path", r.URL.Path, "error", err)
	}
}

func (h *handler) errorView(r *request, s statusError, err error) errorView {
	v := errorView{Status: s.status, Text: http.StatusText(s.status), Error: s.what, Hint: s.hint}
	if h.o.Account != nil && (errors.Is(err, storage.ErrNoIdentity) || errors.Is(err, storage.ErrDenied)) {
		if to := h.anywhere.signIn(r.Context()); to != "" {
			v.SignIn, v.Where = withQuery(to, "to", r.URL.RequestURI()), h.o.Account.Name
		}
	}
	return v
}

// wayBack leads from an error to what stands above what was asked for. It follows from the URL alone.
func wayBack(r *request) []crumb {
	t, err := parseTarget(r.rest)
	if err != nil || t.Name == "" || r.page == "static" || r.page == "rpm" {
		return nil
	}
	crumbs := []crumb{{"Repositories", "/"}, {string(t.Name), target{Name: t.Name}.href("r")}}
	if t.Path != "" && t.Path != "." {
		page := r.page
		if page == "apk" { // which has files only
			page = "fs"
		}
		crumbs = append(crumbs, crumb{"the directory above", t.with(path.Dir(t.Path), true).href(page)})
	}
	return crumbs
}

// errStarted is wrapped by errors of pages of which a part was sent.
var errStarted = errors.New("a part of the page was sent")
