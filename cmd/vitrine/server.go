package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"vitrine/explore"
	"vitrine/registry"
	"vitrine/registry/api"
	"vitrine/registry/auth"
	"vitrine/registry/files"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/watch"
)

// Limits of a request's head: what is slower or larger than that is no client of a registry. Bodies have no such limits here:
// the registry watches that they go on.
const (
	headTime  = 10 * time.Second
	headBytes = 64 << 10
	idleTime  = 2 * time.Minute
)

// server is a running registry.
type server struct {
	started *config // what can't change is as it says
	log     *slog.Logger
	level   *slog.LevelVar
	certs   *certificates    // nil without TLS
	kept    storage.Store    // in the root or in memory: what is checked and closed
	mounts  *mounts          // kept, telling indexer what is new, and the repositories that the configuration names
	store   storage.Store    // all of that by name
	indexer *explore.Indexer // nil without the explorer
	first   *plan            // for the mounts, when there is a store
	live    atomic.Pointer[live]
	abroad  abroad
	health  health
}

// live is everything that a reload replaces, all at once.
type live struct {
	*config
	users    *auth.Users // nil where everybody may do everything
	policy   *auth.Policy
	registry http.Handler
	explorer http.Handler
	files    http.Handler
	readers  map[oci.Name]storage.FileReader // of repositories of files, as whoever asks may
}

// newServer makes a server of all that a configuration names but the store. Its errors are errUsage.
func newServer(c *config, logTo io.Writer) (*server, error) {
	s := &server{started: c, level: new(slog.LevelVar)}
	s.log = newLogger(c, logTo, s.level)
	if c.tlsCert != "" {
		pair, st, err := loadPair(c.tlsCert, c.tlsKey)
		if err != nil {
			return nil, usageError{err}
		}
		s.certs = &certificates{log: s.log}
		s.certs.set(c.tlsCert, c.tlsKey, pair, st)
	}
	users, err := loadUsers(c)
	if err != nil {
		return nil, usageError{err}
	}
	for _, problem := range problems(users) {
		s.log.Warn("htpasswd", "file", c.htpasswd, "problem", problem)
	}
	policy, err := newPolicy(c)
	if err != nil {
		return nil, usageError{err}
	}
	if s.first, err = c.plan(s.log); err != nil {
		return nil, usageError{err}
	}
	if err := s.abroad.open(c); err != nil {
		return nil, usageError{err}
	}
	s.level.Set(levelOf(c))
	s.live.Store(&live{config: c, users: users, policy: policy})
	return s, nil
}

func newLogger(c *config, to io.Writer, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

func levelOf(c *config) slog.Level {
	var l slog.Level
	l.UnmarshalText([]byte(c.logLevel)) // it is one of those that the setting allows
	return l
}

func loadUsers(c *config) (*auth.Users, error) {
	if c.htpasswd == "" {
		return nil, nil
	}
	users, err := auth.Load(c.htpasswd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("auth.htpasswd"), err)
	}
	return users, nil
}

// problems are the lines of the users' file that can't be used.
func problems(u *auth.Users) []auth.Problem {
	if u == nil {
		return nil
	}
	return u.Problems
}

func newPolicy(c *config) (*auth.Policy, error) {
	rules := c.rules
	if c.anonymousPull {
		users := []string{auth.Everyone}
		rules = []auth.Rule{{Repositories: "**", Pull: []string{auth.Anonymous}, Push: users, Delete: users}}
	}
	return auth.NewPolicy(rules)
}

// openStore opens the store and hands it to those who serve it. The server has to be closed after that.
func (s *server) openStore() error {
	c := s.started
	var cache explore.Cache
	if c.ephemeral {
		s.kept, cache = memory.New(), explore.NewMemory(c.exploreCache)
	} else {
		local, err := disk.Open(c.root, &disk.Options{NoSync: !c.fsync, Log: s.log})
		if err != nil {
			return fmt.Errorf("root %s: %w", c.root, err)
		}
		s.kept, cache = local, local.Derived(c.exploreCache)
	}
	told := s.kept
	if c.explore {
		s.indexer = explore.NewIndexer(&explore.IndexerOptions{Cache: cache, Log: s.log})
		told = watch.New(s.kept, s.enqueue)
	}
	s.mounts = newMounts(told, s.kept.(keeper), s.log)
	s.mounts.put(s.first)
	s.store = s.mounts.Store
	first := *s.live.Load()
	s.serveStore(&first)
	s.serveFiles(&first)
	s.live.Store(&first)
	return nil
}

// enqueue tells the indexer what is new: it looks at the layers of a manifest before anybody asks, and again at a blob that was damaged. Those of a remote
// repository come after their manifest, if they come.
func (s *server) enqueue(_ context.Context, e watch.Event) {
	switch e.Kind {
	case watch.ManifestStored:
		s.indexer.Enqueue(e.Repo, e.Digest)
	case watch.BlobStored:
		if err := s.indexer.Forget(e.Digest); err != nil {
			s.log.Warn("a blob that was open", "digest", e.Digest, "error", err)
		}
		if s.mounts.isRemote(e.Repo) {
			s.indexer.EnqueueBlob(e.Repo, e.Digest)
		}
	}
}

// close ends what reads before what is read.
func (s *server) close() error {
	var errs []error
	if s.indexer != nil {
		errs = append(errs, s.indexer.Close())
	}
	errs = append(errs, s.abroad.close())
	errs = append(errs, s.mounts.close())
	if c, ok := s.kept.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// serveStore makes the handlers of l: both see the store as whoever asks may.
func (s *server) serveStore(l *live) {
	store, seen := s.store, storage.Store(seeing{s.mounts.Store, s.mounts})
	eo := explore.Options{Indexer: s.indexer, ExternalURL: l.externalURL, NoPush: l.readOnly, Foreign: l.exploreForeign, Configured: s.configured(l), Files: filesOf(l), Version: buildVersion(), Log: s.log}
	if l.users != nil {
		store, seen = auth.Guard(store, s.policy), auth.Guard(seen, s.policy)
		eo.User = auth.UserFrom
	}
	ro := registry.Options{NoDelete: !l.delete, AllowSparse: l.allowSparse, ReadOnly: l.readOnly, StallTimeout: l.stall, Log: s.log}
	if len(l.namespaces()) > 0 {
		ro.Namespace = s.mounts.namespace
	}
	l.registry = registry.New(store, &ro)
	l.explorer = http.HandlerFunc(s.front)
	if s.indexer != nil {
		l.explorer = s.withAccount(l, explore.New(s.explored(l, seen, &eo), &eo))
	}
}

func (s *server) users() *auth.Users { return s.live.Load().users }

func (s *server) policy() *auth.Policy { return s.live.Load().policy }

// handler is everything that is served: log and deadlines, who asks, and then what for.
func (s *server) handler() http.Handler {
	identified := auth.Identify(noteUser(http.HandlerFunc(s.dispatch)), &auth.Options{
		Users: s.users, Policy: s.policy, Log: s.log,
		ExternalURL: s.started.externalURL, TrustProxy: s.started.trustProxy,
	})
	return s.watched(s.withHealth(identified))
}

// sameSite tells a browser's request that another site has made it send. A browser that has signed in to the explorer adds the name and the password to
// those too, and a form elsewhere could so mount a private layer where its author may pull it.
var sameSite = http.NewCrossOriginProtection()

// dispatch is no http.ServeMux: that redirects paths that aren't clean, and those of /v2 are the registry's to judge.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request) {
	if err := sameSite.Check(r); err != nil {
		api.WriteError(w, fmt.Errorf("%w: %w", storage.ErrDenied, err))
		return
	}
	defer s.mounts.uses.leave(s.mounts.uses.enter())
	switch {
	case r.URL.Path == "/v2" || strings.HasPrefix(r.URL.Path, "/v2/"):
		s.live.Load().registry.ServeHTTP(w, r)
	case files.Serves(r.URL.Path):
		s.live.Load().files.ServeHTTP(w, r)
	default:
		s.live.Load().explorer.ServeHTTP(w, r)
	}
}

// front stands where the explorer would: it tells a person with a browser what this is.
func (s *server) front(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	if !onlyReads(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(w, "Vitrine, an OCI registry. To push an image:\n\n%s", example(r.Host, s.live.Load()))
}

// example is what to type to try the registry at host.
func example(host string, l *live) string {
	var b strings.Builder
	if l.users != nil {
		fmt.Fprintf(&b, "    docker login %s\n", host)
	}
	if l.readOnly {
		fmt.Fprintf(&b, "    docker pull %s/app:1\n", host)
		return b.String()
	}
	fmt.Fprintf(&b, "    docker tag IMAGE %s/app:1\n    docker push %[1]s/app:1\n", host)
	return b.String()
}

// reload reads configuration, certificates and passwords again: all of it, or nothing if something is wrong.
func (s *server) reload(args, env []string) {
	c, notes, _, err := load(args, env)
	if err == nil {
		err = s.apply(c)
	}
	if err != nil {
		s.log.Error("configuration not taken, everything stays as it was", "error", err)
		return
	}
	s.tell(notes)
	s.log.Info("configuration read again")
}

// apply puts c in force. What may fail comes first; the users come last of that, as they change by being read.
func (s *server) apply(c *config) error {
	next := &live{config: c}
	put, err := s.nextPair(c)
	if err != nil {
		return err
	}
	if next.policy, err = newPolicy(c); err != nil {
		return err
	}
	planned, err := c.plan(s.log)
	if err != nil {
		return err
	}
	if next.users, err = s.nextUsers(c); err != nil {
		return err
	}
	s.serveStore(next)
	s.mounts.put(planned)
	s.serveFiles(next)
	put()
	s.level.Set(levelOf(c))
	s.live.Store(next)
	for _, what := range s.frozen(c) {
		s.log.Warn("needs a restart to change", "setting", what)
	}
	return nil
}

// nextPair reads the certificate of c, and returns what puts it in force.
func (s *server) nextPair(c *config) (put func(), err error) {
	if s.certs == nil || c.tlsCert == "" {
		return func() {}, nil
	}
	pair, st, err := loadPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return nil, err
	}
	return func() { s.certs.set(c.tlsCert, c.tlsKey, pair, st) }, nil
}

// nextUsers reads the users of c. Those of a file that is in use already keep the passwords that they remember.
func (s *server) nextUsers(c *config) (*auth.Users, error) {
	old := s.live.Load()
	if old.users == nil || c.htpasswd != old.htpasswd {
		return loadUsers(c)
	}
	return old.users, old.users.Reload()
}

// frozen lists what c says otherwise than the configuration that the server started with, and can't change.
func (s *server) frozen(c *config) []string {
	var keys []string
	for _, set := range settings {
		if set.restart && set.value(c).show() != set.value(s.started).show() {
			keys = append(keys, set.key)
		}
	}
	if (c.tlsCert == "") != (s.certs == nil) {
		keys = append(keys, "tls (on or off)")
	}
	return keys
}

func (s *server) tell(notes []note) {
	for _, n := range notes {
		s.log.Log(context.Background(), n.level, n.text)
	}
}

// expire forgets old uploads, each hour until ctx ends.
func (s *server) expire(ctx context.Context) {
	e, ok := s.kept.(storage.UploadExpirer)
	if !ok {
		return
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for ctx.Err() == nil {
		n, err := e.ExpireUploads(ctx, time.Now().Add(-s.live.Load().uploadAge))
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("old uploads", "error", err)
		}
		if n > 0 {
			s.log.Info("old uploads forgotten", "count", n)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
