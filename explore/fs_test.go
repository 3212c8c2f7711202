package explore

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// odd is a tar with what tarGzip does not make.
func odd(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if h.ModTime.IsZero() {
			h.ModTime = built
		}
		content := make([]byte, h.Size)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// base and upper are the layers of the image that most tests here look into.
func twoLayers(s *site) (image string, layers []string) {
	d, ls := s.image("team/app", nil, []string{
		tarGzip(s.t, "./", "./etc/", "./etc/motd=ID=test\nNAME=\"A b\"\n", "./etc/hard => ./etc/motd", "./lib -> usr/lib", "./usr/lib/x.so=abc",
			`./data.json={"digest":"sha256:`+strings.Repeat("ab", 32)+`","x":[1]}`, "./old=1", "./old=22", "./srv/data/a=a", "./srv/data/deep/b=b", "./bin/sh=\x7fELF no", "./loop -> loop",
			"./away -> ../../etc/hard", "./dangling -> nowhere", "./name with space=s", `./back\slash=b`, "./quo'te=q", "./-dash=d", "./new\nline=n", "./tab\there=t", "./\u202etxt.exe=r"),
		tarGzip(s.t, "etc/.wh.motd", "usr/lib/y=1", "etc/link => etc/motd", "srv/.wh.data", "data.json={}"),
	}, "1")
	return string(d), []string{string(ls[0]), string(ls[1])}
}

func TestFilePages(t *testing.T) {
	s := newSite(t, nil)
	image, layers := twoLayers(s)
	l0, l1, in := "/fs/team/app@"+layers[0], "/fs/team/app@"+layers[1], "/layers/team/app@"+image
	for _, c := range []struct {
		url    string
		status int
		want   string // in the page; with - in front: not
	}{
		{l0, 200, `<h1>Layer `}, {l0 + "/", 200, `<a href="` + l0 + `/etc/">etc/</a>`},
		{l0 + "/", 200, `<a href="` + l0 + `/lib">lib</a> -&gt; <a href="` + l0 + `/usr/lib">usr/lib</a>`},
		{l0 + "/", 200, `d?????????`}, {l0 + "/", 200, `<dt>Format</dt><dd>tar&#43;gzip</dd>`}, {l0 + "/", 200, "-as the image"},
		{l0 + "/?image=" + image, 200, "as the image&#39;s configuration says"}, {l0 + "/?image=" + image, 200, "layer 0 of <a"},
		{l0 + "/?image=sha256:" + strings.Repeat("0", 64), 404, ""}, {l0 + "/?image=x", 400, ""},
		{l0 + "/", 200, "&lt;U&#43;202E&gt;txt.exe"}, {l0 + "/", 200, "-\u202e"}, {l0 + "/", 200, `new\x0aline`},
		{l0 + "/", 200, `a later entry of the same name replaces it`},
		{l0 + "/etc/", 200, `hrw-r--r--`}, {l0 + "/etc/", 200, ` link to <a href="` + l0 + `/etc/motd">./etc/motd</a>`},
		{l0 + "/etc/", 200, `<a href="` + l0 + `/">..</a>`}, {l0 + "/etc", 200, `<h1>etc</h1>`},
		{l0 + "/lib/", 200, `<a href="` + l0 + `/usr/lib/x.so">x.so</a>`}, {l0 + "/lib/x.so", 200, "abc"}, {l0 + "/lib/", 200, "lib leads to usr/lib by a symbolic link"},
		{l0 + "/etc/hard", 200, "another name of the file"}, {l0 + "/etc/hard", 200, "ID=test"},
		{l0 + "/away", 200, "ID=test"}, {l0 + "/loop", 200, "leads to itself"}, {l0 + "/loop?raw", 422, "too many levels"}, {l0 + "/loop/x", 422, "too many levels"}, {l0 + "/dangling", 200, "nowhere"}, {l0 + "/dangling?raw", 404, ""},
		{l0 + "/nowhere", 404, ""}, {l0 + "/nowhere/", 404, ""}, {l0 + "/etc/motd/x", 404, ""}, {l0 + "/lib/x.so/", 200, "abc"},
		{l0 + "/data.json", 200, `| jq .`}, {l0 + "/data.json", 200, `<a href="/blob/team/app@sha256:abab`}, {l0 + "/data.json?jq=.x[0]", 200, "1\n"},
		{l0 + "/old", 200, "22"}, {l0 + "/old", 200, "occurrence=2"}, {l0 + "/old", 200, "Others of this name"}, {l0 + "/old?version=1", 404, ""}, {l0 + "/old?version=x", 400, ""},
		{l0 + "/?all=true", 200, `>srv/data/deep/b</a>`}, {l0 + "/?all=true", 200, "-d?????????"}, {l0 + "/?search=sh", 200, `>bin/sh</a>`}, {l0 + "/?search=%5Esh", 200, `>bin/sh</a>`},
		{l0 + "/?search=%5Eh", 200, "-bin/sh"}, {l0 + "/?search=nope", 200, "no such name"}, {l0 + "/srv/?search=b", 200, `>srv/data/deep/b</a>`}, {l0 + "/srv/?search=sh", 200, "no such name"},
		{l0 + "/?path=lib:/bin&path=/nope", 200, ">usr/lib/x.so<"}, {l0 + "/?path=lib:/bin", 200, "-motd"}, {l0 + "/?path=../x", 400, ""},
		{l0 + "/?sort=size", 200, `href="` + l0 + `/?sort=time"`}, {l0 + "/?sort=nope", 400, ""}, {l0 + "/?n=0", 400, ""}, {l0 + "/?n=2", 200, `rel="next"`}, {l0 + "/?after=%2Fx", 400, ""},
		{l0 + "/?raw", 400, ""}, {l0 + "/etc/hard?tar", 400, ""},
		{l1 + "/etc/link", 200, "not in this layer"}, {l1 + "/etc/link?raw", 404, ""}, {l1 + "/etc/link?image=" + image, 200, `<a class="mono" href="` + in + `/etc/link">`},
		{l1 + "/etc/.wh.motd", 200, "<h1>.wh.motd</h1>"},
		{in + "/", 200, `<td class="num"><a href="` + l1 + `/data.json?image=`}, {in + "/", 200, `overwritten by layer 1`}, {in + "/", 200, "As it was after layer"},
		{in + "/?deleted=false", 200, "-overwritten"}, {in + "/?deleted=true", 200, ""}, {in + "/etc/?deleted=true", 200, ".wh.motd</a>"}, {in + "/etc/", 200, "-.wh.motd</a>"},
		{in + "/etc/", 200, `deleted by layer 1, etc/.wh.motd`}, {in + "/srv/", 200, "deleted by layer 1, srv/.wh.data"},
		{in + "/srv/data/", 404, "deleted by layer 1"}, {in + "/srv/data/a", 404, `<a href="` + l0 + `/srv/data/a?image=`}, {in + "/srv/data/deep/b", 404, "deleted by layer 1, srv/.wh.data"},
		{in + "/srv/data/nope", 404, `<a href="` + l0 + `/srv/data/?image=`}, {in + "/nope", 404, ""},
		{in + "/?layer=0", 200, "After layer 0"}, {in + "/srv/data/a?layer=0", 200, "crane blob"}, {in + "/etc/motd?layer=0", 200, "ID=test"}, {in + "/?layer=2", 400, ""}, {in + "/?layer=x", 400, ""},
		{in + "/etc/link", 200, "ID=test"}, {in + "/etc/link", 200, "hard link to a file of layer 0"}, {in + "/lib/y", 200, "1"},
		{in + "/?all=true", 200, ">srv/data/deep/b</a>"}, {in + "/?path=lib&env=PATH", 200, "crane config"}, {in + "/data.json", 200, "{}"},
		{"/layers/team/app:1/etc/link?layer=1", 302, ""}, {"/layers/team/app:2", 404, ""}, {"/layers/team/app", 400, ""}, {"/layers/team/app@" + layers[0], 404, ""},
		{"/fs/team/app:1/etc/link", 302, ""}, {"/fs/team/app@" + image + "/etc/link", 302, ""}, {"/fs/team/app", 400, ""}, {"/fs/team/app@sha256:" + strings.Repeat("0", 64) + "/", 404, ""},
		{"/fs/other@" + layers[0] + "/", 404, ""}, {"/fs/other@" + layers[0] + "/etc/hard?raw", 404, ""}, {"/layers/other@" + image + "/", 404, ""},
	} {
		w := s.get(c.url)
		want, not := strings.CutPrefix(c.want, "-")
		if w.Code != c.status || strings.Contains(w.Body.String(), want) == not && want != "" {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, c.want, mainPart(w.Body.String()))
		}
	}
	for url, to := range map[string]string{
		"/layers/team/app:1/etc/link?layer=1": in + "/etc/link?layer=1", "/fs/team/app:1/etc/link": "/layers/team/app:1/etc/link",
		"/fs/team/app@" + image + "/etc/?all=true": in + "/etc/?all=true",
	} {
		if got := s.get(url).Header().Get("Location"); got != to {
			t.Errorf("GET %s: to %s, want %s", url, got, to)
		}
	}
	golden(t, "fs", s.get(l0+"/?image="+image))
	golden(t, "fs-file", s.get(l0+"/etc/hard"))
	golden(t, "layers", s.get(in+"/etc/"))
	golden(t, "layers-gone", s.get(in+"/srv/data/a"))
}

// TestOverwritten reads the entries that others of their own layer replace.
func TestOverwritten(t *testing.T) {
	s := newSite(t, nil)
	_, layers := twoLayers(s)
	var v dirView
	if err := json.Unmarshal(s.get("/fs/team/app@"+layers[0]+"/?format=json").Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range v.Entries {
		if e.Name == "old" {
			got = append(got, e.State+s.get(e.Href, "Accept", "*/*").Body.String())
		}
	}
	if want := []string{"22", "overwritten1"}; !slices.Equal(got, want) {
		t.Errorf("versions of old: %q, want %q", got, want)
	}
}

// TestManyVersions has a layer with a name a thousand times: the page has some of them, and any can be had.
func TestManyVersions(t *testing.T) {
	s := newSite(t, nil)
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("same=%d", i))
	}
	at := "/fs/app@" + string(s.blob("app", tarGzip(t, append(names, "z=last")...)))
	var v, flat dirView
	for url, to := range map[string]*dirView{at + "/?format=json": &v, at + "/?all=true&n=3&format=json": &flat} {
		if err := json.Unmarshal(s.get(url).Body.Bytes(), to); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.Entries) != maxVersions+1 || v.Entries[maxVersions].Name != "z" {
		t.Errorf("%d entries, want %d of one name and one other", len(v.Entries), maxVersions)
	}
	if got := s.get(flat.Entries[2].Href + "&raw").Body.String(); got != "2" || flat.Total != 1001 {
		t.Errorf("the third of %d: %s", flat.Total, got)
	}
	if got := s.get(at + "/same?raw").Body.String(); got != "999" {
		t.Errorf("the one that counts: %s", got)
	}
}

// TestPagesOfLists follows the links from page to page, in each order, and has seen each file once then.
func TestPagesOfLists(t *testing.T) {
	s := newSite(t, nil)
	var entries []string
	for i := range 97 {
		entries = append(entries, fmt.Sprintf("d%d/f%02d=%s", i%3, (i*31)%97, strings.Repeat("x", i%5)), fmt.Sprintf("many/%02d=", i))
	}
	image, layers := s.image("app", nil, []string{tarGzip(t, entries...), tarGzip(t, "many/05=new", "many/.wh.06")})
	for _, root := range []string{"/fs/app@" + string(layers[0]), "/layers/app@" + string(image)} {
		for _, q := range []string{"/many/?n=10", "/many/?n=10&sort=size", "/many/?n=10&sort=time", "/?n=17&all=true", "/?n=17&all=true&sort=name", "/?n=17&all=true&sort=size", "/?n=5&search=1", "/?n=7&path=many:d1", "/?n=17&all=true&sort=tar"} {
			var all dirView
			if err := json.Unmarshal(s.get(root+strings.Replace(q, "n=", "n=500&x=", 1)+"&format=json").Body.Bytes(), &all); err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, e := range all.Entries {
				want = append(want, e.Path+e.State)
			}
			for url := root + q; url != ""; {
				var v dirView
				if err := json.Unmarshal(s.get(url, "Accept", "application/json").Body.Bytes(), &v); err != nil {
					t.Fatal(err)
				}
				for _, e := range v.Entries {
					got = append(got, e.Path+e.State)
				}
				url = v.Next
			}
			if !slices.Equal(got, want) || len(got) < 20 {
				t.Errorf("%s%s: page after page %d entries %v, want %d %v", root, q, len(got), got, len(want), want)
			}
		}
	}
}

var htmlTags = regexp.MustCompile(`<[^>]*>`)

// commandOf is the shell line of a page.
func commandOf(t *testing.T, body string) string {
	t.Helper()
	_, line, ok := strings.Cut(body, `<p class="command">`)
	line, _, _ = strings.Cut(line, "</p>")
	if !ok {
		t.Fatalf("no command on the page:\n%s", mainPart(body))
	}
	return strings.TrimPrefix(html.UnescapeString(htmlTags.ReplaceAllString(line, "")), "$ ")
}

// need skips where a program is missing, and fails where that must not be.
func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil && os.Getenv("CI") == "true" {
			t.Fatal(err)
		} else if err != nil {
			t.Skipf("%v: a Debian has it", err)
		}
	}
}

// TestFileCommands runs what pages show, with a crane that has the blobs in files, and compares it with what the pages hold.
func TestFileCommands(t *testing.T) {
	needPrograms(t, "bash", "tar", "grep", "sort", "xxd", "jq")
	s := newSite(t, nil)
	image, layers := twoLayers(s)
	plain := s.blob("team/app", strings.Repeat("hello\n", 20000))
	notGzip := s.blob("team/app", odd(t, tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o4666, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o1755}, tar.Header{Name: "s", Mode: 0o2644, Uid: 12345678, Uname: "someone", Gname: "agroup", Size: 9e5},
		tar.Header{Name: "sticky/", Typeflag: tar.TypeDir, Mode: 0o1777}, tar.Header{Name: "w[x]*?/a", Size: 3}, tar.Header{Name: "w[x]*?/b/c", Size: 3}))
	dir := t.TempDir()
	for _, d := range append([]string{string(plain), string(notGzip)}, layers...) {
		w := s.get("/blob/team/app@"+d, "Accept", "*/*")
		writeFile(t, filepath.Join(dir, strings.TrimPrefix(d, "sha256:")), w.Body.Bytes())
	}
	writeFile(t, filepath.Join(dir, "export"), s.get("/layers/team/app@"+image+"/?tar").Body.Bytes())
	l0, in, p, n := "/fs/team/app@"+layers[0], "/layers/team/app@"+image, "/fs/team/app@"+string(plain), "/fs/team/app@"+string(notGzip)
	for _, url := range []string{l0 + "/", l0 + "/etc/", l0 + "/?all=true", l0 + "/srv/?all=true", l0 + "/usr/", l0 + "/srv/data/", l0 + "/?sort=size", l0 + "/?sort=time", l0 + "/?path=lib:srv",
		l0 + "/?search=b", l0 + "/?search=%5Es", l0 + "/srv/?search=b", n + "/", n + "/?all=true", n + "/w%5Bx%5D%2A%3F/",
		l0 + "/etc/motd", l0 + "/etc/hard", l0 + "/old", l0 + "/name%20with%20space", l0 + "/back%5Cslash", l0 + "/quo'te", l0 + "/-dash", l0 + "/new%0Aline", l0 + "/tab%09here", l0 + "/%E2%80%AEtxt.exe",
		l0 + "/bin/sh?render=xxd", l0 + "/data.json", p + "/", p + "/?off=70000", p + "/?render=xxd&off=32768",
		in + "/", in + "/etc/", in + "/etc/link", in + "/data.json", in + "/data.json?layer=0", in + "/?all=true", in + "/lib/y"} {
		line := commandOf(t, s.get(url).Body.String())
		got := runLine(t, dir, line)
		want, isList := shownAs(t, s, url)
		if isList {
			namesOnly := strings.Contains(line, "grep") || strings.Contains(line, "export") // our tar has hard links in another order than crane's
			got, want = sortedLines(got, namesOnly), sortedLines(want, namesOnly)
		}
		if got != want {
			t.Errorf("%s: %s prints\n%s\nwant\n%s", url, line, got, want)
		}
	}
}

func writeFile(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// run runs a shell line with a crane of ours.
func runLine(t *testing.T, dir, line string) string {
	t.Helper()
	c := exec.Command("bash", "-c", `crane() { if [ "$1" = blob ]; then cat "${2##*@sha256:}"; else cat export; fi; }`+"\n"+line)
	c.Dir, c.Env = dir, append(os.Environ(), "LC_ALL=C", "TZ=Asia/Tokyo")
	var out, diag bytes.Buffer
	c.Stdout, c.Stderr = &out, &diag
	if err := c.Run(); err != nil {
		t.Errorf("%s: %v: %s", line, err, diag.String())
	}
	return out.String()
}

// shownAs is what the page of a URL holds: a list as text, a file as it is shown.
func shownAs(t *testing.T, s *site, url string) (text string, isList bool) {
	t.Helper()
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	w := s.get(url + sep + "format=json")
	var v struct {
		Entries  []entryRow
		Document json.RawMessage
		Raw      string
		Text     *struct{ Off, Next int64 }
		Hex      *struct {
			Lines []struct{ Off, Hex, ASCII string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	switch {
	case v.Entries != nil:
		return s.get(url + sep + "format=text").Body.String(), true
	case v.Document != nil:
		var buf bytes.Buffer
		if err := json.Indent(&buf, v.Document, "", "  "); err != nil {
			t.Fatal(err)
		}
		return buf.String() + "\n", false
	case v.Hex != nil:
		for _, l := range v.Hex.Lines {
			text += l.Off + ": " + l.Hex + "  " + l.ASCII + "\n"
		}
		return text, false
	}
	raw := s.get(v.Raw).Body.String()
	return raw[v.Text.Off:v.Text.Next], false
}

var (
	tarSpaces = regexp.MustCompile(` +`)
	tarNames  = regexp.MustCompile(`^([-a-zA-Z?]{10} \S+ \S+ \S+ \S+ )?(.*?)/?( -> .*| link to .*)?$`)
)

// sortedLines are those of a list in one order, with single spaces as the columns of tar move, or only their names.
func sortedLines(s string, namesOnly bool) string {
	all := strings.Split(tarSpaces.ReplaceAllString(s, " "), "\n")
	all = slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, "d?") || strings.Contains(s, " 1970-") }) // which are not in the archive
	for i := range all {
		if namesOnly {
			all[i] = tarNames.FindStringSubmatch(all[i])[2]
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return namesOnly && s == "." })
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestPackageOf asks whose a file is.
func TestPackageOf(t *testing.T) {
	s := newSite(t, nil)
	deb, _ := s.image("deb", nil, []string{tarGzip(t, "usr/bin/ls=x", "bin -> usr/bin", "etc/own=y", "etc/conf=z", "var/lib/dpkg/info/coreutils.list=/.\n/bin\n/bin/ls\n", "var/lib/dpkg/info/base.list=/etc/conf\n", "var/lib/dpkg/info/gone.list=/etc/own\n"),
		tarGzip(t, "var/lib/dpkg/info/.wh.gone.list")})
	apk, _ := s.image("apk", nil, []string{tarGzip(t, "etc/motd=x", "lib/apk/db/installed=P:<b>base\nV:1.2\nF:etc\nR:motd\n\n")})
	none, _ := s.image("none", nil, []string{tarGzip(t, "etc/motd=x")})
	for url, want := range map[string]string{
		"/layers/deb@" + string(deb) + "/usr/bin/ls?package": "the package <strong>coreutils</strong>", "/layers/deb@" + string(deb) + "/bin/ls?package": "the package <strong>coreutils</strong>",
		"/layers/deb@" + string(deb) + "/etc/conf?package": "<strong>base</strong>", "/layers/deb@" + string(deb) + "/etc/own?package": "No package says",
		"/layers/apk@" + string(apk) + "/etc/motd?package": "<strong>&lt;b&gt;base 1.2</strong>", "/layers/apk@" + string(apk) + "/etc/motd": `/etc/motd?package=1">which package?</a>`,
		"/layers/none@" + string(none) + "/etc/motd?package": "No package says",
	} {
		if w := s.get(url); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s: %d, want %s\n%s", url, w.Code, want, mainPart(w.Body.String()))
		}
	}
	if w := s.get("/layers/none@" + string(none) + "/etc/motd"); strings.Contains(w.Body.String(), "which package") {
		t.Errorf("an image without packages:\n%s", mainPart(w.Body.String()))
	}
}
