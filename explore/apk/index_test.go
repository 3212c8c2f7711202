package apk_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
)

var update = flag.Bool("update", false, "write the files in testdata")

// shelf is a repository of three packages, of which one is for all architectures.
func shelf(t testing.TB) (records []apk.Record, files map[string][]byte) {
	files = map[string][]byte{}
	docs := apktest.Package{Name: "hello-doc", Version: "2.12.1-r0", Arch: "noarch", Info: "pkgdesc = Says hello (documentation)\nsize = 10\norigin = hello\n",
		Files: map[string]string{"usr/share/man/man1/hello.1": "man"}}
	old := hello(t)
	old.Version, old.Sign = "2.9-r3", nil
	for _, p := range []apktest.Package{hello(t), docs, old} {
		raw := apktest.Build(t, p)
		open, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := open.Record("x86_64")
		if err != nil {
			t.Fatal(err)
		}
		files[r.FileName()] = raw
		records = append(records, r)
	}
	apk.Sort(records)
	return records, files
}

func write(t testing.TB, records []apk.Record, o *apk.WriteOptions) []byte {
	t.Helper()
	raw, err := apk.WriteIndex(apk.All(records), o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func openIndex(t testing.TB, raw []byte) *apk.Index {
	t.Helper()
	x, err := apk.OpenIndex(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func collect(t testing.TB, all iter.Seq2[apk.Record, error]) (records []apk.Record) {
	t.Helper()
	for r, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, and these are %d others; see what changed, then -update", name, len(want), len(got))
	}
}

// TestIndex makes the index of a repository, whose bytes are in testdata, reads it again, and has it read by the other verifier.
func TestIndex(t *testing.T) {
	key, keys := testKey(t)
	records, files := shelf(t)
	raw := write(t, records, &apk.WriteOptions{Key: key, Description: "A shelf of packages"})
	golden(t, "APKINDEX.tar.gz", raw)
	x := openIndex(t, raw)
	text := ""
	for _, r := range collect(t, x.Records(t.Context())) {
		text += r.Raw + "\n"
		file := files[r.FileName()]
		if err := apk.Verify(t.Context(), bytes.NewReader(file), int64(len(file)), r.Identity); err != nil {
			t.Errorf("%s: %v", r.FileName(), err)
		}
	}
	golden(t, "APKINDEX", []byte(text))
	if name, err := x.Verify(t.Context(), keys); name != keyName || err != nil || x.Description != "A shelf of packages" || len(x.Signatures) != 2 {
		t.Errorf("signed by %q, %v: %q, %d signatures", name, err, x.Description, len(x.Signatures))
	}
	public, err := os.ReadFile("testdata/test.rsa.pub")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := naiveIndex(raw, keyName, public)
	if err != nil || len(packages) != 3 {
		t.Fatalf("the other verifier has %d packages: %v", len(packages), err)
	}
	for _, p := range packages {
		if err := naiveInstall(files[p['P']+"-"+p['V']+".apk"], p['C'], p['S']); err != nil || p['A'] != "x86_64" {
			t.Errorf("the other verifier: %s for %s: %v", p['P'], p['A'], err)
		}
	}
}

func TestIndexSignature(t *testing.T) {
	key, keys := testKey(t)
	other, err := apk.NewKey("other.rsa.pub", 1024)
	if err != nil {
		t.Fatal(err)
	}
	records, _ := shelf(t)
	raw := write(t, records, &apk.WriteOptions{Key: key})
	unsigned := write(t, records, nil)
	if !bytes.HasSuffix(raw, unsigned) {
		t.Error("a signature changes what is signed")
	}
	foreign, err := other.Sign(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	own := raw[:len(raw)-len(unsigned)]
	changed := slices.Clone(raw)
	changed[len(raw)-20] ^= 1 // a byte of the compressed text
	renamed := apk.Keys{"other.rsa.pub": keys[keyName]}
	for name, c := range map[string]struct {
		raw  []byte
		keys apk.Keys
		want error
	}{
		"signed":                      {raw, keys, nil},
		"unsigned":                    {unsigned, keys, apk.ErrUntrusted},
		"by another":                  {slices.Concat(foreign, unsigned), keys, apk.ErrUntrusted},
		"by another, and by ours":     {slices.Concat(foreign, own, unsigned), keys, nil}, // both are over what is behind the last
		"by another of that name":     {slices.Concat(foreign, unsigned), renamed, apk.ErrSignature},
		"of other bytes":              {slices.Concat(own, unsigned, unsigned), keys, apk.ErrSignature},
		"nobody is trusted":           {raw, nil, apk.ErrUntrusted},
		"changed":                     {changed, keys, apk.ErrSignature},
		"an algorithm of nobody":      {slices.Concat(sign(t, ".SIGN.DSA."+keyName), unsigned), keys, apk.ErrUntrusted},
		"a name without an algorithm": {slices.Concat(sign(t, ".SIGN."), unsigned), keys, apk.ErrUntrusted},
		"an empty signature":          {slices.Concat(sign(t, ".SIGN.RSA512."+keyName), unsigned), keys, apk.ErrSignature},
	} {
		x := openIndex(t, c.raw)
		if _, err := x.Verify(t.Context(), c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func sign(t *testing.T, name string) []byte {
	return apktest.Gzip(t, apktest.Tar(t, false, apktest.File{Name: name}))
}

func TestIndexRefused(t *testing.T) {
	text := func(s string) []byte {
		return apktest.Gzip(t, apktest.Tar(t, false, apktest.File{Name: "APKINDEX", Content: s}))
	}
	whole := text("P:a\nV:1\n\n")
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":          {nil, apk.ErrFormat},
		"version 3":        {[]byte("ADBd...."), apk.ErrV3},
		"a package":        {apktest.Build(t, hello(t)), apk.ErrFormat},
		"no APKINDEX":      {apktest.Gzip(t, apktest.Tar(t, true, apktest.File{Name: "DESCRIPTION"})), apk.ErrFormat},
		"a folder":         {apktest.Gzip(t, apktest.Tar(t, true, apktest.File{Name: "APKINDEX/"})), apk.ErrFormat},
		"cut":              {whole[:len(whole)-9], apk.ErrFormat},
		"a wrong checksum": {append(slices.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, whole[len(whole)-4], 0, 0, 0), apk.ErrFormat},
		"rubbish behind":   {append(slices.Clone(whole), "rubbish behind"...), apk.ErrFormat},
		"no field":         {text("P:a\nhello\n\n"), apk.ErrFormat},
		"no name":          {text("V:1\n\n"), apk.ErrFormat},
		"a long line":      {text("P:a\nT:" + strings.Repeat("x", 128<<10) + "\n\n"), apk.ErrLimit},
		"a long package":   {text("P:a\n" + strings.Repeat("T:"+strings.Repeat("x", 1000)+"\n", 5000)), apk.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := apk.OpenIndex(bytes.NewReader(c.raw), int64(len(c.raw)))
			if err == nil {
				for _, err = range x.Records(t.Context()) {
				}
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestUnknownFields: records keep what nobody knows, byte for byte, through a merge and an index of ours.
func TestUnknownFields(t *testing.T) {
	text := "C:Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=\nP:a\nV:1-r0\nS:7\nZ:who knows\nz:  spaces  \nT:\xff\x00 and ü\nD:b  c\nD:d\n\n\n\nx\nP:b\nV:1-r0\nK:\n\n"
	records := collect(t, apk.Records(strings.NewReader(text)))
	raw := write(t, records, nil)
	again := collect(t, openIndex(t, raw).Records(t.Context()))
	all := ""
	for _, r := range again {
		all += r.Raw + "\n"
	}
	if want := strings.Replace(text, "\n\n\n\nx\n", "\n\n", 1); all != want {
		t.Errorf("they became\n%q\nwant\n%q", all, want)
	}
	if a := again[0]; a.Field('Z') != "who knows" || a.Size != 7 || a.Checksum.String() != a.Field('C') || fmt.Sprint(a.Depends) != "[b c d]" {
		t.Errorf("the first is %+v", a)
	}
}

func TestIndexContext(t *testing.T) {
	records, _ := shelf(t)
	x := openIndex(t, write(t, records, nil))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for range x.Records(ctx) {
		if n++; n == 1 {
			break
		}
	}
	cancel()
	var failed error
	for _, failed = range x.Records(ctx) {
	}
	if !errors.Is(failed, context.Canceled) {
		t.Errorf("whoever left gets %v", failed)
	}
	files, err := x.Files(t.Context())
	if err != nil || len(files) != 3 || files["hello-2.9-r3.apk"].Size == 0 {
		t.Errorf("Files: %v, %v", files, err)
	}
}

func TestWriteRefused(t *testing.T) {
	bad := errors.New("bad")
	for name, c := range map[string]struct {
		raw  string
		err  error
		o    apk.WriteOptions
		want error
	}{
		"an open line":         {"P:a", nil, apk.WriteOptions{}, apk.ErrFormat},
		"nothing":              {"", nil, apk.WriteOptions{}, apk.ErrFormat},
		"two in one":           {"P:a\n\nP:b\n", nil, apk.WriteOptions{}, apk.ErrFormat},
		"an error":             {"P:a\n", bad, apk.WriteOptions{}, bad},
		"a long description":   {"P:a\n", nil, apk.WriteOptions{Description: strings.Repeat("x", 161)}, apk.ErrLimit},
		"a time that is known": {"P:a\n", nil, apk.WriteOptions{ModTime: time.Unix(1_700_000_000, 5)}, nil},
	} {
		all := func(yield func(apk.Record, error) bool) { yield(apk.Record{Raw: c.raw}, c.err) }
		if _, err := apk.WriteIndex(all, &c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if raw, err := apk.WriteIndex(apk.All(nil), nil); err != nil || len(collect(t, openIndex(t, raw).Records(t.Context()))) != 0 {
		t.Errorf("the index of nothing: %v", err)
	}
}

func TestMerge(t *testing.T) {
	member := func(owns bool, packages ...string) apk.Member {
		var text strings.Builder
		for _, p := range packages {
			name, rest, _ := strings.Cut(p, "-")
			version, provides, _ := strings.Cut(rest, " ")
			fmt.Fprintf(&text, "P:%s\nV:%s\n", name, version)
			if provides != "" {
				fmt.Fprintf(&text, "p:%s\n", provides)
			}
			text.WriteByte('\n')
		}
		return apk.Member{Owns: owns, Records: func(yield func(apk.Record, error) bool) { apk.Records(strings.NewReader(text.String()))(yield) }}
	}
	for name, c := range map[string]struct {
		members []apk.Member
		want    string
	}{
		"nothing":           {nil, ""},
		"first wins":        {[]apk.Member{member(false, "a-1", "b-1"), member(false, "a-1", "a-2", "c-1")}, "a-1:0 b-1:0 a-2:1 c-1:1"},
		"twice in one":      {[]apk.Member{member(false, "a-1", "a-1")}, "a-1:0"},
		"owned":             {[]apk.Member{member(true, "a-1"), member(false, "a-9", "b-1")}, "a-1:0 b-1:1"},
		"owned by a later":  {[]apk.Member{member(false, "a-9", "b-1"), member(true, "a-1")}, "b-1:0 a-1:1"},
		"two own":           {[]apk.Member{member(true, "a-1"), member(true, "a-2")}, "a-1:0 a-2:1"},
		"provides an owned": {[]apk.Member{member(true, "a-1"), member(false, "evil-9 cmd:x=1 a=9", "fine-1 aa=1 so:a=1")}, "a-1:0 fine-1:1"},
	} {
		var got []string
		for m, err := range apk.Merge(c.members...) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s-%s:%d", m.Name, m.Version, m.From))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	for _, owns := range []bool{true, false} {
		broken := apk.Member{Owns: owns, Records: apk.Records(strings.NewReader("hello\n"))}
		if _, err := apk.WriteIndex(apk.Unmerge(apk.Merge(broken)), nil); !errors.Is(err, apk.ErrFormat) {
			t.Errorf("a broken member: %v", err)
		}
	}
}

func TestKeys(t *testing.T) {
	key, err := apk.NewKey(keyName, 1024)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := apk.ParseKey(key.Name(), raw)
	if err != nil {
		t.Fatal(err)
	}
	a, err := key.Sign([]byte("content"))
	b, err2 := again.Sign([]byte("content"))
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("a key that was kept signs otherwise: %v, %v", err, err2)
	}
	for _, name := range []string{"", "a", "a.pub", ".rsa.pub", "../a.rsa.pub", "a/b.rsa.pub", "-a.rsa.pub", "a b.rsa.pub", strings.Repeat("a", 79) + ".rsa.pub", "a.rsa.pub\n"} {
		if _, err := apk.NewKey(name, 1024); !errors.Is(err, apk.ErrKey) {
			t.Errorf("a key called %q: %v", name, err)
		}
	}
	for _, bad := range []string{"", "hello", string(raw), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"} {
		if err := (apk.Keys{}).Add("k", []byte(bad)); !errors.Is(err, apk.ErrKey) {
			t.Errorf("the public key %.40q: %v", bad, err)
		}
	}
	public, _ := key.PublicPEM()
	for _, bad := range []string{"", string(public), "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"} {
		if _, err := apk.ParseKey(keyName, []byte(bad)); !errors.Is(err, apk.ErrKey) {
			t.Errorf("the private key %.40q: %v", bad, err)
		}
	}
}
