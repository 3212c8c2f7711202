package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"vitrine/explore"
	"vitrine/registry/oauth"
	"vitrine/registry/remote"
)

// Google's endpoints, and what is asked for: to read images, in both of its registries.
var googleEnds = oauth.Options{
	AuthURL:  "https://accounts.google.com/o/oauth2/v2/auth",
	TokenURL: "https://oauth2.googleapis.com/token",
	Scopes:   []string{"https://www.googleapis.com/auth/devstorage.read_only", "https://www.googleapis.com/auth/cloud-platform.read-only"},
}

// isGoogle reports whether host is a registry of Google's, at its own port: nobody else ever gets a visitor's token.
func isGoogle(host string) bool {
	region, isArtifacts := strings.CutSuffix(host, "-docker.pkg.dev")
	mirror, isContainers := strings.CutSuffix(host, ".gcr.io")
	return host == "gcr.io" || isArtifacts && isLabel(region) || isContainers && isLabel(mirror)
}

func isLabel(s string) bool { return s != "" && !strings.ContainsAny(s, ".:/_") }

// google signs visitors in with Google, so that they see those images there that they may see.
type google struct {
	flow  *oauth.Flow
	allow []allowed
}

// newGoogle returns nil where the configuration does not have it.
func newGoogle(c *config, ends oauth.Options) (*google, error) {
	if c.googleClient == "" {
		return nil, nil
	}
	secret, ok := lookup(c.env, "CLIENT_SECRET")
	if c.googleSecretFile != "" {
		var err error
		if secret, err = readSecret(c.googleSecretFile); err != nil {
			return nil, fmt.Errorf("%s: %w", c.source("explore.google_secret_file"), err)
		}
	} else if !ok {
		return nil, fmt.Errorf("%s: needs explore.google_secret_file, or CLIENT_SECRET in the environment", c.source("explore.google_client"))
	}
	u, err := url.Parse(c.googleRedirect)
	if err != nil || u.Host == "" || u.Path != "/oauth" && u.Path != "/auth/callback" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("%s: want https://HOST/oauth or https://HOST/auth/callback, as it is registered with Google, have %.128q", c.source("explore.google_redirect"), c.googleRedirect)
	}
	ends.ClientID, ends.ClientSecret, ends.RedirectURL = c.googleClient, secret, c.googleRedirect
	flow, err := oauth.New(ends)
	return &google{flow: flow, allow: c.remoteAllow}, err
}

type sessionKey struct{}

// around serves the explorer to whoever has signed in as such, and signs out.
func (g *google) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/oauth/leave" { // sent by a form of ours: sameSite has seen to that
			g.flow.Leave(w, r)
			return
		}
		if s, ok := g.flow.Session(r); ok {
			r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
		}
		next.ServeHTTP(w, r)
	})
}

func isSignedIn(ctx context.Context) bool { return ctx.Value(sessionKey{}) != nil }

// login is whose login a registry is asked with. Only Google's own are asked with anybody's, and never in the clear.
func (g *google) login(ctx context.Context, host string) (l login, ours bool) {
	if !isGoogle(host) {
		return login{}, false
	}
	for _, a := range g.allow {
		if a.plain && a.host == host {
			return login{}, false
		}
	}
	l.signIn = "/oauth"
	if s, ok := ctx.Value(sessionKey{}).(oauth.Session); ok {
		l.whose, l.credentials = s.ID, remote.Static("oauth2accesstoken", s.Token)
	}
	return l, true
}

// serve answers /oauth and /auth/callback: the beginning of a sign-in, and the way back.
func (g *google) serve(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if r.URL.Path == "/oauth" && !q.Has("code") && !q.Has("error") && !q.Has("state") {
		return g.flow.Begin(w, r, q.Get("to"))
	}
	err := g.flow.Finish(w, r)
	provider, isProvider := errors.AsType[*oauth.ProviderError](err)
	switch {
	case errors.Is(err, oauth.ErrState):
		return explore.Problem(http.StatusBadRequest, "This sign-in was not begun by this browser, or too long ago.", "It can be begun anew.")
	case errors.Is(err, oauth.ErrRefused):
		return explore.Problem(http.StatusForbidden, "The sign-in was refused, there or by you.", "What is public can be looked at without.")
	case isProvider:
		return explore.Problem(http.StatusBadGateway, "Signing in did not work: "+provider.Error()+".", "It can be tried again.")
	}
	return err
}

// account is what the explorer's pages know of it.
func (g *google) account() *explore.Account {
	return &explore.Account{Name: "Google", Serve: g.serve, Known: isSignedIn, Leave: "/oauth/leave"}
}

// newKeychain returns the logins that "docker login" has left, nil where those are nobody's business.
func newKeychain(c *config) (remote.Credentials, error) {
	if c.remoteLogin != "keychain" {
		return nil, nil
	}
	name, err := dockerConfig(c.env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.source("explore.remote_login"), err)
	}
	return remote.DockerConfig(name), nil
}

// logins says with whose login other registries are asked; nil: with nobody's.
func logins(keychain remote.Credentials, g *google) func(context.Context, string) login {
	if g == nil && keychain == nil {
		return nil
	}
	return func(ctx context.Context, host string) login {
		if g != nil {
			if l, ours := g.login(ctx, host); ours && (l.credentials != nil || keychain == nil) {
				return l
			}
		}
		if keychain != nil {
			return login{whose: "keychain", credentials: keychain}
		}
		return login{}
	}
}

// sharesKeychain reports whether others than whoever runs this can look with his logins.
func (c *config) sharesKeychain() bool {
	host, _, err := net.SplitHostPort(c.addr)
	return c.exploreRemote == "any" && c.remoteLogin == "keychain" && (err != nil || !isLoopback(host))
}
