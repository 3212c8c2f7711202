package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Generations of an index that is made here.
const (
	keepGenerations = 8              // so that clients that have begun with one can go on
	supersededFor   = 48 * time.Hour // is how long what has its checksum in its name stays behind its generation
	maxSuperseded   = 1000
)

// Notes on files of an index, in File.Header.
const (
	noteOf    = "X-Vitrine-Of"    // what the index was made of
	noteUntil = "X-Vitrine-Until" // when a file of a generation before may go, in seconds since 1970
)

// recipe is how an index is made.
type recipe struct {
	repo oci.Name
	base string // the directory whose generation it is
	root string // its first file
	of   string // what it is made of: the same makes the same
	make func(ctx context.Context) (map[string]piece, error)
}

// piece is a file of an index.
type piece struct {
	data      []byte
	mediaType string
	class     storage.FileClass
}

// sumOf is what an index of these is made of.
func sumOf(all []string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "1 %q", all)) // the number is that of how indexes are made
	return fmt.Sprintf("%x", h[:16])
}

// publish makes the index, unless it is made of the same already. Where it cannot be made, because the disk is full or a member of a virtual repository cannot
// be read, the one before stays, with a note.
func (r *recipe) publish(ctx context.Context, l *local) error {
	old, err := l.kept.StatFile(ctx, r.repo, r.root)
	if err == nil && old.Header[noteOf] == r.of {
		return nil
	}
	if err != nil && !errors.Is(err, storage.ErrFileUnknown) {
		return err
	}
	err = r.publishAfter(ctx, l, old)
	if old.Digest == "" || !errors.Is(err, storage.ErrNoSpace) && !errors.Is(err, storage.ErrUpstream) {
		return err
	}
	l.log.ErrorContext(ctx, "an index could not be made, and stays as it was", "repository", r.repo, "directory", r.base, "error", err)
	storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: "a new index could not be made: it is the one before"})
	return nil
}

// publishAfter makes the index that follows old, the zero File if there is none.
func (r *recipe) publishAfter(ctx context.Context, l *local, old storage.File) error {
	kept := l.kept
	start := time.Now()
	pieces, err := r.make(ctx)
	if err != nil {
		return fmt.Errorf("the index of %.256q in %s: %w", r.base, r.repo, err)
	}
	files, err := r.put(ctx, kept, pieces, later(old))
	if err != nil {
		return err
	}
	gone, err := r.superseded(ctx, kept, files)
	if err != nil {
		return err
	}
	g, err := kept.PutFiles(ctx, r.repo, r.base, files, keepGenerations)
	if err != nil {
		return err
	}
	for d := range gone {
		l.forget(ctx, r.repo, d)
	}
	l.log.InfoContext(ctx, "an index was made", "repository", r.repo, "directory", r.base, "generation", g.Number, "took", time.Since(start))
	return nil
}

// put stores what is new.
func (r *recipe) put(ctx context.Context, kept Keeper, pieces map[string]piece, at time.Time) (map[string]storage.File, error) {
	files := map[string]storage.File{}
	for path, p := range pieces {
		f := storage.File{Digest: digest.FromBytes(p.data), MediaType: p.mediaType, Class: p.class, Modified: at}
		if err := storage.PutBlob(ctx, kept, r.repo, f.Digest, bytes.NewReader(p.data)); err != nil {
			return nil, err
		}
		if path == r.root {
			f.Header = map[string]string{noteOf: r.of}
		}
		files[path] = f
	}
	return files, nil
}

// superseded adds to files those of the last generation that clients may still ask for, because an older index names them, and returns the content of the
// generation that goes.
func (r *recipe) superseded(ctx context.Context, kept Keeper, files map[string]storage.File) (gone map[digest.Digest]bool, err error) {
	gone = map[digest.Digest]bool{}
	n := 0
	for g, err := range kept.Generations(ctx, r.repo, r.base) {
		if err != nil {
			return nil, err
		}
		if n++; n > 1 && n < keepGenerations {
			continue
		}
		g, err = kept.GetGeneration(ctx, r.repo, r.base, g.Number)
		if err != nil {
			return nil, err
		}
		for path, f := range g.Files {
			if n == 1 {
				carry(files, path, f)
			} else {
				gone[f.Digest] = true
			}
		}
	}
	return gone, nil
}

// carry adds a file of the generation before, if its time is not over.
func carry(files map[string]storage.File, path string, f storage.File) {
	if _, there := files[path]; there || !rpmHashed.MatchString(path) || len(files) > maxSuperseded {
		return
	}
	now := time.Now()
	until, err := strconv.ParseInt(f.Header[noteUntil], 10, 64)
	if err != nil {
		until = now.Add(supersededFor).Unix()
	}
	if now.Unix() < until {
		f.Header = map[string]string{noteUntil: strconv.FormatInt(until, 10)}
		files[path] = f
	}
}
