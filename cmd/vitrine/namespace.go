package main

import (
	"net/url"
	"slices"
	"strings"
)

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
