package pullthrough_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/pullthrough"
)

// TestDrain: a Store that is taken out of use closes when nothing arrives and nobody reads, or when it must.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		gate := make(chan int)
		u.through(gate)
		content := text(100_000)
		d := u.blob(t, app, content)
		s, local := open(t, u, nil)
		read := openBlob(t, s, app, d)
		other := openBlob(t, s, app, u.blob(t, app, "looked at, and not read"))
		ended := drained(t.Context(), s)
		go func() { gate <- 1000; close(gate) }()
		wantRead(t, read, content)
		read.Close()
		synctest.Wait()
		if _, err := local.StatBlob(t.Context(), app, d); err != nil {
			t.Errorf("what was arriving is not kept: %v", err)
		}
		if len(ended) != 0 {
			t.Error("it is closed, and a blob is open")
		}
		other.Close()
		<-ended
		_, err := s.OpenBlob(t.Context(), app, digest.FromString("new"))
		wantErr(t, "OpenBlob behind it", err, storage.ErrUpstream)
		<-drained(t.Context(), s) // there is nothing to wait for
	})
}

// TestDrainCut: whoever must end does not wait.
func TestDrainCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.through(make(chan int))
		s, _ := open(t, u, nil)
		b := openBlob(t, s, app, u.blob(t, app, "layer"))
		go b.Read(make([]byte, 1))
		ctx, cancel := context.WithCancel(t.Context())
		ended := drained(ctx, s)
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("it is closed while a blob arrives")
		}
		cancel()
		<-ended
		b.Close()
	})
}

// drained drains s, and tells when.
func drained(ctx context.Context, s *pullthrough.Store) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- s.Drain(ctx) }()
	synctest.Wait()
	return ended
}
