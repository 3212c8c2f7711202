package main

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"vitrine/storage"
)

// brokenStore is a store of which only Check is asked.
type brokenStore struct {
	storage.Store
	err   error
	asked int
}

func (s *brokenStore) Check(context.Context) error {
	s.asked++
	return s.err
}

// kernel is a ResponseWriter that notes what it is handed to copy, as net/http's hands it on to sendfile.
type kernel struct {
	*httptest.ResponseRecorder
	pieces    []int64
	straight  bool // every piece was a LimitedReader right over a file
	deadlines int
}

func (k *kernel) ReadFrom(r io.Reader) (int64, error) {
	l, ok := r.(*io.LimitedReader)
	if ok {
		_, ok = l.R.(*os.File)
		k.pieces = append(k.pieces, l.N)
	}
	k.straight = k.straight && ok
	return io.Copy(k.ResponseRecorder, r)
}

func (k *kernel) SetWriteDeadline(time.Time) error {
	k.deadlines++
	return nil
}

func TestReadFrom(t *testing.T) {
	const size = 2*writePiece + 5
	name := t.TempDir() + "/blob"
	write(t, name, strings.Repeat("x", size))
	for _, tt := range []struct {
		what   string
		source func(f *os.File) io.Reader
		want   int64
		pieces int
	}{
		{"all of a file", func(f *os.File) io.Reader { return f }, size, 3},
		{"as http.ServeContent has it", func(f *os.File) io.Reader { return io.LimitReader(f, size) }, size, 3},
		{"a short range", func(f *os.File) io.Reader { return io.LimitReader(f, 100) }, 100, 1},
		{"just a piece", func(f *os.File) io.Reader { return io.LimitReader(f, writePiece) }, writePiece, 1},
		{"nothing", func(f *os.File) io.Reader { return io.LimitReader(f, 0) }, 0, 0},
		{"more than there is", func(f *os.File) io.Reader { return io.LimitReader(f, math.MaxInt64) }, size, 3},
	} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		k := &kernel{ResponseRecorder: httptest.NewRecorder(), straight: true}
		a := newAnswer(k, httptest.NewRequest("GET", "/", nil))
		src := tt.source(f)
		n, err := a.ReadFrom(src)
		if err != nil || n != tt.want || a.bytes != n || int64(k.Body.Len()) != n {
			t.Errorf("%s: %d bytes, %d counted, %d arrived, %v", tt.what, n, a.bytes, k.Body.Len(), err)
		}
		if !k.straight || len(k.pieces) != tt.pieces {
			t.Errorf("%s: pieces %v, straight %v", tt.what, k.pieces, k.straight)
		}
		if l, ok := src.(*io.LimitedReader); ok && tt.want < size && l.N != 0 {
			t.Errorf("%s: %d left in the source", tt.what, l.N)
		}
		if k.deadlines == 0 {
			t.Errorf("%s: no deadline", tt.what)
		}
	}
}

func TestDeadlineRenewed(t *testing.T) {
	var set []time.Time
	d := &deadline{set: func(at time.Time) error {
		set = append(set, at)
		return nil
	}}
	d.renew()
	d.last = time.Now().Add(time.Hour) // just now, however slow this machine is
	d.renew()
	if len(set) != 1 {
		t.Errorf("set %d times within a second", len(set))
	}
	d.last = time.Now().Add(-writeRenew)
	d.renew()
	if len(set) != 2 || time.Until(set[1]) > writePatience {
		t.Errorf("set %v", set)
	}
}

// TestUploadHasNoDeadline: until it is answered, on a connection that has one from the request before.
func TestUploadHasNoDeadline(t *testing.T) {
	var set []time.Time
	d := &deadline{set: func(at time.Time) error {
		set = append(set, at)
		return nil
	}}
	ctx := context.WithValue(t.Context(), deadlineKey{}, d)
	newAnswer(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	a := newAnswer(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "PUT", "/", strings.NewReader("x")))
	a.WriteHeader(http.StatusCreated)
	if len(set) != 3 || set[0].IsZero() || !set[1].IsZero() || set[2].IsZero() {
		t.Errorf("deadlines %v, want one, none, one", set)
	}
}

func TestPanicCutsTheAnswer(t *testing.T) {
	var log buffer
	s, err := newServer(defaults(), &log)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s.watched(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "some")
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		panic("a bug")
	})))
	defer ts.Close()
	for _, tt := range []struct {
		path   string
		logged bool
	}{{"/cut", false}, {"/bug", true}} {
		resp, err := http.Get(ts.URL + tt.path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the client takes the answer for whole", tt.path)
		}
		if got := strings.Contains(log.String(), "a bug"); got != tt.logged {
			t.Errorf("%s: logged %v\n%s", tt.path, got, log.String())
		}
	}
	eventually(t, "both in the log", func() bool { return strings.Count(log.String(), "cut=true") == 2 })
}

func TestBounded(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{"", 0}, {strings.Repeat("x", maxLogged), maxLogged}, {strings.Repeat("x", maxLogged+1), maxLogged + 3},
		{strings.Repeat("é", maxLogged), maxLogged + 3}, {"x" + strings.Repeat("é", maxLogged), maxLogged + 2},
	} {
		if got := bounded(tt.in); len(got) != tt.want || !strings.HasPrefix(tt.in, strings.TrimSuffix(got, "...")) {
			t.Errorf("bounded(%d bytes) has %d, want %d", len(tt.in), len(got), tt.want)
		}
	}
}
