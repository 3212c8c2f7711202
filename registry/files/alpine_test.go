package files_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
	"vitrine/registry/files"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// pack makes the package of a line such as "NAME VERSION ARCH CONTENT".
func pack(t *testing.T, line string) string {
	t.Helper()
	f := strings.Fields(line)
	return string(apktest.Build(t, apktest.Package{Name: f[0], Version: f[1], Arch: f[2], Files: map[string]string{"usr/f": f[3]}}))
}

// alpineSite is a site with a local Alpine repository "ours".
func alpineSite(t *testing.T) *site {
	t.Helper()
	m := memory.New()
	keys := files.NewAlpineKeys(m, 1024)
	a := files.NewAlpineLocal(m, keys, slog.New(slog.DiscardHandler))
	t.Cleanup(a.Close)
	a.SetKeys(map[oci.Name]string{"ours": "us.rsa.pub"})
	return serve(t, m, []files.Repository{{Name: "ours", Type: files.LocalType, Package: files.Alpine, Reader: a, Store: a, Key: "us.rsa.pub"}}, &files.Options{Keys: keys})
}

// listed does what apk update does with the index of a directory, and returns the packages in it, in order.
func (s *site) listed(dir string, keys apk.Keys) string {
	s.t.Helper()
	r := s.do("GET " + dir + "/APKINDEX.tar.gz")
	if r.StatusCode == 404 {
		return "none"
	}
	x, err := apk.OpenIndex(strings.NewReader(r.body), int64(len(r.body)))
	if err != nil {
		s.t.Fatalf("%s: %d %v", dir, r.StatusCode, err)
	}
	if _, err := x.Verify(s.t.Context(), keys); err != nil {
		s.t.Fatalf("%s: %v", dir, err)
	}
	var all []string
	for rec, err := range x.Records(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, rec.Name+"-"+rec.Version)
	}
	return strings.Join(all, " ")
}

// installs does what apk add does with every package of an index.
func (s *site) installs(dir string) {
	s.t.Helper()
	r := s.do("GET " + dir + "/APKINDEX.tar.gz")
	x, err := apk.OpenIndex(strings.NewReader(r.body), int64(len(r.body)))
	if err != nil {
		s.t.Fatalf("%s: %v", dir, err)
	}
	all, err := x.Files(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for name, id := range all {
		p := s.do("GET " + dir + "/" + name)
		if err := apk.Verify(s.t.Context(), strings.NewReader(p.body), int64(len(p.body)), id); p.StatusCode != 200 || err != nil {
			s.t.Errorf("%s/%s = %d: %v", dir, name, p.StatusCode, err)
		}
	}
}

func (s *site) keys(name string) apk.Keys {
	s.t.Helper()
	keys := apk.Keys{}
	if err := keys.Add(name, []byte(s.want("GET /keys/"+name, 200).body)); err != nil {
		s.t.Fatal(err)
	}
	return keys
}

func TestAlpineLocal(t *testing.T) {
	s := alpineSite(t)
	keys := s.keys("us.rsa.pub")
	s.want("GET /keys/other.rsa.pub", 404)
	for _, tt := range []struct {
		call, pack string // "METHOD PATH", a package
		status     int
		want       string // what x86_64, aarch64 and noarch list then
	}{
		{"PUT x86_64/b-1-r0.apk", "b 1-r0 x86_64 b", 201, "b-1-r0|none|none"},
		{"PUT x86_64/a-2-r0.apk", "a 2-r0 x86_64 a", 201, "a-2-r0 b-1-r0|none|none"},
		{"PUT x86_64/a-2-r0.apk", "a 2-r0 x86_64 a", 204, "a-2-r0 b-1-r0|none|none"},
		{"PUT x86_64/a-2-r0.apk", "a 2-r0 x86_64 another", 204, "a-2-r0 b-1-r0|none|none"},
		{"PUT x86_64/a-10-r0.apk", "a 10-r0 x86_64 ten", 201, "a-2-r0 a-10-r0 b-1-r0|none|none"},
		{"PUT x86_64/a-3-r0.apk", "a 2-r0 x86_64 a", 400, "a-2-r0 a-10-r0 b-1-r0|none|none"},
		{"PUT aarch64/b-1-r0.apk", "b 1-r0 x86_64 b", 400, "a-2-r0 a-10-r0 b-1-r0|none|none"},
		{"PUT b-1-r0.apk", "b 1-r0 x86_64 b", 400, "a-2-r0 a-10-r0 b-1-r0|none|none"},
		{"PUT x86_64/n-1-r0.apk", "n 1-r0 noarch n", 201, "a-2-r0 a-10-r0 b-1-r0 n-1-r0|none|n-1-r0"},
		{"PUT aarch64/b-1-r0.apk", "b 1-r0 aarch64 b", 201, "a-2-r0 a-10-r0 b-1-r0 n-1-r0|b-1-r0 n-1-r0|n-1-r0"},
		{"PUT aarch64/m-1-r0.apk", "m 1-r0 noarch m", 201, "a-2-r0 a-10-r0 b-1-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0|m-1-r0 n-1-r0"},
		{"PUT noarch/n-1-r0.apk", "n 1-r0 noarch renewed", 204, "a-2-r0 a-10-r0 b-1-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0|m-1-r0 n-1-r0"},
		{"PUT noarch/b-1-r0.apk", "b 1-r0 noarch all", 201, "a-2-r0 a-10-r0 b-1-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0"},
		{"DELETE x86_64/b-1-r0.apk", "", 204, "a-2-r0 a-10-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0|b-1-r0 m-1-r0 n-1-r0"},
		{"DELETE aarch64/n-1-r0.apk", "", 204, "a-2-r0 a-10-r0 m-1-r0|b-1-r0 m-1-r0|b-1-r0 m-1-r0"},
		{"DELETE x86_64/n-1-r0.apk", "", 404, "a-2-r0 a-10-r0 m-1-r0|b-1-r0 m-1-r0|b-1-r0 m-1-r0"},
		{"DELETE x86_64/APKINDEX.tar.gz", "", 409, "a-2-r0 a-10-r0 m-1-r0|b-1-r0 m-1-r0|b-1-r0 m-1-r0"},
		{"PUT x86_64/APKINDEX.tar.gz", "b 1-r0 x86_64 b", 409, "a-2-r0 a-10-r0 m-1-r0|b-1-r0 m-1-r0|b-1-r0 m-1-r0"},
	} {
		method, path, _ := strings.Cut(tt.call, " ")
		call := method + " /files/ours/v3/" + path
		if tt.pack != "" {
			call += " -d " + pack(t, tt.pack)
		}
		if r := s.do(call); r.StatusCode != tt.status {
			t.Errorf("%s of %q = %d %.200s, want %d", tt.call, tt.pack, r.StatusCode, r.body, tt.status)
		}
		got := s.listed("/files/ours/v3/x86_64", keys) + "|" + s.listed("/files/ours/v3/aarch64", keys) + "|" + s.listed("/files/ours/v3/noarch", keys)
		if got != tt.want {
			t.Errorf("after %s of %q: %s, want %s", tt.call, tt.pack, got, tt.want)
		}
	}
	for _, arch := range []string{"x86_64", "aarch64", "noarch"} {
		s.installs("/files/ours/v3/" + arch)
	}
}

// TestAlpineLocalRefuses: what is no package is not kept, under no path.
func TestAlpineLocalRefuses(t *testing.T) {
	s := alpineSite(t)
	good := pack(t, "a 1-r0 x86_64 a")
	for name, content := range map[string]string{
		"text": "hello", "cut short": good[:len(good)-20], "with more behind it": good + "x", "damaged": good[:len(good)-30] + strings.Repeat("x", 30),
		"an index": string(must(apk.WriteIndex(apk.All(nil), nil))), "version 3": "ADBd1234567890", "only gzip": string(apktest.Gzip(t, []byte("x"))),
	} {
		if r := s.do("PUT /files/ours/x86_64/a-1-r0.apk -d " + content); r.StatusCode != 400 {
			t.Errorf("%s: %d %.200s, want 400", name, r.StatusCode, r.body)
		}
	}
	s.want("GET /files/ours/x86_64/a-1-r0.apk", 404)
	s.want("GET /files/ours/x86_64/APKINDEX.tar.gz", 404)
	if r := s.do("PUT /files/ours/README -d text"); r.StatusCode != 201 {
		t.Errorf("a file that is no package: %d", r.StatusCode)
	}
	s.want("PUT /files/ours/x86_64/a-1-r0.apk -H If-None-Match: * -d "+good, 201)
	s.want("PUT /files/ours/x86_64/a-1-r0.apk -H If-None-Match: * -d "+pack(t, "a 1-r0 x86_64 b"), 412)
	s.installs("/files/ours/x86_64")
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestAlpineLocalAtOnce: whoever is answered finds the package in the index, and what the index names is there.
func TestAlpineLocalAtOnce(t *testing.T) {
	const clients, each = 6, 4
	s := alpineSite(t)
	keys := s.keys("us.rsa.pub")
	packs := map[string]string{}
	for i := range clients * each {
		packs[fmt.Sprintf("p%d-1-r0.apk", i)] = pack(t, fmt.Sprintf("p%d 1-r0 %s %d", i, []string{"x86_64", "noarch"}[i%2], i))
	}
	names := slices.Sorted(maps.Keys(packs))
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for _, name := range names[c*each : c*each+each] {
				if r := s.do("PUT /files/ours/x86_64/" + name + " -d " + packs[name]); r.StatusCode != 201 {
					t.Errorf("%s: %d %.100s", name, r.StatusCode, r.body)
				}
				if !slices.Contains(strings.Fields(s.listed("/files/ours/x86_64", keys)), strings.TrimSuffix(name, ".apk")) {
					t.Errorf("%s is not in the index", name)
				}
				if len(name)%2 == 0 {
					s.want("DELETE /files/ours/x86_64/"+name, 204)
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			s.listed("/files/ours/noarch", keys)
		}
	})
	wg.Wait()
	s.installs("/files/ours/x86_64")
	s.installs("/files/ours/noarch")
}

// slowSecrets has the first secret wait until ready.
type slowSecrets struct {
	*memory.Store
	ready func()
}

func (s slowSecrets) Secret(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error) {
	s.ready()
	return s.Store.Secret(ctx, name, make)
}

// TestAlpineLocalTogether: what is put while an index is made is in the next one, together.
func TestAlpineLocalTogether(t *testing.T) {
	const n = 10
	m := memory.New()
	all := func() { // until all packages are there
		for here := 0; here < n && t.Context().Err() == nil; time.Sleep(time.Millisecond) {
			here = 0
			for range m.ListFiles(t.Context(), "ours", "x86_64", "") {
				here++
			}
		}
	}
	a := files.NewAlpineLocal(m, files.NewAlpineKeys(slowSecrets{m, all}, 1024), slog.New(slog.DiscardHandler))
	defer a.Close()
	s := serve(t, m, []files.Repository{{Name: "ours", Type: files.LocalType, Package: files.Alpine, Reader: a, Store: a}}, nil)
	var wg sync.WaitGroup
	for i := range n {
		raw := pack(t, fmt.Sprintf("p %d-r0 x86_64 x", i))
		wg.Go(func() { s.want(fmt.Sprintf("PUT /files/ours/x86_64/p-%d-r0.apk -d %s", i, raw), 201) })
	}
	wg.Wait()
	indexes := 0
	for range m.Generations(t.Context(), "ours", "x86_64") {
		indexes++
	}
	if indexes < 1 || indexes > 2 {
		t.Errorf("%d indexes of %d packages that came while the first one was made", indexes, n)
	}
	s.installs("/files/ours/x86_64")
}

// TestAlpineLocalRestart: another process goes on with the packages and the key, and what the last one has not told of is mended.
func TestAlpineLocalRestart(t *testing.T) {
	root := t.TempDir()
	var key string
	for i, want := range []string{"a-0-r0", "a-0-r0 a-1-r0", "a-0-r0 a-1-r0 a-2-r0 b-1-r0"} {
		m, err := disk.Open(root, &disk.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		keys := files.NewAlpineKeys(m, 1024)
		a := files.NewAlpineLocal(m, keys, slog.New(slog.DiscardHandler))
		s := serve(t, nil, []files.Repository{{Name: "ours", Type: files.LocalType, Package: files.Alpine, Reader: a, Store: a, Key: "ours.rsa.pub"}}, &files.Options{Keys: keys})
		s.want("PUT /files/ours/x86_64/a-"+fmt.Sprint(i)+"-r0.apk -d "+pack(t, fmt.Sprintf("a %d-r0 x86_64 a", i)), 201)
		if got := s.listed("/files/ours/x86_64", s.keys("ours.rsa.pub")); got != want {
			t.Errorf("%d: listed %s, want %s", i, got, want)
		}
		s.installs("/files/ours/x86_64")
		if k := s.do("GET /keys/ours.rsa.pub").body; key != "" && k != key {
			t.Error("the key is another one")
		} else {
			key = k
		}
		if i == 1 { // put, and killed before the index
			raw := pack(t, "b 1-r0 x86_64 b")
			d := digest.FromString(raw)
			err := storage.PutBlob(t.Context(), m, "ours", d, strings.NewReader(raw))
			if err == nil {
				err = m.PutFile(t.Context(), "ours", "x86_64/b-1-r0.apk", storage.File{Digest: d}, storage.Match{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAlpineKey: a key stays, and each name has its own.
func TestAlpineKey(t *testing.T) {
	m := memory.New()
	var got [3][]byte
	for i, name := range []string{"a.rsa.pub", "a.rsa.pub", "b.rsa.pub"} {
		k, err := files.NewAlpineKeys(m, 1024).Key(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = must(k.PublicPEM())
	}
	if !bytes.Equal(got[0], got[1]) || bytes.Equal(got[0], got[2]) {
		t.Errorf("keys %q", got)
	}
	for _, name := range []string{"", "a", "../a.rsa.pub", ".rsa.pub", strings.Repeat("a", 79) + ".rsa.pub"} {
		if _, err := files.NewAlpineKeys(m, 1024).Key(t.Context(), name); err == nil {
			t.Errorf("a key called %q", name)
		}
	}
}

// TestRemoteAlpineGenerations: what the index no longer names is verified by an index before; what it names anew takes the place of what was kept; the rest
// passes if it is what it says of itself.
func TestRemoteAlpineGenerations(t *testing.T) {
	u := startUpstream(t)
	first := alpineRepository(t, "x86_64/", "a-1-r0=one", "b-1-r0=b")
	var second map[string]string
	for i := range 1000 { // until it has as many bytes as the first
		second = alpineRepository(t, "x86_64/", fmt.Sprintf("a-1-r0=%03d", i), "a-2-r0=next")
		if len(first["x86_64/a-1-r0.apk"]) == len(second["x86_64/a-1-r0.apk"]) {
			break
		}
	}
	u.replace(maps.Clone(first))
	s := throughFormat(t, u, files.Alpine, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
	const base = "/files/hub/x86_64/"
	served := func(name, want string) {
		t.Helper()
		r := s.do("GET " + base + name)
		if whole := r.StatusCode == 200 && !strings.Contains(r.body, " broken: "); whole != (want != "") || whole && r.body != want {
			t.Errorf("%s = %d with %d bytes, want %d", name, r.StatusCode, len(r.body), len(want))
		}
	}
	served("APKINDEX.tar.gz", first["x86_64/APKINDEX.tar.gz"])
	served("a-1-r0.apk", first["x86_64/a-1-r0.apk"])
	u.replace(maps.Clone(second))
	served("APKINDEX.tar.gz", second["x86_64/APKINDEX.tar.gz"])
	served("a-1-r0.apk", second["x86_64/a-1-r0.apk"])
	u.put("x86_64/b-1-r0.apk", alpinePackage(t, "b-1-r0", "x86_64", "forged"))
	served("b-1-r0.apk", "")
	u.put("x86_64/b-1-r0.apk", first["x86_64/b-1-r0.apk"])
	served("b-1-r0.apk", first["x86_64/b-1-r0.apk"])
	u.replace(map[string]string{"x86_64/Packages.adb": "ADBd", "x86_64/c-1-r0.apk": "ADBd of version 3", "x86_64/d-1-r0.apk": "neither"})
	served("a-1-r0.apk", second["x86_64/a-1-r0.apk"]) // kept
	served("b-1-r0.apk", first["x86_64/b-1-r0.apk"])
	served("APKINDEX.tar.gz", second["x86_64/APKINDEX.tar.gz"])
	served("Packages.adb", "ADBd")
	served("c-1-r0.apk", "ADBd of version 3")
	served("d-1-r0.apk", "")
	n := 0
	for range s.store.Generations(t.Context(), "hub", "x86_64") {
		n++
	}
	if n != 2 {
		t.Errorf("%d generations, want 2", n)
	}
}

// virtualSite is a site with the local repository "ours", the remote ones "hub" and "more" of two upstreams, and "all" of these.
func virtualSite(t *testing.T, hub, more *upstream) *site {
	t.Helper()
	m := memory.New()
	keys := files.NewAlpineKeys(m, 1024)
	log := slog.New(slog.DiscardHandler)
	a := files.NewAlpineLocal(m, keys, log)
	t.Cleanup(a.Close)
	members := []files.Member{
		{Name: "hub", Type: files.RemoteType, Reader: openFormat(t, m, "hub", hub, files.Alpine, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})},
		{Name: "more", Type: files.RemoteType, Reader: openFormat(t, m, "more", more, files.Alpine, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})},
		{Name: "ours", Type: files.LocalType, Reader: a},
	}
	v := files.NewAlpineVirtual(m, keys, "all.rsa.pub", members, log)
	return serve(t, m, []files.Repository{
		{Name: "ours", Type: files.LocalType, Package: files.Alpine, Reader: a, Store: a, Key: "ours.rsa.pub"},
		{Name: "all", Type: files.VirtualType, Package: files.Alpine, Reader: v, Key: "all.rsa.pub"},
	}, &files.Options{Keys: keys})
}

// TestAlpineVirtual: one index of all members, in which the local one's names are its own, and packages from where the index has them.
func TestAlpineVirtual(t *testing.T) {
	hub, more := startUpstream(t), startUpstream(t)
	s := virtualSite(t, hub, more)
	keys := s.keys("all.rsa.pub")
	const dir = "/files/all/x86_64"
	want := func(list string) {
		t.Helper()
		if got := s.listed(dir, keys); got != list {
			t.Errorf("listed: %s, want %s", got, list)
		}
	}
	from := func(name, member string) {
		t.Helper()
		r := s.do("GET " + dir + "/" + name)
		if got := r.Header.Get("Cache-Status"); r.StatusCode != 200 && member != "" || member == "" && r.StatusCode != 404 || !strings.Contains(got, `detail="`+member+`"`) && member != "" {
			t.Errorf("%s = %d from %q, want %q", name, r.StatusCode, got, member)
		}
	}
	want("none")
	first := alpineRepository(t, "x86_64/", "a-1-r0=hub", "b-1-r0=hub", "tool-9-r0=hub")
	hub.replace(maps.Clone(first))
	more.replace(alpineRepository(t, "x86_64/", "b-1-r0=more", "c-1-r0=more"))
	want("a-1-r0 b-1-r0 tool-9-r0 c-1-r0")
	from("b-1-r0.apk", "hub")
	from("c-1-r0.apk", "more")
	from("tool-9-r0.apk", "hub")
	from("APKINDEX.tar.gz", "hub more")
	s.installs(dir)
	tag := s.do("HEAD " + dir + "/APKINDEX.tar.gz").Header.Get("Etag")
	s.want("GET "+dir+"/APKINDEX.tar.gz -H If-None-Match: "+tag, 304)

	s.want("PUT /files/ours/x86_64/tool-1-r0.apk -d "+pack(t, "tool 1-r0 x86_64 ours"), 201)
	from("tool-9-r0.apk", "") // at once, also for who has the index before
	want("tool-1-r0 a-1-r0 b-1-r0 c-1-r0")
	from("tool-1-r0.apk", "ours")
	from("tool-8-r0.apk", "")
	s.installs(dir)

	more.replace(alpineRepository(t, "x86_64/", "tool-2-r0=more"))
	want("tool-1-r0 a-1-r0 b-1-r0")
	from("tool-2-r0.apk", "")
	from("c-1-r0.apk", "more") // kept, for who has the index before
	more.breaks(func(w http.ResponseWriter, _ *http.Request, _ string) bool { w.WriteHeader(503); return true })
	hub.breaks(func(w http.ResponseWriter, _ *http.Request, _ string) bool { w.WriteHeader(503); return true })
	want("tool-1-r0 a-1-r0 b-1-r0")
	if r := s.do("GET " + dir + "/APKINDEX.tar.gz"); r.Header.Get("Warning") == "" {
		t.Error("no Warning of upstreams that are down")
	}
	s.installs(dir)
	s.want("DELETE /files/ours/x86_64/tool-1-r0.apk", 204)
	want("a-1-r0 b-1-r0 tool-9-r0 tool-2-r0")
	s.want("GET "+dir+"/x-1-r0.apk", 502)
	s.want("GET /files/all/aarch64/APKINDEX.tar.gz", 502)
	s.want("GET "+dir+"/Packages.adb", 404)
	s.want("PUT "+dir+"/x-1-r0.apk -d "+pack(t, "x 1-r0 x86_64 x"), 405)
	if r := s.want("GET "+dir+"/?format=json", 200); !strings.Contains(r.body, "tool-9-r0.apk") || !strings.Contains(r.body, strings.Trim(s.do("HEAD "+dir+"/APKINDEX.tar.gz").Header.Get("X-Checksum-Sha256"), `"`)) {
		t.Errorf("listing: %s", r.body)
	}
}

// TestAlpineVirtualOwned: a remote package that provides what a local member has, is none of the virtual repository's.
func TestAlpineVirtualOwned(t *testing.T) {
	hub, more := startUpstream(t), startUpstream(t)
	s := virtualSite(t, hub, more)
	raw := string(apktest.Build(t, apktest.Package{Name: "trojan", Version: "1-r0", Arch: "x86_64", Info: "provides = tool=99\n"}))
	p, err := apk.Open(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Record("")
	if err != nil {
		t.Fatal(err)
	}
	hub.replace(map[string]string{"x86_64/trojan-1-r0.apk": raw, "x86_64/APKINDEX.tar.gz": string(must(apk.WriteIndex(apk.All([]apk.Record{r}), nil)))})
	s.want("GET /files/all/x86_64/trojan-1-r0.apk", 200)
	s.want("PUT /files/ours/x86_64/tool-1-r0.apk -d "+pack(t, "tool 1-r0 x86_64 ours"), 201)
	if got := s.listed("/files/all/x86_64", s.keys("all.rsa.pub")); got != "tool-1-r0" {
		t.Errorf("listed: %s", got)
	}
	s.want("GET /files/all/x86_64/trojan-1-r0.apk", 404)
	s.want("GET /files/all/x86_64/tool-1-r0.apk", 200)
}

// fullDisk has no room for indexes until a file has been deleted.
type fullDisk struct {
	*memory.Store
	full *atomic.Bool
}

func (f fullDisk) PutFiles(ctx context.Context, repo oci.Name, base string, all map[string]storage.File, keep int) (storage.Generation, error) {
	if f.full.Load() {
		return storage.Generation{}, storage.ErrNoSpace
	}
	return f.Store.PutFiles(ctx, repo, base, all, keep)
}

func (f fullDisk) DeleteFile(ctx context.Context, repo oci.Name, p string, when storage.Match) error {
	f.full.Store(false)
	return f.Store.DeleteFile(ctx, repo, p, when)
}

// TestAlpineFullDisk: what is there goes on being served, and deleting makes room.
func TestAlpineFullDisk(t *testing.T) {
	m := fullDisk{memory.New(), new(atomic.Bool)}
	keys, log := files.NewAlpineKeys(m, 1024), slog.New(slog.DiscardHandler)
	a := files.NewAlpineLocal(m, keys, log)
	defer a.Close()
	v := files.NewAlpineVirtual(m, keys, "ours.rsa.pub", []files.Member{{Name: "ours", Type: files.LocalType, Reader: a}}, log)
	s := serve(t, m.Store, []files.Repository{
		{Name: "ours", Type: files.LocalType, Package: files.Alpine, Reader: a, Store: a, Key: "ours.rsa.pub"},
		{Name: "all", Type: files.VirtualType, Package: files.Alpine, Reader: v},
	}, &files.Options{Keys: keys})
	want := func(local, virtual string) {
		t.Helper()
		k := s.keys("ours.rsa.pub")
		if l, v := s.listed("/files/ours/x86_64", k), s.listed("/files/all/x86_64", k); l != local || v != virtual {
			t.Errorf("listed: %s and %s, want %s and %s", l, v, local, virtual)
		}
	}
	s.want("PUT /files/ours/x86_64/a-1-r0.apk -d "+pack(t, "a 1-r0 x86_64 a"), 201)
	want("a-1-r0", "a-1-r0")
	s.want("PUT /files/ours/x86_64/b-1-r0.apk -d "+pack(t, "b 1-r0 x86_64 b"), 201)
	m.full.Store(true)
	want("a-1-r0 b-1-r0", "a-1-r0")
	if r := s.do("GET /files/all/x86_64/APKINDEX.tar.gz"); !strings.Contains(r.Header.Get("Warning"), "no room") {
		t.Errorf("Warning %q", r.Header.Get("Warning"))
	}
	s.want("PUT /files/ours/x86_64/c-1-r0.apk -d "+pack(t, "c 1-r0 x86_64 c"), 507)
	want("a-1-r0 b-1-r0", "a-1-r0")
	s.want("DELETE /files/ours/x86_64/b-1-r0.apk", 204)
	want("a-1-r0 c-1-r0", "a-1-r0 c-1-r0")
	s.installs("/files/all/x86_64")
}
