package explore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// slow is a store in which the reading of a layer stops half way until go on is closed; failed then ends it.
func slow(s *site, half int64, goOn chan struct{}, failed error) *observed {
	o := observe(s.store)
	o.fault = func(inOrder bool, off int64, n int) error {
		if !inOrder || off < half {
			return nil
		}
		<-goOn
		return failed
	}
	return o
}

// browse asks as a browser does.
func browse(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// readUntil reads up to a line that has s.
func readUntil(t *testing.T, r *bufio.Reader, s string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if strings.Contains(line, s) {
			return all.String()
		}
		if err != nil {
			t.Fatalf("%v, and no %s in\n%s", err, s, all.String())
		}
	}
}

// TestStreamed sees rows of a layer before it has been read to its end.
func TestStreamed(t *testing.T) {
	s := newSite(t, nil)
	entries := []string{"./", "./first/", "./first/a=1", "./early/deep/x=1"}
	for i := range 20 {
		entries = append(entries, fmt.Sprintf("./big/%02d=%s", i, noise(60_000)))
	}
	layer := tarGzip(t, append(entries, "./last=<script>")...)
	_, layers := s.image("app", nil, []string{layer})
	goOn := make(chan struct{})
	o := slow(s, int64(len(layer)/2), goOn, nil)
	s.Handler = New(o, &Options{Indexer: indexer(t, o, &IndexerOptions{Cache: NewMemory(1 << 24)})})
	server := httptest.NewServer(s)
	defer server.Close()
	at := server.URL + "/fs/app@" + string(layers[0])

	r := browse(t, at+"/")
	body := bufio.NewReader(r.Body)
	readUntil(t, body, "early/</a>")
	all := browse(t, at+"/?all=true")
	flat := bufio.NewReader(all.Body)
	readUntil(t, flat, "big/03</a>")
	below := browse(t, at+"/nowhere/")
	var program sync.WaitGroup
	program.Go(func() {
		if w := s.get("/fs/app@" + string(layers[0]) + "/first/?format=json"); w.Code != 200 || !strings.Contains(w.Body.String(), `"path": "first/a"`) {
			t.Errorf("a program: %d %s", w.Code, w.Body)
		}
	})
	close(goOn)
	program.Wait()
	rest := readUntil(t, body, "</html>")
	if !strings.Contains(rest, "big/</a>") || !strings.Contains(rest, ">last</a>") || strings.Contains(rest, "big/03") || !strings.Contains(rest, "from now on it is there at once") {
		t.Errorf("the rest of the page:\n%s", rest)
	}
	if rest := readUntil(t, flat, "</html>"); !strings.Contains(rest, ">big/19</a>") || !strings.Contains(rest, "rows. Read in") {
		t.Errorf("the rest of the flat page:\n%s", rest)
	}
	if page, err := io.ReadAll(below.Body); err != nil || !strings.Contains(string(page), "There is no such directory") {
		t.Errorf("a directory that is not there: %v\n%s", err, page)
	}
	if got := o.pass(layers[0]); got != int64(len(layer)) {
		t.Errorf("%d bytes were read, want %d: the layer once", got, len(layer))
	}
	if w := s.get("/fs/app@" + string(layers[0]) + "/nowhere/"); w.Code != 404 {
		t.Errorf("once it is known: %d", w.Code)
	}
	if w := s.get("/fs/app@" + string(layers[0]) + "/"); !strings.Contains(w.Body.String(), "<dt>Diff ID</dt>") {
		t.Errorf("the page from then on:\n%s", mainPart(w.Body.String()))
	}
}

// TestStreamBroken has a layer that cannot be read to its end: the page says so, and the connection is cut.
func TestStreamBroken(t *testing.T) {
	s := newSite(t, nil)
	layer := tarGzip(t, "a=1", "b="+noise(600<<10), "c=3")
	_, layers := s.image("app", nil, []string{layer})
	goOn := make(chan struct{})
	o := slow(s, int64(len(layer)/2), goOn, errors.New("the disk is gone"))
	s.Handler = New(o, &Options{Indexer: indexer(t, o, nil)})
	server := httptest.NewServer(s)
	defer server.Close()
	r := browse(t, server.URL+"/fs/app@"+string(layers[0])+"/")
	body := bufio.NewReader(r.Body)
	before := readUntil(t, body, ">a</a>")
	close(goOn)
	rest, err := io.ReadAll(body)
	if err == nil || !strings.Contains(string(rest), "What stands above is not all") {
		t.Errorf("the end: %v\n%s%s", err, before, rest)
	}
}

// TestStreamOf says which pages are sent as they come.
func TestStreamOf(t *testing.T) {
	s := newSite(t, nil)
	_, layers := s.image("app", nil, []string{tarGzip(t, "dir/a="+noise(600<<10))})
	_, small := s.image("app", nil, []string{tarGzip(t, "dir/a=1")})
	bad := "\x1f\x8b" + noise(600<<10)
	for _, c := range []struct {
		url     string
		accept  string
		streams bool
	}{
		{string(layers[0]) + "/", "text/html", true}, {string(layers[0]), "text/html", true}, {string(layers[0]) + "/dir/?search=a", "text/html", true},
		{string(layers[0]) + "/", "*/*", false}, {string(layers[0]) + "/", "application/json", false}, {string(layers[0]) + "/dir/a", "text/html", false},
		{string(layers[0]) + "/?tar", "text/html", false}, {string(layers[0]) + "/?sort=size", "text/html", false}, {string(small[0]) + "/", "text/html", false},
		{string(s.blob("app", noise(600<<10))) + "/", "text/html", false}, {string(s.blob("app", bad)) + "/", "text/html", false},
	} {
		s.Handler = New(s.store, nil) // nothing is indexed
		w := s.get("/fs/app@"+c.url, "Accept", c.accept)
		if streams := w.Header().Get("X-Accel-Buffering") != ""; streams != c.streams {
			t.Errorf("GET %s for %s: streamed %v, want %v", c.url, c.accept, streams, c.streams)
		}
	}
	if w := s.get("/fs/app@" + string(s.blob("app", bad)) + "/"); w.Code != 422 {
		t.Errorf("what is damaged from the start: %d, want 422", w.Code)
	}
}
