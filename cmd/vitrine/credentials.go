package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"vitrine/registry/remote"
)

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
		name, err := dockerConfig(c.env)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.source("repositories."+r.name+".credentials"), err)
		}
		o.Credentials = remote.DockerConfig(name)
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
func dockerConfig(env []string) (string, error) {
	if dir, ok := lookup(env, "DOCKER_CONFIG"); ok {
		return filepath.Join(dir, "config.json"), nil
	}
	if home, ok := lookup(env, "HOME"); ok {
		return filepath.Join(home, ".docker", "config.json"), nil
	}
	return "", errors.New("neither DOCKER_CONFIG nor HOME says where docker login leaves it")
}
