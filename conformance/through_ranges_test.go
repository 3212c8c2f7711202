package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/pullthrough"
)

// TestThroughHalfArrived asks for parts of a blob of which half has arrived and the rest is not going to for a while. "$" stands for its size.
func TestThroughHalfArrived(t *testing.T) {
	layer := layerOf(10 << 20)
	size, etag := len(layer), `"`+string(digest.FromBytes(layer))+`"`
	b := newBehind(t, pullthrough.Options{})
	b.image(t, "library/app", layer, "1")
	b.hold = make(chan struct{})
	path := "hub/library/app/blobs/" + string(digest.FromBytes(layer))
	whole := b.open(t, path)
	defer whole.Body.Close()
	first := make([]byte, size/2)
	if _, err := io.ReadFull(whole.Body, first); err != nil || !bytes.Equal(first, layer[:size/2]) {
		t.Fatalf("half of it: %v", err)
	}
	b.calls()
	for _, tt := range []struct {
		header     string
		status     string
		from, last int // what comes, or a multipart of what is in both
		asked      string
	}{
		{"Range: bytes=10-19", "206", 10, 19, ""},
		{"Range: bytes=0-5242879", "206", 0, 5<<20 - 1, ""},
		{"Range: bytes=-5", "206", size - 5, size - 1, "GET $blob bytes=10420224-10485759"},
		{"Range: bytes=10485000-", "206", 10485000, size - 1, ""},
		{"Range: bytes=9600000-9600009", "206", 9600000, 9600009, "GET $blob bytes=9568256-9633791"},
		{"Range: bytes=0-1,10485758-10485759", "206", 0, 0, ""},
		{"Range: bytes=10485760-", "416 BLOB_UPLOAD_INVALID", 0, 0, ""},
		{"Range: bytes=5-1", "416 BLOB_UPLOAD_INVALID", 0, 0, ""},
		{"Range: bytes=1-2 | If-Range: " + etag, "206", 1, 2, ""},
		{"If-None-Match: " + etag, "304", 0, -1, ""},
	} {
		res, body := b.want(t, "GET "+path+" | "+tt.header, tt.status)
		wantPart(t, tt.header, res, body, layer, tt.from, tt.last)
		var asked []string
		if tt.asked != "" {
			asked = []string{strings.ReplaceAll(tt.asked, "$blob", strings.TrimPrefix(path, "hub/"))}
		}
		b.wantAsked(t, tt.header, asked...)
	}
	if res, _ := b.want(t, "HEAD "+path, "200"); res.ContentLength != int64(size) {
		t.Errorf("HEAD says %d bytes", res.ContentLength)
	}
	var late sync.WaitGroup
	late.Go(func() { // some of this is not there
		_, body, err := b.get(t.Context(), "GET", path, "Range", "bytes=5242800-5242899")
		if err != nil || !bytes.Equal(body, layer[5242800:5242900]) {
			t.Errorf("a range over the middle: %d bytes, %v", len(body), err)
		}
	})
	close(b.hold)
	late.Wait()
	if rest, err := io.ReadAll(whole.Body); err != nil || !bytes.Equal(rest, layer[size/2:]) {
		t.Errorf("the rest: %d bytes, %v", len(rest), err)
	}
	b.wantAsked(t, "in the end")
}

// open begins to read a path of the registry in front.
func (b *behind) open(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.URL+"/v2/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// wantPart checks an answer with bytes from to last of content.
func wantPart(t *testing.T, what string, res *http.Response, body string, content []byte, from, last int) {
	t.Helper()
	switch kind := res.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "multipart/byteranges"):
		ends := string(content[:2]) + "|" + string(content[len(content)-2:])
		for part := range strings.SplitSeq(ends, "|") {
			if !strings.Contains(body, "\r\n\r\n"+part+"\r\n--") {
				t.Errorf("%s: no part %q in %q", what, part, body)
			}
		}
	case res.StatusCode == http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-%d/%d", from, last, len(content)); res.Header.Get("Content-Range") != want || body != string(content[from:last+1]) {
			t.Errorf("%s: %d bytes, Content-Range %q, want %q", what, len(body), res.Header.Get("Content-Range"), want)
		}
	}
}

// TestThroughColdRanges asks for a part of what is not here: that part comes, and what has a copy gets none.
func TestThroughColdRanges(t *testing.T) {
	layer := layerOf(6 << 20)
	d := digest.FromBytes(layer)
	b := newBehind(t, pullthrough.Options{})
	b.image(t, "library/app", layer, "1")
	path, up := "hub/library/app/blobs/"+string(d), "library/app/blobs/"+string(d)
	b.want(t, fmt.Sprintf("GET %s | If-None-Match: %q", path, d), "304")
	b.wantAsked(t, "a client who has it", "HEAD "+up)
	res, body := b.want(t, "GET "+path+" | Range: bytes=10-19", "206")
	wantPart(t, "cold", res, body, layer, 10, 19)
	b.wantAsked(t, "a part of the beginning", "GET "+up)
	b.settled(t, d) // whoever reads there wants the rest, as a rule
	b.want(t, "GET "+path, "200")
	b.wantAsked(t, "the rest")
}

// TestThroughNoRanges looks at the end of a blob of a registry that sends it from the beginning only: it comes, if not at once.
func TestThroughNoRanges(t *testing.T) {
	layer := layerOf(10 << 20)
	b := newBehind(t, pullthrough.Options{})
	b.plain = true
	b.image(t, "library/app", layer, "1")
	path := "hub/library/app/blobs/" + string(digest.FromBytes(layer))
	for _, first := range []int{9 << 20, 10<<20 - 1} {
		res, body := b.want(t, fmt.Sprintf("GET %s | Range: bytes=%d-", path, first), "206")
		wantPart(t, "the end", res, body, layer, first, len(layer)-1)
	}
}
