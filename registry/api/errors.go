package api

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Errors of the protocol itself; those of the content are in storage and oci.
var (
	ErrManifestBlobUnknown = errors.New("manifest references content that is not in the repository")
	ErrSize                = errors.New("length does not match the content")
	ErrRange               = errors.New("invalid range")
	ErrQuery               = errors.New("invalid query parameter")
	ErrTooLarge            = errors.New("too large")
	ErrMethod              = errors.New("method not allowed")
	ErrBody                = errors.New("the request's body did not arrive")
	ErrTooManyTags         = errors.New("too many tags")
	ErrCondition           = errors.New("a condition that cannot be kept")
	ErrPackage             = errors.New("no package that belongs there")
)

// errorTable gives each error its code (distribution-spec, "Error Codes") and status. The server reads it from left to right (Lookup), the
// client from right to left (ErrorOf). The first row that fits counts: an error that wraps two others is named by the earlier.
var errorTable = []struct {
	err    error
	code   string
	status int
}{
	{storage.ErrNoIdentity, "UNAUTHORIZED", http.StatusUnauthorized},
	{storage.ErrDenied, "DENIED", http.StatusForbidden},
	{storage.ErrTooMany, "TOOMANYREQUESTS", http.StatusTooManyRequests},
	{storage.ErrUpstreamTimeout, "UNKNOWN", http.StatusGatewayTimeout},
	{storage.ErrUpstream, "UNKNOWN", http.StatusBadGateway},
	{storage.ErrNoSpace, "UNKNOWN", http.StatusInsufficientStorage},
	{ErrManifestBlobUnknown, "MANIFEST_BLOB_UNKNOWN", http.StatusBadRequest},
	{oci.ErrManifest, "MANIFEST_INVALID", http.StatusBadRequest},
	{storage.ErrFileUnknown, "FILE_UNKNOWN", http.StatusNotFound},
	{storage.ErrBlobUnknown, "BLOB_UNKNOWN", http.StatusNotFound},
	{storage.ErrRepoUnknown, "NAME_UNKNOWN", http.StatusNotFound},
	{storage.ErrManifestUnknown, "MANIFEST_UNKNOWN", http.StatusNotFound},
	{storage.ErrUploadUnknown, "BLOB_UPLOAD_UNKNOWN", http.StatusNotFound},
	{storage.ErrDigestMismatch, "DIGEST_INVALID", http.StatusBadRequest},
	{storage.ErrOffset, "BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable},
	{storage.ErrTagMatch, "DENIED", http.StatusPreconditionFailed},
	{storage.ErrFileMatch, "FILE_CONDITION", http.StatusPreconditionFailed},
	{storage.ErrFilePath, "FILE_INVALID", http.StatusBadRequest},
	{storage.ErrFileHolds, "DENIED", http.StatusConflict},
	{storage.ErrFileGeneration, "DENIED", http.StatusConflict},
	{storage.ErrUnsupported, "UNSUPPORTED", http.StatusMethodNotAllowed},
	{ErrMethod, "UNSUPPORTED", http.StatusMethodNotAllowed},
	{oci.ErrName, "NAME_INVALID", http.StatusBadRequest},
	{oci.ErrDigest, "DIGEST_INVALID", http.StatusBadRequest},
	{oci.ErrTag, "MANIFEST_INVALID", http.StatusBadRequest},
	{ErrSize, "SIZE_INVALID", http.StatusRequestedRangeNotSatisfiable},
	{ErrRange, "BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable},
	{ErrBody, "BLOB_UPLOAD_INVALID", http.StatusBadRequest},
	{ErrTooLarge, "SIZE_INVALID", http.StatusRequestEntityTooLarge},
	{ErrTooManyTags, "UNSUPPORTED", http.StatusRequestURITooLong},
	{ErrQuery, "UNSUPPORTED", http.StatusBadRequest},
	{ErrCondition, "UNSUPPORTED", http.StatusBadRequest},
	{ErrPackage, "FILE_INVALID", http.StatusBadRequest},
	{ErrNoRoute, "UNSUPPORTED", http.StatusNotFound},
}

// Lookup returns the code and the status of err; "UNKNOWN" and 500 for one that is not in the table, whose text is
// for the log and not for the client.
func Lookup(err error) (code string, status int) {
	for _, row := range errorTable {
		if errors.Is(err, row.err) {
			return row.code, row.status
		}
	}
	return "UNKNOWN", http.StatusInternalServerError
}

// ErrorBody is the JSON of an answer that failed.
type ErrorBody struct {
	Errors []Error `json:"errors"`
}

// Error is one entry of an ErrorBody. Code is one of the spec's; Detail is any JSON.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Detail  any    `json:"detail,omitempty"`
}

// WriteError answers with the status and the JSON of err and returns the status. A HEAD gets the headers only, which net/http sees to.
func WriteError(w http.ResponseWriter, err error) int {
	code, status := Lookup(err)
	var details []any
	if r, ok := errors.AsType[*Refusal](err); ok {
		details = r.Details
	}
	body, _ := json.Marshal(ErrorBody{entries(code, message(err), details)}) // strings always marshal
	failedHead(w, err, status, "application/json")
	w.Write(body)
	return status
}

// WriteText is WriteError for whoever reads the answer in a terminal: a line of text.
func WriteText(w http.ResponseWriter, err error) int {
	_, status := Lookup(err)
	failedHead(w, err, status, "text/plain; charset=utf-8")
	io.WriteString(w, message(err)+"\n")
	return status
}

// ofSuccess are the headers of the answer that it was going to be.
var ofSuccess = []string{"Etag", "Cache-Control", "Content-Range", "Content-Length", "Last-Modified", "Content-Disposition", "Accept-Ranges", "X-Checksum-Sha256"}

// failedHead writes the head of an answer that failed.
func failedHead(w http.ResponseWriter, err error, status int, contentType string) {
	h := w.Header()
	for _, k := range ofSuccess {
		h.Del(k)
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if after := storage.RetryAfter(err); after > 0 || status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.Itoa(max(after, 1))) // if the Refusal does not know better
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		for k, v := range r.Header {
			h.Set(k, v)
		}
	}
	w.WriteHeader(status)
}

// maxMessage bounds the text of an error in bytes, whatever of a stranger's it quotes.
const maxMessage = 1 << 10

// message is what the client is told: nothing of the server's own failures, and of those of another registry no more than whose they are.
func message(err error) string {
	_, status := Lookup(err)
	if status >= http.StatusInternalServerError {
		text := strings.ToLower(http.StatusText(status))
		if b, ok := errors.AsType[storage.Briefer](err); ok {
			text += ": " + strings.ToValidUTF8(b.Brief(), "?")
		}
		return text
	}
	if Internal(err) {
		err = sentinel(err)
	}
	msg := err.Error()
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "..."
	}
	return msg
}

// Internal reports whether err has something of the operating system's in it, such as the path of a file.
func Internal(err error) bool {
	_, isPath := errors.AsType[*fs.PathError](err)
	_, isLink := errors.AsType[*os.LinkError](err)
	_, isCall := errors.AsType[syscall.Errno](err)
	return isPath || isLink || isCall
}

// sentinel is the error of the table that err wraps, without what else it says.
func sentinel(err error) error {
	for _, row := range errorTable {
		if errors.Is(err, row.err) {
			return row.err
		}
	}
	return err
}

// entries is one Error for each of details, one without detail if there are none.
func entries(code, msg string, details []any) []Error {
	if len(details) == 0 {
		return []Error{{Code: code, Message: msg}}
	}
	all := make([]Error, len(details))
	for i, d := range details {
		all[i] = Error{Code: code, Message: msg, Detail: d}
	}
	return all
}
