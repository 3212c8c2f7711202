package conformance

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTags(t *testing.T) { // end-8
	runScripts(t, []scriptCase{
		{"none", "", `
			GET /v2/$r/tags/list                           => 404 NAME_UNKNOWN
			BLOBS $r
			PUT /v2/$r/manifests/$sha256($img()) | Body: $img() => 201
			GET /v2/$r/tags/list                           => 200 | Content-Type: ~^application/json | Body: {"name":"$r","tags":[]}
			GET /v2/$r/tags/list?n=5                       => 200 | Body: {"name":"$r","tags":[]} | Link: !`},
		{"n and last", "", `
			BLOBS $r
			PUT /v2/$r/manifests/$sha256($img())?tag=a&tag=b&tag=c&tag=d&tag=e | Body: $img() => 201
			GET /v2/$r/tags/list                           => 200 | Body: {"name":"$r","tags":["a","b","c","d","e"]}
			GET /v2/$r/tags/list?n=2                       => 200 | Body: {"name":"$r","tags":["a","b"]} | Link: ~rel="?next"?
			GET /v2/$r/tags/list?n=2&last=b                => 200 | Body: {"name":"$r","tags":["c","d"]} | Link: ~rel="?next"?
			GET /v2/$r/tags/list?n=2&last=d                => 200 | Body: {"name":"$r","tags":["e"]} | Link: !
			GET /v2/$r/tags/list?last=c                    => 200 | Body: {"name":"$r","tags":["d","e"]}
			GET /v2/$r/tags/list?n=5&last=e                => 200 | Body: {"name":"$r","tags":[]} | Link: !
			GET /v2/$r/tags/list?n=0                       => 200 | Body: {"name":"$r","tags":[]} | Link: !
			GET /v2/$r/tags/list?n=0&last=b                => 200 | Body: {"name":"$r","tags":[]} | Link: !
			GET /v2/$r/tags/list?n=50                      => 200 | Body: {"name":"$r","tags":["a","b","c","d","e"]} | Link: !
			# a tag that is not there has its place in the order all the same
			GET /v2/$r/tags/list?last=bb                   => 200 | Body: {"name":"$r","tags":["c","d","e"]}
			GET /v2/$r/tags/list?n=1&last=bb               => 200 | Body: {"name":"$r","tags":["c"]} | Link: *
			GET /v2/$r/tags/list?last=zz                   => 200 | Body: {"name":"$r","tags":[]}
			GET /v2/$r/tags/list?n=-1                      => 400
			GET /v2/$r/tags/list?n=abc                     => 400
			GET /v2/$r/tags/list?n=1.5                     => 400
			GET /v2/$r/tags/list?n=9223372036854775807     => 200 | Body: {"name":"$r","tags":["a","b","c","d","e"]}
			GET /v2/$r/tags/list?n=9223372036854775808     => 200|400
			GET /v2/$r/tags/list?last=..%2f..              => 200|400`},
		{"grammar", "", `
			BLOBS $r
			LET tag = $rep(a,128)
			PUT /v2/$r/manifests/$tag | Body: $img()      => 201
			GET /v2/$r/manifests/$tag                     => 200 | Body: $img()
			PUT /v2/$r/manifests/_x | Body: $img()         => 201
			PUT /v2/$r/manifests/A.b-c_D | Body: $img()    => 201
			PUT /v2/$r/manifests/0 | Body: $img()          => 201
			PUT /v2/$r/manifests/list | Body: $img()       => 201
			PUT /v2/$r/manifests/$rep(a,129) | Body: $img() => 400
			PUT /v2/$r/manifests/.x | Body: $img()         => 400
			PUT /v2/$r/manifests/-x | Body: $img()         => 400
			PUT /v2/$r/manifests/a!b | Body: $img()        => 400
			PUT /v2/$r/manifests/a%20b | Body: $img()      => 400
			PUT /v2/$r/manifests/a%c3%a9 | Body: $img()    => 400
			PUT /v2/$r/manifests/a%00b | Body: $img()      => 400
			PUT /v2/$r/manifests/a:b | Body: $img()        => 400
			PUT /v2/$r/manifests/.. | Body: $img()         => 400|404
			PUT /v2/$r/manifests/%2e%2e | Body: $img()     => 400|404
			GET /v2/$r/manifests/$rep(a,129)               => 404
			# no tag that could exist: not found, as for any other (end-3)
			GET /v2/$r/manifests/.INVALID                  => 404
			HEAD /v2/$r/manifests/.INVALID                 => 404
			GET /v2/$r/tags/list => 200 | Body: {"name":"$r","tags":["0","A.b-c_D","_x","$tag","list"]}`},
		{"delete", "delete", `
			BLOBS $r
			PUT /v2/$r/manifests/$sha256($img())?tag=a&tag=b | Body: $img() => 201
			GET /v2/$r/tags/list?n=1                       => 200 | Link: *
			DELETE /v2/$r/manifests/a                      => 202
			GET /v2/$r/tags/list                           => 200 | Body: {"name":"$r","tags":["b"]}
			GET /v2/$r/tags/list?n=1&last=a                => 200 | Body: {"name":"$r","tags":["b"]}
			DELETE /v2/$r/manifests/b                      => 202
			GET /v2/$r/tags/list                           => 200 | Body: {"name":"$r","tags":[]}`},
	})
}

// TestTagPaging follows Link from page to page: exactly the whole list, in order, in the least number of pages.
func TestTagPaging(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		s.run("BLOBS $r")
		var want []string
		for i := range 23 {
			want = append(want, "v"+strconv.Itoa(i*7), "V"+strconv.Itoa(i))
			s.run("PUT /v2/$r/manifests/$sha256($img())?tag=" + want[2*i] + "&tag=" + want[2*i+1] + " | Body: $img() => 201")
		}
		for _, n := range []int{1, 4, 23, 45, 46, 47, 1000} {
			got := s.collectTags("/v2/$r/tags/list?n=" + strconv.Itoa(n))
			if !inOrder(got) || !sameSet(got, want) {
				t.Errorf("n=%d: got %q, want %q in order", n, got, want)
			}
		}
	})
}

// collectTags reads a list of tags, page by page.
func (s *script) collectTags(target string) (all []string) {
	s.t.Helper()
	s.pages(target, func(a *answer) int {
		var page struct{ Tags []string }
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			s.t.Fatalf("%s: %v", a, err)
		}
		all = append(all, page.Tags...)
		return len(page.Tags)
	})
	return all
}

// pages calls f for each page, following Link; f returns how many entries the page had. A page behind a Link that is empty, or longer
// than the n of the first request, or more pages than any test has, fail.
func (s *script) pages(target string, f func(*answer) int) {
	s.t.Helper()
	n := 0
	if _, q, ok := strings.Cut(target, "n="); ok {
		n, _ = strconv.Atoi(q)
	}
	for turn := 0; target != ""; turn++ {
		a := s.request("GET " + target + " => 200")
		entries := f(a)
		switch next := a.link(); {
		case turn > 500:
			s.t.Fatalf("%s: paging does not end", target)
		case a.header.Get("Link") != "" && next == "":
			s.t.Fatalf("got Link %q, want <URL>; rel=\"next\" (RFC 8288)", a.header.Get("Link"))
		case n > 0 && entries > n, next != "" && entries == 0:
			s.t.Fatalf("%s: got %d entries, want %d", target, entries, n)
		default:
			target = strings.TrimPrefix(next, s.tg.base.String())
		}
	}
}

// inOrder reports whether list is in either order that the spec allows: by bytes, or without regard to case.
func inOrder(list []string) bool {
	return slices.IsSorted(list) || slices.IsSortedFunc(list, func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
