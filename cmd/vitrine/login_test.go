package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestLogin has a registry behind ours that wants to know who asks, and each way of telling it.
func TestLogin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/users", "bob:"+hash("secret")+"\n")
	up := openServer(t, "--ephemeral", "--htpasswd", dir+"/users")
	u := httptest.NewUnstartedServer(up.handler())
	u.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	u.StartTLS()
	t.Cleanup(u.Close)
	pushImage(t, strings.Replace(u.URL, "://", "://bob:secret@", 1))
	host := strings.TrimPrefix(u.URL, "https://")
	write(t, dir+"/ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw})))
	write(t, dir+"/config.json", fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("bob:secret"))))
	write(t, dir+"/password", "wrong")
	remote := func(name, more string) string {
		return fmt.Sprintf(`%q: {"type": "remote", "package": "docker", "base_url": %q, "negative_ttl": "0" %s}`, name, u.URL, more)
	}
	ca := `, "ca_file": "` + dir + `/ca.pem"`
	r := start(t, []string{"SECRET=secret", "DOCKER_CONFIG=" + dir}, "--config", configOf(t,
		remote("nobody", ca), remote("untrusted", `, "username": "bob", "password_env": "SECRET"`), remote("env", ca+`, "username": "bob", "password_env": "SECRET"`),
		remote("docker", ca+`, "credentials": "docker"`), remote("file", ca+`, "username": "bob", "password_file": "`+dir+`/password"`)))
	r.expect(t, "GET /v2/nobody/app/manifests/1 404", "GET /v2/untrusted/app/manifests/1 502", "GET /v2/env/app/manifests/1 200", "GET /v2/docker/app/manifests/1 200",
		"GET /v2/file/app/manifests/1 404")
	write(t, dir+"/password", "secret\n")
	r.expect(t, "GET /v2/file/app/manifests/1 200") // without a reload
	if strings.Contains(r.log.String(), "secret") {
		t.Error("the log has the password")
	}
}

// TestBareLogins: whoever sends a password over plain http is told.
func TestBareLogins(t *testing.T) {
	for url, want := range map[string]int{"http://registry:5000": 1, "https://registry": 0, "http://localhost:5000": 0, "http://127.0.0.1:5000": 0, "http://[::1]:5000": 0, "http://192.168.0.1": 1} {
		c := defaults()
		c.env = []string{"SECRET=s"}
		if err := c.loadBytes("f", fmt.Appendf(nil, `{"repositories": {"hub": {"type": "remote", "package": "docker", "base_url": %q, "username": "u", "password_env": "SECRET"}}}`, url)); err != nil {
			t.Fatal(err)
		}
		if got := c.bareLogins(); len(got) != want {
			t.Errorf("%s: %v, want %d", url, got, want)
		}
	}
}
