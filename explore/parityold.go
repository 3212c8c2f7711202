package explore

import (
	"context"
	"net/http"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// oldQueries are the parameters by which dagdotdev's front page shows things; the first that is there counts.
var oldQueries = []struct {
	key string
	to  func(h *handler, w http.ResponseWriter, r *request, ref string) error
}{
	{"history", (*handler).oldHistory},
	{"image", (*handler).oldImage},
	{"blob", (*handler).oldBlob},
	{"repo", (*handler).oldRepo},
	{"referrers", (*handler).oldReferrers},
}

// here takes this registry's host off a reference. Another registry's is taken for the first component of a name, which it may be where a registry
// mirrors others; if there is no such repository, the error says what is not done.
func (h *handler) here(ctx context.Context, r *request, ref string) (target, error) {
	if h.anywhere != nil {
		return h.refer(ctx, r, ref)
	}
	host, rest := splitHost(ref)
	if host == "" || h.local(r, host) {
		return parseTarget(rest)
	}
	t, err := parseTarget(ref)
	if err == nil && h.exists(ctx, t.Name) {
		return t, nil
	}
	return t, statusError{http.StatusNotFound, clipText(host, 100) + " is another registry, and this explorer shows this one alone.",
		"What was pulled from there through this registry is here under the name that it was pulled by."}
}

// exists reports whether there is a repository that whoever asks may read.
func (h *handler) exists(ctx context.Context, name oci.Name) bool {
	for _, err := range h.store.Tags(ctx, name, "") {
		return err == nil
	}
	return true
}

// oldImage is /?image=REF: a manifest, "latest" if REF says nothing else.
func (h *handler) oldImage(w http.ResponseWriter, r *request, ref string) error {
	return h.toManifest(w, r, ref, r.pairs("jq", "render", "format")...)
}

// oldHistory is /?history=REF.
func (h *handler) oldHistory(w http.ResponseWriter, r *request, ref string) error {
	return h.toManifest(w, r, ref, append(r.pairs("format"), "render", "history")...)
}

func (h *handler) toManifest(w http.ResponseWriter, r *request, ref string, pairs ...string) error {
	t, err := h.here(r.Context(), r, ref)
	switch {
	case err != nil:
		return err
	case t.Path != "":
		return badRequest("%.80q is no image", ref)
	case t.Tag == "" && t.Digest == "":
		t.Tag = "latest"
	}
	return h.redirect(w, r, withQuery(t.href("r"), pairs...), t.Digest != "")
}

// oldBlob is /?blob=REPO@DIGEST.
func (h *handler) oldBlob(w http.ResponseWriter, r *request, ref string) error {
	t, err := h.here(r.Context(), r, ref)
	switch {
	case err != nil:
		return err
	case t.Digest == "" || t.Path != "":
		return badRequest("%.80q is no blob: REPOSITORY@DIGEST is", ref)
	}
	return h.redirect(w, r, withQuery(t.at(t.Digest).href("blob"), r.pairs("mt", "manifest", "jq", "render", "format")...), true)
}

// oldRepo is /?repo=NAME, or /?repo=HOST for all of a registry.
func (h *handler) oldRepo(w http.ResponseWriter, r *request, ref string) error {
	ref = strings.TrimSuffix(ref, "/")
	if h.local(r, ref) {
		return h.redirect(w, r, "/", false)
	}
	if host, ok := h.isHost(oci.Name(nameOf(ref, ""))); ok {
		return h.redirect(w, r, withQuery("/r/"+nameOf(host, ""), r.pairs("format")...), false)
	}
	t, err := h.here(r.Context(), r, ref)
	if err != nil {
		return err
	}
	return h.redirect(w, r, withQuery(target{Name: t.Name}.href("r"), r.pairs("format")...), false)
}

// oldReferrers is /?referrers=REPO@DIGEST, or REPO:TAG.
func (h *handler) oldReferrers(w http.ResponseWriter, r *request, ref string) error {
	t, err := h.here(r.Context(), r, ref)
	switch {
	case err != nil:
		return err
	case t.Digest == "" && t.Tag == "" || t.Path != "":
		return badRequest("%.80q is no manifest: REPOSITORY@DIGEST is", ref)
	}
	return h.redirect(w, r, withQuery(t.href("referrers"), r.pairs("artifactType", "format")...), t.Digest != "")
}

// oldLayer is /layer/DIGEST: a layer, in any repository that has it and that whoever asks may read.
func (h *handler) oldLayer(w http.ResponseWriter, r *request) error {
	s, inside, _ := strings.Cut(r.rest, "/")
	return h.toLayer(w, r, s, inside)
}

func (h *handler) toLayer(w http.ResponseWriter, r *request, s, inside string) error {
	d, err := oci.ParseDigest(s)
	if err != nil {
		return wrapBad(err)
	}
	t := target{Digest: d}
	if t, err = t.inside(inside); err != nil {
		return err
	}
	if image := r.query.Get("image"); image != "" {
		of, err := h.here(r.Context(), r, image)
		if err != nil {
			return err
		}
		t.Name = of.Name
	} else if t.Name, err = storage.FindBlob(r.Context(), h.store, d); err != nil {
		return err
	}
	return h.redirect(w, r, withQuery(t.href("fs"), r.pairs("format", "render", "jq", "raw", "dl", "search", "all")...), false)
}

// oldDag is retrorecon's /dag/repo/NAME, /dag/image/REF, /dag/fs/DIGEST/PATH?image=REF and /dag/layer/DIGEST.
func (h *handler) oldDag(w http.ResponseWriter, r *request) error {
	what, rest, _ := strings.Cut(r.rest, "/")
	switch what {
	case "repo":
		return h.oldRepo(w, r, rest)
	case "image":
		return h.oldImage(w, r, rest)
	case "fs", "layer":
		s, inside, _ := strings.Cut(rest, "/")
		return h.toLayer(w, r, s, inside)
	}
	return statusError{http.StatusNotFound, "There is no such page.", "There are /dag/repo/, /dag/image/, /dag/fs/ and /dag/layer/."}
}

// oldFront is where retrorecon's explorer begins; its parameters are the front page's.
func (h *handler) oldFront(w http.ResponseWriter, r *request) error {
	if r.rest != "" {
		return statusError{http.StatusNotFound, "There is no such page.", ""}
	}
	return h.redirect(w, r, withQuery("/", r.pairs("history", "image", "blob", "repo", "referrers", "mt", "jq", "render", "manifest", "format")...), false)
}

func (h *handler) oldTools(w http.ResponseWriter, r *request) error {
	if r.rest != "oci_explorer" {
		return statusError{http.StatusNotFound, "There is no such page.", ""}
	}
	r.rest = ""
	return h.oldFront(w, r)
}

// oldIcon is where browsers look for an icon that no page names.
func (h *handler) oldIcon(w http.ResponseWriter, r *request) error {
	if r.rest != "" {
		return statusError{http.StatusNotFound, "There is no such file.", ""}
	}
	return h.redirect(w, r, asset("favicon.svg"), false)
}

// robots asks crawlers to leave all but the front page alone: there are as many pages as files in all images.
func (h *handler) robots(w http.ResponseWriter, r *request) error {
	if r.rest != "" {
		return statusError{http.StatusNotFound, "There is no such file.", ""}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	return send(w, r, http.StatusOK, []byte("User-agent: *\nAllow: /$\nDisallow: /\n"))
}

// oldSignIn is where others end a sign-in with Google.
func (h *handler) oldSignIn(w http.ResponseWriter, r *request) error {
	if r.page == "auth" && r.rest != "callback" || r.page == "oauth" && r.rest != "" {
		return statusError{http.StatusNotFound, "There is no such page.", ""}
	}
	if h.o.Account != nil {
		return h.o.Account.Serve(w, r.Request)
	}
	return statusError{http.StatusGone, "Nobody signs in here with an account of somewhere else.", "Sign in with the name and password that docker login takes."}
}
