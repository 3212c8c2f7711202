package auth

import (
	"encoding/json"
	"strings"
	"testing"

	"vitrine/storage/oci"
)

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern  string
		yes, not string // names, separated by spaces
	}{
		{"app", "app", "apps app/a a"},
		{"*", "app a", "app/a"},
		{"**", "app a/b a/b/c/d", ""},
		{"team/*", "team/a", "team team/a/b teams/a"},
		{"team/**", "team team/a team/a/b/c", "teams teams/a a/team"},
		{"**/app", "app a/app a/b/app", "apps a/app/b"},
		{"a/**/z", "a/z a/b/z a/b/c/z a/z/z", "a z a/b a/z/b"},
		{"**/a/**/b/**", "a/b x/a/b a/x/b/y a/a/b/b", "a b b/a x/y/z"},
		{"**/a/*/b", "a/x/b a/a/x/b a/a/a/b", "a/b a/x/y/b"},
		{"ap?-[0-9]/*", "app-1/x", "app-a/x app-1"},
		{"pre*", "pre prefix", "xpre pre/a"},
	} {
		for want, list := range map[bool]string{true: tt.yes, false: tt.not} {
			for name := range strings.FieldsSeq(list) {
				if got := matches(tt.pattern, name); got != want {
					t.Errorf("matches(%q, %q) = %v, want %v", tt.pattern, name, got, want)
				}
			}
		}
	}
	if long := strings.Repeat("a/", 127) + "a"; matches(strings.Repeat("**/a/", 40)+"b", long) { // or it would take years
		t.Errorf("matches(40 times **/a, %q) = true", long)
	}
}

func TestNewPolicyRefuses(t *testing.T) {
	for _, tt := range []struct{ rules, want string }{
		{`[{}]`, `rule 1: "repositories" is empty`},
		{`[{"repositories":"a"},{"repositories":"a//b"}]`, `rule 2: pattern "a//b" has an empty component`},
		{`[{"repositories":"/a"}]`, "empty component"},
		{`[{"repositories":"a**"}]`, "whole component"},
		{`[{"repositories":"[a"}]`, "syntax error"},
		{`[{"repositories":"Team/*"}]`, `no name has a component that "Team" fits`},
		{`[{"repositories":"a","pull":["x:y"]}]`, "colon"},
		{`[{"repositories":"a","delete":[""]}]`, "empty"},
		{`[{"repositories":"**"},{"repositories":"b"}]`, "rule 2 (\"b\") never applies: rule 1"},
		{`[{"repositories":"b"},{"repositories":"a"},{"repositories":"b"}]`, "rule 3 (\"b\") never applies: rule 1"},
	} {
		var rules []Rule
		if err := json.Unmarshal([]byte(tt.rules), &rules); err != nil {
			t.Fatal(err)
		}
		if _, err := NewPolicy(rules); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewPolicy(%s) = %v, want %q in it", tt.rules, err, tt.want)
		}
	}
}

// TestPossible has patterns of one component.
func TestPossible(t *testing.T) {
	for want, list := range map[bool]string{
		true:  `a a.b a__b a---b * a* *a *.* ? a?b [a-z] [A-z] [^a] [^A-Z]x a[.]b a[_\-]b a[_][_]b a\.b \a a-*_b *_*_* [^a]b [\]a] ?????? 0`,
		false: `A App a.. a..b a___b a_-b a- -a .a _a *- .* a[.-] a[.][.]b a[A-Z] [A-Z]* aé a\A %61 a:b [^a-z0-9] [\-]x a__[_]* *_[.]* *.[.]`,
	} {
		for pattern := range strings.FieldsSeq(list) {
			if got := possible(pattern); got != want {
				t.Errorf("possible(%q) = %v, want %v", pattern, got, want)
			}
		}
	}
}

func policy(t *testing.T, rules string) *Policy {
	t.Helper()
	var list []Rule
	if err := json.Unmarshal([]byte(rules), &list); err != nil {
		t.Fatal(err)
	}
	p, err := NewPolicy(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAllows(t *testing.T) {
	const (
		publicPull = `[{"repositories":"**","pull":["anonymous"],"push":["*"],"delete":["admin"]}]`
		teams      = `[{"repositories":"team/secret","pull":["alice"]},
			{"repositories":"team/**","pull":["*"],"push":["alice","bob"],"delete":["carol"]},
			{"repositories":"mirror/*","pull":["anonymous"]},
			{"repositories":"drop/*","push":["anonymous"]}]`
	)
	// Whoever asks ("-" for anonymous), the repository, and the letters of what is allowed: l (pull), s (push), d (delete).
	for _, tt := range []struct{ rules, asks string }{
		{`[]`, `- app . | alice app lsd`},
		{publicPull, `- app l | alice app ls | admin app lsd`},
		{teams, `- team/a . | alice team/a ls | carol team/a ld | dave team/a l`},
		{teams, `alice team/secret l | bob team/secret . | carol team/secret . | - team/secret .`},
		{teams, `- mirror/x l | alice mirror/x l | - mirror/x/y . | alice other . | - drop/x ls`},
	} {
		p := policy(t, tt.rules)
		for ask := range strings.SplitSeq(tt.asks, "|") {
			f := strings.Fields(ask)
			for a, letter := range map[Action]string{Pull: "l", Push: "s", Delete: "d"} {
				want := strings.Contains(f[2], letter)
				if got := p.Allows(f[0], f[0] != "-", a, oci.Name(f[1])); got != want {
					t.Errorf("%s: %s may %s %s: %v, want %v", tt.rules, f[0], a, f[1], got, want)
				}
			}
		}
	}
}

func TestAllowsAnonymous(t *testing.T) {
	for rules, want := range map[string]bool{
		`[]`:                                   false,
		`[{"repositories":"**","pull":["*"]}]`: false,
		`[{"repositories":"a","pull":["bob"]},{"repositories":"b","pull":["anonymous"]}]`: true,
		`[{"repositories":"a","push":["anonymous"]}]`:                                     true,
	} {
		if got := policy(t, rules).AllowsAnonymous(); got != want {
			t.Errorf("%s: AllowsAnonymous() = %v, want %v", rules, got, want)
		}
	}
	if (*Policy)(nil).AllowsAnonymous() {
		t.Error("the nil Policy allows something to anonymous callers")
	}
}
