package files

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"vitrine/storage"
)

// told is what an answer has to say besides itself: how old it is, where it is from, what went wrong.
type told struct {
	since time.Time // of the request
	notes *storage.Notes

	mu     sync.Mutex
	member string // of a virtual repository, that answered
	remote bool   // it is a remote one
}

type toldKey struct{}

// listen returns a ctx whose calls to a reader leave what is to be told.
func listen(r *http.Request) (context.Context, *told) {
	t := &told{since: time.Now()}
	ctx, notes := storage.WithNotes(recheck(r.Context(), r))
	t.notes = notes
	return context.WithValue(ctx, toldKey{}, t), t
}

// tellMember notes which member of a virtual repository gives the answer.
func tellMember(ctx context.Context, m Member) {
	if t, ok := ctx.Value(toldKey{}).(*told); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.member, t.remote = string(m.Name), m.Type == RemoteType
	}
}

// write sets the headers about f: Warning (RFC 7234, 5.5, which clients of packages still show), Age (RFC 9111, 5.1) and Cache-Status (RFC 9211).
func (t *told) write(h http.Header, r *http.Request, rt route, f storage.File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.notes.All() {
		h.Add("Warning", warning(n))
	}
	status := "vitrine"
	if rt.repo.Type == RemoteType || t.remote {
		status += "; " + t.verdict(r, f)
		if !f.Checked.IsZero() {
			h["Age"] = []string{fmt.Sprint(age(f.Checked))}
		}
	} else if t.member != "" {
		status += "; hit"
	}
	if t.member != "" {
		status += fmt.Sprintf("; detail=%q", t.member) // a name of a repository, which needs no escapes
	}
	if status != "vitrine" {
		h["Cache-Status"] = []string{status}
	}
}

// verdict says how the cache came by f (RFC 9211, 2.1 to 2.5): from upstream just now, by asking whether it is still so, or by itself.
func (t *told) verdict(r *http.Request, f storage.File) string {
	since := t.since.Truncate(time.Millisecond) // as the times of a file are
	switch {
	case f.Stored.IsZero() && r.Method == "HEAD":
		return "fwd=miss"
	case f.Stored.IsZero() || !f.Stored.Before(since): // it is arriving, or has just arrived
		return "fwd=miss; stored"
	case !f.Checked.Before(since):
		return "fwd=stale; fwd-status=304"
	}
	return "hit"
}

// warning is a Warning header about n.
func warning(n storage.Note) string {
	code := map[storage.NoteKind]int{storage.Stale: 110}[n.Kind] // "Response is Stale"
	if code == 0 {
		code = 199 // "Miscellaneous Warning"
	}
	return fmt.Sprintf("%d - %q", code, asciiOnly(n.Text))
}

// asciiOnly replaces what cannot stand in a header.
func asciiOnly(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), 256)])
}

// recheck passes on that a client wants an answer that upstream has been asked for: dnf does of each repomd.xml. How often that happens, the reader bounds.
func recheck(ctx context.Context, r *http.Request) context.Context {
	for _, h := range []string{"Cache-Control", "Pragma"} {
		if strings.Contains(strings.ToLower(r.Header.Get(h)), "no-cache") {
			return storage.Recheck(ctx)
		}
	}
	return ctx
}
