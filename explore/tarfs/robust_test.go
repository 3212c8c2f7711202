package tarfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestHoles wants a sparse file that is larger than all disks to cost nothing, and to be readable.
func TestHoles(t *testing.T) {
	const size = 1 << 60
	archive := sparse(t, size, []string{"1", fmt.Sprint(int64(size - 5)), "5"}, "12345")
	table, err := Index(bytes.NewReader(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	fsys := New(bytes.NewReader(archive), table)
	f, err := fsys.Open("big")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if n, err := f.(io.ReaderAt).ReadAt(p, size-8); n != 8 || err != io.EOF || string(p[:n]) != "\x00\x00\x0012345" {
		t.Errorf("ReadAt = %q, %v", p[:n], err)
	}
	e, err := fsys.Entry("big")
	if err != nil || e.SHA256 != [32]byte{} || e.Size != size || len(e.Sparse) != 1 {
		t.Errorf("Entry = %+v, %v", e, err)
	}
}

// TestLongMap wants a sparse map to end where archive/tar has enough of it.
func TestLongMap(t *testing.T) {
	numbers := strings.Split("300000"+strings.Repeat(" 0", 600000), " ")
	archive := sparse(t, 0, numbers, "")
	_, err := Index(bytes.NewReader(archive), nil)
	if !errors.Is(err, ErrLimit) {
		t.Errorf("Index = %v, want ErrLimit", err)
	}
	checkOracle(t, archive)
}

// sparse makes an archive with a sparse file of PAX format 1.0.
func sparse(t *testing.T, size int64, numbers []string, data string) []byte {
	t.Helper()
	content := strings.Join(numbers, "\n") + "\n"
	content += strings.Repeat("\x00", -len(content)&(blockSize-1)) + data
	records := ""
	for _, kv := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=big", fmt.Sprintf("GNU.sparse.realsize=%d", size)} {
		n := len(kv) + 2
		n += len(fmt.Sprint(n + 2))
		records += fmt.Sprintf("%d %s\n", n, kv)
	}
	archive := append(header('x', int64(len(records))), pad(records)...)
	archive = append(archive, header('0', int64(len(content)))...)
	return append(archive, pad(content)...)
}

// header makes a header of which archive/tar's writer knows nothing.
func header(typ byte, size int64) []byte {
	var b block
	copy(b[:], "name")
	copy(b[124:], fmt.Sprintf("%011o\x00", size))
	b[156] = typ
	copy(b[257:], "ustar\x0000")
	return fixChecksums(b[:])
}

func pad(s string) []byte { return []byte(s + strings.Repeat("\x00", -len(s)&(blockSize-1))) }

// TestChains reads extended headers one after another, which must not add up in memory.
func TestChains(t *testing.T) {
	var archive []byte
	for i := range 2000 {
		archive = append(archive, header('x', 512)...)
		archive = append(archive, pad(fmt.Sprintf("511 comment=%s\n", strings.Repeat(string(rune('a'+i%26)), 498)))...)
		archive[len(archive)-1] = ' ' // what is left is no record
	}
	if _, err := Index(bytes.NewReader(archive), nil); !errors.Is(err, ErrHeader) {
		t.Errorf("Index = %v, want ErrHeader", err)
	}
	archive = nil
	for range 2000 {
		archive = append(archive, header('L', 4)...)
		archive = append(archive, pad("last")...)
	}
	checkOracle(t, append(archive, header('0', 0)...))
	checkOracle(t, append(archive, header('L', 2<<20)...))
	for _, typ := range []byte{'x', 'g'} {
		archive = nil
		for i := range 2000 {
			record := fmt.Sprintf("28 comment%04d=%s\n", i, strings.Repeat(string(rune('a'+i%26)), 12))
			archive = append(append(archive, header(typ, int64(len(record)))...), pad(record)...)
		}
		checkOracle(t, append(archive, header('0', 0)...))
	}
}
