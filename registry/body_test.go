package registry_test

import (
	"io"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/registry"
	"vitrine/storage/memory"
)

// line is a connection whose peer sends left bytes, one each pause, and which fails reads behind its deadline.
type line struct {
	*httptest.ResponseRecorder
	left     int
	pause    time.Duration
	deadline time.Time
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

func (l *line) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(l.pause)
	if !l.deadline.IsZero() && time.Now().After(l.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	l.left--
	p[0] = 'x'
	return 1, nil
}

func TestSlowBodies(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pause time.Duration
		want  int
		ended bool // the deadline was taken away
	}{
		{"a byte each second", time.Second, 202, true},
		{"a byte each 55 seconds", 55 * time.Second, 202, true},
		{"silence", 61 * time.Second, 400, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := registry.New(memory.New(), nil)
				start := httptest.NewRecorder()
				h.ServeHTTP(start, httptest.NewRequest("POST", "/v2/app/blobs/uploads/", nil))
				l := &line{ResponseRecorder: httptest.NewRecorder(), left: 300, pause: tt.pause}
				h.ServeHTTP(l, httptest.NewRequest("PATCH", start.Header().Get("Location"), l))
				if l.Code != tt.want || l.deadline.IsZero() != tt.ended {
					t.Errorf("%d, deadline %v, want %d; deadline taken away: %v", l.Code, l.deadline, tt.want, tt.ended)
				}
			})
		})
	}
}
