package api

import "vitrine/storage/oci"

// Scopes of a token, in the words of the token specification of Docker's registry.

// CatalogScope is for reading the list of repositories.
const CatalogScope = "registry:catalog:*"

// PullScope is for reading what the repository name holds.
func PullScope(name oci.Name) string { return "repository:" + string(name) + ":pull" }

// Scope is what reading at r takes, "" for a Ping.
func (r Route) Scope() string {
	switch r.Endpoint {
	case Ping:
		return ""
	case Catalog:
		return CatalogScope
	}
	return PullScope(r.Name)
}
