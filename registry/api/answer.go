package api

import (
	"fmt"
	"net/http"

	"vitrine/storage"
)

// absent is what a 404 of an endpoint is about, whatever its code.
var absent = map[Endpoint]error{
	Ping:      ErrNoRoute,
	Catalog:   storage.ErrUnsupported,
	Blob:      storage.ErrBlobUnknown,
	Manifest:  storage.ErrManifestUnknown,
	Uploads:   storage.ErrRepoUnknown,
	Upload:    storage.ErrUploadUnknown,
	Tags:      storage.ErrRepoUnknown,
	Referrers: storage.ErrManifestUnknown,
}

// ErrorOf is Lookup from right to left: it returns what an answer of e with that status means. code is that of the first Error of its body,
// "" where there is none, as in answers to HEAD. The error wraps one of the table's; ErrUpstream where the answer says nothing else.
func ErrorOf(e Endpoint, status int, code string) error {
	exact := find(func(c string, s int) bool { return c == code && s == status })
	switch {
	case status == http.StatusNotFound && absent[e] != nil:
		if exact == nil || exact == absent[e] || exact == ErrNoRoute {
			return absent[e]
		}
		return fmt.Errorf("%w: %w", absent[e], exact)
	case exact != nil:
		return exact
	case status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusRequestedRangeNotSatisfiable:
		return storage.ErrUpstream // the reasons for these are many
	}
	if first := find(func(_ string, s int) bool { return s == status }); first != nil {
		return first
	}
	return storage.ErrUpstream
}

// find returns the error of the first row of the table whose code and status fit, nil if none do.
func find(fits func(code string, status int) bool) error {
	for _, row := range errorTable {
		if fits(row.code, row.status) {
			return row.err
		}
	}
	return nil
}
