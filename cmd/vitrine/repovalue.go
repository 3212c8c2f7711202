package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"vitrine/storage/oci"
)

// fileOnly is part of values that no flag can say.
type fileOnly struct{}

func (fileOnly) set(string) error { return errors.New("can be set in the configuration file only") }

type (
	packageName struct{ choice }
	ttl         struct{ duration } // may be zero
	roomFor     struct{ size }
	baseURL     struct{ p *string }
	patternList struct {
		fileOnly
		p *[]string
	}
	hostList struct {
		fileOnly
		p *[]string
	}
	nameList struct {
		fileOnly
		p *[]string
	}
)

func (v packageName) load(path string, n *node) error {
	if n.token == "oci" {
		*v.p = "docker"
		return nil
	}
	return v.choice.load(path, n)
}

func (v ttl) set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return fmt.Errorf(`want a duration such as "5m" or "0", have %.64q`, s)
	case d < 0:
		return fmt.Errorf("want a duration that is not less than zero, have %.64q", s)
	}
	*v.p = d
	return nil
}

func (v ttl) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf(`%s: want a duration such as "5m" or "0", have %s`, path, n)
	}
	return n.wrap(path, v.set(s))
}

// minRoom is less than most layers: whoever says less has forgotten the unit.
const minRoom = 1 << 20

func (v roomFor) load(path string, n *node) error {
	if err := v.size.load(path, n); err != nil {
		return err
	}
	if *v.p < minRoom {
		return n.errorf(`%s: want at least "1MiB", have %s`, path, n)
	}
	return nil
}

func (v roomFor) show() string {
	if *v.p == 0 {
		return `""`
	}
	return v.size.show()
}

func (v baseURL) set(s string) error {
	if _, err := parseBaseURL(s); err != nil {
		return err
	}
	*v.p = s
	return nil
}

func (v baseURL) load(path string, n *node) error {
	s, ok := n.token.(string)
	if !ok {
		return n.errorf("%s: want a URL such as https://registry-1.docker.io, have %s", path, n)
	}
	return n.wrap(path, v.set(s))
}

func (v baseURL) show() string { return quote(*v.p) }

// parseBaseURL reads where another registry is. What may hold a password is not quoted.
func parseBaseURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil, strings.Contains(s, "@"):
		return nil, errors.New(`a user and a password don't stand in the URL: "username" and "password_file" say them`)
	case err != nil:
		return nil, fmt.Errorf("want a URL such as https://registry-1.docker.io, have %.64q", s)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("want https, or http, have %.64q", s)
	case u.Hostname() == "":
		return nil, fmt.Errorf("want a URL such as https://registry-1.docker.io, have %.64q", s)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return nil, fmt.Errorf("want a URL without ? and #, have %.64q", s)
	}
	u.Host, u.Path = strings.ToLower(u.Host), strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(u.Path, "/v2") {
		return nil, fmt.Errorf("want it without /v2, which is added, have %.64q", s)
	}
	if slices.Contains(hubHosts, u.Host) {
		u.Host = hubHosts[0]
	}
	return u, nil
}

// hubHosts are the names that people have for Docker Hub's registry, the one that answers first.
var hubHosts = []string{"registry-1.docker.io", "docker.io", "index.docker.io"}

func (v patternList) load(path string, n *node) error {
	return n.array(path, "regular expressions", func(path string, n *node) error {
		s, ok := n.token.(string)
		if !ok {
			return n.errorf("%s: want a regular expression, have %s", path, n)
		}
		if _, err := regexp.Compile(s); err != nil {
			return n.errorf("%s: %w%s", path, err, hintRE2(s))
		}
		*v.p = append(*v.p, s)
		return nil
	})
}

func (v patternList) show() string { return showAll(*v.p) }

var notRE2 = regexp.MustCompile(`\(\?(=|!|<=|<!|>)|\\[1-9]`)

// hintRE2 says what those miss who know the regular expressions of other languages.
func hintRE2(s string) string {
	if notRE2.MatchString(s) {
		return " (the syntax is RE2's, which can't look around or back)"
	}
	return ""
}

func (v hostList) load(path string, n *node) error {
	return n.array(path, "hosts", func(path string, n *node) error {
		s, ok := n.token.(string)
		u, err := url.Parse("https://" + s)
		if !ok || err != nil || u.Host != s || u.Hostname() == "" {
			return n.errorf("%s: want HOST or HOST:PORT, have %s", path, n)
		}
		*v.p = append(*v.p, strings.ToLower(s))
		return nil
	})
}

func (v hostList) show() string { return showAll(*v.p) }

func (v nameList) load(path string, n *node) error {
	return n.array(path, "names of repositories", func(path string, n *node) error {
		s, ok := n.token.(string)
		if !ok {
			return n.errorf("%s: want the name of a repository, have %s", path, n)
		}
		if _, err := oci.ParseName(s); err != nil {
			return n.errorf("%s: there is no repository %.64q", path, s)
		}
		*v.p = append(*v.p, s)
		return nil
	})
}

func (v nameList) show() string { return showAll(*v.p) }
