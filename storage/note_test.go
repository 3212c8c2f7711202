package storage_test

import (
	"fmt"
	"slices"
	"testing"

	"vitrine/storage"
)

func TestNotes(t *testing.T) {
	ctx, notes := storage.WithNotes(t.Context())
	old, cut := storage.Note{Kind: storage.Stale, Text: "of yesterday"}, storage.Note{Kind: storage.Partial, Text: "one did not answer"}
	storage.AddNote(t.Context(), cut) // nobody wants it
	for _, n := range []storage.Note{old, cut, old} {
		storage.AddNote(ctx, n)
	}
	if got := notes.All(); !slices.Equal(got, []storage.Note{old, cut}) {
		t.Errorf("All() = %v, want each note once", got)
	}
	for i := range 100 {
		storage.AddNote(ctx, storage.Note{Text: fmt.Sprint(i)})
	}
	if n := len(notes.All()); n != 8 {
		t.Errorf("All() has %d notes of 102, want 8", n)
	}
}
