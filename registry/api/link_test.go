package api

import (
	"net/url"
	"testing"
)

func TestNextLink(t *testing.T) {
	for _, tt := range []struct {
		params []string
		want   string
	}{
		{nil, `</v2/_catalog>; rel="next"`},
		{[]string{"n", "5", "last", "a/b"}, `</v2/_catalog?n=5&last=a%2Fb>; rel="next"`},
		{[]string{"n", "", "last", `>"&, `}, `</v2/_catalog?last=%3E%22%26%2C+>; rel="next"`},
	} {
		got := NextLink("/v2/_catalog", tt.params...)
		if got != tt.want {
			t.Errorf("%q = %s, want %s", tt.params, got, tt.want)
		}
		ref, err := url.Parse(ParseNextLink([]string{got}))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(tt.params); i += 2 {
			if v := ref.Query().Get(tt.params[i]); v != tt.params[i+1] {
				t.Errorf("%s: %s=%q, want %q", got, tt.params[i], v, tt.params[i+1])
			}
		}
	}
}

func TestParseNextLink(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{`</a>; rel="next"`}, "/a"},
		{[]string{`</a>;rel=next`}, "/a"},
		{[]string{`<https://example.com/a?b=c,d>; title="x, <y>"; REL="prev Next"`}, "https://example.com/a?b=c,d"},
		{[]string{`</a>; rel="prev", </b>; rel="next"`}, "/b"},
		{[]string{`</a>; rel="prev"`, `</b>; rel="next"`}, "/b"},
		{[]string{`</a>; rel="nextish"`}, ""},
		{[]string{`</a>`}, ""},
		{[]string{`</a`}, ""},
		{[]string{`/a; rel="next"`}, ""},
	} {
		if got := ParseNextLink(tt.in); got != tt.want {
			t.Errorf("%q = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	const tag = `"sha256:abc"`
	for _, tt := range []struct {
		values       []string
		weak, strong bool
	}{
		{nil, false, false},
		{[]string{""}, false, false},
		{[]string{tag}, true, true},
		{[]string{"sha256:abc"}, true, true},
		{[]string{`"x"`, `"y",` + tag}, true, true},
		{[]string{"W/" + tag}, true, false},
		{[]string{"*"}, true, true},
		{[]string{`"sha256:abcd"`}, false, false},
		{[]string{`"*"`}, false, false},
	} {
		if got := MatchWeak(tt.values, tag); got != tt.weak {
			t.Errorf("weak %q = %v", tt.values, got)
		}
		if got := MatchStrong(tt.values, tag); got != tt.strong {
			t.Errorf("strong %q = %v", tt.values, got)
		}
	}
}
