package explore

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"vitrine/storage"
)

// TestMemory: a cache of ten bytes. "+k=v" puts, "k=v" is what get finds, "k=" that it finds nothing.
func TestMemory(t *testing.T) {
	m := NewMemory(10)
	for _, step := range strings.Fields("a= +a=12345 +b=12345 a=12345 +c=1 b= a=12345 c=1 +a=123 a=123 +d=123456 c=1 a=123 d=123456 +c=12345678 a= d= c=12345678") {
		what, isPut := strings.CutPrefix(step, "+")
		key, value, _ := strings.Cut(what, "=")
		if isPut {
			if err := m.Put(t.Context(), key, text(value)); err != nil {
				t.Errorf("%s: %v", step, err)
			}
			continue
		}
		got := ""
		b, err := m.Get(t.Context(), key)
		if err == nil {
			raw, err := io.ReadAll(b)
			if err != nil || b.Size() != int64(len(value)) {
				t.Errorf("%s: %d bytes, %v", step, b.Size(), err)
			}
			got = string(raw)
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", step, err)
		}
		if got != value {
			t.Errorf("%s: got %q", step, got)
		}
	}
	if err := m.Put(t.Context(), "e", text("12345678901")); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("more than there is room for: %v", err)
	}
	broken := errors.New("broken")
	if err := m.Put(t.Context(), "c", func(w io.Writer) error { return errors.Join(text("half")(w), broken) }); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	if b, err := m.Get(t.Context(), "c"); err != nil || b.Size() != 8 {
		t.Errorf("after that: %v", err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}
