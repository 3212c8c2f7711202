package disk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// fileRecord is what stands in the link of a file and in a generation: storage.File, at most maxRecord bytes of JSON once it is File.Bounded.
type fileRecord struct {
	Digest    digest.Digest     `json:"digest"`
	Size      int64             `json:"size"`
	MediaType string            `json:"type,omitempty"`
	Class     storage.FileClass `json:"class,omitempty"`
	Modified  int64             `json:"modified"`          // seconds
	Stored    int64             `json:"stored"`            // milliseconds
	Checked   int64             `json:"checked,omitempty"` // milliseconds
	ETag      string            `json:"etag,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
}

// maxRecord is the most that XFS keeps in a symbolic link.
const maxRecord = 1023

func recordOf(f storage.File) fileRecord {
	r := fileRecord{f.Digest, f.Size, f.MediaType, f.Class, f.Modified.Unix(), f.Stored.UnixMilli(), 0, f.ETag, f.Header}
	if !f.Checked.IsZero() {
		r.Checked = f.Checked.UnixMilli()
	}
	return r
}

// file is the inverse of recordOf.
func (r fileRecord) file() (storage.File, error) {
	if _, err := oci.ParseDigest(string(r.Digest)); err != nil {
		return storage.File{}, err
	}
	f := storage.File{
		Digest: r.Digest, Size: r.Size, MediaType: r.MediaType, Class: r.Class, ETag: r.ETag, Header: r.Header,
		Modified: time.Unix(r.Modified, 0), Stored: time.UnixMilli(r.Stored),
	}
	if r.Checked != 0 {
		f.Checked = time.UnixMilli(r.Checked)
	}
	return f, nil
}

// encode returns v as JSON that a person can read: "&" stays what it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// fileTarget returns what the link of f holds.
func fileTarget(f storage.File) (string, error) {
	b, err := encode(recordOf(f))
	if err == nil && len(b) > maxRecord {
		err = fmt.Errorf("a record of %d bytes, and it may have %d", len(b), maxRecord)
	}
	return string(b), err
}

// parseFile is the inverse of fileTarget.
func parseFile(target string) (storage.File, error) {
	var r fileRecord
	if err := json.Unmarshal([]byte(target), &r); err != nil {
		return storage.File{}, err
	}
	return r.file()
}

// generationRecord is the content of the file of a generation.
type generationRecord struct {
	Files map[string]fileRecord `json:"files"`
}

// maxGenerationBytes bounds what is read of one: what MaxGeneration records and paths can have at the most.
const maxGenerationBytes = storage.MaxGeneration * (storage.MaxPath + 2*maxRecord)

func encodeGeneration(g storage.Generation) ([]byte, error) {
	r := generationRecord{map[string]fileRecord{}}
	for path, f := range g.Files {
		r.Files[path] = recordOf(f)
	}
	b, err := encode(r)
	return append(b, '\n'), err
}

// parseGeneration returns the files of a generation.
func parseGeneration(raw []byte) (map[string]storage.File, error) {
	var r generationRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	files := make(map[string]storage.File, len(r.Files))
	for path, rec := range r.Files {
		f, err := rec.file()
		if err != nil {
			return nil, fmt.Errorf("%.256q: %w", path, err)
		}
		files[path] = f
	}
	return files, nil
}
