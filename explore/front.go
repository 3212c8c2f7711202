package explore

import "net/http"

// frontView is the JSON of the front page.
type frontView struct {
	Repositories []string `json:"repositories"`
}

// front shows what is here.
func (h *handler) front(w http.ResponseWriter, r *request) error {
	return h.show(w, r, &page{name: "front", Title: "Vitrine", View: frontView{}})
}
