package inspect

import (
	"fmt"
	"strings"
	"testing"
)

func TestYAMLScalars(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"a: b\nc:  d e \n", "a=b|c=d e"},
		{"# x\n%YAML 1.2\n---\na: b # comment\n", "a=b"},
		{"a: b#c\n", "a=b#c"},
		{"a: 'it''s' # x\nb: \"x\\ty\\\"z\\u00e9\"\n", "a=it's|b=x\ty\"zé"},
		{"\"a b\": c\n'd': e\n", "a b=c|d=e"},
		{"a:\n  b: c\n- d: e\nf: g\n", "f=g"},
		{"a: [1, 2]\nb: {c: d}\ne: &f g\nh: *f\ni: !!str 1\nj: k\n", "j=k"},
		{"a: one\n  two\n\n  three\nb: c\n", "a=one two three|b=c"},
		{"a: |\n  one\n   two\n\nb: c\n", "a=one\n two|b=c"},
		{"a: >-\n  one\n  two\n\n  three\nb: c\n", "a=one two\nthree|b=c"},
		{"a: \"one\n  two\"\nb: c\n", "a=one two|b=c"},
		{"a: \"no end\nb: c\n", ""},
		{"a: http://x:1/\n", "a=http://x:1/"},
		{"a: b\n---\nc: d\n", "a=b"},
		{"a:\r\nb: c\r\n", "b=c"},
		{"a\n:\n: b\n", ""},
		{"", ""},
	} {
		var got []string
		for _, s := range YAMLScalars([]byte(c.yaml)) {
			got = append(got, s.Key+"="+s.Value)
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: %q, want %q", c.yaml, got, c.want)
		}
	}
}

func TestReadChart(t *testing.T) {
	text := "apiVersion: v2\nname: a\nversion: '1.0'\nappVersion: \"2\"\ndescription: >\n  long\n  text\ndeprecated: true\n"
	c, err := ReadChart(strings.NewReader(text), int64(len(text)))
	if got := fmt.Sprintf("%+v", *c); err != nil || got != "{APIVersion:v2 Name:a Version:1.0 AppVersion:2 Description:long text Type: Home: Icon: KubeVersion: Deprecated:true}" {
		t.Errorf("%s, %v", got, err)
	}
}

func FuzzYAMLScalars(f *testing.F) {
	for _, s := range []string{"a: b\n", "a: |\n  b\n", "'a': \"b\\x\"\n", "a: >\n\n b\n  c\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for _, s := range YAMLScalars(b) {
			n += len(s.Key) + len(s.Value)
		}
		if n > 4*len(b) {
			t.Errorf("%q: %d bytes", b, n)
		}
	})
}
