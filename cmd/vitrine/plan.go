package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"vitrine/registry/remote"
)

// plan is what a configuration wants to stand at the names of its repositories. All that may fail has been done.
type plan struct {
	*config
	remotes    map[string]*wanted // by the name of the repository
	namespaces map[string]string  // host -> the name of the repository that stands for it
}

// wanted is a remote repository as it is to be.
type wanted struct {
	*repository
	client  *remote.Registry
	who     string // one identity at one registry: those with the same who may share a client
	key     string // those with the same key are the same
	include []*regexp.Regexp
	hub     bool // Docker Hub, where names of one component are those of library/
}

// plan reads the files that the repositories name.
func (c *config) plan(log *slog.Logger) (*plan, error) {
	p := &plan{config: c, remotes: map[string]*wanted{}}
	var errs []error
	for _, r := range c.repositories {
		if r.pkg != "docker" {
			errs = append(errs, fmt.Errorf("%s: %s packages are not served yet", c.source("repositories."+r.name+".package"), r.pkg))
		}
		if r.kind != "remote" || r.pkg != "docker" {
			continue
		}
		w, err := c.want(r, log)
		errs = append(errs, err)
		p.remotes[r.name] = w
	}
	p.namespaces = c.namespaces()
	return p, errors.Join(errs...)
}

// want makes the client of a remote repository.
func (c *config) want(r *repository, log *slog.Logger) (*wanted, error) {
	u, err := parseBaseURL(r.baseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("repositories."+r.name+".base_url"), err)
	}
	o := &remote.Options{TrustedRealms: r.trustedRealms, Proxy: http.ProxyFromEnvironment, UserAgent: "vitrine/" + buildVersion(), Log: log}
	if u.Scheme == "http" {
		o.PlainHTTP = []string{u.Host}
	}
	pem, err := c.readCA(r, o)
	if err != nil {
		return nil, err
	}
	secret, err := c.login(r, o)
	if err != nil {
		return nil, err
	}
	client, err := remote.New(u.String(), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("repositories."+r.name+".base_url"), err)
	}
	w := &wanted{repository: r, client: client, hub: u.Host == hubHosts[0]}
	w.who = sum(u.String(), r.username, r.passwordFile, r.passwordEnv, secret, r.credentials, pem, strings.Join(r.trustedRealms, " "))
	same := *r
	same.mirror, same.reserve, same.standsAs, same.offline = false, true, nil, false
	w.key = sum(w.who, same.show())
	for _, s := range r.include {
		w.include = append(w.include, regexp.MustCompile(s)) // it was compiled when it was loaded
	}
	return w, nil
}

// sum is the same for the same strings, and tells nothing of them.
func sum(all ...string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q", all))
	return string(h[:])
}
