package pullthrough_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// truncate damages content of the disk store at root.
func truncate(t *testing.T, root string, d digest.Digest) {
	t.Helper()
	name := filepath.Join(root, "blobs", string(d.Algorithm()), d.Encoded()[:2], d.Encoded())
	if err := os.Truncate(name, 1); err != nil {
		t.Fatal(err)
	}
}

// TestTrouble has upstream fail in all ways when a tag is to be looked at again.
func TestTrouble(t *testing.T) {
	busy := &storage.UpstreamError{Host: "example.org", Status: 429, RetryAfter: 30 * time.Second, Err: storage.ErrTooMany}
	for _, tt := range []struct {
		err   error
		says  string        // in the note; "": the error is passed on
		want  error         // of what was never kept
		quiet time.Duration // for which upstream is left alone
	}{
		{errDown, "did not answer", storage.ErrUpstream, 5 * time.Second},
		{storage.ErrUpstream, "did not answer", storage.ErrUpstream, 5 * time.Second},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), "did not answer", storage.ErrUpstreamTimeout, 5 * time.Second},
		{&storage.UpstreamError{Host: "example.org", Status: 503, Err: storage.ErrUpstream}, "example.org answered 503", storage.ErrUpstream, 5 * time.Second},
		{busy, "example.org answered 429", storage.ErrTooMany, 30 * time.Second},
		{storage.ErrTooMany, "asked less often", storage.ErrTooMany, 5 * time.Second},
		{fmt.Errorf("%w: %w", storage.ErrManifestUnknown, storage.ErrDamaged), "did not answer", storage.ErrDamaged, 5 * time.Second},
		{storage.ErrDenied, "", storage.ErrDenied, 0},
		{storage.ErrNoIdentity, "", storage.ErrRepoUnknown, 0},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testTrouble(t, tt.err, tt.says, tt.want, tt.quiet) })
		})
	}
}

func testTrouble(t *testing.T, trouble error, says string, want error, quiet time.Duration) {
	u := newUpstream()
	s, _ := open(t, u, &pullthrough.Options{IndexTTL: time.Minute, NegativeTTL: -1})
	m := u.image(t, app, "layer", "1")
	wantTag(t, s, app, "1", m)
	wantManifest(t, s, app, m)
	wantBlob(t, s, app, "layer")
	time.Sleep(time.Minute)
	u.down(trouble)
	u.calls()
	ctx, notes := storage.WithNotes(t.Context())
	d, err := s.ResolveTag(ctx, app, "1")
	if says == "" {
		wantErr(t, "ResolveTag", err, want)
		if errors.Is(err, storage.ErrNoIdentity) {
			t.Errorf("ResolveTag = %v: it is not the client who has to show who he is", err)
		}
		return
	}
	if d.Digest != m.Digest || err != nil {
		t.Errorf("ResolveTag = %s, %v, want what was kept", d.Digest, err)
	}
	if n := notes.All(); len(n) != 1 || n[0].Kind != storage.Stale || !strings.Contains(n[0].Text, says) {
		t.Errorf("notes %+v, want one with %q", n, says)
	}
	wantTag(t, s, app, "1", m)
	wantCalls(t, "trouble", u, "tag library/app:1")
	time.Sleep(quiet)
	wantTag(t, s, app, "1", m)
	wantCalls(t, "trouble, later", u, "tag library/app:1")
	wantManifest(t, s, app, m)
	wantBlob(t, s, app, "layer")
	wantNothing(t, s, want)
	u.down(nil)
	time.Sleep(time.Minute)
	ctx, notes = storage.WithNotes(t.Context())
	if _, err := s.ResolveTag(ctx, app, "1"); err != nil || len(notes.All()) > 0 {
		t.Errorf("ResolveTag when all is well again = %v, %v", err, notes.All())
	}
	wantBlob(t, s, app, "layer")
}

// wantNothing checks that what was never kept is upstream's error, of each kind.
func wantNothing(t *testing.T, s storage.Reader, want error) {
	t.Helper()
	ctx, notes := storage.WithNotes(t.Context())
	d := digest.FromString("another")
	_, err := s.ResolveTag(ctx, app, "2")
	wantErr(t, "ResolveTag", err, want)
	_, err = s.GetManifest(ctx, app, d)
	wantErr(t, "GetManifest", err, want)
	_, err = s.StatBlob(ctx, app, d)
	wantErr(t, "StatBlob", err, want)
	_, err = s.OpenBlob(ctx, app, d)
	wantErr(t, "OpenBlob", err, want)
	_, err = first(s.Tags(ctx, other, ""))
	wantErr(t, "Tags", err, want)
	_, err = first(s.Referrers(ctx, app, d))
	wantErr(t, "Referrers", err, want)
	if n := notes.All(); len(n) > 0 {
		t.Errorf("notes %v on errors", n)
	}
}

// TestSlow checks that nobody waits long who can have something old, and that the answer is used when it comes.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, _ := open(t, u, &pullthrough.Options{IndexTTL: time.Minute, Patience: 3 * time.Second})
		a := u.image(t, app, "a", "1")
		wantTag(t, s, app, "1", a)
		wantManifest(t, s, app, a)
		b := u.image(t, app, "b", "1")
		time.Sleep(time.Minute)
		u.set(func(context.Context, string) error { time.Sleep(20 * time.Second); return nil })
		begin := time.Now()
		wantTag(t, s, app, "1", a)
		wantTag(t, s, app, "1", a)
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("two old answers took %v, want 3s for both", d)
		}
		time.Sleep(20 * time.Second)
		u.calls()
		wantTag(t, s, app, "1", b)
		wantCalls(t, "when the answer has come", u)
	})
}

// TestSlowAndNew checks that whoever can have nothing old waits, for his own time only, and that those who ask at once ask once.
func TestSlowAndNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		m := u.image(t, app, "layer", "1")
		u.set(func(context.Context, string) error { time.Sleep(20 * time.Second); return nil })
		s, _ := open(t, u, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.ResolveTag(ctx, app, "1")
		wantErr(t, "ResolveTag", err, context.DeadlineExceeded)
		_, err = s.OpenBlob(ctx, app, digest.FromString("layer"))
		wantErr(t, "OpenBlob", err, context.DeadlineExceeded)
		for range 10 {
			go wantTag(t, s, app, "1", m)
		}
		time.Sleep(time.Minute)
		wantCalls(t, "11 who ask at once", u, "tag library/app:1")
	})
}

// TestOffline checks that nothing is asked.
func TestOffline(t *testing.T) {
	u := newUpstream()
	s, local := open(t, u, nil)
	m := u.image(t, app, "layer", "1")
	wantTag(t, s, app, "1", m)
	wantManifest(t, s, app, m)
	wantBlob(t, s, app, "layer")
	settled(t, s)
	u.calls()
	s = reopen(t, local, u, &pullthrough.Options{Offline: true})
	ctx, notes := storage.WithNotes(t.Context())
	if _, err := s.ResolveTag(ctx, app, "1"); err != nil || len(notes.All()) != 1 {
		t.Errorf("ResolveTag = %v, %v", err, notes.All())
	}
	wantManifest(t, s, app, m)
	wantBlob(t, s, app, "layer")
	if got := collect(t, s.Tags(ctx, app, "")); len(got) != 1 {
		t.Errorf("Tags = %s, want what is kept", got)
	}
	wantNothing(t, s, storage.ErrUpstream)
	wantCalls(t, "offline", u)
	s.SetOffline(false)
	wantTag(t, s, app, "1", m)
	wantCalls(t, "online again", u, "tag library/app:1")
}

// TestRestart checks that a new process asks once for each tag, and for nothing that is kept by digest.
func TestRestart(t *testing.T) {
	u := newUpstream()
	s, local := open(t, u, nil)
	m := u.image(t, app, "layer", "1")
	pull := func() {
		t.Helper()
		wantTag(t, s, app, "1", m)
		wantManifest(t, s, app, m)
		wantBlob(t, s, app, "layer")
	}
	pull()
	settled(t, s)
	u.calls()
	s = reopen(t, local, u, nil)
	pull()
	pull()
	wantCalls(t, "after a restart", u, "tag library/app:1")
}

// TestManyQuestions checks that those who ask and leave do not have any number of questions go on.
func TestManyQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.set(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		s, _ := open(t, u, nil)
		ctx, leave := context.WithCancel(t.Context())
		for i := range 600 {
			go s.ResolveTag(ctx, app, oci.Tag(fmt.Sprint(i)))
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		if n := len(u.calls()); n != 512 {
			t.Errorf("%d questions are under way, want 512", n)
		}
		_, err := s.ResolveTag(t.Context(), app, "another")
		wantErr(t, "ResolveTag", err, storage.ErrTooMany)
		time.Sleep(3 * time.Minute)
		u.set(nil)
		_, err = s.ResolveTag(t.Context(), app, "another")
		wantErr(t, "ResolveTag later", err, storage.ErrManifestUnknown)
	})
}
