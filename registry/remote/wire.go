package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"vitrine/storage"
)

// maxHeaders bounds the headers of an answer in bytes: a redirect to signed storage has some 4 KiB of them.
const maxHeaders = 64 << 10

// wire is the lowest layer: it sends a request as it stands. Errors, also those of reading the body, are *storage.UpstreamError, or that of a ctx that
// was cancelled.
type wire struct {
	base     *http.Transport
	stall    time.Duration
	breakers breakers
}

func newWire(o *Options) *wire {
	t := &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            dialer(o),
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    o.DialTimeout,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true, // digests are of the bytes as they are
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	if o.Guard != nil {
		t.Proxy = nil
	}
	return &wire{base: t, stall: o.StallTimeout, breakers: breakers{log: o.Log}}
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	if err := w.breakers.ask(host); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	res, err := w.base.RoundTrip(req.WithContext(ctx))
	w.breakers.tell(host, ctx, err)
	if err != nil {
		err = trouble(ctx, host, err)
		cancel(nil)
		return nil, err
	}
	b := &body{ReadCloser: res.Body, ctx: ctx, cancel: cancel, host: host, stall: w.stall}
	b.timer = time.AfterFunc(w.stall, func() { cancel(errStall) })
	b.timer.Stop() // until somebody reads
	res.Body = b
	return res, nil
}

// Causes of a request's end that are our own limits.
var (
	errStall = errors.New("no more bytes came")
	errSlow  = errors.New("it took too long")
)

// body is the body of an answer. It may be closed while it is read.
type body struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	host   string
	stall  time.Duration
	timer  *time.Timer
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.stall)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF {
		err = trouble(b.ctx, b.host, err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.timer.Stop()
	b.cancel(nil)
	return err
}

// final marks an error that trying again does not help against.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// trouble says in the words of package storage why no answer came, or not all of it. ctx is the request's.
func trouble(ctx context.Context, host string, err error) error {
	cause := context.Cause(ctx)
	timeout, _ := errors.AsType[net.Error](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	var why error
	switch {
	case cause == errStall: // another try may find another server
		why = fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, cause)
	case cause == errSlow:
		why = final{fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, cause)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = final{fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, context.DeadlineExceeded)}
	case cause != nil:
		return ctx.Err()
	case errors.Is(err, errRefused):
		why = final{fmt.Errorf("%w: %w", storage.ErrDenied, errRefused)} // and nothing of what the name resolves to
	case timeout != nil && timeout.Timeout():
		why = final{fmt.Errorf("%w: %s", storage.ErrUpstreamTimeout, brief(err))}
	case isCertificate:
		why = final{fmt.Errorf("%w: %s", storage.ErrUpstream, brief(err))}
	default:
		why = fmt.Errorf("%w: %s", storage.ErrUpstream, brief(err))
	}
	return &storage.UpstreamError{Host: host, Err: why}
}

// brief is the text of err, which may quote what a stranger sent, bounded.
func brief(err error) string { return fmt.Sprintf("%.300s", err.Error()) }

// discard is done with an answer whose body does not matter. It reads a short one to its end, so that the connection can be used again.
func discard(res *http.Response) {
	const short, patience = 4 << 10, time.Second
	if 0 <= res.ContentLength && res.ContentLength <= short {
		timer := time.AfterFunc(patience, func() { res.Body.Close() })
		io.CopyN(io.Discard, res.Body, short)
		timer.Stop()
	}
	res.Body.Close()
}
