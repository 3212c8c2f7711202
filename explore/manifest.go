package explore

import "net/http"

// named shows what a name, a tag or a digest is of: a repository, or a manifest.
func (h *handler) named(w http.ResponseWriter, r *request) error {
	if r.rest == "" {
		http.Redirect(w, r.Request, "/", http.StatusMovedPermanently)
		return nil
	}
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	return h.repo(w, r, t.Name)
}
