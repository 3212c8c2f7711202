package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Names that the grammar of "Pulling manifests" has, and names that it has not, as a URL spells them.
var (
	goodNames = strings.Fields(`$r/a-b $r/a--b $r/a----b $r/a__b $r/a_b $r/a.b $r/0/1 $r/a.b_c__d-e/f $r/blobs $r/blobs/uploads $r/manifests/x
		$r/tags/list $r/tags $r/referrers $r/v2 $r/uploads $r$rep(/a,100) $r/$long`)
	badNames = strings.Fields(`UPPER a/B .. a/../b %2e%2e a/%2e%2e/b %2e%2e%2f%2e%2e/etc .a a. a..b -a a- _a a_ a___b a/_b a/.b a__ a.-b a%20b
		a%00b a%5cb a:b a@b %c3%a9 a+b ~a a%2f%2fb $rep(a,256) $rep(a/,200)b $rep(a,300) $rep(a,5000)`)
)

func TestName(t *testing.T) {
	var cases []scriptCase
	for _, name := range badNames {
		cases = append(cases, scriptCase{"bad/" + strings.ReplaceAll(name, "/", "|"), "", "LET name = " + name + `
			GET /v2/$name/tags/list                                         => 400 NAME_INVALID
			GET /v2/$name/manifests/t                                       => 400 NAME_INVALID
			PUT /v2/$name/manifests/t | Content-Type: $index | Body: $idx() => 400 NAME_INVALID
			GET /v2/$name/blobs/$absent                                     => 400 NAME_INVALID
			HEAD /v2/$name/blobs/$absent                                    => 400
			POST /v2/$name/blobs/uploads/                                   => 400 NAME_INVALID
			GET /v2/$name/referrers/$absent                                 => 400 NAME_INVALID`})
	}
	for _, name := range goodNames {
		cases = append(cases, scriptCase{"good/" + strings.ReplaceAll(name, "/", "|"), "", "LET name = " + name + `
			PUT /v2/$name/manifests/t | Content-Type: $index | Body: $idx() => 201
			GET /v2/$name/manifests/t                                       => 200 | Body: $idx()
			GET /v2/$name/tags/list                                         => 200 | Body: {"name":"$name","tags":["t"]}
			POST /v2/$name/blobs/uploads/?digest=$sha256(x) | Body: x       => 201 | Location: >l
			GET $l                                                          => 200 | Body: x`})
	}
	runScripts(t, cases)
}

// TestCatalog pages through the catalog, which is Docker's and not in the OCI spec: in order, each repository once, all of ours.
func TestCatalog(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		var want []string
		for i := range 7 {
			s.vars["name"] = fmt.Sprintf("%s/c%d", s.vars["r"], i)
			s.run("PUT /v2/$name/manifests/t | Content-Type: $index | Body: $idx() => 201")
			want = append(want, s.vars["name"])
		}
		for _, query := range []string{"", "?n=3", "?n=1000"} {
			got := s.collectRepositories("/v2/_catalog" + query)
			if mine := under(got, s.vars["r"]); !slices.IsSorted(got) || !slices.Equal(mine, want) {
				t.Errorf("%s: got %q, want %q", query, mine, want)
			}
		}
		last := url.QueryEscape(want[2])
		if got := s.collectRepositories("/v2/_catalog?n=3&last=" + last); !slices.Equal(under(got, s.vars["r"]), want[3:]) {
			t.Errorf("last=%s: got %q, want %q", last, got, want[3:])
		}
		s.run(`
			GET /v2/_catalog?n=2   => 200 | Content-Type: ~^application/json | Link: ~rel="?next"?
			GET /v2/_catalog?n=-1  => 400
			GET /v2/_catalog?n=abc => 400`)
		if tg.deletes {
			s.run(`
				DELETE /v2/$r/c0/manifests/$sha256($idx()) => 202
				GET /v2/$r/c0/tags/list                    => 404|200`)
		}
	})
}

func under(names []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, prefix+"/") })
}

func (s *script) collectRepositories(target string) (all []string) {
	s.t.Helper()
	s.pages(target, func(a *answer) int {
		var page struct{ Repositories []string }
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			s.t.Fatalf("%s: %v", a, err)
		}
		all = append(all, page.Repositories...)
		return len(page.Repositories)
	})
	return all
}
