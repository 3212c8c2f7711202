package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/pullthrough"
)

// TestThroughTTL counts what a tag costs when it is to be looked at again, and what the first blob of all does.
func TestThroughTTL(t *testing.T) {
	layer := layerOf(100_000)
	b := newBehind(t, pullthrough.Options{IndexTTL: -1})
	b.token = true
	m := b.image(t, "library/app", layer, "1")
	d := digest.FromBytes(layer)
	blob := "GET library/app/blobs/" + string(d)
	b.want(t, "GET hub/library/app/blobs/"+string(d), "200")
	b.wantAsked(t, "the first blob of all", blob, "GET /token", blob)
	b.settle(t, d)
	b.want(t, "GET hub/library/app/manifests/1", "200")
	b.wantAsked(t, "cold", "HEAD library/app/manifests/1", "GET library/app/manifests/"+string(m.Digest))
	for range 3 {
		if res, _ := b.want(t, "GET hub/library/app/manifests/1", "200"); res.Header.Get("Cache-Status") != "vitrine; fwd=stale" {
			t.Errorf("after its time: Cache-Status %q", res.Header.Get("Cache-Status"))
		}
		b.wantAsked(t, "after its time", "HEAD library/app/manifests/1")
	}
	next := b.image(t, "library/app", layer, "2")
	if err := b.content.SetTag(t.Context(), "library/app", "1", next.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	if res, _ := b.want(t, "HEAD hub/library/app/manifests/1", "200"); res.Header.Get("Docker-Content-Digest") != string(next.Digest) {
		t.Errorf("the tag has moved: HEAD says %v", res.Header)
	}
	b.wantAsked(t, "a tag that has moved", "HEAD library/app/manifests/1")
}

// TestThroughTrouble has upstream fail in all ways. Clients are told what happened, of what was never kept, and nothing that would make them log in here.
func TestThroughTrouble(t *testing.T) {
	for _, tt := range []struct {
		answer string // of upstream: its status, a header, its body; "": it breaks the connection
		want   string
		says   string // in the message; "HOST" is upstream's
		after  string // Retry-After
	}{
		{"", "502 UNKNOWN", "bad gateway: HOST did not answer", ""},
		{"500||secret", "502 UNKNOWN", "bad gateway: HOST answered 500", ""},
		{"503|Retry-After: 70|secret", "502 UNKNOWN", "bad gateway: HOST answered 503", "70"},
		{"504||", "504 UNKNOWN", "gateway timeout: HOST answered 504", ""},
		{"200|Content-Type: text/html|<html>secret", "502 UNKNOWN", "bad gateway: HOST answered 200 with what cannot be used", ""},
		{"429|Retry-After: 70|{}", "429 TOOMANYREQUESTS", "HOST answered 429: too many requests", "70"},
		{"429||", "429 TOOMANYREQUESTS", "HOST answered 429: too many requests", "1"},
		{`401|WWW-Authenticate: Basic realm="secret"|{"errors":[{"code":"UNAUTHORIZED","message":"secret"}]}`, "404 NAME_UNKNOWN", "HOST answered 401: manifest unknown: it is not there, or not shown to us", ""},
		{"401||", "404 NAME_UNKNOWN", "HOST answered 401: manifest unknown: it is not there, or not shown to us", ""},
		{`403||{"errors":[{"code":"DENIED","message":"blocked in your country"}]}`, "403 DENIED", "HOST answered 403: access denied", ""},
		{`404||{"errors":[{"code":"NAME_UNKNOWN","message":"gone"}]}`, "404 NAME_UNKNOWN", "HOST answered 404", ""},
	} {
		t.Run(tt.answer, func(t *testing.T) {
			b := newBehind(t, pullthrough.Options{})
			b.fail = func(w http.ResponseWriter, _ *http.Request) bool { return fails(w, tt.answer) }
			host := strings.TrimPrefix(b.upstream.URL, "http://")
			res, body := b.want(t, "GET hub/library/app/manifests/1", tt.want)
			says := strings.ReplaceAll(tt.says, "HOST", host)
			if !strings.Contains(body, says) || strings.Contains(body, "secret") || res.Header.Get("Retry-After") != tt.after || res.Header["Www-Authenticate"] != nil {
				t.Errorf("want %q, Retry-After %q; got %v %s", says, tt.after, res.Header, body)
			}
			b.want(t, "HEAD hub/library/app/manifests/1", tt.want[:3])
		})
	}
}

// fails answers in place of upstream.
func fails(w http.ResponseWriter, answer string) bool {
	if answer == "" {
		panic(http.ErrAbortHandler)
	}
	parts := strings.SplitN(answer, "|", 3)
	if k, v, ok := strings.Cut(parts[1], ": "); ok {
		w.Header().Set(k, v)
	}
	var status int
	fmt.Sscan(parts[0], &status)
	w.WriteHeader(status)
	io.WriteString(w, parts[2])
	return true
}

// TestThroughRefused looks at all that can be asked of a repository that upstream does not show us: only a list of referrers must not seem to be empty.
func TestThroughRefused(t *testing.T) {
	b := newBehind(t, pullthrough.Options{})
	b.fail = func(w http.ResponseWriter, _ *http.Request) bool { return fails(w, "401||") }
	d := string(digest.FromString("any"))
	for call, want := range map[string]string{
		"manifests/" + d: "404 NAME_UNKNOWN", "blobs/" + d: "404 BLOB_UNKNOWN", "tags/list": "404 NAME_UNKNOWN", "referrers/" + d: "403 DENIED",
	} {
		b.want(t, "GET hub/library/app/"+call, want)
		b.want(t, "HEAD hub/library/app/"+call, want[:3])
	}
}

// TestThroughStale has upstream fail when all is kept and due to be looked at again. What is kept is served, and clients are told.
func TestThroughStale(t *testing.T) {
	layer := layerOf(100_000)
	d := digest.FromBytes(layer)
	b := newBehindWith(t, pullthrough.Options{IndexTTL: -1, FileTTL: time.Nanosecond}, remote.Options{Remember: -1})
	m := b.image(t, "library/app", layer, "1")
	calls := []string{"GET manifests/1", "HEAD manifests/1", "GET manifests/" + string(m.Digest), "HEAD manifests/" + string(m.Digest), "GET blobs/" + string(d), "HEAD blobs/" + string(d),
		"GET blobs/" + string(d) + " | Range: bytes=1-2", "GET tags/list", "GET referrers/" + string(m.Digest)}
	each := func(with func(res *http.Response, call string)) {
		for _, call := range calls {
			method, path, _ := strings.Cut(call, " ")
			want := "200"
			if strings.Contains(call, "Range") {
				want = "206"
			}
			res, _ := b.want(t, method+" hub/library/app/"+path, want)
			with(res, call)
		}
	}
	each(func(res *http.Response, call string) {
		if w := res.Header["Warning"]; w != nil {
			t.Errorf("%s: warnings %q while all is well", call, w)
		}
	})
	b.settled(t, d)
	host := strings.TrimPrefix(b.upstream.URL, "http://")
	b.set(func() {
		b.fail = func(w http.ResponseWriter, _ *http.Request) bool { return fails(w, "503|Retry-After: 3600|") }
	})
	each(func(res *http.Response, call string) {
		want := []string{`110 - "Response is Stale"`, fmt.Sprintf(`299 - "hub: %s answered 503: this is what was kept"`, host)}
		if got := res.Header["Warning"]; !slices.Equal(got, want) {
			t.Errorf("%s: warnings %q, want %q", call, got, want)
		}
	})
	if res, _ := b.want(t, "GET all/library/app/manifests/1", "200"); len(res.Header["Warning"]) != 2 {
		t.Errorf("by a virtual repository: warnings %q", res.Header["Warning"])
	}
	b.want(t, "GET hub/library/app/manifests/2", "502 UNKNOWN")
}

// settled waits until the local store has the blob.
func (b *behind) settled(t *testing.T, d digest.Digest) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := b.local.StatBlob(t.Context(), "hub/library/app", d); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not kept", d)
		}
	}
}

// TestThroughVirtual has one of two members not answer: what the other has is an answer, with a warning.
func TestThroughVirtual(t *testing.T) {
	b := newBehind(t, pullthrough.Options{})
	b.fail = func(w http.ResponseWriter, _ *http.Request) bool { return fails(w, "500||") }
	layer := []byte("layer")
	d := digest.FromBytes(layer)
	if err := storage.PutBlob(t.Context(), b.local, "team/app", d, bytes.NewReader(layer)); err != nil {
		t.Fatal(err)
	}
	m := manifestOf(t, d, len(layer))
	if err := b.local.PutManifest(t.Context(), "team/app", m); err != nil {
		t.Fatal(err)
	}
	want := []string{`299 - "hub did not answer and was passed over"`}
	for _, call := range []string{"GET all/app/tags/list", "GET all/app/referrers/" + string(d)} {
		if res, _ := b.want(t, call, "200"); !slices.Equal(res.Header["Warning"], want) {
			t.Errorf("%s: warnings %q, want %q", call, res.Header["Warning"], want)
		}
	}
	if res, _ := b.want(t, "GET all/app/manifests/"+string(m.Digest), "200"); res.Header["Warning"] != nil {
		t.Errorf("the first member has it: warnings %q", res.Header["Warning"])
	}
	b.want(t, "GET all/other/manifests/1", "502 UNKNOWN")
}

// TestThroughPatterns asks for what is not let through: refused, with a reason, before anybody looks whether it is there.
func TestThroughPatterns(t *testing.T) {
	layer := layerOf(1000)
	d := string(digest.FromBytes(layer))
	b := newBehind(t, pullthrough.Options{Include: []*regexp.Regexp{regexp.MustCompile("^library/")}})
	b.image(t, "library/app", layer, "1")
	m := string(b.image(t, "secret/app", layer, "1").Digest)
	for _, content := range []storage.Store{b.content, b.local} { // also what is kept from before
		if err := storage.PutBlob(t.Context(), content, "hub/secret/app", digest.Digest(d), bytes.NewReader(layer)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"manifests/1", "manifests/" + m, "blobs/" + d, "tags/list", "referrers/" + m} {
		for _, method := range []string{"GET", "HEAD"} {
			_, body := b.want(t, method+" hub/secret/app/"+path, map[string]string{"GET": "403 DENIED", "HEAD": "403"}[method])
			if method == "GET" && !strings.Contains(body, "secret/app is none of the names that are let through") {
				t.Errorf("GET %s is told %s", path, body)
			}
		}
	}
	b.want(t, "POST team/app/blobs/uploads/?from=hub/secret/app&mount="+d, "202")
	b.wantAsked(t, "what is not let through")
	b.want(t, "GET hub/library/app/manifests/1", "200")
	if _, body := b.want(t, "GET _catalog", "200"); body != `{"repositories":["all/library/app","hub/library/app"]}` {
		t.Errorf("the catalog is %s", body)
	}
}

// TestThroughOffline has the other registry switched off: nobody asks it, and clients are told why.
func TestThroughOffline(t *testing.T) {
	b := newBehind(t, pullthrough.Options{Offline: true})
	layer := []byte("layer")
	m := manifestOf(t, digest.FromBytes(layer), len(layer))
	if err := b.local.PutManifest(t.Context(), "hub/library/app", m); err != nil {
		t.Fatal(err)
	}
	if err := b.local.SetTag(t.Context(), "hub/library/app", "1", m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string][]string{
		"GET hub/library/app/manifests/1":                   {`110 - "Response is Stale"`, `299 - "hub: the registry behind it is switched off here: this is what was kept"`},
		"GET hub/library/app/manifests/" + string(m.Digest): nil,
	} {
		if res, _ := b.want(t, call, "200"); !slices.Equal(res.Header["Warning"], want) || res.Header.Get("Cache-Status") != "vitrine; hit" {
			t.Errorf("%s: warnings %q, want %q; Cache-Status %q", call, res.Header["Warning"], want, res.Header.Get("Cache-Status"))
		}
	}
	if _, body := b.want(t, "GET hub/library/app/manifests/2", "502 UNKNOWN"); !strings.Contains(body, "bad gateway: the registry behind it is switched off here") {
		t.Errorf("what is not kept: %s", body)
	}
	b.want(t, "GET hub/library/app/blobs/"+string(digest.FromBytes(layer)), "502 UNKNOWN")
	b.wantAsked(t, "while it is switched off")
}
