//go:build linux

package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/conformance/repodata"
)

// TestFilesReading has curl and wget read files of a local, a remote and a virtual repository in all the ways that they know.
func TestFilesReading(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	curl := newProgram(t, needProgram(t, "curl", "curl"), "-sSf")
	wget := newProgram(t, needProgram(t, "wget", "wget"), "-nv", "-S")
	content := bytesOf(3_000_000)
	index := []byte(`{"version": 1}`)
	f.publish(map[string][]byte{"tool/tool.tar.gz": content, "tool/latest.json": index, "tool/a+b~1^2.zip": content[:2000]})
	for path, c := range f.files {
		f.expect(t, 201, "PUT", "/files/apps/"+strings.ReplaceAll(path, "+", "%2b"), c)
	}
	for _, repo := range []string{"apps", "far", "all"} {
		base := f.base + "/files/" + repo + "/tool/"
		readWithCurl(t, curl, base, content)
		readOddNames(t, curl, base, content[:2000])
		readAgain(t, curl, wget, base, index)
	}
}

// bytesOf is n bytes that are not all the same.
func bytesOf(n int) []byte { return content{77, n}.bytes() }

// readWithCurl reads a file whole, from a thousandth byte on, in a range, in two, and checks its digest.
func readWithCurl(t *testing.T, curl *program, base string, want []byte) {
	t.Helper()
	out, url := curl.file("out"), base+"tool.tar.gz"
	if code := curl.run(t, "-w", "%{http_code}", "-o", out, url); code != "200" || read(t, out) != string(want) {
		t.Errorf("curl %s: %s, %d bytes, want %d", url, code, len(read(t, out)), len(want))
	}
	write(t, out, want[:1000])
	if code := curl.run(t, "-C", "-", "-w", "%{http_code}", "-o", out, url); code != "206" || read(t, out) != string(want) {
		t.Errorf("curl -C - %s: %s, %d bytes, want %d", url, code, len(read(t, out)), len(want))
	}
	if code := curl.run(t, "-r", "-500", "-w", "%{http_code}", "-o", out, url); code != "206" || read(t, out) != string(want[len(want)-500:]) {
		t.Errorf("curl -r -500 %s: %s, %d bytes", url, code, len(read(t, out)))
	}
	head := curl.run(t, "-r", "10-19,1000000-1000099,2999990-", "-D", "-", "-o", out, url)
	wantParts(t, headerLine(head, "Content-Type"), read(t, out), string(want[10:20]), string(want[1000000:1000100]), string(want[2999990:]))
	if got, sum := curl.run(t, url+"?sha256"), repodata.Sum(want)+"  tool.tar.gz"; got != sum {
		t.Errorf("curl %s?sha256: %q, want %q", url, got, sum)
	}
	resumed, err := curl.try("-r", "5000000-", url)
	if err == nil || !strings.Contains(err.Error(), "416") {
		t.Errorf("curl behind the end: %d bytes, %v", len(resumed), err)
	}
}

// wantParts fails t unless body is a multipart/byteranges of these parts.
func wantParts(t *testing.T, mediaType, body string, want ...string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(mediaType)
	if err != nil || kind != "multipart/byteranges" {
		t.Errorf("several ranges: Content-Type %q, %v", mediaType, err)
		return
	}
	parts := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for i, w := range want {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		if got, err := io.ReadAll(p); err != nil || string(got) != w {
			t.Errorf("part %d, %s: %d bytes, %v, want %d", i, p.Header.Get("Content-Range"), len(got), err, len(w))
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after %d parts: %v", len(want), err)
	}
}

// readOddNames asks for a file in the spellings that clients use.
func readOddNames(t *testing.T, curl *program, base string, want []byte) {
	t.Helper()
	for _, name := range []string{"a+b~1^2.zip", "a%2bb~1%5e2.zip", "a%2Bb%7E1%5E2.zip", "%61+b~1%5e2.zip"} {
		if got, err := curl.try("--globoff", base+name); err != nil || got != string(want) {
			t.Errorf("curl %s%s: %d bytes, %v, want %d", base, name, len(got), err, len(want))
		}
	}
}

// readAgain reads a file that may change a second time, by its ETag and by its time: there is nothing new.
func readAgain(t *testing.T, curl, wget *program, base string, want []byte) {
	t.Helper()
	url, out, tag := base+"latest.json", curl.file("latest"), curl.file("tag")
	for _, call := range [][]string{
		{"200", "--etag-save", tag},
		{"304", "--etag-save", tag, "--etag-compare", tag},
		{"200", "-R"},
		{"304", "-R", "-z", out},
	} {
		args := append(call[1:], "-w", "%{http_code}", "-o", out, url)
		if code := curl.run(t, args...); code != call[0] || read(t, out) != string(want) {
			t.Errorf("curl %q: %s, want %s", args, code, call[0])
		}
	}
	os.Remove(wget.file("latest.json"))
	for _, status := range []string{"200 OK", "304 Not Modified"} {
		if printed, code := wget.status(t, "-N", url); code != 0 || !strings.Contains(printed, status) || read(t, wget.file("latest.json")) != string(want) {
			t.Errorf("wget -N %s exits with %d, want %s:\n%s", url, code, status, printed)
		}
	}
}

// TestFilesPutting has curl put files.
func TestFilesPutting(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	curl := newProgram(t, needProgram(t, "curl", "curl"), "-sS", "-w", "%{http_code}", "-o", "answer")
	one, two, url := bytesOf(100_000), bytesOf(100_001), f.base+"/files/apps/tool/1.0/tool.tar.gz"
	write(t, curl.file("tool.tar.gz"), one)
	write(t, curl.file("two"), two)
	for _, call := range []string{
		"201 -T tool.tar.gz URL/../",
		"412 -T two URL -H If-None-Match:*",
		"400 -T two URL -H X-Checksum-Sha256:" + repodata.Sum(one),
		"412 -T two URL -H If-Match:\"sha256:" + repodata.Sum(two) + "\"",
		"200 URL",
		"204 -T two URL -H If-Match:\"sha256:" + repodata.Sum(one) + "\" -H X-Checksum-Sha256:" + repodata.Sum(two),
		"201 -T two URL.sha -H If-None-Match:*",
		"405 -T two " + f.base + "/files/far/two",
		"405 -T two " + f.base + "/files/all/two",
		"204 -X DELETE URL.sha",
		"404 URL.sha",
	} {
		words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(call, "URL/../", strings.TrimSuffix(url, "tool.tar.gz")), "URL", url))
		if code := curl.run(t, words[1:]...); code != words[0] {
			t.Errorf("curl %q: %s, want %s: %.200s", words[1:], code, words[0], read(t, curl.file("answer")))
		}
	}
	if a := f.expect(t, 200, "GET", "/files/all/tool/1.0/tool.tar.gz", nil); !bytes.Equal(a.body, two) {
		t.Errorf("%d bytes are there, want %d", len(a.body), len(two))
	}
}

// TestFilesBrokenLine has the line to the other server break under a curl: what comes is the file, or what curl takes for broken.
func TestFilesBrokenLine(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	curl := newProgram(t, needProgram(t, "curl", "curl"), "-sSf")
	content := bytesOf(5_000_000)
	f.publish(map[string][]byte{"back.zip": content, "gone.zip": content, "latest.json": []byte("{}")})
	for _, name := range []string{"back.zip", "gone.zip"} {
		s := f.line.stopAt(name, 2_000_000)
		done := make(chan error, 1)
		go func() { _, err := curl.try("-o", name, f.base+"/files/far/"+name); done <- err }()
		s.wait(t)
		f.line.down()
		if name == "back.zip" {
			f.line.up(t)
		}
		err := <-done
		got := read(t, curl.file(name))
		if whole := got == string(content); whole != (err == nil) || whole != (name == "back.zip") {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	calls := f.line.asked()
	if count(calls, "GET /back.zip 206 bytes=") == 0 || count(calls, "GET /back.zip 200") != 1 {
		t.Errorf("the other server is asked %q", calls)
	}
	f.line.up(t)
}

// TestFilesDown switches the other server off: what was read is there, with a warning, and nothing else is.
func TestFilesDown(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	content, index := bytesOf(10_000), []byte("{}")
	f.publish(map[string][]byte{"a.zip": content, "never.zip": content, "latest.json": index})
	for _, repo := range []string{"far", "all"} {
		f.expect(t, 200, "GET", "/files/"+repo+"/a.zip", nil)
		f.expect(t, 200, "GET", "/files/"+repo+"/latest.json", nil)
	}
	f.line.asked()
	f.line.down()
	for _, repo := range []string{"far", "all"} {
		f.warn(t, "/files/"+repo+"/latest.json", index)
		if a := f.expect(t, 200, "GET", "/files/"+repo+"/a.zip", nil); !bytes.Equal(a.body, content) || a.header.Get("Warning") != "" {
			t.Errorf("a file that does not change: %d bytes, %v", len(a.body), a.header)
		}
		if a, err := f.send("GET", "/files/"+repo+"/never.zip", nil); err != nil || a.status != http.StatusBadGateway {
			t.Errorf("a file that was never read: %v, %v", a.status, err)
		}
	}
	f.line.up(t)
}

// TestFilesStoredOnce has the same file come through three repositories: it is one blob.
func TestFilesStoredOnce(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	content := bytesOf(2_000_000)
	f.publish(map[string][]byte{"deep/a.zip": content})
	f.expect(t, 201, "PUT", "/files/apps/deep/b.zip", content)
	f.expect(t, 201, "PUT", "/files/apps/c.zip", content)
	for _, repo := range []string{"far", "rpms", "alpine", "all"} {
		if a := f.expect(t, 200, "GET", "/files/"+repo+"/deep/a.zip", nil); !bytes.Equal(a.body, content) {
			t.Errorf("%s: %d bytes", repo, len(a.body))
		}
	}
	f.stop(t)
	kept, err := filepath.Glob(filepath.Join(f.root, "blobs/*/*/*"))
	if err != nil || len(kept) != 1 || !strings.HasSuffix(kept[0], repodata.Sum(content)) {
		t.Errorf("kept are %q, %v, want one blob", kept, err)
	}
}
