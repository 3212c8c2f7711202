package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a bar on a terminal that moves as bytes are written to it; elsewhere it is nothing.
type progress struct {
	w        io.Writer // nil: not shown
	name     string
	at, size int64
	start    time.Time
	last     time.Time
}

const (
	progressPause = 100 * time.Millisecond // between two pictures
	progressWidth = 24                     // of the bar in characters
)

func newProgress(w io.Writer, name string, size int64) *progress {
	p := &progress{name: name, size: size, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		if fi, err := f.Stat(); err == nil && fi.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

// Write counts what has been read. It never fails.
func (p *progress) Write(b []byte) (int, error) {
	p.at += int64(len(b))
	if now := time.Now(); p.w != nil && now.Sub(p.last) >= progressPause {
		p.last = now
		fmt.Fprintf(p.w, "\r%s\x1b[K", p.picture(now.Sub(p.start)))
	}
	return len(b), nil
}

// clear takes the bar away.
func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// picture returns the line that is shown when the work has gone on for some time: bytes, rate and time left.
func (p *progress) picture(passed time.Duration) string {
	filled := progressWidth
	if p.at < p.size {
		filled = int(p.at * progressWidth / p.size)
	}
	line := fmt.Sprintf("%.30s [%s%s] %s of %s", visible(p.name), strings.Repeat("=", filled), strings.Repeat(" ", progressWidth-filled),
		bytesText(p.at), bytesText(p.size))
	if passed < progressPause || p.at == 0 { // too early to tell
		return line
	}
	rate := float64(p.at) / passed.Seconds()
	left := time.Duration(float64(max(p.size-p.at, 0)) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %s/s, %d:%02d left", line, bytesText(int64(rate)), int(left.Minutes()), int(left.Seconds())%60)
}

// bytesText returns n in the unit that gives it one to three digits before the point.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if f /= 1000; f < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
