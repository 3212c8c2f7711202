package explore

import (
	"strings"
	"testing"

	"vitrine/explore/tarfs"
)

// TestRowMarkup writes what strangers may say into each field of a row.
func TestRowMarkup(t *testing.T) {
	bad := `"><script>'&` + "\x00"
	layer := 3
	r := &entryRow{Mode: bad, Owner: bad, Device: bad, Name: bad, Path: bad, Link: bad, LayerHref: "/" + bad, LinkHref: "/" + bad, Href: "/" + bad, Note: bad, Layer: &layer, State: bad,
		PAX: []record{{bad, bad}}, entry: &tarfs.Entry{}}
	got := string(r.HTML())
	if strings.Contains(got, bad) || strings.Contains(got, "<script") || strings.Contains(got, "'") || strings.Count(got, "&lt;script&gt;") < 11 {
		t.Error(got)
	}
	for _, href := range []string{"javascript:alert(1)", "//elsewhere.example/", "https://x", ""} {
		r.Href, r.LinkHref, r.LayerHref = href, href, href
		if got := string(r.HTML()); strings.Contains(got, "href") {
			t.Errorf("%s: %s", href, got)
		}
	}
}
