package rpm

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// TestSignatures compares with what `rpm -qp --qf '%{RSAHEADER:pgpsig}'` prints of the packages, and has packets of other versions.
func TestSignatures(t *testing.T) {
	for name, want := range map[string]string{
		"alpha-gzip.rpm":    "",
		"alpha-rsa.rpm":     "header: RSA/sha512, 2026-11-22T10:49:38Z, key 6447e715b8879e9b",
		"alpha-ed25519.rpm": "header: EdDSA/sha256, 2026-11-22T10:49:38Z, key d513c0432b8a3937",
	} {
		_, p := fixture(t, name)
		if got := signatures(p); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, c := range []struct{ what, packet, want string }{
		{"version 3", "88 13 03 05 00 65000000 0102030405060708 11 02 0000", "DSA/sha1, 2023-09-12T06:06:56Z, key 0102030405060708"},
		{"version 4, new form", "c2 1c 04 00 01 08 0006 05 02 65000000 000a 09 10 0102030405060708 0000 0000", "RSA/sha256, 2023-09-12T06:06:56Z, key 0102030405060708"},
		{"a fingerprint", "c2 21 04 00 16 0a 0017 16 21 04 000102030405060708090a0b0c0d0e0f10111213 0000 000000", "EdDSA/sha512, key 0c0d0e0f10111213"},
		{"version 6", "c2 2f 06 00 1b 0a 00000023 22 21 06 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00000000", "Ed25519/sha512, key 0001020304050607"},
		{"an algorithm of later", "c2 13 04 00 63 63 0000 0000 00000000000000000000 00", "algorithm 99/algorithm 99"},
		{"another packet", "c3 13 04 00 01 08 0000 0000 00000000000000000000 00", "of a form that is not known"},
		{"cut", "c2 7f 04 00 01 08", "of a form that is not known"},
		{"in parts", "c2 e5 04 00 01 08 0000 0000 00000000000000000000 00", "of a form that is not known"},
		{"without a length", "8b 04 00 01 08 0000 0000 00000000000000000000 00", "of a form that is not known"},
		{"subpackets that are cut", "c2 13 04 00 01 08 ffff 05 02 65000000 00000000000000", "RSA/sha256"},
		{"a subpacket that is cut", "c2 13 04 00 01 08 0004 ff 7fffff 00 0000000000000000", "RSA/sha256"},
		{"nothing", "", "of a form that is not known"},
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(c.packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := parseSignature(raw).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		text := base64.StdEncoding.EncodeToString(raw)
		p := read(t, packageOf(t, `278 8 "`+text+`" "?"`, `1000 6 "a"`, ""))
		if got, want := signatures(p), "header: "+c.want+"; header: of a form that is not known"; got != want {
			t.Errorf("%s, in version 6: %s, want %s", c.what, got, want)
		}
	}
}

func signatures(p *Package) string {
	var all []string
	for _, s := range p.Signatures() {
		all = append(all, s.Over+": "+s.String())
	}
	return strings.Join(all, "; ")
}
