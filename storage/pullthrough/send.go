package pullthrough

import (
	"io"
	"io/fs"

	"vitrine/storage"
)

// SendTo implements storage.Sender. Where uploads of the local store are files the kernel moves the bytes: as many at a time as have arrived, from a file that
// still grows. With many who wait for one blob that is what they all cost.
func (a *arriving) SendTo(w io.Writer) (sent int64, err error) {
	left := a.in.size - a.pos
	if left <= 0 {
		return io.Copy(w, struct{ io.Reader }{a})
	}
	if _, err := a.await(); err != nil {
		return a.sendPast(w, left, err)
	}
	f, err := storage.Stream(a.in.file)
	if err != nil { // there are none, or the last byte came just now
		return io.CopyN(w, a, left)
	}
	defer f.Close()
	if _, err := f.Seek(a.pos, io.SeekStart); err != nil {
		return 0, err
	}
	for sent < left {
		have, err := a.await()
		if err != nil {
			n, err := a.sendPast(w, left-sent, err)
			return sent + n, err
		}
		n, err := io.CopyN(w, f, have)
		a.pos += n
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// sendPast sends the n bytes that are left of what the local store could not take: see past. Of anything else err is the end.
func (a *arriving) sendPast(w io.Writer, n int64, err error) (int64, error) {
	if !a.way.leads(err) {
		return 0, err
	}
	return io.CopyN(w, a, n)
}

// await waits for bytes at the position and returns how many there are.
func (a *arriving) await() (int64, error) {
	for {
		if a.closed {
			return 0, fs.ErrClosed
		}
		have, more, err := a.in.have(a.pos)
		if have > 0 || err != nil {
			return have, err
		}
		a.from.start()
		if err := a.wait(more); err != nil {
			return 0, err
		}
	}
}
