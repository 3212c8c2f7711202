package explore

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vitrine/storage/oci"
)

// indexed makes the indexes of an image, as a push does.
func (s *site) indexed(repo string, layers ...string) {
	s.t.Helper()
	for _, d := range layers {
		t, err := parseTarget(repo + "@" + d)
		if err != nil {
			s.t.Fatal(err)
		}
		l, err := s.index.Open(s.t.Context(), s.store, oci.Name(repo), t.Digest, "")
		if err != nil {
			s.t.Fatal(err)
		}
		l.Close()
	}
}

func TestSearch(t *testing.T) {
	s := newSite(t, &Options{Indexer: NewIndexer(&IndexerOptions{Cache: NewMemory(1 << 20)})})
	image, layers := wasteful(s)
	s.indexed("team/app", layers...)
	_, other := s.image("team/web", nil, []string{tarGzip(t, "srv/index.html=<p>", "etc/conf="+strings.Repeat("c", 400))}, "bigger", "1.0")
	s.indexed("team/web", string(other[0]))
	s.image("later", nil, []string{tarGzip(t, "not/indexed=1")}, "1")
	content := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Repeat("c", 400))))
	for _, c := range []struct{ query, want string }{
		{"q=team", "team/app, team/web; ; ; "},
		{"q=big", "; team/web:bigger; ; team/app usr/lib/big, team/app usr/lib/.wh.big"},
		{"q=^conf", "; ; ; team/app etc/conf, team/app etc/conf, team/web etc/conf"},
		{"q=*.html", "; ; ; team/web srv/index.html"},
		{"q=lib/sm", "; ; ; team/app usr/lib/small"},
		{"q=" + content, "; ; ; team/app etc/conf, team/web etc/conf"},
		{"q=sha256:" + content, "; ; ; team/app etc/conf, team/web etc/conf"},
		{"q=" + layers[0][7:20], "; ; layer of team/app@" + image[7:19] + "; "},
		{"q=" + image, "; ; manifest of team/app; "},
		{"q=conf&in=team/app:1", "; ; ; team/app etc/conf, team/app etc/conf overwritten"},
		{"q=key&in=localhost:5000/team/app:1", "; ; ; team/app secret/key deleted"},
		{"q=conf&in=team/app@" + layers[0], "; ; ; team/app etc/conf"},
		{"q=zzz", "; ; ; "}, {"q=[", "; ; ; "}, {"q=", "; ; ; "},
	} {
		w := s.get("/search?"+c.query, "Accept", "application/json")
		var v searchView
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v", c.query, w.Code, err)
		}
		if got := hits(v); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.query, got, c.want)
		}
		if v.In == "" && v.Query == "zzz" && (v.Skipped != 1 || v.Layers != 3) {
			t.Errorf("%d layers searched, %d skipped; want 3 and 1", v.Layers, v.Skipped)
		}
	}
	golden(t, "search", s.get("/search?q=conf"))
	for url, status := range map[string]int{"/search?q=" + strings.Repeat("a", maxQuery+1): 400, "/search?q=a&in=nope:1": 404, "/search?q=a&in=NO": 400} {
		if w := s.get(url); w.Code != status {
			t.Errorf("GET %s: %d, want %d", url, w.Code, status)
		}
	}
	for _, url := range []string{"/search?q=%22%3E%3Cscript%3E", "/search?q=a&in=%22%3E%3Cscript%3E"} {
		if body := s.get(url).Body.String(); strings.Contains(body, "<script") {
			t.Errorf("%s: the query is on the page as it is:\n%s", url, body)
		}
	}
}

// hits writes what was found: repositories; tags; digests; files.
func hits(v searchView) string {
	var parts [4][]string
	for _, x := range v.Repositories {
		parts[0] = append(parts[0], x.Text)
	}
	for _, x := range v.Tags {
		parts[1] = append(parts[1], x.Text)
	}
	for _, x := range v.Digests {
		parts[2] = append(parts[2], x.What)
	}
	for _, x := range v.Files {
		parts[3] = append(parts[3], strings.TrimSpace(fmt.Sprint(x.Repository, " ", x.Path, " ", x.State)))
	}
	var all []string
	for _, p := range parts {
		all = append(all, strings.Join(p, ", "))
	}
	return strings.Join(all, "; ")
}
