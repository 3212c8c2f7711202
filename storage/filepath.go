package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"vitrine/storage/oci"
)

// Bounds of a path. The first two are what Linux sets for its own; the third keeps a stranger from making thousands of directories for one file.
const (
	MaxPath       = 4096 // bytes
	MaxComponents = 64
	MaxGeneration = 4096 // files of a generation
)

// CheckPath returns ErrFilePath unless path is that of a file: components of UTF-8 separated by single slashes, at most MaxPath bytes and MaxComponents in all,
// none of them "." or "..", and no control character, which no terminal and no header would bear. Case counts, nothing is decoded and nothing folded: what
// looks alike and has other bytes is another file. A component may be of any length.
func CheckPath(path string) error {
	switch {
	case path == "" || len(path) > MaxPath:
		return fmt.Errorf("%w: it has %d bytes, and may have 1 to %d", ErrFilePath, len(path), MaxPath)
	case !utf8.ValidString(path):
		return fmt.Errorf("%w: %.64q is no UTF-8", ErrFilePath, path)
	case strings.ContainsFunc(path, isControl):
		return fmt.Errorf("%w: %.64q has a control character", ErrFilePath, path)
	}
	n := 0
	for c := range strings.SplitSeq(path, "/") {
		if n++; c == "" || c == "." || c == ".." || n > MaxComponents {
			return fmt.Errorf("%w: %.64q: component %d is %.8q", ErrFilePath, path, n, c)
		}
	}
	return nil
}

// isControl reports whether r is one of C0 or C1 or DEL.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// CheckDir is CheckPath for a directory, which may be "" too.
func CheckDir(dir string) error {
	if dir == "" {
		return nil
	}
	return CheckPath(dir)
}

// InDir reports whether path is below the directory dir.
func InDir(path, dir string) bool {
	return dir == "" || len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// CheckGeneration returns ErrFilePath unless files can be a generation of base.
func CheckGeneration(base string, files map[string]File) error {
	if err := CheckDir(base); err != nil {
		return err
	}
	if len(files) == 0 || len(files) > MaxGeneration {
		return fmt.Errorf("%w: a generation of %d files, and it may have 1 to %d", ErrFilePath, len(files), MaxGeneration)
	}
	for p := range files {
		if err := CheckPath(p); err != nil {
			return err
		}
		if !InDir(p, base) {
			return fmt.Errorf("%w: %.64q is not below %.64q", ErrFilePath, p, base)
		}
	}
	return nil
}

// Bounds of what is kept of a file besides its content. Together they stay within a record of 1024 bytes, the most that XFS keeps in a symbolic link.
const (
	maxMediaType = 127 // RFC 6838, 4.2: names of 127 characters; both at their longest are nobody's
	maxETag      = 128
	maxClass     = 16
	maxHeader    = 400 // names and values together
)

// Bounded returns f without what is too long to be kept, or has other than visible characters of ASCII and spaces: headers, and a media type or an ETag. Times
// are cut, and Modified is the time now where it is zero.
func (f File) Bounded(now time.Time) File {
	if f.Modified.IsZero() {
		f.Modified = now
	}
	f.Modified = f.Modified.Truncate(time.Second)
	f.Checked = f.Checked.Truncate(time.Millisecond)
	f.Stored, f.Generation = now.Truncate(time.Millisecond), 0
	if cost(f.MediaType) > maxMediaType {
		f.MediaType = ""
	}
	if cost(f.ETag) > maxETag {
		f.ETag = ""
	}
	if cost(string(f.Class)) > maxClass {
		f.Class = ""
	}
	f.Header = boundedHeader(f.Header)
	return f
}

// Replacing returns f, Bounded, as it takes the place of old: the same content is as old as it was, if nobody says something else.
func (f File) Replacing(old File, now time.Time) File {
	same := old.Digest == f.Digest
	if same && f.Modified.IsZero() {
		f.Modified = old.Modified
	}
	f = f.Bounded(now)
	if same {
		f.Stored = old.Stored
	}
	return f
}

// boundedHeader returns the headers of all in the order of their names as far as there is room.
func boundedHeader(all map[string]string) map[string]string {
	var kept map[string]string
	room := maxHeader
	for _, name := range sortedKeys(all) {
		if n := cost(name) + cost(all[name]) + 8; n <= room { // of what stands between them in the record
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = all[name]
			room -= n
		}
	}
	return kept
}

// cost is how many bytes s takes in a record, more than any bound where it has bytes that do not belong into a header.
func cost(s string) int {
	n := len(s)
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c > '~':
			return MaxPath
		case c == '"' || c == '\\':
			n++
		}
	}
	return n
}

// WalkFiles yields all files below the directory dir with their paths, in the order of ListFiles: a directory stands where its name with the slash does. The
// names in an Entry are whole paths.
func WalkFiles(ctx context.Context, r FileReader, repo oci.Name, dir string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { walkFiles(ctx, r, repo, dir, yield) }
}

func walkFiles(ctx context.Context, r FileReader, repo oci.Name, dir string, yield func(Entry, error) bool) bool {
	for e, err := range r.ListFiles(ctx, repo, dir, "") {
		if err != nil {
			return yield(Entry{}, err)
		}
		p := join(dir, e.Name)
		if !e.IsDir() {
			if !yield(Entry{p, e.File}, nil) {
				return false
			}
			continue
		}
		if !walkFiles(ctx, r, repo, p[:len(p)-1], yield) {
			return false
		}
	}
	return true
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// OpenFileAt opens what the generation number of base has at path; ErrFileUnknown where that is not kept.
func OpenFileAt(ctx context.Context, r interface {
	GenerationReader
	BlobReader
}, repo oci.Name, base string, number int64, path string) (Blob, File, error) {
	g, err := r.GetGeneration(ctx, repo, base, number)
	if err != nil {
		return nil, File{}, err
	}
	f, ok := g.Files[path]
	if !ok {
		return nil, File{}, fmt.Errorf("%w: %.256q in generation %d of %s", ErrFileUnknown, path, number, repo)
	}
	b, err := r.OpenBlob(ctx, repo, f.Digest)
	if errors.Is(err, ErrBlobUnknown) { // it has gone meanwhile, with its generation
		err = fmt.Errorf("%w: %w", ErrFileUnknown, err)
	}
	return b, f, err
}

// StatFileAt returns what the path was at the time t: from the generation of a directory above it that was the last one then, or the single file, if it has not
// changed since. ErrFileUnknown where that is not kept.
func StatFileAt(ctx context.Context, s FileStore, repo oci.Name, path string, t time.Time) (File, error) {
	if err := CheckPath(path); err != nil {
		return File{}, err
	}
	for base := range Above(path) {
		f, err := statIn(ctx, s, repo, base, path, t)
		if err == nil || !errors.Is(err, ErrFileUnknown) {
			return f, err
		}
	}
	f, err := s.StatFile(ctx, repo, path)
	if err == nil && f.Stored.After(t) {
		return File{}, fmt.Errorf("%w: %.64q in %s as it was at %s", ErrFileUnknown, path, repo, t.UTC().Format(time.RFC3339))
	}
	return f, err
}

// statIn looks for path in the generation of base that was the last one at t.
func statIn(ctx context.Context, s FileStore, repo oci.Name, base, path string, t time.Time) (File, error) {
	for g, err := range s.Generations(ctx, repo, base) {
		if err != nil {
			return File{}, err
		}
		if g.Time.After(t) {
			continue
		}
		g, err = s.GetGeneration(ctx, repo, base, g.Number)
		if f, ok := g.Files[path]; ok || err != nil {
			return f, err
		}
		break
	}
	return File{}, ErrFileUnknown
}

// Above yields the directories above path from the nearest on, "" as the last.
func Above(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for path != "" {
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
			if !yield(path) {
				return
			}
		}
	}
}
