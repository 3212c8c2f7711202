package apk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
)

const keyName = "test-5f3a@example.com.rsa.pub"

// testKey is the key in testdata.
func testKey(t testing.TB) (*apk.Key, apk.Keys) {
	t.Helper()
	raw, err := os.ReadFile("testdata/test.rsa")
	if err != nil {
		t.Fatal(err)
	}
	key, err := apk.ParseKey(keyName, raw)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	keys := apk.Keys{}
	if err := keys.Add(keyName, public); err != nil {
		t.Fatal(err)
	}
	return key, keys
}

// hello is a package with one of everything.
func hello(t testing.TB) apktest.Package {
	key, _ := testKey(t)
	return apktest.Package{
		Name: "hello", Version: "2.12.1-r0", Arch: "x86_64",
		Info: "pkgdesc = Says hello\nurl = https://example.com/hello\nbuilddate = 1700000000\npackager = Somebody <some@example.com>\nsize = 40960\n" +
			"origin = hello\nmaintainer = Some Body <body@example.com>\nlicense = GPL-3.0-or-later\ncommit = 0123456789abcdef0123456789abcdef01234567-dirty\n" +
			"provider_priority = 10\nreplaces = hello-old\ndepend = so:libc.musl-x86_64.so.1\ndepend = !hello-static\ndepend = zlib>=1.2\n" +
			"provides = cmd:hello=2.12.1-r0\nprovides = greeting\ninstall_if = docs hello=2.12.1-r0\n",
		Scripts: map[string]string{".post-install": "#!/bin/sh\necho installed\n"},
		Files:   map[string]string{"usr/": "", "usr/bin/": "", "usr/bin/hello": strings.Repeat("hello ", 1000)},
		Sign:    key.Sign,
	}
}

func TestPackage(t *testing.T) {
	raw := apktest.Build(t, hello(t))
	p, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if p.Control.Offset == 0 || p.Data.Offset != p.Control.End() || p.Data.End() != p.Size {
		t.Errorf("control %v, data %v of %d bytes", p.Control, p.Data, p.Size)
	}
	if got := fmt.Sprint(p.Info.Depends, p.Info.Provides, p.Info.InstallIf, p.Scripts, p.Info.Values("replaces")); got !=
		"[so:libc.musl-x86_64.so.1 !hello-static zlib>=1.2] [cmd:hello=2.12.1-r0 greeting] [docs hello=2.12.1-r0] [.post-install] [hello-old]" {
		t.Errorf("lists are %s", got)
	}
	_, keys := testKey(t)
	if name, err := p.VerifySignature(t.Context(), keys); name != keyName || err != nil {
		t.Errorf("VerifySignature: %q, %v", name, err)
	}
	if err := p.VerifyData(t.Context()); err != nil {
		t.Error(err)
	}
	rec, err := p.Record("")
	if err != nil {
		t.Fatal(err)
	}
	want := "C:" + p.Checksum.String() + "\nP:hello\nV:2.12.1-r0\nA:x86_64\n" + fmt.Sprintf("S:%d\n", len(raw)) + "I:40960\nT:Says hello\n" +
		"U:https://example.com/hello\nL:GPL-3.0-or-later\no:hello\nm:Some Body <body@example.com>\nt:1700000000\n" +
		"c:0123456789abcdef0123456789abcdef01234567-dirty\nk:10\nD:so:libc.musl-x86_64.so.1 !hello-static zlib>=1.2\n" +
		"p:cmd:hello=2.12.1-r0 greeting\ni:docs hello=2.12.1-r0\n"
	if rec.Raw != want {
		t.Errorf("the record is\n%s\nwant\n%s", rec.Raw, want)
	}
	if err := apk.Verify(t.Context(), bytes.NewReader(raw), int64(len(raw)), rec.Identity); err != nil {
		t.Error(err)
	}
	if err := naiveInstall(raw, rec.Field('C'), rec.Field('S')); err != nil {
		t.Errorf("the other verifier: %v", err)
	}
}

// TestDamage changes each third byte in turn, cuts the file in many places, and adds to it: Verify refuses what the other verifier refuses, which is all of it
// behind the signature.
func TestDamage(t *testing.T) {
	p := hello(t)
	p.Files = map[string]string{"a": "content"}
	raw := apktest.Build(t, p)
	good, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	id := apk.Identity{Checksum: good.Checksum, Size: int64(len(raw))}
	check := func(what string, damaged []byte, sized apk.Identity, mayBeFine bool) {
		t.Helper()
		err := apk.Verify(t.Context(), bytes.NewReader(damaged), int64(len(damaged)), sized)
		naive := naiveInstall(damaged, id.Checksum.String(), fmt.Sprint(sized.Size))
		switch {
		case err == nil && !mayBeFine, (err == nil) != (naive == nil) && !mayBeFine:
			t.Errorf("%s: Verify says %v, the other verifier %v", what, err, naive)
		case err != nil && !errors.Is(err, apk.ErrFormat) && !errors.Is(err, apk.ErrMismatch) && !errors.Is(err, apk.ErrLimit):
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := 0; i < len(raw); i += 3 {
		damaged := slices.Clone(raw)
		damaged[i] ^= 0x41
		check(fmt.Sprintf("byte %d", i), damaged, id, i < int(good.Control.Offset))
	}
	for n := 0; n < len(raw); n += 7 {
		check(fmt.Sprintf("the first %d bytes", n), raw[:n], apk.Identity{Checksum: id.Checksum, Size: int64(n)}, false)
	}
	longer := append(slices.Clone(raw), 0)
	check("a byte more", longer, id, false)
	check("a byte more, and the index knows", longer, apk.Identity{Checksum: id.Checksum, Size: id.Size + 1}, false)
	check("without signature", raw[good.Control.Offset:], apk.Identity{Checksum: id.Checksum, Size: id.Size - good.Control.Offset}, true)
	if err := apk.Verify(t.Context(), bytes.NewReader(raw), int64(len(raw)), apk.Identity{Size: id.Size}); !errors.Is(err, apk.ErrMismatch) {
		t.Errorf("an index without checksum: %v", err)
	}
}

func TestPackageRefused(t *testing.T) {
	gz := func(end bool, files ...apktest.File) []byte { return apktest.Gzip(t, apktest.Tar(t, end, files...)) }
	info := apktest.File{Name: ".PKGINFO", Content: "pkgname = a\npkgver = 1\ndatahash = " + strings.Repeat("ab", 32) + "\n"}
	bad := func(content string) []byte { return gz(false, apktest.File{Name: ".PKGINFO", Content: content}) }
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":                  {nil, apk.ErrFormat},
		"text":                     {[]byte("hello, this is text"), apk.ErrFormat},
		"version 3":                {[]byte("ADBd\x00\x00"), apk.ErrV3},
		"version 3, compressed":    {[]byte("ADBc\x01\x00"), apk.ErrV3},
		"no tar":                   {apktest.Gzip(t, []byte(strings.Repeat("x", 600))), apk.ErrFormat},
		"an empty member":          {apktest.Gzip(t, nil), apk.ErrFormat},
		"no .PKGINFO":              {gz(false, apktest.File{Name: ".post-install"}), apk.ErrFormat},
		"two":                      {gz(false, info, info), apk.ErrFormat},
		"a file of the package":    {gz(false, info, apktest.File{Name: "bin/sh"}), apk.ErrFormat},
		"a hidden folder":          {gz(false, info, apktest.File{Name: ".d/"}), apk.ErrFormat},
		"a name among signatures":  {gz(false, apktest.File{Name: ".SIGN.RSA.k"}, info), apk.ErrFormat},
		"signatures only":          {gz(false, apktest.File{Name: ".SIGN.RSA.k"}), apk.ErrFormat},
		"signatures for ever":      {bytes.Repeat(gz(false, apktest.File{Name: ".SIGN.RSA.k"}), 9), apk.ErrLimit},
		"a large signature":        {gz(false, apktest.File{Name: ".SIGN.RSA.k", Content: strings.Repeat("x", 1<<20)}), apk.ErrLimit},
		"a large control part":     {gz(false, info, apktest.File{Name: ".trigger", Content: strings.Repeat("x", 4<<20)}), apk.ErrLimit},
		"a large .PKGINFO":         {bad(strings.Repeat("# comment\n", 1<<18)), apk.ErrLimit},
		"no datahash":              {bad("pkgname = a\npkgver = 1\n"), apk.ErrFormat},
		"no name":                  {bad(strings.Replace(info.Content, "pkgname", "pkgnames", 1)), apk.ErrFormat},
		"no version":               {bad(strings.Replace(info.Content, "pkgver", "ver", 1)), apk.ErrFormat},
		"a datahash of zeros less": {bad("pkgname = a\npkgver = 1\ndatahash = 00\n"), apk.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apk.Open(bytes.NewReader(c.raw), int64(len(c.raw)))
			if !errors.Is(err, c.want) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
		})
	}
}

func TestPackageReader(t *testing.T) {
	raw := apktest.Build(t, hello(t))
	broken := errors.New("broken")
	for _, at := range []int64{0, 200, 700} {
		r := readerAt{raw, at, broken}
		p, err := apk.Open(r, int64(len(raw)))
		if err == nil {
			err = p.VerifyData(t.Context())
		}
		if !errors.Is(err, broken) || errors.Is(err, apk.ErrFormat) {
			t.Errorf("broken at %d: %v", at, err)
		}
	}
	p, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.VerifyData(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyData of one who left: %v", err)
	}
	short := io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw))-1)
	if err := apk.Verify(t.Context(), short, int64(len(raw)), apk.Identity{Checksum: p.Checksum, Size: p.Size}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Verify of a file that is shorter than was said: %v", err)
	}
}

// readerAt fails from an offset on.
type readerAt struct {
	raw []byte
	at  int64
	err error
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= r.at {
		return bytes.NewReader(r.raw).ReadAt(p, off)
	}
	n := copy(p, r.raw[min(off, r.at):r.at])
	return n, r.err
}

// TestRecordRefused: what a package says is refused where apk would not take it from an index, or take it for something else.
func TestRecordRefused(t *testing.T) {
	for in, want := range map[string]error{
		"Name=a b": apk.ErrFormat, "Name=../a": apk.ErrFormat, "Name=": apk.ErrFormat, "Name=-a": apk.ErrFormat, "Version=1.0-final": apk.ErrFormat,
		"Version=1/2": apk.ErrFormat, "Version=": apk.ErrFormat, "Arch=x/y": apk.ErrFormat, "Depends=a=": apk.ErrFormat, "Provides=>1": apk.ErrFormat,
		"InstallIf=!": apk.ErrFormat, "Description=" + strings.Repeat("x", 2048): apk.ErrLimit, "Name=" + strings.Repeat("x", 250): apk.ErrLimit,
		"Depends=" + strings.Repeat("x", 128<<10): apk.ErrLimit, "Name=a": nil, "Arch=": nil, "Description=ü\u202e": nil,
	} {
		i := apk.Info{Name: "a", Version: "1.0-r0", Arch: "x86_64"}
		key, value, _ := strings.Cut(in, "=")
		switch key {
		case "Name":
			i.Name = value
		case "Version":
			i.Version = value
		case "Arch":
			i.Arch = value
		case "Description":
			i.Description = value
		case "Depends":
			i.Depends = []string{value}
		case "Provides":
			i.Provides = []string{value}
		case "InstallIf":
			i.InstallIf = []string{value}
		}
		if _, err := i.Record(apk.Checksum{}, 1, ""); !errors.Is(err, want) {
			t.Errorf("Record with %.40s: %v, want %v", in, err, want)
		}
	}
	i := apk.Info{Name: "a", Version: "1", Arch: "noarch"}
	if r, err := i.Record(apk.Checksum{}, 1, "riscv64"); err != nil || r.Arch != "riscv64" || !strings.Contains(r.Raw, "\nA:riscv64\n") {
		t.Errorf("a package for all: %q, %v", r.Raw, err)
	}
}

func TestChecksum(t *testing.T) {
	for in, want := range map[string]string{
		"Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=":             "Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=",
		"X1aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d": "Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=",
		"Q2" + strings.Repeat("A", 43) + "=":         "Q2" + strings.Repeat("A", 43) + "=",
		"":                                           "", "Q": "", "Q1": "", "Q1****": "", "Q1qvTGHdzF6KLavt4PO0gs2a6pQ01=": "", "Q3qvTGHdzF6KLavt4PO0gs2a6pQ00=": "", "Q2qvTGHdzF6KLavt4PO0gs2a6pQ00=": "",
		"Z1aaf4": "", "X1zz": "",
	} {
		c, err := apk.ParseChecksum(in)
		if c.String() != want || (err != nil) != (want == "") || c.IsZero() != (want == "") {
			t.Errorf("ParseChecksum(%q) = %q, %v; want %q", in, c, err, want)
		}
	}
}

func TestOneByteReader(t *testing.T) {
	text := "P:a\nV:1\n\nP:b\nV:2\nx:y"
	var names []string
	for r, err := range apk.Records(iotest.OneByteReader(strings.NewReader(text))) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.FileName()+r.Field('x'))
	}
	if got := strings.Join(names, " "); got != "a-1.apk b-2.apky" {
		t.Errorf("Records are %s", got)
	}
}
