package explore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
	"vitrine/storage"
	"vitrine/storage/memory"
)

// TestFailures: a blob that cannot be opened is read once, for as long as its error holds.
func TestFailures(t *testing.T) {
	const forGood = 1000 * time.Hour
	torn := layer(t, "torn")
	for _, tt := range []struct {
		name string
		raw  []byte
		life time.Duration
	}{
		{"torn gzip", torn[:len(torn)-12], damageLife},
		{"bad tar", append(plainTar(t, 512, "a")[:1024], bytes.Repeat([]byte("x"), 2048)...), damageLife},
		{"broken zip", []byte("PK\x03\x04 and so on"), damageLife},
		{"zstd", []byte("\x28\xb5\x2f\xfd and so on"), forGood},
		{"too many entries", plainTar(t, 0, names(20)...), forGood},
		{"too large", gzipped(t, make([]byte, 1<<20)), forGood},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := observe(memory.New())
			x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20),
				Archive: archive.Options{MaxSize: 100 << 10, Tar: tarfs.Options{MaxEntries: 10}}})
			now := time.Now()
			x.verdicts.now = func() time.Time { return now }
			d := put(t, s, tt.raw)
			ask := func() (opens int64, text string) {
				before := s.opens.Load()
				_, err := x.Open(t.Context(), s, "app", d, layerType)
				if err == nil {
					t.Fatal("opened")
				}
				return s.opens.Load() - before, err.Error()
			}
			n, first := ask()
			if n == 0 {
				t.Error("the first did not read it")
			}
			for _, after := range []time.Duration{0, damageLife - 1} {
				now = now.Add(after)
				if n, again := ask(); n != 0 || again != first {
					t.Errorf("after %v: opened %d times more, %s", after, n, again)
				}
			}
			if !x.Indexed(t.Context(), s, "app", d) {
				t.Error("it takes long, says Indexed")
			}
			now = now.Add(1)
			if n, _ := ask(); (n == 0) != (tt.life == forGood) {
				t.Errorf("after %v: opened %d times more", damageLife, n)
			}
		})
	}
}

// TestPassing: what is not about the bytes is not remembered.
func TestPassing(t *testing.T) {
	for _, raw := range [][]byte{plainTar(t, 512, "etc/name"), gzipped(t, plainTar(t, 512, "etc/name")), []byte("PK\x05\x06" + strings.Repeat("\x00", 18))} {
		s := observe(memory.New())
		x := indexer(t, s, nil)
		d := put(t, s, raw)
		broken := errors.New("the disk is gone")
		s.fault = func(_ bool, _ int64, n int) error {
			if n > 4 { // more than is looked at to tell what it is
				return broken
			}
			return nil
		}
		if _, err := x.Open(t.Context(), s, "app", d, layerType); !errors.Is(err, broken) {
			t.Errorf("%v, want %v", err, broken)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := x.Open(ctx, s, "app", d, layerType); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
		s.fault = nil
		mustClose(t, mustOpen(t, x, s, d))
	}
}

// TestOthersTrouble: a pass that fails for a reason of its owner's does not fail for those who have joined.
func TestOthersTrouble(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, nil)
	d := put(t, s, layer(t, "theirs"))
	entered, fail := make(chan struct{}), make(chan struct{})
	owner := blobSource(s, "app", d, "")
	owner.open = func(context.Context) (storage.Blob, error) {
		close(entered)
		<-fail
		return nil, storage.ErrBlobUnknown
	}
	failed := make(chan error)
	go func() {
		_, err := x.build(context.Background(), owner, true)
		failed <- err
	}()
	<-entered
	opened := make(chan error)
	followed := make(chan error)
	go func() {
		l, err := x.Open(context.Background(), s, "app", d, "")
		if err == nil {
			err = l.Close()
		}
		opened <- err
	}()
	go func() {
		got, err := follow(context.Background(), x, s, d)
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%q", got)
		}
		followed <- err
	}()
	for users := 0; users < 3; time.Sleep(time.Millisecond) {
		x.mu.Lock()
		users = x.flights[d].users
		x.mu.Unlock()
	}
	close(fail)
	if err := <-failed; !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("the owner: %v", err)
	}
	for _, c := range []chan error{opened, followed} {
		if err := <-c; err != nil {
			t.Errorf("who joined: %v", err)
		}
	}
}

func TestVerdictsBounded(t *testing.T) {
	v := newVerdicts()
	for i := range 2 * maxVerdicts {
		v.fail(digest.FromString(fmt.Sprint(i)), errPanic)
		v.setStale(digest.FromString(fmt.Sprint(i)), true)
	}
	if v.failures.cost != maxVerdicts || v.stale.cost != maxVerdicts || len(v.failures.places) != maxVerdicts {
		t.Errorf("%d, %d remembered", v.failures.cost, v.stale.cost)
	}
}

// TestPanic: bytes that meet a bug cost an error, wherever it strikes, and are not tried again at once.
func TestPanic(t *testing.T) {
	for name, raw := range map[string][]byte{"here": plainTar(t, 1<<20, "a"), "on another goroutine": gzipped(t, plainTar(t, 1<<20, "a"))} {
		var log bytes.Buffer
		s := observe(memory.New())
		x := indexer(t, s, &IndexerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		d := put(t, s, raw)
		s.fault = func(inOrder bool, off int64, _ int) error {
			if inOrder && off > 100<<10 {
				panic("a bug")
			}
			return nil
		}
		for range 2 {
			if _, err := x.Open(t.Context(), s, "app", d, layerType); !errors.Is(err, errPanic) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), d.String()) || !strings.Contains(log.String(), "a bug") {
			t.Errorf("%s: %d errors in the log\n%s", name, n, log.String())
		}
	}
}

// rotten is a cache of which one byte comes out wrong.
type rotten struct {
	*Memory
	at int64 // from the end if negative
}

func (c *rotten) Get(ctx context.Context, key string) (storage.Blob, error) {
	b, err := c.Memory.Get(ctx, key)
	if err != nil || c.at == 0 {
		return b, err
	}
	raw, err := io.ReadAll(b)
	raw[(c.at+int64(len(raw)))%int64(len(raw))] ^= 1
	return section{io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw)))}, err
}

// TestReport: damage deep in an index, which opening does not see, is mended by the next Open after it has been met.
func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   int64
		want error
	}{{"checkpoints", 108 + 64 + 10, zran.ErrIndex}, {"table", -10, tarfs.ErrTable}} {
		t.Run(tt.name, func(t *testing.T) {
			s := observe(memory.New())
			c := &rotten{Memory: NewMemory(1 << 20)}
			raw := gzipped(t, plainTar(t, 512, names(40)...))
			d := put(t, s, raw)
			first := NewIndexer(&IndexerOptions{Cache: c})
			mustClose(t, mustOpen(t, first, s, d))
			mustClose(t, first)
			passed := s.pass(d)

			x := indexer(t, s, &IndexerOptions{Cache: c})
			c.at = tt.at
			l := mustOpen(t, x, s, d)
			c.at = 0
			_, err := fs.ReadFile(l.FS(), names(40)[0])
			if got := l.Report(err); !errors.Is(got, tt.want) || s.pass(d) != passed {
				t.Errorf("%v, want %v", got, tt.want)
			}
			for range 2 {
				next := mustOpen(t, x, s, d)
				if _, err := fs.ReadFile(next.FS(), names(40)[0]); next.Report(err) != nil {
					t.Errorf("still: %v", err)
				}
				mustClose(t, next)
			}
			mustClose(t, l)
			if got := s.pass(d); got != 2*passed {
				t.Errorf("mended by reading %d bytes, want %d", got-passed, passed)
			}
		})
	}
}

// TestReportOthers: errors that are no damage change nothing, and damage of the blob is not kept open.
func TestReportOthers(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, nil)
	d := put(t, s, layer(t, "name"))
	l := mustOpen(t, x, s, d)
	for _, err := range []error{nil, fs.ErrNotExist, context.Canceled} {
		if got := l.Report(err); got != err || !x.pool.has(d, l.o.size) {
			t.Errorf("Report(%v) = %v", err, got)
		}
	}
	if err := l.Report(&zran.CorruptError{}); err == nil || x.pool.has(d, l.o.size) || x.verdicts.isStale(d) {
		t.Errorf("%v", err)
	}
	mustClose(t, l)
}

// TestForget: a blob that was damaged is opened as soon as it has been stored again.
func TestForget(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, nil)
	d, other := put(t, s, layer(t, "one")), put(t, s, layer(t, "two"))
	if _, err := x.Open(t.Context(), swapped{s, other}, "app", d, ""); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("%v, want %v", err, storage.ErrDamaged)
	}
	if _, err := x.Open(t.Context(), s, "app", d, ""); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("again: %v, want %v", err, storage.ErrDamaged)
	}
	for range 2 { // remembered as damaged, then open
		if err := x.Forget(d); err != nil {
			t.Error(err)
		}
		mustClose(t, mustOpen(t, x, s, d))
	}
	opens := s.opens.Load()
	if err := x.Forget(d); err != nil {
		t.Error(err)
	}
	mustClose(t, mustOpen(t, x, s, d))
	if s.opens.Load() == opens {
		t.Error("the old file was still used")
	}
}
