package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"vitrine/explore/zran"
)

// result is what was measured of one layer: bytes of output in a second of the processor, unless it says otherwise.
type result struct {
	size               int64
	std, decode, build float64
	stdPass, pass      float64 // with SHA-256 of the stream and of the output; ours with the index
	writeTo, readAt    float64
	index              float64 // % of the stream
	longest            int64   // bytes between two checkpoints
	p50, p99           time.Duration
}

func (m *result) print(w io.Writer, name string) {
	spans := m.p50.Seconds() * m.decode / zran.DefaultSpan
	fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, float64(m.size)/1e6, m.std/1e6,
		m.decode/m.std, m.build/m.std, m.pass/m.stdPass, m.index, m.longest, m.p50.Seconds()*1e3, m.p99.Seconds()*1e3, spans,
		m.writeTo/m.decode, m.readAt/m.decode)
}

// sink takes bytes as a hash or a file would: without ReadFrom, that nothing be copied for it.
type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }

// measureLayer measures gz, which decodes to size bytes.
func measureLayer(gz []byte, size int64, o options) (*result, error) {
	b := zran.NewBuilder(bytes.NewReader(gz), nil)
	if n, err := b.WriteTo(sink{}); err != nil || n != size {
		return nil, fmt.Errorf("%d bytes of %d, %w", n, size, err)
	}
	x, err := b.Index()
	if err != nil {
		return nil, err
	}
	m := &result{size: size, index: 100 * float64(x.EncodedSize()) / float64(len(gz)), longest: x.LongestSpan()}
	reader := func() *zran.Reader { return zran.NewReader(bytes.NewReader(gz), int64(len(gz)), x, nil) }
	for range o.rounds {
		for _, c := range []struct {
			best *float64
			do   func() error
		}{
			{&m.std, func() error { return standard(bytes.NewReader(gz), sink{}) }},
			{&m.decode, func() error { return ours(bytes.NewReader(gz), sink{}, -1) }},
			{&m.build, func() error { return ours(bytes.NewReader(gz), sink{}, 0) }},
			{&m.stdPass, func() error { return standard(io.TeeReader(bytes.NewReader(gz), sha256.New()), sha256.New()) }},
			{&m.pass, func() error { return ours(io.TeeReader(bytes.NewReader(gz), sha256.New()), sha256.New(), 0) }},
			{&m.writeTo, func() error { _, err := reader().WriteTo(sink{}); return err }},
			{&m.readAt, func() error { return sequential(reader()) }},
		} {
			took, err := timed(c.do)
			if err != nil {
				return nil, err
			}
			*c.best = max(*c.best, float64(size)/took.Seconds())
		}
	}
	return m, m.random(gz, x, o.reads)
}

// timed returns how much processor time f takes, without the garbage of what was before.
func timed(f func() error) (time.Duration, error) {
	runtime.GC()
	before, err := spent()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := spent()
	return after - before, err
}

func standard(r io.Reader, w io.Writer) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(w, z, make([]byte, 256<<10))
	return err
}

func ours(r io.Reader, w io.Writer, span int64) error {
	_, err := zran.NewBuilder(r, &zran.Options{Span: span}).WriteTo(w)
	return err
}

// sequential reads r from start to end, as who knows nothing better than ReadAt.
func sequential(r *zran.Reader) error {
	p := make([]byte, 64<<10)
	for off := int64(0); off < r.Size(); off += int64(len(p)) {
		if _, err := r.ReadAt(p, off); err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// random reads 4 KiB at so many places, nothing being decoded yet.
func (m *result) random(gz []byte, x *zran.Index, reads int) error {
	r := zran.NewReader(bytes.NewReader(gz), int64(len(gz)), x, &zran.ReaderOptions{CacheBytes: 1})
	rnd := rand.New(rand.NewPCG(3, 4))
	took := make([]time.Duration, reads)
	p := make([]byte, 4<<10)
	for i := range took {
		off := rnd.Int64N(m.size - int64(len(p)))
		start := time.Now()
		if _, err := r.ReadAt(p, off); err != nil {
			return err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	m.p50, m.p99 = took[reads/2], took[reads*99/100]
	return nil
}
