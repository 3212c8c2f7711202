package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"

	"vitrine/explore"
	"vitrine/registry/auth"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
)

// abroad is what a server has for other registries that visitors name. Those under way keep what was in force when they began.
type abroad struct {
	cache explore.Cache // nil until it is wanted
	now   *elsewhere
	of    []any            // what now was made of
	base  elsewhereOptions // what no configuration says

	google   *google            // nil: nobody signs in there
	keychain remote.Credentials // nil: none
}

// open reads what others' logins take.
func (a *abroad) open(c *config) (err error) {
	if a.keychain, err = newKeychain(c); err == nil {
		a.google, err = newGoogle(c, googleEnds)
	}
	return err
}

// explored chooses which other registries an explorer of store shows, and returns the store that it reads.
func (s *server) explored(l *live, store storage.Store, eo *explore.Options) storage.Store {
	switch l.exploreRemote {
	case "off": // what was kept of others is as good as what is here
		if store = s.mounts.kept; l.users != nil {
			store = auth.Guard(store, s.policy)
		}
	case "any":
		e, err := s.openElsewhere(l)
		if err != nil {
			s.log.Error("other registries can't be looked at", "error", err)
			return store
		}
		eo.Elsewhere, eo.Here = e.find, s.mounts.isMounted
		if s.abroad.google != nil {
			eo.Account = s.abroad.google.account()
		}
	}
	return store
}

// withAccount serves an explorer to visitors as they have signed in elsewhere.
func (s *server) withAccount(l *live, explorer http.Handler) http.Handler {
	if s.abroad.google == nil || l.exploreRemote != "any" {
		return explorer
	}
	return s.abroad.google.around(explorer)
}

// openElsewhere returns what reaches other registries as l wants it: what is there already if that is so.
func (s *server) openElsewhere(l *live) (*elsewhere, error) {
	a := &s.abroad
	of := []any{l.remoteAllow, l.remoteLayer, l.offline}
	if a.now != nil && reflect.DeepEqual(of, a.of) {
		return a.now, nil
	}
	if a.cache == nil {
		cache, err := s.openAwayCache()
		if err != nil {
			return nil, err
		}
		a.cache = cache
	}
	if a.now != nil {
		a.now.close()
	}
	a.of = of
	o := a.base
	o.allow, o.cache, o.maxLayer, o.offline = l.remoteAllow, a.cache, l.remoteLayer, l.offline
	o.login = logins(a.keychain, a.google)
	o.agent, o.log = "vitrine/"+buildVersion(), s.log
	a.now = newElsewhere(o)
	return a.now, nil
}

// openAwayCache opens the cache of indexes of others' layers, which is apart from that of what is here.
func (s *server) openAwayCache() (explore.Cache, error) {
	c, dir := s.started, s.started.remoteDir
	switch {
	case dir != "":
		dir = filepath.Join(dir, "vitrine")
	case c.ephemeral:
		return explore.NewMemory(c.remoteCache), nil
	default:
		dir = filepath.Join(c.root, "cache", "elsewhere")
	}
	cache, err := disk.OpenDerived(dir, c.remoteCache, s.log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("explore.remote_dir"), err)
	}
	return cache, nil
}

func (a *abroad) close() error {
	var errs []error
	if a.now != nil {
		a.now.close()
	}
	if c, ok := a.cache.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// isMounted reports whether a name is below a configured repository.
func (m *mounts) isMounted(name oci.Name) bool {
	first, _, _ := strings.Cut(string(name), "/")
	for _, r := range m.now.Load().repositories {
		if r.name == first {
			return true
		}
	}
	return false
}
