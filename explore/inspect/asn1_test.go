package inspect

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestDER(t *testing.T) {
	for _, c := range []struct{ hex, want string }{
		{"3006 0201ff 0101ff", "0x0 -> offset 0 | 6 | SEQUENCE | 2 values\n: | 0x2 -> offset 2 | 1 | · INTEGER | -1\n: | 0x5 -> offset 5 | 1 | · BOOLEAN | TRUE"},
		{"0500 0101 00", "| NULL | \n: | 0x2 -> offset 2 | 1 | BOOLEAN | FALSE"},
		{"0603 2b0601", "OBJECT IDENTIFIER | 1.3.6.1 -> oid 1.3.6.1"},
		{"0603 883703", "OBJECT IDENTIFIER | 2.999.3 -> oid 2.999.3"},
		{"0601 80", "OBJECT IDENTIFIER | 80"},
		{"0405 3003 020105", "| 5 | OCTET STRING | holds DER\n: | 0x2 -> offset 2 | 3 | · SEQUENCE | 1 value\n: | 0x4 -> offset 4 | 1 | · · INTEGER | 5"},
		{"0304 0030 0005", "BIT STRING | 00:30:00:05"},
		{"0303 003000", "BIT STRING | holds DER\n: | 0x3 -> offset 3 | 0 | · SEQUENCE | 0 values"},
		{"170d 3236303130323033303430355a", "UTCTime | 2026-01-02 03:04:05 UTC"},
		{"170d 3530303130323033303430355a", "UTCTime | 1950-01-02 03:04:05 UTC"},
		{"1813 32303236303130323033303430352e3235 305a", "GeneralizedTime | 2026-01-02 03:04:05 UTC"},
		{"1704 30303030", "UTCTime | 30:30:30:30"},
		{"1e04 00e90041", "BMPString | éA"},
		{"1402 e941", "T61String | éA"},
		{"8604 68747470", "[6] | http"},
		{"4100 c102 0102 bf8148 00", "[APPLICATION 1] | \n: | 0x2 -> offset 2 | 2 | [PRIVATE 1] | 01:02\n: | 0x6 -> offset 6 | 0 | [200] | 0 values"},
		{"0281 0901020304050607 0809", "INTEGER | 01:02:03:04:05:06:07:08:09 (65 bits)"},
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		d, err := InspectDER(raw)
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
		} else if all := lines(d); !strings.Contains(all, c.want) {
			t.Errorf("%s: no %q in\n%s", c.hex, c.want, all)
		}
	}
}

func TestDERErrors(t *testing.T) {
	for _, c := range []struct {
		hex    string
		offset int
	}{
		{"30", 1}, {"3005", 0}, {"3080 0000", 1}, {"3085 0000000000", 1}, {"3084 0000", 1}, {"3003 0202 01", 2}, {"1f", 1}, {"1fffffffff7f", 5}, {"3001 02", 3},
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var se *SyntaxError
		if _, err := InspectDER(raw); !errors.As(err, &se) || se.Offset != c.offset {
			t.Errorf("%s: %v, want offset %d", c.hex, err, c.offset)
		}
	}
	var deep []byte
	for range 60 {
		deep, _ = asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: deep})
	}
	if _, err := parseDER(deep, nil); !errors.Is(err, ErrLimit) {
		t.Errorf("nested 60 deep: %v", err)
	}
	if _, err := parseDER([]byte{5, 0, 5, 0, 5}, nil); !errors.Is(err, ErrSyntax) {
		t.Errorf("more than one value: %v", err)
	}
	many, _ := asn1.Marshal(make([]int, 60_000))
	if _, err := parseDER(many, nil); !errors.Is(err, ErrLimit) {
		t.Errorf("60,000 values: %v", err)
	}
	if d, err := InspectDER(append(many[:0:0], strings.Repeat("\x05\x00", maxDERRows+1)...)); err != nil || len(d.Sections[0].Table.Rows) != maxDERRows || d.Sections[0].Note == "" {
		t.Errorf("many values: %v", err)
	}
}

// FuzzDER compares with encoding/asn1 where that reads a value, and looks for panics in all that is made of it.
func FuzzDER(f *testing.F) {
	f.Add(fixtures().leaf.Raw)
	f.Add(fixtures().ca.Raw)
	f.Add([]byte("\x30\x06\x02\x01\xff\x01\x01\xff"))
	f.Add([]byte("\x04\x05\x30\x03\x02\x01\x05"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, rest, err := parseDERPrefix(raw, nil)
		var v asn1.RawValue
		if theirRest, theirErr := asn1.Unmarshal(raw, &v); err == nil && theirErr == nil {
			if len(theirRest) != rest || string(v.FullBytes) != string(n.raw) || v.Tag != n.tag || v.Class != n.class || v.IsCompound != n.constructed {
				t.Fatalf("%x: %+v, encoding/asn1 has %+v", raw, n, v)
			}
			compareDER(t, raw, n)
		}
		if d, err := InspectDER(raw); err == nil && d == nil {
			t.Fatal("neither Doc nor error")
		}
		if _, err := InspectCertificate(raw); err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
	})
}

func compareDER(t *testing.T, raw []byte, n *derNode) {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(raw, &oid); err == nil && n.oid() != "" && n.oid() != oid.String() {
		t.Fatalf("%x: %s, encoding/asn1 has %s", raw, n.oid(), oid)
	}
	var i *big.Int
	if _, err := asn1.Unmarshal(raw, &i); err == nil && n.is(asn1.TagInteger) && n.integer().Cmp(i) != 0 {
		t.Fatalf("%x: %s, encoding/asn1 has %s", raw, n.integer(), i)
	}
	var at time.Time
	if _, err := asn1.Unmarshal(raw, &at); err == nil {
		if ours, ok := n.time(); ok && !ours.Equal(at) {
			t.Fatalf("%x: %s, encoding/asn1 has %s", raw, ours, at)
		}
	}
}
