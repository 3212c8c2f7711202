package inspect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const pipeDocument = `{
  "annotations": {"dev.sigstore.cosign/bundle": "{\"Payload\":{\"body\":\"eyJhIjpbMSwyXX0=\",\"logIndex\":75}}", "it's": "a\tb\n", "$(x)": "` + "`y`" + `"},
  "layers": [{"digest": "sha256:abc", "size": 12}, {"digest": "sha256:def", "size": 1234567890123}], "e": [], "o": {}, "oo": [[], {}, [1, {"a": null}]],
  "protected": "eyJhbGciOiJQUzI1NiJ9", "one": "eyJhIjo_fX4", "gz": "GZIP", "odd": "é\u007f\u0001\"\\/\ud83d\ude00<>&\u2028", "twice": 1, "z": true, "twice": {"x": 2}, "twice": 3
}`

func pipeInput(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte("a  b c\n\n x\ty\nlast"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(strings.Replace(pipeDocument, "GZIP", base64.StdEncoding.EncodeToString(b.Bytes()), 1))
}

// pipelines has parts (separated by ;), the shell line, and what it prints, or "=" where only the real commands are asked, or an error.
var pipelines = []struct {
	parts, line, out string
	err              error
}{
	{".", "jq -r .", "=", nil},
	{"jq", "jq .", "=", nil},
	{"jq .", "jq .", "=", nil},
	{".layers[0].digest", "jq -r '.layers[0].digest'", "sha256:abc\n", nil},
	{"jq .layers[0].digest", "jq '.layers[0].digest'", `"sha256:abc"` + "\n", nil},
	{"-r .layers[-1]", "jq -r '.layers[-1]'", "{\n  \"digest\": \"sha256:def\",\n  \"size\": 1234567890123\n}\n", nil},
	{"jq -r '.layers' | jq .[1].size", "jq -r .layers | jq '.[1].size'", "1234567890123\n", nil},
	{".layers;[0];.size", "jq -r .layers | jq -r '.[0]' | jq -r .size", "12\n", nil},
	{`.annotations["it's"]`, `jq -r '.annotations["it'\''s"]'`, "a\tb\n\n", nil},
	{`jq -r '.annotations["it'\''s"]'`, `jq -r '.annotations["it'\''s"]'`, "a\tb\n\n", nil},
	{`.annotations["$(x)"]`, `jq -r '.annotations["$(x)"]'`, "`y`\n", nil},
	{`.annotations."dev.sigstore.cosign/bundle";.Payload.body;base64 -d`, `jq -r '.annotations["dev.sigstore.cosign/bundle"]' | jq -r .Payload.body | base64 -d`, `{"a":[1,2]}`, nil},
	{`.annotations["dev.sigstore.cosign/bundle"] | fromjson | .Payload`, `jq -r '.annotations["dev.sigstore.cosign/bundle"] | fromjson' | jq -r .Payload`, "=", nil},
	{`jq '.annotations["dev.sigstore.cosign/bundle"] | fromjson | .Payload.logIndex'`, `jq '.annotations["dev.sigstore.cosign/bundle"] | fromjson | .Payload.logIndex'`, "75\n", nil},
	{".protected;base64 -d;jq .alg", "jq -r .protected | base64 -d | jq .alg", `"PS256"` + "\n", nil},
	{`.one;tr _- /+;awk '{print $1"="}';base64 -d`, `jq -r .one | tr _- /+ | awk '{print $1"="}' | base64 -d`, `{"a":?}~`, nil},
	{".gz;base64 -d;gunzip", "jq -r .gz | base64 -d | gunzip", "a  b c\n\n x\ty\nlast", nil},
	{`.gz|base64 --decode|gunzip -c|awk '{ print $1 "==" }'`, `jq -r .gz | base64 -d | gunzip | awk '{print $1"=="}'`, "a==\n==\nx==\nlast==\n", nil},
	{".odd", "jq -r .odd", "=", nil},
	{"jq .odd", "jq .odd", "=", nil},
	{"jq .twice", "jq .twice", "3\n", nil},
	{"", "", "", ErrPipeline},
	{".layers[2]", "jq -r '.layers[2]'", "", ErrAbsent},
	{".layers[-3]", "jq -r '.layers[-3]'", "", ErrAbsent},
	{".layers.x", "jq -r .layers.x", "", ErrAbsent},
	{".e[0]", "jq -r '.e[0]'", "", ErrAbsent},
	{".none.x", "jq -r .none.x", "", ErrAbsent},
	{".z.x", "jq -r .z.x", "", ErrAbsent},
	{".o[0]", "jq -r '.o[0]'", "", ErrAbsent},
	{".z;fromjson", "jq -r '.z | fromjson'", "", ErrSyntax},
	{".odd;fromjson", "jq -r '.odd | fromjson'", "", ErrSyntax},
	{".odd;base64 -d", "jq -r .odd | base64 -d", "", ErrSyntax},
	{"gunzip", "gunzip", "", ErrSyntax},
	{".odd;.x", "jq -r .odd | jq -r .x", "", ErrSyntax},
	{".layers[]", "", "", ErrPipeline},
	{".layers[1", "", "", ErrPipeline},
	{".layers[1:2]", "", "", ErrPipeline},
	{".layers[99999999999999999999]", "", "", ErrPipeline},
	{".layers[+1]", "", "", ErrPipeline},
	{`.a["b`, "", "", ErrPipeline},
	{`.a["b"`, "", "", ErrPipeline},
	{`.a["\x"]`, "", "", ErrPipeline},
	{"..", "", "", ErrPipeline},
	{".a.", "", "", ErrPipeline},
	{".a b", "", "", ErrPipeline},
	{".a,.b", "", "", ErrPipeline},
	{".a |", "", "", ErrPipeline},
	{"jq 'a", "", "", ErrPipeline},
	{"jq ''", "", "", ErrPipeline},
	{"jq '.a'.b", "", "", ErrPipeline},
	{"env", "", "", ErrPipeline},
	{"base64 -d; rm -rf x", "", "", ErrPipeline},
	{"jq $ENV", "", "", ErrPipeline},
	{"<script>", "", "", ErrPipeline},
	{strings.Repeat(".a|", 16) + ".a", "", "", ErrPipeline},
	{strings.Repeat(".a", 10_000), "", "", ErrPipeline},
}

func TestPipeline(t *testing.T) {
	in := pipeInput(t)
	for _, c := range pipelines {
		p, err := ParsePipeline(strings.Split(c.parts, ";"))
		if errors.Is(c.err, ErrPipeline) != (err != nil) || err != nil && !errors.Is(err, ErrPipeline) {
			t.Errorf("ParsePipeline(%.80q): %v", c.parts, err)
		}
		if err != nil {
			continue
		}
		if p.String() != c.line {
			t.Errorf("ParsePipeline(%q) is\n%s, want\n%s", c.parts, p, c.line)
		}
		out, err := p.Run(in)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", p, err, c.err)
		}
		if c.out != "=" && string(out) != c.out {
			t.Errorf("%s prints %q, want %q", p, out, c.out)
		}
	}
	var none Pipeline
	if out, err := none.Run(in); err != nil || !bytes.Equal(out, in) || none.String() != "" {
		t.Errorf("the pipeline without stages: %v", err)
	}
}

// TestPipelineIsTrue runs the lines that are shown and compares what they print.
func TestPipelineIsTrue(t *testing.T) {
	for _, tool := range []string{"sh", "jq", "base64", "gunzip", "awk", "tr"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%v: install jq, coreutils, gzip and awk to compare with them", err)
		}
	}
	in := pipeInput(t)
	for _, c := range pipelines {
		p, err := ParsePipeline(strings.Split(c.parts, ";"))
		if err != nil || c.err != nil {
			continue
		}
		ours, err := p.Run(in)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		cmd := exec.Command("sh", "-c", p.String())
		cmd.Stdin = bytes.NewReader(in)
		theirs, err := cmd.Output()
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%s\nprints %q: %v\nwe     %q", p, theirs, err, ours)
		}
	}
}

func FuzzPipeline(f *testing.F) {
	for _, c := range pipelines {
		f.Add(c.parts, pipeDocument)
	}
	f.Fuzz(func(t *testing.T, parts, doc string) {
		p, err := ParsePipeline(strings.Split(parts, ";"))
		if err != nil {
			return
		}
		again, err := ParsePipeline([]string{p.String()})
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q: %s read again is %s: %v", parts, p, again, err)
		}
		out, err := p.Run([]byte(doc))
		out2, err2 := again.Run([]byte(doc))
		if !bytes.Equal(out, out2) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %q (%v) and then %q (%v)", parts, out, err, out2, err2)
		}
	})
}
