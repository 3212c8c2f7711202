package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
)

// maxImageHeader is how far into a file its dimensions are looked for: what cameras put before them is less.
const maxImageHeader = 1 << 20

// picture makes the Doc of an image.
func picture(kind Kind, width, height uint64, fields ...Field) *Doc {
	s := Section{Title: "Image", Fields: []Field{{"Width", number(width)}, {"Height", number(height)}}}
	s.Fields = append(s.Fields, fields...)
	return &Doc{Kind: string(kind), Title: fmt.Sprintf("%s image, %d × %d", strings.ToUpper(string(kind)), width, height), Sections: []Section{s}}
}

// decodeConfig makes a decoder of one of the standard library's, which read the header alone.
func decodeConfig(kind Kind, config func(io.Reader) (image.Config, error)) decoder {
	return func(f *file) (*Doc, error) {
		c, err := config(io.NewSectionReader(f, 0, min(f.size, maxImageHeader)))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		return picture(kind, uint64(c.Width), uint64(c.Height), Field{"Colours", Value{Text: colours(c.ColorModel)}}), nil
	}
}

var (
	decodePNG  = decodeConfig(KindPNG, png.DecodeConfig)
	decodeJPEG = decodeConfig(KindJPEG, jpeg.DecodeConfig)
	decodeGIF  = decodeConfig(KindGIF, gif.DecodeConfig)
)

func colours(m color.Model) string {
	if p, ok := m.(color.Palette); ok {
		return fmt.Sprintf("a palette of %d", len(p))
	}
	for _, x := range []struct {
		model color.Model
		name  string
	}{
		{color.RGBAModel, "RGB"}, {color.RGBA64Model, "RGB, 16 bits"}, {color.NRGBAModel, "RGBA"}, {color.NRGBA64Model, "RGBA, 16 bits"},
		{color.GrayModel, "grey"}, {color.Gray16Model, "grey, 16 bits"}, {color.YCbCrModel, "YCbCr"}, {color.CMYKModel, "CMYK"},
	} {
		if m == x.model {
			return x.name
		}
	}
	return "not known"
}

// decodeWebP reads the first chunk: a lossy or lossless image, or the header of what has several parts.
func decodeWebP(f *file) (*Doc, error) {
	b, err := f.bytes(0, 30)
	if err != nil {
		return nil, err
	}
	switch string(b[12:16]) {
	case "VP8 ": // RFC 6386, 9.1
		return picture(KindWebP, uint64(u16(b, 26)&0x3fff), uint64(u16(b, 28)&0x3fff), Field{"Compression", Value{Text: "lossy"}}), nil
	case "VP8L":
		v := u32(b, 21)
		return picture(KindWebP, uint64(v&0x3fff)+1, uint64(v>>14&0x3fff)+1, Field{"Compression", Value{Text: "lossless"}}), nil
	case "VP8X":
		const animated, alpha = 0x02, 0x10
		return picture(KindWebP, uint64(u32(b, 24)&0xffffff)+1, uint64(u32(b, 26)>>8)+1, Field{"Animated", yesNo(b[20]&animated != 0)},
			Field{"Transparent", yesNo(b[20]&alpha != 0)}), nil
	}
	return nil, fmt.Errorf("%w: a WebP chunk %q", ErrSyntax, b[12:16])
}

// decodeICO lists the images of an icon. The first is what its dimensions are.
func decodeICO(f *file) (*Doc, error) {
	n := int64(256)
	b, err := f.bytes(0, min(f.size, 6+16*n))
	if err != nil {
		return nil, err
	}
	c := cursor{b: b, order: binary.LittleEndian}
	c.take(4)
	count := c.u16()
	size := func(n uint8) uint64 { return uint64(n-1) + 1 } // 0 means 256
	s := table("Images", "#Width", "#Height", "#Bits", "#Bytes", "Offset")
	var width, height uint64
	for range count {
		w, h := size(c.u8()), size(c.u8())
		c.take(4)
		bits, bytes, at := c.u16(), c.u32(), c.u32()
		if c.bad {
			break
		}
		if len(s.Table.Rows) == 0 {
			width, height = w, h
		}
		s.row(number(w), number(h), number(bits), number(bytes), offset(int64(at)))
	}
	d := picture(KindICO, width, height, Field{"Images", number(count)})
	d.addSection(s)
	return d, nil
}

// decodeBMP reads the header, of which the oldest form has 16 bits for a size, and a negative height means that rows go down.
func decodeBMP(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 54))
	if err != nil {
		return nil, err
	}
	if u32(b, 14) == 12 {
		return picture(KindBMP, uint64(u16(b, 18)), uint64(u16(b, 20)), Field{"Bits", number(u16(b, 24))}), nil
	}
	height := int64(int32(u32(b, 22)))
	return picture(KindBMP, uint64(u32(b, 18)), uint64(max(height, -height)), Field{"Bits", number(u16(b, 28))}), nil
}

// decodeAVIF looks for the dimensions in the boxes inside meta, iprp, ipco: the largest of all images counts (ISO/IEC 23008-12, 6.5.3).
func decodeAVIF(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 64<<10))
	if err != nil {
		return nil, err
	}
	var width, height uint32
	size := func(box []byte) {
		if w, h := u32be(box, 4), u32be(box, 8); uint64(w)*uint64(h) > uint64(width)*uint64(height) {
			width, height = w, h
		}
	}
	within(b, "meta", func(meta []byte) {
		within(meta[min(4, len(meta)):], "iprp", func(iprp []byte) {
			within(iprp, "ipco", func(ipco []byte) { within(ipco, "ispe", size) })
		})
	})
	if width == 0 {
		return nil, fmt.Errorf("%w: an AVIF image without dimensions", ErrSyntax)
	}
	return picture(KindAVIF, uint64(width), uint64(height)), nil
}

// within calls f with the content of each box of a type: a box is its length, its type, and the content.
func within(b []byte, kind string, f func(content []byte)) {
	for len(b) >= 8 {
		n := int64(u32be(b, 0))
		if n == 0 || n > int64(len(b)) { // to the end of the file, or cut
			n = int64(len(b))
		}
		if n < 8 {
			return
		}
		if string(b[4:8]) == kind {
			f(b[8:n])
		}
		b = b[n:]
	}
}

// decodeSVG reads the attributes of the root, and tells whether there is anything that runs.
func decodeSVG(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, maxImageHeader))
	if err != nil {
		return nil, err
	}
	s := Section{Title: "Image"}
	var size []string
	for _, a := range rootAttributes(b) {
		switch a.Name.Local {
		case "width", "height":
			size = append(size, visible(a.Value, 32))
			s.add(strings.ToUpper(a.Name.Local[:1])+a.Name.Local[1:], plain(a.Value))
		case "viewBox":
			s.add("View box", plain(a.Value))
		}
	}
	s.add("Scripts", yesNo(bytes.Contains(bytes.ToLower(b), []byte("<script"))))
	d := &Doc{Kind: string(KindSVG), Title: strings.Join(append([]string{"SVG image"}, strings.Join(size, " × ")), ", "), Sections: []Section{s}}
	d.Title = strings.TrimSuffix(d.Title, ", ")
	return d, nil
}

func rootAttributes(b []byte) []xml.Attr {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		t, err := d.RawToken()
		if err != nil {
			return nil
		}
		if e, ok := t.(xml.StartElement); ok {
			return e.Attr
		}
	}
}
