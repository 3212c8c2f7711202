package explore

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// tarLetters are what tar wants beside -t or -x for formats that it reads.
var tarLetters = map[archive.Format]string{archive.Tar: "", archive.TarGzip: "z", archive.APK: "z", archive.Tar + "+" + archive.Bzip2: "j"}

// tool returns the words that read a format, list or extract: those of GNU tar where that can.
func tool(f archive.Format, list bool) (words string, gnu bool) {
	letters, gnu := tarLetters[f]
	switch {
	case gnu && list:
		return "tar -tv" + letters + " --utc", true
	case gnu:
		return "tar -Ox" + letters, true
	case list:
		return "bsdtar -tvf -", false
	}
	return "bsdtar -xOf -", false
}

// format is that of what l.source prints.
func (l *look) format() archive.Format {
	if l.layer == nil {
		return archive.Tar
	}
	return l.layer.Format
}

// lists is the command that prints what a page lists.
func (l *look) lists(s listing) command {
	words, gnu := tool(l.format(), true)
	if l.image != nil && l.layer == nil && l.image.Layers() < len(l.image.layers) {
		return nil // no command shows an image as it was
	}
	c := slices.Clone(l.source).add(" | ")
	switch {
	case s.search != "":
		names, _, _ := strings.Cut(strings.Replace(words, "v", "", 1), " --utc")
		return c.add(names + l.memberWords(s) + " | grep " + quote(grepFor(s.search)))
	case !gnu:
		return c.add(words)
	case s.all || len(s.paths) > 0:
		c = c.link(words, l.href(s.root, true), "only what is in this directory")
	default:
		c = c.link(words, l.href(s.root, true, "all", "true"), "all that is below")
		c = c.add(excludeBelow(l.recorded(s.root)))
	}
	return c.add(l.memberWords(s) + sorting[s.sort])
}

// memberWords are the members, quoted, each with a space before it.
func (l *look) memberWords(s listing) string {
	if len(s.paths) > 0 && l.pathOfImage() {
		return " $(crane config " + quote(l.h.host(l.r)+"/"+l.t.with("", false).ref()) +
			` | jq -r '.config.Env[] | select(startswith("PATH=")) | ltrimstr("PATH=/") | split(":/")[]')`
	}
	words := ""
	for _, p := range l.members(s) {
		words += " " + member(p)
	}
	return words
}

// pathOfImage reports whether the paths of the list are those of the image's PATH.
func (l *look) pathOfImage() bool { return l.r.query.Get("env") == "PATH" && l.layer == nil }

// sorting puts the lines of tar -tv into an order.
var sorting = map[string]string{"name": " | LC_ALL=C sort -k6", "size": " | sort -k3,3nr", "time": " | sort -k4,5r"}

// members are the names that tar lists, as recorded.
func (l *look) members(s listing) (names []string) {
	if len(s.paths) > 0 {
		for _, p := range s.roots(l.tree) {
			names = append(names, l.recorded(p))
		}
		return names
	}
	if s.root == "." {
		return nil
	}
	return []string{l.recorded(s.root)}
}

// recorded is the name that the archive has for a directory, without a slash at the end; "" or "." for the root. One that is not in the archive has
// that of what lies in it.
func (l *look) recorded(p string) string {
	if l.layer == nil { // as crane writes it
		return strings.TrimPrefix(p, ".")
	}
	for at := p; ; {
		name, next := l.nameAt(at)
		if up, ok := strings.CutSuffix(strings.TrimRight(name, "/"), tarfs.Unescape(strings.TrimPrefix(at, p))); name != "" && ok {
			return strings.TrimRight(up, "/")
		}
		if next == "" {
			return strings.TrimPrefix(tarfs.Unescape(p), ".")
		}
		at = next
	}
}

// nameAt is the name that the archive has for a path or, where it has none, the first path in it.
func (l *look) nameAt(p string) (name, first string) {
	all, err := l.versions(p)
	if err != nil || len(all) == 0 || !all[0].Entry.Synthetic {
		if len(all) > 0 {
			name = all[0].Entry.Name
		}
		return name, ""
	}
	for n, err := range l.dir(p, "") {
		if err == nil {
			first = n.Path
		}
		break
	}
	return "", first
}

// relativeTo is what a path adds to a directory above it.
func relativeTo(dir, p string) string {
	if dir == "." {
		return p
	}
	return strings.TrimPrefix(p, dir+"/")
}

// excludeBelow has tar leave out what lies deeper than in a directory.
func excludeBelow(dir string) string {
	if dir != "" {
		dir = globQuoter.Replace(dir) + "/"
	}
	return " --exclude=" + quote(dir+"*/*")
}

var globQuoter = strings.NewReplacer(`\`, `\\`, "*", "[*]", "?", "[?]", "[", "[[]")

// member quotes a recorded name: tar takes \n and the like in it for what they stand for.
func member(name string) string {
	w := quote(strings.ReplaceAll(name, `\`, `\\`))
	if strings.HasPrefix(name, "-") {
		return "-- " + w
	}
	return w
}

// grepFor is the pattern of names whose last element has s in it or, with ^, begins with it.
func grepFor(s string) string {
	start := ""
	if rest, ok := strings.CutPrefix(s, "^"); ok {
		s, start = rest, `\(^\|/\)`
	}
	return start + grepQuoter.Replace(s) + `[^/]*/\{0,1\}$`
}

var grepQuoter = strings.NewReplacer(`\`, `\\`, ".", `\.`, "*", `\*`, "[", `\[`, "^", `\^`, "$", `\$`)

// prints is the command that prints the content of a file.
func (l *look) prints(f *held) command {
	if l.layer == nil {
		return l.printsOfImage(f)
	}
	c := slices.Clone(l.source)
	switch l.layer.Format {
	case archive.Plain:
		return c
	case archive.Gzip:
		return c.add(" | gunzip")
	case archive.Plain + "+" + archive.Bzip2:
		return c.add(" | bunzip2")
	}
	words, gnu := tool(l.layer.Format, false)
	c = c.add(" | " + words + " ")
	if gnu {
		c = c.add(occurrence(l, f.of))
	}
	return l.addName(c, f.of.Entry.Name, f.of.Path)
}

// printsOfImage takes a file out of the image or, where that has it no more, out of the layer.
func (l *look) printsOfImage(f *held) command {
	if f.of.State == overlay.Live && l.image.Layers() == len(l.image.layers) {
		return l.addName(slices.Clone(l.source).add(" | tar -Ox "), strings.TrimPrefix(path.Clean(f.of.Entry.Name), "./"), f.of.Path)
	}
	layer := l.image.open[f.of.Layer]
	t := l.t.at(l.image.layers[f.of.Layer].Digest).with("", false)
	words, _ := tool(layer.Format, false)
	return l.addName(line(l.h.fetch(l.r, t), "|", words, ""), f.of.Entry.Name, f.of.Path)
}

// addName appends the name of a file, of which the directory is a link where it needs no quotes.
func (l *look) addName(c command, name, p string) command {
	dir, base := path.Split(name)
	if quoted := member(name); quoted != name || dir == "" {
		return c.add(quoted)
	}
	return c.link(dir, l.href(path.Dir(p), true), "the directory").add(base)
}

// occurrence chooses among entries of one name, of which tar prints all.
func occurrence(l *look, n *overlay.Node) string {
	number, all := 1, 0
	versions, err := l.versions(n.Path)
	if err != nil {
		return ""
	}
	for _, v := range versions {
		if v.Entry.Name != n.Entry.Name || v.Entry.Synthetic {
			continue
		}
		if all++; v.Entry.Header < n.Entry.Header {
			number++
		}
	}
	if all < 2 {
		return ""
	}
	return "--occurrence=" + strconv.Itoa(number) + " "
}
