package apk

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// PkgInfo is .PKGINFO: what a package says of itself.
type PkgInfo struct {
	Info
	DataHash [32]byte // SHA-256 of the data member's compressed bytes

	Fields []PkgField // all lines, in order
	Raw    string     // the file
}

// PkgField is a line "key = value" of .PKGINFO. Some keys, such as depend, stand there several times.
type PkgField struct{ Key, Value string }

// infoLetters are the letters that an index has for keys of .PKGINFO. Others stay in the package.
var infoLetters = map[string]byte{
	"pkgname": 'P', "pkgver": 'V', "arch": 'A', "size": 'I', "pkgdesc": 'T', "url": 'U', "license": 'L', "origin": 'o', "maintainer": 'm',
	"builddate": 't', "commit": 'c', "provider_priority": 'k', "depend": 'D', "provides": 'p', "install_if": 'i',
}

// ParsePkgInfo reads .PKGINFO. A package must have a name, a version and a datahash: without one its checksum would not be that of its control part. The
// error wraps [ErrFormat] or [ErrLimit].
func ParsePkgInfo(raw []byte) (*PkgInfo, error) {
	if len(raw) > maxInfo {
		return nil, fmt.Errorf("%w: .PKGINFO of more than %d bytes", ErrLimit, maxInfo)
	}
	p := &PkgInfo{Raw: string(raw)}
	hash := ""
	for line := range strings.Lines(p.Raw) {
		line = strings.TrimSuffix(line, "\n")
		key, value, ok := strings.Cut(line, " = ")
		if !ok || line[0] == '#' {
			continue
		}
		p.Fields = append(p.Fields, PkgField{key, value})
		if key == "datahash" {
			hash = value
		}
		p.set(infoLetters[key], value)
	}
	sum, err := hex.DecodeString(hash)
	switch {
	case p.Name == "" || p.Version == "":
		return nil, fmt.Errorf("%w: .PKGINFO without a name or a version", ErrFormat)
	case err != nil || len(sum) != len(p.DataHash):
		return nil, fmt.Errorf("%w: the datahash %.80q in .PKGINFO", ErrFormat, hash)
	}
	copy(p.DataHash[:], sum)
	return p, nil
}

// Values returns all values of a key.
func (p *PkgInfo) Values(key string) (all []string) {
	for _, f := range p.Fields {
		if f.Key == key {
			all = append(all, f.Value)
		}
	}
	return all
}

// packageName is what names are made of (apk-package(5)).
var packageName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._+-]*$`)

const (
	maxName   = 255 - len(".apk") // bytes of name and version: a file's name
	maxHeader = 2048              // bytes of the fields before D:, for which apk index has a buffer of that size
)

// Record makes a package's record as apk index writes it. checksum is of its control member, size of its file. arch takes the place of "noarch", as
// apk index --rewrite-arch does: apk 2 looks for a package in the directory of the architecture that the index names, and there is none for noarch; ""
// leaves it. The error wraps [ErrFormat] for names, versions and dependencies that apk does not take, and [ErrLimit].
func (i *Info) Record(checksum Checksum, size int64, arch string) (Record, error) {
	info := *i
	if info.Arch == "noarch" && arch != "" {
		info.Arch = arch
	}
	if err := info.check(); err != nil {
		return Record{}, err
	}
	w := lines{}
	w.add('C', checksum.String(), true)
	w.add('P', info.Name, true)
	w.add('V', info.Version, true)
	w.add('A', info.Arch, false)
	w.add('S', strconv.FormatInt(size, 10), true)
	w.add('I', strconv.FormatInt(info.Installed, 10), true)
	w.add('T', info.Description, true)
	w.add('U', info.URL, true)
	w.add('L', info.License, true)
	w.add('o', info.Origin, false)
	w.add('m', info.Maintainer, false)
	w.add('t', decimal(info.Built), false)
	w.add('c', info.Commit, false)
	w.add('k', decimal(info.Priority), false)
	if w.Len() > maxHeader {
		return Record{}, fmt.Errorf("%w: %.64q describes itself with %d bytes, and apk takes %d", ErrLimit, info.Name, w.Len(), maxHeader)
	}
	w.add('D', strings.Join(info.Depends, " "), false)
	w.add('p', strings.Join(info.Provides, " "), false)
	w.add('i', strings.Join(info.InstallIf, " "), false)
	if w.long {
		return Record{}, fmt.Errorf("%w: a line of %.64q has more than %d bytes", ErrLimit, info.Name, maxLine)
	}
	return ParseRecord(w.String())
}

// lines writes the fields of a record.
type lines struct {
	strings.Builder
	long bool
}

// add writes a field, an empty one only where it always stands.
func (w *lines) add(letter byte, value string, always bool) {
	if value == "" && !always {
		return
	}
	w.long = w.long || len(value)+len("D:\n") > maxLine
	w.WriteByte(letter)
	w.WriteByte(':')
	w.WriteString(value)
	w.WriteByte('\n')
}

// decimal is empty for 0, which is not written.
func decimal(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// check refuses what apk would not take, or would take for something else.
func (i *Info) check() error {
	switch {
	case !packageName.MatchString(i.Name), i.Arch != "" && !packageName.MatchString(i.Arch):
		return fmt.Errorf("%w: the name %.64q, for %.64q", ErrFormat, i.Name, i.Arch)
	case !ValidVersion(i.Version):
		return fmt.Errorf("%w: the version %.64q of %.64q", ErrFormat, i.Version, i.Name)
	case len(i.Name)+len(i.Version) > maxName:
		return fmt.Errorf("%w: the name %.64q-%.64q is too long for a file", ErrLimit, i.Name, i.Version)
	}
	for _, list := range [][]string{i.Depends, i.Provides, i.InstallIf} {
		for _, s := range list {
			if _, err := ParseDep(s); err != nil {
				return fmt.Errorf("%w, of %.64q", err, i.Name)
			}
		}
	}
	return nil
}
