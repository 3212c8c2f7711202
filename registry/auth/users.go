package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/storage"
)

const (
	maxFile       = 8 << 20          // bytes of an htpasswd file
	rememberFor   = 60 * time.Second // a password that was right is not hashed again for so long
	maxRemembered = 10_000           // of those; more than one for a user only if different passwords have one hash
	maxWaiting    = 32               // logins that wait for others to be hashed
	lookEvery     = time.Second      // how often the file is looked at, at most
	settled       = 2 * time.Second  // a file younger than that may change again without getting another time
)

// errBusy says that more log in at once than there is time for.
var errBusy = fmt.Errorf("%w: too many log in at once", storage.ErrTooMany)

// errWrong says that a name and a password don't belong together. It doesn't say which of them is wrong.
var errWrong = fmt.Errorf("%w: wrong user name or password", storage.ErrNoIdentity)

// Users are the users of an htpasswd file and their passwords. All methods may be called by many goroutines at once.
type Users struct {
	// Problems are the lines that Load passed over.
	Problems []Problem

	path    string
	key     [32]byte // of what is remembered; for this process only
	current atomic.Pointer[snapshot]
	work    chan struct{} // as many at once may hash a password
	waiting atomic.Int32  // for that
	flights flights

	reading sync.Mutex // held while the file is looked at
	looked  atomic.Int64
	stamp   os.FileInfo // of the file when it was last read; nil: read it again
	failure string      // what was wrong with it then
}

// snapshot is a file as it was read. What is remembered goes with it when another takes its place.
type snapshot struct {
	content [32]byte // SHA-256 of the file
	users   map[string]entry
	faults  map[string]bool // the problems that are no warnings, by user and reason
	typical hashed          // of the kind that is most common; nil if there are no users

	mu         sync.Mutex
	remembered map[[32]byte]time.Time // until when
}

// Load reads the htpasswd file. Lines that cannot be used are in Problems; the others are in force.
// The error is for a file that cannot be read at all.
func Load(path string) (*Users, error) {
	u := &Users{path: path, work: make(chan struct{}, max(1, runtime.NumCPU()/2))} // the other half serves whoever is in
	rand.Read(u.key[:])                                                            // never fails
	s, problems, err := u.read()
	if err != nil {
		return nil, err
	}
	u.Problems = problems
	u.current.Store(s)
	return u, nil
}

// Reload reads the file again, all or nothing: if it cannot be read, or has a line that cannot be used and that was not
// there before, the users stay as they are and the error names the lines.
func (u *Users) Reload() error {
	u.reading.Lock()
	defer u.reading.Unlock()
	return u.reload()
}

func (u *Users) reload() error {
	s, problems, err := u.read()
	if err != nil {
		return err
	}
	old := u.current.Load()
	if s.content == old.content {
		return nil
	}
	var bad []string
	for _, p := range problems {
		if !p.Warning && !old.faults[p.User+"\n"+p.Reason] {
			bad = append(bad, p.String())
		}
	}
	if bad != nil {
		return fmt.Errorf("%s: %s", u.path, strings.Join(bad, "; "))
	}
	u.current.Store(s)
	return nil
}

func (u *Users) read() (*snapshot, []Problem, error) {
	f, err := os.Open(u.path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	u.stamp = nil
	if fi, err := f.Stat(); err == nil && time.Since(fi.ModTime()) > settled {
		u.stamp = fi
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(content) > maxFile {
		return nil, nil, fmt.Errorf("%s has more than %d bytes: it is no htpasswd file", u.path, maxFile)
	}
	s := &snapshot{content: sha256.Sum256(content), faults: make(map[string]bool), remembered: make(map[[32]byte]time.Time)}
	var problems []Problem
	s.users, problems = parseHtpasswd(content)
	s.typical = typical(s.users)
	for _, p := range problems {
		if !p.Warning {
			s.faults[p.User+"\n"+p.Reason] = true
		}
	}
	return s, problems, nil
}

// typical returns a hash of the most common kind.
func typical(users map[string]entry) (h hashed) {
	count, best := make(map[string]int), 0
	for _, v := range users {
		k := v.kind()
		count[k]++
		if n := count[k]; n > best {
			h, best = v.hashed, n
		}
	}
	return h
}

// refresh reloads a file that changed; it looks once a second at most. It returns an error once for each thing that is wrong,
// not once for each look, as the users in force stay in force.
func (u *Users) refresh(now time.Time) error {
	last := u.looked.Load()
	if now.UnixNano()-last < int64(lookEvery) || !u.looked.CompareAndSwap(last, now.UnixNano()) {
		return nil
	}
	u.reading.Lock()
	defer u.reading.Unlock()
	fi, err := os.Stat(u.path)
	if err == nil {
		if old := u.stamp; old != nil && os.SameFile(fi, old) && fi.ModTime().Equal(old.ModTime()) && fi.Size() == old.Size() {
			return nil
		}
		err = u.reload()
	}
	if err == nil {
		u.failure = ""
		return nil
	}
	if err.Error() == u.failure {
		return nil
	}
	u.failure = err.Error()
	return err
}

// Verify reports whether the user has that password. For a user that is not there it takes as long as for one whose hash is of
// the most common kind of the file, and microseconds where the same was right within the last minute. It waits
// while half of the processors hash passwords already, until ctx ends, and gives up if 32 others wait. A password with a control character in it, an empty one and one of more than 1024 bytes is wrong.
// Schemes that look at a part of the password only do so here too: bcrypt at 72 bytes.
func (u *Users) Verify(ctx context.Context, user, password string) bool {
	return u.verify(ctx, login{user: user, password: password}, nil) == nil
}

// login is an attempt to log in.
type login struct {
	user, password string
	from, site     string // the address, as slowdown has it
}

// verify returns nil, errWrong, errBusy, the error of ctx, or what s says of the address. s may be nil.
func (u *Users) verify(ctx context.Context, l login, s *slowdown) error {
	key := u.mac(l)
	known := u.current.Load().remembers(key, time.Now())
	if err := s.admit(l, known); err != nil {
		return err
	}
	if known {
		return nil
	}
	return u.flights.do(ctx, string(key[:])+l.from, func() error { return u.compare(ctx, l, key, s) })
}

// compare hashes the password. It asks s again when its turn has come: what ran before it may have been as many wrong guesses.
func (u *Users) compare(ctx context.Context, l login, key [32]byte, s *slowdown) error {
	if err := u.enter(ctx); err != nil {
		return err
	}
	defer func() { <-u.work }()
	if err := s.admit(l, false); err != nil {
		return err
	}
	snap := u.current.Load()
	if !snap.compare(l.user, l.password) {
		s.failed(l)
		return errWrong
	}
	snap.remember(key, time.Now())
	return nil
}

// enter waits for a place in work. Guesses from many addresses must not make a queue that no honest login gets to the end of.
func (u *Users) enter(ctx context.Context) error {
	select {
	case u.work <- struct{}{}:
		return nil
	default:
	}
	defer u.waiting.Add(-1)
	if u.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	select {
	case u.work <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *snapshot) compare(user, password string) bool {
	e, known := s.users[user]
	h := e.hashed
	if !known {
		h = s.typical
	}
	if h == nil || checkPassword(password) != nil {
		return false
	}
	return h.verify(password) && known
}

// line is the hash of the user as it stands in the file, "" for one that is not there.
func (u *Users) line(user string) string { return u.current.Load().users[user].text }

// mac names a login in what is remembered, without keeping the password.
func (u *Users) mac(l login) (sum [32]byte) {
	m := hmac.New(sha256.New, u.key[:])
	io.WriteString(m, l.user)
	m.Write([]byte{0}) // no name has it: the parser of the file refuses control characters
	io.WriteString(m, l.password)
	m.Sum(sum[:0])
	return sum
}

func (s *snapshot) remembers(key [32]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.remembered[key])
}

func (s *snapshot) remember(key [32]byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.remembered) >= maxRemembered {
		clear(s.remembered)
	}
	s.remembered[key] = now.Add(rememberFor)
}
