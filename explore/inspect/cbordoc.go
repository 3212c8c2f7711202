package inspect

import (
	"encoding/base64"
	"strconv"
)

// CBORToJSON writes one CBOR data item (RFC 8949) as JSON, pretty as jq prints it: byte strings in base64, tags left out, keys as texts,
// what JSON has no word for as null (6.1). A signature of COSE becomes an object with the names that its parts and headers have.
func CBORToJSON(raw []byte) ([]byte, error) {
	c, err := parseCBOR(raw, nil)
	if err != nil {
		return nil, err
	}
	n := c.node()
	if s, err := parseCOSE(c); err == nil {
		n = s.node()
	}
	return append(n.AppendJQ(nil), '\n'), nil
}

// node turns a data item into JSON.
func (c *cborNode) node() *Node {
	switch c.major {
	case cborUint, cborNegative:
		return &Node{Kind: Number, Text: c.literal()}
	case cborBytes:
		return &Node{Kind: String, Text: base64.StdEncoding.EncodeToString(c.data)}
	case cborText:
		return &Node{Kind: String, Text: string(c.data)}
	case cborTag:
		return c.children[0].node()
	case cborSimple:
		return c.simpleNode()
	}
	n := &Node{Kind: Array}
	for _, child := range c.children {
		n.append("", child.node())
	}
	for i, k := range c.keys {
		n.Children[i].Key = k.keyText()
	}
	if c.major == cborMap {
		n.Kind = Object
		(&jsonParser{}).shadow(n)
	}
	return n
}

func (c *cborNode) simpleNode() *Node {
	text := c.simple()
	switch {
	case text == "true" || text == "false":
		return &Node{Kind: Bool, Text: text}
	case c.float > 0 && text != "NaN" && text != "+Inf" && text != "-Inf":
		return &Node{Kind: Number, Text: text}
	}
	return &Node{Kind: Null, Text: "null"}
}

// append adds a member to a tree that is made by hand.
func (n *Node) append(key string, child *Node) {
	child.Key, child.Parent, child.Index = key, n, len(n.Children)
	n.Children = append(n.Children, child)
}

// decodeCBOR shows signatures of COSE in words, and everything else as JSON.
func decodeCBOR(f *file) (*Doc, error) {
	raw, err := f.all(int64(cborLimits.Size))
	if err != nil {
		return nil, err
	}
	return InspectCBOR(raw)
}

// InspectCBOR shows CBOR as JSON, after what can be said in words about a signature of COSE.
func InspectCBOR(raw []byte) (*Doc, error) {
	c, err := parseCBOR(raw, nil)
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: "cbor", Title: "CBOR"}
	if s, err := parseCOSE(c); err == nil {
		d = s.doc()
	}
	shown, err := CBORToJSON(raw)
	if err != nil {
		return nil, err
	}
	s := Section{Title: "As JSON", Text: string(shown), Note: "Byte strings are written in base64, and tags left out."}
	if len(shown) > maxCBORText {
		s.Text, s.Note = visibleText(string(shown), maxCBORText), "Only the first "+strconv.Itoa(maxCBORText)+" bytes are shown."
	}
	d.addSection(s)
	return d, nil
}

// maxCBORText is how much of the JSON a page shows.
const maxCBORText = 256 << 10

// visibleText cuts s at a line.
func visibleText(s string, max int) string {
	s = s[:max]
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '\n' {
			return s[:i+1]
		}
	}
	return ""
}
