// Package e2e drives the real binary with real clients and through real disasters. It holds tests only, for Linux:
//
//	VITRINE_E2E=1 go test -count=1 -timeout 20m ./conformance/e2e
//
// Clients (docker with a daemon of its own, skopeo, podman, buildah, crane, regctl) push, pull, list, delete and log in.
// Another registry (Debian's docker-registry, with tokens) stands behind a line that counts, breaks and is slow.
// Disasters are kill -9, a power cut (as root: ext4 on a loop device that is shut down without its log), a full disk,
// damaged files, slow and broken clients. Everything lives in one temp folder; of the machine nothing is changed but the
// cache in /var/lib/containers/cache, which skopeo and buildah write as root wherever their home is.
// Without VITRINE_E2E=1 only what is fast and needs nothing runs. With CI=true a missing client is a failure, otherwise a skip.
package e2e
