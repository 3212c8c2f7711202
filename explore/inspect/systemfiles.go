package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	maxLdCache   = 8 << 20
	maxLibraries = 5000
)

// decodeLdCache lists where the dynamic linker finds libraries: the cache of glibc since 2.1, which may stand behind that of before.
func decodeLdCache(f *file) (*Doc, error) {
	b, err := f.all(maxLdCache)
	if err != nil {
		return nil, err
	}
	const magic, headSize = "glibc-ld.so.cache1.1", 48
	at := bytes.Index(b, []byte(magic))
	if at < 0 || len(b)-at < headSize {
		return nil, fmt.Errorf("%w: a cache of the dynamic linker without a table", ErrSyntax)
	}
	b = b[at:]
	c := cursor{b: b[len(magic):], order: binary.LittleEndian}
	n := c.u32()
	c.take(headSize - len(magic) - 4)
	text := func(at uint32) string {
		s, _, _ := bytes.Cut(b[min(int(at), len(b)):min(int(at)+maxName, len(b))], []byte{0})
		return string(s)
	}
	s := table("Libraries", "Name", "Path", "Capabilities")
	for range min(n, maxLibraries) {
		c.u32() // flags
		key, value := c.u32(), c.u32()
		c.u32() // oldest kernel
		capabilities := c.u64()
		if c.bad {
			break
		}
		path, wants := text(value), Value{}
		if capabilities != 0 {
			wants = hexNumber(capabilities)
		}
		s.row(plain(text(key)), refer(path, RefPath, path), wants)
	}
	if n > maxLibraries {
		s.Note = fmt.Sprintf("%d more libraries", n-maxLibraries)
	}
	d := &Doc{Kind: string(KindLdCache), Title: fmt.Sprintf("cache of the dynamic linker, %d libraries", n), Command: "cat > cache; ldconfig -p -C cache"}
	d.addSection(s)
	return d, nil
}

// decodeTZif shows the rule of a time zone that holds from now on, which stands at the end (RFC 9636, 3.3).
func decodeTZif(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 44))
	if err != nil {
		return nil, err
	}
	c := cursor{b: b[min(20, len(b)):], order: binary.BigEndian}
	s := Section{Title: "Time zone"}
	s.add("Version", Value{Text: visible(strings.TrimRight(string(b[4:min(5, len(b))]), "\x00"), 4)})
	for _, name := range []string{"UT indicators", "Standard indicators", "Leap seconds", "Changes", "Kinds of time", "Characters of names"} {
		if n := c.u32(); !c.bad {
			s.add(name, number(n))
		}
	}
	tail, err := f.bytes(max(f.size-100, 0), min(f.size, 100))
	if err != nil {
		return nil, err
	}
	rule := ""
	if lines := strings.Split(string(tail), "\n"); len(lines) >= 3 && len(b) > 4 && b[4] >= '2' {
		rule = lines[len(lines)-2]
		s.add("Rule", plain(rule).tip("as in the variable TZ"))
	}
	d := &Doc{Kind: string(KindTZif), Title: strings.TrimSuffix("time zone, "+visible(rule, 100), ", ")}
	d.addSection(s)
	return d, nil
}

// decodeGit shows the header of a pack, or of an index of one or of a work tree.
func decodeGit(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 8+256*4))
	if err != nil {
		return nil, err
	}
	title, command, kind := "git pack", "git index-pack --stdin -v", KindGitPack
	count := u32be(b, 8)
	switch {
	case b[0] == 0xff:
		title, command, kind, count = "index of a git pack", "git show-index", KindGitIdx, u32be(b, 8+255*4) // the last of the table of 256
	case b[0] == 'D':
		title, command, kind = "index of a git work tree", "", KindGitIdx
	}
	s := Section{Title: "Header"}
	s.add("Version", number(u32be(b, 4)))
	s.add("Entries", number(count))
	d := &Doc{Kind: string(kind), Title: fmt.Sprintf("%s, %d entries", title, count), Command: command}
	d.addSection(s)
	return d, nil
}
