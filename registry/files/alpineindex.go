package files

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"path"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// keepIndexes is how many generations of an index are kept.
const keepIndexes = 8

// alpineDir is a directory of packages, whose index is made again when one of them changes.
type alpineDir struct {
	mu     sync.Mutex
	hiding map[string]int // packages that the index is not to name, by how many want so
	busy   bool           // an index is being made
	next   *round         // that what has come since waits for

	records map[string]knownRecord // of the packages, by file name; the round's that runs
}

type knownRecord struct {
	digest digest.Digest
	apk.Record
}

// maxRecords bounds the records that are remembered from one index to the next, of all directories: about 1 KB each.
const maxRecords = 1 << 16

// round is one index.
type round struct {
	done chan struct{}
	err  error
}

func (a *AlpineLocal) dir(p place) *alpineDir {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.dirs[p]
	if d == nil {
		d = &alpineDir{hiding: map[string]int{}}
		a.dirs[p] = d
	}
	return d
}

func (d *alpineDir) hide(name string) { d.count(name, 1) }
func (d *alpineDir) show(name string) { d.count(name, -1) }

func (d *alpineDir) count(name string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hiding[name] += n; d.hiding[name] == 0 {
		delete(d.hiding, name)
	}
}

// publishAll returns when the indexes of dirs have all that was put before, and nothing that was hidden.
func (a *AlpineLocal) publishAll(ctx context.Context, repo oci.Name, dirs []string) error {
	var rounds []*round
	for _, dir := range dirs {
		rounds = append(rounds, a.publish(ctx, place{repo, dir}))
	}
	var errs []error
	for _, r := range rounds {
		<-r.done
		errs = append(errs, r.err)
	}
	return errors.Join(errs...)
}

// publish returns the round that begins next.
func (a *AlpineLocal) publish(ctx context.Context, p place) *round {
	d := a.dir(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.next = &round{done: make(chan struct{})}
	}
	if !d.busy {
		d.busy = true
		a.running.Go(func() { a.makeIndexes(ctx, p, d) })
	}
	return d.next
}

// makeIndexes makes indexes until nobody waits for one.
func (a *AlpineLocal) makeIndexes(ctx context.Context, p place, d *alpineDir) {
	for {
		d.mu.Lock()
		r, hiding := d.next, maps.Clone(d.hiding)
		if d.next = nil; r == nil {
			a.trim(d)
			d.busy = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		r.err = a.makeIndex(ctx, p, d, hiding)
		close(r.done)
	}
}

// trim forgets the records of d if there are too many.
func (a *AlpineLocal) trim(d *alpineDir) {
	if a.records.Load() > maxRecords {
		a.records.Add(-int64(len(d.records)))
		d.records = nil
	}
}

// makeIndex publishes the index of the packages that are at p now.
func (a *AlpineLocal) makeIndex(ctx context.Context, p place, d *alpineDir, hiding map[string]int) error {
	old, err := a.at(ctx, p.repo, p.index())
	if err == nil && old.Digest == "" && path.Base(p.dir) != noarch {
		err = a.adopt(ctx, p)
	}
	if err == nil {
		err = a.readRecords(ctx, p, d)
	}
	if err != nil {
		return err
	}
	records := make([]apk.Record, 0, len(d.records))
	for name, r := range d.records {
		if hiding[name] == 0 {
			records = append(records, r.Record)
		}
	}
	apk.Sort(records)
	key, err := a.key(ctx, p.repo)
	if err != nil {
		return err
	}
	raw, err := apk.WriteIndex(apk.All(records), &apk.WriteOptions{Key: key, Description: string(p.repo)[:min(len(p.repo), maxDescription)]})
	if err != nil {
		return err
	}
	return publishIndex(ctx, a.local, p, raw, old)
}

// maxDescription is how much of a description apk reads, in bytes.
const maxDescription = 160

func (a *AlpineLocal) key(ctx context.Context, repo oci.Name) (*apk.Key, error) {
	a.mu.Lock()
	name := cmp.Or(a.named[repo], string(repo)+keySuffix)
	a.mu.Unlock()
	return a.keys.Key(ctx, name)
}

// adopt gives a new architecture the packages for any machine.
func (a *AlpineLocal) adopt(ctx context.Context, p place) error {
	for e, err := range a.kept.ListFiles(ctx, p.repo, join(up(p.dir), noarch), "") {
		if err != nil {
			return err
		}
		if path.Ext(e.Name) != ".apk" {
			continue
		}
		f := e.File
		f.Modified = f.Modified.Truncate(time.Second)
		err := a.kept.PutFile(ctx, p.repo, join(p.dir, e.Name), f, storage.Unset())
		if err != nil && !errors.Is(err, storage.ErrFileMatch) && !errors.Is(err, storage.ErrBlobUnknown) { // it has its own, or the other has just gone
			return err
		}
	}
	return nil
}

// readRecords reads what has changed. A package that cannot be read, because the disk has damaged it, is left out.
func (a *AlpineLocal) readRecords(ctx context.Context, p place, d *alpineDir) error {
	now := map[string]knownRecord{}
	for e, err := range a.kept.ListFiles(ctx, p.repo, p.dir, "") {
		if err != nil {
			return err
		}
		if e.IsDir() || path.Ext(e.Name) != ".apk" {
			continue
		}
		r, ok := d.records[e.Name]
		if !ok || r.digest != e.File.Digest {
			if r, err = a.readRecord(ctx, p, e.File.Digest); err != nil {
				a.log.WarnContext(ctx, "a package that cannot be read is left out of the index", "repository", p.repo, "path", join(p.dir, e.Name), "error", err)
				continue
			}
		}
		now[e.Name] = r
	}
	a.records.Add(int64(len(now) - len(d.records)))
	d.records = now
	return nil
}

func (a *AlpineLocal) readRecord(ctx context.Context, p place, d digest.Digest) (knownRecord, error) {
	b, err := a.kept.OpenBlob(ctx, p.repo, d)
	if err != nil {
		return knownRecord{}, err
	}
	defer b.Close()
	pkg, err := apk.Open(b, b.Size())
	if err != nil {
		return knownRecord{}, err
	}
	r, err := pkg.Record(path.Base(p.dir))
	r.Info = apk.Info{Name: r.Name, Version: r.Version} // the rest is in Raw
	return knownRecord{d, r}, err
}

// publishIndex publishes raw as the index of p, unless old, the one that is there, is the same. What only generations have that go is forgotten.
func publishIndex(ctx context.Context, l *local, p place, raw []byte, old storage.File) error {
	d := digest.FromBytes(raw)
	if d == old.Digest {
		return nil
	}
	if err := storage.PutBlob(ctx, l.kept, p.repo, d, bytes.NewReader(raw)); err != nil {
		return err
	}
	going, err := l.oldest(ctx, p)
	if err != nil {
		return err
	}
	f := storage.File{Digest: d, MediaType: "application/gzip", Class: storage.ClassIndex, Modified: later(old)}
	if _, err := l.kept.PutFiles(ctx, p.repo, p.dir, map[string]storage.File{p.index(): f}, keepIndexes); err != nil {
		l.forget(ctx, p.repo, d)
		return err
	}
	for _, d := range going {
		l.forget(ctx, p.repo, d)
	}
	return nil
}

// oldest is the content of the generations of p that go with the next one.
func (l *local) oldest(ctx context.Context, p place) (going []digest.Digest, err error) {
	n := 0
	for g, err := range l.kept.Generations(ctx, p.repo, p.dir) {
		if n++; err != nil {
			return nil, err
		}
		if n < keepIndexes {
			continue
		}
		if g, err = l.kept.GetGeneration(ctx, p.repo, p.dir, g.Number); err != nil {
			return nil, err
		}
		for _, f := range g.Files {
			going = append(going, f.Digest)
		}
	}
	return going, nil
}
