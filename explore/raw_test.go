package explore

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

const svgScript = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`

// TestRawFile asks as curl does, and as a page's image does.
func TestRawFile(t *testing.T) {
	s := newSite(t, nil)
	page := "<!doctype html><script>alert(1)</script>"
	image, layers := s.image("app", nil, []string{tarGzip(t, "www/index.html="+page, "www/x.svg="+svgScript, "www/x.xml=<?xml version=\"1.0\"?><a/>", "www/run.js=alert(1)",
		"www/p.png=\x89PNG\r\n\x1a\n0000", "www/empty=", "www/ä \"q\".txt=u", "www/link -> index.html", "www/pdf=%PDF-1.7 x", "a/\u202egpj.exe=MZ")})
	at := "/fs/app@" + string(layers[0]) + "/www/"
	sum := `"` + string(digest.FromString(page)) + `"`
	for _, c := range []struct {
		url     string
		headers string // K: V|K: V
		status  int
		body    string
		want    string // headers, in the same form
	}{
		{at + "index.html", "Accept: */*", 200, page, "Content-Type: text/plain; charset=utf-8|Content-Length: 40|ETag: " + sum + "|Accept-Ranges: bytes|X-Content-Type-Options: nosniff"},
		{at + "index.html?raw", "", 200, page, "Content-Security-Policy: " + sandbox + `|Content-Disposition: inline; filename="index.html"|Last-Modified: Sat, 14 Mar 2026 15:09:26 GMT`},
		{at + "index.html?raw", "", 200, page, "Cache-Control: public, max-age=3600, immutable|Content-Encoding: "},
		{at + "index.html?dl=1", "Accept-Encoding: gzip", 200, page, `Content-Disposition: attachment; filename="index.html"|Content-Encoding: `},
		{at + "index.html?dl=1", "Range: bytes=2-8|Accept-Encoding: gzip", 206, "doctype", "Content-Range: bytes 2-8/40|Content-Length: 7|Content-Encoding: "},
		{at + "index.html?raw", "Range: bytes=-9", 206, "</script>", "Content-Range: bytes 31-39/40"},
		{at + "index.html?raw", "Range: bytes=40-", 416, "", "Content-Range: bytes */40"},
		{at + "index.html?raw", "Range: lines=1-2", 200, page, ""},
		{at + "index.html?raw", "Range: bytes=0-0,2-2" + strings.Repeat(",4-4", 20), 200, page, ""},
		{at + "index.html?raw", "Range: bytes=2-8|If-Range: " + sum, 206, "doctype", ""},
		{at + "index.html?raw", `Range: bytes=2-8|If-Range: "other"`, 200, page, ""},
		{at + "index.html?raw", "If-None-Match: " + sum, 304, "", "ETag: " + sum},
		{at + "index.html?raw", "If-Modified-Since: Sat, 14 Mar 2026 15:09:26 GMT", 304, "", ""},
		{at + "index.html?raw", `If-Match: "other"`, 412, "", ""},
		{at + "link", "Accept: */*", 200, page, "ETag: " + sum},
		{at + "empty?raw", "", 200, "", "Content-Length: 0|ETag: \"" + string(digest.FromString("")) + `"`},
		{at + "x.svg?raw", "", 200, svgScript, "Content-Type: image/svg+xml|Content-Security-Policy: " + sandbox},
		{at + "x.xml?raw", "", 200, `<?xml version="1.0"?><a/>`, "Content-Type: text/plain; charset=utf-8"},
		{at + "run.js?raw", "", 200, "alert(1)", "Content-Type: text/plain; charset=utf-8"},
		{at + "pdf?raw", "", 200, "%PDF-1.7 x", "Content-Type: application/octet-stream"},
		{at + "p.png?raw", "", 200, "\x89PNG\r\n\x1a\n0000", "Content-Type: image/png"},
		{at + "%C3%A4%20%22q%22.txt?raw", "", 200, "u", `Content-Disposition: inline; filename="_ _q_.txt"; filename*=UTF-8''%C3%A4%20%22q%22.txt`},
		{"/fs/app@" + string(layers[0]) + "/a/%E2%80%AEgpj.exe?dl", "", 200, "MZ", `Content-Disposition: attachment; filename="_U+202E_gpj.exe"`},
		{"/layers/app@" + string(image) + "/www/link?raw", "Range: bytes=2-8", 206, "doctype", "ETag: " + sum},
		{at + "nope?raw", "", 404, "*", "Content-Security-Policy: " + csp},
		{at + "?raw", "", 400, "*", ""},
	} {
		w := s.get(c.url, headerPairs(c.headers)...)
		if w.Code != c.status || c.body != "*" && c.status < 300 && w.Body.String() != c.body {
			t.Errorf("GET %s %s: %d %q, want %d %q", c.url, c.headers, w.Code, w.Body, c.status, c.body)
		}
		for want := headerPairs(c.want); len(want) > 1; want = want[2:] {
			if got := w.Header().Get(want[0]); got != want[1] {
				t.Errorf("GET %s %s: %s: %s, want %s", c.url, c.headers, want[0], got, want[1])
			}
		}
	}
	if w := s.get(at + "x.svg"); !strings.Contains(w.Body.String(), `<img class="picture" src="`+at+`x.svg?raw=1" alt="`) || strings.Contains(w.Body.String(), "<script") {
		t.Errorf("the page of a picture:\n%s", mainPart(w.Body.String()))
	}
}

func headerPairs(s string) (pairs []string) {
	for _, h := range strings.Split(s, "|") {
		if k, v, ok := strings.Cut(h, ": "); ok {
			pairs = append(pairs, k, v)
		}
	}
	return pairs
}

// TestRawRanges reads several ranges at once, and HEAD everywhere.
func TestRawRanges(t *testing.T) {
	s := newSite(t, nil)
	text := strings.Repeat("0123456789", 100_000)
	_, layers := s.image("app", nil, []string{tarGzip(t, "big="+text, "dir/x=1")})
	at := "/fs/app@" + string(layers[0])
	w := s.get(at+"/big?raw", "Range", "bytes=10-12,700000-700003")
	_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || w.Code != 206 || params["boundary"] == "" {
		t.Fatalf("two ranges: %d %v", w.Code, w.Header())
	}
	for _, want := range []string{"Content-Range: bytes 10-12/1000000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n012\r\n", "Content-Range: bytes 700000-700003/1000000"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("two ranges: want %q in\n%s", want, w.Body)
		}
	}
	for _, url := range []string{"/", "/big", "/big?raw", "/dir/", "/dir/?tar", "/dir/?zip", "/nope", "/big?render=xxd"} {
		get := s.get(at + url)
		r := httptest.NewRequest(http.MethodHead, at+url, nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Range", "bytes=0-1")
		r.Host = "localhost:5000"
		head := httptest.NewRecorder()
		s.ServeHTTP(head, r)
		if head.Code != get.Code || head.Body.Len() != 0 || head.Header().Get("ETag") != get.Header().Get("ETag") || head.Header().Get("Content-Type") != get.Header().Get("Content-Type") {
			t.Errorf("HEAD %s: %d, %d bytes, %v; GET has %d %v", url, head.Code, head.Body.Len(), head.Header(), get.Code, get.Header())
		}
	}
}

// TestExport unpacks what ?tar and ?zip send.
func TestExport(t *testing.T) {
	s := newSite(t, nil)
	image, layers := s.image("team/app", nil, []string{
		tarGzip(t, "a/", "a/z=content", "a/b/first => a/z", "a/sym -> ../../etc/passwd", "../../escape=up", "/abs=abs", `a/c:\..\x=win`, "a/gone=1", "old/x=1", "outside=o", "a/out => outside", "a/out2 => outside"),
		tarGzip(t, "a/.wh.gone", ".wh.old", "a/new=2"),
	})
	for url, name := range map[string]string{"/fs/team/app@" + string(layers[0]) + "/a/b/?tar": "b.tar", "/layers/team/app@" + string(image) + "/?zip": "app.zip"} {
		w := s.get(url)
		if got := w.Header().Get("Content-Disposition"); w.Code != 200 || got != `attachment; filename="`+name+`"` || w.Header().Get("ETag") == "" {
			t.Errorf("GET %s: %d %v", url, w.Code, w.Header())
		}
		if again := s.get(url, "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("GET %s again: %d", url, again.Code)
		}
	}
	in := "/layers/team/app@" + string(image)
	l0 := "/fs/team/app@" + string(layers[0])
	for url, want := range map[string]string{
		l0 + "/a/?tar":           `a/, a/b/, a/b/first -> a/z, a/c:\..\x=win, a/gone=1, a/out2 -> a/out, a/out=o, a/sym -> ../../etc/passwd, a/z=content`,
		l0 + "/a/b/?tar":         `b/, b/first=content`,
		l0 + "/?tar":             `a/, a/b/, a/b/first -> a/z, a/c:\..\x=win, a/gone=1, a/out -> outside, a/out2 -> outside, a/sym -> ../../etc/passwd, a/z=content, abs=abs, escape=up, old/, old/x=1, outside=o`,
		in + "/?tar":             `a/, a/b/, a/b/first -> a/z, a/c:\..\x=win, a/new=2, a/out -> outside, a/out2 -> outside, a/sym -> ../../etc/passwd, a/z=content, abs=abs, escape=up, outside=o`,
		in + "/old/?tar&layer=0": `old/, old/x=1`,
	} {
		if got := untar(t, s.get(url).Body); got != want {
			t.Errorf("GET %s:\n%s\nwant\n%s", url, got, want)
		}
	}
	for url, want := range map[string]string{
		l0 + "/a/?zip": `a/, a/b/, a/b/first=content, a/c__.._x=win, a/gone=1, a/out2=o, a/out=o, a/sym -> ../../etc/passwd, a/z=content`,
		in + "/a/?zip": `a/, a/b/, a/b/first=content, a/c__.._x=win, a/new=2, a/out2=o, a/out=o, a/sym -> ../../etc/passwd, a/z=content`,
	} {
		if got := unzipped(t, s.get(url).Body.Bytes()); got != want {
			t.Errorf("GET %s:\n%s\nwant\n%s", url, got, want)
		}
	}
}

// untar lists an archive in the order of names, and fails where a link comes before what it means.
func untar(t *testing.T, r io.Reader) string {
	t.Helper()
	var all []string
	seen := map[string]bool{}
	for a := tar.NewReader(r); ; {
		h, err := a.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		switch line := h.Name; {
		case h.Linkname != "":
			if h.Typeflag == tar.TypeLink && !seen[h.Linkname] {
				t.Errorf("%s links to %s, which comes later", h.Name, h.Linkname)
			}
			all = append(all, line+" -> "+h.Linkname)
		case h.Typeflag == tar.TypeDir:
			all = append(all, line)
		default:
			all = append(all, line+"="+string(content))
		}
		seen[h.Name] = true
		if !fs.ValidPath(strings.TrimSuffix(h.Name, "/")) {
			t.Errorf("%q is a name that leaves the directory", h.Name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func unzipped(t *testing.T, raw []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		switch {
		case err != nil:
			t.Fatal(err)
		case f.Mode().IsDir():
			all = append(all, f.Name)
		case f.Mode()&fs.ModeSymlink != 0:
			all = append(all, f.Name+" -> "+string(content))
		default:
			all = append(all, f.Name+"="+string(content))
		}
		if !fs.ValidPath(strings.TrimSuffix(f.Name, "/")) || strings.ContainsAny(f.Name, `:\`) {
			t.Errorf("%q is a name that leaves the directory", f.Name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestExportOdd exports what strangers write into headers.
func TestExportOdd(t *testing.T) {
	s := newSite(t, nil)
	d := s.blob("app", odd(t,
		tar.Header{Name: "x", Mode: 0o7777, Uid: 1 << 30, Gid: 1 << 30, Uname: strings.Repeat("u", 300), ModTime: time.Unix(1<<40, 5), Format: tar.FormatPAX},
		tar.Header{Name: "neg", ModTime: time.Unix(-5, 0), Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "\x00\xff", "VENDOR.x": "y"}},
		tar.Header{Name: strings.Repeat("n/", 200) + "deep", Format: tar.FormatPAX}, tar.Header{Name: "dev", Typeflag: tar.TypeBlock, Devmajor: 8, Devminor: 1},
		tar.Header{Name: "\xff\xfe", Format: tar.FormatGNU}, tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, tar.Header{Name: "7", Typeflag: '7'}, tar.Header{Name: "empty", Typeflag: tar.TypeSymlink, Linkname: "x"}))
	var names []string
	for a := tar.NewReader(s.get("/fs/app@" + string(d) + "/?tar").Body); ; {
		h, err := a.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%.8q", h.Name))
		if h.Name == "neg" && h.PAXRecords["SCHILY.xattr.user.a"] != "\x00\xff" {
			t.Errorf("attributes: %q", h.PAXRecords)
		}
	}
	slices.Sort(names)
	if got := strings.Join(slices.Compact(names), " "); got != `"7" "\xff\xfe" "dev" "empty" "fifo" "n/" "n/n/" "n/n/n/" "n/n/n/n/" "neg" "x"` {
		t.Error(got)
	}
	if w := s.get("/fs/app@" + string(d) + "/?zip"); w.Code != 200 || !strings.Contains(unzipped(t, w.Body.Bytes()), "empty -> x") {
		t.Errorf("zip: %d", w.Code)
	}
}
