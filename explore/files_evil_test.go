package explore

import (
	"archive/tar"
	"fmt"
	"strings"
	"testing"
)

// evil is what strangers write where names and texts stand.
var evil = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "'); alert(1); ('", "a\nb\r\tc", "\u202egpj.exe", "\x1b[31mred", `{{.View}}`, "&lt;b&gt;", "a;rm -rf ~", "$(reboot)",
	"`reboot`", "%2e%2e%2f", "?raw=1", "#frag", "\xff\xfe", "..\\..\\x", "-rf", "!", "x!", "a//b"}

// TestFilesOfStrangers writes them as names, links, owners, attributes and contents, and looks at every page for what got through.
func TestFilesOfStrangers(t *testing.T) {
	s := newSite(t, nil)
	var headers []tar.Header
	for i, e := range evil {
		clean := strings.ReplaceAll(e, "\xff\xfe", "bytes")
		headers = append(headers,
			tar.Header{Name: "d/" + e, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Uname: clean, Gname: clean, PAXRecords: map[string]string{"SCHILY.xattr.user." + strings.ReplaceAll(clean, "=", ""): e}},
			tar.Header{Name: fmt.Sprintf("links/%d", i), Linkname: clean, Typeflag: tar.TypeSymlink}, tar.Header{Name: fmt.Sprintf("hard/%d", i), Linkname: "d/" + e, Typeflag: tar.TypeLink},
			tar.Header{Name: e + "/in", Format: tar.FormatPAX}, tar.Header{Name: "d/.wh." + clean})
	}
	for i := range headers {
		if strings.Contains(headers[i].Name+headers[i].Linkname, "\xff") {
			headers[i].Format = tar.FormatGNU
			headers[i].PAXRecords = nil
		}
	}
	layer := odd(t, headers...)
	d := s.blob("app", layer)
	image := s.manifest("app", "application/vnd.oci.image.manifest.v1+json", map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": map[string]any{"mediaType": "x/y", "digest": s.blob("app", "{}"), "size": 2},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(layer)}, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(layer)}}})
	seen := map[string]bool{}
	queue := []string{"/fs/app@" + string(d) + "/", "/fs/app@" + string(d) + "/?all=true&pax=true", "/layers/app@" + string(image) + "/?all=true&pax=true&deleted=true",
		"/fs/app@" + string(d) + `/?search=%3Cscript%3E%22&sort=size`, "/size/app@" + string(d) + "/", "/sizes/app@" + string(image) + "/",
		"/search?in=app@" + string(image) + "&q=*", "/search?in=app@" + string(d) + "&q=*", "/diff?from=app@" + string(image) + "&to=app@" + string(d), "//evil.example/", "/fs/app@" + string(d) + `/%3Cscript%3Enope`, "/layers/app@" + string(image) + `/%3Cscript%3Enope`}
	for len(queue) > 0 && len(seen) < 100 {
		url := queue[0]
		queue = queue[1:]
		if seen[url] {
			continue
		}
		seen[url] = true
		w := s.get(url)
		body := w.Body.String()
		if w.Code >= 500 || w.Code == 400 {
			t.Errorf("GET %s: %d\n%s", url, w.Code, mainPart(body))
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, bad := range []string{"<script", "<img src=x", `href="javascript:`, `href="//`, "onerror=alert(1)>", "\u202e", "\x1b", "{{"} {
			if strings.Contains(strings.ReplaceAll(body, "{{.View}}", ""), bad) {
				t.Errorf("GET %s has %q on its page:\n%s", url, bad, mainPart(body))
			}
		}
		for _, link := range strings.Split(body, `href="`)[1:] {
			link, _, _ = strings.Cut(link, `"`)
			if strings.HasPrefix(link, "/fs/") || strings.HasPrefix(link, "/layers/") {
				queue = append(queue, strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#39;", "'").Replace(link))
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d pages were looked at", len(seen))
	}
}
