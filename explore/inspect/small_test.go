package inspect

import (
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSmallKinds: kinds of which little is shown.
func TestSmallKinds(t *testing.T) {
	be, le := binary.BigEndian, binary.LittleEndian
	text := func(s string) string { return strings.Join([]string{"1:1 2:", " "}, number(len(s)).Text) + s + " " }
	cache := "glibc-ld.so.cache1.1 4:2 4:60 4:0 4:0 4:0 4:0 4:0 4:1 4:96 4:104 4:0 8:0 4:1 4:112 4:120 4:0 8:0x4000000000000002 " +
		"a.so.12\\x00 /lib/a1\\x00 b.so.12\\x00 /lib/b\\x00"
	for _, c := range []struct {
		data []byte
		want string
	}{
		{words(t, be, "4:0xcafebabe 2:0 2:61 2:8 "+text("a/B")+"1:7 2:1 1:5 8:1 "+text("java/lang/Object")+"1:7 2:5 1:7 2:9 2:0x21 2:2 2:6 2:1 2:7"),
			"java class: Java class a.B\n== Class\nVersion: 61.0\nRuns on: Java 17 or later\nName: a.B\nExtends: java.lang.Object\nAccess flags: 0x21\n"},
		{words(t, be, "4:0xcafebabe 2:3 2:45"), "java class: Java class\n== Class\nVersion: 45.3\nRuns on: Java 1.1 or later\n"},
		{words(t, le, "2:3531 \\r\\n 4:0 4:0x60000000 4:1234 code"),
			"python bytecode: bytecode of Python 3.12\n== Python bytecode\nPython: 3.12\nSource date: 2021-01-14T08:25:36Z\nSource size: 1234\n"},
		{words(t, le, "2:3531 \\r\\n 4:1 01234567 code"),
			"python bytecode: bytecode of Python 3.12\n== Python bytecode\nPython: 3.12\nSource hash: 3031323334353637\n"},
		{words(t, le, cache), "ld.so.cache: cache of the dynamic linker, 2 libraries\n== Libraries\n# Name | Path | Capabilities\na.so.12 | /lib/a1 <path /lib/a1> | \n" +
			"b.so.12 | /lib/b <path /lib/b> | 0x4000000000000002\n"},
		{words(t, be, "TZif2 1:0 2:0 4:0 4:0 4:0 4:1 4:2 4:0 4:5 4:6 4:8 4:0 \\nCET-1CEST\\n"), "time zone: time zone, CET-1CEST\n== Time zone\nVersion: 2\n" +
			"UT indicators: 1\nStandard indicators: 2\nLeap seconds: 0\nChanges: 5\nKinds of time: 6\nCharacters of names: 8\nRule: CET-1CEST\n"},
		{words(t, be, "PACK 4:2 4:77"), "git pack: git pack, 77 entries\n== Header\nVersion: 2\nEntries: 77\n"},
		{words(t, be, "DIRC 4:2 4:7"), "git index: index of a git work tree, 7 entries\n== Header\nVersion: 2\nEntries: 7\n"},
		{append(words(t, be, "1:255 tOc 4:2"), make([]byte, 1024)...), "git index: index of a git pack, 0 entries\n== Header\nVersion: 2\nEntries: 0\n"},
	} {
		d, err := inspect(t, "a", c.data)
		if err != nil || d == nil {
			t.Errorf("%.20q: %v", c.data, err)
			continue
		}
		if got := printDoc(d); got != c.want {
			t.Errorf("%.20q: %s\nwant\n%s", c.data, got, c.want)
		}
		for n := range len(c.data) {
			inspect(t, "a", c.data[:n])
		}
	}
}

// TestLdCacheHere compares with ldconfig, where there is one.
func TestLdCacheHere(t *testing.T) {
	data, err := os.ReadFile("/etc/ld.so.cache")
	program, notFound := exec.LookPath("ldconfig")
	if err != nil || notFound != nil {
		t.Skip("there is no ldconfig here")
	}
	out, err := exec.Command(program, "-p").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		if _, path, ok := strings.Cut(strings.TrimSpace(line), " => "); ok {
			want = append(want, path)
		}
	}
	d, err := inspect(t, "ld.so.cache", data)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "libraries", column(d, "Libraries", "Path"), want)
}
