//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// documented returns the block of docs/remotes.md that stands behind the name of a file, with this server in the place of the one that is named there.
func documented(t *testing.T, s *server, file string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, "../../docs/remotes.md"), "`"+file+"`:\n")
	_, rest, begins := strings.Cut(rest, "```")
	_, rest, named := strings.Cut(rest, "\n")
	block, _, ends := strings.Cut(rest, "\n```")
	if !ok || !begins || !named || !ends {
		t.Fatalf("docs/remotes.md shows no %s", file)
	}
	if s != nil {
		block = strings.ReplaceAll(block, "vitrine.example:5000", s.host)
	}
	return block
}

// hubFront is the Vitrine of docs/remotes.md, with our registry in the place of Docker Hub.
func hubFront(t *testing.T, options ...string) *front {
	t.Helper()
	f := &front{t: t, up: newUpstream(t)}
	dir := tempDir(t)
	secret := filepath.Join(dir, "hub-token")
	write(t, secret, []byte(readerPassword))
	text := documented(t, nil, "/etc/vitrine/config.json")
	for _, r := range [][2]string{
		{`"base_url": "https://registry-1.docker.io"`, fmt.Sprintf(`"base_url": "http://%s", "namespaces": ["docker.io"]`, f.up.host)},
		{`"/etc/vitrine/hub-token"`, fmt.Sprintf("%q", secret)},
		{`"bob"`, fmt.Sprintf("%q", reader)},
	} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("the configuration in docs/remotes.md has no %s", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	f.config = filepath.Join(dir, "vitrine.json")
	write(t, f.config, []byte(text))
	f.server = start(t, tempDir(t), nil, append([]string{"--config", f.config}, options...)...)
	return f
}

// mirrored fails t unless upstream was asked for all of the image, once.
func (f *front) mirrored(t *testing.T, img *image, repo string) {
	t.Helper()
	calls := f.up.asked()
	for _, d := range img.blobs(t) {
		if n := count(calls, "GET "+repo+"/blobs/"+string(d), " 200"); n != 1 {
			t.Errorf("upstream is asked %d times for %s: %q", n, d, calls)
		}
	}
}

// TestMirrorDocker has a docker daemon whose registry-mirrors are a Vitrine, as docs/remotes.md says, and a client that is logged in to Docker Hub: its password
// is none of the mirror's, which lets everybody pull.
func TestMirrorDocker(t *testing.T) {
	needE2E(t)
	needRoot(t)
	f := hubFront(t, "--htpasswd", apacheFile(t), "--anonymous-pull")
	var settings map[string]any
	if err := json.Unmarshal([]byte(documented(t, f.server, "/etc/docker/daemon.json")), &settings); err != nil {
		t.Fatal(err)
	}
	d, err := configureDaemon(needProgram(t, "dockerd", "docker.io"), "mirrored", settings)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	c := docker{newProgram(t, needProgram(t, "docker", "docker.io"), "-H", d.host()), t, f.server}
	write(t, c.file("docker/config.json"), []byte(`{"auths": {"https://index.docker.io/v1/": {"auth": "Ym9iOmh1YiBzZWNyZXQ="}}}`))
	for i, name := range []string{"app", "acme/app"} {
		repo := strings.TrimPrefix("library/"+name, "library/acme/")
		if strings.Contains(name, "/") {
			repo = name
		}
		img := newImage(t, uint64(890+i))
		f.up.push(t, img.layout, repo+":1")
		got, _, err := c.pull(name + ":1")
		if err != nil || !got.equal(img.identity) {
			t.Errorf("docker pull %s:1: %v, %v, want %v", name, got, err, img.identity)
		}
		f.mirrored(t, img, repo)
		got, _, err = c.pull(f.host + "/hub/" + repo + ":1")
		if err != nil || !got.equal(img.identity) {
			t.Errorf("by its prefix: %v, %v, want %v", got, err, img.identity)
		}
		if calls := f.up.asked(); len(calls) > 0 {
			t.Errorf("by its prefix upstream is asked again: %q", calls)
		}
	}
}

// TestMirrorContainers has podman, buildah and skopeo take images of docker.io from a Vitrine, by the registries.conf of docs/remotes.md.
func TestMirrorContainers(t *testing.T) {
	needE2E(t)
	f := hubFront(t)
	conf := filepath.Join(tempDir(t), "registries.conf")
	write(t, conf, []byte(documented(t, f.server, "/etc/containers/registries.conf.d/vitrine.conf")))
	for i, open := range []func() (func(string) (identity, digest.Digest, error), *program){
		func() (func(string) (identity, digest.Digest, error), *program) {
			c := newPodman(t, f.server)
			return c.pull, c.program
		},
		func() (func(string) (identity, digest.Digest, error), *program) {
			c := newBuildah(t, f.server)
			return c.pull, c.program
		},
		func() (func(string) (identity, digest.Digest, error), *program) {
			c := newSkopeo(t, f.server)
			return c.pull, c.program
		},
	} {
		pull, p := open()
		p.env = append(p.env, "CONTAINERS_REGISTRIES_CONF="+conf)
		write(t, p.file(".config/containers/registries.conf"), []byte(read(t, conf))) // skopeo does not know the variable
		repo := fmt.Sprintf("library/app%d", i)
		img := newImage(t, uint64(900+i))
		f.up.push(t, img.layout, repo+":1")
		got, _, err := pull("docker.io/" + repo + ":1")
		if err != nil || !got.equal(img.identity) {
			t.Errorf("%s: %v, %v, want %v", p.path, got, err, img.identity)
		}
		f.mirrored(t, img, repo)
	}
}

// TestMirrorContainerd has containerd take images of docker.io from a Vitrine, by the hosts.toml of docs/remotes.md. It says whose image it wants by ?ns=.
func TestMirrorContainerd(t *testing.T) {
	needE2E(t)
	f := hubFront(t)
	for i, file := range []string{"/etc/containerd/certs.d/docker.io/hosts.toml", "/etc/containerd/certs.d/_default/hosts.toml"} {
		hosts := tempDir(t)
		write(t, filepath.Join(hosts, strings.TrimPrefix(file, "/etc/containerd/certs.d/")), []byte(documented(t, f.server, file)))
		repo := fmt.Sprintf("library/box%d", i)
		img := newImage(t, uint64(910+i))
		f.up.push(t, img.layout, repo+":1")
		c := newCtr(t)
		ref := "docker.io/" + repo + ":1"
		c.run(t, "images", "pull", "--hosts-dir", hosts, ref)
		if got := c.run(t, "images", "ls", "-q", "name=="+ref); got != ref {
			t.Errorf("containerd has %q", got)
		}
		for _, d := range img.blobs(t) {
			c.run(t, "content", "get", string(d))
		}
		f.mirrored(t, img, repo)
		c.run(t, "images", "rm", "--sync", ref)
	}
	a := f.expect(t, 200, "GET", "/v2/library/box0/manifests/1?ns=docker.io", nil, "Accept", acceptAll)
	if got := a.header.Get("OCI-Namespace"); got != "docker.io" {
		t.Errorf("OCI-Namespace is %q", got)
	}
	f.expect(t, 404, "GET", "/v2/library/box0/manifests/1?ns=quay.io", nil, "Accept", acceptAll)
}
