package inspect

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"vitrine/explore/rpm"
)

// What is shown of a package besides its fields.
const (
	maxRPMScript  = 64 << 10 // bytes of a script
	maxRPMChanges = 20
	maxVerified   = 16 << 20 // bytes of a package whose payload is read for its digests
)

// decodeRPM shows what the header of an RPM says: the package, what it needs and is needed for, its files, scripts and changes.
func decodeRPM(f *file) (*Doc, error) {
	p, err := rpm.Read(f, f.size)
	switch {
	case errors.Is(err, rpm.ErrFormat):
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	case errors.Is(err, rpm.ErrLimit):
		return nil, fmt.Errorf("%w: %w", ErrLimit, err)
	case err != nil:
		return nil, err
	}
	i := p.Info()
	d := &Doc{Kind: "rpm", Title: visible(i.NEVRA.String(), 200), Command: "rpm -qip -"}
	distro := rpmDistro(Package{Maintainer: i.Vendor})
	d.addSection(rpmIdentity(p, &i, distro))
	d.addSection(Section{Title: "Description", Text: visibleLines(i.Description, maxRPMScript)})
	d.addSection(rpmRelations(p, distro))
	d.addSection(rpmFiles(p))
	for _, s := range p.Scripts() {
		d.addSection(Section{Title: "Script %" + s.When + " (" + visible(s.Program, 100) + ")", Text: visibleLines(s.Text, maxRPMScript)})
	}
	d.addSection(rpmChanges(p))
	digests, err := rpmDigests(f, p)
	d.addSection(digests)
	return d, err
}

// rpmIdentity is what the package says in one value each.
func rpmIdentity(p *rpm.Package, i *rpm.Info, distro string) Section {
	s := Section{Title: "Package"}
	name := Package{Type: "rpm", Name: i.Name, Version: i.Version + "-" + i.Release, Epoch: i.Epoch, Arch: i.Arch, Source: i.SourceRPM}
	s.add("Name", Value{Text: visible(i.Name, maxValue), Ref: purlRef(name.Purl(distro, ""))})
	s.add("Version", plain(i.EVR.String()))
	s.add("Architecture", plain(i.Arch))
	s.add("Summary", plain(i.Summary))
	s.add("License", licenseValue(i.License))
	s.add("URL", Value{Text: visible(i.URL, maxValue), Ref: webRef(i.URL)})
	if source := rpmName(i.SourceRPM); source != "" {
		v := strings.TrimPrefix(strings.TrimSuffix(i.SourceRPM, ".src.rpm"), source+"-")
		s.add("Source", refer(i.SourceRPM, RefPurl, makePurl("rpm", distro+"/"+source, v, "arch", "src")))
	}
	s.add("Repository of the source", Value{Text: visible(i.VCS, maxValue), Ref: webRef(strings.TrimPrefix(i.VCS, "git+"))})
	s.add("Vendor", plain(i.Vendor))
	s.add("Packager", plain(i.Packager))
	s.add("Group", plain(i.Group))
	s.add("Module", plain(i.Modularity))
	s.add("Built", plain(i.BuildTime.Format(time.RFC3339)+onHost(i.BuildHost)))
	s.add("Size", number(p.Size))
	s.add("Installed size", number(i.InstalledSize))
	s.add("Payload", Value{Text: visible(strings.TrimSpace(i.Payload.Format+" "+i.Payload.Compressor+" "+i.Payload.Flags), 100),
		Ref: Ref{RefOffset, fmt.Sprint(p.HeaderEnd)}})
	signatures := p.Signatures()
	for _, x := range signatures {
		s.add("Signature of "+x.Over, Value{Text: visible(x.String(), 200), Tip: "nothing here verifies it"})
	}
	if len(signatures) == 0 {
		s.add("Signature", Value{Text: "none"})
	}
	return s
}

func onHost(host string) string {
	if host == "" {
		return ""
	}
	return " on " + host
}

// licenses are those with a page of their own that packages often name alone.
var licenses = strings.Fields("0BSD AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 EPL-2.0 GPL-2.0-only GPL-2.0-or-later " +
	"GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 OFL-1.1 OpenSSL PostgreSQL " +
	"Python-2.0.1 Unlicense Vim WTFPL X11 Zlib ZPL-2.1 curl")

// licenseValue refers to the text of a license, if it is one that is well known.
func licenseValue(s string) Value {
	v := plain(s)
	for _, l := range licenses {
		if l == s {
			v.Ref = Ref{RefURL, "https://spdx.org/licenses/" + url.PathEscape(s) + ".html"}
		}
	}
	return v
}

// rpmRelations lists what the package provides, requires and so on, but for what rpm itself must be able to do.
func rpmRelations(p *rpm.Package, distro string) Section {
	s := table("Relations", "Relation", "To", "Version")
	n := 0
	for k := range rpm.Kinds {
		for r := range p.Relations(k) {
			if r.IsRPMLib() {
				continue
			}
			if n++; n > maxRows {
				continue
			}
			kind := k.String()
			if k == rpm.Requires && r.Pre() {
				kind += ", before scripts run"
			}
			s.row(Value{Text: kind}, relationValue(r.Name, distro), plain(strings.TrimSpace(strings.TrimPrefix(r.String(), r.Name))))
		}
	}
	s.Note = more(n, maxRows, "relation")
	return s
}

// relationValue refers to what a capability is: a path, the name of a library, or a package.
func relationValue(name, distro string) Value {
	v := plain(name)
	soname, _, _ := strings.Cut(name, "(")
	switch {
	case len(name) > maxValue:
	case strings.HasPrefix(name, "/"):
		v.Ref = Ref{RefPath, name}
	case strings.Contains(soname, ".so"):
		v.Ref = Ref{RefFind, soname}
	case soname == name:
		v.Ref = purlRef(makePurl("rpm", distro+"/"+name, ""))
	}
	return v
}

func more(n, shown int, what string) string {
	if n <= shown {
		return ""
	}
	return plural(n-shown, "more "+what)
}

// rpmFiles lists what the package installs.
func rpmFiles(p *rpm.Package) Section {
	s := table("Files", "Mode", "Owner", "#Size", "Path", "For")
	n := 0
	for f, err := range p.Files() {
		if err != nil {
			s.Note = "Not all of them could be read: " + visible(err.Error(), 200)
			return s
		}
		if n++; n > maxRows {
			continue
		}
		to := plain(f.Path)
		if strings.HasPrefix(f.Path, "/") && len(f.Path) <= maxValue {
			to.Ref = Ref{RefPath, f.Path}
		}
		if f.IsSymlink() {
			to.Tip = "a link to " + visible(f.Link, maxValue)
		}
		s.row(Value{Text: fmt.Sprintf("%06o", f.Mode)}, plain(f.User+":"+f.Group), number(f.Size), to, plain(purpose(f.Flags)))
	}
	s.Note = more(n, maxRows, "file")
	return s
}

// purposes are what flags of files mean.
var purposes = []struct {
	flag rpm.FileFlags
	text string
}{
	{rpm.FileConfig, "configuration"}, {rpm.FileNoReplace, "not replaced"}, {rpm.FileDoc, "documentation"}, {rpm.FileLicense, "license"}, {rpm.FileReadme, "readme"},
	{rpm.FileGhost, "not in the package"}, {rpm.FileArtifact, "build artifact"}, {rpm.FileMissingOK, "may be missing"},
}

func purpose(flags rpm.FileFlags) string {
	var all []string
	for _, p := range purposes {
		if flags&p.flag != 0 {
			all = append(all, p.text)
		}
	}
	return strings.Join(all, ", ")
}

func rpmChanges(p *rpm.Package) Section {
	var b strings.Builder
	n := 0
	for c := range p.Changes() {
		if n++; n <= maxRPMChanges {
			fmt.Fprintf(&b, "%s %s\n%s\n\n", c.Time.Format(time.DateOnly), c.Author, strings.TrimSpace(c.Text))
		}
	}
	return Section{Title: "Changes", Text: visibleLines(strings.TrimSpace(b.String()), maxRPMScript), Note: more(n, maxRPMChanges, "change")}
}

// rpmDigests compares the package with the digests that it has of itself: of a large one those of the header.
func rpmDigests(f *file, p *rpm.Package) (Section, error) {
	s := table("Digests", "Of", "Digest", "Verdict")
	verify := p.VerifyHeader
	if p.Size <= maxVerified {
		verify = p.Verify
	} else {
		s.Note = "Those of the payload of a package of this size are not looked at."
	}
	checks, err := verify(f)
	for _, c := range checks {
		fit := "fits"
		if !c.OK {
			fit = "does not fit"
		}
		s.row(Value{Text: c.Name}, plain(c.Want), Value{Text: fit})
	}
	return s, err
}

// visibleLines returns up to max bytes of a text of several lines as it may be shown.
func visibleLines(s string, max int) string {
	cut := len(s) > max
	if cut {
		s = visibleText(s, max)
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(visible(strings.TrimRight(line, "\r\n"), maxValue))
		b.WriteByte('\n')
	}
	if cut {
		b.WriteString("…\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
