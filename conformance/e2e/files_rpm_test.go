//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/conformance/repodata"
)

// rpmSpec is a package that depends on the one before it.
const rpmSpec = `Name: %[4]s%[1]d
Version: 1.0~rc+%[2]d
Release: %[2]d
Summary: the package %[1]d
License: MIT
BuildArch: noarch
AutoReqProv: no
%[3]s
%%description
Text of the package %[1]d.
%%install
mkdir -p %%{buildroot}/opt/%[4]s
echo %[1]d.%[2]d > %%{buildroot}/opt/%[4]s/%[1]d
%%files
/opt/%[4]s
`

// buildRPMs makes the packages NAME0 to NAME2 of a version, each of which wants the one before, below a directory.
func buildRPMs(t *testing.T, name string, version int) (dir string) {
	t.Helper()
	build := newProgram(t, needProgram(t, "rpmbuild", "rpm"))
	dir = tempDir(t)
	args := []string{"-bb", "--nodeps", "--quiet", "--define", "_topdir " + build.home, "--define", "_rpmdir " + dir}
	for i := range 3 {
		needs := ""
		if i > 0 {
			needs = fmt.Sprintf("Requires: %s%d = 1.0~rc+%d", name, i-1, version)
		}
		spec := build.file(fmt.Sprintf("%d.spec", i))
		write(t, spec, fmt.Appendf(nil, rpmSpec, i, version, needs, name))
		args = append(args, spec)
	}
	build.run(t, args...)
	return dir
}

// createrepo makes a repository of the packages in a directory, and returns its files, all below prefix.
func createrepo(t *testing.T, dir, prefix string, options ...string) map[string][]byte {
	t.Helper()
	newProgram(t, needProgram(t, "createrepo_c", "createrepo-c"), "--quiet", "--no-database").run(t, append(options, dir)...)
	return below(t, dir, prefix)
}

// below returns the files of a directory, by their paths below prefix.
func below(t *testing.T, dir, prefix string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all[prefix+p] = []byte(read(t, filepath.Join(dir, p)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// dnf is a dnf with an install root, a cache and repositories of its own: nothing of the system's is read or written.
type dnf struct{ *program }

func newDnf(t *testing.T, repository string) dnf {
	t.Helper()
	needRoot(t) // rpm enters the install root
	d := dnf{newProgram(t, needProgram(t, "dnf", "dnf"))}
	root := d.file("root")
	write(t, d.file("dnf.conf"), fmt.Appendf(nil, `[main]
reposdir=%[1]s/repos
cachedir=%[1]s/cache
persistdir=%[1]s/persist
logdir=%[1]s/log
varsdir=%[1]s/vars
pluginpath=%[1]s/plugins
plugins=0
gpgcheck=0
retries=1
metadata_expire=0
tsflags=nodocs
[ours]
name=ours
%[2]s
`, d.home, repository))
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	d.args = []string{"-c", d.file("dnf.conf"), "-y", "-q", "--installroot=" + root, "--releasever=1", "--forcearch=x86_64"}
	return d
}

// installs has dnf install the last of the packages, with those that it needs, and fails t unless that is this version.
func (d dnf) installs(t *testing.T, version int) {
	t.Helper()
	if out, err := d.try("install", "app2"); err != nil {
		t.Errorf("dnf install: %v\n%s", err, out)
		return
	}
	d.has(t, "app", version)
}

// has fails t unless these packages are installed in that version.
func (d dnf) has(t *testing.T, name string, version int) {
	t.Helper()
	for i := range 3 {
		got, err := os.ReadFile(d.file(fmt.Sprintf("root/opt/%s/%d", name, i)))
		if want := fmt.Sprintf("%d.%d\n", i, version); err != nil || string(got) != want {
			t.Errorf("installed is %q, %v, want %q", got, err, want)
		}
	}
}

// TestFilesDnf has dnf install packages from another server's repository that is up, has changed, is down, and by our metalink and mirrorlist.
func TestFilesDnf(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	one, two := buildRPMs(t, "app", 1), buildRPMs(t, "app", 2)
	f.publish(createrepo(t, one, "os/"))
	base := f.base + "/files/rpms/os/"
	d := newDnf(t, "baseurl="+base)
	d.installs(t, 1)

	f.files = map[string][]byte{} // the packages of before are gone, as a distribution has it
	f.publish(createrepo(t, two, "os/"))
	d.run(t, "upgrade", "--refresh")
	d.has(t, "app", 2)

	f.line.down()
	newDnf(t, "metalink="+base+"metalink?arch=x86_64").installs(t, 2)
	newDnf(t, "mirrorlist="+base+"mirrorlist").run(t, "makecache")
	f.warn(t, "/files/rpms/os/repodata/repomd.xml", f.files["os/repodata/repomd.xml"])
	f.line.up(t)
}

// TestFilesDnfOurs has dnf install what is put here, from a local repository and from one that is made of that and of another server's. Names of ours are
// never answered by the other's packages, though those are younger.
func TestFilesDnfOurs(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, `,
	"yum": {"type": "local", "package": "rpm"},
	"both": {"type": "virtual", "package": "rpm", "members": ["yum", "rpms"]}`)
	for path, content := range below(t, buildRPMs(t, "app", 1), "os/") {
		f.expect(t, 201, "PUT", "/files/yum/"+path, content)
	}
	far := buildRPMs(t, "app", 3)
	if err := os.CopyFS(far, os.DirFS(buildRPMs(t, "far", 1))); err != nil {
		t.Fatal(err)
	}
	f.publish(createrepo(t, far, "os/"))

	both := newDnf(t, "baseurl="+f.base+"/files/both/os/")
	both.run(t, "install", "app2", "far2")
	both.has(t, "app", 1)
	both.has(t, "far", 1)

	ours := newDnf(t, "baseurl="+f.base+"/files/yum/os/")
	ours.installs(t, 1)
	for path, content := range below(t, buildRPMs(t, "app", 2), "os/") {
		f.expect(t, 201, "PUT", "/files/yum/"+path, content)
	}
	f.line.down()
	ours.run(t, "upgrade", "--refresh")
	ours.has(t, "app", 2)
	both.run(t, "upgrade", "--refresh")
	both.has(t, "app", 2)
	f.line.up(t)
}

// TestFilesDnfChanging has dnf after dnf install from a repository that has another generation every half second, of whose metadata nothing stays, and from one
// that is made of that and ours.
func TestFilesDnfChanging(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, `,
	"yum": {"type": "local", "package": "rpm"},
	"both": {"type": "virtual", "package": "rpm", "members": ["yum", "rpms"]}`)
	for path, content := range below(t, buildRPMs(t, "own", 1), "os/") {
		f.expect(t, 201, "PUT", "/files/yum/"+path, content)
	}
	dir := buildRPMs(t, "app", 1)
	var generations []map[string][]byte
	for i := range 4 {
		os.RemoveAll(filepath.Join(dir, "repodata"))
		write(t, filepath.Join(dir, "comps.xml"), fmt.Appendf(nil, "<comps><!-- %d --></comps>", i))
		options := []string{"--revision", fmt.Sprint(i), "--groupfile", "comps.xml"}
		if i%2 == 1 {
			options = append(options, "--simple-md-filenames")
		}
		generations = append(generations, createrepo(t, dir, "os/", options...))
	}
	f.depot.Publish(generations[0])
	stop := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				f.depot.Publish(generations[i%len(generations)])
			}
		}
	})
	for range 4 {
		newDnf(t, "baseurl="+f.base+"/files/rpms/os/").installs(t, 1)
		newDnf(t, "baseurl="+f.base+"/files/both/os/").installs(t, 1)
	}
	close(stop)
	publisher.Wait()
}

// TestFilesZchunk has zckdl fetch metadata in pieces, of which it has some: it asks for many ranges at once.
func TestFilesZchunk(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	zck, zckdl := newProgram(t, needProgram(t, "zck", "zchunk")), newProgram(t, needProgram(t, "zckdl", "zchunk"))
	plain := make([]string, 3000)
	for i := range plain {
		plain[i] = fmt.Sprintf("<package><name>%d</name><checksum>%s</checksum></package>\n", i, repodata.Sum([]byte{byte(i), byte(i >> 8)}))
	}
	pack := func(name string) []byte {
		write(t, zck.file(name), []byte(strings.Join(plain, "")))
		zck.run(t, "-s", "<package>", "-o", name+".zck", name)
		return []byte(read(t, zck.file(name+".zck")))
	}
	write(t, zckdl.file("old.zck"), pack("old.xml"))
	for i := 0; i < len(plain); i += 300 {
		plain[i] = strings.Replace(plain[i], "<name>", "<name>new ", 1)
	}
	packed := pack("new.xml")
	name := "repodata/" + repodata.Sum(packed) + "-primary.xml.zck"
	f.publish(map[string][]byte{"os/" + name: packed})
	f.expect(t, 200, "GET", "/files/rpms/os/"+name, nil)
	out, code := zckdl.status(t, "-v", "--fail-no-ranges", "-s", "old.zck", f.base+"/files/rpms/os/"+name)
	if code != 0 || strings.Count(out, "multipart_extract: Download range") != 10 {
		t.Errorf("zckdl exits with %d; of ten ranges in one answer it does not get each:\n%s", code, out)
	}
	if got := read(t, zckdl.file(filepath.Base(name))); got != string(packed) {
		t.Errorf("zckdl has %d bytes, want %d", len(got), len(packed))
	}
}

// TestFilesGenerations has a hundred clients read a repository whose upstream has another generation every second: nobody sees metadata that does not fit its repomd.xml.
func TestFilesGenerations(t *testing.T) {
	needE2E(t)
	f := newFilesFront(t, "")
	f.depot.Publish(repodata.Make(0))
	const seconds = 10
	var clients sync.WaitGroup
	end := time.Now().Add(seconds * time.Second)
	var mu sync.Mutex
	seen, last := map[int]int{}, 0
	for range 100 {
		clients.Go(func() {
			c := repodata.NewClient(f.base + "/files/rpms/")
			defer c.Close()
			for time.Now().Before(end) {
				g, err := c.Read(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[g]++
				mu.Unlock()
			}
		})
	}
	for range seconds - 1 {
		time.Sleep(time.Second)
		last++
		f.depot.Publish(repodata.Make(last))
	}
	clients.Wait()
	if c := repodata.NewClient(f.base + "/files/rpms/"); seen[0] == 0 || len(seen) < 3 {
		t.Errorf("%d generations were seen", len(seen))
	} else if g, err := c.Read(t.Context()); g != last || err != nil {
		t.Errorf("in the end generation %d is served, %v, want %d", g, err, last)
	}
	t.Logf("times that generations were read: %v", seen)
}
