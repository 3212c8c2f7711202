package storage

import (
	"errors"
	"fmt"
	"time"
)

// What can be wrong. Implementations wrap these; callers ask with errors.Is.
var (
	ErrRepoUnknown     = errors.New("repository unknown")
	ErrBlobUnknown     = errors.New("blob unknown")
	ErrManifestUnknown = errors.New("manifest unknown")
	ErrUploadUnknown   = errors.New("upload unknown")
	ErrFileUnknown     = errors.New("file unknown")

	ErrDigestMismatch = errors.New("digest does not match the content")
	ErrOffset         = errors.New("not at the end of the upload")
	ErrTagMatch       = errors.New("the tag does not fulfil the condition")
	ErrFileMatch      = errors.New("the file does not fulfil the condition")
	ErrFilePath       = errors.New("not a path of a file")
	ErrFileHolds      = errors.New("a file of the repository has this content")
	ErrFileGeneration = errors.New("the file belongs to an index that changes as a whole")

	ErrDamaged     = errors.New("damaged in the store")               // comes with ErrBlobUnknown, ErrManifestUnknown or ErrFileUnknown
	ErrNoSpace     = errors.New("no space left in the store")         //
	ErrUnsupported = errors.New("not supported")                      // by this store, or not any more: a read-only one
	ErrDenied      = errors.New("access denied")                      // whoever asks is known, and may not
	ErrNoIdentity  = errors.New("authentication required")            // whoever asks is not known, and somebody known might
	ErrTooMany     = errors.New("too many requests, try again later") //

	ErrReplaced        = errors.New("it was replaced while it was read")       // an index, while its parts were: within an ErrUpstream
	ErrUpstream        = errors.New("another registry failed")                 // down, in trouble, or it answers nonsense
	ErrUpstreamTimeout = errors.New("another registry did not answer in time") //
	ErrNotKept         = errors.New("not kept here")                           // and nobody else was to be asked: see KeptOnly
)

// UpstreamError is an error that another registry gave or caused. It wraps one of the errors above, which says what is wrong.
type UpstreamError struct {
	Host       string        // which one, maybe with a port
	Status     int           // of its answer, a status of HTTP; 0: none came
	RetryAfter time.Duration // when it wants to be asked again; 0: it did not say
	Err        error         // may quote what the other registry said, bounded; never a credential or a signed URL
}

func (e *UpstreamError) Error() string { return e.Brief() + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UpstreamError) Unwrap() error { return e.Err }

// Briefer is an error that can be said in a sentence with nothing in it that is not for everybody.
type Briefer interface {
	error
	Brief() string
}

// RetryAfter returns in how many seconds, rounded up, another registry whose answer err is wants to be asked again; 0 if it did not say.
func RetryAfter(err error) int {
	u, ok := errors.AsType[*UpstreamError](err)
	if !ok {
		return 0
	}
	return int((u.RetryAfter + time.Second - 1) / time.Second)
}

// Brief says what happened and nothing of why, so that anybody may be told.
func (e *UpstreamError) Brief() string {
	switch {
	case errors.Is(e.Err, ErrDamaged):
		return fmt.Sprintf("%.128s sent other content than it was asked for", e.Host)
	case e.Status == 0:
		return fmt.Sprintf("%.128s did not answer", e.Host)
	case e.Status < 300:
		return fmt.Sprintf("%.128s answered %d with what cannot be used", e.Host, e.Status)
	}
	return fmt.Sprintf("%.128s answered %d", e.Host, e.Status)
}
