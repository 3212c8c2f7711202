package pullthrough

import (
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// past is how somebody reads on whose blob the local store could not take, because its disk is full, say: upstream still has it. What was read from the first byte
// on is verified all the same before the last one is handed out; what was not is as unverified as any part of a blob.
type past struct {
	d      digest.Digest // "": there is no way past the local store
	gaps   bool          // the reader has not read all that is before pos
	sum    hash.Hash     // of all that is; nil: not begun
	summed int64
	wrong  error // what that has come to
}

// leads reports whether err is the local store's and no reason not to read.
func (w *past) leads(err error) bool {
	_, local := errors.AsType[localError](err)
	return local && w.d != ""
}

// readPast reads at pos from upstream.
func (a *arriving) readPast(p []byte) (int, error) {
	w := &a.way
	if err := a.sumUp(); err != nil {
		return 0, err
	}
	n, err := a.readSide(p)
	if w.gaps {
		return n, err
	}
	w.sum.Write(p[:n]) // never fails
	if w.summed += int64(n); w.summed < a.in.size {
		return n, err
	}
	if got := digest.NewDigest(w.d.Algorithm(), w.sum); got != w.d {
		w.wrong = fmt.Errorf("%w: %w: asked for the blob %s, it sent %s", storage.ErrUpstream, storage.ErrDamaged, w.d, got)
		return 0, w.wrong
	}
	return n, err
}

// sumUp hashes what was read at pos and before, of which the local store still has what came through it.
func (a *arriving) sumUp() error {
	w := &a.way
	if w.gaps || w.sum != nil {
		return w.wrong
	}
	w.sum, w.summed = w.d.Algorithm().Hash(), a.pos
	if a.pos == 0 {
		return nil
	}
	_, w.wrong = io.Copy(w.sum, io.NewSectionReader(a.in.file, 0, a.pos))
	return w.wrong
}
