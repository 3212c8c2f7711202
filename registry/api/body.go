package api

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// WithBody returns r with a body that may take as long as it likes, as long as bytes keep coming: one that brings none for stall has ended. Its
// errors are ErrBody.
func WithBody(w http.ResponseWriter, r *http.Request, stall time.Duration) *http.Request {
	b := &patient{ReadCloser: r.Body, conn: http.NewResponseController(w), stall: stall}
	b.extend(time.Now())
	with := *r
	with.Body = b
	return &with
}

// patient is a request's body. It moves the read deadline of the connection on while bytes arrive, and takes it away at the
// end of the body, because net/http reads on in the background to see whether the client goes away. A failed or unread
// body keeps its deadline, so that net/http does not wait for the rest for ever either.
type patient struct {
	io.ReadCloser
	conn  *http.ResponseController
	stall time.Duration
	next  time.Time // no need to extend before
}

// Read extends the deadline before it waits, not after: the store may have taken its time since.
func (b *patient) Read(p []byte) (int, error) {
	if now := time.Now(); now.After(b.next) {
		b.extend(now)
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.conn.SetReadDeadline(time.Time{}) // it fails only where there are no deadlines
	case err != nil: // its text names addresses
		err = ErrBody
	}
	return n, err
}

// extend moves the deadline, at most once in a sixtieth of the stall: it is a lock and a timer each time.
func (b *patient) extend(now time.Time) {
	b.conn.SetReadDeadline(now.Add(b.stall))
	b.next = now.Add(b.stall / 60)
}
