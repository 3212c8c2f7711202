package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// maxSecret bounds what is read of a file that holds a password or certificates, in bytes.
const maxSecret = 1 << 20

// readBounded reads a small file.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(b) > maxSecret {
		err = fmt.Errorf("%s: is larger than %d bytes", name, maxSecret)
	}
	return b, err
}

// readCA takes the certificates of r into o. It returns what the file holds.
func (c *config) readCA(r *repository, o *remote.Options) (pem string, err error) {
	if r.caFile == "" {
		return "", nil
	}
	b, err := readBounded(r.caFile)
	if err == nil {
		if o.RootCAs, err = x509.SystemCertPool(); err != nil {
			o.RootCAs, err = x509.NewCertPool(), nil // there is no such thing on some systems
		}
		if !o.RootCAs.AppendCertsFromPEM(b) {
			err = fmt.Errorf("%s: holds no certificate in PEM", r.caFile)
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.source("repositories."+r.name+".ca_file"), err)
	}
	return string(b), nil
}

// login sets in o who r is to the other registry. It returns the secret if that can't change.
func (c *config) login(r *repository, o *remote.Options) (secret string, err error) {
	switch {
	case r.credentials == "docker":
		o.Credentials = remote.DockerConfig(dockerConfig(c.env))
	case r.passwordEnv != "":
		secret, _ = lookup(c.env, r.passwordEnv) // it was there when it was loaded
		o.Credentials = remote.Static(r.username, secret)
	case r.passwordFile != "":
		if _, err := readSecret(r.passwordFile); err != nil {
			return "", fmt.Errorf("%s: %w", c.source("repositories."+r.name+".password_file"), err)
		}
		o.Credentials = func(context.Context, string) (remote.Login, error) {
			password, err := readSecret(r.passwordFile)
			return remote.Login{User: r.username, Password: password}, err
		}
	}
	return secret, nil
}

// bareLogins warns of passwords that everybody on the way can read.
func (c *config) bareLogins() (notes []note) {
	for _, r := range c.repositories {
		u, err := parseBaseURL(r.baseURL)
		if err != nil || u.Scheme != "http" || r.username == "" && r.credentials == "" || isLoopback(u.Hostname()) {
			continue
		}
		notes = append(notes, note{slog.LevelWarn, c.source("repositories."+r.name+".base_url") + " is http: the password goes there unencrypted"})
	}
	return notes
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// readSecret reads the one line of a file.
func readSecret(name string) (string, error) {
	b, err := readBounded(name)
	b = bytes.TrimRight(b, "\r\n")
	switch {
	case err != nil:
		return "", err
	case len(b) == 0:
		return "", fmt.Errorf("%s: is empty", name)
	case bytes.ContainsAny(b, "\r\n"):
		return "", fmt.Errorf("%s: has more than one line, and a password is one", name)
	}
	return string(b), nil
}

// dockerConfig is where "docker login" of whoever has env leaves what it was told.
func dockerConfig(env []string) string {
	dir, ok := lookup(env, "DOCKER_CONFIG")
	if !ok {
		home, _ := lookup(env, "HOME") // without one there is no such file
		dir = filepath.Join(home, ".docker")
	}
	return filepath.Join(dir, "config.json")
}

// namespaces says which repository stands for which registry: one that names it, or else the mirror, or else the first, of those that are of it. Names of our own
// are those that there are, "". There are none where nothing here is of another registry: what clients say of them does not matter then.
func (c *config) namespaces() map[string]string {
	all := map[string]string{}
	add := func(host, name string) {
		if _, ok := all[host]; !ok {
			all[host] = name
		}
	}
	var remotes []*repository
	for _, r := range c.repositories {
		if r.kind == "remote" && r.pkg == "docker" {
			remotes = append(remotes, r)
		}
		for _, host := range r.standsAs {
			add(host, r.name)
		}
	}
	slices.SortStableFunc(remotes, func(a, b *repository) int { return rank(a) - rank(b) })
	for _, r := range remotes {
		for _, host := range hostsOf(r) {
			add(host, r.name)
		}
	}
	if u, err := url.Parse(c.externalURL); err == nil && u.Host != "" && len(all) > 0 {
		for _, host := range withPort(u) {
			add(strings.ToLower(host), "")
		}
	}
	return all
}

func rank(r *repository) int {
	if r.mirror {
		return 0
	}
	return 1
}

// hostsOf are the registries that r is of. One below a path is no registry of its own, because the names of its images have that in front.
func hostsOf(r *repository) []string {
	u, err := parseBaseURL(r.baseURL)
	switch {
	case err != nil || u.Path != "":
		return nil
	case u.Host == hubHosts[0]:
		return hubHosts
	}
	return withPort(u)
}

// withPort is the host of u, with and without the port where that is the one that its scheme has anyway.
func withPort(u *url.URL) []string {
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if host, ok := strings.CutSuffix(u.Host, usual); ok {
		return []string{u.Host, host}
	}
	if u.Port() == "" {
		return []string{u.Host, u.Host + usual}
	}
	return []string{u.Host}
}
