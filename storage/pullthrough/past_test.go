package pullthrough_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// full is a store that has no room for blobs of more than some bytes, and none for anything else.
type full struct {
	*memory.Store
	room int64 // negative: not even for an upload
	left *atomic.Int64
}

func newFull(room int64) full { return full{memory.New(), room, new(atomic.Int64)} }

func (f full) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	if f.room < 0 {
		return nil, storage.ErrNoSpace
	}
	f.left.Add(1)
	u, err := f.Store.StartUpload(ctx, repo, alg)
	return &fullUpload{Upload: u, in: f}, err
}

func (full) PutManifest(context.Context, oci.Name, storage.Manifest) error { return storage.ErrNoSpace }

func (full) MountBlob(context.Context, oci.Name, digest.Digest, oci.Name) error {
	return storage.ErrNoSpace
}

type fullUpload struct {
	storage.Upload
	in full
}

func (u *fullUpload) Append(ctx context.Context, at int64, r io.Reader) (int64, error) {
	if at >= u.in.room {
		return 0, storage.ErrNoSpace
	}
	return u.Upload.Append(ctx, at, r)
}

func (u *fullUpload) Commit(context.Context, digest.Digest) error { return storage.ErrNoSpace }

func (u *fullUpload) Cancel(ctx context.Context) error {
	u.in.left.Add(-1)
	return u.Upload.Cancel(ctx)
}

// Follow implements storage.Follower.
func (u *fullUpload) Follow() (storage.Appended, error) { return storage.Follow(u.Upload) }

// TestFull checks that a full disk keeps nothing from being served, and that nothing of what it could not take stays on it.
func TestFull(t *testing.T) {
	content := text(3 << 20)
	for _, room := range []int64{-1, 0, 2 << 20, 1 << 30} {
		u := newUpstream()
		u.blob(t, app, content)
		m := u.image(t, app, "layer", "1")
		local := newFull(room)
		s := reopen(t, local, u, nil)
		wantTag(t, s, app, "1", m)
		wantManifest(t, s, app, m)
		wantBlob(t, s, app, "layer")
		wantBlob(t, s, app, content)
		var sent strings.Builder
		if n, err := openBlob(t, s, app, digest.FromString(content)).(storage.Sender).SendTo(&sent); err != nil || n != int64(len(content)) || sent.String() != content {
			t.Errorf("room %d: SendTo = %d, %v", room, n, err)
		}
		b := openBlob(t, s, app, digest.FromString(content))
		p := make([]byte, 10)
		if _, err := b.ReadAt(p, 2900000); err != nil || string(p) != content[2900000:2900010] {
			t.Errorf("room %d: ReadAt = %q, %v", room, p, err)
		}
		if _, err := b.Seek(2900000, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		wantRead(t, b, content[2900000:])
		b.Close()
		settled(t, s)
		if n := local.left.Load(); n != 0 {
			t.Errorf("room %d: %d uploads are left", room, n)
		}
	}
}

// TestFullAndWrong checks that nobody comes to a clean end of other bytes: neither where upstream sends them to the reader, nor where it has sent them before.
func TestFullAndWrong(t *testing.T) {
	content := text(3 << 20)
	wrong := "X" + content[1:]
	for _, tt := range []struct {
		name        string
		room        int64
		first, then string
	}{
		{"always", -1, wrong, wrong},
		{"at first", 2 << 20, wrong, content},
		{"then", 2 << 20, content, content[:len(content)-1] + "X"},
		{"before the end", 1 << 30, wrong, content},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream()
			d := u.blob(t, app, content)
			var lines atomic.Int64
			u.line = func(_ context.Context, rest []byte) io.Reader {
				sends := tt.first
				if lines.Add(1) > 1 {
					sends = tt.then
				}
				return strings.NewReader(sends[len(sends)-len(rest):])
			}
			s := reopen(t, newFull(tt.room), u, nil)
			b := openBlob(t, s, app, d)
			n, err := io.Copy(io.Discard, b)
			wantErr(t, "Read", err, storage.ErrDamaged)
			if n == b.Size() {
				t.Error("all bytes were read")
			}
			if m, err := b.Read(make([]byte, 10)); m > 0 || err == nil || err == io.EOF {
				t.Errorf("Read again = %d, %v", m, err)
			}
		})
	}
}

// TestFullLink checks that a blob is served that cannot be linked.
func TestFullLink(t *testing.T) {
	u := newUpstream()
	u.blob(t, app, "layer")
	local := newFull(0)
	if err := storage.PutBlob(t.Context(), local.Store, other, digest.FromString("layer"), strings.NewReader("layer")); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, reopen(t, local, u, nil), app, "layer")
}

// TestComeAndGo checks that upstream is not left to answer those who have gone.
func TestComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		var waiting atomic.Int64
		u.set(func(ctx context.Context, _ string) error {
			waiting.Add(1)
			defer waiting.Add(-1)
			<-ctx.Done()
			return ctx.Err()
		})
		s, _ := open(t, u, &pullthrough.Options{NegativeTTL: -1})
		d := digest.FromString("layer")
		ctx, leave := context.WithCancel(t.Context())
		for range 3 {
			go s.OpenBlob(ctx, app, d)
		}
		synctest.Wait()
		if n := waiting.Load(); n != 1 {
			t.Errorf("upstream answers %d, want 1", n)
		}
		leave()
		synctest.Wait()
		if n := waiting.Load(); n != 0 {
			t.Errorf("upstream answers %d, and nobody waits", n)
		}
		u.set(nil)
		u.blob(t, app, "layer")
		wantBlob(t, s, app, "layer")
		if _, err := s.OpenBlob(ctx, app, d); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestVerified checks that a blob says so when it is, and not before.
func TestVerified(t *testing.T) {
	u := newUpstream()
	d := u.blob(t, app, "layer")
	s, _ := open(t, u, nil)
	b := openBlob(t, s, app, d)
	if _, err := b.ReadAt(make([]byte, 2), 1); err != nil || storage.IsVerified(b) {
		t.Errorf("ReadAt = %v, verified: %v", err, storage.IsVerified(b))
	}
	wantRead(t, b, "layer")
	if !storage.IsVerified(b) {
		t.Error("all of it has come and is not verified")
	}
}
