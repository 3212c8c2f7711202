package inspect

import (
	"bytes"
	"strconv"
	"strings"
	"time"
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
	s := Section{Title: "Package"}
	for line := range bytes.Lines(b) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), " = ")
		if !ok || strings.HasPrefix(key, "#") || len(s.Fields) == maxRows {
			continue
		}
		if set := apkFields[pkgInfoFields[key]]; set != nil {
			set(&p, value)
		}
		s.add(visible(key, 64), pkgInfoValue(key, value))
	}
	distro := guessDistro([]Package{p})
	for i, x := range s.Fields {
		if x.Name == "pkgname" {
			s.Fields[i].Value.Ref = purlRef(p.Purl(distro, ""))
		}
	}
	d := &Doc{Kind: string(KindPkgInfo), Title: strings.TrimSpace(visible(p.Name, 100) + " " + visible(p.Version, 100))}
	d.addSection(s)
	return d, nil
}

// pkgInfoValue refers to what a value names: a site, a file or command that is wanted or provided, a package.
func pkgInfoValue(key, value string) Value {
	v := plain(value)
	switch kind, name, _ := strings.Cut(value, ":"); {
	case key == "builddate":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 && n < 1<<40 {
			v.Tip = time.Unix(n, 0).UTC().Format(time.RFC3339)
		}
	case key != "depend" && key != "provides":
		v.Ref = webRef(value)
	case kind == "so" || kind == "cmd":
		name, _, _ = strings.Cut(name, "=")
		v.Ref = Ref{RefFind, name}
	case key == "depend" && !strings.HasPrefix(value, "!") && kind == value:
		name = value[:len(value)-len(strings.TrimLeft(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._"))]
		v.Ref = purlRef(makePurl("apk", "alpine/"+name, ""))
	}
	return v
}
