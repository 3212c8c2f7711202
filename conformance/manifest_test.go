package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vitrine/registry"
)

func TestManifest(t *testing.T) { // end-3, end-7a, end-9
	runScripts(t, []scriptCase{
		{"by tag", "", `
			BLOBS $r
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: $img() => 201 | Location: >l | Docker-Content-Digest: $sha256($img())
			GET $l => 200 | Body: $img()
			GET /v2/$r/manifests/t  => 200 | Body: $img() | Content-Type: $image | Docker-Content-Digest: $sha256($img()) | ETag: *
			HEAD /v2/$r/manifests/t => 200 | Content-Type: $image | Docker-Content-Digest: $sha256($img()) | Content-Length: ~^[0-9]+$
			GET /v2/$r/manifests/$sha256($img())  => 200 | Body: $img() | Content-Type: $image | Cache-Control: ~immutable
			HEAD /v2/$r/manifests/$sha256($img()) => 200 | Content-Type: $image | Docker-Content-Digest: $sha256($img())`},
		{"by digest", "", `
			BLOBS $r
			PUT /v2/$r/manifests/$sha256($img()) | Content-Type: $image | Body: $img() => 201 | Location: >l | Docker-Content-Digest: $sha256($img())
			GET $l                                => 200 | Body: $img()
			PUT /v2/$r/manifests/$sha512($img()) | Content-Type: $image | Body: $img() => 201 | Location: >l | Docker-Content-Digest: $sha512($img())
			GET $l                                => 200 | Body: $img()
			GET /v2/$r/manifests/$sha512($img())  => 200 | Body: $img() | Docker-Content-Digest: $sha512($img())
			GET /v2/$r/tags/list                  => 200 | Body: {"name":"$r","tags":[]}`},
		{"unknown", "", `
			GET /v2/$r/manifests/t        => 404 NAME_UNKNOWN
			GET /v2/$r/manifests/$absent  => 404 NAME_UNKNOWN
			HEAD /v2/$r/manifests/t       => 404
			BLOBS $r
			GET /v2/$r/manifests/t        => 404 MANIFEST_UNKNOWN
			GET /v2/$r/manifests/$absent  => 404 MANIFEST_UNKNOWN
			# a manifest is none of the blobs that were pushed
			GET /v2/$r/manifests/$sha256({})  => 404 MANIFEST_UNKNOWN
			HEAD /v2/$r/manifests/$absent => 404`},
		{"wrong digest", "", `
			BLOBS $r
			PUT /v2/$r/manifests/$absent | Body: $img()            => 400 DIGEST_INVALID
			GET /v2/$r/manifests/$absent                           => 404
			GET /v2/$r/manifests/$sha256($img())                   => 404
			PUT /v2/$r/manifests/sha256:abc | Body: $img()         => 400 DIGEST_INVALID
			PUT /v2/$r/manifests/md5:$rep(a,32) | Body: $img()     => 400 DIGEST_INVALID
			GET /v2/$r/manifests/sha256:$rep(A,64)                 => 400 DIGEST_INVALID
			DELETE /v2/$r/manifests/sha256:abc                     => 400|405`},
		{"conditions", "", `
			BLOBS $r
			PUT /v2/$r/manifests/t | Body: $img() => 201
			HEAD /v2/$r/manifests/t => 200 | ETag: >etag
			GET /v2/$r/manifests/t | If-None-Match: $etag               => 304 | Body: !
			GET /v2/$r/manifests/t | If-None-Match: W/"x", $etag        => 304
			GET /v2/$r/manifests/$sha256($img()) | If-None-Match: $etag => 304
			GET /v2/$r/manifests/t | If-None-Match: "other"             => 200 | Body: $img()`},
		{"conditional push", "", `
			# RFC 9110, 13.1: clients keep the referrers tag by it ("Referrers Tag Schema")
			BLOBS $r
			LET m2 = $img(,"annotations":{"n":"2"})
			PUT /v2/$r/manifests/t | Body: $img() | If-Match: *              => 412
			PUT /v2/$r/manifests/t | Body: $img() | If-None-Match: *         => 201
			PUT /v2/$r/manifests/t | Body: $m2 | If-None-Match: *            => 412
			HEAD /v2/$r/manifests/t => 200 | Docker-Content-Digest: $sha256($img()) | ETag: >etag
			PUT /v2/$r/manifests/t | Body: $m2 | If-Match: "sha256:$rep(0,64)" => 412
			GET /v2/$r/manifests/t  => 200 | Body: $img()
			PUT /v2/$r/manifests/t | Body: $m2 | If-Match: $etag             => 201
			PUT /v2/$r/manifests/t | Body: $m2 | If-Match: $etag             => 412
			GET /v2/$r/manifests/t  => 200 | Body: $m2`},
		{"a tag moves", "", `
			BLOBS $r
			LET m2 = $img(,"annotations":{"n":"2"})
			PUT /v2/$r/manifests/t | Body: $img() => 201
			PUT /v2/$r/manifests/t | Body: $m2    => 201
			PUT /v2/$r/manifests/t | Body: $m2    => 201
			GET /v2/$r/manifests/t                => 200 | Body: $m2
			GET /v2/$r/manifests/$sha256($img())  => 200 | Body: $img()
			GET /v2/$r/tags/list                  => 200 | Body: {"name":"$r","tags":["t"]}`},
		{"any kind", "", `
			BLOBS $r
			PUT /v2/$r/manifests/image | Content-Type: $image | Body: $img() => 201
			LET d = {"schemaVersion":2,"mediaType":"$docker","config":$desc(application/vnd.docker.container.image.v1+json,{}),"layers":[$desc(application/vnd.docker.image.rootfs.diff.tar.gzip,layer)]}
			PUT /v2/$r/manifests/docker | Content-Type: $docker | Body: $d => 201
			GET /v2/$r/manifests/docker => 200 | Content-Type: $docker | Body: $d
			LET l = {"schemaVersion":2,"mediaType":"$list","manifests":[$desc($docker,$d)]}
			PUT /v2/$r/manifests/list | Content-Type: $list | Body: $l => 201
			GET /v2/$r/manifests/list => 200 | Content-Type: $list | Body: $l
			LET i = {"schemaVersion":2,"mediaType":"$index","manifests":[$desc($image,$img()),$desc($list,$l)]}
			PUT /v2/$r/manifests/index | Content-Type: $index | Body: $i => 201
			GET /v2/$r/manifests/$sha256($i) => 200 | Content-Type: $index | Body: $i
			PUT /v2/$r/manifests/empty | Content-Type: $index | Body: $idx() => 201
			LET x = {"anything": [1, {"a": null}]}
			PUT /v2/$r/manifests/other | Content-Type: application/vnd.example.thing+json | Body: $x => 201
			GET /v2/$r/manifests/other => 200 | Content-Type: application/vnd.example.thing+json | Body: $x`},
		{"content type", "", `
			BLOBS $r
			PUT /v2/$r/manifests/p | Content-Type: $image; charset=utf-8 | Body: $img() => 201
			GET /v2/$r/manifests/p => 200 | Content-Type: $image
			PUT /v2/$r/manifests/none | Body: $img() => 201
			GET /v2/$r/manifests/none => 200 | Content-Type: $image
			PUT /v2/$r/manifests/wrong | Content-Type: $index | Body: $img() => 400 MANIFEST_INVALID
			GET /v2/$r/manifests/wrong => 404
			GET /v2/$r/manifests/p | Accept: */* => 200 | Content-Type: $image
			GET /v2/$r/manifests/p | Accept: $index, $image => 200 | Content-Type: $image`},
		{"not JSON", "", `
			PUT /v2/$r/manifests/t | Content-Type: $image                        => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: {              => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: null           => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: []             => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: "manifest"     => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: 1              => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: hello          => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: $img()$img()   => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: $img()x        => 400 MANIFEST_INVALID
			GET /v2/$r/tags/list => 404 NAME_UNKNOWN`},
		{"JSON that is no manifest", "", `
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":5}                  => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":[5]}                => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":[{"digest":"x"}]}   => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":[{}]}               => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"subject":"x"}                  => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"subject":{"digest":"../../x"}} => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"annotations":[]}               => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: {"config":[],"layers":{}}        => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: {"mediaType":7}                  => 400 MANIFEST_INVALID`},
		{"deep nesting", "", `
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":[],"x":$rep([,1000)$rep(],1000)}       => 201|400
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"manifests":[],"x":$rep([,1000000)$rep(],1000000)} => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: $rep([,1000000)                                     => 400 MANIFEST_INVALID
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: $rep({"a":,500000)                                  => 400 MANIFEST_INVALID`},
		{"delete a tag", "delete", `
			BLOBS $r
			PUT /v2/$r/manifests/a | Body: $img()  => 201
			PUT /v2/$r/manifests/b | Body: $img()  => 201
			DELETE /v2/$r/manifests/a              => 202
			GET /v2/$r/manifests/a                 => 404 MANIFEST_UNKNOWN
			HEAD /v2/$r/manifests/a                => 404
			DELETE /v2/$r/manifests/a              => 404 MANIFEST_UNKNOWN
			GET /v2/$r/manifests/b                 => 200
			GET /v2/$r/manifests/$sha256($img())   => 200 | Body: $img()
			GET /v2/$r/tags/list                   => 200 | Body: {"name":"$r","tags":["b"]}`},
		{"delete a manifest and its tags", "delete", `
			BLOBS $r
			BLOBS $r2
			LET m2 = $img(,"annotations":{"n":"2"})
			PUT /v2/$r/manifests/a | Body: $img()  => 201
			PUT /v2/$r/manifests/b | Body: $img()  => 201
			PUT /v2/$r/manifests/c | Body: $m2     => 201
			PUT /v2/$r2/manifests/a | Body: $img() => 201
			DELETE /v2/$r/manifests/$sha256($img()) => 202
			GET /v2/$r/manifests/$sha256($img())   => 404 MANIFEST_UNKNOWN
			GET /v2/$r/manifests/a                 => 404 MANIFEST_UNKNOWN
			GET /v2/$r/manifests/b                 => 404 MANIFEST_UNKNOWN
			GET /v2/$r/manifests/c                 => 200 | Body: $m2
			GET /v2/$r/tags/list                   => 200 | Body: {"name":"$r","tags":["c"]}
			DELETE /v2/$r/manifests/$sha256($img()) => 404 MANIFEST_UNKNOWN
			GET /v2/$r2/manifests/a                => 200 | Body: $img()
			PUT /v2/$r/manifests/b | Body: $img()  => 201
			GET /v2/$r/tags/list                   => 200 | Body: {"name":"$r","tags":["b","c"]}`},
		{"delete where nothing is", "delete", `
			DELETE /v2/$r/manifests/t              => 404 NAME_UNKNOWN|MANIFEST_UNKNOWN
			DELETE /v2/$r/manifests/$absent        => 404 NAME_UNKNOWN|MANIFEST_UNKNOWN`},
	})
}

func TestManifestReferences(t *testing.T) {
	runScripts(t, []scriptCase{
		{"absent", "strict", `
			PUT /v2/$r/manifests/t | Body: $img()                   => 400 MANIFEST_BLOB_UNKNOWN
			BLOB $r {}
			PUT /v2/$r/manifests/t | Body: $img()                   => 400 MANIFEST_BLOB_UNKNOWN
			GET /v2/$r/manifests/t                                  => 404
			LET i = {"schemaVersion":2,"mediaType":"$index","manifests":[$desc($image,$img())]}
			PUT /v2/$r/manifests/t | Body: $i                       => 400 MANIFEST_BLOB_UNKNOWN
			BLOB $r layer
			PUT /v2/$r/manifests/t | Body: $i                       => 400 MANIFEST_BLOB_UNKNOWN
			PUT /v2/$r/manifests/t | Body: $img()                   => 201
			PUT /v2/$r/manifests/t | Body: $i                       => 201`},
		{"in another repository", "strict", `
			BLOBS $r2
			PUT /v2/$r/manifests/t | Body: $img()                   => 400 MANIFEST_BLOB_UNKNOWN`},
		{"kept elsewhere", "", `
			BLOB $r {}
			LET u = {"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$absent","size":3,"urls":["http://example.org/x"]}
			LET n = {"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"$absent","size":3}
			LET m = {"schemaVersion":2,"mediaType":"$image","config":$desc(application/vnd.oci.image.config.v1+json,{}),"layers":[$u,$n]}
			PUT /v2/$r/manifests/t | Body: $m                       => 201`},
		{"only layers are kept elsewhere", "strict", `
			BLOBS $r
			LET c = {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$absent","size":3,"urls":["http://example.org/x"]}
			PUT /v2/$r/manifests/t | Body: {"schemaVersion":2,"mediaType":"$image","config":$c,"layers":[]}    => 400 MANIFEST_BLOB_UNKNOWN
			PUT /v2/$r/manifests/t | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[$c]}           => 400 MANIFEST_BLOB_UNKNOWN`},
		{"keys are exact", "strict", `
			BLOBS $r
			LET l = {"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$absent","size":3,"DIGEST":"$sha256(layer)"}
			LET m = {"schemaVersion":2,"mediaType":"$image","config":$desc(application/vnd.oci.image.config.v1+json,{}),"layers":[$l]}
			PUT /v2/$r/manifests/t | Body: $m                       => 400 MANIFEST_BLOB_UNKNOWN`},
		{"image and index at once", "strict", `
			# CVE-2021-41190: clients would not agree on what it is
			BLOBS $r
			LET m = $img(,"manifests":[])
			PUT /v2/$r/manifests/t | Content-Type: $image | Body: $m => 400 MANIFEST_INVALID
			LET d = $desc(application/vnd.oci.image.config.v1+json,{})
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: {"schemaVersion":2,"config":$d,"layers":[$d],"manifests":[]} => 400 MANIFEST_INVALID`},
		{"an absent subject", "", `
			BLOBS $r
			LET m = $img(,"subject":{"mediaType":"$image","digest":"$absent","size":3})
			PUT /v2/$r/manifests/t | Body: $m                       => 201 | OCI-Subject: $absent
			PUT /v2/$r/manifests/$sha256($m) | Body: $m             => 201 | OCI-Subject: $absent
			PUT /v2/$r/manifests/u | Body: $img()                   => 201 | OCI-Subject: !`},
	})
}

// TestSparse pushes manifests whose layers and children are absent to a registry that allows it.
func TestSparse(t *testing.T) {
	onEachWith(t, &registry.Options{AllowSparse: true}, func(t *testing.T, tg *target) {
		if !tg.sparse {
			t.Skip("this registry checks references")
		}
		newScript(t, tg).run(`
			PUT /v2/$r/manifests/t | Body: $img()    => 201
			LET i = {"schemaVersion":2,"mediaType":"$index","manifests":[$desc($image,x),$desc($image,$img())]}
			PUT /v2/$r/manifests/i | Body: $i        => 201
			GET /v2/$r/manifests/i                   => 200 | Body: $i
			GET /v2/$r/blobs/$sha256(layer)          => 404
			GET /v2/$r/manifests/$sha256(x)          => 404
			BLOB $r layer
			GET /v2/$r/blobs/$sha256(layer)          => 200 | Body: layer`)
	})
}

// TestManifestBytes pushes a manifest that a JSON encoder would write otherwise, and wants the very bytes back.
func TestManifestBytes(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		s.vars["m"] = "\t{ \"manifests\" : [ ] ,\r\n \"mediaType\":\"" + mtIndex + "\",\"schemaVersion\":2.0, \"\\u0061\": \"\\ud83d\\ude00 \xc3\xa9\"}\n\n"
		s.run(`
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: $m => 201 | Docker-Content-Digest: $sha256($m)
			HEAD /v2/$r/manifests/t                                  => 200 | Docker-Content-Digest: $sha256($m)`)
		for _, ref := range []string{"t", "$sha256($m)"} {
			if a := s.request("GET /v2/$r/manifests/" + ref + " => 200"); a.body != s.vars["m"] {
				t.Errorf("got %q, want %q", a.body, s.vars["m"])
			}
		}
	})
}

// TestManifestSize pushes manifests up to and over 4 MiB ("Pushing Manifests"), with and without a length.
func TestManifestSize(t *testing.T) {
	const chunked = " | Transfer-Encoding: chunked"
	onEach(t, func(t *testing.T, tg *target) {
		for _, c := range []struct {
			size    int
			codings []string
			want    string
		}{{4 << 20, []string{"", chunked}, "201"}, {4<<20 + 1, []string{"", chunked}, "413 SIZE_INVALID"}, {16 << 20, []string{chunked}, "413 SIZE_INVALID"}} {
			for _, coding := range c.codings {
				s := newScript(t, tg)
				s.vars["m"] = fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"a":"%s"}}`, strings.Repeat("x", c.size-60))
				s.vars["m"] += strings.Repeat(" ", c.size-len(s.vars["m"]))
				s.run("PUT /v2/$r/manifests/t | Content-Type: $index | Body: $m" + coding + " => " + c.want)
				if c.want == "201" {
					s.run("GET /v2/$r/manifests/t => 200 | Body: $m")
				}
			}
		}
	})
}

// TestTagParameters pushes by digest with tags [end-7b]. 10 must do; of 1,000 either all come into being or none, with 414 or 431.
func TestTagParameters(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		for _, n := range []int{1, 10, 1000} {
			t.Run(fmt.Sprint(n), func(t *testing.T) { pushTags(t, tg, n) })
		}
	})
	runScripts(t, []scriptCase{
		{"bad", "", `
			BLOBS $r
			PUT /v2/$r/manifests/$sha256($img())?tag=a&tag=-b | Body: $img() => 400
			PUT /v2/$r/manifests/$sha256($img())?tag=a&tag= | Body: $img()   => 400
			GET /v2/$r/manifests/a                                           => 404
			PUT /v2/$r/manifests/$absent?tag=a | Body: $img()                => 400 DIGEST_INVALID
			GET /v2/$r/manifests/a                                           => 404`},
		{"sha512", "", `
			BLOBS $r
			PUT /v2/$r/manifests/$sha512($img())?tag=a&tag=b | Body: $img() => 201 | OCI-Tag: ~a, ?b | Docker-Content-Digest: $sha512($img())
			GET /v2/$r/manifests/b                                          => 200 | Body: $img() | Docker-Content-Digest: $sha512($img())`},
	})
}

func pushTags(t *testing.T, tg *target, n int) {
	s := newScript(t, tg)
	s.run("BLOBS $r")
	want := map[string]bool{}
	var query strings.Builder
	for i := range n {
		tag := fmt.Sprintf("tag-%04d", i)
		want[tag] = true
		query.WriteString("&tag=" + tag)
	}
	a := s.request("PUT /v2/$r/manifests/$sha256($img())?" + query.String()[1:] + " | Body: $img() => 201|414|431")
	if a.status != http.StatusCreated {
		if n <= 10 {
			t.Errorf("got %d for %d tags, want 201", a.status, n)
		}
		s.run("GET /v2/$r/manifests/tag-0000 => 404")
		return
	}
	got := map[string]bool{}
	for _, tag := range strings.Split(strings.Join(a.header.Values("OCI-Tag"), ","), ",") {
		got[strings.TrimSpace(tag)] = true
	}
	if len(got) != n || !got["tag-0000"] || !got[fmt.Sprintf("tag-%04d", n-1)] {
		t.Errorf("got OCI-Tag for %d tags, want %d", len(got), n)
	}
	if tags := s.collectTags("/v2/$r/tags/list"); len(tags) != n {
		t.Errorf("got %d tags listed, want %d", len(tags), n)
	}
	s.run("GET /v2/$r/manifests/" + fmt.Sprintf("tag-%04d", n-1) + " => 200 | Body: $img()")
}
