package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// asGo turns a tree into what encoding/json makes of the same document.
func asGo(n *Node) any {
	switch n.Kind {
	case Null:
		return nil
	case Bool:
		return n.Text == "true"
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case Array:
		a := []any{}
		for _, c := range n.Children {
			a = append(a, asGo(c))
		}
		return a
	}
	m := map[string]any{}
	for _, c := range n.Children {
		m[c.Key] = asGo(c)
	}
	return m
}

func checkJSON(t *testing.T, raw []byte) {
	t.Helper()
	n, err := ParseJSON(raw, nil)
	if errors.Is(err, ErrLimit) {
		return
	}
	if (err == nil) != json.Valid(raw) {
		t.Fatalf("ParseJSON(%.200q) = %v, json.Valid says %v", raw, err, json.Valid(raw))
	}
	var se *SyntaxError
	if err != nil && (!errors.Is(err, ErrSyntax) || !errors.As(err, &se) || se.Offset < 0 || se.Offset > len(raw)) {
		t.Fatalf("ParseJSON(%.200q): %v", raw, err)
	}
	if err != nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err == nil && !reflect.DeepEqual(asGo(n), want) {
		t.Errorf("ParseJSON(%.200q) = %q, encoding/json has %q", raw, asGo(n), want)
	}
	checkNodes(t, raw, n)
}

// checkNodes looks at the inverse of each node: its bytes, its place among its siblings, its path.
func checkNodes(t *testing.T, raw []byte, n *Node) {
	t.Helper()
	again, err := ParseJSON(raw[n.Offset:n.End], nil)
	if err != nil || !reflect.DeepEqual(asGo(again), asGo(n)) {
		t.Errorf("%.200q: %s is at [%d:%d], where %v stands: %v", raw, n.Path(), n.Offset, n.End, again, err)
	}
	for i, c := range n.Children {
		if c.Index != i || c.Parent != n {
			t.Errorf("%.200q: %s does not know its place", raw, c.Path())
		}
		step := any(c.Key)
		if n.Kind == Array {
			step = i
		}
		if got := n.Get(step); (got == c) == c.Shadowed {
			t.Errorf("%.200q: Get(%#v) below %s; shadowed: %v", raw, step, n.Path(), c.Shadowed)
		}
		if c.End-c.Offset < 200 {
			checkNodes(t, raw, c)
		}
	}
}

var jsonSeeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, ``, ` `, `nul`, `[1,2`, `{"a"}`, `{"a":1,}`, `[,]`, `[1,]`, `{"a":1 "b":2}`, `{,}`, `1 2`, `{1:2}`,
	`0`, `-0`, `01`, `-`, `1.`, `1.e5`, `.5`, `1e`, `1e+`, `1E-07`, `12345678901234567890.10`, `+1`, `0x1`, `NaN`,
	`""`, `"`, `"a`, "\"\n\"", "\"\x00\"", "\"\x7f\"", "\"\xff\xfe\"", `"\u00e9\n\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`,
	`"\u12"`, `"\x"`, `"\`, `"\u`, "\"\\u0041\xc3\"", "\"\\\n\"", `"\uD83D\uDE00\u00"`,
	`{"a":1,"a":2,"b":{"a":[1,[2,{"c":null}]]}}`, ` { "schemaVersion" : 2 , "layers" : [ ] } `, "\ufeff{}", `{"a":{"a":1},"a":[]}`,
	strings.Repeat("[", 99) + strings.Repeat("]", 99), strings.Repeat("[", 120), "[[]", "]", "{]", "[}",
}

func TestParseJSON(t *testing.T) {
	for _, s := range jsonSeeds {
		checkJSON(t, []byte(s))
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkJSON(t, raw) })
}

func TestParseJSONLimits(t *testing.T) {
	for _, c := range []struct {
		in     string
		limits *Limits
		want   error
	}{
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), nil, nil},
		{strings.Repeat("[", 101) + strings.Repeat("]", 101), nil, ErrLimit},
		{strings.Repeat(`{"a":`, 1<<20), nil, ErrLimit},
		{"[" + strings.Repeat("0,", 200_000) + "0]", nil, ErrLimit},
		{"[1,2]", &Limits{Nodes: 3}, nil},
		{"[1,2]", &Limits{Nodes: 2}, ErrLimit},
		{"[[]]", &Limits{Depth: 1}, ErrLimit},
		{`"12345"`, &Limits{Size: 6}, ErrLimit},
	} {
		if _, err := ParseJSON([]byte(c.in), c.limits); !errors.Is(err, c.want) {
			t.Errorf("ParseJSON(%.20q, %v) = %v, want %v", c.in, c.limits, err, c.want)
		}
	}
}

func TestNode(t *testing.T) {
	n, err := ParseJSON([]byte(`{"layers":[{"digest":"sha256:1","size":"12"}],"odd \"key\"":{"_a1":[[true]]},"1a":1.50,"":{"":null}, "x":1, "x":2}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path []any
		want string // path, kind and text
	}{
		{nil, ". object "},
		{[]any{"layers", 0, "digest"}, ".layers[0].digest string sha256:1"},
		{[]any{"layers", -1, "size"}, ".layers[0].size string 12"},
		{[]any{`odd "key"`, "_a1", 0, 0}, `.["odd \"key\""]._a1[0][0] boolean true`},
		{[]any{"1a"}, `.["1a"] number 1.50`},
		{[]any{"", ""}, `.[""][""] null `},
		{[]any{"x"}, `.x number 2`},
	} {
		m := n.Get(c.path...)
		if m == nil {
			t.Errorf("Get(%v): nothing", c.path)
		} else if got := m.Path() + " " + m.Kind.String() + " " + m.String(); got != c.want {
			t.Errorf("Get(%v): %s, want %s", c.path, got, c.want)
		}
	}
	for _, path := range [][]any{{"layers", 1}, {"layers", -2}, {"layers", "x"}, {0}, {"x", "y"}, {"nothing"}, {3.5}, {"nothing", 0, "x"}} {
		if m := n.Get(path...); m != nil || m.String() != "" || m.All() != nil || m.Is(Object) || m.Str("a") != "" || m.Ordered() != nil || m.Root() != nil {
			t.Errorf("Get(%v) = %v, want nothing", path, m)
		}
	}
	if i, ok := n.Get("layers", 0, "size").Int(); i != 12 || !ok {
		t.Errorf("Int of a string of digits: %d, %v", i, ok)
	}
	if n.Get("layers", 0).Root() != n || n.Str("layers", 0, "digest") != "sha256:1" || n.Str("x") != "" {
		t.Error("Root or Str")
	}
}

func TestOrdered(t *testing.T) {
	n, err := ParseJSON([]byte(`{"manifest":1,"zeta":2,"alpha":3,"digest":4,"size":5,"mediaType":6,"schemaVersion":7,"Alpha":8,"name":9}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range n.Ordered() {
		got = append(got, c.Key)
	}
	if want := "schemaVersion mediaType name digest size manifest Alpha alpha zeta"; strings.Join(got, " ") != want {
		t.Errorf("Ordered: %v, want %s", got, want)
	}
	if n.Children[0].Key != "manifest" {
		t.Error("Ordered changed the document")
	}
}
