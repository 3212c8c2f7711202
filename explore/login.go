package explore

import (
	"fmt"
	"net/http"

	"vitrine/storage"
)

// login asks whoever is not known for a name and a password, by the dialog that browsers have for that, and leads who is to the front page.
func (h *handler) login(w http.ResponseWriter, r *request) error {
	if h.o.User != nil {
		if _, known := h.o.User(r.Context()); !known {
			return fmt.Errorf("%w: to sign in", storage.ErrNoIdentity)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r.Request, "/", http.StatusSeeOther)
	return nil
}
