package inspect

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// show prints a page: an offset, then number and text of each line, with | before what goes on, and marks in brackets.
func show(x *Text) string {
	var b strings.Builder
	for _, l := range x.Lines {
		fmt.Fprintf(&b, "%d ", l.Off)
		if l.Number > 0 {
			fmt.Fprintf(&b, "#%d ", l.Number)
		}
		if l.Continued {
			b.WriteString("|")
		}
		for _, r := range l.Runs {
			b.WriteString(r.Text)
			if r.Mark != "" {
				fmt.Fprintf(&b, "[%s]", r.Mark)
			}
		}
		b.WriteString(";")
	}
	return strings.TrimSuffix(b.String(), ";")
}

func utf16le(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func TestReadText(t *testing.T) {
	for _, c := range []struct {
		text string
		off  int64
		want string
	}{
		{"", 0, ""},
		{"", 7, ""},
		{"a\nb", 0, "0 #1 a;2 #2 b"},
		{"a\nb\n", 0, "0 #1 a;2 #2 b"},
		{"a\r\nb\r\n", 0, "0 #1 a;3 #2 b"},
		{"a\rb", 0, `0 #1 a\x0d[control character]b`},
		{"a\n\nb", 0, "0 #1 a;2 #2 ;3 #3 b"},
		{"\xef\xbb\xbfa\nb", 0, "0 #1 a;5 #2 b"},
		{"one\ntwo\nthree", 5, "4 #2 two;8 #3 three"},
		{"one\ntwo\nthree", 4, "4 #2 two;8 #3 three"},
		{"one\ntwo\nthree", 3, "0 #1 one;4 #2 two;8 #3 three"},
		{"one\ntwo\nthree", 1 << 40, "8 #3 three"},
		{"one\ntwo", -1, "0 #1 one;4 #2 two"},
		{"a\xffb\x00\x1b[1m\t", 0, `0 #1 a\xff[invalid byte]b\x00\x1b[control character][1m` + "\t"},
		{"if (\u202e\u2066// admin\u2069\u2066)", 0, "0 #1 if (<U+202E>[right-to-left override]<U+2066>[left-to-right isolate]// admin" +
			"<U+2069>[end of isolate]<U+2066>[left-to-right isolate])"},
		{"a\u200bb\ufeffc\u0085", 0, "0 #1 a<U+200B>[zero width space]b<U+FEFF>[byte order mark]c<U+0085>[control character]"},
		{"\U000e0041\U000e0042", 0, "0 #1 <U+E0041><U+E0042>[tag character]"},
		{"☂\ufe0f é 語", 0, "0 #1 ☂\ufe0f é 語"},
		{"\xff\xfe" + utf16le("a\nö𝄞\r\nc"), 0, "0 #1 a;6 #2 ö𝄞;16 #3 c"},
		{"\xff\xfe" + utf16le("a\nb\nc"), 7, "6 #2 b;10 #3 c"},
		{"\xff\xfe" + utf16le("a") + "\x00\xd8" + utf16le("b") + "c", 0, `0 #1 a\x00\xd8[invalid byte]b\x63[invalid byte]`},
		{"\xfe\xff\x00a\x00\n\x0a\x00\x00b", 0, "0 #1 a;6 #2 ਀b"}, // U+0A00 has the bytes of a newline in the wrong place
	} {
		x, err := ReadText(strings.NewReader(c.text), int64(len(c.text)), c.off, 0)
		if err != nil {
			t.Errorf("%q from %d: %v", c.text, c.off, err)
		} else if got := show(x); got != c.want {
			t.Errorf("%q from %d: %s\nwant %s", c.text, c.off, got, c.want)
		}
	}
}

// TestReadTextFar: pages anywhere in a large file, in one read each.
func TestReadTextFar(t *testing.T) {
	var b strings.Builder
	for i := range 120_000 {
		b.WriteString("line " + strconv.Itoa(i+1) + "\n")
	}
	b.WriteString(strings.Repeat("long", 1<<18))
	text := b.String()
	r := &countingReader{r: strings.NewReader(text)}
	for _, c := range []struct {
		at     string
		number bool
		lines  string // how the first and the last begin
	}{
		{"line 2000\n", true, "line 2000 line 3"},
		{"line 110000\n", false, "line 110000 line 111"},
	} {
		r.calls = 0
		off := int64(strings.Index(text, c.at))
		x, err := ReadText(r, int64(len(text)), off+3, 16<<10)
		if err != nil {
			t.Fatal(err)
		}
		first, last := x.Lines[0], x.Lines[len(x.Lines)-1]
		want, wantLast, _ := strings.Cut(c.lines, " line")
		if first.String() != want || !strings.HasPrefix(last.String(), "line"+wantLast) || x.Off != off || first.Number > 0 != c.number {
			t.Errorf("%q: from %d (want %d), line %d %q to %q", c.at, x.Off, off, first.Number, first, last)
		}
		if before, err := ReadText(r, int64(len(text)), x.Prev, 16<<10); err != nil || before.Next < x.Off || before.Off >= x.Off {
			t.Errorf("%q: the page before it is %d to %d, %v", c.at, before.Off, before.Next, err)
		}
		if r.calls > 4 {
			t.Errorf("%q: %d reads", c.at, r.calls)
		}
	}
	x, err := ReadText(r, int64(len(text)), int64(len(text))-500_000, 16<<10)
	if err != nil || !x.Lines[0].Continued || x.Next-x.Off != 16<<10 || len(x.Lines) != 4 {
		t.Errorf("inside the long line: %d lines from %d to %d, %v", len(x.Lines), x.Off, x.Next, err)
	}
}

func TestReadTextShort(t *testing.T) {
	if _, err := ReadText(strings.NewReader("abc"), 10, 0, 0); err != io.ErrUnexpectedEOF {
		t.Errorf("3 bytes of 10: %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

type countingReader struct {
	r     io.ReaderAt
	calls int
	bytes int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	c.bytes += int64(len(p))
	return c.r.ReadAt(p, off)
}

// FuzzReadText reads texts in pages of 64 bytes: by Next they are the whole, by Prev they lead to the start.
func FuzzReadText(f *testing.F) {
	for _, s := range []string{"", "a\nb", strings.Repeat("long ", 60), strings.Repeat("é\r\n", 50), "\xff\xfe" + utf16le(strings.Repeat("𝄞a\r\n", 30)),
		strings.Repeat("\x80", 200), strings.Repeat("x\n", 40) + strings.Repeat("\u202e語", 60), "\xfe\xff\x0a" + strings.Repeat("\x00\n\r", 90)} {
		f.Add([]byte(s), int64(len(s)/2))
	}
	f.Fuzz(func(t *testing.T, data []byte, off int64) {
		size := int64(len(data))
		p := &pager{strings.NewReader(string(data)), size, 64, 16, 100}
		enc := detectEncoding(data)
		whole, lines := "", 0
		for at := int64(0); at < size; {
			x, err := p.page(at)
			if err != nil || x.Off != at || x.Next <= at {
				t.Fatalf("the page at %d is from %d to %d: %v", at, x.Off, x.Next, err)
			}
			for i, l := range x.Lines {
				end := x.Next
				if i+1 < len(x.Lines) {
					end = x.Lines[i+1].Off
				}
				if end-l.Off > 16 || l.Off != at {
					t.Fatalf("a line at %d, want %d, to %d", l.Off, at, end)
				}
				at = end
				if !l.Continued && i+lines > 0 {
					whole += "\n"
				}
				whole += l.String()
			}
			lines += len(x.Lines)
		}
		if want := wholeText(enc, data); whole != want {
			t.Errorf("pages: %q\nwant %q", whole, want)
		}
		x, err := p.page(min(max(off, 0), size))
		for n := 0; x.Off > 0; n++ {
			before := x.Off
			if x, err = p.page(x.Prev); err != nil || x.Off >= before || x.Next < before || n > len(data) {
				t.Fatalf("the page before %d is from %d to %d: %v", before, x.Off, x.Next, err)
			}
		}
	})
}

// wholeText is what all pages of a text show: the same by simpler means.
func wholeText(e *encoding, data []byte) string {
	var b strings.Builder
	data = data[len(e.mark):]
	for len(data) > 0 {
		r, n := e.next(data)
		last := len(data) == n
		next, m := rune(0), 0
		if !last {
			next, m = e.next(data[n:])
		}
		switch {
		case r == '\r' && next == '\n' && m > 0:
		case r == '\n' && last:
		case r == '\n':
			b.WriteByte('\n')
		default:
			for _, run := range e.runs(data[:n]) {
				b.WriteString(run.Text)
			}
		}
		data = data[n:]
	}
	return b.String()
}
