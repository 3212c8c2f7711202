package files_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/registry/files"
	"vitrine/storage/pullthrough"
)

// TestReplacedMeanwhile: an index that upstream replaces while its parts are brought is not trouble, as long as that comes to an end: who asks gets the new one.
func TestReplacedMeanwhile(t *testing.T) {
	generations := []string{"1", "2", "3", "4", "5", "6", "7"}
	for _, tt := range []struct {
		times int64 // that it is replaced in the middle
		want  string
	}{{1, "3"}, {2, "4"}, {5, "1"}} {
		u := startUpstream(t)
		u.replace(rpmRepository(t, "", "1"))
		s := throughFormat(t, u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
		install(t, s, "/files/hub/")
		u.replace(rpmRepository(t, "", "2"))
		var n atomic.Int64
		u.breaks(func(w http.ResponseWriter, r *http.Request, _ string) bool {
			if r.URL.Path == "/repodata/repomd.xml.asc" && n.Load() < tt.times {
				u.replace(rpmRepository(t, "", generations[n.Add(1)+1]))
			}
			return false
		})
		if got := install(t, s, "/files/hub/"); got != tt.want {
			t.Errorf("replaced %d times: revision %q is served, want %q", tt.times, got, tt.want)
		}
	}
}
