package explore

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/storage/oci"
)

// TestDefects has what other explorers are known to do wrong: each subtest is named after one of them.
func TestDefects(t *testing.T) {
	s := newSite(t, nil)
	evil := `<script>document.title='pwned'</script>`
	label := `"><img src=x onerror=alert(1)>`
	image, layers := s.image("app", map[string]any{
		"config":  map[string]any{"Labels": map[string]string{evil: label, "javascript:alert(1)": "javascript:alert(1)"}, "Env": []string{"PATH=" + evil}, "WorkingDir": "/" + evil},
		"history": []map[string]any{{"created_by": evil + " && " + label, "comment": evil}},
	}, []string{tarGzip(t, "etc/one=1"), tarGzip(t, "etc/two=2")}, "1")
	config := string(manifestOf(s, "app", image).Config.Digest)
	annotated := s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "config": oci.Descriptor{MediaType: evil, Digest: layers[0], Size: 1},
		"layers": []any{}, "annotations": map[string]string{evil: label, "dev.sigstore.cosign/certificate": "-----BEGIN " + evil + "-----\n" + label}})
	pem := s.blob("app", "-----BEGIN CERTIFICATE-----\n"+evil+"\n-----END CERTIFICATE-----\n")
	blob := func(d, query string) string { return "/blob/app@" + d + "?" + query }
	safe := func(t *testing.T, urls ...string) {
		t.Helper()
		for _, url := range urls {
			w := s.get(url)
			body := w.Body.String()
			if w.Code >= 500 || strings.Contains(body, "<script") || strings.Contains(body, "<img") || strings.Contains(body, `href="javascript`) || strings.Contains(body, "ZgotmplZ") {
				t.Errorf("GET %s: %d\n%s", url, w.Code, mainPart(body))
			}
			if w.Header().Get("Content-Security-Policy") != csp || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("GET %s: %v", url, w.Header())
			}
		}
	}
	t.Run("stored XSS by label keys", func(t *testing.T) {
		safe(t, blob(config, ""), blob(config, "mt="+mediaTypeConfig+"&manifest="+string(image)), blob(config, "jq=.config.Labels"), "/r/app@"+string(annotated), "/r/app@"+string(annotated)+"?jq=.annotations")
	})
	t.Run("stored XSS by created_by", func(t *testing.T) {
		safe(t, blob(config, "render=history"), blob(config, "render=history&manifest="+string(image)), blob(config, "jq=.history[0].created_by"), blob(config, "jq=.history[0].created_by&render=created_by"))
	})
	t.Run("stored XSS by render=raw", func(t *testing.T) {
		safe(t, blob(config, "render=raw"), blob(config, "render=text"), blob(config, "jq=.config.WorkingDir&render=raw"))
	})
	t.Run("stored XSS by PEM text", func(t *testing.T) {
		safe(t, blob(string(pem), ""), blob(string(pem), "render=cert"), blob(string(pem), "render=x509"), "/r/app@"+string(annotated)+"?jq=.annotations[%22dev.sigstore.cosign/certificate%22]&render=cert")
	})
	t.Run("reflected XSS by jq", func(t *testing.T) {
		q := "%3Cscript%3Ealert(1)%3C/script%3E"
		safe(t, blob(config, "jq="+q), blob(config, "jq=.["+q+"]"), blob(config, "jq=.[%22"+q+"%22]"), blob(config, "render="+q), blob(config, "mt="+q), blob(config, "manifest="+q), blob(config, "off="+q),
			"/?image="+q, "/?blob="+q, "/?repo="+q, "/?history="+q, "/?referrers="+q, "/layer/"+q, "/dag/"+q, "/zurl/app@"+string(image)+"/"+q, "/cache/"+q+"/x", "/http/"+q+"@"+config)
	})
	t.Run("panic on a jq index out of range", func(t *testing.T) {
		for _, jq := range []string{".history[99]", ".history[-99]", ".config[0]", ".history[99999999999999999999]", ".rootfs.diff_ids[2].x", "[", ".[", "."} {
			w := s.get(blob(config, "jq="+jq))
			if want := map[string]int{".history[99999999999999999999]": 400, "[": 400, ".[": 400, ".": 200}[jq]; w.Code != max(want, 200) && (want != 0 || w.Code != 404) {
				t.Errorf("jq=%s: %d\n%s", jq, w.Code, mainPart(w.Body.String()))
			}
		}
	})
	t.Run("SSRF by the redirect cookie", func(t *testing.T) {
		asked := make(chan string, 9)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
		defer server.Close()
		for _, url := range []string{blob(config, ""), "/fs/app@" + string(layers[0]) + "/etc/one", "/layers/app@" + string(image) + "/etc/one"} {
			w := s.get(url, "Cookie", `redirect={"Digest":"`+string(layers[0])+`","Url":"`+server.URL+`/x"}`)
			if w.Code != 200 || len(asked) > 0 || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("GET %s: %d, %d requests, %v", url, w.Code, len(asked), w.Header())
			}
		}
	})
	t.Run("SSRF by image", func(t *testing.T) {
		for _, ref := range []string{"127.0.0.1:1/app", "169.254.169.254/latest/meta-data", "[::1]:1/app:1", "evil.example/app@" + string(image)} {
			if w := s.get("/?image=" + ref); w.Code != 404 || w.Header().Get("Location") != "" {
				t.Errorf("%s: %d %v", ref, w.Code, w.Header())
			}
		}
	})
	t.Run("200 for errors", func(t *testing.T) {
		for url, want := range map[string]int{"/nope": 404, "/blob/app@sha256:" + strings.Repeat("0", 64): 404, "/blob/nope@" + config: 404, "/blob/app": 400, "/?image=NOPE": 400, blob(config, "jq=nope"): 400, blob(config, "render=nope"): 400,
			blob(config, "render=x509"): 422, blob(config, "jq=.nope"): 404, "/cache/0/app@" + string(layers[0]) + "/nope": 404, "/zurl/app@" + string(image) + "/nope": 404, "/layer/nope": 400, "/http/x": 404, "/oauth": 410} {
			if w := s.get(url); w.Code != want {
				t.Errorf("GET %s: %d, want %d", url, w.Code, want)
			}
		}
	})
	t.Run("zurl knows the first layer only", func(t *testing.T) {
		for _, p := range []string{"etc/one", "etc/two"} {
			if w := s.get("/zurl/app@" + string(image) + "/" + p); w.Code != 200 {
				t.Errorf("%s: %d\n%s", p, w.Code, mainPart(w.Body.String()))
			}
		}
	})
	t.Run("Range is refused and HTML served as such with dl", func(t *testing.T) {
		d := s.blob("app", "<html>"+evil)
		w := s.get(blob(string(d), "dl=1"), "Range", "bytes=1-4")
		if w.Code != 206 || w.Body.String() != "html" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") ||
			!strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
		}
	})
	t.Run("file lists leak across repositories", func(t *testing.T) {
		s.blob("other", "x")
		for _, page := range []string{"/cache/0/app@%s/", "/zurl/app@%s/etc/one", "/fs/app@%s/", "/blob/app@%s"} {
			mine := fmt.Sprintf(page, layers[0])
			if w := s.get(mine); w.Code != 200 {
				t.Errorf("GET %s: %d", mine, w.Code)
			}
			theirs := strings.Replace(mine, "/app@", "/other@", 1)
			if w := s.get(theirs); w.Code != 404 || strings.Contains(w.Body.String(), ">one<") || strings.Contains(w.Body.String(), "curl") {
				t.Errorf("GET %s: %d", theirs, w.Code)
			}
		}
	})
	t.Run("localhost is refused as a registry's name", func(t *testing.T) {
		if w := s.get("/?repo=localhost:5000/app"); w.Header().Get("Location") != "/r/app" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
	t.Run("no doctype, language or viewport", func(t *testing.T) {
		for _, url := range []string{blob(config, ""), "/nope", "/cache/0/app@" + string(layers[0]) + "/"} {
			page := s.get(url).Body.String()
			for _, want := range []string{"<!doctype html>", `<html lang="en">`, `name="viewport"`} {
				if !strings.Contains(page, want) {
					t.Errorf("GET %s has no %s", url, want)
				}
			}
		}
	})
	t.Run("a crowd ends the process by concurrent map writes", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				urls := []string{blob(config, fmt.Sprintf("jq=.config&x=%d", i)), "/r/app:1", "/?image=app:1", "/zurl/app@" + string(image) + "/etc/two", "/cache/0/app@" + string(layers[i%2]) + "/"}
				if w := s.get(urls[i%len(urls)]); w.Code >= 400 {
					t.Errorf("GET %s: %d", urls[i%len(urls)], w.Code)
				}
			})
		}
		wg.Wait()
	})
}

// TestFileDefects has what other explorers do wrong about files.
func TestFileDefects(t *testing.T) {
	s := newSite(t, nil)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		self = []byte("\x7fELF")
	}
	image, layers := s.image("app", nil, []string{
		tarGzip(t, "dir/", "dir/a=deleted", "dir/sub/b=deleted too", "app/run=old", "etc/conf=shared", "usr/x=1", "usrlocal/x=kept", "run.sh=#!/bin/sh\necho", "prog="+string(self[:min(len(self), 256<<10)])),
		tarGzip(t, ".wh.dir", "app/run=new", "etc/link => etc/conf", "usr/.wh..wh..opq", "usr/y=2"),
	})
	at, in := "/fs/app@"+string(layers[0]), "/layers/app@"+string(image)
	names := func(url string) (live []string) {
		t.Helper()
		var v dirView
		if err := json.Unmarshal(s.get(url+"&format=json").Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		for _, e := range v.Entries {
			if e.State == "" {
				live = append(live, e.Path)
			}
		}
		return live
	}
	t.Run("whiteouts are shallow", func(t *testing.T) {
		for url, want := range map[string]string{in + "/?all=true": "[app/run etc/conf etc/link prog run.sh usrlocal/x usr/y]", in + "/?search=a": "[]", in + "/?path=dir:app": "[app/run]", in + "/?sort=name": "[app etc prog run.sh usr usrlocal]"} {
			got := names(url)
			slices.Sort(got)
			wanted := strings.Fields(strings.Trim(want, "[]"))
			slices.Sort(wanted)
			if !slices.Equal(got, wanted) {
				t.Errorf("GET %s: %v, want %v", url, got, wanted)
			}
		}
		for _, p := range []string{"/dir/", "/dir/a", "/dir/sub/b", "/dir/a?raw", "/usr/x", "/usr/x?raw", "/dir/?tar"} {
			if w := s.get(in + p); w.Code != 404 || strings.Contains(w.Body.String(), "deleted too") {
				t.Errorf("GET %s: %d", p, w.Code)
			}
		}
		if w := s.get(in + "/usrlocal/x?raw"); w.Body.String() != "kept" {
			t.Errorf("an opaque directory beside: %d %s", w.Code, w.Body)
		}
	})
	t.Run("Range is refused with dl", func(t *testing.T) {
		for _, root := range []string{at, in} {
			if w := s.get(root+"/usrlocal/x?dl=1", "Range", "bytes=1-2"); w.Code != 206 || w.Body.String() != "ep" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
				t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
			}
		}
	})
	t.Run("a missing path is an empty directory", func(t *testing.T) {
		for _, url := range []string{at + "/nope", at + "/nope/", at + "/app/run/nope", in + "/nope", in + "/nope/", at + "/nope?format=json", in + "/nope?all=true"} {
			if w := s.get(url); w.Code != 404 {
				t.Errorf("GET %s: %d", url, w.Code)
			}
		}
	})
	t.Run("hard links across layers are empty", func(t *testing.T) {
		if w := s.get(in + "/etc/link?raw"); w.Body.String() != "shared" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
	t.Run("the ELF view needs a first pass", func(t *testing.T) {
		if len(self) < 100 {
			t.Skip("no /proc: no program to look into")
		}
		if w := s.get(at + "/prog?render=elf"); w.Code != 200 || !strings.Contains(w.Body.String(), "Machine") && !strings.Contains(w.Body.String(), "machine") {
			t.Errorf("%d\n%s", w.Code, mainPart(w.Body.String()))
		}
	})
	t.Run("a script is shown as bytes", func(t *testing.T) {
		if w := s.get(at + "/run.sh"); !strings.Contains(w.Body.String(), "\necho") {
			t.Errorf("%d\n%s", w.Code, mainPart(w.Body.String()))
		}
	})
}
