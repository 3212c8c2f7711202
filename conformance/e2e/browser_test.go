//go:build linux

package e2e

import (
	"strings"
	"testing"
)

// quiet fails t for anything in the browser's console.
func quiet(t *testing.T, b *browser) {
	t.Helper()
	for _, c := range b.complaints() {
		t.Errorf("%s: the browser complains: %s", b.url(), c)
	}
}

// TestBrowserFront opens the front page of an empty registry.
func TestBrowserFront(t *testing.T) {
	needE2E(t)
	s := start(t, t.TempDir(), nil)
	b := newBrowser(t)
	b.open(s.base + "/")
	if body := b.text("body"); !strings.Contains(body, "Vitrine") {
		t.Errorf("the page says: %s", body)
	}
	accessible(t, b)
	b.shot("front-empty")
	quiet(t, b)
}
