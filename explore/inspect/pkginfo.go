package inspect

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"

	"vitrine/explore/apk"
)

// pkgInfoFields are those of .PKGINFO that a Package has, by the letters of the data base.
var pkgInfoFields = map[string]string{
	"pkgname": "P", "pkgver": "V", "arch": "A", "size": "I", "pkgdesc": "T", "url": "U", "license": "L", "origin": "o", "maintainer": "m", "packager": "m",
}

// decodePkgInfo shows what a package of Alpine says of itself: "key = value", some of them several times.
func decodePkgInfo(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, maxSettings))
	if err != nil {
		return nil, err
	}
	p := Package{Type: "apk"}
	var fields []apk.PkgField
	for line := range bytes.Lines(b) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), " = ")
		if !ok || strings.HasPrefix(key, "#") || len(fields) == maxRows {
			continue
		}
		if set := apkFields[pkgInfoFields[key]]; set != nil {
			set(&p, value)
		}
		fields = append(fields, apk.PkgField{Key: key, Value: value})
	}
	distro := guessDistro([]Package{p})
	s := Section{Title: "Package"}
	for _, x := range fields {
		v := plain(x.Value)
		if say := pkgInfoValues[x.Key]; say != nil {
			v.Ref, v.Tip = say(&p, distro, x.Value)
		}
		s.add(visible(x.Key, 64), v)
	}
	d := &Doc{Kind: string(KindPkgInfo), Title: strings.TrimSpace(visible(p.Name, 100) + " " + visible(p.Version, 100))}
	d.addSection(s)
	return d, nil
}

// pkgInfoValues say what the value of a key refers to, and what it means.
var pkgInfoValues = map[string]func(p *Package, distro, value string) (Ref, string){
	"pkgname": func(p *Package, distro, _ string) (Ref, string) { return purlRef(p.Purl(distro, "")), "" },
	"url":     func(_ *Package, _, value string) (Ref, string) { return webRef(value), "" },
	"origin": func(_ *Package, distro, value string) (Ref, string) {
		return purlRef(makePurl("apk", distro+"/"+value, "")), "what it was built from"
	},
	"commit": func(_ *Package, distro, value string) (Ref, string) {
		return docRef(apkCommit(distro, value)), "of what it was built from"
	},
	"license":    func(_ *Package, _, value string) (Ref, string) { return docRef(licensePage(value)), "" },
	"builddate":  func(_ *Package, _, value string) (Ref, string) { return Ref{}, unixTip(value) },
	"depend":     needs,
	"install_if": func(_ *Package, _, value string) (Ref, string) { return Ref{}, "it is installed once all of these are" },
	"provides":   func(_ *Package, _, value string) (Ref, string) { return boundedRef(RefProvided, value), "" },
}

func needs(_ *Package, _, value string) (Ref, string) {
	if strings.HasPrefix(value, "!") {
		return Ref{}, "must not be there"
	}
	return boundedRef(RefNeeded, value), ""
}

func boundedRef(kind RefKind, to string) Ref {
	if to == "" || len(to) > maxValue {
		return Ref{}
	}
	return Ref{kind, to}
}

// unixTip is the time of a number of seconds since 1970.
func unixTip(value string) string {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(n, 0).UTC().Format(time.RFC3339)
	}
	return ""
}

var (
	commitID  = regexp.MustCompile(`^[0-9a-f]{40}`)
	licenseID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+-]{1,63}$`)
	noLicense = regexp.MustCompile(`(?i)^(custom|none|unknown|commercial|proprietary|public-domain|GPL|LGPL|BSD)$`) // that the list of SPDX has not
)

// apkCommit is the page of a commit in the repository that a distribution's packages are built from, "" where that is not known. Behind the commit may be
// "-dirty".
func apkCommit(distro, commit string) string {
	id := commitID.FindString(commit)
	switch {
	case id == "":
		return ""
	case distro == "alpine":
		return "https://gitlab.alpinelinux.org/alpine/aports/-/commit/" + id
	case distro == "wolfi":
		return "https://github.com/wolfi-dev/os/commit/" + id
	}
	return ""
}

// licensePage is the text of a license that is named as SPDX names it; of several there is none.
func licensePage(license string) string {
	if !licenseID.MatchString(license) || noLicense.MatchString(license) {
		return ""
	}
	return "https://spdx.org/licenses/" + license + ".html"
}
