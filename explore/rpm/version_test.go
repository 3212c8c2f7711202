package rpm

import (
	"strings"
	"testing"
)

// TestCompareVersions has the cases that rpm's own documentation and tests are about: one a line, with <, = or > between.
func TestCompareVersions(t *testing.T) {
	for line := range strings.Lines(`
		1.0 = 1.0
		1.0 < 2.0
		2.0.1 = 2.0.1
		2.0 < 2.0.1
		2.0.1a = 2.0.1a
		2.0.1a > 2.0.1
		5.5p1 < 5.5p2
		5.5p10 > 5.5p1
		10xyz < 10.1xyz
		xyz10 < xyz10.1
		xyz.4 < 8
		xyz.4 < 2
		5.5p2 < 5.6p1
		5.6p1 < 6.5p1
		6.0.rc1 > 6.0
		10b2 > 10a1
		7.0 < 7.1
		8.0 < 8.0.0
		1.0aa > 1.0a
		10.0001 = 10.1
		10.0001 < 10.0039
		4.999.9 < 5.0
		20101121 < 20101122
		2_0 = 2_0
		2.0 = 2_0
		a = a
		a+ = a_
		+a = _a
		+_ = _+
		+ = _
		1.0~rc1 < 1.0
		1.0~rc1 < 1.0~rc2
		1.0~rc1~git123 < 1.0~rc1
		1.0~rc1 < 1.0arc1
		1.0~~ < 1.0~
		1.0^ > 1.0
		1.0^git1 > 1.0
		1.0^git1 < 1.0^git2
		1.0^git1 < 1.01
		1.0^20160101 < 1.0.1
		1.0^20160101^git1 > 1.0^20160101
		1.0^20160102 > 1.0^20160101^git1
		1.0~rc1^git1 > 1.0~rc1
		1.0^git1~pre < 1.0^git1
		1.0^git1 > 1.0^git1~pre
		1.900 > 1.8
		00000000000000000000000000000000001 < 2
		9999999999999999999999999 > 9999999999999999999999998
		1.1.α = 1.1.β
		2a < 2.0
		1..0 = 1.0
		1.0. = 1.0
	`) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		want := strings.Index("<=>", f[1]) - 1
		if got := CompareVersions(f[0], f[2]); got != want {
			t.Errorf("CompareVersions(%s, %s) = %d, want %s", f[0], f[2], got, f[1])
		}
		if got := CompareVersions(f[2], f[0]); got != -want {
			t.Errorf("CompareVersions(%s, %s) = %d, want %d", f[2], f[0], got, -want)
		}
	}
	if got := CompareVersions(strings.Repeat("~", 1<<20)+"1", strings.Repeat("~", 1<<20)+"2"); got != -1 {
		t.Errorf("a million tildes: %d", got)
	}
}

func TestEVR(t *testing.T) {
	for line := range strings.Lines(`
		1.0-1 < 1:0.1-1
		0:1.0-1 = 1.0-1
		1.0-2 > 1.0-1
		2:1-1 > 1:9-9
		1.0 < 1.0-1
		1.2-3-4 > 1.2-3-3
	`) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		a, b := ParseEVR(f[0]), ParseEVR(f[2])
		if got, want := a.Compare(b), strings.Index("<=>", f[1])-1; got != want || b.Compare(a) != -want {
			t.Errorf("%s, %s: %d, want %s", f[0], f[2], got, f[1])
		}
		if a.String() != f[0] || b.String() != f[2] {
			t.Errorf("%s, %s are printed as %s, %s", f[0], f[2], a, b)
		}
	}
	if v := ParseEVR("a:b"); v != (EVR{Version: "a:b"}) {
		t.Errorf("a:b is %+v", v)
	}
}
