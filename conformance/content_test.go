package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

const (
	mtImage      = "application/vnd.oci.image.manifest.v1+json"
	mtIndex      = "application/vnd.oci.image.index.v1+json"
	mtDocker     = "application/vnd.docker.distribution.manifest.v2+json"
	mtDockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
	mtConfig     = "application/vnd.oci.image.config.v1+json"
	mtLayer      = "application/vnd.oci.image.layer.v1.tar"
)

func digestOf(alg, text string) string { return digest.Algorithm(alg).FromString(text).String() }

// funcs are what a script can call. Arguments are separated by commas; the last one takes the rest.
//
//	$sha256(text) $sha512(text)   the digest of text
//	$len(text)                    its length in bytes
//	$tag(text)                    the tag that clients keep the referrers of text under ("Referrers Tag Schema")
//	$rep(text,n)                  text, n times
//	$desc(mediaType,text)         the descriptor of text
//	$img(fields)                  an image of the config {} and the layer "layer", with more fields: ,"annotations":{...}
//	$idx(fields)                  an index without children, with more fields
var funcs = map[string]struct {
	args int
	call func(a []string) string
}{
	"sha256": {1, func(a []string) string { return digestOf("sha256", a[0]) }},
	"sha512": {1, func(a []string) string { return digestOf("sha512", a[0]) }},
	"len":    {1, func(a []string) string { return strconv.Itoa(len(a[0])) }},
	"tag":    {1, func(a []string) string { return strings.Replace(digestOf("sha256", a[0]), ":", "-", 1) }},
	"rep":    {1, repeat},
	"desc":   {2, func(a []string) string { return descriptor(a[0], a[1]) }},
	"img":    {1, func(a []string) string { return image(a[0]) }},
	"idx": {1, func(a []string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]%s}`, mtIndex, a[0])
	}},
}

// repeat reads "text,n", where text may have commas.
func repeat(a []string) string {
	i := strings.LastIndexByte(a[0], ',')
	n, err := strconv.Atoi(a[0][i+1:])
	if err != nil {
		panic(err)
	}
	return strings.Repeat(a[0][:i], n)
}

func descriptor(mediaType, text string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, digestOf("sha256", text), len(text))
}

func image(fields string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`,
		mtImage, descriptor(mtConfig, "{}"), descriptor(mtLayer, "layer"), fields)
}

// word finds $name.
var word = regexp.MustCompile(`\$[a-z]\w*`)

// expand replaces $name and $func(args) in text. What is put in is not looked at again.
func (s *script) expand(text string) string {
	var out strings.Builder
	for {
		at := word.FindStringIndex(text)
		if at == nil {
			return out.String() + text
		}
		out.WriteString(text[:at[0]])
		name := text[at[0]+1 : at[1]]
		text = text[at[1]:]
		if v, ok := s.vars[name]; ok {
			out.WriteString(v)
			continue
		}
		f, ok := funcs[name]
		if !ok || !strings.HasPrefix(text, "(") {
			s.t.Fatalf("$%s: no such word", name)
		}
		n := closing(text)
		out.WriteString(f.call(s.arguments(text[1:n], f.args)))
		text = text[n+1:]
	}
}

func (s *script) arguments(text string, n int) []string {
	args := strings.SplitN(text, ",", n)
	for i := range args {
		args[i] = s.expand(args[i])
	}
	return args
}

// closing returns the place of the parenthesis that closes the one text begins with.
func closing(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	panic("no closing parenthesis: " + text)
}
