package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a place in a config that can be set.
type value interface {
	// set takes what a flag or a variable says.
	set(s string) error
	// load takes what the file says at path; its errors name the path and wrap a *position.
	load(path string, n *node) error
	// show returns the JSON that load would make the value of.
	show() string
}

type (
	text     struct{ p *string }
	boolean  struct{ p *bool }
	duration struct{ p *time.Duration }
	size     struct{ p *int64 } // bytes
	choice   struct {
		p  *string
		of []string
	}
)

func (v text) set(s string) error {
	*v.p = s
	return nil
}

func (v text) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf("%s: want a string, have %s", path, n)
	}
	return n.wrap(path, v.set(s))
}

func (v text) show() string { return quote(*v.p) }

func (v boolean) set(s string) error {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "1":
		*v.p = true
	case "false", "off", "no", "0":
		*v.p = false
	default:
		return fmt.Errorf("want true or false, or on or off, have %.64q", s)
	}
	return nil
}

func (v boolean) load(path string, n *node) error {
	b, ok := n.token.(bool)
	if !ok {
		return n.errorf("%s: want true or false, have %s", path, n)
	}
	*v.p = b
	return nil
}

func (v boolean) show() string { return fmt.Sprint(*v.p) }

func (v duration) set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return fmt.Errorf(`want a duration such as "90s" or "24h", have %.64q`, s)
	case d <= 0:
		return fmt.Errorf("want a duration greater than zero, have %.64q", s)
	}
	*v.p = d
	return nil
}

func (v duration) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf(`%s: want a duration such as "90s" or "24h", have %s`, path, n)
	}
	return n.wrap(path, v.set(s))
}

// show leaves out the zero parts that Duration.String ends with: "24h", not "24h0m0s".
func (v duration) show() string {
	s := v.p.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return quote(s)
}

// units are the suffixes of sizes, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func (v size) set(s string) error {
	for _, u := range units {
		text, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/u.bytes {
			break
		}
		*v.p = n * u.bytes
		return nil
	}
	return fmt.Errorf(`want a size greater than zero such as "512MiB" or "2GiB", have %.64q`, s)
}

func (v size) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf(`%s: want a size such as "512MiB" or "2GiB", have %s`, path, n)
	}
	return n.wrap(path, v.set(s))
}

func (v size) show() string {
	for _, u := range units {
		if *v.p%u.bytes == 0 {
			return quote(strconv.FormatInt(*v.p/u.bytes, 10) + u.name)
		}
	}
	panic("all sizes are multiples of a byte")
}

func (v choice) set(s string) error {
	if !slices.Contains(v.of, s) {
		return fmt.Errorf("want %s, have %.64q", strings.Join(v.of, " or "), s)
	}
	*v.p = s
	return nil
}

func (v choice) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf("%s: want %s, have %s", path, strings.Join(v.of, " or "), n)
	}
	return n.wrap(path, v.set(s))
}

func (v choice) show() string { return quote(*v.p) }

// quote returns s as a JSON string.
func quote(s string) string {
	b, _ := json.Marshal(s) // strings always marshal
	return string(b)
}

// isSwitch reports whether the flag of v may stand without a value, which then is true: not where that is so anyway.
func isSwitch(v value) bool {
	b, ok := v.(boolean)
	return ok && !*b.p
}
