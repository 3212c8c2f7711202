package pullthrough

import (
	"context"
	"fmt"
	"io"

	"vitrine/storage"
)

// fileSource is a fetch for those who read while it arrives.
type fileSource struct{ *fetch }

func (f fileSource) start()               {}
func (f fileSource) isStarted() bool      { return true }
func (f fileSource) leave()               { f.s.leave(f.fetch) }
func (f fileSource) told(err error) error { return f.s.told("file", err) }

// openAt asks for the file from off on, if upstream still has the one that is arriving.
func (f fileSource) openAt(ctx context.Context, off int64) (io.ReadCloser, error) {
	got, err := f.s.upstream.FetchFile(ctx, f.path, storage.Fetch{Have: validators(f.info), Offset: off})
	if err != nil {
		return nil, err
	}
	if got.NotModified || got.Body == nil {
		return nil, errChanged
	}
	if got.Offset == off && (got.Size < 0 || got.Size == f.size) {
		return got.Body, nil
	}
	got.Body.Close()
	if got.Size != f.size || got.ETag != f.info.ETag {
		return nil, errChanged
	}
	return nil, fmt.Errorf("%w: ranges of %.64q", storage.ErrUnsupported, f.path)
}

func (f fileSource) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	in, err := f.openAt(ctx, off)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	n, err := io.ReadFull(in, p)
	return n, err
}
