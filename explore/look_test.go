package explore

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// jar makes a zip of "NAME=CONTENT", "NAME/" and "NAME -> TARGET"; names that begin with ! are not compressed.
func jar(t testing.TB, entries ...string) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range entries {
		name, stored := strings.CutPrefix(e, "!")
		h := &zip.FileHeader{Method: zip.Deflate, Modified: built}
		if stored {
			h.Method = zip.Store
		}
		h.SetMode(0o644)
		name, content, _ := strings.Cut(name, "=")
		if n, to, ok := strings.Cut(name, " -> "); ok {
			name, content = n, to
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		h.Name = name
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// bomb is a zip with a file that would be larger than what is held in memory.
func bomb(t testing.TB) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	_, err := z.CreateRaw(&zip.FileHeader{Name: "zeros", Method: zip.Deflate, UncompressedSize64: maxZipped + 1})
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// TestInside opens archives that lie in layers, and in archives.
func TestInside(t *testing.T) {
	s := newSite(t, nil)
	manifest := "Manifest-Version: 1.0\nMain-Class: <b>x</b>\n"
	deep := "deep.tar.gz=" + tarGzip(t, "etc/x=deepest")
	for range 4 {
		deep = "deep.tar.gz=" + tarGzip(t, deep)
	}
	j := jar(t, "META-INF/MANIFEST.MF="+manifest, "!stored.txt=as it is", "link -> META-INF/MANIFEST.MF", "dir/", "!inner.zip="+jar(t, "a/b=c"), "../../up=up", `win\dos=w`)
	image, layers := s.image("app", nil, []string{tarGzip(t, "opt/x.jar="+j, "opt/real.jar="+j, "opt/real.jar!/META-INF/MANIFEST.MF=wins", "opt/text=no archive", deep,
		"opt/one.gz="+string(gzipped(t, []byte("one file"))), "opt/link.jar -> x.jar", "opt/hard.jar => opt/x.jar", "opt/bad.zip=PK\x03\x04 not one", "opt/bomb.zip="+bomb(t)),
		tarGzip(t, "opt/.wh.gone")})
	at, in := "/fs/app@"+string(layers[0]), "/layers/app@"+string(image)
	five := strings.Repeat("/deep.tar.gz!", 5)
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{at + "/opt/x.jar", 200, `href="` + at + `/opt/x.jar%21/">inside</a>`}, {at + "/opt/text", 200, ""},
		{at + "/opt/x.jar!/", 200, `<a href="` + at + `/opt/x.jar%21/META-INF/">META-INF/</a>`}, {at + "/opt/x.jar!", 200, `..</a>`},
		{at + "/opt/x.jar!/", 200, `<a href="` + at + `/opt/">..</a>`}, {at + "/opt/x.jar!/META-INF/", 200, `<a href="` + at + `/opt/x.jar%21/">..</a>`},
		{at + "/opt/x.jar!/META-INF/MANIFEST.MF", 200, "Main-Class: &lt;b&gt;x&lt;/b&gt;"}, {at + "/opt/x.jar!/META-INF/MANIFEST.MF?raw", 200, manifest},
		{at + "/opt/x.jar!/META-INF/MANIFEST.MF", 200, `tar -Oxz <a href="` + at + `/opt/" title="the directory">opt/</a>x.jar | bsdtar -xOf - <a`},
		{at + "/opt/link.jar!/link", 200, "Main-Class"}, {at + "/opt/hard.jar!/stored.txt?raw", 200, "as it is"}, {at + "/opt/x.jar!/inner.zip!/a/b?raw", 200, "c"},
		{at + "/opt/x.jar!/up?raw", 200, "up"}, {at + "/opt/x.jar!/?all=true", 200, `>META-INF/MANIFEST.MF</a>`}, {at + "/opt/x.jar!/?search=MANI", 200, `>META-INF/MANIFEST.MF</a>`},
		{at + "/opt/real.jar!/META-INF/MANIFEST.MF?raw", 200, "wins"}, {at + "/opt/real.jar!/stored.txt", 404, ""},
		{at + "/opt/text!/", 404, "is no archive"}, {at + "/opt!/", 404, "is no archive"}, {at + "/opt/nope!/x", 404, ""}, {at + "/opt/x.jar!/nope", 404, ""}, {at + "/!/x", 404, ""},
		{at + "/opt/one.gz!/", 200, "one file"}, {at + "/opt/one.gz!/?raw", 200, "one file"},
		{at + "/opt/bad.zip!/", 422, ""}, {at + "/opt/bomb.zip!/zeros", 422, "too large"}, {at + "/opt/bomb.zip!/", 200, ">zeros</a>"},
		{at + five[:len("/deep.tar.gz!")*4] + "/?all=true", 200, "deep.tar.gz"}, {at + five + "/etc/x", 422, "4 deep"},
		{in + "/opt/x.jar!/META-INF/MANIFEST.MF", 200, "crane export"}, {in + "/opt/x.jar!/?tar", 200, ""}, {in + "/opt/x.jar!/META-INF/?layer=0", 200, `MANIFEST.MF?layer=0"`},
	} {
		w := s.get(c.url)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, c.want, mainPart(w.Body.String()))
		}
	}
	if got := untar(t, s.get(at+"/opt/x.jar!/META-INF/?tar").Body); got != "META-INF/, META-INF/MANIFEST.MF="+manifest {
		t.Errorf("a directory of a zip as tar: %s", got)
	}
	if n := len(seats); n != 0 {
		t.Errorf("%d seats are taken when nobody looks", n)
	}
}

// TestBareBlobs looks at blobs that are no layers of images.
func TestBareBlobs(t *testing.T) {
	s := newSite(t, nil)
	at := func(content string) string { return "/fs/app@" + string(s.blob("app", content)) }
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{at("plain text"), 200, "plain text"}, {at("plain text") + "/", 200, "crane blob localhost:5000/app@" + string(digest.FromString("plain text")) + "</code>"},
		{at("plain text") + "/?raw", 200, "plain text"}, {at("plain text") + "/nope", 404, ""}, {at(`{"a":1}`), 200, `| jq .`}, {at("") + "/", 200, "plain"},
		{at(string(gzipped(t, []byte("was compressed")))) + "/", 200, "was compressed"}, {at(string(gzipped(t, []byte("was compressed")))) + "/", 200, "| gunzip</code>"}, {at(string(gzipped(t, []byte("was compressed")))) + "/?raw", 200, "was compressed"},
		{at(jar(t, "x=1")) + "/", 200, "bsdtar -tvf -"}, {at("\x28\xb5\x2f\xfd0000") + "/", 415, "zstd"}, {at("\x28\xb5\x2f\xfd0000") + "/?format=json", 415, `"status": 415`},
		{at("\x1f\x8bbroken") + "/", 422, ""},
	} {
		w := s.get(c.url)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, c.want, mainPart(w.Body.String()))
		}
	}
	image, _ := s.image("app", nil, []string{tarGzip(t, "a=1")})
	m := manifestOf(s, "app", image)
	m.Layers = append(m.Layers, oci.Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar+zstd", Digest: s.blob("app", "\x28\xb5\x2f\xfd0000"), Size: 8},
		oci.Descriptor{MediaType: "text/plain", Digest: s.blob("app", "text"), Size: 4}, oci.Descriptor{MediaType: "x/y", Digest: digest.FromString("nowhere"), Size: 7})
	d := s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "config": m.Config, "layers": m.Layers})
	w := s.get("/layers/app@" + string(d) + "/")
	for _, want := range []string{">a</a>", "Layer 1 (", "zstd", "Layer 2 (", "is no tar archive (plain)", "Layer 3 ("} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("an image with odd layers: %d, want %s\n%s", w.Code, want, mainPart(w.Body.String()))
		}
	}
	if got := w.Header().Get("Cache-Control"); got != "public, no-cache" {
		t.Errorf("a page with a missing layer: Cache-Control: %s", got)
	}
}

// TestPlatforms asks for files of an index.
func TestPlatforms(t *testing.T) {
	s := newSite(t, nil)
	one, _ := s.image("app", nil, []string{tarGzip(t, "etc/arch=amd64")})
	two, _ := s.image("app", nil, []string{tarGzip(t, "etc/arch=arm64")})
	entry := func(d digest.Digest, arch string) map[string]any {
		return map[string]any{"mediaType": oci.MediaTypeImageManifest, "digest": d, "size": 1, "platform": map[string]any{"os": "linux", "architecture": arch}}
	}
	index := func(entries ...map[string]any) string {
		return string(s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": entries}, "multi"))
	}
	both := "/layers/app@" + index(entry(one, "amd64"), entry(two, "arm64"), entry(one, "<b>"))
	single := "/layers/app@" + index(entry(two, "arm64"), map[string]any{"mediaType": oci.MediaTypeImageManifest, "digest": one, "size": 1,
		"annotations": map[string]any{"vnd.docker.reference.type": "attestation-manifest"}, "platform": map[string]any{"os": "unknown", "architecture": "unknown"}})
	for _, c := range []struct {
		url    string
		status int
		to     string
	}{
		{both + "/etc/arch", 300, ""}, {both + "/etc/arch?platform=linux/arm64&raw", 302, "/layers/app@" + string(two) + "/etc/arch?raw="}, {both + "/?platform=linux/s390x", 404, ""},
		{single + "/etc/arch", 302, "/layers/app@" + string(two) + "/etc/arch"},
	} {
		w := s.get(c.url)
		if got := w.Header().Get("Location"); w.Code != c.status || got != c.to {
			t.Errorf("GET %s: %d to %s, want %d to %s", c.url, w.Code, got, c.status, c.to)
		}
	}
	golden(t, "platforms", s.get(both+"/etc/"))
	if got := s.get(both+"/etc/arch", "Accept", "*/*").Body.String(); !strings.Contains(got, "linux/arm64\thttp://localhost:5000/layers/app@"+string(two)+"/etc/arch\n") {
		t.Errorf("for a terminal: %s", got)
	}
}

// private denies what is not said to be shared, as a guard does.
type private struct {
	storage.Store
	denied atomic.Bool
}

func (p *private) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if p.denied.Load() {
		return storage.Manifest{}, storage.ErrDenied
	}
	return p.Store.GetManifest(ctx, repo, d)
}

func (p *private) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if p.denied.Load() {
		return 0, storage.ErrDenied
	}
	return p.Store.StatBlob(ctx, repo, d)
}

func (p *private) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if p.denied.Load() {
		return nil, storage.ErrDenied
	}
	return p.Store.OpenBlob(ctx, repo, d)
}

// TestDenied asks for what others have been shown before.
func TestDenied(t *testing.T) {
	s := newSite(t, nil)
	p := &private{Store: s.store}
	s.Handler = New(p, nil)
	image, layers := s.image("secret/app", nil, []string{tarGzip(t, "etc/key=hidden", "x.jar="+jar(t, "in=inside"))})
	urls := []string{"/", "/?all=true", "/etc/", "/etc/key", "/etc/key?raw", "/?tar", "/x.jar!/in", "/?search=key", "/?format=json"}
	for _, denied := range []bool{false, true} {
		p.denied.Store(denied)
		for _, root := range []string{"/fs/secret/app@" + string(layers[0]), "/layers/secret/app@" + string(image), "/fs/public/app@" + string(layers[0]), "/layers/public/app@" + string(image)} {
			want := 200
			switch {
			case denied:
				want = 403
			case strings.Contains(root, "public"):
				want = 404
			}
			for _, u := range urls {
				w := s.get(root + u)
				if w.Code != want || want != 200 && (strings.Contains(w.Body.String(), "hidden") || w.Header().Get("ETag") != "") {
					t.Errorf("GET %s, denied %v: %d, want %d\n%s", root+u, denied, w.Code, want, mainPart(w.Body.String()))
				}
			}
		}
	}
}

// TestBrokenOff has a file, and an archive, of which only a part can be read: nobody may take that for all.
func TestBrokenOff(t *testing.T) {
	s := newSite(t, nil)
	var broken atomic.Bool
	b := observe(s.store)
	b.fault = func(inOrder bool, off int64, n int) error {
		if broken.Load() && !inOrder && off > 100_000 {
			return errors.New("the disk is gone")
		}
		return nil
	}
	s.Handler = New(b, &Options{Indexer: indexer(t, b, nil)})
	_, layers := s.image("app", nil, []string{tarGzip(t, "dir/big="+noise(1<<20), "dir/z=1")})
	at := "/fs/app@" + string(layers[0])
	if w := s.get(at + "/dir/z?raw"); w.Code != 200 {
		t.Fatalf("before: %d", w.Code)
	}
	broken.Store(true)
	server := httptest.NewServer(s)
	defer server.Close()
	for _, path := range []string{"/dir/big?raw", "/dir/?tar", "/dir/?zip"} {
		r, err := http.Get(server.URL + at + path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if r.StatusCode != 200 || err == nil {
			t.Errorf("GET %s: %d, %d bytes, %v; want the connection cut", path, r.StatusCode, n, err)
		}
	}
}

// noise is what cannot be compressed, always the same.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

// TestInsideCommands runs what the pages of archives inside layers show.
func TestInsideCommands(t *testing.T) {
	needPrograms(t, "bash", "tar", "bsdtar")
	s := newSite(t, nil)
	d := s.blob("app", tarGzip(t, "opt/x.jar="+jar(t, "META-INF/MANIFEST.MF=Main: x\n", "with space/a b=c\n", "inner.zip="+jar(t, "deep=d\n"))))
	zipped := s.blob("app", jar(t, "a/b=c\n"))
	dir := t.TempDir()
	for _, d := range []digest.Digest{d, zipped} {
		writeFile(t, filepath.Join(dir, d.Encoded()), s.get("/blob/app@"+string(d), "Accept", "*/*").Body.Bytes())
	}
	for url, want := range map[string]string{
		"/fs/app@" + string(d) + "/opt/x.jar!/META-INF/MANIFEST.MF": "Main: x\n", "/fs/app@" + string(d) + "/opt/x.jar!/with%20space/a%20b": "c\n",
		"/fs/app@" + string(d) + "/opt/x.jar!/inner.zip!/deep": "d\n", "/fs/app@" + string(zipped) + "/a/b": "c\n",
	} {
		line := commandOf(t, s.get(url).Body.String())
		if got := runLine(t, dir, line); got != want {
			t.Errorf("%s: %s prints %q, want %q", url, line, got, want)
		}
	}
	line := commandOf(t, s.get("/fs/app@"+string(d)+"/opt/x.jar!/").Body.String())
	if got := runLine(t, dir, line); !strings.Contains(got, "META-INF/MANIFEST.MF") {
		t.Errorf("%s prints %s", line, got)
	}
}
