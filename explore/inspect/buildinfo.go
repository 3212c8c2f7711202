package inspect

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

const (
	goMagic      = "\xff Go buildinf:"
	goHeader     = 32
	maxGoVersion = 256
	maxGoModules = 1 << 20 // bytes of text about modules
	maxGoSearch  = 1 << 20 // bytes of data in which to look for it
	maxCrates    = 8 << 20 // bytes of JSON about crates
	maxModules   = 5000    // rows
)

// buildSections shows what Go's linker and Rust's cargo-auditable say about what went into the file.
func (e *elfFile) buildSections() (all []Section) {
	if s, ok := e.named(".go.buildinfo"); ok {
		g := goImage{e.file, e.order, e.offsetOf}
		all = g.sections(int64(min(s.Offset, uint64(e.size))), int64(min(s.FileSize, maxGoSearch)))
	}
	if s, ok := e.named(".dep-v0"); ok {
		all = append(all, rustCrates(e.content(s.Offset, s.FileSize, maxCrates)))
	}
	return all
}

// goImage is an executable in which Go's build information may be: see debug/buildinfo, which reads far more of it.
type goImage struct {
	*file
	order    binary.ByteOrder
	offsetOf func(addr uint64) int64 // in the file, or -1
}

// sections looks for the build information at multiples of 16 in size bytes at off.
func (g *goImage) sections(off, size int64) []Section {
	b, err := g.bytes(off, max(min(size, g.size-off), 0))
	if err != nil {
		return nil
	}
	for at := 0; at+goHeader <= len(b); at += 16 {
		if bytes.HasPrefix(b[at:], []byte(goMagic)) {
			return goSections(g.strings(off+int64(at), b[at:at+goHeader]))
		}
	}
	return nil
}

// strings reads the version and the text about modules: behind the header since Go 1.18, at addresses before.
func (g *goImage) strings(at int64, header []byte) (version, modules string) {
	const inline, bigEndian = 2, 1
	if flags := header[15]; flags&inline != 0 {
		version, n := g.inlineString(at+goHeader, maxGoVersion)
		modules, _ := g.inlineString(at+goHeader+n, maxGoModules)
		return version, modules
	} else if flags&bigEndian != 0 {
		g.order = binary.BigEndian
	}
	c := cursor{b: header[16:], order: g.order, wide: header[14] == 8}
	return g.pointedString(c.word(), c.wide), g.pointedString(c.word(), c.wide)
}

// inlineString reads a length and as many bytes, and returns the length of both.
func (g *goImage) inlineString(at, max int64) (s string, n int64) {
	head, err := g.bytes(at, min(binary.MaxVarintLen64, g.size-at))
	if err != nil {
		return "", 0
	}
	length, k := binary.Uvarint(head)
	if k <= 0 || length > uint64(max) {
		return "", 0
	}
	b, err := g.bytes(at+int64(k), int64(length))
	if err != nil {
		return "", 0
	}
	return string(b), int64(k) + int64(length)
}

// pointedString reads the string whose pointer and length are at addr.
func (g *goImage) pointedString(addr uint64, wide bool) string {
	size := int64(8)
	if wide {
		size = 16
	}
	b, err := g.bytes(g.offsetOf(addr), size)
	if err != nil {
		return ""
	}
	c := cursor{b: b, order: g.order, wide: wide}
	data, length := c.word(), c.word()
	if length > maxGoModules {
		return ""
	}
	b, err = g.bytes(g.offsetOf(data), int64(length))
	if err != nil {
		return ""
	}
	return string(b)
}

// goSections shows the version of Go, the module built, how, and of which others.
func goSections(version, modules string) []Section {
	if version == "" {
		return nil
	}
	s := Section{Title: "Go build"}
	first, _, _ := strings.Cut(version, " ")
	s.add("Go", refer(version, RefPurl, makePurl("golang", "stdlib", strings.TrimPrefix(first, "go"))))
	if n := len(modules); n >= 33 && modules[n-17] == '\n' { // between two marks
		modules = modules[16 : n-16]
	}
	info, err := debug.ParseBuildInfo(modules)
	if err != nil || modules == "" {
		return []Section{s}
	}
	s.add("Package", plain(info.Path))
	if info.Main.Path != "" {
		s.add("Module", goModule(info.Main.Path, info.Main.Version))
	}
	for _, x := range info.Settings[:min(len(info.Settings), 100)] {
		s.add(visible(x.Key, 100), goSetting(info, x))
	}
	deps := table("Go modules", "Module", "Version", "Sum", "Replaced by")
	for i, m := range info.Deps {
		if i == maxModules {
			deps.Note = fmt.Sprintf("%d more modules", len(info.Deps)-i)
			break
		}
		deps.row(goRow(m)...)
	}
	return []Section{s, deps}
}

func goModule(path, version string) Value {
	v := plain(strings.TrimSpace(path + " " + version))
	if version == "(devel)" {
		version = ""
	}
	v.Ref = purlRef(makePurl("golang", path, version))
	return v
}

// goSetting leads from a revision to the commit where the module's path says where that is.
func goSetting(info *debug.BuildInfo, s debug.BuildSetting) Value {
	host, rest, _ := strings.Cut(info.Main.Path, "/")
	owner, rest, _ := strings.Cut(rest, "/")
	repo, _, _ := strings.Cut(rest, "/")
	if s.Key == "vcs.revision" && host == "github.com" && isHex(s.Value) && isWord(owner) && isWord(repo) {
		return refer(s.Value, RefURL, "https://github.com/"+owner+"/"+repo+"/commit/"+s.Value)
	}
	return plain(s.Value)
}

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdef") == "" }

// isWord tells whether s may be a part of a path of a URL as it is.
func isWord(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// goRow shows a module; what was built instead of it, if anything, is what it refers to.
func goRow(m *debug.Module) []Value {
	built, instead := m, Value{}
	if m.Replace != nil {
		built, instead = m.Replace, plain(strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version))
	}
	path := plain(m.Path)
	if !strings.HasPrefix(built.Path, ".") && !strings.HasPrefix(built.Path, "/") {
		path.Ref = purlRef(makePurl("golang", built.Path, built.Version))
	}
	return []Value{path, plain(m.Version), plain(built.Sum), instead}
}

// rustCrates shows what cargo-auditable wrote: JSON, compressed by zlib.
func rustCrates(compressed []byte) Section {
	s := table("Rust crates", "Crate", "Version", "Source", "Kind")
	z, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return s
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxCrates))
	if err != nil {
		s.Note = "cannot be decompressed"
	}
	n, err := ParseJSON(raw, nil)
	if err != nil {
		s.Note = "cannot be read"
		return s
	}
	for i, p := range n.Get("packages").All() {
		if i == maxModules {
			s.Note = "and more"
			break
		}
		name, version := p.Str("name"), p.Str("version")
		kind := p.Str("kind")
		if kind == "" {
			kind = "runtime"
		}
		s.row(refer(name, RefPurl, makePurl("cargo", name, version)), plain(version), plain(p.Str("source")), plain(kind))
	}
	return s
}
