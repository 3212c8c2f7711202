package explore

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/storage/memory"
)

// names are of n files, not in the order of a table.
func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%c/%d", 'a'+(i*7)%26, n-i))
	}
	return all
}

// follow returns what Follow yields, as text.
func follow(ctx context.Context, x *Indexer, s *observed, d digest.Digest) (got []string, err error) {
	for e, err := range x.Follow(ctx, s, "app", d, "") {
		if err != nil {
			return got, err
		}
		got = append(got, e.Name)
	}
	return got, nil
}

// gated lets each pass read the first n bytes of a blob, and the others once the gate is open.
func gated(s *observed, n int64) (open func()) {
	gate := make(chan struct{})
	s.fault = func(inOrder bool, off int64, _ int) error {
		if inOrder && off >= n {
			<-gate
		}
		return nil
	}
	return sync.OnceFunc(func() { close(gate) })
}

// TestFollow: entries come before the pass is at its end, to each who asks from the first on, in the order of the archive, and by one pass.
func TestFollow(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprint("gzip ", compressed), func(t *testing.T) {
			want := names(300)
			raw := plainTar(t, 4<<10, want...)
			if compressed {
				raw = gzipped(t, raw)
			}
			s := observe(memory.New())
			d := put(t, s, raw)
			x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
			open := gated(s, int64(len(raw))/2)
			defer open()
			if x.Indexed(t.Context(), s, "app", d) {
				t.Error("indexed before anybody has read it")
			}
			for e, err := range x.Follow(t.Context(), s, "app", d, "") { // sees the beginning, and leaves
				if err != nil || e.Name != want[0] {
					t.Errorf("first entry %v, %v", e, err)
				}
				break
			}
			var wg sync.WaitGroup
			seen := make(chan struct{}, 3)
			for range 3 {
				wg.Go(func() {
					var got []string
					for e, err := range x.Follow(t.Context(), s, "app", d, "") {
						if err != nil {
							t.Error(err)
							return
						}
						if got = append(got, e.Name); len(got) == 20 {
							seen <- struct{}{}
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("%d entries, from %q on; want %d", len(got), got[:min(1, len(got))], len(want))
					}
				})
			}
			for range 3 {
				<-seen // while the pass cannot end
			}
			wg.Go(func() {
				l, err := x.Open(t.Context(), s, "app", d, "")
				if err != nil {
					t.Error(err)
					return
				}
				mustClose(t, l)
			})
			open()
			wg.Wait()
			if got := s.pass(d); got < int64(len(raw)) || got >= 2*int64(len(raw)) {
				t.Errorf("%d bytes read of %d", got, len(raw))
			}
			if !x.Indexed(t.Context(), s, "app", d) {
				t.Error("not indexed afterwards")
			}
			got, err := follow(t.Context(), x, s, d) // from the table
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("from the table: %d entries, %v; want %d", len(got), err, len(want))
			}
		})
	}
}

// TestFollowBehind: who has fallen too far behind gets the others out of the table, each once; memory stays bounded meanwhile.
func TestFollowBehind(t *testing.T) {
	want := names(200)
	s := observe(memory.New())
	d := put(t, s, plainTar(t, 512, want...))
	x := indexer(t, s, nil)
	x.tapes = 20 * 300
	var got []string
	for e, err := range x.Follow(t.Context(), s, "app", d, "") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Name); len(got) == 1 {
			mustClose(t, mustOpen(t, x, s, d)) // waits for the end of the pass
		}
	}
	early := got[0]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d entries, the first %s; want %d", len(got), early, len(want))
	}
}

func TestTape(t *testing.T) {
	s := observe(memory.New())
	d := put(t, s, plainTar(t, 0, names(100)...))
	x := indexer(t, s, nil)
	x.tapes = 10 * 300
	f, mine := x.join(t.Context(), blobSource(s, "app", d, ""), true)
	defer x.leave(f, source{d: d}, mine)
	if err := f.wait(t.Context()); err != nil || f.err != nil {
		t.Fatal(err, f.err)
	}
	if n := len(f.tape.entries); f.tape.total() != 100 || f.tape.bytes > x.tapes || n < 5 || f.tape.first+n != 100 {
		t.Errorf("%d of %d entries from %d on, %d bytes", n, f.tape.total(), f.tape.first, f.tape.bytes)
	}
}

func TestFollowErrors(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, nil)
	raw := gzipped(t, plainTar(t, 64<<10, names(20)...))
	d := put(t, s, raw[:len(raw)/2])
	got, err := follow(t.Context(), x, s, d)
	if len(got) == 0 || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, archive.ErrFormat) {
		t.Errorf("torn: %d entries, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	whole := put(t, s, raw)
	open := gated(s, int64(len(raw))/2)
	defer open()
	for e, err := range x.Follow(ctx, s, "app", whole, "") {
		if cancel(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v, %v", e, err)
		}
	}
	open()
	if _, err := follow(ctx, x, s, whole); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

// TestFollowFormats: what has no entries while it is read has them afterwards.
func TestFollowFormats(t *testing.T) {
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, name := range []string{"d/", "d/f", "g"} {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	for _, tt := range []struct{ raw, want string }{
		{"just text", "content"},
		{string(gzipped(t, []byte("just text"))), "content"},
		{"!<arch>\nfile/           0           0     0     644     4         `\nbody", "file"},
		{zipped.String(), "d/ d/f g"},
		{string(make([]byte, 2*512)), "content"},
	} {
		for range 2 { // while it is read, and afterwards
			got, err := follow(t.Context(), x, s, put(t, s, []byte(tt.raw)))
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("%.20q: %q, %v, want %s", tt.raw, got, err, tt.want)
			}
		}
	}
}

// TestFollowFields: an entry of a pass says what one of the table says, but for what is only known at the end.
func TestFollowFields(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []tar.Header{
		{Name: "a", Mode: 0o4755, Uid: 7, Uname: "u", PAXRecords: map[string]string{"SCHILY.xattr.user.x": "1"}},
		{Name: "b", Typeflag: tar.TypeLink, Linkname: "a"},
		{Name: "c", Typeflag: tar.TypeSymlink, Linkname: "/x"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	d := put(t, s, buf.Bytes())
	shown := func() (all []string) {
		for e, err := range x.Follow(t.Context(), s, "app", d, "") {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(e.Path, e.Name, e.Link, e.Type, e.Mode, e.UID, e.Uname, e.Size, e.Records, e.Header, e.Data, e.SHA256))
		}
		return all
	}
	if a, b := shown(), shown(); !slices.Equal(a, b) || len(a) != 3 {
		t.Errorf("while it is read\n%s\nafterwards\n%s", a, b)
	}
}
