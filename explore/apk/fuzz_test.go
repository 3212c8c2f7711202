package apk_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
)

// known reports whether an error is one that a file may cause.
func known(err error) bool {
	return errors.Is(err, apk.ErrFormat) || errors.Is(err, apk.ErrLimit) || errors.Is(err, apk.ErrV3) || errors.Is(err, apk.ErrMismatch) || errors.Is(err, apk.ErrUntrusted)
}

// FuzzIndex reads an index, and the text of one: what can be read, can be written, and is the same again.
func FuzzIndex(f *testing.F) {
	records, _ := shelf(f)
	key, _ := testKey(f)
	f.Add(write(f, records, &apk.WriteOptions{Key: key, Description: "d"}))
	f.Add([]byte("P:a\nV:1-r0\nz:?\n\nP:b\nV:2"))
	f.Add([]byte("P:a\n\n\nx\nC:Q1\nP:b\np:a=1 !b so:c><Q1\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := apk.OpenIndex(bytes.NewReader(raw), int64(len(raw)))
		if err == nil {
			for _, err = range x.Records(t.Context()) {
			}
			if _, err := x.Verify(t.Context(), nil); !known(err) {
				t.Fatal(err)
			}
		}
		if err != nil && !known(err) {
			t.Fatal(err)
		}
		var all []apk.Record
		for r, err := range apk.Records(bytes.NewReader(raw)) {
			if err != nil {
				if !known(err) {
					t.Fatal(err)
				}
				return
			}
			all = append(all, r)
		}
		again := collect(t, openIndex(t, write(t, all, nil)).Records(t.Context()))
		if len(again) != len(all) {
			t.Fatalf("%d packages became %d", len(all), len(again))
		}
		for i := range all {
			if all[i].Raw != again[i].Raw {
				t.Fatalf("%q became %q", all[i].Raw, again[i].Raw)
			}
		}
	})
}

// FuzzPackage opens a package. Whatever it says of itself, a record of it that is made is read as the same one package.
func FuzzPackage(f *testing.F) {
	f.Add(apktest.Build(f, hello(f)))
	f.Add([]byte("pkgname = a\npkgver = 1\ndatahash = " + strings.Repeat("ab", 32) + "\ndepend = a>1\npkgdesc = \r = \x00\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
		if err == nil {
			err = p.VerifyData(t.Context())
		}
		if err != nil && !known(err) {
			t.Fatal(err)
		}
		info, err := apk.ParsePkgInfo(raw)
		if err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		r, err := info.Record(apk.Checksum{}, 1, "x86_64")
		if err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		again := collect(t, apk.Records(strings.NewReader(r.Raw)))
		if len(again) != 1 || again[0].Raw != r.Raw || again[0].Name != info.Name || again[0].Version != info.Version || len(again[0].Depends) != len(info.Depends) {
			t.Fatalf("%q is read as %+v", r.Raw, again)
		}
	})
}

// FuzzVersion holds the order of versions to what an order is.
func FuzzVersion(f *testing.F) {
	f.Add("1.2_rc1", "1.2", "1.2-r1")
	f.Add("1.02", "1.2a", "1~ab-r1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !apk.ValidVersion(a) || !apk.ValidVersion(b) {
			return
		}
		if apk.CompareVersions(a, a) != 0 || apk.CompareVersions(a, b) != -apk.CompareVersions(b, a) {
			t.Fatalf("%q and %q: %d, the other way %d", a, b, apk.CompareVersions(a, b), apk.CompareVersions(b, a))
		}
		if d, err := apk.ParseDep("x=" + c); err == nil && d.Op == "=" && apk.ValidVersion(d.Version) && d.Allows(a) != (apk.CompareVersions(a, d.Version) == 0) {
			t.Fatalf("%s allows %q: %v", d, a, d.Allows(a))
		}
	})
}
