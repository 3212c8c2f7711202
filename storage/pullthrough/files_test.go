package pullthrough_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

func digestOf(content string) digest.Digest { return digest.FromString(content) }

// TestFileOnce: many read what arrives once, and what is known of it is kept.
func TestFileOnce(t *testing.T) {
	content := text(3 << 20)
	u := newServer(map[string]string{"a/b.rpm": content})
	gate := make(chan int)
	u.gate(gate)
	s, local := openFiles(t, u, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { wantGet(t, "cold", s, "a/b.rpm", content) })
	}
	gate <- 1 << 20
	close(gate)
	wg.Wait()
	wantGet(t, "warm", s, "a/b.rpm", content)
	if asked := u.calls(); len(asked) != 1 { // those who come late find it kept
		t.Errorf("upstream is asked %q, want once", asked)
	}
	f, err := s.StatFile(t.Context(), mirror, "a/b.rpm")
	if err != nil || f.Digest != digestOf(content) || f.ETag == "" || f.MediaType != "text/plain" || f.Modified.Unix() != 1700000000 || f.Checked.IsZero() {
		t.Errorf("StatFile = %+v, %v", f, err)
	}
	wantKept(t, "kept", local, "a/b.rpm", content)
	if st := s.Stats(); st.Downloads != 1 || st.Bytes != int64(len(content)) {
		t.Errorf("Stats = %+v", st)
	}
}

// TestFileFirstByte: the first byte is there before the second has come.
func TestFileFirstByte(t *testing.T) {
	u := newServer(map[string]string{"f": text(10000)})
	gate := make(chan int)
	u.gate(gate)
	s, _ := openFiles(t, u, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b, f, err := s.OpenFile(ctx, mirror, "f")
	if err != nil || b.Size() != 10000 || f.ETag == "" {
		t.Fatalf("OpenFile = %v, %v", f, err)
	}
	gate <- 100
	p := make([]byte, 100)
	if _, err := io.ReadFull(b, p); err != nil || string(p) != text(10000)[:100] {
		t.Errorf("the first bytes are %q, %v", p, err)
	}
	cancel() // who began it leaves
	b.Close()
	close(gate)
	wantGet(t, "somebody else", s, "f", text(10000))
	wantAsked(t, "both", u, "get f")
}

// TestIndexAges steps through the life of an index.
func TestIndexAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"i.xml": "one", "p.rpm": "package"})
		s, local := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, IndexTTL: time.Minute, Patience: time.Second})
		wantGet(t, "cold", s, "i.xml", "one")
		wantGet(t, "cold", s, "p.rpm", "package")
		wantAsked(t, "cold", u, "get i.xml", "get p.rpm")
		time.Sleep(59 * time.Second)
		wantGet(t, "young", s, "i.xml", "one")
		wantAsked(t, "young", u)
		time.Sleep(2 * time.Second)
		wantGet(t, "old", s, "i.xml", "one")
		wantGet(t, "old", s, "p.rpm", "package")
		wantAsked(t, "old", u, "get i.xml ?")
		f, err := s.StatFile(t.Context(), mirror, "i.xml")
		if err != nil || time.Since(f.Checked) > time.Second {
			t.Errorf("Checked = %v ago, %v", time.Since(f.Checked), err)
		}
		u.set("i.xml", "two")
		wantGet(t, "young again", s, "i.xml", "one")
		time.Sleep(61 * time.Second)
		wantGet(t, "changed", s, "i.xml", "two")
		wantAsked(t, "changed", u, "get i.xml ?")
		if _, err := local.StatBlob(t.Context(), mirror, digestOf("one")); !errors.Is(err, storage.ErrBlobUnknown) {
			t.Errorf("the content before: %v, want %v", err, storage.ErrBlobUnknown)
		}
		time.Sleep(time.Hour)
		u.setDown(errDown)
		wantStale(t, "down", s, "i.xml", "two")
		wantStale(t, "still down", s, "i.xml", "two")
		wantAsked(t, "down", u, "get i.xml ?") // and not twice within some seconds
		u.setDown(nil)
		u.set("i.xml", "")
		time.Sleep(time.Minute)
		wantStale(t, "gone", s, "i.xml", "two")
		wantStale(t, "still gone", s, "i.xml", "two")
		wantAsked(t, "gone", u, "get i.xml ?")
		u.set("i.xml", "three")
		time.Sleep(time.Minute)
		wantGet(t, "back", s, "i.xml", "three")
	})
}

// TestNoValidators: what upstream gives nothing to recognise by comes again each time, and is the same file if it is.
func TestNoValidators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"i.xml": "one"})
		u.noValidators = true
		s, local := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, IndexTTL: time.Minute})
		wantGet(t, "cold", s, "i.xml", "one")
		first, _ := local.StatFile(t.Context(), mirror, "i.xml")
		time.Sleep(time.Hour)
		wantGet(t, "the same", s, "i.xml", "one")
		again, err := local.StatFile(t.Context(), mirror, "i.xml")
		if err != nil || !again.Modified.Equal(first.Modified) || !again.Stored.Equal(first.Stored) || !again.Checked.After(first.Checked) {
			t.Errorf("the same is %+v, %v after %+v", again, err, first)
		}
		wantAsked(t, "the same", u, "get i.xml", "get i.xml")
		u.set("i.xml", "two")
		time.Sleep(time.Hour)
		wantGet(t, "another", s, "i.xml", "two")
	})
}

// TestIndexSlow: who can have something old does not wait for long, and the new one comes all the same.
func TestIndexSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"i.xml": "one"})
		s, _ := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, IndexTTL: time.Minute, Patience: time.Second})
		wantGet(t, "cold", s, "i.xml", "one")
		time.Sleep(time.Hour)
		u.set("i.xml", "two")
		gate := make(chan int)
		u.gate(gate)
		began := time.Now()
		wantStale(t, "slow", s, "i.xml", "one")
		if d := time.Since(began); d != time.Second {
			t.Errorf("what is old comes after %v, want 1s", d)
		}
		close(gate)
		synctest.Wait()
		wantGet(t, "later", s, "i.xml", "two")
	})
}

// TestRecheck: who insists is heard, but not more often than the floor.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"i.xml": "one", "p.rpm": "package"})
		s, _ := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, Floor: 10 * time.Second})
		wantGet(t, "cold", s, "i.xml", "one")
		wantGet(t, "cold", s, "p.rpm", "package")
		u.calls()
		u.set("i.xml", "two")
		insist := func(step, path, want string) {
			t.Helper()
			if got, _, err := getFile(storage.Recheck(t.Context()), s, path); err != nil || got != want {
				t.Errorf("%s: %q, %v, want %q", step, got, err, want)
			}
		}
		time.Sleep(9 * time.Second)
		insist("below the floor", "i.xml", "one")
		wantAsked(t, "below the floor", u)
		time.Sleep(2 * time.Second)
		wantGet(t, "who does not insist", s, "i.xml", "one")
		insist("above the floor", "i.xml", "two")
		insist("a package", "p.rpm", "package")
		wantAsked(t, "above the floor", u, "get i.xml ?")
	})
}

// TestFileNegative: what is not there is asked for once in a while.
func TestFileNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{})
		s, _ := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, NegativeTTL: time.Minute})
		for range 3 {
			for _, path := range []string{"i.xml", "p.rpm"} {
				_, _, err := getFile(t.Context(), s, path)
				wantErr(t, "OpenFile of nothing", err, storage.ErrFileUnknown)
				_, err = s.StatFile(t.Context(), mirror, path)
				wantErr(t, "StatFile of nothing", err, storage.ErrFileUnknown)
			}
		}
		wantAsked(t, "nothing", u, "get i.xml", "get p.rpm")
		time.Sleep(2 * time.Minute)
		u.set("i.xml", "one")
		wantGet(t, "there now", s, "i.xml", "one")
		u.calls()
		u.setDown(storage.ErrNoIdentity)
		_, _, err := getFile(t.Context(), s, "q.rpm")
		if !errors.Is(err, storage.ErrDenied) || errors.Is(err, storage.ErrNoIdentity) {
			t.Errorf("what we may not see = %v, want %v", err, storage.ErrDenied)
		}
		u.setDown(errDown)
		for range 2 {
			_, _, err = getFile(t.Context(), s, "r.rpm")
			wantErr(t, "OpenFile while upstream is down", err, storage.ErrUpstream)
		}
		wantAsked(t, "down", u, "get q.rpm", "get r.rpm", "get r.rpm")
	})
}

// TestFileStat: asking about a file downloads nothing.
func TestFileStat(t *testing.T) {
	u := newServer(map[string]string{"f": "content"})
	s, local := openFiles(t, u, nil)
	f, err := s.StatFile(t.Context(), mirror, "f")
	if err != nil || f.Size != 7 || f.Digest != "" || f.ETag == "" {
		t.Errorf("StatFile = %+v, %v", f, err)
	}
	wantAsked(t, "stat", u, "head f")
	wantKept(t, "stat", local, "f", "")
	for repo, path := range map[oci.Name]string{mirror: "../f", other: "f"} {
		_, err := s.StatFile(t.Context(), repo, path)
		if !errors.Is(err, storage.ErrFileUnknown) && !errors.Is(err, storage.ErrFilePath) {
			t.Errorf("StatFile(%s, %s) = %v", repo, path, err)
		}
	}
	ctx := storage.KeptOnly(t.Context())
	_, err = s.StatFile(ctx, mirror, "f")
	wantErr(t, "StatFile of what is not kept", err, storage.ErrNotKept)
	_, _, err = s.OpenFile(ctx, mirror, "f")
	wantErr(t, "OpenFile of what is not kept", err, storage.ErrNotKept)
	s.SetOffline(true)
	_, _, err = s.OpenFile(t.Context(), mirror, "f")
	wantErr(t, "OpenFile offline", err, storage.ErrUpstream)
	wantAsked(t, "offline", u)
}

// TestFileCuts cuts every line at each tenth of the file: it is taken up, and nobody notices.
func TestFileCuts(t *testing.T) {
	content := text(300000)
	for name, setUp := range map[string]func(*server){
		"ranges":        func(*server) {},
		"no ranges":     func(u *server) { u.noRanges = true },
		"no validators": func(u *server) { u.noValidators = true },
	} {
		for tenth := range 10 {
			synctest.Test(t, func(t *testing.T) {
				u := newServer(map[string]string{"f": content})
				setUp(u)
				u.line = func(_ context.Context, n int, rest string) io.Reader {
					if n == 1 {
						return cutAfter(rest, len(content)*tenth/10)
					}
					return strings.NewReader(rest)
				}
				s, local := openFiles(t, u, nil)
				step := fmt.Sprintf("%s, cut at %d0 %%", name, tenth)
				wantGet(t, step, s, "f", content)
				if n := len(u.calls()); n != 2 {
					t.Errorf("%s: upstream is asked %d times, want 2", step, n)
				}
				synctest.Wait()
				wantKept(t, step, local, "f", content)
			})
		}
	}
}

// TestFileBreaks has lines that cannot be mended: whoever reads gets an error, and nothing is kept.
func TestFileBreaks(t *testing.T) {
	content := text(300000)
	other := strings.ToUpper(strings.ReplaceAll(content, "1", "x"))
	for name, setUp := range map[string]func(u *server){
		"always cut": func(u *server) {
			u.line = func(_ context.Context, _ int, rest string) io.Reader { return cutAfter(rest, 0) }
		},
		"cut and changed": func(u *server) { u.cutThen(func() { u.files["f"] = other }) },
		"cut and shorter": func(u *server) { u.cutThen(func() { u.files["f"] = content[:200000] }) },
		"cut and gone":    func(u *server) { u.cutThen(func() { u.files["f"] = "" }) },
		"cut, changed, no validators": func(u *server) {
			u.noValidators = true
			u.cutThen(func() { u.files["f"] = other })
		},
		"short": func(u *server) {
			u.line = func(_ context.Context, _ int, rest string) io.Reader { return strings.NewReader(rest[:len(rest)-1]) }
		},
		"long": func(u *server) {
			u.line = func(_ context.Context, _ int, rest string) io.Reader { return strings.NewReader(rest + "!") }
		},
		"nothing": func(u *server) {
			u.line = func(_ context.Context, _ int, rest string) io.Reader { return strings.NewReader("") }
		},
		"silent": func(u *server) { u.gate(make(chan int)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			u := newServer(map[string]string{"f": content})
			setUp(u)
			s, local := openFiles(t, u, &pullthrough.FilesOptions{Stall: 10 * time.Second})
			got, _, err := getFile(t.Context(), s, "f")
			if err == nil || len(got) >= len(content) || !strings.HasPrefix(content, got) {
				t.Errorf("%s: reads %d bytes of %d, %v", name, len(got), len(content), err)
			}
			if !errors.Is(err, storage.ErrUpstream) && !errors.Is(err, storage.ErrUpstreamTimeout) && !errors.Is(err, storage.ErrFileUnknown) {
				t.Errorf("%s: %v is not upstream's", name, err)
			}
			synctest.Wait()
			wantKept(t, name, local, "f", "")
			if _, err := local.StatBlob(t.Context(), mirror, digestOf(content)); err == nil {
				t.Errorf("%s: the content is kept", name)
			}
			if n := len(u.calls()); n > 10 {
				t.Errorf("%s: upstream is asked %d times", name, n)
			}
		})
	}
}

// cutThen cuts the first line in its middle, and then does something.
func (u *server) cutThen(do func()) {
	u.line = func(_ context.Context, n int, rest string) io.Reader {
		if n > 1 {
			return strings.NewReader(rest)
		}
		return io.MultiReader(strings.NewReader(rest[:len(rest)/2]), cutting{u, do})
	}
}

type cutting struct {
	u  *server
	do func()
}

func (c cutting) Read([]byte) (int, error) {
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	c.do()
	return 0, errCut
}

// TestFileGoesOn: what broke off for good is taken up by the next who asks, if it is still the same.
func TestFileGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := text(5 << 20)
		u := newServer(map[string]string{"f": content})
		s, _ := openFiles(t, u, nil)
		u.line = func(_ context.Context, _ int, rest string) io.Reader {
			return io.MultiReader(strings.NewReader(rest[:3<<20]), cutting{u, func() { u.down = errDown }})
		}
		_, _, err := getFile(t.Context(), s, "f")
		wantErr(t, "cut and down", err, storage.ErrUpstream)
		synctest.Wait()
		u.setDown(nil)
		u.line = nil
		u.calls()
		wantGet(t, "the next", s, "f", content)
		wantAsked(t, "the next", u, fmt.Sprint("get f from ", 3<<20))
		if st := s.Stats(); st.Bytes != int64(len(content)) {
			t.Errorf("%d bytes came, want %d", st.Bytes, len(content))
		}
	})
}

// TestVerify: what is refused is not kept, nobody comes to its end, and it is not asked for again at once.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"good.rpm": "good", "bad.rpm": "<html>sorry", "i.xml": "good index"})
		verify := func(_ context.Context, path string, f storage.File, content io.ReaderAt) error {
			p := make([]byte, f.Size)
			if _, err := content.ReadAt(p, 0); err != nil && err != io.EOF {
				return err
			}
			if f.Digest != digestOf(string(p)) || !strings.HasPrefix(string(p), "good") {
				return fmt.Errorf("%s: no package", path)
			}
			return nil
		}
		s, local := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes, Verify: verify})
		wantGet(t, "good", s, "good.rpm", "good")
		wantGet(t, "good", s, "i.xml", "good index")
		u.calls()
		for range 2 {
			got, _, err := getFile(t.Context(), s, "bad.rpm")
			wantErr(t, "bad", err, storage.ErrUpstream, storage.ErrDamaged)
			if len(got) >= len("<html>sorry") {
				t.Errorf("all of %q was handed out", got)
			}
			synctest.Wait()
		}
		wantAsked(t, "bad", u, "get bad.rpm")
		wantKept(t, "bad", local, "bad.rpm", "")
		u.set("i.xml", "bad index")
		time.Sleep(time.Hour)
		wantStale(t, "an index that became bad", s, "i.xml", "good index")
	})
}

// TestUnsized: what upstream does not tell the size of is waited for.
func TestUnsized(t *testing.T) {
	u := newServer(map[string]string{"f": text(100000)})
	u.unsized = true
	s, _ := openFiles(t, u, nil)
	wantGet(t, "cold", s, "f", text(100000))
	wantGet(t, "warm", s, "f", text(100000))
	wantAsked(t, "unsized", u, "get f")
}

// TestFileParts reads far ahead of what has arrived.
func TestFileParts(t *testing.T) {
	content := text(9 << 20)
	for _, ranges := range []bool{true, false} {
		u := newServer(map[string]string{"f": content})
		u.noRanges = !ranges
		gate := make(chan int)
		u.line = func(ctx context.Context, n int, rest string) io.Reader {
			if n == 1 {
				return &gated{ctx: ctx, r: strings.NewReader(rest), gate: gate}
			}
			return strings.NewReader(rest)
		}
		s, _ := openFiles(t, u, nil)
		b, _, err := s.OpenFile(t.Context(), mirror, "f")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if !ranges {
			close(gate)
		}
		p := make([]byte, 1000)
		const off = 8 << 20
		if n, err := b.ReadAt(p, off); n != 1000 || err != nil || string(p) != content[off:off+1000] {
			t.Errorf("ReadAt = %d, %v", n, err)
		}
		if _, err := b.Seek(-1000, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); err != nil || string(got) != content[len(content)-1000:] {
			t.Errorf("the end = %d bytes, %v", len(got), err)
		}
		if ranges {
			close(gate)
		}
	}
}

// TestSameContent: one content however many paths have it; it goes with the last.
func TestSameContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"a.xml": "same", "b.xml": "same"})
		s, local := openFiles(t, u, &pullthrough.FilesOptions{Rule: indexes})
		wantGet(t, "one", s, "a.xml", "same")
		wantGet(t, "other", s, "b.xml", "same")
		u.set("a.xml", "else")
		time.Sleep(time.Hour)
		wantGet(t, "one changed", s, "a.xml", "else")
		wantGet(t, "the other", s, "b.xml", "same")
		u.set("b.xml", "else")
		time.Sleep(time.Hour)
		wantGet(t, "the other changed", s, "b.xml", "else")
		if _, err := local.StatBlob(t.Context(), mirror, digestOf("same")); !errors.Is(err, storage.ErrBlobUnknown) {
			t.Errorf("what nobody has any more: %v, want %v", err, storage.ErrBlobUnknown)
		}
	})
}

// TestFileEviction: the least recently used go, indexes stay.
func TestFileEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"i.xml": text(1000)})
		for _, p := range []string{"a", "b", "c", "d"} {
			u.set(p+".rpm", p+text(999))
		}
		o := &pullthrough.FilesOptions{Rule: indexes, MaxSize: 3000}
		s, local := openFiles(t, u, o)
		for _, p := range []string{"i.xml", "a.rpm", "b.rpm", "c.rpm", "a.rpm", "d.rpm"} {
			wantGet(t, "first", s, p, u.files[p])
			synctest.Wait()
		}
		for _, p := range []string{"i.xml", "a.rpm", "c.rpm", "d.rpm"} {
			wantKept(t, "kept", local, p, u.files[p])
		}
		wantKept(t, "evicted", local, "b.rpm", "")
		if _, err := local.StatBlob(t.Context(), mirror, digestOf(u.files["b.rpm"])); err == nil || s.Stats().Evicted != 1 {
			t.Errorf("the content of what was evicted: %v; %+v", err, s.Stats())
		}
		s.Close()
		o.MaxSize = 1000
		s = pullthrough.NewFiles(local, mirror, u, o)
		defer s.Close()
		synctest.Wait()
		if st := s.Stats(); st.Evicted != 2 {
			t.Errorf("after a start with less room: %+v, want 2 evicted", st)
		}
		wantKept(t, "an index", local, "i.xml", u.files["i.xml"])
	})
}

// TestFilesClose: whoever reads what is arriving gets an error.
func TestFilesClose(t *testing.T) {
	u := newServer(map[string]string{"f": text(1000)})
	u.gate(make(chan int))
	s, _ := openFiles(t, u, nil)
	b, _, err := s.OpenFile(t.Context(), mirror, "f")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(b)
	wantErr(t, "reading after Close", err, storage.ErrUpstream)
	_, _, err = s.OpenFile(t.Context(), mirror, "g")
	wantErr(t, "OpenFile after Close", err, storage.ErrUpstream)
}

// TestFilesDrain: what is replaced ends when nobody reads through it any more.
func TestFilesDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newServer(map[string]string{"f": text(1000)})
		gate := make(chan int)
		u.gate(gate)
		s, _ := openFiles(t, u, nil)
		b, _, err := s.OpenFile(t.Context(), mirror, "f")
		if err != nil {
			t.Fatal(err)
		}
		drained := make(chan error, 1)
		go func() { drained <- s.Drain(t.Context()) }()
		close(gate)
		synctest.Wait()
		if got, err := io.ReadAll(b); err != nil || string(got) != text(1000) || len(drained) > 0 {
			t.Errorf("while it drains %d bytes are read, %v; drained: %d", len(got), err, len(drained))
		}
		b.Close()
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if _, _, err := s.OpenFile(t.Context(), mirror, "g"); !errors.Is(err, storage.ErrUpstream) {
			t.Errorf("OpenFile after Drain = %v", err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Errorf("Drain again = %v", err)
		}
	})
}

// fullFiles is a local store that has no room for one more path.
type fullFiles struct{ *memory.Store }

func (fullFiles) PutFile(context.Context, oci.Name, string, storage.File, storage.Match) error {
	return storage.ErrNoSpace
}

// forgetful is a local store from which content goes before it is given a path.
type forgetful struct{ *memory.Store }

func (forgetful) PutFile(context.Context, oci.Name, string, storage.File, storage.Match) error {
	return storage.ErrBlobUnknown
}

// TestFilesForgotten: that is no answer of upstream's, and not remembered as one.
func TestFilesForgotten(t *testing.T) {
	u := newServer(map[string]string{"f": text(1000)})
	s := pullthrough.NewFiles(forgetful{memory.New()}, mirror, u, nil)
	defer s.Close()
	for range 2 {
		if _, _, err := getFile(t.Context(), s, "f"); !errors.Is(err, storage.ErrUpstream) || errors.Is(err, storage.ErrBlobUnknown) {
			t.Errorf("OpenFile = %v, want %v", err, storage.ErrUpstream)
		}
	}
	if asked := u.calls(); len(asked) != 2 {
		t.Errorf("upstream is asked %q, want twice", asked)
	}
}

// TestFilesFull: a full disk is not upstream's fault.
func TestFilesFull(t *testing.T) {
	u := newServer(map[string]string{"f": text(1000)})
	s := pullthrough.NewFiles(fullFiles{memory.New()}, mirror, u, nil)
	defer s.Close()
	_, _, err := getFile(t.Context(), s, "f")
	if !errors.Is(err, storage.ErrNoSpace) || errors.Is(err, storage.ErrUpstream) {
		t.Errorf("OpenFile with a full disk = %v, want %v", err, storage.ErrNoSpace)
	}
}

// TestFilesOfOneRepository: what another repository of the same store has is not shown.
func TestFilesOfOneRepository(t *testing.T) {
	u := newServer(map[string]string{"f": "content"})
	s, local := openFiles(t, u, nil)
	d := digestOf("secret")
	if err := storage.PutBlob(t.Context(), local, other, d, strings.NewReader("secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := local.PutFiles(t.Context(), other, "d", map[string]storage.File{"d/f": {Digest: d}}, 1); err != nil {
		t.Fatal(err)
	}
	_, statErr := s.StatFile(t.Context(), other, "d/f")
	_, _, openErr := s.OpenFile(t.Context(), other, "d/f")
	_, generationErr := s.GetGeneration(t.Context(), other, "d", 1)
	_, statBlobErr := s.StatBlob(t.Context(), other, d)
	_, blobErr := s.OpenBlob(t.Context(), other, d)
	for call, err := range map[string]error{"StatFile": statErr, "OpenFile": openErr, "GetGeneration": generationErr} {
		wantErr(t, call+" of another repository", err, storage.ErrFileUnknown)
	}
	for call, err := range map[string]error{"StatBlob": statBlobErr, "OpenBlob": blobErr} {
		wantErr(t, call+" of another repository", err, storage.ErrBlobUnknown)
	}
	for e := range s.ListFiles(t.Context(), other, "", "") {
		t.Errorf("ListFiles of another repository yields %q", e.Name)
	}
	for g := range s.Generations(t.Context(), other, "d") {
		t.Errorf("Generations of another repository yields %d", g.Number)
	}
	wantAsked(t, "another repository", u)
}
