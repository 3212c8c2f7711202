package explore

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestLargePages: those that clients are slow to take have a bound together; small ones come all the same.
func TestLargePages(t *testing.T) {
	s := newSite(t, nil)
	var files []string
	for i := range 3000 {
		files = append(files, fmt.Sprintf("d/f%04d=x", i))
	}
	_, layers := s.image("large", nil, []string{tarGzip(t, files...)}, "1")
	dir := "/fs/large@" + string(layers[0]) + "/d/"
	h := s.Handler.(*handler)
	for _, c := range []struct {
		sending int64
		url     string
		status  int
	}{{0, dir + "?n=10000&all=true", 200}, {0, dir + "?n=10000&all=true&sort=x", 400}, {maxSending, dir + "?n=10000", 503}, {maxSending, dir + "?n=10", 200}} {
		h.sending.Store(c.sending)
		if w := s.get(c.url); w.Code != c.status {
			t.Errorf("GET %s: %d, want %d", c.url, w.Code, c.status)
		}
		if n := len(h.heavy); n > 0 {
			t.Errorf("GET %s: the turn is not given back", c.url)
		}
		if got := h.sending.Load(); got != c.sending {
			t.Errorf("GET %s: %d bytes are held after it, want %d", c.url, got, c.sending)
		}
	}
}

// TestManyDead: where each name has many dead entries a page has fewer names, and the pages together have all.
func TestManyDead(t *testing.T) {
	const layers, names, n = 20, 30, 10
	s := newSite(t, nil)
	var files []string
	for i := range names {
		files = append(files, fmt.Sprintf("d/f%02d=x", i))
	}
	all := make([]string, layers)
	for i := range all {
		all[i] = tarGzip(t, append(files, fmt.Sprintf("number=%d", i))...)
	}
	image, _ := s.image("dead", nil, all, "1")
	rows, live := 0, 0
	url := fmt.Sprintf("/layers/dead@%s/d/?n=%d", image, n)
	for pages := 0; url != "" && pages < layers*names; pages++ {
		var v dirView
		w := s.get(url, "Accept", "application/json")
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
			t.Fatalf("GET %s: %d %v", url, w.Code, err)
		}
		if len(v.Entries) > maxDead*n+layers {
			t.Errorf("GET %s: %d rows", url, len(v.Entries))
		}
		rows, url = rows+len(v.Entries), v.Next
		for _, e := range v.Entries {
			if e.State == "" {
				live++
			}
		}
	}
	if live != names || rows != names*layers {
		t.Errorf("%d live of %d rows, want %d of %d", live, rows, names, names*layers)
	}
}
