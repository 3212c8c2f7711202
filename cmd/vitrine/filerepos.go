package main

import (
	"context"
	"log/slog"

	"vitrine/registry/auth"
	"vitrine/registry/files"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// serveFiles makes the handler of the repositories of files, as they stand now.
func (s *server) serveFiles(l *live) {
	repos := s.mounts.files.repositories(l.config)
	if l.users != nil {
		for i := range repos {
			repos[i] = guarded(repos[i], s.policy)
		}
	}
	l.files = files.New(repos, &files.Options{NoDelete: !l.delete, ReadOnly: l.readOnly, StallTimeout: l.stall, ExternalURL: l.externalURL, Log: s.log})
}

// guarded is r for those who may.
func guarded(r files.Repository, policy func() *auth.Policy) files.Repository {
	if r.Store == nil {
		r.Reader = auth.GuardFiles(r.Reader, policy)
		return r
	}
	r.Store = auth.GuardFileStore(r.Store, policy)
	r.Reader = r.Store
	return r
}

// filesMounts are the repositories of files. A remote one whose configuration stays as it was goes on with what it knows and what it is downloading.
type filesMounts struct {
	kept   files.Keeper
	local  files.Store
	remote map[string]*fetched // of reloads, one at a time
	log    *slog.Logger
}

// fetched is a remote repository as it stands.
type fetched struct {
	*pullthrough.Files
	upstream *remote.Files
	key      string
	reader   storage.FileReader // Files, as far as the patterns let it through
}

// drain ends f when what it is downloading is here, or ctx ends.
func (f *fetched) drain(ctx context.Context) {
	f.Files.Drain(ctx)
	f.upstream.Close()
}

func (f *fetched) close() {
	f.Files.Close()
	f.upstream.Close()
}

func newFilesMounts(kept files.Keeper, log *slog.Logger) filesMounts {
	return filesMounts{kept: kept, local: files.NewLocal(kept, log), log: log}
}

// put has what p wants stand from now on, and returns what is there no longer.
func (m *filesMounts) put(p *plan) (gone []*fetched) {
	old := m.remote
	m.remote = map[string]*fetched{}
	for name, w := range p.files {
		if o := old[name]; o != nil && o.key == w.key {
			m.remote[name] = o
			delete(old, name)
		} else {
			m.remote[name] = m.open(w)
		}
		m.remote[name].SetOffline(p.offline || w.offline)
	}
	for _, o := range old {
		gone = append(gone, o)
	}
	return gone
}

// open makes what w wants.
func (m *filesMounts) open(w *wanted) *fetched {
	name, pkg := oci.Name(w.name), files.Package(w.pkg)
	format := files.NewThrough(pkg, name, m.kept, w.files)
	o := pullthrough.FilesOptions{
		Rule: func(path string) pullthrough.Rule {
			return pullthrough.Rule{Class: pkg.Class(path), Root: format.Root(path)}
		},
		IndexTTL: orNever(w.indexTTL), FileTTL: w.fileTTL, NegativeTTL: orNever(w.negativeTTL),
		Verify: format.Verify, MaxSize: w.maxSize, Offline: w.offline, Log: m.log,
	}
	if format.Publishes() {
		o.Publish = func(ctx context.Context, root string, f storage.File, b *pullthrough.Bundle) (string, map[string]storage.File, error) {
			return format.Publish(ctx, root, f, b)
		}
	}
	through := pullthrough.NewFiles(m.kept, name, w.files, &o)
	return &fetched{through, w.files, w.key, files.Filter(format.Reader(through, m.kept), pkg, w.include)}
}

func (m *filesMounts) close() {
	for _, f := range m.remote {
		f.close()
	}
}

// repositories are those of c that hold files.
func (m *filesMounts) repositories(c *config) (all []files.Repository) {
	members := map[string]files.Member{}
	for _, r := range c.repositories {
		name := oci.Name(r.name)
		switch {
		case r.pkg == "docker":
		case r.kind == "local":
			members[r.name] = files.Member{Name: name, Type: files.LocalType, Reader: m.local}
			all = append(all, files.Repository{Name: name, Type: files.LocalType, Package: files.Package(r.pkg), Reader: m.local, Store: m.local})
		case r.kind == "remote":
			members[r.name] = files.Member{Name: name, Type: files.RemoteType, Reader: m.remote[r.name].reader}
			all = append(all, files.Repository{Name: name, Type: files.RemoteType, Package: files.Package(r.pkg), Reader: m.remote[r.name].reader})
		}
	}
	for _, r := range c.repositories {
		if r.kind == "virtual" && r.pkg != "docker" {
			all = append(all, files.Repository{Name: oci.Name(r.name), Type: files.VirtualType, Package: files.Package(r.pkg), Reader: m.virtual(r, members)})
		}
	}
	return all
}

// virtual makes a virtual repository. It sees its members as they are, not as whoever asks may: who may read it is a rule about its own name.
func (m *filesMounts) virtual(r *repository, of map[string]files.Member) storage.FileReader {
	var members []files.Member
	for _, name := range r.members {
		members = append(members, of[name])
	}
	return files.NewVirtual(members, m.log)
}
