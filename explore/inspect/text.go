package inspect

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	maxPiece = 4 << 10  // bytes of a line that are shown as one
	minPage  = 16 << 10 // bytes of a page: several of the longest pieces, so that each page gets on
	maxPage  = 1 << 20
	maxCount = 1 << 20 // bytes that are read from the start to number lines
)

// Text is a page of a text.
type Text struct {
	Encoding string `json:"encoding"` // "UTF-8", "UTF-8 with BOM", "UTF-16LE", "UTF-16BE"
	Size     int64  `json:"size"`     // of the whole, in bytes
	Off      int64  `json:"off"`      // where the page begins
	Next     int64  `json:"next"`     // where the next one begins; Size, if this is the last
	Prev     int64  `json:"prev"`     // where the one before begins; Off, if this is the first
	Lines    []Line `json:"lines"`
}

// Line is a line, or a piece of a long one, without what ends it.
type Line struct {
	Off       int64 `json:"off"`                 // in bytes
	Number    int64 `json:"number,omitempty"`    // from 1; 0 if nobody counted
	Continued bool  `json:"continued,omitempty"` // it goes on from the line above, or from the page before
	Runs      []Run `json:"runs"`
}

// String returns the line as it is shown.
func (l Line) String() string {
	var b strings.Builder
	for _, r := range l.Runs {
		b.WriteString(r.Text)
	}
	return b.String()
}

// ReadText reads a page of about n bytes (16 KiB to 1 MiB) from a text of size bytes, from the beginning of the line that has offset off in it.
// A line of more than 4 KiB comes in pieces, and may begin or end with the page: nothing is left out, wherever one goes. Pages that follow each
// other by Next are the whole text. Lines are numbered in what begins within the first MiB. It reads once, apart from four bytes at the start.
func ReadText(r io.ReaderAt, size, off int64, n int) (*Text, error) {
	p := &pager{r, size, min(max(n, minPage), maxPage) &^ 1, maxPiece, maxCount}
	return p.page(min(max(off, 0), size))
}

// pager cuts a text into pages of room bytes, which is even and more than 16 bytes above two pieces.
type pager struct {
	r           io.ReaderAt
	size        int64
	room, piece int
	count       int64
}

func (p *pager) page(off int64) (*Text, error) {
	w, err := p.read(off)
	if err != nil {
		return nil, err
	}
	off -= off % int64(w.unit)
	start := w.lineAt(off, p.piece)
	end := min(off+int64(p.room), p.size)
	if end < p.size {
		end = w.pageEnd(start, end, p.room)
	}
	t := &Text{Encoding: w.name, Size: p.size, Off: start, Next: end}
	t.Prev = w.pageBefore(start, p.room)
	t.Lines = w.lines(start, end, p.piece)
	return t, nil
}

// window is what was read of a text.
type window struct {
	*encoding
	data []byte
	from int64 // where data begins: a multiple of the unit
}

// read reads what the page at off, and where the one before begins, depends on.
func (p *pager) read(off int64) (w window, err error) {
	if off > p.count {
		w.from = (off - int64(p.room+p.piece)) &^ 1
	}
	to := min(off+int64(p.room)+utf8.UTFMax, p.size)
	if w.data, err = readAt(p.r, w.from, to-w.from); err != nil {
		return w, err
	}
	head := w.data
	if w.from > 0 {
		head, err = readAt(p.r, 0, min(utf8.UTFMax, p.size))
	}
	w.encoding = detectEncoding(head)
	return w, err
}

// readAt reads n bytes, or fails.
func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	switch got, err := r.ReadAt(b, off); {
	case got == len(b):
		return b, nil
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	default:
		return nil, err
	}
}

func (w *window) slice(from, to int64) []byte { return w.data[from-w.from : to-w.from] }

// boundary returns the last offset up to at at which the text may be cut.
func (w *window) boundary(at int64) int64 {
	return w.from + int64(w.encoding.boundary(w.data, int(at-w.from)))
}

// lineAt returns where the line begins that has offset off in it, or off if that is far.
func (w *window) lineAt(off int64, far int) int64 {
	from := max(off-int64(far), 0)
	switch i := w.lastLine(w.slice(from, off)); {
	case i >= 0:
		return from + int64(i)
	case from == 0:
		return 0
	}
	return w.boundary(off)
}

// pageEnd returns where a page ends that begins at start and has room to end: at the end of a line, unless that would leave half of it empty.
func (w *window) pageEnd(start, end int64, room int) int64 {
	if i := int64(w.lastLine(w.slice(start, end))); i >= 0 && end-(start+i) <= int64(room/2) {
		return start + i
	}
	return w.boundary(end)
}

// pageBefore returns where a page begins that has the byte before start in it: with a line, if it can.
func (w *window) pageBefore(start int64, room int) int64 {
	from := max(start-int64(room)+2*utf8.UTFMax, 0) // boundaries move by less than that
	lines := w.slice(from, start)
	i := w.lastLine(lines)
	switch {
	case i >= 0 && i < len(lines): // start is inside this line
		return from + int64(i)
	case from == 0:
		return 0
	}
	if i = w.lineEnd(lines); i >= 0 && i < len(lines) {
		return from + int64(i)
	}
	return w.boundary(from)
}

// lines returns those between two offsets, the first of which may be inside a line.
func (w *window) lines(start, end int64, piece int) (all []Line) {
	first := Line{Off: start, Continued: start > 0 && w.lastLine(w.slice(max(start-int64(w.unit), w.from), start)) < 0}
	if w.from == 0 {
		first.Number = w.count(w.slice(0, start)) + 1
	}
	for l := first; l.Off < end; {
		rest := w.slice(l.Off, end)
		n, ended := w.lineEnd(rest), true
		if n < 0 {
			n, ended = len(rest), false
		}
		if n > piece {
			n, ended = w.encoding.boundary(rest, piece), false
		}
		l.Runs = w.content(rest[:n], l.Off == 0)
		all = append(all, l)
		l = Line{Off: l.Off + int64(n), Number: l.Number, Continued: !ended}
		if ended && l.Number > 0 {
			l.Number++
		}
	}
	return all
}

// content decodes a line without what ends it, nor the byte order mark before the first.
func (w *window) content(line []byte, first bool) []Run {
	if first {
		line = line[len(w.mark):]
	}
	if short, ended := bytes.CutSuffix(line, w.newline); ended && len(short)%w.unit == 0 {
		line = short
		cr := len(line) - w.unit
		if cr >= 0 {
			if r, n := w.next(line[cr:]); r == '\r' && n == w.unit {
				line = line[:cr]
			}
		}
	}
	return w.runs(line)
}

// count returns how many lines end in b.
func (w *window) count(b []byte) (n int64) {
	for {
		i := w.lineEnd(b)
		if i < 0 {
			return n
		}
		b, n = b[i:], n+1
	}
}
