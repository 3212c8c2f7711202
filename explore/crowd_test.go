package explore

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/storage/oci"
)

// TestCrowdOfPages has a hundred readers of all kinds of pages while images are pushed and deleted. Each layer is read once to be indexed, however many look.
func TestCrowdOfPages(t *testing.T) {
	s := newSite(t, nil)
	o := observe(s.store)
	s.Handler = New(o, &Options{Indexer: indexer(t, o, &IndexerOptions{Cache: NewMemory(1 << 26)})})
	var all []string
	for i := range 3 {
		all = append(all, tarGzip(t, fmt.Sprintf("etc/%d=%s", i, noise(60_000+i)), "usr/share/doc/x=text", "app/same=1", fmt.Sprintf("x%d.jar=%s", i, jar(t, "in=inside"))))
	}
	image, layers := s.image("stays", nil, all, "1")
	urls := []string{"/layers/stays:1/", "/layers/stays@" + string(image) + "/?all=true", "/layers/stays@" + string(image) + "/etc/0?raw", "/layers/stays@" + string(image) + "/?tar",
		"/layers/stays@" + string(image) + "/x2.jar!/in?raw", "/layers/stays@" + string(image) + "/app/same"}
	for i, l := range layers {
		for _, p := range []string{"/", "/?all=true&sort=size", fmt.Sprintf("/etc/%d?dl=1", i), "/usr/share/?zip", fmt.Sprintf("/x%d.jar!/", i), "/usr/share/doc/x", "/nope"} {
			urls = append(urls, "/fs/stays@"+string(l)+p)
		}
	}
	var crowd sync.WaitGroup
	var failed atomic.Int64
	for i := range 100 {
		crowd.Go(func() {
			for j := range 4 {
				url := urls[(i*7+j*5)%len(urls)]
				r := httptest.NewRequest(http.MethodGet, url, nil)
				r.Host = "localhost:5000"
				r.Header.Set("Accept", []string{"text/html", "application/json", "*/*"}[(i+j)%3])
				if j%2 == 0 {
					r.Header.Set("Range", "bytes=0-99")
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				want := w.Code == 200 || w.Code == 206 || w.Code == 302
				if strings.HasSuffix(url, "/nope") {
					want = w.Code == 404
				}
				if !want && failed.Add(1) < 5 {
					t.Errorf("GET %s: %d\n%s", url, w.Code, mainPart(w.Body.String()))
				}
			}
		})
	}
	crowd.Go(func() { pushAndDelete(s, all) })
	crowd.Wait()
	for i, l := range layers {
		if got := o.pass(l); got != int64(len(all[i])) {
			t.Errorf("layer %d: %d bytes were read in order, want %d", i, got, len(all[i]))
		}
	}
}

// pushAndDelete makes images of layers that others look at come and go, and looks at them itself.
func pushAndDelete(s *site, layers []string) {
	for i := range 10 {
		repo := fmt.Sprintf("goes%d", i%3)
		image, blobs := s.image(repo, nil, layers[i%2:], "1")
		before := s.get("/layers/" + repo + ":1/")
		if err := s.store.DeleteManifest(s.t.Context(), oci.Name(repo), image); err != nil {
			s.t.Error(err)
		}
		for _, d := range blobs {
			if err := s.store.DeleteBlob(s.t.Context(), oci.Name(repo), d); err != nil {
				s.t.Error(err)
			}
		}
		after := s.get("/layers/" + repo + "@" + string(image) + "/")
		gone := s.get("/fs/" + repo + "@" + string(blobs[0]) + "/")
		if before.Code != 302 || after.Code != 404 || gone.Code != 404 {
			s.t.Errorf("%s: %d when pushed, %d and %d when deleted", repo, before.Code, after.Code, gone.Code)
		}
	}
}
