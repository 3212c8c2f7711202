package files_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/registry/files"
	"vitrine/storage/memory"
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

// TestVirtualRPMUnmergeable: where a member has metadata that cannot be merged, the index of all stays as it was, with a warning; and what a client wants of a
// generation of the index of all says nothing about those of its members.
func TestVirtualRPMUnmergeable(t *testing.T) {
	u := startUpstream(t)
	m := memory.New()
	log := slog.New(slog.DiscardHandler)
	members := []files.Member{{Name: "hub", Type: files.RemoteType, Reader: openFormat(t, m, "hub", u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})}}
	s := serve(t, m, []files.Repository{{Name: "all", Type: files.VirtualType, Package: files.RPM, Reader: files.NewRPMVirtual("all", members, m, log)}}, nil)
	for _, tt := range []struct {
		revision, pkg string
		want          string // the package in the index
		warned        bool   // upstream has metadata that is right, in a codec that cannot be read here
	}{
		{"1", "a-1-1.noarch.rpm", "a-1-1.noarch.rpm a-1-1.noarch", false},
		{"2", "a-2-1.noarch.rpm", "a-2-1.noarch.rpm a-2-1.noarch", false},
		{"3", "a-3-1.noarch.rpm", "a-3-1.noarch.rpm a-3-1.noarch", false},
		{"4", "a-4-1.noarch.rpm", "a-3-1.noarch.rpm a-3-1.noarch", true},
		{"5", "a-5-1.noarch.rpm", "a-5-1.noarch.rpm a-5-1.noarch", false},
	} {
		all := rpmRepository(t, "", tt.revision, tt.pkg+"=x")
		if tt.warned {
			all = unreadable()
		}
		u.replace(all)
		for range 2 {
			r := s.want("GET /files/all/repodata/repomd.xml", 200)
			if got := packagesOf(t, s, "/files/all/"); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("revision %s: the index has %q, want %q", tt.revision, got, tt.want)
			}
			if got := strings.HasPrefix(r.Header.Get("Warning"), "110"); got != tt.warned {
				t.Errorf("revision %s: Warning %q", tt.revision, r.Header.Get("Warning"))
			}
			s.want("GET /files/all/repodata/repomd.xml.asc", 404) // of the generation that was just given
			if again := s.want("GET /files/all/repodata/repomd.xml", 200); again.body != r.body {
				t.Errorf("revision %s: the index has changed though nothing has", tt.revision)
			}
		}
	}
}

// unreadable is a repository whose metadata is in a codec that nobody here knows.
func unreadable() map[string]string {
	packed := "\xfd7zXZ\x00 and so on"
	at := "repodata/" + sum(packed) + "-primary.xml.xz"
	md := `<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>4</revision><data type="primary"><checksum type="sha256">` + sum(packed) +
		`</checksum><location href="` + at + `"/></data></repomd>`
	return map[string]string{at: packed, "repodata/repomd.xml": md}
}
