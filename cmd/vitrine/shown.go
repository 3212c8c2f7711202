package main

import (
	"context"
	"net/url"
	"slices"

	"vitrine/explore"
	"vitrine/registry/auth"
	"vitrine/storage/oci"
)

// configured returns the repositories of the configuration that whoever asks may pull from, for the explorer's front page.
func (s *server) configured(l *live) func(context.Context) []explore.Configured {
	return func(ctx context.Context) (all []explore.Configured) {
		user, known := auth.UserFrom(ctx)
		for _, r := range l.repositories {
			if l.users != nil && !s.policy().Allows(user, known, auth.Pull, oci.Name(r.name)) {
				continue
			}
			c := explore.Configured{Name: r.name, Type: r.kind, Package: r.pkg, Members: slices.Clone(r.members), Mirror: r.mirror}
			if u, err := url.Parse(r.baseURL); err == nil && r.kind == "remote" {
				c.Of, c.Offline = u.Host, r.offline || l.offline
			}
			all = append(all, c)
		}
		return all
	}
}
