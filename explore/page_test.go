package explore

import (
	"net/http"
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
