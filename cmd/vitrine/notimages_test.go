package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/storage/oci"
)

// TestNotImages: a repository of other packages is no place for images, whatever is asked of it, and shows in no list.
func TestNotImages(t *testing.T) {
	s := openServer(t, "--ephemeral")
	s.mounts.put(&plan{config: configWith(t, `"yum": {"type": "local", "package": "rpm"}`, team)})
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	layer := pushImage(t, hs.URL)
	c := client(t)
	for _, request := range []string{
		"GET app/manifests/1", "DELETE app/manifests/1", "GET app/manifests/$d", "DELETE app/manifests/$d", "PUT app/manifests/1", "GET app/tags/list",
		"GET app/referrers/$d", "GET app/blobs/$d", "DELETE app/blobs/$d", "POST app/blobs/uploads/", "POST app/blobs/uploads/?mount=$d&from=app",
		"GET app/blobs/uploads/0", "PATCH app/blobs/uploads/0", "GET manifests/1",
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequest(method, hs.URL+"/v2/yum/"+strings.ReplaceAll(path, "$d", layer.String()), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", oci.MediaTypeImageManifest)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := `"code":"NAME_INVALID","message":"invalid repository name: repository yum holds rpm packages, not images"`; resp.StatusCode != 400 || !strings.Contains(string(body), want) {
			t.Errorf("%s = %d %s", request, resp.StatusCode, body)
		}
	}
	if code, body := fetch(t, hs.URL+"/v2/_catalog"); code != 200 || strings.Contains(body, "yum") {
		t.Errorf("_catalog = %d %s", code, body)
	}
	if code, _ := fetch(t, hs.URL+"/r/yum/app:1"); code != 400 {
		t.Errorf("a page = %d, want 400", code)
	}
	if got := status(t, c, "POST", hs.URL+"/v2/app/blobs/uploads/?mount="+layer.String()+"&from=yum/app", nil); got != 202 {
		t.Errorf("a mount from there = %d, want an upload: 202", got)
	}
}
