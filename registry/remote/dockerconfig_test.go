package remote

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// configFile writes a configuration of docker's, and programs "docker-credential-NAME" that PATH then leads to.
func configFile(t *testing.T, text string, helpers map[string]string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range helpers {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	path = filepath.Join(dir, "config.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDockerConfig(t *testing.T) {
	path := configFile(t, `{
		"auths": {
			"https://index.docker.io/v1/": {"auth": "aHViLXVzZXI6aHViOnBhc3M="},
			"ghcr.io": {"auth": "bWU6cGFzczp3b3Jk"},
			"https://ghcr.io/v2/": {"auth": "eDp5"},
			"https://old.example/v1/": {"username": "u", "password": "p"},
			"oauth.example": {"identitytoken": "it"},
			"ghcr.io/somebody": {"auth": "eDp5"},
			"quay.io/somebody": {"auth": "eDp5"},
			"bad.example": {"auth": "!"},
			"nocolon.example": {"auth": "eA=="},
			"both.example": {"auth": "bWU6cGFzczp3b3Jk"},
			"local:5000": {"auth": "bWU6cGFzczp3b3Jk"}
		},
		"credHelpers": {"helped.example": "good", "token.example": "token", "both.example": "knowsnothing", "fails.example": "fails", "missing.example": "missing",
			"evil.example": "../../bin/sh", "loud.example": "loud", "html.example": "html"}
	}`, map[string]string{
		"good":         `read server; echo '{"ServerURL":"x","Username":"'$1-$server'","Secret":"s"}'`,
		"token":        `echo '{"Username":"<token>","Secret":"s"}'`,
		"knowsnothing": `echo 'credentials not found in native keychain'; exit 1`,
		"fails":        `echo no key chain >&2; exit 1`,
		"loud":         `while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done`,
		"html":         `echo '<html>'`,
	})
	c := DockerConfig(path)
	for _, tt := range []struct {
		host string
		want Login
		err  string
	}{
		{"registry-1.docker.io", Login{User: "hub-user", Password: "hub:pass"}, ""},
		{"ghcr.io", Login{User: "me", Password: "pass:word"}, ""},
		{"old.example", Login{User: "u", Password: "p"}, ""},
		{"oauth.example", Login{IdentityToken: "it"}, ""},
		{"quay.io", Login{}, ""},
		{"unknown.example", Login{}, ""},
		{"local:5000", Login{User: "me", Password: "pass:word"}, ""},
		{"local", Login{}, ""},
		{"bad.example", Login{}, "not base64"},
		{"nocolon.example", Login{}, "not base64"},
		{"helped.example", Login{User: "get-helped.example", Password: "s"}, ""},
		{"token.example", Login{IdentityToken: "s"}, ""},
		{"both.example", Login{User: "me", Password: "pass:word"}, ""},
		{"fails.example", Login{}, "docker-credential-fails: exit status 1"},
		{"missing.example", Login{}, "docker-credential-missing"},
		{"evil.example", Login{}, "no name of a credential helper"},
		{"loud.example", Login{}, "says too much"},
		{"html.example", Login{}, "not JSON"},
	} {
		got, err := c(t.Context(), tt.host)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %+v, %v, want %+v, %q", tt.host, got, err, tt.want, tt.err)
		}
	}
}

// TestCredsStore: one program for all, which is asked for Docker's Hub by the name that docker has for it, and once.
func TestCredsStore(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	path := configFile(t, `{"credsStore":"all"}`, map[string]string{"all": `read s; echo x >>` + count + `; sleep 0.05; echo '{"Username":"u","Secret":"'$s'"}'`})
	c := DockerConfig(path)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := c(t.Context(), "registry-1.docker.io"); got != (Login{User: "u", Password: "https://index.docker.io/v1/"}) || err != nil {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if text, _ := os.ReadFile(count); string(text) != "x\n" {
		t.Errorf("it was run %d times", strings.Count(string(text), "x"))
	}
}

// TestHelperThatHangs ends with whoever wanted to know.
func TestHelperThatHangs(t *testing.T) {
	path := configFile(t, `{"credsStore":"hangs"}`, map[string]string{"hangs": `exec sleep 1000`})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := DockerConfig(path)(ctx, "ghcr.io"); err == nil || ctx.Err() == nil {
		t.Errorf("%v", err)
	}
}

// TestConfigChanges: it is read again when it is another one, and may come and go.
func TestConfigChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	c := DockerConfig(path)
	for i, tt := range []struct {
		text string
		want Login
		ok   bool
	}{
		{"", Login{}, true},
		{`{"auths":{"ghcr.io":{"username":"a"}}}`, Login{User: "a"}, true},
		{`{"auths":{"ghcr.io":{"username":"bb"}}}`, Login{User: "bb"}, true},
		{`{"auths":{"ghcr.io":{"auth":"secret`, Login{}, false},
		{"", Login{}, true},
	} {
		if tt.text == "" {
			os.Remove(path)
		} else if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := c(t.Context(), "ghcr.io")
		if got != tt.want || (err == nil) != tt.ok || err != nil && strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
}
