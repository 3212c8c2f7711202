package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
)

// allowed is a host that may be asked though it is not public.
type allowed struct {
	host  string // or host:port
	plain bool   // by plain http
}

// allowList is what explore.remote_allow holds.
type allowList struct{ p *[]allowed }

func (v allowList) set(s string) error {
	var all []allowed
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		a, err := parseAllowed(one)
		if err != nil {
			return err
		}
		all = append(all, a)
	}
	*v.p = all
	return nil
}

func parseAllowed(s string) (allowed, error) {
	host, plain := strings.CutPrefix(strings.ToLower(s), "http://")
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host || u.Hostname() == "" || strings.ContainsAny(host, "*,[]") {
		return allowed{}, fmt.Errorf("want HOST, HOST:PORT or http://HOST:PORT, have %.64q", s)
	}
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		host = name
	}
	return allowed{host, plain}, nil
}

func (v allowList) load(path string, n *node) error {
	*v.p = nil
	return n.array(path, "hosts", func(path string, n *node) error {
		s, ok := n.token.(string)
		if !ok {
			return n.errorf("%s: want HOST, HOST:PORT or http://HOST:PORT, have %s", path, n)
		}
		a, err := parseAllowed(s)
		if err != nil {
			return n.errorf("%s: %w", path, err)
		}
		*v.p = append(*v.p, a)
		return nil
	})
}

func (v allowList) show() string {
	var all []string
	for _, a := range *v.p {
		if a.plain {
			a.host = "http://" + a.host
		}
		all = append(all, a.host)
	}
	return showAll(all)
}

// familiar are variables that other explorers of registries know, and the setting that each is here. They have effect only where other registries may be
// looked at: their names are anybody's.
var familiar = []struct{ name, key string }{
	{"CACHE_DIR", "explore.remote_dir"},
	{"AUTH", "explore.remote_login"},
	{"CLIENT_ID", "explore.google_client"},
	{"REDIRECT_URL", "explore.google_redirect"},
}

// isMeant reports whether a familiar variable means what it means to other explorers: AUTH has one value, and Google's go together.
func (c *config) isMeant(name, text string) bool {
	switch name {
	case "AUTH":
		return text == "keychain"
	case "CLIENT_ID", "REDIRECT_URL":
		for _, other := range []string{"CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URL"} {
			if _, ok := lookup(c.env, other); !ok {
				return false
			}
		}
	}
	return true
}

// loadFamiliar sets what the familiar variables say that nothing of ours says.
func (c *config) loadFamiliar() (notes []note, errs []error) {
	if c.exploreRemote != "any" {
		return nil, nil
	}
	for _, f := range familiar {
		text, ok := lookup(c.env, f.name)
		if !ok || c.from[f.key] != "default" || !c.isMeant(f.name, text) {
			continue
		}
		i := slices.IndexFunc(settings, func(s setting) bool { return s.key == f.key })
		errs = append(errs, c.setFrom(settings[i], f.name, text))
		notes = append(notes, note{slog.LevelInfo, f.name + " understood as " + settings[i].env()})
	}
	if c.sharesKeychain() {
		notes = append(notes, note{slog.LevelWarn, c.source("explore.remote_login") + ": everybody who reaches " + c.addr + " sees what the logins of Docker here may see; --addr 127.0.0.1:5000 keeps it to this machine"})
	}
	return notes, errs
}
