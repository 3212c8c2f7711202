//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// at is content in a repository.
type at struct {
	repo   string
	digest digest.Digest
}

// pointer is a tag in a repository.
type pointer struct{ repo, tag string }

// half is an upload that has begun.
type half struct {
	repo, location string
	content        content
	acked, sent    int // bytes that were answered 202, and that were sent at least in part
}

// journal is what a server acknowledged, and so must still have.
type journal struct {
	mu        sync.Mutex
	blobs     map[at]bool
	manifests map[at]bool
	referrers map[at]digest.Digest               // subject -> one of its referrers
	tags      map[pointer]map[digest.Digest]bool // what the tag may point at
	acked     map[pointer]bool                   // tags that must be there
	halves    map[*half]bool
	files     paths

	powerCut bool // uploads that no byte was sent to may be gone: opening one does not sync
}

func newJournal() *journal {
	return &journal{
		blobs: map[at]bool{}, manifests: map[at]bool{}, referrers: map[at]digest.Digest{},
		tags: map[pointer]map[digest.Digest]bool{}, acked: map[pointer]bool{}, halves: map[*half]bool{},
		files: newPaths(),
	}
}

// note changes the journal.
func (j *journal) note(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// count is the number of blobs, manifests and tags that were acknowledged.
func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.blobs) + len(j.manifests) + len(j.acked) + len(j.files.acked)
}

func (j *journal) mayPoint(p pointer, d digest.Digest) {
	j.note(func() {
		if j.tags[p] == nil {
			j.tags[p] = map[digest.Digest]bool{}
		}
		j.tags[p][d] = true
	})
}

// points notes that the tag was set. Nobody else sets a tag that is not contested, so it points at nothing else.
func (j *journal) points(p pointer, d digest.Digest, contested bool) {
	j.note(func() {
		j.acked[p] = true
		if !contested {
			j.tags[p] = map[digest.Digest]bool{d: true}
		}
	})
}

func (j *journal) String() string {
	return fmt.Sprintf("%d blobs, %d manifests, %d tags, %d referrers, %d half uploads, %d files and %d deletions",
		len(j.blobs), len(j.manifests), len(j.acked), len(j.referrers), len(j.halves), len(j.files.acked), len(j.files.gone))
}

// check holds a server that came back to its word. Half uploads are gone on with and finished.
func (j *journal) check(t *testing.T, s *server) {
	t.Helper()
	for b := range j.blobs {
		if _, err := s.fetch(b.repo).get(b.digest); err != nil {
			t.Errorf("acknowledged blob in %s: %v", b.repo, err)
		}
	}
	for m := range j.manifests {
		s.checkManifest(t, m.repo, string(m.digest))
	}
	j.checkTags(t, s)
	j.checkReferrers(t, s)
	j.files.check(t, s)
	for h := range j.halves {
		if h.goOn(t, s, j.powerCut) {
			j.blobs[at{h.repo, h.content.digest()}] = true
		}
	}
	clear(j.halves)
}

// checkManifest fails t unless the manifest is there, hashes right and has all that it refers to.
func (s *server) checkManifest(t *testing.T, repo, reference string) digest.Digest {
	t.Helper()
	a, err := s.send("GET", "/v2/"+repo+"/manifests/"+reference, nil, "Accept", acceptAll)
	if err != nil || a.status != 200 {
		t.Errorf("manifest %s in %s: %v, status %d: %.200s", reference, repo, err, a.status, a.body)
		return ""
	}
	d := digest.FromBytes(a.body)
	if strings.Contains(reference, ":") && string(d) != reference {
		t.Errorf("manifest %s in %s has other bytes, %s", reference, repo, d)
	}
	var m manifest
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Errorf("manifest %s in %s: %v", reference, repo, err)
		return d
	}
	for _, l := range append(m.Layers, *m.Config) {
		if a, err := s.send("HEAD", "/v2/"+repo+"/blobs/"+string(l.Digest), nil); err != nil || a.status != 200 {
			t.Errorf("manifest %s in %s refers to %s: %v, status %d", reference, repo, l.Digest, err, a.status)
		}
	}
	return d
}

// checkTags looks at every tag that was acknowledged, and at every tag that is listed, acknowledged or not.
func (j *journal) checkTags(t *testing.T, s *server) {
	t.Helper()
	repos := map[string]bool{}
	for p := range j.acked {
		repos[p.repo] = true
		d := s.checkManifest(t, p.repo, p.tag)
		if d != "" && !j.tags[p][d] {
			t.Errorf("%s:%s points at %s, want one of %v", p.repo, p.tag, d, slices.Collect(maps.Keys(j.tags[p])))
		}
	}
	for repo := range repos {
		a := s.expect(t, 200, "GET", "/v2/"+repo+"/tags/list?n=10000", nil)
		var list struct{ Tags []string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Errorf("tags of %s: %v", repo, err)
		}
		for _, tag := range list.Tags {
			if !j.acked[pointer{repo, tag}] {
				s.checkManifest(t, repo, tag)
			}
		}
	}
}

func (j *journal) checkReferrers(t *testing.T, s *server) {
	t.Helper()
	for subject, d := range j.referrers {
		a := s.expect(t, 200, "GET", "/v2/"+subject.repo+"/referrers/"+string(subject.digest), nil)
		if !bytes.Contains(a.body, []byte(d)) {
			t.Errorf("the referrers of %s in %s lack %s: %.300s", subject.digest, subject.repo, d, a.body)
		}
	}
}

// goOn asks where the upload stands, sends the rest and closes it. It reports whether there is a blob then.
func (h *half) goOn(t *testing.T, s *server, emptyMayBeGone bool) bool {
	t.Helper()
	a, err := s.send("GET", h.location, nil)
	if err == nil && a.status == 404 && h.acked == 0 && emptyMayBeGone {
		return false
	}
	offset, ok := rangeEnd(a.header)
	if err != nil || a.status != 204 || !ok {
		t.Errorf("upload in %s, %d bytes acknowledged: %v, status %d, Range %q: %.200s", h.repo, h.acked, err, a.status, a.header.Get("Range"), a.body)
		return false
	}
	if offset < h.acked || offset > h.sent {
		t.Errorf("upload in %s goes on at %d, %d bytes were acknowledged and %d sent", h.repo, offset, h.acked, h.sent)
		return false
	}
	b := h.content.bytes()
	path := withQuery(h.location, "digest="+string(digest.FromBytes(b)))
	a, err = s.send("PUT", path, b[offset:], "Content-Range", fmt.Sprintf("%d-%d", offset, len(b)-1))
	if err == nil && a.status == 201 {
		_, err = s.fetch(h.repo).get(digest.FromBytes(b))
	}
	if err != nil || a.status != 201 {
		t.Errorf("upload in %s taken up at %d: %v, status %d: %.200s", h.repo, offset, err, a.status, a.body)
	}
	return err == nil && a.status == 201
}

// rangeEnd reads "Range: 0-N" as N+1 bytes. What is empty also says "0-0": no test has an upload of one byte.
func rangeEnd(h http.Header) (int, bool) {
	end, ok := strings.CutPrefix(h.Get("Range"), "0-")
	n, err := strconv.Atoi(end)
	if n > 0 {
		n++
	}
	return n, ok && err == nil
}

func withQuery(location, query string) string {
	if strings.Contains(location, "?") {
		return location + "&" + query
	}
	return location + "?" + query
}
