package explore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// certificate makes one, in DER.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "who signed <b>"}, NotBefore: built, NotAfter: built.Add(time.Hour), EmailAddresses: []string{"a@example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestForms looks at contents in each form.
func TestForms(t *testing.T) {
	s := newSite(t, nil)
	der := certificate(t)
	chain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	image, _ := s.image("app", nil, []string{tarGzip(t, "x=1")}, "1")
	signing := `{"critical":{"identity":{"docker-reference":"localhost:5000/app"},"image":{"docker-manifest-digest":"` + string(image) + `"},"type":"cosign container image signature"},"optional":null}`
	signature := s.blob("app", signing)
	other := s.blob("app", strings.Replace(signing, string(image), "sha256:"+strings.Repeat("0", 64), 1))
	layer := func(d digest.Digest) oci.Descriptor {
		return oci.Descriptor{MediaType: "application/vnd.dev.cosign.simplesigning.v1+json", Digest: d, Size: 1, Annotations: map[string]string{
			"dev.cosignproject.cosign/signature": "MEUCIQ==", "dev.sigstore.cosign/certificate": chain}}
	}
	cosign := s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest,
		"config": oci.Descriptor{MediaType: mediaTypeConfig, Digest: s.blob("app", "{}"), Size: 2}, "layers": []oci.Descriptor{layer(signature), layer(other)},
		"subject": oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: image, Size: 1}})
	notation := s.blob("app", `{"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","header":{"x5c":["`+base64.StdEncoding.EncodeToString(der)+`"]},"signature":"AAAA"}`)
	cbor := s.blob("app", "\xa2\x61a\x01\x6833 \xe2\x80\xae<b\x43\x01\x02\x03") // {"a": 1, "33 ...": h'010203'}
	at := func(d digest.Digest, pairs ...string) string { return withQuery("/blob/app@"+string(d), pairs...) }
	for _, c := range []struct {
		name, url string
		status    int
		want      string
	}{
		{"PEM", at(s.blob("app", chain)), 200, `who signed \&lt;b\&gt;`},
		{"PEM with links", at(s.blob("app", chain), "render", "cert"), 200, `?render=x509" title="CERTIFICATE">-----BEGIN CERTIFICATE-----`},
		{"PEM as x509", at(s.blob("app", chain), "render", "x509"), 200, "who signed"},
		{"no PEM", at(signature, "render", "cert"), 422, "no PEM"},
		{"a certificate", at(s.blob("app", string(der))), 200, "who signed"},
		{"DER", at(s.blob("app", string(der)), "render", "der"), 200, "who signed"},
		{"no DER", at(signature, "render", "der"), 422, "not of the form"},
		{"no timestamp", at(s.blob("app", string(der)), "render", "timestamp"), 422, "not of the form"},
		{"no program", at(signature, "render", "elf"), 422, "no executable"},
		{"no CBOR", at(s.blob("app", "\xff\xff"), "render", "cbor"), 422, "not of the form"},
		{"CBOR", at(cbor, "mt", "application/cbor"), 200, `| cbor2json.rb | jq .`},
		{"CBOR, a part", at(cbor, "mt", "application/cbor", "jq", ".a"), 200, `| cbor2json.rb | jq -r .a`},
		{"CBOR, keys", at(cbor, "mt", "application/cbor"), 200, `&#34;33 \u202e&lt;b&#34;: &#34;AQID&#34;`},
		{"a chain in a manifest", "/r/app@" + string(cosign) + "?" + url.Values{"jq": {`.layers[0].annotations["dev.sigstore.cosign/certificate"]`}, "render": {"x509"}}.Encode(), 200, "who signed"},
		{"x5c", at(notation, "jq", ".header.x5c[0] | base64 -d", "render", "der"), 200, "who signed"},
		{"JWS", at(notation, "jq", `.protected | tr _- /+ | base64 -d`), 200, "ES256"},
		{"cosign's payload", at(signature, "manifest", string(cosign)), 200, "who signed"},
		{"about the image", at(signature, "manifest", string(cosign)), 200, "It is about what it is attached to"},
		{"about another", at(other, "manifest", string(cosign)), 200, "It is about something else"},
		{"the image it is about", at(signature, "manifest", string(cosign)), 200, `<a href="/r/app@` + string(image) + `"`},
	} {
		w := s.get(c.url)
		checkHTML(t, c.url, w.Body.String())
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: GET %s: %d, want %d with %s\n%.6000s", c.name, c.url, w.Code, c.status, c.want, mainPart(w.Body.String()))
		}
	}
}

// fakeCrane prints what is in files named after what it is asked for.
const fakeCrane = `#!/bin/sh
test "$1" = blob -o "$1" = manifest || exit 1
exec cat "$CRANE_FILES/$(printf %s "$2" | sed 's/.*@sha256://')"
`

// TestCommands runs the lines that pages show, with a crane that knows no network, and compares what they print with what the pages have.
func TestCommands(t *testing.T) {
	for _, tool := range []string{"sh", "jq", "xxd", "base64", "sed", "head", "tail", "awk", "tr"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	s := newSite(t, nil)
	dir := t.TempDir()
	keep := func(content string) string {
		d := s.blob("app", content)
		if err := os.WriteFile(filepath.Join(dir, d.Encoded()), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return "/blob/app@" + string(d)
	}
	if err := os.WriteFile(filepath.Join(dir, "crane"), []byte(fakeCrane), 0o777); err != nil {
		t.Fatal(err)
	}
	inner := `{"z":{"it's":["a","b \"c\""]},"a":1.50}`
	doc := keep(`{"payload":"` + base64.StdEncoding.EncodeToString([]byte(inner)) + `","url":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"a":"???>>>"}`)) + `","text":"{\"x\":[1,2]}"}`)
	long := keep(strings.Repeat("a line of text\n", 20000))
	binary := keep(strings.Repeat("\x00\x01\x02\xff", 10000))
	for _, url := range []string{
		doc, doc + "?jq=.payload|base64+-d", doc + "?jq=.payload+|+base64+-d&jq=.z", doc + "?jq=.payload|base64+-d&jq=.z[%22it's%22][1]", doc + "?jq=.text", doc + "?jq=.text|fromjson",
		doc + "?jq=.url&jq=tr+_-+/%2B&jq=awk+'{print+$1%22%3D%22}'&jq=base64+-d", doc + "?jq=.payload&render=xxd", doc + "?render=xxd", doc + "?render=text", long, long + "?off=100000", long + "?off=290000", binary,
		binary + "?off=16384", binary + "?off=39990", doc + "?jq=.payload|base64+-d&jq=.a",
	} {
		page := s.get(url).Body.String()
		line := between(page, `</span><code>`, `</code></p>`)
		cmd := exec.Command("sh", "-c", unescape(line))
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CRANE_FILES="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("GET %s: %s: %v", url, unescape(line), err)
			continue
		}
		shown := unescape(tags.ReplaceAllString(lastPre(page), ""))
		if !same(string(out), shown) {
			t.Errorf("GET %s: %s\nprints %d bytes: %.300q\nthe page has %d: %.300q", url, unescape(line), len(out), out, len(shown), shown)
		}
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

// same compares what a command printed with what a page shows: JSON by its meaning, since pages put the keys that matter first.
func same(out, shown string) bool {
	var a, b any
	if json.Unmarshal([]byte(out), &a) == nil && json.Unmarshal([]byte(shown), &b) == nil {
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		return errX == nil && errY == nil && string(x) == string(y)
	}
	return strings.TrimSuffix(out, "\n") == strings.TrimSuffix(shown, "\n")
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return tags.ReplaceAllString(s, "")
}

// lastPre is what the last <pre> of a page has.
func lastPre(page string) string {
	i := strings.LastIndex(page, "<pre")
	if i < 0 {
		return ""
	}
	_, s, _ := strings.Cut(page[i:], ">")
	s, _, _ = strings.Cut(s, "</pre>")
	return strings.TrimPrefix(s, "\n")
}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&").Replace
