package pullthrough_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

const mirror = oci.Name("mirror")

var errCut = errors.New("connection reset")

// server is an upstream of files that counts what it is asked, and misbehaves as it is told.
type server struct {
	mu    sync.Mutex
	files map[string]string
	asked []string
	down  error

	noRanges, noValidators, unsized bool
	// line makes of the rest of a file what is sent of it; nil: all of it. n counts the answers with a body from 1.
	line func(ctx context.Context, n int, rest string) io.Reader
	n    int
}

func newServer(files map[string]string) *server { return &server{files: files} }

// set gives a path another content, "" none.
func (u *server) set(path, content string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.files[path] = content
}

func (u *server) setDown(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.down = err
}

func (u *server) calls() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := u.asked
	u.asked = nil
	return all
}

// FetchFile notes "get PATH", "get PATH from 7", "head PATH", with " ?" behind it if it is conditional.
func (u *server) FetchFile(ctx context.Context, path string, q storage.Fetch) (storage.Fetched, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.note(path, q)
	if u.down != nil {
		return storage.Fetched{}, u.down
	}
	content := u.files[path]
	if content == "" {
		return storage.Fetched{}, fmt.Errorf("%w: %s", storage.ErrFileUnknown, path)
	}
	got := storage.Fetched{File: storage.File{Size: int64(len(content)), MediaType: "text/plain"}}
	if !u.noValidators {
		got.ETag = `"` + short(digestOf(content)) + `"`
		got.Modified = time.Unix(1700000000, 0)
	}
	same := q.Have.ETag != "" && q.Have.ETag == got.ETag
	if same && q.Have.Digest != "" {
		got.NotModified = true
		return got, nil
	}
	if same && !u.noRanges && q.Offset < got.Size {
		got.Offset = q.Offset
	}
	if u.unsized {
		got.Size = -1
	}
	if !q.Head {
		u.n++
		got.Body = u.body(ctx, content[got.Offset:])
	}
	return got, nil
}

func (u *server) note(path string, q storage.Fetch) {
	call := "get " + path
	if q.Head {
		call = "head " + path
	}
	if q.Offset > 0 {
		call += fmt.Sprint(" from ", q.Offset)
	}
	if q.Have.Digest != "" && (q.Have.ETag != "" || !q.Have.Modified.IsZero()) {
		call += " ?"
	}
	u.asked = append(u.asked, call)
}

func (u *server) body(ctx context.Context, rest string) io.ReadCloser {
	var r io.Reader = strings.NewReader(rest)
	if u.line != nil {
		r = u.line(ctx, u.n, rest)
	}
	return io.NopCloser(mindful{ctx, r})
}

// mindful is a line that ends with its context.
type mindful struct {
	ctx context.Context
	r   io.Reader
}

func (m mindful) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	return m.r.Read(p)
}

// cutAfter is a line that breaks after n bytes.
func cutAfter(rest string, n int) io.Reader {
	if n >= len(rest) {
		return strings.NewReader(rest)
	}
	return io.MultiReader(strings.NewReader(rest[:n]), broken{})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errCut }

// gateFiles lets the bytes of every file through a gate.
func (u *server) gate(gate <-chan int) {
	u.line = func(ctx context.Context, _ int, rest string) io.Reader {
		return &gated{ctx: ctx, r: bytes.NewReader([]byte(rest)), gate: gate}
	}
}

// openFiles returns a Files in front of u, and the store that it keeps things in.
func openFiles(t *testing.T, u storage.FileUpstream, o *pullthrough.FilesOptions) (*pullthrough.Files, *memory.Store) {
	t.Helper()
	local := memory.New()
	s := pullthrough.NewFiles(local, mirror, u, o)
	t.Cleanup(func() { s.Close() })
	return s, local
}

// indexes are the paths that end in ".xml".
func indexes(path string) pullthrough.Rule {
	if strings.HasSuffix(path, ".xml") {
		return pullthrough.Rule{Class: storage.ClassIndex}
	}
	return pullthrough.Rule{Class: storage.ClassFile}
}

// getFile reads a file whole.
func getFile(ctx context.Context, s storage.FileReader, path string) (string, storage.File, error) {
	b, f, err := s.OpenFile(ctx, mirror, path)
	if err != nil {
		return "", f, err
	}
	defer b.Close()
	content, err := io.ReadAll(b)
	if err == nil && int64(len(content)) != b.Size() {
		err = fmt.Errorf("read %d bytes of %d", len(content), b.Size())
	}
	return string(content), f, err
}

// wantGet checks what a path reads as.
func wantGet(t *testing.T, step string, s storage.FileReader, path, content string) {
	t.Helper()
	if got, _, err := getFile(t.Context(), s, path); err != nil || got != content {
		t.Errorf("%s: %s reads %d bytes %.64q, %v, want %d bytes %.64q", step, path, len(got), got, err, len(content), content)
	}
}

// wantNote checks that reading gives what was kept, and says so.
func wantStale(t *testing.T, step string, s storage.FileReader, path, content string) {
	t.Helper()
	ctx, notes := storage.WithNotes(t.Context())
	got, _, err := getFile(ctx, s, path)
	if err != nil || got != content {
		t.Errorf("%s: %s reads %.64q, %v, want %.64q", step, path, got, err, content)
	}
	if all := notes.All(); len(all) != 1 || all[0].Kind != storage.Stale {
		t.Errorf("%s: %s comes with the notes %v, want one that it is stale", step, path, all)
	}
}

// wantKept checks what the local store has at a path, "" for nothing.
func wantKept(t *testing.T, step string, local *memory.Store, path, content string) {
	t.Helper()
	f, err := local.StatFile(t.Context(), mirror, path)
	if content == "" {
		wantErr(t, step+": StatFile of what is not to be kept", err, storage.ErrFileUnknown)
	} else if err != nil || f.Digest != digestOf(content) {
		t.Errorf("%s: %s is kept as %s, %v, want %.64q", step, path, f.Digest, err, content)
	}
}

// wantAsked checks what u was asked since the last time.
func wantAsked(t *testing.T, step string, u *server, want ...string) {
	t.Helper()
	if got := u.calls(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: upstream is asked %q, want %q", step, got, want)
	}
}
