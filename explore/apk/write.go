package apk

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"iter"
	"slices"
	"time"
)

// WriteOptions are the choices of an index. Nil and zero are the defaults.
type WriteOptions struct {
	Key         *Key      // signs it; nil: apk takes it with --allow-untrusted only
	Description string    // of up to 160 bytes
	ModTime     time.Time // of the files in it; zero is 1970: the same packages make the same bytes
}

// WriteIndex makes an APKINDEX.tar.gz of records, in their order, each as it was read. All of it is in memory. The errors are those of records, and some
// that wrap [ErrFormat] for a record or a description that would be read as another, or [ErrLimit].
func WriteIndex(records iter.Seq2[Record, error], o *WriteOptions) ([]byte, error) {
	if o == nil {
		o = &WriteOptions{}
	}
	if len(o.Description) > maxDescription {
		return nil, fmt.Errorf("%w: a description of more than %d bytes", ErrLimit, maxDescription)
	}
	text, err := indexOf(records)
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	plain.Grow(len(text) + 4<<10)
	t := tar.NewWriter(&plain)
	if o.Description != "" {
		if err := addFile(t, "DESCRIPTION", []byte(o.Description), o.ModTime); err != nil {
			return nil, err
		}
	}
	if err := addFile(t, "APKINDEX", text, o.ModTime); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	content, err := compress(plain.Bytes())
	if err != nil || o.Key == nil {
		return content, err
	}
	signature, err := o.Key.Sign(content)
	return append(signature, content...), err
}

// indexOf is the text of an index.
func indexOf(records iter.Seq2[Record, error]) ([]byte, error) {
	var text bytes.Buffer
	for r, err := range records {
		switch {
		case err != nil:
			return nil, err
		case len(r.Raw) == 0 || r.Raw[len(r.Raw)-1] != '\n' || bytes.Contains([]byte(r.Raw), []byte("\n\n")):
			return nil, fmt.Errorf("%w: the record of %.64q", ErrFormat, r.Name)
		case int64(text.Len()+len(r.Raw)) >= maxIndex:
			return nil, fmt.Errorf("%w: an index of more than %d bytes", ErrLimit, maxIndex)
		}
		text.WriteString(r.Raw)
		text.WriteByte('\n')
	}
	return text.Bytes(), nil
}

// addFile adds a file to an archive of what apk itself reads.
func addFile(t *tar.Writer, name string, content []byte, when time.Time) error {
	if when.IsZero() {
		when = time.Unix(0, 0)
	}
	h := &tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644, Uname: "root", Gname: "root", ModTime: when.Truncate(time.Second), Format: tar.FormatUSTAR}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(content)
	return err
}

// compress makes a member, without name and time.
func compress(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Sort brings records into the order in which apk index writes them: by name, and by version from the oldest on.
func Sort(records []Record) {
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), CompareVersions(a.Version, b.Version), cmp.Compare(a.Version, b.Version))
	})
}

// All yields records that are in memory.
func All(records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}
