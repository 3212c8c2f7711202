package api

import (
	"errors"
	"testing"

	"vitrine/storage"
	"vitrine/storage/oci"
)

func TestErrorOf(t *testing.T) {
	for _, tt := range []struct {
		e      Endpoint
		status int
		code   string
		want   []error
	}{
		{Blob, 404, "BLOB_UNKNOWN", []error{storage.ErrBlobUnknown}},
		{Blob, 404, "", []error{storage.ErrBlobUnknown}},
		{Blob, 404, "NAME_UNKNOWN", []error{storage.ErrBlobUnknown, storage.ErrRepoUnknown}},
		{Blob, 404, "NONSENSE", []error{storage.ErrBlobUnknown}},
		{Manifest, 404, "", []error{storage.ErrManifestUnknown}},
		{Manifest, 404, "NAME_UNKNOWN", []error{storage.ErrManifestUnknown, storage.ErrRepoUnknown}},
		{Tags, 404, "MANIFEST_UNKNOWN", []error{storage.ErrRepoUnknown, storage.ErrManifestUnknown}},
		{Catalog, 404, "", []error{storage.ErrUnsupported}},
		{Ping, 404, "", []error{ErrNoRoute}},
		{Blob, 401, "", []error{storage.ErrNoIdentity}},
		{Blob, 401, "DENIED", []error{storage.ErrNoIdentity}},
		{Blob, 403, "", []error{storage.ErrDenied}},
		{Blob, 429, "", []error{storage.ErrTooMany}},
		{Catalog, 405, "", []error{storage.ErrUnsupported}},
		{Tags, 400, "NAME_INVALID", []error{oci.ErrName}},
		{Tags, 400, "", []error{storage.ErrUpstream}},
		{Blob, 416, "", []error{storage.ErrUpstream}},
		{Blob, 500, "BLOB_UNKNOWN", []error{storage.ErrUpstream}},
		{Blob, 502, "", []error{storage.ErrUpstream}},
		{Blob, 504, "", []error{storage.ErrUpstreamTimeout}},
		{0, 404, "", []error{storage.ErrUpstream}}, // of no endpoint of a registry
		{Blob, 418, "", []error{storage.ErrUpstream}},
	} {
		got := ErrorOf(tt.e, tt.status, tt.code)
		for _, want := range tt.want {
			if !errors.Is(got, want) {
				t.Errorf("ErrorOf(%d, %d, %q) = %v, want %v", tt.e, tt.status, tt.code, got, want)
			}
		}
		if len(tt.want) == 1 && got != tt.want[0] {
			t.Errorf("ErrorOf(%d, %d, %q) = %v, want nothing but %v", tt.e, tt.status, tt.code, got, tt.want[0])
		}
	}
}

// TestErrorOfIsTheInverse: an error that has a code and a status of its own comes out as it went in.
func TestErrorOfIsTheInverse(t *testing.T) {
	type key struct {
		code   string
		status int
	}
	first := map[key]error{}
	for _, row := range errorTable {
		k := key{row.code, row.status}
		if first[k] == nil {
			first[k] = row.err
		}
		code, status := Lookup(row.err)
		if got := ErrorOf(Blob, status, code); !errors.Is(got, first[k]) && row.err != ErrNoRoute {
			t.Errorf("%v is %s %d, which is %v", row.err, code, status, got)
		}
	}
	if len(first) < 15 {
		t.Errorf("only %d kinds of answers", len(first))
	}
}
