package explore

import (
	"math"
	"strconv"
)

// Size of a treemap in units of its view box, which a browser scales.
const (
	mapWidth  = 1000
	mapHeight = 420
)

// treemap is a picture of numbers by areas.
type treemap struct {
	Width, Height int
	Cells         []cell
}

// cell is a rectangle of a treemap.
type cell struct {
	X, Y, W, H string // numbers with a digit behind the point
	TX, TY     string // where the label begins
	Label      string // cut to what fits, or empty
	Tip        string
	Href       string
	Shade      int // 0 to 5
}

// area is what a cell is made of.
type area struct {
	Name, Tip, Href string
	Bytes           int64
	Dir             bool
}

// rectangle is a part of the picture that is to be filled.
type rectangle struct{ x, y, w, h float64 }

// newTreemap lays out areas, which are sorted by size with the largest first: squarified, so that a cell is as near to a square as can be
// (Bruls, Huizing, van Wijk, "Squarified Treemaps", 2000). What would be smaller than a few pixels is left out.
func newTreemap(areas []area) *treemap {
	total := 0.0
	for _, a := range areas {
		total += float64(a.Bytes)
	}
	if total == 0 {
		return nil
	}
	m := &treemap{Width: mapWidth, Height: mapHeight}
	scale := mapWidth * mapHeight / total
	rest := rectangle{0, 0, mapWidth, mapHeight}
	for len(areas) > 0 && float64(areas[0].Bytes)*scale >= 12 {
		n := rowLength(areas, scale, math.Min(rest.w, rest.h))
		rest = m.row(areas[:n], scale, rest)
		areas = areas[n:]
	}
	return m
}

// rowLength returns how many areas belong into the next row along a side: as many as make its worst cell better.
func rowLength(areas []area, scale, side float64) int {
	sum, worst := 0.0, math.Inf(1)
	largest := float64(areas[0].Bytes) * scale
	for i, a := range areas {
		this := float64(a.Bytes) * scale
		if this <= 0 {
			return max(i, 1)
		}
		sum += this
		ratio := math.Max(side*side*largest/(sum*sum), sum*sum/(side*side*this))
		if ratio > worst {
			return i
		}
		worst = ratio
	}
	return len(areas)
}

// row fills the shorter side of r with areas, and returns what is left of r.
func (m *treemap) row(areas []area, scale float64, r rectangle) rectangle {
	sum := 0.0
	for _, a := range areas {
		sum += float64(a.Bytes) * scale
	}
	across := r.w >= r.h
	side := math.Min(r.w, r.h)
	thick, at := sum/side, 0.0
	for _, a := range areas {
		long := float64(a.Bytes) * scale / thick
		c := rectangle{r.x + at, r.y, long, thick}
		if across {
			c = rectangle{r.x, r.y + at, thick, long}
		}
		m.cell(a, c)
		at += long
	}
	if across {
		return rectangle{r.x + thick, r.y, r.w - thick, r.h}
	}
	return rectangle{r.x, r.y + thick, r.w, r.h - thick}
}

// Sizes of the label's font in units of the picture.
const (
	charWidth  = 8
	lineHeight = 16
)

func (m *treemap) cell(a area, r rectangle) {
	c := cell{X: tenth(r.x), Y: tenth(r.y), W: tenth(r.w), H: tenth(r.h), TX: tenth(r.x + 5), TY: tenth(r.y + lineHeight),
		Tip: a.Tip, Href: a.Href, Shade: len(m.Cells) % 6}
	if room := int(r.w-8) / charWidth; r.h > lineHeight+4 && room >= 3 {
		c.Label = fit(a.Name, room)
	}
	m.Cells = append(m.Cells, c)
}

// fit cuts s to n characters.
func fit(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

func tenth(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
