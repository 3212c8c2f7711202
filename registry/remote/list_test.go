package remote

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// collect reads a sequence to its end.
func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T, err error) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// lister answers a list of tags in pages of n, in the order of tags, as registries do it that go by position: what follows "last", in that order.
func lister(n int, tags ...string) answerFunc {
	return func(w http.ResponseWriter, r *http.Request) bool {
		rest := tags
		if last := r.URL.Query().Get("last"); last != "" {
			rest = tags[min(slices.Index(tags, last)+1, len(tags)):]
		}
		page := rest[:min(n, len(rest))]
		if len(page) < len(rest) {
			w.Header().Set("Link", fmt.Sprintf(`<http://internal.example/v2/library/app/tags/list?last=%s&n=%d>; rel="next"`, page[len(page)-1], n))
		}
		return says(200, `{"name":"x","tags":["`+strings.Join(page, `","`)+`"]}`)(w, r)
	}
}

// TestTags: pages are followed on the registry's own host, and what comes is in byte order whatever the registry thinks of it.
func TestTags(t *testing.T) {
	f := start(t)
	for _, tt := range []struct {
		name     string
		answer   answerFunc
		after    oci.Tag
		want     string
		requests int
	}{
		{"one page", lister(9, "a", "b", "c"), "", "a b c", 1},
		{"one page in no order", lister(9, "c", "a", "b"), "", "a b c", 1},
		{"one page, behind one", lister(9, "c", "a", "b"), "a", "b c", 1}, // c is before a, to this registry
		{"pages", lister(2, "a", "b", "c", "d", "e"), "", "a b c d e", 3},
		{"pages, behind one", lister(2, "a", "b", "c", "d", "e"), "c", "d e", 2},
		{"pages in no order", lister(2, "e", "d", "c", "b", "a"), "", "a b c d e", 4},
		{"pages in no order, behind one", lister(2, "e", "d", "c", "b", "a"), "b", "c d e", 4},
		{"none", says(200, `{"name":"x","tags":null}`), "", "", 1},
		{"no tags at all", says(200, `{}`), "", "", 1},
		{"some that are none", says(200, `{"tags":["ok","../x","","a b","-x","`+strings.Repeat("x", 200)+`"]}`), "", "ok", 1},
		{"twice", says(200, `{"tags":["a","a"]}`), "", "a a", 1},
		{"n is too much", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has("n") {
				return says(400, `{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}`)(w, r)
			}
			return lister(9, "a", "b")(w, r)
		}, "", "a b", 2},
	} {
		f.fail(tt.answer)
		f.times0()
		r := f.client(Options{})
		got, err := collect(t, r.Tags(t.Context(), app, tt.after))
		text := strings.Trim(fmt.Sprint(got), "[]")
		if err != nil || text != tt.want || f.times() != tt.requests {
			t.Errorf("%s: %q, %v, %d requests; want %q, %d", tt.name, text, err, f.times(), tt.want, tt.requests)
		}
	}
}

// TestUnsortedIsLearned: a registry that turns out not to sort is read whole from then on, and while that is found out nothing is lost.
func TestUnsortedIsLearned(t *testing.T) {
	f := start(t)
	f.fail(lister(2, "a", "c", "b", "d", "B"))
	r := f.client(Options{})
	got, err := collect(t, r.Tags(t.Context(), app, ""))
	slices.Sort(got)
	if err != nil || fmt.Sprint(got) != "[B a b c d]" {
		t.Errorf("at first: %v, %v", got, err)
	}
	for after, want := range map[oci.Tag]string{"": "[B a b c d]", "b": "[c d]", "zzz": "[]"} {
		if got, err := collect(t, r.Tags(t.Context(), app, after)); err != nil || fmt.Sprint(got) != want {
			t.Errorf("later, after %q: %v, %v, want %s", after, got, err, want)
		}
	}
}

// TestListsStop: whoever has enough costs no more pages.
func TestListsStop(t *testing.T) {
	f := start(t)
	f.fail(lister(2, "a", "b", "c", "d", "e", "f"))
	for range f.client(Options{}).Tags(t.Context(), app, "") {
		break
	}
	if f.times() != 1 {
		t.Errorf("%d requests", f.times())
	}
}

// TestListsAreBounded: many large pages are too much.
func TestListsAreBounded(t *testing.T) {
	f := start(t)
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		n, _ := strconv.Atoi(r.URL.Query().Get("last"))
		w.Header().Set("Link", fmt.Sprintf(`</v2/library/app/tags/list?last=%d>; rel="next"`, n+1))
		return says(200, fmt.Sprintf(`{"x":"%s","tags":["t%05d"]}`, strings.Repeat("x", maxListPage-100), n))(w, r)
	})
	got, err := collect(t, f.client(Options{}).Tags(t.Context(), app, ""))
	if !errors.Is(err, storage.ErrUpstream) || len(got) > 5 {
		t.Errorf("%d tags, %v", len(got), err)
	}
}

// TestRepositories: what a catalog says, or that there is none for us.
func TestRepositories(t *testing.T) {
	f := start(t)
	f.image(app, "m")
	f.image(other, "m")
	r := f.client(Options{})
	if got, err := collect(t, r.Repositories(t.Context(), app)); err != nil || fmt.Sprint(got) != "[library/other]" {
		t.Errorf("%v, %v", got, err)
	}
	for status, want := range map[int]error{401: storage.ErrUnsupported, 403: storage.ErrUnsupported, 404: storage.ErrUnsupported, 405: storage.ErrUnsupported,
		501: storage.ErrUnsupported, 429: storage.ErrTooMany, 500: storage.ErrUpstream} {
		f.fail(says(status, ""))
		if _, err := collect(t, r.Repositories(t.Context(), "")); !errors.Is(err, want) || want == storage.ErrUnsupported && errors.Is(err, storage.ErrNoIdentity) {
			t.Errorf("%d: %v, want %v", status, err, want)
		}
	}
}

// index is an index of referrers with these digests.
func index(ds ...digest.Digest) string {
	var all []string
	for _, d := range ds {
		all = append(all, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":5,"artifactType":"a/b","annotations":{"x":"y"}}`, oci.MediaTypeImageManifest, d))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.MediaTypeImageIndex, strings.Join(all, ","))
}

// TestReferrers: by the API in all its pages, or by the tag that clients keep.
func TestReferrers(t *testing.T) {
	one, two, three := digest.FromString("1"), digest.FromString("2"), digest.FromString("3")
	subject := digest.FromString("subject")
	api, tag := "/v2/library/app/referrers/"+subject.String(), "/v2/library/app/manifests/sha256-"+subject.Encoded()
	const unknown = `{"errors":[{"code":"NAME_UNKNOWN"}]}`
	for _, tt := range []struct {
		name    string
		answers map[string]answerFunc
		want    []digest.Digest
		first   int // requests
		second  int
	}{
		{"the API", map[string]answerFunc{api: says(200, index(one, two), "Content-Type: "+oci.MediaTypeImageIndex)}, []digest.Digest{one, two}, 1, 1},
		{"the API, none", map[string]answerFunc{api: says(200, index(), "Content-Type: "+oci.MediaTypeImageIndex)}, nil, 1, 1},
		{"the API, pages", map[string]answerFunc{
			api:             says(200, index(three, one), "Link: <"+api+"?page=2>; rel=\"next\""),
			api + "?page=2": says(200, index(two, one)),
		}, []digest.Digest{one, two, three}, 2, 2},
		{"no API, no tag", map[string]answerFunc{}, nil, 2, 1},
		{"no API", map[string]answerFunc{tag: says(200, index(two))}, []digest.Digest{two}, 2, 1},
		{"no API, by 405", map[string]answerFunc{api: says(405, ""), tag: says(200, index(two))}, []digest.Digest{two}, 2, 1},
		{"no API, by a page", map[string]answerFunc{api: says(200, "<html>", "Content-Type: text/html"), tag: says(200, index(two))}, []digest.Digest{two}, 2, 2},
		{"no repository", map[string]answerFunc{api: says(404, unknown), tag: says(404, unknown)}, nil, 2, 2},
	} {
		f := start(t)
		f.fail(func(w http.ResponseWriter, r *http.Request) bool {
			if a := tt.answers[r.URL.RequestURI()]; a != nil {
				return a(w, r)
			}
			return says(404, "404 page not found")(w, r)
		})
		r := f.client(Options{})
		want := slices.Clone(tt.want)
		slices.Sort(want)
		for _, requests := range []int{tt.first, tt.second} {
			f.times0()
			got, err := collect(t, r.Referrers(t.Context(), app, subject))
			var ds []digest.Digest
			for _, d := range got {
				ds = append(ds, d.Digest)
				if d.ArtifactType != "a/b" || d.Annotations["x"] != "y" {
					t.Errorf("%s: %+v", tt.name, d)
				}
			}
			if err != nil || !slices.Equal(ds, want) || f.times() != requests {
				t.Errorf("%s: %v, %v, %d requests; want %v, %d", tt.name, ds, err, f.times(), want, requests)
			}
		}
	}
}
