package remote

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/storage/oci"
)

// TestRequests counts what each action asks for, one after the other, of a registry that wants tokens and keeps large blobs elsewhere.
func TestRequests(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("the storage behind the registry is sent %q", r.Header.Get("Authorization"))
		}
		f.mu.Lock()
		f.log = append(f.log, strings.TrimSpace("storage "+r.Method+" "+r.Header.Get("Range")))
		f.mu.Unlock()
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/signed")
		f.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(cdn.Close)
	m, next := f.image(app, "m", "1", "2"), f.image(app, "next")
	last := f.image(app, "last")
	elsewhere := f.image(other, "else", "1")
	small, large := f.blob("small", noise(1000)), f.blob("large", noise(1<<20))
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, large.String()) || !f.lets(w, r) {
			return strings.HasSuffix(r.URL.Path, large.String())
		}
		http.Redirect(w, r, cdn.URL+"/signed"+r.URL.Path, 307)
		return true
	})
	r := f.client(Options{})
	ctx := t.Context()
	read := func(d string, off int64, n int) error {
		b, err := r.OpenBlob(ctx, app, large)
		if err != nil {
			return err
		}
		defer b.Close()
		got := make([]byte, n)
		_, err = b.ReadAt(got, off)
		if !bytes.Equal(got, noise(1 << 20)[off:off+int64(n)]) {
			t.Errorf("ReadAt(%d, %d) has other bytes", n, off)
		}
		b.(*blob).working.Wait() // or else Close would break off what is read ahead
		return err
	}
	for _, tt := range []struct {
		what   string
		do     func() error
		tokens int
		want   string
	}{
		{"a manifest, cold", func() error { _, err := r.GetManifest(ctx, app, m.Digest); return err }, 1,
			"GET /v2/library/app/manifests/$m 401|GET /v2/library/app/manifests/$m 200"},
		{"the same again", func() error { _, err := r.GetManifest(ctx, app, m.Digest); return err }, 0, ""},
		{"a manifest, warm", func() error { _, err := r.GetManifest(ctx, app, next.Digest); return err }, 0, "GET /v2/library/app/manifests/$next 200"},
		{"a tag, warm", func() error { _, err := r.ResolveTag(ctx, app, "1"); return err }, 0, "HEAD /v2/library/app/manifests/1 200"},
		{"what a manifest is", func() error { _, err := r.StatManifest(ctx, app, last.Digest); return err }, 0, "HEAD /v2/library/app/manifests/$last 200"},
		{"of one that is known", func() error { _, err := r.StatManifest(ctx, app, m.Digest); return err }, 0, ""},
		{"what a tag is", func() error { _, err := r.StatTag(ctx, app, "1"); return err }, 0, "HEAD /v2/library/app/manifests/1 200"},
		{"another repository", func() error { _, err := r.ResolveTag(ctx, other, "1"); return err }, 1, "HEAD /v2/library/other/manifests/1 200"},
		{"its manifest", func() error { _, err := r.GetManifest(ctx, other, elsewhere.Digest); return err }, 0, "GET /v2/library/other/manifests/$else 200"},
		{"the list of tags", func() error {
			for _, err := range r.Tags(ctx, app, "") {
				if err != nil {
					return err
				}
			}
			return nil
		}, 0, "GET /v2/library/app/tags/list 200"},
		{"a blob", func() error { _, err := readAll(t, r, small); return err }, 0, "GET /v2/library/app/blobs/$small 200"},
		{"its size", func() error { _, err := r.StatBlob(ctx, app, small); return err }, 0, ""},
		{"the blob again", func() error { _, err := readAll(t, r, small); return err }, 0, ""},
		{"a blob that is elsewhere", func() error { _, err := readAll(t, r, large); return err }, 0, "GET /v2/library/app/blobs/$large 307|storage GET"},
		{"the same blob again", func() error { _, err := readAll(t, r, large); return err }, 0, "storage GET"},
		{"4 KiB out of it", func() error { return read("large", 500_000, 4096) }, 0, "storage GET bytes=458752-524287"},
		{"its neighbours", func() error { return read("large", 524_288, 64<<10) }, 0, "storage GET bytes=524288-655359"},
		{"what came with them", func() error { return read("large", 600_000, 10) }, 0, ""},
		{"the catalog", func() error {
			for _, err := range r.Repositories(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		}, 1, "GET /v2/_catalog 200"},
	} {
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		var want []string
		if tt.want != "" {
			want = strings.Split(tt.want, "|")
		}
		f.asked(tt.what, want...)
		f.realm.asked(t, tt.what, tt.tokens)
	}
}

// TestColdBlob: a client that has never talked to the registry gets a blob by a single GET, besides what lets it in.
func TestColdBlob(t *testing.T) {
	f := start(t)
	d := f.blob("b", noise(1<<20))
	r := f.client(Options{})
	got, err := readAll(t, r, d)
	if err != nil || !bytes.Equal(got, noise(1<<20)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	f.asked("a cold blob", "GET /v2/library/app/blobs/$b 200")
}

// TestHeadOfBlobByReadAt: the answer that OpenBlob had serves who wants the beginning only.
func TestHeadOfBlobByReadAt(t *testing.T) {
	f := start(t)
	d := f.blob("b", noise(1<<20))
	b, err := f.client(Options{}).OpenBlob(t.Context(), app, d)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	head := make([]byte, 1000)
	if _, err := b.ReadAt(head, 3); err != nil || !bytes.Equal(head, noise(1 << 20)[3:1003]) {
		t.Errorf("ReadAt: %v", err)
	}
	f.asked("the beginning", "GET /v2/library/app/blobs/$b 200")
	if _, err := b.ReadAt(head, 70_000); err != nil {
		t.Errorf("ReadAt: %v", err)
	}
	f.asked("another page", "GET /v2/library/app/blobs/$b bytes=65536-196607 206")
}

// TestWarmTagPage: what a page of a tag takes is one HEAD once its manifest is known.
func TestWarmTagPage(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "latest")
	r := f.client(Options{})
	for i, want := range [][]string{
		{"HEAD /v2/library/app/manifests/latest 200", "GET /v2/library/app/manifests/$m 200"},
		{"HEAD /v2/library/app/manifests/latest 200"},
	} {
		d, err := r.ResolveTag(t.Context(), app, "latest")
		if err != nil || d.Digest != m.Digest || d.Size != m.Size || d.MediaType != oci.MediaTypeImageManifest {
			t.Fatalf("ResolveTag = %+v, %v", d, err)
		}
		got, err := r.GetManifest(t.Context(), app, d.Digest)
		if err != nil || !bytes.Equal(got.Raw, m.Raw) {
			t.Fatalf("GetManifest = %v", err)
		}
		f.asked([]string{"cold", "warm"}[i], want...)
	}
}

// TestSeekAndRead: as http.ServeContent does for a range. It costs pages, not the rest of the blob.
func TestSeekAndRead(t *testing.T) {
	f := start(t)
	d := f.blob("b", noise(8<<20))
	r := f.client(Options{})
	if _, err := r.StatBlob(t.Context(), app, d); err != nil {
		t.Fatal(err)
	}
	b, err := r.OpenBlob(t.Context(), app, d)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f.asked("its size", "HEAD /v2/library/app/blobs/$b 200")
	b.Seek(1<<20, io.SeekStart)
	got := make([]byte, 100)
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, noise(8 << 20)[1<<20:1<<20+100]) {
		t.Errorf("Read behind Seek: %v", err)
	}
	f.asked("a little", "GET /v2/library/app/blobs/$b bytes=1048576-1114111 206")
	var rest bytes.Buffer
	_, err = io.CopyBuffer(struct{ io.Writer }{&rest}, struct{ io.Reader }{b}, make([]byte, 32<<10))
	if err != nil || !bytes.Equal(rest.Bytes(), noise(8 << 20)[1<<20+100:]) {
		t.Errorf("the rest: %d bytes, %v", rest.Len(), err)
	}
	if n := f.times(); n > 6 {
		t.Errorf("the rest took %d requests", n)
	}
}
