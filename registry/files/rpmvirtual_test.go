package files_test

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/explore/rpm"
	"vitrine/registry/files"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// TestVirtualRPM: one index of all members, in which what is ours is ours.
func TestVirtualRPM(t *testing.T) {
	u, second := startUpstream(t), startUpstream(t)
	u.replace(rpmRepository(t, "", "1", "Packages/beta-1-1.noarch.rpm=beta of the first", "alpha-9-1.noarch.rpm=a newer one of ours"))
	second.replace(rpmRepository(t, "", "1", "beta-1-1.noarch.rpm=beta of the second", "gamma-1-1.noarch.rpm=gamma"))
	m := memory.New()
	log := slog.New(slog.DiscardHandler)
	store := files.NewRPMLocal(m, log)
	o := pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute}
	members := []files.Member{
		{Name: "hub", Type: files.RemoteType, Reader: openFormat(t, m, "hub", u, files.RPM, o)},
		{Name: "two", Type: files.RemoteType, Reader: openFormat(t, m, "two", second, files.RPM, o)},
		{Name: "team", Type: files.LocalType, Reader: store},
	}
	s := serve(t, m, []files.Repository{
		{Name: "team", Type: files.LocalType, Package: files.RPM, Reader: store, Store: store},
		{Name: "all", Type: files.VirtualType, Package: files.RPM, Reader: files.NewRPMVirtual("all", members, m, log)},
	}, nil)
	want := func(packages ...string) {
		t.Helper()
		if got := packagesOf(t, s, "/files/all/"); !slices.Equal(got, packages) {
			t.Errorf("the index has %q, want %q", got, packages)
		}
	}
	want("Packages/beta-1-1.noarch.rpm beta-1-1.noarch", "alpha-9-1.noarch.rpm alpha-9-1.noarch", "gamma-1-1.noarch.rpm gamma-1-1.noarch")
	before := s.want("GET /files/all/repodata/repomd.xml", 200)
	if got := before.Header.Get("Cache-Status"); got != `vitrine; hit; detail="team hub two"` {
		t.Errorf("Cache-Status: %s", got)
	}
	if again := s.want("GET /files/all/repodata/repomd.xml", 200); again.Header.Get("Etag") != before.Header.Get("Etag") {
		t.Error("the index changes though nothing has")
	}
	const ours = "alpha-1.2~rc1-3.noarch.rpm"
	s.want("PUT /files/team/"+ours+" -d "+readRPM(t, "alpha-gzip.rpm"), 201)
	want("Packages/beta-1-1.noarch.rpm beta-1-1.noarch", ours+" alpha-2:1.2~rc1-3.noarch", "gamma-1-1.noarch.rpm gamma-1-1.noarch")
	s.want("GET /files/all/alpha-9-1.noarch.rpm", 404) // the name is ours now
	if r := s.want("GET /files/all/"+ours, 200); !strings.Contains(r.Header.Get("Cache-Status"), `detail="team"`) {
		t.Errorf("Cache-Status: %s", r.Header.Get("Cache-Status"))
	}
	if r := s.want("GET /files/all/repodata/?format=json", 200); !strings.Contains(r.body, `"repomd.xml"`) {
		t.Errorf("the listing is %s", r.body)
	}
	second.replace(rpmRepository(t, "", "2", "gamma-2-1.noarch.rpm=gamma, newer"))
	want("Packages/beta-1-1.noarch.rpm beta-1-1.noarch", ours+" alpha-2:1.2~rc1-3.noarch", "gamma-2-1.noarch.rpm gamma-2-1.noarch")
	for _, u := range []*upstream{u, second} {
		u.breaks(func(w http.ResponseWriter, r *http.Request, _ string) bool { http.Error(w, "", 500); return true })
	}
	s.want("DELETE /files/team/"+ours, 204)
	want("Packages/beta-1-1.noarch.rpm beta-1-1.noarch", "alpha-9-1.noarch.rpm alpha-9-1.noarch", "gamma-2-1.noarch.rpm gamma-2-1.noarch")
	s.want("GET /files/all/none/repodata/repomd.xml", 502) // nobody knows
	s.want("PUT /files/all/x.rpm -d x", 405)
}

// TestVirtualRPMDirectories: a name is ours where we have it, and not in the repositories beside.
func TestVirtualRPMDirectories(t *testing.T) {
	u := startUpstream(t)
	u.replace(rpmRepository(t, "el9/", "1", "alpha-9-1.noarch.rpm=theirs"))
	m := memory.New()
	log := slog.New(slog.DiscardHandler)
	store := files.NewRPMLocal(m, log)
	members := []files.Member{
		{Name: "hub", Type: files.RemoteType, Reader: openFormat(t, m, "hub", u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})},
		{Name: "team", Type: files.LocalType, Reader: store},
	}
	s := serve(t, m, []files.Repository{
		{Name: "team", Type: files.LocalType, Package: files.RPM, Reader: store, Store: store},
		{Name: "all", Type: files.VirtualType, Package: files.RPM, Reader: files.NewRPMVirtual("all", members, m, log)},
	}, nil)
	s.want("PUT /files/team/el8/alpha-1.2~rc1-3.noarch.rpm -d "+readRPM(t, "alpha-gzip.rpm"), 201)
	s.want("GET /files/all/el9/alpha-9-1.noarch.rpm", 404) // nobody has asked for an index: it may be of everything
	if got := packagesOf(t, s, "/files/all/el9/"); !slices.Equal(got, []string{"alpha-9-1.noarch.rpm alpha-9-1.noarch"}) {
		t.Errorf("el9 has %q", got)
	}
	if got := packagesOf(t, s, "/files/all/el8/"); !slices.Equal(got, []string{"alpha-1.2~rc1-3.noarch.rpm alpha-2:1.2~rc1-3.noarch"}) {
		t.Errorf("el8 has %q", got)
	}
	s.want("PUT /files/team/el9/sub/alpha-1.2~rc1-3.noarch.rpm -d "+readRPM(t, "alpha-gzip.rpm"), 201)
	s.want("GET /files/all/el9/alpha-9-1.noarch.rpm", 404)
}

// TestVirtualRPMUnreadable: where a member's metadata cannot be read, the index before stays; where there is none, that is said.
func TestVirtualRPMUnreadable(t *testing.T) {
	u := startUpstream(t)
	unreadable := func(revision string) map[string]string { // as with zstd, which nobody here can read
		all := rpmRepository(t, "", revision, "beta-2-1.noarch.rpm=x")
		md, err := rpm.ParseRepomd([]byte(all["repodata/repomd.xml"]))
		if err != nil {
			t.Fatal(err)
		}
		for i := range md.Data {
			content := "\x28\xb5\x2f\xfd" + md.Data[i].Type
			md.Data[i].Location.Href = "repodata/" + sum(content) + "-" + md.Data[i].Type + ".xml.zst"
			md.Data[i].Checksum, md.Data[i].Size = rpm.SHA256(sha256.Sum256([]byte(content))), int64(len(content))
			all[md.Data[i].Location.Href] = content
		}
		all["repodata/repomd.xml"] = string(md.Bytes())
		delete(all, "repodata/repomd.xml.asc")
		return all
	}
	m := memory.New()
	open := func(name oci.Name) *site {
		members := []files.Member{{Name: "hub", Type: files.RemoteType, Reader: openFormat(t, m, "hub", u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})}}
		return serve(t, m, []files.Repository{{Name: name, Type: files.VirtualType, Package: files.RPM, Reader: files.NewRPMVirtual(name, members, m, slog.New(slog.DiscardHandler))}}, nil)
	}
	u.replace(rpmRepository(t, "", "1", "beta-1-1.noarch.rpm=x"))
	s := open("all")
	before := s.want("GET /files/all/repodata/repomd.xml", 200)
	u.replace(unreadable("2"))
	if r := s.want("GET /files/all/repodata/repomd.xml", 200); r.body != before.body || !strings.HasPrefix(r.Header.Get("Warning"), "110 ") {
		t.Errorf("the index is another one, or without a warning: %s", r.Header.Get("Warning"))
	}
	open("new").want("GET /files/new/repodata/repomd.xml", 502)
}
