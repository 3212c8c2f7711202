package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

// call is a request to the registry, a GET or HEAD, in the words of the protocol.
type call struct {
	method string
	route  api.Route
	query  string
	accept string
	header http.Header // besides; nil: none
	at     *url.URL    // where the content was found the last time; asked once, in place of the route
}

// do sends c and returns an answer of 200 or 206, whose body the caller closes. It tries again where that may help.
func (r *Registry) do(ctx context.Context, c call) (*http.Response, error) {
	if storage.IsKeptOnly(ctx) {
		return nil, fmt.Errorf("%w: %s%s", storage.ErrNotKept, r.base.Host, c.route.Path())
	}
	for try := 0; ; try++ {
		res, err := r.once(ctx, c)
		if err == nil || c.at != nil {
			return res, err
		}
		if err := r.rest(ctx, err, try); err != nil {
			return nil, err
		}
		r.o.Log.DebugContext(ctx, "trying again", "host", r.base.Host, "path", c.route.Path(), "error", err)
	}
}

// once sends c a single time.
func (r *Registry) once(ctx context.Context, c call) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, trouble(ctx, r.base.Host, err)
	}
	if err := r.limits.ask(r.base.Host, c); err != nil {
		return nil, err
	}
	u := c.at
	if u == nil {
		u = r.url(c.route, c.query)
	}
	req := (&http.Request{Method: c.method, URL: u, Header: http.Header{}}).WithContext(withScope(ctx, c.route.Scope()))
	for k, v := range c.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", r.o.UserAgent)
	req.Header.Set("Accept", c.accept)
	req.Header.Set("Accept-Encoding", "identity")
	res, err := follow(r.tokens, req, r.base.Scheme == "http")
	if err != nil {
		return nil, err
	}
	ranged := res.StatusCode == http.StatusPartialContent && req.Header.Get("Range") != ""
	if res.StatusCode != http.StatusOK && !ranged {
		err := answered(res, c.route.Endpoint)
		r.limits.tell(c, err)
		return nil, err
	}
	if e := res.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		res.Body.Close()
		return nil, nonsense(res, "bytes as they are", errors.New("it is encoded"))
	}
	return res, nil
}

// small sends c and reads the body, which has at most limit bytes, within SmallTimeout.
func (r *Registry) small(ctx context.Context, c call, limit int64) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.o.SmallTimeout, errSlow)
	defer cancel()
	for try := 0; ; try++ { // a body that breaks off, besides what do sees to
		res, err := r.do(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		raw, err := readBody(res, limit)
		res.Body.Close()
		if err == nil {
			return res, raw, nil
		}
		if err := r.rest(ctx, err, try); err != nil {
			return nil, nil, err
		}
	}
}

// rest waits until what failed with err, the try-th in a row, is to be tried again. It returns why it is not.
func (r *Registry) rest(ctx context.Context, err error, try int) error {
	if try >= r.o.Retries {
		return err
	}
	wait, ok := r.pause(err, try)
	if !ok || !sleep(ctx, wait) {
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// pause says how long to wait after err, the try-th in a row, and whether another try makes sense.
func (r *Registry) pause(err error, try int) (time.Duration, bool) {
	u, is := errors.AsType[*storage.UpstreamError](err)
	if _, no := errors.AsType[final](err); no || !is {
		return 0, false
	}
	backoff := r.o.RetryDelay << min(try, 10)
	backoff -= rand.N(backoff/2 + 1) // so that those who failed together do not come together again
	switch u.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return max(u.RetryAfter, backoff), u.RetryAfter <= r.o.MaxWait
	case 0, http.StatusOK, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return backoff, true
	}
	return 0, false
}

// sleep waits, and reports false at once where ctx will have ended by then.
func sleep(ctx context.Context, wait time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// limits remember until when the registry does not want to be asked. Docker Hub, for one, counts GETs of manifests only, so each kind of request
// has its own.
type limits struct {
	mu sync.Mutex
	m  map[limitKey]time.Time
}

type limitKey struct {
	method   string
	endpoint api.Endpoint
}

func (l *limits) ask(host string, c call) error {
	l.mu.Lock()
	wait := time.Until(l.m[limitKey{c.method, c.route.Endpoint}])
	l.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	return &storage.UpstreamError{Host: host, Status: http.StatusTooManyRequests, RetryAfter: wait, Err: storage.ErrTooMany}
}

func (l *limits) tell(c call, err error) {
	u, is := errors.AsType[*storage.UpstreamError](err)
	if !is || u.Status != http.StatusTooManyRequests || u.RetryAfter == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[limitKey]time.Time{}
	}
	l.m[limitKey{c.method, c.route.Endpoint}] = time.Now().Add(u.RetryAfter)
}
