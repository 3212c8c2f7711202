package explore

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
)

// iec writes a number of bytes as people read it, with three digits: "0 B", "987 B", "1.21 MiB".
func iec(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n)/1024, 0
	for ; f >= 999.5 && i < len(units)-1; i++ {
		f /= 1024
	}
	digits := 0
	switch {
	case f < 9.995:
		digits = 2
	case f < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[i:i+1] + "iB"
}

// exact writes a number with separators: "1,234,567 bytes".
func exact(n int64) string { return group(n) + " byte" + plural(int(n)) }

// group writes a number with a comma after each three digits.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short is a digest as people tell digests apart: 12 digits of it.
func short(d digest.Digest) string {
	_, enc, _ := strings.Cut(string(d), ":")
	return enc[:min(len(enc), 12)]
}

// since says how long before now t was, in the largest unit.
func since(now, t time.Time) string {
	d := now.Sub(t)
	suffix := " ago"
	if d < 0 {
		d, suffix = -d, " from now"
	}
	for _, u := range []struct {
		name string
		long time.Duration
	}{
		{"year", 365 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute},
	} {
		if n := int(d / u.long); n > 0 {
			return fmt.Sprintf("%d %s%s%s", n, u.name, plural(n), suffix)
		}
	}
	return "just now"
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// clock is how pages show a time: ISO 8601 to the second, in UTC.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// grouped is group for templates, whose numbers are of two types.
func grouped(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return group(int64(n)), nil
	case int64:
		return group(n), nil
	}
	return "", fmt.Errorf("%T is no number", n)
}

// functions are those of all templates.
var functions = template.FuncMap{
	"iec": iec, "exact": exact, "group": grouped, "short": short, "clock": clock,
	"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"since":   func(t time.Time) string { return since(time.Now(), t) },
	"plural":  plural, "visible": visible, "shown": shown, "asset": asset,
	"ops": func() []string { return []string{"", "added", "removed", "changed"} },
}

// shown is a stranger's name as it may stand on a page: what could not be seen, or would turn the order of reading, is escaped.
func shown(name string) string { return inspect.Visible(name, 4096) } // PATH_MAX
