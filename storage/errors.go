package storage

import "errors"

// What can be wrong. Implementations wrap these; callers ask with errors.Is.
var (
	ErrRepoUnknown     = errors.New("repository unknown")
	ErrBlobUnknown     = errors.New("blob unknown")
	ErrManifestUnknown = errors.New("manifest unknown")
	ErrUploadUnknown   = errors.New("upload unknown")

	ErrDigestMismatch = errors.New("digest does not match the content")
	ErrOffset         = errors.New("not at the end of the upload")
	ErrTagMatch       = errors.New("the tag does not fulfil the condition")

	ErrDamaged     = errors.New("damaged in the store")               // comes with ErrBlobUnknown or ErrManifestUnknown
	ErrNoSpace     = errors.New("no space left in the store")         //
	ErrUnsupported = errors.New("not supported")                      // by this store, or not any more: a read-only one
	ErrDenied      = errors.New("access denied")                      // whoever asks is known, and may not
	ErrNoIdentity  = errors.New("authentication required")            // whoever asks is not known, and somebody known might
	ErrTooMany     = errors.New("too many requests, try again later") //
)
