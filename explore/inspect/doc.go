// Package inspect shows what is in one file: text, bytes, JSON, executables, certificates, signatures, packages, models.
//
// Each decoder takes the bytes of a file (an io.ReaderAt and its size, or all of a small one) and returns a Doc, which is what a page, a
// terminal or a program shows of it: sections of fields, tables and text, in order. Where a value means something that can be looked at, the
// value says so by a Ref; what that is as a link is up to whoever shows it. Nothing here knows of registries, and no decoder trusts its input.
//
// [Detect] tells a file's [Kind] by its first bytes, [Inspect] picks the decoder of that kind. Any file can be looked at in pages, from any offset on:
// [ReadText] for what [Kind.IsText], [ReadHex] for all. [Packages] and [FileList] go through data bases of packages of any size, for who owns a file.
package inspect

// Doc is what a decoder found in a file.
type Doc struct {
	Kind     string    `json:"kind"`              // "elf", "x509", "sigstore bundle"
	Title    string    `json:"title,omitempty"`   // one line that says what it is
	Command  string    `json:"command,omitempty"` // what prints about the same from standard input: "objdump -x -"; or empty
	Sections []Section `json:"sections"`
	Note     string    `json:"note,omitempty"` // what was left out, and why
}

// Section is a part of a Doc. It may have fields, a table and text at once.
type Section struct {
	Title  string  `json:"title,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	Table  *Table  `json:"table,omitempty"`
	Text   string  `json:"text,omitempty"` // shown as it is, in a fixed width
	Note   string  `json:"note,omitempty"` // what was left out, and why
}

// Field is a value with a name.
type Field struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// Table has as many values in each row as there are columns.
type Table struct {
	Columns []Column  `json:"columns"`
	Rows    [][]Value `json:"rows"`
}

// Column is the head of a table's column.
type Column struct {
	Name    string `json:"name"`
	Numbers bool   `json:"numbers,omitempty"` // aligned to the right
}

// Value is a piece of text that may refer to something.
type Value struct {
	Text string `json:"text"`
	Ref  Ref    `json:"ref,omitzero"`
	Tip  string `json:"tip,omitempty"` // what it means, in a few words
}

// Ref says what a value refers to. The zero Ref refers to nothing.
type Ref struct {
	Kind RefKind `json:"kind,omitempty"`
	To   string  `json:"to,omitempty"`
}

// RefKind is a way to refer.
type RefKind string

// The kinds of references, with what To holds.
const (
	RefURL    RefKind = "url"    // an absolute http or https URL, documentation or a web site
	RefPath   RefKind = "path"   // an absolute path in the same file system
	RefFind   RefKind = "find"   // the name of a file to search for in the same file system, such as a shared library's
	RefDigest RefKind = "digest" // ALGORITHM:HEX of a blob or manifest that may be in the same repository
	RefImage  RefKind = "image"  // a reference to an image: NAME[:TAG][@DIGEST], perhaps with a registry's host
	RefPurl   RefKind = "purl"   // a package URL, pkg:TYPE/...
	RefPart   RefKind = "part"   // a part of the file: a pipeline that extracts it, such as `jq -r .payload | base64 -d`
	RefOffset RefKind = "offset" // a position in the file in bytes, in decimal digits
	RefOID    RefKind = "oid"    // an object identifier in dotted form
	RefFile   RefKind = "file"   // the SHA-256 of a file's content, in hex digits

	RefNeeded   RefKind = "needed"   // what an Alpine package depends on, as package apk reads it: who provides it
	RefProvided RefKind = "provided" // what one provides: who needs it
)
