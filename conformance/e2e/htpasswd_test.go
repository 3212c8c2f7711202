//go:build linux

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// apacheFormats are the formats that Apache's htpasswd writes and Vitrine reads, with the user that has each.
var apacheFormats = []struct{ user, flag string }{
	{"bcrypt", "-nbB"},
	{"apr1", "-nbm"},
	{"sha1", "-nbs"},
	{"sha256", "-nb2"},
	{"sha512", "-nb5"},
}

// password is the user's, with what a shell or a colon-split would stumble over.
func password(user string) string { return "p: $" + user + " ü" }

// apacheFile lets Apache's htpasswd make a password file with one user of each format.
func apacheFile(t *testing.T) string {
	t.Helper()
	p := newProgram(t, needProgram(t, "htpasswd", "apache2-utils"))
	var file strings.Builder
	for _, f := range apacheFormats {
		file.WriteString(p.run(t, f.flag, f.user, password(f.user)) + "\n")
	}
	path := filepath.Join(p.home, "htpasswd")
	write(t, path, []byte(file.String()))
	return path
}

// TestDockerLogin logs in with docker as a user of each password format.
func TestDockerLogin(t *testing.T) {
	needE2E(t)
	users := apacheFile(t)
	for _, f := range apacheFormats {
		t.Run(f.user, func(t *testing.T) {
			s := start(t, tempDir(t), nil, "--htpasswd", users) // a server each: wrong passwords from one address add up
			c := openDocker(t, s)
			if err := c.login(f.user, password(f.user)+"x"); err == nil {
				t.Error("login with a wrong password: no error")
			}
			if err := c.login(f.user, password(f.user)); err != nil {
				t.Error(err)
			}
		})
	}
}
