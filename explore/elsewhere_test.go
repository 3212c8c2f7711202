package explore

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// world is a site from which other registries can be looked at.
type world struct {
	*site
	t     *testing.T
	asked []string // hosts that were looked for
	sites map[string]*abroad
}

// abroad is one of them. All that it is asked is noted, and it remembers what goes by digest, as a client of a registry does.
type abroad struct {
	*site
	storage.Reader
	*Registry

	mu    sync.Mutex
	asked []string
	known map[string]bool
}

func newWorld(t *testing.T, hosts ...string) *world {
	w := &world{t: t, sites: map[string]*abroad{}}
	w.site = newSite(t, &Options{Elsewhere: w.find})
	for _, host := range hosts {
		a := &abroad{site: newSite(t, nil), known: map[string]bool{}}
		a.Reader = a.site.store
		a.Registry = NewRegistry(&noted{a.site.store, a}, NewIndexer(&IndexerOptions{Cache: NewMemory(1 << 20)}))
		w.sites[host] = a
	}
	return w
}

func (w *world) find(_ context.Context, host string) (*Registry, error) {
	w.asked = append(w.asked, host)
	if a := w.sites[host]; a != nil {
		return a.Registry, nil
	}
	return nil, &storage.UpstreamError{Host: host, Err: storage.ErrDenied}
}

// noted is the Reader of a registry elsewhere: it has no abilities besides.
type noted struct {
	r storage.Reader
	a *abroad
}

// note reports false where nothing is to be asked, and it would have to be.
func (n *noted) note(ctx context.Context, byDigest bool, format string, args ...any) bool {
	n.a.mu.Lock()
	defer n.a.mu.Unlock()
	s := fmt.Sprintf(format, args...)
	if byDigest && n.a.known[s] {
		return true
	}
	if storage.IsKeptOnly(ctx) {
		return false
	}
	n.a.asked, n.a.known[s] = append(n.a.asked, s), true
	return true
}

func (n *noted) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if !n.note(ctx, true, "blob %s@%s", repo, short(d)) {
		return 0, storage.ErrNotKept
	}
	return n.r.StatBlob(ctx, repo, d)
}

func (n *noted) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if !n.note(ctx, true, "blob %s@%s", repo, short(d)) {
		return nil, storage.ErrNotKept
	}
	return n.r.OpenBlob(ctx, repo, d)
}

func (n *noted) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if !n.note(ctx, true, "manifest %s@%s", repo, short(d)) {
		return storage.Manifest{}, storage.ErrNotKept
	}
	return n.r.GetManifest(ctx, repo, d)
}

func (n *noted) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if !n.note(ctx, false, "tag %s:%.10s", repo, tag) {
		return oci.Descriptor{}, storage.ErrNotKept
	}
	return n.r.ResolveTag(ctx, repo, tag)
}

func (n *noted) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	if !n.note(ctx, false, "tags %s", repo) {
		return failed[oci.Tag](storage.ErrNotKept)
	}
	return n.r.Tags(ctx, repo, after)
}

func (n *noted) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	if !n.note(ctx, false, "referrers %s@%s", repo, short(d)) {
		return failed[oci.Descriptor](storage.ErrNotKept)
	}
	return n.r.Referrers(ctx, repo, d)
}

func (n *noted) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	n.note(ctx, false, "catalog")
	if _, err := n.r.ResolveTag(ctx, "no", "catalog"); err == nil {
		return failed[oci.Name](storage.ErrUnsupported)
	}
	return n.r.Repositories(ctx, after)
}

// takeAsked returns what was asked since the last time.
func (a *abroad) takeAsked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// TestElsewhere asks for other registries' images in all spellings. A row is a request, and the status, and where it leads or what is on the page;
// $i is the image, $l its layer, $c its configuration.
func TestElsewhere(t *testing.T) {
	w := newWorld(t, "ghcr.io", "docker.io", "registry.example:5000", "shy.example")
	var image digest.Digest
	var layers []digest.Digest
	for host, name := range map[string]string{"ghcr.io": "team/app", "docker.io": "library/ubuntu", "registry.example:5000": "app"} {
		image, layers = w.sites[host].image(name, nil, []string{tarGzip(t, "etc/", "etc/os-release=there", "bin/sh=y")}, "1", "latest")
	}
	w.sites["shy.example"].image("no", nil, nil, "catalog")
	config := manifestOf(w.sites["ghcr.io"].site, "team/app", image).Config.Digest
	w.site.image("app", nil, []string{tarGzip(t, "etc/", "etc/os-release=here")}, "1")
	w.site.image("quay.io/mine", nil, []string{tarGzip(t, "x=1")}, "1")
	w.site.image("odd.name", nil, []string{tarGzip(t, "x=1")}, "5000")
	words := strings.NewReplacer("$i", string(image), "$l", string(layers[0]), "$c", string(config))
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{"/r/ghcr.io/team/app:1", 200, "crane manifest ghcr.io/team/app:1 "},
		{"/r/ghcr.io/team/app@$i", 200, "docker pull ghcr.io/team/app@$i"},
		{"/r/ghcr.io/team/app", 200, "crane ls ghcr.io/team/app"},
		{"/r/ghcr.io/team/app?filter=LAT", 200, "the filter leaves 1"},
		{"/r/ghcr.io/team/app", 200, "only their own pages ask"},
		{"/r/ghcr.io/team/none", 404, "repository unknown"},
		{"/r/ghcr.io/team/app:2", 404, "manifest unknown"},
		{"/r/ghcr.io", 200, "crane catalog ghcr.io"},
		{"/r/ghcr.io", 200, `href="/r/ghcr.io/team/app"`},
		{"/r/shy.example", 501, "does not say which repositories it has"},
		{"/fs/ghcr.io/team/app@$l/", 200, "crane blob ghcr.io/team/app@$l"},
		{"/fs/ghcr.io/team/app@$l/etc/os-release", 200, "there"},
		{"/layers/ghcr.io/team/app:1/etc/os-release", 302, "/layers/ghcr.io/team/app@$i/etc/os-release"},
		{"/layers/ghcr.io/team/app@$i/etc/os-release", 200, "crane export ghcr.io/team/app@$i - "},
		{"/size/ghcr.io/team/app@$l", 200, "crane blob ghcr.io/team/app@$l"},
		{"/sizes/ghcr.io/team/app@$i", 200, "crane export ghcr.io/team/app@$i - "},
		{"/blob/ghcr.io/team/app@$c", 200, "crane blob ghcr.io/team/app@$c"},
		{"/referrers/ghcr.io/team/app@$i", 200, "crane auth token -H ghcr.io/team/app)&#34; -s https://ghcr.io/v2/team/app/referrers/$i"},
		{"/zurl/ghcr.io/team/app@$l/bin/sh", 200, "https://ghcr.io/v2/team/app/blobs/$l"},
		{"/cache/0/ghcr.io/team/app@$l/", 200, "crane blob ghcr.io/team/app@$l"},
		{"/diff?from=ghcr.io/team/app:1&to=app:1", 200, "diff -u &lt;(crane export ghcr.io/team/app@$i - | tar -tv | sort -k6) &lt;(crane export localhost:5000/app@"},
		{"/diff?from=app:1&to=ubuntu&path=etc/os-release", 200, "<del>"},
		{"/r/registry.example_5000/app:1", 200, "crane manifest registry.example:5000/app:1 "},
		{"/r/registry.example:5000/app:1", 301, "/r/registry.example_5000/app:1"},
		{"/fs/Registry.Example:5000/app@$l/etc/?sort=name", 301, "/fs/registry.example_5000/app@$l/etc/?sort=name"},
		{"/r/ghcr.io:443/team/app:1", 301, "/r/ghcr.io/team/app:1"},
		{"/r/docker.io/ubuntu:1", 301, "/r/docker.io/library/ubuntu:1"},
		{"/r/docker.io/ubuntu", 301, "/r/docker.io/library/ubuntu"},
		{"/r/index.docker.io/library/ubuntu@$i", 301, "/r/docker.io/library/ubuntu@$i"},
		{"/layers/docker.io/ubuntu:1/etc/x", 301, "/layers/docker.io/library/ubuntu:1/etc/x"},
		{"/layers/docker.io/ubuntu@$i/etc/x", 301, "/layers/docker.io/library/ubuntu@$i/etc/x"},
		{"/r/docker.io/library/ubuntu:1", 200, "crane manifest docker.io/library/ubuntu:1 "},
		{"/referrers/docker.io/library/ubuntu@$i", 200, "https://registry-1.docker.io/v2/library/ubuntu/referrers/$i"},
		// as people write references
		{"/?image=ghcr.io/team/app:1", 302, "/r/ghcr.io/team/app:1"},
		{"/?image=GHCR.io/team/app", 302, "/r/ghcr.io/team/app:latest"},
		{"/?image=ghcr.io/team/app@$i&jq=.config", 301, "/r/ghcr.io/team/app@$i?jq=.config"},
		{"/?image=registry.example:5000/app:1", 302, "/r/registry.example_5000/app:1"},
		{"/?image=registry.example_5000/app:1", 302, "/r/registry.example_5000/app:1"},
		{"/?image=ubuntu:22.04", 302, "/r/docker.io/library/ubuntu:22.04"},
		{"/?image=team/tool", 302, "/r/docker.io/team/tool:latest"},
		{"/?image=docker.io/ubuntu", 302, "/r/docker.io/library/ubuntu:latest"},
		{"/?image=app:7", 302, "/r/app:7"}, // what is here comes first
		{"/?image=localhost:5000/ubuntu:1", 302, "/r/ubuntu:1"},
		{"/?image=quay.io/mine:1", 302, "/r/quay.io/mine:1"},
		{"/?blob=ghcr.io/team/app@$c", 301, "/blob/ghcr.io/team/app@$c"},
		{"/?repo=ghcr.io", 302, "/r/ghcr.io"},
		{"/?repo=registry.example:5000", 302, "/r/registry.example_5000"},
		{"/?repo=ghcr.io/team/app", 302, "/r/ghcr.io/team/app"},
		{"/?repo=ubuntu", 302, "/r/docker.io/library/ubuntu"},
		{"/?referrers=ghcr.io/team/app@$i", 301, "/referrers/ghcr.io/team/app@$i"},
		{"/search?q=ghcr.io/team/app:1", 302, "/r/ghcr.io/team/app:1"},
		{"/search?q=os-release", 200, "os-release"},
		{"/", 200, `name="image"`},
		// what is here comes first, what cannot be meant is no page
		{"/r/quay.io/mine:1", 200, "crane manifest localhost:5000/quay.io/mine:1 "},
		{"/r/quay.io", 200, "/r/quay.io/mine"},
		{"/layers/odd.name:5000/x", 302, "/layers/odd.name@"},
		{"/r/localhost:5000/app:1", 301, "/r/app:1"},
		{"/r/evil.example/app:1", 403, "evil.example means no public address"},
		{"/r/localhost/app:1", 403, "localhost means no public address"},
		{"/r/169.254.169.254/latest/meta-data", 403, "169.254.169.254 means no public"},
		{"/r/127.0.0.1_22/app:1", 403, "127.0.0.1:22 means no public"},
		{"/r/evil.example", 403, "evil.example means no public"},
		{"/r/[::1]:5001/app:1", 400, "IPv6"},
		{"/?image=[::1]:5001/app:1", 400, "IPv6"},
		{"/r/a_b.c/app:1", 404, "repository unknown"},
		{"/r/nothing/app:1", 404, "repository unknown"},
		{"/?image=http://evil.example/x", 400, ""},
		{"/?image=<script>", 400, ""},
		{"/?image=evil.example/<script>", 400, ""},
	} {
		res := w.get(words.Replace(c.url))
		want, got := words.Replace(c.want), res.Header().Get("Location")
		if res.Code/100 != 3 {
			got = strings.NewReplacer("<wbr>", "").Replace(stripLinks(res.Body.String()) + res.Body.String())
		} else {
			got, want = strings.ReplaceAll(got, "%3A", ":"), strings.ReplaceAll(want, "%3A", ":")
		}
		if res.Code != c.status || !strings.Contains(got, want) {
			t.Errorf("GET %s: %d %s %s\nwant %d %s", c.url, res.Code, res.Header().Get("Location"), mainPart(got), c.status, want)
		}
	}
	if slices.Contains(w.asked, "quay.io") || slices.Contains(w.asked, "odd.name") {
		t.Errorf("a registry was looked for that has the name of a repository here: %q", w.asked)
	}
}

// TestElsewhereGolden has the pages that only other registries have, and the box of the front page.
func TestElsewhereGolden(t *testing.T) {
	w := newWorld(t, "ghcr.io")
	w.sites["ghcr.io"].image("team/app", nil, []string{tarGzip(t, "x=1")}, "1.9", "1.10", "latest", "sha256-"+strings.Repeat("0", 64)+".sig")
	golden(t, "elsewhere", w.get("/r/ghcr.io/team/app"))
	golden(t, "elsewhere-host", w.get("/r/ghcr.io"))
	golden(t, "elsewhere-refused", w.get("/r/nowhere.example/team/app:1"))
	golden(t, "elsewhere-front", w.get("/"))
}

// stripLinks leaves the text of a page.
func stripLinks(page string) string {
	var b strings.Builder
	for page != "" {
		text, rest, _ := strings.Cut(page, "<")
		b.WriteString(text)
		_, page, _ = strings.Cut(rest, ">")
	}
	return b.String()
}

// TestElsewhereOnce: a page of an image elsewhere asks for what it shows, and no more; again it asks nothing, and once the tag may have moved, for the
// tag alone.
func TestElsewhereOnce(t *testing.T) {
	w := newWorld(t, "ghcr.io")
	a := w.sites["ghcr.io"]
	image, _ := a.image("team/app", nil, []string{tarGzip(t, "a=1"), tarGzip(t, "b=1"), tarGzip(t, "c=1")}, "1")
	now := time.Now()
	a.Registry.Reader.(*recall).now = func() time.Time { return now }
	page := func(url string) []string {
		t.Helper()
		if res := w.get(url); res.Code != 200 {
			t.Fatalf("GET %s: %d\n%s", url, res.Code, res.Body)
		}
		return a.takeAsked()
	}
	if asked := page("/r/ghcr.io/team/app:1"); len(asked) > 4 || slices.ContainsFunc(asked, func(s string) bool { return strings.HasPrefix(s, "tags") }) {
		t.Errorf("the first page asked for %q", asked)
	}
	if asked := page("/referrers/ghcr.io/team/app@" + string(image)); len(asked) != 4 { // cosign's tags, and that of clients
		t.Errorf("what refers to it was looked for at %q", asked)
	}
	for _, url := range []string{"/r/ghcr.io/team/app:1", "/r/ghcr.io/team/app@" + string(image), "/referrers/ghcr.io/team/app@" + string(image)} {
		if asked := page(url); len(asked) != 0 {
			t.Errorf("again, %s asked for %q", url, asked)
		}
	}
	now = now.Add(recallTags)
	if asked := page("/r/ghcr.io/team/app:1"); !slices.Equal(asked, []string{"tag team/app:1"}) {
		t.Errorf("a while later it asked for %q", asked)
	}
	now = now.Add(recallTags)
	if asked := page("/r/ghcr.io/team/app@" + string(image)); len(asked) != 0 {
		t.Errorf("by digest it asked for %q", asked)
	}
	if asked := page("/r/ghcr.io/team/app"); !slices.Equal(asked, []string{"tags team/app"}) {
		t.Errorf("the tags asked for %q", asked)
	}
}

// TestElsewhereRealms: that a registry says it has something shows nothing that was read for others; anybody can have a registry.
func TestElsewhereRealms(t *testing.T) {
	w := newWorld(t, "liar.example", "ghcr.io")
	secret := []string{tarGzip(t, "secret-file=here")}
	_, layers := w.site.image("private", nil, secret, "1")
	for _, url := range []string{"/fs/private@$l/", "/size/private@$l"} {
		if res := w.get(strings.ReplaceAll(url, "$l", string(layers[0]))); !strings.Contains(res.Body.String(), "secret-file") {
			t.Fatalf("GET %s: %d", url, res.Code)
		}
	}
	liar := w.sites["liar.example"]
	liar.Registry.Reader = &liarsReader{Reader: liar.Registry.Reader, size: int64(len(secret[0]))}
	for _, url := range []string{"/fs/liar.example/x@$l/", "/size/liar.example/x@$l", "/fs/liar.example/x@$l/secret-file", "/cache/0/liar.example/x@$l/", "/diff?from=liar.example/x@$l&to=liar.example/x@$l"} {
		res := w.get(strings.ReplaceAll(url, "$l", string(layers[0])))
		if res.Code == http.StatusOK && strings.Contains(res.Body.String(), "secret-file") {
			t.Errorf("GET %s shows what somebody else has", url)
		}
	}
}

// liarsReader says that it has everything, and gives nothing of it.
type liarsReader struct {
	storage.Reader
	size int64
}

func (l *liarsReader) StatBlob(context.Context, oci.Name, digest.Digest) (int64, error) {
	return l.size, nil
}

func (l *liarsReader) ResolveTag(context.Context, oci.Name, oci.Tag) (oci.Descriptor, error) {
	return oci.Descriptor{MediaType: oci.MediaTypeImageManifest}, nil
}

// TestElsewhereAsksHere: whoever may not pull a name here does not get it from elsewhere by way of here.
func TestElsewhereAsksHere(t *testing.T) {
	w := newWorld(t, "ghcr.io")
	w.sites["ghcr.io"].image("team/app", nil, []string{tarGzip(t, "x=1")}, "1")
	for _, refusal := range []error{storage.ErrNoIdentity, storage.ErrDenied} {
		w.Handler = New(&barred{memory.New(), refusal}, &Options{Elsewhere: w.find})
		for url, want := range map[string]int{"/r/ghcr.io/team/app:1": 0, "/r/ghcr.io/team/app": 0, "/?image=ghcr.io/team/app:1": 302} {
			if want == 0 {
				want = map[error]int{storage.ErrNoIdentity: 401, storage.ErrDenied: 403}[refusal]
			}
			if res := w.get(url); res.Code != want {
				t.Errorf("%v: GET %s: %d, want %d", refusal, url, res.Code, want)
			}
		}
	}
	if len(w.asked) != 0 {
		t.Errorf("other registries were looked for: %q", w.asked)
	}
}

// barred is a registry that nobody may pull from.
type barred struct {
	storage.Store
	err error
}

func (b *barred) Tags(context.Context, oci.Name, oci.Tag) iter.Seq2[oci.Tag, error] {
	return failed[oci.Tag](b.err)
}

func (b *barred) DatedTags(context.Context, oci.Name) iter.Seq2[storage.DatedTag, error] {
	return failed[storage.DatedTag](b.err)
}

func (b *barred) ResolveTag(context.Context, oci.Name, oci.Tag) (oci.Descriptor, error) {
	return oci.Descriptor{}, b.err
}
