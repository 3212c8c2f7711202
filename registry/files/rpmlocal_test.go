package files_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/explore/rpm"
	"vitrine/registry/files"
	"vitrine/storage/memory"
)

// localRPM is a site with a local repository "apps" of RPMs, in m.
func localRPM(t *testing.T, m *memory.Store) *site {
	t.Helper()
	store := files.NewRPMLocal(m, slog.New(slog.DiscardHandler))
	return serve(t, m, []files.Repository{{Name: "apps", Type: files.LocalType, Package: files.RPM, Reader: store, Store: store}}, nil)
}

// packagesOf lists the packages of a repository as dnf sees them: path and NEVRA.
func packagesOf(t *testing.T, s *site, base string) (all []string) {
	t.Helper()
	md, err := rpm.ParseRepomd([]byte(s.want("GET "+base+"repodata/repomd.xml", 200).body))
	if err != nil {
		t.Fatal(err)
	}
	primary := s.want("GET "+base+md.Find("primary").Location.Href, 200)
	plain, err := rpm.Decompress(strings.NewReader(primary.body))
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range rpm.ReadPrimary(plain) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Location.Href+" "+e.NEVRA.String())
		if r := s.want("GET "+base+e.Location.Href, 200); sum(r.body) != e.Checksum.Hex {
			t.Errorf("%s has another checksum", e.Location.Href)
		}
	}
	install(t, s, base)
	slices.Sort(all)
	return all
}

func TestLocalRPM(t *testing.T) {
	s := localRPM(t, memory.New())
	binary, source := readRPM(t, "alpha-gzip.rpm"), readRPM(t, "alpha.src.rpm")
	nevra := func(content string) rpm.NEVRA {
		p, err := rpm.Read(strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		return p.NEVRA()
	}
	bin, src := nevra(binary), nevra(source)
	want := func(base string, packages ...string) {
		t.Helper()
		if got := packagesOf(t, s, base); !slices.Equal(got, packages) {
			t.Errorf("%s has %q, want %q", base, got, packages)
		}
	}
	want("/files/apps/")
	s.want("GET /files/apps/none/repodata/repomd.xml", 404)
	s.want("PUT /files/apps/el9/x86_64/"+bin.FileName()+" -d "+binary, 201)
	want("/files/apps/", "el9/x86_64/"+bin.FileName()+" "+bin.String())
	want("/files/apps/el9/x86_64/", bin.FileName()+" "+bin.String())
	before, err := rpm.ParseRepomd([]byte(s.want("GET /files/apps/el9/repodata/repomd.xml", 200).body))
	if err != nil {
		t.Fatal(err)
	}
	s.want("PUT /files/apps/el9/source/"+src.FileName()+" -d "+source, 201)
	want("/files/apps/el9/", "source/"+src.FileName()+" "+src.String(), "x86_64/"+bin.FileName()+" "+bin.String())
	want("/files/apps/el9/x86_64/", bin.FileName()+" "+bin.String())
	for _, d := range before.Data { // for clients that have the index before
		s.want("GET /files/apps/el9/"+d.Location.Href, 200)
	}
	for _, tt := range []struct {
		call string
		want int
	}{
		{"PUT /files/apps/el9/other.rpm -d " + binary, 400},
		{"PUT /files/apps/el9/" + bin.FileName() + " -d nonsense", 400},
		{"PUT /files/apps/el9/repodata/repomd.xml -d <repomd/>", 409},
		{"DELETE /files/apps/el9/repodata/repomd.xml", 409},
		{"PUT /files/apps/README -d text", 201},
		{"GET /files/apps/repodata/", 200},
		{"DELETE /files/apps/el9/x86_64/" + bin.FileName(), 204},
	} {
		s.want(tt.call, tt.want)
	}
	want("/files/apps/el9/", "source/"+src.FileName()+" "+src.String())
	want("/files/apps/el9/x86_64/")
	if log := s.log.String(); log != "" {
		t.Errorf("the log has %s", log)
	}
}

// TestIndexesAreMadeOnce: what has not changed is not made again, also by a server that has just started.
func TestIndexesAreMadeOnce(t *testing.T) {
	m := memory.New()
	s := localRPM(t, m)
	s.want("PUT /files/apps/alpha-1.2~rc1-3.noarch.rpm -d "+readRPM(t, "alpha-gzip.rpm"), 201)
	s.want("PUT /files/apps/alpha-1.2~rc1-3.src.rpm -d "+readRPM(t, "alpha.src.rpm"), 201)
	s.want("GET /files/", 200)
	for g := range m.Generations(t.Context(), "apps", "repodata") {
		t.Errorf("generation %d was made for a list of the repositories", g.Number)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { s.want("GET /files/apps/repodata/repomd.xml", 200) })
	}
	wg.Wait()
	localRPM(t, m).want("GET /files/apps/repodata/repomd.xml", 200)
	var numbers []int64
	for g, err := range m.Generations(t.Context(), "apps", "repodata") {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, g.Number)
	}
	if !slices.Equal(numbers, []int64{1}) {
		t.Errorf("generations %v were made, want one", numbers)
	}
}
