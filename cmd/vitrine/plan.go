package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"vitrine/registry/remote"
)

// plan is what a configuration wants to stand at the names of its repositories. All that may fail has been done.
type plan struct {
	*config
	remotes    map[string]*wanted // of images, by the name of the repository
	files      map[string]*wanted // of files
	namespaces map[string]string  // host -> the name of the repository that stands for it
}

// wanted is a remote repository as it is to be.
type wanted struct {
	*repository
	client  *remote.Registry // of images
	files   *remote.Files    // of files
	who     string           // one identity at one registry: those with the same who may share a client
	key     string           // those with the same key are the same
	include []*regexp.Regexp
	hub     bool // Docker Hub, where names of one component are those of library/
}

// plan reads the files that the repositories name.
func (c *config) plan(log *slog.Logger) (*plan, error) {
	p := &plan{config: c, remotes: map[string]*wanted{}, files: map[string]*wanted{}}
	var errs []error
	for _, r := range c.repositories {
		if r.kind != "remote" {
			continue
		}
		w, err := c.want(r, log)
		errs = append(errs, err)
		if r.pkg == "docker" {
			p.remotes[r.name] = w
		} else {
			p.files[r.name] = w
		}
	}
	p.namespaces = c.namespaces()
	return p, errors.Join(errs...)
}

// want makes the client of a remote repository.
func (c *config) want(r *repository, log *slog.Logger) (*wanted, error) {
	o, err := c.clientOptions(r, log)
	if err != nil {
		return nil, err
	}
	w := &wanted{repository: r, hub: o.base.Host == hubHosts[0], who: o.who}
	if r.pkg == "docker" {
		w.client, err = remote.New(o.base.String(), &o.Options)
	} else {
		w.files, err = remote.NewFiles(o.base.String(), &o.Options)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("repositories."+r.name+".base_url"), err)
	}
	same := *r
	same.mirror, same.reserve, same.standsAs, same.offline = false, true, nil, false
	w.key = sum(w.who, same.show())
	for _, s := range r.include {
		w.include = append(w.include, regexp.MustCompile(s)) // it was compiled when it was loaded
	}
	return w, nil
}

// clientOptions are what a client of another server is made with.
type clientOptions struct {
	remote.Options
	base *url.URL
	who  string // one identity at one server
}

func (c *config) clientOptions(r *repository, log *slog.Logger) (*clientOptions, error) {
	u, err := parseBaseURL(r.baseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("repositories."+r.name+".base_url"), err)
	}
	o := &clientOptions{base: u, Options: remote.Options{TrustedRealms: r.trustedRealms, Proxy: http.ProxyFromEnvironment, UserAgent: "vitrine/" + buildVersion(), Log: log}}
	if u.Scheme == "http" {
		o.PlainHTTP = []string{u.Host}
	}
	pem, err := c.readCA(r, &o.Options)
	if err != nil {
		return nil, err
	}
	secret, err := c.login(r, &o.Options)
	if err != nil {
		return nil, err
	}
	o.who = sum(u.String(), r.username, r.passwordFile, r.passwordEnv, secret, r.credentials, pem, strings.Join(r.trustedRealms, " "))
	return o, nil
}

// sum is the same for the same strings, and tells nothing of them.
func sum(all ...string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q", all))
	return string(h[:])
}
