package tarfs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestFormats wants what each format can say and the others cannot.
func TestFormats(t *testing.T) {
	long := strings.Repeat("long-name/", 30) + "end"
	when := time.Unix(1e9, 123456789)
	tests := []struct {
		name string
		h    tar.Header
		data int64 // offset of the content: how many headers there are
	}{
		{"v7", tar.Header{Name: "a", Format: tar.FormatUSTAR}, 512},
		{"ustar, prefix", tar.Header{Name: strings.Repeat("p/", 60) + "name", Uname: "root", Gname: "wheel", Uid: 1, Gid: 2, Mode: 0o4755, Format: tar.FormatUSTAR}, 512},
		{"pax, long name", tar.Header{Name: long, Format: tar.FormatPAX}, 3 * 512},
		{"pax, long link", tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: long, Format: tar.FormatPAX}, 3 * 512},
		{"pax, UTF-8", tar.Header{Name: "hüße/☺", Uname: "Jürgen", Format: tar.FormatPAX}, 3 * 512},
		{"pax, times", tar.Header{Name: "a", ModTime: when, AccessTime: when, ChangeTime: when, Format: tar.FormatPAX}, 3 * 512},
		{"pax, large IDs", tar.Header{Name: "a", Uid: 1 << 31, Gid: 1 << 40, Format: tar.FormatPAX}, 3 * 512},
		{"pax, attributes", tar.Header{Name: "a", PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02", "VENDOR.x": "y"}, Format: tar.FormatPAX}, 3 * 512},
		{"gnu, long name", tar.Header{Name: long, Format: tar.FormatGNU}, 3 * 512},
		{"gnu, long link", tar.Header{Name: long, Typeflag: tar.TypeSymlink, Linkname: long, Format: tar.FormatGNU}, 5 * 512},
		{"gnu, base 256", tar.Header{Name: "a", Uid: 1 << 40, Gid: 1 << 31, ModTime: time.Unix(-5, 0), Format: tar.FormatGNU}, 512},
		{"gnu, device", tar.Header{Name: "sda", Typeflag: tar.TypeBlock, Devmajor: 8, Devminor: 1 << 33, Format: tar.FormatGNU}, 512},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			w := tar.NewWriter(&buf)
			content := "content of " + tt.name
			if tt.h.Typeflag == 0 {
				tt.h.Size = int64(len(content))
			}
			if err := w.WriteHeader(&tt.h); err != nil {
				t.Fatal(err)
			}
			w.Write([]byte(content)[:tt.h.Size])
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if tt.name == "v7" {
				clear(buf.Bytes()[257:512])
				copy(buf.Bytes()[148:156], fmt.Sprintf("%06o\x00 ", sum(buf.Bytes()[:512])))
			}
			fsys := checkOracle(t, buf.Bytes())
			e := inOrder(t, fsys.Table())[0]
			if e.Header != 0 || e.Data != tt.data {
				t.Errorf("header at %d, data at %d, want 0 and %d", e.Header, e.Data, tt.data)
			}
			for k, v := range tt.h.PAXRecords {
				if e.Records[k] != v {
					t.Errorf("record %s = %q, want %q; all: %q", k, e.Records[k], v, maps.Clone(e.Records))
				}
			}
		})
	}
}

func sum(b []byte) (n int64) {
	n, _ = (*block)(b).checksums()
	return n
}

// TestSparse reads the four ways in which GNU tar writes a sparse file, at every offset.
func TestSparse(t *testing.T) {
	const text = "..........AAAAA.....BBBBB....."
	want := strings.ReplaceAll(text, ".", "\x00")
	pax := func(records ...string) []byte {
		body := ""
		for _, kv := range append(records, "GNU.sparse.name=big") {
			body += fmt.Sprintf("%d %s\n", len(kv)+4, kv)
		}
		return append(header('x', int64(len(body))), pad(body)...)
	}
	plain := append(header('0', 10), pad("AAAAABBBBB")...)
	old := header('S', 10)
	copy(old, "big\x00")
	copy(old[257:], "ustar  \x00")
	copy(old[386:], fmt.Sprintf("%011o\x00%011o\x00%011o\x00%011o\x00", 10, 5, 20, 5))
	copy(old[483:], fmt.Sprintf("%011o\x00", len(text)))
	old = append(fixChecksums(old), pad("AAAAABBBBB")...)
	extended := bytes.Clone(old[:512])
	clear(extended[386:482])
	extended[482] = 1 // the map is in the next block
	more := make([]byte, 512)
	copy(more, old[386:482])
	extended = append(append(fixChecksums(extended), more...), pad("AAAAABBBBB")...)
	for name, archive := range map[string][]byte{
		"old":          old,
		"old extended": extended,
		"pax 0.0": append(pax("GNU.sparse.size=30", "GNU.sparse.numblocks=2", "GNU.sparse.offset=10", "GNU.sparse.numbytes=5",
			"GNU.sparse.offset=20", "GNU.sparse.numbytes=5"), plain...),
		"pax 0.1": append(pax("GNU.sparse.size=30", "GNU.sparse.numblocks=2", "GNU.sparse.map=10,5,20,5"), plain...),
		"pax 1.0": sparse(t, 30, strings.Split("2 10 5 20 5", " "), "AAAAABBBBB"),
	} {
		t.Run(name, func(t *testing.T) {
			fsys := checkOracle(t, archive)
			if fsys == nil {
				t.Fatal("no archive")
			}
			f, err := fsys.Open("big")
			if err != nil {
				t.Fatal(err)
			}
			for from := range len(want) {
				for to := from + 1; to <= len(want); to++ {
					p := make([]byte, to-from)
					if _, err := f.(*file).ReadAt(p, int64(from)); err != nil || string(p) != want[from:to] {
						t.Fatalf("[%d:%d] = %q, %v", from, to, p, err)
					}
				}
			}
		})
	}
}
