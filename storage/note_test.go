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

func TestAsked(t *testing.T) {
	ctx, notes := storage.WithNotes(t.Context())
	storage.NoteAsked(t.Context(), storage.AskedNew) // nobody wants to know
	for _, tt := range []struct{ asked, want storage.Asked }{
		{storage.NotAsked, storage.NotAsked}, {storage.AskedOld, storage.AskedOld}, {storage.AskedNew, storage.AskedNew}, {storage.AskedOld, storage.AskedNew},
	} {
		if storage.NoteAsked(ctx, tt.asked); notes.Asked() != tt.want {
			t.Errorf("Asked() = %d after %d, want %d", notes.Asked(), tt.asked, tt.want)
		}
	}
	if len(notes.All()) > 0 {
		t.Errorf("All() = %v: that is not what is to be told", notes.All())
	}
}
