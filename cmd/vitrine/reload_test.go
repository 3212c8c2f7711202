package main

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"
	"testing"
)

func TestReload(t *testing.T) {
	dir := t.TempDir()
	file, users := dir+"/c.json", dir+"/users"
	write(t, users, "bob:"+hash("one")+"\n")
	write(t, file, `{"auth": {"htpasswd": "`+users+`"}, "ephemeral": true}`)
	r := start(t, nil, "--config", file)
	as := func(password string) int {
		return status(t, client(t), "POST", strings.Replace(r.url, "://", "://bob:"+password+"@", 1)+"/v2/a/blobs/uploads/", nil)
	}
	anonymous := func() int { return status(t, client(t), "GET", r.url+"/v2/a/tags/list", nil) }
	if one, nobody := as("one"), anonymous(); one != 202 || nobody != 401 {
		t.Fatalf("bob %d, nobody %d", one, nobody)
	}

	write(t, file, `{"auth": {"htpasswd": "`+users+`", "anonymous_pull": true}, "ephemeral": true, "read_only": true, "root": "/else"}`)
	r.reload(t, "configuration read again")
	if one, nobody := as("one"), anonymous(); one != 405 || nobody != 404 {
		t.Errorf("read-only with anonymous pull: bob %d, nobody %d", one, nobody)
	}
	if !strings.Contains(r.log.String(), `msg="needs a restart to change" setting=root`) {
		t.Error(r.log.String())
	}

	write(t, file, `{"auth": {"htpasswd": "`+dir+`/none"}, "ephemeral": true}`)
	r.reload(t, "configuration not taken")
	write(t, file, `{"read_only": maybe}`)
	r.reload(t, "c.json:1:15: invalid character")
	if one, nobody := as("one"), anonymous(); one != 405 || nobody != 404 {
		t.Errorf("after two that were refused: bob %d, nobody %d", one, nobody)
	}

	write(t, users, "bob:"+hash("other")+"\n")
	write(t, file, `{"auth": {"htpasswd": "`+users+`"}, "ephemeral": true, "log": {"access": false}}`)
	r.reload(t, "configuration read again")
	before := strings.Count(r.log.String(), "msg=request")
	if one, other := as("one"), as("other"); one != 401 || other != 202 {
		t.Errorf("after the password changed: the old one %d, the new one %d", one, other)
	}
	if strings.Count(r.log.String(), "msg=request") != before || !strings.Contains(r.log.String(), "user=bob") {
		t.Error(r.log.String())
	}
}

// hash is a quick one.
func hash(password string) string {
	sum := sha1.Sum([]byte(password))
	return "{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}
