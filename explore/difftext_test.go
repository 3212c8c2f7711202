package explore

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// patched applies hunks to a text, and holds their heads to where they stand.
func patched(t *testing.T, from string, hunks []hunk) string {
	t.Helper()
	a := lines(from)
	var out []string
	at := 0
	for _, h := range hunks {
		var x, nx, y, ny int
		head := strings.NewReplacer("@@ -", "", " @@", "", "+", "").Replace(h.Head)
		old, new, _ := strings.Cut(head, " ")
		x, nx = span(t, old)
		y, ny = span(t, new)
		for ; at < x; at++ {
			out = append(out, a[at])
		}
		if len(out) != y {
			t.Fatalf("%s stands at line %d of the new text", h.Head, len(out))
		}
		for _, l := range h.Lines {
			if l.Op != "+" {
				if a[at] != l.Text {
					t.Fatalf("%s: line %d is %q, not %q", h.Head, at, a[at], l.Text)
				}
				at, nx = at+1, nx-1
			}
			if l.Op != "-" {
				out, ny = append(out, l.Text), ny-1
			}
		}
		if nx != 0 || ny != 0 {
			t.Fatalf("%s has other numbers of lines: %v", h.Head, h.Lines)
		}
	}
	return strings.ReplaceAll(strings.Join(append(out, a[at:]...), ""), "\n\\ No newline at end of file\n", "")
}

// span reads "5,3" or "5" as diff -u has them: counted from 1, but for what is empty.
func span(t *testing.T, s string) (from, n int) {
	t.Helper()
	first, count, more := strings.Cut(s, ",")
	from, err := strconv.Atoi(first)
	n = 1
	if more && err == nil {
		n, err = strconv.Atoi(count)
	}
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if n > 0 {
		from--
	}
	return from, n
}

// TestUnified compares random texts, and makes the second of the first by what comes out.
func TestUnified(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		a, b := randomLines(r), randomLines(r)
		if got := patched(t, a, unified(a, b)); got != b {
			t.Fatalf("from %q to %q: the hunks make %q", a, b, got)
		}
	}
	if h := unified("a\nb\n", "a\nb\n"); h != nil {
		t.Errorf("equal texts: %v", h)
	}
	long := strings.Repeat("one\ntwo\n", 4000)
	if got, want := patched(t, long, unified(long, strings.ReplaceAll(long, "one", "1"))), strings.ReplaceAll(long, "one", "1"); got != want {
		t.Error("texts that differ in more lines than are looked for")
	}
}

func randomLines(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(40) {
		b.WriteString(string(rune('a'+r.IntN(5))) + "\n")
	}
	return strings.TrimSuffix(b.String(), strings.Repeat("\n", r.IntN(2)))
}

// TestFewestEdits has what diff -u prints for a few lines.
func TestFewestEdits(t *testing.T) {
	got := unified("a\nb\nc\nd\ne\nf\ng\nh\ni\n", "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\n")
	var b strings.Builder
	for _, h := range got {
		b.WriteString(h.Head + "\n")
		for _, l := range h.Lines {
			b.WriteString(l.Op + l.Text)
		}
	}
	if want := "@@ -2,8 +2,9 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n i\n+j\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
