package explore

import (
	"encoding/json"
	"fmt"
	"testing"
)

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
