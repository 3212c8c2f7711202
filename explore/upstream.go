package explore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"vitrine/explore/inspect"
	"vitrine/storage"
)

// upstreamRows says what an error of another registry means to whoever looks at a page. The first that fits counts. Its own statuses stay its own: a 401
// of ours would have a browser ask for the password of this registry.
var upstreamRows = []struct {
	is     error
	status int
	what   string // in a sentence that begins with what the registry did
	hint   string
}{
	{storage.ErrTooMany, http.StatusTooManyRequests, "it wants to be asked less often", "Try again in a while; what was looked at before is still here."},
	{storage.ErrUpstreamTimeout, http.StatusGatewayTimeout, "it took too long", "Try again; if it stays so, that registry is in trouble."},
	{storage.ErrUnsupported, http.StatusNotImplemented, "it cannot do what this page needs", "Other pages of the same image may do."},
	{storage.ErrDamaged, http.StatusBadGateway, "nothing of that is shown", "Try again; if it stays so, that registry, or something on the way to it, is broken."},
	{storage.ErrNoIdentity, http.StatusForbidden, "it does not say this to somebody whom it does not know", "There may be no such repository, or it is private. A look at the spelling of its name may help."},
	{storage.ErrDenied, http.StatusForbidden, "it does not allow this", "There may be no such repository, or it is private. A look at the spelling of its name may help."},
	{storage.ErrManifestUnknown, http.StatusNotFound, "there is no such manifest or tag", "The repository's page lists its tags."},
	{storage.ErrBlobUnknown, http.StatusNotFound, "there is no such blob", "The repository's page lists its tags."},
	{storage.ErrRepoUnknown, http.StatusNotFound, "there is no such repository", "A look at the spelling of its name may help."},
	{storage.ErrFileUnknown, http.StatusNotFound, "there is no such file", "The directory above it may tell."},
	{storage.ErrUpstream, http.StatusBadGateway, "", "It may be down, or in trouble. Try again in a while."},
}

// upstreamStatus says what another registry answered, or did not, if err comes of that: which one, with the status, and nothing of how it is reached.
func upstreamStatus(err error) (statusError, bool) {
	u, ok := errors.AsType[*storage.UpstreamError](err)
	if !ok {
		return statusError{}, false
	}
	if u.Status == 0 && errors.Is(err, storage.ErrDenied) { // nobody was asked
		return statusError{http.StatusForbidden, inspect.Visible(u.Host, maxHost) + " means no public address, or is not at one of the ports 80, 443 and 5000: it is not asked.",
			"A look at the spelling may help. Whoever runs this can allow a host by its name."}, true
	}
	for _, row := range upstreamRows {
		if errors.Is(err, row.is) {
			return statusError{row.status, whatHappened(u, row.what) + ".", row.hint}, true
		}
	}
	return statusError{http.StatusBadGateway, whatHappened(u, "") + ".", "Try again in a while."}, true
}

// maxHost bounds the name of a host, with a port, in bytes (RFC 1035, 2.3.4).
const maxHost = 260

// whatHappened is a sentence without its end.
func whatHappened(u *storage.UpstreamError, what string) string {
	if u.Status == 0 && what == "" {
		for _, t := range troubles {
			if strings.Contains(u.Err.Error(), t.part) {
				return inspect.Visible(u.Host, maxHost) + " " + t.says
			}
		}
	}
	if what == "" && u.Status != 0 {
		what = strings.TrimPrefix(strings.TrimPrefix(u.Err.Error(), storage.ErrUpstream.Error()), ": ")
	}
	brief := u.Brief()
	if u.Status == 0 && !errors.Is(u, storage.ErrDamaged) || what == "" {
		return inspect.Visible(brief, maxValue)
	}
	return inspect.Visible(brief+": "+what, maxValue)
}

// noSuchHost is in the text of errors of names that DNS does not know.
const noSuchHost = "no such host"

// discreet makes of a name that means nothing one that is not asked, for visitors who choose the names: they would else learn which names there are inside.
func (a *anywhere) discreet(ctx context.Context, err error) error {
	u, ok := errors.AsType[*storage.UpstreamError](err)
	if !ok || u.Status != 0 || !strings.Contains(u.Err.Error(), noSuchHost) || !a.isAway(ctx) {
		return err
	}
	return &storage.UpstreamError{Host: u.Host, Err: storage.ErrDenied}
}

// isAway reports whether a visit has led to another registry.
func (a *anywhere) isAway(ctx context.Context) bool {
	return slices.ContainsFunc(a.routes(ctx), func(r *route) bool { return r.host != "" })
}

// troubles are words for why there was no answer, by a part of the error's text: the rest of that may name addresses inside.
var troubles = []struct{ part, says string }{
	{noSuchHost, "is a name that means no address"},
	{"HTTP response to HTTPS client", "does not speak https there"},
	{"x509:", "shows a certificate that is not good for it"},
	{"is offline", "is not asked: this registry is offline"},
	{"connection refused", "refuses connections"},
}

// noteLine is a note that an answer of the store came with, as a page shows it.
type noteLine struct {
	Kind storage.NoteKind
	Text string
}

// notes are those on what the page was made of so far.
func (r *request) notes() (lines []noteLine) {
	if r.noted == nil {
		return nil
	}
	for _, n := range r.noted.All() {
		lines = append(lines, noteLine{n.Kind, inspect.Visible(n.Text, maxValue)})
	}
	return lines
}

// warn says the same in headers, for those who read no page (RFC 7234, 5.5: 110 for what is stale, 199 for anything else).
func warn(head http.Header, lines []noteLine) {
	for _, l := range lines {
		code := 199
		if l.Kind == storage.Stale {
			code = 110
		}
		head.Add("Warning", fmt.Sprintf("%d - %s", code, strconv.QuoteToASCII(l.Text)))
	}
}
