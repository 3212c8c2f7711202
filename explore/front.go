package explore

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of what is shown of pushes.
const (
	maxPushes  = 20
	maxScanned = 10_000 // repositories whose tags are looked at for the newest: a few milliseconds when they are in memory
)

// frontView is the JSON of the front page.
type frontView struct {
	Repositories repoTree     `json:"repositories"`
	Tags         int          `json:"tags"`
	Newest       []pushed     `json:"newest"`
	Some         bool         `json:"some,omitempty"` // tags and newest are of some of the repositories
	Unlisted     bool         `json:"unlisted"`       // there is no catalog to show
	NoPush       bool         `json:"-"`
	Elsewhere    bool         `json:"-"` // other registries can be looked at
	Configured   []Configured `json:"configured,omitempty"`
	Start        []command    `json:"start,omitempty"` // where nothing is here: lines that change that
}

// pushed is a tag that was pushed.
type pushed struct {
	Repo   oci.Name      `json:"repository"`
	Tag    oci.Tag       `json:"tag"`
	Digest digest.Digest `json:"digest"`
	Time   time.Time     `json:"time"`
	Href   string        `json:"href"`
}

// front shows what is here.
func (h *handler) front(w http.ResponseWriter, r *request) error {
	if r.rest != "" {
		return statusError{http.StatusNotFound, "There is no such page.", "Everything begins at the front page."}
	}
	names, more, err := h.readNames(r.Context(), "")
	v := &frontView{Unlisted: errors.Is(err, storage.ErrUnsupported), NoPush: h.o.NoPush, Elsewhere: h.anywhere != nil, Configured: h.configured(r.Context())}
	if err != nil && !v.Unlisted {
		return err
	}
	v.Repositories = newRepoTree(names, "", r.query.Get("after"), "/")
	v.Repositories.More = more
	if r.query.Get("after") == "" {
		if err := h.addNewest(r.Context(), v, names); err != nil {
			return err
		}
	}
	if len(names) == 0 && !v.Unlisted {
		v.Start = h.startLines(r)
	}
	return h.show(w, r, &page{name: "front", Title: "Repositories", View: v,
		Command: line("crane", "catalog", quote(h.host(r))), text: func() []byte { return nameLines(names) }})
}

// addNewest finds the tags that were pushed last, where the store can tell.
func (h *handler) addNewest(ctx context.Context, v *frontView, names []oci.Name) error {
	v.Some = len(names) > maxScanned
	var newest newestPushes
	for _, name := range names[:min(len(names), maxScanned)] {
		for tag, err := range storage.DatedTags(storage.KeptOnly(ctx), h.store, name) {
			switch {
			case errors.Is(err, storage.ErrUnsupported): // of this one nobody knows
			case unlessUnknown(err) == nil && err != nil: // it went away meanwhile
			case err != nil:
				return err
			default:
				v.Tags++
				newest.add(name, tag)
			}
		}
	}
	v.Newest = newest
	for i := range newest {
		newest[i].Href = target{Name: newest[i].Repo, Tag: newest[i].Tag}.href("r")
	}
	return nil
}

// newestPushes are the newest of those that were added, the newest first.
type newestPushes []pushed

func (n *newestPushes) add(repo oci.Name, tag storage.DatedTag) {
	if len(*n) == maxPushes && !tag.Time.After((*n)[maxPushes-1].Time) {
		return
	}
	if _, attached := attachment(tag.Tag); attached != "" { // signatures come with what they sign
		return
	}
	p := pushed{Repo: repo, Tag: tag.Tag, Digest: tag.Digest, Time: tag.Time}
	i, _ := slices.BinarySearchFunc(*n, p, func(a, b pushed) int { return cmp.Or(b.Time.Compare(a.Time), -1) }) // behind those of the same time
	*n = slices.Insert(*n, i, p)
	*n = (*n)[:min(len(*n), maxPushes)]
}

// startLines are what to type where nothing is here.
func (h *handler) startLines(r *request) []command {
	host := quote(h.host(r))
	if h.o.NoPush {
		return []command{line("docker pull " + host + "/NAME:TAG"), line("podman pull " + host + "/NAME:TAG"), line("crane pull " + host + "/NAME:TAG image.tar")}
	}
	return []command{
		line("docker tag IMAGE " + host + "/app:1 && docker push " + host + "/app:1"),
		line("podman push IMAGE " + host + "/app:1"),
		line("crane copy alpine:latest " + host + "/alpine:latest"),
	}
}

// nameLines are names as a terminal shows them.
func nameLines[N ~string](names []N) []byte {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(string(n) + "\n")
	}
	return []byte(b.String())
}
