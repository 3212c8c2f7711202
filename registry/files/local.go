package files

import (
	"context"
	"errors"
	"log/slog"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Keeper is a store of files that can also forget content.
type Keeper interface {
	storage.Store
	storage.FileStore
}

// NewLocal returns the Store of local repositories over kept: content that no path has any more is forgotten.
func NewLocal(kept Keeper, log *slog.Logger) Store { return newLocal(kept, log) }

func newLocal(kept Keeper, log *slog.Logger) *local { return &local{kept, kept, log} }

type local struct {
	Store // kept
	kept  Keeper
	log   *slog.Logger // of content that could not be forgotten, which nobody who asked has to know
}

// PutFile puts the file, and forgets what was there before.
func (l *local) PutFile(ctx context.Context, repo oci.Name, path string, f storage.File, when storage.Match) error {
	old, _ := l.kept.StatFile(ctx, repo, path) // there may be none
	err := l.kept.PutFile(ctx, repo, path, f, when)
	switch {
	case err == nil && old.Digest != "" && old.Digest != f.Digest:
		l.forget(ctx, repo, old.Digest)
	case errors.Is(err, storage.ErrFileMatch) || errors.Is(err, storage.ErrFileGeneration) || errors.Is(err, storage.ErrFilePath):
		l.forget(ctx, repo, f.Digest) // it was uploaded for this
	}
	return err
}

// DeleteFile removes the file and forgets its content.
func (l *local) DeleteFile(ctx context.Context, repo oci.Name, path string, when storage.Match) error {
	old, _ := l.kept.StatFile(ctx, repo, path)
	err := l.kept.DeleteFile(ctx, repo, path, when)
	if err == nil && old.Digest != "" {
		l.forget(ctx, repo, old.Digest)
	}
	return err
}

// forget gives back the room of d, unless another path or another repository has it. The path has been changed already, whatever becomes of ctx.
func (l *local) forget(ctx context.Context, repo oci.Name, d digest.Digest) {
	ctx = context.WithoutCancel(ctx)
	err := l.kept.DeleteBlob(ctx, repo, d)
	if err == nil {
		_, err = storage.Reclaim(ctx, l.kept, d)
	}
	if err != nil && !errors.Is(err, storage.ErrFileHolds) && !errors.Is(err, storage.ErrBlobUnknown) {
		l.log.WarnContext(ctx, "content that no path has any more stays", "repository", repo, "digest", d, "error", err)
	}
}
