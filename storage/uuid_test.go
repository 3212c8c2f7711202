package storage_test

import (
	"strings"
	"testing"

	"vitrine/storage"
)

func TestNewUploadID(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id := storage.NewUploadID()
		if !storage.ValidUploadID(id) {
			t.Fatalf("ValidUploadID(%q) = false", id)
		}
		if seen[id] {
			t.Fatalf("%q twice", id)
		}
		seen[id] = true
	}
}

func TestValidUploadID(t *testing.T) {
	for _, tt := range []struct {
		id   string
		want bool
	}{
		{"0f8fad5b-d9cb-469f-a165-70867728950e", true},
		{"00000000-0000-4000-8000-000000000000", true},
		{"ffffffff-ffff-4fff-bfff-ffffffffffff", true},
		{"", false},
		{"0F8FAD5B-D9CB-469F-A165-70867728950E", false},  // the form is one, so that a session has one name
		{"0f8fad5b-d9cb-169f-a165-70867728950e", false},  // version 1
		{"0f8fad5b-d9cb-469f-c165-70867728950e", false},  // another variant
		{"0f8fad5b-d9cb-469f-a165-70867728950", false},   // short
		{"0f8fad5b-d9cb-469f-a165-70867728950e0", false}, // long
		{"0f8fad5bd9cb-469f-a165-70867728950e--", false}, // dashes elsewhere
		{"../../../../../../../../etc/passwd..", false},  // 36 bytes
		{"0f8fad5b-d9cb-469f-a165-7086772895\x00e", false},
		{"0f8fad5b-d9cb-469f-a165-70867728/50e", false},
		{strings.Repeat("-", 36), false},
	} {
		if got := storage.ValidUploadID(tt.id); got != tt.want {
			t.Errorf("ValidUploadID(%q) = %v, want %v", tt.id, got, tt.want)
		}
	}
}
