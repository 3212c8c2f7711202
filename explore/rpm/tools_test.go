package rpm

import (
	"bytes"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tools skips the test where programs are missing, and fails it where CI=true.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing: apt-get install rpm createrepo-c dnf", name)
			}
			t.Skipf("%s is missing: apt-get install rpm createrepo-c dnf", name)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &complaints)
	}
	return string(out)
}

// specs are packages of all kinds that there may be something to get wrong about.
var specs = map[string]string{
	"plain": `
Summary: plain
%description
%files`,
	"everything": `
Epoch: 7
Summary: Ein <Schäfer> & "mehr"
URL: https://example.org/?a=1&b='2'
Provides: cap(x) = 1:2-3, cap(y) < 4, /usr/bin/provided
Requires: /usr/bin/provided, libc.so.6(GLIBC_2.9)(64bit), libc.so.6(GLIBC_2.34)(64bit), libc.so.6(GLIBC_PRIVATE)(64bit), libc.so.6()(64bit)
Requires: same >= 1, same >= 1, same < 2, same >= 1
Requires(post): scriptlet = 0:1~rc^2-3
Requires: (a if (b or c)), /usr/share/own, /usr/bin/own
Conflicts: c1 > 1
Obsoletes: o1 <= 2
Recommends: r1
Suggests: s1 >= 1
Supplements: (su and x)
Enhances: e1
%description
Text with	tabs,
lines & <tags>.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/own %{buildroot}/etc %{buildroot}/usr/lib
echo x > %{buildroot}/usr/bin/own
ln -s own %{buildroot}/usr/bin/link
echo c > %{buildroot}/etc/own.conf
echo é > "%{buildroot}/usr/share/own/ü & <ö> 'q'"
for i in $(seq 300); do echo $i > %{buildroot}/usr/share/own/f$i; done
%pretrans -p <lua>
x = 1
%pre
pre
%postun -p /sbin/ldconfig
%triggerin -- other > 1, another
trigger
%transfiletriggerin -- /usr/share
files
%files
/usr/bin/*
%config(noreplace) /etc/own.conf
%doc /usr/share/own
%ghost /var/log/own
%changelog
* Thu Jan 04 2024 A  <a@example.org> - 7:1-4
- four
* Wed Jan 03 2024 B <b@example.org> - 7:1-3
- three & <more>
* Wed Jan 03 2024 B <b@example.org> - 7:1-2
- two
* Wed Jan 03 2024 B <b@example.org> - 7:1-1
- one`,
	"long-log": `
Summary: a changelog of more than is listed
%description
%files
%changelog` + strings.Repeat("\n* Mon Jan 01 2024 A <a@example.org> - 1-1\n- x", 12),
}

// buildPackages makes a package of each spec, and one of sources, and returns their folder.
func buildPackages(t *testing.T) string {
	t.Helper()
	tools(t, "rpmbuild")
	top := t.TempDir()
	for name, spec := range specs {
		file := filepath.Join(top, name+".spec")
		text := "Name: " + name + "\nVersion: 1.0~rc1\nRelease: 1\nLicense: MIT\nBuildArch: noarch\nBuildRequires: (make or cmake)\n" + spec + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "rpmbuild", "-ba", "--nodeps", "--quiet", "--define", "_topdir "+top, "--define", "_buildhost build.example.org", file)
	}
	return top
}

func packageFiles(t *testing.T, top string) []string {
	t.Helper()
	binary, err := filepath.Glob(top + "/RPMS/noarch/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(top + "/SRPMS/*.rpm")
	if err != nil || len(binary) != len(specs) || len(sources) != len(specs) {
		t.Fatalf("%d packages and %d of sources of %d, %v", len(binary), len(sources), len(specs), err)
	}
	return append(binary, sources...)
}

// TestTools compares all that is said about packages that rpmbuild makes with what rpm and createrepo_c say, and has dnf read our metadata.
func TestTools(t *testing.T) {
	tools(t, "rpm", "createrepo_c", "dnf")
	top := buildPackages(t)
	var entries []*Entry
	for _, file := range packageFiles(t, top) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := read(t, b)
		compareWithRPM(t, p, file)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		place, err := filepath.Rel(top, file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := p.Entry(Location{Href: place}, sumOf(b), info.ModTime())
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	run(t, "createrepo_c", "--quiet", "--no-database", top)
	compareWithCreaterepo(t, top, entries)
	compareWithDnf(t, entries)
}

// rpmFormat is what rpm is asked for, and what told tells the same of.
const rpmFormat = "%{NAME}|%{SUMMARY}|%{DESCRIPTION}|%{LICENSE}|%{GROUP}|%{SIZE}|%{ARCHIVESIZE}|%{PAYLOADCOMPRESSOR}\n" +
	"[%{FILENAMES}|%{FILEMODES}|%{FILESIZES}|%{FILEDIGESTS}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{FILELINKTOS}|%{FILEFLAGS}\n]" +
	"[provides %{PROVIDENEVRS}\n][requires %{REQUIRENEVRS}\n][conflicts %{CONFLICTNEVRS}\n][obsoletes %{OBSOLETENEVRS}\n]" +
	"[suggests %{SUGGESTNEVRS}\n][enhances %{ENHANCENEVRS}\n][recommends %{RECOMMENDNEVRS}\n][supplements %{SUPPLEMENTNEVRS}\n]"

// compareWithRPM asks rpm about a package.
func compareWithRPM(t *testing.T, p *Package, file string) {
	t.Helper()
	if got, want := told(t, p), run(t, "rpm", "-qp", "--qf", rpmFormat, file); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", p.NEVRA(), got, want)
	}
}

func told(t *testing.T, p *Package) string {
	t.Helper()
	i := p.Info()
	b := strings.Join([]string{i.Name, i.Summary, i.Description, i.License, i.Group, decimal(i.InstalledSize), decimal(p.ArchiveSize()), i.Payload.Compressor}, "|") + "\n"
	for f, err := range p.Files() {
		if err != nil {
			t.Error(err)
		}
		b += strings.Join([]string{f.Path, decimal(int64(f.Mode)), decimal(f.Size), f.Digest, f.User, f.Group, f.Link, decimal(int64(f.Flags))}, "|") + "\n"
	}
	for k := range Kinds {
		for r := range p.Relations(k) {
			b += k.String() + " " + r.String() + "\n"
		}
	}
	return b
}

// compareWithCreaterepo reads its metadata and ours, and compares field by field.
func compareWithCreaterepo(t *testing.T, top string, ours []*Entry) {
	t.Helper()
	raw, err := os.ReadFile(top + "/repodata/repomd.xml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseRepomd(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(func(d *Data) (io.ReadCloser, error) { return os.Open(filepath.Join(top, d.Location.Href)) }); err != nil {
		t.Error(err)
	}
	theirs := Metadata(func(kind string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(top, m.Find(kind).Location.Href))
	})
	for kind, read := range readers {
		want := byChecksum(t, theirs(kind))
		if len(want) != len(ours) {
			t.Errorf("%s has %d packages, want %d", kind, len(want), len(ours))
		}
		for sum, e := range byChecksum(t, read(bytes.NewReader(whole(kind, ours...)))) {
			if want[sum] == nil {
				t.Errorf("%s of createrepo_c has no %s", kind, e.NEVRA)
				continue
			}
			diffEntries(t, kind, e, want[sum])
		}
	}
}

func byChecksum(t *testing.T, all iter.Seq2[*Entry, error]) map[string]*Entry {
	t.Helper()
	sums := map[string]*Entry{}
	for _, e := range collect(t, all) {
		sums[e.Checksum.Hex] = e
	}
	return sums
}

// compareWithDnf has dnf read a generation of ours from files.
func compareWithDnf(t *testing.T, entries []*Entry) {
	t.Helper()
	g, s := generation(t, Member{Packages: Entries(entries...)})
	root := t.TempDir()
	if err := os.Mkdir(root+"/repodata", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Data {
		if err := os.WriteFile(filepath.Join(root, d.Location.Href), s[d.Type].Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(root+"/repodata/repomd.xml", g.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	dnf := func(args ...string) string {
		return run(t, "dnf", append([]string{"-q", "--installroot=" + root, "--setopt=reposdir=/nonexistent", "--setopt=cachedir=" + root + "/cache",
			"--setopt=logdir=" + root, "--setopt=plugins=0", "--releasever=1", "--repofrompath=ours,file://" + root, "repoquery"}, args...)...)
	}
	var want []string
	for _, e := range entries {
		want = append(want, strings.Join([]string{e.Name, e.EVR.String(), e.Arch, e.Location.Href, decimal(e.PackageSize), e.Summary, e.License}, "|"))
	}
	got := strings.Split(strings.TrimSpace(dnf("-a", "--qf", "%{name}|%{evr}|%{arch}|%{location}|%{size}|%{summary}|%{license}")), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("dnf finds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := dnf("--file", "/usr/share/own/f299", "--qf", "%{name} %{requires}"); !strings.HasPrefix(got, "everything ") || !strings.Contains(got, "scriptlet = 1~rc^2-3") {
		t.Errorf("dnf finds a file in %q", got)
	}
}
