//go:build linux

package e2e

import (
	"path/filepath"
	"sync"
	"testing"
)

// Clients that are built from the Go module proxy, pinned.
const (
	craneModule  = "github.com/google/go-containerregistry/cmd/crane@v0.21.9"
	regctlModule = "github.com/regclient/regclient/cmd/regctl@v0.11.7"
)

var installs sync.Map // module -> func() error

// needModule builds a program of a Go module, once, and returns its path.
func needModule(t *testing.T, name, module string) string {
	t.Helper()
	dir := filepath.Join(scratch, "gobin")
	install, _ := installs.LoadOrStore(module, sync.OnceValue(func() error {
		return goTool([]string{"GOBIN=" + dir, "GOFLAGS=-mod=mod"}, "install", module)
	}))
	if err := install.(func() error)(); err != nil {
		missing(t, name, err.Error())
	}
	return filepath.Join(dir, name)
}
