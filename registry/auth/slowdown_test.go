package auth

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"vitrine/storage"
)

// waits returns the seconds for which l has to wait, 0 for none.
func waits(t *testing.T, s *slowdown, l login, known bool) int {
	t.Helper()
	err := s.admit(l, known)
	var wait waitError
	if err != nil && (!errors.As(err, &wait) || !errors.Is(err, storage.ErrTooMany)) {
		t.Fatalf("admit = %v", err)
	}
	return wait.seconds()
}

func TestSlowdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowdown()
		l := login{user: "alice", from: "192.0.2.1"}
		for n, want := range []int{0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30} {
			s.failed(l)
			if got := waits(t, s, l, false); got != want {
				t.Errorf("after %d failures: wait %d seconds, want %d", n+1, got, want)
			}
			time.Sleep(time.Duration(want) * time.Second)
			if got := waits(t, s, l, false); got != 0 {
				t.Errorf("after %d failures and %d seconds: wait %d more", n+1, want, got)
			}
		}
		time.Sleep(forgiveAfter + time.Second)
		s.failed(l)
		if got := waits(t, s, l, false); got != 0 {
			t.Errorf("a minute later: wait %d seconds", got)
		}
		var none *slowdown
		none.failed(l)
		if got := waits(t, none, l, false); got != 0 {
			t.Errorf("nil: wait %d seconds", got)
		}
	})
}

// TestSlowdownSharedAddress has one client with an old password behind the same address as others.
func TestSlowdownSharedAddress(t *testing.T) {
	s := newSlowdown()
	stale, alice, bob := login{user: "stale", from: "a"}, login{user: "alice", from: "a"}, login{user: "bob", from: "a"}
	for range 10 {
		s.failed(stale)
	}
	for _, step := range []struct {
		l      login
		known  bool
		waits  bool
		reason string
	}{
		{stale, false, true, "its password was wrong"},
		{stale, true, true, "its password was wrong before"},
		{alice, true, false, "its password is remembered"},
		{alice, true, false, "its password is remembered still"},
		{bob, false, true, "its password is not remembered"},
		{bob, true, true, "one guess was enough"},
		{login{user: "bob", from: "b"}, false, false, "it is elsewhere"},
	} {
		if got := waits(t, s, step.l, step.known) > 0; got != step.waits {
			t.Errorf("%s at %s, known %v: waits %v, want %v: %s", step.l.user, step.l.from, step.known, got, step.waits, step.reason)
		}
	}
	for i := range maxNames {
		waits(t, s, login{user: fmt.Sprint(i), from: "a"}, false)
	}
	if waits(t, s, alice, true) == 0 {
		t.Errorf("guesses for more than %d users, and the next is let through", maxNames)
	}
}

// TestSlowdownOfSite has a client with many networks of one site, which it guesses from in turn.
func TestSlowdownOfSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowdown()
		for i := range freeOfSite {
			l := login{user: fmt.Sprint(i), from: fmt.Sprint("net ", i), site: "site"}
			if got := waits(t, s, l, false); got != 0 {
				t.Fatalf("wait %d seconds for guess %d", got, i+1)
			}
			s.failed(l)
		}
		for _, tt := range []struct {
			l    login
			want int
		}{
			{login{user: "new", from: "new net", site: "site"}, 1},
			{login{user: "new", from: "new net", site: "other"}, 0},
			{login{user: "new", from: "192.0.2.1"}, 0},
		} {
			if got := waits(t, s, tt.l, false); got != tt.want {
				t.Errorf("%+v: wait %d seconds, want %d", tt.l, got, tt.want)
			}
		}
		time.Sleep(time.Second)
		if got := waits(t, s, login{user: "new", from: "new net", site: "site"}, false); got != 0 {
			t.Errorf("a second later: wait %d seconds", got)
		}
	})
}

// TestSlowdownKeepsNames: and neither all that a client sent, nor a name that is no user's.
func TestSlowdownKeepsNames(t *testing.T) {
	h, _ := serve(t, `[]`, Options{})
	slow := h.(*identifier).slow
	for i, name := range []string{"bob", strings.Repeat("b", 40_000)} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
		r.SetBasicAuth(name, "wrong")
		h.ServeHTTP(httptest.NewRecorder(), r)
		kept := slow.at[fmt.Sprintf("192.0.2.%d", i)].Value.(*failures).users
		if len(kept) != 1 || len(kept[0]) > maxUser+1 || !strings.HasPrefix(name, kept[0]) {
			t.Errorf("%d names kept, the first of %d bytes", len(kept), len(kept[0]))
		}
	}
	all := strings.Repeat("alice:", 1000)
	f := failures{}
	f.note(all[:5])
	if unsafe.StringData(f.users[0]) == unsafe.StringData(all) {
		t.Error("the name is a part of all that it came with")
	}
}

func TestSlowdownIsBounded(t *testing.T) {
	s := newSlowdown()
	for i := range maxAddresses + 100 {
		s.failed(login{user: "u", from: fmt.Sprint(i)})
		s.failed(login{user: "u", from: "0"}) // the first stays, as it goes on
	}
	if len(s.at) != maxAddresses || s.order.Len() != maxAddresses {
		t.Errorf("%d and %d addresses remembered, want %d", len(s.at), s.order.Len(), maxAddresses)
	}
	if s.at["0"] == nil || s.at["1"] != nil {
		t.Error("the address that failed longest ago is not the one that was forgotten")
	}
}

// TestSlowdownOfQueue has 50 wrong passwords sent at once: those that wait for a processor are not hashed any more.
func TestSlowdownOfQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := slowUsers(t)
		s := newSlowdown()
		refused := make(chan bool)
		for i := range 50 {
			go func() {
				err := u.verify(t.Context(), login{user: "alice", password: fmt.Sprint(i), from: "a"}, s)
				refused <- errors.Is(err, storage.ErrTooMany)
			}()
		}
		n := 0
		for range 50 {
			if <-refused {
				n++
			}
		}
		if calls := int(h.calls.Load()); n == 0 || calls != 50-n || calls > freeFailures+2*cap(u.work) {
			t.Errorf("%d of 50 refused, %d hashed", n, calls)
		}
	})
}
