package explore

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of a comparison of two texts.
const (
	maxDiffText  = 1 << 20 // bytes of each
	maxDiffEdits = 1000    // lines that differ: what is looked for takes memory by the square, 4 MB at most
	maxDiffLines = 10_000  // lines that are shown: two texts of single letters would be a page of 14 MB
	diffContext  = 3       // lines around a change, as diff -u has them
)

// hunk is a run of changes with what is around them.
type hunk struct {
	Head  string     `json:"head"` // "@@ -1,4 +1,5 @@"
	Lines []diffLine `json:"lines"`
}

// diffLine is a line of a hunk.
type diffLine struct {
	Op   string `json:"op"` // " ", "-" or "+"
	Text string `json:"text"`
}

// edit is a step from one text to the other: n lines kept, removed or added.
type edit struct {
	op string
	n  int
}

// unified compares two texts line by line, as diff -u does. It returns nothing for equal ones.
func unified(from, to string) []hunk {
	a, b := lines(from), lines(to)
	return hunks(a, b, script(a, b))
}

// lines splits a text. A last line without an end says so, as diff does.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	all := strings.SplitAfter(s, "\n")
	if last := len(all) - 1; all[last] == "" {
		return all[:last]
	}
	all[len(all)-1] += "\n\\ No newline at end of file\n"
	return all
}

// script returns the edits that lead from a to b. They are the fewest unless the texts differ in more than maxDiffEdits lines between the first
// and the last that differ: then all of that is one change.
func script(a, b []string) []edit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	a, b = a[head:], b[head:]
	tail := 0
	for tail < len(a) && tail < len(b) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	a, b = a[:len(a)-tail], b[:len(b)-tail]
	middle, ok := shortest(a, b)
	if !ok {
		middle = []edit{{"-", len(a)}, {"+", len(b)}}
	}
	all := append([]edit{{" ", head}}, middle...)
	return slices.DeleteFunc(append(all, edit{" ", tail}), func(e edit) bool { return e.n == 0 })
}

// shortest finds the fewest edits (Myers, "An O(ND) Difference Algorithm and Its Variations", 1986): furthest[d] has, for each diagonal that d
// edits can reach, how far into a they get.
func shortest(a, b []string) ([]edit, bool) {
	limit := min(len(a)+len(b), maxDiffEdits)
	var furthest [][]int32
	v := make([]int32, 2*limit+3)
	for d := 0; d <= limit; d++ {
		for k := -d; k <= d; k += 2 {
			x := v[limit+k] + 1 // a line of a is removed
			if k == -d || k != d && v[limit+k+2] > v[limit+k] {
				x = v[limit+k+2] // a line of b is added
			}
			for int(x) < len(a) && int(x)-k < len(b) && a[x] == b[int(x)-k] {
				x++
			}
			v[limit+k+1] = x
			if int(x) >= len(a) && int(x)-k >= len(b) {
				return trace(append(furthest, slices.Clone(v[limit+1-d:limit+2+d])), len(a), len(b)), true
			}
		}
		furthest = append(furthest, slices.Clone(v[limit+1-d:limit+2+d]))
	}
	return nil, false
}

// trace walks back from the ends of both texts.
func trace(furthest [][]int32, x, y int) []edit {
	var back []edit
	add := func(op string, n int) {
		if last := len(back) - 1; last >= 0 && back[last].op == op {
			back[last].n += n
		} else if n > 0 {
			back = append(back, edit{op, n})
		}
	}
	for d := len(furthest) - 1; d > 0; d-- {
		k := x - y
		at := func(k int) int { // how far d-1 edits get on diagonal k
			if k < -(d-1) || k > d-1 {
				return -1
			}
			return int(furthest[d-1][k+d-1])
		}
		if down := k == -d || k != d && at(k+1) > at(k-1); down {
			px := at(k + 1)
			add(" ", x-px)
			add("+", 1)
			x, y = px, px-k-1
		} else {
			px := at(k - 1)
			add(" ", x-px-1)
			add("-", 1)
			x, y = px, px-k+1
		}
	}
	add(" ", x)
	slices.Reverse(back)
	return back
}

// placed is a line with where both texts are before it.
type placed struct {
	diffLine
	x, y int
}

// cutHunks leaves out what is more than so many lines, and returns how many those are.
func cutHunks(all []hunk, most int) (kept []hunk, left int) {
	for _, h := range all {
		n := min(len(h.Lines), most)
		left, most = left+len(h.Lines)-n, most-n
		if h.Lines = h.Lines[:n]; n > 0 {
			kept = append(kept, h)
		}
	}
	return kept, left
}

// spread writes out the lines of edits.
func spread(a, b []string, edits []edit) (all []placed) {
	x, y := 0, 0
	for _, e := range edits {
		for range e.n {
			p := placed{diffLine{Op: e.op}, x, y}
			if e.op == "+" {
				p.Text, y = b[y], y+1
			} else {
				p.Text, x = a[x], x+1
			}
			if e.op == " " {
				y++
			}
			all = append(all, p)
		}
	}
	return all
}

// hunks cuts edits into runs with context.
func hunks(a, b []string, edits []edit) []hunk {
	all := spread(a, b, edits)
	var found []hunk
	start, end := 0, 0 // of the run that is open, with its context
	for i, l := range all {
		if l.Op == " " {
			continue
		}
		if end == 0 || i-diffContext > end {
			if end > 0 {
				found = append(found, newHunk(all[start:end]))
			}
			start = max(0, i-diffContext)
		}
		end = min(len(all), i+1+diffContext)
	}
	if end > 0 {
		found = append(found, newHunk(all[start:end]))
	}
	return found
}

func newHunk(run []placed) hunk {
	var h hunk
	counts := map[string]int{}
	for _, l := range run {
		h.Lines = append(h.Lines, l.diffLine)
		counts[l.Op]++
	}
	h.Head = fmt.Sprintf("@@ -%s +%s @@", place(run[0].x, counts[" "]+counts["-"]), place(run[0].y, counts[" "]+counts["+"]))
	return h
}

// place is where a hunk stands in one of the texts, as diff -u writes it.
func place(from, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, n)
}
