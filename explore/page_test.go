package explore

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	d := "sha256:" + strings.Repeat("ab", 32)
	for _, s := range []string{"app", "team/app", "app:1", "app@" + d, "app@" + d + "/", "app@" + d + "/etc/os-release", "app@" + d + "/etc/",
		"app:1/etc/passwd", "app:1@" + d, "app:1@" + d + "/usr/", "app@" + d + "/a%25b/c%20d%3F"} {
		r, err := http.NewRequest("GET", "/fs/"+s, nil)
		if err != nil {
			t.Fatal(err)
		}
		req, err := parseRequest(r)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		got, err := parseTarget(req.rest)
		if err != nil || got.href("fs") != "/fs/"+s {
			t.Errorf("%s: %s, %v", s, got.href("fs"), err)
		}
	}
	for _, s := range []string{"", "App", "app:", "app:/x", "app@", "app@sha256:12", "app:1@", "app@" + d + "/../../x", "app@" + d + "/a/../../b", "-"} {
		if got, err := parseTarget(s); err == nil {
			t.Errorf("%q: %+v, want an error", s, got)
		}
	}
}

func TestShell(t *testing.T) {
	s := newSite(t, nil)
	for _, c := range []struct {
		url, method string
		status      int
	}{
		{"/", "GET", 200}, {"/nope", "GET", 404}, {"/static/style.css", "GET", 200}, {"/static/../explore.go", "GET", 404}, {"/static/", "GET", 404},
		{"/" + strings.Repeat("a", maxPath), "GET", 414}, {"/?a=%zz", "GET", 400},
	} {
		w := s.get(c.url)
		if w.Code != c.status || w.Header().Get("Content-Security-Policy") != csp || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %.40s: %d, want %d; %v", c.url, w.Code, c.status, w.Header())
		}
	}
}

// TestErrorsAsText: a terminal gets a line, not a page.
func TestErrorsAsText(t *testing.T) {
	w := newSite(t, nil).get("/r/nope", "Accept", "*/*")
	if w.Code != 404 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || strings.ContainsAny(w.Body.String(), "<>") || strings.Count(w.Body.String(), "\n") != 1 {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

// TestTemplateNames wants each name once: the second of two templates of one name replaces the first on all pages.
func TestTemplateNames(t *testing.T) {
	names := map[string]string{}
	files, err := fs.Glob(web, "web/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := fs.ReadFile(web, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\{\{-? ?define "([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
			if m[1] != "main" && names[m[1]] != "" {
				t.Errorf("%s and %s both define %q", names[m[1]], file, m[1])
			}
			names[m[1]] = file
		}
	}
}
