//go:build linux

package e2e

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
)

// apkClient does what apk does: it updates an index, whose signature it checks, and verifies the packages that the index has. No Debian has apk.
type apkClient struct {
	*filesFront
	keys apk.Keys
}

// trust takes a key of the server's for one in /etc/apk/keys.
func (c apkClient) trust(t *testing.T, name string) {
	t.Helper()
	if err := c.keys.Add(name, c.expect(t, 200, "GET", "/keys/"+name, nil).body); err != nil {
		t.Fatal(err)
	}
}

// installs fails t unless the index of a directory has just these packages, each of which can be had and is the one that the index means.
func (c apkClient) installs(t *testing.T, dir string, want ...string) {
	t.Helper()
	raw := c.expect(t, 200, "GET", "/files/"+dir+"/APKINDEX.tar.gz", nil, "Cache-Control", "no-cache").body
	x, err := apk.OpenIndex(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	if _, err := x.Verify(t.Context(), c.keys); err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	all, err := x.Files(t.Context())
	if got := slices.Sorted(maps.Keys(all)); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s has %q, %v, want %q", dir, got, err, want)
	}
	for name, id := range all {
		b := c.expect(t, 200, "GET", "/files/"+dir+"/"+name, nil).body
		if err := apk.Verify(t.Context(), bytes.NewReader(b), int64(len(b)), id); err != nil {
			t.Errorf("%s/%s: %v", dir, name, err)
		}
	}
}

// apks makes packages, "NAME VERSION CONTENT" each, by their paths in a directory.
func apks(t *testing.T, dir string, lines ...string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, l := range lines {
		w := strings.Fields(l)
		all[dir+w[0]+"-"+w[1]+".apk"] = apktest.Build(t, apktest.Package{Name: w[0], Version: w[1], Arch: "x86_64", Files: map[string]string{"usr/share/" + w[0]: w[2]}})
	}
	return all
}

// withIndex adds the index of all packages, signed with the key.
func withIndex(t *testing.T, dir string, all map[string][]byte, key *apk.Key) map[string][]byte {
	t.Helper()
	var records []apk.Record
	for _, b := range all {
		p, err := apk.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Record("x86_64")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	apk.Sort(records)
	index, err := apk.WriteIndex(apk.All(records), &apk.WriteOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	all[dir+"APKINDEX.tar.gz"] = index
	return all
}

// TestFilesAlpine has a client verify all that a remote, a local and a virtual repository of Alpine packages serve, while the other server is up, has changed, and
// is down. A name of ours is never answered by the other's package.
func TestFilesAlpine(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, `,
	"ours": {"type": "local", "package": "alpine"},
	"mixed": {"type": "virtual", "package": "alpine", "members": ["ours", "alpine"]}`)
	theirs, err := apk.NewKey("theirs.rsa.pub", 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := theirs.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	c := apkClient{f, apk.Keys{}}
	if err := c.keys.Add("theirs.rsa.pub", public); err != nil {
		t.Fatal(err)
	}
	const dir = "v3.22/main/x86_64/"
	f.publish(withIndex(t, dir, apks(t, dir, "tool 1-r0 one", "lib 1-r0 lib"), theirs))
	c.installs(t, "alpine/v3.22/main/x86_64", "lib-1-r0.apk", "tool-1-r0.apk")

	for path, b := range apks(t, dir, "own 1-r0 own", "lib 1-r1 ours") {
		f.expect(t, 201, "PUT", "/files/ours/"+path, b)
	}
	c.trust(t, "ours.rsa.pub")
	c.trust(t, "mixed.rsa.pub")
	c.installs(t, "ours/v3.22/main/x86_64", "lib-1-r1.apk", "own-1-r0.apk")
	c.installs(t, "mixed/v3.22/main/x86_64", "lib-1-r1.apk", "own-1-r0.apk", "tool-1-r0.apk")

	f.files = map[string][]byte{}
	f.publish(withIndex(t, dir, apks(t, dir, "tool 2-r0 two", "lib 9-r0 lib"), theirs))
	c.installs(t, "alpine/v3.22/main/x86_64", "lib-9-r0.apk", "tool-2-r0.apk")
	c.installs(t, "mixed/v3.22/main/x86_64", "lib-1-r1.apk", "own-1-r0.apk", "tool-2-r0.apk")
	f.expect(t, 200, "GET", "/files/alpine/"+dir+"tool-1-r0.apk", nil) // for who has the index of before

	f.line.down()
	c.installs(t, "alpine/v3.22/main/x86_64", "lib-9-r0.apk", "tool-2-r0.apk")
	c.installs(t, "mixed/v3.22/main/x86_64", "lib-1-r1.apk", "own-1-r0.apk", "tool-2-r0.apk")
	f.warn(t, "/files/alpine/"+dir+"APKINDEX.tar.gz", f.files[dir+"APKINDEX.tar.gz"])
	f.expect(t, 404, "GET", "/files/mixed/"+dir+"lib-9-r0.apk", nil)
	f.line.up(t)
}
