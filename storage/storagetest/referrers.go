package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var referrersTests = []test{
	{"none", testReferrersNone},
	{"subject missing, then there", testReferrersSubjectLater},
	{"sha512", testReferrersSHA512},
	{"what is shown", testReferrersShown},
	{"order", testReferrersOrder},
	{"put twice", testReferrersPutTwice},
	{"delete", testReferrersDelete},
	{"of one repository", testReferrersOneRepository},
	{"of referrers", testReferrersChain},
}

// wantReferrers checks who refers to d, in the order of their digests.
func wantReferrers(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest, want ...storage.Manifest) {
	t.Helper()
	var all []short
	for _, m := range want {
		all = append(all, brief(m.Descriptor))
	}
	slices.SortFunc(all, byDigest)
	wantDescriptors(t, fmt.Sprintf("Referrers(%s, %s)", repo, d), list(t, s.Referrers(t.Context(), repo, d)), all)
}

func testReferrersNone(t *testing.T, s storage.Store) {
	wantReferrers(t, s, none, blobOf("x"))
	m := image(t, "m")
	push(t, s, app, m, "latest")
	wantReferrers(t, s, app, m.Digest)
	wantReferrers(t, s, app, blobOf("x"))
	wantReferrers(t, s, app, "") // "" is the subject of those that have none
}

func testReferrersSubjectLater(t *testing.T, s storage.Store) {
	m := image(t, "m")
	early, late := referrer(t, "early", m.Digest), referrer(t, "late", m.Digest)
	push(t, s, app, early)
	wantReferrers(t, s, app, m.Digest, early)
	push(t, s, app, m, "latest")
	wantReferrers(t, s, app, m.Digest, early)
	push(t, s, app, late, "note")
	wantReferrers(t, s, app, m.Digest, early, late)
	if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteManifest of the subject = %v", err)
	}
	wantReferrers(t, s, app, m.Digest, early, late)
}

// testReferrersSHA512 checks that subjects are told apart by their digests, not by their bytes.
func testReferrersSHA512(t *testing.T, s storage.Store) {
	const raw = `{"manifests":[]}`
	a, b := parse(t, oci.MediaTypeImageIndex, raw, digest.SHA256), parse(t, oci.MediaTypeImageIndex, raw, digest.SHA512)
	push(t, s, app, b)
	toA, toB := referrer(t, "r", a.Digest), referrer(t, "r", b.Digest)
	long := parse(t, oci.MediaTypeImageIndex, string(toB.Raw), digest.SHA512)
	push(t, s, app, toA)
	push(t, s, app, toB)
	push(t, s, app, long)
	wantReferrers(t, s, app, a.Digest, toA)
	wantReferrers(t, s, app, b.Digest, toB, long)
}

// testReferrersShown pushes one referrer of each kind and compares what the list says of it [end-12a].
func testReferrersShown(t *testing.T, s storage.Store) {
	subject := fmt.Sprintf(`"subject":{"mediaType":%q,"digest":%q,"size":7}`, oci.MediaTypeImageManifest, blobOf("x"))
	config := fmt.Sprintf(`"config":{"mediaType":"application/vnd.example.config","digest":%q,"size":2}`, blobOf("{}"))
	for name, tt := range map[string]struct{ contentType, raw, artifactType string }{
		"image":    {oci.MediaTypeImageManifest, `{"artifactType":"a/b",` + config + `,` + subject + `,"layers":[]}`, "a/b"},
		"config":   {oci.MediaTypeImageManifest, `{` + config + `,"layers":[],"annotations":{"k":"v","":"é"},` + subject + `}`, "application/vnd.example.config"},
		"index":    {oci.MediaTypeImageIndex, `{"artifactType":"c/d","manifests":[],` + subject + `,"annotations":{"k":"v"}}`, "c/d"},
		"untyped":  {oci.MediaTypeImageIndex, `{"manifests":[],` + subject + `}`, ""},
		"artifact": {oci.MediaTypeArtifactManifest, `{"artifactType":"e/f","blobs":[],` + subject + `}`, "e/f"},
		"else":     {"application/vnd.example+json", `{` + subject + `,"annotations":{}}`, ""},
	} {
		repo := oci.Name("kinds/" + name)
		m := parse(t, tt.contentType, tt.raw, digest.SHA256)
		push(t, s, repo, m)
		all := list(t, s.Referrers(t.Context(), repo, blobOf("x")))
		if len(all) != 1 {
			t.Errorf("%s: Referrers yields %v, want one", name, all)
			continue
		}
		got := all[0]
		if brief(got) != brief(m.Descriptor) || got.ArtifactType != tt.artifactType || !maps.Equal(got.Annotations, m.Annotations) {
			t.Errorf("%s: Referrers yields %+v, want %+v with artifact type %q", name, got, m.Descriptor, tt.artifactType)
		}
	}
}

func testReferrersOrder(t *testing.T, s storage.Store) {
	var all []storage.Manifest
	for i := range 60 {
		m := referrer(t, fmt.Sprint(i), blobOf("x"))
		push(t, s, app, m)
		all = append(all, m)
	}
	wantReferrers(t, s, app, blobOf("x"), all...)
	for range s.Referrers(t.Context(), app, blobOf("x")) {
		break
	}
}

func testReferrersPutTwice(t *testing.T, s storage.Store) {
	m := referrer(t, "m", blobOf("x"))
	push(t, s, app, m, "a")
	push(t, s, app, m, "b")
	wantReferrers(t, s, app, blobOf("x"), m)
}

func testReferrersDelete(t *testing.T, s storage.Store) {
	gone, stays := referrer(t, "gone", blobOf("x")), referrer(t, "stays", blobOf("x"))
	push(t, s, app, gone, "gone")
	push(t, s, app, stays)
	if err := s.DeleteTag(t.Context(), app, "gone"); err != nil {
		t.Fatalf("DeleteTag = %v", err)
	}
	wantReferrers(t, s, app, blobOf("x"), gone, stays)
	for _, m := range []storage.Manifest{gone, stays} {
		if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
			t.Fatalf("DeleteManifest = %v", err)
		}
		if m.Digest == gone.Digest {
			wantReferrers(t, s, app, blobOf("x"), stays)
		}
	}
	wantReferrers(t, s, app, blobOf("x"))
	push(t, s, app, gone)
	wantReferrers(t, s, app, blobOf("x"), gone)
}

func testReferrersOneRepository(t *testing.T, s storage.Store) {
	here, there := referrer(t, "here", blobOf("x")), referrer(t, "there", blobOf("x"))
	push(t, s, app, here)
	push(t, s, other, there)
	push(t, s, other, image(t, "m"))
	wantReferrers(t, s, app, blobOf("x"), here)
	wantReferrers(t, s, other, blobOf("x"), there)
}

func testReferrersChain(t *testing.T, s storage.Store) {
	m := image(t, "m")
	note := referrer(t, "note", m.Digest)
	signature := referrer(t, "signature", note.Digest)
	for _, m := range []storage.Manifest{signature, m, note} {
		push(t, s, app, m)
	}
	wantReferrers(t, s, app, m.Digest, note)
	wantReferrers(t, s, app, note.Digest, signature)
	wantReferrers(t, s, app, signature.Digest)
}
