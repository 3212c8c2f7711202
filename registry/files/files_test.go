package files_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/files"
	"vitrine/storage/memory"
)

// site is a server under test and its client. Calls are lines such as "PUT /files/apps/a -H If-None-Match: * -d content".
type site struct {
	t     *testing.T
	url   string
	store *memory.Store
	log   *logBuffer
}

// logBuffer is what the server logged.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// local is a site with a local repository "apps".
func local(t *testing.T, o *files.Options) *site {
	t.Helper()
	s := memory.New()
	store := files.NewLocal(s, slog.New(slog.DiscardHandler))
	return serve(t, s, []files.Repository{{Name: "apps", Type: files.LocalType, Package: files.Generic, Reader: store, Store: store}}, o)
}

func serve(t *testing.T, s *memory.Store, repos []files.Repository, o *files.Options) *site {
	t.Helper()
	c := &site{t: t, store: s, log: &logBuffer{}}
	var with files.Options
	if o != nil {
		with = *o
	}
	with.Log = slog.New(slog.NewTextHandler(c.log, nil))
	srv := httptest.NewServer(files.New(repos, &with))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

// result is an answer.
type result struct {
	*http.Response
	body string
}

// line is the status and the headers that are asked for, as "200 Etag=..."
func (r result) line(headers ...string) string {
	s := fmt.Sprint(r.StatusCode)
	for _, h := range headers {
		s += " " + h + "=" + strings.Join(r.Header.Values(h), ",")
	}
	return s
}

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do sends a line. The path goes out as it stands.
func (s *site) do(line string) result {
	s.t.Helper()
	rest, data, _ := strings.Cut(line, " -d ")
	parts := strings.Split(rest, " -H ")
	method, target, _ := strings.Cut(parts[0], " ")
	base, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	base.Opaque, base.RawQuery = path, query
	req := &http.Request{Method: method, URL: base, Host: base.Host, Header: http.Header{"Accept-Encoding": {"identity"}}, ContentLength: int64(len(data))}
	for _, h := range parts[1:] {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Add(k, v)
	}
	if data != "" {
		req.Body = io.NopCloser(strings.NewReader(data))
	}
	res, err := client.Do(req.WithContext(s.t.Context()))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // cut before the first byte
		return result{&http.Response{Header: http.Header{}}, " broken: nothing came"}
	}
	if err != nil {
		s.t.Fatalf("%.200s: %v", line, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		b = append(b, " broken: "+err.Error()...)
	}
	return result{res, string(b)}
}

// want sends a line and checks the status.
func (s *site) want(line string, status int) result {
	s.t.Helper()
	r := s.do(line)
	if r.StatusCode != status {
		s.t.Errorf("%.200s = %d %.200s, want %d", line, r.StatusCode, r.body, status)
	}
	return r
}

func sum(content string) string { return digest.FromString(content).Encoded() }

func tag(content string) string { return `"` + digest.FromString(content).String() + `"` }

// TestConversation: one call after another, each with what it has to answer.
func TestConversation(t *testing.T) {
	s := local(t, nil)
	for _, tt := range []struct {
		call   string
		status int
		body   string // a part of it
	}{
		{"GET /files/apps/a", 404, "file unknown"},
		{"PUT /files/apps/a -d one", 201, ""},
		{"GET /files/apps/a", 200, "one"},
		{"GET /api/v1/local/apps/a", 200, "one"},
		{"GET /api/v1/remote/apps/a", 404, "no remote repository"},
		{"GET /api/v1/virtual/apps/a", 404, "no virtual repository"},
		{"GET /api/v1/other/apps/a", 404, "no such endpoint"},
		{"GET /files/none/a", 404, "repository unknown"},
		{"GET /filesapps/a", 404, "no such endpoint"},
		{"PUT /files/apps/a -H If-None-Match: * -d two", 412, "condition"},
		{"PUT /files/apps/b -H If-None-Match: * -d two", 201, ""},
		{`PUT /files/apps/a -H If-Match: "other" -d two`, 412, ""},
		{`PUT /files/apps/c -H If-Match: * -d two`, 412, ""},
		{`PUT /files/apps/a -H If-Match: * -d three`, 204, ""},
		{`PUT /files/apps/a -H If-Match: ` + tag("three") + ` -d one`, 204, ""},
		{`PUT /files/apps/a -H If-None-Match: ` + tag("one") + ` -d one`, 412, ""},
		{"PUT /files/apps/a -H X-Checksum-Sha256: " + sum("two") + " -d two", 204, ""},
		{"PUT /files/apps/a -H X-Checksum-Sha256: " + sum("two") + " -d cut", 400, "does not match"},
		{"PUT /files/apps/a -H X-Checksum-Sha256: nonsense -d two", 400, "X-Checksum-Sha256"},
		{"PUT /files/apps/a -H Content-MD5: uKXhMNh3cntqx4QNC8A2OA== -d two", 400, "Content-Md5"},
		{"PUT /files/apps/a -H Content-MD5: uKn3Fdu2T9XFbneDxoIKYQ== -d two", 204, ""},
		{"PUT /files/apps/a -H Digest: md5=uKn3Fdu2T9XFbneDxoIKYQ==, SHA-256=P8TM/nRYcOLA2Z9x8w/wZWyN7dQcwdfT03aw2+aF4vM= -d two", 204, ""},
		{"PUT /files/apps/a -H Repr-Digest: sha-256=:P8TM/nRYcOLA2Z9x8w/wZWyN7dQcwdfT03aw2+aF4vM=: -d two", 204, ""},
		{"PUT /files/apps/a -H Digest: SHA-256=P8SzoHtWfwALE1qX1X5d6zj0Jd0vSZSfgRX7v5CQvX0= -d two", 400, "Digest"},
		{"PUT /files/apps/a -H Content-Digest: sha-256=:P8SzoA==: -d two", 400, "Content-Digest"},
		{"PUT /files/apps/a -H Content-Digest: unknown=:x: -d two", 204, ""},
		{"PUT /files/apps/a -H Content-Range: bytes 0-2/10 -d two", 400, "as a whole"},
		{"PUT /files/apps/a/ -d two", 405, ""},
		{"PUT /files/apps/ -d two", 405, ""},
		{"POST /files/apps/a -d two", 405, ""},
		{"GET /files/apps/a?sha256", 200, sum("two") + "  a\n"},
		{"HEAD /files/apps/a?sha256", 200, ""},
		{"GET /files/apps/none?sha256", 404, ""},
		{"GET /files/apps/none -H Accept: application/json", 404, `"code":"FILE_UNKNOWN"`},
		{"GET /files/apps/none?format=json", 404, `"code":"FILE_UNKNOWN"`},
		{"PUT /files/apps/d/e/f -d deep", 201, ""},
		{"GET /files/apps/d", 302, ""},
		{"GET /files/apps/d/", 200, `<a href="./e/">e/</a>`},
		{"GET /files/apps/d/e/", 200, `<a href="./f">f</a>`},
		{"GET /files/apps/x/", 404, "no directory"},
		{"GET /files/apps", 302, ""},
		{"GET /files/", 200, `<a href="./apps/">apps/</a>`},
		{"GET /api/v1/local/", 200, `<a href="./apps/">apps/</a>`},
		{"GET /files/?format=json", 200, `{"name":"apps/","type":"local","package":"generic"}`},
		{"DELETE /files/apps/a -H If-Match: \"other\"", 412, ""},
		{"DELETE /files/apps/a", 204, ""},
		{"DELETE /files/apps/a", 404, ""},
		{"GET /files/apps/a", 404, ""},
		{"DELETE /files/apps/d", 404, ""},
		{"DELETE /files/apps/d/", 405, ""},
	} {
		r := s.do(tt.call)
		if r.StatusCode != tt.status || !strings.Contains(r.body, tt.body) {
			t.Errorf("%s = %d %.300s, want %d %s", tt.call, r.StatusCode, r.body, tt.status, tt.body)
		}
	}
	if log := s.log.String(); log != "" {
		t.Errorf("the log has %s", log)
	}
}

func TestHeaders(t *testing.T) {
	s := local(t, nil)
	put := s.want("PUT /files/apps/dir/a+b.tar.gz -d content", 201)
	if got := put.line("Location", "Etag", "X-Checksum-Sha256"); got != "201 Location=/files/apps/dir/a+b.tar.gz Etag="+tag("content")+" X-Checksum-Sha256="+sum("content") {
		t.Error(got)
	}
	s.want("PUT /files/apps/page -H Content-Type: text/html -d <script>", 201)
	s.want("PUT /files/apps/form -H Content-Type: application/x-www-form-urlencoded -d x", 201)
	s.want("PUT /files/apps/%C3%A9%22 -d x", 201)
	for _, tt := range []struct{ call, header, want string }{
		{"GET /files/apps/dir/a+b.tar.gz", "Content-Type", "application/gzip"},
		{"GET /files/apps/dir/a+b.tar.gz", "Content-Disposition", `inline; filename=a+b.tar.gz`},
		{"GET /files/apps/dir/a+b.tar.gz", "X-Checksum-Sha256", sum("content")},
		{"GET /files/apps/dir/a+b.tar.gz", "Etag", tag("content")},
		{"GET /files/apps/dir/a+b.tar.gz", "Accept-Ranges", "bytes"},
		{"GET /files/apps/dir/a+b.tar.gz", "Content-Length", "7"},
		{"HEAD /files/apps/dir/a+b.tar.gz", "Content-Length", "7"},
		{"GET /files/apps/dir/a+b.tar.gz", "X-Content-Type-Options", "nosniff"},
		{"GET /files/apps/dir/a+b.tar.gz", "Content-Security-Policy", "default-src 'none'; sandbox"},
		{"GET /files/apps/dir/a+b.tar.gz", "Cache-Control", "no-cache"},
		{"GET /files/apps/page", "Content-Type", "text/html"},
		{"GET /files/apps/page", "Content-Disposition", "attachment; filename=page"},
		{"GET /files/apps/page", "Content-Security-Policy", "default-src 'none'; sandbox"},
		{"GET /files/apps/form", "Content-Type", "application/octet-stream"},
		{"GET /files/apps/%C3%A9%22", "Content-Disposition", "inline; filename*=utf-8''%C3%A9%22"},
		{"GET /files/apps/dir", "Location", "./dir/"},
		{"GET /files/apps/dir?format=json", "Location", "./dir/?format=json"},
		{"GET /files/apps", "Location", "./apps/"},
		{"POST /files/apps/page", "Allow", "DELETE, GET, HEAD, PUT"},
		{"PUT /files/apps/", "Allow", "GET, HEAD"},
		{"GET /files/apps/none", "Content-Type", "text/plain; charset=utf-8"},
		{"GET /files/apps/none", "Etag", ""},
	} {
		if got := s.do(tt.call).Header.Get(tt.header); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.call, tt.header, got, tt.want)
		}
	}
}

func TestConditionsAndRanges(t *testing.T) {
	s := local(t, nil)
	s.want("PUT /files/apps/f -d 0123456789", 201)
	modified := s.want("GET /files/apps/f", 200).Header.Get("Last-Modified")
	for _, tt := range []struct {
		headers string
		status  int
		body    string
	}{
		{"If-None-Match: " + tag("0123456789"), 304, ""},
		{"If-None-Match: W/" + tag("0123456789"), 304, ""},
		{"If-None-Match: \"x\", " + tag("0123456789"), 304, ""},
		{"If-None-Match: *", 304, ""},
		{"If-None-Match: \"x\"", 200, "0123456789"},
		{"If-Modified-Since: " + modified, 304, ""},
		{"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200, "0123456789"},
		{"If-None-Match: \"x\" -H If-Modified-Since: " + modified, 200, "0123456789"},
		{"If-Match: \"x\"", 412, ""},
		{"Range: bytes=2-4", 206, "234"},
		{"Range: BYTES=2-4", 206, "234"},
		{"Range: bytes=7-", 206, "789"},
		{"Range: bytes=-2", 206, "89"},
		{"Range: bytes=7-100", 206, "789"},
		{"Range: bytes=10-", 416, ""},
		{"Range: lines=1-2", 200, "0123456789"},
		{"Range: bytes=0-1,4-5", 206, "Content-Range: bytes 4-5/10\r\n"},
		{"Range: bytes=" + strings.Repeat("0-0,", 300) + "0-0", 200, "0123456789"},
		{"Range: bytes=2-4 -H If-Range: " + tag("0123456789"), 206, "234"},
		{"Range: bytes=2-4 -H If-Range: \"x\"", 200, "0123456789"},
		{"Range: bytes=2-4 -H If-Range: " + modified, 206, "234"},
		{"Range: bytes=2-4 -H If-Range: Thu, 01 Jan 1970 00:00:00 GMT", 200, "0123456789"},
	} {
		if r := s.do("GET /files/apps/f -H " + tt.headers); r.StatusCode != tt.status || !strings.Contains(r.body, tt.body) {
			t.Errorf("%.100s = %d %q, want %d %q", tt.headers, r.StatusCode, r.body, tt.status, tt.body)
		}
	}
	if r := s.do("HEAD /files/apps/f -H Range: bytes=2-4"); r.line("Content-Length", "Content-Range") != "200 Content-Length=10 Content-Range=" {
		t.Error("HEAD with a range:", r.line("Content-Length", "Content-Range"))
	}
	s.want("PUT /files/apps/f -d 9876543210", 204) // in the same second
	if r := s.do("GET /files/apps/f -H If-Modified-Since: " + modified); r.StatusCode != 200 || r.body != "9876543210" {
		t.Errorf("what has changed since = %d %q", r.StatusCode, r.body)
	}
}

// TestManyRanges: a client of zchunk asks for parts of a file, and gets them as one answer of many parts.
func TestManyRanges(t *testing.T) {
	s := local(t, nil)
	content := strings.Repeat("0123456789", 1000)
	s.want("PUT /files/apps/f -d "+content, 201)
	var ranges, want []string
	for i := range 255 {
		ranges = append(ranges, fmt.Sprintf("%d-%d", i*30, i*30+i%10))
		want = append(want, fmt.Sprintf("Content-Range: bytes %d-%d/10000\r\n", i*30, i*30+i%10))
	}
	r := s.do("GET /files/apps/f -H Range: bytes=" + strings.Join(ranges, ","))
	if r.StatusCode != 206 || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") || int64(len(r.body)) != r.ContentLength {
		t.Fatal(r.line("Content-Type", "Content-Length"), len(r.body))
	}
	for _, w := range want {
		if !strings.Contains(r.body, w) {
			t.Errorf("no part %q", w)
		}
	}
}

// TestPaths: every way of writing a path gives the right file or a clean refusal.
func TestPaths(t *testing.T) {
	s := local(t, nil)
	long := strings.Repeat("abcdefgh/", 55) + strings.Repeat("x", 200)
	for _, p := range []string{"a/b", "c++-1.0~rc1^git.rpm", "sp ace", "per%cent", "q?uery", "back\\slash", "é", "co:lon", "-dash", "...", long, strings.Repeat("n", 3000)} {
		s.want("PUT /files/apps/"+url.PathEscape(p)+" -d x", map[bool]int{true: 400, false: 201}[strings.Contains(p, "/")])
		u := url.URL{Path: "/files/apps/" + p}
		s.want("PUT "+u.EscapedPath()+" -d "+p, map[bool]int{true: 201, false: 204}[strings.Contains(p, "/")])
		if r := s.want("GET "+u.EscapedPath(), 200); r.body != p {
			t.Errorf("GET %.100s = %.100q", p, r.body)
		}
	}
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"c++-1.0~rc1^git.rpm", 200},
		{"c%2b%2b-1.0~rc1%5egit.rpm", 200},
		{"c%2B%2B-1.0%7Erc1%5Egit.rpm", 200},
		{"%63++-1.0~rc1^git.rpm", 200},
		{"c%252b%252b-1.0~rc1^git.rpm", 404}, // decoded once
		{"c  -1.0~rc1^git.rpm", 400},         // what net/http itself refuses
		{"c%20%20-1.0~rc1^git.rpm", 404},
		{"a%2fb", 400},
		{"a%2Fb", 400},
		{"a%252fb", 404},
		{"a%5cb", 404},
		{"..", 400},
		{"../apps/a/b", 400},
		{"%2e%2e/apps/a/b", 400},
		{"a/../a/b", 400},
		{"a/%2E./b", 400},
		{"a/./b", 400},
		{"a//b", 400},
		{"/a/b", 400},
		{"...", 200},
		{"a/b/", 404},
		{"a/b%00", 400},
		{"a/%0d%0aX: y", 400},
		{"a/%7f", 400},
		{"a/%c2%85", 400},
		{"a/%ff", 400},
		{"a/%zz", 400},
		{"a/b;x=y", 404},
		{"a/b?x=y", 200},
		{strings.Repeat("n", 4096), 404},
		{strings.Repeat("n", 4097), 400},
		{strings.Repeat("%6e", 3000), 200},
		{strings.Repeat("%6e", 9000), 400},
		{strings.Repeat("a/", 64) + "a", 400},
	} {
		if got := s.do("GET /files/apps/" + tt.path).StatusCode; got != tt.status {
			t.Errorf("GET %.100s = %d, want %d", tt.path, got, tt.status)
		}
	}
	if log := s.log.String(); log != "" {
		t.Errorf("the log has %s", log)
	}
}

func TestListing(t *testing.T) {
	s := local(t, nil)
	names := []string{"a", "b<script>", "c d", "e+f~g^h", "j:k", "é"}
	for _, n := range append(slices.Clone(names), "dir/x", "dir/y") {
		s.want("PUT "+(&url.URL{Path: "/files/apps/" + n}).EscapedPath()+" -d "+n, 201)
	}
	page := s.want("GET /files/apps/", 200)
	for _, ref := range []string{"./a", "./b%3Cscript%3E", "./c%20d", "./e&#43;f~g%5Eh", "./j:k", "./%C3%A9", "./dir/"} {
		if !strings.Contains(page.body, `<a href="`+ref+`">`) {
			t.Errorf("no reference %s in\n%s", ref, page.body)
		}
	}
	if strings.Contains(page.body, "<script>") {
		t.Error("a name is markup")
	}
	s.want("PUT /files/apps/odd/evil%E2%80%AEgpj.exe -d x", 201)
	if page := s.want("GET /files/apps/odd/", 200).body; strings.Contains(page, "\u202e") || !strings.Contains(page, `<a href="./evil%E2%80%AEgpj.exe">evil&lt;U&#43;202E&gt;gpj.exe</a>`) {
		t.Errorf("a name turns around what follows it:\n%s", page)
	}
	s.want("DELETE /files/apps/odd/evil%E2%80%AEgpj.exe", 204)
	var got []string
	next := "?n=2&format=json"
	for range 10 {
		r := s.want("GET /files/apps/"+next, 200)
		var l struct {
			Entries []struct {
				Name, Type, SHA256 string
				Size               int64
			}
			Next string
		}
		decode(t, r.body, &l)
		for _, e := range l.Entries {
			got = append(got, e.Name)
			if e.Type == "file" && (e.SHA256 != sum(e.Name) || e.Size != int64(len(e.Name))) {
				t.Errorf("%+v", e)
			}
		}
		if next = l.Next; next == "" {
			break
		}
		if link := r.Header.Get("Link"); link != "<"+next+`>; rel="next"` {
			t.Errorf("Link: %s", link)
		}
	}
	if want := []string{"a", "b<script>", "c d", "dir/", "e+f~g^h", "j:k", "é"}; !slices.Equal(got, want) {
		t.Errorf("pages have %q, want %q", got, want)
	}
	for query, status := range map[string]int{"n=0": 400, "n=x": 400, "n=99999999": 200, "%zz": 400, "after=zzz": 200, "after=%ff": 200} {
		s.want("GET /files/apps/?"+query, status)
	}
}

func TestReadOnly(t *testing.T) {
	for _, tt := range []struct {
		o           files.Options
		put, delete int
		allow       string
	}{
		{files.Options{ReadOnly: true}, 405, 405, "GET, HEAD"},
		{files.Options{NoDelete: true}, 201, 405, "GET, HEAD, PUT"},
		{files.Options{}, 201, 204, "DELETE, GET, HEAD, PUT"},
	} {
		s := local(t, &tt.o)
		s.want("PUT /files/apps/a -d x", tt.put)
		s.want("DELETE /files/apps/a", tt.delete)
		if got := s.do("POST /files/apps/a").Header.Get("Allow"); got != tt.allow {
			t.Errorf("%+v: Allow: %s, want %s", tt.o, got, tt.allow)
		}
	}
}

// TestRoomIsGivenBack: content that no path has any more is not kept.
func TestRoomIsGivenBack(t *testing.T) {
	s := local(t, nil)
	has := func(content string, want bool) {
		t.Helper()
		if _, err := s.store.StatBlob(t.Context(), "apps", digest.FromString(content)); (err == nil) != want {
			t.Errorf("%q is kept: %v, want %v", content, err == nil, want)
		}
	}
	s.want("PUT /files/apps/a -d one", 201)
	s.want("PUT /files/apps/b -d one", 201)
	s.want("PUT /files/apps/a -d two", 204)
	has("one", true)
	s.want("DELETE /files/apps/b", 204)
	has("one", false)
	s.want("PUT /files/apps/a -d two", 204)
	has("two", true)
	s.want("PUT /files/apps/a -d three", 204)
	has("two", false)
	s.want("PUT /files/apps/c -H X-Checksum-Sha256: "+sum("other")+" -d four", 400)
	has("four", false)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
}
