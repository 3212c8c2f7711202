package explore

import (
	"bytes"
	"html/template"
	"strings"
	"sync"
	"time"
)

// Bounds of the parts of pages that are kept, in bytes.
const (
	maxFragments = 16 << 20
	maxFragment  = 1 << 20
)

// fragments are parts of pages as html/template has written them. Most of the time that a manifest's page takes goes into its layers, its configuration and
// its document, which are the same each time.
type fragments struct {
	mu   sync.Mutex
	kept *lru[string, template.HTML]
}

func newFragments() *fragments { return &fragments{kept: newLRU[string, template.HTML](maxFragments)} }

// fragment writes the template part of a page with what view returns, or takes what was written before under the same key. So key has all that the
// part depends on, and whoever asks has been told yes by the store, in this request, for all that the part shows.
func (h *handler) fragment(page, part string, key []string, view func() (any, error)) (template.HTML, error) {
	x := h.fragments
	hour := time.Now().UTC().Format("2006-01-02T15") // dates say how long ago they were
	k := strings.Join(append([]string{page, part, hour}, key...), "\x00")
	x.mu.Lock()
	text, ok := x.kept.get(k)
	x.mu.Unlock()
	if ok {
		return text, nil
	}
	v, err := view()
	if err != nil {
		return "", err
	}
	var buf bytes.Buffer
	if err := templates().page(page).ExecuteTemplate(&buf, part, v); err != nil {
		return "", err
	}
	text = template.HTML(buf.String())
	if len(text) <= maxFragment {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.kept.put(k, text, int64(len(k)+len(text)))
	}
	return text, nil
}
