package api

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParseContentRange(t *testing.T) {
	for _, tt := range []struct {
		in          string
		first, last int64 // last -1: an error
	}{
		{"0-0", 0, 0},
		{"0-99", 0, 99},
		{"100-199", 100, 199},
		{"bytes 100-199/*", 100, 199},
		{"bytes 100-199/200", 100, 199},
		{"007-8", 7, 8},
		{"0-9223372036854775806", 0, math.MaxInt64 - 1},
		{"0-9223372036854775807", 0, -1},
		{"0-18446744073709551616", 0, -1},
		{"", 0, -1},
		{"-", 0, -1},
		{"5", 0, -1},
		{"5-", 0, -1},
		{"-5", 0, -1},
		{"5-4", 0, -1},
		{"0--1", 0, -1},
		{"+0-1", 0, -1},
		{" 0-1", 0, -1},
		{"0-1 ", 0, -1},
		{"0-1-2", 0, -1},
		{"0x0-0x1", 0, -1},
		{"bytes=0-1", 0, -1},
		{"bytes 0-1", 0, -1},
		{"bytes 0-1/", 0, -1},
		{"bytes 0-1/**", 0, -1},
		{"bytes */10", 0, -1},
		{"Bytes 0-1/*", 0, -1},
	} {
		first, last, err := ParseContentRange(tt.in)
		if tt.last < 0 {
			if !errors.Is(err, ErrRange) {
				t.Errorf("%q = %d, %d, %v, want ErrRange", tt.in, first, last, err)
			}
			continue
		}
		if first != tt.first || last != tt.last || err != nil {
			t.Errorf("%q = %d, %d, %v, want %d, %d", tt.in, first, last, err, tt.first, tt.last)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"0-0", "1-2", "bytes 5-9/*", "bytes 5-9/10", "9-5", "9223372036854775806-9223372036854775807", "-", "bytes */1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, last, err := ParseContentRange(s)
		if err != nil {
			if !errors.Is(err, ErrRange) || len(err.Error()) > 400 {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if first < 0 || last < first || last-first+1 <= 0 {
			t.Fatalf("%q = %d, %d", s, first, last)
		}
		a, b, err := ParseContentRange(FormatContentRange(first, last))
		if a != first || b != last || err != nil {
			t.Errorf("%q = %d, %d; again %d, %d, %v", s, first, last, a, b, err)
		}
	})
}

func TestUploadRange(t *testing.T) {
	for size, want := range map[int64]string{0: "0-0", 1: "0-0", 2: "0-1", 100: "0-99"} {
		if got := UploadRange(size); got != want {
			t.Errorf("%d: %s, want %s", size, got, want)
		}
	}
}

func TestCheckRanges(t *testing.T) {
	for _, tt := range []struct {
		in   string
		size int64
		ok   bool
	}{
		{"0-", 1, true},
		{"0-0", 1, true},
		{"0-999", 1, true},
		{"-1", 1, true},
		{"-999", 1, true},
		{"1-", 1, false},
		{"-0", 1, false},
		{"0-", 0, false},
		{"-1", 0, false},
		{"5-, 0-0", 1, true},
		{"5-, 6-", 1, false},
		{"0-0,,", 1, true},
		{"", 1, false},
		{",", 1, false},
		{"0-0, x", 1, false},
		{"2-1", 9, false},
		{"1", 9, false},
		{"-", 9, false},
		{"0-0-0", 9, false},
		{"--1", 9, false},
		{strings.Repeat("0-0,", MaxRanges-1) + "0-0", 9, true},
		{strings.Repeat("0-0,", MaxRanges) + "0-0", 9, false},
	} {
		err := CheckRanges(tt.in, tt.size)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrRange) {
			t.Errorf("%.40q of %d: %v, want ok %v", tt.in, tt.size, err, tt.ok)
		}
	}
}

func TestBytesRange(t *testing.T) {
	for in, want := range map[string]string{
		"bytes=0-1": "0-1", "Bytes=0-1": "0-1", "bytes =0-1": "0-1", "lines=0-1": "", "bytes": "", "": "", "bytes=": "", "=0-1": "",
	} {
		if got := BytesRange(in); got != want {
			t.Errorf("%q = %q, want %q", in, got, want)
		}
	}
}
