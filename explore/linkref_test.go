package explore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
)

func TestRefs(t *testing.T) {
	h := newSite(t, nil).Handler.(*handler)
	r := testRequest(t, "/")
	file, err := parseTarget(words.Replace("app@$m/usr/bin/ls"))
	if err != nil {
		t.Fatal(err)
	}
	blob := target{Name: "app", Digest: digest.Digest(words.Replace("$m"))}
	image := digest.Digest(words.Replace("$i"))
	contexts := map[string]jsonContext{
		"fs": {page: "fs", target: file}, "layers": {page: "layers", target: file},
		"apk":  {page: "fs", target: file, index: "/apk/app@" + string(image) + "/APKINDEX.tar.gz"},
		"blob": {page: "blob", target: blob, mediaType: "m/t", parts: []string{".a"}}, "of": {page: "blob", target: blob, of: image},
	}
	for _, c := range []struct {
		page string
		kind inspect.RefKind
		to   string
		want string
	}{
		{"fs", inspect.RefURL, "https://example.org/a?b=c", "https://example.org/a?b=c"},
		{"fs", inspect.RefURL, "javascript:alert(1)", ""},
		{"fs", inspect.RefURL, "/search", ""},
		{"fs", inspect.RefPath, "/lib64/ld linux?.so", "/fs/app@$m/lib64/ld%20linux%3F.so"},
		{"layers", inspect.RefPath, "/lib64/../lib/x", "/layers/app@$m/lib/x"},
		{"layers", inspect.RefPath, "/../../x", ""},
		{"layers", inspect.RefPath, "lib/x", ""},
		{"blob", inspect.RefPath, "/lib/x", ""},
		{"of", inspect.RefPath, "/lib/x", "/layers/app@$i/lib/x"},
		{"fs", inspect.RefFind, "libc.so.6", "/fs/app@$m/?search=libc.so.6"},
		{"layers", inspect.RefFind, `"<>&`, "/layers/app@$m/?search=%22%3C%3E%26"},
		{"blob", inspect.RefFind, "libc.so.6", ""},
		{"of", inspect.RefFind, "libc.so.6", "/layers/app@$i/?search=libc.so.6"},
		{"fs", inspect.RefDigest, "$d", "/blob/app@$d"},
		{"fs", inspect.RefDigest, "sha256:12", ""},
		{"fs", inspect.RefImage, "127.0.0.1:5000/team/x:1", "/r/team/x:1"},
		{"fs", inspect.RefImage, "docker.io/library/debian:12", "https://hub.docker.com/_/debian"},
		{"fs", inspect.RefImage, "evil.example/x", ""},
		{"fs", inspect.RefPurl, "pkg:npm/%40types/node@20.1.0", "https://www.npmjs.com/package/@types/node/v/20.1.0"},
		{"fs", inspect.RefPurl, "pkg:what/ever@1", ""},
		{"blob", inspect.RefPart, ".b | base64 -d", "/blob/app@$m?mt=m%2Ft&jq=.a&jq=.b+%7C+base64+-d"},
		{"fs", inspect.RefPart, ".b", "/fs/app@$m/usr/bin/ls?jq=.b"},
		{"fs", inspect.RefOffset, "4096", "/fs/app@$m/usr/bin/ls?render=xxd&off=4096"},
		{"fs", inspect.RefOffset, "-1", ""},
		{"fs", inspect.RefOID, "2.5.29.17", inspect.OIDDoc("2.5.29.17")},
		{"fs", inspect.RefOID, "1.3/../x", ""},
		{"fs", inspect.RefFile, "$h", "/search?q=sha256%3A$h"},
		{"fs", inspect.RefFile, "<script>", ""},
		{"fs", inspect.RefNeeded, "so:libz.so.1>=1", "/fs/app@$m/?search=libz.so.1"},
		{"fs", inspect.RefNeeded, "pc:zlib", "/fs/app@$m/?search=zlib.pc"},
		{"fs", inspect.RefNeeded, "/bin/sh", "/fs/app@$m/bin/sh"},
		{"fs", inspect.RefNeeded, "busybox>1", "https://pkgs.alpinelinux.org/packages?name=busybox"},
		{"fs", inspect.RefNeeded, "a/../b>1", "https://pkgs.alpinelinux.org/packages?name=a%2F..%2Fb"},
		{"fs", inspect.RefNeeded, "=", ""},
		{"apk", inspect.RefNeeded, "so:libz.so.1>=1", "/apk/app@$i/APKINDEX.tar.gz?provide=so%3Alibz.so.1%3E%3D1"},
		{"apk", inspect.RefProvided, "cmd:sh=1", "/apk/app@$i/APKINDEX.tar.gz?depend=cmd%3Ash"},
		{"fs", inspect.RefProvided, "cmd:sh=1", "/fs/app@$m/?search=sh"},
		{"fs", inspect.RefProvided, "virtual", ""},
		{"fs", "what", "x", ""},
	} {
		l := linker{h: h, r: r, c: contexts[c.page]}
		got := l.ref(inspect.Ref{Kind: c.kind, To: words.Replace(c.to)}).Href
		if got != words.Replace(c.want) {
			t.Errorf("%s %s %s:\ngot  %s\nwant %s", c.page, c.kind, c.to, got, words.Replace(c.want))
		}
	}
}

func TestDoc(t *testing.T) {
	h := newSite(t, nil).Handler.(*handler)
	r := testRequest(t, "/")
	evil := `<b>"x'` // as every text of a stranger
	long := inspect.Table{Columns: []inspect.Column{{Name: evil}, {Name: "n", Numbers: true}}}
	for i := range maxDocRows + 7 {
		long.Rows = append(long.Rows, []inspect.Value{{Text: evil, Tip: evil}, {Text: fmt.Sprint(i), Ref: inspect.Ref{Kind: inspect.RefOffset, To: "16"}}})
	}
	d := &inspect.Doc{Kind: "x", Title: evil, Note: evil, Sections: []inspect.Section{
		{Title: evil, Fields: []inspect.Field{{Name: evil, Value: inspect.Value{Text: evil, Ref: inspect.Ref{Kind: inspect.RefURL, To: "javascript:x"}}}}, Text: evil, Note: evil},
		{Table: &long}, {Table: &inspect.Table{Columns: long.Columns, Rows: long.Rows[:1]}}}}
	v := h.docView(r, jsonContext{page: "fs", target: target{Name: "app", Digest: "sha256:00", Path: "x"}}, d)
	var b strings.Builder
	if err := templates().page("front").ExecuteTemplate(&b, "doc", v); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if n := strings.Count(out, "<tr>"); n != maxDocRows+1 {
		t.Errorf("%d rows, want %d and a head", n, maxDocRows)
	}
	for _, want := range []string{"<p class=\"note\">7 more rows", "<p class=\"note\">1 more row,", "<td class=\"num\"><a href=\"/fs/app@sha256:00/x?render=xxd&amp;off=16\">"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, bad := range []string{"<b>", "javascript", `title="<`, `title="&lt;b>"`} {
		if strings.Contains(out, bad) {
			t.Errorf("%s in %.2000s", bad, out)
		}
	}
	raw, err := v.MarshalJSON()
	if err != nil || strings.Count(string(raw), `"rows"`) != 2 || strings.Contains(string(raw), "linker") {
		t.Errorf("%.300s, %v", raw, err)
	}
}
