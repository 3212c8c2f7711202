package main

import (
	"context"
	"log/slog"
	"net/url"
	"path"
	"strings"

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
	l.readers = map[oci.Name]storage.FileReader{}
	for _, r := range repos {
		l.readers[r.Name] = r.Reader
	}
	o := files.Options{NoDelete: !l.delete, ReadOnly: l.readOnly, StallTimeout: l.stall, ExternalURL: l.externalURL, Keys: s.mounts.files.keys, Log: s.log}
	if s.indexer != nil {
		o.Look = lookInside
	}
	l.files = files.New(repos, &o)
}

// lookInside is where the explorer shows a file of a repository, or a directory, which has a slash at its end.
func lookInside(r *files.Repository, p string) string {
	page := ""
	switch base := p[strings.LastIndexByte(p, '/')+1:]; { // "" of a directory
	case r.Package == files.Alpine && (base == "APKINDEX.tar.gz" || path.Ext(base) == ".apk"):
		page = "/apk/"
	case r.Package == files.RPM && (base == "repomd.xml" || strings.HasSuffix("/"+p, "/repodata/")):
		page = "/rpm/"
	case archives[path.Ext(base)] || archives[path.Ext(strings.TrimSuffix(base, path.Ext(base)))]: // .tar.gz
		page = "/open/"
	default:
		return ""
	}
	return (&url.URL{Path: page + string(r.Name) + "/" + p}).EscapedPath()
}

// archives are the endings of files that the explorer opens as file systems.
var archives = map[string]bool{".rpm": true, ".deb": true, ".apk": true, ".tar": true, ".tgz": true, ".zip": true, ".whl": true, ".jar": true, ".cpio": true}

// filesOf returns who reads the repository of files that l has by that name, for the explorer; nil if there is none.
func filesOf(l *live) func(oci.Name) storage.FileReader {
	return func(name oci.Name) storage.FileReader { return l.readers[name] }
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

// keeper is a store of files that has keys as well: what is in the root, or in memory.
type keeper interface {
	files.Keeper
	storage.SecretKeeper
}

// filesMounts are the repositories of files. A remote one whose configuration stays as it was goes on with what it knows and what it is downloading.
type filesMounts struct {
	kept   keeper
	local  files.Store
	rpm    *files.RPMLocal
	alpine *files.AlpineLocal
	keys   *files.AlpineKeys
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

// keyBits is the size of new keys; 0 is what is usual. Tests have no time for those.
var keyBits = 0

func newFilesMounts(kept keeper, log *slog.Logger) filesMounts {
	keys := files.NewAlpineKeys(kept, keyBits)
	return filesMounts{kept: kept, local: files.NewLocal(kept, log), rpm: files.NewRPMLocal(kept, log), alpine: files.NewAlpineLocal(kept, keys, log), keys: keys, log: log}
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
	m.alpine.Close()
}

// repositories are those of c that hold files.
func (m *filesMounts) repositories(c *config) (all []files.Repository) {
	members, keys := map[string]files.Member{}, map[oci.Name]string{}
	for _, r := range c.repositories {
		one := files.Repository{Name: oci.Name(r.name), Type: files.Type(r.kind), Package: files.Package(r.pkg), Key: r.keyFile()}
		switch {
		case r.pkg == "docker" || r.kind == "virtual":
			continue
		case r.kind == "remote":
			one.Reader = m.remote[r.name].reader
		case r.pkg == "alpine":
			keys[one.Name] = one.Key
			one.Reader, one.Store = m.alpine, m.alpine
		case r.pkg == "rpm":
			one.Reader, one.Store = m.rpm, m.rpm
		default:
			one.Reader, one.Store = m.local, m.local
		}
		members[r.name] = files.Member{Name: one.Name, Type: one.Type, Reader: one.Reader}
		all = append(all, one)
	}
	m.alpine.SetKeys(keys)
	for _, r := range c.repositories {
		if r.kind == "virtual" && r.pkg != "docker" {
			all = append(all, files.Repository{Name: oci.Name(r.name), Type: files.VirtualType, Package: files.Package(r.pkg), Reader: m.virtual(r, members), Key: r.keyFile()})
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
	switch r.pkg {
	case "alpine":
		return files.NewAlpineVirtual(m.kept, m.keys, r.keyFile(), members, m.log)
	case "rpm":
		return files.NewRPMVirtual(oci.Name(r.name), members, m.kept, m.log)
	}
	return files.NewVirtual(members, m.log)
}
