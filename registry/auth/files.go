package auth

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// FileStore is a store that files are put into.
type FileStore interface {
	storage.FileStore
	storage.UploadManager
}

// GuardFiles returns a FileReader that asks the policy as Guard does: to read a file, or a list of them, takes Pull on the repository.
func GuardFiles(files storage.FileReader, policy func() *Policy) storage.FileReader {
	return &fileGuard{guard{policy: policy}, files}
}

// GuardFileStore is GuardFiles for a store: to put a file takes Push, to remove one Delete.
func GuardFileStore(store FileStore, policy func() *Policy) FileStore {
	return &fileStoreGuard{guard{policy: policy}, store, &fileGuard{guard{policy: policy}, store}}
}

// fileGuard has the methods of FileReader, and no others of what it guards. Its guard has no store.
type fileGuard struct {
	g     guard
	files storage.FileReader
}

func (f *fileGuard) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	if err := f.g.ask(ctx, Pull, repo); err != nil {
		return storage.File{}, err
	}
	return f.files.StatFile(ctx, repo, path)
}

func (f *fileGuard) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	if err := f.g.ask(ctx, Pull, repo); err != nil {
		return nil, storage.File{}, err
	}
	return f.files.OpenFile(ctx, repo, path)
}

func (f *fileGuard) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	if err := f.g.ask(ctx, Pull, repo); err != nil {
		return refuse[storage.Entry](err)
	}
	return f.files.ListFiles(ctx, repo, dir, after)
}

// fileStoreGuard embeds nothing: a new method of FileStore does not compile until somebody decides who may call it.
type fileStoreGuard struct {
	g     guard
	store FileStore
	files *fileGuard // the same, to read
}

func (f *fileStoreGuard) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	return f.files.StatFile(ctx, repo, path)
}

func (f *fileStoreGuard) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	return f.files.OpenFile(ctx, repo, path)
}

func (f *fileStoreGuard) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return f.files.ListFiles(ctx, repo, dir, after)
}

func (f *fileStoreGuard) Generations(ctx context.Context, repo oci.Name, base string) iter.Seq2[storage.Generation, error] {
	if err := f.g.ask(ctx, Pull, repo); err != nil {
		return refuse[storage.Generation](err)
	}
	return f.store.Generations(ctx, repo, base)
}

func (f *fileStoreGuard) GetGeneration(ctx context.Context, repo oci.Name, base string, number int64) (storage.Generation, error) {
	if err := f.g.ask(ctx, Pull, repo); err != nil {
		return storage.Generation{}, err
	}
	return f.store.GetGeneration(ctx, repo, base, number)
}

func (f *fileStoreGuard) PutFile(ctx context.Context, repo oci.Name, path string, file storage.File, when storage.Match) error {
	if err := f.g.ask(ctx, Push, repo); err != nil {
		return err
	}
	return f.store.PutFile(ctx, repo, path, file, when)
}

func (f *fileStoreGuard) PutFiles(ctx context.Context, repo oci.Name, base string, files map[string]storage.File, keep int) (storage.Generation, error) {
	if err := f.g.ask(ctx, Push, repo); err != nil {
		return storage.Generation{}, err
	}
	return f.store.PutFiles(ctx, repo, base, files, keep)
}

func (f *fileStoreGuard) DeleteFile(ctx context.Context, repo oci.Name, path string, when storage.Match) error {
	if err := f.g.ask(ctx, Delete, repo); err != nil {
		return err
	}
	return f.store.DeleteFile(ctx, repo, path, when)
}

func (f *fileStoreGuard) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	if err := f.g.ask(ctx, Push, repo); err != nil {
		return nil, err
	}
	return f.store.StartUpload(ctx, repo, alg)
}

func (f *fileStoreGuard) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	if err := f.g.ask(ctx, Push, repo); err != nil {
		return nil, err
	}
	return f.store.ResumeUpload(ctx, repo, id)
}
