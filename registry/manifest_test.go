package registry_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/api"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

func TestManifest(t *testing.T) {
	c := start(t, nil)
	c.image("app", "1", "m")
	want := c.expand(imageJSON)
	for _, ref := range []string{"1", "$m"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.do(method+" /v2/app/manifests/"+ref+" -H Accept: text/plain", "", "200")
			c.has(a, "Content-Type: "+oci.MediaTypeImageManifest, "Docker-Content-Digest: $m", `Etag: "$m"`, "Content-Length: "+itoa(len(want)),
				"Cache-Control: "+map[bool]string{true: "no-cache", false: year}[ref == "1"])
			if method == "GET" && a.body != want {
				t.Errorf("%s: %q", ref, a.body)
			}
			for _, h := range []string{`"$m"`, `W/"$m"`, "*", `"a", "$m"`} {
				c.has(c.do(method+" /v2/app/manifests/"+ref+" -H If-None-Match: "+h, "", "304"), `Etag: "$m"`, "Docker-Content-Digest: $m")
			}
			c.do(method+" /v2/app/manifests/"+ref+` -H If-None-Match: "a"`, "", "200")
		}
	}
	c.do("GET /v2/app/manifests/2", "", "404 MANIFEST_UNKNOWN")
	c.do("HEAD /v2/app/manifests/2", "", "404")
	c.do("GET /v2/app/manifests/$layer", "", "404 MANIFEST_UNKNOWN")
	c.do("GET /v2/none/manifests/1", "", "404 NAME_UNKNOWN")
}

func TestPutManifest(t *testing.T) {
	c := start(t, nil)
	c.blob("app", "config", "{}")
	c.blob("app", "layer", "l")
	image := c.expand(imageJSON)
	c.set("m", digest.FromString(image).String())
	c.set("512", digest.SHA512.FromString(image).String())
	c.set("other", digest.FromString("other").String())
	const oci1 = " -H Content-Type: " + oci.MediaTypeImageManifest
	index := func(mediaType, digest string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`, mediaType, digest)
	}
	layer := func(mediaType, more string) string {
		return c.expand(strings.Replace(imageJSON, `"application/vnd.oci.image.layer.v1.tar","digest":"$layer"`, fmt.Sprintf(`%q,"digest":"$other"%s`, mediaType, more), 1))
	}
	config := func(mediaType, more string) string {
		return c.expand(strings.Replace(imageJSON, `"application/vnd.oci.image.config.v1+json","digest":"$config"`, fmt.Sprintf(`%q,"digest":"$other"%s`, mediaType, more), 1))
	}
	for _, tt := range []struct{ name, call, body, want string }{
		{"by tag", "1" + oci1, image, "201"},
		{"by digest", "$m" + oci1, image, "201"},
		{"by sha512", "$512" + oci1, image, "201"},
		{"parameters are stripped", "1" + oci1 + "; charset=utf-8", image, "201"},
		{"no type", "1", image, "201"},
		{"Docker", "1 -H Content-Type: " + oci.MediaTypeDockerManifest, image, "201"},
		{"any type", "1 -H Content-Type: application/vnd.example+json", `{"any":["thing",null]}`, "201"},
		{"wrong digest", "$other" + oci1, image, "400 DIGEST_INVALID"},
		{"bad digest", "sha256:baddigeststring" + oci1, image, "400 DIGEST_INVALID"},
		{"md5", "md5:9a0364b9e99bb480dd25e1f0284c8555" + oci1, image, "400 DIGEST_INVALID"},
		{"contradiction", "1" + oci1, emptyIndex, "400 MANIFEST_INVALID"},
		{"schema 1", "1 -H Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "400 MANIFEST_INVALID"},
		{"null", "1" + oci1, "null", "400 MANIFEST_INVALID"},
		{"empty", "1" + oci1, "", "400 MANIFEST_INVALID"},
		{"not JSON", "1" + oci1, "{", "400 MANIFEST_INVALID"},
		{"trailing", "1" + oci1, image + "{}", "400 MANIFEST_INVALID"},
		{"deep", "1 -H Content-Type: a/b", `{"x":` + strings.Repeat("[", 1_000_000) + "}", "400 MANIFEST_INVALID"},
		{"bad child digest", "1", index(oci.MediaTypeImageManifest, "sha256:x"), "400 MANIFEST_INVALID"},
		{"absent child", "1", index(oci.MediaTypeImageManifest, c.expand("$other")), "400 MANIFEST_BLOB_UNKNOWN"},
		{"child", "1", index(oci.MediaTypeImageManifest, c.expand("$m")), "201"},
		{"child by sha512", "1", index(oci.MediaTypeImageManifest, c.expand("$512")), "201"},
		{"a layer as child", "1", index("application/vnd.oci.image.layer.v1.tar", c.expand("$layer")), "201"},
		{"absent layer", "1" + oci1, layer("application/vnd.oci.image.layer.v1.tar", ""), "400 MANIFEST_BLOB_UNKNOWN"},
		{"absent layer with urls", "1" + oci1, layer("application/vnd.oci.image.layer.v1.tar", `,"urls":["https://example.com"]`), "201"},
		{"non-distributable", "1" + oci1, layer("application/vnd.oci.image.layer.nondistributable.v1.tar", ""), "201"},
		{"config with urls", "1" + oci1, config("a/b", `,"urls":["https://example.com"]`), "400 MANIFEST_BLOB_UNKNOWN"},
		{"foreign config", "1" + oci1, config("a/nondistributable", ""), "400 MANIFEST_BLOB_UNKNOWN"},
		{"foreign child", "1", index("a/b.foreign.c", c.expand("$other")), "400 MANIFEST_BLOB_UNKNOWN"},
		{"absent layer with a second digest", "1" + oci1, layer("a/b", c.expand(`,"DIGEST":"$layer"`)), "400 MANIFEST_BLOB_UNKNOWN"},
		{"image and index", "1" + oci1, strings.Replace(image, "{", `{"manifests":[],`, 1), "400 MANIFEST_INVALID"},
		{"index and image", "1", strings.Replace(image, "{", `{"manifests":[],`, 1), "400 MANIFEST_INVALID"},
		{"long artifact type", "1" + oci1, strings.Replace(image, "{", `{"artifactType":"`+strings.Repeat("a", 256)+`",`, 1), "400 MANIFEST_INVALID"},
		{"long type of a config", "1" + oci1, strings.Replace(image, "application/vnd.oci.image.config", strings.Repeat("a", 256), 1), "400 MANIFEST_INVALID"},
		{"foreign", "1" + oci1, layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", ""), "201"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := c.do("PUT /v2/app/manifests/"+tt.call, tt.body, tt.want)
			if tt.want != "201" {
				return
			}
			ref, _, _ := strings.Cut(tt.call, " ")
			c.has(a, "Location: /v2/app/manifests/"+ref, "Content-Length: 0", "Oci-Tag:", "Oci-Subject:")
			if got := c.do("GET /v2/app/manifests/"+ref, "", "200"); got.body != tt.body {
				t.Errorf("came back as %q", got.body)
			} else {
				c.has(got, "Docker-Content-Digest: "+a.header.Get("Docker-Content-Digest"), "Etag: "+a.header.Get("Etag"))
			}
		})
	}
}

func TestMissingReferences(t *testing.T) {
	var layers []string
	for i := range 100 {
		layers = append(layers, fmt.Sprintf(`{"mediaType":"a/b","digest":"%s","size":1}`, digest.FromString(itoa(i%50))))
	}
	body := `{"config":{"mediaType":"a/c","digest":"$config","size":2},"layers":[` + strings.Join(layers, ",") + `]}`
	c := start(t, nil)
	c.blob("app", "config", "{}")
	call := "PUT /v2/app/manifests/1 -H Content-Type: " + oci.MediaTypeImageManifest
	a := c.do(call, c.expand(body), "400"+strings.Repeat(" MANIFEST_BLOB_UNKNOWN", 32))
	var e api.ErrorBody
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, one := range e.Errors {
		d := one.Detail.(map[string]any)["digest"].(string)
		if d != digest.FromString(itoa(i)).String() || seen[d] {
			t.Errorf("error %d is about %s", i, d)
		}
		seen[d] = true
	}
	c.do("GET /v2/app/manifests/1", "", "404 MANIFEST_UNKNOWN")
	c.do("GET /v2/app/manifests/"+digest.FromString(c.expand(body)).String(), "", "404 MANIFEST_UNKNOWN")

	sparse := start(t, &registry.Options{AllowSparse: true})
	sparse.set("config", digest.FromString("{}").String())
	sparse.manifest("app", "1", "m", oci.MediaTypeImageManifest, body)
	sparse.do("GET /v2/app/manifests/$m", "", "200")
}

func TestLargeManifests(t *testing.T) {
	c := start(t, nil)
	make := func(size int) string {
		const head, tail = `{"mediaType":"a/b","x":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	c.do("PUT /v2/app/manifests/1", make(oci.MaxManifest), "201")
	c.do("PUT /v2/app/manifests/1", make(oci.MaxManifest+1), "413 SIZE_INVALID")
	if a := c.send("PUT /v2/app/manifests/1", stream(make(oci.MaxManifest+1))); a.status != "413 SIZE_INVALID" {
		t.Errorf("streamed: %s", a.status)
	}
	conn := c.raw("PUT /v2/app/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n") // and not a byte of it
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 413 || !res.Close {
		t.Errorf("huge: %d, close %v", res.StatusCode, res.Close)
	}
}

func TestTagParameters(t *testing.T) {
	c := start(t, nil)
	c.set("m", digest.FromString(emptyIndex).String())
	c.set("512", digest.SHA512.FromString(emptyIndex).String())
	many := func(n int) (query, list string) {
		var q, l []string
		for i := range n {
			q, l = append(q, fmt.Sprintf("tag=t%d", i)), append(l, fmt.Sprintf("t%d", i))
		}
		return strings.Join(q, "&"), strings.Join(l, ", ")
	}
	for _, tt := range []struct{ query, want string }{
		{"tag=ok&tag=-bad", "400 MANIFEST_INVALID"},
		{"tag=ok&tag=", "400 MANIFEST_INVALID"},
	} {
		c.do("PUT /v2/app/manifests/$m?"+tt.query, emptyIndex, tt.want)
	}
	thousand, _ := many(1000)
	c.do("PUT /v2/app/manifests/$m?"+thousand, emptyIndex, "414 UNSUPPORTED")
	c.do("GET /v2/app/manifests/$m", "", "404 NAME_UNKNOWN") // nothing was written
	for _, n := range []int{1, 10, 128} {
		q, list := many(n)
		a := c.do("PUT /v2/app/manifests/$512?"+q, emptyIndex, "201")
		c.has(a, "Oci-Tag: "+list, "Docker-Content-Digest: $512", "Location: /v2/app/manifests/$512")
		for _, line := range a.header["Oci-Tag"] {
			if strings.Count(line, ",") >= 16 {
				t.Errorf("a line with %d tags", strings.Count(line, ",")+1)
			}
		}
		c.has(c.do(fmt.Sprintf("HEAD /v2/app/manifests/t%d", n-1), "", "200"), "Docker-Content-Digest: $512")
	}
	c.has(c.do("PUT /v2/app/manifests/$m?tag=a&tag=b&tag=a", emptyIndex, "201"), "Oci-Tag: a, b")
	c.has(c.do("PUT /v2/app/manifests/c?tag=d", emptyIndex, "201"), "Oci-Tag:")
	c.do("GET /v2/app/manifests/d", "", "404 MANIFEST_UNKNOWN")
}

func TestConditionalPush(t *testing.T) {
	c := start(t, nil)
	other := strings.Replace(emptyIndex, "2", "2,\"annotations\":{}", 1)
	c.set("a", digest.FromString(emptyIndex).String())
	c.set("b", digest.FromString(other).String())
	for _, tt := range []struct{ call, body, want string }{
		{`PUT /v2/app/manifests/1 -H If-Match: *`, emptyIndex, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-Match: "$a"`, emptyIndex, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-None-Match: *`, emptyIndex, "201"},
		{`PUT /v2/app/manifests/1 -H If-None-Match: *`, other, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-Match: "$b"`, other, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-Match: W/"$a"`, other, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-Match: "$b", "$a"`, other, "201"},
		{`PUT /v2/app/manifests/1 -H If-None-Match: "$b"`, emptyIndex, "412 DENIED"},
		{`PUT /v2/app/manifests/1 -H If-None-Match: "$a"`, emptyIndex, "201"},
		{`PUT /v2/app/manifests/1 -H If-Match: *`, other, "201"},
		{`DELETE /v2/app/manifests/1 -H If-Match: "$b"`, "", "400 UNSUPPORTED"}, // nobody could hold the tag meanwhile
		{`DELETE /v2/app/manifests/1 -H If-None-Match: "$a"`, "", "400 UNSUPPORTED"},
		{`DELETE /v2/app/manifests/1`, "", "202"},
	} {
		c.do(tt.call, tt.body, tt.want)
	}
}

func TestOneOfManyUnsetPushesWins(t *testing.T) {
	c := start(t, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[string]int{}
	for i := range 8 {
		wg.Go(func() {
			body := fmt.Sprintf(`{"mediaType":"a/b","i":%d}`, i)
			a := c.send("PUT /v2/app/manifests/1 -H If-None-Match: *", strings.NewReader(body))
			mu.Lock()
			count[a.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if count["201"] != 1 || count["412 DENIED"] != 7 {
		t.Errorf("%v", count)
	}
}

func TestDeleteManifest(t *testing.T) {
	c := start(t, nil)
	c.image("app", "1", "m")
	c.manifest("app", "2", "m", oci.MediaTypeImageManifest, imageJSON)
	c.manifest("app", "3", "m", oci.MediaTypeImageManifest, imageJSON)
	c.do("DELETE /v2/app/manifests/1", "", "202")
	c.do("GET /v2/app/manifests/1", "", "404 MANIFEST_UNKNOWN")
	c.do("DELETE /v2/app/manifests/1", "", "404 MANIFEST_UNKNOWN")
	c.do("GET /v2/app/manifests/2", "", "200")
	c.do("DELETE /v2/app/manifests/$m", "", "202")
	for _, ref := range []string{"2", "3", "$m"} {
		c.do("GET /v2/app/manifests/"+ref, "", "404 MANIFEST_UNKNOWN")
	}
	c.do("DELETE /v2/app/manifests/$m", "", "404 MANIFEST_UNKNOWN")
	c.do("DELETE /v2/none/manifests/$m", "", "404 NAME_UNKNOWN")
	if got := c.do("GET /v2/app/tags/list", "", "200").body; got != `{"name":"app","tags":[]}` {
		t.Errorf("tags left: %s", got)
	}
}

// FuzzPutManifest holds that no body makes the registry fail, and that what it takes it gives back byte for byte.
func FuzzPutManifest(f *testing.F) {
	for _, s := range []string{"", "null", "{}", `[]`, imageJSON, emptyIndex, `{"mediaType":1}`, `{"layers":{}}`, `{"subject":{"digest":"x"}}`,
		`{"manifests":[null]}`, `{"config":null,"annotations":{"a":null}}`, "\xff", `{"mediaType":"\u0000"}`, `{"a":1e999}`} {
		f.Add("application/vnd.oci.image.manifest.v1+json", s)
		f.Add("", s)
	}
	f.Add("a/b; c", `{"subject":{"mediaType":"a/b","digest":"sha256:`+strings.Repeat("0", 64)+`","size":0}}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		h := registry.New(memory.New(), &registry.Options{AllowSparse: len(body)%2 == 0})
		call := func(method, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/v2/app/manifests/1", strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		put := call("PUT", body)
		if put.Code >= 500 {
			t.Fatalf("%d %s", put.Code, put.Body)
		}
		if got := call("GET", ""); put.Code == 201 && (got.Code != 200 || got.Body.String() != body) {
			t.Errorf("%d %q", got.Code, got.Body)
		}
	})
}
