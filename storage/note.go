package storage

import (
	"context"
	"slices"
	"sync"

	"vitrine/storage/oci"
)

// Note is what should be told beside an answer that is right as far as it goes.
type Note struct {
	Kind NoteKind
	Text string // one line, for whoever asked
}

// NoteKind is what a Note is about.
type NoteKind string

// The kinds of notes.
const (
	Stale   NoteKind = "stale"   // the answer is older than it should be, because who would know better did not say
	Partial NoteKind = "partial" // something may be missing, because one of several that were asked did not answer
)

// maxNotes bounds the notes on one answer: a client is not told more often than that.
const maxNotes = 8

// Notes collects the notes on an answer. It may be used by many goroutines at once.
type Notes struct {
	mu    sync.Mutex
	all   []Note
	asked Asked
}

// Asked is why another registry was asked for an answer, if it was. The greater one counts.
type Asked int

// The reasons to ask.
const (
	NotAsked Asked = iota
	AskedOld       // what is kept is to be looked at again
	AskedNew       // nothing is kept
)

type notesKey struct{}

// WithNotes returns a ctx whose calls to a Store may leave notes, and what collects them.
func WithNotes(ctx context.Context) (context.Context, *Notes) {
	n := new(Notes)
	return context.WithValue(ctx, notesKey{}, n), n
}

// AddNote leaves a note with whoever has made ctx, if he wants any. One that is there already is not added again.
func AddNote(ctx context.Context, n Note) {
	all, ok := ctx.Value(notesKey{}).(*Notes)
	if !ok {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.all) < maxNotes && !slices.Contains(all.all, n) {
		all.all = append(all.all, n)
	}
}

// NoteAsked leaves why another registry is asked.
func NoteAsked(ctx context.Context, why Asked) {
	if all, ok := ctx.Value(notesKey{}).(*Notes); ok {
		all.mu.Lock()
		defer all.mu.Unlock()
		all.asked = max(all.asked, why)
	}
}

// Asked returns why another registry was asked for the answer.
func (n *Notes) Asked() Asked {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// All returns the notes so far, in the order in which they came.
func (n *Notes) All() []Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// Noter is an optional ability of a Reader: to leave notes. MayNote asserts it.
type Noter interface {
	// MayNote reports whether answers about repo may come with notes; about all repositories, where it is "".
	MayNote(repo oci.Name) bool
}

// MayNote reports whether s may leave notes on an answer about repo: where it does not, nobody needs to listen.
func MayNote(s Reader, repo oci.Name) bool {
	n, ok := s.(Noter)
	return ok && n.MayNote(repo)
}
