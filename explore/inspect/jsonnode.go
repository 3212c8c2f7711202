package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NodeKind is what a Node is.
type NodeKind uint8

// The kinds of JSON values (RFC 8259, 3).
const (
	Null NodeKind = iota
	Bool
	Number
	String
	Array
	Object
)

func (k NodeKind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Node is a value of a JSON document. All methods may be called on a nil *Node, which is the value that is not there.
type Node struct {
	Kind     NodeKind
	Shadowed bool    // its key stands again further down in the same object, where jq and most programs take it from
	Key      string  // in an object
	Index    int     // among its siblings
	Text     string  // of a string what it says; of a number, a boolean and null the literal
	Offset   int     // of its first byte in the document
	End      int     // after its last byte
	Children []*Node // of an array or an object, in the order of the document
	Omitted  int     // further children that were read, and are not kept; 0 in what ParseJSON returns
	Parent   *Node   // nil at the root
}

// Get follows path down from n: a string is a key, an int an index. It returns nil where a path leads nowhere. Of keys that stand twice
// it takes the last, as jq does.
func (n *Node) Get(path ...any) *Node {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			n = n.member(step)
		case int:
			n = n.at(step)
		default:
			return nil
		}
	}
	return n
}

func (n *Node) member(key string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	for _, c := range slices.Backward(n.Children) {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// at counts from the end when i is negative, as jq does.
func (n *Node) at(i int) *Node {
	if n == nil || n.Kind != Array {
		return nil
	}
	if i < 0 {
		i += len(n.Children)
	}
	if i < 0 || i >= len(n.Children) {
		return nil
	}
	return n.Children[i]
}

// Is says whether n is there and of this kind.
func (n *Node) Is(k NodeKind) bool { return n != nil && n.Kind == k }

// String returns what a string says, the literal of a number or boolean, and "" of everything else.
func (n *Node) String() string {
	if n == nil || n.Kind == Null {
		return ""
	}
	return n.Text
}

// Str follows path, as Get does, and returns the string there, or "" where there is none.
func (n *Node) Str(path ...any) string {
	if n = n.Get(path...); n.Is(String) {
		return n.Text
	}
	return ""
}

// Int returns the value of a number, or of a string of digits as protobuf writes its 64-bit ones.
func (n *Node) Int() (int64, bool) {
	if !n.Is(Number) && !n.Is(String) {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Text, 10, 64)
	return i, err == nil
}

// All returns the children, none if n is not there.
func (n *Node) All() []*Node {
	if n == nil {
		return nil
	}
	return n.Children
}

// Root returns the document that n is in.
func (n *Node) Root() *Node {
	for n != nil && n.Parent != nil {
		n = n.Parent
	}
	return n
}

// Path returns how jq names n in its document: `.layers[0].digest`, `.annotations["org.example.key"]`, and `.` at the root.
func (n *Node) Path() string {
	var steps []string
	for ; n != nil && n.Parent != nil; n = n.Parent {
		steps = append(steps, n.step())
	}
	slices.Reverse(steps)
	if p := strings.Join(steps, ""); strings.HasPrefix(p, ".") {
		return p
	} else {
		return "." + p
	}
}

func (n *Node) step() string {
	if n.Parent.Kind == Array {
		return "[" + strconv.Itoa(n.Index) + "]"
	}
	return jqKey(n.Key)
}

// jqKey writes a key as jq's .key, or as ["key"] if it is no identifier.
func jqKey(key string) string {
	if isIdentifier(key) {
		return "." + key
	}
	return "[" + quoteJQ(key) + "]"
}

func isIdentifier(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// quoteJQ writes s as a string literal of jq, which is JSON's; \( is where jq's differs, and JSON doubles the backslash.
func quoteJQ(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// precedence is the order in which people read what registries keep; other keys follow in alphabetical order.
var precedence = ranks(`schemaVersion mediaType artifactType config layers blobs manifests subject name digest size platform urls
	annotations _type predicateType predicate child tags manifest`)

func ranks(words string) map[string]int {
	m := make(map[string]int)
	for i, w := range strings.Fields(words) {
		m[w] = i - 1000
	}
	return m
}

// Ordered returns the children in the order in which they are shown: of an object the keys that matter most first, the others by
// alphabet; of an array as they stand. The document is left as it is.
func (n *Node) Ordered() []*Node {
	if !n.Is(Object) {
		return n.All()
	}
	sorted := slices.Clone(n.Children)
	slices.SortStableFunc(sorted, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(precedence[a.Key], precedence[b.Key]), strings.Compare(a.Key, b.Key))
	})
	return sorted
}

// describe says in an error what n is.
func (n *Node) describe() string {
	if n == nil {
		return "nothing"
	}
	if n.Kind == Array {
		return fmt.Sprintf("an array of %d", len(n.Children))
	}
	return "a value of kind " + n.Kind.String()
}
