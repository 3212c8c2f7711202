package explore

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Options are the choices of an explorer; nil is the zero Options.
type Options struct {
	Indexer *Indexer // opens layers; nil: one without a cache, which reads a layer for each page

	// ExternalURL is how clients reach the registry, such as "https://registry.example.com", for the commands that pages show. Empty: as the
	// request was sent.
	ExternalURL string

	// User returns who asks and whether that is known, for the page's head; nil: nobody signs in.
	User func(context.Context) (name string, known bool)

	NoPush  bool // the registry takes nothing: an empty one does not show how to push
	Foreign bool // fetch layers from the URLs in descriptors of this registry, as /http/ and /https/ want

	// Elsewhere reaches other registries, whose repositories then have pages under their host: /r/ghcr.io/team/app:1. Nil: this registry is all.
	Elsewhere Elsewhere
	// Here reports whether a name is one of this registry's whatever it has there, as those below a repository that stands in front of another registry
	// are. Nil: none is.
	Here func(oci.Name) bool
	// Account signs visitors in somewhere else, to see what they may see there. Nil: nobody can.
	Account *Account

	// Configured returns the repositories that were set up, as far as whoever asks may see them, in the order in which they are to be shown; the caller may
	// change the list. Nil: there are none.
	Configured func(context.Context) []Configured

	// Files returns who reads a repository of files, which asks whether whoever asks may; nil where there is none of that name. Nil: there are none.
	Files func(oci.Name) storage.FileReader

	Version string // of the program, for the foot of pages

	Log *slog.Logger // nil discards
}

// Account is what pages know of a place where visitors sign in to look at other registries.
type Account struct {
	Name  string                                             // of the place, such as "Google"
	Serve func(w http.ResponseWriter, r *http.Request) error // answers /oauth and /auth/callback; an error is shown as a page
	Known func(context.Context) bool                         // reports whether a visitor is signed in
	Leave string                                             // URL that a POST signs out at
}

// New returns the pages over store: read-only, plain HTML, and the same as JSON. What may be seen is what store lets whoever asks read; the
// context of a request is passed on to it.
func New(store storage.Reader, o *Options) http.Handler {
	if o == nil {
		o = &Options{}
	}
	h := &handler{store: store, o: *o, index: o.Indexer, log: o.Log}
	if h.index == nil {
		h.index = NewIndexer(nil)
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if o.Elsewhere != nil {
		h.anywhere = &anywhere{Reader: store, find: o.Elsewhere, here: o.Here}
		h.store = h.anywhere
	}
	if o.Foreign {
		h.store = newForeign(h.store, foreignClient(mayFetch))
	}
	h.summaries, h.fragments = newSummaries(), newFragments()
	h.said = newStatements()
	h.usages, h.treeDiffs = newMemo[*usage](maxUsage), newMemo[*treeDiff](maxTreeDiffs)
	h.apks = newMemo[*apkHits](maxAPKHits)
	h.heavy = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)/2))
	h.pages = map[string]func(http.ResponseWriter, *request) error{
		"":          h.front,
		"static":    h.static,
		"blob":      h.blob,
		"r":         h.named,
		"login":     h.login,
		"referrers": h.referrers,
		"fs":        h.fs,
		"open":      h.openFile,
		"apk":       h.apk,
		"rpm":       h.rpm,
		"layers":    h.layers,
		"size":      h.size,
		"diff":      h.diff,
		"search":    h.search,
		"sizes":     h.sizes,
	}
	maps.Copy(h.pages, h.parityPages())
	return h
}

// handler answers requests. pages has the first component of a path, and who answers it.
type handler struct {
	store     storage.Reader // what pages read: this registry, with what is added to it
	anywhere  *anywhere      // nil: nothing besides
	o         Options
	index     *Indexer // of what is here
	summaries *summaries
	fragments *fragments
	said      *statements
	log       *slog.Logger
	pages     map[string]func(http.ResponseWriter, *request) error

	usages    *memo[*usage]    // of layers and of images
	treeDiffs *memo[*treeDiff] // of what was compared
	apks      *memo[*apkHits]  // of indexes of Alpine
	heavy     chan struct{}    // has one element for each of those whose turn it is
	sending   atomic.Int64     // bytes of large pages
}

// csp lets a page load our style sheet and our pictures, and nothing else: no script runs, whatever a stranger's name or label says.
const csp = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers GET and HEAD. Every answer forbids scripts and sniffing, errors too.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", csp)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Vary", "Accept, Accept-Encoding, Authorization")
	if h.o.Account != nil {
		head.Add("Vary", "Cookie")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		h.fail(w, &request{Request: r}, statusError{http.StatusMethodNotAllowed, "The explorer only shows; it is asked with GET and HEAD.", ""})
		return
	}
	if h.anywhere != nil {
		r = r.WithContext(withVisit(r.Context()))
	}
	req, err := parseRequest(r)
	if err == nil {
		err = h.serve(w, req)
	}
	if err != nil {
		h.fail(w, req, err)
	}
}

func (h *handler) serve(w http.ResponseWriter, r *request) error {
	if done, err := h.canonical(w, r); done {
		return err
	}
	page, ok := h.pages[r.page]
	if !ok {
		return statusError{http.StatusNotFound, "There is no such page.", "Everything begins at the front page."}
	}
	return page(w, r)
}

// turnTime bounds what takes a turn, on an idle machine a second: chains of links that a stranger made can take minutes.
const turnTime = 30 * time.Second

// turn waits until it is this one's turn to do what takes a processor for long, such as a walk over all files of an image. Two at once
// go on, or as many as half of the processors are, however many ask.
func (h *handler) turn(ctx context.Context) (done func(), err error) {
	select {
	case h.heavy <- struct{}{}:
		return func() { <-h.heavy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
