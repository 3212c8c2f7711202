package apk

import (
	"fmt"
	"strings"
)

// Dep is a dependency, or what a package provides: [!]NAME[@TAG][OP VERSION]. Names are those of packages, or KIND:NAME for what is found in packages:
//
//	so:libc.musl-x86_64.so.1    a shared library, by its soname
//	cmd:sh                      a command
//	pc:zlib                     a module of pkg-config
//	/bin/sh                     a file
type Dep struct {
	Conflict bool // what must not be there
	Name     string
	Op       string // "=", "<", "<=", ">", ">=", "~" (begins with), "<~", ">~", "><" (has the checksum), or empty: any
	Version  string
}

// comparers are what comparisons are written with, in the order of the bits by which ops has them: apk takes them in any order.
const comparers = "<>=~"

var ops = map[int]string{1: "<", 2: ">", 4: "=", 5: "<=", 6: ">=", 3: "><", 12: "~", 8: "~", 13: "<~", 9: "<~", 14: ">~", 10: ">~"}

// ParseDep reads one dependency. The error wraps [ErrFormat].
func ParseDep(s string) (d Dep, err error) {
	rest, conflict := strings.CutPrefix(s, "!")
	d.Conflict = conflict
	name := rest
	if i := strings.IndexAny(rest, comparers); i >= 0 {
		name = rest[:i]
	}
	compared := rest[len(name):]
	d.Version = strings.TrimLeft(compared, comparers)
	bits := 0
	for _, c := range compared[:len(compared)-len(d.Version)] {
		bits |= 1 << strings.IndexRune(comparers, c)
	}
	if bits != 0 {
		d.Op = ops[bits]
	}
	d.Name, _, _ = strings.Cut(name, "@")
	switch {
	case d.Name == "" || strings.ContainsFunc(d.Name, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return Dep{}, badDep(s)
	case (d.Op == "") != (compared == ""), (d.Version == "") != (compared == ""):
		return Dep{}, badDep(s)
	}
	return d, nil
}

func badDep(s string) error { return fmt.Errorf("%w: the dependency %.64q", ErrFormat, s) }

// Kind is "so", "cmd", "pc" or what else stands before a colon; empty for a package, and for a file.
func (d Dep) Kind() string {
	kind, _, ok := strings.Cut(d.Name, ":")
	if !ok {
		return ""
	}
	return kind
}

// String writes the dependency.
func (d Dep) String() string {
	s := d.Name + d.Op + d.Version
	if d.Conflict {
		return "!" + s
	}
	return s
}

// Allows reports whether a version is one of those that the dependency takes; a conflict takes those that it does not name. A version of "" is what is
// provided without one, which every dependency takes.
func (d Dep) Allows(version string) bool {
	return d.compares(version) != d.Conflict
}

func (d Dep) compares(version string) bool {
	if d.Op == "" || version == "" {
		return true
	}
	if d.Op == "><" {
		return false // a checksum, which is not that of a version
	}
	c := compareVersions(version, d.Version, strings.Contains(d.Op, "~"))
	switch {
	case c < 0:
		return strings.Contains(d.Op, "<")
	case c > 0:
		return strings.Contains(d.Op, ">")
	}
	return strings.ContainsAny(d.Op, "=~")
}

// Satisfies reports whether a package is what a dependency wants: by its name and version, or by something that it provides. A conflict is satisfied by
// what it excludes nothing of.
func (i *Info) Satisfies(d Dep) bool {
	wanted := d
	wanted.Conflict = false
	found := i.Name == d.Name && wanted.Allows(i.Version)
	for _, s := range i.Provides {
		if found {
			break
		}
		p, err := ParseDep(s)
		found = err == nil && p.Name == d.Name && wanted.Allows(p.Version)
	}
	return found != d.Conflict
}
