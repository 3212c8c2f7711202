package files

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Member is one of the repositories of a Virtual.
type Member struct {
	Name   oci.Name
	Type   Type // local or remote
	Reader storage.FileReader
}

// Virtual is several repositories of files under one name.
//
// What a local member has is its own: the local ones are asked first, in their order, and only for what none of them has the remote ones, in theirs. So nobody
// else's file can stand in for one of ours. A remote member that does not answer is passed over, with a note; where no other has the file its error is the
// error of all, because nobody knows then. Whether members let somebody read is not asked here: who may read a Virtual is a rule about its own name.
type Virtual struct {
	members []Member // local ones first
	log     *slog.Logger
}

// NewVirtual returns a Virtual of members.
func NewVirtual(members []Member, log *slog.Logger) *Virtual {
	v := &Virtual{log: log}
	for _, kind := range []Type{LocalType, RemoteType} {
		for _, m := range members {
			if m.Type == kind {
				v.members = append(v.members, m)
			}
		}
	}
	return v
}

// StatFile implements storage.FileReader.
func (v *Virtual) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	_, f, err := v.first(ctx, repo, path, func(ctx context.Context, m Member) (storage.Blob, storage.File, error) {
		f, err := m.Reader.StatFile(ctx, m.Name, path)
		return nil, f, err
	})
	return f, err
}

// OpenFile implements storage.FileReader.
func (v *Virtual) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	return v.first(ctx, repo, path, func(ctx context.Context, m Member) (storage.Blob, storage.File, error) {
		return m.Reader.OpenFile(ctx, m.Name, path)
	})
}

type asking func(context.Context, Member) (storage.Blob, storage.File, error)

// first returns the first answer of a member.
func (v *Virtual) first(ctx context.Context, repo oci.Name, path string, ask asking) (storage.Blob, storage.File, error) {
	var trouble, refused error
	for _, m := range v.members {
		b, f, err := ask(ctx, m)
		switch {
		case err == nil:
			tellMember(ctx, m)
			return b, f, nil
		case ctx.Err() != nil, errors.Is(err, storage.ErrFilePath), m.Type == LocalType && !isUnknown(err):
			return nil, storage.File{}, err // above all a file of ours that cannot be read: it is still ours
		case isUnknown(err):
		case errors.Is(err, storage.ErrDenied) || errors.Is(err, storage.ErrNoIdentity):
			refused = earlier(refused, err)
		default:
			trouble = earlier(trouble, err)
			v.passOver(ctx, repo, m, err)
		}
	}
	if err := earlier(trouble, refused); err != nil {
		return nil, storage.File{}, err
	}
	return nil, storage.File{}, fmt.Errorf("%w: %.256q in any member of %s", storage.ErrFileUnknown, path, repo)
}

// isUnknown reports whether err says that there is no such file, rather than that it cannot be read.
func isUnknown(err error) bool {
	return errors.Is(err, storage.ErrFileUnknown) && !errors.Is(err, storage.ErrDamaged)
}

// earlier is a, or b where there is none.
func earlier(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// passOver tells that a member did not answer.
func (v *Virtual) passOver(ctx context.Context, repo oci.Name, m Member, err error) {
	if errors.Is(err, storage.ErrNotKept) {
		return
	}
	v.log.WarnContext(ctx, "passed over", "repository", repo, "member", m.Name, "error", err)
	storage.AddNote(ctx, storage.Note{Kind: storage.Partial, Text: string(m.Name) + " did not answer and was passed over"})
}

// ListFiles implements storage.FileReader: the entries of all members, each as the first that has it tells.
func (v *Virtual) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		heads := make([]*head, 0, len(v.members))
		for _, m := range v.members {
			h := newHead(m.Reader.ListFiles(ctx, m.Name, dir, after))
			defer h.stop()
			heads = append(heads, h)
		}
		for {
			e, err, ok := least(heads)
			if !ok || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// head is a sequence and what comes next in it.
type head struct {
	next func() (storage.Entry, error, bool)
	stop func()
	storage.Entry
	err error
	ok  bool
}

func newHead(seq iter.Seq2[storage.Entry, error]) *head {
	h := &head{}
	h.next, h.stop = iter.Pull2(seq)
	h.advance()
	return h
}

func (h *head) advance() { h.Entry, h.err, h.ok = h.next() }

// least returns the entry that comes first of all, from the first of those that have it, and goes on behind it in all.
func least(heads []*head) (e storage.Entry, err error, ok bool) {
	for _, h := range heads {
		switch {
		case !h.ok:
		case h.err != nil:
			return storage.Entry{}, h.err, true
		case !ok || h.Name < e.Name:
			e, ok = h.Entry, true
		}
	}
	for _, h := range heads {
		if ok && h.ok && h.Name == e.Name {
			h.advance()
		}
	}
	return e, nil, ok
}

var _ storage.FileReader = (*Virtual)(nil)
