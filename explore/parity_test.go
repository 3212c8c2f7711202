package explore

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestParity asks for what other explorers have, in their spelling. A row is a request, and the status, and where it leads or what is on the page;
// $i is the image, $l its layer, $c its configuration, $h the digits of the layer's.
func TestParity(t *testing.T) {
	s := newSite(t, nil)
	image, layers := s.image("app", nil, []string{tarGzip(t, "etc/", "etc/os release=x", "bin/sh=y")}, "1", "latest")
	s.image("ghcr.io/team/tool", nil, []string{tarGzip(t, "x=1")}, "1")
	config := manifestOf(s, "app", image).Config.Digest
	words := strings.NewReplacer("$i", string(image), "$l", string(layers[0]), "$c", string(config), "$h", layers[0].Encoded())
	for _, c := range []struct {
		url    string
		status int
		to     string
	}{
		// dagdotdev's front page
		{"/?image=app:1", 302, "/r/app:1"},
		{"/?image=app", 302, "/r/app:latest"},
		{"/?image=app@$i", 301, "/r/app@$i"},
		{"/?image=app:1@$i", 301, "/r/app:1@$i"},
		{"/?image=localhost:5000/app:1", 302, "/r/app:1"},
		{"/?image=127.0.0.1:5000/app:1", 302, "/r/app:1"},
		{"/?image=LOCALHOST:5000/app@$i", 301, "/r/app@$i"},
		{"/?image=localhost:5000/app@$i&jq=.config&jq=.digest&render=raw&size=1&trace=1&n=3", 301, "/r/app@$i?jq=.config&jq=.digest&render=raw"},
		{"/?image=ghcr.io/team/tool:1", 302, "/r/ghcr.io/team/tool:1"},
		{"/?image=ghcr.io/other/tool:1", 404, "another registry"},
		{"/?image=registry.example:5000/app:1", 404, "another registry"},
		{"/?image=169.254.169.254/latest/meta-data", 404, "another registry"},
		{"/?image=http://127.0.0.1/", 400, ""},
		{"/?image=ubuntu:22.04", 302, "/r/ubuntu:22.04"},
		{"/?image=docker.io/library/ubuntu:22.04", 404, "another registry"},
		{"/?image=app:1/etc", 400, ""},
		{"/?image=../../x", 400, ""},
		{"/?image=%2F%2Fevil.example", 400, ""},
		{"/?image=<script>", 400, ""},
		{"/?blob=app@$c&mt=application/vnd.oci.image.config.v1%2Bjson&size=12&manifest=localhost:5000/app@$i", 301, "/blob/app@$c?mt=application%2Fvnd.oci.image.config.v1%2Bjson&manifest=localhost%3A5000%2Fapp%40$i"},
		{"/?blob=localhost:5000/app@$c&jq=.config&render=raw", 301, "/blob/app@$c?jq=.config&render=raw"},
		{"/?blob=app:1", 400, ""},
		{"/?repo=app", 302, "/r/app"},
		{"/?repo=localhost:5000/app&n=100&next=x", 302, "/r/app"},
		{"/?repo=localhost:5000", 302, "/"},
		{"/?repo=localhost:5000/", 302, "/"},
		{"/?repo=", 302, "/"},
		{"/?repo=gcr.io/distroless", 404, "another registry"},
		{"/?history=app:1&start=1&end=2", 302, "/r/app:1?render=history"},
		{"/?history=app:1&image=other", 302, "/r/app:1?render=history"},
		{"/?referrers=app@$i", 301, "/referrers/app@$i"},
		{"/?referrers=localhost:5000/app:1", 302, "/referrers/app:1"},
		{"/?referrers=app", 400, ""},
		{"/?q=1", 200, "app"},
		// dagdotdev's paths
		{"/r/localhost:5000/app:1", 301, "/r/app:1"},
		{"/fs/localhost:5000/app@$l/etc/os%20release?mt=x&size=3", 301, "/fs/app@$l/etc/os%20release?mt=x&size=3"},
		{"/layers/127.0.0.1:5000/app@$i/etc/?all=true", 301, "/layers/app@$i/etc/?all=true"},
		{"/size/localhost:5000/app@$l/", 301, "/size/app@$l/"},
		{"/sizes/localhost:5000/app@$i/", 301, "/sizes/app@$i/"},
		{"/blob/localhost:5000/app@$c", 301, "/blob/app@$c"},
		{"/size/app@$l", 200, "etc"},
		{"/size/app@$l/", 200, "etc"},
		{"/sizes/app@$i", 200, "etc"},
		{"/blob/app@$c", 200, "amd64"},
		{"/r/localhost:5000//evil.example", 301, "/r/evil.example"},
		{"/cache/0/app@$l/", 200, "Checkpoints"},
		{"/cache/1/localhost:5000/app@$l/", 200, "Checkpoints"},
		{"/cache/0/app@$l/toc.json", 404, ""},
		{"/cache/0/app@$l/?from=99", 400, ""},
		{"/cache/0/app@$c/", 200, "not compressed"},
		{"/cache/x/app@$l/", 400, ""},
		{"/cache/0/other@$l/", 404, ""},
		{"/zurl/app@$i/etc/os%20release", 200, "curl -fsSL -r 0-"},
		{"/zurl/localhost:5000/app@$i/bin/sh", 301, "/zurl/app@$i/bin/sh"},
		{"/zurl/app@$l/bin/sh", 200, "checkpoint 0"},
		{"/zurl/app:1/bin/sh", 302, "/zurl/app@$i/bin/sh"},
		{"/zurl/app@$i/nope", 404, ""},
		{"/zurl/app@$i/etc", 422, "no regular file"},
		{"/zurl/app@$i", 400, ""},
		{"/favicon.ico", 302, asset("favicon.svg")},
		{"/favicon.svg", 302, asset("favicon.svg")},
		{"/robots.txt", 200, "Disallow: /\n"},
		{"/oauth?code=1&state=https://evil.example", 410, "docker login"},
		{"/auth/callback", 410, "docker login"},
		{"/auth/x", 404, ""},
		{"/static/style.css", 200, ""},
		// retrorecon's
		{"/layer/$l", 302, "/fs/app@$l/"},
		{"/layer/$l/etc/os%20release", 302, "/fs/app@$l/etc/os%20release"},
		{"/layer/sha256:12", 400, ""},
		{"/layer/sha256:" + strings.Repeat("0", 64), 404, ""},
		{"/dag/repo/app", 302, "/r/app"},
		{"/dag/repo/localhost:5000/app", 302, "/r/app"},
		{"/dag/image/app:1", 302, "/r/app:1"},
		{"/dag/image/localhost:5000/app@$i", 301, "/r/app@$i"},
		{"/dag/fs/$l/etc/os%20release?image=app:1", 302, "/fs/app@$l/etc/os%20release"},
		{"/dag/fs/$l/?image=localhost:5000/app:1", 302, "/fs/app@$l/"},
		{"/dag/fs/$l/etc", 302, "/fs/app@$l/etc"},
		{"/dag/fs/$l/../../../r/x", 400, ""},
		{"/dag/layer/$l", 302, "/fs/app@$l/"},
		{"/dag/nope", 404, ""},
		{"/oci_explorer", 302, "/"},
		{"/tools/oci_explorer?image=app:1", 302, "/?image=app%3A1"},
		{"/tools/x", 404, ""},
		{"/oci_explorer/x", 404, ""},
		// what nobody has
		{"/nope", 404, ""},
	} {
		w := s.get(words.Replace(c.url))
		want := words.Replace(c.to)
		got := w.Header().Get("Location")
		if w.Code/100 != 3 {
			got = w.Body.String()
		}
		ok := strings.Contains(got, want)
		if w.Code/100 == 3 {
			ok = strings.ReplaceAll(got, "%3A", ":") == strings.ReplaceAll(want, "%3A", ":")
		}
		if w.Code != c.status || !ok {
			t.Errorf("GET %s: %d %.3000s\nwant %d %s", c.url, w.Code, got, c.status, want)
		}
	}
}

// TestRedirectsStayHere: whatever is asked for, what is answered leads to this server.
func TestRedirectsStayHere(t *testing.T) {
	s := newSite(t, nil)
	s.image("app", nil, []string{tarGzip(t, "x=1")}, "1")
	for _, evil := range []string{"//evil.example/x", "/\\evil.example", "https://evil.example", "localhost:5000//evil.example", "localhost:5000/\\evil.example", "localhost:5000/https:/evil.example",
		"localhost:5000/app:1\r\nX-Evil: 1", "javascript:alert(1)", "localhost:5000/%2F%2Fevil.example"} {
		q := strings.NewReplacer("\r", "%0D", "\n", "%0A", "\\", "%5C", " ", "%20").Replace(evil)
		for _, url := range []string{"/?image=" + q, "/?repo=" + q, "/?blob=" + q, "/?history=" + q, "/?referrers=" + q, "/r/" + q, "/fs/" + q, "/dag/image/" + q, "/dag/repo/" + q, "/oauth?state=" + q, "/oci_explorer?image=" + q,
			"/layer/" + q, "/dag/fs/" + q + "?image=" + q} {
			w := s.get(url)
			to := w.Header().Get("Location")
			if to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\")) || w.Header().Get("X-Evil") != "" || w.Code >= 500 {
				t.Errorf("GET %s: %d, to %q", url, w.Code, to)
			}
		}
	}
}

// TestRangeLine runs the lines that pages show, against a server that has the blob where the registry has it.
func TestRangeLine(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "gunzip", "tail", "head"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	big := strings.Repeat("0123456789abcdef", 1<<16) // so that there are several checkpoints
	noise := make([]byte, 0, 1<<20)
	for d := digest.FromString("noise"); len(noise) < 1<<20; d = digest.FromString(string(d)) {
		noise = append(noise, d.Encoded()...)
	}
	layer := tarGzip(t, "a="+big, "b="+string(noise), "deep/er=the file", "c="+big, "last=the end", "empty=", "hard => deep/er")
	upper := tarGzip(t, "deep/er=another", "it's $(odd)=odd")
	s := newSite(t, nil)
	image, layers := s.image("app", nil, []string{layer, upper}, "1")
	mux := http.NewServeMux()
	mux.Handle("/", s)
	for i, content := range []string{layer, upper} {
		mux.HandleFunc("/v2/app/blobs/"+string(layers[i]), func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", built, strings.NewReader(content))
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, c := range []struct{ of, path, want string }{
		{string(layers[0]), "a", big}, {string(layers[0]), "b", string(noise)}, {string(layers[0]), "deep/er", "the file"}, {string(layers[0]), "last", "the end"},
		{string(layers[0]), "hard", "the file"}, {string(image), "deep/er", "another"}, {string(image), "last", "the end"}, {string(layers[1]), "it%27s%20$(odd)", "odd"},
	} {
		r := httptest.NewRequest("GET", "/zurl/app@"+c.of+"/"+c.path+"?format=json", nil)
		r.Host = strings.TrimPrefix(server.URL, "http://")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		line := jsonString(t, w.Body.String(), "range")
		out, err := exec.Command("sh", "-c", line).Output()
		if err != nil || string(out) != c.want {
			t.Errorf("%s of %s: %s\n%v, %d bytes %.40q, want %d", c.path, c.of, line, err, len(out), out, len(c.want))
		}
	}
	if w := s.get("/zurl/app@" + string(layers[0]) + "/empty"); w.Code != 200 || !strings.Contains(w.Body.String(), "The file is empty") {
		t.Errorf("an empty file: %d\n%s", w.Code, mainPart(w.Body.String()))
	}
}

func jsonString(t *testing.T, doc, key string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	s, _ := v[key].(string)
	return s
}
