package overlaytest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strconv"
)

// writeSparse writes a file of zeros that ends in e.Body. archive/tar reads sparse files and does not write them: a file is written first,
// and then made one.
func (e Entry) writeSparse(w *tar.Writer, buf *bytes.Buffer, h *tar.Header) error {
	at, hole := buf.Len(), e.Size-int64(len(e.Body))
	h.Typeflag = tar.TypeReg
	if e.GNU {
		err := e.write(w, buf, h)
		makeOldSparse(buf.Bytes()[at:], e, hole)
		return err
	}
	e.Body = fmt.Sprintf("%-*s%s", blockSize, fmt.Sprintf("1\n%d\n%d\n", hole, len(e.Body)), e.Body)
	h.Size, h.Format = int64(len(e.Body)), tar.FormatPAX
	h.PAXRecords = map[string]string{
		"GNU_sparse.major": "1", "GNU_sparse.minor": "0", "GNU_sparse.realsize": strconv.FormatInt(e.Size, 10),
	}
	err := e.write(w, buf, h)
	copy(buf.Bytes()[at:], bytes.ReplaceAll(buf.Bytes()[at:], []byte("GNU_sparse"), []byte("GNU.sparse")))
	return err
}

const blockSize = 512

// makeOldSparse turns the header of a file into GNU's old one of a sparse file.
func makeOldSparse(header []byte, e Entry, hole int64) {
	const typeAt, sumAt, mapAt, sizeAt = 156, 148, 386, 483
	header[typeAt] = tar.TypeGNUSparse
	copy(header[mapAt:], fmt.Sprintf("%011o\x00%011o\x00", hole, len(e.Body)))
	copy(header[sizeAt:], fmt.Sprintf("%011o\x00", e.Size))
	copy(header[sumAt:], "        ")
	sum := 0
	for _, b := range header[:blockSize] {
		sum += int(b)
	}
	copy(header[sumAt:], fmt.Sprintf("%06o\x00 ", sum))
}
