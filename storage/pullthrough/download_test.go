package pullthrough_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// openBlob opens a blob and closes it after the test.
func openBlob(t *testing.T, s storage.BlobReader, repo oci.Name, d digest.Digest) storage.Blob {
	t.Helper()
	b, err := s.OpenBlob(t.Context(), repo, d)
	if err != nil {
		t.Fatalf("OpenBlob(%s, %s) = %v", repo, d, err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// wantRead checks that the next bytes of r are want.
func wantRead(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); string(got[:n]) != want || err != nil {
		t.Errorf("Read = %.32q..., %v, want %.32q...", got[:n], err, want)
	}
}

// TestOneDownload has many clients want one blob at once. All of them read before the download ends, and upstream sends it once.
func TestOneDownload(t *testing.T) {
	u := newUpstream()
	gate := make(chan int)
	u.through(gate)
	content := text(300_000)
	d := u.blob(t, app, content)
	s, _ := open(t, u, nil)
	var begun, done sync.WaitGroup
	begun.Add(32)
	for range 32 {
		done.Go(func() {
			b, err := s.OpenBlob(t.Context(), app, d)
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer b.Close()
			wantRead(t, b, content[:1000])
			begun.Done()
			rest, err := io.ReadAll(b)
			if string(rest) != content[1000:] || err != nil {
				t.Errorf("the rest is %d bytes, %v", len(rest), err)
			}
		})
	}
	gate <- 1000
	begun.Wait()
	close(gate)
	done.Wait()
	settled(t, s)
	wantCalls(t, "32 clients", u, "open library/app "+short(d))
	if n := s.Stats(); n.Downloads != 1 || n.Bytes != int64(len(content)) {
		t.Errorf("Stats = %+v", n)
	}
}

// TestFirstClientLeaves checks that a download ends without the one who began it, and without anybody.
func TestFirstClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		gate := make(chan int)
		u.through(gate)
		content := text(100_000)
		d := u.blob(t, app, content)
		s, local := open(t, u, nil)
		ctx, cancel := context.WithCancel(t.Context())
		b, err := s.OpenBlob(ctx, app, d)
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			_, err := b.Read(make([]byte, 10))
			failed <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("Read of a client who leaves = %v", err)
		}
		b.Close()
		gate <- 1000
		synctest.Wait()
		if _, err := local.StatBlob(t.Context(), app, d); err == nil {
			t.Fatal("it is here already")
		}
		close(gate)
		synctest.Wait()
		if _, err := local.StatBlob(t.Context(), app, d); err != nil {
			t.Errorf("it never came: %v", err)
		}
		wantBlob(t, s, app, content)
		wantCalls(t, "a client who leaves", u, "open library/app "+short(d))
	})
}

// TestOrphans checks that downloads that nobody reads are few, and end.
func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		var mu sync.Mutex
		running := 0
		u.line = func(ctx context.Context, content []byte) io.Reader {
			return readerFunc(func([]byte) (int, error) {
				mu.Lock()
				running++
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				running--
				mu.Unlock()
				return 0, ctx.Err()
			})
		}
		s, _ := open(t, u, &pullthrough.Options{Stall: 24 * time.Hour})
		for i := range 20 {
			b, err := s.OpenBlob(t.Context(), app, u.blob(t, app, text(10+i)))
			if err != nil {
				t.Fatal(err)
			}
			ctxRead(t, b)
			b.Close()
		}
		count := func() int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return running
		}
		if n := count(); n != 8 {
			t.Errorf("%d downloads go on without a reader, want 8", n)
		}
		time.Sleep(31 * time.Minute)
		if n := count(); n != 0 {
			t.Errorf("%d downloads go on for ever", n)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// ctxRead has a blob's bytes come, without reading any.
func ctxRead(t *testing.T, b storage.Blob) {
	t.Helper()
	go b.Read(make([]byte, 1))
	synctest.Wait()
}

// TestBadLines has upstream send all sorts of other things than it should. Nobody comes to a clean end, and nothing is kept.
func TestBadLines(t *testing.T) {
	content := text(200_000)
	wrong := content[:len(content)-1] + "?"
	for _, tt := range []struct {
		name string
		line func(ctx context.Context, content []byte) io.Reader
		want error
	}{
		{"the last byte is wrong", func(context.Context, []byte) io.Reader { return strings.NewReader(wrong) }, storage.ErrDamaged},
		{"one byte at a time, wrong", func(context.Context, []byte) io.Reader { return iotest.HalfReader(strings.NewReader(wrong)) }, storage.ErrDamaged},
		{"the first byte is wrong", func(context.Context, []byte) io.Reader { return strings.NewReader("?" + content[1:]) }, storage.ErrDamaged},
		{"truncated", func(context.Context, []byte) io.Reader { return strings.NewReader(content[:1000]) }, storage.ErrUpstream},
		{"a byte short", func(context.Context, []byte) io.Reader { return strings.NewReader(content[:len(content)-1]) }, storage.ErrUpstream},
		{"a byte too long", func(context.Context, []byte) io.Reader { return strings.NewReader(content + "?") }, storage.ErrDamaged},
		{"endless", func(context.Context, []byte) io.Reader {
			return readerFunc(func(p []byte) (int, error) { return len(p), nil })
		}, storage.ErrDamaged},
		{"it breaks", func(context.Context, []byte) io.Reader {
			return io.MultiReader(strings.NewReader(content[:1000]), iotest.ErrReader(errDown))
		}, errDown},
		{"it breaks at the end", func(context.Context, []byte) io.Reader {
			return io.MultiReader(strings.NewReader(content), iotest.ErrReader(errDown))
		}, errDown},
		{"nothing", func(context.Context, []byte) io.Reader { return strings.NewReader("") }, storage.ErrUpstream},
		{"it stalls", func(ctx context.Context, _ []byte) io.Reader {
			return io.MultiReader(strings.NewReader(content[:1000]), readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() }))
		}, storage.ErrUpstreamTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testBadLine(t, content, tt.line, tt.want) }) })
	}
}

func testBadLine(t *testing.T, content string, line func(context.Context, []byte) io.Reader, want error) {
	u := newUpstream()
	u.line = line
	d := u.blob(t, app, content)
	s, local := open(t, u, nil)
	var readers sync.WaitGroup
	for _, b := range []storage.Blob{openBlob(t, s, app, d), openBlob(t, s, app, d), openBlob(t, s, app, d)} {
		readers.Go(func() {
			n, err := io.CopyN(io.Discard, b, b.Size()) // as a server does that has said how much there is
			if n >= b.Size() || err == nil || err == io.EOF {
				t.Errorf("%d of %d bytes, %v", n, b.Size(), err)
			}
			wantErr(t, "Read", err, want)
			if _, err := b.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("Read after that = %v", err)
			}
			if n, err := b.ReadAt(make([]byte, 1), b.Size()-1); n != 0 || err == nil || err == io.EOF {
				t.Errorf("ReadAt of the last byte = %d, %v", n, err)
			}
		})
	}
	readers.Wait()
	synctest.Wait()
	if got := collect(t, local.Repositories(t.Context(), "")); len(got) > 0 {
		t.Errorf("%s keep something", got)
	}
	if n, _ := local.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
	u.line = nil
	time.Sleep(time.Minute)
	wantBlob(t, s, app, content)
}

// TestWrongIsNotAskedAgain checks that clients that try again do not bring the same wrong bytes each time.
func TestWrongIsNotAskedAgain(t *testing.T) {
	u := newUpstream()
	u.line = func(context.Context, []byte) io.Reader { return strings.NewReader("another") }
	d := u.blob(t, app, "content")
	s, _ := open(t, u, nil)
	for range 3 {
		_, err := storage.ReadBlob(t.Context(), s, app, d, 100)
		wantErr(t, "ReadBlob", err, storage.ErrUpstream, storage.ErrDamaged)
	}
	wantCalls(t, "wrong content", u, "open library/app "+short(d))
}

// TestWrongSizes has upstream announce what cannot be.
func TestWrongSizes(t *testing.T) {
	for _, size := range []int64{0, -1} {
		u := &sized{newUpstream(), size}
		d := u.blob(t, app, "content")
		s := reopen(t, memory.New(), u, nil)
		_, err := s.OpenBlob(t.Context(), app, d)
		wantErr(t, "OpenBlob", err, storage.ErrUpstream, storage.ErrDamaged)
	}
	u := newUpstream()
	d := u.blob(t, app, "")
	s, local := open(t, u, nil)
	wantBlob(t, s, app, "")
	b := openBlob(t, s, app, d)
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read of nothing = %d, %v", n, err)
	}
	settled(t, s)
	wantBlob(t, local, app, "")
}

type sized struct {
	*upstream
	size int64
}

func (s *sized) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b, err := s.upstream.OpenBlob(ctx, repo, d)
	return sizedBlob{b, s.size}, err
}

type sizedBlob struct {
	storage.Blob
	size int64
}

func (s sizedBlob) Size() int64 { return s.size }

// TestLies has upstream give another manifest than it was asked for.
func TestLies(t *testing.T) {
	u := newUpstream()
	a := u.image(t, app, "a")
	s := reopen(t, memory.New(), &lying{u, a}, nil)
	_, err := s.GetManifest(t.Context(), app, digest.FromString("another"))
	wantErr(t, "GetManifest", err, storage.ErrUpstream, storage.ErrDamaged)
	if errors.Is(err, storage.ErrManifestUnknown) {
		t.Errorf("GetManifest = %v: nobody knows whether it is there", err)
	}
}

type lying struct {
	*upstream
	m storage.Manifest
}

func (l *lying) GetManifest(_ context.Context, _ oci.Name, d digest.Digest) (storage.Manifest, error) {
	m := l.m
	m.Digest = d
	return m, nil
}

// TestGoesOn checks that what broke off goes on where it was, for the next who wants it.
func TestGoesOn(t *testing.T) {
	u := newUpstream()
	content := text(3 << 20)
	d := u.blob(t, app, content)
	u.line = func(context.Context, []byte) io.Reader {
		return io.MultiReader(strings.NewReader(content[:2<<20]), iotest.ErrReader(errDown))
	}
	s, local := open(t, u, nil)
	b := openBlob(t, s, app, d)
	got, err := io.ReadAll(b)
	wantErr(t, "ReadAll", err, storage.ErrUpstream, errDown)
	if string(got) != content[:2<<20] {
		t.Errorf("%d bytes were readable, want what had arrived", len(got))
	}
	sent := 0
	u.line = func(_ context.Context, content []byte) io.Reader {
		sent += len(content)
		return bytes.NewReader(content)
	}
	wantBlob(t, s, app, content)
	settled(t, s)
	wantBlob(t, local, app, content)
	if sent != 1<<20 {
		t.Errorf("%d bytes are asked for again, want the %d that had not arrived", sent, 1<<20)
	}
}

// TestPartialsEnd checks that nothing is left of what broke off when the Store is closed.
func TestPartialsEnd(t *testing.T) {
	u := newUpstream()
	content := text(2 << 20)
	d := u.blob(t, app, content)
	u.line = func(context.Context, []byte) io.Reader {
		return io.MultiReader(strings.NewReader(content[:len(content)-1]), iotest.ErrReader(errDown))
	}
	s, local := open(t, u, nil)
	io.ReadAll(openBlob(t, s, app, d))
	settled(t, s)
	if n, _ := local.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestReadAt checks that whoever looks here and there starts no download, that he does not wait for one that is far behind, and that he reads
// what has arrived from the store.
func TestReadAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		gate := make(chan int)
		u.through(gate)
		content := text(6 << 20)
		d := u.blob(t, app, content)
		s, local := open(t, u, nil)
		b := openBlob(t, s, app, d)
		at := func(off, n int) {
			t.Helper()
			got := make([]byte, n)
			if n, err := b.ReadAt(got, int64(off)); string(got) != content[off:off+n] || err != nil && err != io.EOF {
				t.Errorf("ReadAt(%d, %d) = %d, %v", n, off, n, err)
			}
		}
		at(0, 10)
		at(5<<20, 10)
		at(len(content)-10, 10)
		if n, err := b.ReadAt(make([]byte, 11), int64(len(content)-10)); n != 10 || err != io.EOF {
			t.Errorf("ReadAt over the end = %d, %v", n, err)
		}
		wantCalls(t, "ReadAt", u, "open library/app "+short(d), "range 0", "range 5242880", "range 6291446", "range 6291446")
		if s.Stats().Bytes != 0 {
			t.Error("a download has begun")
		}
		go func() { gate <- 1 << 20 }()
		wantRead(t, b, content[:1<<20])
		at(1000, 100_000)
		wantCalls(t, "ReadAt of what has arrived", u)
		at(5<<20+1000, 10)
		wantCalls(t, "ReadAt far ahead", u, "range 5243880")
		go func() { gate <- 100 }()
		at(1<<20-10, 20) // near: it is waited for
		synctest.Wait()
		close(gate)
		synctest.Wait()
		at(5<<20, 1<<20)
		wantBlob(t, local, app, content)
		wantCalls(t, "ReadAt of what is here", u)
	})
}

// TestSeek checks that whoever begins far ahead of all others is served from there, and by what has arrived as soon as that is as far.
func TestSeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		gate := make(chan int)
		u.through(gate)
		content := text(6 << 20)
		d := u.blob(t, app, content)
		s, _ := open(t, u, nil)
		whole, part := openBlob(t, s, app, d), openBlob(t, s, app, d)
		if n, err := part.Seek(-1<<20, io.SeekEnd); n != 5<<20 || err != nil {
			t.Fatalf("Seek = %d, %v", n, err)
		}
		go func() { gate <- 10 }() // of a line of its own
		wantRead(t, part, content[5<<20:5<<20+10])
		opened := "open library/app " + short(d)
		wantCalls(t, "Read far ahead", u, opened, opened)
		if n, err := part.Seek(10, io.SeekStart); n != 10 || err != nil {
			t.Fatalf("Seek = %d, %v", n, err)
		}
		go func() { gate <- 2 << 20 }()
		wantRead(t, part, content[10:1<<20])
		wantRead(t, whole, content[:1<<20])
		if n, err := part.Seek(-1<<20, io.SeekCurrent); n != 0 || err != nil {
			t.Fatalf("Seek = %d, %v", n, err)
		}
		close(gate)
		wantRead(t, part, content)
		wantRead(t, whole, content[1<<20:])
		wantCalls(t, "Read", u)
		if n, err := part.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read at the end = %d, %v", n, err)
		}
		for _, bad := range []func() (int64, error){
			func() (int64, error) { return part.Seek(-1, io.SeekStart) }, func() (int64, error) { return part.Seek(0, 7) },
		} {
			if n, err := bad(); err == nil {
				t.Errorf("Seek to nowhere = %d", n)
			}
		}
	})
}

// TestReader runs Read, Seek and ReadAt of a blob that arrives through all of their corners.
func TestReader(t *testing.T) {
	u := newUpstream()
	content := text(1024)
	d := u.blob(t, app, content)
	s, _ := open(t, u, nil)
	b := openBlob(t, s, app, d)
	if err := iotest.TestReader(b, []byte(content)); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := b.Close(); err == nil {
		t.Error("Close works twice")
	}
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("Read works after Close")
	}
}

// TestAnotherName checks that bytes that are here become those of another name after upstream has said that it has them there, and without a download.
func TestAnotherName(t *testing.T) {
	u := newUpstream()
	content := text(1000)
	d := u.blob(t, app, content)
	s, local := open(t, u, nil)
	wantBlob(t, s, app, content)
	_, err := s.OpenBlob(t.Context(), other, d)
	wantErr(t, "OpenBlob of a blob that upstream does not have there", err, storage.ErrBlobUnknown)
	u.calls()
	u.blob(t, "third", content)
	wantBlob(t, s, "third", content)
	wantBlob(t, s, "third", content)
	wantCalls(t, "another name", u, "stat third "+short(d))
	wantBlob(t, local, "third", content)
	if n := s.Stats(); n.Mounted != 1 || n.Downloads != 1 {
		t.Errorf("Stats = %+v", n)
	}
	pushed := "pushed by somebody"
	if err := storage.PutBlob(t.Context(), local, "team", digest.FromString(pushed), strings.NewReader(pushed)); err != nil {
		t.Fatal(err)
	}
	_, err = s.OpenBlob(t.Context(), app, digest.FromString(pushed))
	wantErr(t, "OpenBlob of what is here and not upstream", err, storage.ErrBlobUnknown)
}

// TestAnotherNameWhileItArrives is the same while the bytes are on their way.
func TestAnotherNameWhileItArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		gate := make(chan int)
		u.through(gate)
		content := text(1000)
		d := u.blob(t, app, content)
		u.blob(t, other, content)
		s, local := open(t, u, nil)
		a := openBlob(t, s, app, d)
		ctxRead(t, a)
		_, err := s.OpenBlob(t.Context(), "none", d)
		wantErr(t, "OpenBlob of a blob that upstream does not have there", err, storage.ErrBlobUnknown)
		b := openBlob(t, s, other, d)
		close(gate)
		wantRead(t, b, content)
		synctest.Wait()
		wantCalls(t, "two names", u, "open library/app "+short(d), "stat none "+short(d), "stat library/other "+short(d))
		for _, name := range []oci.Name{app, other} {
			wantBlob(t, local, name, content)
		}
		if _, err := local.StatBlob(t.Context(), "none", d); err == nil {
			t.Error("the third name has it too")
		}
	})
}

// TestAnotherNameFails checks that those who joined under another name do not get the errors of the first.
func TestAnotherNameFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		content := text(1000)
		d := u.blob(t, other, content)
		begin := make(chan bool)
		u.set(func(_ context.Context, call string) error {
			if call == "open library/app "+short(d) {
				<-begin
			}
			return nil
		})
		s, _ := open(t, u, nil)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := s.OpenBlob(t.Context(), app, d)
			wantErr(t, "OpenBlob where it is not", err, storage.ErrBlobUnknown)
		})
		synctest.Wait()
		both.Go(func() { wantBlob(t, s, other, content) })
		synctest.Wait()
		close(begin)
		both.Wait()
	})
}

// TestHeals checks that content that is damaged on the disk is fetched again.
func TestHeals(t *testing.T) {
	u := newUpstream()
	m := u.image(t, app, "layer", "1")
	root := t.TempDir()
	local, err := disk.Open(root, &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	s := reopen(t, local, u, nil)
	pull := func() {
		t.Helper()
		wantTag(t, s, app, "1", m)
		wantManifest(t, s, app, m)
		wantBlob(t, s, app, "layer")
	}
	pull()
	settled(t, s)
	s = reopen(t, local, u, nil)
	u.calls()
	layer := digest.FromString("layer")
	for _, d := range []digest.Digest{layer, m.Digest} {
		truncate(t, root, d)
	}
	pull()
	wantCalls(t, "damaged content", u, "tag library/app:1", "manifest library/app "+short(m.Digest), "open library/app "+short(layer))
	settled(t, s)
	wantBlob(t, local, app, "layer")
	wantManifest(t, local, app, m)
}

// unfollowed is a store whose uploads cannot be read before they are blobs.
type unfollowed struct{ *memory.Store }

func (s unfollowed) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	u, err := s.Store.StartUpload(ctx, repo, alg)
	return struct{ storage.Upload }{u}, err
}

// TestUnfollowed checks that readers wait for the whole blob where they have to.
func TestUnfollowed(t *testing.T) {
	u := newUpstream()
	content := text(100_000)
	u.blob(t, app, content)
	s := reopen(t, unfollowed{memory.New()}, u, nil)
	wantBlob(t, s, app, content)
}

// TestClose checks that it ends what goes on, and that nothing begins after it.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.through(make(chan int))
		m := u.image(t, app, "layer", "1")
		s, _ := open(t, u, nil)
		d := digest.FromString("layer")
		b := openBlob(t, s, app, d)
		failed := make(chan error)
		go func() {
			_, err := b.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		settled(t, s)
		wantErr(t, "Read after Close", <-failed, storage.ErrUpstream)
		_, err := s.OpenBlob(t.Context(), app, d)
		wantErr(t, "OpenBlob after Close", err, storage.ErrUpstream)
		_, err = s.GetManifest(t.Context(), app, m.Digest)
		wantErr(t, "GetManifest after Close", err, storage.ErrUpstream)
	})
}

// TestMany has clients come and go while lines break and content goes.
func TestMany(t *testing.T) {
	u := newUpstream()
	var contents []string
	for i := range 6 {
		contents = append(contents, text(20_000+i))
		u.blob(t, app, contents[i])
		u.blob(t, other, contents[i])
	}
	var mu sync.Mutex
	turn := 0
	u.line = func(_ context.Context, content []byte) io.Reader {
		mu.Lock()
		defer mu.Unlock()
		if turn++; turn%3 == 0 {
			return io.MultiReader(bytes.NewReader(content[:turn]), iotest.ErrReader(errDown))
		}
		return iotest.HalfReader(bytes.NewReader(content))
	}
	s, local := open(t, u, &pullthrough.Options{NegativeTTL: -1, MaxSize: 60_000})
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			for j := range 30 {
				read(t, s, []oci.Name{app, other}[(i+j)%2], contents[(i*7+j)%len(contents)], j%4 == 0)
			}
		})
	}
	clients.Wait()
	settled(t, s)
	for _, name := range collect(t, local.Repositories(t.Context(), "")) {
		for _, c := range contents {
			if _, err := local.StatBlob(t.Context(), name, digest.FromString(c)); err == nil {
				wantBlob(t, local, name, c)
			}
		}
	}
	if !slices.ContainsFunc(u.calls(), func(c string) bool { return strings.HasPrefix(c, "open") }) {
		t.Error("nothing was downloaded")
	}
}

// read reads some of a blob, or all of it. It may break off, and then is no more than a part of it.
func read(t *testing.T, s storage.BlobReader, name oci.Name, content string, some bool) {
	b, err := s.OpenBlob(t.Context(), name, digest.FromString(content))
	if err != nil {
		t.Errorf("OpenBlob = %v", err)
		return
	}
	defer b.Close()
	if some {
		content = content[:100]
	}
	got := make([]byte, len(content))
	n, err := io.ReadFull(b, got)
	if string(got[:n]) != content[:n] || err != nil && !errors.Is(err, errDown) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
