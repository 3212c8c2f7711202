package rpm

import (
	"iter"
	"strings"
)

// Sense is the flags of a relation.
type Sense uint32

// Flags of a relation: a version that is compared with, and when it matters.
const (
	Less       Sense = 1 << 1
	Greater    Sense = 1 << 2
	Equal      Sense = 1 << 3
	Prereq     Sense = 1 << 6
	ScriptPre  Sense = 1 << 9
	ScriptPost Sense = 1 << 10

	comparison = Less | Greater | Equal
)

// senses are how comparisons are written: in packages' specs, and in primary.xml.
var senses = map[Sense]struct{ sign, xml string }{
	Less: {"<", "LT"}, Greater: {">", "GT"}, Equal: {"=", "EQ"}, Less | Equal: {"<=", "LE"}, Greater | Equal: {">=", "GE"},
}

// xmlSenses are the comparisons of primary.xml.
var xmlSenses = map[string]Sense{"LT": Less, "GT": Greater, "EQ": Equal, "LE": Less | Equal, "GE": Greater | Equal}

// Relation is what a package provides, requires, conflicts with and so on: a name, perhaps with versions of it.
type Relation struct {
	Name  string // a capability, a path, or a condition in parentheses
	Sense Sense
	EVR   EVR // zero where no version is compared with
}

// String returns it as rpm prints it: "glibc >= 2.36".
func (r Relation) String() string {
	if s, ok := senses[r.Sense&comparison]; ok && r.EVR != (EVR{}) {
		return r.Name + " " + s.sign + " " + r.EVR.String()
	}
	return r.Name
}

// Pre tells whether it must be met before the package's scripts run.
func (r Relation) Pre() bool { return r.Sense&(Prereq|ScriptPre|ScriptPost) != 0 }

// Kind is a kind of relations.
type Kind int

// The kinds of relations, in the order of primary.xml.
const (
	Provides Kind = iota
	Requires
	Conflicts
	Obsoletes
	Suggests
	Enhances
	Recommends
	Supplements
	Kinds // how many there are
)

// kinds have the name of each and the tags of names, flags and versions.
var kinds = [Kinds]struct {
	name                  string
	names, flags, version Tag
}{
	Provides:    {"provides", 1047, 1112, 1113},
	Requires:    {"requires", 1049, 1048, 1050},
	Conflicts:   {"conflicts", 1054, 1053, 1055},
	Obsoletes:   {"obsoletes", 1090, 1114, 1115},
	Suggests:    {"suggests", 5049, 5051, 5050},
	Enhances:    {"enhances", 5055, 5057, 5056},
	Recommends:  {"recommends", 5046, 5048, 5047},
	Supplements: {"supplements", 5052, 5054, 5053},
}

// String returns the name in small letters, as primary.xml has it.
func (k Kind) String() string { return kinds[k].name }

// Relations goes through the relations of a kind, up to a million.
func (h *Header) Relations(k Kind) iter.Seq[Relation] {
	return func(yield func(Relation) bool) {
		tags := kinds[k]
		versions := h.texts(tags.version)
		i := 0
		for name := range h.Texts(tags.names) {
			version, _ := versions()
			r := Relation{Name: name, Sense: Sense(h.Number(tags.flags, i))}
			if r.Sense&comparison != 0 && version != "" {
				r.EVR = ParseEVR(version)
			}
			if i++; !yield(r) {
				return
			}
		}
	}
}

// IsRPMLib tells whether a relation is about what rpm itself must be able to do.
func (r Relation) IsRPMLib() bool { return strings.HasPrefix(r.Name, "rpmlib(") }
