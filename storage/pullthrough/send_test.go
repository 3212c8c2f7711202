package pullthrough_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/pullthrough"
)

// socket is a connection that takes files, and knows which kinds of readers it was given.
type socket struct {
	got   bytes.Buffer
	kinds []string
	first func() // is called once, when the first bytes are there
}

func (s *socket) Write(p []byte) (int, error) { return s.got.Write(p) }

func (s *socket) ReadFrom(r io.Reader) (int64, error) {
	if s.first != nil {
		s.first()
		s.first = nil
	}
	kind := fmt.Sprintf("%T", r.(*io.LimitedReader).R)
	if !slices.Contains(s.kinds, kind) {
		s.kinds = append(s.kinds, kind)
	}
	return io.Copy(&s.got, r)
}

func openDisk(t *testing.T) storage.Store {
	t.Helper()
	s, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSend sends a blob while it arrives, piece by piece: from a file where there are files, and never the last byte before all of them are known to be right.
func TestSend(t *testing.T) {
	content := text(300_000)
	for _, tt := range []struct {
		name  string
		local storage.Store
		kind  string
	}{
		{"disk", openDisk(t), "*os.File"},
		{"memory", memory.New(), "*pullthrough.arriving"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream()
			gate := make(chan int)
			u.through(gate)
			d := u.blob(t, app, content)
			s := reopen(t, tt.local, u, nil)
			b := openBlob(t, s, app, d)
			to := socket{first: func() { close(gate) }}
			go func() { gate <- 20_000 }()
			n, err := storage.SendBlob(&to, b)
			if n != int64(len(content)) || err != nil || to.got.String() != content {
				t.Errorf("SendBlob = %d, %v, and %d bytes", n, err, to.got.Len())
			}
			if !slices.Equal(to.kinds, []string{tt.kind}) {
				t.Errorf("the connection is given a %s, want a %s", to.kinds, tt.kind)
			}
			settled(t, s)
		})
	}
}

// TestSendWrong sends what turns out to be wrong, and what nobody reads any more.
func TestSendWrong(t *testing.T) {
	content := text(300_000)
	u := newUpstream()
	d := u.blob(t, app, content)
	u.line = func(context.Context, []byte) io.Reader {
		return strings.NewReader(strings.ReplaceAll(content, "7", "8"))
	}
	s := reopen(t, openDisk(t), u, &pullthrough.Options{NegativeTTL: -1})
	var to socket
	b := openBlob(t, s, app, d)
	n, err := storage.SendBlob(&to, b)
	wantErr(t, "SendBlob", err, storage.ErrDamaged)
	if n >= int64(len(content)) {
		t.Errorf("SendBlob has sent all %d bytes of what is wrong", n)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := storage.SendBlob(&to, b); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("SendBlob after Close = %v", err)
	}
}
