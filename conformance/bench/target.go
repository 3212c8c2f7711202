package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// addTarget parses NAME=URL[/PREFIX][,pid=N][,from=NAME].
func (o *options) addTarget(s string) error {
	name, rest, ok := strings.Cut(s, "=")
	parts := strings.Split(rest, ",")
	u, err := url.Parse(parts[0])
	if err != nil || !ok || u.Scheme != "http" || u.Port() == "" {
		return fmt.Errorf("%w: target %.200q is not NAME=http://HOST:PORT[/PREFIX][,pid=N][,from=NAME]", errUsage, s)
	}
	t := &target{name: name, host: u.Host}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		t.prefix = prefix + "/"
	}
	if name == "" {
		t.name = u.Host + strings.TrimSuffix("/"+t.prefix, "/")
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		if err := o.set(t, key, value); err != nil {
			return fmt.Errorf("%w: target %.200q: %w", errUsage, s, err)
		}
	}
	o.targets = append(o.targets, t)
	return nil
}

// set takes what stands behind the URL of a target.
func (o *options) set(t *target, key, value string) error {
	switch key {
	case "pid":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("%.64q is no process", value)
		}
		t.proc = process(n)
	case "from":
		o.sources[t] = value
	default:
		return fmt.Errorf("no key %.64q", key)
	}
	return nil
}

// link has each target know the one that it is filled from.
func (o *options) link() error {
	for t, name := range o.sources {
		i := slices.IndexFunc(o.targets, func(t *target) bool { return t.name == name })
		if i < 0 || o.sources[o.targets[i]] != "" {
			return fmt.Errorf("%w: target %.64q is filled from %.64q, which is no target, or filled itself", errUsage, t.name, name)
		}
		t.source = o.targets[i]
	}
	return nil
}
