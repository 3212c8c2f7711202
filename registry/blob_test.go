package registry_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

const year = "max-age=31536000, immutable"

func TestGetBlob(t *testing.T) {
	c := start(t, nil)
	for _, size := range []int{0, 1, 1 << 10, 32 << 10, 32<<10 + 1, 1 << 20} {
		content := strings.Repeat("x", size)
		c.blob("app", "d", content)
		a := c.do("GET /v2/app/blobs/$d", "", "200")
		if a.body != content {
			t.Errorf("%d bytes: got %d", size, len(a.body))
		}
		for _, a := range []answer{a, c.do("HEAD /v2/app/blobs/$d", "", "200")} {
			c.has(a, "Docker-Content-Digest: $d", `Etag: "$d"`, "Cache-Control: "+year, "Accept-Ranges: bytes",
				"Content-Type: application/octet-stream", "X-Content-Type-Options: nosniff", "Docker-Distribution-Api-Version: registry/2.0")
			if got := a.header.Get("Content-Length"); got != itoa(size) {
				t.Errorf("%s: Content-Length %s, want %d", a.call, got, size)
			}
		}
	}
}

func TestBlobCaching(t *testing.T) {
	c := start(t, nil)
	c.blob("app", "d", "content")
	for _, tt := range []struct{ header, want string }{
		{`If-None-Match: "$d"`, "304"},
		{`If-None-Match: W/"$d"`, "304"},
		{`If-None-Match: "other", "$d"`, "304"},
		{`If-None-Match: *`, "304"},
		{`If-None-Match: $d`, "304"},
		{`If-None-Match: "other"`, "200"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.do(method+" /v2/app/blobs/$d -H "+tt.header, "", tt.want)
			c.has(a, `Etag: "$d"`, "Cache-Control: "+year, "Docker-Content-Digest: $d")
		}
	}
	c.has(c.do("GET /v2/app/blobs/$d -H Authorization: Basic eDp5", "", "200"), "Cache-Control: private, "+year)
}

func TestBlobRanges(t *testing.T) {
	c := start(t, nil)
	c.blob("app", "d", "0123456789")
	for _, tt := range []struct{ header, want, contentRange, body string }{
		{"Range: bytes=0-3", "206", "bytes 0-3/10", "0123"},
		{"Range: bytes=5-", "206", "bytes 5-9/10", "56789"},
		{"Range: bytes=-3", "206", "bytes 7-9/10", "789"},
		{"Range: bytes=-30", "206", "bytes 0-9/10", "0123456789"},
		{"Range: bytes=8-99", "206", "bytes 8-9/10", "89"},
		{"Range: BYTES=1-1", "206", "bytes 1-1/10", "1"},
		{"Range: bytes=20-30, 1-2", "206", "bytes 1-2/10", "12"},
		{"Range: lines=1-2", "200", "", "0123456789"},
		{"Range: nonsense", "200", "", "0123456789"},
		{`Range: bytes=0-1 -H If-Range: "$d"`, "206", "bytes 0-1/10", "01"},
		{`Range: bytes=0-1 -H If-Range: "other"`, "200", "", "0123456789"},
		{`Range: bytes=0-1 -H If-Range: W/"$d"`, "200", "", "0123456789"},
		{`Range: bytes=0-1 -H If-None-Match: "$d"`, "304", "", ""},
		{`Range: bytes=0-1 -H If-None-Match: "other"`, "206", "bytes 0-1/10", "01"},
		{`Range: bytes=20-30 -H If-None-Match: "$d"`, "304", "", ""},
	} {
		a := c.do("GET /v2/app/blobs/$d -H "+tt.header, "", tt.want)
		c.has(a, "Content-Range: "+tt.contentRange)
		if a.body != tt.body {
			t.Errorf("%s: %q, want %q", a.call, a.body, tt.body)
		}
	}
	for _, rng := range []string{"10-", "5-2", "500-600", "a-b", "1", "-", "-0", "--1", "0-1,x", "1-2-3", "+1-2",
		"9223372036854775808-", "0-18446744073709551616", strings.Repeat("0-0,", 64) + "0-0"} {
		a := c.do("GET /v2/app/blobs/$d -H Range: bytes="+rng, "", "416 BLOB_UPLOAD_INVALID")
		c.has(a, "Content-Range: bytes */10", "Content-Type: application/json", "Etag:", "Cache-Control:")
	}
	c.has(c.do("HEAD /v2/app/blobs/$d -H Range: bytes=0-3", "", "200"), "Content-Length: 10", "Content-Range:")
	c.blob("app", "nothing", "")
	c.do("GET /v2/app/blobs/$nothing -H Range: bytes=0-", "", "200")
}

func TestMultipleRanges(t *testing.T) {
	c := start(t, nil)
	content := strings.Repeat("0123456789", 100)
	c.blob("app", "d", content)
	a := c.do("GET /v2/app/blobs/$d -H Range: bytes=0-4,500-509", "", "206")
	mediaType, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/byteranges" {
		t.Fatalf("Content-Type %q: %v", mediaType, err)
	}
	mr := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for _, want := range []string{"01234", "0123456789"} {
		p, err := mr.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); string(got) != want || err != nil {
			t.Errorf("part %q, %v, want %q", got, err, want)
		}
	}
}

// short is a store whose blobs end before their size.
type short struct{ storage.Store }

type shortBlob struct{ storage.Blob }

func (b shortBlob) Size() int64 { return b.Blob.Size() + 1 }

func (s short) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b, err := s.Store.OpenBlob(ctx, repo, d)
	return shortBlob{b}, err
}

func TestShortBlobDoesNotEndCleanly(t *testing.T) {
	c := startOn(t, short{memory.New()}, nil)
	for _, size := range []int{0, 10, 100 << 10} {
		c.blob("app", "d", strings.Repeat("x", size))
		res, err := http.DefaultTransport.RoundTrip(c.request("GET /v2/app/blobs/$d", nil))
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Errorf("%d bytes of %d ended without an error", size, size+1)
		}
	}
	eventually(t, "the log names the blob", func() bool { return strings.Contains(c.log.String(), "blob cut short") })
}

func TestDeleteBlob(t *testing.T) {
	c := start(t, nil)
	c.blob("app", "d", "content")
	c.do("POST /v2/copy/blobs/uploads/?mount=$d&from=app", "", "201")
	c.do("DELETE /v2/app/blobs/$d", "", "202")
	c.do("GET /v2/app/blobs/$d", "", "404 BLOB_UNKNOWN")
	c.do("HEAD /v2/app/blobs/$d", "", "404")
	c.do("DELETE /v2/app/blobs/$d", "", "404 BLOB_UNKNOWN")
	c.do("GET /v2/copy/blobs/$d", "", "200")
}
