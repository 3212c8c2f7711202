package explore

import (
	"context"
	"strings"
	"testing"
)

func TestConfigured(t *testing.T) {
	set := []Configured{
		{Name: "hub", Type: "remote", Package: "docker", Of: "registry-1.docker.io", Mirror: true},
		{Name: "quay", Type: "remote", Package: "docker", Of: "<b>", Offline: true},
		{Name: "rpms", Type: "local", Package: "rpm"},
		{Name: "all", Type: "virtual", Package: "docker", Members: []string{"team", "hub"}},
	}
	s := newSite(t, &Options{Configured: func(context.Context) []Configured { return append([]Configured(nil), set...) }})
	s.has("/", `<a href="/r/hub">hub</a>`, "of registry-1.docker.io, kept as it is pulled; also for names that are unknown here", "of &lt;b&gt;, kept as it is pulled; not asked at the moment",
		`<a href="/files/rpms/">rpms</a>`, "of team, then hub")
	s.has("/search?q=hub/library/nginx:1", `<a href="/r/hub/library/nginx:1">hub/library/nginx:1</a>`, "to be asked for registry-1.docker.io")
	for _, q := range []string{"rpms/a", "team/app", "hub", "hub/A", "hub/"} {
		if body := s.has("/search?q=" + q); strings.Contains(body, "to be asked") {
			t.Errorf("a search for %s leads to another registry:\n%s", q, body)
		}
	}
}
