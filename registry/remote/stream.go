package remote

import (
	"context"
	"fmt"
	"io"

	"vitrine/storage"
)

// Bounds of a stream.
const (
	progress = 1 << 20 // bytes after which a connection that breaks counts as the first one to do so
	maxSkip  = 8 << 20 // bytes that are read and thrown away to get somewhere in what a server without ranges sends
)

// stream reads a blob from some offset to its end. Where the connection breaks it goes on with another one, from where it stood.
type stream struct {
	r    *Registry
	ctx  context.Context
	key  blobKey
	size int64
	pos  int64

	body    io.ReadCloser // nil: none is open
	etag    string
	resumes bool  // there was a body before
	failure error // how that ended
	broken  int   // how many did, in a row
	since   int64 // bytes that have come since
}

// Read implements io.Reader, up to size.
func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.body == nil {
			if err := s.connect(); err != nil {
				return 0, err
			}
		}
		n, err := s.body.Read(p[:min(int64(len(p)), s.size-s.pos)])
		s.advance(int64(n))
		if err != nil {
			s.end(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// begin makes part, which may be nil, the body that Read starts with.
func (s *stream) begin(part *fetched) {
	if part != nil {
		s.body, s.etag, s.resumes = part, part.etag, true
	}
}

func (s *stream) advance(n int64) {
	s.pos += n
	if s.since += n; s.since >= progress {
		s.broken, s.since = 0, 0
	}
}

// end closes the body after err. The next Read says so if there is no going on.
func (s *stream) end(err error) {
	s.Close()
	s.failure = cut(s.r.base.Host, err)
}

// Close drops the connection; the stream may go on with another one.
func (s *stream) Close() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// connect opens a body at pos.
func (s *stream) connect() error {
	for {
		if s.failure != nil {
			if err := s.r.rest(s.ctx, s.failure, s.broken); err != nil {
				return err
			}
			s.broken, s.since, s.failure = s.broken+1, 0, nil
		}
		err := s.open()
		if err != nil || s.failure == nil {
			return err
		}
	}
}

// open asks for what is left. Where that is not what comes it skips what is before it; if the connection breaks meanwhile, that is a failure.
func (s *stream) open() error {
	part, err := s.part()
	if err != nil {
		return err
	}
	s.body, s.etag = part, part.etag
	skip := s.pos - part.from
	switch {
	case part.size >= 0 && part.size != s.size:
		s.Close()
		return s.r.disown(s.key, fmt.Sprintf("has %d bytes now, not %d", part.size, s.size))
	case skip > maxSkip && !s.resumes:
		s.Close()
		return noRanges(s.r.base.Host)
	}
	s.resumes = true
	if _, err := io.CopyN(io.Discard, s.body, skip); err != nil {
		s.end(err)
	}
	return nil
}

// part asks for the bytes from pos on, if they are those of the same content; and without that condition, where another server of the same
// registry has another name for the content.
func (s *stream) part() (*fetched, error) {
	if s.pos == 0 {
		return s.r.fetch(s.ctx, s.key, whole, "")
	}
	rest := span{s.pos, -1}
	part, err := s.r.fetch(s.ctx, s.key, rest, s.etag)
	if err == nil && part.from != s.pos && s.etag != "" {
		part.Close()
		return s.r.fetch(s.ctx, s.key, rest, "")
	}
	return part, err
}

// noRanges is the error of a server that would have to send too much for what is wanted.
func noRanges(host string) error {
	return &storage.UpstreamError{Host: host, Status: 200, Err: final{fmt.Errorf("%w: it sends no ranges, and what is wanted is not among the first %d bytes",
		storage.ErrUnsupported, maxSkip)}}
}
