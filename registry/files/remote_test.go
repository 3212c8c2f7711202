package files_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/registry/files"
	"vitrine/registry/remote"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// upstream is another server of files, that may misbehave.
type upstream struct {
	url      string
	patience time.Duration // that a client of it has, 0: more than any machine is slow

	mu    sync.Mutex
	files map[string]string // content by path
	fault func(w http.ResponseWriter, r *http.Request, content string) bool
	log   []string
}

func startUpstream(t *testing.T, contents ...string) *upstream {
	t.Helper()
	u := &upstream{files: map[string]string{}}
	for _, c := range contents {
		path, content, _ := strings.Cut(c, "=")
		u.files[path] = content
	}
	srv := httptest.NewServer(u)
	t.Cleanup(srv.Close)
	u.url = srv.URL
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	u.mu.Lock()
	content, ok := u.files[path]
	fault := u.fault
	u.log = append(u.log, r.Method+" "+path)
	u.mu.Unlock()
	if fault != nil && fault(w, r, content) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Etag", `"`+sum(content)[:8]+`"`)
	w.Header().Set("Content-Type", "application/x-thing")
	http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), strings.NewReader(content))
}

// put gives a path another content, and break_ a fault to all that is asked from now on.
func (u *upstream) put(path, content string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.files[path] = content
}

func (u *upstream) breaks(fault func(w http.ResponseWriter, r *http.Request, content string) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = fault
}

func (u *upstream) requests() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := strings.Join(u.log, "|")
	u.log = nil
	return s
}

// through returns a remote repository over u.
func (u *upstream) through(t *testing.T, s *memory.Store, name oci.Name, o pullthrough.FilesOptions) *pullthrough.Files {
	t.Helper()
	c, err := remote.NewFiles(u.url, &remote.Options{PlainHTTP: []string{strings.TrimPrefix(u.url, "http://")}, Retries: 1, RetryDelay: time.Millisecond,
		HeaderTimeout: cmp.Or(u.patience, time.Minute), StallTimeout: cmp.Or(u.patience, time.Minute), MaxFile: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	o.Rule = func(path string) pullthrough.Rule { return pullthrough.Rule{Class: files.Generic.Class(path)} }
	o.NegativeTTL = -1
	f := pullthrough.NewFiles(s, name, c, &o)
	t.Cleanup(func() { f.Close() })
	return f
}

func remoteSite(t *testing.T, u *upstream, o pullthrough.FilesOptions, patterns ...string) *site {
	t.Helper()
	var include []*regexp.Regexp
	for _, p := range patterns {
		include = append(include, regexp.MustCompile(p))
	}
	s := memory.New()
	r := files.Filter(u.through(t, s, "hub", o), files.Generic, include)
	return serve(t, s, []files.Repository{{Name: "hub", Type: files.RemoteType, Package: files.Generic, Reader: r}}, nil)
}

func TestRemote(t *testing.T) {
	u := startUpstream(t, "a/x.zip=content", "latest.json={}", "c++~1^2.zip=plus")
	s := remoteSite(t, u, pullthrough.FilesOptions{Floor: time.Nanosecond})
	for _, tt := range []struct {
		call, want string // status, Cache-Status
		asked      string
	}{
		{"HEAD /files/hub/a/x.zip", "200 fwd=miss", "HEAD a/x.zip"},
		{"GET /files/hub/a/x.zip", "200 fwd=miss; stored", "GET a/x.zip"},
		{"GET /files/hub/a/x.zip", "200 hit", ""},
		{"HEAD /files/hub/a/x.zip", "200 hit", ""},
		{"GET /api/v1/remote/hub/a/x.zip", "200 hit", ""},
		{"GET /api/v1/local/hub/a/x.zip", "404 ", ""},
		{"GET /files/hub/a/x.zip -H Cache-Control: no-cache", "200 hit", ""},
		{"GET /files/hub/latest.json", "200 fwd=miss; stored", "GET latest.json"},
		{"GET /files/hub/latest.json", "200 hit", ""},
		{"GET /files/hub/latest.json -H Cache-Control: no-cache", "200 fwd=stale; fwd-status=304", "GET latest.json"},
		{"GET /files/hub/latest.json -H Pragma: no-cache", "200 fwd=stale; fwd-status=304", "GET latest.json"},
		{"GET /files/hub/c%2b%2b~1%5e2.zip", "200 fwd=miss; stored", "GET c++~1^2.zip"},
		{"GET /files/hub/c++~1^2.zip", "200 hit", ""},
		{"GET /files/hub/none.zip", "404 ", "GET none.zip"},
		{"GET /files/hub/a", "302 ", "GET a"},
		{"GET /files/hub/a/../x", "400 ", ""},
		{"PUT /files/hub/a/x.zip -d other", "405 ", ""},
		{"DELETE /files/hub/a/x.zip", "405 ", ""},
	} {
		time.Sleep(2 * time.Millisecond) // times are kept in milliseconds
		r := s.do(tt.call)
		status := strings.TrimPrefix(r.Header.Get("Cache-Status"), "vitrine; ")
		if got := fmt.Sprint(r.StatusCode, " ", status); !strings.HasPrefix(got, tt.want) || tt.want[len(tt.want)-1] == ' ' && status != "" {
			t.Errorf("%s = %s %.200s, want %s", tt.call, got, r.body, tt.want)
		}
		if asked := u.requests(); asked != tt.asked {
			t.Errorf("%s: upstream was asked %q, want %q", tt.call, asked, tt.asked)
		}
	}
	r := s.want("GET /files/hub/a/x.zip", 200)
	if got := r.line("Etag", "Last-Modified", "Content-Type", "X-Checksum-Sha256", "Cache-Control"); r.body != "content" ||
		got != `200 Etag="`+sum("content")[:8]+`" Last-Modified=Tue, 14 Nov 2023 22:13:20 GMT Content-Type=application/x-thing X-Checksum-Sha256=`+sum("content")+" Cache-Control=max-age=3600" {
		t.Errorf("%s, body %q", got, r.body)
	}
	if r := s.want("PUT /files/hub/a -d x", 405); !strings.Contains(r.body, "hub is a remote repository") || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("PUT = %s, Allow: %s", r.body, r.Header.Get("Allow"))
	}
	if r := s.want("GET /files/hub/a/x.zip -H Authorization: Basic eDp5", 200); r.Header.Get("Cache-Control") != "private, max-age=3600" {
		t.Errorf("Cache-Control of who has a name: %s", r.Header.Get("Cache-Control"))
	}
	if r := s.want("GET /files/hub/a/x.zip?sha256", 200); r.body != sum("content")+"  x.zip\n" {
		t.Errorf("?sha256 = %q", r.body)
	}
}

// TestRemoteSum: the digest of a file that is not here yet is told all the same.
func TestRemoteSum(t *testing.T) {
	s := remoteSite(t, startUpstream(t, "a.zip=content"), pullthrough.FilesOptions{})
	if r := s.want("GET /files/hub/a.zip?sha256", 200); r.body != sum("content")+"  a.zip\n" {
		t.Errorf("?sha256 = %q", r.body)
	}
}

func TestIncludePatterns(t *testing.T) {
	u := startUpstream(t, "tools/a.zip=a", "other/b.zip=b", "other/latest.json={}")
	s := remoteSite(t, u, pullthrough.FilesOptions{}, `^tools/`, `^hub/full/`)
	for _, tt := range []struct {
		call, asked string
		status      int
	}{
		{"GET /files/hub/tools/a.zip", "GET tools/a.zip", 200},
		{"GET /files/hub/other/b.zip", "", 403},
		{"HEAD /files/hub/other/b.zip", "", 403},
		{"GET /files/hub/other/b.zip?sha256", "", 403},
		{"GET /files/hub/full/c.zip", "GET full/c.zip", 404},
		{"GET /files/hub/other/latest.json", "GET other/latest.json", 200}, // an index
	} {
		s.want(tt.call, tt.status)
		if asked := u.requests(); asked != tt.asked {
			t.Errorf("%s: upstream was asked %q, want %q", tt.call, asked, tt.asked)
		}
	}
	if r := s.want("GET /files/hub/?format=json", 200); !strings.Contains(r.body, `"tools/"`) {
		t.Errorf("the listing is %s", r.body)
	}
}

// TestRemoteDown: what is kept is served with a warning, what is not is an error that says whose it is.
func TestRemoteDown(t *testing.T) {
	u := startUpstream(t, "a.zip=a", "latest.json={}")
	s := remoteSite(t, u, pullthrough.FilesOptions{IndexTTL: -1, Patience: 50 * time.Millisecond})
	s.want("GET /files/hub/a.zip", 200)
	s.want("GET /files/hub/latest.json", 200)
	for _, tt := range []struct {
		name  string
		fault func(w http.ResponseWriter, r *http.Request, content string) bool
		cold  int
	}{
		{"500", func(w http.ResponseWriter, r *http.Request, _ string) bool { http.Error(w, "secret", 500); return true }, 502},
		{"429", func(w http.ResponseWriter, r *http.Request, _ string) bool {
			w.Header().Set("Retry-After", "70")
			http.Error(w, "", 429)
			return true
		}, 429},
	} {
		u.breaks(tt.fault)
		if r := s.want("GET /files/hub/cold.zip", tt.cold); strings.Contains(r.body, "secret") || r.Header.Get("Etag") != "" {
			t.Errorf("%s: %s", tt.name, r.body)
		}
		if r := s.want("GET /files/hub/a.zip", 200); r.body != "a" || r.Header.Get("Warning") != "" {
			t.Errorf("%s: %q with Warning %q", tt.name, r.body, r.Header.Get("Warning"))
		}
		r := s.want("GET /files/hub/latest.json", 200)
		if r.body != "{}" || !strings.HasPrefix(r.Header.Get("Warning"), "110 - ") || r.Header.Get("Age") == "" {
			t.Errorf("%s: %q with %s", tt.name, r.body, r.line("Warning", "Age"))
		}
	}
}

// TestRemoteSilent: who does not answer is not waited for for ever.
func TestRemoteSilent(t *testing.T) {
	u := startUpstream(t)
	u.patience = 50 * time.Millisecond
	u.breaks(func(w http.ResponseWriter, r *http.Request, _ string) bool { <-r.Context().Done(); return true })
	remoteSite(t, u, pullthrough.FilesOptions{}).want("GET /files/hub/cold.zip", 504)
}

// TestFaults: whatever upstream does, a client that believes that it has the file has the right one, and so has who comes after.
func TestFaults(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<14) // 256 KiB
	other := startUpstream(t, "signed="+content)
	page := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>Please log in</html>")
	}
	cut := func(tenths int) func(http.ResponseWriter, *http.Request, string) bool {
		return func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			io.WriteString(w, content[:len(content)*tenths/10])
			panic(http.ErrAbortHandler)
		}
	}
	type fault = func(w http.ResponseWriter, r *http.Request, content string) bool
	type kind struct {
		name  string
		fault fault
		heals bool // the file comes whole in spite of it
	}
	kinds := []kind{
		{"a page", func(w http.ResponseWriter, r *http.Request, _ string) bool { page(w); return true }, false},
		{"endless", func(w http.ResponseWriter, r *http.Request, _ string) bool {
			for chunk := bytes.Repeat([]byte("x"), 1<<16); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					break
				}
			}
			return true
		}, false},
		{"slow", func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			io.WriteString(w, content[:1000])
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		}, false},
		{"404", func(w http.ResponseWriter, r *http.Request, _ string) bool { http.NotFound(w, r); return true }, false},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ string) bool {
			http.Redirect(w, r, other.url+"/signed?key=secret", 302)
			return true
		}, true},
		{"redirect to nowhere", func(w http.ResponseWriter, r *http.Request, _ string) bool { w.WriteHeader(302); return true }, false},
	}
	for tenths := range 10 {
		if tenths == 5 { // it takes a second
			kinds = append(kinds, kind{fmt.Sprintf("cut at %d0 %%", tenths), cut(tenths), false})
		}
		var once sync.Once
		kinds = append(kinds,
			kind{fmt.Sprintf("cut at %d0 %% once", tenths), func(w http.ResponseWriter, r *http.Request, content string) (broken bool) {
				once.Do(func() { broken = true })
				if broken {
					w.Header().Set("Etag", `"`+sum(content)[:8]+`"`)
					cut(tenths)(w, r, content)
				}
				return false
			}, true})
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			u := startUpstream(t, "a.zip="+content)
			u.breaks(k.fault)
			if k.name == "slow" {
				u.patience = 50 * time.Millisecond
			}
			s := remoteSite(t, u, pullthrough.FilesOptions{})
			r := s.do("GET /files/hub/a.zip")
			whole := r.StatusCode == 200 && r.body == content
			if r.StatusCode == 200 && !whole && !strings.Contains(r.body, " broken: ") {
				t.Errorf("%d bytes look like a file", len(r.body))
			}
			if whole != k.heals {
				t.Errorf("= %d with %d bytes, want the file: %v", r.StatusCode, len(r.body), k.heals)
			}
			u.breaks(nil)
			if k.name == "slow" { // whoever is so impatient may find a busy machine slow
				return
			}
			for range 2 {
				if r := s.want("GET /files/hub/a.zip", 200); r.body != content {
					t.Errorf("afterwards there are %d bytes, %.60q", len(r.body), r.body)
				}
			}
			for end := time.Now().Add(20 * time.Second); s.want("GET /files/hub/a.zip", 200).Header.Get("Cache-Status") != "vitrine; hit"; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it is not kept")
				}
			}
		})
	}
}

// TestVirtual: what is ours is ours, whatever others have and whether they answer.
func TestVirtual(t *testing.T) {
	u := startUpstream(t, "both.zip=theirs", "theirs.zip=theirs", "d/t.zip=t")
	second := startUpstream(t, "both.zip=second", "second.zip=second", "d/s.zip=s")
	m := memory.New()
	log := slog.New(slog.DiscardHandler)
	store := files.NewLocal(m, log)
	hub, two := u.through(t, m, "hub", pullthrough.FilesOptions{}), second.through(t, m, "two", pullthrough.FilesOptions{})
	all := files.NewVirtual([]files.Member{{Name: "hub", Type: files.RemoteType, Reader: hub}, {Name: "two", Type: files.RemoteType, Reader: two},
		{Name: "team", Type: files.LocalType, Reader: store}}, log)
	s := serve(t, m, []files.Repository{
		{Name: "hub", Type: files.RemoteType, Package: files.Generic, Reader: hub},
		{Name: "team", Type: files.LocalType, Package: files.Generic, Reader: store, Store: store},
		{Name: "all", Type: files.VirtualType, Package: files.Generic, Reader: all},
	}, nil)
	s.want("PUT /files/team/both.zip -d ours", 201)
	s.want("PUT /files/team/d/o.zip -d o", 201)
	check := func(path string, status int, body, member string) {
		t.Helper()
		r := s.want("GET /files/all/"+path, status)
		if status == 200 && r.body != body || !strings.Contains(r.Header.Get("Cache-Status"), member) {
			t.Errorf("%s = %q by %s, want %q by %s", path, r.body, r.Header.Get("Cache-Status"), body, member)
		}
	}
	check("both.zip", 200, "ours", `vitrine; hit; detail="team"`)
	if asked := u.requests() + second.requests(); asked != "" {
		t.Errorf("others were asked for what is ours: %s", asked)
	}
	check("theirs.zip", 200, "theirs", `vitrine; fwd=miss; stored; detail="hub"`)
	check("second.zip", 200, "second", `detail="two"`)
	check("none.zip", 404, "", "")
	s.want("PUT /files/all/x.zip -d x", 405)
	s.want("GET /files/all/d/t.zip", 200)
	s.want("GET /files/all/d/s.zip", 200)
	if r := s.want("GET /files/all/d/?format=json", 200); !regexp.MustCompile(`"o.zip".*"s.zip".*"t.zip"`).MatchString(r.body) {
		t.Errorf("the listing is %s", r.body)
	}
	u.breaks(func(w http.ResponseWriter, r *http.Request, _ string) bool { http.Error(w, "", 500); return true })
	second.put("new.zip", "new")
	r := s.want("GET /files/all/new.zip", 200)
	if r.body != "new" || !strings.HasPrefix(r.Header.Get("Warning"), `199 - "hub did not answer`) {
		t.Errorf("passed over: %q, Warning: %s", r.body, r.Header.Get("Warning"))
	}
	check("none.zip", 502, "", "")
	s.want("DELETE /files/team/both.zip", 204)
	check("both.zip", 200, "second", `detail="two"`)
}
