package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestConcurrency does at once what may be done only once, or by anybody. Each step's answers are counted by status.
func TestConcurrency(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		for name, f := range map[string]func(*script){
			"one chunk": oneChunk, "one session closed": oneClose, "one blob": oneBlob, "one tag": oneTag, "one new tag": oneNewTag,
			"many tags": manyTags, "mount and delete": mountAndDelete, "referrers": manyReferrers, "reads and deletes": readsAndDeletes,
		} {
			t.Run(name, func(t *testing.T) { f(newScript(t, tg)) })
		}
	})
}

// atOnce sends n requests at the same moment and returns how often each status came. call may hold %d, which is the request's number.
func (s *script) atOnce(n int, call string) map[int]int {
	s.t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	answers := make([]*answer, n)
	errs := make([]error, n)
	for i := range n {
		req := s.parseRequest(strings.ReplaceAll(call, "%d", fmt.Sprint(i)))
		wg.Go(func() {
			<-start
			answers[i], errs[i] = send(req)
		})
	}
	close(start)
	wg.Wait()
	count := map[int]int{}
	for i, a := range answers {
		if errs[i] != nil {
			s.t.Fatalf("%s: %v", call, errs[i])
		}
		for _, err := range a.faults(s.tg) {
			s.t.Errorf("%s: %v; the answer was %s", call, err, a)
		}
		count[a.status]++
	}
	return count
}

func (s *script) wantCount(call string, got map[int]int, status, n int) {
	s.t.Helper()
	if got[status] != n {
		s.t.Errorf("%s: got %v, want %d times %d", call, got, n, status)
	}
}

// oneChunk sends one chunk four times: exactly one is accepted, three are out of order.
func oneChunk(s *script) {
	chunk := strings.Repeat("c", 1<<20)
	s.vars["chunk"] = chunk
	for range 5 {
		s.run(`
			POST /v2/$r/blobs/uploads/                 => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123 => 202 | Location: >u`)
		call := "PATCH $u | Content-Range: 4-1048579 | Body: $chunk"
		got := s.atOnce(4, call)
		s.wantCount(call, got, http.StatusAccepted, 1)
		s.wantCount(call, got, http.StatusRequestedRangeNotSatisfiable, 3)
		s.run(`
			GET $u                                => 204 | Range: 0-1048579
			PUT $u?digest=$sha256(0123$chunk)     => 201
			HEAD /v2/$r/blobs/$sha256(0123$chunk) => 200 | Content-Length: 1048580`)
	}
}

// oneClose closes a session four times: the blob is there once, and nobody gets a 5xx.
func oneClose(s *script) {
	s.run(`
		POST /v2/$r/blobs/uploads/                 => 202 | Location: >u
		PATCH $u | Content-Range: 0-3 | Body: 0123 => 202 | Location: >u`)
	call := "PUT $u?digest=$sha256(0123)"
	if got := s.atOnce(4, call); got[http.StatusCreated] < 1 || got[http.StatusCreated]+got[http.StatusNotFound] != 4 {
		s.t.Errorf("%s: got %v, want 201 once at least, else 404", call, got)
	}
	s.run("GET /v2/$r/blobs/$sha256(0123) => 200 | Body: 0123")
}

// oneBlob pushes the same blob eight times.
func oneBlob(s *script) {
	s.vars["b"] = strings.Repeat("one blob "+s.vars["r"], 10_000)
	call := "POST /v2/$r/blobs/uploads/?digest=$sha256($b) | Body: $b"
	s.wantCount(call, s.atOnce(8, call), http.StatusCreated, 8)
	s.run("GET /v2/$r/blobs/$sha256($b) => 200 | Body: $b")
}

// oneTag points one tag at eight manifests: it ends at one of them, and every manifest is there.
func oneTag(s *script) {
	s.run("BLOBS $r")
	call := `PUT /v2/$r/manifests/t | Content-Type: $image | Body: $img(,"annotations":{"n":"%d"})`
	s.wantCount(call, s.atOnce(8, call), http.StatusCreated, 8)
	a := s.request("GET /v2/$r/manifests/t => 200 | Body: ~\"n\":\"[0-7]\"")
	if d := a.header.Get("Docker-Content-Digest"); d != digestOf("sha256", a.body) {
		s.t.Errorf("got a manifest of %s under the digest %s", digestOf("sha256", a.body), d)
	}
	call = `GET /v2/$r/manifests/$sha256($img(,"annotations":{"n":"%d"}))`
	s.wantCount(call, s.atOnce(8, call), http.StatusOK, 8)
}

// oneNewTag creates one tag eight times on the condition that it does not exist (RFC 9110, 13.1.2): exactly one may.
func oneNewTag(s *script) {
	s.run("BLOBS $r")
	call := `PUT /v2/$r/manifests/t | If-None-Match: * | Body: $img(,"annotations":{"n":"%d"})`
	got := s.atOnce(8, call)
	s.wantCount(call, got, http.StatusCreated, 1)
	s.wantCount(call, got, http.StatusPreconditionFailed, 7)
}

// manyTags makes sixteen tags at once: all are listed.
func manyTags(s *script) {
	s.run("BLOBS $r")
	call := "PUT /v2/$r/manifests/t%d | Body: $img()"
	s.wantCount(call, s.atOnce(16, call), http.StatusCreated, 16)
	if tags := s.collectTags("/v2/$r/tags/list?n=5"); len(tags) != 16 || !inOrder(tags) {
		s.t.Errorf("got %q, want 16 tags in order", tags)
	}
}

// mountAndDelete mounts a blob into eight repositories while none of them has it, then deletes it in all but one.
func mountAndDelete(s *script) {
	s.vars["b"] = "mount " + s.vars["r"]
	s.run("BLOB $r $b")
	call := "POST /v2/$r2/m%d/blobs/uploads/?mount=$sha256($b)&from=$r"
	s.wantCount(call, s.atOnce(8, call), http.StatusCreated, 8)
	if !s.tg.deletes {
		return
	}
	call = "DELETE /v2/$r2/m%d/blobs/$sha256($b)"
	s.wantCount(call, s.atOnce(8, call), http.StatusAccepted, 8)
	s.run("GET /v2/$r/blobs/$sha256($b) => 200 | Body: $b")
}

// manyReferrers pushes sixteen manifests with one subject: all are listed.
func manyReferrers(s *script) {
	m := `$idx(,"annotations":{"n":"%d"},"subject":{"mediaType":"$image","digest":"$absent","size":3})`
	call := "PUT /v2/$r/manifests/$sha256(" + m + ") | Body: " + m
	s.wantCount(call, s.atOnce(16, call), http.StatusCreated, 16)
	got := map[string]int{}
	s.pages("/v2/$r/referrers/$absent", func(a *answer) int {
		for i := range 16 {
			d := s.expand("$sha256(" + strings.ReplaceAll(m, "%d", fmt.Sprint(i)) + ")")
			got[d] += strings.Count(a.body, d)
		}
		return 1
	})
	for d, n := range got {
		if n != 1 {
			s.t.Errorf("got %s %d times among the referrers, want once", d, n)
		}
	}
}

// readsAndDeletes reads a manifest while it is pushed and deleted: whole, or not there.
func readsAndDeletes(s *script) {
	if !s.tg.deletes {
		s.t.Skip("this registry does not delete")
	}
	s.run("BLOBS $r")
	m := s.expand("$img()")
	for range 10 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, call := range []string{"PUT /v2/$r/manifests/t | Body: $img()", "DELETE /v2/$r/manifests/$sha256($img())"} {
				send(s.parseRequest(call))
			}
		}()
		for range 10 {
			a := do(s.t, s.parseRequest("GET /v2/$r/manifests/t"))
			if a.status != http.StatusNotFound && (a.status != http.StatusOK || a.body != m) {
				s.t.Errorf("got %s, want 404 or the manifest", a)
			}
		}
		<-done
	}
	s.run("GET /v2/$r/manifests/t => 404")
}
