package files

import (
	"testing"

	"vitrine/storage"
)

// TestETag: upstream's tag is passed on if it is one, and strong.
func TestETag(t *testing.T) {
	const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for upstream, want := range map[string]string{
		`"a"`: `"a"`, `W/"a"`: `"` + d + `"`, "": `"` + d + `"`, `""`: `"` + d + `"`, `"`: `"` + d + `"`, `"a", "b"`: `"` + d + `"`, `"a"b"`: `"` + d + `"`, `a"`: `"` + d + `"`,
	} {
		if got := etag(storage.File{ETag: upstream, Digest: d}); got != want {
			t.Errorf("etag of %s = %s, want %s", upstream, got, want)
		}
	}
}
