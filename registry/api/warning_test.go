package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vitrine/storage"
)

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		notes string // kind and text, one a line
		want  []string
	}{
		{"", nil},
		{"stale hub: a.example answered 503", []string{`110 - "Response is Stale"`, `299 - "hub: a.example answered 503"`}},
		{"partial one\nstale two\nstale three", []string{`110 - "Response is Stale"`, `299 - "one"`, `299 - "two"`, `299 - "three"`}},
		{"partial \"\\\r\x00é", []string{`299 - "\"\\????"`}},
		{"partial " + strings.Repeat("x", 1000), []string{`299 - "` + strings.Repeat("x", 200) + `"`}},
	} {
		var notes []storage.Note
		for line := range strings.SplitSeq(tt.notes, "\n") {
			if kind, text, ok := strings.Cut(line, " "); ok {
				notes = append(notes, storage.Note{Kind: storage.NoteKind(kind), Text: text})
			}
		}
		if got := Warnings(notes); !slices.Equal(got, tt.want) {
			t.Errorf("%.40q = %q, want %q", tt.notes, got, tt.want)
		}
	}
}

// TestWarningsAreBounded holds as many and as long notes as there can be to the 4096 bytes that the distribution spec allows.
func TestWarningsAreBounded(t *testing.T) {
	ctx, notes := storage.WithNotes(t.Context())
	for i := range 100 {
		storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: fmt.Sprint(i) + strings.Repeat(`"`, 1000)})
	}
	sum := 0
	for _, w := range Warnings(notes.All()) {
		sum += len("Warning: ") + len(w) + len("\r\n")
	}
	if sum > 4096 {
		t.Errorf("%d bytes of headers", sum)
	}
}
