package explore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// failing is a registry behind which another one fails.
type failing struct {
	storage.Store
	err  error
	note storage.Note // is left with every tag
}

func (f *failing) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if f.err != nil {
		return oci.Descriptor{}, fmt.Errorf("tag %s: %w", tag, f.err)
	}
	if f.note.Text != "" {
		storage.AddNote(ctx, f.note)
	}
	return f.Store.ResolveTag(ctx, repo, tag)
}

// TestUpstreamErrors: a page says what another registry did, with the status, and nothing of our own network.
func TestUpstreamErrors(t *testing.T) {
	s := newSite(t, nil)
	s.image("app", nil, []string{tarGzip(t, "x=1")}, "1")
	f := &failing{Store: s.store}
	s.Handler = New(f, nil)
	up := func(status int, text string, sentinels ...error) error {
		return &storage.UpstreamError{Host: "hub.example", Status: status, Err: fmt.Errorf("%w: %s", errors.Join(sentinels...), text)}
	}
	for _, c := range []struct {
		err    error
		status int
		want   string // of the line that a terminal gets
	}{
		{up(401, "secret", storage.ErrNoIdentity), 403, "hub.example answered 401: it does not say this to somebody whom it does not know. There may be no such repository"},
		{up(403, "secret", storage.ErrDenied), 403, "hub.example answered 403: it does not allow this. "},
		{up(0, "refused", storage.ErrDenied), 403, "hub.example means no public address, or is not at one of the ports 80, 443 and 5000"},
		{up(404, "secret", storage.ErrManifestUnknown), 404, "hub.example answered 404: there is no such manifest or tag. The repository's page"},
		{up(404, "secret", storage.ErrRepoUnknown), 404, "hub.example answered 404: there is no such repository. "},
		{up(429, "secret", storage.ErrTooMany), 429, "hub.example answered 429: it wants to be asked less often. "},
		{up(500, "it says x", storage.ErrUpstream), 502, "hub.example answered 500: it says x. It may be down"},
		{up(0, "dial tcp 10.1.2.3:443: something", storage.ErrUpstream), 502, "hub.example did not answer. It may be down"},
		{up(0, "lookup hub.example on 10.0.0.2:53: no such host", storage.ErrUpstream), 502, "hub.example is a name that means no address. "},
		{up(0, "http: server gave HTTP response to HTTPS client", storage.ErrUpstream), 502, "hub.example does not speak https there. "},
		{up(0, "tls: failed to verify certificate: x509: unknown authority", storage.ErrUpstream), 502, "hub.example shows a certificate that is not good for it. "},
		{up(0, "10.1.2.3", storage.ErrUpstreamTimeout), 504, "hub.example did not answer. Try again"},
		{up(200, "secret", storage.ErrUpstream, storage.ErrDamaged), 502, "hub.example sent other content than it was asked for: nothing of that is shown. "},
		{up(0, "no", storage.ErrUnsupported), 501, "hub.example did not answer. "},
		{&storage.UpstreamError{Host: "hub\u202e.example\x1b", Status: 418, Err: errors.New("\x1b[31m")}, 502, "hub<U+202E>.example\\x1b answered 418: \\x1b[31m."},
		{fmt.Errorf("%w: x", storage.ErrUpstream), 502, "another registry failed: x. Try again in a while."},
		{fmt.Errorf("%w: x", storage.ErrUpstreamTimeout), 504, "did not answer in time"},
	} {
		f.err = c.err
		w := s.get("/r/app:1", "Accept", "*/*")
		if got := w.Body.String(); w.Code != c.status || !strings.Contains(got, c.want) || strings.Contains(got, "secret") || strings.Contains(got, "10.") {
			t.Errorf("%v: %d %s\nwant %d %s", c.err, w.Code, got, c.status, c.want)
		}
		if w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%v: a browser would ask for a password", c.err)
		}
	}
	f.err = up(500, `it says "<script>alert(1)</script>"`, storage.ErrUpstream)
	if w := s.get("/r/app:1"); w.Code != 502 || strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Body.String(), "&lt;script&gt;") {
		t.Errorf("%d\n%s", w.Code, mainPart(w.Body.String()))
	}
	f.err = &storage.UpstreamError{Host: "hub.example", Status: 429, RetryAfter: 90*time.Second + 1, Err: storage.ErrTooMany}
	w := s.get("/r/app:1")
	if w.Header().Get("Retry-After") != "91" {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
	golden(t, "upstream-error", w)
}

// TestNotes: that an answer is old, or not all there is, stands on the page and in a header; such a page is not for ever.
func TestNotes(t *testing.T) {
	s := newSite(t, nil)
	s.image("app", nil, []string{tarGzip(t, "x=1")}, "1")
	f := &failing{Store: s.store, note: storage.Note{Kind: storage.Stale, Text: "hub: <b>hub.example</b> \"did\"\r\nX: not answer: this is what was kept"}}
	s.Handler = New(f, nil)
	w := s.get("/r/app:1")
	if got := mainPart(w.Body.String()); w.Code != 200 || !strings.Contains(got, `<p class="notice" role="status">hub: &lt;b&gt;hub.example&lt;/b&gt; `) {
		t.Errorf("%d\n%s", w.Code, got)
	}
	if got, want := w.Header().Get("Warning"), `110 - "hub: <b>hub.example</b> \"did\"\\x0d\\x0aX: not answer: this is what was kept"`; got != want {
		t.Errorf("Warning: %s\nwant     %s", got, want)
	}
	f.note.Kind = storage.Partial
	if w := s.get("/r/app:1?jq=.config", "Accept", "*/*"); !strings.HasPrefix(w.Header().Get("Warning"), "199 - ") {
		t.Errorf("as text: %q", w.Header())
	}
	f.note = storage.Note{}
	if w := s.get("/r/app:1"); w.Header().Get("Warning") != "" || strings.Contains(w.Body.String(), "notice") {
		t.Errorf("without a note: %q", w.Header())
	}
}
