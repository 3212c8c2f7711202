package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/storage"
)

// write makes an htpasswd file; BCRYPT, SHA and OTHER stand for hashes of "U*U", "abc" and "secret".
func write(t *testing.T, path, content string) {
	t.Helper()
	content = strings.NewReplacer("BCRYPT", bcryptUU, "SHA", shaABC, "OTHER", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=").Replace(content)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, content string) *Users {
	t.Helper()
	path := filepath.Join(t.TempDir(), "htpasswd")
	write(t, path, content)
	u, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func wantVerify(t *testing.T, u *Users, user, password string, want bool) {
	t.Helper()
	if got := u.Verify(t.Context(), user, password); got != want {
		t.Errorf("Verify(%q, %.20q) = %v, want %v", user, password, got, want)
	}
}

func TestVerify(t *testing.T) {
	u := load(t, "alice:BCRYPT\nbob:SHA\nold:plaintext\nalice:SHA\n")
	if len(u.Problems) != 2 || u.Problems[0].Line != 3 || u.Problems[1].Line != 4 || !u.Problems[1].Warning {
		t.Errorf("Problems = %v", u.Problems)
	}
	for range 2 { // the second time from memory
		wantVerify(t, u, "alice", "U*U", true)
		wantVerify(t, u, "bob", "abc", true)
	}
	for _, tt := range [][2]string{
		{"alice", "abc"}, {"alice", ""}, {"alice", "U*U\x00"}, {"alice", strings.Repeat("U", 1025)}, {"Alice", "U*U"},
		{"bob", "U*U"}, {"bob\x00a", "bc"}, {"old", "plaintext"}, {"nobody", "U*U"}, {"nobody", "abc"}, {"", ""},
	} {
		wantVerify(t, u, tt[0], tt[1], false)
	}
	wantVerify(t, load(t, ""), "alice", "U*U", false)
}

func TestLoadFails(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Load(%q) = %v, want an error with the path", path, err)
		}
	}
	big := filepath.Join(t.TempDir(), "big")
	write(t, big, "# more follows\n")
	if err := os.Truncate(big, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil {
		t.Errorf("Load of %d bytes succeeds", maxFile+1)
	}
}

// slowHash takes a second, in a bubble of synctest no real one, and tells how often it was asked, and how often at once.
type slowHash struct {
	password        string
	calls, now, max atomic.Int32
}

func (h *slowHash) kind() string { return "slow" }

func (h *slowHash) verify(password string) bool {
	h.calls.Add(1)
	n := h.now.Add(1)
	for m := h.max.Load(); n > m && !h.max.CompareAndSwap(m, n); m = h.max.Load() {
	}
	time.Sleep(time.Second)
	h.now.Add(-1)
	return password == h.password
}

// slowUsers has one user, alice.
func slowUsers(t *testing.T) (*Users, *slowHash) {
	u, h := load(t, ""), &slowHash{password: "right"}
	u.work = make(chan struct{}, 2)
	s := u.current.Load()
	s.users["alice"] = entry{h, "slow"}
	s.typical = typical(s.users)
	return u, h
}

func wantCalls(t *testing.T, h *slowHash, after string, want int32) {
	t.Helper()
	if got := h.calls.Load(); got != want {
		t.Errorf("%d passwords hashed after %s, want %d", got, after, want)
	}
}

func TestRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		for range 3 {
			wantVerify(t, u, "alice", "right", true)
		}
		wantCalls(t, h, "3 times the right password", 1)
		for range 3 {
			wantVerify(t, u, "alice", "wrong", false)
		}
		wantCalls(t, h, "3 times the wrong password", 4)
		time.Sleep(rememberFor)
		wantVerify(t, u, "alice", "right", true)
		wantCalls(t, h, "a minute", 5)
		write(t, u.path, "bob:SHA")
		if err := u.Reload(); err != nil {
			t.Fatal(err)
		}
		wantVerify(t, u, "alice", "right", false)
	})
}

// TestUnknownUser sees to it that a user that is not there costs what one that is there costs.
func TestUnknownUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		for _, password := range []string{"wrong", "right"} {
			start := time.Now()
			wantVerify(t, u, "nobody", password, false)
			if took := time.Since(start); took != time.Second {
				t.Errorf("Verify of an unknown user took %v", took)
			}
		}
		wantCalls(t, h, "2 passwords of an unknown user", 2)
	})
}

func TestTypical(t *testing.T) {
	u := load(t, "a:SHA\nb:BCRYPT\nc:BCRYPT\n")
	if got := u.current.Load().typical.kind(); got != "$2$5" {
		t.Errorf("typical hash is %q, want bcrypt", got)
	}
}

func TestRememberedIsBounded(t *testing.T) {
	s := load(t, "").current.Load()
	now := time.Now()
	for i := range maxRemembered + 1 {
		s.remember([32]byte{byte(i), byte(i >> 8)}, now)
	}
	if len(s.remembered) != 1 {
		t.Errorf("%d passwords remembered, want 1: the others made place", len(s.remembered))
	}
}

func TestVerifyOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { wantVerify(t, u, "alice", "right", true) })
			wg.Go(func() { wantVerify(t, u, "alice", "wrong", false) })
		}
		wg.Wait()
		wantCalls(t, h, "20 at once of each of 2 passwords", 2)
	})
}

// TestHashingLeavesProcessors: a flood of guesses must not take all of the machine from who is in already.
func TestHashingLeavesProcessors(t *testing.T) {
	if n := cap(load(t, "").work); n < 1 || n > 1 && 2*n > runtime.NumCPU() {
		t.Errorf("%d passwords hashed at once by %d processors", n, runtime.NumCPU())
	}
}

func TestVerifyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		var wg sync.WaitGroup
		var busy atomic.Int32
		for i := range 50 {
			wg.Go(func() {
				err := u.verify(t.Context(), login{user: "alice", password: strings.Repeat("x", i+1)}, nil)
				if errors.Is(err, storage.ErrTooMany) {
					busy.Add(1)
				} else if !errors.Is(err, errWrong) {
					t.Errorf("verify = %v", err)
				}
			})
		}
		wg.Wait()
		wantCalls(t, h, "50 passwords", int32(cap(u.work)+maxWaiting))
		if got := int(busy.Load()); got != 50-cap(u.work)-maxWaiting {
			t.Errorf("%d of 50 told to come again", got)
		}
		wantVerify(t, u, "alice", "right", true) // nothing of that is left
		if got := int(h.max.Load()); got != cap(u.work) {
			t.Errorf("%d passwords hashed at once, want %d", got, cap(u.work))
		}
	})
}

// TestVerifyGivesUp has the first of two who ask the same go away while both wait for a processor.
func TestVerifyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		for range cap(u.work) {
			u.work <- struct{}{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if u.Verify(ctx, "alice", "right") {
				t.Error("Verify succeeds though its context has ended")
			}
		})
		synctest.Wait()
		wg.Go(func() { wantVerify(t, u, "alice", "right", true) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		<-u.work
		wg.Wait()
		wantCalls(t, h, "one who gave up and one who did not", 1)
	})
}

func TestReload(t *testing.T) {
	u := load(t, "alice:BCRYPT\nold:plaintext\n")
	write(t, u.path, "alice:SHA\nold:plaintext\nbob:SHA\n") // a line that could not be used before is no reason to refuse
	if err := u.Reload(); err != nil {
		t.Fatal(err)
	}
	wantVerify(t, u, "alice", "abc", true)
	wantVerify(t, u, "alice", "U*U", false)

	write(t, u.path, "carol:SHA\nbob:{SHA}abc\n")
	if err := u.Reload(); err == nil || !strings.Contains(err.Error(), `line 2: user "bob"`) || !strings.Contains(err.Error(), u.path) {
		t.Errorf("Reload of a bad file = %v, want path, line and user", err)
	}
	wantVerify(t, u, "carol", "abc", false)
	wantVerify(t, u, "bob", "abc", true)

	if err := os.Remove(u.path); err != nil {
		t.Fatal(err)
	}
	if err := u.Reload(); err == nil {
		t.Error("Reload of a file that is gone succeeds")
	}
	wantVerify(t, u, "bob", "abc", true)
}

func TestRefresh(t *testing.T) {
	u := load(t, "alice:SHA\n")
	now := time.Now()
	refresh := func(want string) {
		t.Helper()
		now = now.Add(lookEvery)
		err := u.refresh(now)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("refresh = %v, want %q", err, want)
		}
	}
	refresh("")
	write(t, u.path, "bob:SHA\n") // maybe within the same tick of the file system's clock
	refresh("")
	wantVerify(t, u, "bob", "abc", true)
	write(t, u.path, "bob:x\n")
	refresh("line 1")
	refresh("") // said already
	wantVerify(t, u, "bob", "abc", true)
	write(t, u.path, "bob:x\ncarol:y\n")
	refresh("line 2")
	write(t, u.path, "carol:SHA\n")
	if err := u.refresh(now); err != nil {
		t.Errorf("refresh within the same second = %v", err)
	}
	wantVerify(t, u, "carol", "abc", false) // not looked at so soon
	refresh("")
	wantVerify(t, u, "carol", "abc", true)
	wantVerify(t, u, "bob", "abc", false)
}

// TestRefreshOfOldFile has a file that is long the same: only another time, size or inode has it read again.
func TestRefreshOfOldFile(t *testing.T) {
	u := load(t, "alice:SHA\n")
	old := time.Now().Add(-time.Hour)
	touch := func(path string, at time.Time) {
		t.Helper()
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(u.path, old)
	now := time.Now()
	refresh := func() {
		t.Helper()
		now = now.Add(lookEvery)
		if err := u.refresh(now); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	read := u.stamp
	refresh()
	if u.stamp == nil || u.stamp != read {
		t.Error("a file that did not change is read again")
	}
	write(t, u.path+".new", "bobby:SHA\n")
	touch(u.path+".new", old)
	if err := os.Rename(u.path+".new", u.path); err != nil {
		t.Fatal(err)
	}
	refresh()
	wantVerify(t, u, "bobby", "abc", true)
	write(t, u.path, "carol:SHA\n")
	touch(u.path, old.Add(time.Second))
	refresh()
	wantVerify(t, u, "carol", "abc", true)
}
