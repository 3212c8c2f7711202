package explore

import "net/http"

// foreignLayer is to come.
func (h *handler) foreignLayer(w http.ResponseWriter, r *request) error {
	return statusError{http.StatusNotFound, "no", ""}
}
