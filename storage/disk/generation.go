package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// generationName is the name of the file of a generation: "NUMBER-MILLISECONDS", so that a list of them needs no reading.
type generationName struct {
	number int64
	time   time.Time
}

func (n generationName) String() string {
	return strconv.FormatInt(n.number, 10) + "-" + strconv.FormatInt(n.time.UnixMilli(), 10)
}

func parseGenerationName(s string) (n generationName, ok bool) {
	number, ms, _ := strings.Cut(s, "-")
	v, err := strconv.ParseInt(number, 10, 64)
	t, err2 := strconv.ParseInt(ms, 10, 64)
	n = generationName{v, time.UnixMilli(t)}
	return n, err == nil && err2 == nil && v > 0 && n.String() == s
}

// generationNames lists the generations that stand in a directory of the disk, the last one first.
func (s *Store) generationNames(dir string) ([]generationName, error) {
	names, err := s.tree.names(dir)
	var all []generationName
	for _, name := range names {
		if n, ok := parseGenerationName(name); ok {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b generationName) int { return cmp.Compare(b.number, a.number) })
	return all, err
}

// loadGenerations enters the last generation of each directory of r.
func (s *Store) loadGenerations(r *repo, last map[string]storage.Generation) error {
	bases := map[string]bool{}
	if err := s.findBases(r.dir(generations), "", bases); err != nil {
		return err
	}
	for base := range bases {
		g, err := s.lastGeneration(treePath(r.dir(generations), base))
		if err != nil {
			return err
		}
		if g.Number > 0 {
			last[base] = g
		}
	}
	return nil
}

// findBases enters the directories that stand below one of the disk whose path begins with prefix.
func (s *Store) findBases(dir, prefix string, all map[string]bool) error {
	names, err := s.tree.names(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		switch e := parseElem(n); e.kind {
		case fileElem:
			all[strings.TrimSuffix(prefix, "/")] = true
		case dirElem:
			err = s.findBases(dir+"/"+n, prefix+e.name+"/", all)
		case longElem:
			err = s.findBases(dir+"/"+n, prefix+e.name, all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lastGeneration reads the last generation of a directory of the disk that can be read: one that a power cut has torn was never acknowledged, or nothing was to
// be synced. It has the number of the last one there, so that the next is another.
func (s *Store) lastGeneration(dir string) (storage.Generation, error) {
	names, err := s.generationNames(dir)
	for _, n := range names {
		files, err := s.readGeneration(dir + "/" + n.String())
		if err == nil {
			return numbered(storage.Generation{Number: names[0].number, Time: n.time, Files: files}), nil
		}
		s.log.Error("a generation cannot be read: the one before is served", "path", dir+"/"+n.String(), "error", err)
	}
	return storage.Generation{}, err
}

// readGeneration reads the files of a generation.
func (s *Store) readGeneration(name string) (map[string]storage.File, error) {
	f, err := s.tree.openFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxGenerationBytes))
	if err != nil {
		return nil, err
	}
	return parseGeneration(raw)
}

// PutFiles implements storage.FileStore. A generation is a file of its own, written and synced before it gets its name: with it, all of it is there at once.
func (s *Store) PutFiles(ctx context.Context, name oci.Name, base string, files map[string]storage.File, keep int) (storage.Generation, error) {
	if err := errors.Join(storage.CheckGeneration(base, files), ctx.Err()); err != nil {
		return storage.Generation{}, err
	}
	for _, f := range files {
		if _, err := s.contentLink(name, f.Digest); err != nil {
			return storage.Generation{}, err
		}
	}
	r := s.repo(name)
	dir := treePath(r.dir(generations), base)
	if err := s.tree.mkdirs(dir); err != nil {
		return storage.Generation{}, err
	}
	r.publishing.Lock()
	defer r.publishing.Unlock()
	g, err := s.publish(r, base, dir, files)
	if err != nil {
		return storage.Generation{}, err
	}
	return g.Brief(), s.prune(r, dir, g.Number-int64(max(keep, 1)))
}

// publish writes the next generation, durably. Called with publishing held.
func (s *Store) publish(r *repo, base, dir string, files map[string]storage.File) (g storage.Generation, err error) {
	dirs := []string{dir}
	for alg := range algorithms(files) {
		dirs = append(dirs, r.dir(blobs, alg)) // of links that a process before this one has made
	}
	if g, err = s.nextGeneration(r, base, files); err != nil {
		return g, err
	}
	raw, err := encodeGeneration(g)
	if err != nil {
		return g, err
	}
	tmp := s.tree.temp("uploads")
	err = s.tree.write(tmp, raw)
	if err == nil {
		err = s.enterGeneration(r, base, g, tmp, dir+"/"+generationName{g.Number, g.Time}.String())
	}
	if err != nil {
		return g, errors.Join(err, s.tree.remove(tmp))
	}
	return g, s.tree.syncDirs(dirs...)
}

func algorithms(files map[string]storage.File) map[string]bool {
	all := map[string]bool{}
	for _, f := range files {
		all[string(f.Digest.Algorithm())] = true
	}
	return all
}

// nextGeneration makes a generation of files.
func (s *Store) nextGeneration(r *repo, base string, files map[string]storage.File) (storage.Generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := s.filesOf(r)
	if err != nil {
		return storage.Generation{}, err
	}
	now, own := time.Now(), make(map[string]storage.File, len(files))
	for path, f := range files {
		old, ok := x.published(path)
		if !ok {
			if old, _, err = s.readFile(r, path); err != nil {
				return storage.Generation{}, err
			}
		}
		f.Header = maps.Clone(f.Header)
		if own[path], err = s.newFile(r, f, old, now); err != nil {
			return storage.Generation{}, err
		}
	}
	return storage.NextGeneration(x.last[base], own, now), nil
}

// enterGeneration gives the file of a generation its name, unless one of the blobs has gone meanwhile.
func (s *Store) enterGeneration(r *repo, base string, g storage.Generation, tmp, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := s.filesOf(r)
	if err != nil {
		return err
	}
	for _, f := range g.Files {
		if _, err := s.newFile(r, f, f, g.Time); err != nil {
			return err
		}
	}
	if err := s.tree.rename(tmp, name); err != nil {
		return err
	}
	for _, f := range g.Files {
		x.hold(f.Digest, 1)
	}
	x.last[strings.Clone(base)] = g
	x.version++
	return nil
}

// prune removes the generations up to the number upTo. That they are gone need not survive a power cut.
func (s *Store) prune(r *repo, dir string, upTo int64) error {
	names, err := s.generationNames(dir)
	for _, n := range names {
		if n.number <= upTo {
			err = errors.Join(err, s.dropGeneration(r, dir+"/"+n.String()))
		}
	}
	return err
}

func (s *Store) dropGeneration(r *repo, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.files; x.holds != nil {
		files, err := s.readGeneration(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("a generation that goes cannot be read", "path", name, "error", err)
		}
		for _, f := range files {
			x.hold(f.Digest, -1)
		}
	}
	return s.tree.remove(name)
}

// Generations implements storage.GenerationReader.
func (s *Store) Generations(ctx context.Context, name oci.Name, base string) iter.Seq2[storage.Generation, error] {
	return func(yield func(storage.Generation, error) bool) {
		names, err := s.basesGenerations(ctx, name, base)
		if err != nil {
			yield(storage.Generation{}, err)
			return
		}
		for _, n := range names {
			if !yield(storage.Generation{Number: n.number, Time: n.time}, nil) {
				return
			}
		}
	}
}

// basesGenerations lists the generations of base that are kept, the last one first.
func (s *Store) basesGenerations(ctx context.Context, name oci.Name, base string) ([]generationName, error) {
	r, err := s.find(name)
	if err = errors.Join(storage.CheckDir(base), ctx.Err(), err); err != nil || r == nil {
		return nil, err
	}
	return s.generationNames(treePath(r.dir(generations), base))
}

// GetGeneration implements storage.GenerationReader.
func (s *Store) GetGeneration(ctx context.Context, name oci.Name, base string, number int64) (storage.Generation, error) {
	names, err := s.basesGenerations(ctx, name, base)
	if err != nil {
		return storage.Generation{}, err
	}
	i := slices.IndexFunc(names, func(n generationName) bool { return n.number == number })
	if i < 0 {
		return storage.Generation{}, unknownGeneration(name, base, number)
	}
	dir := treePath((&repo{name: name}).dir(generations), base)
	files, err := s.readGeneration(path.Join(dir, names[i].String()))
	if errors.Is(err, fs.ErrNotExist) {
		err = unknownGeneration(name, base, number)
	}
	return numbered(storage.Generation{Number: number, Time: names[i].time, Files: files}), err
}

// numbered tells the files of g that they are.
func numbered(g storage.Generation) storage.Generation {
	for path, f := range g.Files {
		g.Files[path] = g.In(f)
	}
	return g
}

func unknownGeneration(name oci.Name, base string, number int64) error {
	return fmt.Errorf("%w: generation %d of %.256q in %s", storage.ErrFileUnknown, number, base, name)
}
