//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// upstream is a registry that is not Vitrine: Debian's docker-registry, with a token server that says who may, behind a line.
//
//	client -> line -> docker-registry on a Unix socket, so that it is there again after it was killed
//	       -> token server
type upstream struct {
	*line
	tokens *tokenServer

	program, config, socket string
	cmd                     *exec.Cmd // nil while it is stopped
	out                     *output
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{program: needProgram(t, "docker-registry", "docker-registry"), tokens: newTokenServer(t)}
	dir := tempDir(t)
	u.config, u.socket = filepath.Join(dir, "config.yml"), filepath.Join(dir, "s")
	write(t, u.config, fmt.Appendf(nil, `
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {net: unix, addr: %q, secret: e2e}
auth:
  token: {realm: %q, service: %s, issuer: %s, rootcertbundle: %q}
`, filepath.Join(dir, "data"), u.socket, u.tokens.URL+"/token", tokenService, tokenIssuer, u.tokens.bundle))
	u.line = newLine(t, u.socket)
	u.start(t)
	t.Cleanup(func() {
		u.kill()
		if t.Failed() {
			text := u.out.String()
			t.Logf("the registry behind %s printed at last:\n%s", u.host, text[max(0, len(text)-2000):])
		}
	})
	return u
}

// start runs the registry until it answers.
func (u *upstream) start(t *testing.T) {
	t.Helper()
	os.Remove(u.socket) // of one that was killed
	u.out = newOutput()
	u.cmd = exec.Command(u.program, "serve", u.config)
	u.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	u.cmd.Stdout, u.cmd.Stderr, u.cmd.SysProcAttr = u.out, u.out, owned()
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if c, err := net.Dial("unix", u.socket); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("docker-registry does not answer; it printed:\n%s", u.out)
}

// kill ends the registry by SIGKILL; the line stays and answers 502.
func (u *upstream) kill() {
	if u.cmd != nil {
		u.cmd.Process.Kill()
		u.cmd.Wait()
		u.cmd = nil
	}
}

// push makes the image in an OCI layout one of the registry. ref is NAME:TAG.
func (u *upstream) push(t *testing.T, layout, ref string) {
	t.Helper()
	p := newProgram(t, needProgram(t, "skopeo", "skopeo"))
	p.run(t, "copy", "--all", "--dest-tls-verify=false", "--dest-creds", writer+":"+writerPassword, "oci:"+layout+":image", "docker://"+u.host+"/"+ref)
	u.forget()
}

// forget drops what was counted.
func (u *upstream) forget() { u.line.asked(); u.tokens.asked() }

// TestUpstream holds the registry to what the other tests need of it: it asks for tokens, and keeps what is pushed.
func TestUpstream(t *testing.T) {
	needE2E(t)
	u := newUpstream(t)
	img := newImage(t, 800)
	u.push(t, img.layout, "private/app:1")
	u.push(t, img.layout, "open/app:1")
	for _, c := range []struct {
		creds, ref string
		ok         bool
	}{
		{reader + ":" + readerPassword, "private/app:1", true},
		{reader + ":wrong", "private/app:1", false},
		{"", "private/app:1", false},
		{"", "open/app:1", true},
	} {
		p := newProgram(t, needProgram(t, "skopeo", "skopeo"))
		args := []string{"inspect", "--raw", "--tls-verify=false", "docker://" + u.host + "/" + c.ref}
		if c.creds != "" {
			args = append(args, "--creds", c.creds)
		}
		if _, err := p.try(args...); (err == nil) != c.ok {
			t.Errorf("%s as %q: %v, want ok %v", c.ref, c.creds, err, c.ok)
		}
	}
	u.kill()
	u.start(t)
	p := newProgram(t, needProgram(t, "skopeo", "skopeo"))
	p.run(t, "inspect", "--raw", "--tls-verify=false", "docker://"+u.host+"/open/app:1")
	if got := strings.Join(u.tokens.asked(), ", "); !strings.Contains(got, "reader repository:private/app:pull") {
		t.Errorf("tokens were asked for by %q", got)
	}
}
