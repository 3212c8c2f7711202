package explore

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wasteful is an image that ships what nobody sees.
func wasteful(s *site) (image string, layers []string) {
	d, ls := s.image("team/app", nil, []string{
		tarGzip(s.t, "etc/", "etc/conf="+strings.Repeat("a", 300), "usr/lib/big="+strings.Repeat("b", 5000), "usr/lib/small=x", "secret/key="+strings.Repeat("k", 700)),
		tarGzip(s.t, "etc/conf="+strings.Repeat("c", 400), "usr/lib/.wh.big", ".wh.secret"),
	}, "1")
	return string(d), []string{string(ls[0]), string(ls[1])}
}

func TestSizes(t *testing.T) {
	s := newSite(t, nil)
	image, layers := wasteful(s)
	for _, c := range []struct {
		url, name string
		sum       usageSum
		rows      string
	}{
		{"/size/team/app@" + layers[0], "size", usageSum{Bytes: 6001, Files: 4}, "usr 5001, secret 700, etc 300"},
		{"/size/team/app@" + layers[0] + "/usr/lib/", "", usageSum{Bytes: 5001, Files: 2}, "big 5000, small 1"},
		{"/sizes/team/app@" + image, "sizes", usageSum{Bytes: 401, Files: 2, Wasted: 6000, WastedFiles: 3}, "usr 1+5000, etc 400+300, secret 0+700"},
		{"/sizes/team/app@" + image + "/usr/lib/", "", usageSum{Bytes: 1, Files: 1, Wasted: 5000, WastedFiles: 1}, "big 0+5000, small 1"},
		{"/sizes/team/app@" + image + "/secret/", "", usageSum{Wasted: 700, WastedFiles: 1}, "key 0+700"},
	} {
		var v sizeView
		if err := json.Unmarshal(s.get(c.url, "Accept", "application/json").Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", c.url, err)
		}
		var rows []string
		for _, r := range v.Rows {
			row := fmt.Sprint(r.Name, " ", r.Bytes)
			if r.Wasted > 0 {
				row += fmt.Sprint("+", r.Wasted)
			}
			rows = append(rows, row)
		}
		if got := strings.Join(rows, ", "); v.Sum != c.sum || got != c.rows {
			t.Errorf("%s: %+v, %s; want %+v, %s", c.url, v.Sum, got, c.sum, c.rows)
		}
		if c.name != "" {
			golden(t, c.name, s.get(c.url))
		}
	}
	for url, status := range map[string]int{
		"/sizes/team/app:1": 302, "/sizes/team/app:2": 404, "/sizes/team/app": 400, "/size/team/app:1": 400,
		"/size/team/app@" + layers[0] + "/nope/": 404, "/sizes/team/app@" + image + "/nope": 404, "/size/other/app@" + layers[0]: 404,
	} {
		if w := s.get(url); w.Code != status {
			t.Errorf("GET %s: %d, want %d", url, w.Code, status)
		}
	}
}

// TestSizeOfStrangers has a file whose name tries to be a page.
func TestSizeOfStrangers(t *testing.T) {
	s := newSite(t, nil)
	_, layers := s.image("evil", nil, []string{tarGzip(t, `a"><script>alert(1)<`+"/script>=x", "javascript:alert(2)=yy")})
	body := s.get("/size/evil@" + string(layers[0])).Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, `href="javascript:`) || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("a file's name is on the page as it is:\n%s", body)
	}
}

// TestTreemap checks that cells do not overlap, lie inside, and have the areas that they stand for.
func TestTreemap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var areas []area
		total := 0.0
		for range 1 + r.IntN(60) {
			n := int64(math.Exp(r.Float64() * 20))
			areas, total = append(areas, area{Name: "x", Bytes: n}), total+float64(n)
		}
		slices.SortFunc(areas, func(a, b area) int { return int(b.Bytes - a.Bytes) })
		m := newTreemap(areas)
		var boxes []rectangle
		for i, c := range m.Cells {
			b := rectangle{number(t, c.X), number(t, c.Y), number(t, c.W), number(t, c.H)}
			if b.x < 0 || b.y < 0 || b.x+b.w > mapWidth+.3 || b.y+b.h > mapHeight+.3 {
				t.Fatalf("%+v is outside", b)
			}
			want := float64(areas[i].Bytes) / total * mapWidth * mapHeight
			if got := b.w * b.h; math.Abs(got-want) > 0.06*(b.w+b.h)+.01 {
				t.Fatalf("the area of %+v is %.1f, want %.1f", b, got, want)
			}
			for _, o := range boxes {
				if min(o.x+o.w, b.x+b.w)-max(o.x, b.x) > .2 && min(o.y+o.h, b.y+b.h)-max(o.y, b.y) > .2 {
					t.Fatalf("%+v and %+v overlap", o, b)
				}
			}
			boxes = append(boxes, b)
		}
	}
	if newTreemap(nil) != nil || newTreemap([]area{{Name: "empty"}}) != nil {
		t.Error("a picture of nothing")
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
