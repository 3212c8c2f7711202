package apk

import (
	"strings"
	"testing"
)

// TestVersions: each line is in order, from the oldest on, as apk version -t has it; what stands between = is the same.
func TestVersions(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
1.2_alpha < 1.2_alpha1 < 1.2_alpha2 < 1.2_alpha10 < 1.2_beta < 1.2_pre < 1.2_rc < 1.2_rc1 < 1.2_rc1-r1 < 1.2 < 1.2-r0 < 1.2-r1 < 1.2-r10
1.2 < 1.2_cvs < 1.2_svn < 1.2_git < 1.2_git20240101 < 1.2_hg < 1.2_p < 1.2_p1 < 1.2_p1-r1 < 1.2a < 1.2b < 1.2b-r1 < 1.2.0 < 1.2.1 < 1.3
0.9 < 1 < 2 < 10 < 11 < 100
1.0 < 1.06 < 1.1 < 1.10
8.2.0 < 8.2.001 < 8.2.0015 < 8.2.002 < 8.2.1
1.1 < 1.1.1 < 1.1.1a < 1.1.1b < 1.1.1za
007 = 7 < 8
1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
1.0 < 1.0~1234 < 1.0~2345 < 1.0.1
1.0~1234 < 1.0~1234-r0 < 1.0~1234-r1 < 1.0~2345-r0
1.2_rc1_p1 > 1.2_rc1
1.2_p1_rc1 < 1.2_p1
99999999999999999999999998 < 99999999999999999999999999
2.9.11_pre20051101-r2 < 2.9.11_pre20051101-r3 < 2.9.11_pre20061021-r1 < 2.9.11
1.8 = 1.8
a = b
1.0bc > 1.0
`), "\n") {
		if strings.Contains(line, ">") {
			a, b, _ := strings.Cut(line, " > ")
			line = b + " < " + a
		}
		words := strings.Fields(line)
		for i := 0; i < len(words); i += 2 {
			want := 0
			for j := i; j < len(words); j += 2 {
				if j > i && words[j-1] == "<" {
					want = -1
				}
				a, b := words[i], words[j]
				if got := CompareVersions(a, b); got != want {
					t.Errorf("CompareVersions(%s, %s) = %d, want %d", a, b, got, want)
				}
				if got := CompareVersions(b, a); got != -want {
					t.Errorf("CompareVersions(%s, %s) = %d, want %d", b, a, got, -want)
				}
			}
		}
	}
}

func TestValidVersion(t *testing.T) {
	for _, s := range strings.Fields("0 1.2 1.2.3 1.2a 1.2a_p1 0.1_pre2 0.1_pre2_p3-r1 0.1_pre2~1234abcd 0.1~12-r1 0.1_git20240101_pre1 1.2_p-r0 1-r12345678901234567890") {
		if !ValidVersion(s) {
			t.Errorf("%s is a version", s)
		}
	}
	for _, s := range append(strings.Fields("0.1bc 0.1bc1 0.1a1 0.1a.1 0.1_pre2~ 0.1_pre2~1234xbcd 0.1_pre2~1234abcd_pre1 0.1_pre2-r1~12 0.1_foobar 0.1-pre1.1 0.1-r 0.1-r2_pre1 "+
		"0.1-r2-r3 0.1-r2.1 .1 a _pre1 -r1 0.1_ 0.1_-r0 0.1__alpha 0.1_1_alpha 1..2 1. 1/2 1.2- 1.2-1 v1 1.2~AB"), "", " 1", "1 ", "1\n") {
		if ValidVersion(s) {
			t.Errorf("%q is no version", s)
		}
	}
}

func TestDeps(t *testing.T) {
	for _, c := range []struct{ in, dep, yes, no string }{
		{"zlib", "zlib", "1 2.0-r1", ""},
		{"zlib=1.2", "zlib=1.2", "1.2", "1.2-r0 1.3 1.1"},
		{"zlib>1.2", "zlib>1.2", "1.2-r0 1.3", "1.2 1.2_rc1"},
		{"zlib>=1.2", "zlib>=1.2", "1.2-r0 1.2 1.3", "1.1 1.2_rc1"},
		{"zlib=>1.2", "zlib>=1.2", "1.2-r0", "1.1"},
		{"zlib<1.2", "zlib<1.2", "1.1 1.2_rc1", "1.2"},
		{"zlib<=1.2", "zlib<=1.2", "1.1 1.2", "1.3"},
		{"zlib~1.2", "zlib~1.2", "1.2 1.2.3 1.2-r1 1.2_rc1", "1.3 1.20"},
		{"zlib=~1.2", "zlib~1.2", "1.2.3", "1.3"},
		{"zlib~=1.2", "zlib~1.2", "1.2.3", "1.3"},
		{"zlib>~1.2", "zlib>~1.2", "1.2.3 1.3", "1.1"},
		{"zlib<~1.2", "zlib<~1.2", "1.2.3 1.1", "1.3"},
		{"!zlib<1.2", "!zlib<1.2", "1.2 1.3", "1.1"},
		{"!zlib", "!zlib", "", "1.2"},
		{"zlib@edge>1", "zlib>1", "2", "1"},
		{"so:libc.musl-x86_64.so.1", "so:libc.musl-x86_64.so.1", "1", ""},
		{"a><Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=", "a><Q1qvTGHdzF6KLavt4PO0gs2a6pQ00=", "", "1"},
		{"/bin/sh", "/bin/sh", "1", ""},
	} {
		d, err := ParseDep(c.in)
		if err != nil || d.String() != c.dep {
			t.Errorf("ParseDep(%s) = %s, %v; want %s", c.in, d, err, c.dep)
			continue
		}
		for _, v := range strings.Fields(c.yes) {
			if !d.Allows(v) {
				t.Errorf("%s allows %s", c.in, v)
			}
		}
		for _, v := range strings.Fields(c.no) {
			if d.Allows(v) {
				t.Errorf("%s does not allow %s", c.in, v)
			}
		}
	}
	for _, bad := range []string{"", "!", "=", ">1", "a=", "a>", "a<=>1", "a<<=>1", "a b", "a\tb", "@edge", "!@x=1"} {
		if d, err := ParseDep(bad); err == nil {
			t.Errorf("ParseDep(%q) = %+v", bad, d)
		}
	}
	if d, _ := ParseDep("so:libz.so.1=1"); d.Kind() != "so" {
		t.Errorf("%+v is of kind %q", d, d.Kind())
	}
}

func TestSatisfies(t *testing.T) {
	i := Info{Name: "hello", Version: "2.12-r0", Provides: []string{"cmd:hello=2.12-r0", "greeting", "so:libhello.so.2=2.1"}}
	for dep, want := range map[string]bool{
		"hello": true, "hello>2": true, "hello>3": false, "hello~2": true, "cmd:hello": true, "cmd:hello=2.12-r0": true, "cmd:hello<2": false, "greeting>7": true,
		"so:libhello.so.2>=2": true, "other": false, "!hello": false, "!hello>3": true, "!other": true, "!greeting": false,
	} {
		d, err := ParseDep(dep)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Satisfies(d); got != want {
			t.Errorf("Satisfies(%s) = %v", dep, got)
		}
	}
}
