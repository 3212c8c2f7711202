package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// maxConstants is how much of a class is read for its name: the constants stand in front.
const maxConstants = 1 << 20

// decodeClass shows the version and the names of a Java class (Java Virtual Machine Specification, 4.1).
func decodeClass(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, maxConstants))
	if err != nil {
		return nil, err
	}
	c := cursor{b: b, order: binary.BigEndian}
	c.u32()
	minor, major := c.u16(), c.u16()
	s := Section{Title: "Class"}
	s.add("Version", Value{Text: fmt.Sprintf("%d.%d", major, minor), Tip: javaVersion(major)})
	s.add("Runs on", Value{Text: javaVersion(major) + " or later"})
	names := readConstants(&c)
	flags, own, super := c.u16(), c.u16(), c.u16()
	name := strings.ReplaceAll(names(own), "/", ".")
	if !c.bad {
		s.add("Name", plain(name))
		s.add("Extends", plain(strings.ReplaceAll(names(super), "/", ".")))
		s.add("Access flags", hexNumber(flags))
		for range c.u16() {
			if i := c.u16(); !c.bad && len(s.Fields) < 100 {
				s.add("Implements", plain(strings.ReplaceAll(names(i), "/", ".")))
			}
		}
	}
	d := &Doc{Kind: string(KindClass), Title: strings.TrimSpace("Java class " + visible(name, 200)), Command: "cat > a.class; javap -v a.class"}
	d.addSection(s)
	return d, nil
}

func javaVersion(major uint16) string {
	if major < 49 {
		return fmt.Sprintf("Java 1.%d", major-44)
	}
	return fmt.Sprintf("Java %d", major-44)
}

// constantSizes are the sizes of the constants that are no text, by their tags.
var constantSizes = map[uint8]int{3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}

// readConstants takes the constants, and returns what finds the name of a class among them.
func readConstants(c *cursor) (name func(class uint16) string) {
	const text, long, double, class = 1, 5, 6, 7
	texts, classes := map[uint16]string{}, map[uint16]uint16{}
	n := c.u16()
	for i := uint16(1); i < n && !c.bad; i++ {
		switch tag := c.u8(); {
		case tag == text:
			texts[i] = string(c.take(int(c.u16())))
		case tag == class:
			classes[i] = c.u16()
		case constantSizes[tag] == 0:
			c.bad = true
		default:
			c.take(constantSizes[tag])
			if tag == long || tag == double { // which count twice
				i++
			}
		}
	}
	return func(i uint16) string { return texts[classes[i]] }
}

// pythons are the versions by the first number of theirs.
var pythons = []struct {
	from    uint16
	version string
}{
	{3650, "3.15"}, {3600, "3.14"}, {3550, "3.13"}, {3500, "3.12"}, {3450, "3.11"}, {3430, "3.10"}, {3420, "3.9"}, {3400, "3.8"}, {3390, "3.7"},
	{3360, "3.6"}, {3320, "3.5"}, {3250, "3.4"}, {3190, "3.3"}, {3160, "3.2"}, {3141, "3.1"}, {3000, "3.0"},
}

// decodePyc shows for which Python a module was compiled, and from what: by date and size, or by a hash (PEP 552).
func decodePyc(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 16))
	if err != nil {
		return nil, err
	}
	number := u16(b, 0)
	s := Section{Title: "Python bytecode"}
	version := ""
	for _, p := range pythons {
		if number >= p.from {
			version = p.version
			break
		}
	}
	s.add("Python", Value{Text: version, Tip: fmt.Sprintf("number %d", number)})
	c := cursor{b: b[4:], order: binary.LittleEndian}
	flags, date := uint32(0), uint32(0)
	if number >= 3390 {
		flags = c.u32()
	}
	const byHash = 1
	if flags&byHash != 0 {
		s.add("Source hash", Value{Text: fmt.Sprintf("%x", c.take(8))})
	} else if date = c.u32(); !c.bad {
		s.add("Source date", Value{Text: time.Unix(int64(date), 0).UTC().Format(time.RFC3339)})
		if number >= 3190 {
			s.add("Source size", Value{Text: fmt.Sprint(c.u32())})
		}
	}
	d := &Doc{Kind: string(KindPyc), Title: "bytecode of Python " + version}
	d.addSection(s)
	return d, nil
}
