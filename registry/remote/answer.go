package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

// Bounds of answers that failed.
const (
	maxErrorBody  = 16 << 10
	errorPatience = 5 * time.Second // for reading it
	maxRetryAfter = 24 * time.Hour
)

// answered is the error that an answer of e is, with what the registry says in its body. It closes the body.
func answered(res *http.Response, e api.Endpoint) error {
	timer := time.AfterFunc(errorPatience, func() { res.Body.Close() })
	raw, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // whatever came
	timer.Stop()
	res.Body.Close()
	var said api.ErrorBody
	var one api.Error
	if json.Unmarshal(raw, &said) == nil && len(said.Errors) > 0 {
		one = said.Errors[0]
	}
	err := api.ErrorOf(e, res.StatusCode, one.Code)
	if one.Message != "" {
		err = fmt.Errorf("%w: it says %.200q", err, one.Message)
	}
	if res.StatusCode == http.StatusNotFound && one.Code == "" {
		err = bare{err}
	}
	return &storage.UpstreamError{Host: res.Request.URL.Host, Status: res.StatusCode, RetryAfter: retryAfter(res.Header), Err: err}
}

// bare marks a 404 that does not come from a registry's endpoint: it has none of the protocol's codes.
type bare struct{ error }

func (b bare) Unwrap() error { return b.error }

// retryAfter reads a Retry-After, seconds or a date (RFC 9110, 10.2.3); 0 if there is none.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	var wait time.Duration
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		wait = time.Duration(n) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		wait = maxRetryAfter
	} else if at, err := http.ParseTime(v); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// readBody reads the whole body of an answer, which is a small one.
func readBody(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, nonsense(res, fmt.Sprintf("at most %d bytes", limit), fmt.Errorf("it has %d", res.ContentLength))
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		return nil, nonsense(res, fmt.Sprintf("at most %d bytes", limit), errors.New("it has more"))
	}
	if _, known := errors.AsType[*storage.UpstreamError](err); err != nil && !known { // cut short
		return nil, &storage.UpstreamError{Host: res.Request.URL.Host, Status: res.StatusCode, Err: fmt.Errorf("%w: %w", storage.ErrUpstream, err)}
	}
	return raw, err
}

// nonsense is the error of an answer that is not what it should be.
func nonsense(res *http.Response, want string, err error) error {
	return &storage.UpstreamError{Host: res.Request.URL.Host, Status: res.StatusCode,
		Err: final{fmt.Errorf("%w: want %s, got %.80q: %s", storage.ErrUpstream, want, mediaType(res), brief(err))}}
}

// mediaType is the Content-Type of an answer without parameters, "" if it has none.
func mediaType(res *http.Response) string {
	t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
