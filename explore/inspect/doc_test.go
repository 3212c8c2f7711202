package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// printDoc prints a Doc, a line for each field and each row.
func printDoc(d *Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", d.Kind, d.Title)
	if d.Note != "" {
		fmt.Fprintf(&b, "NOTE %s\n", d.Note)
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "== %s\n", s.Title)
		for _, f := range s.Fields {
			fmt.Fprintf(&b, "%s: %s\n", f.Name, printValue(f.Value))
		}
		if s.Table != nil {
			var names []string
			for _, c := range s.Table.Columns {
				names = append(names, c.Name)
			}
			b.WriteString("# " + strings.Join(names, " | ") + "\n")
			for _, row := range s.Table.Rows {
				var cells []string
				for _, v := range row {
					cells = append(cells, printValue(v))
				}
				b.WriteString(strings.Join(cells, " | ") + "\n")
			}
		}
		if s.Text != "" {
			b.WriteString(s.Text + "\n")
		}
		if s.Note != "" {
			fmt.Fprintf(&b, "NOTE %s\n", s.Note)
		}
	}
	return b.String()
}

func printValue(v Value) string {
	if v.Ref == (Ref{}) {
		return v.Text
	}
	return fmt.Sprintf("%s <%s %s>", v.Text, v.Ref.Kind, v.Ref.To)
}

// inspect decodes data and checks what holds for all of them: tables are square, text can be shown, values and the whole are bounded.
func inspect(t testing.TB, name string, data []byte) (*Doc, error) {
	t.Helper()
	d, err := Inspect(t.Context(), name, bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrLimit) {
		t.Errorf("%s: %v, want an error of ours", name, err)
	}
	if d == nil {
		return nil, err
	}
	check := func(v Value) {
		if !utf8.ValidString(v.Text) || strings.ContainsAny(v.Text, "\x00\x1b\u202e\n") || len(v.Text) > 20*maxValue || len(v.Ref.To) > 8*maxValue {
			t.Errorf("%s: a value %.80q of %d bytes, to %q", name, v.Text, len(v.Text), v.Ref.To)
		}
	}
	for _, s := range d.Sections {
		for _, f := range s.Fields {
			check(f.Value)
		}
		if s.Table == nil {
			continue
		}
		for i, row := range s.Table.Rows {
			if len(row) != len(s.Table.Columns) {
				t.Errorf("%s: %s: row %d has %d values, want %d", name, s.Title, i, len(row), len(s.Table.Columns))
			}
			for _, v := range row {
				check(v)
			}
		}
	}
	return d, err
}

// hasProgram tells whether a program is here that the test compares with. It must be where CI=true.
func hasProgram(t *testing.T, name string) bool {
	t.Helper()
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not here: %v", name, err)
	}
	if err != nil {
		t.Logf("%s is not here: what it would print is not compared", name)
	}
	return err == nil
}

// TestFileArgs prints what the decoders make of the files named in VITRINE_INSPECT.
func TestFileArgs(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("VITRINE_INSPECT")) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, _ := f.Stat()
		c := &countingReader{r: f}
		d, err := Inspect(context.Background(), name, c, info.Size())
		if err != nil {
			t.Logf("%s: %v", name, err)
		}
		if d != nil {
			fmt.Println(printDoc(d))
		}
		t.Logf("%s: %d reads, %d of %d bytes", name, c.calls, c.bytes, info.Size())
	}
}
