package inspect

import (
	"encoding/binary"
	"image"
	"strings"
	"testing"
)

// TestImages compares with package image on images of Go's own tests.
func TestImages(t *testing.T) {
	for _, suffix := range []string{".png", ".jpeg", ".gif"} {
		for name, data := range goroot(t, "image/testdata", suffix) {
			want, _, err := image.DecodeConfig(strings.NewReader(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			d, err := inspect(t, name, data)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			compare(t, name, fieldsOf(d, "Width"), []string{number(want.Width).Text})
			compare(t, name, fieldsOf(d, "Height"), []string{number(want.Height).Text})
			if c := fieldsOf(d, "Colours"); c[0] == "not known" {
				t.Errorf("%s: colours %q", name, c)
			}
		}
	}
}

// TestImageHeaders: formats that the standard library lacks.
func TestImageHeaders(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	for _, c := range []struct {
		data []byte
		want string // the title and the fields behind the dimensions
	}{
		{words(t, le, "RIFF 4:100 WEBP VP8\\x20 4:80 1:0 1:0 1:0 1:0x9d 1:1 1:0x2a 2:640 2:0x41e0"), "WEBP image, 640 × 480; Compression: lossy"},
		{words(t, le, "RIFF 4:100 WEBP VP8L 4:80 1:0x2f 4:0x0077c27f 4:0 1:0"), "WEBP image, 640 × 480; Compression: lossless"},
		{words(t, le, "RIFF 4:100 WEBP VP8X 4:10 4:0x12 2:639 1:0 2:479 1:0"), "WEBP image, 640 × 480; Animated: yes; Transparent: yes"},
		{words(t, le, "2:0 2:1 2:2 1:16 1:16 2:0 2:1 2:32 4:100 4:38 1:0 1:0 2:0 2:1 2:32 4:200 4:138"), "ICO image, 16 × 16; Images: 2"},
		{words(t, le, "BM 4:0 4:0 4:54 4:40 4:10 4:-20 2:1 2:24 4:0 4:0 4:0 4:0 4:0 4:0"), "BMP image, 10 × 20; Bits: 24"},
		{words(t, le, "BM 4:0 4:0 4:26 4:12 2:10 2:20 2:1 2:8"), "BMP image, 10 × 20; Bits: 8"},
		{words(t, be, "4:16 ftypavif 4:0 4:80 meta 4:0 4:8 hdlr 4:60 iprp 4:48 ipco 4:20 ispe 4:0 4:16 4:16 4:20 ispe 4:0 4:640 4:480"), "AVIF image, 640 × 480"},
		{[]byte("<?xml version='1.0' encoding='latin1'?>\n<!-- <svg> --><svg xmlns='a' width='10mm' height=\"5\" viewBox='0 0 1 1'><SCRIPT/></svg>"),
			"SVG image, 10mm × 5; View box: 0 0 1 1; Scripts: yes"},
		{[]byte("<svg/>"), "SVG image; Scripts: no"},
	} {
		d, err := inspect(t, c.want, c.data)
		if err != nil || d == nil {
			t.Errorf("%s: %v", c.want, err)
			continue
		}
		got := d.Title
		for _, f := range d.Sections[0].Fields {
			if f.Name != "Width" && f.Name != "Height" {
				got += "; " + f.Name + ": " + f.Value.Text
			}
		}
		if got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		for n := range len(c.data) {
			inspect(t, c.want, c.data[:n])
		}
	}
}

func FuzzImages(f *testing.F) {
	for _, s := range []string{"VP8X 4:10 4:0x12 2:639 1:0 2:479 1:0", "VP8L 4:80 1:0x2f 4:0x0077c27f"} {
		f.Add(0, words(f, binary.LittleEndian, s))
	}
	f.Add(1, words(f, binary.LittleEndian, "1:16 1:16 2:0 2:1 2:32 4:100 4:38"))
	f.Add(2, words(f, binary.BigEndian, "4:60 meta 4:0 4:48 iprp 4:40 ipco 4:20 ispe 4:0 4:16 4:16"))
	f.Add(3, []byte(" width='1'><a/></svg>"))
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		heads := []string{"RIFF\x00\x00\x00\x00WEBP", "\x00\x00\x01\x00\x01\x00", "\x00\x00\x00\x10ftypavif\x00\x00\x00\x00", "<svg"}
		inspect(t, "a", append([]byte(heads[uint(which)%uint(len(heads))]), data...))
	})
}
