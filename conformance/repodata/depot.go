package repodata

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Depot is a server of files, all of which are replaced at once. The zero one is empty.
type Depot struct {
	mu    sync.Mutex
	files map[string][]byte
	since time.Time
	asked int
	each  func(asked int)
}

// Publish replaces all files. Who reads one goes on reading it.
func (d *Depot) Publish(files map[string][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.since = files, time.Now()
}

// Each has f called after each request that was looked up, with their number so far. f may publish.
func (d *Depot) Each(f func(asked int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.each = f
}

// ServeHTTP serves a file, as nginx does: with an ETag, conditions and ranges.
func (d *Depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	content, ok := d.files[strings.TrimPrefix(r.URL.Path, "/")]
	since, each := d.since, d.each
	d.asked++
	asked := d.asked
	d.mu.Unlock()
	if each != nil {
		each(asked)
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+Sum(content)[:16]+`"`)
	http.ServeContent(w, r, r.URL.Path, since, bytes.NewReader(content))
}
