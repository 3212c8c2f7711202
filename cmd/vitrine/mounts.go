package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// mounts is what stands at the names of the configured repositories, and changes it while it is used:
//
//	team/app  ---------------------------> kept     type local
//	hub/library/nginx  -> pullthrough ---> kept     type remote, filled by a client of the other registry
//	all/app  -> virtual -> team/app, hub/app        type virtual
//	everything else  --------------------> kept     or a virtual of that and of the mirror
//
// A repository whose configuration stays as it was keeps its Store, with what that knows and what it is downloading. One that is replaced, or is there no longer,
// is closed when the last request that began before has ended and nobody reads what arrived through it.
type mounts struct {
	*mux.Store
	kept  storage.Store // tells the indexer what is new
	files filesMounts
	log   *slog.Logger
	uses  generations

	ctx     context.Context // of those that are waited for
	cancel  context.CancelFunc
	closing sync.WaitGroup

	now     atomic.Pointer[plan]
	through map[string]*through         // of reloads, one at a time
	clients map[string]*remote.Registry // by identity
}

// through is a remote repository as it stands.
type through struct {
	*pullthrough.Store
	key string
}

// newMounts keeps images in kept and files in local, which are the same.
func newMounts(kept storage.Store, local keeper, log *slog.Logger) *mounts {
	m := &mounts{Store: mux.New(kept, nil), kept: kept, files: newFilesMounts(local, log), log: log, uses: newGenerations()}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.now.Store(&plan{config: &config{}})
	return m
}

// isRemote reports whether the name is below a remote repository: what is stored there came from another registry.
func (m *mounts) isRemote(name oci.Name) bool {
	first, _, _ := strings.Cut(string(name), "/")
	_, ok := m.now.Load().remotes[first]
	return ok
}

// namespace returns the repository that stands for another registry, such as docker.io.
func (m *mounts) namespace(host string) (repository string, ok bool) {
	repository, ok = m.now.Load().namespaces[strings.ToLower(host)]
	return repository, ok
}

// put has p stand at the names from now on. Reloads come one at a time.
func (m *mounts) put(p *plan) {
	m.now.Store(p) // before the Stores are made, which ask what is remote
	old, clients := m.through, map[string]*remote.Registry{}
	m.through = map[string]*through{}
	for name, w := range p.remotes {
		if m.clients[w.who] != nil {
			w.client = m.clients[w.who]
		} else if clients[w.who] != nil {
			w.client = clients[w.who]
		}
		clients[w.who] = w.client
		m.through[name] = m.open(old[name], w)
		m.through[name].SetOffline(p.offline || w.offline)
	}
	m.Swap(m.stores(p))
	var gone []*through
	for name, t := range old {
		if m.through[name] != t {
			gone = append(gone, t)
		}
	}
	m.retire(gone, m.files.put(p), dropped(m.clients, clients))
	m.clients = clients
}

// dropped are the clients that are no longer there.
func dropped(old, now map[string]*remote.Registry) (gone []*remote.Registry) {
	for who, client := range old {
		if now[who] == nil {
			gone = append(gone, client)
		}
	}
	return gone
}

// open returns the Store that w wants: the old one if that is it.
func (m *mounts) open(old *through, w *wanted) *through {
	if old != nil && old.key == w.key {
		return old
	}
	store := pullthrough.New(m.kept, w.client, &pullthrough.Options{
		Prefix: oci.Name(w.name), Library: w.hub, Include: w.include,
		IndexTTL: orNever(w.indexTTL), FileTTL: w.fileTTL, NegativeTTL: orNever(w.negativeTTL),
		MaxSize: w.maxSize, IsLocal: func(name oci.Name) bool { return !m.isRemote(name) },
		Offline: w.offline, Log: m.log,
	})
	return &through{store, w.key}
}

// orNever is a time to keep things for, of which zero is none.
func orNever[D ~int64](d D) D {
	if d == 0 {
		return -1
	}
	return d
}

// stores is what p wants at each name.
func (m *mounts) stores(p *plan) map[string]storage.Store {
	all := map[string]storage.Store{}
	for _, r := range p.repositories {
		switch {
		case r.pkg != "docker":
			all[r.name] = notImages{r}
		case r.kind == "local":
			all[r.name] = m.kept
		case r.kind == "remote":
			all[r.name] = m.through[r.name].Store
		}
		if r.mirror {
			members := []mux.Member{{Store: m.kept, Local: true}, {Name: oci.Name(r.name), Store: m.through[r.name].Store}}
			all[""] = mux.NewVirtual("", members, &mux.VirtualOptions{Reserve: r.reserve, Log: m.log})
		}
	}
	for _, r := range p.repositories {
		if r.kind == "virtual" && r.pkg == "docker" {
			all[r.name] = m.virtual(r, all)
		}
	}
	return all
}

// virtual makes a virtual repository of others.
func (m *mounts) virtual(r *repository, others map[string]storage.Store) storage.Store {
	var members []mux.Member
	for _, name := range r.members {
		_, isRemote := m.through[name]
		members = append(members, mux.Member{Name: oci.Name(name), Store: others[name], Local: !isRemote})
	}
	return mux.NewVirtual(oci.Name(r.name), members, &mux.VirtualOptions{Reserve: r.reserve, Log: m.log})
}

// retire closes what has been replaced when nobody uses it any more. Who came before may.
func (m *mounts) retire(gone []*through, files []*fetched, clients []*remote.Registry) {
	left := m.uses.next()
	m.closing.Go(func() {
		select {
		case <-left:
		case <-m.ctx.Done():
		}
		for _, t := range gone {
			m.closing.Go(func() { t.Drain(m.ctx) })
		}
		for _, f := range files {
			m.closing.Go(func() { f.drain(m.ctx) })
		}
		for _, c := range clients {
			c.Close() // which is its idle connections
		}
	})
}

// close breaks off what goes on. The kept store stays open.
func (m *mounts) close() error {
	m.cancel()
	for _, t := range m.through {
		t.Close()
	}
	m.files.close()
	m.closing.Wait()
	for _, c := range m.clients {
		c.Close()
	}
	return nil
}
