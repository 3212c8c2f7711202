package api

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

func TestWriteError(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		body   string
	}{
		{storage.ErrBlobUnknown, 404, `{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}`},
		{fmt.Errorf("%w: %w", storage.ErrManifestUnknown, storage.ErrDamaged), 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown: damaged in the store"}]}`},
		{fmt.Errorf("%w: %w", oci.ErrManifest, oci.ErrDigest), 400, `{"errors":[{"code":"MANIFEST_INVALID","message":"invalid manifest: invalid digest"}]}`},
		{fmt.Errorf("%w: %w", storage.ErrManifestUnknown, storage.ErrRepoUnknown), 404, `{"errors":[{"code":"NAME_UNKNOWN","message":"manifest unknown: repository unknown"}]}`},
		{storage.ErrTooMany, 429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests, try again later"}]}`},
		{fmt.Errorf("%w: %w", storage.ErrUpstream, oci.ErrManifest), 502, `{"errors":[{"code":"UNKNOWN","message":"bad gateway"}]}`},
		{&storage.UpstreamError{Host: "a.example", Status: 503, Err: fmt.Errorf("%w: secret", storage.ErrUpstream)}, 502, `{"errors":[{"code":"UNKNOWN","message":"bad gateway: a.example answered 503"}]}`},
		{&storage.UpstreamError{Host: "a.example", Err: storage.ErrUpstreamTimeout}, 504, `{"errors":[{"code":"UNKNOWN","message":"gateway timeout: a.example did not answer"}]}`},
		{&storage.UpstreamError{Host: "a.example", Status: 404, Err: storage.ErrBlobUnknown}, 404, `{"errors":[{"code":"BLOB_UNKNOWN","message":"a.example answered 404: blob unknown"}]}`},
		{errors.New("/secret"), 500, `{"errors":[{"code":"UNKNOWN","message":"internal server error"}]}`},
		{fmt.Errorf("%w: /secret", storage.ErrNoSpace), 507, `{"errors":[{"code":"UNKNOWN","message":"insufficient storage"}]}`},
		{errors.Join(ErrTooLarge, &fs.PathError{Op: "remove", Path: "/secret", Err: io.ErrUnexpectedEOF}), 413, `{"errors":[{"code":"SIZE_INVALID","message":"too large"}]}`},
		{fmt.Errorf("%w: %w", ErrBody, syscall.EIO), 400, `{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"the request's body did not arrive"}]}`},
		{fmt.Errorf("%w: é%s", ErrQuery, strings.Repeat("é", 1<<20)), 400, `{"errors":[{"code":"UNSUPPORTED","message":"invalid query parameter: ` + strings.Repeat("é", 499) + `..."}]}`},
		{&Refusal{Err: ErrManifestBlobUnknown, Details: []any{"a", 2}}, 400, `{"errors":[` +
			`{"code":"MANIFEST_BLOB_UNKNOWN","message":"manifest references content that is not in the repository","detail":"a"},` +
			`{"code":"MANIFEST_BLOB_UNKNOWN","message":"manifest references content that is not in the repository","detail":2}]}`},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Etag", "x")
		if got := WriteError(w, tt.err); got != tt.status || w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%v = %d %s, want %d %s", tt.err, got, w.Body, tt.status, tt.body)
		}
		if wait := w.Header().Get("Retry-After"); wait != "" != (tt.status == 429) {
			t.Errorf("%v: Retry-After %q", tt.err, wait)
		}
		if w.Header().Get("Etag") != "" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: headers %v", tt.err, w.Header())
		}
	}
}

func TestRefusalBringsItsHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	err := fmt.Errorf("wrapped: %w", &Refusal{Err: ErrRange, Header: map[string]string{"Content-Range": "bytes */10"}})
	if got := WriteError(w, err); got != 416 || w.Header().Get("Content-Range") != "bytes */10" || !errors.Is(err, ErrRange) {
		t.Errorf("%d %v", got, w.Header())
	}
}

func TestRetryAfterIsPassedOn(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 90*time.Second + 1: "91"} {
		w := httptest.NewRecorder()
		WriteError(w, &storage.UpstreamError{Status: 429, RetryAfter: wait, Err: storage.ErrTooMany})
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%v: Retry-After %q, want %q", wait, got, want)
		}
	}
}
