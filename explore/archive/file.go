package archive

import "vitrine/explore/tarfs"

// IndexFile returns the index of a blob that is a single file ([Plain]), of which size and digest are known: nobody has to read it.
func IndexFile(size int64, sum [32]byte) (*Index, error) {
	b := tarfs.NewBuilder(nil)
	if err := b.Add(&tarfs.Entry{Name: fileName("", false), Type: tarfs.TypeReg, Mode: 0o644, Size: size, SHA256: sum}); err != nil {
		return nil, err
	}
	table, err := b.Table(tarfs.Info{End: size, Size: size, SHA256: sum})
	return &Index{Format: Plain, BlobSize: size, BlobSHA256: sum, table: table}, err
}
