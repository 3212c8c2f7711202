package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestRulesOfRepositories: rules are about the names that clients see, and content that somebody may not pull is out of reach by any other name.
func TestRulesOfRepositories(t *testing.T) {
	u := newUpstream(t)
	dir := t.TempDir()
	write(t, dir+"/users", "alice:"+hash("a")+"\nbob:"+hash("b")+"\n")
	write(t, dir+"/c.json", `{"ephemeral": true, "auth": {"htpasswd": "`+dir+`/users", "rules": [
		{"repositories": "private/**", "pull": ["alice"], "push": ["alice"]},
		{"repositories": "all/**", "pull": ["alice"], "push": ["alice"]},
		{"repositories": "closed/**", "pull": ["alice"]},
		{"repositories": "**", "pull": ["bob", "alice"], "push": ["bob"]},
	]}, "repositories": {
		"private": {"type": "local", "package": "docker"},
		`+u.remote("hub")+`, `+u.remote("closed", `"mirror": true`, `"index_ttl": "1h"`)+`,
		"all": {"type": "virtual", "package": "docker", "members": ["private", "hub"]},
	}}`)
	r := start(t, nil, "--config", dir+"/c.json")
	secret := digest.FromString("secret")
	ask := func(user, method, path, body string, want int) {
		t.Helper()
		path = strings.ReplaceAll(strings.ReplaceAll(path, "$d", secret.String()), "$l", u.layer.String())
		url := strings.Replace(r.url, "://", "://"+user+"@", 1) + "/v2/" + path
		if got := status(t, client(t), method, url, strings.NewReader(body)); got != want {
			t.Errorf("%s: %s %s = %d, want %d", user, method, path, got, want)
		}
	}
	ask("alice:a", "POST", "all/x/blobs/uploads/?digest=$d", "secret", 201)
	ask("alice:a", "GET", "private/x/blobs/$d", "", 200)
	ask("alice:a", "GET", "closed/app/blobs/$l", "", 200)
	u.calls()
	for _, tt := range []struct {
		call string
		want int
	}{
		{"GET private/x/blobs/$d", 403}, {"GET all/x/blobs/$d", 403}, {"GET closed/app/blobs/$l", 403},
		{"POST bob/x/blobs/uploads/?mount=$d&from=private/x", 202}, {"POST bob/x/blobs/uploads/?mount=$d&from=all/x", 202},
		{"POST bob/x/blobs/uploads/?mount=$l&from=closed/app", 202}, {"POST bob/x/blobs/uploads/?mount=$d", 202},
		{"POST bob/x/blobs/uploads/?mount=$d&from=hub/app", 202}, {"POST bob/x/blobs/uploads/?mount=$d&from=hub/private/x", 202},
		{"GET hub/app/blobs/$d", 404}, {"GET hub/private/x/blobs/$d", 404}, {"GET app/blobs/$d", 404},
	} {
		method, path, _ := strings.Cut(tt.call, " ")
		ask("bob:b", method, path, "", tt.want)
	}
	ask("alice:a", "POST", "all/y/blobs/uploads/?mount=$d", "", 201)
	ask("bob:b", "GET", "hub/app/blobs/$l", "", 200) // which upstream says that it has
	ask("bob:b", "POST", "bob/x/blobs/uploads/?mount=$l&from=hub/app", "", 201)
	names := catalog(t, strings.Replace(r.url, "://", "://bob:b@", 1))
	if strings.Contains(names, "private") || strings.Contains(names, "all/") || strings.Contains(names, "closed") {
		t.Errorf("bob is told of %s", names)
	}
}

func catalog(t *testing.T, url string) string {
	t.Helper()
	code, body := fetch(t, url+"/v2/_catalog")
	if code != http.StatusOK {
		t.Errorf("_catalog = %d", code)
	}
	return fmt.Sprint(body)
}
