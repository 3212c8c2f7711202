// Package api is the distribution protocol as data, for both of its ends: routes, errors, links, headers.
package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// Endpoint is a noun of the distribution spec's endpoint table.
type Endpoint int

// The endpoints, with the spec's numbers for what can be done to them.
const (
	Ping      Endpoint = iota + 1 // /v2/                             end-1
	Catalog                       // /v2/_catalog                     (Docker's, not in the OCI spec)
	Blob                          // /v2/NAME/blobs/DIGEST            end-2, end-10
	Manifest                      // /v2/NAME/manifests/TAG|DIGEST    end-3, end-7, end-9
	Uploads                       // /v2/NAME/blobs/uploads/          end-4, end-11
	Upload                        // /v2/NAME/blobs/uploads/ID        end-5, end-6, end-13, end-14
	Tags                          // /v2/NAME/tags/list               end-8
	Referrers                     // /v2/NAME/referrers/DIGEST        end-12
)

// Route is a parsed path. Fields that the endpoint does not have are zero; a Manifest has either a Tag or a Digest.
type Route struct {
	Endpoint Endpoint
	Name     oci.Name
	Digest   digest.Digest
	Tag      oci.Tag
	ID       string // of the upload session
}

// ErrNoRoute says that a path is none of the protocol's.
var ErrNoRoute = errors.New("no such endpoint")

// Parse reads the decoded path of a URL, from its right end: a name may contain any of the protocol's own words.
// Errors wrap ErrNoRoute, or oci.ErrName, ErrDigest or ErrTag where the path has the shape of an endpoint.
func Parse(path string) (Route, error) {
	rest, ok := strings.CutPrefix(path, "/v2")
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return Route{}, fmt.Errorf("%w: %.80q", ErrNoRoute, path)
	case rest == "" || rest == "/":
		return Route{Endpoint: Ping}, nil
	case rest == "/_catalog":
		return Route{Endpoint: Catalog}, nil
	}
	name, e, ref, ok := split(rest[1:])
	if !ok {
		return Route{}, fmt.Errorf("%w: %.80q", ErrNoRoute, path)
	}
	rt := Route{Endpoint: e}
	var err error
	if rt.Name, err = oci.ParseName(name); err != nil {
		return Route{}, err
	}
	switch {
	case e == Upload:
		rt.ID = ref
	case e == Manifest && !strings.Contains(ref, ":"): // a colon is no part of a tag: what has one is meant as a digest
		rt.Tag, err = oci.ParseTag(ref)
	case e == Manifest || e == Blob || e == Referrers:
		rt.Digest, err = oci.ParseDigest(ref)
	}
	return rt, err
}

// split takes the end of a path, behind its name, apart.
func split(path string) (name string, e Endpoint, ref string, ok bool) {
	if name, ok := strings.CutSuffix(path, "/blobs/uploads/"); ok { // the only endpoint that ends in a slash
		return name, Uploads, "", true
	}
	head, last := cutLast(path)
	name, verb := cutLast(head)
	switch verb {
	case "tags":
		return name, Tags, "", last == "list"
	case "blobs":
		if last == "uploads" {
			return name, Uploads, "", true
		}
		return name, Blob, last, last != ""
	case "referrers":
		return name, Referrers, last, last != ""
	case "manifests":
		return name, Manifest, last, last != ""
	case "uploads":
		name, ok = strings.CutSuffix(name, "/blobs")
		return name, Upload, last, ok
	}
	return "", 0, "", false
}

// cutLast splits path at its last slash.
func cutLast(path string) (head, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// Path is the inverse of Parse.
func (r Route) Path() string {
	name := "/v2/" + string(r.Name)
	switch r.Endpoint {
	case Catalog:
		return "/v2/_catalog"
	case Blob:
		return name + "/blobs/" + string(r.Digest)
	case Manifest:
		return name + "/manifests/" + r.Reference()
	case Uploads:
		return name + "/blobs/uploads/"
	case Upload:
		return name + "/blobs/uploads/" + r.ID
	case Tags:
		return name + "/tags/list"
	case Referrers:
		return name + "/referrers/" + string(r.Digest)
	}
	return "/v2/"
}

// Reference is the tag or the digest of a Manifest.
func (r Route) Reference() string {
	if r.Tag != "" {
		return string(r.Tag)
	}
	return string(r.Digest)
}
