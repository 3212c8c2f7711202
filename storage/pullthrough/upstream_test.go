package pullthrough_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

const (
	app   = oci.Name("library/app")
	other = oci.Name("library/other")
)

var errDown = errors.New("connection refused")

// upstream is another registry that counts what it is asked, and misbehaves as it is told.
type upstream struct {
	*memory.Store

	mu    sync.Mutex
	asked []string

	// hook is called before each answer; what it returns is the answer if it is not nil.
	hook func(ctx context.Context, call string) error
	// line makes of the bytes of a blob, from where they are wanted on, what is sent of them; nil: the bytes.
	line func(ctx context.Context, content []byte) io.Reader
}

func newUpstream() *upstream { return &upstream{Store: memory.New()} }

// ask notes a call, such as "tag library/app:1".
func (u *upstream) ask(ctx context.Context, format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	u.mu.Lock()
	u.asked = append(u.asked, call)
	hook := u.hook
	u.mu.Unlock()
	if hook == nil {
		return ctx.Err()
	}
	return hook(ctx, call)
}

// calls returns what was asked since the last time, in order.
func (u *upstream) calls() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := u.asked
	u.asked = nil
	return all
}

func (u *upstream) set(hook func(ctx context.Context, call string) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hook = hook
}

// down makes every call fail with err; nil: none.
func (u *upstream) down(err error) {
	if err == nil {
		u.set(nil)
		return
	}
	u.set(func(context.Context, string) error { return err })
}

func (u *upstream) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if err := u.ask(ctx, "stat %s %s", repo, short(d)); err != nil {
		return 0, err
	}
	return u.Store.StatBlob(ctx, repo, d)
}

func (u *upstream) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if err := u.ask(ctx, "open %s %s", repo, short(d)); err != nil {
		return nil, err
	}
	b, err := u.Store.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	return &line{Blob: b, u: u, ctx: ctx}, nil
}

func (u *upstream) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if err := u.ask(ctx, "manifest %s %s", repo, short(d)); err != nil {
		return storage.Manifest{}, err
	}
	return u.Store.GetManifest(ctx, repo, d)
}

func (u *upstream) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if err := u.ask(ctx, "tag %s:%s", repo, tag); err != nil {
		return oci.Descriptor{}, err
	}
	return u.Store.ResolveTag(ctx, repo, tag)
}

func (u *upstream) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return u.failing(ctx, u.Store.Tags(ctx, repo, after), "tags %s", repo)
}

func (u *upstream) failing(ctx context.Context, seq iter.Seq2[oci.Tag, error], format string, args ...any) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		if err := u.ask(ctx, format, args...); err != nil {
			yield("", err)
			return
		}
		seq(yield)
	}
}

func (u *upstream) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		if err := u.ask(ctx, "referrers %s %s", repo, short(d)); err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		u.Store.Referrers(ctx, repo, d)(yield)
	}
}

// line is a blob whose stream is the upstream's line.
type line struct {
	storage.Blob
	u   *upstream
	ctx context.Context
	in  io.Reader
}

func (l *line) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.in == nil {
		l.in = l.Blob
		if l.u.line != nil {
			content := make([]byte, l.Size())
			at, _ := l.Seek(0, io.SeekCurrent)
			if _, err := l.Blob.ReadAt(content, 0); err != nil && err != io.EOF {
				return 0, err
			}
			l.in = l.u.line(l.ctx, content[at:])
		}
	}
	return l.in.Read(p)
}

func (l *line) ReadAt(p []byte, off int64) (int, error) {
	if err := l.u.ask(l.ctx, "range %d", off); err != nil {
		return 0, err
	}
	return l.Blob.ReadAt(p, off)
}

// gated is a line on which bytes come as fast as they are let through.
type gated struct {
	ctx  context.Context
	r    io.Reader
	gate <-chan int // how many bytes more; closed: all that are left
	left int
}

func (g *gated) Read(p []byte) (int, error) {
	if g.left == 0 {
		select {
		case n, open := <-g.gate:
			if g.left = n; !open {
				g.left = 1 << 40
			}
		case <-g.ctx.Done():
			return 0, g.ctx.Err()
		}
	}
	n, err := g.r.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// through opens a gate for the bytes of every blob.
func (u *upstream) through(gate <-chan int) {
	u.line = func(ctx context.Context, content []byte) io.Reader {
		return &gated{ctx: ctx, r: bytes.NewReader(content), gate: gate}
	}
}

// short is how calls are told apart in tests.
func short(d digest.Digest) string { return d.Encoded()[:6] }

// open returns a Store in front of u, and the store that it keeps things in.
func open(t *testing.T, u *upstream, o *pullthrough.Options) (*pullthrough.Store, *memory.Store) {
	t.Helper()
	local := memory.New()
	return reopen(t, local, u, o), local
}

func reopen(t *testing.T, local storage.Store, u storage.Reader, o *pullthrough.Options) *pullthrough.Store {
	t.Helper()
	s := pullthrough.New(local, u, o)
	t.Cleanup(func() { s.Close() })
	return s
}

// blob makes content a blob of u.
func (u *upstream) blob(t *testing.T, repo oci.Name, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	if err := storage.PutBlob(t.Context(), u.Store, repo, d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

// image makes an image of one layer and tags it.
func (u *upstream) image(t *testing.T, repo oci.Name, layer string, tags ...oci.Tag) storage.Manifest {
	t.Helper()
	config, l := u.blob(t, repo, "{}"), u.blob(t, repo, layer)
	raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.example.config","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.example.layer","digest":%q,"size":%d}]}`,
		config, l, len(layer))
	return u.manifest(t, repo, raw, tags...)
}

func (u *upstream) manifest(t *testing.T, repo oci.Name, raw string, tags ...oci.Tag) storage.Manifest {
	t.Helper()
	m, _, err := storage.ParseManifest(oci.MediaTypeImageManifest, []byte(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Store.PutManifest(t.Context(), repo, m); err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		u.tag(t, repo, tag, m)
	}
	return m
}

func (u *upstream) tag(t *testing.T, repo oci.Name, tag oci.Tag, m storage.Manifest) {
	t.Helper()
	if err := u.Store.SetTag(t.Context(), repo, tag, m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
}

// wantCalls checks what u was asked since the last time.
func wantCalls(t *testing.T, step string, u *upstream, want ...string) {
	t.Helper()
	if got := u.calls(); !slices.Equal(got, want) {
		t.Errorf("%s: upstream is asked %q, want %q", step, got, want)
	}
}

// wantTag checks what a tag points at.
func wantTag(t *testing.T, s storage.Reader, repo oci.Name, tag oci.Tag, want storage.Manifest) {
	t.Helper()
	d, err := s.ResolveTag(t.Context(), repo, tag)
	if err != nil || d.Digest != want.Digest || d.Size != want.Size || d.MediaType != want.MediaType {
		t.Errorf("ResolveTag(%s, %s) = %s, %v, want %s", repo, tag, d.Digest, err, want.Digest)
	}
}

func wantManifest(t *testing.T, s storage.Reader, repo oci.Name, want storage.Manifest) {
	t.Helper()
	m, err := s.GetManifest(t.Context(), repo, want.Digest)
	if err != nil || !bytes.Equal(m.Raw, want.Raw) {
		t.Errorf("GetManifest(%s, %s) = %.100q, %v", repo, want.Digest, m.Raw, err)
	}
}

// wantBlob checks that a blob reads as content, and has the store keep it.
func wantBlob(t *testing.T, s storage.BlobReader, repo oci.Name, content string) {
	t.Helper()
	got, err := storage.ReadBlob(t.Context(), s, repo, digest.FromString(content), int64(len(content)))
	if err != nil || string(got) != content {
		t.Errorf("ReadBlob(%s) = %.64q, %v, want %.64q", repo, got, err, content)
	}
}

func wantErr(t *testing.T, call string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("%s = %v, want %v", call, err, w)
		}
	}
}

// settled waits until what s does by itself has ended: the blob is kept, or what was arriving is not.
func settled(t *testing.T, s *pullthrough.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// text is n bytes that are not all the same.
func text(n int) string {
	b := make([]byte, 0, n+20)
	for i := int64(0); len(b) < n; i++ {
		b = append(strconv.AppendInt(b, i, 10), ' ')
	}
	return string(b[:n])
}
