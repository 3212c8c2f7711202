package explore

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	s := newSite(t, nil)
	base := tarGzip(t, "bin/", "bin/sh=#!", "etc/os=debian 12\n", "lib -> usr/lib", "usr/lib/a=1", "usr/lib/b=2", "usr/lib/hard => usr/lib/a", "gone=x")
	a, la := s.image("team/app", map[string]any{"config": map[string]any{"Env": []string{"A=1", "B=2"}, "User": "root"}}, []string{base}, "1")
	b, lb := s.image("team/app", map[string]any{"config": map[string]any{"Env": []string{"B=2", "C=3"}, "User": "app"}},
		[]string{base, tarGzip(t, "etc/os=debian 13\n", ".wh.gone", "usr/lib/b/deep=22", "usr/lib/new -> a", "usr/lib/a=1")}, "2")
	var v diffView
	get := func(url string) {
		t.Helper()
		v = diffView{}
		w := s.get(url, "Accept", "application/json")
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
			t.Fatalf("GET %s: %d %v %s", url, w.Code, err, w.Body)
		}
	}
	get("/diff?from=team/app:1&to=localhost:5000/team/app:2")
	var rows []string
	for _, f := range v.Files {
		rows = append(rows, strings.TrimSpace(fmt.Sprint(f.Op, " ", f.Path, " ", strings.Join(f.What, "+"))))
	}
	want := "changed etc/os content, removed gone, changed usr/lib/b type+mode+content, added usr/lib/b/deep, added usr/lib/new"
	if got := strings.Join(rows, ", "); got != want && got != strings.Replace(want, "type+mode+content", "type+content", 1) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if v.Shared != 1 || v.From.Digest != a || v.To.Digest != b || v.Counts.Same == 0 {
		t.Errorf("%+v", v)
	}
	var config []string
	for _, c := range v.Config {
		if !strings.HasPrefix(c.Path, ".rootfs") {
			config = append(config, c.Path+" "+c.From+" "+c.To)
		}
	}
	if got, want := strings.Join(config, ", "), ".config.Env[] A=1 C=3, .config.User root app"; got != want {
		t.Errorf("configuration: got %s, want %s", got, want)
	}
	golden(t, "diff", s.get("/diff?from=team/app:1&to=team/app:2"))
	golden(t, "diff-file", s.get("/diff?from=team/app:1&to=team/app:2&path=etc/os"))
	text := s.get("/diff?from=team/app:1&to=team/app:2&path=etc/os", "Accept", "*/*").Body.String()
	if text != "--- a/etc/os\n+++ b/etc/os\n@@ -1 +1 @@\n-debian 12\n+debian 13\n" {
		t.Errorf("as text: %q", text)
	}
	get("/diff?op=added&dir=usr/lib/b&from=team/app:1&to=team/app:2")
	if len(v.Files) != 1 || v.Files[0].Path != "usr/lib/b/deep" {
		t.Errorf("filtered: %+v", v.Files)
	}
	get("/diff?from=team/app@" + string(la[0]) + "&to=team/app@" + string(lb[1]))
	if v.From.Kind != "layer" || v.Counts.Added != 3 { // gone's whiteout, b/deep, new
		t.Errorf("layers: %+v", v)
	}
	for url, status := range map[string]int{
		"/diff": 200, "/diff?from=a": 200, "/diff?from=team/app:1&to=team/app:9": 404, "/diff?from=team/app:1&to=UP": 400,
		"/diff?from=team/app:1&to=team/app:2&path=nope": 404, "/diff?from=team/app:1&to=team/app:2&path=../x": 400,
		"/diff?from=other@" + string(la[0]) + "&to=team/app:1": 404,
	} {
		if w := s.get(url); w.Code != status {
			t.Errorf("GET %s: %d, want %d", url, w.Code, status)
		}
	}
}

// TestDiffOfStrangers has a file whose name and content try to be a page.
func TestDiffOfStrangers(t *testing.T) {
	s := newSite(t, nil)
	name := `<script>alert(1)<` + `/script>`
	s.image("evil", nil, []string{tarGzip(t, "x=1", strings.ReplaceAll(name, "/", "|")+"=a")}, "1")
	s.image("evil", map[string]any{"config": map[string]any{"Labels": map[string]string{name: name}}}, []string{tarGzip(t, "x="+name+"\n")}, "2")
	for _, url := range []string{"/diff?from=evil:1&to=evil:2", "/diff?from=evil:1&to=evil:2&path=x", "/diff?from=%3Cscript%3E&to=%22%3E%3Cscript%3E"} {
		if body := s.get(url).Body.String(); strings.Contains(body, "<script") {
			t.Errorf("%s: a stranger's text is on the page as it is:\n%s", url, body)
		}
	}
}

// TestDiffLong: a page has a bounded part of two long texts that differ in all, their patch has all.
func TestDiffLong(t *testing.T) {
	s := newSite(t, nil)
	for i, line := range []string{"a\n", "b\n"} {
		s.image("long", nil, []string{tarGzip(t, "x="+strings.Repeat(line, maxDiffLines))}, fmt.Sprint(i))
	}
	const url = "/diff?from=long:0&to=long:1&path=x"
	w := s.get(url)
	if got := strings.Count(w.Body.String(), "<del>-") + strings.Count(w.Body.String(), "<ins>+"); w.Code != 200 || got != maxDiffLines {
		t.Errorf("%d, %d lines, want %d", w.Code, got, maxDiffLines)
	}
	if !strings.Contains(w.Body.String(), "10 000 more lines") && !strings.Contains(w.Body.String(), "10,000 more lines") {
		t.Error("the page does not say that lines were left out")
	}
	if got := strings.Count(s.get(url, "Accept", "*/*").Body.String(), "\n"); got != 2*maxDiffLines+3 {
		t.Errorf("the patch has %d lines", got)
	}
}
