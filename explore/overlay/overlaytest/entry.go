package overlaytest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Entry is a line of a layer: "KIND MODE NAME [VALUE]".
type Entry struct {
	Kind   string // a key of kinds
	Mode   int64
	Name   string
	Link   string // of hard and symbolic links
	Body   string // of files
	Size   int64  // of sparse files: zeros and, at the end, Body
	Device int64  // both numbers of a device
	GNU    bool   // long names are GNU's, not PAX records
}

var kinds = map[string]byte{
	"file": tar.TypeReg, "dir": tar.TypeDir, "link": tar.TypeSymlink, "hard": tar.TypeLink,
	"fifo": tar.TypeFifo, "char": tar.TypeChar, "block": tar.TypeBlock, "sparse": tar.TypeGNUSparse,
}

func parseEntry(line string) (e Entry, err error) {
	words, err := split(line)
	if err != nil {
		return e, err
	}
	if len(words) < 3 || kinds[words[0]] == 0 {
		return e, fmt.Errorf("%q: want KIND MODE NAME [VALUE]", line)
	}
	e.Kind, e.Name = words[0], words[2]
	if e.Mode, err = strconv.ParseInt(words[1], 8, 64); err != nil {
		return e, err
	}
	value := strings.Join(words[3:], "")
	switch e.Kind {
	case "link", "hard":
		e.Link = strings.TrimPrefix(value, "->")
	case "char", "block":
		e.Device, err = strconv.ParseInt(value, 10, 64)
	case "sparse":
		e.Body = "end"
		e.Size, err = strconv.ParseInt(value, 10, 64)
	default:
		e.Body = value
	}
	return e, err
}

// split returns the words of a line. A word in quotes is one of Go's strings; {x*9} is nine times x.
func split(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, `"`) {
			if word, err = strconv.QuotedPrefix(line); err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			rest = line[len(word):]
			word, _ = strconv.Unquote(word)
		}
		words, line = append(words, repeat(word)), rest
	}
	return words, nil
}

func repeat(word string) string {
	before, rest, found := strings.Cut(word, "{")
	times, after, closed := strings.Cut(rest, "}")
	what, count, isTimes := strings.Cut(times, "*")
	n, err := strconv.Atoi(count)
	if !found || !closed || !isTimes || err != nil {
		return word
	}
	return before + strings.Repeat(what, n) + repeat(after)
}

// Tars makes an archive of each layer.
func Tars(t testing.TB, layers [][]Entry) (tars [][]byte) {
	t.Helper()
	for _, l := range layers {
		tars = append(tars, Tar(t, l))
	}
	return tars
}

// Tar makes an archive of entries, in their order.
func Tar(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, e := range entries {
		h := &tar.Header{Typeflag: kinds[e.Kind], Name: e.Name, Linkname: e.Link, Mode: e.Mode, Size: int64(len(e.Body)),
			Devmajor: e.Device, Devminor: e.Device, ModTime: time.Unix(int64(1700000000+i), 0)}
		if e.GNU {
			h.Format = tar.FormatGNU
		}
		write := (Entry).write
		if e.Kind == "sparse" {
			write = Entry.writeSparse
		}
		if err := write(e, w, &buf, h); err != nil {
			t.Fatalf("%s %q: %v", e.Kind, e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (e Entry) write(w *tar.Writer, _ *bytes.Buffer, h *tar.Header) error {
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.WriteString(w, e.Body); err != nil {
		return err
	}
	return w.Flush()
}
