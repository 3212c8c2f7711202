package pullthrough

import (
	"context"
	"fmt"
	"io"

	"vitrine/storage"
)

// follow joins the download of what is not kept, or begins one.
func (s *Files) follow(ctx context.Context, path string) (storage.Blob, storage.File, error) {
	if storage.IsKeptOnly(ctx) {
		return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s", storage.ErrNotKept, path, s.name)
	}
	if err := s.unasked("file", false); err != nil {
		return nil, storage.File{}, err
	}
	if err := s.stillAbsent("file " + path); err != nil {
		return nil, storage.File{}, err
	}
	f := s.join(own(path), "", storage.File{})
	wait := f.opened
	for {
		select {
		case <-wait:
		case <-ctx.Done():
			s.leave(f)
			return nil, storage.File{}, ctx.Err()
		}
		if f.hasSettled() {
			defer s.leave(f)
			return nil, storage.File{}, f.failed
		}
		if f.size >= 0 {
			return &arriving{in: &f.arrival, from: fileSource{f}, ctx: ctx}, f.info, nil
		}
		wait = f.settled // nobody can be told how long it is
	}
}

// arrivingFile returns what upstream has said of a file that is on its way.
func (s *Files) arrivingFile(path string) (storage.File, bool) {
	s.mu.Lock()
	f := s.fetches[path]
	s.mu.Unlock()
	if f == nil {
		return storage.File{}, false
	}
	select {
	case <-f.opened:
		return f.info, !f.hasSettled() && !f.isKept
	default:
		return storage.File{}, false
	}
}

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
