package inspect

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// maxDERRows is how many values a page shows; a certificate has about a hundred.
const maxDERRows = 5000

// InspectDER shows any DER as the tree that it is, with what is inside OCTET STRINGs and BIT STRINGs when that is DER too. Values that
// follow each other are shown one after the other. Of a private key nothing is shown.
func InspectDER(raw []byte) (*Doc, error) {
	d := &Doc{Kind: "der", Title: "ASN.1 in DER", Command: "openssl asn1parse -inform DER -i"}
	s, err := derSection(raw)
	d.addSection(s)
	if len(d.Sections) == 0 && err != nil {
		return nil, err
	}
	return d, err
}

// derSection has as much of raw as can be read.
func derSection(raw []byte) (Section, error) {
	s := table("", "#Offset", "#Length", "Type", "Value")
	for at := 0; at < len(raw); {
		n, rest, err := parseDERPrefix(raw[at:], nil)
		if err != nil {
			return s, err
		}
		if n.isPrivateKey() {
			return Section{Note: privateKeyNote}, nil
		}
		n.shift(at)
		s.derRows(n, 0)
		if at = len(raw) - rest; len(s.Table.Rows) >= maxDERRows {
			s.Note = fmt.Sprintf("Only the first %d values are shown.", maxDERRows)
			break
		}
	}
	return s, nil
}

const privateKeyNote = "A private key is not shown. Whoever may pull this has it."

// isPrivateKey tells keys of PKCS #8 (RFC 5208, 5), PKCS #1 (RFC 8017, A.1.2) and elliptic curves (RFC 5915, 3).
func (n *derNode) isPrivateKey() bool {
	if !n.is(asn1.TagSequence) || !n.at(0).is(asn1.TagInteger) {
		return false
	}
	pkcs8 := n.at(1, 0).oid() != "" && n.at(2).is(asn1.TagOctetString)
	ec := len(n.children) <= 4 && n.at(1).is(asn1.TagOctetString) && (len(n.children) == 2 || n.at(2).isContext(0) || n.at(2).isContext(1))
	integers := 0
	for _, c := range n.children {
		if c.is(asn1.TagInteger) {
			integers++
		}
	}
	return pkcs8 || ec || integers == len(n.children) && integers >= 6 // DSA's has six, RSA's nine
}

func (s *Section) derRows(n *derNode, depth int) {
	if len(s.Table.Rows) >= maxDERRows {
		return
	}
	name := strings.Repeat("· ", depth) + n.typeName()
	inner := n.unwrap(&derLimits)
	value := n.value()
	if inner != nil {
		value = text("holds DER")
	}
	s.row(offset(int64(n.offset)), number(len(n.content)), text(name), value)
	for _, c := range n.children {
		s.derRows(c, depth+1)
	}
	if inner != nil && depth < derLimits.Depth {
		s.derRows(inner, depth+1)
	}
}

// text is a value of ours, that refers to nothing.
func text(s string) Value { return Value{Text: s} }

// derTypes are the names of X.680, 8.4, as specifications write them.
var derTypes = map[int]string{
	0: "END", asn1.TagBoolean: "BOOLEAN", asn1.TagInteger: "INTEGER", asn1.TagBitString: "BIT STRING", asn1.TagOctetString: "OCTET STRING",
	asn1.TagNull: "NULL", asn1.TagOID: "OBJECT IDENTIFIER", 7: "ObjectDescriptor", 8: "EXTERNAL", 9: "REAL", asn1.TagEnum: "ENUMERATED",
	11: "EMBEDDED PDV", asn1.TagUTF8String: "UTF8String", 13: "RELATIVE-OID", asn1.TagSequence: "SEQUENCE", asn1.TagSet: "SET",
	asn1.TagNumericString: "NumericString", asn1.TagPrintableString: "PrintableString", asn1.TagT61String: "T61String",
	tagVideotexString: "VideotexString", asn1.TagIA5String: "IA5String", asn1.TagUTCTime: "UTCTime",
	asn1.TagGeneralizedTime: "GeneralizedTime", 25: "GraphicString", tagVisibleString: "VisibleString", asn1.TagGeneralString: "GeneralString",
	28: "UniversalString", asn1.TagBMPString: "BMPString",
}

func (n *derNode) typeName() string {
	tag := strconv.Itoa(n.tag)
	switch n.class {
	case asn1.ClassUniversal:
		if name := derTypes[n.tag]; name != "" {
			return name
		}
		return "UNIVERSAL " + tag
	case asn1.ClassApplication:
		return "[APPLICATION " + tag + "]"
	case asn1.ClassContextSpecific:
		return "[" + tag + "]"
	}
	return "[PRIVATE " + tag + "]"
}

// value shows what a primitive value is.
func (n *derNode) value() Value {
	if n.constructed {
		return text(plural(len(n.children), "value"))
	}
	if id := n.oid(); id != "" {
		return oidValue(id)
	}
	if i := n.integer(); i != nil {
		return integerValue(i)
	}
	if t, ok := n.time(); ok {
		return timeValue(t)
	}
	if s := n.str(); s != "" {
		return plain(s)
	}
	switch {
	case n.is(asn1.TagNull):
		return Value{}
	case n.is(asn1.TagBoolean):
		return text(strings.ToUpper(strconv.FormatBool(len(n.content) == 1 && n.content[0] != 0)))
	case n.class == asn1.ClassContextSpecific && isPrintable(n.content): // the strings of general names
		return plain(string(n.content))
	}
	return hexValue(n.content)
}

func isPrintable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 3
}

// integerValue writes numbers that people think in in decimal, and larger ones as the keys and serial numbers that they are.
func integerValue(i *big.Int) Value {
	if i.BitLen() <= 64 {
		return text(i.String())
	}
	return hexValue(i.Bytes()).tip(plural(i.BitLen(), "bit"))
}

// hexValue shows bytes as pairs of hex digits, the way openssl writes them; those after the first 256 are left out.
func hexValue(b []byte) Value {
	const most = 256
	v := text(colons(b[:min(len(b), most)]))
	if len(b) > most {
		v.Text += "…"
		v.Tip = plural(len(b), "byte")
	}
	return v
}

// colons writes b as AB:CD:EF.
func colons(b []byte) string {
	s := strings.ToUpper(hex.EncodeToString(b))
	var w strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			w.WriteByte(':')
		}
		w.WriteString(s[i : i+2])
	}
	return w.String()
}

// timeValue writes a time as the pages do.
func timeValue(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return text(t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// plural counts things: "1 entry", "2 entries".
func plural(n int, word string) string {
	stem, isY := strings.CutSuffix(word, "y")
	switch {
	case n == 1:
		return "1 " + word
	case isY && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e"): // days, keys
		return strconv.Itoa(n) + " " + stem + "ies"
	}
	return strconv.Itoa(n) + " " + word + "s"
}
