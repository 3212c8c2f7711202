package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
)

var listed = time.Date(2024, 2, 3, 4, 5, 0, 0, time.Local)

// layerOf makes a tar.gz of headers; files hold their name.
func layerOf(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	var errs []error
	for _, h := range headers {
		h.ModTime = listed
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		errs = append(errs, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, h.Name)
			errs = append(errs, err)
		}
	}
	if err := errors.Join(append(errs, w.Close(), z.Close())...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func rootfs(t *testing.T) []byte {
	return layerOf(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755, Uname: "root", Gname: "root"},
		tar.Header{Name: "./etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Uname: "root", Gname: "root"},
		tar.Header{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin", Mode: 0o777, Uid: 1000, Gid: 100},
		tar.Header{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "./usr/bin/su", Typeflag: tar.TypeReg, Mode: 0o4755},
		tar.Header{Name: "./usr/bin/sg", Typeflag: tar.TypeLink, Linkname: "./usr/bin/su", Mode: 0o4755},
		tar.Header{Name: "./var/tmp", Typeflag: tar.TypeDir, Mode: 0o1776},
		tar.Header{Name: "./var/\x1b[2J\n\\\xff", Typeflag: tar.TypeReg, Mode: 0o600, Uname: "a-very-long-name", Gname: "users"},
	)
}

// fullListing is what tar -tv prints of rootfs, but in the order of the names, without "./", and with the bytes that are no UTF-8 as package
// tarfs shows them.
const fullListing = `drwxr-xr-x root/root         0 2024-02-03 04:05 ./
lrwxrwxrwx 1000/100          0 2024-02-03 04:05 bin -> usr/bin
crw-rw-rw- 0/0             1,3 2024-02-03 04:05 dev/null
-rw-r--r-- root/root        12 2024-02-03 04:05 etc/passwd
hrwsr-xr-x 0/0               0 2024-02-03 04:05 usr/bin/sg link to ./usr/bin/su
-rwsr-xr-x 0/0              12 2024-02-03 04:05 usr/bin/su
-rw------- a-very-long-name/users 13 2024-02-03 04:05 var/\033[2J\n\\` + "\uFFFD" + `FF
drwxrwxrwT 0/0                     0 2024-02-03 04:05 var/tmp/
`

func TestLookAtFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "layer.tar.gz")
	write(t, file, string(rootfs(t)))
	var z, single bytes.Buffer
	w := zip.NewWriter(&z)
	f, err := w.Create("a/b")
	io.WriteString(f, "zipped")
	g := gzip.NewWriter(&single)
	io.WriteString(g, "gzipped")
	if err := errors.Join(err, w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/a.zip", z.String())
	write(t, dir+"/b.gz", single.String())
	write(t, dir+"/c.zst", "\x28\xb5\x2f\xfd")
	for range 2 { // then with an index
		for _, tt := range []struct {
			args string
			code int
			want string // of it all, or somewhere in the error
		}{
			{"ls layer.tar.gz", exitOK, fullListing},
			{"ls layer.tar.gz /usr/", exitOK, "hrwsr-xr-x 0/0               0 2024-02-03 04:05 usr/bin/sg link to ./usr/bin/su\n-rwsr-xr-x 0/0              12 2024-02-03 04:05 usr/bin/su\n"},
			{"ls layer.tar.gz bin/su", exitOK, "-rwsr-xr-x 0/0              12 2024-02-03 04:05 usr/bin/su\n"},
			{"ls layer.tar.gz etc/shadow", exitFailure, "etc/shadow: file does not exist"},
			{"cat layer.tar.gz bin/sg", exitOK, "./usr/bin/su"},
			{"cat layer.tar.gz ../../etc/passwd", exitOK, "./etc/passwd"},
			{"cat layer.tar.gz etc", exitFailure, "etc is a directory"},
			{"cat layer.tar.gz nothing", exitFailure, "nothing: file does not exist"},
			{"cat layer.tar.gz", exitUsage, "which file?"},
			{"ls --layer 1 layer.tar.gz", exitUsage, "not with a file"},
			{"cat a.zip a/b", exitOK, "zipped"},
			{"cat b.gz", exitOK, "gzipped"},
			{"cat c.zst", exitFailure, "zstd"},
			{"ls", exitUsage, "want a file or an image"},
			{"ls --layer 0 x", exitUsage, "number from 1 on"},
			{"ls none.tar", exitFailure, "no such file or layout"},
			{"ls a b c", exitUsage, `unexpected argument "c"`},
			{"index", exitUsage, "vitrine index FILE"},
			{"index none", exitFailure, "no such file"},
			{"index a.zip", exitOK, dir + "/a.zip: zip, which has an index of its own\n"},
		} {
			checkLook(t, dir, tt.args, tt.code, tt.want)
		}
		out, errs := mustRun(t, &process{args: []string{"index", file, dir + "/b.gz"}}, exitOK)
		if !strings.Contains(out, "layer.tar.gz: tar+gzip, ") || !strings.Contains(out, "b.gz: gzip, ") || errs != "" {
			t.Errorf("index: %s%s", out, errs)
		}
	}
}

// checkLook runs a command with the file that it names in dir.
func checkLook(t *testing.T, dir, args string, code int, want string) {
	t.Helper()
	p := &process{args: strings.Fields(args), env: []string{"VITRINE_ROOT=" + dir + "/root"}}
	for i, a := range p.args {
		if i > 0 && strings.ContainsAny(a, ".:@") && !strings.ContainsAny(a, "/") || a == "layout" {
			p.args[i] = filepath.Join(dir, a)
		}
	}
	out, errs := mustRun(t, p, code)
	if code == exitOK && out != want || !strings.Contains(out+errs, want) {
		t.Errorf("vitrine %s: got\n%s%swant\n%s", args, out, errs, want)
	}
}

// TestStaleIndex: an index that is older than its file, or of another one, does not count.
func TestStaleIndex(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.tar.gz")
	one := layerOf(t, tar.Header{Name: "one", Typeflag: tar.TypeReg})
	write(t, file, string(one))
	mustRun(t, &process{args: []string{"index", file}}, exitOK)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range []struct {
		what string
		size int64
		age  time.Duration
		want bool
	}{
		{"fresh", int64(len(one)), -time.Hour, true},
		{"another size", int64(len(one)) + 1, -time.Hour, false},
		{"the file is newer", int64(len(one)), time.Hour, false},
	} {
		changed := time.Now().Add(tt.age)
		if err := os.Chtimes(file, changed, changed); err != nil {
			t.Fatal(err)
		}
		x, stored := storedIndex(f, tt.size)
		if stored != nil {
			stored.Close()
		}
		if got := x != nil; got != tt.want {
			t.Errorf("%s: used %v, want %v", tt.what, got, tt.want)
		}
	}
}

func descriptor(mediaType string, raw []byte) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, digest.FromBytes(raw), len(raw))
}

func TestLookAtImages(t *testing.T) {
	const gz = "application/vnd.oci.image.layer.v1.tar+gzip"
	low := layerOf(t, tar.Header{Name: "low", Typeflag: tar.TypeReg, Mode: 0o644})
	high := layerOf(t, tar.Header{Name: "high", Typeflag: tar.TypeReg, Mode: 0o644})
	config := []byte("{}")
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s,%s]}`,
		descriptor("application/vnd.oci.image.config.v1+json", config), descriptor(gz, low), descriptor(gz, high))
	single := fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s]}`,
		descriptor("application/vnd.oci.image.config.v1+json", config), descriptor(gz, low))
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s,%s]}`, oci.MediaTypeImageIndex,
		strings.Replace(descriptor(oci.MediaTypeImageManifest, manifest), "}", `,"platform":{"os":"linux","architecture":"arm","variant":"v7"}}`, 1),
		descriptor(oci.MediaTypeImageManifest, single))
	dir := t.TempDir()
	tags := map[string][]byte{"two": manifest, "one": single, "all": index}
	makeLayout(t, filepath.Join(dir, "layout"), tags, low, high, config)
	root := makeRoot(t, filepath.Join(dir, "root"), tags, low, high, config)
	defer root.Close() // it is in use while the commands run

	m, l := digest.FromBytes(manifest), digest.FromBytes(high)
	line := "-rw-r--r-- 0/0 %15d 2024-02-03 04:05 %s\n"
	layers := fmt.Sprintf("  1 %s %12d %s\n  2 %s %12d %s\n", digest.FromBytes(low), len(low), gz, l, len(high), gz)
	images := fmt.Sprintf("%s %12d linux/arm/v7\n%s %12d \n", m, len(manifest), digest.FromBytes(single), len(single))
	for _, name := range []string{"layout", "library/app"} {
		for _, tt := range []struct {
			args string
			code int
			want string
		}{
			{"ls NAME:two", exitOK, layers},
			{"ls NAME@" + string(m), exitOK, layers},
			{"ls NAME:all", exitOK, images},
			{"ls --layer 2 NAME:two", exitOK, fmt.Sprintf(line, 4, "high")},
			{"ls NAME:two low --layer=1", exitOK, fmt.Sprintf(line, 3, "low")},
			{"ls NAME:two@" + string(l) + " high", exitOK, fmt.Sprintf(line, 4, "high")},
			{"ls NAME:one low", exitOK, fmt.Sprintf(line, 3, "low")},
			{"cat NAME:one low", exitOK, "low"},
			{"cat NAME@" + string(l), exitOK, "high"},
			{"cat NAME:two low", exitFailure, "this has 2 layers"},
			{"cat NAME:all low", exitFailure, "an index of 2 images"},
			{"ls --layer 3 NAME:two", exitFailure, "there is no layer 3"},
			{"ls NAME:none", exitFailure, "manifest unknown"},
			{"ls NAME@sha256:12", exitUsage, "invalid digest"},
			{"ls NAME@" + string(digest.FromString("x")), exitFailure, "blob unknown"},
		} {
			checkLook(t, dir, strings.Replace(tt.args, "NAME", name, 1), tt.code, tt.want)
		}
	}
	checkLook(t, dir, "ls layout", exitFailure, "the layout has [")
	checkLook(t, dir, "ls library/none:1", exitFailure, "unknown")
}

func makeLayout(t *testing.T, dir string, tags map[string][]byte, blobs ...[]byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	var manifests []string
	for tag, raw := range tags {
		blobs = append(blobs, raw)
		manifests = append(manifests, strings.Replace(descriptor("", raw), "}", fmt.Sprintf(`,"annotations":{%q:%q}}`, refName, tag), 1))
	}
	for _, raw := range blobs {
		write(t, filepath.Join(dir, "blobs", "sha256", digest.FromBytes(raw).Encoded()), string(raw))
	}
	write(t, filepath.Join(dir, layoutFile), `{"imageLayoutVersion":"1.0.0"}`)
	write(t, filepath.Join(dir, indexFile), `{"schemaVersion":2,"manifests":[`+strings.Join(manifests, ",")+`]}`)
}

func makeRoot(t *testing.T, dir string, tags map[string][]byte, blobs ...[]byte) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range blobs {
		err = errors.Join(err, storage.PutBlob(context.Background(), s, "library/app", digest.FromBytes(raw), bytes.NewReader(raw)))
	}
	for tag, raw := range tags {
		m, _, err2 := storage.ParseManifest(oci.MediaTypeImageManifest, raw, "")
		if tag == "all" {
			m, _, err2 = storage.ParseManifest(oci.MediaTypeImageIndex, raw, "")
		}
		err = errors.Join(err, err2)
		if err2 == nil {
			err = errors.Join(err, s.PutManifest(context.Background(), "library/app", m),
				s.SetTag(context.Background(), "library/app", oci.Tag(tag), m.Digest, storage.Match{}))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		at     int64
		passed time.Duration
		want   string
	}{
		{0, 0, "a.tar [                        ] 0 B of 3.0 GB"},
		{1000e6, 2 * time.Second, "a.tar [========                ] 1.0 GB of 3.0 GB, 500.0 MB/s, 0:04 left"},
		{30e6, 3 * time.Second, "a.tar [                        ] 30.0 MB of 3.0 GB, 10.0 MB/s, 4:57 left"},
		{3000e6, 3 * time.Second, "a.tar [========================] 3.0 GB of 3.0 GB, 1.0 GB/s, 0:00 left"},
	} {
		p := &progress{name: "a.tar", at: tt.at, size: 3000e6}
		if got := p.picture(tt.passed); got != tt.want {
			t.Errorf("%d bytes after %v: %q, want %q", tt.at, tt.passed, got, tt.want)
		}
	}
	var shown bytes.Buffer
	p := newProgress(&shown, "a", 10) // no terminal
	p.Write(make([]byte, 5))
	p.clear()
	if shown.Len() > 0 || p.at != 5 {
		t.Errorf("%d bytes counted, shown %q", p.at, shown.String())
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999949: "999.9 kB", 999960: "1.0 MB", 49600000: "49.6 MB", 1 << 62: "4.6 EB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %s, want %s", n, got, want)
		}
	}
}
